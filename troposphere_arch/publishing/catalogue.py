"""What there is to publish: the releases below `templates/`, read only when they are as released.

    templates/index.json, files ──▶ Release: its entry, its files' bytes, its claim, its layers' pins

The claim is one small object that names all the others of a release with their hashes. It is put first: of two who
publish different releases under the same version, one wins it, and the other writes nothing of its own.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from .. import places
from ..errors import UserError
from ..layers import Pinned
from ..releases import frozen, index
from ..releases.index import Entry
from ..render import text

CLAIM = "release.json"

_NAME = re.compile(r"[a-z][a-z0-9-]*")
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Release:
    """A released version with the bytes of its files, by their paths below the catalogue."""

    entry: Entry
    files: Mapping[str, bytes] = field(repr=False)
    layers: tuple[Pinned, ...] = ()

    @property
    def claim(self) -> tuple[str, bytes]:
        """Path and bytes of the claim."""
        return claim_path(self.entry), claim_bytes(self.entry)

    def template(self) -> dict[str, Any]:
        """The template, parsed. Raises `UserError` when it is none."""
        return template_of(self.entry, self.files[self.entry.template])

    def presets(self) -> dict[str, dict[str, str]]:
        """Preset -> the parameters that it chooses."""
        return presets_of(self.entry, self.files)


def releases(templates: Path) -> tuple[Release, ...]:
    """All releases below `templates`, read and verified; drafts are left out.

    Raises `UserError` when there is none, when the index or a file is not as it was released, and for a path that
    could not be a key.
    """
    found = index.read(templates)
    if missing := frozen.missing_index(templates, found):
        raise UserError(missing)
    entries = found.releases()
    if not entries:
        raise UserError(
            f"nothing is released below {templates}, so there is nothing to publish: "
            f"`{places.command()} release NAME` makes a release"
        )
    return tuple(_release(templates, entry) for entry in entries)


def template_of(entry: Entry, data: bytes) -> dict[str, Any]:
    """The template of a release, parsed. Raises `UserError` when it is none."""
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        value = None
    parameters = value.get("Parameters", {}) if isinstance(value, dict) else None
    if not (isinstance(parameters, dict) and all(isinstance(one, dict) for one in parameters.values())):
        raise UserError(f"the template of {entry.name} is none: it can't be published")
    found: dict[str, Any] = value
    return found


def presets_of(entry: Entry, files: Mapping[str, bytes]) -> dict[str, dict[str, str]]:
    """Preset -> the parameters that it chooses. Raises `UserError` for a file that is no parameter file."""
    folder = f"{entry.scenario}/{entry.version}/parameters/"
    found = {}
    for path in sorted(entry.files):
        if not (path.startswith(folder) and path.endswith(".json")):
            continue
        try:
            found[path.removeprefix(folder).removesuffix(".json")] = frozen.chosen(files[path])
        except (ValueError, KeyError, TypeError, RecursionError):
            raise UserError(f"{path} of {entry.name} is no parameter file") from None
    return found


def claim_path(entry: Entry) -> str:
    """Where the claim of a release is, below the catalogue."""
    return f"{entry.scenario}/{entry.version}/{CLAIM}"


def claim_bytes(entry: Entry) -> bytes:
    """The claim of a release: only of what makes it this release, so that it is the same for whoever publishes it."""
    return text({"scenario": entry.scenario, "version": entry.version, **content(entry)})


def content(entry: Entry) -> dict[str, Any]:
    """What may not differ between two entries of one release: all of its bytes."""
    return {
        "template": entry.template,
        "sha256": entry.sha256,
        "files": dict(sorted(files_of(entry).items())),
        "layers": [asdict(layer) for layer in entry.layers],
    }


def files_of(entry: Entry) -> dict[str, str]:
    """Path -> SHA-256 of every file of a release, its template among them."""
    return {**entry.files, entry.template: entry.sha256}


def check(entry: Entry) -> None:
    """Raises `UserError` when a name or a path of the entry could not be what it says, as a key or in a URL."""
    if not _well_formed(entry):
        raise UserError(f"the entry {entry.name!r:.100} of the index is damaged: nothing was changed")
    folder = f"{entry.scenario}/{entry.version}/"
    paths = [*files_of(entry), *(layer.key for layer in entry.layers)]
    for path in paths:
        inside = path.startswith((folder, "layers/")) and index.is_path(path)
        if not (_NAME.fullmatch(entry.scenario) and inside):
            raise UserError(f"{path!r} of {entry.name} can't be published: it is no path below {folder} or layers/")
    if claim_path(entry) in paths:
        raise UserError(f"{claim_path(entry)} is a name that publishing keeps for itself: {entry.name} can't have it")


def _well_formed(entry: Entry) -> bool:
    """Whether all is text, numbers and hashes where it should be: the seal alone does not say so."""
    texts = [
        entry.scenario,
        entry.version,
        entry.template,
        entry.description,
        entry.released,
        entry.deprecated,
        entry.url,
    ]
    if not (isinstance(entry.files, Mapping) and isinstance(entry.launch, Mapping)):
        return False
    for layer in entry.layers:
        texts += [layer.name, layer.key, layer.pins]
    texts += [*entry.files, *entry.launch, *entry.launch.values()]
    hashes = [entry.sha256, *entry.files.values(), *(layer.sha256 for layer in entry.layers)]
    numbers = (entry.bytes, entry.resources)
    return (
        all(isinstance(text_, str) for text_ in texts)
        and all(isinstance(number, int) for number in numbers)
        and all(isinstance(hash_, str) and _SHA256.fullmatch(hash_) for hash_ in hashes)
    )


def _release(templates: Path, entry: Entry) -> Release:
    check(entry)
    # A template that `files` does not list is still one of the release's files.
    listed = Entry(**{**vars(entry), "files": files_of(entry)})
    files = {path: frozen.read(templates, listed, path) for path in listed.files}
    return Release(entry, files, frozen.layers(templates, listed))
