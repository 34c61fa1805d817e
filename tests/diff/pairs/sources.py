"""Where the published files of the pairs are read from.

    a clone, bare or not ──git: COMMIT:PATH──────────────────┐
    a folder of files ──owner+name/12 digits of COMMIT/PATH──┴──▶ bytes, if they are the ones that were measured

Whose clone it is does not matter: a commit's name is made from what is in it, and so is the hash of a file.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from . import Pair

OFFLINE = {"GIT_NO_LAZY_FETCH": "1", "GIT_TERMINAL_PROMPT": "0"}


class NotThere(Exception):
    """None of the places has the file."""


@dataclass(frozen=True)
class Sources:
    """Clones, and folders of single files."""

    places: list[Path]
    having: dict[str, Path] = field(default_factory=dict, compare=False)  # by project, the place that had its files

    def read(self, pair: Pair, side: str) -> bytes:
        """The file of one side of a pair; NotThere if no place has it, or only one with other bytes."""
        written: Mapping[str, str] = pair.written[side]
        commit, path = written["commit"], str(pair.written["path"])
        other = False
        for place, data in self._found(pair.project, commit, path):
            if blob(data) == written["blob"]:
                self.having[pair.project] = place
                return data
            other = True
        raise NotThere(f"{pair.project} {commit[:12]} {path}" + (" (other bytes are)" if other else ""))

    def _found(self, project: str, commit: str, path: str) -> Iterator[tuple[Path, bytes]]:
        for place in sorted(self.places, key=lambda place: place != self.having.get(project)):
            single = place / project.replace("/", "+") / commit[:12] / path
            if single.is_file():
                yield place, single.read_bytes()
            elif (data := _show(place, f"{commit}:{path}")) is not None:
                yield place, data


def blob(data: bytes) -> str:
    """The name that git gives these bytes."""
    return hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()


def _show(place: Path, name: str) -> bytes | None:
    """A file out of a clone; nothing if that has it not, or is none."""
    bare = (place / "HEAD").is_file() and (place / "objects").is_dir()
    if not bare and not (place / ".git").exists():
        return None
    where = ["--git-dir", str(place)] if bare else ["-C", str(place)]
    done = subprocess.run(
        ["git", *where, "cat-file", "blob", name], capture_output=True, env={**os.environ, **OFFLINE}, check=False
    )
    return done.stdout if done.returncode == 0 else None
