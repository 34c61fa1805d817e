"""What runs of a service on servers, beside its stack in the emulator: the processes that ECS or EC2 would run.

    container    Dockerfile ──images──▶ root ──tasks──▶ gunicorn, behind the emulator's load balancer
    instances    user data ──servers──▶ root, gunicorn, behind it ──TLS──▶ a PostgreSQL of this machine

Of a container what runs is what the folder holds now, told by what the stack says; of instances it is what the stack
says, its code too. All of it ends with whoever started it, also when that is killed.
"""

from __future__ import annotations

import contextlib
import json
import random
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from troposphere_arch.errors import UserError
from troposphere_arch.local import backends, databases, images, roles, servers, tasks
from troposphere_arch.local.emulator import DEFAULT_REGION, Emulator
from troposphere_arch.microservices import image

PATIENCE = 2.0
"""Seconds in which PostgreSQL is started again, when it ends at once."""

_TARGETS = "Targets"
_TEMPLATE, _ROLE, _DATABASE = "ServersTemplate", "ServersRole", "Database"
_LOG = "var/log/service/service.log"
_ROOT = Path(__file__).resolve().parents[2]
_ENDS = "import pathlib, sys; sys.path.insert(0, sys.argv[1]); from troposphere_arch.local import servers; "
_ENDS += "servers.end(pathlib.Path(sys.argv[2]))"
_GUARD = 'read done || exec "$0" -c "$@"'
"""Waits until we say that all is well, or are gone."""


@dataclass
class Lines:
    """What a process writes, line by line, as it comes."""

    path: Path
    _at: int = 0

    def new(self) -> list[str]:
        """The lines that are whole, and were not given yet."""
        try:
            with self.path.open("rb") as log:
                log.seek(self._at)
                whole = log.read().rpartition(b"\n")
        except FileNotFoundError:
            return []
        self._at += len(whole[0]) + len(whole[1])
        return whole[0].decode(errors="replace").split("\n") if whole[1] else []


@dataclass
class Running:
    """The processes of a service, each by its address. `watch` does what AWS does about those that have ended."""

    what: str
    lines: dict[str, Lines]
    database: databases.Postgres | None = None
    watch: Callable[[], Sequence[str]] = field(default=lambda: (), repr=False)
    """Tells what it did."""

    @property
    def told(self) -> str:
        """How many, of what: `2 tasks`."""
        return f"{len(self.lines)} {self.what}{'' if len(self.lines) == 1 else 's'}"


def is_served(emulator: Emulator, stack: str) -> bool:
    """Whether a process of the service is behind the load balancer, and listens."""
    return any(databases.answers(target["Id"], target["Port"]) for target in _targets(emulator, stack))


@contextlib.contextmanager
def container(emulator: Emulator, stack: str, context: image.Context, count: int | None = None) -> Iterator[Running]:
    """The tasks of a container service, as many as ECS was told without `count`; another one for each that ends.

    Its stack has an `ImageTag`. Raises `UserError` for what `images` and `tasks` do not know, and when they do not get
    into service.
    """
    with tempfile.TemporaryDirectory(prefix="image-") as home:
        built_from, root = Path(home, "context"), Path(home, "root")
        image.write(context, built_from)
        root.mkdir()
        built = images.built(built_from, root)
        outputs = _outputs(emulator, stack)
        _forget_gone(emulator, stack)
        with tasks.running(emulator, outputs["ClusterName"], outputs["ServiceName"], built, count=count) as made:
            running = Running("task", {task.address: Lines(task.log) for task in made.tasks})

            def watch() -> list[str]:
                said = []
                for task in [one for one in made.tasks if not one.alive]:
                    code, new = made.end(task), made.start()
                    running.lines[new.address] = Lines(new.log)
                    said.append(f"the task {task.address} ended with code {code}: {new.address} is there in its place")
                return said

            running.watch = watch
            yield running


@contextlib.contextmanager
def instances(emulator: Emulator, stack: str, count: int = 1, data: Path | None = None) -> Iterator[Running]:
    """Servers of a service on instances that have booted, and their database, which stays when `data` is a directory.

    Raises `UserError` when this machine has no PostgreSQL, or the boot fails.
    """
    ec2, role = emulator.client("ec2"), _physical(emulator, stack, _ROLE)
    said = servers.user_data(ec2, _physical(emulator, stack, _TEMPLATE))
    metadata = servers.metadata(emulator.client("cloudformation"), stack, _TEMPLATE)
    arn = emulator.client("iam").get_role(RoleName=role)["Role"]["Arn"]
    with contextlib.ExitStack() as ends:
        database = ends.enter_context(database_of(emulator, stack, data))
        _forget_gone(emulator, stack)
        running = Running("server", {}, database)
        for number in range(1, count + 1):
            identifier = f"i-{number:017x}"
            instance = f"arn:aws:ec2:{DEFAULT_REGION}:000000000000:instance/{identifier}"
            credentials = roles.variables(emulator, arn, "ec2.amazonaws.com", instance, identifier)
            # Python does not let go of a directory in which something runs still, so it goes last.
            root = Path(ends.enter_context(tempfile.TemporaryDirectory(prefix="server-")))
            ends.enter_context(_guarded(root))
            address = f"127.25.{random.randint(0, 255)}.{random.randint(1, 254)}"  # noqa: S311 - no secret
            server = ends.enter_context(
                servers.booted(
                    said, metadata, database_ca=database.ca, address=address, environment=credentials, root=root
                )
            )
            ends.enter_context(_registered(emulator, stack, address, server.port))
            running.lines[address] = Lines(root / _LOG)
        yield running


