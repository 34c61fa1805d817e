"""The device that polls in journeys: it hides nothing, and asks after the end, too."""

from __future__ import annotations

from typing import Any

import pytest

from tests.journeys.stack import Stack
from tests.journeys.updates import polling


class Answers:
    """Stands for an emulator, which answers 200 so many times and then fails."""

    url = "http://127.0.0.1:9"

    def __init__(self, times: int) -> None:
        self.times = times

    def request(self, *_: object, **__: object) -> Answers:
        if not self.times:
            raise ConnectionResetError("nobody there")
        self.times -= 1
        return self

    status = 200


def stack(times: int) -> Stack:
    emulator: Any = Answers(times)
    return Stack(emulator, "none")


@pytest.mark.parametrize("times", [0, 1])
def test_what_goes_wrong_while_a_device_asks_is_raised(times: int) -> None:
    with pytest.raises(ConnectionResetError, match="nobody there"), polling(stack(times), "a", "b"):
        pass


def test_each_name_is_asked_after_the_end() -> None:
    with polling(stack(10**6), "a", "b") as polls:
        before = dict(polls.answers)
    assert all(polls.answers[host, 200] > before.get((host, 200), 0) for host in "ab")
    assert polls.all_good("a") and polls.all_good("b")
