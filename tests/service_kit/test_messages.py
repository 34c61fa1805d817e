"""Each message has its effect once, whatever comes twice, fails, or ends in the middle."""

from __future__ import annotations

import base64
import json
import time
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError, ReadTimeoutError, ResponseStreamingError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.evidence import shows
from tests.service_kit.conftest import Clock, Context, Json, Killed, World, broken, quiet
from troposphere_arch.service_kit import context, messages, publishing


def envelope(body: Any = None, **changes: Any) -> Json:
    return {
        "id": str(uuid.uuid4()),
        "request": f"request-{uuid.uuid4().hex}",
        "trace": "Root=1-5759e988-bd862e3fe1be46a994272793",
        "service": "stock",
        "event": "",
        "at": "2026-01-01T00:00:00.000Z",
        "body": body,
    } | changes


def queued(said: Any, group: str = "", receives: int = 1, fifo: bool = False) -> Json:
    """A record as SQS has it; what is no text is sent as JSON."""
    attributes = {"ApproximateReceiveCount": str(receives)} | ({"MessageGroupId": group} if group else {})
    return {
        "messageId": str(uuid.uuid4()),
        "receiptHandle": "handle",
        "body": said if isinstance(said, str) else json.dumps(said),
        "attributes": attributes,
        "eventSource": "aws:sqs",
        "eventSourceARN": f"arn:aws:sqs:us-east-1:000000000000:work{'.fifo' if fifo else ''}",
    }


def streamed(said: Any, number: int = 0, shard: str = "shardId-000000000000") -> Json:
    """A record as Kinesis has it; what is no bytes is sent as JSON."""
    data = said if isinstance(said, bytes) else json.dumps(said).encode()
    sequence = str(uuid.uuid4().int * 1000 + number)
    return {
        "kinesis": {"partitionKey": "pen", "sequenceNumber": sequence, "data": base64.b64encode(data).decode()},
        "eventID": f"{shard}:{sequence}",
        "eventSource": "aws:kinesis",
        "eventSourceARN": "arn:aws:kinesis:us-east-1:000000000000:stream/statistics",
    }


def name_of(record: Json) -> str:
    name: str = record["kinesis"]["sequenceNumber"] if "kinesis" in record else record["messageId"]
    return name


class Service:
    """A handler of the kit with a work that a test can change; it notes each message that its work is given."""

    def __init__(self, work: Callable[[messages.Message], Any] = lambda message: None) -> None:
        self.work = work
        self.seen: list[messages.Message] = []
        self.clock = Clock(time.time())
        self.handler = messages.handler(self._noted, clock=self.clock)

    def _noted(self, message: messages.Message) -> Any:
        self.seen.append(message)
        return self.work(message)

    def __call__(self, *records: Json, lambda_context: Any = None) -> list[int]:
        """Which of the records are to come again."""
        answer = self.handler({"Records": [*records]}, lambda_context or Context())
        assert answer.keys() == {"batchItemFailures"}
        names = [name_of(record) for record in records]
        return [names.index(one["itemIdentifier"]) for one in answer["batchItemFailures"]]

    @property
    def bodies(self) -> list[Any]:
        return [message.body for message in self.seen]


def count(message: messages.Message) -> list[Json]:
    """Work whose effect shows how often it was done."""
    key = {"pk": "count", "sk": message.id}
    return [{"Update": {"Key": key, "UpdateExpression": "ADD done :one", "ExpressionAttributeValues": {":one": 1}}}]


def counted(world: World, id: str) -> int:
    return int((world.item("count", id) or {"done": 0})["done"])


def fail(_: messages.Message) -> None:
    raise ZeroDivisionError("of anna@example.com")


# --- what a message is


@shows("REQ-M7", how="patched")
def test_a_message_of_the_kit(world: World) -> None:
    service = Service()
    said = envelope({"sku": "pen"}, event="order-placed")
    record = queued(said, group="customer-1")
    assert service(record) == []
    assert service.seen == [
        messages.Message(said["id"], said["request"], "order-placed", {"sku": "pen"}, 1, "customer-1", record)
    ]


