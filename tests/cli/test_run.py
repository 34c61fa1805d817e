"""`run`: what runs of a service on servers, beside its stack: started, asked, seen in its log, and ended."""

from __future__ import annotations

import io
import json
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from tests.cli.commands import ROOT, Done, Shell
from tests.evidence import shows
from tests.sampling import sampled
from tests.system import needs
from troposphere_arch import deploy
from troposphere_arch.cli import main
from troposphere_arch.errors import UserError
from troposphere_arch.local import Emulator, backends, databases
from troposphere_arch.microservices import deploying

NAME, SHOP, STOCK_AS = "laptop", ROOT / "examples/shop", ROOT / "examples/stock-as"
SHAPES = {"stock": "container", "bills": "instances"}
SECONDS = 60.0
"""A start takes a second; a loaded machine may take far longer."""


class Laptop:
    """The commands in a folder with `services`, whose emulator is that of the tests."""

    def __init__(self, home: Path, emulator: Emulator) -> None:
        self.home, self.emulator = home, emulator
        (home / "state").mkdir()
        (home / "state/troposphere-arch").symlink_to(emulator.home)

    def __call__(self, *arguments: str, code: int = 0) -> Done:
        """Type a command to its end, here, which is quicker."""
        out, err = io.StringIO(), io.StringIO()
        with pytest.MonkeyPatch.context() as patch, redirect_stdout(out), redirect_stderr(err):
            patch.chdir(self.home)
            for name in ("state", "cache"):
                patch.setenv(f"XDG_{name.upper()}_HOME", str(self.home / name))
            done = Done(main([*arguments]), out.getvalue(), err.getvalue())
        assert done.code == code, (done.out, done.err)
        return done

    def parameters(self, service: str) -> dict[str, str]:
        [stack] = self.emulator.client("cloudformation").describe_stacks(StackName=f"{NAME}-{service}")["Stacks"]
        return {one["ParameterKey"]: one["ParameterValue"] for one in stack["Parameters"]}

    def targets(self, service: str) -> list[Any]:
        """What the load balancer knows of the service."""
        asked = self.emulator.client("cloudformation").describe_stack_resource(
            StackName=f"{NAME}-{service}", LogicalResourceId="Targets"
        )
        group = asked["StackResourceDetail"]["PhysicalResourceId"]
        found = self.emulator.client("elbv2").describe_target_health(TargetGroupArn=group)
        return [one["Target"] for one in found["TargetHealthDescriptions"]]


class Command:
    """`run`, while it runs."""

    def __init__(self, laptop: Laptop, *arguments: str) -> None:
        self.laptop, self.said = laptop, laptop.home / f"said-{time.monotonic_ns()}"
        with self.said.open("wb") as said:
            self.process = subprocess.Popen(
                [sys.executable, ROOT / "build.py", "run", *arguments],
                cwd=laptop.home,
                env=Shell(laptop.home).environment(),
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=said,
            )

    @property
    def text(self) -> str:
        return self.said.read_text()

    def until(self, pattern: str) -> re.Match[str]:
        """Wait until it has said that."""
        until = time.monotonic() + SECONDS
        while (found := re.search(pattern, self.text, re.MULTILINE)) is None:
            assert self.process.poll() is None and time.monotonic() < until, self.text
            time.sleep(0.02)
        return found

    @property
    def addresses(self) -> list[str]:
        """Where its processes are."""
        self.until("^what .* log")
        return re.findall(r"\b127\.2[35]\.\d+\.\d+", self.until(r"^\w+: \d+ (task|server).*$")[0])

    def ask(self, sku: str, method: str = "GET", body: Any = None) -> Any:
        """Ask as it says one can, by curl, and give what is answered with 200."""
        self.until("^what .* log")
        words = shlex.split(self.until(r"^  (curl .*)$")[1])
        assert words[1:6] == ["-i", "--user", "test:test", "--aws-sigv4", "aws:amz:us-east-1:execute-api"]
        url, data = words[6].replace("{sku}", sku), b"" if body is None else json.dumps(body).encode()
        signed = AWSRequest(method, url, data=data)
        SigV4Auth(Credentials("test", "test"), "execute-api", "us-east-1").add_auth(signed)
        answer = self.laptop.emulator.request(method, url, headers=dict(signed.headers.items()), body=data)
        assert answer.status == 200, (answer.body, self.text)
        return answer.json()

    def end(self, how: signal.Signals) -> int:
        self.process.send_signal(how)
        return self.process.wait(SECONDS)


@pytest.fixture(scope="module")
def laptop(patched: Emulator, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Laptop]:
    backends.forget(patched, "database")
    home = tmp_path_factory.mktemp("laptop")
    services = home / "services"
    services.mkdir()
    (services / "platform.yaml").write_text(f"name: {NAME}\nowner: shop@example.com\nnetwork: nat\n")
    for name, shape in SHAPES.items():
        shutil.copytree(SHOP / "stock", services / name, ignore=shutil.ignore_patterns("test_*", "__pycache__"))
        shutil.copytree(STOCK_AS / shape, services / name, dirs_exist_ok=True)
    yield Laptop(home, patched)
    target = deploy.target_of(patched.client)
    assert not [one for one in deploying.down(target, deploying.standing(target, NAME), purge=True) if one.is_bad]


@pytest.fixture(scope="module")
def up(laptop: Laptop) -> str:
    """The stacks are up; what `up` said last."""
    return laptop("up", "services/").out.splitlines()[-1]


