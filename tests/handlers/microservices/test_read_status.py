"""Where a request is: what its steps come to, whose they are, when it is overdue, and what nobody knows."""

from __future__ import annotations

import itertools
import json
import uuid
from typing import Any

import pytest

from tests.evidence import shows
from tests.handlers.conftest import Context, Faulty, fault
from tests.handlers.microservices.conftest import CALL, TABLE, Deployed, World, ago, question, told
from troposphere_arch import local

LARGEST_ANSWER = 6_291_556  # https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html


@shows("REQ-M8", how="stock")
def test_a_request_is_followed_from_its_first_step_to_its_result(world: World, request_id: str) -> None:
    seen = []
    for service, state, more in (
        ("orders", "accepted", {}),
        ("payments", "working", {}),
        ("payments", "done", {"detail": {"invoice": "2026-1"}}),
    ):
        assert world.record(told(request_id, service, state, **more)) == []
        status = world.status(request_id)
        assert (status["request"], status["overdue"]) == (request_id, False)
        seen.append((status["state"], [(step["service"], step["state"]) for step in status["steps"]]))
    first, second, third = ("orders", "accepted"), ("payments", "working"), ("payments", "done")
    assert seen == [("accepted", [first]), ("working", [first, second]), ("done", [first, second, third])]
    assert status["result"] == {"invoice": "2026-1"}
    assert status["steps"][-1]["detail"] == {"invoice": "2026-1"}
    assert all(step.keys() - {"detail"} == {"service", "state", "at"} for step in status["steps"])


@shows("REQ-M8", how="stock")
def test_the_answer_is_the_same_in_whichever_order_and_however_often_events_come(world: World) -> None:
    words = [
        ("orders", "accepted", "2026-01-01T10:00:00.000Z"),
        ("payments", "working", "2026-01-01T10:00:01.000Z"),
        ("payments", "failed", "2026-01-01T10:00:02.000Z"),
        ("payments", "done", "2026-01-01T10:00:03.000Z"),
    ]
    answers = set()
    for order in itertools.permutations(range(4)):
        request = str(uuid.uuid4())
        events = [told(request, *words[number], detail=number) for number in order]
        assert world.record(*events, *events[:2]) == []
        status = world.status(request)
        assert status.pop("request") == request
        answers.add(json.dumps(status))
    [answer] = (json.loads(one) for one in answers)
    assert (answer["state"], answer["result"]) == ("done", 3)
    assert [(step["service"], step["state"], step["at"]) for step in answer["steps"]] == words


@shows("REQ-M8", how="stock")
@pytest.mark.parametrize(
    ("states", "whole"),
    [
        (("accepted",), "accepted"),
        (("working", "accepted"), "working"),
        (("failed", "working", "accepted"), "failed"),
        (("done", "failed", "working", "accepted"), "failed"),
        (("done", "working", "accepted"), "done"),
        (("done", "accepted"), "done"),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, tuple) else None,
)
def test_failed_beats_done_beats_working_beats_accepted(world: World, states: tuple[str, ...], whole: str) -> None:
    """Whoever was last."""
    for order in (states, states[::-1]):
        request = str(uuid.uuid4())
        for number, state in enumerate(order):
            world.record(told(request, f"service-{state}", state, ago(seconds=60 - number)))
        assert world.status(request)["state"] == whole


@shows("REQ-M8", how="stock")
@pytest.mark.parametrize(
    ("payments", "whole"),
    [
        (("working", "failed"), "failed"),
        (("working", "failed", "working"), "done"),  # put back, and under way: another service has said what it came to
        (("failed", "done"), "done"),
        (("done", "failed"), "failed"),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, tuple) else None,
)
def test_what_failed_is_mended_by_what_the_same_service_tells_later(
    world: World, payments: tuple[str, ...], whole: str
) -> None:
    request = str(uuid.uuid4())
    world.record(told(request, "invoices", "done", ago(minutes=5), detail="invoice"))
    for number, state in enumerate(payments):
        world.record(told(request, "payments", state, ago(seconds=60 - number)))
    status = world.status(request)
    assert (status["state"], status["result"] if whole == "done" else "invoice") == (whole, status["result"])


