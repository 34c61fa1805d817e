"""A record of a stream that fails for good is handed over, whole, and those behind it go on."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.evidence import shows
from tests.service_kit.conftest import Json, Killed, World, broken, quiet
from tests.service_kit.test_messages import (
    Service,
    at,
    count,
    counted,
    envelope,
    fail,
    kill,
    name_of,
    queued,
    streamed,
)
from troposphere_arch.service_kit import messages, publishing

SHARD = "shardId-000000000000"


@pytest.fixture(scope="module")
def failures(made: World) -> str:
    url: str = made.emulator.client("sqs").create_queue(QueueName=f"{made.table}-failures")["QueueUrl"]
    return url


@pytest.fixture(autouse=True)
def _knows_failures(world: World, failures: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAILURES_QUEUE", failures)
    world.received(failures)


def poison_fails(message: messages.Message) -> Any:
    return fail(message) if message.body == "poison" else count(message)


def invoked(service: Service, *records: Json) -> int:
    """Lambda's part: again from the record that is reported on, until none is; gives how many retries that took."""
    left, retries = [*records], 0
    while failed := service(*left):
        [first] = failed
        left, retries = left[first:], retries + 1
        assert retries < 100
    return retries


def given_up(service: Service, *records: Json) -> None:
    """The first of the records fails until it is given up, and the others are done."""
    assert [service(*records) for _ in range(3)] == [[0], [0], []]


# --- where it is in the batch


@shows("REQ-M7", how="patched")
@pytest.mark.parametrize(
    "bodies",
    [("poison", 1, 2), (1, "poison", 2), (1, 2, "poison"), ("poison", 1, "poison"), ("poison",) * 10],
    ids=["first", "middle", "last", "two", "all"],
)
def test_what_fails_for_good_does_not_stop_what_is_behind(world: World, failures: str, bodies: tuple[Any, ...]) -> None:
    service = Service(poison_fails)
    said = [envelope(body) for body in bodies]
    retries = invoked(service, *(streamed(one, number) for number, one in enumerate(said)))
    bad = [one for one in said if one["body"] == "poison"]
    assert retries == 2 * len(bad), "so often Lambda has to try a batch"
    # In order, and nothing is begun before what is in front of it is done or given up.
    assert service.bodies == [body for body in bodies for _ in range(3 if body == "poison" else 1)]
    assert [one["id"] for one in world.sent(failures)] == [one["id"] for one in bad]
    assert [counted(world, one["id"]) for one in said] == [int(one["body"] != "poison") for one in said]


@shows("REQ-M7", how="patched")
def test_work_that_succeeds_at_the_last_attempt_is_done(world: World, failures: str) -> None:
    service = Service(lambda message: count(message) if message.attempt == 3 else fail(message))
    said = envelope()
    assert invoked(service, streamed(said)) == 2
    assert (counted(world, said["id"]), world.sent(failures)) == (1, [])
    assert (world.mark(said["id"]) or {})["state"] == "done"


# --- what is handed over


@shows("REQ-M7", "REQ-M8", how="patched")
def test_the_whole_record_is_handed_over_and_the_request_is_told_as_failed(
    world: World, failures: str, capsys: pytest.CaptureFixture[str]
) -> None:
    said = envelope({"name": "Zoë"})
    record = streamed(said)
    given_up(Service(fail), record)
    [letter] = world.sent(failures)
    data, when = letter.pop("data"), letter.pop("at")
    assert json.loads(data) == said
    assert when.endswith("Z")
    assert letter == {
        "id": said["id"],
        "request": said["request"],
        "service": "orders",
        "error": "ZeroDivisionError",
        "attempts": 3,
        "streamArn": "arn:aws:kinesis:us-east-1:000000000000:stream/statistics",
        "shardId": SHARD,
        "sequenceNumber": name_of(record),
        "partitionKey": "pen",
        "base64": False,
    }
    told = world.told(4)
    assert {one["request"] for one in told} == {said["request"]}
    assert [one["detail"] for one in told if one["state"] == "failed"] == [{"error": "ZeroDivisionError"}]
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["message"] for line in lines] == ["message failed"] * 3 + ["message given up"]
    assert [line["error"] for line in lines[:3]] == ["ZeroDivisionError"] * 3
    assert "anna" not in str(lines)


