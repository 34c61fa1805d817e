"""The templates of the catalogue: scenario, version, draft or released and since when, size, and whether still good."""

from __future__ import annotations

import argparse

from .. import places
from ..errors import UserError
from .table import as_json, table


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--json", action="store_true", help="print the index as JSON")


def run(args: argparse.Namespace) -> int:
    """Print the index of `templates/`."""
    from dataclasses import asdict

    from ..releases import index

    entries = index.read(places.templates()).entries
    if not entries:
        raise UserError(f"there is no {places.templates() / index.FILE} yet: run `{places.command()} build` first")
    if args.json:
        print(as_json([asdict(entry) for entry in entries]))
        return 0
    columns = ("scenario", "version", "status", "released", "resources", "bytes", "deprecated")
    print(table(columns, [[getattr(entry, column) for column in columns] for entry in entries]))
    return 0
