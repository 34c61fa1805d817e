"""How requests go on is written down: in any order, twice, late, by services that lie, and by what is no event."""

from __future__ import annotations

import json
import uuid
from typing import Any

import pytest

from tests.evidence import shows
from tests.handlers.conftest import Context, Faulty, fault
from tests.handlers.microservices.conftest import TABLE, Deployed, World, ago, batch, told
from troposphere_arch import local
from troposphere_arch.service_kit import messages


def kept(world: World, request: str) -> dict[str, dict[str, str]]:
    """What the table has of a request, by step."""
    return {
        item["step"]["S"]: {name: item[name]["S"] for name in ("service", "state", "at", "detail") if name in item}
        for item in world.items(request)
    }


@shows("REQ-M8", how="stock")
def test_a_step_is_an_item_of_its_request(world: World, request_id: str) -> None:
    at = "2026-01-01T10:00:00.123Z"
    assert world.record(told(request_id, "payments", "done", at, detail={"paid": 12.5, "note": "é"})) == []
    [item] = world.items(request_id)
    expires = int(item.pop("expires")["N"])
    assert {name: value["S"] for name, value in item.items()} == {
        "request": request_id,
        "step": "payments#done",
        "service": "payments",
        "state": "done",
        "at": at,
        "detail": '{"paid":12.5,"note":"é"}',
    }
    now = world.record_progress.time.time()
    assert 29.9 * 86400 < expires - now < 30.1 * 86400


@shows("REQ-M8", how="stock")
def test_an_event_that_comes_twice_is_one_step(world: World, request_id: str) -> None:
    event = told(request_id, "orders", "accepted", detail={"a": 1})
    assert world.record(event, event) == []
    before = world.items(request_id)
    assert world.record(event) == []
    assert world.items(request_id) == before
    assert len(before) == 1


@shows("REQ-M8", how="stock")
def test_the_newest_word_stays_in_whichever_order_they_come(world: World) -> None:
    first, later = "2026-01-01T10:00:00.000Z", "2026-01-01T10:00:00.001Z"
    for order in (0, 1), (1, 0):
        request = str(uuid.uuid4())
        events = (
            told(request, "payments", "done", first, detail="first"),
            told(request, "payments", "done", later, detail="later"),
        )
        for number in order:
            assert world.record(events[number]) == []
        [step] = kept(world, request).values()
        assert (step["at"], step["detail"]) == (later, '"later"')


def test_a_newer_word_without_a_detail_takes_the_old_one_along(world: World, request_id: str) -> None:
    world.record(told(request_id, "payments", "failed", "2026-01-01T10:00:00Z", detail="broken"))
    world.record(told(request_id, "payments", "failed", "2026-01-01T11:00:00Z"))
    [step] = kept(world, request_id).values()
    assert "detail" not in step


@pytest.mark.parametrize(
    ("at", "as_kept"),
    [
        ("2026-01-01T10:00:00Z", "2026-01-01T10:00:00.000Z"),
        ("2026-01-01T10:00:00.123456+00:00", "2026-01-01T10:00:00.123Z"),
        ("2026-01-01T12:00:00+02:00", "2026-01-01T10:00:00.000Z"),
        ("2026-01-01T10:00:00", "2026-01-01T10:00:00.000Z"),
    ],
)
def test_times_are_kept_in_one_form(world: World, request_id: str, at: str, as_kept: str) -> None:
    assert world.record(told(request_id, "orders", "working", at)) == []
    assert kept(world, request_id)["orders#working"]["at"] == as_kept


def test_a_fast_clock_makes_no_step_of_tomorrow(world: World, request_id: str) -> None:
    assert world.record(told(request_id, "orders", "working", ago(days=-400))) == []
    assert kept(world, request_id)["orders#working"]["at"] <= ago(seconds=0)


@shows("REQ-M8", how="stock")
def test_a_service_speaks_for_itself_only(world: World, request_id: str) -> None:
    assert world.record(told(request_id, "payments", "done", event={"source": "stock"})) == [0]
    assert world.items(request_id) == []


