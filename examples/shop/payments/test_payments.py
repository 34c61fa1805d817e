"""payments: its stack in the emulator with the services that it needs."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from troposphere_arch.microservices import testing

FOLDER = Path(__file__).parent
ORDER = {"id": "order-1234", "sku": "tea", "units": 2, "cents": 900, "card": "visa-4242"}


@pytest.fixture(scope="module")
def service() -> Iterator[testing.Deployed]:
    with testing.deployed(FOLDER) as service:
        yield service


def test_a_paid_order_gets_an_invoice(service: testing.Deployed) -> None:
    request = service.send(ORDER)
    assert service.until(lambda: service.state(request) == "done")
    assert "9.00" in service.service("invoices").item("order#order-1234", "invoice")["page"]


def test_goods_go_back_when_the_card_is_declined(service: testing.Deployed) -> None:
    stock = service.service("stock")
    stock.call("PUT /stock/{sku}", sku="tea", body={"units": 5, "cents": 450})
    key = {"Idempotency-Key": "order-5678"}
    stock.call("POST /stock/{sku}/reservations", sku="tea", body={"units": 2}, headers=key)
    request = service.send({**ORDER, "id": "order-5678", "card": "declined-1"})
    assert service.until(lambda: service.state(request) == "done")
    assert stock.call("GET /stock/{sku}", sku="tea").body["units"] == 5
