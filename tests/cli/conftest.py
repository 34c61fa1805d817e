"""A shell with an empty home for each test."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.commands import Shell


@pytest.fixture
def build(tmp_path: Path) -> Shell:
    """`python build.py`, with a home that nothing was done in before."""
    return Shell(tmp_path)
