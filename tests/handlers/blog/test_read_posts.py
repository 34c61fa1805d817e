"""`GET /config`, `GET /posts`, `GET /posts/{slug}` and `GET /posts/{slug}/comments`."""

from __future__ import annotations

import base64
import json
import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.evidence import shows
from tests.handlers.blog.conftest import (
    APP_CLIENT,
    PRIVATE,
    PUBLIC,
    PUBLIC_MISSING,
    SHA,
    Blog,
    Caller,
    author_claims,
    comment_item,
    event_of,
    load_with,
    post_items,
    reply_of,
)
from tests.handlers.conftest import Context, Faulty
from troposphere_arch import local

POST_FIELDS = ["slug", "title", "summary", "body", "author", "publishedAt", "updatedAt", "version"]


def many(blog: Blog, number: int) -> list[str]:
    """So many posts, put in any order; their slugs, newest first."""
    slugs = [f"post-{n}" for n in range(number)]
    items = [item for n, slug in enumerate(slugs) for item in post_items(slug, f"2026-01-01T00:00:{n:02}.000Z")]
    random.Random(5).shuffle(items)  # noqa: S311
    blog.put(*items)
    return slugs[::-1]


# ---- GET /config


@shows("REQ-B9", how="stock")
def test_the_pages_learn_what_this_blog_is(reader: Caller, stock: local.Emulator) -> None:
    reply = reader.get("/config")
    assert reply.body == {
        "title": "MyBlog.com",
        "region": "us-east-1",
        "userPoolId": "us-east-1_Blog",
        "userPoolClientId": APP_CLIENT,
        "cognito": stock.url,
        "comments": True,
        "mail": True,
        "uploads": True,
    }
    assert reply.headers["Cache-Control"] == PUBLIC


@pytest.mark.parametrize("off", ["COMMENTS", "MAIL", "UPLOADS"])
def test_what_is_off_is_said_to_be_off(blog: Blog, stock: local.Emulator, off: str) -> None:
    module = load_with(stock, "read_posts", **{off: "off"})
    told = reply_of(module.handler(event_of("GET", "/config"), Context())).body
    assert [name for name in ("comments", "mail", "uploads") if not told[name]] == [off.lower()]


@pytest.mark.parametrize(
    ("region", "address"),
    [
        ("eu-west-1", "https://cognito-idp.eu-west-1.amazonaws.com"),
        ("us-gov-west-1", "https://cognito-idp.us-gov-west-1.amazonaws.com"),
    ],
)
def test_users_sign_in_where_the_region_has_its_service(
    blog: Blog, stock: local.Emulator, monkeypatch: pytest.MonkeyPatch, region: str, address: str
) -> None:
    module = load_with(stock, "read_posts")
    monkeypatch.delenv("AWS_ENDPOINT_URL")
    monkeypatch.setenv("AWS_DEFAULT_REGION", region)
    told = reply_of(module.handler(event_of("GET", "/config"), Context())).body
    assert (told["region"], told["cognito"]) == (region, address)


@pytest.mark.parametrize(("seconds", "missing"), [("60", 10), ("3600", 10), ("5", 5), ("0", 0)])
def test_how_long_the_edge_keeps_answers_is_given(
    blog: Blog, stock: local.Emulator, seconds: str, missing: int
) -> None:
    module = load_with(stock, "read_posts", EDGE_SECONDS=seconds)
    for path, keep in (
        ("/posts", f"public, max-age=0, s-maxage={seconds}, stale-while-revalidate={int(seconds) * 10}"),
        ("/posts/nothing", f"public, max-age=0, s-maxage={missing}"),
    ):
        assert reply_of(module.handler(event_of("GET", path), Context())).headers["Cache-Control"] == keep


# ---- GET /posts


@shows("REQ-B9", how="stock")
def test_a_list_has_each_post_newest_first_without_its_text(blog: Blog, reader: Caller) -> None:
    blog.put(
        *post_items("old", "2025-12-31T23:59:59.999Z"), *post_items("new", "2026-01-01T00:00:00.000Z", picture=SHA)
    )
    reply = reader.get("/posts")
    assert reply.status == 200
    assert reply.body == {
        "items": [
            {
                "slug": "new",
                "title": "Title of new",
                "summary": "",
                "publishedAt": "2026-01-01T00:00:00.000Z",
                "picture": SHA,
            },
            {"slug": "old", "title": "Title of old", "summary": "", "publishedAt": "2025-12-31T23:59:59.999Z"},
        ]
    }
    assert reply.headers["Cache-Control"] == PUBLIC


