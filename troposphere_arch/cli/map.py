"""Who calls whom over what, among the services below a folder: a table, and a picture in Mermaid.

As their declarations say it; nothing is built, and nothing is asked. In the picture, whoever waits for an answer has a
solid line, and what goes on later a dotted one. Events that nobody subscribes to are in the table only.
"""

from __future__ import annotations

import argparse

from .parser import directory
from .table import as_json, table

NOBODY = "(nobody)"


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "folder",
        metavar="FOLDER",
        type=directory,
        help="a folder of services; that of one of them stands for the folder above",
    )
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="print services and lines as JSON")
    form.add_argument("--mermaid", action="store_true", help="print the picture only, as Mermaid")


def run(args: argparse.Namespace) -> int:
    """Print the map."""
    from dataclasses import asdict

    from ..microservices import factory, pictures
    from ..microservices.reading import read

    system = read(factory.place(args.folder).folder)
    if args.mermaid:
        print(pictures.mermaid(system))
        return 0
    lines = pictures.lines(system)
    if args.json:
        services = [
            {"name": one.name, "shape": one.shape, "owner": one.owner, "version": one.version, "inside": one.inside}
            for _, one in sorted(system.services.items())
        ]
        found = [{"from": line.source, **asdict(line), "to": line.to or None} for line in lines]
        for line in found:
            del line["source"]
        print(as_json({"system": system.platform.name, "services": services, "lines": found}))
        return 0
    rows = [[line.source, line.verb, line.to or NOBODY, line.over, line.label] for line in lines]
    print(table(["from", "verb", "to", "over", "what"], rows) + "\n")
    print(pictures.mermaid(system))
    return 0