@pytest.fixture
def kept() -> Iterator[Path]:
    """A directory that is not there yet, and where the user of PostgreSQL may be, who is another than root."""
    with tempfile.TemporaryDirectory(prefix="kept-") as name:
        Path(name).chmod(0o755)
        yield Path(name, "database")


@contextmanager
def running(laptop: Laptop, *arguments: str) -> Iterator[Command]:
    command = Command(laptop, *arguments)
    try:
        yield command
    finally:
        if command.process.poll() is None:
            command.end(signal.SIGTERM)


@pytest.mark.xdist_group("laptop")
@sampled(2, each=True)
@shows("REQ-M3", "REQ-M5", how="real")
def test_a_container_is_run_from_its_folder_and_ends_with_the_command(laptop: Laptop, up: str) -> None:
    assert "no process yet of bills (instances), stock (container)" in up
    assert " run FOLDER`" in up
    assert laptop.parameters("stock")["ImageTag"] == "none"
    with running(laptop, "services/stock") as first:
        first.ask("tea", "PUT", {"units": 5, "cents": 10})
        tag = laptop.parameters("stock")["ImageTag"]
        assert tag.startswith("1.0.0-")
        # In another terminal.
        with running(laptop, "services/stock", "--count", "2") as second:
            assert len({*first.addresses, *second.addresses}) == 3
            assert {one["Id"] for one in laptop.targets("stock")} == {*first.addresses, *second.addresses}
            assert first.end(signal.SIGINT) == 0
            assert second.ask("tea") == {"sku": "tea", "units": 5, "cents": 10}
            last = second.until(r'^(\S+)  \{.*"route": "GET /stock/\{sku\}", "status": 200')
            assert last[1] in second.addresses
            # What was set stays, and what has a process is not said to have none.
            again = laptop("up", "services/stock").out
            assert "no process yet" not in again
            assert laptop.parameters("stock")["ImageTag"] == tag
            assert second.end(signal.SIGTERM) == 0
    assert laptop.targets("stock") == []
    assert not [one for one in (*first.addresses, *second.addresses) if databases.answers(one, 8080)]


@pytest.mark.xdist_group("laptop")
@sampled(2, each=True)
@needs("postgres")
@shows("REQ-M3", "REQ-M5", how="real")
def test_instances_have_a_real_database_and_nothing_outlives_the_command(laptop: Laptop, up: str, kept: Path) -> None:
    [database] = laptop.emulator.client("rds").describe_db_instances()["DBInstances"]
    host, port = database["Endpoint"]["Address"], database["Endpoint"]["Port"]
    assert not databases.answers(host, port)
    with running(laptop, "services/bills", "--data", str(kept)) as bills:
        assert bills.ask("tea", "PUT", {"units": 7, "cents": 10})["units"] == 7
        assert bills.ask("tea")["units"] == 7
        [address] = bills.addresses
        assert databases.answers(host, port)
        taken = laptop("run", "services/bills", code=2)
        assert f"somebody listens at {host}:{port} already" in taken.err
        # However it ends.
        bills.end(signal.SIGKILL)
    until = time.monotonic() + SECONDS
    while databases.answers(host, port) or databases.answers(address, 8080):
        assert time.monotonic() < until
        time.sleep(0.02)
    assert (kept / "PG_VERSION").exists()


@needs("postgres")
@shows("REQ-M3", how="real")
def test_a_directory_of_a_database_is_there_for_the_next_one(kept: Path) -> None:
    """Another run may know another password: a stack that was made again has one."""
    with databases.postgres(data=kept, password="one's") as first:
        first.run("CREATE TABLE kept (number integer)")
        first.run("INSERT INTO kept VALUES (42)")
        with pytest.raises(UserError, match="is in use by the process"), databases.postgres(data=kept):
            pass
    with databases.postgres(data=kept, address="127.24.0.1", host="127.24.0.1", password="another") as second:
        assert second.run("SELECT number FROM kept") == [{"number": 42}]
    (kept / "PG_VERSION").write_text("9\n")
    with pytest.raises(UserError, match="is of PostgreSQL 9, and this machine has"), databases.postgres(data=kept):
        pass
    with pytest.raises(UserError, match="something else in it"), databases.postgres(data=kept.parent):
        pass


def test_what_cannot_be_run_is_said_in_a_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    services = tmp_path / "services"
    shutil.copytree(SHOP / "stock", services / "goods", ignore=shutil.ignore_patterns("test_*", "__pycache__"))
    shutil.copytree(services / "goods", services / "stock")
    shutil.copytree(STOCK_AS / "container", services / "stock", dirs_exist_ok=True)
    (services / "platform.yaml").write_text("name: shop\nowner: shop@example.com\nnetwork: nat\n")
    (services / "any").mkdir()
    front = 'shape: front\nowner: shop@example.com\ndescription: Any.\nroutes: ["GET /stock/{sku}"]\n'
    (services / "any/service.yaml").write_text(front)

    def said(*words: str, code: int = 2) -> str:
        capsys.readouterr()
        assert main(["run", *words]) == code
        told = capsys.readouterr()
        text = told.err if code else told.out
        assert len(text.splitlines()) == 1
        return text

    assert "nothing needs to be started: the emulator runs its function" in said("services/goods", code=0)
    assert "it has no code" in said("services/any", code=0)
    assert "name the folder of one" in said("services")
    assert "`python build.py up services/stock` first" in said("services/stock")
    assert "--data is for a service with a database only" in said("services/stock", "--data", "here")
    assert "is no number from 1 to 10" in said("services/stock", "--count", "0")