@shows("REQ-M7", how="patched")
@pytest.mark.parametrize(
    ("data", "form"),
    [
        (b"words", False),
        (b"", False),
        ("\0\ufffe\U0001f600 é".encode(), False),
        (b"\xff\x00", True),
        ("ж".encode() * 250_000, True),
        (b'"' * 600_000, True),
        (b"x" * 1_000_000, False),
        (b"\xff" * 1_000_000, None),
        (b'"' * 1_000_000, None),
    ],
    ids=["words", "empty", "odd", "bytes", "long-as-json", "quotes", "large", "too-large-bytes", "too-large"],
)
def test_somebody_elses_record_is_handed_over_as_it_is(
    world: World, failures: str, data: bytes, form: bool | None
) -> None:
    record, service = streamed(data), Service(fail)
    given_up(service, record)
    [letter] = world.sent(failures)
    assert (letter["id"], letter["request"]) == (name_of(record), name_of(record))
    if form is None:
        assert (letter["data"], letter["base64"]) == (None, False)
        assert letter["sequenceNumber"] == name_of(record)
    else:
        assert letter["base64"] is form
        assert (base64.b64decode(letter["data"]) if form else letter["data"].encode()) == data


# --- what goes wrong meanwhile


@shows("REQ-M7", "REQ-M8", how="patched")
def test_what_cannot_be_handed_over_comes_again_and_is_not_tried_any_more(world: World, failures: str) -> None:
    said, behind = envelope("poison"), envelope(1)
    records = [streamed(said), streamed(behind)]
    service = Service(poison_fails)
    world.door.plan = broken("sqs")
    assert [service(*records) for _ in range(5)] == [[0]] * 5
    assert service.bodies == ["poison"] * 3
    world.door.plan = quiet
    assert [state for _, state in world.states(3)] == ["working"] * 3
    assert service(*records) == []
    assert service.bodies == ["poison"] * 3 + [1]
    [letter] = world.sent(failures)
    assert (letter["id"], letter["error"], letter["attempts"]) == (said["id"], "ZeroDivisionError", 3)
    assert (said["request"], "failed") in world.states(2)


def refused() -> ClientError:
    return ClientError({"Error": {"Code": "Refused"}}, "Operation")


@shows("REQ-M7", how="patched")
@pytest.mark.parametrize("raised", [Killed, refused], ids=["dies", "no-answer"])
@pytest.mark.parametrize(
    ("asked", "number", "moment", "letters"),
    [
        ("dynamodb", 1, "after", 1),
        ("dynamodb", 2, "before", 1),
        ("dynamodb", 2, "after", 1),
        ("sqs", 1, "before", 1),
        ("sqs", 1, "after", 2),
        ("dynamodb", 3, "before", 2),
        ("dynamodb", 3, "after", 1),
    ],
    ids=["claimed", "not-given-back", "given-back", "not-sent", "sent", "not-marked", "marked"],
)
def test_wherever_the_last_attempt_ends_the_record_is_handed_over_and_the_next_one_done(
    world: World,
    failures: str,
    asked: str,
    number: int,
    moment: str,
    letters: int,
    raised: Callable[[], BaseException],
) -> None:
    said, behind = envelope("poison"), envelope(1)
    records = [streamed(said), streamed(behind)]
    service = Service(poison_fails)
    assert [service(*records) for _ in range(2)] == [[0]] * 2
    world.door.plan = at(number, moment, raised(), only=asked)
    if raised is Killed:
        with pytest.raises(Killed):
            service(*records)
    else:
        assert service(*records) == [0]
    assert counted(world, behind["id"]) == 0
    world.door.plan = quiet
    assert service(*records) == []
    assert (counted(world, said["id"]), counted(world, behind["id"])) == (0, 1)
    sent = world.sent(failures)
    assert ([one["id"] for one in sent], len(service.seen)) == (
        [said["id"]] * letters,
        3 if (asked, number) == ("dynamodb", 1) else 4,
    )
    assert {one["error"] for one in sent} == {"ZeroDivisionError"}
    assert service(*records) == []
    assert world.sent(failures) == []


