"""Building: makes the files of the catalogue, lints the templates, and writes what is new.

    sources ──▶ drafts ──judge──▶ (refused, or a higher VERSION) ──lint──▶ files ──▶ index.json

A release is never made anew: its files are those on disk, and they must be as released. Nothing is computed twice: when
neither the sources nor the tools nor the files have changed since the last clean build, `memory` says so and no heavy
module is imported.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import atomic, memory, places
from .errors import UserError

if TYPE_CHECKING:
    from .catalogue import Draft
    from .releases.contract import Verdict
    from .releases.index import Entry, Index


@dataclass(frozen=True)
class Result:
    """What a build found: files as they should be, those that are not so on disk, and what lint says.

    `stale` are files of drafts that no source makes any more, `refused` what may not be as it is: a version too low, or
    a release that is not as released. `bumped` are the pages that got another version: scenario -> version.
    """

    made: dict[str, str]  # relative path -> SHA-256
    changed: tuple[str, ...] = ()
    strangers: tuple[str, ...] = ()  # files below templates/ that no source makes, and no index lists
    stale: tuple[str, ...] = ()
    refused: tuple[str, ...] = ()
    findings: tuple[Any, ...] = ()
    bumped: Mapping[str, str] = field(default_factory=dict)
    diff: str = ""
    cached: bool = False


def build(templates: Path, *, write: bool, bump: bool = False) -> Result:
    """Bring the files below `templates` up to date, or with `write=False` only tell what is not.

    With findings nothing is written. With `bump`, a page whose VERSION is too low gets the smallest that is allowed.
    Raises `UserError` when a file cannot be written, when a release is not as released, and when a version is too low
    (with `write=False` the last two are in `refused`); then nothing is half written.
    """
    catalogue_ = places.templates()  # the releases are there, wherever one builds
    key = memory.sources()
    has_index = (catalogue_ / "index.json").exists()
    known = memory.recall(key, str(templates), *([str(catalogue_)] if has_index else ()))
    if known is not None:
        return Result(known, strangers=memory.strangers(str(templates), known), cached=True)

    from . import catalogue
    from .releases import frozen, index
    from .releases.contract import judge

    released = index.read(catalogue_)
    if missing := frozen.missing_index(catalogue_, released):
        raise UserError(missing)
    if write:
        frozen.verify(catalogue_, released.entries)
    elif off := frozen.wrong(catalogue_, released.entries):
        told = (f"{catalogue_ / path} is {what}, and it is released: {frozen.RESTORE}" for path, what in off.items())
        return Result({}, refused=tuple(told))
    drafts = catalogue.drafts(frozen.offered(catalogue_, released))
    verdicts = [judge(draft, released, catalogue_) for draft in drafts]
    too_low = [verdict for verdict in verdicts if verdict.refusal]  # raises for what is no version, before lint
    findings = _lint(drafts)
    if too_low and bump and not findings:
        return _bumped(templates, too_low)
    if too_low and write and not findings:
        raise UserError(too_low[0].refusal)
    if too_low:
        return Result({}, refused=tuple(verdict.refusal for verdict in too_low), findings=findings)

    content = _content([verdict.draft for verdict in verdicts if not verdict.is_released], released, catalogue_)
    made = {path: hashlib.sha256(data).hexdigest() for path, data in content.items()}
    changed = tuple(path for path in content if memory.sha_of(str(templates / path)) != made[path])
    stale = _stale(templates, made)
    if not findings:
        if write:
            _write_all(templates, {path: content[path] for path in changed})
            _remove(templates, stale)
        _remember(key, made)
    diff = "" if write else _diff(templates, {path: content[path] for path in changed})
    strangers = tuple(path for path in memory.strangers(str(templates), made) if path not in stale)
    return Result(made, changed, strangers, stale, findings=findings, diff=diff)


def entry(draft: Draft) -> Entry:
    """The line of the index for a draft."""
    from . import layers
    from .releases.index import DRAFT, Entry, LayerFile

    template = draft.files[draft.template]
    return Entry(
        scenario=draft.scenario,
        version=draft.version,
        status=DRAFT,
        template=draft.template,
        sha256=hashlib.sha256(template).hexdigest(),
        bytes=len(template),
        resources=draft.resources,
        description=draft.description,
        files={path: hashlib.sha256(data).hexdigest() for path, data in draft.files.items()},
        layers=tuple(LayerFile(name, layers.key(name), layers.expected(name)) for name in draft.layers),
    )


def _lint(drafts: Iterable[Draft]) -> tuple[Any, ...]:
    """What lint says of what the sources make, released or not."""
    from . import catalogue, lint
    from .exemptions import EXEMPTIONS

    content = {path: data for draft in drafts for path, data in draft.files.items()}
    parts = [path for path in content if catalogue.is_part(path)]
    linted = {path: data for path, data in content.items() if catalogue.is_template(path) or path in parts}
    return tuple(lint.lint(linted, parts=parts, exemptions=EXEMPTIONS, cache=places.cache() / "lint"))


def _content(drafts: Iterable[Draft], released: Index, catalogue_: Path) -> dict[str, bytes]:
    """Every file of the catalogue: of the drafts as made, of the releases as they are; the index comes last."""
    from .releases import frozen
    from .releases.index import FILE, index_of

    entries: list[Entry] = list(released.releases())
    content: dict[str, bytes] = {}
    for one in entries:
        content |= {path: frozen.read(catalogue_, one, path) for path in one.files}
    for draft in drafts:
        entries.append(entry(draft))
        content |= draft.files
    return {**content, FILE: index_of(entries).text()}


def _stale(templates: Path, made: Mapping[str, str]) -> tuple[str, ...]:
    """The files of drafts that the index there still lists and no source makes any more, if nobody has changed them."""
    from .releases import index

    try:
        old = index.read(templates)
    except UserError:  # elsewhere than in the catalogue: an index that is not ours lists nothing
        return ()
    return tuple(
        path
        for one in old.entries
        if one.status == index.DRAFT
        for path, sha in one.files.items()
        if path not in made and memory.sha_of(str(templates / path)) == sha
    )


def _bumped(templates: Path, too_low: list[Verdict]) -> Result:
    """Write the smallest version that is allowed into each page, then build. When that fails, the pages are as before.

    Only a checkout has pages to write into.
    """
    import importlib
    import importlib.util
    from dataclasses import replace

    from . import scenarios

    if places.checkout() is None:
        raise UserError("--bump is for a checkout: an installed package's pages are as they were released")
    pages = {verdict.draft.scenario: scenarios.page(verdict.draft.scenario) for verdict in too_low}
    files = {name: Path(str(page.__file__)) for name, page in pages.items()}
    before = {name: file.read_bytes() for name, file in files.items()}

    def put(name: str, data: bytes) -> None:
        atomic.write(files[name], data)
        # Python tells a page by the second of its change and its size, and both may be the same as before.
        Path(importlib.util.cache_from_source(str(files[name]))).unlink(missing_ok=True)
        importlib.reload(pages[name])

    versions = {verdict.draft.scenario: verdict.smallest for verdict in too_low}
    after = {name: _with_version(files[name], before[name], version) for name, version in versions.items()}
    result: Result | None = None
    try:
        for name, data in after.items():
            put(name, data)
        result = build(templates, write=True)
    finally:
        if result is None or result.findings:
            for name, data in before.items():
                put(name, data)
    return result if result.findings else replace(result, bumped=versions)


def _with_version(file: Path, text: bytes, version: str) -> bytes:
    """The text of a page with another version."""
    import re

    changed, times = re.subn(rb'(?m)^VERSION = "[^"]*"', f'VERSION = "{version}"'.encode(), text)
    if times != 1:
        raise UserError(f'{file} has {times} lines VERSION = "...", and must have one: write {version} into it')
    return changed


def _remove(templates: Path, stale: Iterable[str]) -> None:
    """Remove files and the folders that are empty then."""
    for path in stale:
        file = templates / path
        try:
            file.unlink(missing_ok=True)
            for folder in (templates / parent for parent in Path(path).parents[:-1]):
                if folder.is_dir() and not any(folder.iterdir()):
                    folder.rmdir()
        except OSError as error:
            raise UserError(f"cannot remove {file}, which no source makes any more: {error.strerror}") from None


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
        name = f"templates/{path}"
        if b"\0" in data:
            lines.append(f"{name}: {len(data):,} bytes of no text")
            continue
        old = on_disk.read_text(errors="replace").splitlines() if on_disk.is_file() else []
        new = data.decode(errors="replace").splitlines()
        lines += difflib.unified_diff(old, new, name, name + " (as the sources make it)", lineterm="")
    return "\n".join(line if len(line) <= 160 else line[:157] + "..." for line in lines)


def _write_all(templates: Path, files: dict[str, bytes]) -> None:
    for path, data in files.items():
        atomic.write(templates / path, data)
