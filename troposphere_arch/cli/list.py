"""The templates of the catalogue: scenario, version, whether released or draft, size and number of resources."""

from __future__ import annotations

import argparse

from .. import catalogue, places
from ..errors import UserError
from .table import as_json, table


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--json", action="store_true", help="print the index as JSON")


def run(args: argparse.Namespace) -> int:
    """Print the index of `templates/`."""
    entries = catalogue.read_index(places.templates())
    if not entries:
        raise UserError(f"there is no {places.templates() / catalogue.INDEX} yet: run `{places.command()} build` first")
    if args.json:
        print(as_json(entries))
        return 0
    columns = ("scenario", "version", "status", "resources", "bytes", "template")
    print(table(columns, [[entry[column] for column in columns] for entry in entries]))
    return 0
