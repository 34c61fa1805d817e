"""Service Catalog: a product for each architecture, with a version for each of its releases.

Made from what is released, so that the page has no architecture of its own: `build` is told the releases.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..template import ScenarioTemplate

VERSION = "1.0.0"
DESCRIPTION = "A Service Catalog portfolio of these architectures: a product each, with a version for each release."
PRESETS: dict[str, dict[str, str]] = {"starter": {}}


@dataclass(frozen=True)
class Release:
    """A released version of a scenario, as the index has it, and its template.

    `path` is the template's place below the catalogue's address, `upgrade` what an update to it does in a few words
    (such as `minor: in place`), `deprecated` why nobody should take it any more.
    """

    scenario: str
    version: str
    path: str
    description: str
    template: Mapping[str, Any]
    upgrade: str = ""
    deprecated: str = ""


def build(releases: Sequence[Release]) -> ScenarioTemplate:
    """The template of the portfolio of these releases; those of scenarios that are no architectures are left out.

    Raises ValueError when no release is left: without one there is nothing to offer, and nothing is made.
    """
    raise NotImplementedError
