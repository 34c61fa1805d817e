"""`POST /posts/{slug}/comments`."""

from __future__ import annotations

import json
import re
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.evidence import shows
from tests.handlers.blog.conftest import PRIVATE, Blog, Caller, author_claims, event_of, load_with, post_items, reply_of
from tests.handlers.conftest import Context, Faulty, Reply, fault
from troposphere_arch import local

PATH = "/posts/a-post/comments"
GOOD = {"name": "Ben", "text": "Well said."}
CONFLICT = fault("TransactionCanceledException", "TransactionConflict", "None")


@pytest.fixture
def there(blog: Blog) -> Blog:
    """A blog with one post."""
    blog.put(*post_items("a-post"))
    return blog


def say(caller: Caller, **fields: Any) -> Reply:
    return caller.post(PATH, GOOD | fields)


def comments(blog: Blog) -> list[dict[str, Any]]:
    return [item for item in blog.items() if item["id"]["S"].startswith("comment#")]


@shows("REQ-B9", how="stock")
def test_everybody_may_comment(there: Blog, reader: Caller) -> None:
    before = datetime.now(UTC)
    reply = say(reader, name="  Ben \n", text=" Well\n\tsaid \U0001f95b <b>&amp;</b>\n")
    assert reply.status == 201
    comment = reply.body
    assert list(comment) == ["id", "name", "text", "createdAt"]
    assert (comment["name"], comment["text"]) == ("Ben", " Well\n\tsaid \U0001f95b <b>&amp;</b>\n")
    assert before - timedelta(milliseconds=1) <= datetime.fromisoformat(comment["createdAt"]) <= datetime.now(UTC)
    assert reply.headers["Cache-Control"] == PRIVATE
    assert reader.get(PATH).body == {"items": [comment]}
    assert set(comments(there)[0]) == {"list", "id", "name", "text", "createdAt"}


def test_an_author_may_comment_too_and_is_not_named_by_the_token(there: Blog, reader: Caller) -> None:
    assert say(Caller(there, author_claims(name="Anna"))).body["name"] == "Ben"


def test_ids_are_unique_and_sort_by_age(there: Blog, reader: Caller) -> None:
    made = []
    for number in range(12):
        made.append(say(reader, text=f"Comment {number}").body)
        time.sleep(0.002)  # the order within one millisecond is random
    ids = [one["id"] for one in made]
    assert len(set(ids)) == 12
    assert ids == sorted(ids)
    assert all(re.fullmatch("[0-7][0-9A-HJKMNP-TV-Z]{25}", one) for one in ids)
    assert reader.everything(PATH, limit="5") == made
    alphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
    numbers = [sum(alphabet.index(digit) << 5 * place for place, digit in enumerate(reversed(name))) for name in ids]
    made_at = datetime.fromisoformat(made[0]["createdAt"]).timestamp()
    assert abs((numbers[0] >> 80) - made_at * 1000) <= 1
    assert len({number % 2**80 for number in numbers}) == 12


@shows("REQ-B9", how="stock")
@pytest.mark.parametrize(
    "slug",
    ["nothing", "A-Post", "a-post-", "", "a-post\n", "post", "posts", "\ud800", "x" * 81, None, 7, {}],
    ids=ascii,
)
def test_a_comment_on_no_post_is_refused_and_not_kept(there: Blog, reader: Caller, slug: Any) -> None:
    event = reader.event("POST", PATH, GOOD) | {"pathParameters": {"slug": slug}}
    assert there.send(event).error == (404, "NotFound")
    assert comments(there) == []


def test_a_comment_on_a_post_that_is_being_deleted_is_refused(there: Blog, reader: Caller) -> None:
    there.put(post_items("a-post")[0] | {"closed": {"S": "2026-01-02T00:00:00.000Z"}})
    assert say(reader).error == (404, "NotFound")
    assert comments(there) == []


@shows("REQ-B9", how="stock")
@pytest.mark.parametrize("body", [GOOD, {}, "{"], ids=str)
def test_when_comments_are_off_none_is_taken(there: Blog, stock: local.Emulator, body: Any) -> None:
    module = load_with(stock, "write_comments", COMMENTS="off")
    assert reply_of(module.handler(event_of("POST", PATH, body), Context())).error == (409, "CommentsOff")
    assert comments(there) == []


@shows("REQ-B9", how="stock")
def test_many_may_comment_on_one_post_at_once(there: Blog, reader: Caller) -> None:
    with ThreadPoolExecutor(8) as pool:
        replies = list(pool.map(lambda n: say(reader, text=f"By {n}"), range(40)))
    kept = [reply.body for reply in replies if reply.status == 201]
    assert {reply.status for reply in replies} <= {201, 503}
    assert sorted(one["text"] for one in reader.everything(PATH)) == sorted(one["text"] for one in kept)


