"""The handlers of the blog's API: the parts they share are the same, and what all of them do alike."""

from __future__ import annotations

import ast
import base64
import json
import re
import sys
from typing import Any

import pytest

from tests.evidence import shows
from tests.handlers.blog.conftest import (
    APP_CLIENT,
    BODIES,
    ENVIRONMENT,
    HANDLERS,
    NAMES,
    PRIVATE,
    PUBLIC,
    ROUTE_PATHS,
    SERVED_BY,
    SHA,
    Blog,
    Caller,
    author_claims,
)
from tests.handlers.conftest import Context, Faulty, Reply, fault

SHARED = {
    "all handlers of the API": NAMES,
    "what reads or writes posts": ("read_posts", "write_posts", "write_comments"),
    "what takes a body": ("write_posts", "write_comments", "subscribe", "sign_uploads"),
    "what writes texts": ("write_posts", "write_comments"),
    "what is for authors": ("write_posts", "sign_uploads"),
}
FOR_AUTHORS = [route for route, name in SERVED_BY.items() if name in ("write_posts", "sign_uploads")]
WITH_BODY = list(BODIES)


def source(name: str) -> str:
    return (HANDLERS / f"{name}.py").read_text(encoding="utf-8")


def ask(caller: Caller, route: str, body: Any = None, **more: Any) -> Reply:
    """A request for this route; its body is a good one unless another is given."""
    given = BODIES.get(route) if body is None else body
    return caller.send(route.split(" ")[0], ROUTE_PATHS[route], given, **more)


@pytest.mark.parametrize("part", SHARED)
def test_the_shared_parts_are_the_same(part: str) -> None:
    begin, end = f"# ---- Same in {part}, begin", f"# ---- Same in {part}, end"
    texts = set()
    for name in NAMES:
        text = source(name)
        assert text.count(begin) == text.count(end) == (name in SHARED[part])
        if name in SHARED[part]:
            texts.add(text[text.index(begin) : text.index(end)])
    assert len(texts) == 1
    assert "\ndef " in texts.pop()


@shows("REQ-B9", how="static")
@pytest.mark.parametrize("name", NAMES)
def test_a_handler_is_one_ascii_file_on_the_standard_library_boto3_and_its_layer(name: str) -> None:
    text = source(name)
    assert text.isascii()
    tree = ast.parse(text, feature_version=(3, 11))
    assert ast.get_docstring(tree)
    imports = [node for node in ast.walk(tree) if isinstance(node, (ast.Import, ast.ImportFrom))]
    modules = {alias.name for node in imports if isinstance(node, ast.Import) for alias in node.names}
    modules |= {node.module or "" for node in imports if isinstance(node, ast.ImportFrom)}
    layer = {"amazondax"} if name == "read_posts" else set()
    assert {module.split(".")[0] for module in modules} <= sys.stdlib_module_names | {"boto3", "botocore"} | layer


@pytest.mark.parametrize("name", NAMES)
def test_a_handler_reads_only_the_variables_that_its_template_sets(name: str) -> None:
    # AWS_REGION is Lambda's own.
    expected = set(ENVIRONMENT[name]) | ({"POSTS_CACHE", "AWS_REGION"} if name == "read_posts" else set())
    assert set(re.findall(r"environ(?:\.get\(|\[)\"(\w+)\"", source(name))) == expected
    assert source(name).count("environ") == len(expected)


# ---- Who is an author

