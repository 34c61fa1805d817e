"""Small catalogues to publish: folders as `release` leaves them, with releases of a topic and a tiny layer."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from troposphere_arch.layers import key_of
from troposphere_arch.releases.index import RELEASED, Entry, LayerFile, index_of
from troposphere_arch.render import text


@dataclass(frozen=True)
class Layer:
    """A finished layer of ours, with the pins that it claims to be made from."""

    name: str
    key: str
    data: bytes
    pins: str

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.data).hexdigest()


def layer(name: str, size: int = 0) -> Layer:
    """A zip file with a module of that name, and `size` bytes besides."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr(zipfile.ZipInfo(f"python/{name}.py"), f"NAME = {name!r}\n")
        archive.writestr(zipfile.ZipInfo("python/more"), hashlib.sha256(name.encode()).digest() * (size // 32))
    data = made.getvalue()
    pins = f"{name}==1.0 --hash=sha256:{'0' * 64}\n"
    return Layer(name, key_of(name, pins, hashlib.sha256(data).hexdigest(), "python3.13 arm64"), data, pins)


@dataclass(frozen=True)
class Made:
    """The files of a release, and its entry."""

    entry: Entry
    files: dict[str, bytes]
    layers: tuple[Layer, ...]


def release(
    scenario: str = "topics",
    version: str = "1.0.0",
    *,
    says: str = "",
    filler: int = 0,
    layers: Iterable[Layer] = (),
    deprecated: str = "",
) -> Made:
    """A release of a template with a topic. `says` makes it another; `filler` makes it longer by so many bytes."""
    layers = tuple(layers)
    folder = f"{scenario}/{version}"
    choice = {"Type": "String", "Default": "small", "AllowedValues": ["small", "large"]}
    resources = {
        f"Layer{number}": {
            "Type": "AWS::Lambda::LayerVersion",
            "Properties": {
                "Content": {"S3Bucket": {"Ref": "ArtifactBucket"}, "S3Key": one.key},
                "CompatibleRuntimes": ["python3.13"],
                "CompatibleArchitectures": ["arm64"],
            },
        }
        for number, one in enumerate(layers)
    }
    template = {
        "Description": f"{scenario} {version} {says}",
        "Parameters": {
            "Size": choice,
            "Secret": {"Type": "String", "Default": "", "NoEcho": True},
            **({"ArtifactBucket": {"Type": "String", "Default": "none"}} if layers else {}),
        },
        "Metadata": {"Filler": "x" * filler},
        "Resources": {"Topic": {"Type": "AWS::SNS::Topic"}, **resources},
        "Outputs": {"TemplateVersion": {"Value": version}, "Topic": {"Value": {"Ref": "Topic"}}},
    }

    def preset(size: str) -> bytes:
        return text(
            [{"ParameterKey": "Size", "ParameterValue": size}, {"ParameterKey": "Secret", "ParameterValue": "s"}]
        )

    path = f"{folder}/{scenario}.template.json"
    files = {
        path: text(template),
        f"{folder}/{scenario}.retained.json": text({"Resources": {}}),
        f"{folder}/parameters/starter.json": preset("small"),
        f"{folder}/parameters/production.json": preset("large"),
        f"{folder}/UPGRADE.md": f"# {scenario} {version}\n\n{says}\n".encode(),
        f"{folder}/upgrade.json": text({"version": version}),
        **{f"{folder}/layers/{one.name}.txt": one.pins.encode() for one in layers},
    }
    entry = Entry(
        scenario=scenario,
        version=version,
        status=RELEASED,
        template=path,
        sha256=hashlib.sha256(files[path]).hexdigest(),
        bytes=len(files[path]),
        resources=len(resources) + 1,
        description=f"A topic, for {scenario}.",
        files={name: hashlib.sha256(data).hexdigest() for name, data in sorted(files.items())},
        layers=tuple(LayerFile(one.name, one.key, one.sha256, f"{folder}/layers/{one.name}.txt") for one in layers),
        released="2026-11-25",
        deprecated=deprecated,
    )
    return Made(entry, files, layers)


def write(folder: Path, made: Iterable[Made]) -> Path:
    """A catalogue of these releases, and a folder `finished` beside it with their layers."""
    made = list(made)
    templates, finished = folder / "templates", folder / "finished"
    finished.mkdir(parents=True, exist_ok=True)
    for one in made:
        for path, data in one.files.items():
            (templates / path).parent.mkdir(parents=True, exist_ok=True)
            (templates / path).write_bytes(data)
        for layer_ in one.layers:
            (finished / layer_.key.rpartition("/")[2]).write_bytes(layer_.data)
    templates.mkdir(parents=True, exist_ok=True)
    (templates / "index.json").write_bytes(index_of(one.entry for one in made).text())
    return templates


def seal_again(file: Path) -> None:
    """Make the seal of an index fit its entries, as somebody would who wants to deceive."""
    value = json.loads(file.read_text())
    canonical = json.dumps(value["templates"], sort_keys=True, separators=(",", ":"))
    file.write_text(json.dumps({**value, "seal": hashlib.sha256(canonical.encode()).hexdigest()}))