def test_two_comments_of_one_moment_and_a_conflict_are_tried_again(
    there: Blog, reader: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = there.modules["write_comments"]
    taken = fault("TransactionCanceledException", "None", "ConditionalCheckFailed")
    capacity = fault("TransactionCanceledException", "ThrottlingError", "None")
    table = Faulty(module.table, transact_write_items=[CONFLICT, taken, capacity])
    monkeypatch.setattr(module, "table", table)
    comment = say(reader).body
    assert len(table.calls) == 4
    ids = [request["TransactItems"][1]["Put"]["Item"]["id"]["S"] for _, request in table.calls]
    assert ids[0] == ids[1] != ids[2] == ids[3]
    assert reader.get(PATH).body["items"] == [comment]


def test_a_conflict_that_stays_asks_to_come_back(there: Blog, reader: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    module = there.modules["write_comments"]
    for context, tries in ((Context(), 8), (Context([7000]), 1)):
        table = Faulty(module.table, transact_write_items=[CONFLICT] * 50)
        with monkeypatch.context() as patch:
            patch.setattr(module, "table", table)
            reply = there.send(reader.event("POST", PATH, GOOD), context)
        assert reply.error == (503, "Busy")
        assert int(reply.headers["Retry-After"]) > 0
        assert len(table.calls) == tries
    assert comments(there) == []


@shows("REQ-B9", how="stock")
@pytest.mark.parametrize("escaped", [False, True])
@pytest.mark.parametrize(
    "fields",
    [
        {"name": "x" * 60},
        {"name": "\U0001f600" * 60},
        {"name": f" {'x' * 60} "},
        {"name": "\u05e2\u05d1\u05e8\u05d9\u05ea \u200f"},
        {"name": "<script>alert(1)</script>"},
        {"text": "x" * 2000},
        {"text": "\U0001f600" * 2000},
        {"text": "\n" * 1999 + "x"},
        {"text": "\u202e<img src=x onerror=alert(1)>"},
    ],
    ids=lambda fields: ascii(fields)[:30],
)
def test_content_at_the_limits_is_taken_as_it_is(
    there: Blog, reader: Caller, fields: dict[str, str], escaped: bool
) -> None:
    sent = GOOD | fields
    reply = reader.post(PATH, json.dumps(sent, ensure_ascii=escaped))
    assert reply.status == 201
    assert (reply.body["name"], reply.body["text"]) == (sent["name"].strip(), sent["text"])
    assert reader.get(PATH).body["items"] == [reply.body]


NOT_TEXT: list[Any] = [None, True, False, 5, 1.5, 1e999, [], ["x"], {}, {"S": "x"}, 10**4000]
INVISIBLE = ["", "   ", "\n", "\u200b", "\u00a0", "\u202e", "\ufeff", "\u2060\u200d", "\u0301"]
CONTROL = ["\x00", "\x01", "\x07", "\x08", "\x0b", "\x0c", "\r", "\x1b", "\x1f", "\x7f", "\x80", "\x85", "\x9f"]
BREAKS = ["\u2028", "\u2029", "\ud800", "\udfff", "\udc00\ud800"]
BAD_FIELDS: dict[str, list[Any]] = {
    "name": [*NOT_TEXT, *INVISIBLE, *(f"a{one}b" for one in [*CONTROL, *BREAKS, "\n", "\t"]), "x" * 61, "é" * 61],
    "text": [*NOT_TEXT, *INVISIBLE, *(f"a{one}b" for one in [*CONTROL, *BREAKS]), "x" * 2001, "\U0001f600" * 2001],
}


@shows("REQ-B9", how="stock")
@pytest.mark.parametrize(
    ("name", "value"),
    [(name, value) for name, values in BAD_FIELDS.items() for value in values],
    ids=lambda value: ascii(value)[:30],
)
def test_a_wrong_value_is_refused(there: Blog, reader: Caller, name: str, value: Any) -> None:
    reply = reader.post(PATH, json.dumps(GOOD | {name: value}).replace("Infinity", "1e999"))
    assert reply.error == (400, "InvalidField")
    assert reply.body["message"].startswith(f"{name} ")
    assert len(reply.text) < 300
    assert comments(there) == []


@settings(derandomize=True, database=None, deadline=None, max_examples=200)
@given(name=st.text(max_size=70), text=st.text(max_size=80))
def test_any_text_is_kept_as_it_is_or_refused(session_blog: Blog, name: str, text: str) -> None:
    session_blog.empty()
    session_blog.put(*post_items("a-post"))
    reader = Caller(session_blog)
    reply = say(reader, name=name, text=text)
    if reply.status == 201:
        assert reader.get(PATH).body["items"] == [reply.body]
        assert (reply.body["name"], reply.body["text"]) == (name.strip(), text)
    else:
        assert reply.error == (400, "InvalidField")
        assert comments(session_blog) == []