NO_TOKEN_OF_THIS_APP: dict[str, Any] = {
    "access token": {"token_use": "access"},
    "refresh token": {"token_use": "refresh"},
    "no token_use": {"token_use": None},
    "token_use in capitals": {"token_use": "ID"},
    "token_use of a wrong type": {"token_use": ["id"]},
    "another app of the pool": {"aud": "another-client"},
    "an app whose name begins alike": {"aud": APP_CLIENT + "2"},
    "an app whose name ends earlier": {"aud": APP_CLIENT[:-1]},
    "several apps": {"aud": [APP_CLIENT]},
    "no app": {"aud": None},
    "an access token's way to name the app": {"aud": None, "client_id": APP_CLIENT},
}
NO_AUTHORS: list[Any] = [
    None,
    "",
    " ",
    ",",
    "[]",
    "[ ]",
    "readers",
    "author",
    "authors2",
    "2authors",
    "not-authors",
    "authors-not",
    "Authors",
    "AUTHORS",
    "authors.",
    "co-authors",
    "authors/readers",
    "authors;readers",
    "authors|readers",
    "authors\treaders",
    "authors\x00",
    "\x00authors",
    "authors\n",
    "\nauthors",
    "authors\u00a0",
    "authors\u200b",
    "\u0430uthors",  # its first letter is Cyrillic
    "\uff41uthors",
    "authorſ",
    "aut\u200dhors",
    "[authors",
    "authors]",
    "[[authors]]",
    "{authors}",
    '"authors"',
    '["authors"]',
    "'authors'",
    "(authors)",
    "not-authors,authors2",
    "[not-authors, authors2]",
    "[not-authors authors2]",
    [],
    [""],
    ["readers"],
    ["not-authors", "authors2"],
    ["authors,readers"],
    ["[authors]"],
    ["Authors"],
    [["authors"]],
    [{"authors": True}],
    [None, 1, True],
    {"authors": True},
    {"0": "authors"},
    True,
    1,
    1.5,
]
AUTHORS: list[Any] = [
    "authors",
    "[authors]",
    "readers,authors",
    "authors,readers",
    "readers, authors",
    "[readers, authors]",
    "[authors, readers]",
    "[readers authors]",
    "readers,authors,editors",
    ["authors"],
    ["readers", "authors"],
    [1, None, "authors"],
]


@shows("REQ-B9", how="stock")
@pytest.mark.parametrize("route", FOR_AUTHORS)
@pytest.mark.parametrize("groups", NO_AUTHORS, ids=ascii)
def test_who_is_in_no_group_authors_is_refused(blog: Blog, route: str, groups: Any) -> None:
    caller = Caller(blog, author_claims(**{"cognito:groups": groups}))
    assert ask(caller, route).error == (401, "NotAnAuthor")
    assert blog.items() == []


@pytest.mark.parametrize("groups", AUTHORS, ids=str)
def test_who_is_in_the_group_is_an_author_however_api_gateway_spells_it(blog: Blog, groups: Any) -> None:
    caller = Caller(blog, author_claims(**{"cognito:groups": groups}))
    assert ask(caller, "POST /posts").status == 201
    assert ask(caller, "POST /uploads").status == 201


def test_a_user_without_the_claim_is_no_author(blog: Blog) -> None:
    claims = author_claims()
    del claims["cognito:groups"]
    for name in ("groups", "custom:groups", "Cognito:Groups"):
        claims[name] = "authors"
    for route in FOR_AUTHORS:
        assert ask(Caller(blog, claims), route).error == (401, "NotAnAuthor")


@shows("REQ-B9", how="stock")
@pytest.mark.parametrize("route", FOR_AUTHORS)
@pytest.mark.parametrize("change", NO_TOKEN_OF_THIS_APP.values(), ids=NO_TOKEN_OF_THIS_APP)
def test_without_an_id_token_of_this_app_nothing_is_done(blog: Blog, route: str, change: dict[str, Any]) -> None:
    assert ask(Caller(blog, author_claims(**change)), route).error == (401, "Unauthorized")
    assert blog.items() == []


@pytest.mark.parametrize("route", FOR_AUTHORS)
@pytest.mark.parametrize(
    "context",
    [
        None,
        {},
        [],
        "authors",
        {"authorizer": None},
        {"authorizer": "authors"},
        {"authorizer": {"claims": None}},
        {"authorizer": {"claims": "authors"}},
        {"authorizer": {"claims": ["authors"]}},
        {"authorizer": {"jwt": {"claims": author_claims()}}},
        {"claims": author_claims()},
        author_claims(),
    ],
    ids=lambda context: repr(sorted(context) if isinstance(context, dict) else context)[:60],
)
def test_claims_are_taken_from_the_authorizer_alone(author: Caller, route: str, context: Any) -> None:
    event = author.event(route.split(" ")[0], ROUTE_PATHS[route], BODIES.get(route))
    event["requestContext"] = context
    event["headers"] |= {"cognito:groups": "authors", "X-Groups": "authors"}
    assert author.blog.send(event).error == (401, "Unauthorized")
    assert author.blog.items() == []


@pytest.mark.parametrize("route", FOR_AUTHORS)
def test_a_reader_is_refused_before_the_request_is_looked_at(reader: Caller, route: str) -> None:
    """What is wrong with a body, or whether there is such a post, is not for everybody to find out here."""
    assert ask(reader, route, "{").error == (401, "Unauthorized")
    assert ask(reader, route).error == (401, "Unauthorized")


