"""Building: makes the files of the catalogue, lints the templates, and writes what is new.

    sources ──▶ drafts ──judge──▶ (refused, or a higher VERSION) ──lint──▶ files ──▶ index.json

A release is never made anew: its files are those on disk, and they must be as released. Nothing is computed twice: when
neither the sources nor the tools nor the files have changed since the last clean build, `memory` says so and no heavy
module is imported.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import atomic, memory, places
from .errors import UserError

if TYPE_CHECKING:
    from .catalogue import Draft
    from .lint import Exemption
    from .releases.contract import Declared, Verdict
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


@dataclass(frozen=True)
class Checked:
    """Drafts held against their last releases, and what lint says of them, released or not."""

    verdicts: tuple[Verdict, ...]
    findings: tuple[Any, ...]

    @property
    def too_low(self) -> list[Verdict]:
        """Those whose version may not carry what has changed."""
        return [verdict for verdict in self.verdicts if verdict.refusal]


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
    from .exemptions import EXEMPTIONS
    from .releases import frozen

    released, off = released_in(catalogue_, write=write)
    if off:
        return Result({}, refused=off)
    drafts = catalogue.drafts(frozen.offered(catalogue_, released))
    checked = check(drafts, released, catalogue_, exemptions=EXEMPTIONS)
    if checked.too_low and bump and not checked.findings:
        return _bumped(templates, checked.too_low)
    result = finish(templates, catalogue_, released, checked, write=write)
    if result.made and not result.findings:
        _remember(key, result.made)
    return result


# --- the steps of a build, of scenarios and of services alike


def released_in(catalogue_: Path, *, write: bool) -> tuple[Index, tuple[str, ...]]:
    """The index of a catalogue, and what is not as released; to `write`, that is raised as a `UserError`."""
    from .releases import frozen, index

    released = index.read(catalogue_)
    if missing := frozen.missing_index(catalogue_, released):
        raise UserError(missing)
    if write:
        frozen.verify(catalogue_, released.entries)
        return released, ()
    off = frozen.wrong(catalogue_, released.entries)
    return released, tuple(
        f"{catalogue_ / path} is {what}, and it is released: {frozen.RESTORE}" for path, what in off.items()
    )


def check(
    drafts: Iterable[Draft],
    released: Index,
    catalogue_: Path,
    *,
    exemptions: Iterable[Exemption] = (),
    declared: Mapping[str, Declared] | None = None,
    jobs: int = 2,
    progress: Callable[[str], None] = lambda name: None,
) -> Checked:
    """Hold drafts against the releases of a catalogue, and lint them, calling `progress` for each template linted.

    `declared` says where the version of a draft is written, by its scenario, of those that no page of ours makes.
    """
    from .releases.contract import judge

    drafts = list(drafts)
    verdicts = tuple(judge(one, released, catalogue_, (declared or {}).get(one.scenario)) for one in drafts)
    _ = [verdict.refusal for verdict in verdicts]  # raises for what is no version, before lint takes its time
    return Checked(verdicts, _lint(drafts, exemptions, jobs, progress))


def finish(
    templates: Path,
    catalogue_: Path,
    released: Index,
    checked: Checked,
    kept: Sequence[Entry] = (),
    *,
    write: bool,
) -> Result:
    """Write what is new below `templates`, and remove stale drafts, when all is well; else only tell.

    `kept` are drafts that an earlier build has made from the same sources, and that are there as it made them. Raises
    `UserError` when a version is too low; with `write=False` or findings that is in `refused`.
    """
    if checked.too_low and write and not checked.findings:
        raise UserError(checked.too_low[0].refusal)
    if checked.too_low:
        refused = tuple(verdict.refusal for verdict in checked.too_low)
        return Result({}, refused=refused, findings=checked.findings)
    drafts = [verdict.draft for verdict in checked.verdicts if not verdict.is_released]
    content = _content(drafts, released, kept)
    made = {path: sha for one in (*released.releases(), *kept) for path, sha in one.files.items()}
    made |= {path: hashlib.sha256(data).hexdigest() for path, data in content.items()}
    changed = tuple(path for path in made if memory.sha_of(str(templates / path)) != made[path])
    content |= _as_released(catalogue_, released, changed)
    stale = _stale(templates, made)
    if not checked.findings and write:
        _write_all(templates, {path: content[path] for path in changed})
        _remove(templates, stale)
    diff = "" if write else _diff(templates, {path: content[path] for path in changed})
    strangers = tuple(path for path in memory.strangers(str(templates), made) if path not in stale)
    return Result(made, changed, strangers, stale, findings=checked.findings, diff=diff)


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


def _lint(
    drafts: Iterable[Draft], exemptions: Iterable[Exemption], jobs: int, progress: Callable[[str], None]
) -> tuple[Any, ...]:
    """What lint says of what the sources make, released or not."""
    from . import catalogue, lint

    content = {path: data for draft in drafts for path, data in draft.files.items()}
    parts = {path for path in content if catalogue.is_part(path)}
    linted = {path: data for path, data in content.items() if catalogue.is_template(path) or path in parts}
    cache = places.cache() / "lint"
    return tuple(lint.lint(linted, parts=parts, exemptions=exemptions, cache=cache, jobs=jobs, progress=progress))


def _content(drafts: Iterable[Draft], released: Index, kept: Iterable[Entry]) -> dict[str, bytes]:
    """The files that are made anew; the index of all that there is comes last."""
    from .releases.index import FILE, index_of

    drafts = list(drafts)
    index = index_of([*released.releases(), *kept, *map(entry, drafts)])
    return {**{path: data for draft in drafts for path, data in draft.files.items()}, FILE: index.text()}


def _as_released(catalogue_: Path, released: Index, paths: Iterable[str]) -> dict[str, bytes]:
    """Those of the paths that are files of releases, as they were released."""
    from .releases import frozen

    owner = {path: one for one in released.releases() for path in one.files}
    return {path: frozen.read(catalogue_, owner[path], path) for path in paths if path in owner}


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
    """Write the smallest version that is allowed into each page, then build: only a checkout has such pages."""
    import importlib
    import importlib.util

    from . import scenarios

    if places.checkout() is None:
        raise UserError("--bump is for a checkout: an installed package's pages are as they were released")
    pages = {verdict.draft.scenario: scenarios.page(verdict.draft.scenario) for verdict in too_low}
    files = {name: Path(str(page.__file__)) for name, page in pages.items()}

    def put(name: str, data: bytes) -> None:
        atomic.write(files[name], data)
        # Python tells a page by the second of its change and its size, and both may be the same as before.
        Path(importlib.util.cache_from_source(str(files[name]))).unlink(missing_ok=True)
        importlib.reload(pages[name])

    return bumped(too_low, files, _with_version, put, lambda: build(templates, write=True))


def bumped(
    too_low: Sequence[Verdict],
    files: Mapping[str, Path],
    edited: Callable[[Path, bytes, str], bytes],
    put: Callable[[str, bytes], None],
    again: Callable[[], Result],
) -> Result:
    """Write the smallest version that is allowed into each file, then build again. When that fails, all is as before.

    `files` are those that say the versions, by scenario; `edited` gives the text of one with another version, `put`
    writes it.
    """
    from dataclasses import replace

    before = {name: file.read_bytes() for name, file in files.items()}
    versions = {verdict.draft.scenario: verdict.smallest for verdict in too_low}
    after = {name: edited(files[name], before[name], version) for name, version in versions.items()}
    result: Result | None = None
    try:
        for name, data in after.items():
            put(name, data)
        result = again()
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
