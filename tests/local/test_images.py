"""Images on this machine: the Dockerfile of a new container is followed, and what its task is told to run serves."""

from __future__ import annotations

import json
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from tests.cli.services import change
from tests.evidence import shows
from tests.microservices.systems import OWNER, service
from troposphere_arch.cli import main
from troposphere_arch.errors import UserError
from troposphere_arch.local import images
from troposphere_arch.microservices import reading, templates

SCAFFOLD = Path(str(files("troposphere_arch"))) / "microservices/scaffolds/container/Dockerfile"
HASH = f"--hash=sha256:{'a' * 64}"
DOCKERFILE = """\
FROM python:3.13-slim
WORKDIR /app
COPY requirements.txt ./
RUN pip install --require-hashes -r requirements.txt
COPY index.py ./
USER 10001
EXPOSE 8080
CMD ["gunicorn", "index:application"]
"""
WAIT_SECONDS = 60


@pytest.fixture
def stock(tmp_path: Path) -> Path:
    """A container service whose Dockerfile is that of a new one."""
    folder = tmp_path / "services"
    made = service(folder, "stock", "container", table=True)
    (folder / "platform.yaml").write_text(f"name: shop\nowner: {OWNER}\nnetwork: nat\n")
    declared = {"shape": "container", "owner": OWNER, "description": "Keeps.", "routes": list(made.routes)}
    declared |= {"table": True, "port": made.port, "health": made.health}
    (made.folder / "service.yaml").write_text(json.dumps(declared))
    (made.folder / "Dockerfile").write_text(SCAFFOLD.read_text())
    return made.folder


def context(stock: Path) -> Path:
    into = stock.parents[1] / "context"
    assert main(["image", str(stock), "--into", str(into)]) == 0
    return into


def task_of(stock: Path) -> Any:
    """The container of the task definition, as the template of the service has it."""
    draft = templates.draft(reading.read(stock.parent), "stock")
    template = json.loads(draft.files["shop-stock/1.0.0/shop-stock.template.json"])
    [container] = template["Resources"]["Task"]["Properties"]["ContainerDefinitions"]
    return container


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def running(image: images.Image, task: Any, port: int) -> Iterator[subprocess.Popen[str]]:
    """The process that the task is, in the image, at a port of this machine in place of the container's."""
    [there] = [one["ContainerPort"] for one in task["PortMappings"]]
    command = [word.replace(f"0.0.0.0:{there}", f"127.0.0.1:{port}") for word in task["Command"]]
    told = {one["Name"]: one["Value"] for one in task["Environment"] if isinstance(one["Value"], str)}
    told |= {"AWS_REGION": "us-east-1", "AWS_DEFAULT_REGION": "us-east-1", "ITEMS_TABLE": "items"}
    process = subprocess.Popen(
        image.argv(command),
        cwd=image.directory(image.workdir),
        env=image.variables(told),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        yield process
    finally:
        process.terminate()
        process.communicate(timeout=WAIT_SECONDS)


def answered(port: int, path: str, process: subprocess.Popen[str]) -> int:
    """The status of the answer, once the process listens; 0 when it has ended."""
    until = time.monotonic() + WAIT_SECONDS
    while time.monotonic() < until:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as error:
            return error.code
        except OSError:
            if process.poll() is not None:
                return 0
            time.sleep(0.02)
    raise AssertionError("it neither answers nor ends")


@shows("REQ-M3", how="real")
def test_what_the_task_is_told_to_run_serves_in_the_image(stock: Path, tmp_path: Path) -> None:
    image, task, port = images.built(context(stock), tmp_path / "root"), task_of(stock), free_port()
    assert image.user == task["User"]
    assert list(image.exposed) == [one["ContainerPort"] for one in task["PortMappings"]]
    assert list(image.command) == task["Command"]
    assert [mount["ContainerPath"] for mount in task["MountPoints"]] == list(image.volumes)
    kind, *check = task["HealthCheck"]["Command"]
    assert kind == "CMD"

    def healthy(path: str = "/health") -> bool:
        words = [word.replace(":8080/health", f":{port}{path}") for word in image.argv(check)]
        return subprocess.run(words, env=image.variables({}), stderr=subprocess.DEVNULL).returncode == 0

    with running(image, task, port) as process:
        assert answered(port, "/health", process) == 200
        assert healthy()
        assert not healthy("/elsewhere")
    assert process.returncode == 0, "it ends when it is told to"
    assert not healthy()


@shows("REQ-M3", how="real")
@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("COPY index.py ./\n", ""),
        ("COPY index.py ./\n", "COPY index.py main.py\n"),
        ("COPY index.py ./\n", "COPY index.py ./\nWORKDIR /elsewhere\n"),
        ("COPY index.py ./\n", "COPY index.py ./\nCOPY requirements.txt index.py\n"),
    ],
    ids=["no-copy", "renamed", "elsewhere", "another-file"],
)
def test_an_image_without_the_code_does_not_serve(stock: Path, tmp_path: Path, old: str, new: str) -> None:
    change(stock / "Dockerfile", old, new)
    image, port = images.built(context(stock), tmp_path / "root"), free_port()
    with running(image, task_of(stock), port) as process:
        assert answered(port, "/health", process) == 0
    assert process.returncode not in (0, None)


