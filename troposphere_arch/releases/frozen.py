"""What is released, as it is on disk: read only when it is as released, down to the byte."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .. import catalogue
from ..errors import UserError
from ..layers import Pinned, key_of, requirements
from .index import FILE, RELEASED, Entry, Index, LayerFile, regular

if TYPE_CHECKING:
    from ..scenarios.service_catalog import Release

UPGRADE, UPGRADE_JSON, LAYERS = "UPGRADE.md", "upgrade.json", "layers/"
"""What a release adds to what the sources make, below the folder of its version."""

RESTORE = "restore it from version control (git checkout -- templates)"


def missing_index(templates: Path, index: Index) -> str | None:
    """What is wrong when there is no index, and yet releases, which only the index knows; None when nothing is."""
    if index.entries or (templates / FILE).exists():
        return None
    found = sorted(path.parent.relative_to(templates).as_posix() for path in templates.glob(f"*/*/{UPGRADE_JSON}"))
    if not found:
        return None
    return f"{templates / FILE} is missing, and {', '.join(found)} was released: {RESTORE}"


def wrong(templates: Path, entries: Iterable[Entry]) -> dict[str, str]:
    """The files of released versions that are not as released: path -> what is wrong with it, in a word or two."""
    found = {}
    for entry in entries:
        if entry.status != RELEASED:
            continue
        for path, sha in entry.files.items():
            try:
                there = sha256(regular(templates / path)).hexdigest()
            except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
                found[path] = "missing"
            except OSError as error:
                found[path] = f"unreadable ({error.strerror})"
            else:
                if there != sha:
                    found[path] = "altered"
    return found


def verify(templates: Path, entries: Iterable[Entry]) -> None:
    """Raises `UserError` when a file of a release is not as released."""
    found = wrong(templates, entries)
    if found:
        path, what = next(iter(found.items()))
        more = f", and {len(found) - 1} more" if len(found) > 1 else ""
        scenario, version = path.split("/")[:2]
        raise UserError(
            f"{templates / path} is {what}{more}, and {scenario} {version} is released: a release never changes; "
            f"{RESTORE}"
        )


def read(templates: Path, entry: Entry, path: str) -> bytes:
    """A file of a version. Raises `UserError` when it is not the one that the index lists."""
    try:
        data = regular(templates / path)
    except OSError as error:
        raise UserError(f"cannot read {templates / path}: {error.strerror}; {RESTORE}") from None
    if sha256(data).hexdigest() != entry.files.get(path):
        raise UserError(f"{templates / path} is not the file that {FILE} lists for {entry.name}: {RESTORE}")
    return data


def template(templates: Path, entry: Entry) -> dict[str, Any]:
    """The template of a version. Raises as `read` does."""
    value = _parsed(entry, entry.template, read(templates, entry, entry.template))
    if not _is_template(value):
        raise _wrong_shape(entry, entry.template)
    found: dict[str, Any] = value
    return found


def presets(templates: Path, entry: Entry) -> dict[str, dict[str, str]]:
    """What each parameter file of a version chooses. Raises as `read` does."""
    folder = f"{entry.scenario}/{entry.version}/"
    found = {}
    for path, name in catalogue.presets_of(folder, entry.files).items():
        try:
            found[name] = chosen(read(templates, entry, folder + path))
        except (ValueError, KeyError, TypeError, RecursionError):
            raise _wrong_shape(entry, folder + path) from None
    return found


def _is_template(value: Any) -> bool:
    if not isinstance(value, dict):
        return False
    optional = [value.get(section, {}) for section in ("Conditions", "Mappings", "Metadata", "Outputs", "Parameters")]
    resources = value.get("Resources")
    return (
        all(isinstance(one, dict) for one in (*optional, resources))
        and all(map(_is_resource, value["Resources"].values()))
        and all(isinstance(one, dict) for name in ("Outputs", "Parameters") for one in value.get(name, {}).values())
    )


def _is_resource(value: Any) -> bool:
    return (
        isinstance(value, dict) and isinstance(value.get("Type"), str) and isinstance(value.get("Properties", {}), dict)
    )


def _parsed(entry: Entry, path: str, data: bytes) -> Any:
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        raise _wrong_shape(entry, path) from None


def _wrong_shape(entry: Entry, path: str) -> UserError:
    return UserError(f"{path} is not what a release of {entry.scenario} has at that place: {RESTORE}")


def chosen(parameter_file: bytes) -> dict[str, str]:
    """The values in a parameter file of ours. Raises ValueError, KeyError or TypeError for what is none."""
    found = {one["ParameterKey"]: one["ParameterValue"] for one in json.loads(parameter_file)}
    if not all(isinstance(text, str) for one in found.items() for text in one):
        raise TypeError(found)
    return found


def offered(templates: Path, index: Index) -> tuple[Release, ...]:
    """All releases, for the pages that are made from them. Raises as `read` does."""
    from ..scenarios.service_catalog import Release

    return tuple(
        Release(
            scenario=entry.scenario,
            version=entry.version,
            path=entry.template,
            description=entry.description,
            template=template(templates, entry),
            upgrade=_upgrade(templates, entry),
            deprecated=entry.deprecated,
        )
        for entry in index.releases()
    )


def _upgrade(templates: Path, entry: Entry) -> str:
    """What the update from the release before does, in a few words."""
    path = f"{entry.scenario}/{entry.version}/{UPGRADE_JSON}"
    told = _parsed(entry, path, read(templates, entry, path))
    try:
        return f"{told['from'][-1]['version']}: {told['from'][-1]['effect']}" if told["from"] else "the first release"
    except (KeyError, TypeError, IndexError):
        raise _wrong_shape(entry, path) from None


def layers(templates: Path, entry: Entry) -> tuple[Pinned, ...]:
    """The layers that a release names, with the pins that it froze, so that they can be built at any time.

    None of a draft: its layers are those of the sources. Raises as `read` does, also for pins that pip would take for
    something else, and for a key that is not of these pins, this hash and this platform.
    """
    frozen = [layer for layer in entry.layers if layer.pins]
    if not frozen:
        return ()
    resources = template(templates, entry)["Resources"]
    return tuple(_pinned(entry, layer, resources, read(templates, entry, layer.pins)) for layer in frozen)


def _pinned(entry: Entry, layer: LayerFile, resources: Mapping[str, Any], pins: bytes) -> Pinned:
    """What the layer is for stands in the template, beside its key."""
    try:
        properties = next(
            resource["Properties"]
            for resource in resources.values()
            if resource["Type"] == "AWS::Lambda::LayerVersion"
            and resource["Properties"]["Content"]["S3Key"] == layer.key
        )
        [runtime], [architecture] = properties["CompatibleRuntimes"], properties["CompatibleArchitectures"]
        text = pins.decode()
    except (KeyError, TypeError, ValueError, StopIteration):
        raise UserError(
            f"{entry.name} does not say what its layer {layer.name} is made of and for: {RESTORE}"
        ) from None
    requirements(layer.name, text)
    if key_of(layer.name, text, layer.sha256, f"{runtime} {architecture}") != layer.key:
        raise UserError(
            f"the layer {layer.key} of {entry.name} is not named after {layer.pins}, its SHA-256 and its platform: "
            f"{RESTORE}"
        )
    return Pinned(layer.name, layer.key, layer.sha256, text, runtime, architecture)
