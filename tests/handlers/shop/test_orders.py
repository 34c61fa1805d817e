"""An order before anybody else hears of it: it is kept and published as a whole, once, or not at all."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.evidence import shows
from tests.handlers.blog_async import gate
from tests.handlers.shop.conftest import Reply, World, http_event, new_key


def published(shop: World, reply: Reply) -> list[dict[str, Any]]:
    """The messages of this order that whoever subscribes has got since the last time."""
    told = [json.loads(record["body"]) for record in shop.queued("fulfilment")]
    return [message for message in told if message["body"]["id"] == reply.body["order"]["id"]]


@shows("REQ-M6", "REQ-M8", how="stock")
def test_an_order(shop: World) -> None:
    sku = shop.fill(10, 1250)
    reply = shop.order(sku=sku, units=3, card="visa-4242")
    assert reply.status == 202
    order, request = reply.body["order"], reply.body["request"]
    assert order == {"id": order["id"], "sku": sku, "units": 3, "cents": 3750, "request": request, "at": order["at"]}
    assert request == reply.headers["X-Request-Id"]
    assert shop.left(sku) == 7
    [message] = published(shop, reply)
    assert message["request"] == request
    assert (message["service"], message["event"]) == ("orders", "order-placed")
    assert message["body"] == {**order, "card": "visa-4242"}
    assert [(one["service"], one["state"]) for one in shop.told(request)] == [("orders", "accepted")]
    assert shop.ask("orders", "GET /orders/{id}", id=order["id"]).body == order


@shows("REQ-M6", how="stock")
def test_the_same_order_twice(shop: World) -> None:
    sku, key = shop.fill(), new_key()
    first = shop.order(key, sku=sku)
    again = [shop.order(key, sku=sku) for _ in range(3)]
    assert [reply.body for reply in again] == [first.body] * 3
    assert [reply.headers["X-Request-Id"] == first.body["request"] for reply in again] == [False] * 3
    assert shop.left(sku) == 8
    told = published(shop, first)
    assert {(one["id"], one["request"]) for one in told} == {(told[0]["id"], first.body["request"])}
    assert {one["at"] for one in (reply.body["order"] for reply in again)} == {first.body["order"]["at"]}
    for other in ({"units": 3}, {"card": "visa-1111"}, {"sku": shop.fill()}):
        assert shop.order(key, **{"sku": sku, **other}).error == (409, "Conflict")
    assert published(shop, first) == []
    assert shop.left(sku) == 8


def test_the_same_order_at_the_same_moment(shop: World) -> None:
    sku, key = shop.fill(), new_key()
    with ThreadPoolExecutor(6) as pool:
        replies = list(pool.map(lambda _: shop.order(key, sku=sku), range(6)))
    good = [reply for reply in replies if reply.status == 202]
    assert good
    # `stock` may have been too busy with the others for one of them.
    assert {reply.status for reply in replies} <= {202, 503}
    assert [reply.body for reply in good] == [good[0].body] * len(good)
    assert len({(one["id"], one["request"]) for one in published(shop, good[0])}) == 1
    assert shop.left(sku) == 8


def test_two_customers_with_one_key(shop: World) -> None:
    sku, key = shop.fill(), new_key()
    event = http_event("POST /orders", {"sku": sku, "units": 1, "card": "visa-4242"}, {"Idempotency-Key": key})
    other = {**event, "requestContext": {"requestId": new_key(), "identity": {"userArn": "arn:aws:iam::1:user/x"}}}
    one, two = shop.send("orders", event), shop.send("orders", other)
    assert (one.status, two.status) == (202, 202)
    assert one.body["order"]["id"] != two.body["order"]["id"]
    assert shop.left(sku) == 8


@shows("REQ-M6", how="stock")
def test_one_request_id_for_two_orders(shop: World) -> None:
    """Whoever calls may choose it: it tells what belongs together, and never which order this is."""
    sku, asked = shop.fill(), new_key()
    replies = []
    for key in (new_key(), new_key()):
        headers = {"Idempotency-Key": key, "X-Request-Id": asked, "X-Amzn-Trace-Id": "Root=1-5759e988-bd862e3fe1be46a9"}
        body = {"sku": sku, "units": 1, "card": "visa-4242"}
        replies.append(shop.send("orders", http_event("POST /orders", body, headers)))
        assert replies[-1].body["request"] == asked
    told = [json.loads(record["body"]) for record in shop.queued("fulfilment")]
    assert len({message["id"] for message in told if message["request"] == asked}) == 2
    # `stock` is told whose request it works on.
    calls = [seen for seen in shop.neighbours.seen if seen.get("X-Request-Id") == asked]
    assert [call["Idempotency-Key"] for call in calls] == [reply.body["order"]["id"] for reply in replies]
    assert {call["X-Amzn-Trace-Id"] for call in calls} == {"Root=1-5759e988-bd862e3fe1be46a9"}


def test_goods_that_are_not_there(shop: World) -> None:
    sku, key = shop.fill(1), new_key()
    shop.queued("fulfilment")
    for wanted in ({"sku": sku, "units": 2}, {"sku": "nobody-has-it"}):
        assert shop.order(key, **wanted).error == (409, "Conflict")
    assert shop.left(sku) == 1
    assert shop.queued("fulfilment") == []
    assert shop.order(key, sku=sku, units=1).status == 202  # the key is not used up


@shows("REQ-M6", how="stock")
def test_a_stock_that_is_down(shop: World) -> None:
    sku, key = shop.fill(), new_key()
    shop.queued("fulfilment")
    shop.neighbours.down = True
    down = shop.order(key, sku=sku)
    assert down.error == (503, "Unavailable")
    assert int(down.headers["Retry-After"]) >= 1
    assert shop.queued("fulfilment") == []
    assert shop.told(down.headers["X-Request-Id"]) == []
    shop.neighbours.down = False
    up = shop.order(key, sku=sku)
    assert up.status == 202
    assert len(published(shop, up)) == 1
    assert shop.left(sku) == 8


@pytest.mark.parametrize("status", [400, 403])
def test_a_neighbour_that_refuses(shop: World, status: int) -> None:
    """Ours is the mistake: the customer can do nothing about it, and is not told that there is nothing left."""
    sku = shop.fill()
    order = shop.order(sku=sku).body["order"]
    shop.neighbours.refuses = status
    assert shop.order(sku=sku).error == (502, "BadGateway")
    assert shop.ask("orders", "GET /orders/{id}/status", id=order["id"]).error == (502, "BadGateway")


def test_what_was_just_written_is_read(shop: World) -> None:
    """The emulator's reads are all consistent; those of DynamoDB are as they are asked for."""
    shop.order(sku=shop.fill())
    asked = [json.loads(body) for _, _, body in shop.gate.seen if b'"Key"' in body and b"UpdateExpression" not in body]
    assert asked
    assert all(one["ConsistentRead"] is True for one in asked if "TransactItems" not in one)


