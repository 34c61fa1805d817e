"""What readers and authors of the blog can do and what they cannot, all of it through the distribution."""

from __future__ import annotations

import base64
import json
import secrets
from itertools import chain
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.evidence import shows
from tests.journeys.blog import AUTHORS_ONLY, author, items, logged, reader, refused
from tests.journeys.stack import Stack
from troposphere_arch.errors import UserError
from troposphere_arch.journeys import play
from troposphere_arch.journeys.blog import NAME, Author

pytestmark = pytest.mark.xdist_group("blog")


def post(**changes: Any) -> dict[str, Any]:
    return {"title": f"A title {secrets.token_hex(6)}", "body": "First line.\n\nSecond <b>line</b>.", **changes}


@shows("REQ-B3", "REQ-B9", how="patched")
def test_a_post_is_published_and_read_through_the_distribution(blog: Stack, mina: Author) -> None:
    joon = reader(blog)
    written = [post(summary=f"Number {n}") for n in range(5)]
    made = [mina.write("POST", "/posts", one) for one in written]
    assert [one.status for one in made] == [201] * 5, made[0].text()
    paths = [one.headers["Location"] for one in made]
    assert all(path.startswith("/posts/a-title-") for path in paths)

    read = joon.call("GET", paths[0])
    assert read.status == 200
    assert {k: read.json()[k] for k in written[0]} == written[0]
    assert read.json()["author"] == NAME
    assert read.headers["Cache-Control"] == "public, max-age=0, s-maxage=60, stale-while-revalidate=600"

    found: list[list[str]] = []
    query = "limit=2"
    while query:
        page = joon.call("GET", f"/posts?{query}").json()
        found.append([f"/posts/{one['slug']}" for one in page["items"]])
        query = f"limit=2&next={page['next']}" if "next" in page else ""
    assert list(chain(*found))[:5] == paths[::-1]
    assert {len(page) for page in found[:-1]} == {2}

    # Who is signed in gets it fresh, and nobody else gets that answer.
    assert mina.write("GET", paths[0]).headers["Cache-Control"] == "private, no-store"
    changed = mina.write("PUT", paths[0], {**written[0], "body": "Other.", "version": 1})
    assert (changed.status, joon.call("GET", paths[0]).json()["body"]) == (200, "Other.")
    stale = mina.write("PUT", paths[0], {**written[0], "version": 1})
    assert refused(stale, 409)
    assert joon.call("GET", paths[0]).json()["body"] == "Other."
    assert refused(mina.write("POST", "/posts", post(slug=paths[1].rpartition("/")[2])), 409)
    for path in paths:
        assert mina.write("DELETE", path).status == 204
    assert refused(joon.call("GET", paths[0]), 404) == "NotFound"
    assert paths[0].rpartition("/")[2] not in joon.call("GET", "/posts").text()


def forged(token: str, **claims: Any) -> str:
    """The token with other claims, and its old signature."""
    head, middle, signature = token.split(".")
    changed = json.loads(base64.urlsafe_b64decode(middle + "==")) | claims
    return ".".join((head, base64.urlsafe_b64encode(json.dumps(changed).encode()).decode().rstrip("="), signature))


@shows("REQ-B9", how="patched")
def test_only_authors_write(blog: Stack, bare_blog: Stack, mina: Author) -> None:
    somebody, elsewhere = author(blog, group=None), author(bare_blog)
    token = somebody.tokens["IdToken"]
    tokens = {
        "a reader": "",
        "not a token": "x",
        "a user who is no author": token,
        "the same, who says otherwise": forged(token, **{"cognito:groups": ["authors"]}),
        "an author's, without its signature": mina.tokens["IdToken"].rpartition(".")[0] + ".",
        "an author's access token": mina.tokens["AccessToken"],
        "an author of another blog": elsewhere.tokens["IdToken"],
    }
    path = mina.write("POST", "/posts", post()).headers["Location"]
    said = reader(blog).call("POST", f"{path}/comments", {"name": "Joon", "text": "Hello"}).json()
    before = items(blog)
    digest = "0" * 64
    bodies = {
        "POST /posts": post(),
        f"PUT {path}": {**post(), "version": 1},
        "POST /uploads": {"sha256": digest, "bytes": 10, "contentType": "image/png"},
    }
    for method, named in AUTHORS_ONLY:
        route = named.replace("/posts/some-post", path).replace("01ARZ3NDEKTSV4RRFFQ69G5FAV", said["id"])
        for who, token in tokens.items():
            answer = reader(blog).call(method, route, bodies.get(f"{method} {route}"), token=token)
            assert answer.status == 401, (who, method, route, answer.status, answer.text())
            assert answer.json()["message"], who
            assert answer.headers["Content-Type"] == "application/json"
    assert items(blog) == before
    assert mina.write("DELETE", f"{path}/comments/{said['id']}").status == 204
    assert mina.write("DELETE", path).status == 204


