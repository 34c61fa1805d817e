"""A shell with an empty home for each test."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.commands import Shell, share_marks


@pytest.fixture
def build(tmp_path: Path, lint_marks: Path) -> Shell:
    """`python build.py`, with a home that nothing was done in before but to lint the templates as they are."""
    share_marks(tmp_path, lint_marks)
    return Shell(tmp_path)
