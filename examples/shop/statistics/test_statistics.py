"""statistics: its stack in the emulator."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from troposphere_arch.microservices import testing

FOLDER = Path(__file__).parent


@pytest.fixture(scope="module")
def service() -> Iterator[testing.Deployed]:
    with testing.deployed(FOLDER) as service:
        yield service


def test_orders_are_counted_by_goods_and_day(service: testing.Deployed) -> None:
    for id, units in (("order-1", 2), ("order-2", 3)):
        service.send({"id": id, "sku": "tea", "units": units, "at": "2026-01-31T23:59:59Z"}, group="tea")
    assert service.until(lambda: service.item("sku#tea", "day#2026-01-31")["orders"] == 2)
    assert service.item("sku#tea", "day#2026-01-31")["units"] == 5
