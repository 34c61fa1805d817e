"""A function behind a load balancer answers what API Gateway sent on as it answers API Gateway."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.evidence import shows
from tests.service_kit.conftest import Context, Json
from tests.service_kit.test_http import ANY, CALLER, Answer
from tests.service_kit.test_http import event as gateway_event
from troposphere_arch.service_kit import balancer, context, http

REQUEST = "99999999-2222-3333-4444-555555555555"
GATEWAY = {
    "x-gateway-route": "/orders/{id}",
    "x-gateway-stage": "v1",
    "x-gateway-caller": CALLER,
    "x-gateway-request": REQUEST,
}
GROUP = "arn:aws:elasticloadbalancing:us-east-1:000000000000:targetgroup/orders/0123456789abcdef"


def event(path: str = "/v1/orders/o-1", method: str = "GET", body: str = "", **changes: Any) -> Json:
    """The event of a load balancer: names of headers in small letters, queries as they were sent."""
    return {
        "requestContext": {"elb": {"targetGroupArn": GROUP}},
        "httpMethod": method,
        "path": path,
        "queryStringParameters": {},
        "headers": {"host": "internal", "x-forwarded-for": "10.0.0.1", **GATEWAY},
        "body": body,
        "isBase64Encoded": False,
    } | changes


def ask(work: Callable[[http.Request], Any], asked: Any) -> Answer:
    routes = dict.fromkeys(("GET /orders/{id}", "PUT /orders/{id}", "POST /orders"), work)
    return Answer(balancer.handler(http.handler(routes))(asked, Context()))


def seen(asked: Any) -> http.Request:
    requests: list[http.Request] = []
    assert ask(lambda request: requests.append(request), asked).status == 204
    [request] = requests
    return request


@shows("REQ-M11", how="simulated")
@pytest.mark.parametrize("id", ["o-1", "a/b é%", "v1", "..", "ü ?#&=+"], ids=ascii)
def test_a_request_is_the_same_by_both_ways(id: str) -> None:
    sent = quote(id, safe="")
    query = {"q": "100% é+", "a[]": "", "ü": "b c"}
    body = json.dumps({"name": "Zoë"})
    client = {"x-request-id": "request-1", "idempotency-key": "key-00001", "content-type": "application/json"}
    here = event(
        f"/v1/orders/{sent}",
        "PUT",
        body,
        headers={**client, **GATEWAY},
        queryStringParameters={quote(name, safe=""): quote(value, safe="") for name, value in query.items()},
    )
    there = gateway_event(
        "PUT /orders/{id}",
        body,
        path=f"/orders/{sent}",
        headers=client,
        queryStringParameters=query,
        pathParameters={"id": sent},
    )
    assert seen(here) == seen(there)
    assert seen(here).path == {"id": id}
    origins = []
    for asked in (here, there, here | {"path": "/v1/orders/other"}):
        ask(lambda _: origins.append(context.current().origin), asked)
    assert origins[0] == origins[1] != origins[2]


@shows("REQ-M11", how="simulated")
def test_who_asks_and_for_which_request_is_what_api_gateway_says() -> None:
    request = seen(event())
    assert (request.caller, request.id) == (CALLER, REQUEST)
    assert dict(request.headers) == {"host": "internal", "x-forwarded-for": "10.0.0.1"}
    odd = {"X-Gateway-Route": "/orders/{id}", "X-Gateway-Caller": "arn:b", "x-request-id": "request-1"}
    request = seen(event("/orders/o-1", headers=odd))
    assert (request.caller, request.id, request.headers) == ("arn:b", "request-1", {"x-request-id": "request-1"})


@shows("REQ-M11", how="simulated")
def test_bodies_and_encodings() -> None:
    for asked in (
        event("/v1/orders/o-1", "PUT", '{"a": "ü+%20"}'),
        event("/v1/orders/o-1", "PUT", base64.b64encode('{"a": "ü+%20"}'.encode()).decode(), isBase64Encoded=True),
    ):
        assert seen(asked).body == {"a": "ü+%20"}
    assert seen(event("/v1/orders/o-1", "PUT", "")).body is None
    assert ask(lambda _: None, event("/v1/orders/o-1", "PUT", "{")).error == (400, "BadRequest")
    # A form's plus is a space, as API Gateway has it.
    assert seen(event(queryStringParameters={"q+r": "a+b%2B%FF"})).query == {"q r": "a b+\ufffd"}


@shows("REQ-M11", how="simulated")
@pytest.mark.parametrize(
    ("path", "changed"),
    [
        ("/v1/orders/o-1", {"x-gateway-route": ""}),
        ("/v1/orders", {}),
        ("/v1/orders/", {}),
        ("/v1/orders/o-1/lines", {}),
        ("/v2/orders/o-1", {}),
        ("v1/orders/o-1", {}),
        ("", {}),
        ("/v1", {"x-gateway-route": "/"}),
        ("/v1/orders/o-1", {"x-gateway-route": "orders/{id}"}),
        ("/v1/payments/o-1", {"x-gateway-route": "/payments/{id}"}),
    ],
    ids=[
        *("no-route", "shorter", "empty", "longer", "other-stage", "no-slash", "no-path", "root", "odd-route"),
        "undeclared",
    ],
)
def test_what_no_route_serves_is_not_found(path: str, changed: Json) -> None:
    headers = {**GATEWAY, **changed}
    assert ask(lambda _: {}, event(path, headers=headers)).error == (404, "NotFound")


@shows("REQ-M11", how="simulated")
def test_a_health_check_of_a_load_balancer_reaches_nobody() -> None:
    headers = {"user-agent": "ELB-HealthChecker/2.0"}
    assert ask(lambda _: {}, event("/", headers=headers)).error == (404, "NotFound")


@shows("REQ-M11", how="simulated")
def test_an_answer_that_no_load_balancer_takes_is_a_failure(capsys: pytest.CaptureFixture[str]) -> None:
    """It would say 502, and nobody would know why."""
    assert ask(lambda _: http.Reply(200, "a" * 900_000), event()).status == 200
    answer = ask(lambda _: http.Reply(200, "a" * 1_000_000), event())
    assert answer.error == (500, "InternalError")
    assert answer.headers["X-Request-Id"] == REQUEST
    assert "answer too large for a load balancer" in capsys.readouterr().out


@shows("REQ-M11", how="simulated")
def test_by_api_gateway_itself_it_is_as_before() -> None:
    asked = gateway_event("GET /orders/{id}", pathParameters={"id": "o-1"}, headers=GATEWAY)
    request = seen(asked)
    assert (request.path, request.caller) == ({"id": "o-1"}, CALLER)
    assert request.headers == GATEWAY, "what a client says there is a header like any other"


@shows("REQ-M11", how="simulated")
@settings(
    derandomize=True,
    database=None,
    deadline=None,
    max_examples=100,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    asked=st.fixed_dictionaries(
        {"requestContext": st.just({"elb": {}})},
        optional={
            "httpMethod": st.just("GET") | ANY,
            "path": st.sampled_from(["/v1/orders/o-1", "/orders/%FF", "//", "/v1//"]) | ANY,
            "headers": ANY
            | st.fixed_dictionaries({name: st.just(value) | ANY for name, value in GATEWAY.items()})
            | st.just(GATEWAY),
            "queryStringParameters": ANY,
            "body": ANY,
            "isBase64Encoded": ANY,
        },
    )
)
def test_no_event_makes_it_fail(asked: Any) -> None:
    assert ask(lambda _: {}, asked).status in (200, 400, 404)