@shows("REQ-M8", how="stock")
def test_a_request_is_overdue_when_nothing_is_heard_of_it_for_a_quarter_of_an_hour(world: World) -> None:
    for state, minutes, overdue in (
        ("accepted", 14.8, False),
        ("accepted", 15.2, True),
        ("working", 14.8, False),
        ("working", 15.2, True),
        ("failed", 600, False),
        ("done", 600, False),
    ):
        request = str(uuid.uuid4())
        world.record(told(request, "orders", "accepted", ago(hours=12)))
        world.record(told(request, "payments", state, ago(minutes=minutes)))
        assert world.status(request)["overdue"] is overdue, (state, minutes)


@pytest.mark.parametrize(("now", "overdue"), [(900.0, False), (900.001, True)])
def test_the_quarter_of_an_hour_ends_on_the_second(world: World, now: float, overdue: bool) -> None:
    item = {"service": "orders", "state": "working", "at": "1970-01-01T00:00:00.000Z"}
    whole = world.read_status.whole([{name: {"S": value} for name, value in item.items()}], now)
    assert whole["overdue"] is overdue


@shows("REQ-M8", how="stock")
def test_steps_of_one_request_are_in_no_other_s_answer(world: World) -> None:
    base = uuid.uuid4().hex
    requests = [base, f"{base}0", base[:-1], base.upper(), f"{base}#", f"{base}%", f"{base} ", f"#{base}"]
    requests += [f"bucket/{base}/é.txt", f"{base}%41", f"{base}+"]  # as the id of what is no request is
    for request in requests:
        assert world.record(told(request, "orders", "done", detail=request)) == []
    for request in requests:
        status = world.status(request)
        assert (status["request"], status["result"]) == (request, request)
        assert len(status["steps"]) == 1


@shows("REQ-M8", how="stock")
@pytest.mark.parametrize(
    "request_",
    [
        "never-heard-of",
        "",
        None,
        7,
        ["r"],
        "r\x00",
        "r" * 513,
        "\ud800",
        "*",
        "%",
        "../requests",
        '{"S": "r"}',
        " OR 1=1",
    ],
    ids=lambda value: ascii(value)[:12],
)
def test_what_nobody_told_of_is_not_found(world: World, request_: Any) -> None:
    reply = world.ask(request_)
    assert reply.error == (404, "NotFound")
    assert reply.body["request"] == CALL
    assert reply.headers["X-Request-Id"] == CALL


@pytest.mark.parametrize(
    ("headers", "own"),
    [
        ({"x-request-id": "abcdefgh"}, "abcdefgh"),
        ({"X-REQUEST-ID": "a" * 64}, "a" * 64),
        ({"X-Request-Id": "short"}, None),
        ({"X-Request-Id": "a" * 65}, None),
        ({"X-Request-Id": "abcdefgh\r\nSet-Cookie: a"}, None),
        ({"X-Request-Id": None}, None),
        ({}, None),
        (None, None),
    ],
    ids=["good", "another-case", "short", "long", "line-break", "null", "none", "no-headers"],
)
def test_the_call_has_an_id_of_its_own(world: World, headers: Any, own: str | None) -> None:
    reply = world.ask("never-heard-of", headers=headers)
    assert reply.headers["X-Request-Id"] == (own or "33333333-2222-3333-4444-555555555555")


def test_without_path_parameters_nothing_is_found(world: World) -> None:
    assert world.ask("r", pathParameters=None).error == (404, "NotFound")


def test_the_result_is_that_of_the_last_service_that_was_done(world: World, request_id: str) -> None:
    world.record(told(request_id, "payments", "done", "2026-01-01T10:00:02Z", detail="last"))
    world.record(told(request_id, "fulfilment", "done", "2026-01-01T10:00:01Z", detail="first"))
    assert world.status(request_id)["result"] == "last"
    world.record(told(request_id, "statistics", "done", "2026-01-01T10:00:03Z"))  # with nothing to say
    assert world.status(request_id)["result"] == "last"
    assert "result" not in world.status(other(world, "failed"))


def other(world: World, state: str) -> str:
    request = str(uuid.uuid4())
    world.record(told(request, "orders", state, detail="why"))
    return request


def test_what_has_expired_is_gone_before_it_is_removed(world: World, request_id: str) -> None:
    world.record(told(request_id, "orders", "accepted"), told(request_id, "payments", "done"))
    for step, state in (("payments#done", "accepted"), ("orders#accepted", None)):
        world.dynamodb.update_item(
            TableName=TABLE,
            Key={"request": {"S": request_id}, "step": {"S": step}},
            UpdateExpression="SET expires = :past",
            ExpressionAttributeValues={":past": {"N": str(int(world.read_status.time.time()) - 1)}},
        )
        if state:
            assert world.status(request_id)["state"] == state
    assert world.ask(request_id).error == (404, "NotFound")