@shows("REQ-B9", how="patched")
def test_authors_share_the_blog_and_overwrite_nothing_unseen(blog: Stack, mina: Author) -> None:
    hana = author(blog)
    new = post()
    path = mina.write("POST", "/posts", new).headers["Location"]
    assert hana.write("PUT", path, {**new, "body": "Hana's", "version": 1}).status == 200
    late = mina.write("PUT", path, {**new, "body": "Mina's", "version": 1})
    assert refused(late, 409)
    assert "Hana's" in late.text()  # so that she can put the two together
    assert reader(blog).call("GET", path).json()["body"] == "Hana's"
    assert hana.write("DELETE", path).status == 204


@shows("REQ-B9", how="patched")
def test_nobody_becomes_a_user_without_an_administrator(blog: Stack) -> None:
    users = blog.emulator.client("cognito-idp")
    client, pool = blog.outputs["UserPoolClientId"], blog.outputs["UserPoolId"]
    with pytest.raises(ClientError, match="NotAuthorizedException"):
        users.sign_up(ClientId=client, Username="me@example.com", Password="Correct-horse-7-battery")
    assert "me@example.com" not in json.dumps(users.list_users(UserPoolId=pool)["Users"], default=str)


@shows("REQ-B9", how="patched")
def test_sign_in_does_not_tell_whether_there_is_such_a_user(blog: Stack, mina: Author) -> None:
    told = []
    for email in (mina.email, "nobody@example.com"):
        with pytest.raises(ClientError) as no:
            Author(blog.emulator, blog.outputs, email=email, password="Wrong-password-1").sign_in()
        told.append(no.value.response["Error"])
    assert told[0] == told[1]


@shows("REQ-B9", how="patched")
def test_readers_comment_and_authors_keep_the_place_clean(blog: Stack, mina: Author) -> None:
    joon = reader(blog)
    path = mina.write("POST", "/posts", post()).headers["Location"]
    said = [{"name": "Joon", "text": f"<script>alert({n})</script>\nLine 2 \N{SNOWMAN}"} for n in range(5)]
    made = [joon.call("POST", f"{path}/comments", one) for one in said]
    assert [one.status for one in made] == [201] * 5, made[0].text()
    first = joon.call("GET", f"{path}/comments?limit=3").json()
    rest = joon.call("GET", f"{path}/comments?limit=3&next={first['next']}").json()
    listed = first["items"] + rest["items"]
    assert [{k: one[k] for k in ("name", "text")} for one in listed] == said  # oldest first, and just as they were sent
    assert mina.write("DELETE", f"{path}/comments/{listed[2]['id']}").status == 204
    assert len(joon.call("GET", f"{path}/comments").json()["items"]) == 4
    before = items(blog)[blog.outputs["PostsTable"]]
    assert mina.write("DELETE", path).status == 204
    assert refused(joon.call("GET", f"{path}/comments"), 404)
    assert refused(joon.call("POST", f"{path}/comments", said[0]), 404)
    # The entry in the list, the post, four comments.
    assert items(blog)[blog.outputs["PostsTable"]] == before - 6


