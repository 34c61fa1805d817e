"""From a placed order to its invoice: each step once, whatever comes twice and wherever a function ends."""

from __future__ import annotations

import json
from base64 import b64decode
from contextlib import suppress
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.evidence import shows
from tests.handlers.blog_async import gate
from tests.handlers.shop.conftest import Context, World, new_key, object_event, queue_record, stream_record
from tests.sampling import sampled

pytestmark = sampled(2, each=True)

Record = dict[str, Any]
NONE_FAILED: dict[str, Any] = {"batchItemFailures": []}


def placed(shop: World, sku: str = "", **said: Any) -> tuple[dict[str, Any], str, Record]:
    """An order that was just placed, its request, and what `fulfilment` is told of it."""
    shop.queued("fulfilment")
    reply = shop.order(sku=sku or shop.fill(), **said)
    assert reply.status == 202
    [record] = shop.queued("fulfilment")
    return reply.body["order"], reply.body["request"], record


def fulfilled(shop: World, **said: Any) -> tuple[dict[str, Any], str, Record, Record]:
    """And what `payments` and `statistics` are sent."""
    order, request, record = placed(shop, **said)
    shop.queued("payments")
    shop.streamed()
    assert shop.work("fulfilment", record) == NONE_FAILED
    [payment], [count] = shop.queued("payments"), shop.streamed()
    return order, request, payment, count


def bad(*names: str) -> dict[str, Any]:
    return {"batchItemFailures": [{"itemIdentifier": name} for name in names]}


def states(shop: World, request: str) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for step in shop.told(request):
        found.setdefault(step["service"], set()).add(step["state"])
    return found


@shows("REQ-M7", "REQ-M8", how="stock")
def test_from_an_order_to_its_invoice(shop: World) -> None:
    sku = shop.fill(10, 1999)
    order, request, payment, count = fulfilled(shop, sku=sku, units=3)
    assert "visa" not in b64decode(count["kinesis"]["data"]).decode()
    assert count["kinesis"]["partitionKey"] == sku
    assert shop.work("payments", payment) == NONE_FAILED
    assert shop.work("statistics", count) == NONE_FAILED
    assert shop.work("invoices", shop.stored(order["id"])) == {}
    assert shop.item(f"order#{order['id']}", "payment")["state"] == "paid"  # type: ignore[index]
    day = shop.item(f"sku#{sku}", f"day#{order['at'][:10]}")
    assert (day["orders"], day["units"]) == (1, 3)  # type: ignore[index]
    page = shop.item(f"order#{order['id']}", "invoice")["page"]  # type: ignore[index]
    assert f"3 × {sku}: 59.97" in page
    done = [step for step in shop.told(request) if step["state"] == "done"]
    assert [(step["service"], step["detail"]) for step in done] == [
        ("invoices", {"order": order["id"], "state": "paid", "total": "59.97"})
    ]
    assert set(states(shop, request)) == {"orders", "fulfilment", "payments", "statistics", "invoices"}


@shows("REQ-M7", "REQ-M8", how="stock")
def test_a_card_that_is_declined(shop: World) -> None:
    sku = shop.fill(10)
    order, request, payment, _ = fulfilled(shop, sku=sku, units=4, card="declined-1")
    assert shop.left(sku) == 6
    for _ in range(2):
        assert shop.work("payments", payment) == NONE_FAILED
        assert shop.left(sku) == 10
    [done] = {json.dumps(step["detail"]) for step in shop.told(request) if step["state"] == "done"}
    assert json.loads(done) == {"order": order["id"], "state": "declined"}
    assert shop.item(f"order#{order['id']}", "payment")["state"] == "declined"  # type: ignore[index]
    with pytest.raises(Exception, match="404"):
        shop.stored(order["id"])


@shows("REQ-M6", "REQ-M7", how="stock")
def test_a_declined_card_while_stock_is_down(shop: World) -> None:
    sku = shop.fill(10)
    order, request, payment, _ = fulfilled(shop, sku=sku, units=4, card="declined-1")
    shop.neighbours.down = True
    assert shop.work("payments", payment) == bad(payment["messageId"])
    assert shop.item(f"order#{order['id']}", "payment") is None
    assert "done" not in states(shop, request)["payments"]
    shop.neighbours.down = False
    assert shop.work("payments", payment) == NONE_FAILED
    assert shop.left(sku) == 10
    assert states(shop, request)["payments"] == {"working", "done"}


# --- the same again, from any point on