@pytest.mark.parametrize("package", ["boto3", "urllib3"])
def test_an_image_without_a_package_does_not_serve(stock: Path, tmp_path: Path, package: str) -> None:
    handler = stock / "handler.py"
    handler.write_text(f"import boto3\n{handler.read_text()}")
    built = context(stock)
    pins = (built / "requirements.txt").read_text().splitlines(keepends=True)
    [at] = [number for number, line in enumerate(pins) if line.startswith(f"{package}==")]
    (built / "requirements.txt").write_text("".join(pins[:at] + pins[at + 2 :]))
    image, port = images.built(built, tmp_path / "root"), free_port()
    assert package not in image.packages
    with running(image, task_of(stock), port) as process:
        assert answered(port, "/health", process) == 0


def test_an_image_without_its_server_has_nothing_to_run(stock: Path, tmp_path: Path) -> None:
    built = context(stock)
    (built / "requirements.txt").write_text(f"six==1.17.0 {HASH}\n")
    image = images.built(built, tmp_path / "root")
    with pytest.raises(UserError, match=r'exec: "gunicorn": executable file not found'):
        image.argv(task_of(stock)["Command"])


@pytest.fixture
def beside(tmp_path: Path) -> Path:
    """What a Dockerfile needs beside it."""
    folder = tmp_path / "context"
    folder.mkdir()
    (folder / "Dockerfile").write_text(DOCKERFILE)
    (folder / "index.py").write_text("application = None\n")
    (folder / "requirements.txt").write_text(f"six==1.17.0 \\\n    {HASH}\n")
    return folder


def test_what_an_image_is(beside: Path, tmp_path: Path) -> None:
    change(beside / "Dockerfile", "WORKDIR /app\n", "ARG AT=app\nENV HOME=/srv A='b c'\nWORKDIR $HOME/${AT}\n")
    change(beside / "Dockerfile", "USER 10001", "RUN useradd --uid 10001 server && mkdir -p data\nUSER server")
    change(beside / "Dockerfile", "CMD [", 'ENTRYPOINT ["python", "-m"]\nCMD [')
    image = images.built(beside, tmp_path / "root")
    assert (image.workdir, image.user, image.exposed) == ("/srv/app", "server", (8080,))
    assert image.command == ("python", "-m", "gunicorn", "index:application")
    assert image.environment == {"HOME": "/srv", "A": "b c"}
    assert image.packages == {"six": images.Package("1.17.0", ("a" * 64,))}
    assert sorted(path.name for path in image.directory("/srv/app").iterdir()) == [
        "data",
        "index.py",
        "requirements.txt",
    ]
    assert image.variables({"A": "d"})["A"] == "d"
    script = "import importlib.util as util; print([bool(util.find_spec(name)) for name in ('six', 'boto3')])"
    seen = subprocess.run(image.argv(["python", "-c", script]), env=image.variables({}), capture_output=True, text=True)
    assert seen.stdout == "[True, False]\n", "what pip was not asked for is not there"


@shows("REQ-M3", how="simulated")
@pytest.mark.parametrize(
    ("old", "new", "line", "said"),
    [
        ("EXPOSE", "HEALTHCHECK", 7, "HEALTHCHECK is not known here"),
        ("EXPOSE 8080", "EXPOSE http", 7, "no port"),
        ("FROM python:3.13-slim", "FROM debian", 1, "only images of Python"),
        ("FROM", "WORKDIR /app\nFROM", 1, "before FROM"),
        ("USER 10001", "FROM python\nUSER 10001", 6, "several stages"),
        ("USER 10001", "USER server", 6, "unable to find user server"),
        ("COPY index.py", "COPY main.py", 5, "main.py"),
        ("COPY index.py", "COPY .dockerignore", 5, ".dockerignore"),
        ("COPY index.py", "COPY --link index.py", 5, "--link"),
        ("COPY index.py", "COPY $CODE", 5, "$CODE is set nowhere"),
        ("COPY requirements.txt ./\n", "", 3, "COPY it first"),
        ("RUN pip", "RUN apt-get update && pip", 4, "apt-get"),
        ("-r requirements.txt", "boto3", 4, "boto3"),
        ("-r requirements.txt", "--index-url https://example.com/ -r requirements.txt", 4, "--index-url"),
        ('CMD ["gunicorn", "index:application"]', "CMD gunicorn index:application", 8, "as a list"),
    ],
    ids=lambda value: None if isinstance(value, int) else "-",
)
def test_what_is_not_known_or_not_there(beside: Path, tmp_path: Path, old: str, new: str, line: int, said: str) -> None:
    change(beside / "Dockerfile", old, new)
    (beside / ".dockerignore").write_text("*\n!index.py\n!requirements.txt\n")
    with pytest.raises(UserError) as raised:
        images.built(beside, tmp_path / "root")
    assert str(raised.value).startswith(f"{beside / 'Dockerfile'}:{line}: ")
    assert said in str(raised.value)


@pytest.mark.parametrize(
    "pin", ["six", "six==1.17.0", f"six>=1 {HASH}", "-e ."], ids=["name", "no-hash", "range", "-e"]
)
def test_a_package_that_is_not_pinned(beside: Path, tmp_path: Path, pin: str) -> None:
    (beside / "requirements.txt").write_text(f"{pin}\n")
    with pytest.raises(UserError, match="not pinned by version and hash"):
        images.built(beside, tmp_path / "root")


def test_a_root_that_is_something_else(beside: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="not empty"):
        images.built(beside, tmp_path)