@shows("REQ-M7", how="patched")
def test_what_ends_the_function_each_time_is_given_up_too(world: World, failures: str) -> None:
    said, behind = envelope("deadly"), envelope(1)
    records = [streamed(said), streamed(behind)]
    service = Service(lambda message: kill(message) if message.body == "deadly" else count(message))
    for _ in range(3):
        with pytest.raises(Killed):
            service(*records)
    assert service(*records) == []
    assert service.bodies == ["deadly"] * 3 + [1]
    [letter] = world.sent(failures)
    assert (letter["id"], letter["error"], json.loads(letter["data"])) == (said["id"], "", said)
    assert (said["request"], "failed") in world.states(5)


@shows("REQ-M7", how="patched")
def test_work_whose_answer_is_lost_at_the_last_attempt_is_done_and_not_given_up(world: World, failures: str) -> None:
    said = envelope()
    service = Service(fail)
    assert [service(streamed(said)) for _ in range(2)] == [[0]] * 2
    service.work = count
    record = streamed(said)
    world.door.plan = at(2, "after", refused(), only="dynamodb")
    assert service(record) == [0]
    world.door.plan = quiet
    assert service(record) == []
    assert (counted(world, said["id"]), world.sent(failures)) == (1, [])
    assert "failed" not in {state for _, state in world.states(3)}


@shows("REQ-M7", how="patched")
def test_that_it_cannot_be_told_stops_nothing(world: World, failures: str) -> None:
    world.door.plan = broken("events")
    given_up(Service(fail), streamed(envelope()))
    world.door.plan = quiet
    assert len(world.sent(failures)) == 1


def while_sent(happens: Callable[[], object]) -> Callable[[str, str], None]:
    """A plan: this happens once, when the record is about to be handed over."""
    left = [happens]

    def plan(asked: str, moment: str) -> None:
        if (asked, moment) == ("sqs", "before") and left:
            left.pop()()

    return plan


@shows("REQ-M7", how="patched")
def test_a_copy_in_another_shard_may_be_given_up_at_the_same_time(world: World, failures: str) -> None:
    said = envelope()
    record, copy = streamed(said), streamed(said, shard="shardId-000000000001")
    service = Service(fail)
    assert [service(record) for _ in range(2)] == [[0]] * 2
    world.door.plan = while_sent(lambda: service(copy))
    assert service(record) == []
    world.door.plan = quiet
    assert {one["sequenceNumber"] for one in world.sent(failures)} == {name_of(record), name_of(copy)}
    assert service(record) == service(copy) == []
    assert len(service.seen) == 3


