"""Whether all releases are as they were released, and no version is lower than it may be: the gate of CI.

files ──SHA-256──▶ index ──against REF──▶ what was released: there, and the same
                               └────────▶ what is new: as `release` makes it from these sources
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

from .. import memory
from ..errors import UserError
from . import freeze, frozen, git, index
from .contract import judge
from .index import Entry, Index
from .sources import Sources, pages


@dataclass(frozen=True)
class Off:
    """Something that is not as it should be: a file, a version or a page, and what is wrong with it."""

    what: str
    wrong: str


def check(against: str | None = None, sources: Sources | None = None) -> list[Off]:
    """All that is off; with `against`, a git ref, also what became of the releases that are in its index.

    Without `sources`, of our own pages. Raises `UserError` when there is no such ref, or nothing to compare it with.
    """
    sources = sources or pages()
    templates = sources.templates
    try:
        now = index.read(templates)
    except UserError as error:
        return [Off(index.FILE, str(error))]
    if missing := frozen.missing_index(templates, now):
        return [Off(index.FILE, missing)]
    found = [Off(path, f"{what}: {frozen.RESTORE}") for path, what in frozen.wrong(templates, now.entries).items()]
    found += [off for entry in now.releases() for off in _incomplete(entry)]
    found += _out_of_order(now)
    found += _strangers(now, templates)
    before = None if against is None else _before(against, sources)
    found = found or _unreadable(now, templates)
    true = not found  # else there is nothing to hold the pages against
    if true:
        found += _too_low(now, sources)
    if before is not None:
        found += _lost(now, before, str(against))
        found += _new(now, before, sources, str(against)) if true else ()
    return found


def _incomplete(entry: Entry) -> Iterator[Off]:
    """What a release must have and its entry does not list."""
    folder = f"{entry.scenario}/{entry.version}/"
    needed = [entry.template, f"{folder}{entry.scenario}.retained.json"]
    needed += [folder + frozen.UPGRADE, folder + frozen.UPGRADE_JSON]
    needed += [layer.pins or f"{folder}{frozen.LAYERS}{layer.name}.txt" for layer in entry.layers]
    for path in needed:
        if path not in entry.files:
            yield Off(entry.name, f"the index lists no {path}")
    if entry.files.get(entry.template) != entry.sha256:
        yield Off(entry.name, "the index has two hashes of its template")
    if not _is_past(entry.released):
        yield Off(entry.name, f"the index says that it was released on {entry.released or 'no day'}")


def _is_past(day: str) -> bool:
    """Whether this is a day, as 2026-11-25, and has begun somewhere on earth."""
    try:
        date = datetime.date.fromisoformat(day)
    except ValueError:
        return False
    latest = datetime.datetime.now(datetime.UTC) + datetime.timedelta(hours=14)
    return re.fullmatch(r"\d{4}-\d\d-\d\d", day) is not None and date <= latest.date()


def _strangers(now: Index, templates: Path) -> Iterator[Off]:
    """Files in the folder of a release that its entry does not list."""
    folders = tuple(f"{entry.scenario}/{entry.version}/" for entry in now.releases())
    listed = {path for entry in now.entries for path in entry.files}
    for path in memory.strangers(str(templates), listed):
        if path.startswith(folders):
            yield Off(path, "no release has this file: a release never changes; remove it")


def _unreadable(now: Index, templates: Path) -> list[Off]:
    """Releases whose files are as listed, and yet not what a release has."""
    found = []
    for entry in now.releases():
        try:
            frozen.template(templates, entry)
            frozen.presets(templates, entry)
            frozen.layers(templates, entry)
        except UserError as error:
            found.append(Off(entry.name, str(error)))
    return found


def _out_of_order(now: Index) -> Iterator[Off]:
    """Releases that are newer than one of a higher version, and drafts that are lower than a release."""
    for scenario in dict.fromkeys(entry.scenario for entry in now.entries):
        releases = now.releases(scenario)
        for lower, higher in pairwise(releases):
            if lower.released > higher.released:
                yield Off(lower.name, f"released on {lower.released}, after {higher.version} on {higher.released}")
        for entry in now.of(scenario):
            if entry.status == index.DRAFT and releases and entry.number < releases[-1].number:
                yield Off(entry.name, f"a draft that is lower than {releases[-1].version}, which is released")


def _too_low(now: Index, sources: Sources) -> list[Off]:
    try:
        return [
            Off(f"{draft.scenario}@{draft.version}", refusal)
            for draft in sources.drafts(now)
            if (refusal := judge(draft, now, sources.templates, sources.declared.get(draft.scenario)).refusal)
        ]
    except UserError as error:
        return [Off(index.FILE, str(error))]


def _before(ref: str, sources: Sources) -> Index:
    """The index at `ref`."""
    root = sources.root
    if root is None:
        raise UserError("--against is for a checkout, whose history git knows")
    path = f"templates/{index.FILE}"
    data = git.committed(root, path, ref)
    # Before indexes had a seal, nothing was released.
    is_old = data is not None and b'"seal"' not in data and b'"released"' not in data
    return Index() if data is None or is_old else index.parse(data, f"{ref}:{path}")


def _lost(now: Index, before: Index, ref: str) -> Iterator[Off]:
    """Releases of the index at `ref` that are gone or altered since; only the mark `deprecated` may change."""
    entries = {entry.name: entry for entry in now.releases()}
    for old in before.releases():
        new = entries.get(old.name)
        if new is None:
            yield Off(old.name, f"released at {ref}, and gone: a release stays")
        elif replace(new, deprecated="") != replace(old, deprecated=""):
            yield Off(old.name, f"not as it was released at {ref}: a release never changes")


def _new(now: Index, before: Index, sources: Sources, ref: str) -> Iterator[Off]:
    """Releases that are not as the sources here make them, of those that `ref` lacks.

    Only the latest of a scenario can be made again: later sources make other bytes. So each comes by itself.
    """
    known = {entry.name for entry in before.releases()}
    for entry in now.releases():
        last = before.latest(entry.scenario)
        if entry.name in known:
            continue
        if entry.scenario not in sources.names:
            yield Off(entry.name, f"new since {ref}, and no page makes {entry.scenario}")
        elif last is not None and entry.number < last.number:
            yield Off(entry.name, f"new since {ref}, and lower than {last.version}, which was released there")
        elif entry != now.latest(entry.scenario):
            yield Off(
                entry.name,
                f"new since {ref}, and not the latest: only that can be made again from these sources, "
                "so let one release of a scenario pass at a time",
            )
        elif wrong := _differs(entry, now, sources):
            yield Off(entry.name, f"new since {ref}, and {wrong}")


def _differs(entry: Entry, now: Index, sources: Sources) -> str:
    try:
        return freeze.differs(entry, now, sources)
    except UserError as error:
        return str(error)