@shows("REQ-M7", how="patched")
@pytest.mark.parametrize(
    ("said", "body"),
    [
        ("plain words", "plain words"),
        ('{"sku": "pen"}', {"sku": "pen"}),
        ('{"id": "x", "request": "request-1", "body": 1}', {"id": "x", "request": "request-1", "body": 1}),
        ('{"id": 12345678, "request": null, "body": 1}', {"id": 12345678, "request": None, "body": 1}),
        ("[" * 100_000, "[" * 100_000),
        ('"\\ud800"', '"\\ud800"'),
        ("", ""),
    ],
    ids=["words", "json", "odd-id", "wrong-types", "nested", "half-a-character", "empty"],
)
def test_somebody_elses_message_is_taken_too(world: World, said: str, body: Any) -> None:
    service = Service(count)
    record = queued(said)
    assert service(record) == []
    assert service(record) == []
    [message] = service.seen
    assert (message.id, message.request, message.event, message.body) == (name_of(record), name_of(record), "", body)
    assert counted(world, name_of(record)) == 1


@shows("REQ-M7", how="patched")
@pytest.mark.parametrize(
    ("data", "body"), [(b"\xff\x00", b"\xff\x00"), (b'{"left": 3}', {"left": 3})], ids=["bytes", "json"]
)
def test_somebody_elses_record_is_known_by_its_number(world: World, data: bytes, body: Any) -> None:
    service = Service()
    record = streamed(data)
    assert service(record) == []
    [message] = service.seen
    assert (message.id, message.request, message.body, message.key) == (name_of(record), name_of(record), body, "pen")


@shows("REQ-M7", "REQ-M8", how="patched")
def test_what_the_work_calls_and_sends_belongs_to_the_message(world: World) -> None:
    said = envelope()
    seen = []

    def work(message: messages.Message) -> None:
        seen.append(context.current())
        publishing.send("payments", 1)

    started = time.monotonic()
    Service(work)(queued(said), lambda_context=Context([5_000]))
    assert started <= seen[0].deadline - 5 <= time.monotonic()
    [sent] = world.sent()
    assert (sent["request"], sent["trace"], sent["service"]) == (said["request"], said["trace"], "orders")
    assert sent["id"] != said["id"]
    assert (seen[0].message, seen[0].accepts) == (said["id"], False)
    assert context.current().message == ""


# --- once


@shows("REQ-M7", how="patched")
def test_what_comes_twice_is_done_once(world: World) -> None:
    service, said = Service(count), envelope()
    assert service(queued(said), queued(said)) == []
    assert service(queued(said)) == []
    assert (len(service.seen), counted(world, said["id"])) == (1, 1)


@shows("REQ-M7", how="patched")
def test_the_mark_stays_for_thirty_days(world: World) -> None:
    service, said = Service(), envelope()
    service(queued(said))
    mark = world.mark(said["id"])
    assert mark is not None
    assert world.items("kit#message") == [], "one partition would not take the writes of all"
    assert (mark["state"], mark["attempts"]) == ("done", 1)
    assert mark["expires"] == int(service.clock.now) + 30 * 86_400


@shows("REQ-M7", how="patched")
def test_what_the_work_writes_is_written_with_the_mark_or_not_at_all(world: World) -> None:
    said = envelope()

    def work(message: messages.Message) -> list[Json]:
        never = {"Key": {"pk": "nobody", "sk": "here"}, "ConditionExpression": "attribute_exists(pk)"}
        return [*count(message), *([{"Delete": never}] if message.attempt == 1 else [])]

    service = Service(work)
    assert service(queued(said)) == [0]
    assert counted(world, said["id"]) == 0
    assert (world.mark(said["id"]) or {})["state"] == "failed"
    assert service(queued(said)) == []
    assert counted(world, said["id"]) == 1


@shows("REQ-M7", how="patched")
def test_plain_values_are_written_as_they_are(world: World) -> None:
    item = {"pk": "plain", "sk": "one", "name": "Zoë", "left": 3, "tags": ["a", {"b": True}], "none": None}
    assert Service(lambda _: [{"Put": {"Item": item}}])(queued(envelope())) == []
    assert world.item("plain", "one") == item


