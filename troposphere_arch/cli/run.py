"""Run a service on servers beside its stack in the embedded emulator, until Ctrl-C: its tasks, or servers and database.

Of a container the Dockerfile is followed, without docker; of instances the boot script, and a PostgreSQL of this
machine is their database. Both are behind the emulator's load balancer. What is not shown: see docs/containers.md.
"""

from __future__ import annotations

import argparse
import re
import signal
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from .. import places
from ..errors import UserError
from ..parameters import NONE
from ..parameters.containers import IMAGE_TAG
from .parser import directory
from .where import here_of

if TYPE_CHECKING:
    from ..local import Emulator
    from ..local.running import Running
    from ..microservices.declaration import Service
    from ..microservices.deploying import Outcome
    from ..microservices.factory import Place
    from ..microservices.image import Context

SECONDS, LOOK_SECONDS = 0.1, 1.0
"""Between two looks at the logs; and at the processes, and the emulator."""
ENDED = "the emulator has ended, and all that was in it: what ran here has, too"


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("folder", metavar="FOLDER", type=directory, help="the folder of one service, which is up")
    parser.add_argument("--name", metavar="N", default="", help="the system's name, for another environment of it")
    parser.add_argument("--count", metavar="N", type=_count, help="so many tasks or servers, not as many as it says")
    parser.add_argument(
        "--data", metavar="DIR", type=directory, help="keep the database there; else it goes at the end"
    )


def _count(text: str) -> int:
    """A number of processes as typed."""
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= 10):
        raise argparse.ArgumentTypeError(f"{text!r} is no number from 1 to 10")
    return int(text)


def run(args: argparse.Namespace) -> int:
    """Start it, say where it answers, and show what it says until somebody ends it."""
    from .. import deploy
    from ..local import running
    from ..microservices import factory, image, reading
    from ..microservices.declaration import CONTAINER, FRONT, INSTANCES, SERVERS

    place = factory.place(args.folder)
    if not place.service:
        raise UserError(f"{place} is a folder of services: name the folder of one")
    system = reading.read(place.folder)
    service = system.services[place.service]
    if service.shape not in SERVERS:
        does = "it has no code: run what is behind it" if service.shape == FRONT else "the emulator runs its function"
        print(f"{service.name} is of the shape {service.shape}, of which nothing needs to be started: {does}")
        return 0
    if args.data and service.shape == CONTAINER:
        raise UserError(f"--data is for a service with a database only, and {service.name} is a {CONTAINER}")
    name = args.name or system.platform.name
    emulator = _emulator(args.folder)
    if service.shape == INSTANCES:
        running.refuse_without_postgres(service.name)
    context = image.context(place) if service.shape == CONTAINER else None
    up = _up_to_date(emulator, args, place, name, context)
    with _signals(), _while_it_lasts(emulator), deploy.aws_errors():
        if context is not None:
            starts = running.container(emulator, up.stack, context, args.count)
        else:
            starts = running.instances(emulator, up.stack, args.count or 1, args.data)
        with starts as made:
            print("\n".join(_told(emulator, service, name, up.outputs, made)), flush=True)
            try:
                _follow(emulator, made)
            except KeyboardInterrupt:
                print("ending", file=sys.stderr)
    return 0


def _emulator(folder: Path) -> Emulator:
    """The patched emulator that runs."""
    from .. import local
    from ..microservices.factory import typed

    emulator = local.find()
    if emulator is None:
        raise UserError(f"no emulator is running: `{places.command()} up {typed(folder)}` first")
    if not emulator.patched:
        raise UserError("services need the patched emulator, and the one that runs is the unmodified one")
    local.wait(emulator)
    return emulator


def _up_to_date(
    emulator: Emulator, args: argparse.Namespace, place: Place, name: str, context: Context | None
) -> Outcome:
    """The stack as its folder says it, with the tag of the image when it has none yet. It has to be there."""
    from .. import deploy
    from ..microservices.factory import typed
    from .services import brought_up

    target, stack = deploy.target_of(emulator.client), f"{name}-{place.service}"
    with deploy.aws_errors():
        there = deploy.describe(target, stack)
    if there is None or there["StackStatus"] == "REVIEW_IN_PROGRESS":
        named = f" --name {args.name}" if args.name else ""
        raise UserError(f"stack {stack} is not up: `{places.command()} up {typed(args.folder)}{named}` first")
    has = {one["ParameterKey"]: one["ParameterValue"] for one in there.get("Parameters", [])}
    given = {}
    if context is not None and has.get(IMAGE_TAG.name, NONE) == NONE:
        given[f"{place.service}.{IMAGE_TAG.name}"] = context.tag
    return brought_up(target, place, args.name, given)


def _told(emulator: Emulator, service: Service, name: str, outputs: Mapping[str, str], made: Running) -> Iterator[str]:
    """Where it answers, and how to ask it."""
    from .. import deploy
    from .services import curl

    route = next((one for one in service.routes if one.startswith("GET ")), service.routes[0])
    header = ""
    if service.behind:  # a version has no address: it is asked by its name, at that of its front
        found = deploy.describe(deploy.target_of(emulator.client), f"{name}-{service.behind}") or {}
        outputs = {one["OutputKey"]: one["OutputValue"] for one in found.get("Outputs", [])}
        header = f" -H 'X-Version: {service.name}'"
    address = here_of(outputs.get("ApiUrl", ""), emulator)
    yield f"{service.name}: {made.told}, {', '.join(made.lines)}, behind {address or 'the load balancer'}"
    yield "to ask it:"
    if address and not service.private:
        yield f"  {curl(route, address, outputs['Region'], emulator)}{header}"
    asked = service.behind or service.name
    values = "".join(f', {one}="..."' for one in re.findall(r"\{(\w+)\}", route))
    yield f'  client.call("{asked}", "{route}"{values})   # in a service with calls: {{{asked}: ["{route}"]}}'
    yield f"what it logs, until Ctrl-C ends {'it' if len(made.lines) == 1 else 'them'}:"


def _follow(emulator: Emulator, made: Running) -> None:
    """Show what is logged, for ever. Raises `UserError` when the emulator has ended."""
    from .. import local

    looked = time.monotonic()
    while True:
        for address, lines in list(made.lines.items()):
            for line in lines.new():
                print(f"{address}  {line}", flush=True)
        time.sleep(SECONDS)
        if time.monotonic() - looked > LOOK_SECONDS:
            looked = time.monotonic()
            if local.find() != emulator:
                raise UserError(ENDED)
            for said in made.watch():
                print(said, file=sys.stderr)


@contextmanager
def _while_it_lasts(emulator: Emulator) -> Iterator[None]:
    """Whatever goes wrong once the emulator has ended is told as that."""
    from .. import local

    try:
        yield
    except UserError:
        if local.find() != emulator:
            raise UserError(ENDED) from None
        raise


@contextmanager
def _signals() -> Iterator[None]:
    """Ctrl-C, and whoever ends this by SIGTERM or closes its terminal, are heard once: what ends then is let end."""
    heard = [one for one in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP) if one != signal.SIGHUP or _is_heard(one)]
    before = {one: signal.getsignal(one) for one in heard}

    def stop(number: int, frame: object) -> None:
        for one in heard:
            signal.signal(one, signal.SIG_IGN)
        raise KeyboardInterrupt

    for one in heard:
        signal.signal(one, stop)
    try:
        yield
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)


def _is_heard(number: signal.Signals) -> bool:
    return signal.getsignal(number) != signal.SIG_IGN  # as nohup wants it
