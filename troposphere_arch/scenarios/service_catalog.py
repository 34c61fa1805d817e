"""Service Catalog: a product for each architecture, with a version for each of its releases.

People ──launch──▶ Portfolio ──offers──▶ Todo and so on ──▶ stacks, made by a launch role within a boundary

Made from what is released: `build` is told the releases, and no architecture is named here.
"""

from __future__ import annotations

from collections.abc import Sequence

from .. import arrows
from ..blocks import servicecatalog
from ..blocks.servicecatalog import Release
from ..template import ScenarioTemplate, actor, scenario_template
from . import ARCHITECTURES

__all__ = ["DESCRIPTION", "PRESETS", "VERSION", "Release", "build"]

VERSION = "1.0.0"
DESCRIPTION = "A Service Catalog portfolio of these architectures: a product each, with a version for each release."
# None: the address of the catalogue is a parameter without a default.
PRESETS: dict[str, dict[str, str]] = {}


def build(releases: Sequence[Release]) -> ScenarioTemplate:
    """The template of the portfolio of these releases; those of scenarios that are no architectures are left out.

    Raises ValueError when no release is left: without one there is nothing to offer, and nothing is made.
    """
    t = scenario_template("service-catalog", VERSION, DESCRIPTION)

    people = actor(t, "People")
    portfolio = servicecatalog.portfolio(t, "Portfolio")
    products = servicecatalog.products(t, releases, of=ARCHITECTURES)

    arrows.launches(people, portfolio)
    for product in products:
        arrows.offers(portfolio, product)
    return t
