"""Building: makes the files of the catalogue, lints the templates, and writes what is new.

Nothing is computed twice: when neither the sources nor the tools nor the files have changed since the last clean build,
the hashes of both say so and no heavy module is imported.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
from collections.abc import Iterable
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

from . import places
from .errors import UserError


class Result(NamedTuple):  # importing dataclasses would take as long as all the rest of a build that changes nothing
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
    key = _sources()
    known = _remembered(key)
    if known is not None and all(_sha_of(templates / path) == sha for path, sha in known.items()):
        return Result(known, strangers=_strangers(templates, known), cached=True)

    from . import catalogue, lint
    from .exemptions import EXEMPTIONS

    content = catalogue.contents()
    made = {path: _sha(data) for path, data in content.items()}
    changed = tuple(path for path in content if _sha_of(templates / path) != made[path])
    cache = places.cache() / "lint"
    parts = [path for path in content if catalogue.is_part(path)]
    linted = {path: data for path, data in content.items() if catalogue.is_template(path) or path in parts}
    findings = tuple(lint.lint(linted, parts=parts, exemptions=EXEMPTIONS, cache=cache))
    if not findings:
        if write:
            _write_all(templates, {path: content[path] for path in changed})
        _remember(key, made)
    diff = "" if write else _diff(templates, {path: content[path] for path in changed})
    return Result(made, changed, _strangers(templates, made), findings, diff)


def _sources() -> str:
    """A hash of everything that the output depends on: our files, Python, and the versions of the libraries."""
    digest = hashlib.sha256(sys.version.encode())
    specs = [find_spec(name) for name in ("troposphere", "awacs", "cfnlint")]
    sites = {Path(spec.origin).parents[1] for spec in specs if spec and spec.origin}
    # Directory names tell versions without the cost of importing importlib.metadata.
    tools = ("troposphere-", "awacs-", "cfn_lint-")
    for name in sorted(e.name for site in sites for e in os.scandir(site) if e.name.startswith(tools)):
        digest.update(name.encode())
    for path in sorted(_files(places.PACKAGE)):
        digest.update(path.encode() + b"\0" + Path(path).read_bytes())
    return digest.hexdigest()


def _files(folder: Path) -> Iterable[str]:
    for root, folders, names in os.walk(folder):
        folders[:] = [f for f in folders if f != "__pycache__"]
        yield from (os.path.join(root, n) for n in names if n.endswith((".py", ".json")))  # noqa: PTH118  # faster


def _sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _sha_of(path: Path) -> str | None:
    try:
        return _sha(path.read_bytes())
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        return None  # no such file; if it cannot be made, writing it will say so
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror}") from None


def _memory() -> Path:
    return places.cache() / "build.json"


def _remembered(key: str) -> dict[str, str] | None:
    """The hashes of the last clean build's files, if it was made from the same sources."""
    try:
        memory = json.loads(_memory().read_text())
        return dict(memory["made"]) if memory["sources"] == key else None
    except (OSError, ValueError, KeyError, TypeError):
        return None  # a cache that cannot be read is no cache


def _remember(key: str, made: dict[str, str]) -> None:
    try:
        _write(_memory(), json.dumps({"sources": key, "made": made}).encode())
    except UserError:
        return  # a read-only home costs time at the next build, nothing else


def _strangers(templates: Path, made: Iterable[str]) -> tuple[str, ...]:
    if not templates.is_dir():
        return ()
    # Only below the scenarios' own folders: what else stands beside them is not ours to judge.
    folders = {path.partition("/")[0] for path in made if "/" in path}
    files = (p for folder in folders for p in (templates / folder).rglob("*") if p.is_file())
    there = {p.relative_to(templates).as_posix() for p in files if not p.name.startswith(".")}
    return tuple(sorted(there - set(made)))


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
        _write(templates / path, data)


def _write(path: Path, data: bytes) -> None:
    """Write a file as a whole or not at all: to a temporary file beside it, then rename."""
    import tempfile

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as f:
            temporary = Path(f.name)
            try:
                f.write(data)
                f.flush()
                temporary.chmod(0o644)
                temporary.replace(path)
            except BaseException:
                temporary.unlink(missing_ok=True)
                raise
    except OSError as error:
        raise UserError(
            f"cannot write {path}: {error.strerror}; make it writable, or choose another place with --output DIR"
        ) from None