def test_a_new_blog_has_an_empty_list(reader: Caller) -> None:
    assert reader.get("/posts").body == {"items": []}


@shows("REQ-B9", how="stock")
def test_pages_put_together_are_the_list(blog: Blog, reader: Caller) -> None:
    slugs = many(blog, 60)
    for limit in ("1", "7", "20", "59", "60", "61", "100"):
        assert [item["slug"] for item in reader.everything("/posts", limit=limit)] == slugs
    assert len(reader.get("/posts").body["items"]) == 25


def test_a_page_is_full_and_the_last_has_no_next(blog: Blog, reader: Caller) -> None:
    many(blog, 60)
    for limit, sizes in ((20, [20, 20, 20]), (60, [60]), (45, [45, 15])):
        query = {"limit": str(limit)}
        for size in sizes:
            page = reader.get("/posts", **query).body
            assert len(page["items"]) == size
            query["next"] = page.pop("next", "")
        assert query["next"] == ""


def test_a_page_goes_on_where_the_one_before_ended_though_posts_come_and_go(blog: Blog, reader: Caller) -> None:
    slugs = many(blog, 6)
    first = reader.get("/posts", limit="3").body
    last = first["items"][-1]
    blog.put(*post_items("newer", "2026-02-01T00:00:00.000Z"))
    name = f"{last['publishedAt']}#{last['slug']}"
    blog.dynamodb.delete_item(
        TableName=blog.modules["read_posts"].TABLE, Key={"list": {"S": "posts"}, "id": {"S": name}}
    )
    second = reader.get("/posts", limit="3", next=first["next"]).body
    assert [item["slug"] for item in second["items"]] == slugs[3:]