@shows("REQ-M7", how="patched")
def test_what_is_done_after_all_stays_done(world: World, failures: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """As when a new version of the service, with more attempts, begins while the old one hands over."""
    said = envelope()
    record, copy = streamed(said), streamed(said, shard="shardId-000000000001")
    service = Service(fail)

    def new_version() -> None:
        monkeypatch.setenv("ATTEMPTS", "9")
        service.work = count
        assert service(copy) == []

    assert [service(record) for _ in range(2)] == [[0]] * 2
    world.door.plan = while_sent(new_version)
    assert service(record) == [0]
    world.door.plan = quiet
    assert service(record) == []
    assert (counted(world, said["id"]), (world.mark(said["id"]) or {})["state"]) == (1, "done")
    assert len(world.sent(failures)) == 1


# --- what comes again


@shows("REQ-M7", how="patched")
def test_a_batch_that_comes_again_skips_what_was_given_up(
    world: World, failures: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """As it does when a record behind it ends the function."""
    said = [envelope("poison"), envelope("deadly")]
    records = [streamed(one) for one in said]
    service = Service(lambda message: kill(message) if message.body == "deadly" else poison_fails(message))
    assert [service(*records) for _ in range(2)] == [[0]] * 2
    with pytest.raises(Killed):
        service(*records)
    assert len(world.sent(failures)) == 1
    service.work = count
    capsys.readouterr()
    assert service(*records) == []
    assert service.bodies == ["poison"] * 3 + ["deadly"] * 2
    assert [json.loads(line)["message"] for line in capsys.readouterr().out.splitlines()] == [
        "message given up",
        "message done",
    ]
    assert world.sent(failures) == []
    assert [counted(world, one["id"]) for one in said] == [0, 1]


# --- the way back


def put_back(world: World, letter: Json) -> Json:
    """What an operator does; gives the record as Lambda gets it."""
    kinesis, data = world.emulator.client("kinesis"), letter["data"]
    sent = kinesis.put_record(
        StreamName=world.stream,
        PartitionKey=letter["partitionKey"],
        Data=base64.b64decode(data) if letter["base64"] else data.encode(),
    )
    at_it = {"ShardIteratorType": "AT_SEQUENCE_NUMBER", "StartingSequenceNumber": sent["SequenceNumber"]}
    iterator = kinesis.get_shard_iterator(StreamName=world.stream, ShardId=sent["ShardId"], **at_it)["ShardIterator"]
    [found] = kinesis.get_records(ShardIterator=iterator)["Records"]
    again = streamed(found["Data"])
    again["kinesis"] |= {"sequenceNumber": found["SequenceNumber"], "partitionKey": found["PartitionKey"]}
    return again | {"eventID": f"{sent['ShardId']}:{found['SequenceNumber']}"}


@shows("REQ-M7", "REQ-M8", how="patched")
def test_what_was_given_up_and_put_back_is_worked_on_under_its_id(world: World, failures: str) -> None:
    said = envelope({"name": "Zoë"})
    record = streamed(said)

    def work(message: messages.Message) -> messages.Finished:
        publishing.send("payments", 1)
        if message.raw is record:
            raise ZeroDivisionError
        return messages.Finished("counted", count(message))

    service = Service(work)
    given_up(service, record)
    [letter] = world.sent(failures)
    again = put_back(world, letter)
    assert service(again) == []
    assert (service.seen[-1].id, service.seen[-1].attempt) == (said["id"], 1)
    assert (service.seen[-1].body, service.seen[-1].key) == ({"name": "Zoë"}, "pen")
    assert len({one["id"] for one in world.sent()}) == 1, "whoever got it already knows it"
    assert (said["request"], "done") in world.states(6)
    # Whatever comes again now is done.
    assert service(record, again, put_back(world, letter)) == []
    assert (len(service.seen), counted(world, said["id"])) == (4, 1)


@shows("REQ-M7", how="patched")
def test_what_was_put_back_and_fails_is_tried_as_often_and_given_up_again(world: World, failures: str) -> None:
    record, service = streamed(envelope()), Service(fail)
    given_up(service, record)
    [letter] = world.sent(failures)
    again = put_back(world, letter)
    given_up(service, again)
    assert [message.attempt for message in service.seen] == [1, 2, 3] * 2
    [second] = world.sent(failures)
    assert second == letter | {"sequenceNumber": name_of(again), "at": second["at"], "streamArn": second["streamArn"]}
    # Both are given up, whichever comes again.
    assert service(record, again) == []
    assert (len(service.seen), world.sent(failures)) == (6, [])
    service.work = kill
    third = put_back(world, second)
    for _ in range(3):
        with pytest.raises(Killed):
            service(third)
    assert service(third) == []
    assert [one["error"] for one in world.sent(failures)] == [""], "an error of before is none of this time"


@shows("REQ-M7", how="patched")
def test_a_copy_in_the_stream_is_a_chance_of_its_own(world: World, failures: str) -> None:
    """Who sends twice, since the first answer was lost, sends two records with one id."""
    said = envelope("poison")
    service = Service(lambda message: fail(message) if len(service.seen) <= 3 else count(message))
    assert invoked(service, streamed(said), streamed(said)) == 2
    assert (counted(world, said["id"]), len(world.sent(failures))) == (1, 1)


# --- who else


@shows("REQ-M7", how="patched")
def test_of_a_queue_nothing_is_handed_over_which_sqs_does_itself(world: World, failures: str) -> None:
    service = Service(fail)
    said = envelope()
    for receives in range(1, 6):
        assert service(queued(said, receives=receives)) == [0]
    assert (len(service.seen), world.sent(failures)) == (5, [])


@shows("REQ-M7", how="patched")
@pytest.mark.parametrize("missing", ["FAILURES_QUEUE", "ATTEMPTS"])
def test_without_a_queue_or_a_number_of_attempts_it_is_lambda_that_gives_up(
    world: World, failures: str, monkeypatch: pytest.MonkeyPatch, missing: str
) -> None:
    monkeypatch.delenv(missing)
    service, record = Service(fail), streamed(envelope())
    assert [service(record) for _ in range(5)] == [[0]] * 5
    assert (len(service.seen), world.sent(failures)) == (5, [])
