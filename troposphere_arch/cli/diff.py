"""What an update from one template to another does to a running stack, and which version it must carry.

OLD and NEW are any two CloudFormation templates, JSON or YAML: todo@1.0.0 of the catalogue (todo: the newest), a file,
s3://BUCKET/KEY, https://..., or - for standard input. Nothing is changed, and no stack is asked.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import UserError
from .parameters import given_parameters
from .table import as_json

if TYPE_CHECKING:
    from ..diff import Bump, Effect


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("old", metavar="OLD", help="the template that the stack was made from")
    parser.add_argument("new", metavar="NEW", help="the template to update it to")
    known = "a file of parameters that the stack runs with (the rest at their defaults); else both sides of conditions"
    parser.add_argument("--parameters", metavar="FILE", type=Path, help=f"{known} are considered")
    parser.add_argument(
        "--new-parameters",
        metavar="FILE",
        type=Path,
        help="parameters given with the update (the rest keep their value)",
    )
    parser.add_argument(
        "--parameter", metavar="K=V", action="append", default=[], help="as --parameters, one (repeatable)"
    )
    parser.add_argument("--region", metavar="R", help="the region of the stack; also where s3:// is read")
    parser.add_argument("--profile", metavar="P", help="for s3://: this profile of your AWS configuration")
    parser.add_argument("--endpoint-url", metavar="U", help="for s3://: at this endpoint in place of AWS's own")
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

    options = {"profile": args.profile, "region": args.region, "endpoint_url": args.endpoint_url}
    if args.old == args.new == "-":
        raise UserError("only one of the two can come from standard input (-)")
    old, new = (read(source, resolve=_in_catalogue, **options) for source in (args.old, args.new))
    before = given_parameters(args.parameters, args.parameter)
    after = given_parameters(args.new_parameters, [])
    found = diff(
        old.template,
        new.template,
        old_parameters=_checked(before, old.template, old.name) if args.parameters or args.parameter else None,
        new_parameters=_checked(after, new.template, new.name) if args.new_parameters else None,
        region=args.region,
        nested=_nested(old, new, options),
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
