"""Make the templates, lint them, and write what changed. With --check write nothing, and exit 1 if anything would.

With DIR, a folder of services: the templates of its platform and of each service, into DIR/templates. An installed
command takes the current directory for it when that is one.

What is released is never made anew. When its sources make something else now, their page (of a service, its
declaration) needs a higher version: what is too low is refused, and --bump writes the smallest that is allowed.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from .. import building, places
from ..errors import UserError
from . import unchanged
from .parser import directory
from .table import as_json


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "services",
        metavar="DIR",
        nargs="?",
        type=directory,
        help="a folder of services, in place of our own templates; that of one service stands for the folder above",
    )
    parser.add_argument(
        "--check", action="store_true", help="write nothing; exit 1 with a diff if anything is not as made"
    )
    parser.add_argument(
        "--bump",
        action="store_true",
        help="write the smallest version that is allowed into a page, or a declaration, whose is too low",
    )
    parser.add_argument("--output", metavar="DIR", type=directory, help="write below DIR instead of templates")
    parser.add_argument("--json", action="store_true", help="print the result as JSON")


def run(args: argparse.Namespace) -> int:
    """Build. Gives 1 when lint finds something, or with --check when something is not as it should be."""
    if args.check and args.bump:
        raise UserError("--check writes nothing, so it cannot go with --bump: choose one")
    if args.services is None and places.checkout() is None and Path("platform.yaml").is_file():
        args.services = Path()
    templates, result, command = _built(args)
    off = bool(result.changed or result.strangers or result.stale or result.refused)
    bad = bool(result.findings) or (args.check and off)
    if args.json:
        print(as_json(_plain(result, args.check)))
        return int(bad)
    _findings(result)
    if args.check:
        _off(result, templates, command)
    if bad:
        return 1
    for scenario, version in result.bumped.items():
        print(f"{scenario}: {'version' if args.services else 'VERSION'} is {version} now")
    for path in result.changed:
        print(f"wrote {_shown(templates / path)}")
    for path in result.stale:
        print(f"removed {_shown(templates / path)}: a draft that no source makes any more")
    for path in result.strangers:
        print(f"{_shown(templates / path)}: no source makes this file")
    print(unchanged.line(len(result.made), cached=result.cached))
    return 0


def _built(args: argparse.Namespace) -> tuple[Path, building.Result, str]:
    """Where the templates are, what the build found, and what a user types for it."""
    if args.services is None:
        templates = args.output or places.templates()
        if places.checkout() is None or templates != places.templates():
            _refuse_others(templates)
        return templates, building.build(templates, write=not args.check, bump=args.bump), places.command()
    from ..microservices import factory
    from .services import progress

    place = factory.place(args.services)
    templates = args.output or place.folder / factory.TEMPLATES
    result = factory.build(place.folder, write=not args.check, bump=args.bump, templates=args.output, progress=progress)
    return templates, result, f"{places.command()} build {place}"


def _refuse_others(templates: Path) -> None:
    """Refuse to put our templates among those of others, whose index and drafts they would take the place of."""
    from .. import scenarios
    from ..releases import index

    try:
        there = index.read(templates).entries
    except UserError:  # the build says what is wrong with it
        return
    ours = (*scenarios.NAMES, *scenarios.FROM_RELEASES)
    others = [one.scenario for one in there if one.scenario not in ours]
    if others:
        raise UserError(
            f"{_shown(templates)} has templates of others, such as {others[0]}, so nothing was written there: name the "
            f"folder of their services, as in `{places.command()} build services`, or another --output"
        )


def _off(result: building.Result, templates: Path, command: str) -> None:
    """What `--check` finds that is not as it should be."""
    if result.diff:
        print(result.diff)
    for line in result.refused:
        print(line)
    for path in result.strangers:
        print(f"{templates / path}: no source makes this file; remove it")
    todo = "mend what lint found" if result.findings else f"run `{command}` and commit the result"
    for path in result.changed:
        print(f"{templates / path}: not what the sources make; {todo}")
    for path in result.stale:
        print(f"{templates / path}: a draft that no source makes any more; {todo}")


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
        "stale": list(result.stale),
        "refused": list(result.refused),
        "bumped": dict(result.bumped),
        "findings": [asdict(f) for f in result.findings],
    }
