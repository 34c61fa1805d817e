"""Each handler of the blog's API, deployed inline as a template does: it needs each of its rights, and no other."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

import pytest

from tests.evidence import shows
from tests.handlers.blog.conftest import (
    COMMENT,
    MEDIA,
    POSTS,
    SUBSCRIBERS,
    UPLOADS,
    Blog,
    Deployed,
    author_claims,
    comment_item,
    deploy,
    event_of,
    post_items,
)
from tests.handlers.blog.test_sign_uploads import PICTURE, policy_of, upload
from troposphere_arch import local

AUTHOR = author_claims()
GOOD = {"title": "A post", "body": "Its text."}
READY, REJECTED = "12" * 32, "34" * 32
PICTURE_NAME = hashlib.sha256(PICTURE).hexdigest()


def table(name: str) -> str:
    return f"arn:aws:dynamodb:*:*:table/{name}"


def proved(
    function: Deployed,
    rights: dict[tuple[str, str], dict[int, Any]],
    prepare: Callable[[], None],
    events: list[dict[str, Any]],
    expected: list[Any],
    seen: Callable[[Any], Any] = lambda reply: reply and reply.status,
) -> None:
    """With all rights the events are answered as expected; without one, those that are told with it differ."""

    def answers() -> list[Any]:
        prepare()
        return [seen(function.invoke(event)) for event in events]

    function.allow(*rights)
    assert answers() == expected
    for missing, differing in rights.items():
        function.allow(*(right for right in rights if right != missing))
        assert answers() == [differing.get(n, status) for n, status in enumerate(expected)], missing


@shows("REQ-B9", "REQ-B10", how="stock")
def test_reading_posts(blog: Blog, stock: local.Emulator) -> None:
    def prepare() -> None:
        blog.empty()
        blog.put(*post_items("a-post"), comment_item("a-post", 1))

    paths = [
        "/config",
        "/posts",
        "/posts/a-post",
        "/posts/a-post/comments",
        "/posts/nothing",
        "/posts/nothing/comments",
    ]
    proved(
        deploy(stock, "read_posts"),
        {
            ("dynamodb:GetItem", table(POSTS)): {2: None, 4: None, 5: None, 6: None},
            ("dynamodb:Query", table(POSTS)): {1: None, 3: None, 5: None},
        },
        prepare,
        [*(event_of("GET", path) for path in paths), event_of("GET", "/posts/a-post", claims=AUTHOR)],
        [200, 200, 200, 200, 404, 404, 200],
    )


@shows("REQ-B9", "REQ-B10", how="stock")
def test_writing_posts(blog: Blog, stock: local.Emulator) -> None:
    def prepare() -> None:
        blog.empty()
        comment = comment_item("b", 1)
        blog.put(*post_items("a"), *post_items("b"), comment, *post_items("c"))
        blog.put(comment | {"id": {"S": f"comment#{COMMENT}"}, "list": {"S": "post#a"}})

    right = {name: (f"dynamodb:{name}", table(POSTS)) for name in ("GetItem", "Query", "PutItem", "UpdateItem")}
    right |= {name: (f"dynamodb:{name}", table(POSTS)) for name in ("DeleteItem", "BatchWriteItem")}
    proved(
        deploy(stock, "write_posts"),
        {
            right["GetItem"]: {1: None, 2: None, 3: None, 5: None, 6: None},
            right["Query"]: {5: None, 6: None},
            right["PutItem"]: {0: None, 1: None, 2: None},
            right["UpdateItem"]: {5: None, 6: None},
            right["DeleteItem"]: {4: None, 5: None, 6: None},
            right["BatchWriteItem"]: {5: None},
        },
        prepare,
        [
            event_of("POST", "/posts", GOOD | {"slug": "new"}, claims=AUTHOR),
            event_of("POST", "/posts", GOOD | {"slug": "a"}, claims=AUTHOR),
            event_of("PUT", "/posts/a", GOOD | {"version": 1}, claims=AUTHOR),
            event_of("PUT", "/posts/a", GOOD | {"version": 7}, claims=AUTHOR),
            event_of("DELETE", f"/posts/a/comments/{COMMENT}", claims=AUTHOR),
            event_of("DELETE", "/posts/b", claims=AUTHOR),
            event_of("DELETE", "/posts/c", claims=AUTHOR),
        ],
        [201, 409, 200, 409, 204, 204, 204],
    )


@shows("REQ-B9", "REQ-B10", how="stock")
def test_writing_comments(blog: Blog, stock: local.Emulator) -> None:
    def prepare() -> None:
        blog.empty()
        blog.put(*post_items("a"))

    said = {"name": "Ben", "text": "Well said."}
    proved(
        deploy(stock, "write_comments"),
        {
            ("dynamodb:PutItem", table(POSTS)): {0: None, 1: None},
            ("dynamodb:ConditionCheckItem", table(POSTS)): {0: None, 1: None},
        },
        prepare,
        [event_of("POST", "/posts/a/comments", said), event_of("POST", "/posts/nothing/comments", said)],
        [201, 404],
    )
    assert not any(item["id"]["S"].startswith("comment#") for item in blog.items())  # the last two lacked a right each


@shows("REQ-B5", "REQ-B10", how="stock")
def test_subscribing(blog: Blog, stock: local.Emulator) -> None:
    token = "YW5uYUBleGFtcGxlLmNvbQ." + "x" * 43
    item = {"address": "anna@example.com", "state": "pending", "mail": "confirm-sent", "token": "x" * 43}

    def prepare() -> None:
        blog.empty()
        texts = {name: {"S": value} for name, value in item.items()}
        blog.put({**texts, "askedAt": {"N": "1"}, "expires": {"N": "9999999999"}}, table=SUBSCRIBERS)

    proved(
        deploy(stock, "subscribe"),
        {
            ("dynamodb:GetItem", table(SUBSCRIBERS)): {1: None, 2: None, 3: None},
            ("dynamodb:UpdateItem", table(SUBSCRIBERS)): {0: None, 1: None, 2: None, 4: None},
        },
        prepare,
        [
            event_of("POST", "/subscriptions", {"email": "anna@example.com"}),
            event_of("POST", "/subscriptions/confirm", {"token": token}),
            event_of("POST", "/subscriptions/leave", {"token": token}),
            event_of("POST", "/subscriptions/leave", {"token": token[:-1] + "y"}),
            event_of("POST", "/subscriptions", {"email": "ben@example.com"}),
        ],
        [202, 200, 200, 200, 202],
    )


@shows("REQ-B10", "REQ-B11", how="stock")
def test_signing_uploads(blog: Blog, stock: local.Emulator) -> None:
    """What the form may do its signer may, so it is used as well as asked for."""
    blog.s3.put_object(Bucket=MEDIA, Key=f"media/{READY}/picture.json", Body=b"{}")
    blog.s3.put_object(Bucket=UPLOADS, Key=f"rejected/{REJECTED}.json", Body=b'{"reason": "No."}')
    asked = {"sha256": PICTURE_NAME, "bytes": len(PICTURE), "contentType": "image/png"}

    def seen(reply: Any) -> Any:
        if reply is None or "url" not in reply.body:
            return reply and reply.body["state"]
        token = reply.body["fields"]["x-amz-security-token"]  # a role's keys are worth nothing without it
        assert {"x-amz-security-token": token} in policy_of(reply.body)["conditions"]
        assert upload(stock, reply.body, **{"x-amz-security-token": None}).status == 400
        return upload(stock, reply.body).status

    proved(
        deploy(stock, "sign_uploads"),
        {
            ("s3:PutObject", f"arn:aws:s3:::{UPLOADS}/incoming/*"): {0: 403},
            ("s3:GetObject", f"arn:aws:s3:::{UPLOADS}/rejected/*"): {2: "waiting"},
            ("s3:GetObject", f"arn:aws:s3:::{MEDIA}/media/*/picture.json"): {1: "waiting"},
        },
        lambda: None,
        [
            event_of("POST", "/uploads", asked, claims=AUTHOR),
            event_of("GET", f"/uploads/{READY}", claims=AUTHOR),
            event_of("GET", f"/uploads/{REJECTED}", claims=AUTHOR),
            event_of("GET", f"/uploads/{'ef' * 32}", claims=AUTHOR),
        ],
        [204, "ready", "rejected", "waiting"],
        seen,
    )


@pytest.mark.parametrize("name", ["read_posts", "write_comments", "subscribe"])
def test_who_needs_no_sign_in_is_served_without_claims_by_a_deployed_function(
    blog: Blog, stock: local.Emulator, name: str
) -> None:
    """And without any right it refuses what it does not know, as one that works."""
    function = deploy(stock, name)
    function.allow()
    reply = function.invoke(event_of("GET", "/nothing") | {"resource": "/nothing"})
    assert reply is not None
    assert reply.error == (404, "UnknownRoute")
