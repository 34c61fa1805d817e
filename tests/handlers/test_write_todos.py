"""`POST /todos`, `PUT /todos/{id}` and `DELETE /todos/{id}`."""

from __future__ import annotations

import base64
import json
import re
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.evidence import shows
from tests.handlers.conftest import (
    APP_CLIENT,
    TABLE,
    TOKEN,
    Context,
    Faulty,
    Person,
    Reply,
    World,
    deploy,
    expire,
    fault,
    kinds,
    make,
    todo,
)
from troposphere_arch import local

UNKNOWN = "01JGFJJ" + "0" * 19
FIELDS = ["id", "title", "notes", "done", "version", "createdAt", "updatedAt"]
CONFLICT = fault("TransactionCanceledException", "TransactionConflict", "None", "None")


# ---- POST /todos


@shows("REQ-T5", how="stock")
def test_a_new_item(me: Person) -> None:
    before = datetime.now(UTC)
    reply = me.post(title="  Milk \U0001f95b ", notes="two\n\tlitres", done=True)
    assert reply.status == 201
    item = reply.body
    assert list(item) == FIELDS
    assert item | {"id": "", "createdAt": "", "updatedAt": ""} == {
        "id": "",
        "title": "Milk \U0001f95b",
        "notes": "two\n\tlitres",
        "done": True,
        "version": 1,
        "createdAt": "",
        "updatedAt": "",
    }
    assert item["createdAt"] == item["updatedAt"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", item["createdAt"])
    made = datetime.fromisoformat(item["createdAt"])
    assert before.replace(microsecond=before.microsecond // 1000 * 1000) <= made <= datetime.now(UTC)
    assert reply.headers["Location"] == f"todos/{item['id']}"
    assert me.get("/" + reply.headers["Location"]).body == item
    assert me.items() == [item]


def test_only_a_title_is_needed(me: Person) -> None:
    item = make(me)
    assert (item["notes"], item["done"], item["version"]) == ("", False, 1)
    assert set(me.stored[0]) == {"owner", *FIELDS}


def test_ids_are_unique_and_sort_by_age(me: Person) -> None:
    made = []
    for number in range(12):
        made.append(make(me, title=f"To-do {number}"))
        time.sleep(0.002)  # the order within one millisecond is random
    ids = [item["id"] for item in made]
    assert len(set(ids)) == 12
    assert all(me.world.write.TODO_ID.fullmatch(name) for name in ids)
    assert ids == sorted(ids)
    assert me.items(limit="5") == made[::-1]
    alphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
    numbers = [sum(alphabet.index(digit) << 5 * place for place, digit in enumerate(reversed(name))) for name in ids]
    made_at = datetime.fromisoformat(made[0]["createdAt"]).timestamp()
    assert abs((numbers[0] >> 80) - made_at * 1000) <= 1
    assert len({number % 2**80 for number in numbers}) == 12


@pytest.mark.parametrize(
    "fields",
    [
        {"title": "x"},
        {"title": "x" * 200},
        {"title": f" {'x' * 200}\n"},
        {"title": "\U0001f600" * 200},
        {"title": "x", "notes": "\U0001f600" * 2000},
        {"title": "x", "notes": ""},
        {"title": "x", "notes": " \n\t "},
        {"title": "x", "clientToken": "12345678"},
        {"title": "x", "clientToken": "aZ09-_" * 10 + "aZ09"},
        {"title": '<script>"\\'},
        {"title": "가나다 \u200d עברית"},
    ],
)
def test_content_at_the_limits_is_taken_as_it_is(me: Person, fields: dict[str, str]) -> None:
    item = make(me, **fields)
    assert item["title"] == fields["title"].strip()
    assert item["notes"] == fields.get("notes", "")
    assert me.get(f"/todos/{item['id']}").body == item


@shows("REQ-T5", how="stock")
def test_the_same_token_and_content_makes_one_item(me: Person) -> None:
    first = me.post(title="Milk", notes="2 l", clientToken=TOKEN)
    again = me.post(clientToken=TOKEN, notes="2 l", done=False, title=" Milk ")
    assert (first.status, again.status) == (201, 200)
    assert again.body == first.body
    assert again.headers["Location"] == first.headers["Location"]
    assert kinds(me) == ["todo", "token"]
    assert me.items() == [first.body]
    changed = me.put(first.body["id"], title="Oat milk", done=True, version=1).body
    assert me.post(title="Milk", notes="2 l", clientToken=TOKEN).body == changed


@pytest.mark.parametrize("change", [{"title": "Beer"}, {"notes": "n"}, {"done": True}])
def test_the_same_token_with_other_content_is_refused(me: Person, change: dict[str, Any]) -> None:
    item = make(me, clientToken=TOKEN)
    reply = me.post(**{"title": "Milk", "clientToken": TOKEN} | change)
    assert reply.error == (409, "IdempotentParameterMismatch")
    assert me.items() == [item]


def test_the_token_of_a_deleted_item_makes_no_new_one(me: Person) -> None:
    item = make(me, clientToken=TOKEN)
    assert me.delete(item["id"]).status == 204
    assert me.post(title="Milk", clientToken=TOKEN).error == (410, "Gone")
    assert me.post(title="Beer", clientToken=TOKEN).error == (409, "IdempotentParameterMismatch")
    assert me.items() == []


def test_two_users_may_use_the_same_token(me: Person, other: Person) -> None:
    mine, theirs = make(me, clientToken=TOKEN), make(other, title="Beer", clientToken=TOKEN)
    assert mine["id"] != theirs["id"]
    assert me.items() == [mine]


def test_an_expired_token_counts_as_absent(me: Person) -> None:
    first = make(me, clientToken=TOKEN)
    record = next(item for item in me.stored if item["id"]["S"] == f"token#{TOKEN}")
    assert abs(int(record["expires"]["N"]) - time.time() - 24 * 3600) < 60
    assert record["todo"]["S"] == first["id"]
    assert "Milk" not in str(record)
    expire(me, f"token#{TOKEN}")
    second = make(me, title="Beer", clientToken=TOKEN)
    assert me.items() == [second, first]
    assert me.post(title="Beer", clientToken=TOKEN).body == second


@shows("REQ-T5", how="stock")
def test_the_same_token_from_several_threads_makes_one_item(me: Person) -> None:
    with ThreadPoolExecutor(8) as pool:
        for number in range(4):
            fields = {"title": f"To-do {number}", "clientToken": f"{TOKEN}-{number}"}
            replies = list(pool.map(lambda _, fields=fields: me.post(**fields), range(8)))
            assert sorted(reply.status for reply in replies) == [200] * 7 + [201]
            assert len({reply.text for reply in replies}) == 1
    assert len(me.items()) == 4


def test_a_conflicting_transaction_is_tried_again(me: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    capacity = fault("TransactionCanceledException", "None", "ThrottlingError", "None")
    taken = fault("TransactionCanceledException", "None", "ConditionalCheckFailed")  # somebody had this very id
    table = Faulty(me.world.write.table, transact_write_items=[CONFLICT, capacity, taken])
    monkeypatch.setattr(me.world.write, "table", table)
    item = make(me, clientToken=TOKEN)
    assert len(table.calls) == 4
    assert len({request["TransactItems"][1]["Put"]["Item"]["id"]["S"] for _, request in table.calls}) == 4
    assert me.items() == [item]


def test_a_transaction_that_stays_in_conflict_asks_to_come_back(me: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    table = Faulty(me.world.write.table, transact_write_items=[CONFLICT] * 50)
    monkeypatch.setattr(me.world.write, "table", table)
    reply = me.post(title="Milk", clientToken=TOKEN)
    assert reply.error == (503, "Busy")
    assert int(reply.headers["Retry-After"]) > 0
    assert len(table.calls) == 8
    assert me.stored == []


def test_a_token_record_that_vanishes_meanwhile_is_no_obstacle(me: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    first = make(me, clientToken=TOKEN)

    def removed(method: Callable[..., Any], request: dict[str, Any]) -> Any:
        me.world.dynamodb.delete_item(TableName=TABLE, Key=request["Key"])
        return method(**request)

    monkeypatch.setattr(me.world.write, "table", Faulty(me.world.write.table, get_item=[removed]))
    second = make(me, clientToken=TOKEN)
    assert me.items() == [second, first]


def test_what_a_refusal_rests_on_is_read_consistently(me: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    item = make(me, clientToken=TOKEN)
    table = Faulty(me.world.write.table)
    monkeypatch.setattr(me.world.write, "table", table)
    assert me.post(title="Milk", clientToken=TOKEN).status == 200
    assert me.put(item["id"], title="Milk", done=True, version=7).status == 409
    reads = [request for name, request in table.calls if name == "get_item"]
    assert len(reads) == 3
    assert all(request["ConsistentRead"] for request in reads)


def test_any_other_reason_to_cancel_is_unexpected(me: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    faults = [
        fault("TransactionCanceledException", "None", "ValidationError"),
        fault("TransactionCanceledException"),
        fault("AccessDeniedException"),
    ]
    monkeypatch.setattr(me.world.write, "table", Faulty(me.world.write.table, transact_write_items=faults))
    for _ in range(3):
        with pytest.raises(RuntimeError):
            me.post(title="Milk")


# ---- PUT /todos/{id}


@shows("REQ-T5", how="stock")
def test_a_change_replaces_all_content(me: Person) -> None:
    old = make(me, notes="2 l")
    reply = me.put(old["id"], title=" Oat milk ", done=True, version=1)
    assert reply.status == 200
    new = reply.body
    assert new == old | {"title": "Oat milk", "notes": "", "done": True, "version": 2, "updatedAt": new["updatedAt"]}
    assert new["updatedAt"] >= old["updatedAt"]
    assert list(new) == FIELDS
    assert me.get(f"/todos/{old['id']}").body == new
    assert me.put(old["id"], title="Oat milk", notes="1 l", done=True, version=2).body["version"] == 3


@shows("REQ-T5", how="stock")
def test_a_change_of_an_old_version_is_refused_and_shows_the_current_one(me: Person) -> None:
    item = make(me)
    current = me.put(item["id"], title="Oat milk", done=False, version=1).body
    for version in (1, 3, 10**9):
        reply = me.put(item["id"], title="Beer", done=True, version=version)
        assert reply.error == (409, "VersionConflict")
        assert reply.body["item"] == current
        assert "version 2" in reply.body["message"]
    assert me.items() == [current]


def test_of_several_changes_at_once_one_wins(me: Person) -> None:
    item = make(me)
    with ThreadPoolExecutor(8) as pool:
        replies = list(pool.map(lambda n: me.put(item["id"], title=f"By {n}", done=False, version=1), range(8)))
    assert sorted(reply.status for reply in replies) == [200] + [409] * 7
    winner = next(reply.body for reply in replies if reply.status == 200)
    assert all(reply.body["item"] == winner for reply in replies if reply.status == 409)
    assert me.items() == [winner]


@shows("REQ-T5", how="stock")
def test_an_unknown_a_foreign_and_a_malformed_id_get_the_same_answer(me: Person, other: Person) -> None:
    theirs = make(other, clientToken=TOKEN)
    make(me, clientToken=TOKEN)
    before, mine = other.stored, me.stored
    valid = theirs["id"]
    names = [
        valid + "\ud800",
        valid + "0" * 2000,
        valid,
        valid.lower(),
        f"{valid}\n",
        valid[:-1],
        " ",
        f"token#{TOKEN}",
        "closed",
        "\ud800",
        "x" * 9999,
    ]
    for call in (me.delete, lambda name: me.put(name, title="Mine", done=True, version=1)):
        unknown = call(UNKNOWN)
        assert unknown.error == (404, "NotFound")
        assert all(call(name) == unknown for name in names)
    for parameters in (None, {}, {"id": None}, {"id": 7}):
        assert me.world.send(me.event("DELETE", f"/todos/{valid}") | {"pathParameters": parameters}) == unknown
    assert other.stored == before
    assert me.stored == mine


# ---- DELETE /todos/{id}


@shows("REQ-T5", how="stock")
def test_a_deleted_item_is_gone(me: Person) -> None:
    item, kept = make(me), make(me)
    reply = me.delete(item["id"])
    assert (reply.status, reply.text) == (204, "")
    assert me.delete(item["id"]).error == (404, "NotFound")
    assert me.get(f"/todos/{item['id']}").error == (404, "NotFound")
    assert me.put(item["id"], title="Back", done=False, version=1).error == (404, "NotFound")
    assert me.items() == [kept]


# ---- Bodies that are wrong

GOOD: dict[str, dict[str, Any]] = {"POST": {"title": "Milk"}, "PUT": {"title": "Milk", "done": False, "version": 1}}


def sent(person: Person, method: str, body: Any, **changes: Any) -> Reply:
    path = "/todos" if method == "POST" else f"/todos/{UNKNOWN}"
    return person.world.send(person.event(method, path, body) | changes)


@pytest.mark.parametrize("method", ["POST", "PUT"])
@pytest.mark.parametrize(
    "body",
    [
        None,
        "",
        " ",
        "null",
        "true",
        "1",
        '"text"',
        "[]",
        "[{}]",
        "{",
        "{'title': 'Milk'}",
        '{"title": "Milk"} {}',
        '{"title": NaN}',
        '{"title": Infinity}',
        '{"title": "Milk", "done": -Infinity}',
        '\ufeff{"title": "Milk"}',
        '{"title": "\n"}',
        f'{{"title": {"9" * 5000}}}',
        "[" * 16_000,
        '{"a":' * 3000,
        '{"title": "\ud800"}',
    ],
)
def test_what_is_no_json_object_is_refused(me: Person, method: str, body: str | None) -> None:
    assert sent(me, method, body).error == (400, "InvalidBody")
    assert me.stored == []


@pytest.mark.parametrize("depth", [10, 900, 990, 1500, 8000])
def test_a_deeply_nested_value_is_refused(me: Person, depth: int) -> None:
    """How deep Python reads depends on its version, and with it the reason."""
    for body in (
        '{"title": ' + "[" * depth + "]" * depth + "}",
        '{"x": ' + '{"":' * (depth // 4) + "1" + "}" * (depth // 4 + 1),
    ):
        reply = sent(me, "POST", body)
        assert reply.status == 400
        assert reply.body["error"] in ("InvalidBody", "InvalidField", "UnknownField", "MissingField")


@pytest.mark.parametrize("method", ["POST", "PUT"])
@pytest.mark.parametrize("body", [5, True, {"title": "Milk"}, ["x"]])
def test_a_body_that_is_no_text_is_refused(me: Person, method: str, body: Any) -> None:
    event = me.event(method, "/todos" if method == "POST" else f"/todos/{UNKNOWN}") | {"body": body}
    assert me.world.send(event).error == (400, "InvalidBody")


@pytest.mark.parametrize("method", ["POST", "PUT"])
def test_a_body_that_is_too_large_is_refused(me: Person, method: str) -> None:
    text = json.dumps(GOOD[method])
    assert sent(me, method, text + " " * (16 * 1024 + 1 - len(text))).error == (413, "BodyTooLarge")
    assert sent(me, method, "\U0001f600" * 4097).error == (413, "BodyTooLarge")
    large = base64.b64encode(b" " * (16 * 1024 + 1)).decode()
    assert sent(me, method, large, isBase64Encoded=True).error == (413, "BodyTooLarge")
    assert me.stored == []
    assert sent(me, method, text + " " * (16 * 1024 - len(text))).status == {"POST": 201, "PUT": 404}[method]


def test_a_body_in_base64(me: Person) -> None:
    text = base64.b64encode('{"title": "Milch für Jörg"}'.encode()).decode()
    assert sent(me, "POST", text, isBase64Encoded=True).body["title"] == "Milch für Jörg"
    latin = base64.b64encode('{"title": "Jörg"}'.encode("latin-1")).decode()
    utf16 = base64.b64encode('{"title": "x"}'.encode("utf-16")).decode()
    for bad in (text[:-1], f"{text}!", f"{text}\n", '{"title": "x"}', "é", "\ud800", "====", latin, utf16):
        assert sent(me, "POST", bad, isBase64Encoded=True).error == (400, "InvalidBody"), bad
    assert len(me.items()) == 1


NOT_TEXT = [None, True, 5, 1.5, 1e999, [], ["x"], {}, {"S": "x"}, 10**4000]
BAD_FIELDS: dict[str, list[Any]] = {
    "title": [
        *NOT_TEXT,
        "",
        "   ",
        "\n",
        "x" * 201,
        "a\nb",
        "a\tb",
        "a\x00b",
        "a\x7fb",
        "a\x85b",
        "a\u2028b",
        "\ud800",
    ],
    "notes": [*NOT_TEXT, "x" * 2001, "a\rb", "a\x00b", "a\x1bb", "a\x85b", "a\u2029b", "a\udfffb"],
    "done": [None, 0, 1, "true", "", [], {}, 1.0],
    "clientToken": [*NOT_TEXT, "", "1234567", "x" * 65, "12345678\n", "1234 5678", "é" * 8, "٣" * 8, "token#123"],
    "version": [None, True, False, 0, -1, 1.0, 1.5, 1e999, "1", [], {}, 10**9 + 1, 10**4000],
}


@pytest.mark.parametrize(
    ("name", "value"),
    [(name, value) for name, values in BAD_FIELDS.items() for value in values],
    ids=lambda v: repr(v)[:30],
)
def test_a_wrong_value_is_refused(me: Person, name: str, value: Any) -> None:
    for method in ("POST", "PUT"):
        if name not in {"POST": {"version"}, "PUT": {"clientToken"}}[method]:
            body = json.dumps(GOOD[method] | {name: value}).replace("Infinity", "1e999")
            reply = sent(me, method, body)
            assert reply.error == (400, "InvalidField")
            assert reply.body["message"].startswith(f"{name} ")
            assert len(reply.text) < 300
    assert me.stored == []


@pytest.mark.parametrize(
    ("method", "field"),
    [
        ("POST", "version"),
        ("POST", "owner"),
        ("POST", "id"),
        ("PUT", "clientToken"),
        ("PUT", "owner"),
        ("PUT", "expires"),
    ],
)
def test_an_unknown_field_is_refused_by_name(me: Person, other: Person, method: str, field: str) -> None:
    reply = sent(me, method, GOOD[method] | {field: other.sub})
    assert reply.error == (400, "UnknownField")
    assert json.dumps(field) in reply.body["message"]
    assert me.stored == other.stored == []


def test_the_name_of_an_unknown_field_may_be_anything(me: Person) -> None:
    for name in ("", "\ud800", "é", "x" * 9000, "__class__", "title "):
        reply = sent(me, "POST", json.dumps({"title": "Milk", name: 1}))
        assert reply.error == (400, "UnknownField")
        assert len(reply.text) < 300


@pytest.mark.parametrize(
    ("method", "field"), [("POST", "title"), ("PUT", "title"), ("PUT", "done"), ("PUT", "version")]
)
def test_a_missing_field_is_refused_by_name(me: Person, method: str, field: str) -> None:
    reply = sent(me, method, {name: value for name, value in GOOD[method].items() if name != field})
    assert reply.error == (400, "MissingField")
    assert reply.body["message"].startswith(f"{field} ")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=30),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)
NAMES = st.sampled_from(["title", "notes", "done", "version", "clientToken", "id", "owner"])
BODIES = st.one_of(
    st.text(st.characters(exclude_categories=()), max_size=60),
    JSON.map(json.dumps),
    st.dictionaries(NAMES, JSON, max_size=5).map(json.dumps),
    st.binary(max_size=60).map(lambda data: base64.b64encode(data).decode()),
)


@settings(derandomize=True, database=None, deadline=None, max_examples=300)
@given(body=BODIES, method=st.sampled_from(["POST", "PUT"]), in_base64=st.booleans())
@example(body='{"title": "\\ud800\\udc00"}', method="POST", in_base64=False)
def test_no_body_makes_it_fail(world: World, body: str, method: str, in_base64: bool) -> None:
    """Whatever the body, the answer is a clear refusal; or it was a good one, and an item is there."""
    person = Person(world)
    reply = sent(person, method, body, isBase64Encoded=in_base64)
    if reply.status == 201:
        assert person.get(f"/todos/{reply.body['id']}").body == reply.body
        return
    assert reply.status in (400, 404)
    assert len(reply.error) == 2
    assert person.stored == []


@settings(derandomize=True, database=None, deadline=None, max_examples=150)
@given(title=st.text(max_size=220), notes=st.text(max_size=50))
def test_any_text_is_kept_as_it_is_or_refused(world: World, title: str, notes: str) -> None:
    person = Person(world)
    reply = person.post(title=title, notes=notes)
    if reply.status == 201:
        item = person.get(f"/todos/{reply.body['id']}").body
        assert (item["title"], item["notes"]) == (title.strip(), notes)
    else:
        assert reply.error == (400, "InvalidField")
        assert person.stored == []


# ---- Failures, logs, rights


@pytest.mark.parametrize(
    "code",
    [
        "ProvisionedThroughputExceededException",
        "ThrottlingException",
        "RequestLimitExceeded",
        "TransactionInProgressException",
        "TransactionConflictException",
    ],
)
def test_a_throttled_write_asks_to_come_back(me: Person, monkeypatch: pytest.MonkeyPatch, code: str) -> None:
    item = make(me)
    operations = ("transact_write_items", "update_item", "delete_item")
    faults = {name: [fault(code)] for name in operations}
    monkeypatch.setattr(me.world.write, "table", Faulty(me.world.write.table, **faults))
    for reply in [me.post(title="Beer"), me.put(item["id"], title="Beer", done=True, version=1), me.delete(item["id"])]:
        assert reply.error == (503, "Busy")
        assert int(reply.headers["Retry-After"]) > 0
    assert me.items() == [item]


@pytest.mark.parametrize("operation", ["update_item", "delete_item"])
def test_an_unexpected_failure_of_a_write_is_raised(
    me: Person, monkeypatch: pytest.MonkeyPatch, operation: str, capsys: pytest.CaptureFixture[str]
) -> None:
    faults = {operation: [fault("ResourceNotFoundException")]}
    monkeypatch.setattr(me.world.write, "table", Faulty(me.world.write.table, **faults))
    with pytest.raises(RuntimeError) as raised:
        me.delete(UNKNOWN) if operation == "delete_item" else me.put(UNKNOWN, title="x", done=True, version=1)
    assert raised.value.__context__ is None
    (line,) = capsys.readouterr().out.splitlines()
    assert "ring" not in line
    assert json.loads(line)["error"] == "ClientError ResourceNotFoundException"


def test_one_line_is_logged_per_request_and_nothing_personal(me: Person, capsys: pytest.CaptureFixture[str]) -> None:
    token = "Secret-client-token"
    item = me.post(title="Secret-title", notes="Secret-notes", clientToken=token).body["id"]
    me.post(title="Secret-title", notes="Secret-notes", clientToken=token)
    me.post(title="Secret-other", clientToken=token)
    me.post(title="Secret\x00title", notes="Secret-notes")
    me.post(**{"Secret-field": "Secret"})
    me.put(item, title="Secret-title", done=True, version=1)
    me.put(item, title="Secret-third", done=True, version=1)
    me.delete("Secret-id")
    me.delete(item)
    output = capsys.readouterr()
    assert output.err == ""
    lines = [json.loads(line) for line in output.out.splitlines()]
    statuses = [201, 200, 409, 400, 400, 200, 409, 404, 204]
    routes = ["POST /todos"] * 5 + ["PUT /todos/{id}"] * 2 + ["DELETE /todos/{id}"] * 2
    assert [line["status"] for line in lines] == statuses
    assert [line["message"] for line in lines] == [f"{r} {s}" for r, s in zip(routes, statuses, strict=True)]
    for line in lines:
        names = ["level", "timestamp", "message", "requestId", "method", "resource", "status", "durationMs"]
        assert list(line) == names
        assert line["requestId"] == Context().aws_request_id
    for secret in ("ecret", me.sub, "example.com", item, "eyJ", APP_CLIENT):
        assert secret not in output.out


@shows("REQ-T5", how="stock")
def test_a_change_whose_answer_was_lost_may_be_sent_again(me: Person) -> None:
    item = make(me)["id"]
    first = me.put(item, title="Beer", notes="cold", done=True, version=1)
    again = me.put(item, title="Beer", notes="cold", done=True, version=1)
    assert (first.status, again.status) == (200, 200)
    assert again.body == first.body
    assert me.put(item, title="Beer", done=True, version=1).status == 409  # other content is another change
    assert me.put(item, title="Wine", done=True, version=2).status == 200
    assert me.put(item, title="Beer", notes="cold", done=True, version=1).status == 409  # and it was changed since


RIGHTS = {
    # What cannot be done without: the places in the list of statuses below.
    "dynamodb:GetItem": {1, 3},
    "dynamodb:PutItem": {0, 1},
    "dynamodb:UpdateItem": {2, 3},
    "dynamodb:DeleteItem": {4},
    "dynamodb:ConditionCheckItem": {0, 1},
}


@shows("REQ-T5", "REQ-T7", how="stock")
def test_deployed_inline_it_needs_each_of_its_rights_and_no_other(stock: local.Emulator, world: World) -> None:
    function = deploy(stock, "write_todos", {"TODOS_TABLE": TABLE, "APP_CLIENT_ID": APP_CLIENT})

    def served() -> list[int | None]:
        person = Person(world)
        item = todo(person.sub, 1)
        path = f"/todos/{item['id']['S']}"
        world.put(item, todo(person.sub, 2))
        new, change = {"title": "Milk", "clientToken": TOKEN}, {"title": "Beer", "done": True, "version": 1}
        requests: list[tuple[Any, ...]] = [("POST", "/todos", new)] * 2
        requests += [("PUT", path, change), ("PUT", path, {**change, "title": "Wine"})]
        requests += [("DELETE", path)]
        return [reply and reply.status for reply in (function.invoke(person.event(*request)) for request in requests)]

    expected = [201, 200, 200, 409, 204]
    function.allow(*RIGHTS)
    assert served() == expected
    for missing, failing in RIGHTS.items():
        function.allow(*(right for right in RIGHTS if right != missing))
        assert served() == [None if n in failing else status for n, status in enumerate(expected)], missing