# ---- Bodies

NO_OBJECTS = {
    "nothing": "",
    "a blank": " ",
    "null": "null",
    "true": "true",
    "a number": "1",
    "a text": '"text"',
    "a list": "[]",
    "a list with an object": "[{}]",
    "cut": "{",
    "single quotes": "{'title': 'Milk'}",
    "two objects": "{} {}",
    "a comma at the end": '{"title": "x",}',
    "NaN": '{"title": NaN}',
    "Infinity": '{"version": Infinity}',
    "-Infinity": '{"bytes": -Infinity}',
    "a byte order mark": "\ufeff{}",
    "a line break in a text": '{"title": "\n"}',
    "a null byte in a text": '{"title": "\x00"}',
    "null bytes around": "\x00{}\x00",
    "too many digits": f'{{"version": {"9" * 3900}}}'.replace("9" * 3900, "9" * 4301)[:4000],
    "nested lists": "[" * 3900,
    "nested objects": '{"a":' * 700,
    "half a pair": '{"title": "\ud800"}',
    "XML": "<title>x</title>",
    "a form": "title=x&body=y",
}


@shows("REQ-B9", how="stock")
@pytest.mark.parametrize("route", WITH_BODY)
@pytest.mark.parametrize("body", NO_OBJECTS.values(), ids=NO_OBJECTS)
def test_what_is_no_json_object_is_refused(author: Caller, route: str, body: str) -> None:
    assert ask(author, route, body).error == (400, "InvalidBody")
    assert author.blog.items() == []
    assert author.blog.subscribers == {}


@pytest.mark.parametrize("route", WITH_BODY)
@pytest.mark.parametrize("body", [None, 5, True, {"title": "x"}, ["x"], b"{}"], ids=str)
def test_a_body_that_is_no_text_is_refused(author: Caller, route: str, body: Any) -> None:
    event = author.event(route.split(" ")[0], ROUTE_PATHS[route]) | {"body": body}
    assert author.blog.send(event).error == (400, "InvalidBody")


@pytest.mark.parametrize("route", WITH_BODY)
def test_a_body_that_says_something_twice_is_refused(author: Caller, route: str) -> None:
    """A validator before the handler may have looked at the other one."""
    text = json.dumps(BODIES[route])
    for name, value in BODIES[route].items():
        doubled = f"{{{json.dumps(name)}: {json.dumps(value)}, {text[1:]}"
        assert ask(author, route, doubled).error == (400, "InvalidBody")
        escaped = f'{{"\\u{ord(name[0]):04x}{name[1:]}": {json.dumps(value)}, {text[1:]}'
        assert ask(author, route, escaped).error == (400, "InvalidBody")
    assert ask(author, route, text[:-1] + ', "x": {"y": 1, "y": 2}}').error == (400, "InvalidBody")
    assert author.blog.items() == []
    assert author.blog.subscribers == {}


@pytest.mark.parametrize("route", WITH_BODY)
@pytest.mark.parametrize(
    "name",
    [
        "",
        "x",
        "list",
        "id",
        "entry",
        "closed",
        "author",
        "state",
        "publishedAt",
        "__class__",
        "title ",
        "TITLE",
        "\ud800",
        "titl\u0435",  # its last letter is Cyrillic
        "a\x00b",
        "é",
        "x" * 3000,
        "$ne",
        "constructor",
        "__proto__",
    ],
    ids=lambda name: ascii(name)[:20],
)
def test_an_unknown_field_is_refused_by_name(author: Caller, route: str, name: str) -> None:
    reply = ask(author, route, json.dumps(BODIES[route] | {name: 1}))
    assert reply.error == (400, "UnknownField")
    assert json.dumps(name)[:50] in reply.body["message"]
    assert len(reply.text) < 400
    assert author.blog.items() == []
    assert author.blog.subscribers == {}


@pytest.mark.parametrize("route", WITH_BODY)
def test_a_missing_field_is_refused_by_name(author: Caller, route: str) -> None:
    for name in BODIES[route].keys() - {"summary", "slug", "picture"}:
        reply = ask(author, route, {key: value for key, value in BODIES[route].items() if key != name})
        assert reply.error == (400, "MissingField")
        assert reply.body["message"].startswith(f"{name} is missing")


