"""Folders of services, written out as a user has them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from tests.cli.commands import Shell
from troposphere_arch.errors import UserError
from troposphere_arch.microservices.declaration import System
from troposphere_arch.microservices.reading import read

HANDLER = "def handler(event, context):\n    return None\n"
PLATFORM = "name: shop\nowner: shop@example.com\n"
OWNED = "owner: shop@example.com\ndescription: Does what it does.\n"
# One of each shape, which use each other.
SERVICES = {
    "orders": 'routes: [POST /orders, "GET /orders/{id}"]\n'
    'calls:\n  stock: ["GET /stock/{sku}"]\n  status: ["GET /requests/{id}"]\n'
    "publishes: [order-placed, order-paid]\n",
    "stock": 'routes: ["GET /stock/{sku}", "PUT /stock/{sku}"]\ntable: true\n',
    "fulfilment": "subscribes: {orders: [order-placed]}\nsends: [payments, statistics]\n",
    "payments": "fifo: true\nconcurrency: 5\nputs: [invoices]\n",
    "statistics": "timeout: 900\n",
    "invoices": "prefix: paid/\n",
}
SHAPES = {
    "orders": "http",
    "stock": "http",
    "fulfilment": "topic",
    "payments": "queue",
    "statistics": "stream",
    "invoices": "bucket",
}


def declared(name: str, more: str = "") -> str:
    """The declaration of one of `SERVICES`, which begins with its shape, and three more lines of it."""
    return f"shape: {SHAPES[name]}\n{OWNED}{SERVICES[name]}{more}"


@pytest.fixture
def build(tmp_path: Path) -> Shell:
    """`python build.py` in the directory in which `services` is."""
    return Shell(tmp_path)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """`services`, from the current directory, with nothing in it yet."""
    monkeypatch.chdir(tmp_path)
    Path("services").mkdir()
    return Path("services")


@pytest.fixture
def shop(folder: Path) -> Callable[..., Path]:
    """Writes the shop into the folder; `files` are further files, or others in place of its own, None for not there."""

    def write(files: Mapping[str, str | bytes | None] | None = None) -> Path:
        own: dict[str, str | bytes | None] = {"platform.yaml": PLATFORM}
        for name in SERVICES:
            own |= {f"{name}/service.yaml": declared(name), f"{name}/handler.py": HANDLER}
        return put(folder, own | dict(files or {}))

    return write


def put(folder: Path, files: Mapping[str, str | bytes | None]) -> Path:
    """Write the files into the folder. What is declared, but a front, has a handler, unless one is given."""
    for name, content in files.items():
        if content is None:
            continue
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        handler = path.with_name("handler.py")
        has_code = path.name == "service.yaml" and b"shape: front\n" not in path.read_bytes()
        if has_code and str(handler.relative_to(folder)) not in files:
            handler.write_text(HANDLER)
    return folder


def problems(folder: Path) -> list[str]:
    """The lines that tell what is wrong, without the first when there are several; none when nothing is."""
    try:
        read(folder)
    except UserError as error:
        first, *others = str(error).split("\n")
        if not others:
            return [first]
        assert first == f"{folder} has {len(others)} problems"
        return others
    return []


def system(folder: Path) -> System:
    """What is declared in the folder, with nothing wrong."""
    return read(folder)
