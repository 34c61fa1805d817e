"""What is handed over arrives in its envelope, under an id that is the same when the same work is done again."""

from __future__ import annotations

import json
import re
import time
import uuid
from dataclasses import replace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.evidence import shows
from tests.service_kit.conftest import World, broken
from troposphere_arch.service_kit import context, publishing

ENVELOPE = {"id", "request", "trace", "service", "event", "at", "body"}
TRACE = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1"


def work(request: str = "request-1", origin: str = "message-1", **more: Any) -> Any:
    return context.begin(context.Work(request, origin, TRACE, **more))


def looks_right(envelope: dict[str, Any], event: str, body: Any) -> None:
    assert envelope.keys() == ENVELOPE
    assert uuid.UUID(envelope["id"])
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", envelope["at"])
    told = {key: envelope[key] for key in ENVELOPE - {"id", "at"}}
    assert told == {"request": "request-1", "trace": TRACE, "service": "orders", "event": event, "body": body}


@shows("REQ-M7", how="patched")
def test_an_event_reaches_who_subscribed_to_it_and_nobody_else(world: World) -> None:
    with work():
        assert publishing.publish("order-gone", {"id": 1}) == "request-1"
        assert publishing.publish("order-placed", {"name": "Zoë", "left": 3}) == "request-1"
    [envelope] = world.sent(world.subscriber)
    looks_right(envelope, "order-placed", {"name": "Zoë", "left": 3})


@shows("REQ-M7", how="patched")
def test_a_message_reaches_the_queue(world: World) -> None:
    with work():
        assert publishing.send("payments", ["any", "JSON", None]) == "request-1"
    [envelope] = world.sent()
    looks_right(envelope, "", ["any", "JSON", None])


@shows("REQ-M7", how="patched")
@pytest.mark.parametrize(("group", "expected"), [("customer-7", "customer-7"), (None, "request-1")])
def test_a_fifo_queue_knows_group_and_id(world: World, group: str | None, expected: str) -> None:
    with work(origin=f"message-{expected}"):
        publishing.send("order-lines", {"sku": "pen"}, group=group)
    [message] = world.received(world.fifo)
    envelope = json.loads(message["Body"])
    looks_right(envelope, "", {"sku": "pen"})
    assert message["Attributes"]["MessageGroupId"] == expected
    assert message["Attributes"]["MessageDeduplicationId"] == envelope["id"]


@shows("REQ-M7", how="patched")
def test_a_record_reaches_the_stream_under_its_group(world: World) -> None:
    kinesis = world.emulator.client("kinesis")
    shard = kinesis.describe_stream(StreamName=world.stream)["StreamDescription"]["Shards"][0]["ShardId"]
    start = kinesis.get_shard_iterator(StreamName=world.stream, ShardId=shard, ShardIteratorType="TRIM_HORIZON")
    with work():
        publishing.send("statistics", {"sku": "pen"}, group="pen")
        publishing.send("statistics", {"sku": "pad"})
    records = kinesis.get_records(ShardIterator=start["ShardIterator"])["Records"]
    assert [record["PartitionKey"] for record in records] == ["pen", "request-1"]
    looks_right(json.loads(records[0]["Data"]), "", {"sku": "pen"})


@shows("REQ-M7", how="patched")
@pytest.mark.parametrize(
    ("body", "stored"),
    [({"total": 1}, b'{"total":1}'), ("Zoë", "Zoë".encode()), (b"\x00\xff", b"\x00\xff"), (b"", b"")],
    ids=["dict", "text", "bytes", "nothing"],
)
def test_an_object_is_put_below_the_prefix(world: World, body: Any, stored: bytes) -> None:
    with work():
        assert publishing.put("invoices", "o-1.json", body) == "request-1"
    found = world.emulator.client("s3").get_object(Bucket=world.bucket, Key="paid/o-1.json")
    assert found["Body"].read() == stored
    known = found["Metadata"]
    assert uuid.UUID(known.pop("id"))
    assert known == {"request": "request-1", "trace": TRACE, "service": "orders"}


