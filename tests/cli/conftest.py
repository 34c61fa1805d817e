"""A shell with an empty home for each test."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.cli.commands import Shell

MARKS = "cache/troposphere-arch/lint"


@pytest.fixture(scope="session")
def _linted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The marks of what was clean when it was linted once; each is named by all that it depends on."""
    home = tmp_path_factory.mktemp("linted")
    Shell(home)("--check")
    (home / MARKS).mkdir(parents=True, exist_ok=True)
    return home / MARKS


@pytest.fixture
def build(tmp_path: Path, _linted: Path) -> Shell:
    """`python build.py`, with a home that nothing was done in before but to lint the templates as they are."""
    shutil.copytree(_linted, tmp_path / MARKS)
    return Shell(tmp_path)
