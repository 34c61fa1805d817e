"""Whether all releases are as they were released, and no version is lower than it may be: the gate of CI."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

from .. import catalogue, places
from ..errors import UserError
from . import frozen, git, index
from .contract import judge
from .index import Entry, Index


@dataclass(frozen=True)
class Off:
    """Something that is not as it should be: a file, a version or a page, and what is wrong with it."""

    what: str
    wrong: str


def check(against: str | None = None) -> list[Off]:
    """All that is off; with `against`, a git ref, also what became of the releases that are in its index.

    Raises `UserError` when there is no such ref, or nothing to compare it with.
    """
    templates = places.templates()
    try:
        now = index.read(templates)
    except UserError as error:
        return [Off(index.FILE, str(error))]
    if missing := frozen.missing_index(templates, now):
        return [Off(index.FILE, missing)]
    found = [Off(path, f"{what}: {frozen.RESTORE}") for path, what in frozen.wrong(templates, now.entries).items()]
    found += [off for entry in now.releases() for off in _incomplete(entry)]
    found += _out_of_order(now)
    if not found:  # else there is nothing true to hold the pages against
        found += _too_low(now, templates)
    if against is not None:
        found += _lost(now, against)
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
    try:
        datetime.date.fromisoformat(entry.released)
    except ValueError:
        yield Off(entry.name, f"the index says that it was released on {entry.released or 'no day'}")


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


def _too_low(now: Index, templates: Path) -> Iterator[Off]:
    for draft in catalogue.drafts(frozen.offered(templates, now)):
        if refusal := judge(draft, now, templates).refusal:
            yield Off(f"{draft.scenario}@{draft.version}", refusal)


def _lost(now: Index, ref: str) -> Iterator[Off]:
    """Releases of the index at `ref` that are gone or altered since; only the mark `deprecated` may change."""
    root = places.checkout()
    if root is None:
        raise UserError("--against is for a checkout, whose history git knows")
    path = f"templates/{index.FILE}"
    data = git.committed(root, path, ref)
    # Before indexes had a seal, nothing was released.
    is_old = data is not None and b'"seal"' not in data and b'"released"' not in data
    before = Index() if data is None or is_old else index.parse(data, f"{ref}:{path}")
    entries = {entry.name: entry for entry in now.releases()}
    for old in before.releases():
        new = entries.get(old.name)
        if new is None:
            yield Off(old.name, f"released at {ref}, and gone: a release stays")
        elif replace(new, deprecated="") != replace(old, deprecated=""):
            yield Off(old.name, f"not as it was released at {ref}: a release never changes")
