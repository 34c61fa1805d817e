"""What `build`, `up`, `down` and `release` do with a folder of services: their options are those of the commands."""

from __future__ import annotations

import argparse
import contextlib
import shlex
import sys
import threading
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from .. import places, scenarios
from ..errors import Stopped, UserError
from ..microservices import factory
from ..microservices.declaration import CONTAINER, FRONT, SERVERS, STATUS_ROUTES
from .table import as_json, table
from .where import about, account, agreed, here_of, others_here

if TYPE_CHECKING:
    from ..deploy import Target
    from ..local import Emulator
    from ..microservices.declaration import Service, System
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
def _stacks() -> Iterator[Callable[[str, str], None]]:
    """A line for each thing that happens to a stack; stacks may do so at the same time."""
    lock = threading.Lock()

    def line(stack: str, what: str) -> None:
        with lock:
            print(f"  {stack:30} {what}", file=sys.stderr)

    yield line


# --- what is meant


def neither(word: str) -> NoReturn:
    """Raise what is wrong with a word that is neither one of our templates nor a folder of services."""
    if Path(word).is_dir():
        factory.place(Path(word))
    known = ", ".join((*scenarios.NAMES, *scenarios.FROM_RELEASES))
    raise UserError(f"unknown scenario {word!r}: there is {known}; nor is there a folder of that name here")


def system_name(folder: Path) -> str:
    """The name of the system whose platform is declared in a folder, whatever is wrong with all else."""
    from ..microservices import parsing

    file, problems = folder / factory.PLATFORM_FILE, parsing.Problems()
    try:
        data = file.read_bytes()
    except OSError as error:
        raise UserError(f"{factory.shown(file)} cannot be read: {error.strerror}") from None
    name = parsing.platform(data, file, problems).values.get("name", "")
    if not name:
        problems.stop(folder)
    return str(name)


# --- up


@dataclass(frozen=True)
class _Asked:
    """What somebody wants to be up, and with which options."""

    args: argparse.Namespace
    place: Place
    system: System

    @property
    def name(self) -> str:
        """The name of the environment."""
        return self.args.name or self.system.platform.name

    @property
    def named(self) -> str:
        """The option that chooses the environment, to be typed again."""
        return f" --name {self.args.name}" if self.args.name else ""

    @property
    def account(self) -> str:
        """The options that choose the account, to be typed again."""
        words = {"--profile": self.args.profile, "--region": self.args.region, "--endpoint-url": self.args.endpoint_url}
        return "".join(f" {option} {shlex.quote(value)}" for option, value in words.items() if value)


@dataclass(frozen=True)
class _Others:
    """What else is to be told: the stacks that are behind, and those that are declared no more; or `why` nobody knows.

    `shares` are the versions of each front that is up, by its stack, with the per cent of requests that they get.
    """

    behind: Sequence[Behind] = ()
    left: Sequence[str] = ()
    why: str = ""
    shares: Mapping[str, Mapping[str, int]] = field(default_factory=dict)


def up(args: argparse.Namespace, place: Place, given: Mapping[str, str], here: bool) -> int:
    """Deploy the services of a folder: into the emulator, or into the account that the options choose."""
    from ..microservices import deploying

    system = factory.built(place.folder, progress=progress)
    if place.service and place.service not in system.services:
        raise UserError(f"{place.service} is no service of {place}: there is {', '.join(sorted(system.services))}")
    templates, versions = _templates(system)
    wanted = deploying.units(system, templates, versions, given, name=args.name or "", only=place.service)
    asked = _Asked(args, place, system)
    if not here:
        return _up_in_account(asked, wanted)
    from .. import local

    with local.turn():
        return _up_here(asked, wanted)


def brought_up(target: Target, place: Place, name: str, given: Mapping[str, str]) -> Outcome:
    """Bring the stack of one service up to date with its folder, those of others left as they are."""
    from .. import local
    from ..microservices import deploying

    system = factory.built(place.folder, progress=progress)
    templates, versions = _templates(system)
    wanted = deploying.units(system, templates, versions, given, name=name, only=place.service)
    with local.turn(), _stacks() as said:
        done = deploying.up(target, wanted, said)
    if bad := [one for one in done if one.is_bad]:
        raise UserError(f"{bad[0].stack} {bad[0].what}: {bad[0].why}")
    return next(one for one in done if one.service == place.service)


