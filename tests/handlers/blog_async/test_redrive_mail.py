"""RedriveMail: what is wanted once more, what is left alone, and which messages have nothing left to tell."""

from __future__ import annotations

import json
import time
import uuid
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.evidence import shows
from tests.handlers.blog_async.conftest import TABLE, Context, World
from tests.handlers.blog_async.gate import answers, first, let_through
from tests.sampling import sampled

pytestmark = sampled(3)

LATE = 15 * 60 + 5


def redrive(world: World, what: str, context: Context | None = None) -> dict[str, Any]:
    answer: dict[str, Any] = world.invoke("redrive_mail", {"redrive": what}, context)
    assert answer.keys() == {"redrive", "redriven", "passedOver", "messagesDeleted", "more"}
    assert answer["redrive"] == what
    return answer


def given_up(world: World, *, arrived: float | None = None, table: str = TABLE, **changes: Any) -> None:
    """Put what Lambda puts for a batch of the table's stream that it gave up."""
    when = datetime.fromtimestamp(arrived or time.time(), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    body = {
        "requestContext": {"requestId": str(uuid.uuid4()), "condition": "RetryAttemptsExhausted"},
        "version": "1.0",
        "timestamp": "2026-11-25T00:00:00.000Z",
        "DDBStreamBatchInfo": {
            "shardId": "shardId-00000001573689847184-864758bb",
            "startSequenceNumber": "800000000003126276362",
            "endSequenceNumber": "800000000003126276362",
            "approximateArrivalOfFirstRecord": when,
            "approximateArrivalOfLastRecord": when,
            "batchSize": 1,
            "streamArn": f"arn:aws:dynamodb:us-east-1:000000000000:table/{table}/stream/2026-11-14T00:13:19.308",
        },
    }
    put(world, json.dumps(body | changes))


def put(world: World, body: str) -> None:
    world.stock.client("sqs").send_message(QueueUrl=world.queue, MessageBody=body)


def messages(world: World) -> int:
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    found = world.stock.client("sqs").get_queue_attributes(QueueUrl=world.queue, AttributeNames=names)["Attributes"]
    return sum(map(int, found.values()))


@shows("REQ-B10", how="stock")
@pytest.mark.parametrize("kind", ["confirm", "welcome"])
def test_what_ses_refused_is_wanted_again_and_sent_once(world: World, kind: str) -> None:
    address = world.subscriber(f"{kind}-wanted")
    world.gates["sesv2"].plan[:] = [answers(400, "MessageRejected")]
    assert world.deliver(address) == [address]
    given_up(world)
    assert redrive(world, "refused") == {
        "redrive": "refused",
        "redriven": 1,
        "passedOver": 0,
        "messagesDeleted": 1,
        "more": False,
    }
    item = world.item(address)
    assert (item["mail"], item["owed"]) == (f"{kind}-wanted", "mail")
    assert item["owedSince"] >= int(time.time()) - 2
    assert messages(world) == 0
    assert len(world.records(address)) == 2, "the stream tells of it once more"
    # Twice, and both records: still one mail.
    redrive(world, "refused")
    assert world.deliver(address) == []
    assert world.deliver(address) == []
    assert len(world.outbox(address)) == 1
    assert redrive(world, "refused")["redriven"] == 0


@shows("REQ-B10", how="stock")
def test_what_lambda_gave_up_before_it_was_marked_is_wanted_again(world: World) -> None:
    """Overdue; or told of by a message, however young."""
    now = int(time.time())
    late = world.subscriber("confirm-wanted", owedSince=now - LATE)
    young = world.subscriber("confirm-wanted", owedSince=now - 5)
    assert redrive(world, "refused")["redriven"] == 1
    assert world.item(late)["owedSince"] >= now
    assert world.item(young)["owedSince"] == now - 5
    given_up(world, arrived=now - 5)
    assert redrive(world, "refused")["messagesDeleted"] == 1
    assert world.item(young)["owedSince"] >= now
    for address in (late, young):
        assert world.deliver(address) == []
        assert len(world.outbox(address)) == 1


@shows("REQ-B5", how="stock")
def test_what_may_have_been_sent_is_sent_again_only_by_decision(world: World) -> None:
    now = int(time.time())
    old = world.subscriber("welcome-sending", owedSince=now - LATE, markedAt=now - LATE, welcomedAt=now - LATE)
    by_hand = world.subscriber("confirm-sending", owedSince=now - LATE)
    young = world.subscriber("welcome-sending", owedSince=now - 60, markedAt=now - 60, welcomedAt=now - 60)
    # Owed for long, and being sent at this very moment.
    now_sent = world.subscriber("welcome-sending", owedSince=now - LATE, markedAt=now - 1, welcomedAt=now - 1)
    refused = world.subscriber("confirm-refused", owedSince=now - LATE)
    given_up(world)

    assert redrive(world, "refused")["redriven"] == 1
    assert world.item(refused)["mail"] == "confirm-wanted"
    for address in (old, by_hand, young, now_sent):
        assert world.item(address)["mail"].endswith("-sending")

    answer = redrive(world, "uncertain")
    assert (answer["redriven"], answer["passedOver"], answer["messagesDeleted"]) == (2, 1, 0)
    for address in (young, now_sent):
        assert world.item(address)["mail"] == "welcome-sending"
    for address in (old, by_hand):
        assert world.item(address)["mail"].endswith("-wanted")
        assert world.deliver(address) == []
        assert len(world.outbox(address)) == 1


def test_uncertain_leaves_the_queue_alone(world: World) -> None:
    given_up(world)
    assert redrive(world, "uncertain")["messagesDeleted"] == 0
    assert world.gates["sqs"].seen == []
    assert messages(world) == 1


STRANGE = [
    "",
    "no JSON",
    "[]",
    "{}",
    "null",
    json.dumps({"DDBStreamBatchInfo": None}),
    json.dumps({"DDBStreamBatchInfo": {"streamArn": f"a:table/{TABLE}/stream/x"}}),
    json.dumps(
        {"DDBStreamBatchInfo": {"streamArn": f"a:table/{TABLE}/stream/", "approximateArrivalOfLastRecord": "x"}}
    ),
]


def test_messages_of_others_stay(world: World) -> None:
    for body in STRANGE:
        put(world, body or " ")
    given_up(world, table="another-table")
    given_up(world)
    assert redrive(world, "refused")["messagesDeleted"] == 1
    assert messages(world) == len(STRANGE) + 1


def test_many_messages(world: World) -> None:
    for _ in range(25):
        given_up(world)
    assert redrive(world, "refused")["messagesDeleted"] == 25
    assert messages(world) == 0


@pytest.mark.parametrize("left", [1000, 15_000])
def test_when_time_runs_out_messages_stay_and_the_next_call_goes_on(world: World, left: int) -> None:
    people = [world.subscriber("confirm-refused", owedSince=1 + n) for n in range(5)]
    given_up(world)
    # Two questions while receiving, then one before each item.
    answer = redrive(world, "refused", Context([60_000] * 4 + [left]))
    assert (answer["redriven"], answer["messagesDeleted"], answer["more"]) == (2, 0, True)
    assert messages(world) == 1
    assert [world.item(address)["mail"] for address in people] == ["confirm-wanted"] * 2 + ["confirm-refused"] * 3
    answer = redrive(world, "refused")
    assert (answer["redriven"], answer["more"]) == (3, False)
    assert all(world.item(address)["mail"] == "confirm-wanted" for address in people)


@pytest.mark.parametrize("change", ["left", "sent", "gone", "asked again"])
def test_what_changes_meanwhile_is_passed_over(world: World, change: str) -> None:
    address = world.subscriber("confirm-refused", owedSince=1)
    now = int(time.time())

    def meanwhile() -> None:
        if change == "gone":
            world.stock.client("dynamodb").delete_item(TableName=TABLE, Key={"address": {"S": address}})
        elif change == "asked again":
            world.set(address, mail="confirm-wanted", owedSince=now)
        else:
            mail = {"left": "none", "sent": "confirm-sent"}[change]
            world.set(address, mail=mail, owed=None, owedSince=None)

    # The first request is the query; amid the second one it changes.
    world.gates["dynamodb"].plan[:] = [let_through, first(meanwhile)]
    answer = redrive(world, "refused")
    assert (answer["redriven"], answer["passedOver"]) == (0, 1)
    found = world.stock.client("dynamodb").get_item(TableName=TABLE, Key={"address": {"S": address}}).get("Item")
    assert (found is None) == (change == "gone")
    if change == "asked again":
        assert world.item(address)["owedSince"] == now


@pytest.mark.parametrize("event", [{}, {"redrive": "all"}, {"redrive": None}, {"redrive": ["refused"]}, [], "refused"])
def test_what_it_does_not_know_it_does_not_do(world: World, event: Any) -> None:
    world.subscriber("confirm-refused", owedSince=1)
    answer = world.invoke("redrive_mail", event)
    assert answer["error"] == "UnknownRedrive"
    assert '{"redrive": "refused"}' in answer["message"]
    assert world.gates["dynamodb"].seen == world.gates["sqs"].seen == []


@pytest.mark.parametrize("service", ["dynamodb", "sqs"])
def test_when_a_service_fails_no_message_is_lost(
    world: World, service: str, capsys: pytest.CaptureFixture[str]
) -> None:
    address = world.subscriber("confirm-refused", owedSince=1)
    given_up(world)
    world.gates[service].plan[:] = [answers(400, "AccessDeniedException")]
    with pytest.raises(RuntimeError):
        redrive(world, "refused")
    assert messages(world) == 1
    out = capsys.readouterr().out
    assert address not in out
    assert "anna" not in out
    assert json.loads(out)["error"] == "ClientError AccessDeniedException"


def test_page_by_page(world: World) -> None:
    long = "x" * 200_000
    people = [world.subscriber(f"{long}-refused", owedSince=1 + n) for n in range(12)]
    assert redrive(world, "refused")["redriven"] == 12
    assert all(world.item(address)["mail"] == f"{long}-wanted" for address in people)


def test_the_answer_and_the_log_are_counts(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    address = world.subscriber("confirm-refused", owedSince=1)
    answer = redrive(world, "refused")
    out = capsys.readouterr().out + json.dumps(answer)
    assert address not in out
    assert address.partition("@")[0] not in out