def hand_over() -> None:
    publishing.send("payments", 1)
    publishing.send("payments", 2)
    publishing.send("order-lines", 3)
    publishing.publish("order-placed", 4)


@shows("REQ-M7", how="patched")
def test_the_same_work_again_sends_the_same_ids_and_other_work_sends_others(world: World) -> None:
    def ids(origin: str) -> list[str]:
        with work(origin=origin):
            hand_over()
        envelopes = world.sent() + world.sent(world.subscriber) + world.sent(world.fifo)
        return [one["id"] for one in sorted(envelopes, key=lambda one: int(one["body"]))]

    first = ids("message-5")
    assert len(set(first)) == 4
    again = ids("message-5")  # SQS itself drops the one for the FIFO queue
    assert again == [first[0], first[1], first[3]]
    assert not {*first} & {*ids("message-6")}


@shows("REQ-M7", how="patched")
def test_what_belongs_to_an_earlier_request_still_has_ids_of_the_work_that_sends_it(world: World) -> None:
    """The id of a request may be chosen by a caller, and must not make two messages one."""
    for origin in ("message-7", "message-8", "message-7"):
        with work("now", origin=origin):
            publishing.send("payments", "before")
            with context.begin(replace(context.current(), request="earlier")):
                assert publishing.send("payments", "inside") == "earlier"
            assert publishing.send("payments", "after") == "now"
    found = world.sent()
    inside = [one for one in found if one["body"] == "inside"]
    assert {one["request"] for one in inside} == {"earlier"}
    assert (len({one["id"] for one in inside}), len({one["id"] for one in found})) == (2, 6)


@shows("REQ-M8", how="patched")
def test_the_first_thing_that_a_request_hands_over_is_told_as_accepted(world: World) -> None:
    with work(accepts=True):
        hand_over()
    assert world.states(1) == [("request-1", "accepted")]
    with work():
        hand_over()
    time.sleep(0.05)
    assert world.told() == []


@shows("REQ-M8", how="patched")
def test_what_cannot_be_told_does_not_undo_what_was_handed_over(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    world.door.plan = broken("events")
    with work(accepts=True):
        assert publishing.send("payments", "one") == "request-1"
    assert [one["body"] for one in world.sent()] == ["one"]
    line = json.loads(capsys.readouterr().out)
    assert (line["level"], line["message"], line["request"]) == ("WARNING", "progress not told", "request-1")
    assert (line["error"], line["code"], line["state"]) == ("ClientError", "Refused", "accepted")
    assert "anna" not in str(line)


@shows("REQ-M7", how="patched")
def test_outside_of_a_handler_each_is_a_request_of_its_own(world: World) -> None:
    first, second = publishing.send("payments", 1), publishing.send("payments", 1)
    assert first != second
    assert {one["request"] for one in world.sent()} == {first, second}


@shows("REQ-M7", how="patched")
def test_what_cannot_be_handed_over_is_said(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    for give in (lambda: publishing.send("ledger", 1), lambda: publishing.put("ledger", "x", b"")):
        with pytest.raises(LookupError, match=r"LEDGER_(QUEUE|BUCKET) is not set: does service.yaml say so"):
            give()
    with pytest.raises(TypeError, match="JSON has no bytes"):
        publishing.send("payments", b"")
    with pytest.raises(ValueError, match="JSON compliant"):
        publishing.send("payments", float("nan"))
    monkeypatch.setenv("PAYMENTS_QUEUE", world.queue + "-gone")
    with pytest.raises(ClientError):
        publishing.send("payments", 1)


@shows("REQ-M7", how="patched")
@pytest.mark.parametrize("body", ["half a \ud800", {"\udc00": 1}, float("nan")], ids=["text", "name", "nan"])
def test_what_nobody_could_read_is_not_handed_over(world: World, body: Any) -> None:
    with work(accepts=True):
        for hand in (publishing.send, publishing.publish):
            name = "payments" if hand is publishing.send else "order-placed"
            with pytest.raises(ValueError, match=r"surrogates|JSON compliant"):
                hand(name, body)
    assert (world.sent(), world.sent(world.subscriber), world.told()) == ([], [], [])
