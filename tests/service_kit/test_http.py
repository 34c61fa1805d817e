"""Every request gets an answer that a program and a person can read, whatever comes."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from botocore import exceptions
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.evidence import shows
from tests.service_kit.conftest import Context, Json, World, quiet
from troposphere_arch.service_kit import client, context, http, publishing, table

GATEWAY = "11111111-2222-3333-4444-555555555555"
CALLER = "arn:aws:sts::000000000000:assumed-role/orders/orders"


def event(route: str = "POST /orders", body: Any = None, **changes: Any) -> Json:
    """The event of API Gateway; a body that is no text is sent as JSON."""
    method, _, resource = route.partition(" ")
    return {
        "resource": resource,
        "path": resource,
        "httpMethod": method,
        "headers": {"Accept": "*/*"},
        "queryStringParameters": None,
        "pathParameters": None,
        "requestContext": {"requestId": GATEWAY, "identity": {"userArn": CALLER}},
        "body": body if body is None or isinstance(body, str) else json.dumps(body),
        "isBase64Encoded": False,
    } | changes


class Answer:
    """An answer that was checked to be one."""

    def __init__(self, raw: Any) -> None:
        assert raw.keys() == {"statusCode", "headers", "body", "isBase64Encoded"}
        assert all(isinstance(value, str) for value in raw["headers"].values())
        assert raw["headers"]["Cache-Control"] == "no-store"
        assert context.ID.fullmatch(raw["headers"]["X-Request-Id"])
        json.dumps(raw)
        self.status, self.headers = raw["statusCode"], raw["headers"]
        self.body = json.loads(raw["body"]) if raw["body"] else None

    @property
    def error(self) -> tuple[int, str]:
        assert self.body.keys() == {"error", "message", "request"}
        assert self.body["message"].endswith(".")
        assert self.body["request"] == self.headers["X-Request-Id"]
        return self.status, self.body["error"]


def ask(work: Callable[[http.Request], Any], asked: Any = None, lambda_context: Any = None, **options: Any) -> Answer:
    routes = {"POST /orders": work, "GET /orders/{id}": work}
    return Answer(http.handler(routes, **options)(event() if asked is None else asked, lambda_context or Context()))


def echo(request: http.Request) -> http.Reply:
    return http.Reply(200, request.body)


@shows("REQ-M2", how="simulated")
def test_a_request_is_what_was_sent() -> None:
    seen: list[http.Request] = []
    asked = event(
        "GET /orders/{id}",
        {"full": True},
        pathParameters={"id": "a%2Fb%20%C3%A9%25"},
        queryStringParameters={"q": "100% é"},
        headers={"X-Request-Id": "request-1", "Content-TYPE": "application/json"},
    )
    assert ask(lambda request: seen.append(request), asked).status == 204
    assert seen == [
        http.Request(
            "GET",
            "GET /orders/{id}",
            {"id": "a/b é%"},
            {"q": "100% é"},
            {"x-request-id": "request-1", "content-type": "application/json"},
            {"full": True},
            "request-1",
            CALLER,
        )
    ]


@shows("REQ-M2", how="simulated")
@pytest.mark.parametrize(
    ("given", "status", "body"),
    [
        ({"id": "o-1"}, 200, {"id": "o-1"}),
        ({}, 200, {}),
        (None, 204, None),
        (http.Reply(202, ["a", None]), 202, ["a", None]),
        (http.Reply(201), 201, None),
        (
            {"left": Decimal("3"), "price": Decimal("1.5"), "tags": {"b", "a"}},
            200,
            {"left": 3, "price": 1.5, "tags": ["a", "b"]},
        ),
        ({"name": "Zoë \ud800"}, 200, {"name": "Zoë \ud800"}),
    ],
    ids=["dict", "empty", "none", "list", "no-body", "items", "text"],
)
def test_what_a_route_gives_is_answered(given: Any, status: int, body: Any) -> None:
    answer = ask(lambda _: given)
    assert (answer.status, answer.body) == (status, body)
    assert answer.headers.get("Content-Type") == ("application/json" if body is not None else None)


@shows("REQ-M2", how="simulated")
def test_a_reply_has_the_last_word_about_headers() -> None:
    reply = http.Reply(303, None, {"Location": "/orders/o-1"})
    assert ask(lambda _: reply).headers["Location"] == "/orders/o-1"


@shows("REQ-M6", how="simulated")
@pytest.mark.parametrize(
    ("problem", "expected"),
    [
        (http.BadRequest("No."), (400, "BadRequest")),
        (http.NotFound("No."), (404, "NotFound")),
        (http.Conflict("No."), (409, "Conflict")),
        (http.Unavailable("No."), (503, "Unavailable")),
        (http.Problem(402, "PaymentRequired", "No."), (402, "PaymentRequired")),
    ],
    ids=lambda value: value[1] if isinstance(value, tuple) else "",
)
def test_a_problem_is_answered_as_it_says(problem: http.Problem, expected: tuple[int, str]) -> None:
    def work(_: http.Request) -> None:
        raise problem

    answer = ask(work)
    assert answer.error == expected
    assert answer.body["message"] == "No."
    assert answer.headers.get("Retry-After") == ("1" if expected[0] == 503 else None)


@shows("REQ-M6", how="simulated")
@pytest.mark.parametrize(
    ("error", "expected", "after"),
    [
        (client.Unavailable("stock", "GET /stock/{sku}", 503, {"secret": 1}, 2.3), (503, "Unavailable"), "3"),
        (client.Unavailable("stock", "GET /stock/{sku}", None), (503, "Unavailable"), "1"),
        (client.Rejected("stock", "GET /stock/{sku}", 403, {"secret": 1}), (502, "BadGateway"), None),
        (client.CallError("stock", "GET /stock/{sku}", 200, {"secret": 1}), (502, "BadGateway"), None),
    ],
    ids=["says-when", "silent", "rejected", "garbage"],
)
def test_what_another_service_does_is_answered(error: Exception, expected: tuple[int, str], after: str | None) -> None:
    def work(_: http.Request) -> None:
        raise error

    answer = ask(work)
    assert answer.error == expected
    assert answer.headers.get("Retry-After") == after
    assert "stock" in answer.body["message"]
    assert "secret" not in json.dumps(answer.body)


@shows("REQ-M6", how="simulated")
@pytest.mark.parametrize(
    "given",
    [
        {"x": object()},
        {"x": float("nan")},
        object(),
        http.Reply("200"),  # type: ignore[arg-type]
        http.Reply(None),  # type: ignore[arg-type]
        http.Reply(200.0),  # type: ignore[arg-type]
        http.Reply(True),
        http.Reply(0),
        http.Reply(100),
        http.Reply(600),
        http.Reply(200, "x" * 6_000_000),
        http.Reply(200, '"' * 2_000_000),
        http.Reply(200, headers=None),  # type: ignore[arg-type]
        http.Reply(200, headers={"Location": "/a\r\nSet-Cookie: b"}),
        http.Reply(200, headers={"Location": "/a\n"}),
        http.Reply(200, headers={"Location": "\ud800"}),
        http.Reply(200, headers={"Location": "/é"}),
        http.Reply(200, headers={"X-Left": 3}),  # type: ignore[dict-item]
        http.Reply(200, headers={"A\r\nB": "c"}),
        http.Reply(200, headers={"A: b": "c"}),
        http.Reply(200, headers={"": "c"}),
        http.Reply(200, headers={7: "c"}),  # type: ignore[dict-item]
    ],
    ids=[
        *("object", "nan", "itself", "status-text", "no-status", "status-float", "status-bool", "0", "100", "600"),
        *("large", "large-when-quoted", "no-headers", "value-lines", "value-line", "value-half", "value-no-ascii"),
        *("value-number", "name-lines", "name-colon", "name-empty", "name-number"),
    ],
)
def test_an_answer_that_is_none_is_a_failure(given: Any) -> None:
    assert ask(lambda _: given).error == (500, "InternalError")


@shows("REQ-M6", how="simulated")
def test_an_answer_may_be_large() -> None:
    assert ask(lambda _: http.Reply(200, "x" * 5_000_000)).status == 200


class Responding(Exception):
    """An error of somebody else's library."""

    def __init__(self, response: Any) -> None:
        self.response = response