@shows("REQ-M7", how="patched")
@pytest.mark.parametrize(
    "answer",
    [True, {"pk": "x"}, [1], "text", messages.Finished(object())],
    ids=["true", "item", "numbers", "text", "no-json"],
)
def test_what_the_work_may_not_return_fails(world: World, answer: Any) -> None:
    said = envelope()
    assert Service(lambda _: answer)(queued(said)) == [0]
    assert (world.mark(said["id"]) or {})["state"] == "failed"


# --- who is at work


@shows("REQ-M7", how="patched")
def test_while_one_is_at_work_nobody_else_is(world: World) -> None:
    service, said = Service(), envelope()
    meanwhile = []

    def work(message: messages.Message) -> list[Json]:
        meanwhile.append(service(queued(said)))
        return count(message)

    service.work = work
    assert service(queued(said)) == []
    assert meanwhile == [[0]]
    assert (len(service.seen), counted(world, said["id"])) == (1, 1)


@shows("REQ-M7", how="patched")
def test_who_was_taken_for_dead_writes_nothing_any_more(world: World) -> None:
    """Its time was over, another one did the work; then it goes on after all."""
    service, said = Service(), envelope()

    def work(message: messages.Message) -> list[Json]:
        if message.attempt == 1:
            service.clock.now += 63
            assert service(queued(said)) == []
        return count(message)

    service.work = work
    assert service(queued(said), lambda_context=Context([60_000])) == [0]
    assert [message.attempt for message in service.seen] == [1, 2]
    assert counted(world, said["id"]) == 1
    assert (world.mark(said["id"]) or {})["state"] == "done"


@shows("REQ-M7", how="patched")
def test_who_was_taken_for_dead_and_fails_does_not_give_back_what_another_holds(world: World) -> None:
    service, said = Service(), envelope()
    inner: list[Any] = []

    def work(message: messages.Message) -> list[Json]:
        if message.attempt == 2:
            inner.append("at work")
            raise Killed
        service.clock.now += 63
        with pytest.raises(Killed):
            service(queued(said))
        raise ZeroDivisionError

    service.work = work
    assert service(queued(said, receives=3)) == [0]
    assert inner == ["at work"]
    mark = world.mark(said["id"]) or {}
    assert (mark["state"], mark["attempts"]) == ("working", 2)
    assert "failed" not in [state for _, state in world.states(2)]
    assert service(queued(said)) == [0], "the second one holds it still"


@shows("REQ-M7", how="patched")
@pytest.mark.parametrize(
    ("left", "free_after"), [([10_000], 12.1), ([899_000], 901.1), (None, 902.1)], ids=["short", "long", "unknown"]
)
def test_who_died_holds_the_message_until_its_function_would_have_ended(
    world: World, left: list[int] | None, free_after: float
) -> None:
    service, said = Service(), envelope()
    service.work = kill
    with pytest.raises(Killed):
        service.handler({"Records": [queued(said)]}, Context(left) if left else None)
    service.work = count
    service.clock.now += free_after - 0.3
    assert service(queued(said)) == [0]
    service.clock.now += 0.3
    assert service(queued(said)) == []
    assert service.seen[-1].attempt == 2


def kill(_: messages.Message) -> None:
    raise Killed


@shows("REQ-M7", how="patched")
def test_what_failed_may_be_tried_again_at_once(world: World) -> None:
    service, said = Service(fail), envelope()
    assert service(queued(said)) == [0]
    service.work = count
    assert service(queued(said)) == []
    assert [message.attempt for message in service.seen] == [1, 2]
    assert counted(world, said["id"]) == 1


# --- batches


@shows("REQ-M7", how="patched")
def test_of_a_queue_only_what_failed_comes_again(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    service = Service(lambda message: fail(message) if message.body == "poison" else count(message))
    said = [envelope(body) for body in ("one", "poison", "two", "poison")]
    assert service(*(queued(one) for one in said)) == [1, 3]
    assert [counted(world, one["id"]) for one in said] == [1, 0, 1, 0]
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["message"] for line in lines] == ["message done", "message failed"] * 2
    assert (lines[1]["level"], lines[1]["error"], lines[1]["messageId"]) == (
        "ERROR",
        "ZeroDivisionError",
        said[1]["id"],
    )
    assert lines[1]["request"] == said[1]["request"]
    assert any("test_messages.py" in place for place in lines[1]["at"])
    assert "anna" not in str(lines)


