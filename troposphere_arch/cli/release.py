"""Release what the sources of a scenario make: from then on its files never change.

Everything must be committed, and its version must be one that the change since the last release may carry. Nothing is
committed by this command: it says what to type. With --check, for CI: whether all releases are as they were released.
"""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from .. import places, scenarios
from ..errors import UserError
from .table import as_json, table

if TYPE_CHECKING:
    from ..releases.freeze import Release


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    names = ", ".join((*scenarios.NAMES, *scenarios.FROM_RELEASES))
    parser.add_argument("scenario", nargs="?", help=f"one of: {names}")
    parser.add_argument("--check", action="store_true", help="release nothing; exit 1 when a release is not as it was")
    parser.add_argument("--against", metavar="REF", help="with --check: no release of this git ref is gone or altered")
    parser.add_argument("--json", action="store_true", help="print the result as JSON")


def run(args: argparse.Namespace) -> int:
    """Release, or check. Gives 1 when --check finds something."""
    if args.check:
        if args.scenario:
            raise UserError(f"--check looks at all releases: leave {args.scenario} out")
        return _check(args)
    if args.against is not None:
        raise UserError("--against goes with --check only")
    if args.scenario is None:
        raise UserError(f"name what to release: {', '.join(scenarios.NAMES)}; or --check all releases")
    return _release(args)


def _check(args: argparse.Namespace) -> int:
    from dataclasses import asdict

    from ..releases import index
    from ..releases.check import check

    off = check(args.against)
    if args.json:
        print(as_json([asdict(one) for one in off]))
        return int(bool(off))
    if off:
        print(table(["what", "is not as it should be"], [[one.what, one.wrong] for one in off]))
        return 1
    number = len(index.read(places.templates()).releases())
    print(f"{number} releases are as they were released, and no version is too low")
    return 0


def _release(args: argparse.Namespace) -> int:
    from datetime import UTC, datetime

    from ..releases.freeze import freeze
    from ..releases.notes import worst

    made = freeze(args.scenario, datetime.now(UTC).date().isoformat())
    if args.json:
        print(as_json(_plain(made)))
        return 0
    name = made.entry
    print(f"{name.scenario} {name.version} is released ({name.released})")
    rows = [[update.version, worst(update.diff), str(update.diff.bump)] for update in made.updates]
    print(table(["an update from", "does at worst", "is"], rows) if rows else "the first release: nothing to update")
    for path in made.written:
        print(f"wrote {path}")
    print("\nto do next:", file=sys.stderr)
    for line in _next(made):
        print(f"  {line}", file=sys.stderr)
    return 0


def _next(made: Release) -> list[str]:
    entry = made.entry
    tag = f"{entry.scenario}-{entry.version}"
    follow = (
        [f"{places.command()} build --bump   # what is made from releases follows"] if _followed(entry.scenario) else []
    )
    return [
        *follow,
        f"git add templates CHANGELOG.md{' troposphere_arch/scenarios' if follow else ''}",
        f'git commit -m "Release {entry.scenario} {entry.version}"',
        f'git tag -a {tag} -m "{entry.scenario} {entry.version}"',
        f"git push origin HEAD {tag}",
    ]


def _followed(scenario: str) -> bool:
    """Whether there are templates that are made from releases of this one."""
    return scenario in scenarios.ARCHITECTURES and bool(scenarios.FROM_RELEASES)


def _plain(made: Release) -> dict[str, object]:
    from dataclasses import asdict

    updates = [
        {"from": one.version, "effect": str(one.diff.effect), "version": str(one.diff.bump)} for one in made.updates
    ]
    return {**asdict(made.entry), "updates": updates, "written": list(made.written), "next": _next(made)}
