"""The catalogue: which files `templates/` holds for each version of a scenario, as the sources make them.

templates/<scenario>/<version>/<scenario>.template.json
templates/<scenario>/<version>/<scenario>.retained.json     what outlives a stack, to import into a new one
templates/<scenario>/<version>/parameters/<preset>.json
templates/<scenario>/<version>/site/...                     of a page with SITE, the static site that it names

A release adds `UPGRADE.md`, `upgrade.json` and `layers/<name>.txt`; `templates/index.json` lists all of it: both are
made by what is in `releases/`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from . import layers, places, scenarios, site_files
from .errors import UserError
from .render import plain, render, retained, text

if TYPE_CHECKING:
    from .scenarios.service_catalog import Release

T = TypeVar("T")

SITE = "site/"
"""Where the static site of a version is, below the folder of that version."""


@dataclass(frozen=True)
class Draft:
    """A version of a scenario as the sources make it. `layers` are the names of those that its template names."""

    scenario: str
    version: str
    description: str
    resources: int
    layers: tuple[str, ...]
    files: Mapping[str, bytes]

    @property
    def template(self) -> str:
        """The path of its template."""
        return template_path(self.scenario, self.version)

    @property
    def presets(self) -> dict[str, bytes]:
        """Its parameter files by the names of their presets."""
        start = f"{self.scenario}/{self.version}/"
        return {name: self.files[start + path] for path, name in presets_of(start, self.files).items()}


def draft(name: str, releases: Sequence[Release] = ()) -> Draft:
    """What the page of the scenario `name` makes, if need be of these releases.

    Raises `UserError` for a name that is none, and when there is no release to make it from.
    """
    page = scenarios.page(name)
    if name in scenarios.FROM_RELEASES:
        if not _offered(releases):
            raise UserError(f"{name} is made from releases, and there is none yet: `{places.command()} release` first")
        try:
            t = page.build(releases)
        except ValueError as error:
            raise UserError(f"{name} can't be made from these releases: {error}") from None
    else:
        t = page.build()
    folder = f"{name}/{page.VERSION}"
    whole = plain(t)
    files = {template_path(name, page.VERSION): render(t, whole), f"{folder}/{name}.retained.json": retained(t, whole)}
    for preset, chosen in sorted(page.PRESETS.items()):
        files[f"{folder}/parameters/{preset}.json"] = preset_file(whole.get("Parameters", {}), chosen)
    if site := getattr(page, "SITE", ""):
        files |= {f"{folder}/{SITE}{path}": data for path, data in site_files.built(site).items()}
    return Draft(name, page.VERSION, page.DESCRIPTION, len(t.resources), _layers(whole), files)


def drafts(releases: Sequence[Release] = ()) -> list[Draft]:
    """What the page of each scenario makes. Those that are made from releases are there once there is one."""
    names = (*scenarios.NAMES, *(scenarios.FROM_RELEASES if _offered(releases) else ()))
    return [draft(name, releases) for name in names]


def _offered(releases: Sequence[Release]) -> bool:
    return any(release.scenario in scenarios.ARCHITECTURES for release in releases)


def contents() -> dict[str, bytes]:
    """Every file of every scenario that is made without releases: path below `templates/` -> bytes."""
    return {path: data for one in drafts() for path, data in one.files.items()}


def template_path(scenario: str, version: str) -> str:
    """Where the template of a version stands, below `templates/`."""
    return f"{scenario}/{version}/{scenario}.template.json"


def presets_of(folder: str, paths: Iterable[str]) -> dict[str, str]:
    """The parameter files among these paths: path below `folder` (which ends with a slash) -> name of the preset."""
    start = f"{folder}parameters/"
    return {
        path.removeprefix(folder): path.removeprefix(start).removesuffix(".json")
        for path in sorted(paths)
        if path.startswith(start)
    }


def site_of(scenario: str, version: str, files: Mapping[str, T]) -> dict[str, T]:
    """The files of a version's static site, by their paths below it; of a version without one, none."""
    start = f"{scenario}/{version}/{SITE}"
    return {path.removeprefix(start): value for path, value in files.items() if path.startswith(start)}


def is_template(path: str) -> bool:
    """Whether a file of the catalogue is a whole template."""
    return path.endswith(".template.json") and not _is_of_site(path)


def is_part(path: str) -> bool:
    """Whether a file of the catalogue is the part of a template that outlives its stacks."""
    return path.endswith(".retained.json") and not _is_of_site(path)


def _is_of_site(path: str) -> bool:
    return path.split("/")[2:3] == [SITE.rstrip("/")]


def _layers(template: dict[str, Any]) -> tuple[str, ...]:
    keys = [
        resource["Properties"]["Content"]["S3Key"]
        for resource in template["Resources"].values()
        if resource["Type"] == "AWS::Lambda::LayerVersion"
    ]
    return tuple(name for name in layers.NAMES if layers.key(name) in keys)


def preset_file(parameters: Mapping[str, Any], chosen: Mapping[str, str]) -> bytes:
    """A parameter file as `create-stack --parameters` and `create-change-set --parameters` take it."""
    unknown = sorted(chosen.keys() - parameters.keys())
    if unknown:
        raise ValueError(f"the preset chooses {', '.join(unknown)}, which is no parameter of the template")
    values = {name: chosen.get(name, definition["Default"]) for name, definition in sorted(parameters.items())}
    return text([{"ParameterKey": name, "ParameterValue": value} for name, value in values.items()])