def effects(shop: World, order: dict[str, Any], since: dict[str, Any]) -> dict[str, Any]:
    """All that there is of an order: items, and the ids of what was sent."""
    for name, records in (("payments", shop.queued("payments")), ("statistics", shop.streamed())):
        since.setdefault(name, set()).update(sent(record) for record in records)
    kept = {sk: shop.item(f"order#{order['id']}", sk) for sk in ("payment", "invoice")}
    counted = shop.item(f"sku#{order['sku']}", f"day#{order['at'][:10]}")
    return {**kept, "counted": counted, "left": shop.left(order["sku"]), **since}


def sent(record: Record) -> str:
    data = record["body"] if "body" in record else b64decode(record["kinesis"]["data"])
    return str(json.loads(data)["id"])


def step(shop: World, service: str, card: str) -> tuple[dict[str, Any], str, Record]:
    """An order at this step: what it is, its request, and the record that the service is given."""
    if service == "fulfilment":
        return placed(shop, card=card)
    order, request, payment, count = fulfilled(shop, card=card)
    if service == "payments":
        return order, request, payment
    if service == "statistics":
        return order, request, count
    assert shop.work("payments", payment) == NONE_FAILED
    return order, request, shop.stored(order["id"])


# The service, the card, and how many requests to AWS there are.
STEPS = [
    ("fulfilment", "", 5),
    ("payments", "", 4),
    ("payments", "declined-1", 6),
    ("statistics", "", 3),
    ("invoices", "", 5),
]
POINTS = [(service, card, at) for service, card, requests in STEPS for at in range(requests + 1)]


@shows("REQ-M7", how="stock")
@pytest.mark.parametrize("acts", [False, True], ids=["not done", "done and not said"])
@pytest.mark.parametrize(("service", "card", "fails_at"), POINTS, ids=[" ".join(map(str, point)) for point in POINTS])
def test_a_function_that_ends_anywhere(shop: World, service: str, card: str, fails_at: int, acts: bool) -> None:
    """From the request to AWS at `fails_at` on, all fail, those too by which it would tell that it failed."""
    order, request, record = step(shop, service, card or "visa-4242")
    shop.gate.reset()
    last = gate.acts_and_answers(400, "AccessDenied") if acts else gate.answers(400, "AccessDenied")
    shop.gate.plan[:] = [*[gate.let_through] * fails_at, last, *[gate.answers(400, "AccessDenied")] * 40]
    with suppress(RuntimeError, ClientError):  # as the function of an object fails
        shop.work(service, record)
    requests = len(shop.gate.seen)
    assert requests > fails_at or (service, card, requests) in STEPS
    shop.gate.reset()
    shop.let_time_pass()
    seen: dict[str, Any] = {}
    assert not failed(shop.work(service, record))
    once = effects(shop, order, seen)
    told = states(shop, request)[service]
    assert not failed(shop.work(service, record))
    assert effects(shop, order, seen) == once
    assert told >= ({"done"} if service == "invoices" or card else {"working"})
    assert once["left"] == (10 if card and service == "payments" else 8)
    if service == "fulfilment":
        assert (len(once["payments"]), len(once["statistics"])) == (1, 1)
    elif service == "statistics":
        assert (once["counted"]["orders"], once["counted"]["units"]) == (1, 2)
    elif service == "payments":
        assert once["payment"]["state"] == ("declined" if card else "paid")
    else:
        assert once["invoice"]


def failed(answer: Any) -> list[Any]:
    return list((answer or {}).get("batchItemFailures", []))


# --- what is no order


GOOD = {
    "id": "11111111-2222",
    "sku": "tea",
    "units": 1,
    "cents": 100,
    "card": "visa-4242",
    "at": "2026-01-31T08:00:00Z",
}
FIRST, ALL, BOOKED = ("fulfilment",), ("fulfilment", "payments", "statistics", "invoices"), ("payments", "invoices")
# What is no order, and for whom.
POISON: list[tuple[Any, tuple[str, ...]]] = [
    *((body, ALL) for body in ("no JSON", None, [], 1, {})),
    *(
        ({name: value for name, value in GOOD.items() if name != missing}, whom)
        for missing, whom in (
            ("id", FIRST + BOOKED),
            ("sku", ALL),
            ("units", ALL),
            ("cents", FIRST + BOOKED),
            ("card", ("fulfilment", "payments")),
            ("at", ("fulfilment", "statistics")),
        )
    ),
    *(({**GOOD, "units": units}, ("payments", "statistics", "invoices")) for units in (None, "1", 0, -1, 1.5, True)),
    *(({**GOOD, "cents": cents}, BOOKED) for cents in (None, "100", 0, -100, 1.5, True)),
    *(({**GOOD, "at": at}, ("statistics",)) for at in (None, "", "yesterday", 20260131)),
]


