"""The examples do what their docstrings say."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.cli.commands import ROOT, Shell
from tests.cli.test_local_cloud import free_port
from tests.evidence import shows


@shows("REQ-T3", "REQ-T8", how="patched")
def test_a_client_in_a_few_lines(build: Shell) -> None:
    try:
        assert build("up", "todo", "--port", free_port(), "--parameter", "FileStorage=on").code == 0
        client = [sys.executable, ROOT / "examples/todo_client.py"]
        done = subprocess.run(client, env=build.environment(), capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        assert "Buy milk" in done.stdout
        assert done.stdout.rstrip().endswith("/note.txt")
    finally:
        build("down")


def test_an_architecture_of_ones_own_is_clean(build: Shell, tmp_path: Path) -> None:
    compose = [sys.executable, ROOT / "examples/compose.py"]
    done = subprocess.run(compose, env={**build.environment(), "PYTHONPATH": str(ROOT)}, capture_output=True)
    assert done.returncode == 0, done.stderr
    made = tmp_path / "notes.template.json"
    made.write_bytes(done.stdout)
    lint = build("lint", made)
    assert lint.code == 0, lint.out
