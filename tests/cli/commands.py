"""Commands as a user types them: in a process of their own, with a home of their own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
MARKS = Path("cache/troposphere-arch/lint")
"""Where `Shell` keeps the marks of what was clean, below its home."""


@dataclass(frozen=True)
class Done:
    """A finished command."""

    code: int
    out: str
    err: str


@dataclass(frozen=True)
class Shell:
    """Runs `build.py` of a checkout, with caches and state below `home` and no AWS configuration."""

    home: Path
    root: Path = ROOT
    python: str = sys.executable

    def environment(self, more: Mapping[str, str] | None = None) -> dict[str, str]:
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "XDG_", "TROPOSPHERE_"))}
        return {
            **kept,
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "AWS_EC2_METADATA_DISABLED": "true",
            "XDG_CACHE_HOME": str(self.home / "cache"),
            "XDG_STATE_HOME": str(self.home / "state"),
            **(more or {}),
        }

    def __call__(self, *arguments: str | Path, cwd: Path | None = None, **env: str) -> Done:
        done = subprocess.run(
            [self.python, self.root / "build.py", *arguments],
            cwd=cwd or self.home,
            env=self.environment(env),
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            timeout=300,
        )
        return Done(done.returncode, done.stdout, done.stderr)


def share_marks(home: Path, marks: Path) -> None:
    """Let the shells of this home know what is in `marks`, and add to it."""
    (home / MARKS).parent.mkdir(parents=True, exist_ok=True)
    (home / MARKS).symlink_to(marks)


def keep_architectures(root: Path, *names: str) -> None:
    """Leave a checkout with these architectures and the artifact bucket; nothing is made from releases."""
    file = root / "troposphere_arch/scenarios/__init__.py"
    text = file.read_text()
    for start, kept in (("ARCHITECTURES", names), ("FROM_RELEASES", ())):
        [line] = [line for line in text.splitlines() if line.startswith((f"{start} =", f"{start}:"))]
        text = text.replace(line, f"{start}: tuple[str, ...] = {kept!r}")
    file.write_text(text)
    # An exemption for what is not there is a finding.
    with (root / "troposphere_arch/exemptions.py").open("a") as exemptions:
        there = tuple(f"{name}.template.json" for name in (*names, "artifact-bucket"))
        exemptions.write(f"\nEXEMPTIONS = tuple(one for one in EXEMPTIONS if one.template in {there!r})\n")


def refused(done: Done, *words: str) -> None:
    """Assert that the command ended with one clear line that holds these words, and exit code 2."""
    assert done.code == 2, (done.code, done.out, done.err)
    lines = [line for line in done.err.splitlines() if line.startswith("error: ")]
    assert len(lines) == 1, done.err
    assert "Traceback" not in done.err
    for word in words:
        assert word in lines[0], (word, lines[0])