BAD_POSTS: dict[str, Any] = {
    "no body": None,
    "not JSON": "title=x",
    "half JSON": '{"title": "x", "body": "y"',
    "a list": '["title"]',
    "NaN": '{"title": "x", "body": NaN}',
    "a name twice": '{"title": "x", "title": "y", "body": "z"}',
    "nothing in it": {},
    "no text": {"title": "x"},
    "title is a number": {"title": 5, "body": "x"},
    "title is blank": {"title": "  ", "body": "x"},
    "title is long": {"title": "x" * 151, "body": "x"},
    "title has two lines": {"title": "x\ny", "body": "x"},
    "body is null": {"title": "x", "body": None},
    "body is an object": {"title": "x", "body": {"S": "x"}},
    "body has a bell": {"title": "x", "body": "\a"},
    "body is half a character": '{"title": "x", "body": "\\ud800"}',
    "body is 100,001 bytes": {"title": "x", "body": "x" * 100_001},
    "body is 700 kB": {"title": "x", "body": "x" * 700_000},
    "an author": {"title": "x", "body": "x", "author": "Somebody else"},
    "a date": {"title": "x", "body": "x", "publishedAt": "2000-01-01T00:00:00.000Z"},
    "slug climbs": {"title": "x", "body": "x", "slug": "../x"},
    "slug is loud": {"title": "x", "body": "x", "slug": "X"},
    "slug is long": {"title": "x", "body": "x", "slug": "x" * 81},
    "picture is an address": {"title": "x", "body": "x", "picture": "https://evil.example/x.png"},
    "picture is short": {"title": "x", "body": "x", "picture": "abc"},
    "deep": '{"title":' + "[" * 5000 + "]" * 5000 + "}",
}
BAD_COMMENTS: dict[str, Any] = {
    "no text": {"name": "x"},
    "no name": {"text": "x"},
    "name is long": {"name": "x" * 61, "text": "x"},
    "name has a bell": {"name": "x\a", "text": "x"},
    "text is long": {"name": "x", "text": "x" * 2001},
    "text is a list": {"name": "x", "text": ["x"]},
    "an id": {"name": "x", "text": "x", "id": "01ARZ3NDEKTSV4RRFFQ69G5FAV"},
    "40 kB": {"name": "x", "text": "x" * 40_000},
}
BAD_ADDRESSES: dict[str, Any] = {
    "no address": {},
    "not text": {"email": 5},
    "no @": {"email": "mina.example.com"},
    "two": {"email": "mina@example.com,joon@example.com"},
    "a header": {"email": "mina@example.com\r\nBcc: joon@example.com"},
    "a name": {"email": "Mina <mina@example.com>"},
    "long": {"email": "x" * 250 + "@example.com"},
    "more": {"email": "mina@example.com", "state": "confirmed"},
}
BAD_QUERIES = (
    "limit=0",
    "limit=101",
    "limit=x",
    "limit=-1",
    "next=%21%21",
    "next=eyJsaXN0IjoieCJ9",
    "next=" + "A" * 400,
)
ODD_PATHS = (
    *("/posts/..%2F..%2Fetc", "/posts/%00", "/posts/A", "/posts/--", "/posts/" + "x" * 3000, "/posts/x/y", "/nothing"),
    *("/posts/nothing-here", "/posts/nothing-here/comments", "/"),
)


