"""The way of somebody who has only installed the package: a system, its tests, and all of it up, without a checkout."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.commands import ROOT, Done, Shell
from tests.evidence import shows
from tests.system import needs
from troposphere_arch.microservices.declaration import SHAPES

NEW = """
import pathlib, sys
from troposphere_arch.cli import main
assert main(["new-service", "items", "--shape", "http", "--owner", "me@example.com"]) == 0
declaration, handler = (pathlib.Path("services/items") / name for name in ("service.yaml", "handler.py"))
declaration.write_text(declaration.read_text() + "publishes: [item-put]\\n")
code = handler.read_text().replace("import http, table", "import http, publishing, table")
handler.write_text(code.replace("    return item", "    publishing.publish('item-put', item)\\n    return item"))
platform = pathlib.Path("services/platform.yaml")
platform.write_text(platform.read_text() + "network: nat\\n")
for shape in sys.argv[1:]:
    assert main(["new-service", f"by-{shape}", "--shape", shape]) == 0
"""
# What these have besides: servers, and what is cached, keep their items by a module of its own.
STORED = {
    "http-cached": ("store.py",),
    "container": ("store.py", "Dockerfile"),
    "instances": ("store.py",),
}
# What is up already is left so by the fixtures of the services' own tests; it goes at the end.
ALL_UP = """
import pathlib, pytest
from troposphere_arch.microservices import testing

@pytest.fixture(scope="session", autouse=True)
def system():
    with testing.deployed(pathlib.Path(__file__).parent):
        yield
"""


class Library:
    """The installed command, in a folder of its own, with caches, state and emulator of its own."""

    def __init__(self, home: Path) -> None:
        self.work = home / "kiosk"
        self.work.mkdir()
        site = install(home)
        self.environment = {**Shell(home).environment(), "PYTHONPATH": str(site), "PYTHONDONTWRITEBYTECODE": "1"}

    def __call__(self, *arguments: str) -> Done:
        return self.python("-m", "troposphere_arch", *arguments)

    def python(self, *arguments: str) -> Done:
        done = subprocess.run(
            [sys.executable, *arguments],
            cwd=self.work,
            env=self.environment,
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            timeout=300,
        )
        return Done(done.returncode, done.stdout, done.stderr)


def install(home: Path) -> Path:
    """`pip install .` without what it needs, of a copy, so that no build directory is left in the checkout."""
    source = home / "source"
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "troposphere_arch", source / "troposphere_arch", ignore=ignored)
    for name in ("setup.cfg", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-compile", "--target", home / "site"]
    subprocess.run([*pip, source], check=True, capture_output=True)
    shutil.rmtree(source)
    return home / "site"


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Library]:
    found = Library(tmp_path_factory.mktemp("library"))
    yield found
    found("down")


@needs("postgres")
@shows("REQ-M1", "REQ-M3", "REQ-M9", how="patched")
def test_a_service_of_each_shape_is_made_tested_and_up(library: Library) -> None:
    services = library.work / "services"
    others = [shape for shape in SHAPES if shape != "http"]
    made = library.python("-c", NEW, *others)  # one process for all: cfn-lint takes long to import
    assert made.code == 0, made.err
    for shape in others:
        folder = services / f"by-{shape}"
        test = f"test_by_{shape.replace('-', '_')}.py"
        code = set() if shape == "front" else {"handler.py", *STORED.get(shape, ())}
        assert {path.name for path in folder.iterdir()} == code | {"README.md", "service.yaml", test}
        assert not [path.name for path in folder.iterdir() if "scaffold" in path.read_text()]
    assert [path for path in services.iterdir() if path.name.startswith(".")] == []
    assert "(nothing changed)" in library("build", "services").out

    (services / "conftest.py").write_text(ALL_UP)
    tests = library.python("-m", "pytest", "-q", "-p", "no:cacheprovider", "services")
    assert (tests.code, "13 passed" in tests.out) == (0, True), tests.out + tests.err

    up = library("up", "services", "--port", free_port(), "--json")
    assert up.code == 0, up.err
    stacks = json.loads(up.out)["stacks"]
    assert {one["what"] for one in stacks} == {"created"}
    assert {one["service"] for one in stacks} == {"platform", "items", *(f"by-{shape}" for shape in others)}
    down = library("down", "services")
    assert (down.code, "nothing is left" in down.out) == (0, True), down.err
    assert not [path for path in (library.work.parent / "state").rglob("*") if path.is_file()]


def free_port() -> str:
    import socket

    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return str(s.getsockname()[1])
