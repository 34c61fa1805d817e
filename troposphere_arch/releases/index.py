"""The index of a catalogue: an entry for each version of each scenario, drafts and releases, under one seal.

The index is written by `build`, `release` and `audit`, never by hand: its seal is a hash of all entries, so that a
slip of an editor is noticed before anything is built on it, or published.
"""

from __future__ import annotations

import errno
import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from .. import places
from ..errors import UserError
from ..render import text

FILE = "index.json"
DRAFT, RELEASED = "draft", "released"

_PATH = re.compile(r"[A-Za-z0-9._/-]{1,900}")


@dataclass(frozen=True)
class LayerFile:
    """A layer that a template names: its key in the artifact bucket, and the hash of its bytes for Lambda.

    `pins` is the file in the catalogue from which the same bytes can be built at any time; a draft has none.
    """

    name: str
    key: str
    sha256: str
    pins: str = ""


@dataclass(frozen=True)
class Entry:
    """A version of a scenario. `files` are all its files below the catalogue, each with its SHA-256."""

    scenario: str
    version: str
    status: str
    template: str
    sha256: str
    bytes: int
    resources: int
    description: str
    files: Mapping[str, str] = field(default_factory=dict)
    layers: tuple[LayerFile, ...] = ()
    released: str = ""  # the day, as 2026-11-25
    deprecated: str = ""  # why nobody should take it any more; found by `audit`
    url: str = ""  # only in a published index: where the template is
    launch: Mapping[str, str] = field(default_factory=dict)  # likewise: preset -> a link that creates a stack

    @property
    def name(self) -> str:
        """As a user writes it: `todo@1.0.0`."""
        return f"{self.scenario}@{self.version}"

    @property
    def number(self) -> tuple[int, int, int]:
        """The version as numbers, which compare as versions do."""
        return version_number(self.version)


def version_number(version: str) -> tuple[int, int, int]:
    """`1.10.0` -> (1, 10, 0). Raises `UserError` for what is no version."""
    parts = version.split(".")
    if len(parts) != 3 or not all(re.fullmatch(r"0|[1-9][0-9]{0,8}", part) for part in parts):
        raise UserError(f"{version!r:.100} is no version: write MAJOR.MINOR.PATCH, such as 1.0.0")
    major, minor, patch = map(int, parts)
    return major, minor, patch


@dataclass(frozen=True)
class Index:
    """The entries, by scenario and version."""

    entries: tuple[Entry, ...] = ()

    def of(self, scenario: str) -> tuple[Entry, ...]:
        """The versions of a scenario, oldest first."""
        return tuple(entry for entry in self.entries if entry.scenario == scenario)

    def releases(self, scenario: str | None = None) -> tuple[Entry, ...]:
        """What is released, of one scenario or of all, oldest first."""
        return tuple(entry for entry in self.entries if entry.status == RELEASED and scenario in (None, entry.scenario))

    def latest(self, scenario: str) -> Entry | None:
        """The newest release of a scenario; None when it has none."""
        return next(reversed(self.releases(scenario)), None)

    def find(self, name: str) -> Entry:
        """The entry of `todo@1.0.0`; of `todo`, its newest version, draft or not. Raises `UserError` for none."""
        scenario, _, version = name.partition("@")
        versions = self.of(scenario)
        found = [entry for entry in versions if version in ("", entry.version)]
        if found:
            return found[-1]
        if versions:
            there = ", ".join(entry.version for entry in versions)
            raise UserError(f"there is no {scenario} {version}: there is {there}")
        known = ", ".join(dict.fromkeys(entry.scenario for entry in self.entries)) or "none"
        raise UserError(f"there is no template {scenario!r} in the catalogue: there is {known}")

    def text(self) -> bytes:
        """The file's bytes."""
        entries = [_plain(entry) for entry in self.entries]
        return text({"templates": entries, "seal": _seal(entries)})


def index_of(entries: Iterable[Entry]) -> Index:
    """The index of these entries, put in order. Raises ValueError when a version is there twice."""
    ordered = sorted(entries, key=lambda entry: (entry.scenario, entry.number))
    names = [entry.name for entry in ordered]
    if len(set(names)) < len(names):
        raise ValueError(f"a version is in the index twice: {', '.join(names)}")
    return Index(tuple(ordered))


def parse(data: bytes, where: str) -> Index:
    """Read an index from the bytes of a file. `where` names it in what a user is told.

    Raises `UserError` when it is damaged, or was changed by something else than us.
    """
    try:
        value = json.loads(data)
        entries, seal = value["templates"], value["seal"]
        if not isinstance(entries, list):
            raise TypeError(entries)
        index = index_of(_entry(entry) for entry in entries)
    except UserError:
        raise
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise UserError(f"{where} is damaged: it is no index of templates; restore it from version control") from None
    if seal != _seal(entries):
        raise UserError(
            f"{where} was edited by hand (its seal does not fit its entries): restore it from version control; "
            f"only `{places.command()}`, its `release` and its `audit` write it"
        )
    return index


def read(templates: Path) -> Index:
    """The index below `templates`; an empty one when there is none yet. Raises as `parse` does."""
    file = templates / FILE
    try:
        return parse(regular(file), str(file))
    except FileNotFoundError:
        return Index()
    except OSError as error:
        raise UserError(f"cannot read {file}: {error.strerror}") from None


def regular(file: Path) -> bytes:
    """The bytes of a file. Raises OSError as reading does, and for what is no file: nobody waits for a pipe."""
    if file.exists() and not (file.is_file() or file.is_dir()):
        raise OSError(errno.EINVAL, "it is no file")
    return file.read_bytes()


def is_path(path: str) -> bool:
    """Whether this could be the path of a file below the catalogue, as a key and in a URL, too."""
    return bool(_PATH.fullmatch(path)) and not {"", ".", ".."} & set(path.split("/"))


def _seal(entries: list[Any]) -> str:
    canonical = json.dumps(entries, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()


def _plain(entry: Entry) -> dict[str, Any]:
    """Without what is empty."""
    return _filled({**asdict(entry), "layers": [_filled(asdict(layer)) for layer in entry.layers]})


def _filled(values: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in values.items() if value not in ("", {}, [])}


def _entry(value: Mapping[str, Any]) -> Entry:
    """Raises ValueError or TypeError for what is no entry: an index may come from anywhere."""
    layers = tuple(LayerFile(**layer) for layer in value.get("layers", ()))
    entry = Entry(**{**value, "layers": layers})
    texts = [
        *(getattr(entry, one) for one in ("scenario", "version", "template", "sha256", "description")),
        *(entry.released, entry.deprecated, entry.url, *entry.files.values(), *entry.launch.values()),
        *(text for layer in layers for text in (layer.name, layer.key, layer.sha256, layer.pins)),
    ]
    if (
        not all(isinstance(one, str) for one in texts)
        or type(entry.bytes) is not int
        or type(entry.resources) is not int
    ):
        raise TypeError(entry)
    version_number(entry.version)
    if entry.status not in (DRAFT, RELEASED) or not re.fullmatch(r"[a-z][a-z0-9-]*", entry.scenario):
        raise ValueError(entry)
    # They are read, written and removed by these paths: none may lead out of the version's own folder.
    for path in (entry.template, *entry.files, *(layer.pins for layer in layers if layer.pins)):
        if not (path.startswith(f"{entry.scenario}/{entry.version}/") and is_path(path)):
            raise ValueError(path)
    return entry
