"""scaffold-name: its stack in the emulator."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from troposphere_arch.microservices import testing


@pytest.fixture(scope="module")
def service() -> Iterator[testing.Deployed]:
    with testing.deployed(Path(__file__).parent) as service:
        yield service


def test_amounts_are_added_up(service: testing.Deployed) -> None:
    for amount in (3, 4):
        service.send({"of": "apples", "amount": amount})
    assert service.until(lambda: service.item("of#apples", "sum")["records"] == 2)
    assert service.item("of#apples", "sum")["amount"] == 7