@contextlib.contextmanager
def database_of(emulator: Emulator, stack: str, data: Path | None = None) -> Iterator[databases.Postgres]:
    """A PostgreSQL where the database of the stack is, with its owner, and the password that its secret has."""
    identifier = _physical(emulator, stack, _DATABASE)
    [known] = emulator.client("rds").describe_db_instances(DBInstanceIdentifier=identifier)["DBInstances"]
    asked = emulator.client("secretsmanager").get_secret_value(SecretId=known["MasterUserSecret"]["SecretArn"])
    owner, at = json.loads(asked["SecretString"]), known["Endpoint"]
    address, port = at["Address"], int(at["Port"])
    if address != backends.place(identifier):
        raise UserError(f"the database of {stack} was told to be at {address}:{port}, where another one is")
    refuse_without_postgres(stack)
    if databases.answers(address, port):
        raise UserError(
            f"somebody listens at {address}:{port} already, where the database of {stack} is: end that first"
        )
    with databases.postgres(
        address=address,
        host=address,
        port=port,
        user=owner["username"],
        password=owner["password"],
        name=known["DBName"],
        data=data,
        again=PATIENCE,
    ) as made:
        yield made


def refuse_without_postgres(whose: str) -> None:
    """Raise `UserError` when this machine has no PostgreSQL."""
    if databases.programs() is None:
        raise UserError(
            f"{whose} keeps what it has in PostgreSQL, which is not on this machine: `apt-get install postgresql`, or "
            "what your system has in place of that"
        )


@contextlib.contextmanager
def _guarded(root: Path) -> Iterator[None]:
    """What runs in `root` ends when we are gone, however we went."""
    with subprocess.Popen(  # noqa: S603
        ["/bin/sh", "-c", _GUARD, sys.executable, _ENDS, str(_ROOT), str(root)],
        stdin=subprocess.PIPE,
        start_new_session=True,
    ) as guard:
        try:
            yield
        finally:
            assert guard.stdin is not None  # noqa: S101
            with contextlib.suppress(BrokenPipeError):
                guard.stdin.write(b"done\n")
                guard.stdin.close()


def _targets(emulator: Emulator, stack: str) -> list[dict[str, Any]]:
    group = _physical(emulator, stack, _TARGETS)
    found = emulator.client("elbv2").describe_target_health(TargetGroupArn=group)["TargetHealthDescriptions"]
    return [one["Target"] for one in found]


def _forget_gone(emulator: Emulator, stack: str) -> None:
    """Take out of service what was killed before it could say so, and listens no more."""
    gone = [one for one in _targets(emulator, stack) if not databases.answers(one["Id"], one["Port"])]
    if gone:
        group = _physical(emulator, stack, _TARGETS)
        targets = [{name: one[name] for name in ("Id", "Port")} for one in gone]
        emulator.client("elbv2").deregister_targets(TargetGroupArn=group, Targets=targets)


@contextlib.contextmanager
def _registered(emulator: Emulator, stack: str, address: str, port: int) -> Iterator[None]:
    elbv2 = emulator.client("elbv2")
    told: dict[str, Any] = {
        "TargetGroupArn": _physical(emulator, stack, _TARGETS),
        "Targets": [{"Id": address, "Port": port}],
    }
    elbv2.register_targets(**told)
    try:
        yield
    finally:
        elbv2.deregister_targets(**told)


def _physical(emulator: Emulator, stack: str, title: str) -> str:
    asked = emulator.client("cloudformation").describe_stack_resource(StackName=stack, LogicalResourceId=title)
    return str(asked["StackResourceDetail"]["PhysicalResourceId"])


def _outputs(emulator: Emulator, stack: str) -> dict[str, str]:
    [found] = emulator.client("cloudformation").describe_stacks(StackName=stack)["Stacks"]
    return {one["OutputKey"]: one["OutputValue"] for one in found.get("Outputs", [])}