@shows("REQ-B9", how="patched")
def test_hostile_requests_get_a_clear_4xx_and_write_nothing(blog: Stack, mina: Author) -> None:
    joon = reader(blog)
    path = mina.write("POST", "/posts", post()).headers["Location"]
    before, as_it_was = items(blog), joon.call("GET", path).json()
    answers = {f"post: {what}": mina.write("POST", "/posts", body) for what, body in BAD_POSTS.items()}
    for what, version in {"none": None, "true": True, "0": 0, "huge": 10**40, "a half": 1.5, "text": "1"}.items():
        body = post() if version is None else {**post(), "version": version}
        answers[f"version is {what}"] = mina.write("PUT", path, body)
    answers |= {f"comment: {w}": joon.call("POST", f"{path}/comments", body) for w, body in BAD_COMMENTS.items()}
    answers |= {f"address: {w}": joon.call("POST", "/subscriptions", body) for w, body in BAD_ADDRESSES.items()}
    for step in ("confirm", "leave"):
        for token in (5, {"S": "x"}):
            answers[f"{step}: {token}"] = joon.call("POST", f"/subscriptions/{step}", {"token": token})
    for token in ("", "x", "eA.x", "." * 400):
        answers[f"confirm: {token}"] = joon.call("POST", "/subscriptions/confirm", {"token": token})
    for kind in ("text/plain", "application/xml", "multipart/form-data", "application/json-patch+json"):
        sent = {"Content-Type": kind}
        answers[f"post as {kind}"] = mina.write("POST", "/posts", post(), headers=sent)
        comment = {"name": "x", "text": "x"}
        answers[f"comment as {kind}"] = joon.call("POST", f"{path}/comments", comment, headers=sent)
        answers[f"address as {kind}"] = joon.call("POST", "/subscriptions", {"email": "x@example.com"}, headers=sent)
    answers |= {f"GET ?{query[:20]}": joon.call("GET", f"/posts?{query}") for query in BAD_QUERIES}
    answers |= {f"GET {odd[:30]}": joon.call("GET", odd) for odd in ODD_PATHS}
    answers |= {f"{method} {path}": joon.call(method, path, {}) for method in ("PATCH", "POST", "OPTIONS")}
    answers["comment on nothing"] = joon.call("POST", "/posts/nothing-here/comments", {"name": "x", "text": "x"})
    for digest in ("x", "0" * 63, "..%2Fx"):
        answers[f"upload {digest}"] = mina.write("GET", f"/uploads/{digest}")
    upload = {"sha256": "0" * 64, "bytes": 1000, "contentType": "image/png"}
    for what, changes in {
        "type": {"contentType": "text/html"},
        "svg": {"contentType": "image/svg+xml"},
        "no size": {"bytes": 0},
        "20 MB and a byte": {"bytes": 20 * 2**20 + 1},
        "half a byte": {"bytes": 1.5},
        "name": {"sha256": "../../media/x"},
        "key": {"key": "media/x"},
    }.items():
        answers[f"upload: {what}"] = mina.write("POST", "/uploads", {**upload, **changes})
    for what, answer in answers.items():
        assert 400 <= answer.status < 500, (what, answer.status, answer.text()[:300])
        try:
            message = answer.json()["message"]
        except (ValueError, KeyError, TypeError):
            raise AssertionError((what, answer.status, answer.text()[:300])) from None
        assert len(message) > 10, (what, answer.text()[:300])
        assert "Traceback" not in message, what
    assert items(blog) == before
    assert joon.call("GET", path).json() == as_it_was
    mina.write("DELETE", path)


@shows("REQ-B9", how="patched")
def test_logs_are_structured_and_hold_nothing_personal(blog: Stack, mina: Author) -> None:
    secret, address = f"secret-{secrets.token_hex(8)}", f"log-{secrets.token_hex(8)}@example.com"
    path = mina.write("POST", "/posts", post(body=secret)).headers["Location"]
    joon = reader(blog)
    joon.call("GET", path)
    joon.call("POST", f"{path}/comments", {"name": secret, "text": secret})
    joon.call("POST", "/subscriptions", {"email": address})
    mina.write("DELETE", path)
    events = logged(blog, "ReadPosts", "WritePosts", "WriteComments", "Subscribe", "SignUploads", "SendMail")
    lines = [json.loads(one) for one in events if one.startswith("{")]
    requests = [one for one in lines if "resource" in one]
    assert {"POST", "GET", "DELETE"} <= {one["method"] for one in requests}
    assert {"level", "timestamp", "message", "requestId", "status", "durationMs"} <= requests[0].keys()
    claims = json.loads(base64.urlsafe_b64decode(mina.tokens["IdToken"].split(".")[1] + "=="))
    for private in (secret, address, mina.email, claims["sub"], mina.tokens["IdToken"], mina.tokens["AccessToken"]):
        assert private not in "\n".join(events)


@shows("REQ-B3", "REQ-B9", how="patched")
@pytest.mark.parametrize("which", ["blog", "bare_blog"])
def test_the_demo_plays(request: pytest.FixtureRequest, which: str) -> None:
    stack: Stack = request.getfixturevalue(which)
    steps = list(play("blog", stack.emulator, stack.outputs))
    assert len(steps) == {"blog": 16, "bare_blog": 13}[which], [step.does for step in steps]


def test_the_demo_says_so_where_it_cannot_play(stock_blog: Stack) -> None:
    with pytest.raises(UserError, match="deploy the blog without --stock"):
        next(play("blog", stock_blog.emulator, stock_blog.outputs))
