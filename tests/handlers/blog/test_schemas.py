"""The schemas by which API Gateway checks bodies before the handlers do: neither says yes to what the other refuses.

About shapes, that is: which fields, of which type. Lengths of texts are for the handlers, who count them as they say.
"""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft4Validator

from tests.evidence import shows
from tests.handlers.blog import test_sign_uploads, test_subscribe, test_write_comments, test_write_posts
from tests.handlers.blog.conftest import BODIES, HANDLERS, OPTIONAL, ROUTE_PATHS, Blog, Caller, author_claims

SCHEMAS = {
    "POST /posts": "new_post",
    "PUT /posts/{slug}": "changed_post",
    "POST /posts/{slug}/comments": "new_comment",
    "POST /subscriptions": "new_subscription",
    "POST /subscriptions/confirm": "token",
    "POST /subscriptions/leave": "token",
    "POST /uploads": "new_upload",
}
WRONG: dict[str, dict[str, list[Any]]] = {
    "POST /posts": test_write_posts.BAD_FIELDS,
    "PUT /posts/{slug}": test_write_posts.BAD_FIELDS,
    "POST /posts/{slug}/comments": test_write_comments.BAD_FIELDS,
    "POST /subscriptions": {"email": test_subscribe.BAD_ADDRESSES},
    "POST /uploads": test_sign_uploads.BAD_FIELDS,
}


def schema(route: str) -> dict[str, Any]:
    text = (HANDLERS / f"{SCHEMAS[route]}.schema.json").read_text(encoding="utf-8")
    found: dict[str, Any] = json.loads(text)
    return found


def takes(route: str, body: Any) -> bool:
    return bool(Draft4Validator(schema(route)).is_valid(body))


def refusal(blog: Blog, route: str, body: Any) -> str | None:
    """Why the handler refuses the shape of a body; None when it does not."""
    reply = Caller(blog, author_claims()).send(route.split(" ")[0], ROUTE_PATHS[route], json.dumps(body))
    return reply.body["error"] if reply.status in (400, 413, 415) else None


@shows("REQ-B9", how="static")
@pytest.mark.parametrize("route", SCHEMAS)
def test_a_schema_is_one_of_draft_4_and_goes_on_where_a_sentence_begins(route: str) -> None:
    found = schema(route)
    assert found["$schema"] == "http://json-schema.org/draft-04/schema#"
    Draft4Validator.check_schema(found)
    assert found["title"] == "".join(word.capitalize() for word in SCHEMAS[route].split("_"))
    assert found["additionalProperties"] is False
    told = f"{route} takes {found['description']}."
    assert told.isascii()
    assert " takes an object with " in told
    assert all(f"{name} " in told for name in found["properties"])


@pytest.mark.parametrize("route", SCHEMAS)
def test_a_schema_and_its_handler_take_the_same_fields(blog: Blog, route: str) -> None:
    good, found = BODIES[route], schema(route)
    assert set(found["properties"]) == set(good)
    assert set(found["required"]) == set(good) - OPTIONAL
    assert takes(route, good)
    assert refusal(blog, route, good) is None
    for name in good:
        without = {field: value for field, value in good.items() if field != name}
        assert takes(route, without) == (refusal(blog, route, without) is None) == (name in OPTIONAL)
    for other in ("x", "id", "Title", ""):
        assert not takes(route, good | {other: 1})
        assert refusal(blog, route, good | {other: 1}) == "UnknownField"


@shows("REQ-B9", how="stock")
@pytest.mark.parametrize("route", WRONG)
def test_what_a_schema_refuses_its_handler_refuses_too(blog: Blog, route: str) -> None:
    """So nothing changes for a request that comes around the schema, as one of another content type does."""
    for name, values in WRONG[route].items():
        for value in values if name in BODIES[route] else []:
            if not takes(route, BODIES[route] | {name: value}):
                assert refusal(blog, route, BODIES[route] | {name: value}) in ("InvalidField", "InvalidBody"), value


@pytest.mark.parametrize(
    ("route", "fields"),
    [
        *(("POST /posts", fields) for fields in test_write_posts.AT_THE_LIMITS),
        *(("PUT /posts/{slug}", fields) for fields in test_write_posts.AT_THE_LIMITS),
        *(("POST /posts", {"slug": slug}) for slug in ("a", "0", "a-b", "x" * 80, "-".join("x" * 40) + "x")),
        *(("PUT /posts/{slug}", {"version": version}) for version in (1, 2, 10**9)),
        *(("POST /posts/{slug}/comments", {"name": name}) for name in ("x" * 60, "\U0001f600" * 60, " x ")),
        *(("POST /posts/{slug}/comments", {"text": text}) for text in ("x" * 2000, "\U0001f600" * 2000)),
        *(("POST /subscriptions", {"email": address}) for address in test_subscribe.GOOD_ADDRESSES),
        *(("POST /subscriptions/leave", {"token": token}) for token in ("", "x", "x" * 400)),
        *(("POST /uploads", {"bytes": size}) for size in (1, 20 * 1024 * 1024)),
    ],
    ids=lambda value: ascii(value)[:30],
)
def test_what_a_handler_takes_its_schema_takes_too(blog: Blog, route: str, fields: dict[str, Any]) -> None:
    body = BODIES[route] | fields
    assert refusal(blog, route, body) is None
    assert takes(route, body)


VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-5, 10**10),
    st.floats(allow_nan=False, allow_infinity=False).filter(lambda number: number % 1 != 0),
    st.text(max_size=12),
    st.from_regex("[a-z0-9-]{1,6}", fullmatch=True),
    st.lists(st.integers(), max_size=2),
    st.dictionaries(st.text(max_size=3), st.integers(), max_size=2),
)


@settings(derandomize=True, database=None, deadline=None, max_examples=400)
@given(data=st.data())
def test_any_shape_is_refused_by_both_or_by_none(session_blog: Blog, data: st.DataObject) -> None:
    """But for what only a handler can tell: what a text says, a version too high, hyphens in a row."""
    session_blog.empty()
    route = data.draw(st.sampled_from(list(SCHEMAS)))
    kept = data.draw(st.sets(st.sampled_from(sorted(BODIES[route]))))
    body = {name: BODIES[route][name] for name in BODIES[route] if name in kept}
    body |= data.draw(st.dictionaries(st.sampled_from([*BODIES[route], "x"]), VALUES, max_size=2))
    reason = refusal(session_blog, route, body)
    if not takes(route, body):
        assert reason in ("InvalidField", "UnknownField", "MissingField")
    elif reason is not None:
        assert reason == "InvalidField"
        assert any(isinstance(value, str) for value in body.values()) or body.get("version", 0) > 10**9
