"""What `build`, `up`, `down` and `release` do with a folder of services: their options are those of the commands."""

from __future__ import annotations

import argparse
import contextlib
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from .. import places
from ..errors import Stopped, UserError
from ..microservices import factory
from .table import as_json, table
from .where import about, account, agreed, here_of, others_here

if TYPE_CHECKING:
    from ..deploy import Target
    from ..local import Emulator
    from ..microservices.declaration import System
    from ..microservices.deploying import Behind, Outcome, Preview, Standing, Unit
    from ..microservices.factory import Place

MOST_LINES = 12
"""How many grave changes of one stack are told before somebody is asked."""


# --- progress


@contextlib.contextmanager
def progress(step: str, parts: int) -> Iterator[Callable[[], None]]:
    """A bar on a terminal; on standard error, so that --json stays clean."""
    if parts < 2 or not sys.stderr.isatty():
        yield lambda: None
        return
    from tqdm import tqdm

    tqdm.monitor_interval = 0  # its thread would keep lint from using both processors
    with tqdm(total=parts, desc=step, file=sys.stderr, leave=False) as bar:

        def tick() -> None:
            bar.update(1)

        yield tick


@contextlib.contextmanager
def _stacks(total: int) -> Iterator[Callable[[str, str], None]]:
    """A line for each thing that happens to a stack; stacks may do so at the same time."""
    lock = threading.Lock()

    def line(stack: str, what: str) -> None:
        with lock:
            print(f"  {stack:30} {what}", file=sys.stderr)

    yield line


# --- up


def up(args: argparse.Namespace, place: Place, given: Mapping[str, str], here: bool) -> int:
    """Deploy the services of a folder: into the emulator, or into the account that the options choose."""
    from ..microservices import deploying

    system = factory.built(place.folder, progress=progress)
    if place.service and place.service not in system.services:
        raise UserError(f"{place.service} is no service of {place}: there is {', '.join(sorted(system.services))}")
    templates, versions = _templates(system)
    wanted = deploying.units(system, templates, versions, given, name=args.name or "", only=place.service)
    if not here:
        return _up_in_account(args, place, wanted)
    from .. import local

    with local.turn():
        return _up_here(args, place, wanted)


def _templates(system: System) -> tuple[dict[str, bytes], dict[str, str]]:
    """The templates of a system that has been built, as they are on disk, and their versions; by service."""
    from ..releases import frozen

    found = factory.entries(system)
    catalogue_ = system.folder / factory.TEMPLATES
    return (
        {name: frozen.read(catalogue_, entry, entry.template) for name, entry in found.items()},
        {name: entry.version for name, entry in found.items()},
    )


def _up_here(args: argparse.Namespace, place: Place, wanted: Sequence[Unit]) -> int:
    from .. import deploy
    from ..microservices import deploying
    from .up import emulator_of

    running, started = emulator_of(args)
    try:
        target = deploy.target_of(running.client)
        with _stacks(len(wanted)) as said:
            done = deploying.up(target, wanted, said)
    except BaseException as error:
        if started:  # nothing of it would be of use to anybody; also on Ctrl-C
            running.stop()
            if isinstance(error, Stopped):
                raise KeyboardInterrupt from None
        raise
    print(about(running), file=sys.stderr)
    return _report(args, place, done, _behind(args, place, target, done), running)


def _up_in_account(args: argparse.Namespace, place: Place, wanted: Sequence[Unit]) -> int:
    from ..microservices import deploying

    target = account(args, args.s3_bucket)
    previews = deploying.preview(target, wanted)
    changing = [one for one in previews if one.what not in (deploying.UNCHANGED, deploying.LEFT)]
    _tell(previews)
    where = f"account {target.account}, region {target.region}"
    question = f"Deploy these {len(changing)} stacks in {where}? [y/N]"
    if changing and not args.yes and not agreed(question, otherwise="--yes to deploy these stacks"):
        print("nothing was deployed", file=sys.stderr)
        return 1
    with _stacks(len(wanted)) as said:
        done = deploying.up(target, wanted, said, pace=deploying.Pace(threading.Lock()))
    return _report(args, place, done, _behind(args, place, target, done), None)