@shows("REQ-M7", how="patched")
def test_of_a_fifo_queue_a_group_stops_where_it_fails_and_others_go_on(world: World) -> None:
    service = Service(lambda message: fail(message) if message.body == "poison" else count(message))
    bodies = [("a", 1), ("a", "poison"), ("b", 2), ("a", 3), ("b", 4)]
    records = [queued(envelope(body), group=group, fifo=True) for group, body in bodies]
    assert service(*records) == [1, 3]
    assert service.bodies == [1, "poison", 2, 4]


@shows("REQ-M7", how="patched")
def test_a_group_of_a_queue_without_order_does_not_stop(world: World) -> None:
    service = Service(lambda message: fail(message) if message.body == "poison" else None)
    assert service(*(queued(envelope(body), group="a") for body in ("poison", 1))) == [0]
    assert service.bodies == ["poison", 1]


@shows("REQ-M7", how="patched")
def test_of_a_stream_nothing_after_the_first_that_failed_is_begun(world: World) -> None:
    service = Service(lambda message: fail(message) if message.body == "poison" else count(message))
    records = [streamed(envelope(body), number) for number, body in enumerate((1, "poison", 2, "poison", 3))]
    assert service(*records) == [1]
    assert service.bodies == [1, "poison"]
    service.work = count
    assert service(*records[1:]) == []
    assert service.bodies == [1, "poison", "poison", 2, "poison", 3]


@shows("REQ-M7", how="patched")
def test_a_stream_goes_on_at_once_where_its_function_died(world: World) -> None:
    """Lambda retries a shard quickly and not often: waiting for the dead one's time would use the tries up."""
    record = streamed(envelope())
    service = Service(kill)
    with pytest.raises(Killed):
        service(record)
    service.work = count
    other = streamed(json.loads(base64.b64decode(record["kinesis"]["data"])), shard="shardId-000000000001")
    assert service(other) == [0], "a copy in another shard waits"
    assert service(record) == []


@shows("REQ-M7", how="patched")
def test_what_cannot_be_ended_in_time_is_not_begun(world: World) -> None:
    service = Service()
    records = [queued(envelope(number)) for number in range(3)]
    # The end is asked for once, so the time that is left is short from the beginning.
    assert service(*records, lambda_context=Context([4_900])) == [1, 2]
    assert service.bodies == [0]
    assert service(*records, lambda_context=Context([8_000])) == []
    assert service.bodies == [0, 1, 2]


# --- progress


@shows("REQ-M8", how="patched")
def test_the_request_is_told_as_working_and_as_done_with_its_result(world: World) -> None:
    said = envelope()
    result = {"order": "o-1", "total": 3}
    assert Service(lambda m: messages.Finished(result, count(m)))(queued(said)) == []
    told = {one["state"]: one for one in world.told(2)}
    assert told.keys() == {"working", "done"}
    assert (told["done"]["request"], told["done"]["detail"]) == (said["request"], result)
    assert "detail" not in told["working"]
    assert counted(world, said["id"]) == 1


@shows("REQ-M8", how="patched")
def test_work_that_is_not_the_last_of_its_request_is_never_told_as_done(world: World) -> None:
    said = envelope()
    service = Service(count)
    service(queued(said), queued(said))
    assert world.states(1) == [(said["request"], "working")]


@shows("REQ-M8", how="patched")
def test_what_could_not_be_told_as_done_comes_again_and_is_told_then(world: World) -> None:
    said = envelope()
    service = Service(lambda m: messages.Finished({"total": 3}, count(m)))
    world.door.plan = broken("events")
    assert service(queued(said)) == [0]
    assert (counted(world, said["id"]), world.told()) == (1, [])
    assert service(queued(said)) == [0]
    world.door.plan = quiet
    assert service(queued(said)) == []
    [told] = world.told(1)
    assert (told["request"], told["state"], told["detail"]) == (said["request"], "done", {"total": 3})
    assert (len(service.seen), counted(world, said["id"])) == (1, 1)


