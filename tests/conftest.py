"""What tests share: emulators, one of each kind per pytest process, on a port and in a directory of their own, and
marks of what was linted in this run.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.commands import MARKS, Shell
from troposphere_arch import local
from troposphere_arch.local import databases


@pytest.fixture(scope="session")
def lint_marks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The marks of what was clean when it was linted in this run, by whichever worker; our templates to begin with.

    A mark is named by all that it depends on, and what is not clean gets none. No run knows those of another.
    """
    own = tmp_path_factory.getbasetemp()
    home = (own.parent if "PYTEST_XDIST_WORKER" in os.environ else own) / "linted"
    home.mkdir(exist_ok=True)
    with (home / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (home / MARKS).is_dir():
            Shell(home)("--check")
            (home / MARKS).mkdir(parents=True, exist_ok=True)
    return home / MARKS


@pytest.fixture(scope="session")
def stock(tmp_path_factory: pytest.TempPathFactory) -> Iterator[local.Emulator]:
    """The unmodified emulator."""
    emulator = local.start(port=0, patched=False, home=tmp_path_factory.mktemp("stock"))
    try:
        yield emulator
    finally:
        emulator.stop()


@pytest.fixture(scope="session")
def patched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[local.Emulator]:
    """The emulator with every patch of `troposphere_arch.local.patches`."""
    emulator = local.start(port=0, patched=True, home=tmp_path_factory.mktemp("patched"))
    try:
        yield emulator
    finally:
        emulator.stop()


@pytest.fixture(scope="session")
def postgres() -> Iterator[databases.Postgres]:
    """A PostgreSQL; a test that stops it starts it again."""
    with databases.postgres() as server:
        yield server


@pytest.fixture(scope="session")
def redis() -> Iterator[databases.Redis]:
    """A Redis; a test that stops it starts it again."""
    with databases.redis() as server:
        yield server
