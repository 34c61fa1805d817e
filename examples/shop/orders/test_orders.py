"""orders: its code by itself, and its stack in the emulator with the services that it calls."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from troposphere_arch.microservices import testing

FOLDER = Path(__file__).parent
GOOD = {"sku": "tea", "units": 2, "card": "visa-4242"}


def test_what_it_refuses() -> None:
    handler = testing.load(FOLDER)
    for body in (None, [], {}, {**GOOD, "units": -1}, {**GOOD, "sku": "<tea>"}, {**GOOD, "card": "4242 4242"}):
        event = testing.request("POST /orders", body=body, headers={"Idempotency-Key": "order-1234"})
        assert testing.answer(handler(event, testing.Context())).status == 400
    assert testing.answer(handler(testing.request("POST /orders", body=GOOD), testing.Context())).status == 400


@pytest.fixture(scope="module")
def service() -> Iterator[testing.Deployed]:
    with testing.deployed(FOLDER) as service:
        yield service


def test_an_order_is_one_however_often_it_is_sent(service: testing.Deployed) -> None:
    stock = service.service("stock")
    stock.call("PUT /stock/{sku}", sku="tea", body={"units": 5, "cents": 450})
    key = {"Idempotency-Key": "order-1234"}
    placed = service.call("POST /orders", body=GOOD, headers=key)
    assert (placed.status, placed.body["order"]["cents"]) == (202, 900)
    assert service.call("POST /orders", body=GOOD, headers=key).body == placed.body
    assert stock.call("GET /stock/{sku}", sku="tea").body["units"] == 3
    id = placed.body["order"]["id"]
    assert service.call("GET /orders/{id}", id=id).body == placed.body["order"]
    assert service.call("GET /orders/{id}/status", id=id).body["state"] == "accepted"