def test_long_details_are_left_out_but_not_the_result(world: World, request_id: str) -> None:
    long = "x" * 32_000
    for number in range(36):
        service = f"service-{number:02}"
        world.record(told(request_id, service, "working", f"2026-01-01T10:00:{number:02}Z", detail=long))
    world.record(told(request_id, "last", "done", detail=[long]))
    reply = world.ask(request_id)
    assert len(reply.text) < 1_200_000
    assert reply.body["result"] == [long]
    assert len(reply.body["steps"]) == 37
    assert sum("detail" in step for step in reply.body["steps"]) == 32


@shows("REQ-M8", how="stock")
def test_no_detail_makes_an_answer_that_lambda_does_not_take(world: World, request_id: str) -> None:
    """Whatever it is written in: in the answer a letter that is not ASCII has seven bytes, and a quote four."""
    long = ['"' * 30_000, "é" * 60_000, "\U0001f600" * 30_000, "\u0001" * 20_000]
    for number in range(24):
        told_at = f"2026-01-01T10:00:{number:02}Z"
        event = told(request_id, f"service-{number:02}", "working", told_at, detail=long[number % 4])
        assert world.record(event) == []
    assert world.record(told(request_id, "last", "done", detail=long[1])) == []
    answer = world.read_status.handler(question(request_id), Context())
    assert len(json.dumps(answer)) < 2_000_000 < LARGEST_ANSWER
    body = json.loads(answer["body"])
    assert (len(body["steps"]), body["result"]) == (25, long[1])
    assert body["steps"][0]["detail"] == long[0]


def test_all_pages_are_read(world: World, request_id: str) -> None:
    real = world.read_status.table
    world.record(*(told(request_id, f"service-{number}", "working") for number in range(7)))
    world.record(told(request_id, "the-last", "done"))
    faulty = Faulty(real, query=[lambda method, request: method(**request, Limit=3)] * 3)
    try:
        world.read_status.table = faulty
        assert len(world.status(request_id)["steps"]) == 8
    finally:
        world.read_status.table = real
    assert len(faulty.calls) == 3
    assert all(request["ConsistentRead"] for _, request in faulty.calls)


@pytest.mark.parametrize(
    ("error", "answered"),
    [
        pytest.param(fault("ThrottlingException"), True, id="throttled"),
        pytest.param(fault("ProvisionedThroughputExceededException"), True, id="busy"),
        pytest.param(fault("ValidationException"), False, id="wrong"),
        pytest.param(fault("AccessDeniedException"), False, id="denied"),
    ],
)
def test_a_table_that_does_not_answer(
    world: World, capsys: pytest.CaptureFixture[str], error: Exception, answered: bool
) -> None:
    real = world.read_status.table
    try:
        world.read_status.table = Faulty(real, query=[error])
        if answered:
            reply = world.ask("some-request")
            assert reply.error == (503, "Busy")
            assert reply.headers["Retry-After"] == "1"
        else:
            with pytest.raises(RuntimeError, match="log line"):
                world.ask("some-request")
    finally:
        world.read_status.table = real
    [line] = capsys.readouterr().out.splitlines()
    assert json.loads(line)["level"] == ("WARNING" if answered else "ERROR")
    assert "ring" not in line


def test_short_of_time_it_says_so_and_asks_nothing(world: World, request_id: str) -> None:
    real = world.read_status.table
    faulty = Faulty(real)
    try:
        world.read_status.table = faulty
        assert world.ask(request_id, Context([5_000])).error == (503, "Busy")
    finally:
        world.read_status.table = real
    assert faulty.calls == []


@shows("REQ-M8", how="stock")
def test_it_needs_the_right_to_query_and_no_other(world: World, stock: local.Emulator, request_id: str) -> None:
    world.record(told(request_id, "orders", "accepted"))
    function = Deployed("read_status", stock)
    function.allow()
    assert function.invoke(question(request_id)) is None
    function.allow("dynamodb:Query")
    answer = function.invoke(question(request_id))
    assert answer is not None
    assert json.loads(answer["body"])["state"] == "accepted"
