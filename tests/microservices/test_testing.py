"""What the tests of services stand on: handlers in a process that is not theirs, stacks that are not all theirs."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import Any

import pytest

from tests.cli.services import write_shop
from tests.evidence import shows
from troposphere_arch.errors import UserError
from troposphere_arch.microservices import testing

ASKING = """\
import os


def handler(event, context):
    event()
    return os.environ["SERVICE"], os.environ.get("MODE")
"""


def loaded(folder: Path, mode: str) -> testing.Handler:
    folder.mkdir()
    (folder / "handler.py").write_text(ASKING)
    return testing.load(folder, {"MODE": mode})


def test_of_two_threads_one_waits_for_the_other(tmp_path: Path) -> None:
    """Each has an environment of its own, which is the process's while it runs."""
    one, other = loaded(tmp_path / "one", "1"), loaded(tmp_path / "other", "2")
    answers: dict[str, Any] = {}
    begun = threading.Event()
    thread = threading.Thread(target=lambda: answers.update(other=other(begun.set, None)))

    def meanwhile() -> None:
        thread.start()
        assert not begun.wait(0.2)

    answers["one"] = one(meanwhile, None)
    thread.join(30)
    assert answers == {"one": ("one", "1"), "other": ("other", "2")}
    assert "MODE" not in os.environ


def test_a_handler_may_call_another_in_its_thread(tmp_path: Path) -> None:
    one, other = loaded(tmp_path / "one", "1"), loaded(tmp_path / "other", "2")
    inner: list[Any] = []
    assert one(lambda: inner.append(other(lambda: None, None)), None) == ("one", "1")
    assert inner == [("other", "2")]


@shows("REQ-M9", how="patched")
def test_what_was_up_before_stays_up_whatever_becomes_of_it(tmp_path: Path) -> None:
    """Here an update of it fails, because of which nothing that was begun with it stays."""
    services = write_shop(tmp_path / "services")

    def up(stock: testing.Deployed) -> dict[str, str]:
        found = stock.client("cloudformation").describe_stacks()["Stacks"]
        return {one["StackName"]: one["StackStatus"] for one in found if one["StackName"].startswith("shop-")}

    with testing.deployed(services / "warehouse/stock") as stock:
        before = up(stock)
        assert set(before) == {"shop-platform", "shop-stock"}
        parameters = {"stock.AlarmTopicArn": "/nowhere/topic"}
        with pytest.raises(UserError, match=r"shop-stock is not up: .*/nowhere/topic"):
            testing.deployed(services, parameters).__enter__()
        assert up(stock) == before
        assert stock.call("GET /stock/{sku}", sku="a").body == {"sku": "a", "left": 5}
    assert up(stock) == {}
