"""stock: its code by itself, and its stack in the emulator."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from troposphere_arch.microservices import testing

FOLDER = Path(__file__).parent
RESERVE = "POST /stock/{sku}/reservations"


def test_what_it_refuses() -> None:
    handler = testing.load(FOLDER)
    for units in (None, 0, -1, 1.5, "1", True, 10**30):
        key = {"Idempotency-Key": "order-1234"}
        event = testing.request(RESERVE, sku="tea", body={"units": units}, headers=key)
        assert testing.answer(handler(event, testing.Context())).status == 400
    assert testing.answer(handler(testing.request("GET /stock/{sku}", sku="../tea"), testing.Context())).status == 400


@pytest.fixture(scope="module")
def service() -> Iterator[testing.Deployed]:
    with testing.deployed(FOLDER) as service:
        yield service


def test_nobody_gets_what_is_not_there(service: testing.Deployed) -> None:
    def reserve(key: str, units: int) -> int:
        headers = {"Idempotency-Key": key}
        return service.call(RESERVE, sku="tea", body={"units": units}, headers=headers).status

    assert service.call("PUT /stock/{sku}", sku="tea", body={"units": 5, "cents": 450}).status == 200
    assert [reserve("order-0001", 3), reserve("order-0001", 3), reserve("order-0002", 3)] == [201, 201, 409]
    assert service.call("GET /stock/{sku}", sku="tea").body == {"sku": "tea", "units": 2, "cents": 450}
    for _ in range(2):
        assert service.call("DELETE /stock/{sku}/reservations/{id}", sku="tea", id="order-0001").status == 204
    assert service.call("GET /stock/{sku}", sku="tea").body["units"] == 5