class Forgetful(http.Problem):
    def __init__(self) -> None:
        pass


@shows("REQ-M6", how="simulated")
@pytest.mark.parametrize(
    "error",
    [
        http.Problem(400, "Odd", object()),  # type: ignore[arg-type]
        http.Problem(400, b"Odd", "No."),  # type: ignore[arg-type]
        http.Problem("400", "Odd", "No."),  # type: ignore[arg-type]
        http.Problem(400, "Odd", "No.", {"X-Thing": "a\r\nb"}),
        http.Problem(400, "Odd", "No.", 7),  # type: ignore[arg-type]
        Forgetful(),
        client.Unavailable("stock", "GET /stock/{sku}", 503, None, float("nan")),
        client.Unavailable("stock", "GET /stock/{sku}", 503, None, "soon"),  # type: ignore[arg-type]
        Responding({"Error": "text"}),
        Responding({"Error": {"Code": object()}}),
        Responding({"Error": None}),
        Responding("text"),
        RecursionError(),
        SystemExit("done"),
    ],
    ids=[
        *("message", "word", "status", "header", "headers", "forgetful", "nan", "soon"),
        *("error-text", "code", "no-error", "response-text", "recursion", "exit"),
    ],
)
def test_whatever_is_raised_is_answered_and_logged(error: BaseException, capsys: pytest.CaptureFixture[str]) -> None:
    def work(_: http.Request) -> None:
        raise error

    answer = ask(work, event(headers={"X-Request-Id": "request-7"}))
    assert answer.error == (500, "InternalError")
    assert answer.body["request"] == "request-7"
    line = json.loads(capsys.readouterr().out)
    assert (line["level"], line["request"], line["error"]) == ("ERROR", "request-7", type(error).__name__)
    assert line["at"][-1].endswith(" work")


