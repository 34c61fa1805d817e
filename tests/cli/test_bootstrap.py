"""`build.py` on a Python that lacks the packages."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.commands import ROOT, Shell


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout without `.venv`."""
    root = tmp_path / "checkout"
    shutil.copytree(ROOT / "troposphere_arch", root / "troposphere_arch", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(ROOT / "templates", root / "templates")
    for name in ("build.py", "setup.cfg"):
        shutil.copy(ROOT / name, root)
    return root


def bare(root: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run build.py on this Python without any site-packages."""
    env = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "TROPOSPHERE_ARCH_REEXEC")}
    command = [sys.executable, "-S", root / "build.py", *arguments]
    return subprocess.run(command, env=env, capture_output=True, text=True)


def test_without_an_environment_it_says_the_one_command(checkout: Path) -> None:
    done = bare(checkout, "list")
    assert done.returncode == 2
    assert done.stderr.startswith("error: this Python (")
    assert done.stderr.endswith(f"; type: make -C {checkout}\n")
    assert done.stderr.count("\n") == 1


def test_with_an_environment_it_goes_on_there(checkout: Path, tmp_path: Path) -> None:
    python = checkout / ".venv/bin/python"
    python.parent.mkdir(parents=True)
    python.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    python.chmod(0o755)
    done = bare(checkout, "list")
    assert done.returncode == 0, done.stderr
    assert "todo" in done.stdout


def test_an_environment_that_lacks_them_too_does_not_loop(checkout: Path) -> None:
    python = checkout / ".venv/bin/python"
    python.parent.mkdir(parents=True)
    python.write_text(f'#!/bin/sh\nexec "{sys.executable}" -S "$@"\n')
    python.chmod(0o755)
    assert bare(checkout, "list").returncode == 2


def test_the_installed_command_needs_no_checkout(build: Shell, tmp_path: Path) -> None:
    """`pip install .` without extras, of a copy, so that no build directory is left in the checkout."""
    source = tmp_path / "source"
    shutil.copytree(
        ROOT / "troposphere_arch", source / "troposphere_arch", ignore=shutil.ignore_patterns("__pycache__")
    )
    for name in ("setup.cfg", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", tmp_path / "site", source]
    subprocess.run(pip, check=True, capture_output=True)
    done = subprocess.run(
        [sys.executable, "-m", "troposphere_arch", "build", "--output", "out"],
        cwd=tmp_path,
        env={**build.environment(), "PYTHONPATH": str(tmp_path / "site")},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    made = list((tmp_path / "out").rglob("*.template.json"))
    assert {path.parent.parent.name for path in made} >= {"artifact-bucket", "todo"}
    for path in made:
        assert path.read_bytes() == (ROOT / "templates" / path.relative_to(tmp_path / "out")).read_bytes()