LIMITS = {"write_posts": 640 * 1024, "write_comments": 32 * 1024, "subscribe": 8 * 1024, "sign_uploads": 4 * 1024}


@shows("REQ-B9", how="stock")
@pytest.mark.parametrize("route", WITH_BODY)
def test_a_body_that_is_too_large_is_refused(author: Caller, route: str) -> None:
    limit, text = LIMITS[SERVED_BY[route]], json.dumps(BODIES[route])
    for body in (text + " " * (limit + 1 - len(text)), "\U0001f600" * (limit // 4 + 1), " " * 2_000_000):
        assert ask(author, route, body).error == (413, "BodyTooLarge")
    event = author.event(route.split(" ")[0], ROUTE_PATHS[route], base64.b64encode(b" " * (limit + 1)).decode())
    assert author.blog.send(event | {"isBase64Encoded": True}).error == (413, "BodyTooLarge")
    assert author.blog.items() == []
    assert author.blog.subscribers == {}
    assert ask(author, route, text + " " * (limit - len(text))).status in (200, 201, 202, 404)


@pytest.mark.parametrize("route", WITH_BODY)
def test_a_body_in_base64(author: Caller, route: str) -> None:
    def in_base64(body: str) -> Reply:
        event = author.event(route.split(" ")[0], ROUTE_PATHS[route], body)
        return author.blog.send(event | {"isBase64Encoded": True})

    raw = json.dumps(BODIES[route]).encode()
    text = base64.b64encode(raw).decode()
    latin, utf16 = (
        base64.b64encode(b'{"t\xe9": 1}').decode(),
        base64.b64encode(raw.decode().encode("utf-16")).decode(),
    )
    for bad in (text[:-3], f"{text}!", f"{text}\n", raw.decode(), "é", "\ud800", "====", latin, utf16, "AAAA"):
        assert in_base64(bad).error == (400, "InvalidBody"), bad
    assert author.blog.items() == []
    assert in_base64(text).status in (200, 201, 202, 404)


JSON_TYPES = [
    "application/json",
    "application/json; charset=utf-8",
    "Application/JSON;charset=UTF-8",
    " application/json ",
]
OTHER_TYPES = [
    "text/plain",
    "text/json",
    "application/xml",
    "application/json-patch+json",
    "application/jsonx",
    "json",
    "application/octet-stream",
    "image/png",
    "application/json, text/plain",
    "*/*",
    "\x00",
]


@shows("REQ-B9", how="stock")
@pytest.mark.parametrize("route", WITH_BODY)
def test_a_body_of_another_content_type_is_refused(author: Caller, route: str) -> None:
    forms = [] if route == "POST /subscriptions/leave" else ["application/x-www-form-urlencoded", "multipart/form-data"]
    for kind in OTHER_TYPES + forms:
        assert ask(author, route, headers={"Content-Type": kind}).error == (415, "UnsupportedMediaType"), kind
    assert author.blog.items() == []
    assert author.blog.subscribers == {}


@pytest.mark.parametrize("route", WITH_BODY)
@pytest.mark.parametrize("kind", JSON_TYPES)
def test_json_is_taken_however_its_type_is_spelt(author: Caller, route: str, kind: str) -> None:
    event = author.event(route.split(" ")[0], ROUTE_PATHS[route], BODIES[route])
    for name in ("content-type", "CONTENT-TYPE", "Content-Type"):
        headers = {one: value for one, value in event["headers"].items() if one != "Content-Type"} | {name: kind}
        assert author.blog.send(event | {"headers": headers}).status in (200, 201, 202, 404)


# ---- Every route: answers, failures, logs


@pytest.mark.parametrize(
    ("method", "resource"),
    [
        *[(method, "/posts") for method in ("PATCH", "PUT", "HEAD", "OPTIONS", "get", "CONNECT", "")],
        *[("GET", path) for path in ("/", "/me", "/posts/", "//posts", "/api/posts", "/posts/{id}", "{proxy+}", None)],
        (None, None),
    ],
)
@pytest.mark.parametrize("name", NAMES)
def test_an_unknown_route_or_method_is_not_found(author: Caller, name: str, method: Any, resource: Any) -> None:
    event = author.event("POST", "/posts", BODIES["POST /posts"]) | {"httpMethod": method, "resource": resource}
    answer = author.blog.modules[name].handler(event, Context())
    assert (answer["statusCode"], json.loads(answer["body"])["error"]) == (404, "UnknownRoute")
    assert answer["headers"]["Cache-Control"] == PRIVATE


@pytest.mark.parametrize("name", NAMES)
def test_a_handler_serves_just_its_routes(blog: Blog, name: str) -> None:
    assert set(blog.modules[name].ROUTES) == {route for route, server in SERVED_BY.items() if server == name}


@pytest.mark.parametrize("route", SERVED_BY)
@pytest.mark.parametrize("name", ["Authorization", "authorization", "AUTHORIZATION", "aUTHORIZATION"])
def test_no_cache_keeps_what_was_asked_with_a_token(blog: Blog, route: str, name: str) -> None:
    """However the header is spelt, and whatever is in it; for errors, too."""
    anna = Caller(blog, author_claims())
    anna.publish(slug="a-post")
    for value in ("Bearer x", "", "x" * 9000):
        event = anna.event(route.split(" ")[0], ROUTE_PATHS[route], BODIES.get(route))
        headers = {one: text for one, text in event["headers"].items() if one != "Authorization"} | {name: value}
        assert blog.send(event | {"headers": headers}).headers["Cache-Control"] == PRIVATE


@pytest.mark.parametrize("route", SERVED_BY)
@pytest.mark.parametrize("headers", [None, {}, [], "text", {"Host": None}, {"": ""}, {"X": 5}], ids=str)
def test_an_event_with_odd_headers_is_served(blog: Blog, route: str, headers: Any) -> None:
    anna = Caller(blog, author_claims())
    anna.publish(slug="a-post")
    event = anna.event(route.split(" ")[0], ROUTE_PATHS[route], BODIES.get(route)) | {"headers": headers}
    reply = blog.send(event)
    assert reply.status in (200, 201, 202, 204, 404, 409)
    assert reply.headers["Cache-Control"] == (PUBLIC if SERVED_BY[route] == "read_posts" else PRIVATE)


@pytest.mark.parametrize("route", SERVED_BY)
def test_every_answer_has_its_headers(blog: Blog, route: str) -> None:
    anna = Caller(blog, author_claims())
    anna.publish(slug="a-post")
    replies = [ask(anna, route), ask(anna, route, "{"), ask(Caller(blog), route)]
    for reply in replies:
        assert reply.headers["Content-Type"] == "application/json"
        assert reply.headers["X-Content-Type-Options"] == "nosniff"
        assert not [name for name in reply.headers if name.startswith("Access-Control")]
        assert all(isinstance(value, str) and value.isascii() for value in reply.headers.values())


CALLS = {
    "GET /posts": "query",
    "GET /posts/{slug}": "get_item",
    "GET /posts/{slug}/comments": "query",
    "POST /posts": "transact_write_items",
    "PUT /posts/{slug}": "get_item",
    "DELETE /posts/{slug}": "get_item",
    "DELETE /posts/{slug}/comments/{id}": "delete_item",
    "POST /posts/{slug}/comments": "transact_write_items",
    "POST /subscriptions": "update_item",
    "POST /subscriptions/confirm": "get_item",
    "POST /subscriptions/leave": "get_item",
    "GET /uploads/{sha256}": "get_object",
}
"""The first call of each route to a service; the other routes make none."""
KNOWN_TOKEN = base64.urlsafe_b64encode(b"anna@example.com").decode().rstrip("=") + "." + "x" * 43


def failing(blog: Blog, monkeypatch: pytest.MonkeyPatch, route: str, error: Exception) -> Reply:
    module, client = blog.modules[SERVED_BY[route]], "s3" if "uploads" in route else "table"
    monkeypatch.setattr(module, client, Faulty(getattr(module, client), **{CALLS[route]: [error]}))
    body = {"token": KNOWN_TOKEN} if "token" in BODIES.get(route, {}) else None
    return ask(Caller(blog, author_claims()), route, body)


@shows("REQ-B9", how="stock")
@pytest.mark.parametrize("route", CALLS)
@pytest.mark.parametrize(
    "code",
    [
        "ProvisionedThroughputExceededException",
        "ThrottlingException",
        "RequestLimitExceeded",
        "SlowDown",
        "ServiceUnavailable",
        "TransactionInProgressException",
        "TransactionConflictException",
    ],
)
def test_when_a_service_is_busy_the_caller_is_asked_to_come_back(
    blog: Blog, monkeypatch: pytest.MonkeyPatch, route: str, code: str
) -> None:
    reply = failing(blog, monkeypatch, route, fault(code))
    assert reply.error == (503, "Busy")
    assert int(reply.headers["Retry-After"]) > 0
    assert reply.headers["Cache-Control"] == PRIVATE
    assert blog.items() == []
    assert blog.subscribers == {}


@shows("REQ-B9", how="stock")
@pytest.mark.parametrize("route", CALLS)
@pytest.mark.parametrize("error", [fault("ResourceNotFoundException"), TimeoutError("anna@example.com"), KeyError("S")])
def test_a_crash_is_seen_by_the_alarm_and_tells_nothing(
    blog: Blog,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    route: str,
    error: Exception,
) -> None:
    with pytest.raises(RuntimeError, match="the log line before this one") as raised:
        failing(blog, monkeypatch, route, error)
    assert raised.value.__context__ is None
    (line,) = capsys.readouterr().out.splitlines()
    logged = json.loads(line)
    assert (logged["level"], logged["status"], logged["message"]) == ("ERROR", 500, f"{route} 500")
    assert logged["error"].startswith(type(error).__name__)
    assert re.fullmatch(SERVED_BY[route] + r"\.py:\d+:\w+", logged["at"])
    for secret in ("anna", "ring", "example.com", KNOWN_TOKEN):
        assert secret not in line


def test_one_line_is_logged_for_each_request_and_nothing_personal(
    blog: Blog, capsys: pytest.CaptureFixture[str]
) -> None:
    claims = author_claims(name="Secret-name", email="secret@example.com")
    anna, reader = Caller(blog, claims), Caller(blog)
    secret = {"title": "Secret-title", "body": "Secret-body", "summary": "Secret-summary", "slug": "secret-slug"}
    path = "/posts/secret-slug"
    asked = [
        (anna.post("/posts", secret), "POST /posts", 201),
        (anna.post("/posts", secret), "POST /posts", 200),
        (anna.post("/posts", secret | {"body": "Secret-other"}), "POST /posts", 409),
        (anna.post("/posts", secret | {"title": "Secret\x00"}), "POST /posts", 400),
        (anna.post("/posts", {"Secret-field": "Secret"}), "POST /posts", 400),
        (anna.put(path, {"title": "Secret", "body": "Secret", "version": 1}), "PUT /posts/{slug}", 200),
        (anna.put(path, {"title": "Secret", "body": "Secret-2", "version": 1}), "PUT /posts/{slug}", 409),
        (reader.get(path), "GET /posts/{slug}", 200),
        (reader.get("/posts", next="Secret"), "GET /posts", 400),
        (reader.post(f"{path}/comments", {"name": "Secret", "text": "Secret"}), "POST /posts/{slug}/comments", 201),
        (reader.post("/subscriptions", {"email": "secret@example.com"}), "POST /subscriptions", 202),
        (reader.post("/subscriptions", {"email": "Secret"}), "POST /subscriptions", 400),
        (reader.post("/subscriptions/confirm", {"token": "Secret.token"}), "POST /subscriptions/confirm", 404),
        (reader.post("/subscriptions/leave", {"token": "Secret.token"}), "POST /subscriptions/leave", 200),
        (anna.post("/uploads", {"sha256": SHA, "bytes": 1, "contentType": "image/png"}), "POST /uploads", 201),
        (anna.get(f"/uploads/{SHA}"), "GET /uploads/{sha256}", 200),
        (reader.send("Secret", "/secret"), "unknown unknown", 404),
        (anna.delete(path), "DELETE /posts/{slug}", 204),
    ]
    output = capsys.readouterr()
    assert output.err == ""
    lines = [json.loads(line) for line in output.out.splitlines()]
    assert [reply.status for reply, _, _ in asked] == [status for _, _, status in asked]
    assert [line["message"] for line in lines] == [f"{route} {status}" for _, route, status in asked]
    for line in lines:
        names = ["level", "timestamp", "message", "requestId", "method", "resource", "status", "durationMs"]
        assert list(line) == names
        assert line["requestId"] == Context().aws_request_id
    for word in ("ecret", claims["sub"], "example.com", SHA, "eyJ", APP_CLIENT, "198.51"):
        assert word not in output.out