@shows("REQ-M6", how="simulated")
def test_an_answer_is_given_also_when_it_cannot_be_logged(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: str) -> int:
        raise OSError("no space left")

    monkeypatch.setattr("sys.stdout.write", full)
    assert ask(lambda _: {"a": 1}).body == {"a": 1}


@shows("REQ-M6", how="simulated")
def test_of_a_failure_only_the_log_says_more(capsys: pytest.CaptureFixture[str]) -> None:
    def work(request: http.Request) -> None:
        raise KeyError("anna@example.com")

    answer = ask(work, event(headers={"X-Request-Id": "request-7"}))
    assert answer.error == (500, "InternalError")
    line = json.loads(capsys.readouterr().out)
    assert (line["level"], line["request"], line["status"], line["error"]) == ("ERROR", "request-7", 500, "KeyError")
    assert line["route"] == "POST /orders"
    assert line["at"][-1].startswith("test_http.py:")
    assert line["at"][-1].endswith(" work")
    assert "anna" not in json.dumps([answer.body, line])


@shows("REQ-M6", how="simulated")
@pytest.mark.parametrize(
    ("status", "level"), [(200, "INFO"), (404, "INFO"), (503, "WARNING")], ids=["good", "refused", "unavailable"]
)
def test_each_request_is_one_line_of_the_log(capsys: pytest.CaptureFixture[str], status: int, level: str) -> None:
    ask(lambda _: http.Reply(status))
    line = json.loads(capsys.readouterr().out)
    assert (line["level"], line["message"], line["status"], line["request"]) == (level, "answered", status, GATEWAY)


# --- ids