@shows("REQ-M7", how="stock")
@pytest.mark.parametrize(
    "body",
    [
        pytest.param("", id="empty"),
        pytest.param("no json", id="no-json"),
        pytest.param("[]", id="list"),
        pytest.param("null", id="null"),
        pytest.param("{}", id="no-detail"),
        pytest.param({"detail": None, "source": "orders"}, id="null-detail"),
        pytest.param({"detail": [], "source": "orders"}, id="list-detail"),
        pytest.param(told("", "orders", "done"), id="no-request"),
        pytest.param(told("r" * 513, "orders", "done"), id="long-request"),
        pytest.param(told("r\n", "orders", "done"), id="line-break"),
        pytest.param(told("r\ud800r", "orders", "done"), id="half-a-character"),
        pytest.param(told("hostile-1", "Orders", "done"), id="no-name"),
        pytest.param(told("hostile-1", "orders#done", "done"), id="name-with-a-state"),
        pytest.param(told("hostile-1", "a" * 41, "done"), id="long-name"),
        pytest.param(told("hostile-1", "orders", "finished"), id="no-state"),
        pytest.param(told("hostile-1", "orders", "done", "yesterday"), id="no-time"),
        pytest.param(told("hostile-1", "orders", "done", "9999-99-99T00:00:00Z"), id="no-such-time"),
        pytest.param({**told("hostile-1", "orders", "done"), "detail": {"request": 1}}, id="numbers"),
        pytest.param(json.dumps(told("hostile-1", "orders", "done", detail=0)).replace('l": 0', 'l": NaN'), id="nan"),
        pytest.param("[" * 50_000, id="deep"),
    ],
)
def test_what_is_no_word_of_a_service_fails_by_itself(world: World, request_id: str, body: Any) -> None:
    """And so ends in the queue of failures, while the others of its batch are written down."""
    good = told(request_id, "orders", "accepted")
    assert world.record(body, good, body) == [0, 2]
    assert kept(world, request_id).keys() == {"orders#accepted"}
    assert world.items("hostile-1") == []


@shows("REQ-M8", how="stock")
def test_half_a_character_in_a_detail_takes_nothing_else_with_it(world: World, request_id: str) -> None:
    """JSON can say it, what is kept can't: the request is done all the same, with a sign that something was there."""
    detail = {"note": "a\ud800b\U0001f600", "\udfff": ["\udead", 1]}
    assert world.record(told(request_id, "orders", "done", detail=detail)) == []
    status = world.status(request_id)
    kept_as = {"note": "a\ufffdb\U0001f600", "\ufffd": ["\ufffd", 1]}
    assert (status["state"], status["result"]) == ("done", kept_as)


def test_a_detail_that_is_too_long_is_left_out_and_that_is_told(world: World, request_id: str) -> None:
    """What a service's kit takes as a result never is."""
    most = 128 * 1024
    longest = "é" * ((most - 2) // 2)
    assert world.record(told(request_id, "orders", "done", detail=longest)) == []
    assert kept(world, request_id)["orders#done"]["detail"] == f'"{longest}"'
    assert world.record(told(request_id, "orders", "done", ago(seconds=-5), detail=longest + "é")) == []
    assert json.loads(kept(world, request_id)["orders#done"]["detail"]) == {"omitted": f"more than {most} bytes"}
    assert most > messages.LARGEST


def test_what_the_table_refuses_comes_again(world: World, request_id: str) -> None:
    real = world.record_progress.table
    first, second = (told(request_id, service, "accepted") for service in ("orders", "stock"))
    try:
        world.record_progress.table = Faulty(real, update_item=[fault("ThrottlingException"), OSError("gone")])
        assert world.record(first, second) == [0, 1]
    finally:
        world.record_progress.table = real
    assert world.items(request_id) == []
    assert world.record(first, second) == []
    assert len(world.items(request_id)) == 2


def test_what_there_is_no_time_for_comes_again(world: World, request_id: str) -> None:
    events = [told(request_id, service, "accepted") for service in ("orders", "stock", "payments")]
    assert world.record(*events, context=Context([30_000, 8_000, 7_999])) == [2]
    assert kept(world, request_id).keys() == {"orders#accepted", "stock#accepted"}


def test_the_log_says_how_much_and_not_what(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    request, secret = str(uuid.uuid4()), "Buy-a-ring"
    world.record(told(request, "orders", "accepted", detail=secret), secret, told(request, secret, "done"))
    [line] = capsys.readouterr().out.splitlines()
    entry = json.loads(line)
    assert entry.pop("requestId") == Context().aws_request_id
    assert entry == {
        "level": "WARNING",
        "message": "progress",
        "recorded": 1,
        "JSONDecodeError": 1,
        "ValueError": 1,
    }


@shows("REQ-M8", how="stock")
def test_it_needs_the_right_to_update_items_and_no_other(world: World, stock: local.Emulator, request_id: str) -> None:
    function = Deployed("record_progress", stock)
    event = batch(told(request_id, "orders", "accepted"))
    function.allow()
    assert function.invoke(event) == {"batchItemFailures": [{"itemIdentifier": "0"}]}
    assert world.items(request_id) == []
    function.allow("dynamodb:UpdateItem")
    assert function.invoke(event) == {"batchItemFailures": []}
    assert len(world.items(request_id)) == 1
    assert TABLE in str(world.record_progress.TABLE)
