"""Building: makes the files of the catalogue, lints the templates, and writes what is new.

Nothing is computed twice: when neither the sources nor the tools nor the files have changed since the last clean build,
`memory` says so and no heavy module is imported.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import atomic, memory, places
from .errors import UserError


@dataclass(frozen=True)
class Result:
    """What a build found: files as they should be, those that are not so on disk, and what lint says."""

    made: dict[str, str]  # relative path -> SHA-256
    changed: tuple[str, ...] = ()
    strangers: tuple[str, ...] = ()  # files below templates/ that no source makes
    findings: tuple[Any, ...] = ()
    diff: str = ""
    cached: bool = False


def build(templates: Path, *, write: bool) -> Result:
    """Bring the files below `templates` up to date, or with `write=False` only tell what is not.

    With findings nothing is written. Raises `UserError` when a file cannot be written; then none is half written.
    """
    key = memory.sources()
    known = memory.recall(key, str(templates))
    if known is not None:
        return Result(known, strangers=memory.strangers(str(templates), known), cached=True)

    from . import catalogue, lint
    from .exemptions import EXEMPTIONS

    content = catalogue.contents()
    made = {path: hashlib.sha256(data).hexdigest() for path, data in content.items()}
    changed = tuple(path for path in content if memory.sha_of(str(templates / path)) != made[path])
    cache = places.cache() / "lint"
    parts = [path for path in content if catalogue.is_part(path)]
    linted = {path: data for path, data in content.items() if catalogue.is_template(path) or path in parts}
    findings = tuple(lint.lint(linted, parts=parts, exemptions=EXEMPTIONS, cache=cache))
    if not findings:
        if write:
            _write_all(templates, {path: content[path] for path in changed})
        _remember(key, made)
    diff = "" if write else _diff(templates, {path: content[path] for path in changed})
    return Result(made, changed, memory.strangers(str(templates), made), findings, diff)


def _remember(key: str | None, made: dict[str, str]) -> None:
    if key is None or key != memory.sources():
        return  # a tool tells no version, or somebody edited the sources meanwhile
    try:
        atomic.write(Path(memory.file()), memory.text(key, made).encode())
    except UserError:
        return  # a read-only home costs time at the next build, nothing else


def _diff(templates: Path, changed: dict[str, bytes]) -> str:
    """What `build` would change in the files, as a unified diff; long lines (inlined handlers) are cut."""
    import difflib

    lines: list[str] = []
    for path, data in changed.items():
        on_disk = templates / path
        old = on_disk.read_text(errors="replace").splitlines() if on_disk.is_file() else []
        name = f"templates/{path}"
        lines += difflib.unified_diff(
            old, data.decode().splitlines(), name, name + " (as the sources make it)", lineterm=""
        )
    return "\n".join(line if len(line) <= 160 else line[:157] + "..." for line in lines)


def _write_all(templates: Path, files: dict[str, bytes]) -> None:
    for path, data in files.items():
        atomic.write(templates / path, data)