def _behind(args: argparse.Namespace, place: Place, target: Target, done: Sequence[Outcome]) -> list[Behind]:
    """The stacks that have to be updated since others have moved, among those that were not just brought up to date."""
    from ..microservices import deploying

    fresh = (deploying.CREATED, deploying.UPDATED, deploying.UNCHANGED)
    known = [one.service for one in done if one.what in fresh]
    return deploying.behind(target, _system(place).platform.name, args.name or "", but=known)


def _tell(previews: Sequence[Preview]) -> None:
    """What will change, all stacks in one table, and below it what each update does that is grave."""
    from ..diff.model import Effect
    from ..diff.report import shown
    from ..releases.notes import worst

    rows = []
    for one in previews:
        if one.diff is not None:
            does, at_worst = f"{len(one.diff.changes)} changes" if one.diff.changes else one.why, worst(one.diff)
        else:
            does, at_worst = f"{one.resources} resources" if one.resources else "", one.why
        rows.append([one.what, one.unit.stack, one.unit.version, does, at_worst])
    print(table(["do", "stack", "version", "changes", "at worst"], rows), file=sys.stderr)
    for one in previews:
        grave = [change for change in one.diff.changes if change.effect >= Effect.INTERRUPTION] if one.diff else []
        for change in grave[:MOST_LINES]:
            print(f"  {one.unit.stack}: {change.name}: {shown(change)}", file=sys.stderr)
        if len(grave) > MOST_LINES:
            print(f"  {one.unit.stack}: and {len(grave) - MOST_LINES} more", file=sys.stderr)


def _report(
    args: argparse.Namespace,
    place: Place,
    done: Sequence[Outcome],
    behind: Sequence[Behind],
    emulator: Emulator | None,
) -> int:
    """What became of each stack, and which others are behind; exit code 1 when one is not up as it should be."""
    bad = [one for one in done if one.is_bad]
    address = {one.service: _address(one, emulator) for one in done}
    named = f" --name {args.name}" if args.name else ""
    notes = [f"{one}: `{places.command()} up {place}/{named}` brings it up to date" for one in behind]
    if args.json:
        stacks = [_plain(one, address[one.service]) for one in done]
        late = [{"service": one.service, "stack": one.stack, "finds": list(one.finds)} for one in behind]
        print(as_json({"stacks": stacks, "behind": late}))
    else:
        rows = [[one.stack, one.version, one.what, address[one.service]] for one in done]
        print(table(["stack", "version", "is", "address"], rows))
        for line in (*notes, *(() if bad else _tries(done, emulator))):
            print(line)
    for one in bad:
        print(f"error: {one.stack} {one.what}: {one.why}", file=sys.stderr)
    return int(bool(bad))


def _address(one: Outcome, emulator: Emulator | None) -> str:
    """Where a stack is; in the emulator, where that is on this machine."""
    if emulator is None or not one.address.startswith("https://"):
        return one.address
    return here_of(one.address, emulator) if "ApiUrl" in one.outputs else one.address


def _plain(one: Outcome, address: str) -> dict[str, Any]:
    return {
        "service": one.service,
        "stack": one.stack,
        "version": one.version,
        "what": one.what,
        "why": one.why,
        "address": address,
        "outputs": dict(one.outputs),
    }


def _tries(done: Sequence[Outcome], emulator: Emulator | None) -> list[str]:
    """What to try next: a signed request needs no more than curl."""
    answering = [one for one in done if "ApiUrl" in one.outputs]
    http = answering[-1] if answering else None  # the platform comes first
    lines = [f"{places.command()} status" + (" --region R" if emulator is None else "")]
    if http is not None and emulator is not None:
        region = http.outputs.get("Region", "")
        signed = f'--user test:test --aws-sigv4 "aws:amz:{region}:execute-api"'
        lines.insert(0, f"curl -i {signed} {_address(http, emulator).rstrip('/')}/...   # requests are signed")
    return ["", "to try:", *(f"  {line}" for line in lines)]