def test_what_was_asked_is_looked_up_by_key_and_never_by_a_scan(
    blog: Blog, reader: Caller, author: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    many(blog, 3)
    blog.put(*(comment_item("post-1", n) for n in range(3)))
    table = Faulty(blog.modules["read_posts"].table)
    monkeypatch.setattr(blog.modules["read_posts"], "table", table)
    for caller in (reader, author):
        for path in ("/posts", "/posts/post-1", "/posts/post-1/comments", "/posts/post-2/comments", "/posts/no"):
            caller.get(path)
    assert {name for name, _ in table.calls} == {"query", "get_item"}
    assert all(request["Limit"] <= 101 for name, request in table.calls if name == "query")


# ---- What the edge may keep, and what it is asked by


@shows("REQ-B2", "REQ-B4", how="stock")
def test_an_answer_depends_on_nothing_but_the_path_limit_and_next(blog: Blog, reader: Caller) -> None:
    many(blog, 4)
    blog.put(*(comment_item("post-1", n) for n in range(4)))
    after = reader.get("/posts", limit="2").body["next"]
    for path, query in (
        ("/posts", {}),
        ("/posts", {"limit": "2"}),
        ("/posts", {"limit": "2", "next": after}),
        ("/posts/post-1", {}),
        ("/posts/post-1/comments", {"limit": "3"}),
        ("/posts/nothing", {}),
        ("/config", {}),
    ):
        plain = reader.get(path, **query)
        event = reader.event("GET", path, query={**query, "Limit": "1", "page": "2", "slug": "post-2", "": "x"})
        event["headers"] |= {"Accept": "text/html", "Accept-Language": "ko", "Cookie": "a=b", "X-Forwarded-For": "::1"}
        event["headers"] |= {"Range": "bytes=0-1", "If-None-Match": "*", "X-HTTP-Method-Override": "DELETE"}
        event["multiValueQueryStringParameters"] = {"limit": ["1", "2"], "next": ["x"]}
        event["body"] = '{"limit": 1}'
        assert blog.send(event) == plain


@shows("REQ-B2", "REQ-B4", how="stock")
def test_what_is_there_is_kept_longer_than_what_is_not_and_a_mistake_not_at_all(blog: Blog, reader: Caller) -> None:
    many(blog, 1)
    for path in ("/posts", "/posts/post-0", "/posts/post-0/comments", "/config"):
        assert reader.get(path).headers["Cache-Control"] == PUBLIC
    for path in ("/posts/nothing", "/posts/nothing/comments", "/posts/NO", "/posts/%00/comments"):
        assert reader.get(path).headers["Cache-Control"] == PUBLIC_MISSING
    for path in ("/posts", "/posts/post-0/comments"):
        assert reader.get(path, limit="0").headers["Cache-Control"] == "no-store"


@shows("REQ-B9", how="stock")
def test_an_author_reads_what_is_there_now(
    blog: Blog, author: Caller, reader: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    many(blog, 1)
    table = Faulty(blog.modules["read_posts"].table)
    monkeypatch.setattr(blog.modules["read_posts"], "table", table)
    for path in ("/posts", "/posts/post-0", "/posts/post-0/comments"):
        assert author.get(path).body == reader.get(path).body
        assert author.get(path).headers["Cache-Control"] == PRIVATE
    consistent = [bool(request.get("ConsistentRead")) for _, request in table.calls]
    assert consistent == [True, False, True, True, False, True, True, True, False, False, True, True]


# ---- GET /posts/{slug}


@shows("REQ-B9", how="stock")
def test_one_post_by_its_slug(blog: Blog, reader: Caller) -> None:
    text = 'two\n\tlines <script>alert("\U0001f600")</script> \u05e2\u05d1\u05e8\u05d9\u05ea'
    blog.put(*post_items("a-post", body=text, summary="In short", picture=SHA))
    reply = reader.get("/posts/a-post")
    assert reply.status == 200
    assert list(reply.body) == [*POST_FIELDS, "picture"]
    assert reply.body["body"] == text
    assert reply.body["version"] == 1
    blog.put(*post_items("plain"))
    assert list(reader.get("/posts/plain").body) == POST_FIELDS


MALFORMED = [
    "A-Post",
    "a-post-",
    "-a-post",
    "a--post",
    "a_post",
    "a post",
    "a-post\n",
    "a-post\x00",
    "\x00",
    "",
    " ",
    ".",
    "..",
    "..%2f",
    "../posts",
    "a-post#",
    "post#a-post",
    "comment#x",
    "%61-post",
    "a.post",
    "a-post?x=1",
    "\u0430-post",
    "\uff41-post",
    "a\u2010post",
    "a\u00adpost",
    "a-post\u0661",
    "é",
    "\ud800",
    "x" * 81,
    "x" * 100_000,
    "a-" * 50_000,
    "'; DROP TABLE posts; --",
    "{{7*7}}",
    "${jndi:ldap://x}",
    "$(id)",
]


@shows("REQ-B9", how="stock")
@pytest.mark.parametrize("slug", MALFORMED, ids=lambda slug: ascii(slug)[:30])
@pytest.mark.parametrize("rest", ["", "/comments"])
def test_a_malformed_slug_is_answered_as_an_unknown_one(blog: Blog, reader: Caller, slug: str, rest: str) -> None:
    blog.put(*post_items("a-post"))
    unknown = reader.get(f"/posts/nothing{rest}")
    assert unknown.error == (404, "NotFound")
    event = reader.event("GET", f"/posts/nothing{rest}") | {"pathParameters": {"slug": slug}}
    assert blog.send(event) == unknown


@pytest.mark.parametrize(
    "parameters",
    [None, {}, {"slug": None}, {"slug": 7}, {"slug": {"S": "a-post"}}, {"id": "a-post"}, [], "a-post"],
    ids=str,
)
def test_odd_path_parameters_are_answered_as_an_unknown_post(blog: Blog, reader: Caller, parameters: Any) -> None:
    blog.put(*post_items("a-post"))
    for path in ("/posts/a-post", "/posts/a-post/comments"):
        event = reader.event("GET", path) | {"pathParameters": parameters}
        assert blog.send(event).error == (404, "NotFound")


@shows("REQ-B9", how="stock")
def test_a_post_that_is_being_deleted_counts_as_gone(blog: Blog, reader: Caller) -> None:
    post, entry = post_items("a-post")
    blog.put(post | {"closed": {"S": "2026-01-02T00:00:00.000Z"}}, entry)
    assert reader.get("/posts/a-post").error == (404, "NotFound")
    assert reader.get("/posts/a-post/comments").error == (404, "NotFound")


# ---- GET /posts/{slug}/comments


@shows("REQ-B9", how="stock")
def test_comments_are_listed_oldest_first_page_by_page(blog: Blog, reader: Caller) -> None:
    comments = [comment_item("a-post", n) for n in range(30)]
    blog.put(*post_items("a-post"), *post_items("a"), *post_items("a-post-2"), *comments[::-1])
    blog.put(*(comment_item(slug, 3) for slug in ("a", "a-post-2")))
    expected = [
        {"id": one["id"]["S"][8:], "name": "Ben", "text": one["text"]["S"], "createdAt": one["createdAt"]["S"]}
        for one in comments
    ]
    for limit in ("1", "7", "29", "30", "31", "100"):
        assert reader.everything("/posts/a-post/comments", limit=limit) == expected
    assert len(reader.get("/posts/a-post/comments").body["items"]) == 25
    assert reader.get("/posts/a-post/comments").headers["Cache-Control"] == PUBLIC


def test_a_post_without_comments_has_an_empty_list(blog: Blog, reader: Caller) -> None:
    blog.put(*post_items("a-post"))
    assert reader.get("/posts/a-post/comments").body == {"items": []}
    assert reader.get("/posts/nothing/comments").error == (404, "NotFound")


def test_a_page_of_the_largest_comments(blog: Blog, reader: Caller) -> None:
    large = {"name": "\U0001f600" * 60, "text": "\U0001f600" * 2000}
    comments = [comment_item("a-post", n, **large) for n in range(120)]
    blog.put(*post_items("a-post"), *comments)
    found = reader.everything("/posts/a-post/comments", limit="100")
    assert [one["id"] for one in found] == [one["id"]["S"][8:] for one in comments]


# ---- limit and next

BAD_LIMITS: list[Any] = [
    "",
    "0",
    "00",
    "01",
    "-1",
    "+1",
    "1.0",
    "1e1",
    "101",
    "1000",
    "9" * 5000,
    " 5",
    "5 ",
    "5\n",
    "0x5",
    "5,6",
    "five",
    "null",
    "NaN",
    "\u0665",
    "\uff15",
    "\u00b2",
    "5\x00",
    "\ud800",
    "5;DROP",
    None,
    5,
    ["5"],
    {"5": 1},
    True,
]


@pytest.mark.parametrize("path", ["/posts", "/posts/a-post/comments"])
@pytest.mark.parametrize("limit", BAD_LIMITS, ids=lambda limit: ascii(limit)[:30])
def test_a_wrong_limit_is_refused(blog: Blog, reader: Caller, path: str, limit: Any) -> None:
    blog.put(*post_items("a-post"))
    reply = blog.send(reader.event("GET", path, query={"limit": limit}))
    assert reply.error == (400, "InvalidParameter")
    assert reply.body["message"].startswith("limit is ")
    assert len(reply.text) < 300


def encoded(text: str | bytes) -> str:
    return base64.urlsafe_b64encode(text if isinstance(text, bytes) else text.encode()).decode().rstrip("=")


ENTRY = "2026-01-01T00:00:00.000Z#a-post"
COMMENT = "01JGFJJ" + "0" * 19
BAD_NEXT: list[Any] = [
    "",
    " ",
    "x",
    "null",
    "eyJ",
    "AAAA",
    "=",
    "====",
    "\x00",
    "\ud800",
    "é",
    "A" * 161,
    "A" * 100_000,
    encoded(""),
    encoded("p"),
    encoded("c"),
    encoded(ENTRY),
    encoded("P" + ENTRY),
    encoded("x" + ENTRY),
    encoded("pp" + ENTRY),
    encoded("p" + ENTRY[:-1] + "-"),
    encoded("p" + ENTRY + "\n"),
    encoded("p" + ENTRY + "\x00"),
    encoded("p" + ENTRY.replace("#", "")),
    encoded("p" + ENTRY.replace(".000", "")),
    encoded("p" + ENTRY.replace("2026", "\u0662\u0660\u0662\u0666")),
    encoded("p" + ENTRY.upper()),
    encoded("p" + ENTRY + "x" * 90),
    encoded("pposts"),
    encoded("ppost#a-post"),
    encoded("p" + COMMENT),
    encoded("c" + COMMENT[:-1]),
    encoded("c" + COMMENT + "0"),
    encoded("c" + COMMENT.replace("J", "j")),
    encoded("c8" + COMMENT[1:]),
    encoded("cU" + COMMENT[1:]),
    encoded("ccomment#" + COMMENT),
    encoded(json.dumps({"list": {"S": "posts"}, "id": {"S": ENTRY}})),
    encoded(b"\xff\xfe" + ENTRY.encode("utf-16-le")),
    5,
    ["x"],
    {"list": "posts"},
]


@shows("REQ-B9", how="stock")
@pytest.mark.parametrize("path", ["/posts", "/posts/a-post/comments"])
@pytest.mark.parametrize("token", BAD_NEXT, ids=lambda token: ascii(token)[:30])
def test_a_next_that_no_page_gave_is_refused(blog: Blog, reader: Caller, path: str, token: Any) -> None:
    blog.put(*post_items("a-post"), comment_item("a-post", 1))
    reply = blog.send(reader.event("GET", path, query={"next": token}))
    assert reply.error == (400, "InvalidParameter")
    assert reply.body["message"].startswith("next is ")
    assert len(reply.text) < 300


def test_a_next_is_for_its_own_list_and_has_one_spelling(blog: Blog, reader: Caller) -> None:
    """A page has one address: others for the same would fill a cache."""
    many(blog, 3)
    blog.put(*(comment_item("post-1", n) for n in range(3)))
    posts = reader.get("/posts", limit="1").body["next"]
    comments = reader.get("/posts/post-1/comments", limit="1").body["next"]
    assert reader.get("/posts", next=posts).status == reader.get("/posts/post-1/comments", next=comments).status == 200
    assert reader.get("/posts", next=comments).error == (400, "InvalidParameter")
    assert reader.get("/posts/post-1/comments", next=posts).error == (400, "InvalidParameter")
    for token, path in ((posts, "/posts"), (comments, "/posts/post-1/comments")):
        assert set(token) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")
        padded = token + "=" * (-len(token) % 4)
        for other in (
            padded + "=",
            padded + "====",
            f" {token}",
            f"{token}\n",
            token[:-1],
            token + "A",
            token + "AAAA",
        ):
            assert reader.get(path, next=other).error == (400, "InvalidParameter")
        if len(token) % 4:  # the bits of the last character that mean nothing
            letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
            other = token[:-1] + letters[letters.index(token[-1]) + 1]
            assert reader.get(path, next=other).error == (400, "InvalidParameter")


def test_no_next_leads_out_of_its_list(blog: Blog, reader: Caller) -> None:
    """Made as ours are, but with a place that no page ended at."""
    many(blog, 3)
    blog.put(*(comment_item("post-1", n) for n in range(3)))
    for at in ("0000-00-00T00:00:00.000Z#0", "9999-99-99T99:99:99.999Z#zzz"):
        found = reader.get("/posts", next=encoded("p" + at)).body["items"]
        assert {item["slug"] for item in found} <= {"post-0", "post-1", "post-2"}
    for at in ("0" * 26, "7" + "Z" * 25):
        found = reader.get("/posts/post-1/comments", next=encoded("c" + at)).body["items"]
        assert {item["name"] for item in found} <= {"Ben"}


@settings(derandomize=True, database=None, deadline=None, max_examples=300)
@given(
    token=st.text(max_size=60)
    | st.binary(max_size=60).map(encoded)
    | st.text(max_size=60).map(lambda t: encoded("p" + t)),
    limit=st.text(max_size=5) | st.integers(-5, 200).map(str),
    slug=st.text(max_size=12) | st.from_regex(r"[a-z0-9#-]{1,12}", fullmatch=True),
)
def test_nothing_in_a_request_makes_it_fail(session_blog: Blog, token: str, limit: str, slug: str) -> None:
    reader = Caller(session_blog, None)
    for path in ("/posts", "/posts/x/comments", "/posts/x"):
        event = reader.event("GET", path, query={"next": token, "limit": limit}) | {"pathParameters": {"slug": slug}}
        reply = session_blog.send(event)
        assert reply.status in (200, 400, 404)
        assert reply.status == 200 or len(reply.error) == 2


def test_who_sends_a_foreign_token_reads_what_everybody_reads(blog: Blog, reader: Caller) -> None:
    many(blog, 2)
    for claims in (author_claims(), author_claims(aud="another-app"), {}):
        assert Caller(blog, claims).get("/posts").body == reader.get("/posts").body
