"""The handlers behind a DAX cluster: what they ask of it, what is fresh, and what may be old for how long.

The client is AWS's own, the cluster is the stand-in of `troposphere_arch.local.dax`, the table the emulator's.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import pytest

from tests.evidence import shows
from tests.handlers.conftest import APP_CLIENT, TABLE, Faulty, Person, World, load, make, todo
from troposphere_arch import local
from troposphere_arch.local.dax import Cluster

ITEM_SECONDS, LIST_SECONDS = 300, 10


@dataclass
class Clock:
    now: float = 0.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Behind:
    """The world whose reader and writer go through a cluster, and what a test may turn."""

    world: World
    cluster: Cluster
    clock: Clock
    denied: set[str]

    @property
    def operations(self) -> list[tuple[str, bool]]:
        """Each call that the cluster saw, and whether it was a hit."""
        return [(call.operation, call.hit) for call in self.cluster.calls]


@pytest.fixture
def cached(world: World, stock: local.Emulator, monkeypatch: pytest.MonkeyPatch) -> Iterator[Behind]:
    clock, denied = Clock(), set[str]()
    environment = stock.environment()
    with Cluster(
        lambda: world.dynamodb,
        secret=lambda access_key_id, token: environment["AWS_SECRET_ACCESS_KEY"],
        allowed=lambda access_key_id, action: action not in denied,
        item_ttl_ms=ITEM_SECONDS * 1000,
        query_ttl_ms=LIST_SECONDS * 1000,
        clock=clock,
        nodes=3,
    ) as cluster:
        variables = {"TODOS_TABLE": TABLE, "APP_CLIENT_ID": APP_CLIENT, "TODOS_CACHE": cluster.url}
        variables |= {"AWS_REGION": "us-east-1", "SSL_CERT_FILE": str(cluster.certificate)}
        for name, value in {**environment, **variables}.items():
            monkeypatch.setenv(name, value)
        read, write = load("read_todos"), load("write_todos")
        yield Behind(replace(world, read=read, write=write), cluster, clock, denied)
        for module in (read, write):
            if module.cluster.cache_info().currsize:
                module.cluster().close()


@pytest.fixture
def mina(cached: Behind) -> Person:
    return Person(cached.world)


@shows("REQ-T6", "REQ-T10", how="simulated")
def test_reads_and_changes_go_through_the_cluster_and_nothing_else_does(
    cached: Behind, mina: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    direct = {side: Faulty(getattr(cached.world, side).table) for side in ("read", "write")}
    for side, table in direct.items():
        monkeypatch.setattr(getattr(cached.world, side), "table", table)
    item = make(mina, title="Milk \U0001f95b")["id"]
    assert mina.get(f"/todos/{item}").body["title"] == "Milk \U0001f95b"
    assert len(mina.items(done="false")) == 1
    assert mina.put(item, title="Beer", done=True, version=1).status == 200
    assert mina.delete(item).status == 204
    assert mina.get(f"/todos/{item}").status == 404
    assert [name for name, _ in cached.operations] == ["GetItem", "Query", "UpdateItem", "DeleteItem", "GetItem"]
    [(operation, request)] = direct["read"].calls  # that an item is not there is no cache's word to give
    assert (operation, request["ConsistentRead"]) == ("get_item", True)
    assert [name for name, _ in direct["write"].calls] == ["transact_write_items"]
    for call in cached.cluster.calls:
        assert call.table == TABLE
        assert call.tls.startswith("TLSv1.")
        assert "/us-east-1/dax/aws4_request" in call.string_to_sign
        assert not call.parameters.get("ConsistentRead")


@shows("REQ-T6", "REQ-T10", how="simulated")
def test_an_item_is_as_it_was_last_written(cached: Behind, mina: Person) -> None:
    item = make(mina)["id"]
    assert mina.get(f"/todos/{item}").body["title"] == "Milk"
    for version, title in enumerate(("Beer", "Wine", "Tea"), 1):
        changed = mina.put(item, title=title, done=False, version=version).body
        assert mina.get(f"/todos/{item}").body == changed
    assert mina.delete(item).status == 204
    assert mina.get(f"/todos/{item}").error == (404, "NotFound")


@shows("REQ-T10", how="simulated")
def test_a_new_item_is_found_at_once_though_it_did_not_go_through_the_cluster(cached: Behind, mina: Person) -> None:
    for n in range(3):
        item = make(mina, title=f"New {n}", clientToken=f"token-{n:04}")
        assert mina.get(f"/todos/{item['id']}").body == item


@shows("REQ-T10", how="simulated")
def test_an_item_is_read_from_the_table_once_in_its_time(cached: Behind, mina: Person) -> None:
    item = make(mina)["id"]
    for _ in range(5):
        assert mina.get(f"/todos/{item}").status == 200
    assert cached.operations == [("GetItem", False), *[("GetItem", True)] * 4]
    cached.clock.now += ITEM_SECONDS + 1
    mina.get(f"/todos/{item}")
    assert cached.operations[-1] == ("GetItem", False)


@shows("REQ-T6", "REQ-T10", how="simulated")
def test_a_list_is_as_old_as_its_time_to_live_and_no_older(cached: Behind, mina: Person) -> None:
    first = make(mina)
    assert mina.items() == [first]
    second = make(mina, title="Beer")
    changed = mina.put(first["id"], title="Wine", done=True, version=1).body
    cached.clock.now += LIST_SECONDS
    assert mina.items() == [first]  # neither the new one nor the change
    assert mina.items(done="false") == [second]  # another question, which nobody has asked before
    assert mina.get(f"/todos/{first['id']}").body == changed
    cached.clock.now += 0.001
    assert mina.items() == [second, changed]


@shows("REQ-T10", how="simulated")
def test_a_change_from_an_old_list_is_refused_with_what_is_there_now(cached: Behind, mina: Person) -> None:
    item = make(mina)
    seen = mina.items()[0]
    current = mina.put(item["id"], title="Beer", done=False, version=1).body
    assert mina.items()[0] == seen
    refused = mina.put(seen["id"], title="Wine", done=True, version=seen["version"])
    assert refused.error == (409, "VersionConflict")
    assert refused.body["item"] == current


@shows("REQ-T10", how="simulated")
def test_what_a_refusal_shows_comes_from_the_table_itself(cached: Behind, mina: Person) -> None:
    """A change that the cluster did not hear of, such as another region's or an operator's."""
    item = make(mina)
    mina.get(f"/todos/{item['id']}")
    changed = next(one for one in mina.stored if one["id"]["S"] == item["id"])
    cached.world.put(changed | {"title": {"S": "From elsewhere"}, "version": {"N": "7"}})
    assert mina.get(f"/todos/{item['id']}").body == item  # old, for as long as items are kept
    refused = mina.put(item["id"], title="Wine", done=True, version=1)
    assert (refused.status, refused.body["item"]["title"]) == (409, "From elsewhere")


@shows("REQ-T10", how="simulated")
def test_two_users_share_the_cluster_and_nothing_in_it(cached: Behind, mina: Person) -> None:
    joon = Person(cached.world)
    hers, his = make(mina, title="Hers"), make(joon, title="His")
    for _ in range(2):  # the second time from the caches
        assert mina.items() == [hers]
        assert joon.items() == [his]
        assert joon.get(f"/todos/{hers['id']}").error == (404, "NotFound")
        assert mina.get(f"/todos/{hers['id']}").body == hers
    assert joon.put(hers["id"], title="Mine now", done=True, version=1).error == (404, "NotFound")
    assert joon.delete(hers["id"]).error == (404, "NotFound")


@shows("REQ-T10", how="simulated")
def test_pages_of_a_long_list(cached: Behind, mina: Person) -> None:
    cached.world.put(*(todo(mina.sub, n) for n in range(60)))
    first = [item["id"] for item in mina.items(limit="25")]
    assert len(first) == 60
    calls = len(cached.operations)
    assert [item["id"] for item in mina.items(limit="25")] == first
    assert [hit for _, hit in cached.operations[calls:]] == [True] * 3


@shows("REQ-T10", how="simulated")
@pytest.mark.parametrize("reset", [False, True])
def test_a_function_that_slept_until_its_connections_broke_answers_all_the_same(
    cached: Behind, mina: Person, reset: bool
) -> None:
    item = make(mina)["id"]
    requests: list[Any] = [
        lambda: mina.get(f"/todos/{item}"),
        lambda: mina.get("/todos"),
        lambda: mina.put(item, title="Beer", done=True, version=1),
        lambda: mina.delete(item),
    ]
    for _ in range(6):  # until the client has connections to each of the three nodes
        assert [request().status for request in requests[:2]] == [200, 200]
    for request, status in zip([*requests[:2] * 4, *requests], [200] * 11 + [204], strict=True):
        cached.cluster.disconnect(reset=reset)
        assert request().status == status


@shows("REQ-T10", how="simulated")
def test_an_item_is_found_though_the_cluster_remembers_that_there_was_none(cached: Behind, mina: Person) -> None:
    """A cluster's own reads are eventually consistent: one right after a POST may find nothing, and that is kept."""
    item = todo(mina.sub, 1)
    path = f"/todos/{item['id']['S']}"
    assert mina.get(path).error == (404, "NotFound")
    cached.world.put(item)
    assert mina.get(path).status == 200
    assert cached.operations == [("GetItem", False), ("GetItem", True)]