# --- down


def down_here(emulator: Emulator, place: Place, name: str) -> int:
    """Delete the stacks of a folder, or of one service, in the emulator, with all that they retain."""
    from .. import deploy, local
    from ..microservices import deploying

    local.wait(emulator)
    target = deploy.target_of(emulator.client)
    going = _going(target, place, name)
    with _stacks(len(going)) as said:
        done = deploying.down(target, going, said, purge=True)
    if code := _gone(done):
        return code
    print(f"{_counted(going)} gone, with the {sum(len(one.retained) for one in going)} resources that were retained")
    if not others_here(target):
        emulator.stop()
        print("the emulator has ended; nothing is left of it")
    return 0


def down_in_account(args: argparse.Namespace, place: Place, name: str) -> int:
    """Delete them in an account; what they retain stays there, unless it is to be purged."""
    from .. import deploy
    from ..microservices import deploying

    target = account(args)
    going = _going(target, place, name)
    kept = [(one, resource) for one in going for resource in one.retained]
    fate = "will be REMOVED WITH ALL DATA" if args.purge else "will stay in the account"
    where = f"account {target.account}, region {target.region}"
    print(f"Deletes {', '.join(one.stack for one in going)} in {where}; this {fate}:", file=sys.stderr)
    rows = [[one.stack, resource.logical_id, resource.type, resource.physical_id] for one, resource in kept]
    print(table(["stack", "resource", "type", "name"], rows), file=sys.stderr)
    if args.purge:
        deploy.check_purge([resource for _, resource in kept])
    wanted = going[0].stack if place.service else name or _system(place).platform.name
    if args.confirm is None:
        what = "the stack's name" if place.service else "the system's name"
        sure = agreed(f"Type {what} to go on:", wanted=wanted, otherwise=f"--confirm {wanted}")
    else:
        sure = args.confirm == wanted
    if not sure:
        raise UserError(f"nothing was deleted: that is not {wanted}")
    with _stacks(len(going)) as said:
        done = deploying.down(target, going, said, purge=args.purge, pace=deploying.Pace(threading.Lock()))
    if code := _gone(done):
        return code
    print(f"{_counted(going)} gone; {len(kept)} resources were {'removed' if args.purge else 'kept'}")
    if kept and not args.purge:
        one, resource = kept[0]
        print(
            f"`up` would make new, empty ones: to go on with these, such as {resource.logical_id} of {one.stack}, "
            f"import them first, by {place}/{_retained_template(one)}, and then `up`"
        )
    return 0


def _retained_template(one: Standing) -> str:
    """Where the template is by which what a stack retained is taken over, from the folder of the services."""
    return f"{factory.TEMPLATES}/{one.template}/{one.version}/{one.template}.retained.json"


def _system(place: Place) -> System:
    from ..microservices.reading import read

    return read(place.folder)


def _going(target: Target, place: Place, name: str) -> list[Standing]:
    """The stacks to delete. Refuses one that others use, and when there are none."""
    from ..microservices import deploying

    system = _system(place).platform.name
    there = deploying.standing(target, system, name)
    named = name or system
    if not place.service:
        if not there:
            raise UserError(f"no stack of {named} is up in {target.region}")
        return there
    going = [one for one in there if one.service == place.service]
    if not going:
        raise UserError(f"there is no stack {named}-{place.service} in {target.region}")
    if users := deploying.users(there, place.service):
        raise UserError(
            f"{going[0].stack} is used by {', '.join(f'{named}-{one}' for one in users)}: take these down first, or "
            "change their declarations so that they do without it, and bring them up"
        )
    return going


def _gone(done: Sequence[Outcome]) -> int:
    bad = [one for one in done if one.is_bad]
    for one in bad:
        print(f"error: {one.stack} {one.what}: {one.why}", file=sys.stderr)
    return int(bool(bad))


def _counted(going: Sequence[Standing]) -> str:
    return f"stack {going[0].stack} is" if len(going) == 1 else f"{len(going)} stacks are"
