"""Making a release: what the sources make becomes what never changes.

    checkout as committed ──judge──▶ UPGRADE.md, upgrade.json, pins, changelog ──▶ index.json, and it is released

The index is written last. Killed before that, nothing is released yet; a second run knows its own files and goes on.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path

from .. import atomic, building, layers, scenarios
from ..catalogue import Draft
from ..diff import diff
from ..errors import UserError
from . import frozen, git, index, notes
from .contract import judge
from .index import Entry, Index, index_of
from .notes import Update
from .sources import Sources, pages

CHANGELOG = "CHANGELOG.md"


@dataclass(frozen=True)
class Release:
    """A release that was made: its entry in the index, what its updates do, and the files that are new or changed."""

    entry: Entry
    updates: tuple[Update, ...]
    written: tuple[str, ...]  # below the checkout


def freeze(name: str, day: str, sources: Sources | None = None) -> Release:
    """Release the scenario `name` as its sources make it, on this day (as 2026-11-25). Without `sources`: one of ours.

    Raises `UserError`, and changes nothing, when there is nothing to release, when its version is too low, when lint
    finds something, when `templates/` is not as the sources make it, and when anything is not as committed.
    """
    if sources is None:
        scenarios.page(name)
        sources = pages()
    root, templates = sources.root, sources.templates
    if root is None:
        raise UserError("a release is made in a checkout of the sources: an installed package has none to freeze")
    _built(sources, f"{name}/")
    released = index.read(templates)
    draft = sources.draft(name, released)
    verdict = judge(draft, released, templates, sources.declared.get(name))
    if verdict.same and verdict.last is not None:
        already = f"{name} {verdict.last.version} is released"
        what = "the same" if verdict.is_released else f"the same but for the number {draft.version}"
        raise UserError(f"nothing to release: {already}, and the sources make {what}")
    folder = f"{draft.scenario}/{draft.version}/"
    unfinished = _unfinished(root, git.dirty(root), folder)
    updates = tuple(_update(draft, entry, templates) for entry in released.releases(name))
    added = _added(draft, updates)
    before = git.committed(root, CHANGELOG) or b"# Changelog\n"
    files = {templates / path: data for path, data in added.items()}
    files[root / CHANGELOG] = notes.with_entry(before, draft, day, updates)
    _own(root, unfinished, files, before, draft, updates)
    entry = _entry(draft, added, day)
    entries = [one for one in released.entries if one.name != entry.name]
    files[templates / index.FILE] = index_of([*entries, entry]).text()
    for path, data in files.items():
        atomic.write(path, data)
    return Release(entry, updates, tuple(path.relative_to(root).as_posix() for path in files))


def differs(entry: Entry, now: Index, sources: Sources) -> str:
    """How a release that is the latest of its scenario differs from what `freeze` makes of the sources as they are.

    Empty when it does not. Raises `UserError` when another release is not as released.
    """
    draft = sources.draft(entry.scenario, now)
    if draft.version != entry.version:
        return f"the sources make {draft.version}: make a release from what is there, and change it afterwards"
    earlier = [one for one in now.releases(entry.scenario) if one.number < entry.number]
    updates = tuple(_update(draft, one, sources.templates) for one in earlier)
    made = _entry(draft, _added(draft, updates), entry.released)
    for path in sorted({*made.files, *entry.files}):
        if made.files.get(path) != entry.files.get(path):
            return f"{path} is not as the sources make it: undo the release, and make it again"
    if made != replace(entry, deprecated=""):
        return "its entry in the index is not as the sources make it: undo the release, and make it again"
    return ""


def _built(sources: Sources, folder: str) -> None:
    """Refuse what `build --check` does not pass; files that a release adds may be there from a run that was killed."""
    result = sources.build()
    if result.refused:
        raise UserError(result.refused[0])
    if result.findings:
        raise UserError(f"lint finds {len(result.findings)} faults: see `{sources.tells}`; mend them first")
    added = (frozen.UPGRADE, frozen.UPGRADE_JSON, frozen.LAYERS)
    strangers = [
        path
        for path in result.strangers
        if not (path.startswith(folder) and path.removeprefix(folder).partition("/")[2].startswith(added))
    ]
    if off := [*result.changed, *result.stale, *strangers]:
        more = f", and {len(off) - 1} more" if len(off) > 1 else ""
        raise UserError(
            f"{sources.templates / off[0]}{more}: not what the sources make; run `{sources.command}`, look at what it "
            "changes, and commit that first"
        )


def _unfinished(root: Path, dirty: list[str], folder: str) -> list[str]:
    """What is not as committed, when all of it may be of a run that was killed. Raises `UserError` when not."""
    start = f"templates/{folder}"
    names = (*(start + name for name in (frozen.UPGRADE, frozen.UPGRADE_JSON, frozen.LAYERS)), CHANGELOG)
    foreign = [path for path in dirty if not (path.startswith(names) or _is_temporary(path))]
    if foreign:
        raise _not_committed(root, foreign)
    return dirty


def _is_temporary(path: str) -> bool:
    """Whether this is a file that was being written, of those that a release writes."""
    names = "|".join(map(re.escape, (frozen.UPGRADE, frozen.UPGRADE_JSON, CHANGELOG, index.FILE, *_pins())))
    return re.fullmatch(rf"\.({names})\.[a-z0-9_]{{8}}", path.rpartition("/")[2]) is not None


def _pins() -> list[str]:
    return [f"{name}.txt" for name in layers.NAMES]


def _own(
    root: Path,
    unfinished: list[str],
    files: Mapping[Path, bytes],
    before: bytes,
    draft: Draft,
    updates: tuple[Update, ...],
) -> None:
    """Refuse what is not as committed and not as this release makes it; remove what was being written."""
    foreign = []
    for path in unfinished:
        if _is_temporary(path):
            continue
        there = (root / path).read_bytes() if (root / path).is_file() else None
        own = {files.get(root / path)}
        if path == CHANGELOG and there is not None:
            # The run that was killed may have been on another day.
            heading = rf"(?m)^### {re.escape(f'{draft.scenario} {draft.version}')} \((\d{{4}}-\d\d-\d\d)\)$"
            days = re.findall(heading, there.decode(errors="replace"))
            own |= {notes.with_entry(before, draft, day, updates) for day in days}
        if there not in own:
            foreign.append(path)
    if foreign:
        raise _not_committed(root, foreign)
    for path in unfinished:
        if _is_temporary(path):
            (root / path).unlink(missing_ok=True)


def _not_committed(root: Path, paths: list[str]) -> UserError:
    more = f", and {len(paths) - 1} more" if len(paths) > 1 else ""
    return UserError(
        f"{root / paths[0]}{more}: not as committed; a release is made from what is committed: commit it, or take it "
        "back (git status lists all)"
    )


def _update(draft: Draft, entry: Entry, templates: Path) -> Update:
    """What the update from an earlier release does: whatever the parameters are, and with each preset."""
    old, new = frozen.template(templates, entry), json.loads(draft.files[draft.template])
    before = frozen.presets(templates, entry)
    with_presets = {
        name: diff(old, new, old_parameters=before[name], new_parameters=frozen.chosen(data))
        for name, data in draft.presets.items()
        if name in before
    }
    return Update(entry.version, diff(old, new), with_presets)


def _added(draft: Draft, updates: tuple[Update, ...]) -> dict[str, bytes]:
    """What a release adds to what the sources make, below `templates/`."""
    folder = f"{draft.scenario}/{draft.version}/"
    return {
        **{f"{folder}{frozen.LAYERS}{name}.txt": layers.pins(name).encode() for name in draft.layers},
        f"{folder}{frozen.UPGRADE_JSON}": notes.upgrade_json(draft, updates),
        f"{folder}{frozen.UPGRADE}": notes.upgrade_md(draft, updates),
    }


def _entry(draft: Draft, added: Mapping[str, bytes], day: str) -> Entry:
    made = building.entry(draft)
    folder = f"{draft.scenario}/{draft.version}/{frozen.LAYERS}"
    return replace(
        made,
        status=index.RELEASED,
        released=day,
        files={**made.files, **{path: sha256(data).hexdigest() for path, data in sorted(added.items())}},
        layers=tuple(replace(layer, pins=f"{folder}{layer.name}.txt") for layer in made.layers),
    )
