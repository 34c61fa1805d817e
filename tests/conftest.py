"""Emulators that tests share: one of each kind per pytest process, on a port and in a directory of their own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from troposphere_arch import local


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
