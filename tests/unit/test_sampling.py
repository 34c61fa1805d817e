"""Which of the long tests a run takes."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from tests.sampling import is_taken

ROOT = Path(__file__).resolve().parents[2]


def test_each_is_taken_by_some_commit_and_by_its_share_of_them() -> None:
    words, names = [f"commit {n}" for n in range(60)], [f"tests/test_{n}.py" for n in range(40)]
    taken = {name: sum(is_taken(word, name, 3) for word in words) for name in names}
    assert all(5 <= times <= 40 for times in taken.values())
    assert 0.25 < sum(taken.values()) / (60 * 40) < 0.42
    assert all(is_taken(word, names[0], 1) for word in words)


def test_a_run_takes_a_part_and_a_proof_all() -> None:
    def collected(**environment: str) -> int:
        asked = [sys.executable, "-m", "pytest", "--collect-only", "-q", "tests/releases/test_check.py"]
        said = subprocess.run(asked, cwd=ROOT, env=environment, capture_output=True, text=True, check=False).stdout
        found = re.search(r"(\d+)(?:/\d+)? tests? collected|no tests collected", said)
        assert found, said
        return int(found[1] or 0)

    whole = collected(WHOLE="1")
    assert {collected(SAMPLE=f"{n}") for n in range(6)} == {0, whole}