def _templates(system: System) -> tuple[dict[str, bytes], dict[str, str]]:
    """The templates of a system that has been built, as they are on disk, and their versions; by service."""
    from ..releases import frozen

    found = factory.entries(system)
    catalogue_ = system.folder / factory.TEMPLATES
    return (
        {name: frozen.read(catalogue_, entry, entry.template) for name, entry in found.items()},
        {name: entry.version for name, entry in found.items()},
    )


def _up_here(asked: _Asked, wanted: Sequence[Unit]) -> int:
    from .. import deploy
    from ..microservices import deploying
    from .up import emulator_of

    running, started = emulator_of(asked.args)
    try:
        target = deploy.target_of(running.client)
        with _stacks() as said:
            done = deploying.up(target, wanted, said)
    except BaseException as error:
        if started:  # nothing of it would be of use to anybody; also on Ctrl-C
            running.stop()
            if isinstance(error, Stopped):
                raise KeyboardInterrupt from None
        raise
    print(about(running, brief=True), file=sys.stderr)
    return _report(asked, done, _others(asked, target, done), running)


def _up_in_account(asked: _Asked, wanted: Sequence[Unit]) -> int:
    from ..microservices import deploying

    args = asked.args
    target = account(args, args.s3_bucket)
    previews = deploying.preview(target, wanted)
    changing = [one for one in previews if one.what not in (deploying.UNCHANGED, deploying.LEFT)]
    _tell(previews)
    where = f"account {target.account}, region {target.region}"
    question = f"Deploy these {len(changing)} stacks in {where}? [y/N]"
    if changing and not args.yes and not agreed(question, otherwise="--yes to deploy these stacks"):
        print("nothing was deployed", file=sys.stderr)
        return 1
    with _stacks() as said:
        done = deploying.up(target, wanted, said, pace=deploying.Pace(threading.Lock()))
    return _report(asked, done, _others(asked, target, done), None)


def _others(asked: _Asked, target: Target, done: Sequence[Outcome]) -> _Others:
    """The stacks that have to be updated since others have moved, but those that were just brought up to date; and, of
    a whole folder, those that it declares no more.
    """
    from ..microservices import deploying, serving

    fresh = (deploying.CREATED, deploying.UPDATED, deploying.UNCHANGED)
    known, services = [one.service for one in done if one.what in fresh], asked.system.services
    try:
        behind = deploying.behind(target, asked.system.platform.name, asked.name, but=known)
        left = [] if asked.place.service else deploying.left_over(target, asked.system, asked.name)
        shares = {
            one.stack: serving.shares_of(target, one.stack)
            for one in done
            if one.service in services and services[one.service].shape == FRONT and not one.is_bad
        }
    except UserError as error:  # what became of those that were asked for is told all the same
        return _Others(why=str(error))
    return _Others([one for one in behind if one.stack not in left], left, shares=shares)


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


def _report(asked: _Asked, done: Sequence[Outcome], others: _Others, emulator: Emulator | None) -> int:
    """What became of each stack, and what is to be said of others; exit code 1 when one is not up as it should be."""
    bad = [one for one in done if one.is_bad]
    address = {one.service: _address(one, emulator) for one in done}
    if asked.args.json:
        stacks = [_plain(one, address[one.service], others.shares.get(one.stack)) for one in done]
        late = [{"service": one.service, "stack": one.stack, "finds": list(one.finds)} for one in others.behind]
        print(as_json({"stacks": stacks, "behind": late, "undeclared": list(others.left)}))
    else:
        rows = [[one.stack, one.version, one.what, address[one.service]] for one in done]
        print(table(["stack", "version", "is", "address"], rows))
        idle = _idle(asked, done, emulator)
        silent = {one.name for one in idle}
        for one in done:  # a front answers by one that it sends requests to
            asks = {version for version, share in others.shares.get(one.stack, {}).items() if share}
            if one.stack in others.shares and asks <= silent:
                silent.add(one.service)
        for line in (*_notes(asked, others), *(() if bad else _tries(asked, done, emulator, silent))):
            print(line)
        if emulator is not None and idle:
            print(f"\n{_not_run(asked, idle)}")
    for one in bad:
        print(f"error: {one.stack} {one.what}: {one.why}", file=sys.stderr)
    if others.why:
        print(f"error: what else is up is not known: {others.why}", file=sys.stderr)
    return int(bool(bad or others.why))


