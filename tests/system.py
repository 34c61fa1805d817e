"""System programs that some tests need: installed when we may, told plainly when we may not.

A test says `@needs("git")`. Before the tests, `python -m tests.system` installs what is missing if it may (root on
Debian). What is still missing then is not run, the run ends with a list of it and the one command that adds it, and
with `CI=true` such a list is a failure.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from benchmarks.edge import nginx
from troposphere_arch.local import databases

TESTS = Path(__file__).resolve().parent
# Program -> its Debian packages.
PACKAGES = {
    "chromium": "chromium",
    "git": "git",
    "make": "make",
    "nginx": nginx.PACKAGES,
    "node": "nodejs",
    "npm": "npm",
    "postgres": "postgresql",
    "redis-server": "redis-server",
}
# Debian starts the services that it installs, on all addresses, unless this says otherwise.
# https://www.debian.org/doc/debian-policy/ch-opersys.html#interfacing-with-init-systems
POLICY = Path("/usr/sbin/policy-rc.d")


def needs(*programs: str) -> pytest.MarkDecorator:
    """Mark a test that runs these system programs."""
    unknown = [p for p in programs if p not in PACKAGES]
    if unknown:
        raise ValueError(f"needs{programs}: name the Debian package of {unknown} in tests/system.py")
    return pytest.mark.needs(*programs)


def missing() -> list[str]:
    """The programs that this machine lacks."""
    return [program for program in PACKAGES if not _is_there(program)]


def _is_there(program: str) -> bool:
    # The cache needs a module and a clock besides.
    if program == "nginx":
        return not nginx.missing()
    return (databases.programs() if program == "postgres" else shutil.which(program)) is not None


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Take out the tests whose programs are missing."""
    lacking = set(missing())
    out = [item for item in items if any(lacking.intersection(mark.args) for mark in item.iter_markers("needs"))]
    if out:
        items[:] = [item for item in items if item not in out]
        config.hook.pytest_deselected(items=out)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """With CI=true, fail when a program is missing, since tests were left out."""
    if missing() and os.environ.get("CI") == "true" and session.exitstatus == 0:
        session.exitstatus = 1


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """End with what was not run, and the one command that adds it."""
    lacking = missing()
    if not lacking:
        return
    terminalreporter.section("not run")
    for program in lacking:
        files = [
            p.relative_to(TESTS.parent)
            for p in sorted(TESTS.rglob("test_*.py"))
            if f'needs("{program}"' in p.read_text()
        ]
        terminalreporter.write_line(f"{program} is missing, which tests need in {', '.join(map(str, files))}")
    terminalreporter.write_line(f"to run them: apt-get install {' '.join(PACKAGES[p] for p in lacking)}")


def main() -> None:
    """Install what is missing, if we are root on Debian."""
    packages = [package for program in missing() for package in PACKAGES[program].split()]
    if not packages or os.geteuid() != 0 or not shutil.which("apt-get"):
        return
    print(f"installing {' '.join(packages)}", flush=True)
    subprocess.run(["apt-get", "update", "-qq"], check=False)
    with _no_service_started():
        subprocess.run(["apt-get", "install", "-y", "-qq", *packages], check=False, stdout=sys.stderr)


@contextmanager
def _no_service_started() -> Iterator[None]:
    """A server that tests run themselves must not be started for everybody besides."""
    if POLICY.exists():
        yield
        return
    POLICY.write_text("#!/bin/sh\nexit 101\n")
    POLICY.chmod(0o755)
    try:
        yield
    finally:
        POLICY.unlink()


if __name__ == "__main__":
    main()
