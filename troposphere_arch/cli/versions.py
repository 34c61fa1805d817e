"""The versions of a stack's functions: which are in use, and which are old.

In the embedded emulator, or, with --profile, --region or --endpoint-url, in an AWS account. With --remove those go that
are neither among the newest nor named by an alias; without, they are only listed. A version that is gone is no way back
any more: StableVersion cannot name it.
"""

from __future__ import annotations

import argparse
import re
import sys
from typing import TYPE_CHECKING

from ..errors import UserError
from .table import as_json, table
from .where import account, account_options, in_account, running

if TYPE_CHECKING:
    from ..deploy.versions import Version


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("stack", metavar="STACK", help="the name of a stack")
    parser.add_argument(
        "--keep", metavar="N", type=_number, default=5, help="the newest N of each function stay in any case (5)"
    )
    parser.add_argument("--remove", action="store_true", help="remove the others that no alias names, for good")
    parser.add_argument("--json", action="store_true", help="print the versions as JSON")
    account_options(parser)


def _number(text: str) -> int:
    if not re.fullmatch("[1-9][0-9]{0,8}", text):
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number from 1 on")
    return int(text)


def run(args: argparse.Namespace) -> int:
    """Print the versions, after the removal of the old ones if that is asked for."""
    from .. import deploy
    from ..deploy import versions as work

    target = account(args) if in_account(args) else deploy.target_of(running().client)
    found = work.versions(target, args.stack)
    old = [one for one in found if not one.why_kept(args.keep)]
    gone: list[Version] = []
    if args.remove and old:
        work.check_steady(target, args.stack)
    try:
        for one in old if args.remove else ():
            work.remove(target, one)
            gone.append(one)
            print(f"  removed {one.logical_id} {one.number}", file=sys.stderr)
    except UserError as error:
        done = f"{len(gone)} of {len(old)} are removed; " if gone else ""
        raise UserError(f"{done}{error}") from None
    if args.json:
        print(as_json([_plain(one, args.keep, one in gone) for one in found]))
        return 0
    rows = [
        [one.logical_id, one.number, one.published, _in_words(one), _fate(one, args.keep, one in gone), one.description]
        for one in found
    ]
    print(table(["function", "version", "published", "requests", "", "description"], rows))
    if old and not args.remove:
        print(f"\n{len(old)} would be removed with --remove", file=sys.stderr)
    return 0


def _in_words(one: Version) -> str:
    return ", ".join(f"{alias} {share:g}%" for alias, share in one.shares.items()) or "-"


def _fate(one: Version, keep: int, is_gone: bool) -> str:
    return "removed" if is_gone else one.why_kept(keep) or "old"


def _plain(one: Version, keep: int, is_gone: bool) -> dict[str, object]:
    return {
        "function": one.logical_id,
        "name": one.function,
        "version": one.number,
        "published": one.published,
        "description": one.description,
        "aliases": dict(one.shares),
        "kept": one.why_kept(keep),
        "removed": is_gone,
    }
