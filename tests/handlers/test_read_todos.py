"""`GET /todos` and `GET /todos/{id}`."""

from __future__ import annotations

import base64
import json
import time
from typing import Any

import pytest

from tests.evidence import shows
from tests.handlers.conftest import APP_CLIENT, TABLE, Context, Faulty, Person, World, deploy, fault, load, todo
from troposphere_arch import local

UNKNOWN = "01JGFJJ" + "0" * 19
FIELDS = ["id", "title", "notes", "done", "version", "createdAt", "updatedAt"]


def plain(item: dict[str, Any]) -> dict[str, Any]:
    """What a client should see of an item of the table."""
    values = {name: next(iter(value.values())) for name, value in item.items() if name != "owner"}
    return values | {"version": int(values["version"])}


def newest_first(items: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted((plain(item) for item in items), key=lambda item: str(item["id"]), reverse=True)


def bookkeeping(owner: str) -> list[dict[str, Any]]:
    """The records that share an owner's partition with the to-dos."""
    later = {"expires": {"N": str(int(time.time()) + 1000)}}
    token = {"todo": {"S": UNKNOWN}, "digest": {"S": "d"}}
    names = ["token#12345678", "token#ZZZZZZZZ", "closed"]
    return [{"owner": {"S": owner}, "id": {"S": name}, **later, **(token if "#" in name else {})} for name in names]


@shows("REQ-T5", how="stock")
def test_one_item_by_its_id(me: Person) -> None:
    item = todo(me.sub, 7, notes="two\nlines", done=True, version=3)
    me.world.put(item)
    reply = me.get(f"/todos/{item['id']['S']}")
    assert reply.status == 200
    assert reply.body == plain(item)
    assert list(reply.body) == FIELDS
    assert reply.body["version"] == 3
    assert reply.body["done"] is True


@shows("REQ-T5", how="stock")
def test_an_unknown_a_foreign_and_a_malformed_id_get_the_same_answer(me: Person, other: Person) -> None:
    foreign = todo(other.sub, 1)
    me.world.put(foreign, *bookkeeping(me.sub))
    valid = foreign["id"]["S"]
    assert other.get(f"/todos/{valid}").status == 200
    unknown = me.get(f"/todos/{UNKNOWN}")
    assert unknown.error == (404, "NotFound")
    ids = [
        valid,
        valid.lower(),
        valid[:-1],
        valid + "0",
        f"{valid}\n",
        "8" + valid[1:],
        valid[:-1] + "U",
        " ",
        "a" * 9999,
    ]
    ids += [valid + "\ud800", valid + "0" * 2000, "\ud800" + valid]
    for name in [*ids, "closed", "token#12345678", "\ud800", "%00", "../me", f"{other.sub}/{valid}"]:
        assert me.get(f"/todos/{name}") == unknown
    wrong: list[Any] = [None, {}, {"id": None}, {"id": 5}, {"id": {"S": valid}}, []]
    for parameters in wrong:
        assert me.world.send(me.event("GET", f"/todos/{valid}") | {"pathParameters": parameters}) == unknown


@shows("REQ-T5", how="stock")
def test_an_owner_in_the_request_changes_nothing(me: Person, other: Person) -> None:
    me.world.put(todo(other.sub, 1), todo(me.sub, 2))
    event = me.event("GET", "/todos", query={"owner": other.sub, "sub": other.sub})
    event["headers"]["owner"] = other.sub
    assert [item["title"] for item in me.world.send(event).body["items"]] == ["To-do 2"]


@shows("REQ-T5", how="stock")
def test_a_new_user_has_an_empty_list(me: Person) -> None:
    assert me.get("/todos").body == {"items": []}
    assert me.get("/todos", done="true").body == {"items": []}


PATTERNS = {
    "none": lambda n: False,
    "all": lambda n: True,
    "every 17th": lambda n: n % 17 == 0,
    "the newest": lambda n: n == 59,
    "the oldest": lambda n: n == 0,
}


@shows("REQ-T5", how="stock")
@pytest.mark.parametrize("pattern", PATTERNS.values(), ids=PATTERNS)
def test_pages_put_together_are_the_list(me: Person, other: Person, pattern: Any) -> None:
    items = [todo(me.sub, n, done=pattern(n)) for n in range(60)]
    me.world.put(*items, *bookkeeping(me.sub), *(todo(other.sub, n) for n in range(5)))
    everything = newest_first(items)
    for limit in ("1", "7", "20", "59", "60", "61", "100"):
        assert me.items(limit=limit) == everything
        for done in ("true", "false"):
            expected = [item for item in everything if item["done"] is (done == "true")]
            assert me.items(limit=limit, done=done) == expected
    assert me.items() == everything
    assert len(me.get("/todos").body["items"]) == 25


def test_a_page_is_full_and_the_last_has_no_next(me: Person) -> None:
    me.world.put(*(todo(me.sub, n, done=n % 10 == 0) for n in range(60)))
    for query, sizes in (
        ({"limit": "20"}, [20, 20, 20]),
        ({"limit": "60"}, [60]),
        ({"limit": "4", "done": "true"}, [4, 2]),
        ({"limit": "6", "done": "true"}, [6]),
        ({"limit": "100", "done": "false"}, [54]),
    ):
        for size in sizes:
            page = me.get("/todos", **query).body
            assert len(page["items"]) == size
            query["next"] = page.pop("next", "")
        assert query["next"] == ""


def test_a_page_that_fills_up_early_still_looks_for_more(me: Person) -> None:
    newest = todo(me.sub, 9, done=True)
    me.world.put(newest, *(todo(me.sub, n) for n in range(9)))
    assert me.get("/todos", limit="1", done="true").body == {"items": [plain(newest)]}


def test_a_search_over_many_items_stops_and_goes_on_where_it_stopped(me: Person) -> None:
    oldest = todo(me.sub, 0, done=True)
    me.world.put(oldest, *(todo(me.sub, n) for n in range(1, 150)))
    first = me.get("/todos", limit="1", done="true").body
    assert first["items"] == []
    second = me.get("/todos", limit="1", done="true", next=first["next"]).body
    assert second == {"items": [plain(oldest)]}


def test_a_page_of_the_largest_items(me: Person) -> None:
    large = {"title": "\U0001f600" * 200, "notes": "\U0001f600" * 2000}
    items = [todo(me.sub, n, **large, done=n % 2 == 0) for n in range(150)]
    me.world.put(*items)
    assert me.items(limit="100") == newest_first(items)
    assert me.items(limit="100", done="true") == newest_first(items[::2])


def test_items_that_come_and_go_between_pages(me: Person) -> None:
    items = [todo(me.sub, n) for n in range(10, 20)]
    me.world.put(*items)
    first = me.get("/todos", limit="5").body
    last_seen = first["items"][-1]["id"]
    me.world.dynamodb.delete_item(TableName=TABLE, Key={"owner": {"S": me.sub}, "id": {"S": last_seen}})
    me.world.put(todo(me.sub, 30))
    second = me.get("/todos", limit="5", next=first["next"]).body
    assert second == {"items": newest_first(items)[5:]}


def encoded(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode()


@shows("REQ-T5", how="stock")
def test_a_position_from_another_user_shows_only_ones_own_items(me: Person, other: Person) -> None:
    mine = [todo(me.sub, n) for n in (1, 4)]
    me.world.put(*mine, *(todo(other.sub, n) for n in range(6)))
    position = other.get("/todos", limit="3").body["next"]
    assert other.sub not in base64.urlsafe_b64decode(position).decode()
    reply = me.get("/todos", next=position)
    assert reply.status == 200
    assert [item["title"] for item in reply.body["items"]] == ["To-do 1"]
    for position in (encoded("1" + "7" + "Z" * 25), encoded("1" + "0" * 26)):
        shown = me.get("/todos", next=position).body["items"]
        assert all(item in newest_first(mine) for item in shown)


def test_a_malformed_position_is_refused(me: Person) -> None:
    me.world.put(*(todo(me.sub, n) for n in range(3)), *bookkeeping(me.sub))
    good = me.get("/todos", limit="1").body["next"]
    keys = json.dumps({"owner": {"S": "x"}, "id": {"S": UNKNOWN}})
    bad = ["", " ", "x", "\ud800", "é" * 36, good[:-1], good + "A", good + "=", good + "\n", f" {good}", good.lower()]
    bad += [encoded(text) for text in (keys, "", "1", "2" + UNKNOWN, "1" + UNKNOWN.lower(), "1closed", "1~" + "0" * 25)]
    bad += [encoded("1closed" + "0" * 20), encoded("1token#12345678" + "0" * 12), "A" * 5000, "_" * 36, "-" * 36]
    for position in bad:
        assert me.get("/todos", next=position).error == (400, "InvalidParameter"), position
    assert me.get("/todos", limit="1", next=good).status == 200


@pytest.mark.parametrize(
    "limit", ["", "0", "-1", "101", "1000", "1.0", "1e1", " 5", "5 ", "05", "+5", "٣", "abc", "5\n"]
)
def test_a_limit_out_of_range_is_refused(me: Person, limit: str) -> None:
    reply = me.get("/todos", limit=limit)
    assert reply.error == (400, "InvalidParameter")
    assert json.dumps(limit) in reply.body["message"]
    assert "1 to 100" in reply.body["message"]


@pytest.mark.parametrize("done", ["", "True", "1", "yes", "null", "true "])
def test_a_filter_that_is_neither_true_nor_false_is_refused(me: Person, done: str) -> None:
    assert me.get("/todos", done=done).error == (400, "InvalidParameter")


@pytest.mark.parametrize("name", ["limit", "done", "next"])
@pytest.mark.parametrize("value", [5, True, ["5"], {"a": 1}, 1.5])
def test_a_parameter_of_a_wrong_type_is_refused(me: Person, name: str, value: object) -> None:
    event = me.event("GET", "/todos") | {"queryStringParameters": {name: value}}
    assert me.world.send(event).error == (400, "InvalidParameter")


def test_an_unknown_parameter_is_ignored(me: Person) -> None:
    assert me.get("/todos", colour="red").status == 200


def test_a_long_value_is_not_sent_back_in_full(me: Person) -> None:
    assert len(me.get("/todos", next="x" * 9000).body["message"]) < 200


@pytest.mark.parametrize(
    "code",
    [
        "ProvisionedThroughputExceededException",
        "ThrottlingException",
        "RequestLimitExceeded",
        "TransactionInProgressException",
    ],
)
def test_a_throttled_read_asks_to_come_back(me: Person, monkeypatch: pytest.MonkeyPatch, code: str) -> None:
    read = me.world.read
    monkeypatch.setattr(read, "table", Faulty(read.table, query=[fault(code)], get_item=[fault(code)]))
    for path in ("/todos", f"/todos/{UNKNOWN}"):
        reply = me.get(path)
        assert reply.error == (503, "Busy")
        assert int(reply.headers["Retry-After"]) > 0
        assert "anna@example.com" not in reply.text


def test_what_is_unexpected_fails_and_tells_nothing(
    me: Person, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    read = me.world.read
    faults = [fault("ValidationException"), KeyError("Buy-a-ring for anna@example.com")]
    monkeypatch.setattr(read, "table", Faulty(read.table, get_item=faults))
    for error in ("ClientError ValidationException", "KeyError"):
        with pytest.raises(RuntimeError) as raised:
            me.get(f"/todos/{UNKNOWN}")
        assert raised.value.__cause__ is None
        assert raised.value.__context__ is None
        assert "anna" not in str(raised.value)
        (line,) = capsys.readouterr().out.splitlines()
        logged = json.loads(line)
        assert logged["level"] == "ERROR"
        assert logged["message"] == "GET /todos/{id} 500"
        assert logged["error"] == error
        name, number, function = logged["at"].split(":")
        assert (name, function) == ("read_todos.py", "via_cache")
        assert int(number) > 0
        assert "anna" not in line
        assert "ring" not in line


def test_one_line_is_logged_per_request_and_nothing_personal(me: Person, capsys: pytest.CaptureFixture[str]) -> None:
    items = [todo(me.sub, n, title="Secret-title", notes="Secret-notes") for n in range(3)]
    me.world.put(*items)
    item = items[0]["id"]["S"]
    position = me.get("/todos", limit="1").body["next"]
    me.get("/todos", next=position)
    me.get("/todos", next="Secret-token")
    me.get(f"/todos/{item}")
    me.get("/todos/Secret-id")
    me.world.send(me.event("Secret-method GET", "/todos") | {"httpMethod": "GET", "resource": "/Secret\nresource"})
    output = capsys.readouterr()
    assert output.err == ""
    lines = [json.loads(line) for line in output.out.splitlines()]
    assert [(line["message"], line["status"]) for line in lines] == [
        ("GET /todos 200", 200),
        ("GET /todos 200", 200),
        ("GET /todos 400", 400),
        ("GET /todos/{id} 200", 200),
        ("GET /todos/{id} 404", 404),
        ("unknown unknown 404", 404),
    ]
    for line in lines:
        names = ["level", "timestamp", "message", "requestId", "method", "resource", "status", "durationMs"]
        assert list(line) == names
        assert line["level"] == "INFO"
        assert line["requestId"] == Context().aws_request_id
        assert line["durationMs"] >= 0
    for secret in ("ecret", me.sub, "example.com", item, position, "eyJ", APP_CLIENT):
        assert secret not in output.out


@shows("REQ-T5", how="stock")
def test_reads_are_the_cheap_kind(me: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    item = todo(me.sub, 1)
    me.world.put(item)
    table = Faulty(me.world.read.table)
    monkeypatch.setattr(me.world.read, "table", table)
    me.get("/todos")
    me.get(f"/todos/{item['id']['S']}")
    me.get("/todos/malformed")
    assert [name for name, _ in table.calls] == ["query", "get_item"]
    assert not any(request.get("ConsistentRead") for _, request in table.calls)
    assert table.calls[0][1]["Limit"] == 26


@shows("REQ-T5", "REQ-T7", how="stock")
def test_deployed_inline_it_needs_to_read_and_nothing_more(stock: local.Emulator, world: World, me: Person) -> None:
    item = todo(me.sub, 1)
    world.put(item)
    function = deploy(stock, "read_todos", {"TODOS_TABLE": TABLE, "APP_CLIENT_ID": APP_CLIENT})

    def served() -> list[int | None]:
        paths = ("/todos", f"/todos/{item['id']['S']}", f"/todos/{UNKNOWN}")
        return [reply and reply.status for reply in (function.invoke(me.event("GET", path)) for path in paths)]

    function.allow("dynamodb:GetItem", "dynamodb:Query")
    assert served() == [200, 200, 404]
    reply = function.invoke(me.event("GET", "/todos"))
    assert reply
    assert reply.body == {"items": [plain(item)]}
    function.allow("dynamodb:Query")
    assert served() == [200, None, None]
    function.allow("dynamodb:GetItem")
    assert served() == [None, 200, 404]


def test_loading_it_makes_its_own_client(world: World, stock: local.Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {**stock.environment(), "TODOS_TABLE": TABLE, "APP_CLIENT_ID": APP_CLIENT}.items():
        monkeypatch.setenv(name, value)
    module = load("read_todos")
    assert module.table is not world.read.table
    assert module.table.meta.service_model.service_name == "dynamodb"
    assert module.table.meta.config.read_timeout <= 5
    assert module.table.meta.config.connect_timeout <= 2
