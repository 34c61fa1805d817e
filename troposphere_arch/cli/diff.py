"""What an update from one template to another does to a running stack, and which version it must carry.

OLD and NEW are any two CloudFormation templates, JSON or YAML: todo@1.0.0 of the catalogue (todo: the newest;
sources:todo: what the sources make now), a file,
s3://BUCKET/KEY, https://..., or - for standard input. Nothing is changed, and no stack is asked.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import UserError
from .parameters import given_parameters, update_parameters
from .parser import endpoint
from .table import as_json

SOURCES = "sources:"

if TYPE_CHECKING:
    from ..diff import Bump, Effect, Nested
    from ..diff.reading import Source


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("old", metavar="OLD", help="the template that the stack was made from")
    parser.add_argument("new", metavar="NEW", help="the template to update it to")
    known = "parameters that the stack runs with, as create-stack takes them (the rest at their defaults)"
    otherwise = "without, both sides of each condition are considered"
    parser.add_argument("--parameters", metavar="FILE", type=Path, help=f"{known}; {otherwise}")
    parser.add_argument(
        "--new-parameters",
        metavar="FILE",
        type=Path,
        help="parameters given with the update (the rest keep their value)",
    )
    parser.add_argument(
        "--parameter", metavar="K=V", action="append", default=[], help="as --parameters, one (repeatable)"
    )
    parser.add_argument(
        "--new-parameter", metavar="K=V", action="append", default=[], help="as --new-parameters, one (repeatable)"
    )
    parser.add_argument("--region", metavar="R", help="the region of the stack; also where s3:// is read")
    parser.add_argument("--profile", metavar="P", help="for s3://: this profile of your AWS configuration")
    parser.add_argument(
        "--endpoint-url", metavar="U", type=endpoint, help="for s3://: at this endpoint in place of AWS's own"
    )
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="print the diff as JSON")
    form.add_argument("--markdown", action="store_true", help="print the diff as Markdown")
    parser.add_argument(
        "--fail-on", metavar="LEVEL", type=_level, help=f"exit 1 when it is as grave as that: {', '.join(_levels())}"
    )


def run(args: argparse.Namespace) -> int:
    """Print the diff. Gives 1 when it is as grave as --fail-on says."""
    from ..diff import diff, report
    from ..diff.reading import read

    if args.old == args.new == "-":
        raise UserError("only one of the two templates can come from standard input (-)")
    access = {"profile": args.profile, "region": args.region, "endpoint_url": args.endpoint_url}
    old, new = (
        _of_sources(source) if source.startswith(SOURCES) else read(source, resolve=_in_catalogue, **access)
        for source in (args.old, args.new)
    )
    before = given_parameters(args.parameters, args.parameter) if args.parameters or args.parameter else None
    after = update_parameters(args.new_parameters, args.new_parameter, old.template)
    found = diff(
        old.template,
        new.template,
        old_parameters=None if before is None else _checked(before, old),
        new_parameters=_checked(after, new) or None,
        region=args.region,
        nested=_nested(old, new),
    )
    if args.json:
        print(as_json({"old": old.name, "new": new.name, **report.plain(found)}))
    elif args.markdown:
        print(report.markdown(found, f"From {old.name} to {new.name}"), end="")
    else:
        print(report.table(found))
    return int(args.fail_on is not None and report.reaches(found, args.fail_on))


def _level(text: str) -> Bump | Effect:
    from ..diff import report

    try:
        return report.level(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no level: one of {', '.join(report.LEVELS)}") from None


def _levels() -> tuple[str, ...]:
    from ..diff import report

    return report.LEVELS


def _of_sources(name: str) -> Source:
    """The template of `sources:todo`: what the sources make now, whatever the catalogue holds."""
    from .. import catalogue, places
    from ..diff.checking import check
    from ..diff.parsing import parse
    from ..diff.reading import Source
    from ..releases import frozen, index

    templates = places.templates()
    made = catalogue.draft(name.removeprefix(SOURCES), frozen.offered(templates, index.read(templates)))
    return Source(name, check(parse(made.files[made.template], name), name))


def _in_catalogue(name: str) -> Path | None:
    """The file of `todo@1.0.0`, or of `todo`. None for what looks like no such name."""
    from .. import places
    from ..releases import index

    if not re.fullmatch(r"[a-z][a-z0-9-]*(@.*)?", name):
        return None
    templates = places.templates()
    entries = index.read(templates)
    return templates / entries.find(name).template if entries.entries else None


def _checked(given: Mapping[str, str], source: Source) -> Mapping[str, str]:
    """The parameters, when the template has them and takes these values. What is left out has a default, or is open."""
    from ..deploy.parameters import check_parameters

    declared = source.template.get("Parameters", {})
    try:
        check_parameters(source.template, given, kept=declared)
    except UserError as error:
        raise UserError(f"{source.name}: {error}") from None
    return given


def _nested(old: Source | None, new: Source | None) -> dict[str, Nested]:
    """The templates of the nested stacks that either has, as far as they can be read, else the reason."""
    from ..diff import Nested
    from ..diff.reading import children

    before, after = ({c.logical_id: c for c in children(one)} if one is not None else {} for one in (old, new))
    found = {}
    for name in dict.fromkeys([*before, *after]):
        both = before.get(name), after.get(name)
        one, other = (child.source if child is not None else None for child in both)
        found[name] = Nested(
            one.template if one is not None else None,
            other.template if other is not None else None,
            _nested(one, other),
            next((child.note for child in both if child is not None and child.note), ""),
            len({child.location for child in both if child is not None}) == 1,
        )
    return found
