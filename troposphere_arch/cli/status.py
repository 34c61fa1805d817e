"""The stacks that are up, in the emulator or in an AWS account, and what an update to the latest version would do.

With STACK all of that update, change by change. With --drift what somebody changed past CloudFormation, too.
With a folder of services its stacks, and what an update to its templates would do, by what `up` gives them; with the
folder of one, or its name behind the folder of all, change by change.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from .. import places
from ..errors import UserError
from .table import as_json, table
from .where import about, account_options, accounts, here_of, in_account

if TYPE_CHECKING:
    from ..deploy import Detection, Drift, StackInfo, Target
    from ..local import Emulator
    from ..microservices.factory import Place
    from ..upgrading import Upgrade

AT_ONCE = 8
"""Stacks that are looked at at the same time: more, and AWS would slow us down."""

T = TypeVar("T")


@dataclass(frozen=True)
class _Row:
    target: Target
    stack: StackInfo
    upgrade: Upgrade
    detection: Detection | None
    drift: list[Drift] | None
    drift_unknown: str


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "stack", nargs="?", help="a stack: all that an update would do to it; or a folder of services, or of one"
    )
    parser.add_argument("service", nargs="?", help="of a folder of services: this one, or platform, change by change")
    parser.add_argument("--drift", action="store_true", help="also look for what was changed past CloudFormation")
    parser.add_argument("--json", action="store_true", help="print the stacks as JSON")
    account_options(parser, regions=True)


def run(args: argparse.Namespace) -> int:
    """Print the stacks that say which template they were made from."""
    from .. import deploy, local
    from ..microservices import factory

    place = factory.place(Path(args.stack)) if args.stack and factory.is_place(args.stack) else None
    if place is not None:
        place = _one_of(place, args.service)
        args.stack = None
    elif args.service:
        raise UserError(f"{args.service} is too much: a second name is for a folder of services only")
    whole = bool(args.stack or (place and place.service))
    emulator = None
    if in_account(args):
        targets = accounts(args)
        title = f"account {targets[0].account}, region {', '.join(target.region for target in targets)}"
    else:
        emulator = local.find()
        if emulator is None and args.stack:
            raise UserError(f"no emulator is running, so there is no stack {args.stack}; start with `up todo`")
        if emulator is None:
            print(as_json([]) if args.json else "no emulator is running, so nothing is up; start with `up todo`")
            return 0
        local.wait(emulator)
        targets = [deploy.target_of(emulator.client)]
        title = about(emulator)
    rows = _rows(targets, args.stack, args.drift, place)
    if args.stack and not rows:
        where = ", ".join(target.region for target in targets)
        raise UserError(f"there is no stack {args.stack} of ours in {where}: `status` without a name lists them")
    if args.json:
        print(as_json([{**_plain(row, whole=whole), **_here(row.stack, emulator)} for row in rows]))
        return 0
    if not whole or not rows:
        print(title)
        _overview(rows, args.drift)
    for row in rows if whole else ():
        _one(row, args.drift)
    return 0


def _one_of(place: Place, service: str | None) -> Place:
    """The service that is named, by its folder or behind that of all."""
    if not service:
        return place
    if place.service not in ("", service):
        raise UserError(f"two services are named, {place.service} and {service}: name one")
    return replace(place, service=service)


def _rows(targets: Sequence[Target], name: str | None, with_drift: bool, place: Place | None) -> list[_Row]:
    """The stacks of all regions, looked at side by side."""
    from .. import deploy
    from ..microservices import deploying, factory
    from ..parameters.services import SYSTEM_NAME
    from ..upgrading import Upgrade, catalogue_index, upgrade

    def gives(stack: StackInfo, new: Mapping[str, Any], running: Mapping[str, Any]) -> Mapping[str, str]:
        return deploying.given(stack.name, new, running, stack.parameters)

    templates = place.folder / factory.TEMPLATES if place else places.templates()
    known, is_wanted = catalogue_index(templates), _is_of(place)

    def stacks(target: Target) -> list[tuple[Target, StackInfo]]:
        there = [one for one in deploy.stacks(target) if name in (None, one.name)]
        wanted = _together(lambda one: is_wanted(target, one), there)
        return [(target, one) for one, is_so in zip(there, wanted, strict=True) if is_so]

    def row(found: tuple[Target, StackInfo]) -> _Row:
        target, stack = found
        try:
            does = upgrade(target, stack, known, templates, gives if place else None)
            if place is None and not known.of(stack.template) and SYSTEM_NAME.name in stack.parameters:
                told = deploying.told_by(target, stack.name) if name else None
                which = f" {told[1]}" if told else ""
                does = Upgrade(why=f"see `{places.command()} status FOLDER{which}`, that of its services")
        except UserError as error:  # it went away while we looked: the others are there all the same
            does = Upgrade(why=str(error))
        detection, unknown = None, ""
        if with_drift:
            try:
                detection = deploy.detect(target, stack.name)
            except UserError as error:
                unknown = str(error)
        return _Row(target, stack, does, detection, None, unknown)

    for target in targets:
        target.client("cloudformation")  # boto3 makes clients in one thread at a time only
    rows = _together(row, [found for several in _together(stacks, targets) for found in several])
    # Waited for here, where Ctrl-C is heard: CloudFormation works on all of them meanwhile.
    return [_with_drift(row) for row in rows]


def _is_of(place: Place | None) -> Callable[[Target, StackInfo], bool]:
    """Tells whether a stack was made from a template of the folder; of no folder all are."""
    if place is None:
        return lambda target, stack: True
    from ..microservices import deploying
    from .services import system_name

    system, service = system_name(place.folder), place.service

    def is_of(target: Target, stack: StackInfo) -> bool:
        if not stack.template.startswith(f"{system}-{service}"):
            return False
        try:
            told = deploying.told_by(target, stack.name)
        except UserError:  # it went away while we looked
            return False
        return told is not None and told[0] == system and service in ("", told[1])

    return is_of


def _with_drift(row: _Row) -> _Row:
    from .. import deploy

    if row.detection is None:
        return row
    print(f"looking for drift in {row.stack.name} ({row.target.region})", file=sys.stderr)
    try:
        return replace(row, drift=deploy.drift(row.detection))
    except UserError as error:
        return replace(row, drift_unknown=str(error))


def _together(work: Callable[[Any], T], items: Sequence[Any]) -> list[T]:
    """The results in the order of the items."""
    from concurrent.futures import ThreadPoolExecutor

    pool = ThreadPoolExecutor(AT_ONCE)
    try:
        return list(pool.map(work, items))
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def _overview(rows: Sequence[_Row], with_drift: bool) -> None:
    if not rows:
        print("no stack of ours is up")
        return
    columns = ["stack", "region", "template", "version", "status", "since", "latest", "an update"]
    cells = [
        [
            row.stack.name,
            row.target.region,
            row.stack.template,
            row.stack.version + (" (deprecated)" if row.upgrade.deprecated else ""),
            row.stack.status,
            f"{row.stack.updated or row.stack.created:%Y-%m-%d %H:%M}",
            _latest(row.upgrade),
            _does(row.upgrade),
        ]
        for row in rows
    ]
    if with_drift:
        columns.append("drift")
        for row, line in zip(rows, cells, strict=True):
            line.append(_drift(row))
    print(table(columns, cells))
    for row in rows:
        if row.upgrade.deprecated:
            print(f"{row.stack.name}: {row.stack.template} {row.stack.version} is deprecated: {row.upgrade.deprecated}")
        _shares(row)
        if row.drift:
            _drifted(row)


def _shares(row: _Row) -> None:
    """Of a front, in a line, which version gets which share."""
    from ..microservices import serving

    if (found := serving.shares(row.stack.parameters)) is not None:
        print(f"{row.stack.name} {serving.in_words(found)}")


def _latest(upgrade: Upgrade) -> str:
    return f"{upgrade.latest} (draft)" if upgrade.status == "draft" else upgrade.latest


def _does(upgrade: Upgrade) -> str:
    """What the update does at worst, and which step of the version that is."""
    from ..releases.notes import worst

    if upgrade.diff is None:
        return upgrade.why
    if not upgrade.diff.changes:
        return "up to date"
    return f"{worst(upgrade.diff)} ({upgrade.diff.bump})"


def _drift(row: _Row) -> str:
    if row.drift is None:
        return row.drift_unknown
    return f"{len(row.drift)} resources" if row.drift else "none found"


def _drifted(row: _Row) -> None:
    print(f"\nchanged in {row.stack.name} ({row.target.region}) past CloudFormation:")
    print(
        table(
            ["resource", "type", "is", "properties"],
            [[one.logical_id, one.type, one.status, ", ".join(one.properties)] for one in row.drift or ()],
        )
    )


def _one(row: _Row, with_drift: bool) -> None:
    """All of the update of one stack."""
    from ..diff.report import table as diff_table

    stack, upgrade = row.stack, row.upgrade
    print(f"stack {stack.name} in {row.target.region}: {stack.template} {stack.version}, {stack.status}")
    if upgrade.deprecated:
        print(f"{stack.template} {stack.version} is deprecated: {upgrade.deprecated}")
    _shares(row)
    if upgrade.diff is None:
        print(f"no update: {upgrade.why}" if upgrade.latest else f"an update: {upgrade.why}")
    else:
        given = "".join(f", and {name}={value}" for name, value in upgrade.given.items())
        print(f"an update to {_latest(upgrade)}, with the parameters that it has{given}:\n")
        print(diff_table(upgrade.diff))
    if row.drift:
        _drifted(row)
    elif with_drift:
        print(f"\ndrift: {_drift(row)}")


def _plain(row: _Row, *, whole: bool) -> dict[str, Any]:
    from dataclasses import asdict

    from ..diff.report import plain
    from ..microservices import serving

    shares = serving.shares(row.stack.parameters)
    upgrade, found = row.upgrade, row.upgrade.diff
    update: dict[str, Any] = {"does": _does(upgrade), "parameters": dict(upgrade.given)}
    if found is not None:
        update |= plain(found) if whole else {"effect": str(found.effect), "version": str(found.bump)}
    return {
        "name": row.stack.name,
        "region": row.target.region,
        "status": row.stack.status,
        "template": row.stack.template,
        "version": row.stack.version,
        "deprecated": upgrade.deprecated,
        "latest": upgrade.latest,
        "latest_status": upgrade.status,
        "update": update,
        "drift": None if row.drift is None else [asdict(one) for one in row.drift],
        "drift_unknown": row.drift_unknown,
        "outputs": dict(row.stack.outputs),
        **({} if shares is None else {"shares": shares}),
    }


def _here(stack: StackInfo, emulator: Emulator | None) -> dict[str, str]:
    """Where the stack is on this machine: its outputs hold AWS's own addresses, as they must."""
    if emulator is None:
        return {}
    return {"emulator": emulator.url, "here": here_of(stack.outputs.get("ApiUrl", ""), emulator)}
