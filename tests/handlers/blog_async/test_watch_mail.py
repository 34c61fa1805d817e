"""WatchMail: what it counts, and that it says so when it did not count all."""

from __future__ import annotations

import json
import time
import uuid

import pytest

from tests.evidence import shows
from tests.handlers.blog_async.conftest import Context, World
from tests.handlers.blog_async.gate import answers, let_through

LATE = 15 * 60
NONE = {"MailWaiting": 0, "MailUncertain": 0, "MailRefused": 0}


@shows("REQ-B5", "REQ-B10", how="stock")
def test_what_is_owed_for_too_long_by_how_far_it_is(world: World) -> None:
    now = int(time.time())
    for kind in ("confirm", "welcome"):
        for step, times in (("wanted", 1), ("sending", 2), ("refused", 3)):
            for _ in range(times):
                world.subscriber(f"{kind}-{step}", owedSince=now - LATE - 5)
            world.subscriber(f"{kind}-{step}", owedSince=now - LATE + 60)
        world.subscriber(f"{kind}-sent", owed=None, owedSince=None)
    assert world.invoke("watch_mail", {}) == {"MailWaiting": 2, "MailUncertain": 4, "MailRefused": 6}


def test_what_is_owed_and_in_no_state_that_is_known_is_told_too(world: World) -> None:
    world.subscriber("what", owedSince=1)
    assert world.invoke("watch_mail", {}) == NONE | {"MailUncertain": 1}


@shows("REQ-B5", how="stock")
def test_alarms_see_the_numbers_and_zeros_too_in_one_call(world: World) -> None:
    """The emulator keeps what it is sent; the alarm itself is the template's."""
    world.subscriber("welcome-sending", owedSince=1)
    world.invoke("watch_mail", {})
    assert len(world.gates["cloudwatch"].seen) == 1
    found = world.metrics("stack-of-the-handler-tests")
    assert found.keys() >= NONE.keys()
    assert found["MailUncertain"][1] >= 1
    assert found["MailRefused"][0] == found["MailWaiting"][0] == 0


def fill(world: World, number: int) -> None:
    """So many subscribers, each some hundred thousand bytes large in the index: pages hold a megabyte."""
    long = "x" * 200_000
    for _ in range(number):
        world.subscriber(f"{long}-refused", owedSince=1)


def test_page_by_page(world: World) -> None:
    fill(world, 12)
    assert world.invoke("watch_mail", {})["MailRefused"] == 12
    assert len(world.gates["dynamodb"].seen) >= 3


def test_when_time_runs_out_it_says_that_there_are_more(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    fill(world, 12)
    counts = world.invoke("watch_mail", {}, Context([1000]))
    assert 1 <= counts["MailRefused"] < 12
    [line] = map(json.loads, capsys.readouterr().out.splitlines())
    assert line["atLeast"] is True


@pytest.mark.parametrize("service", ["dynamodb", "cloudwatch"])
def test_when_it_cannot_count_or_tell_the_function_fails(
    world: World, service: str, capsys: pytest.CaptureFixture[str]
) -> None:
    address = world.subscriber("welcome-sending", owedSince=1)
    world.gates[service].plan[:] = [answers(400, "AccessDeniedException")]
    with pytest.raises(RuntimeError, match="the log line before this one"):
        world.invoke("watch_mail", {})
    out = capsys.readouterr().out
    line = json.loads(out)
    assert (line["level"], line["error"]) == ("ERROR", "ClientError AccessDeniedException")
    assert "anna" not in out
    assert address not in out


@pytest.mark.parametrize("service", ["dynamodb", "cloudwatch"])
def test_a_short_fault_is_not_noticed(world: World, service: str) -> None:
    world.gates[service].plan[:] = [answers(500, "InternalServerError"), let_through]
    assert world.invoke("watch_mail", {"id": str(uuid.uuid4())}) == NONE
