"""Publish a release of your software to a stack of software-updates, and wait for what becomes of it.

In the embedded emulator, or, with --profile, --region or --endpoint-url, in an AWS account. What is there already is
not put again, so that the same command may be stopped and repeated. --withdraw: a version that is not to be the latest
any more; its files stay. Exit code 0: published, or withdrawn; 1: refused; 2: could not be done.
"""

from __future__ import annotations

import argparse
import contextlib
import math
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from .. import places
from ..errors import Stopped, UserError
from .table import as_json, table
from .where import account, account_options, in_account, running

if TYPE_CHECKING:
    from ..deploy.put_release import Described, Hashed, Place, Status

INTERMIXED = True
"""Options may stand between VERSION and the files."""


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("stack", metavar="STACK", help="the name of a stack of software-updates")
    parser.add_argument("version", metavar="VERSION", help="MAJOR.MINOR.PATCH, or with -PRERELEASE: never the latest")
    parser.add_argument("files", metavar="FILE", nargs="*", help="a file of the release, by its name without folders")
    parser.add_argument("--notes", metavar="TEXT", default="", help="a text for the manifest, of 2,000 characters")
    parser.add_argument("--withdraw", action="store_true", help="let the version not be the latest any more")
    waits = parser.add_mutually_exclusive_group()
    waits.add_argument("--no-wait", action="store_true", help="do not wait for what becomes of it")
    waits.add_argument("--wait", metavar="MINUTES", type=_minutes, help="wait so long at most (20)")
    parser.add_argument("--json", action="store_true", help="print the result as JSON")
    account_options(parser)


def _minutes(text: str) -> float:
    try:
        minutes = float(text)
    except ValueError:
        minutes = math.nan
    if not 0 <= minutes <= 1440:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of minutes from 0 to 1440")
    return minutes


def run(args: argparse.Namespace) -> int:
    """Publish, or withdraw. Gives 1 when the stack refuses it."""
    from .. import deploy
    from ..deploy import put_release as work

    version = args.version
    with _stopped("nothing was put"):
        local = work.check(version, args.files, args.notes, withdraw=args.withdraw)
        target = account(args) if in_account(args) else deploy.target_of(running().client)
        place = work.find(target, args.stack)
        with _bar("read", sum(one.size for one in local)) as tick:
            files = work.hashed(local, tick)
        there = work.look(place, version)
    if refusal := _refusal(there, files, version):
        return _told(args, place, files, refusal)
    if there and _is_asked_again(there, files, args.withdraw):
        if there.status and there.status.state == _wanted(args):
            print(f"{version} is {there.status.state} already: nothing was put", file=sys.stderr)
            if args.notes and args.notes != there.said.get("notes"):
                print("its notes stay as they were: a release never changes", file=sys.stderr)
            return _told(args, place, files, there.status)
        if there.is_under_way:
            print(f"{version} was put {there.age:.0f} seconds ago: nothing is put again", file=sys.stderr)
            return _awaited(args, place, files, there.version_id)
    description = work.withdrawn(version)
    if files:
        with _stopped(f"nothing is published; what is in {place.name(f'files/{version}/')} is found again"):
            description = work.described(version, files, _uploaded(place, version, files), args.notes)
    with _stopped(_on_its_way(place, version)):
        version_id = work.put_description(place, description)
    return _awaited(args, place, files, version_id)


@contextlib.contextmanager
def _stopped(state: str) -> Iterator[None]:
    """On Ctrl-C, say how things are."""
    try:
        yield
    except KeyboardInterrupt:
        raise Stopped(f"stopped: {state}; the same command again goes on from there") from None


def _on_its_way(place: Place, version: str) -> str:
    return f"all of {version} is in {place.name('')}, and the stack goes on without us"


def _wanted(args: argparse.Namespace) -> str:
    return "withdrawn" if args.withdraw else "published"


