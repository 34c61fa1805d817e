"""The to-do handlers: the parts they share are the same, and each is fit to be inlined into a template."""

from __future__ import annotations

import ast
import re
import sys

import pytest

from tests.evidence import shows
from tests.handlers.conftest import HANDLERS, Person

NAMES = ("read_todos", "write_todos", "delete_accounts")


def source(name: str) -> str:
    return (HANDLERS / f"{name}.py").read_text(encoding="utf-8")


def shared(name: str, among: str) -> str:
    text, begin, end = source(name), f"# ---- Same in {among}, begin", f"# ---- Same in {among}, end"
    assert text.count(begin) == text.count(end) == 1
    return text[text.index(begin) : text.index(end)]


def test_the_shared_parts_are_the_same() -> None:
    assert len({shared(name, "all handlers") for name in NAMES}) == 1
    assert "def handler(" in shared(NAMES[0], "all handlers")
    assert len({shared(name, "the reader and the writer") for name in NAMES[:2]}) == 1
    assert "def via_cache(" in shared(NAMES[0], "the reader and the writer")


@shows("REQ-T7", how="static")
@pytest.mark.parametrize("name", NAMES)
def test_a_handler_is_one_ascii_file_on_the_standard_library_boto3_and_its_layer(name: str) -> None:
    text = source(name)
    assert text.isascii()
    tree = ast.parse(text, feature_version=(3, 11))
    assert ast.get_docstring(tree)
    imports = [node for node in ast.walk(tree) if isinstance(node, (ast.Import, ast.ImportFrom))]
    modules = {alias.name for node in imports if isinstance(node, ast.Import) for alias in node.names}
    layer = {"amazondax"} if name != "delete_accounts" else set()
    modules |= {node.module or "" for node in imports if isinstance(node, ast.ImportFrom)}
    assert {module.split(".")[0] for module in modules} <= sys.stdlib_module_names | {"boto3", "botocore"} | layer


@pytest.mark.parametrize("name", NAMES)
def test_a_handler_reads_only_the_variables_that_its_template_sets(name: str) -> None:
    expected = {"TODOS_TABLE", "APP_CLIENT_ID"}
    # AWS_REGION is Lambda's own.
    expected |= {"USERS_POOL_ID"} if name == "delete_accounts" else {"TODOS_CACHE", "AWS_REGION"}
    assert set(re.findall(r"environ(?:\.get\(|\[)\"(\w+)\"", source(name))) == expected
    assert source(name).count("environ") == len(expected)


BAD_CLAIMS = {
    "access token": {"token_use": "access"},
    "no token_use": {"token_use": None},
    "another app of the pool": {"aud": "another-client"},
    "no app": {"aud": None},
    "empty sub": {"sub": ""},
    "no sub": {"sub": None},
    "sub of a wrong type": {"sub": ["a"]},
}


@shows("REQ-T5", how="stock")
@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("change", BAD_CLAIMS.values(), ids=BAD_CLAIMS)
def test_without_an_id_token_of_this_app_nothing_is_served(me: Person, method: str, change: dict[str, object]) -> None:
    event = me.event(method, "/todos", {"title": "Milk"} if method == "POST" else None)
    event["requestContext"]["authorizer"]["claims"].update(change)
    assert me.world.send(event).error == (401, "Unauthorized")
    assert me.stored == []


@shows("REQ-T11", how="stock")
@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize(
    ("headers", "served"),
    [
        ({"Authorization": "t"}, True),
        ({"authorization": "t"}, True),
        ({"AUTHORIZATION": "t"}, False),
        ({"aUTHORIZATION": "t", "X": "y"}, False),
        ({}, False),
        (None, False),
    ],
)
def test_the_token_is_in_a_header_that_a_cache_tells_callers_apart_by(
    me: Person, method: str, headers: object, served: bool
) -> None:
    event = me.event(method, "/todos", {"title": "Milk"} if method == "POST" else None) | {"headers": headers}
    reply = me.world.send(event)
    assert reply.status in ((200, 201) if served else (401,))


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("context", [None, {}, {"authorizer": None}, {"authorizer": {"claims": "text"}}])
def test_an_event_without_an_authorizer_is_refused(me: Person, method: str, context: object) -> None:
    event = me.event(method, "/todos", {"title": "Milk"} if method == "POST" else None)
    event["requestContext"] = context
    assert me.world.send(event).error == (401, "Unauthorized")


@pytest.mark.parametrize(
    ("method", "resource"),
    [("GET", "/me"), ("GET", "/"), ("PATCH", "/todos"), ("PUT", "/todos"), ("POST", "/me"), ("HEAD", "/todos")],
)
def test_an_unknown_route_or_method_is_not_found(me: Person, method: str, resource: str) -> None:
    event = me.event(method, resource, {"title": "Milk"}) | {"resource": resource}
    reply = me.world.send(event)
    assert reply.error == (404, "UnknownRoute")
    assert me.stored == []


def test_every_answer_has_its_headers(me: Person) -> None:
    created = me.post(title="Milk")
    item = created.body["id"]
    replies = [created, me.get("/todos"), me.get(f"/todos/{item}"), me.get("/todos/x"), me.post(title=1)]
    for reply in [*replies, me.delete(item)]:
        assert reply.headers["Content-Type"] == "application/json"
        assert reply.headers["Cache-Control"] == "no-store"
        assert reply.headers["X-Content-Type-Options"] == "nosniff"
        assert reply.headers["Access-Control-Allow-Origin"] == "https://todo.example.com"
        assert reply.headers["Vary"] == "Origin"


@pytest.mark.parametrize("variables", [None, {}, {"origin": ""}])
@pytest.mark.parametrize("path", ["/todos", "/todos/x"])
def test_without_an_origin_no_web_page_may_read(me: Person, path: str, variables: dict[str, str] | None) -> None:
    reply = me.world.send(me.event("GET", path) | {"stageVariables": variables})
    assert "Access-Control-Allow-Origin" not in reply.headers
    assert "Vary" not in reply.headers