@shows("REQ-M8", how="patched")
def test_that_it_cannot_be_told_stops_no_work(world: World) -> None:
    said = envelope()
    world.door.plan = broken("events")
    assert Service(count)(queued(said)) == []
    assert counted(world, said["id"]) == 1


@shows("REQ-M8", how="patched")
def test_at_the_last_attempt_the_request_is_told_as_failed(world: World) -> None:
    said = envelope()
    service = Service(fail)
    assert service(queued(said, receives=1)) == service(queued(said, receives=2)) == [0]
    assert [state for _, state in world.states(2)] == ["working", "working"]
    assert service(queued(said, receives=3)) == [0]
    told = {one["state"]: one for one in world.told(2)}
    assert told["failed"]["request"] == said["request"]
    assert told["failed"]["detail"] == {"error": "ZeroDivisionError"}


@shows("REQ-M8", how="patched")
def test_only_the_queue_knows_which_attempt_is_the_last(world: World) -> None:
    """Copies of a message that the sender made are received once each, and each may come again."""
    said = envelope()
    service = Service(fail)
    for _ in range(4):
        assert service(queued(said, receives=1)) == [0]
    assert [state for _, state in world.states(4)] == ["working"] * 4


@shows("REQ-M8", how="patched")
def test_a_stream_counts_its_attempts_itself(world: World) -> None:
    record = streamed(envelope())
    service = Service(fail)
    for _ in range(3):
        assert service(record) == [0]
    assert [message.attempt for message in service.seen] == [1, 2, 3]
    assert sorted(state for _, state in world.states(4)) == ["failed", "working", "working", "working"]


@shows("REQ-M8", how="patched")
def test_what_failed_for_good_and_was_sent_back_can_be_done(world: World) -> None:
    said = envelope()
    service = Service(fail)
    for receives in (1, 2, 3):
        service(queued(said, receives=receives))
    service.work = lambda m: messages.Finished("paid", count(m))
    assert service(queued(said, receives=1)) == []
    assert "done" in [state for _, state in world.states(6)]


@shows("REQ-M8", how="patched")
def test_a_result_that_no_event_can_hold_fails_before_anything_is_written(world: World) -> None:
    said = envelope()
    assert Service(lambda m: messages.Finished("x" * 100_001, count(m)))(queued(said)) == [0]
    assert counted(world, said["id"]) == 0


@shows("REQ-M8", how="patched")
@pytest.mark.parametrize("result", ["half a \ud800", {"\udc00": 1}, [["\ud83d"]]], ids=["text", "name", "inside"])
def test_a_result_that_nobody_could_read_fails_and_the_request_is_told_as_failed(world: World, result: Any) -> None:
    said = envelope()
    service = Service(lambda m: messages.Finished(result, count(m)))
    assert service(queued(said, receives=3)) == [0]
    assert counted(world, said["id"]) == 0
    told = {one["state"]: one for one in world.told(2)}
    assert (told.keys(), told["failed"]["detail"]) == ({"working", "failed"}, {"error": "UnicodeEncodeError"})
    service.work = lambda m: messages.Finished("whole \U0001f600", count(m))
    assert service(queued(said)) == []
    assert [one["detail"] for one in world.told(2) if one["state"] == "done"] == ["whole \U0001f600"]


@shows("REQ-M8", how="patched")
@pytest.mark.parametrize(
    "response", [{"Error": "text"}, {"Error": {"Code": object()}}, "text"], ids=["error", "code", "text"]
)
def test_an_error_with_an_odd_response_fails_no_other_message(world: World, response: Any) -> None:
    class Odd(Exception):
        pass

    def work(message: messages.Message) -> Any:
        if message.body == "odd":
            error = Odd()
            error.response = response  # type: ignore[attr-defined]
            raise error
        return count(message)

    other = envelope()
    assert Service(work)(queued(envelope("odd")), queued(other)) == [0]
    assert counted(world, other["id"]) == 1


