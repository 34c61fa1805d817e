"""`POST /posts`, `PUT /posts/{slug}`, `DELETE /posts/{slug}` and `DELETE /posts/{slug}/comments/{id}`."""

from __future__ import annotations

import hashlib
import json
import re
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.evidence import shows
from tests.handlers.blog.conftest import (
    COMMENT,
    POSTS,
    PRIVATE,
    SHA,
    Blog,
    Caller,
    author_claims,
    comment_item,
    post_items,
)
from tests.handlers.conftest import Context, Faulty, Reply, fault

POST_FIELDS = ["slug", "title", "summary", "body", "author", "publishedAt", "updatedAt", "version"]
CONFLICT = fault("TransactionCanceledException", "TransactionConflict", "None")


def kinds(blog: Blog) -> list[str]:
    """What the table holds, item by item."""
    names = {"posts": "entry"}
    return sorted(names.get(item["list"]["S"]) or item["id"]["S"].partition("#")[0] for item in blog.items())


# ---- POST /posts


@shows("REQ-B9", how="stock")
def test_a_new_post(author: Caller, reader: Caller) -> None:
    before = datetime.now(UTC)
    body = "  First\n\n\tlines \U0001f95b <b>&amp;</b>\n"
    reply = author.post("/posts", {"title": "  Milk & Honey \n", "body": body, "summary": " Sweet ", "picture": SHA})
    assert reply.status == 201
    post = reply.body
    assert list(post) == [*POST_FIELDS, "picture"]
    assert post | {"publishedAt": "", "updatedAt": ""} == {
        "slug": "milk-honey",
        "title": "Milk & Honey",
        "summary": "Sweet",
        "body": body,
        "author": "Anna",
        "publishedAt": "",
        "updatedAt": "",
        "version": 1,
        "picture": SHA,
    }
    assert post["publishedAt"] == post["updatedAt"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", post["publishedAt"])
    assert before - timedelta(milliseconds=1) <= datetime.fromisoformat(post["publishedAt"]) <= datetime.now(UTC)
    assert reply.headers["Location"] == "/posts/milk-honey"
    assert reply.headers["Cache-Control"] == PRIVATE
    assert reader.get(reply.headers["Location"]).body == post
    listed = {name: post[name] for name in ("slug", "title", "summary", "publishedAt", "picture")}
    assert reader.get("/posts").body == {"items": [listed]}


def test_a_post_is_its_two_items(blog: Blog, author: Caller) -> None:
    post = author.publish(slug="a-post")
    name = {"S": f"{post['publishedAt']}#a-post"}
    entry, own = sorted(blog.items(), key=lambda item: item["id"]["S"])
    assert (entry["list"], entry["id"]) == ({"S": "posts"}, name)
    assert set(entry) == {"list", "id", "slug", "title", "summary", "publishedAt"}
    assert (own["list"], own["id"]) == ({"S": "post#a-post"}, {"S": "post"})
    assert set(own) == {"list", "id", "entry", "authorId", *POST_FIELDS}
    assert (own["entry"], own["version"]) == (name, {"N": "1"})


def test_only_title_and_body_are_needed(author: Caller) -> None:
    assert list(author.publish()) == POST_FIELDS
    assert author.publish(title="Another")["summary"] == ""


SLUGS = {
    "A post": "a-post",
    "  A -- post!  ": "a-post",
    "UPPER case": "upper-case",
    "Über die Straße": "uber-die-strasse",
    "Crème brûlée à l’été": "creme-brulee-a-lete",
    "It's Anna's": "its-annas",
    "C++ & Python 3.13": "c-python-3-13",
    "Ⅻ ﬁne ½ things": "xii-fine-12-things",
    "Mixed 한국어 words": "mixed-words",
    "---": "post-cb3f91d54e",
    "x" * 150: "x" * 80,
    ("x" * 79 + " y"): "x" * 79,
    "../../etc/passwd": "etc-passwd",
    "posts": "posts",
    "İstanbul": "istanbul",
    "\u202eevil": "evil",
}


@shows("REQ-B9", how="stock")
@pytest.mark.parametrize(("title", "slug"), SLUGS.items(), ids=lambda text: ascii(text)[:30])
def test_a_slug_is_made_of_the_title(author: Caller, title: str, slug: str) -> None:
    assert author.publish(title=title)["slug"] == slug


@pytest.mark.parametrize("title", ["한국어 제목", "עברית", "\U0001f600", "日本語", "!?", "٣"])
def test_a_title_in_other_letters_gets_a_slug_of_its_own(author: Caller, title: str) -> None:
    post = author.publish(title=title)
    assert post["slug"] == f"post-{hashlib.sha256(title.encode()).hexdigest()[:10]}"
    assert author.get(f"/posts/{post['slug']}").body == post
    assert author.publish(title=f"{title}{title}")["slug"] != post["slug"]


@pytest.mark.parametrize("slug", ["a", "0", "a-b", "a1-2b", "x" * 80, "-".join("x" * 40) + "x", "posts", "post", "new"])
def test_a_slug_may_be_chosen(author: Caller, slug: str) -> None:
    assert author.publish(slug=slug)["slug"] == slug
    assert author.get(f"/posts/{slug}").status == 200


@shows("REQ-B9", how="stock")
def test_a_taken_slug_is_refused(blog: Blog, author: Caller) -> None:
    post = author.publish(slug="a-post")
    before = blog.items()
    for fields in ({"title": "Other"}, {"body": "Other"}, {"summary": "Other"}, {"picture": SHA}):
        reply = author.post("/posts", {"title": "A post", "body": "Its text.", "slug": "a-post"} | fields)
        assert reply.error == (409, "SlugTaken")
        assert "a-post" in reply.body["message"]
    assert blog.items() == before
    assert author.get("/posts/a-post").body == post


@shows("REQ-B9", how="stock")
def test_a_second_click_makes_no_second_post(blog: Blog, author: Caller) -> None:
    sent = {"title": "A post", "body": "Its text.", "summary": "Short", "picture": SHA}
    first, again = author.post("/posts", sent), author.post("/posts", sent | {"title": " A post "})
    assert (first.status, again.status) == (201, 200)
    assert again.body == first.body
    assert again.headers["Location"] == first.headers["Location"]
    assert kinds(blog) == ["entry", "post"]


@shows("REQ-B9", how="stock")
def test_the_same_post_at_once_several_times_is_one(blog: Blog, author: Caller) -> None:
    with ThreadPoolExecutor(8) as pool:
        replies = list(pool.map(lambda _: author.post("/posts", {"title": "A post", "body": "Text"}), range(8)))
    assert sorted(reply.status for reply in replies) == [200] * 7 + [201]
    assert len({reply.text for reply in replies}) == 1
    assert kinds(blog) == ["entry", "post"]


def test_another_author_a_later_click_and_a_changed_post_are_no_second_click(blog: Blog, author: Caller) -> None:
    assert author.claims
    author_id = author.claims["sub"]
    author.publish(slug="a-post")
    sent = {"title": "A post", "body": "Its text.", "slug": "a-post"}
    ben = Caller(blog, author_claims(name="Ben"))
    assert ben.post("/posts", sent).error == (409, "SlugTaken")
    assert author.put("/posts/a-post", {"title": "A post", "body": "Its text.", "version": 1}).status == 200
    assert author.post("/posts", sent).error == (409, "SlugTaken")
    old = (datetime.now(UTC) - timedelta(seconds=61)).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    own = {"title": "A post", "body": "Its text.", "authorId": author_id}
    blog.empty()
    blog.put(*post_items("a-post", old, **own))
    assert author.post("/posts", sent).error == (409, "SlugTaken")
    young = (datetime.now(UTC) - timedelta(seconds=50)).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    blog.empty()
    blog.put(*post_items("a-post", young, **own))
    assert author.post("/posts", sent).status == 200
    blog.empty()
    blog.put(*post_items("a-post", young, **own, picture=SHA))
    assert author.post("/posts", sent).error == (409, "SlugTaken")
    assert author.post("/posts", sent | {"picture": SHA}).status == 200
    blog.put(post_items("a-post", young, **own)[0] | {"closed": {"S": young}})
    assert author.post("/posts", sent).error == (409, "SlugTaken")


def test_a_slug_is_taken_until_its_post_is_wholly_deleted(blog: Blog, author: Caller) -> None:
    post, _ = post_items("a-post")
    blog.put(post | {"closed": {"S": "2026-01-02T00:00:00.000Z"}})
    assert author.post("/posts", {"title": "A post", "body": "x", "slug": "a-post"}).error == (409, "SlugTaken")
    assert author.delete("/posts/a-post").status == 204
    assert author.publish(slug="a-post")["version"] == 1


AUTHORS: dict[str, tuple[dict[str, Any], str]] = {
    "preferred before name": ({"preferred_username": "Anna K.", "name": "Anna"}, "Anna K."),
    "nickname": ({"name": None, "nickname": "Annie"}, "Annie"),
    "a user name": ({"name": None, "cognito:username": "anna"}, "anna"),
    "an id": ({"name": None}, ""),
    "an address": ({"name": "anna@example.com", "cognito:username": "anna@example.com"}, ""),
    "an address in between": ({"preferred_username": "anna@example.com", "name": "Anna"}, "Anna"),
    "blanks": ({"name": "  ", "nickname": "\u200b\u202e"}, ""),
    "control characters": ({"name": "An\x00na\nK\u2028\u202ex"}, "An na K x"),
    "too long": ({"name": "x" * 2000}, "x" * 60),
    "wrong types": ({"name": ["Anna"], "nickname": 7, "preferred_username": {"S": "x"}}, ""),
    "other letters": ({"name": "\u05e2\u05d1\u05e8\u05d9\u05ea 김"}, "\u05e2\u05d1\u05e8\u05d9\u05ea 김"),
    "script": ({"name": "<script>alert(1)</script>"}, "<script>alert(1)</script>"),
}


@shows("REQ-B9", how="stock")
@pytest.mark.parametrize(("claims", "name"), AUTHORS.values(), ids=AUTHORS)
def test_an_author_is_named_and_an_address_never_shown(blog: Blog, claims: dict[str, Any], name: str) -> None:
    caller = Caller(blog, author_claims(**claims))
    assert caller.publish()["author"] == name
    assert "example.com" not in json.dumps(blog.items())


@shows("REQ-B9", how="stock")
def test_who_wrote_a_post_is_known_whatever_they_call_themselves(blog: Blog) -> None:
    anna, bea = author_claims(name="Anna"), author_claims(name="Bea")
    post = Caller(blog, anna).publish(slug="a-post")
    renamed = Caller(blog, bea | {"name": "Anna"}).put(
        "/posts/a-post", {"title": post["title"], "body": "Other.", "version": 1}
    )
    assert renamed.status == 200
    [stored] = [item for item in blog.items() if item["id"] == {"S": "post"}]
    assert (stored["authorId"], stored["updatedBy"]) == ({"S": anna["sub"]}, {"S": bea["sub"]})
    shown = renamed.text + Caller(blog, None).get("/posts/a-post").text + Caller(blog, None).get("/posts").text
    assert anna["sub"] not in shown
    assert bea["sub"] not in shown
    # A second click is answered as the first one, and somebody else's post of the same words is not.
    same = {"title": "Twice", "body": "The same.", "slug": "twice"}
    clicks = [Caller(blog, who).post("/posts", same).status for who in (anna, anna, bea | {"name": "Anna"})]
    assert clicks == [201, 200, 409]


# ---- PUT /posts/{slug}


def change(caller: Caller, **fields: Any) -> Reply:
    return caller.put("/posts/a-post", {"title": "A post", "body": "Its text.", "version": 1} | fields)


@shows("REQ-B9", how="stock")
def test_a_change_replaces_all_content_in_both_items(blog: Blog, author: Caller, reader: Caller) -> None:
    old = author.publish(slug="a-post", summary="Short", picture=SHA)
    reply = change(author, title=" New title ", body="New text")
    assert reply.status == 200
    new = reply.body
    assert list(new) == POST_FIELDS
    expected = {name: old[name] for name in POST_FIELDS} | {"title": "New title", "body": "New text", "summary": ""}
    assert new == expected | {"version": 2, "updatedAt": new["updatedAt"]}
    assert new["updatedAt"] >= old["updatedAt"]
    assert reader.get("/posts/a-post").body == new
    assert reader.get("/posts").body["items"] == [
        {"slug": "a-post", "title": "New title", "summary": "", "publishedAt": old["publishedAt"]}
    ]
    third = change(author, version=2, picture=SHA, summary="S").body
    assert (third["version"], third["picture"]) == (3, SHA)
    assert reader.get("/posts").body["items"][0]["picture"] == SHA
    assert kinds(blog) == ["entry", "post"]


@shows("REQ-B9", how="stock")
def test_a_change_of_an_old_version_is_refused_and_shows_the_current_one(blog: Blog, author: Caller) -> None:
    author.publish(slug="a-post")
    current = change(author, title="New").body
    before = blog.items()
    for version in (1, 3, 10**9):
        reply = change(author, title="Other", version=version)
        assert reply.error == (409, "VersionConflict")
        assert reply.body["item"] == current
        assert "version 2" in reply.body["message"]
    assert blog.items() == before


@shows("REQ-B9", how="stock")
def test_of_several_changes_at_once_one_wins_whole(blog: Blog, author: Caller, reader: Caller) -> None:
    author.publish(slug="a-post")
    with ThreadPoolExecutor(8) as pool:
        replies = list(pool.map(lambda n: change(author, title=f"By {n}", body=f"By {n}"), range(8)))
    assert sorted(reply.status for reply in replies) == [200] + [409] * 7
    winner = next(reply.body for reply in replies if reply.status == 200)
    assert reader.get("/posts/a-post").body == winner
    assert reader.get("/posts").body["items"][0]["title"] == winner["title"] == winner["body"]


@shows("REQ-B9", how="stock")
def test_a_change_whose_answer_was_lost_may_be_sent_again(author: Caller) -> None:
    author.publish(slug="a-post")
    first, again = change(author, title="New", picture=SHA), change(author, title="New", picture=SHA)
    assert (first.status, again.status) == (200, 200)
    assert again.body == first.body
    assert change(author, title="New").status == 409  # without the picture it is another change
    assert change(author, title="Third", version=2).status == 200
    assert change(author, title="New", picture=SHA).status == 409  # and it was changed since


def test_a_change_that_another_one_overtakes_is_refused(
    blog: Blog, author: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    author.publish(slug="a-post")
    module = blog.modules["write_posts"]

    def overtaken(method: Callable[..., Any], request: dict[str, Any]) -> Any:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(module, "table", table.real)
            assert change(author, title="Faster").status == 200
        return method(**request)

    table = Faulty(module.table, transact_write_items=[overtaken])
    monkeypatch.setattr(module, "table", table)
    reply = change(author, title="Slower")
    assert reply.error == (409, "VersionConflict")
    assert reply.body["item"]["title"] == "Faster"


def test_a_change_of_a_post_that_is_deleted_meanwhile_brings_nothing_back(
    blog: Blog, author: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    author.publish(slug="a-post")
    module = blog.modules["write_posts"]

    def overtaken(method: Callable[..., Any], request: dict[str, Any]) -> Any:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(module, "table", table.real)
            assert author.delete("/posts/a-post").status == 204
        return method(**request)

    table = Faulty(module.table, transact_write_items=[overtaken])
    monkeypatch.setattr(module, "table", table)
    assert change(author).error == (404, "NotFound")
    assert blog.items() == []


def test_what_a_change_does_not_know_it_keeps(blog: Blog, author: Caller) -> None:
    post, entry = post_items("a-post")
    blog.put(post | {"later": {"S": "version"}}, entry)
    assert change(author).status == 200
    assert {"S": "version"} in [item.get("later") for item in blog.items()]


def test_an_entry_that_was_lost_is_there_again_after_a_change(blog: Blog, author: Caller, reader: Caller) -> None:
    blog.put(post_items("a-post")[0])
    assert reader.get("/posts").body == {"items": []}
    assert change(author).status == 200
    assert [item["slug"] for item in reader.get("/posts").body["items"]] == ["a-post"]


@pytest.mark.parametrize("closed", [False, True])
def test_what_is_not_there_or_being_deleted_cannot_be_changed(blog: Blog, author: Caller, closed: bool) -> None:
    if closed:
        blog.put(post_items("a-post")[0] | {"closed": {"S": "2026-01-02T00:00:00.000Z"}})
    before = blog.items()
    assert change(author).error == (404, "NotFound")
    assert blog.items() == before


@pytest.mark.parametrize(
    "slug", ["A-Post", "a--post", "", "a-post\n", "posts#x", "x" * 81, "\ud800", None, 7, {}], ids=ascii
)
def test_a_malformed_slug_is_answered_as_an_unknown_one(blog: Blog, author: Caller, slug: Any) -> None:
    author.publish(slug="a-post")
    before = blog.items()
    body = {"title": "A post", "body": "x", "version": 1}
    for method in ("PUT", "DELETE"):
        event = author.event(method, "/posts/nothing", body if method == "PUT" else None)
        assert blog.send(event | {"pathParameters": {"slug": slug}}).error == (404, "NotFound")
    assert blog.items() == before


# ---- DELETE /posts/{slug}


@shows("REQ-B9", how="stock")
def test_a_deleted_post_is_gone_with_all_its_comments_and_nothing_else(
    blog: Blog, author: Caller, reader: Caller
) -> None:
    for slug in ("a-post", "a", "a-post-2"):
        blog.put(*post_items(slug), *(comment_item(slug, n) for n in range(60)))
    reply = author.delete("/posts/a-post")
    assert (reply.status, reply.text) == (204, "")
    for path in ("/posts/a-post", "/posts/a-post/comments"):
        assert reader.get(path).error == (404, "NotFound")
    assert {item["slug"] for item in reader.everything("/posts")} == {"a", "a-post-2"}
    assert len(reader.everything("/posts/a/comments")) == len(reader.everything("/posts/a-post-2/comments")) == 60
    assert len(blog.items()) == 2 * 62
    assert author.delete("/posts/a-post").error == (404, "NotFound")


@shows("REQ-B9", how="stock")
def test_out_of_time_it_asks_to_come_back_and_then_goes_on(blog: Blog, author: Caller, reader: Caller) -> None:
    blog.put(*post_items("a-post"), *(comment_item("a-post", n) for n in range(130)))
    left = [132]
    for _ in range(20):
        reply = author.delete("/posts/a-post", Context([9000, 9000, 9000, 7999]))
        left.append(len(blog.items()))
        if reply.status == 204:
            break
        assert reply.error == (503, "Busy")
        assert int(reply.headers["Retry-After"]) > 0
        assert reader.get("/posts/a-post").error == (404, "NotFound")
        assert reader.get("/posts").body == {"items": []}
    assert blog.items() == []
    assert len(left) > 3
    assert left == sorted(set(left), reverse=True)  # each one gets further


def test_a_deletion_that_was_killed_anywhere_is_finished_by_the_next(
    blog: Blog, author: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = blog.modules["write_posts"]
    for stop in ("transact_write_items", "query", "batch_write_item", "delete_item"):
        for done in (False, True):
            blog.empty()
            blog.put(*post_items("a-post"), *(comment_item("a-post", n) for n in range(30)))

            def killed(method: Callable[..., Any], request: dict[str, Any], done: bool = done) -> Any:
                if done:
                    method(**request)
                raise KeyboardInterrupt

            with monkeypatch.context() as patch:
                patch.setattr(module, "table", Faulty(module.table, **{stop: [killed]}))
                with pytest.raises(KeyboardInterrupt):
                    author.delete("/posts/a-post")
            gone = stop == "delete_item" and done
            assert author.delete("/posts/a-post").status == (404 if gone else 204)
            assert blog.items() == []


@shows("REQ-B9", how="stock")
def test_no_comment_is_left_behind_by_a_deletion_at_the_same_time(blog: Blog, author: Caller, reader: Caller) -> None:
    for _ in range(5):
        blog.put(*post_items("a-post"), *(comment_item("a-post", n) for n in range(40)))
        with ThreadPoolExecutor(6) as pool:
            said = {"name": "Ben", "text": "x"}
            comments = [pool.submit(reader.post, "/posts/a-post/comments", said) for _ in range(24)]
            deletions = [pool.submit(author.delete, "/posts/a-post") for _ in range(2)]
            assert {one.result().status for one in comments} <= {201, 404, 503}
            assert 204 in {one.result().status for one in deletions}
        assert blog.items() == []


def test_a_slow_deletion_does_not_take_the_next_post_of_that_name(
    blog: Blog, author: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    author.publish(slug="a-post")
    module = blog.modules["write_posts"]

    def overtaken(method: Callable[..., Any], request: dict[str, Any]) -> Any:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(module, "table", table.real)
            assert author.delete("/posts/a-post").status == 204
            time.sleep(0.002)  # a post of the same millisecond would have the same entry
            author.publish(slug="a-post", title="The next")
        return method(**request)

    table = Faulty(module.table, delete_item=[overtaken])
    monkeypatch.setattr(module, "table", table)
    assert author.delete("/posts/a-post").status == 204
    assert author.get("/posts/a-post").body["title"] == "The next"
    assert kinds(blog) == ["entry", "post"]


def test_items_that_a_batch_could_not_delete_are_deleted_by_another(
    blog: Blog, author: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    blog.put(*post_items("a-post"), *(comment_item("a-post", n) for n in range(30)))
    module = blog.modules["write_posts"]

    def some(method: Callable[..., Any], request: dict[str, Any]) -> Any:
        requests = request["RequestItems"][POSTS]
        method(RequestItems={POSTS: requests[:3]})
        return {"UnprocessedItems": {POSTS: requests[3:]}}

    table = Faulty(module.table, batch_write_item=[some, some])
    monkeypatch.setattr(module, "table", table)
    assert author.delete("/posts/a-post").status == 204
    assert blog.items() == []
    assert all(len(request["RequestItems"][POSTS]) <= 25 for name, request in table.calls if name == "batch_write_item")


# ---- DELETE /posts/{slug}/comments/{id}


@shows("REQ-B9", how="stock")
def test_a_deleted_comment_is_gone_and_no_other(blog: Blog, author: Caller, reader: Caller) -> None:
    comments = [comment_item("a-post", n) for n in range(3)]
    other = comment_item("b", 1)
    blog.put(*post_items("a-post"), *post_items("b"), *comments, other)
    name = comments[1]["id"]["S"].removeprefix("comment#")
    assert author.delete(f"/posts/b/comments/{name}").error == (404, "NotFound")
    assert author.delete(f"/posts/a-post/comments/{name}").status == 204
    assert author.delete(f"/posts/a-post/comments/{name}").error == (404, "NotFound")
    left = [one["text"] for one in reader.everything("/posts/a-post/comments")]
    assert left == ["Comment 0", "Comment 2"]
    assert len(reader.everything("/posts/b/comments")) == 1


@pytest.mark.parametrize(
    "name",
    [
        "",
        "post",
        "x",
        COMMENT.lower(),
        COMMENT[:-1],
        COMMENT + "0",
        COMMENT + "\n",
        "comment#" + COMMENT,
        "\ud800",
        "8" + "0" * 25,
        "0" * 25 + "U",
        "0" * 100_000,
        None,
        7,
        {"S": "post"},
    ],
    ids=lambda name: ascii(name)[:30],
)
def test_a_malformed_id_is_answered_as_an_unknown_comment(blog: Blog, author: Caller, name: Any) -> None:
    blog.put(*post_items("a-post"), comment_item("a-post", 1))
    before = blog.items()
    unknown = author.delete(f"/posts/a-post/comments/{COMMENT}")
    assert unknown.error == (404, "NotFound")
    event = author.event("DELETE", f"/posts/a-post/comments/{COMMENT}")
    event["pathParameters"] = {"slug": "a-post", "id": name}
    assert blog.send(event) == unknown
    assert blog.items() == before


# ---- Content at its limits, and beyond

GOOD = {"title": "A post", "body": "Its text."}
AT_THE_LIMITS: list[dict[str, str]] = [
    {"title": "x"},
    {"title": "x" * 150},
    {"title": f" {'x' * 150}\n"},
    {"title": "\U0001f600" * 150},
    {"title": '<script>"\\'},
    {"title": "가나다 \u200d \u05e2\u05d1\u05e8\u05d9\u05ea"},
    {"summary": ""},
    {"summary": "   "},
    {"summary": "\U0001f600" * 400},
    {"body": "x"},
    {"body": "x" * 100_000},
    {"body": "é" * 50_000},
    {"body": "\U0001f600" * 25_000},
    {"body": "x\n\t\n "},
    {"body": "\n" * 99_999 + "x"},
    {"body": "</body><script>alert(1)</script>"},
    {"body": "a\u200bb\u202ec"},
    {"picture": "0" * 64},
    {"picture": SHA},
]


@shows("REQ-B9", how="stock")
@pytest.mark.parametrize("fields", AT_THE_LIMITS, ids=lambda fields: ascii(fields)[:40])
@pytest.mark.parametrize("escaped", [False, True])
def test_content_at_the_limits_is_taken_as_it_is(author: Caller, fields: dict[str, str], escaped: bool) -> None:
    sent = GOOD | fields | {"slug": "a-post"}
    body = json.dumps(sent, ensure_ascii=escaped)
    if escaped:  # each letter as an escape, too, which is the longest way to say it
        body = re.sub(r"x", r"\\u0078", body)
    reply = author.post("/posts", body)
    assert reply.status == 201
    for name in ("title", "summary"):
        assert reply.body[name] == sent.get(name, "").strip()
    assert reply.body["body"] == sent["body"]
    assert author.get("/posts/a-post").body == reply.body


NOT_TEXT: list[Any] = [None, True, False, 5, 1.5, 1e999, -(10**400), [], ["x"], {}, {"S": "x"}, 10**4000]
INVISIBLE = ["", "   ", "\n", "\u200b", "\u00a0", "\u202e", "\ufeff", "\u2060\u200d", "\u0301"]
CONTROL = ["\x00", "\x01", "\x07", "\x08", "\x0b", "\x0c", "\r", "\x1b", "\x1f", "\x7f", "\x80", "\x85", "\x9f"]
BREAKS = ["\u2028", "\u2029", "\ud800", "\udfff", "\udc00\ud800"]
BAD_FIELDS: dict[str, list[Any]] = {
    "title": [*NOT_TEXT, *INVISIBLE, *(f"a{one}b" for one in [*CONTROL, *BREAKS, "\n", "\t"]), "x" * 151, "é" * 151],
    "summary": [*NOT_TEXT, *(f"a{one}b" for one in [*CONTROL, *BREAKS, "\n", "\t"]), "x" * 401, "\U0001f600" * 401],
    "body": [
        *NOT_TEXT,
        *INVISIBLE,
        *(f"a{one}b" for one in [*CONTROL, *BREAKS]),
        "x" * 100_001,
        "é" * 50_001,
        "\U0001f600" * 25_001,
    ],
    "slug": [
        *NOT_TEXT,
        "",
        " ",
        "A",
        "-",
        "-a",
        "a-",
        "a--b",
        "a b",
        "a_b",
        "a.b",
        "a/b",
        "../a",
        "a\n",
        "a\x00",
        "é",
        "\u0430",
        "\uff41",
        "a\u00adb",
        "\u0661",
        "x" * 81,
        "a-" * 40 + "-",
        "x" * 100_000,
        "a#b",
        "%61",
    ],
    "picture": [
        *NOT_TEXT,
        "",
        "x",
        SHA[:-1],
        SHA + "0",
        SHA.upper(),
        SHA + "\n",
        " " + SHA,
        "g" * 64,
        "\u0661" * 64,
        "../" + SHA,
        f"{SHA}.jpg",
        "https://example.com/x.jpg",
    ],
    "version": [None, True, False, 0, -1, 1.0, 1.5, 1e999, "1", "", [], {}, 10**9 + 1, 10**4000, "0x1"],
}


@shows("REQ-B9", how="stock")
@pytest.mark.parametrize(
    ("name", "value"),
    [(name, value) for name, values in BAD_FIELDS.items() for value in values],
    ids=lambda value: ascii(value)[:30],
)
def test_a_wrong_value_is_refused(blog: Blog, author: Caller, name: str, value: Any) -> None:
    requests = {"POST": ("/posts", GOOD), "PUT": ("/posts/a-post", GOOD | {"version": 1})}
    author.publish(slug="a-post")
    before = blog.items()
    for method, (path, good) in requests.items():
        if (name, method) not in (("version", "POST"), ("slug", "PUT")):
            reply = author.send(method, path, json.dumps(good | {name: value}).replace("Infinity", "1e999"))
            assert reply.error == (400, "InvalidField")
            assert reply.body["message"].startswith(f"{name} ")
            assert len(reply.text) < 400
    assert blog.items() == before


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=30),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)
FIELDS = st.sampled_from(["title", "body", "summary", "slug", "picture", "version", "author", "list"])
REQUESTS = st.one_of(
    st.text(st.characters(exclude_categories=()), max_size=60),
    JSON.map(json.dumps),
    st.dictionaries(FIELDS, JSON, max_size=5).map(json.dumps),
)


@settings(derandomize=True, database=None, deadline=None, max_examples=300)
@given(body=REQUESTS, method=st.sampled_from(["POST", "PUT"]), in_base64=st.booleans())
@example(body='{"title": "\\ud800\\udc00", "body": "x"}', method="POST", in_base64=False)
def test_no_body_makes_it_fail(session_blog: Blog, body: str, method: str, in_base64: bool) -> None:
    """Whatever the body, the answer is a clear refusal; or it was a good one, and a post is there."""
    session_blog.empty()
    author = Caller(session_blog, author_claims())
    event = author.event(method, "/posts" if method == "POST" else "/posts/a-post", body)
    reply = session_blog.send(event | {"isBase64Encoded": in_base64})
    if reply.status == 201:
        assert author.get(reply.headers["Location"]).body == reply.body
        return
    assert reply.status in (400, 404)
    assert len(reply.error) == 2
    assert session_blog.items() == []


@settings(derandomize=True, database=None, deadline=None, max_examples=200)
@given(title=st.text(max_size=160), body=st.text(max_size=50), summary=st.text(max_size=50))
def test_any_text_is_kept_as_it_is_or_refused(session_blog: Blog, title: str, body: str, summary: str) -> None:
    session_blog.empty()
    author = Caller(session_blog, author_claims())
    reply = author.post("/posts", {"title": title, "body": body, "summary": summary})
    if reply.status == 201:
        post = author.get(reply.headers["Location"]).body
        assert (post["title"], post["body"], post["summary"]) == (title.strip(), body, summary.strip())
        assert re.fullmatch("[a-z0-9](-?[a-z0-9])*", post["slug"])
        assert len(post["slug"]) <= 80
    else:
        assert reply.error == (400, "InvalidField")
        assert session_blog.items() == []


# ---- Conflicts


def test_a_conflicting_transaction_is_tried_again(blog: Blog, author: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    module = blog.modules["write_posts"]
    capacity = fault("TransactionCanceledException", "None", "ThrottlingError")
    for request in (
        lambda: author.post("/posts", GOOD | {"slug": "a-post"}),
        lambda: change(author),
        lambda: author.delete("/posts/a-post"),
    ):
        with monkeypatch.context() as patch:
            table = Faulty(module.table, transact_write_items=[CONFLICT, capacity])
            patch.setattr(module, "table", table)
            assert request().status in (200, 201, 204)
            assert [name for name, _ in table.calls].count("transact_write_items") == 3
    assert blog.items() == []


def test_a_transaction_that_stays_in_conflict_asks_to_come_back(
    blog: Blog, author: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    author.publish(slug="a-post")
    before = blog.items()
    module = blog.modules["write_posts"]
    for method, path in (("POST", "/posts"), ("PUT", "/posts/a-post"), ("DELETE", "/posts/a-post")):
        for context, tries in ((Context(), 8), (Context([7000]), 1)):
            with monkeypatch.context() as patch:
                table = Faulty(module.table, transact_write_items=[CONFLICT] * 50)
                patch.setattr(module, "table", table)
                body = {"POST": GOOD, "PUT": GOOD | {"version": 1}}.get(method)
                reply = author.send(method, path, body, context)
            assert reply.error == (503, "Busy")
            assert [name for name, _ in table.calls].count("transact_write_items") == tries
    assert blog.items() == before


def test_any_other_reason_to_cancel_is_unexpected(blog: Blog, author: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    faults = [
        fault("TransactionCanceledException", "None", "ValidationError"),
        fault("TransactionCanceledException"),
        fault("AccessDeniedException"),
    ]
    module = blog.modules["write_posts"]
    monkeypatch.setattr(module, "table", Faulty(module.table, transact_write_items=faults))
    for _ in faults[:]:
        with pytest.raises(RuntimeError):
            author.post("/posts", GOOD)
    assert blog.items() == []


def test_a_post_that_vanishes_while_a_slug_is_refused_asks_to_come_back(
    blog: Blog, author: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    author.publish(slug="a-post")
    module = blog.modules["write_posts"]
    monkeypatch.setattr(module, "table", Faulty(module.table, get_item=[lambda method, request: {}]))
    assert author.post("/posts", GOOD | {"slug": "a-post"}).error == (503, "Busy")


def test_what_a_refusal_rests_on_is_read_consistently(
    blog: Blog, author: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    author.publish(slug="a-post")
    module = blog.modules["write_posts"]
    table = Faulty(module.table)
    monkeypatch.setattr(module, "table", table)
    author.post("/posts", GOOD | {"slug": "a-post"})
    change(author, version=7)
    author.delete("/posts/a-post")
    author.delete("/posts/a-post")
    reads = [request for name, request in table.calls if name in ("get_item", "query")]
    assert len(reads) == 5
    assert all(request["ConsistentRead"] for request in reads)