@shows("REQ-T10", how="simulated")
def test_a_refused_change_is_sent_once(cached: Behind, mina: Person) -> None:
    item = make(mina)["id"]
    assert mina.put(item, title="Beer", done=True, version=9).status == 409
    assert mina.delete("01JGFJJ" + "0" * 19).status == 404
    assert cached.operations == [("UpdateItem", False), ("DeleteItem", False)]


@shows("REQ-T10", how="simulated")
@pytest.mark.parametrize("action", ["GetItem", "Query", "UpdateItem", "DeleteItem"])
def test_each_right_on_the_cluster_is_needed(
    cached: Behind, mina: Person, action: str, capsys: pytest.CaptureFixture[str]
) -> None:
    item = make(mina)["id"]
    requests: dict[str, Any] = {
        "GetItem": lambda: mina.get(f"/todos/{item}"),
        "Query": lambda: mina.get("/todos"),
        "UpdateItem": lambda: mina.put(item, title="Beer", done=True, version=1),
        "DeleteItem": lambda: mina.delete(item),
    }
    cached.denied.add(f"dax:{action}")
    for operation, request in requests.items():
        if operation != action:
            assert request().status in (200, 204)
            continue
        capsys.readouterr()
        with pytest.raises(RuntimeError):
            request()
        logged = json.loads(capsys.readouterr().out)
        assert (logged["level"], logged["error"]) == ("ERROR", "DaxServiceError AccessDeniedException")


@shows("REQ-T10", how="simulated")
def test_a_cluster_that_is_not_there_fails_the_request_and_is_found_when_it_is_back(
    cached: Behind, mina: Person, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    item = make(mina)["id"]
    capsys.readouterr()
    there = cached.cluster.url
    monkeypatch.setattr(cached.world.read, "CACHE", "daxs://localhost:1")
    with pytest.raises(RuntimeError):
        mina.get(f"/todos/{item}")
    assert json.loads(capsys.readouterr().out)["error"].endswith("NoRouteException")
    monkeypatch.setattr(cached.world.read, "CACHE", there)
    assert mina.get(f"/todos/{item}").status == 200
