"""The examples do what their docstrings say."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.cli.commands import ROOT, Shell
from tests.cli.test_local_cloud import free_port
from tests.evidence import shows
from tests.handlers.blog_async import pictures
from tests.system import needs


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


@shows("REQ-B3", "REQ-B5", "REQ-B6", "REQ-B11", how="patched")
@needs("node")
def test_a_blog_s_client_in_a_few_lines(build: Shell, tmp_path: Path) -> None:
    production = ROOT / "templates/blog/1.0.0/parameters/production.json"
    picture = tmp_path / "picture.jpg"
    picture.write_bytes(pictures.saved(pictures.corners(800, 600), "JPEG"))
    try:
        sender = ("--parameter", "SenderAddress=news@example.com", "--parameter", "SenderIdentity=example.com")
        up = build("up", "blog", "--port", free_port(), "--parameters", production, *sender)
        assert up.code == 0, up.err
        assert "example.com counts as verified in SES here" in up.err
        client = [sys.executable, ROOT / "examples/blog_client.py", picture]
        done = subprocess.run(client, env=build.environment(), capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        assert "a mail asks to confirm it" in done.stdout
        assert "bytes of its smallest thumbnail" in done.stdout
        assert "First paragraph" in done.stdout.splitlines()[-1]
        demo = build("demo", "blog")
        assert demo.code == 0, demo.err
        assert demo.out.rstrip().endswith("16 steps, each answered as it must be")
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
