"""The tasks of a service of ECS on this machine: what its task definition says, run as processes, behind its targets.

    ECS: service, task definition ──▶ the image's root ──▶ gunicorn on 127.23.x.y:PORT ◀── target group ◀── listener
    IAM: role of the task ──▶ credentials ──┘

Nothing needs to be root, nor a container. What is run is what the service says as it is deployed: its image's files
(`images.built`), the container's command and variables, the role that ECS may assume, and it is registered in the
target group once it answers its health check. The address of each task is one of this machine (127.23.0.0/16, as Linux
has it without being asked) in place of 0.0.0.0 in the command. Python reaches other services by their names, as far as
the task's subnets let it, and nothing else outside this machine. So what is not shown is the container itself: limits
of CPU and memory, a read-only file system, users, capabilities, and the log's way.

Processes end with whoever started them, also when that is killed.
"""

from __future__ import annotations

import contextlib
import http.client
import os
import random
import re
import signal
import socket
import subprocess
import tempfile
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from troposphere_arch.errors import UserError
from troposphere_arch.local import roles
from troposphere_arch.local.backends import authorities
from troposphere_arch.local.emulator import DEFAULT_REGION, Emulator
from troposphere_arch.local.files import TMP
from troposphere_arch.local.images import Image

START_SECONDS = 60
"""It takes a part of a second; a loaded machine may take far longer."""
REFUSALS = 3
"""So many times it may answer its health check wrongly before it counts as one that never will."""
ADDRESSES = 20

_ECS = "ecs-tasks.amazonaws.com"
_EVERYWHERE = "0.0.0.0"  # noqa: S104 - what is replaced
_OWN = re.compile(r"\b(?:127\.0\.0\.1|localhost)\b")
_GUARD = 'read done && exit 0; kill -9 "-$1"'
"""Waits until we say that all is well, or are gone."""


@dataclass(frozen=True)
class Definition:
    """What ECS knows of the service and of its tasks."""

    service: str
    role: str
    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str]
    workdir: str
    port: int
    health: tuple[str, ...]
    stop_seconds: int
    groups: tuple[Mapping[str, Any], ...]
    count: int


@dataclass
class Task:
    """One task. It is registered while it is `in_service`."""

    definition: Definition
    address: str
    process: subprocess.Popen[bytes]
    log: Path
    guard: subprocess.Popen[bytes] = field(repr=False)
    in_service: bool = False

    @property
    def url(self) -> str:
        """Where it answers, without a slash at the end."""
        return f"http://{self.address}:{self.definition.port}"

    @property
    def alive(self) -> bool:
        """Whether its first process runs."""
        return self.process.poll() is None

    @property
    def output(self) -> str:
        """What it has written."""
        return self.log.read_text(errors="replace")

    def kill(self) -> None:
        """End all of it with -9. It stays registered, as until ECS notices."""
        self._signal(signal.SIGKILL)
        self.process.wait()

    def stop(self) -> int:
        """End it as ECS does: SIGTERM, and -9 for what is left after `StopTimeout`. Its exit code."""
        with contextlib.suppress(ProcessLookupError):
            self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(self.definition.stop_seconds)
        except subprocess.TimeoutExpired:
            pass
        finally:
            self._signal(signal.SIGKILL)  # also what its first process left behind
        code = self.process.wait()
        assert self.guard.stdin is not None  # noqa: S101
        with contextlib.suppress(BrokenPipeError):
            self.guard.stdin.write(b"done\n")
            self.guard.stdin.close()
        self.guard.wait()
        return code

    def _signal(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, number)


