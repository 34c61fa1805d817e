"""Make the templates, lint them, and write what changed. With --check write nothing, and exit 1 if anything would."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from .. import building, places
from . import unchanged
from .parser import directory
from .table import as_json


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "--check", action="store_true", help="write nothing; exit 1 with a diff if anything is not as made"
    )
    parser.add_argument("--output", metavar="DIR", type=directory, help="write below DIR instead of templates/")
    parser.add_argument("--json", action="store_true", help="print the result as JSON")


def run(args: argparse.Namespace) -> int:
    """Build. Gives 1 when lint finds something, or with --check when a file is not what the sources make."""
    templates = args.output or places.templates()
    result = building.build(templates, write=not args.check)
    bad = bool(result.findings) or (args.check and bool(result.changed or result.strangers))
    if args.json:
        print(as_json(_plain(result, args.check)))
        return int(bad)
    _findings(result)
    if args.check:
        if result.diff:
            print(result.diff)
        for path in result.strangers:
            print(f"{templates / path}: no source makes this file; remove it")
        todo = "mend what lint found" if result.findings else f"run `{places.command()}` and commit the result"
        for path in result.changed:
            print(f"{templates / path}: not what the sources make; {todo}")
    if bad:
        return 1
    for path in result.changed:
        print(f"wrote {_shown(templates / path)}")
    for path in result.strangers:
        print(f"{_shown(templates / path)}: no source makes this file")
    print(unchanged.line(len(result.made), cached=result.cached))
    return 0


def _findings(result: building.Result) -> None:
    for f in result.findings:
        print(f, file=sys.stderr)
    if result.findings:
        print(f"{len(result.findings)} findings, so nothing was written", file=sys.stderr)


def _shown(path: Path) -> str:
    try:
        return str(path.relative_to(Path.cwd()))
    except (ValueError, OSError):  # it is elsewhere, or there is no current directory any more
        return str(path)


def _plain(result: building.Result, check: bool) -> dict[str, object]:
    from dataclasses import asdict

    return {
        "files": result.made,
        "changed": list(result.changed),
        "written": [] if check or result.findings else list(result.changed),
        "strangers": list(result.strangers),
        "findings": [asdict(f) for f in result.findings],
    }
