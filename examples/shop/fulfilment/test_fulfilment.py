"""fulfilment: its stack in the emulator with the services that it tells."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from troposphere_arch.microservices import testing

FOLDER = Path(__file__).parent
ORDER = {"id": "order-1", "sku": "tea", "units": 2, "cents": 900, "card": "visa-4242", "at": "2026-01-31T08:00:00Z"}


@pytest.fixture(scope="module")
def service() -> Iterator[testing.Deployed]:
    with testing.deployed(FOLDER) as service:
        yield service


def test_an_order_is_paid_and_counted(service: testing.Deployed) -> None:
    request = service.publish("order-placed", ORDER)
    assert service.until(lambda: service.state(request) == "done")
    assert service.until(lambda: service.service("statistics").item("sku#tea", "day#2026-01-31")["units"] == 2)
    assert service.service("payments").item("order#order-1", "payment")["state"] == "paid"
