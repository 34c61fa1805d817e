"""Long tests of what seldom changes: a run takes a part of them, another one for each commit; `make proof` takes all.

    pytestmark = sampled(3)                  this module as a whole, in a third of the runs
    pytestmark = sampled(3, each=True)       of this module's tests a third, in each run

What a run takes is decided by the commit and the name, so that all workers take the same, and the same commit always
does. `WHOLE=1` takes all; `SAMPLE=word` decides by another word than the commit.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
from functools import lru_cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


def sampled(one_of: int, *, each: bool = False) -> pytest.MarkDecorator:
    """Mark a module that is in one of so many runs, as a whole or `each` of its tests."""
    return pytest.mark.sampled(one_of, each=each)


def is_taken(word: str, name: str, one_of: int) -> bool:
    """Whether the run of this word takes what is called so."""
    return int(hashlib.sha256(f"{word} {name}".encode()).hexdigest(), 16) % one_of == 0


@lru_cache
def word() -> str:
    """The commit that is tested; of what is no checkout, always the same."""
    if given := os.environ.get("SAMPLE"):
        return given
    asked = subprocess.run(["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=False)
    return asked.stdout.strip() or "no commit"


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Take out what this run does not take."""
    if os.environ.get("WHOLE"):
        return
    out = [item for item in items if not _takes(item)]
    if out:
        left = set(out)
        items[:] = [item for item in items if item not in left]
        config.hook.pytest_deselected(items=out)


def _takes(item: pytest.Item) -> bool:
    marks = item.iter_markers_with_node("sampled")
    return all(is_taken(word(), (item if m.kwargs["each"] else node).nodeid, *m.args) for node, m in marks)


def pytest_report_header() -> str:
    """Say what is taken."""
    return "long tests: all of them" if os.environ.get("WHOLE") else f"long tests: a sample, by {word()[:12]}"