def _idle(asked: _Asked, done: Sequence[Outcome], emulator: Emulator | None) -> list[Service]:
    """Which services that are up have no process: the emulator has their stacks, and runs functions only.

    In an account, containers that have just been created: there is no image yet.
    """
    from ..microservices.deploying import CREATED

    services = asked.system.services
    up = [one for one in done if not one.is_bad and one.service in services]
    servers = [(one, services[one.service]) for one in up if services[one.service].shape in SERVERS]
    if emulator is None:
        return [service for one, service in servers if service.shape == CONTAINER and one.what == CREATED]
    if not servers:
        return []
    from ..local import running

    return [service for one, service in servers if not running.is_served(emulator, one.stack)]


def _not_run(asked: _Asked, idle: Sequence[Service]) -> str:
    """Which services have no process in the emulator, and how they get one."""
    folder = factory.typed(idle[0].folder) if len(idle) == 1 else "FOLDER"
    named = ", ".join(f"{one.name} ({one.shape})" for one in idle)
    what = "runs it" if len(idle) == 1 else "runs the one in that folder"
    return f"no process yet of {named}: `{places.command()} run {folder}{asked.named}` {what}"


def _notes(asked: _Asked, others: _Others) -> list[str]:
    """What versions get, and what to do about other stacks."""
    from ..microservices import serving

    command, place = places.command(), asked.place
    start = len(f"{asked.name}-")
    return [
        *(f"{stack} {serving.in_words(found)}" for stack, found in others.shares.items()),
        *(f"{one}: `{command} up {place}/{asked.named}` brings it up to date" for one in others.behind),
        *(
            f"{stack} is up, and nothing below {place}/ declares it any more: "
            f"`{command} down {place}/ {stack[start:]}{asked.named}{asked.account}` takes it down"
            for stack in others.left
        ),
    ]


def _address(one: Outcome, emulator: Emulator | None) -> str:
    """Where a stack is; in the emulator, where that is on this machine."""
    if emulator is None or not one.address.startswith("https://"):
        return one.address
    return here_of(one.address, emulator) if "ApiUrl" in one.outputs else one.address


def _plain(one: Outcome, address: str, shares: Mapping[str, int] | None) -> dict[str, Any]:
    return {
        "service": one.service,
        "stack": one.stack,
        "version": one.version,
        "what": one.what,
        "why": one.why,
        "address": address,
        "outputs": dict(one.outputs),
        **({} if shares is None else {"shares": dict(shares)}),
    }


def _tries(
    asked: _Asked, done: Sequence[Outcome], emulator: Emulator | None, silent: Collection[str] = ()
) -> list[str]:
    """What to try next: a signed request needs no more than curl. Those that are `silent` cannot answer it yet."""
    services = asked.system.services
    routes = [
        (one, route)
        for one in done  # the platform comes first
        for route in (services[one.service].routes if one.service in services else STATUS_ROUTES)
        if "ApiUrl" in one.outputs and not (one.service in services and services[one.service].private)
    ]
    if any(one.service in services and one.service not in silent for one, _ in routes):
        routes = [found for found in routes if found[0].service not in silent]
    lines = [f"{places.command()} status {asked.place}/{asked.account}"]
    if routes:
        plain = [found for found in routes if found[1].startswith("GET ") and "{" not in found[1]]
        last = routes[-1][0]
        one, route = plain[0] if plain else next(found for found in routes if found[0] is last)
        lines.insert(0, curl(route, _address(one, emulator), one.outputs.get("Region", ""), emulator))
    return ["", "to try:", *(f"  {line}" for line in lines)]


def curl(route: str, address: str, region: str, emulator: Emulator | None) -> str:
    """A request to a route, its variables as they are declared; whoever asks in an account has keys in variables."""
    method, _, path = route.partition(" ")
    keys = "test:test" if emulator else '"$AWS_ACCESS_KEY_ID:$AWS_SECRET_ACCESS_KEY"'
    session = "" if emulator else ' -H "X-Amz-Security-Token: $AWS_SESSION_TOKEN"'
    what = {"GET": "", "HEAD": " --head"}.get(method, f" -X {method}")
    if method == "PUT":  # one that the services of `new-service` take
        what += """ -d '{"text": "a"}'"""
    url = shlex.quote(address.rstrip("/") + path)
    return f'curl -i{what} --user {keys} --aws-sigv4 "aws:amz:{region}:execute-api"{session} {url}'


# --- down