@shows("REQ-M8", how="simulated")
@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        ({"X-Request-Id": "request-1"}, "request-1"),
        ({"x-request-id": "a" * 64}, "a" * 64),
        ({"X-Request-Id": "a" * 65}, GATEWAY),
        ({"X-Request-Id": "short"}, GATEWAY),
        ({"X-Request-Id": "with space"}, GATEWAY),
        ({"X-Request-Id": "request-1\n"}, GATEWAY),
        ({"X-Request-Id": ["request-1"]}, GATEWAY),
        ({}, GATEWAY),
    ],
    ids=["given", "longest", "long", "short", "odd", "line", "list", "none"],
)
def test_a_request_keeps_the_id_that_it_came_with(sent: Json, expected: str) -> None:
    seen: list[str] = []
    answer = ask(lambda request: seen.append(request.id), event(headers=sent))
    assert [*seen, answer.headers["X-Request-Id"]] == [expected, expected]


@shows("REQ-M6", how="simulated")
def test_what_is_under_way_is_known_inside_and_over_afterwards(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[context.Work] = []
    monkeypatch.setenv("_X_AMZN_TRACE_ID", "Root=1-of-the-invocation")
    trace = {"X-Amzn-Trace-Id": "Root=1-sent-along", "X-Request-Id": "request-1"}
    started = time.monotonic()
    for headers in (trace, {"X-Amzn-Trace-Id": "a\nb"}):
        ask(lambda _: seen.append(context.current()), event(headers=headers), Context([7_000]))
    assert [work.trace for work in seen] == ["Root=1-sent-along", "Root=1-of-the-invocation"]
    assert started <= seen[0].deadline - 7 <= time.monotonic()
    assert context.current().request != "request-1"


@shows("REQ-M7", how="patched")
@pytest.mark.parametrize(
    ("changes", "same"),
    [
        ({}, True),
        ({"headers": {"Idempotency-Key": "key-2", "X-Request-Id": "request-1"}}, False),
        ({"path": "/orders/2"}, False),
        ({"requestContext": {"identity": {"userArn": CALLER + "2"}, "requestId": GATEWAY}}, False),
        ({"headers": {"Idempotency-Key": "key-1", "X-Request-Id": "request-2"}}, True),
    ],
    ids=["again", "other-key", "other-path", "other-caller", "other-request"],
)
def test_with_a_key_the_same_request_sends_the_same_ids(world: World, changes: Json, same: bool) -> None:
    keyed = event(headers={"Idempotency-Key": "key-1", "X-Request-Id": "request-1"})
    later = {"requestContext": {"identity": {"userArn": CALLER}, "requestId": "another-invocation"}}
    for asked in (keyed, keyed | later | changes):
        ask(lambda _: {"request": publishing.send("payments", 1)}, asked)
    ids = {one["id"] for one in world.sent()}
    assert len(ids) == (1 if same else 2)


@shows("REQ-M7", how="patched")
def test_without_a_key_two_requests_of_one_id_send_two_messages(world: World) -> None:
    """A service passes the id of its request on with each call: two of them are not the same call."""
    for number in (1, 2):
        gateway = {"requestContext": {"requestId": f"{number}-{GATEWAY}"}}
        asked = event(headers={"X-Request-Id": "request-1"}, **gateway)
        answer = ask(lambda _: {"request": publishing.send("payments", 1)}, asked)
        assert answer.body == {"request": "request-1"}
    sent = world.sent()
    assert {one["request"] for one in sent} == {"request-1"}
    assert len({one["id"] for one in sent}) == 2
    assert world.states(2) == [("request-1", "accepted")] * 2


@shows("REQ-M7", how="patched")
@pytest.mark.parametrize(
    "chosen",
    [{}, {"X-Request-Id": "request-1"}, {"X-Request-Id": "request-1", "Idempotency-Key": "key-1"}],
    ids=["of-the-gateway", "request", "key"],
)
def test_no_id_that_a_caller_chooses_gives_its_messages_the_ids_of_anothers(world: World, chosen: Json) -> None:
    """API Gateway lets a caller choose even its `requestId`. One message of two with the same id would be dropped."""
    for caller in (CALLER, CALLER + "2"):
        who = {"requestContext": {"requestId": GATEWAY, "identity": {"userArn": caller}}}
        asked = event(headers=chosen, **who)
        ask(lambda _: {"request": publishing.send("payments", 1)}, asked)
    sent = world.sent()
    assert len({one["request"] for one in sent}) == 1, "a caller may join a request whose id it knows"
    assert len({one["id"] for one in sent}) == 2


# --- when AWS is slow


SILENT, UNREACHABLE = exceptions.ReadTimeoutError, exceptions.EndpointConnectionError


@shows("REQ-M6", how="patched")
@pytest.mark.parametrize(
    ("fails", "left", "status", "tries"),
    [
        (SILENT, 8_400, 503, 1),
        (SILENT, 14_000, 200, 2),
        (UNREACHABLE, 3_000, 200, 2),
        (exceptions.ConnectTimeoutError, 8_400, 503, 1),
    ],
    ids=["silent-and-late", "silent", "unreachable", "unconnected-and-late"],
)
def test_whoever_waits_for_aws_gets_an_answer_before_the_function_is_stopped(
    world: World, capsys: pytest.CaptureFixture[str], fails: Any, left: int, status: int, tries: int
) -> None:
    asked: list[str] = []

    def plan(service: str, moment: str) -> None:
        if (service, moment) == ("sqs", "before"):
            asked.append(service)
            if len(asked) == 1:
                raise fails(endpoint_url="https://anna@example.com")

    world.door.plan = plan
    answer = ask(lambda _: {"request": publishing.send("payments", 1)}, lambda_context=Context([left]))
    world.door.plan = quiet
    assert (answer.status, len(asked)) == (status, tries)
    if status == 503:
        assert answer.error == (503, "Unavailable")
        assert answer.headers["Retry-After"] == "1"
        line = json.loads(capsys.readouterr().out)
        assert (line["level"], line["error"][-12:]) == ("WARNING", "TimeoutError")
        assert "anna" not in json.dumps([answer.body, line])


@shows("REQ-M6", how="simulated")
@pytest.mark.parametrize("error", [SILENT, UNREACHABLE], ids=["silent", "unreachable"])
def test_aws_that_does_not_answer_in_the_end_is_said_to_be_unavailable(error: Any) -> None:
    def work(_: http.Request) -> None:
        raise error(endpoint_url="https://example.com")

    assert ask(work).error == (503, "Unavailable")


@shows("REQ-M6", how="patched")
def test_two_tries_of_aws_at_their_longest_fit_into_the_fifteen_seconds_of_a_function(world: World) -> None:
    """And a third is not made, as is shown above."""
    for one in (*map(context.aws, ("events", "kinesis", "s3", "sns", "sqs")), table.items().meta.client):
        config = one.meta.config
        assert 2 * (config.connect_timeout + config.read_timeout) + context.PAUSE + context.ANSWER < 15
        assert (config.retries["mode"], config.retries["total_max_attempts"]) == ("standard", 3)


# --- bad input


@shows("REQ-M6", how="simulated")
@pytest.mark.parametrize(
    "body",
    [
        "{",
        "",
        "nonsense",
        "NaN",
        "Infinity",
        "1e999",
        '"\\ud800"',
        "[" * 200_000,
        '{"a":' * 50_000,
        "9" * 5_000,
        "\ufeff{}",
        "\ud800",
        "{}{}",
        7,
        {"a": 1},
        ["a"],
        True,
    ],
    ids=lambda body: ascii(body)[:14],
)
def test_a_body_that_is_no_json_is_refused(body: Any) -> None:
    asked = event()
    asked["body"] = body
    expected = None if body == "" else (400, "BadRequest")
    answer = ask(echo, asked)
    assert answer.status == 200 if expected is None else answer.error == expected


@shows("REQ-M6", how="simulated")
@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (base64.b64encode(b'{"a": 1}').decode(), 200),
        (base64.b64encode(b"\xff\xfe").decode(), 400),
        ("%%%", 400),
        ("{}", 400),
        ("é", 400),
        (None, 200),
    ],
    ids=["json", "binary", "odd", "plain", "no-ascii", "none"],
)
def test_a_body_in_base64(body: str | None, expected: int) -> None:
    assert ask(echo, event(body=body, isBase64Encoded=True)).status == expected


