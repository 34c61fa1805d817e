"""What the tests of services stand on: handlers in a process that is not theirs, stacks that are not all theirs."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import Any

import pytest

from tests.cli.services import write_shop
from tests.evidence import shows
from tests.microservices.systems import DATABASE_CODE, DOCKERFILE, OWNER, PLAIN_CODE, PORT
from tests.system import needs
from troposphere_arch.errors import UserError
from troposphere_arch.local import databases
from troposphere_arch.microservices import testing

ASKING = """\
import os


def handler(event, context):
    event()
    return os.environ["SERVICE"], os.environ.get("MODE")
"""

DECLARED = f"owner: {OWNER}\ndescription: Does what it does.\n"
ON_SERVERS = f'{DECLARED}routes: ["GET /items/{{id}}"]\nport: {PORT}\nhealth: /health\n'
BOTH = """\
from troposphere_arch.service_kit import client, http


def both(request):
    said = {"goods": client.call("goods", "GET /items/{id}", id="pen").body}
    try:
        client.call("bills", "GET /items/{id}", id="pen")
    except client.Rejected as no:
        return {**said, "bills": no.status}


handler = http.handler({"GET /both": both})
"""


@pytest.fixture
def servers(tmp_path: Path) -> Path:
    """A system in which a function calls a container and instances."""
    services = tmp_path / "services"
    files = {
        "platform.yaml": f"name: served\nowner: {OWNER}\nnetwork: nat\n",
        "goods/service.yaml": f"shape: container\n{ON_SERVERS}",
        "goods/handler.py": PLAIN_CODE,
        "goods/Dockerfile": DOCKERFILE.format(port=PORT),
        "bills/service.yaml": f"shape: instances\n{ON_SERVERS}",
        "bills/handler.py": DATABASE_CODE,
        "both/service.yaml": f'shape: http\n{DECLARED}routes: ["GET /both"]\n'
        'calls: {goods: ["GET /items/{id}"], bills: ["GET /items/{id}"]}\n',
        "both/handler.py": BOTH,
    }
    for name, text in files.items():
        (services / name).parent.mkdir(parents=True, exist_ok=True)
        (services / name).write_text(text)
    return services


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


@shows("REQ-M9", how="patched")
@needs("postgres")
def test_what_it_calls_on_servers_runs_too(servers: Path) -> None:
    with testing.deployed(servers / "both") as both:
        assert both.call("GET /both").body == {"goods": {"id": "pen"}, "bills": 404}
        bills = both.service("bills")
        with testing.deployed(servers / "bills") as again:  # it runs already, and goes on when that ends
            assert again.call("GET /items/{id}", id="a").status == 404
        assert bills.call("GET /items/{id}", id="b").status == 404


def test_without_postgresql_nothing_is_begun(servers: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(databases, "programs", lambda: None)
    with pytest.raises(UserError, match=r"^bills keeps what it has in PostgreSQL.*apt-get install postgresql"):
        testing.deployed(servers / "both").__enter__()


def test_who_is_called_is_stood_in_for_or_named(servers: Path) -> None:
    event = testing.request("GET /both")
    alone = testing.load(servers / "both")
    with pytest.raises(UserError, match=r'^both calls goods, which is not there .* neighbours=\{"goods": handler\}'):
        alone(event, testing.Context())
    asked: list[Any] = []

    def bills(event: Any, context: Any) -> dict[str, Any]:
        asked.append((event["resource"], event["pathParameters"], event["headers"].keys() >= {"X-Request-Id"}))
        return {"statusCode": 404}

    goods = testing.load(servers / "goods")
    handler = testing.load(servers / "both", neighbours={"goods": goods, "bills": bills})
    assert testing.answer(handler(event, testing.Context())).body == {"goods": {"id": "pen"}, "bills": 404}
    assert asked == [("/items/{id}", {"id": "pen"}, True)]
    with pytest.raises(UserError, match=r"^both calls bills, which is not there"):
        testing.load(servers / "both", neighbours={"goods": goods})(event, testing.Context())