# --- the mark


@shows("REQ-M7", how="static")
@pytest.mark.parametrize("change", ["SET #lease = :until", "SET #state = :done"])
def test_a_value_of_a_mark_that_was_forgotten_is_no_text(change: str) -> None:
    with pytest.raises(KeyError, match="now"):
        messages._mark("message-1", change, "#lease < :now", until=1)


# --- faults of the table


@shows("REQ-M7", how="patched")
def test_when_the_table_is_not_there_everything_comes_again(world: World) -> None:
    service = Service(count)
    said = envelope(), envelope()
    world.door.plan = broken("dynamodb")
    assert service(*map(queued, said)) == [0, 1]
    assert service.seen == []
    world.door.plan = quiet
    assert service(*map(queued, said)) == []


@shows("REQ-M7", how="patched")
def test_an_answer_that_is_lost_after_the_work_was_written_does_it_no_second_time(world: World) -> None:
    service, said = Service(lambda m: messages.Finished("paid", count(m))), envelope()
    world.door.plan = at(2, "after", ClientError({"Error": {"Code": "Lost"}}, "TransactWriteItems"), only="dynamodb")
    assert service(queued(said, receives=3)) == [0]
    world.door.plan = quiet
    assert "failed" not in [state for _, state in world.states(1)]
    assert service(queued(said)) == []
    assert (len(service.seen), counted(world, said["id"])) == (1, 1)
    assert world.states(1) == [(said["request"], "done")]


def at(number: int, moment: str, raised: BaseException, only: str = "") -> Callable[[str, str], None]:
    """A plan: this happens at the n-th request (of one service)."""
    passed: Iterator[int] = iter(range(1, 1000))

    def plan(service: str, when: str) -> None:
        if when == moment and only in ("", service) and next(passed) == number:
            raise raised

    return plan


# --- whatever happens


@shows("REQ-M7", how="patched")
@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("number", range(1, 6), ids=["claim", "working", "send", "commit", "done"])
def test_wherever_the_function_is_killed_the_effect_is_there_once(world: World, number: int, moment: str) -> None:
    said = envelope()

    def work(message: messages.Message) -> messages.Finished:
        publishing.send("payments", message.id)
        return messages.Finished("paid", count(message))

    service = Service(work)
    world.door.plan = at(number, moment, Killed())
    with pytest.raises(Killed):
        service(queued(said))
    world.door.plan = quiet
    service.clock.now += 63
    assert service(queued(said)) == []
    assert counted(world, said["id"]) == 1
    assert len({one["id"] for one in world.sent()}) == 1
    assert "done" in {state for _, state in world.states(2)}


ACTIONS = st.sampled_from(["comes", "comes", "raises", "dies", "dies after", "twice at once", "overtaken", "bus down"])


