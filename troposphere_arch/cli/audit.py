"""Hold every release against today's lint rules and the ends of Lambda's runtimes; exit 1 when one is newly bad.

With --write the index says so (`deprecated: reason`), and takes back what holds no more. No other file is touched.
"""

from __future__ import annotations

import argparse
import datetime
import sys

from .. import places
from .table import as_json, table


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--date", metavar="D", type=_day, help="as of this day (2026-11-25), not today")
    parser.add_argument("--write", action="store_true", help="mark in the index what is bad, unmark what is good again")
    parser.add_argument("--json", action="store_true", help="print what was found as JSON")


def _day(text: str) -> datetime.date:
    """A day as typed."""
    try:
        return datetime.date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no day: write it as 2026-11-25") from None


def run(args: argparse.Namespace) -> int:
    """Audit. Gives 1 when a release is bad and its mark does not say so yet, also when --write puts it there."""
    from ..releases.audit import audit, write

    day = args.date or datetime.datetime.now(datetime.UTC).date()
    audited = audit(day)
    written = args.write and write(audited)
    bad = any(one.is_new for one in audited)
    if args.json:
        found = [
            {"release": one.entry.name, "state": one.state, "reason": one.reason, "notes": list(one.notes)}
            for one in audited
        ]
        print(as_json({"date": day.isoformat(), "releases": found, "written": written}))
        return int(bad)
    if not audited:
        print("there is no release yet")
        return 0
    rows = [[one.entry.name, one.state, "; ".join(filter(None, (one.reason, *one.notes)))] for one in audited]
    print(table(["release", "state", "why"], rows))
    if written:
        print("the index is written anew, and what is made from releases follows; to do next:")
        print(f"  {places.command()} build --bump")
        print("  git add templates")
    elif bad or any(one.state == "good again" for one in audited):
        print("the index is as it was: --write puts that into it", file=sys.stderr)
    return int(bad)