@dataclass(frozen=True)
class Named:
    """What is to go: of a system in the environment `name` one service, or all of it when `service` is empty.

    `templates` is where its templates are, as far as that is known.
    """

    system: str
    name: str
    service: str = ""
    templates: str = factory.TEMPLATES


def named(place: Place, name: str) -> Named:
    """What is to go of a folder: it need not be there any more, nor be as it should be, but for the system's name."""
    system = system_name(place.folder)
    return Named(system, name or system, place.service, f"{place}/{factory.TEMPLATES}")


def of_a_system(target: Target, stack: str) -> Named | None:
    """The service whose stack this is; None when it is that of no service."""
    from ..microservices import deploying

    found = deploying.whose(target, stack)
    return Named(*found) if found else None


def down_here(emulator: Emulator, target: Target, wanted: Named) -> int:
    """Delete the stacks of a system, or of one service, in the emulator, with all that they retain."""
    from ..microservices import deploying

    going = _going(target, wanted)
    with _stacks() as said:
        done = deploying.down(target, going, said, purge=True)
    if code := _gone(done):
        return code
    print(f"{_counted(going)} gone, with the {sum(len(one.retained) for one in going)} resources that were retained")
    if not others_here(target):
        emulator.stop()
        print("the emulator has ended; nothing is left of it")
    return 0


def down_in_account(args: argparse.Namespace, target: Target, what: Named) -> int:
    """Delete them in an account; what they retain stays there, unless it is to be purged."""
    from .. import deploy
    from ..microservices import deploying

    going = _going(target, what)
    kept = [(one, resource) for one in going for resource in one.retained]
    fate = "will be REMOVED WITH ALL DATA" if args.purge else "will stay in the account"
    where = f"account {target.account}, region {target.region}"
    print(f"Deletes {', '.join(one.stack for one in going)} in {where}; this {fate}:", file=sys.stderr)
    rows = [[one.stack, resource.logical_id, resource.type, resource.physical_id] for one, resource in kept]
    print(table(["stack", "resource", "type", "name"], rows), file=sys.stderr)
    if args.purge:
        deploy.check_purge([resource for _, resource in kept])
    wanted = going[0].stack if what.service else what.name
    if args.confirm is None:
        whose = "the stack's name" if what.service else "the system's name"
        sure = agreed(f"Type {whose} to go on:", wanted=wanted, otherwise=f"--confirm {wanted}")
    else:
        sure = args.confirm == wanted
    if not sure:
        raise UserError(f"nothing was deleted: that is not {wanted}")
    with _stacks() as said:
        done = deploying.down(target, going, said, purge=args.purge, pace=deploying.Pace(threading.Lock()))
    if code := _gone(done):
        return code
    print(f"{_counted(going)} gone; {len(kept)} resources were {'removed' if args.purge else 'kept'}")
    if kept and not args.purge:
        one, resource = kept[0]
        print(
            f"`up` would make new, empty ones: to go on with these, such as {resource.logical_id} of {one.stack}, "
            f"import them first, by {what.templates}/{_retained_template(one)}, and then `up`"
        )
    return 0


def _retained_template(one: Standing) -> str:
    """Where the template is by which what a stack retained is taken over, below the templates."""
    return f"{one.template}/{one.version}/{one.template}.retained.json"


def _going(target: Target, what: Named) -> list[Standing]:
    """The stacks to delete. Refuses one that others use, and when there are none."""
    from ..microservices import deploying

    there = deploying.standing(target, what.system, what.name)
    if not what.service:
        if not there:
            raise UserError(f"no stack of {what.name} is up in {target.region}")
        return there
    going = [one for one in there if one.service == what.service]
    if not going:
        raise UserError(f"there is no stack {what.name}-{what.service} in {target.region}")
    if users := deploying.users(there, what.service):
        raise UserError(
            f"{going[0].stack} is used by {', '.join(f'{what.name}-{one}' for one in users)}: take these down first, "
            "or change their declarations so that they do without it, and bring them up"
        )
    return going


def _gone(done: Sequence[Outcome]) -> int:
    bad = [one for one in done if one.is_bad]
    for one in bad:
        print(f"error: {one.stack} {one.what}: {one.why}", file=sys.stderr)
    return int(bool(bad))


def _counted(going: Sequence[Standing]) -> str:
    return f"stack {going[0].stack} is" if len(going) == 1 else f"{len(going)} stacks are"
