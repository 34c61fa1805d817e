"""The contract: which version a change may carry.

    last release, draft ──diff──▶ gravest change ──▶ smallest version allowed ──▶ refused, or not

A version is `MAJOR.MINOR.PATCH` of what a running stack feels; `docs/releases.md` has the table.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from .. import catalogue, places
from ..catalogue import Draft
from ..diff import diff
from ..diff.model import Bump, Change, Diff, Section
from ..diff.report import shown
from . import frozen
from .index import Entry, Index, version_number

NOTHING = Diff()
NAMED = 3
"""How many changes a refusal names; `diff` tells all."""


@dataclass(frozen=True)
class Declared:
    """Where the version of what no page makes is written, and the command that writes a higher one there."""

    file: str
    command: str


@dataclass(frozen=True)
class Verdict:
    """What the sources of a scenario make, held against its last release.

    `smallest` is the smallest version that it may carry: of what changes nothing, the last one's. `presets` are the
    parameter files that choose something else.
    """

    draft: Draft
    last: Entry | None
    smallest: str
    diff: Diff = NOTHING
    presets: tuple[str, ...] = ()
    same: bool = False
    declared: Declared | None = None

    @property
    def is_released(self) -> bool:
        """Whether the sources make nothing but the last release."""
        return self.same and self.last is not None and self.draft.version == self.last.version

    @property
    def refusal(self) -> str:
        """Why the draft may not carry its version, in one line; empty when it may."""
        last, version = self.last, self.draft.version
        if last is None or self.is_released or version_number(version) >= version_number(self.smallest):
            return ""
        name = self.draft.scenario
        way = (
            f"`{places.command()} diff {name}@{last.version} sources:{name}` tells all, and `{places.command()} build "
            f"--bump` writes {self.smallest} into the page"
        )
        said = "VERSION"
        if self.declared:
            way, said = f"`{self.declared.command}` writes {self.smallest} into {self.declared.file}", "version"
        if version_number(version) < last.number:
            return (
                f"{name} {version} is lower than {last.version}, which is released: its {said} must be "
                f"{self.smallest} at least; {way}"
            )
        if version == last.version:
            return (
                f"{name} {version} is released, and the sources make something else ({self.what}): that may be "
                f"{self.smallest} at least; {way}, or undo the change"
            )
        return (
            f"{name} {version} is too low for what changed since {last.version} ({self.what}): that may be "
            f"{self.smallest} at least; {way}"
        )

    @property
    def what(self) -> str:
        """The gravest changes, in one line."""
        words = [_words(change) for change in self.diff.changes] + [f"preset {name} changed" for name in self.presets]
        more = f", and {len(words) - NAMED} more" if len(words) > NAMED else ""
        return (", ".join(words[:NAMED]) + more) or "its text"


def judge(draft: Draft, index: Index, templates: Path, declared: Declared | None = None) -> Verdict:
    """Hold a draft against the last release of its scenario, whose files are below `templates`.

    `declared` says where its version is written, when that is no page. Raises `UserError` when a file is not as it was
    released.
    """
    last = index.latest(draft.scenario)
    if last is None:
        return Verdict(draft, None, draft.version, declared=declared)
    before = _files(last.scenario, last.version, {path: frozen.read(templates, last, path) for path in _made(last)})
    now = _files(draft.scenario, draft.version, draft.files)
    if before == now:
        return Verdict(draft, last, last.version, same=True, declared=declared)
    old, new = (json.loads(files[f"{draft.scenario}.template.json"]) for files in (before, now))
    names = catalogue.presets_of("", before.keys() | now.keys())
    presets = tuple(name for path, name in names.items() if before.get(path) != now.get(path))
    found = diff(old, new)
    # What a preset chooses is a default that somebody took: so it weighs as one.
    bump = max(found.bump, Bump.MINOR if presets else Bump.PATCH)
    return Verdict(draft, last, step(last.version, bump), found, presets, declared=declared)


def step(version: str, bump: Bump) -> str:
    """The smallest version above `version` that such a change may carry."""
    major, minor, patch = version_number(version)
    match bump:
        case Bump.MAJOR:
            return f"{major + 1}.0.0"
        case Bump.MINOR:
            return f"{major}.{minor + 1}.0"
        case Bump.PATCH:
            return f"{major}.{minor}.{patch + 1}"
    return version


def _made(entry: Entry) -> list[str]:
    """The files of a release that the sources make, too."""
    added = (frozen.UPGRADE, frozen.UPGRADE_JSON, frozen.LAYERS)
    folder = f"{entry.scenario}/{entry.version}/"
    return [path for path in entry.files if not path.removeprefix(folder).startswith(added)]


def _files(scenario: str, version: str, files: Mapping[str, bytes]) -> dict[str, bytes]:
    """The files by their paths below the version's folder, with no version where one stands only to be told.

    So that two versions of the same are the same, and yet no byte of any other kind goes unnoticed.
    """
    folder = f"{scenario}/{version}/"
    told = {f"{scenario} {version})": ")", f"({version})": "()"}
    told |= {f'"{key}": "{version}"': f'"{key}": ""' for key in ("Version", "Value")}

    def without(data: bytes) -> bytes:
        for words, instead in told.items():
            data = data.replace(words.encode(), instead.encode())
        return data

    return {path.removeprefix(folder): without(data) for path, data in files.items()}


def _words(change: Change) -> str:
    where = "" if change.section in (Section.RESOURCES, Section.PERMISSIONS) else f"{change.section.value} "
    return f"{where}{change.name}: {shown(change)}"