@shows("REQ-M6", how="stock")
@pytest.mark.parametrize("acts", [False, True], ids=["not done", "done and not said"])
@pytest.mark.parametrize("fails_at", range(7))
def test_a_request_that_fails_anywhere_is_sent_again(shop: World, fails_at: int, acts: bool) -> None:
    """Requests to AWS, of `orders` and of `stock`: from the one at `fails_at` on, all fail."""
    sku, key = shop.fill(), new_key()
    shop.gate.reset()
    last = gate.acts_and_answers(400, "AccessDenied") if acts else gate.answers(400, "AccessDenied")
    shop.gate.plan[:] = [*[gate.let_through] * fails_at, last, *[gate.answers(400, "AccessDenied")] * 40]
    failed = shop.order(key, sku=sku)
    shop.gate.reset()
    done = shop.order(key, sku=sku)
    assert done.status == 202
    assert failed.status == 202 or failed.error[0] in (500, 503)
    assert shop.left(sku) == 8
    told = published(shop, done)
    assert len({one["id"] for one in told}) == 1
    assert {one["request"] for one in told} == {done.body["request"]}
    # Its first request, if it was kept by then.
    assert (done.body["request"] == failed.headers["X-Request-Id"]) == (fails_at > 4 or (fails_at == 4 and acts))


def test_where_an_order_is(shop: World) -> None:
    reply = shop.order(sku=shop.fill())
    id, request = reply.body["order"]["id"], reply.body["request"]
    assert reply.body["status"] == f"/orders/{id}/status"
    asked = shop.ask("orders", "GET /orders/{id}/status", id=id)
    assert (asked.status, asked.body["state"], asked.body["request"]) == (200, "accepted", request)
    shop.neighbours.known[request] = {"request": request, "state": "done", "result": {"state": "paid"}}
    assert shop.ask("orders", "GET /orders/{id}/status", id=id).body == shop.neighbours.known[request]
    shop.neighbours.down = True
    assert shop.ask("orders", "GET /orders/{id}/status", id=id).error == (503, "Unavailable")


GOOD = {"sku": "tea", "units": 1, "card": "visa-4242"}
NO_ORDERS: list[Any] = [
    *({**GOOD, "units": units} for units in (None, True, 0, -1, 1.0, 1001, 10**400, "1", [], {})),
    *(
        {**GOOD, "sku": sku}
        for sku in (None, 1, "", "../orders", "té", "茶", "t" * 65, "tea\n", ["tea"], "<b>", "\ud800")
    ),
    *({**GOOD, "card": card} for card in (None, 4242, "", "4", "4242 4242 4242 4242", "カード-4242", "c" * 65)),
    *({name: value for name, value in GOOD.items() if name != missing} for missing in GOOD),
    *(None, "", "{", "[]", "[{}]", '"order"', "1", "NaN", '{"sku": "tea", "units": Infinity, "card": "visa-4242"}'),
    "[" * 5000,
]


@pytest.mark.parametrize("said", NO_ORDERS, ids=lambda said: ascii(said)[:60])
def test_orders_that_are_none(shop: World, said: Any) -> None:
    assert shop.ask("orders", "POST /orders", said, new_key()).error == (400, "BadRequest")
    assert shop.neighbours.seen == []  # nobody was asked anything


@pytest.mark.parametrize("key", ["", "short", "k" * 65, "with spaces in it", "schlüssel-1"], ids=ascii)
def test_keys_that_are_none(shop: World, key: str) -> None:
    assert shop.send("orders", http_event("POST /orders", GOOD, {"Idempotency-Key": key})).error == (400, "BadRequest")
    assert shop.send("orders", http_event("POST /orders", GOOD, {})).error == (400, "BadRequest")


@pytest.mark.parametrize(
    "id", ["x", "0" * 36, "../orders", "é", "i" * 3000, "%00", "\ud800"], ids=lambda id: ascii(id)[:9]
)
def test_orders_that_nobody_placed(shop: World, id: str) -> None:
    for route in ("GET /orders/{id}", "GET /orders/{id}/status"):
        assert shop.ask("orders", route, id=id).error[0] == 404
