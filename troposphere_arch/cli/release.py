"""Release what the sources of a scenario make: from then on its files never change.

Of a folder of services and a name, or of the folder of a service, what its declaration and its code make. Everything
must be committed, and its version must be one that the change since the last release may carry. Nothing is committed by
this command: it says what to type. With --check, for CI: whether all releases are as they were released.
"""

from __future__ import annotations

import argparse
import sys
from functools import partial
from typing import TYPE_CHECKING

from .. import places, scenarios
from ..errors import UserError
from .table import as_json, table

if TYPE_CHECKING:
    from ..microservices.factory import Place
    from ..releases.freeze import Release


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    names = ", ".join((*scenarios.NAMES, *scenarios.FROM_RELEASES))
    parser.add_argument(
        "scenario", nargs="*", help=f"one of: {names}; or the folder of a service, or a folder of services and a name"
    )
    parser.add_argument("--check", action="store_true", help="release nothing; exit 1 when a release is not as it was")
    parser.add_argument("--against", metavar="REF", help="with --check: no release of this git ref is gone or altered")
    parser.add_argument("--json", action="store_true", help="print the result as JSON")


def run(args: argparse.Namespace) -> int:
    """Release, or check. Gives 1 when --check finds something."""
    place, name = _named(args.scenario)
    if args.check:
        if name:
            raise UserError(f"--check looks at all releases: leave {name} out")
        return _check(args, place)
    if args.against is not None:
        raise UserError("--against goes with --check only")
    if not name:
        there = "platform, or a service" if place else ", ".join(scenarios.NAMES)
        raise UserError(f"name what to release: {there}; or --check all releases")
    return _release(args, place, name)


def _named(words: list[str]) -> tuple[Place | None, str]:
    """The folder of services that is meant, if it is one, and what of it, or which of our own templates."""
    from pathlib import Path

    from ..microservices import factory

    place = None
    if words and words[0] not in scenarios.NAMES and factory.is_place(words[0]):
        place = factory.place(Path(words[0]))
        words = [*([place.service] if place.service else []), *words[1:]]
    elif words and words[0] not in (*scenarios.NAMES, *scenarios.FROM_RELEASES):
        from .services import neither

        neither(words[0])
    if len(words) > 1:
        raise UserError(f"one release at a time: {' and '.join(words)} are {len(words)}")
    return place, words[0] if words else ""


def _check(args: argparse.Namespace, place: Place | None) -> int:
    from dataclasses import asdict

    from ..releases import index
    from ..releases.check import check

    if place is None:
        templates, off = places.templates(), check(args.against)
    else:
        from ..microservices import factory

        _, sources = factory.sources(place.folder)
        templates, off = sources.templates, check(args.against, sources)
    if args.json:
        print(as_json([asdict(one) for one in off]))
        return int(bool(off))
    if off:
        print(table(["what", "is not as it should be"], [[one.what, one.wrong] for one in off]))
        return 1
    number = len(index.read(templates).releases())
    print(f"{number} releases are as they were released, and no version is too low")
    return 0


def _release(args: argparse.Namespace, place: Place | None, what: str) -> int:
    from datetime import UTC, datetime

    from ..releases.freeze import freeze
    from ..releases.notes import worst

    today = datetime.now(UTC).date().isoformat()
    if place is None:
        made, follow = freeze(what, today), _next
    else:
        from ..microservices import factory

        system, sources = factory.sources(place.folder)
        if what not in factory.names(system):
            raise UserError(f"there is no service {what} in {place}: there is {', '.join(factory.names(system))}")
        made, follow = freeze(system.stack(what), today, sources), partial(_next, folder=str(place))
    if args.json:
        print(as_json(_plain(made, follow(made))))
        return 0
    name = made.entry
    print(f"{name.scenario} {name.version} is released ({name.released})")
    rows = [[update.version, worst(update.diff), str(update.diff.bump)] for update in made.updates]
    print(table(["an update from", "does at worst", "is"], rows) if rows else "the first release: nothing to update")
    for path in made.written:
        print(f"wrote {path}")
    print("\nto do next:", file=sys.stderr)
    for line in follow(made):
        print(f"  {line}", file=sys.stderr)
    return 0


def _next(made: Release, folder: str = "") -> list[str]:
    """What to type; in a folder of services, its paths are those of that folder."""
    entry = made.entry
    tag = f"{entry.scenario}-{entry.version}"
    git = f"git -C {folder}" if folder else "git"
    follow = (
        [f"{places.command()} build --bump   # what is made from releases follows"] if _followed(entry.scenario) else []
    )
    return [
        *follow,
        f"{git} add templates CHANGELOG.md{' troposphere_arch/scenarios' if follow else ''}",
        f'{git} commit -m "Release {entry.scenario} {entry.version}"',
        f'{git} tag -a {tag} -m "{entry.scenario} {entry.version}"',
        f"{git} push origin HEAD {tag}",
    ]


def _followed(scenario: str) -> bool:
    """Whether there are templates that are made from releases of this one."""
    return scenario in scenarios.ARCHITECTURES and bool(scenarios.FROM_RELEASES)


def _plain(made: Release, follow: list[str]) -> dict[str, object]:
    from dataclasses import asdict

    updates = [
        {"from": one.version, "effect": str(one.diff.effect), "version": str(one.diff.bump)} for one in made.updates
    ]
    return {**asdict(made.entry), "updates": updates, "written": list(made.written), "next": follow}
