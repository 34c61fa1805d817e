"""The version that a user names, or the newest: its very bytes, and the layers that it froze.

todo, todo@1.0.0 ──index──▶ files, each as its hash says ──▶ Chosen
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from . import building, catalogue, places, scenarios
from .errors import UserError
from .layers import Pinned
from .releases import frozen, index
from .releases.index import DRAFT, RELEASED, Entry


@dataclass(frozen=True)
class Chosen:
    """A version of a scenario: its files by their paths below `templates/`, and the layers that its release froze."""

    scenario: str
    version: str
    status: str
    files: Mapping[str, bytes] = field(repr=False)
    layers: tuple[Pinned, ...] = ()

    @property
    def template(self) -> bytes:
        """The bytes of its template."""
        return self.files[catalogue.template_path(self.scenario, self.version)]

    @property
    def site(self) -> dict[str, bytes]:
        """The files of its static site, by their paths below it; empty when it has none."""
        return catalogue.site_of(self.scenario, self.version, self.files)


def choose(name: str) -> Chosen:
    """The version of `todo@1.0.0`; of `todo` the one that its sources make, draft or released.

    In a checkout these are the files below `templates/`, when they are as released, or as the sources make them; an
    installed package has its own sources, and the releases of an index below the current directory, if there is one.
    Raises `UserError` for what is not there, is not as it should be, or has lint findings.
    """
    scenario, at, version = name.partition("@")
    page, templates = scenarios.page(scenario), places.templates()
    if at:
        index.version_number(version)
        known = index.read(templates)
        if entry := next((one for one in known.of(scenario) if one.version == version), None):
            if entry.status == RELEASED:
                return _released(entry)
        elif version != page.VERSION:
            versions = [one.version for one in known.of(scenario)] or [page.VERSION]
            raise UserError(f"there is no {scenario} {version}: there is {', '.join(versions)}")
        elif places.checkout() is not None:
            raise UserError(f"there is no {scenario} {version} below {templates} yet: run `{places.command()}` first")
    if at and version != page.VERSION:
        raise UserError(
            f"{scenario} {version} is a draft that no source makes any more: the page has {page.VERSION}; "
            f"run `{places.command()}`"
        )
    if places.checkout() is None:
        made = catalogue.draft(scenario)
        return Chosen(scenario, made.version, DRAFT, made.files)
    return _of_sources(scenario, page.VERSION)


def _of_sources(scenario: str, version: str) -> Chosen:
    """What the sources make, when the files are that."""
    templates = places.templates()
    path = catalogue.template_path(scenario, version)
    there = (templates / path).exists()
    result = building.build(templates, write=not there)
    if result.refused:
        raise UserError(result.refused[0])
    if result.findings:
        raise UserError(f"the template has {len(result.findings)} lint findings: see `{places.command()} build`")
    deployed = (path, f"{scenario}/{version}/{catalogue.SITE}")
    if off := [one for one in result.changed if there and one.startswith(deployed)]:
        raise UserError(
            f"{templates / off[0]} is not what the sources make: run `{places.command()}` first, or undo the change"
        )
    entry = index.read(templates).find(f"{scenario}@{version}")
    if entry.status == RELEASED:
        return _released(entry)
    folder = f"{scenario}/{version}/"
    paths = [path for path in result.made if path.startswith(folder) and (templates / path).is_file()]
    files = {path: (templates / path).read_bytes() for path in paths}
    return Chosen(scenario, version, DRAFT, files)


def _released(entry: Entry) -> Chosen:
    templates = places.templates()
    files = {path: frozen.read(templates, entry, path) for path in entry.files}
    return Chosen(entry.scenario, entry.version, entry.status, files, frozen.layers(templates, entry))