def _refusal(there: Described | None, files: Sequence[Hashed], version: str) -> Status | None:
    """What the stack would say, said before anything is put; None when that cannot be known."""
    from ..deploy import put_release as work

    if not (there and files) or there.said.get("withdrawn") or work.has_files(there, files):
        return None
    differ = ", ".join(work.shown(name) for name in work.others(there, files)[:5])
    if there.is_under_way:
        raise UserError(
            f"nothing was put: {version} is being published with other files ({differ}), which were put "
            f"{there.age:.0f} seconds ago; wait until that has come to its end, or take a new version"
        )
    if not (there.status and there.status.state == "published"):
        return None
    reason = f"{version} is published with other files ({differ}), and a release never changes: take a new version"
    return work.Status("refused", f"{reason}; nothing was put.", there.status.latest)


def _is_asked_again(there: Described, files: Sequence[Hashed], withdraw: bool) -> bool:
    """Whether the description that is there says what is asked for."""
    from ..deploy import put_release as work

    return there.said.get("withdrawn") is True if withdraw else work.has_files(there, files)


def _uploaded(place: Place, version: str, files: Sequence[Hashed]) -> dict[str, str]:
    from ..deploy import put_release as work

    size, put = sum(one.file.size for one in files), []

    def say(key: str, size: int) -> None:
        put.append(key)
        if not sys.stderr.isatty():
            print(f"  {size:,} bytes to {place.name(key)}", file=sys.stderr)

    with _bar("put", size) as tick:
        versions = work.upload(place, version, files, tick, say)
    print(f"{len(put)} files put, {len(files) - len(put)} were there", file=sys.stderr)
    return versions


@contextlib.contextmanager
def _bar(what: str, total: int) -> Iterator[Callable[[int], None]]:
    """How many bytes are done, on a terminal."""
    from tqdm import tqdm

    lock = threading.Lock()
    hidden = not (total and sys.stderr.isatty())
    with tqdm(total=total, unit="B", unit_scale=True, desc=what, file=sys.stderr, leave=False, disable=hidden) as bar:

        def tick(done: int) -> None:
            with lock:
                bar.update(done)

        yield tick


def _awaited(args: argparse.Namespace, place: Place, files: Sequence[Hashed], version_id: str) -> int:
    """Wait for what becomes of it, and say so."""
    from ..deploy import put_release as work

    version = args.version
    key = place.name(work.status_key(version, version_id))
    if args.no_wait:
        return _told(args, place, files, None, key)
    minutes = work.WAIT_MINUTES if args.wait is None else args.wait
    print(f"waiting up to {minutes:g} minutes for {key}", file=sys.stderr)
    with _stopped(_on_its_way(place, version)):
        found = work.wait(place, version, version_id, minutes * 60)
    if found is None:
        raise UserError(
            f"after {minutes:g} minutes {key} is not there (or these credentials lack s3:GetObject for it): "
            f"{_on_its_way(place, version)}; look at the alarms and the queue ReleaseFailures, and run this again"
        )
    return _told(args, place, files, found)


def _told(args: argparse.Namespace, place: Place, files: Sequence[Hashed], status: Status | None, key: str = "") -> int:
    """Print the result. `key` is where it will be when nobody waits."""
    state = status.state if status else "put"
    done = state in ("put", _wanted(args))
    base = f"{place.url}/releases/{args.version}"
    rows: list[list[Any]] = [[one.file.name, one.file.size, one.sha256, f"{base}/{one.file.name}"] for one in files]
    reason, latest = (status.reason, status.latest) if status else ("", "")
    if args.json:
        named = [dict(zip(("name", "size", "sha256", "url"), row, strict=True)) for row in rows]
        result = {"stack": args.stack, "version": args.version, "state": state, "reason": reason, "latest": latest}
        print(as_json({**result, "status": key, "files": named}))
        return 0 if done else 1
    print(table(["version", "state", "latest.json names", "reason"], [[args.version, state, latest or "-", reason]]))
    if state == "published":
        print(f"\n{table(['file', 'bytes', 'SHA-256', 'address'], rows)}")
    if key:
        print(f"\nwhat becomes of it: {key}; `{places.command()} put-release` with the same words waits for it")
    return 0 if done else 1