@dataclass
class Running:
    """The tasks of a service, as they run. `image` is what new ones are made from."""

    emulator: Emulator
    cluster: str
    service: str
    image: Image
    home: Path
    region: str = DEFAULT_REGION
    tasks: list[Task] = field(default_factory=list)

    def start(self) -> Task:
        """One more task, in service. Raises UserError, in one line, when it never gets there."""
        definition = read(self.emulator, self.cluster, self.service, region=self.region)
        return self._in_service(self._started(definition))

    def end(self, task: Task) -> int:
        """Take it out of service, then stop it. Its exit code."""
        self._deregister(task)
        self.tasks.remove(task)
        return task.stop()

    def renew(self, image: Image | None = None) -> None:
        """What ECS does when the service has changed: as many tasks of now, and then the ones before go."""
        before = list(self.tasks)
        self.image = image or self.image
        for _ in before:
            self.start()
        for task in before:
            self.end(task)

    def end_all(self) -> None:
        """End all tasks, whatever happens to one of them."""
        with contextlib.ExitStack() as stack:
            for task in self.tasks:
                stack.callback(task.stop)
                if task.in_service:
                    stack.callback(self._deregister, task)
        self.tasks.clear()

    def _started(self, definition: Definition) -> Task:
        session = uuid.uuid4().hex
        log = self.home / f"{session}.log"
        told = dict(definition.environment)
        if definition.role:
            told |= roles.variables(
                self.emulator,
                definition.role,
                _ECS,
                _task_arn(definition.service, session),
                session,
                region=self.region,
            )
        address = _free_address(definition.port)
        argv = self.image.argv([one.replace(_EVERYWHERE, address) for one in definition.command or self.image.command])
        program = self._keeping_here(argv, definition)
        with log.open("wb") as output:
            process = subprocess.Popen(  # noqa: S603 - the command of the task, which is what this is for
                program,
                cwd=self.image.directory(definition.workdir or self.image.workdir),
                env=self.image.variables(told),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
            guard = subprocess.Popen(  # noqa: S603
                ["/bin/sh", "-c", _GUARD, "sh", str(process.pid)], stdin=subprocess.PIPE, start_new_session=True
            )
        task = Task(definition, address, process, log, guard)
        self.tasks.append(task)
        return task

    def _keeping_here(self, argv: Sequence[str], definition: Definition) -> list[str]:
        """The same program, after what lets Python find names in the emulator, and nowhere else."""
        before = Path(__file__).with_name("patches") / "inside_function.py"
        known = str(authorities(self.emulator.home / TMP))
        at = next((number for number, word in enumerate(argv) if number and not word.startswith("-")), len(argv))
        options, words = [word for word in argv[1:at] if word != "-m"], argv[at:]
        if "-c" in options or not words:
            raise UserError(f"the command {' '.join(argv)} is not known here: a program, or a script of Python, is")
        run = "run_module" if "-m" in argv[1:at] else "run_path"
        start = self.home / "start.py"
        start.write_text(
            f"{before.read_text()}\n\n_keep_here({self.emulator.port}, {known!r}, {definition.service!r})\n"
            "import runpy, sys\n\nsys.argv[:] = sys.argv[1:]\nsys.path[0] = os.getcwd()\n"
            f"runpy.{run}(sys.argv[0], run_name='__main__'{', alter_sys=True' if run == 'run_module' else ''})\n"
        )
        return [argv[0], *options, str(start), *words]

    def _in_service(self, task: Task) -> Task:
        try:
            for group in task.definition.groups or ({},):
                _await(task, group)
            self._check_container(task)
            for group in task.definition.groups:
                self._elbv2().register_targets(TargetGroupArn=group["TargetGroupArn"], Targets=[_target(task)])
            task.in_service = True
        except BaseException:
            self.tasks.remove(task)
            task.kill()
            task.stop()
            raise
        return task

    def _check_container(self, task: Task) -> None:
        """The container's own health check, once. It asks the container's own address."""
        kind, *command = task.definition.health or ("NONE",)
        if kind == "NONE":
            return
        if kind != "CMD":
            raise UserError(f"the container's health check is {kind}, which is not known here: only CMD is")
        argv = self.image.argv([_OWN.sub(task.address, word) for word in command])
        told = self.image.variables(task.definition.environment)
        done = subprocess.run(argv, env=told, capture_output=True, check=False)  # noqa: S603
        if done.returncode:
            said = (done.stderr or done.stdout).decode(errors="replace")
            raise UserError(f"the container's own health check failed: {_last_line(said)}")

    def _deregister(self, task: Task) -> None:
        task.in_service = False
        for group in task.definition.groups:
            self._elbv2().deregister_targets(TargetGroupArn=group["TargetGroupArn"], Targets=[_target(task)])

    def _elbv2(self) -> Any:
        return self.emulator.client("elbv2", region=self.region)


@contextlib.contextmanager
def running(
    emulator: Emulator,
    cluster: str,
    service: str,
    image: Image,
    *,
    count: int | None = None,
    region: str = DEFAULT_REGION,
) -> Iterator[Running]:
    """So many tasks of the service, in service, and ended afterwards; as many as ECS was told without `count`.

    Raises UserError, in one line, for a service that is not there, and for a task that does not get into service: its
    command ends, nobody listens at the container's port, its health check has another answer, or ECS may not assume its
    role.
    """
    with tempfile.TemporaryDirectory(prefix="tasks-") as home:
        made = Running(emulator, cluster, service, image, Path(home), region)
        try:
            definition = read(emulator, cluster, service, region=region)
            wanted = definition.count if count is None else count
            # All start at once, and then each is waited for.
            for task in [made._started(definition) for _ in range(wanted)]:
                made._in_service(task)
            yield made
        finally:
            made.end_all()


def read(emulator: Emulator, cluster: str, service: str, *, region: str = DEFAULT_REGION) -> Definition:
    """What ECS, and the target groups, know of a service. Raises UserError for what is not known here."""
    ecs, elbv2 = emulator.client("ecs", region=region), emulator.client("elbv2", region=region)
    found = ecs.describe_services(cluster=cluster, services=[service])["services"]
    if not found or found[0]["status"] != "ACTIVE":
        raise UserError(f"{service}: ECS has no such service in the cluster {cluster}")
    [known] = found
    definition = ecs.describe_task_definition(taskDefinition=known["taskDefinition"])["taskDefinition"]
    containers = definition["containerDefinitions"]
    if len(containers) != 1:
        raise UserError(f"{definition['family']} has {len(containers)} containers; one is known here")
    [container] = containers
    if container.get("secrets"):
        raise UserError(f"the container {container['name']} has secrets, which are not known here")
    balancers = known.get("loadBalancers", [])
    arns = [one["targetGroupArn"] for one in balancers]
    groups = elbv2.describe_target_groups(TargetGroupArns=arns)["TargetGroups"] if arns else []
    ports = [int(one["containerPort"]) for one in balancers or container.get("portMappings", [])]
    if not ports:
        raise UserError(f"the container {container['name']} has no port")
    return Definition(
        service=known["serviceArn"],
        role=definition.get("taskRoleArn", ""),
        name=container["name"],
        command=(*container.get("entryPoint", ()), *container.get("command", ())),
        environment={one["name"]: one["value"] for one in container.get("environment", [])},
        workdir=container.get("workingDirectory", ""),
        port=ports[0],
        health=tuple((container.get("healthCheck") or {}).get("command", ())),
        stop_seconds=int(container.get("stopTimeout", 30)),
        groups=tuple(groups),
        count=int(known["desiredCount"]),
    )


def _await(task: Task, group: Mapping[str, Any]) -> None:
    """Wait until the task passes the health check of the target group; without one, until it listens."""
    port, path = task.definition.port, group.get("HealthCheckPath", "")
    until, refusals, said = time.monotonic() + START_SECONDS, 0, "nobody listens there"
    while time.monotonic() < until and refusals < REFUSALS:
        if not task.alive:
            raise UserError(f"the task ended with code {task.process.returncode}: {_last_line(task.output)}")
        try:
            status = _ask(task.address, port, path)
        except (OSError, http.client.HTTPException):
            time.sleep(0.02)
            if _listens_elsewhere(task):
                refusals = REFUSALS
            continue
        if not path or _fits(status, group["Matcher"]["HttpCode"]):
            return
        refusals, said = refusals + 1, f"it answers {status}, not {group['Matcher']['HttpCode']}"
        time.sleep(0.1)
    raise UserError(f"the task does not get into service: GET {task.url}{path}: {said}")


def _listens_elsewhere(task: Task) -> bool:
    """Whether it says that it serves, at an address that is not the container's."""
    listening = re.search(r"Listening at: http://(\S+)", task.output)
    return listening is not None and listening[1] != f"{task.address}:{task.definition.port}"


def _ask(address: str, port: int, path: str) -> int:
    connection = http.client.HTTPConnection(address, port, timeout=5)
    try:
        if not path:
            connection.connect()
            return 200
        connection.request("GET", path, headers={"User-Agent": "ELB-HealthChecker/2.0"})
        return connection.getresponse().status
    finally:
        connection.close()


def _fits(status: int, codes: str) -> bool:
    spans = [part.strip().partition("-") for part in codes.split(",")]
    return any(int(first) <= status <= int(last or first) for first, _, last in spans)


def _target(task: Task) -> dict[str, Any]:
    return {"Id": task.address, "Port": task.definition.port}


def _task_arn(service: str, session: str) -> str:
    """arn:aws:ecs:<region>:<account>:task/<cluster>/<id> of a service's ARN."""
    return f"{service.rpartition('/')[0].replace(':service/', ':task/')}/{session}"


def _free_address(port: int) -> str:
    """An address of this machine where nobody listens on that port."""
    for _ in range(ADDRESSES):
        address = f"127.23.{random.randint(0, 255)}.{random.randint(1, 254)}"  # noqa: S311 - no secret
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((address, port))
            except OSError as error:
                problem = error
                continue
        return address
    raise UserError(f"no address of 127.23.0.0/16 is free on port {port}: {problem}")


def _last_line(text: str) -> str:
    lines = [line for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else "it said nothing"