@shows("REQ-M7", how="stock")
@pytest.mark.parametrize(("body", "whom"), POISON, ids=[ascii(body)[:110] for body, _ in POISON])
def test_a_poison_message_among_others(shop: World, body: Any, whom: tuple[str, ...]) -> None:
    """It fails; the others of its batch do not, but in a stream, where they wait."""
    order, request, record = placed(shop)
    envelope = {"id": new_key(), "request": new_key(), "trace": "", "service": "x", "event": "", "at": "", "body": body}
    poison, number = queue_record(json.dumps(envelope)), "49590338271490256608559692538361571095921575989136588898"
    shop.queued("payments")
    shop.streamed()
    if "fulfilment" in whom:
        assert shop.work("fulfilment", poison, record) == bad(poison["messageId"])
    else:
        assert shop.work("fulfilment", record) == NONE_FAILED
    [payment], [count] = shop.queued("payments"), shop.streamed()
    if "payments" in whom:
        assert shop.work("payments", poison, payment) == bad(poison["messageId"])
        assert shop.item(f"order#{order['id']}", "payment") is not None
        assert shop.item(f"order#{GOOD['id']}", "payment") is None
    if "statistics" in whom:
        first = stream_record(json.dumps({**envelope, "id": new_key()}).encode(), number)
        assert shop.work("statistics", first, count) == bad(number)
        assert shop.item(f"sku#{order['sku']}", f"day#{order['at'][:10]}") is None
    if "invoices" in whom:
        bucket = shop.places["INVOICES_BUCKET"]
        shop.emulator.client("s3").put_object(Bucket=bucket, Key="paid/poison", Body=json.dumps(body).encode())
        with pytest.raises(RuntimeError):
            shop.work("invoices", object_event(bucket, "paid/poison", new_key()))
    assert states(shop, request)["fulfilment"] == {"working"}


@shows("REQ-M8", how="stock")
def test_a_request_that_failed_for_good(shop: World) -> None:
    request = new_key()
    envelope = {"id": new_key(), "request": request, "trace": "", "service": "x", "event": "", "at": "", "body": None}
    record = queue_record(json.dumps(envelope))
    for _ in range(int(shop.places["ATTEMPTS"])):
        assert "failed" not in states(shop, request).get("payments", set())
        record["attributes"]["ApproximateReceiveCount"] = str(int(record["attributes"]["ApproximateReceiveCount"]))
        assert shop.work("payments", record) == bad(record["messageId"])
        record["attributes"]["ApproximateReceiveCount"] = str(int(record["attributes"]["ApproximateReceiveCount"]) + 1)
    assert states(shop, request)["payments"] == {"working", "failed"}


def test_an_invoice_is_no_markup_of_others(shop: World) -> None:
    body = {**GOOD, "id": "<script>", "sku": "<img src=x onerror=alert(1)> & \"'", "units": 2, "cents": 5}
    s3, bucket = shop.emulator.client("s3"), shop.places["INVOICES_BUCKET"]
    s3.put_object(Bucket=bucket, Key="paid/hostile", Body=json.dumps(body).encode())
    assert shop.work("invoices", object_event(bucket, "paid/hostile", new_key())) == {}
    page = shop.item("order#<script>", "invoice")["page"]  # type: ignore[index]
    assert "<script>" not in page
    assert "<img" not in page
    assert "&lt;img src=x onerror=alert(1)&gt; &amp; &quot;&#x27;: 0.05" in page


@pytest.mark.parametrize(("cents", "total"), [(1, "0.01"), (100, "1.00"), (123456789012, "1234567890.12")])
def test_amounts(shop: World, cents: int, total: str) -> None:
    id, bucket = new_key(), shop.places["INVOICES_BUCKET"]
    body = json.dumps({**GOOD, "id": id, "cents": cents}).encode()
    shop.emulator.client("s3").put_object(Bucket=bucket, Key=f"paid/{id}.json", Body=body)
    assert shop.work("invoices", shop.stored(id)) == {}
    assert f": {total}<" in shop.item(f"order#{id}", "invoice")["page"]  # type: ignore[index]


def test_the_context_of_an_invocation_is_short(shop: World) -> None:
    """With no time left nothing is begun, and it comes again."""
    order, _, payment, _ = fulfilled(shop, sku=shop.fill(), card="declined-1")
    assert shop.work("payments", payment, context=Context(100)) == bad(payment["messageId"])
    assert shop.item(f"order#{order['id']}", "payment") is None
    assert shop.work("payments", payment) == NONE_FAILED