@shows("REQ-M6", how="simulated")
def test_a_body_has_an_end() -> None:
    assert ask(echo, event(body='"' + "é" * 49 + '"'), limit=100).status == 200
    assert ask(echo, event(body='"' + "é" * 50 + '"'), limit=100).error == (413, "BodyTooLarge")
    assert ask(echo, event(body=" " * (1024 * 1024 + 1))).error == (413, "BodyTooLarge")


@shows("REQ-M6", how="simulated")
@pytest.mark.parametrize(
    "asked",
    [
        {},
        [],
        "text",
        7,
        event("GET /nothing"),
        event("DELETE /orders"),
        event() | {"httpMethod": ["POST"]},
        event() | {"resource": None},
    ],
    ids=["empty", "list", "text", "number", "path", "verb", "odd-verb", "no-resource"],
)
def test_what_no_route_serves_is_not_found(asked: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert ask(echo, asked).error == (404, "NotFound")
    assert json.loads(capsys.readouterr().out)["route"] == "unknown"


@shows("REQ-M6", how="simulated")
@pytest.mark.parametrize("odd", [None, [], "text", 7, {"a": None}, {"a": ["b"]}, {"a": {"b": 1}}], ids=str)
@pytest.mark.parametrize("part", ["headers", "queryStringParameters", "pathParameters", "requestContext", "path"])
def test_a_part_of_the_event_that_is_odd_is_as_if_it_was_not_there(part: str, odd: Any) -> None:
    seen: list[http.Request] = []
    assert ask(lambda request: seen.append(request), event() | {part: odd}).status == 204
    [request] = seen
    assert dict(request.path) == dict(request.query) == {}


@shows("REQ-M6", how="simulated")
def test_bytes_of_a_path_that_are_no_text_are_somebody_elses_name() -> None:
    seen: list[Any] = []
    for sent in ("%FF", "%", "%zz", "a%00b"):
        ask(lambda request: seen.append(request.path["id"]), event("GET /orders/{id}", pathParameters={"id": sent}))
    assert seen == ["\ufffd", "%", "%zz", "a\0b"]


ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(), max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=8,
)
EVENTS = st.fixed_dictionaries(
    {},
    optional={
        "httpMethod": st.just("POST") | ANY,
        "resource": st.just("/orders") | ANY,
        "path": ANY,
        "headers": ANY
        | st.dictionaries(st.sampled_from(["X-Request-Id", "Idempotency-Key", "X-Amzn-Trace-Id"]), ANY, max_size=3),
        "multiValueHeaders": ANY,
        "queryStringParameters": ANY,
        "multiValueQueryStringParameters": ANY,
        "pathParameters": ANY,
        "requestContext": ANY | st.fixed_dictionaries({"requestId": ANY, "identity": ANY}),
        "body": ANY,
        "isBase64Encoded": ANY,
    },
)


@shows("REQ-M6", how="simulated")
@settings(
    derandomize=True,
    database=None,
    deadline=None,
    max_examples=150,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(asked=EVENTS | ANY)
@example(asked={"httpMethod": "POST", "resource": "/orders", "headers": {"Idempotency-Key": "\ud800"}})
@example(asked={"httpMethod": "POST", "resource": "/orders", "headers": {"\ud800": "\ud800"}, "path": "\ud800"})
def test_no_event_makes_it_fail(asked: Any) -> None:
    answer = ask(echo, {} if asked is None else asked)
    assert answer.status in (200, 400, 404)