@shows("REQ-M7", "REQ-M8", how="patched")
@settings(
    derandomize=True,
    database=None,
    deadline=None,
    max_examples=15,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(plan=st.lists(st.tuples(st.integers(0, 2), ACTIONS, st.integers(1, 6)), max_size=8))
def test_any_order_of_duplicates_and_crashes_does_each_once(world: World, plan: list[tuple[int, str, int]]) -> None:
    said = [envelope(number) for number in range(3)]
    service = Service()
    nested: list[Callable[[], object]] = []

    def work(message: messages.Message) -> messages.Finished:
        publishing.send("payments", message.body)
        if nested:
            nested.pop()()
        return messages.Finished(message.body, count(message))

    def later(record: Json) -> None:
        service.clock.now += 63
        service(record)

    for number, action, moment in plan:
        record = queued(said[number])
        service.work, world.door.plan = work, quiet
        nested.clear()
        if action == "raises":
            service.work = fail
        elif action in ("dies", "dies after"):
            world.door.plan = at(moment, "after" if action == "dies after" else "before", Killed())
        elif action == "bus down":
            world.door.plan = broken("events")
        elif action == "twice at once":
            nested.append(lambda record=record: service(record))
        elif action == "overtaken":
            nested.append(lambda record=record: later(record))
        try:
            service(record)
        except Killed:
            service.clock.now += 63
        world.door.plan = quiet
        assert all(counted(world, one["id"]) <= 1 for one in said)
    service.work, world.door.plan = work, quiet
    nested.clear()
    service.clock.now += 63
    assert service(*map(queued, said)) == []
    assert [counted(world, one["id"]) for one in said] == [1, 1, 1]
    sent = world.sent()
    assert len({one["id"] for one in sent}) == 3
    assert {one["body"] for one in sent} == {0, 1, 2}
    done = {one["request"]: one["detail"] for one in world.told(3) if one["state"] == "done"}
    assert done == {one["request"]: one["body"] for one in said}


# --- objects


def put(world: World, key: str, data: bytes, **metadata: str) -> Json:
    """Put an object; gives the event of it, as EventBridge sends it."""
    version = world.emulator.client("s3").put_object(Bucket=world.bucket, Key=key, Body=data, Metadata=metadata)
    about = {
        "key": key,
        "size": len(data),
        "etag": "e",
        "sequencer": uuid.uuid4().hex,
        "version-id": version["VersionId"],
    }
    return {
        "version": "0",
        "id": str(uuid.uuid4()),
        "detail-type": "Object Created",
        "source": "aws.s3",
        "detail": {"version": "0", "bucket": {"name": world.bucket}, "object": about, "reason": "PutObject"},
    }


@shows("REQ-M7", "REQ-M8", how="patched")
def test_an_object_that_the_kit_put_is_known_by_its_metadata(world: World) -> None:
    request, id = f"request-{uuid.uuid4().hex}", str(uuid.uuid4())
    event = put(world, "paid/o-1 é.json", b'{"id": 1}', id=id, request=request, trace="Root=1", service="payments")
    service = Service(lambda m: messages.Finished("made", count(m)))
    assert service.handler(event, Context()) == service.handler(event, Context()) == {}
    [message] = service.seen
    assert message == messages.Message(id, request, "", b'{"id": 1}', 1, "paid/o-1 é.json", event)
    assert counted(world, id) == 1
    assert {one["request"] for one in world.told(3)} == {request}


@shows("REQ-M7", how="patched")
def test_an_object_of_somebody_else_is_known_by_where_it_is_and_when_it_came(world: World) -> None:
    service = Service(count)
    first, second = (put(world, "paid/same", data) for data in (b"old", b"new"))
    for event in (first, second, first):
        service.handler(event, Context())
    assert service.bodies == [b"old", b"new"], "each event is about one version"
    ids = [message.id for message in service.seen]
    assert len({*ids}) == 2
    assert ids == [message.request for message in service.seen]


@shows("REQ-M7", "REQ-M8", how="patched")
def test_an_object_whose_work_fails_is_raised_for(world: World) -> None:
    service = Service(fail)
    event = put(world, "paid/bad", b"x")
    for _ in range(3):
        with pytest.raises(RuntimeError, match="the log says where") as raised:
            service.handler(event, Context())
        assert "anna" not in str(raised.value)
    assert sorted(state for _, state in world.states(4)) == ["failed", "working", "working", "working"]
    service.work = count
    assert service.handler(event, Context()) == {}


@shows("REQ-M7", how="patched")
def test_the_next_try_of_an_object_goes_on_where_its_function_died_and_nobody_else_does(world: World) -> None:
    service = Service(kill)
    event = put(world, "paid/dead", b"x")
    with pytest.raises(Killed):
        service.handler(event, Context(aws_request_id="first"))
    service.work = count
    with pytest.raises(RuntimeError):
        service.handler(event, Context(aws_request_id="a duplicate"))
    assert service.handler(event, Context(aws_request_id="first")) == {}


@shows("REQ-M7", "REQ-M8", how="patched")
def test_the_same_event_once_more_takes_none_of_the_tries_of_the_first(world: World) -> None:
    service, event = Service(fail), put(world, "paid/twice", b"x")

    def tried(*ids: str, told: int) -> list[str]:
        for id in ids:
            with pytest.raises(RuntimeError):
                service.handler(event, Context(aws_request_id=id))
        return sorted(state for _, state in world.states(told))

    assert tried("first", "a duplicate", "first", "a duplicate", told=4) == ["working"] * 4
    assert tried("first", told=2) == ["failed", "working"]


def of_kit(world: World, key: str) -> tuple[Json, str, str]:
    """An object that the kit put: its event, the message's id, and the request's."""
    request, id = f"request-{uuid.uuid4().hex}", str(uuid.uuid4())
    return put(world, key, b"x", id=id, request=request, trace="", service="payments"), id, request


def fails_three_times(service: Service, event: Json, first: type[BaseException] = RuntimeError) -> None:
    for number in range(3):
        with pytest.raises(RuntimeError if number else first):
            service.handler(event, Context())


@shows("REQ-M7", "REQ-M8", how="patched")
def test_an_object_that_is_gone_is_told_as_failed_at_the_last_attempt(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whose request it was, only the object would say: so it is told of the event."""
    event = put(world, "paid/gone", b"x")
    event["detail"]["object"] |= {"key": "paid/never"}
    fails_three_times(service := Service(), event)
    assert service.seen == []
    [told] = world.told(1)
    assert (told["state"], told["detail"]) == ("failed", {"error": "ClientError"})
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(line["message"], line["code"]) for line in lines] == [("message failed", "NoSuchVersion")] * 3
    assert {line["request"] for line in lines} == {told["request"]}


class Torn:
    """What is read of an object when the connection breaks."""

    def read(self) -> bytes:
        raise ResponseStreamingError(error="broken")


@shows("REQ-M7", "REQ-M8", how="patched")
def test_an_object_that_cannot_be_read_to_its_end_is_known_all_the_same(world: World) -> None:
    event, id, request = of_kit(world, "paid/torn")

    def tear(parsed: Json, **_: Any) -> None:
        parsed["Body"] = Torn()

    service, events = Service(count), context.aws("s3").meta.events
    events.register("after-call.s3.GetObject", tear)
    try:
        fails_three_times(service, event)
    finally:
        events.unregister("after-call.s3.GetObject", tear)
    assert world.states(1) == [(request, "failed")]
    assert service.handler(event, Context()) == {}
    assert ([message.body for message in service.seen], counted(world, id)) == ([b"x"], 1)


@shows("REQ-M8", how="patched")
@pytest.mark.parametrize("ends", [RuntimeError, Killed], ids=["refused", "dies"])
@pytest.mark.parametrize("moment", ["before", "after"])
def test_an_attempt_that_ends_before_it_is_known_what_it_is_about_counts(
    world: World, moment: str, ends: type[BaseException]
) -> None:
    event, _, request = of_kit(world, "paid/late")
    raised = Killed() if ends is Killed else ClientError({"Error": {"Code": "Refused"}}, "GetObject")
    world.door.plan = at(1, moment, raised, only="s3")
    fails_three_times(Service(fail), event, first=ends)
    world.door.plan = quiet
    assert sorted(world.states(3)) == [(request, "failed"), (request, "working"), (request, "working")]


@shows("REQ-M7", how="patched")
def test_an_object_that_is_long_in_coming_is_not_asked_for_again_when_it_is_late(world: World) -> None:
    event, _, _ = of_kit(world, "paid/slow")
    asked: list[str] = []

    def plan(service: str, moment: str) -> None:
        if (service, moment) == ("s3", "before"):
            asked.append(service)
            raise ReadTimeoutError(endpoint_url="https://example.com")

    world.door.plan = plan
    with pytest.raises(RuntimeError):
        Service().handler(event, Context([8_400]))
    assert asked == ["s3"]


@shows("REQ-M7", how="patched")
def test_an_object_whose_attempts_cannot_be_counted_comes_again(world: World) -> None:
    event, id, _ = of_kit(world, "paid/uncounted")
    service = Service(count)
    world.door.plan = at(1, "before", ClientError({"Error": {"Code": "Refused"}}, "UpdateItem"), only="dynamodb")
    with pytest.raises(RuntimeError):
        service.handler(event, Context())
    world.door.plan = quiet
    assert service.handler(event, Context()) == {}
    assert (len(service.seen), counted(world, id)) == (1, 1)
