"""The example `shop`: its templates are committed, as its declarations and its code make them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.evidence import shows
from troposphere_arch import lint
from troposphere_arch.microservices import reading, templates
from troposphere_arch.microservices.declaration import IN_NETWORK, SHAPES, System
from troposphere_arch.releases import index

FOLDER = Path(__file__).parents[2] / "examples" / "shop"
MOST_LINES = 15
FITS_INTO_A_REQUEST = 51_200


@pytest.fixture(scope="module")
def shop() -> System:
    return reading.read(FOLDER)


@shows("REQ-M3", "REQ-M4", how="static")
def test_it_uses_every_shape_of_functions_and_each_declaration_is_short(shop: System) -> None:
    assert {service.shape for service in shop.services.values()} == set(SHAPES) - set(IN_NETWORK)
    for service in shop.services.values():
        lines = [line for line in service.file.read_text().splitlines() if line.strip()]
        assert len(lines) < MOST_LINES, service.name


def test_its_templates_are_as_its_sources_make_them(shop: System, lint_marks: Path) -> None:
    made = {}
    for name in ("platform", *shop.services):
        made |= templates.draft(shop, name).files
    there = {path: (FOLDER / "templates" / path).read_bytes() for path in made}
    assert there == made
    listed = {path for entry in index.read(FOLDER / "templates").entries for path in entry.files}
    assert listed == set(made)
    whole = {path: data for path, data in made.items() if path.endswith(".template.json")}
    assert lint.lint(whole, cache=lint_marks) == []


@pytest.mark.parametrize("name", ["fulfilment", "invoices", "statistics", "stock"])
def test_a_service_that_calls_nobody_fits_into_a_request(shop: System, name: str) -> None:
    draft = templates.draft(shop, name)
    assert len(draft.files[draft.template]) < FITS_INTO_A_REQUEST
    assert json.loads(draft.files[draft.template])["Metadata"]["Service"]["Name"] == name
