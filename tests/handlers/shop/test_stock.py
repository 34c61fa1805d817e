"""What is left, and what is reserved of it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.evidence import shows
from tests.handlers.blog_async import gate
from tests.handlers.shop.conftest import World, http_event, new_key

RESERVE = "POST /stock/{sku}/reservations"
NO_UNITS = [None, True, 0, -1, 2.0, "2", [2], {"units": 2}, 1_000_001, 10**30, "٢"]
NO_SKU = ["", " tea", "tea ", "te/a", "..", "-tea", "té", "茶", "t" * 65, "tea\n", "%F0%9F%8D%B5", "%ff"]


def give_back(shop: World, sku: str, key: str) -> int:
    return shop.ask("stock", "DELETE /stock/{sku}/reservations/{id}", sku=sku, id=key).status


def test_what_is_set_is_read(shop: World) -> None:
    sku = shop.fill(7, 199)
    answer = shop.ask("stock", "GET /stock/{sku}", sku=sku)
    assert (answer.status, answer.body) == (200, {"sku": sku, "units": 7, "cents": 199})
    assert shop.ask("stock", "GET /stock/{sku}", sku="nobody-has-it").error == (404, "NotFound")


def test_a_reservation_takes_from_what_is_left(shop: World) -> None:
    sku, key = shop.fill(5, 300), new_key()
    made = shop.reserve(sku, 3, key)
    assert (made.status, made.body) == (201, {"id": key, "sku": sku, "units": 3, "cents": 300})
    assert shop.left(sku) == 2
    assert shop.reserve(sku, 3).error == (409, "Conflict")
    assert shop.left(sku) == 2
    assert shop.reserve(sku, 2).status == 201
    assert shop.left(sku) == 0
    assert shop.reserve("nobody-has-it", 1).error == (404, "NotFound")


@shows("REQ-M6", how="stock")
def test_a_reservation_that_is_asked_for_again_takes_nothing_more(shop: World) -> None:
    sku, key = shop.fill(5, 300), new_key()
    first = shop.reserve(sku, 3, key)
    shop.ask("stock", "PUT /stock/{sku}", {"units": 0, "cents": 999}, sku=sku)
    assert shop.reserve(sku, 3, key).body == first.body  # at the price of then, though nothing is left
    assert shop.left(sku) == 0
    assert shop.reserve(sku, 2, key).error == (409, "Conflict")


def test_what_is_given_back_can_be_reserved_by_others(shop: World) -> None:
    sku, key = shop.fill(5), new_key()
    assert give_back(shop, sku, key) == 204  # nobody has reserved it
    shop.reserve(sku, 5, key)
    assert [give_back(shop, sku, key) for _ in range(3)] == [204, 204, 204]
    assert shop.left(sku) == 5
    # A repeat of the reservation that comes late, after it was given back.
    assert shop.reserve(sku, 5, key).error == (409, "Conflict")
    assert shop.left(sku) == 5


@shows("REQ-M12", how="stock")
def test_the_last_ones_are_reserved_once(shop: World) -> None:
    sku = shop.fill(5)
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: again(shop, sku, 1, new_key()), range(12)))
    assert sorted(answers) == [201] * 5 + [409] * 7
    assert shop.left(sku) == 0


def test_the_same_key_at_the_same_moment_takes_once(shop: World) -> None:
    sku, key = shop.fill(9), new_key()
    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(lambda _: again(shop, sku, 2, key), range(8))) == {201}
        assert shop.left(sku) == 7
        assert set(pool.map(lambda _: give_back(shop, sku, key), range(8))) == {204}
    assert shop.left(sku) == 9


def again(shop: World, sku: str, units: int, key: str) -> int:
    """As a caller does: an answer of 503 is no answer."""
    return next(status for _ in range(20) if (status := shop.reserve(sku, units, key).status) != 503)


def test_others_in_the_way_of_a_transaction(shop: World) -> None:
    """DynamoDB cancels a transaction when another one is writing the same item; the emulator has them wait."""
    sku, key = shop.fill(5), new_key()

    def in_the_way(passage: gate.Passage) -> None:
        reasons = [{"Code": "None"}, {"Code": "TransactionConflict", "Message": "Transaction is ongoing for the item"}]
        passage.say(400, [("Content-Type", "application/x-amz-json-1.0")], cancelled(reasons))

    for verb in (
        lambda: shop.reserve(sku, 2, key),
        lambda: shop.ask("stock", f"DELETE {RESERVE[5:]}/{{id}}", sku=sku, id=key),
    ):
        shop.gate.reset()
        with_faults(shop, in_the_way, times=99)
        busy = verb()
        assert busy.error == (503, "Unavailable")
        assert busy.headers["Retry-After"] == "1"
        with_faults(shop, in_the_way, times=2)
        assert verb().status in (201, 204)
    assert shop.left(sku) == 5


def cancelled(reasons: list[dict[str, Any]]) -> bytes:
    import json

    body = {"__type": "com.amazonaws.dynamodb.v20120810#TransactionCanceledException", "CancellationReasons": reasons}
    return json.dumps(body).encode()


def with_faults(shop: World, fault: gate.Fault, times: int) -> None:
    """The next transactions fail; all else is let through."""
    left = [times]

    def one(passage: gate.Passage) -> None:
        is_transaction = passage.request.headers.get("X-Amz-Target", "").endswith("TransactWriteItems")
        if is_transaction and left[0]:
            left[0] -= 1
            fault(passage)
        else:
            gate.let_through(passage)

    shop.gate.plan[:] = [one] * 400


@pytest.mark.parametrize("units", NO_UNITS, ids=ascii)
def test_units_that_are_none(shop: World, units: Any) -> None:
    sku = shop.fill(5)
    assert shop.reserve(sku, units).error == (400, "BadRequest")
    if units != 0 or units is False:
        told = {"units": units, "cents": 1}
        assert shop.ask("stock", "PUT /stock/{sku}", told, sku=sku).error == (400, "BadRequest")
    assert shop.ask("stock", "PUT /stock/{sku}", {"units": 1, "cents": units}, sku=sku).status == (
        200 if units == 1_000_001 and units is not True else 400
    )
    assert shop.left(sku) in (1, 5)


@pytest.mark.parametrize("sku", NO_SKU, ids=ascii)
def test_names_that_are_none(shop: World, sku: str) -> None:
    for verb, body in (("GET", None), ("PUT", {"units": 1, "cents": 1})):
        assert shop.ask("stock", f"{verb} /stock/{{sku}}", body, sku=sku).error == (400, "BadRequest")
    assert shop.reserve(sku, 1).error == (400, "BadRequest")
    assert give_back(shop, sku, new_key()) == 400


@pytest.mark.parametrize("body", ["", "null", "[]", '"units"', "{", '{"units": NaN}', '{"units": 1e400}', "\x00", "{}"])
def test_bodies_that_are_none(shop: World, body: str) -> None:
    sku = shop.fill(5)
    assert shop.ask("stock", "PUT /stock/{sku}", body, sku=sku).error == (400, "BadRequest")
    assert shop.ask("stock", RESERVE, body, new_key(), sku=sku).error == (400, "BadRequest")
    assert shop.left(sku) == 5


@pytest.mark.parametrize("key", ["", "short", "k" * 65, "with spaces in it", "schlüssel-1", "a,b,c,d,e"], ids=ascii)
def test_keys_that_are_none(shop: World, key: str) -> None:
    sku = shop.fill(5)
    event = http_event(RESERVE, {"units": 1}, {"Idempotency-Key": key}, sku=sku)
    assert shop.send("stock", event).error == (400, "BadRequest")
    assert shop.send("stock", {**event, "headers": None}).error == (400, "BadRequest")
    assert shop.left(sku) == 5
