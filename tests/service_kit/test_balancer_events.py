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
    answer = balancer.handler(http.handler(routes))(asked, Context())
    several = answer.pop("multiValueHeaders", None)
    if several is not None:
        assert all(len(values) == 1 for values in several.values())
        answer["headers"] = {name: value for name, [value] in several.items()}
    return Answer(answer)


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
    odd = {"X-Gateway-Route": "/orders/{id}", "X-Gateway-Caller": CALLER, "x-request-id": "request-1"}
    request = seen(event("/orders/o-1", headers=odd))
    assert (request.caller, request.id, request.headers) == (CALLER, "request-1", {"x-request-id": "request-1"})


def all_values(asked: Json) -> Json:
    """The same of a target group that hands over all values of a header."""
    told = {name: value for name, value in asked.items() if name not in ("headers", "queryStringParameters")}
    return told | {
        "multiValueHeaders": {name: [value] for name, value in asked["headers"].items()},
        "multiValueQueryStringParameters": {n: ["other", v] for n, v in asked["queryStringParameters"].items()},
    }


@shows("REQ-M11", how="simulated")
def test_all_values_of_a_header_or_the_last_one_are_the_same_request() -> None:
    asked = event("/v1/orders/o-1", "PUT", '{"a": 1}', queryStringParameters={"q+r": "a+b%2B", "e": ""})
    assert seen(asked) == seen(all_values(asked))
    twice = all_values(event())
    twice["multiValueHeaders"] |= {"x-note": ["a", "b"], "cookie": []}
    assert seen(twice).headers["x-note"] == "b"
    assert "cookie" not in seen(twice).headers


@shows("REQ-M11", how="simulated")
def test_an_answer_has_the_form_that_the_load_balancer_takes() -> None:
    def work(asked: Any, _: Any) -> Json:
        return {"statusCode": 200, "headers": {"A": "1", "B": "2"}, "multiValueHeaders": {"B": ["3"], "C": ["4", "5"]}}

    answer = balancer.handler(work)(all_values(event()), Context())
    assert answer == {"statusCode": 200, "multiValueHeaders": {"A": ["1"], "B": ["2", "3"], "C": ["4", "5"]}}
    assert balancer.handler(work)(event(), Context()) == work(None, None)
    kit = balancer.handler(http.handler({"GET /orders/{id}": lambda _: {}}))
    for asked in (all_values(event()), all_values(event("/v1/nothing")), all_values(event()) | {"path": None}):
        answer = kit(asked, Context())
        assert "headers" not in answer
        assert answer["multiValueHeaders"]["Content-Type"] == ["application/json"]


MALLORY = "arn:aws:sts::000000000000:assumed-role/payments/mallory"


@shows("REQ-M11", how="simulated")
@pytest.mark.parametrize("name", sorted(GATEWAY))
@pytest.mark.parametrize("first", [True, False], ids=["first", "last"])
def test_what_is_there_twice_reaches_nobody(name: str, *, first: bool) -> None:
    """Whichever of both is API Gateway's; where there are names of both cases, too."""
    forged = MALLORY if name == "x-gateway-caller" else GATEWAY[name]
    for other in (forged, ""):
        asked = all_values(event())
        both = [GATEWAY[name], other]
        asked["multiValueHeaders"][name] = both if first else both[::-1]
        assert ask(lambda _: pytest.fail("it came in"), asked).error == (400, "BadRequest")
    asked = all_values(event())
    asked["multiValueHeaders"][name.title()] = [forged]
    assert ask(lambda _: pytest.fail("it came in"), asked).error == (400, "BadRequest")


@shows("REQ-M11", how="simulated")
@pytest.mark.parametrize(
    "changed",
    [
        {"x-gateway-route": "/orders/{id},/orders/{id}"},
        {"x-gateway-route": "/orders/{id},"},
        {"x-gateway-stage": "v1,v1"},
        {"x-gateway-request": f"{REQUEST},{REQUEST}"},
        {"x-gateway-caller": f"{CALLER},{MALLORY}"},
        {"x-gateway-caller": f"{MALLORY},{CALLER}"},
        {"x-gateway-caller": f"{CALLER},"},
        {"x-gateway-caller": f",{CALLER}"},
        {"x-gateway-caller": f"{CALLER},mallory"},
        {"x-gateway-caller": f" {CALLER}"},
        {"x-gateway-caller": f"{CALLER}\n"},
        {"x-gateway-caller": "mallory"},
        {"x-gateway-caller": "arn:aws:lambda::000000000000:function:orders"},
        {"x-gateway-caller": "arn:aws:iam::1:user/anna"},
    ],
    ids=[
        *("routes", "empty-route", "stages", "requests", "forged-last", "forged-first", "empty-last", "empty-first"),
        *("name-last", "space", "line", "no-arn", "no-caller", "no-account"),
    ],
)
def test_what_is_joined_by_a_comma_reaches_nobody(changed: Json) -> None:
    asked = event(headers={**GATEWAY, **changed})
    assert ask(lambda _: pytest.fail("it came in"), asked).error == (400, "BadRequest")


@shows("REQ-M11", how="simulated")
@pytest.mark.parametrize(
    "caller",
    [
        "",
        "arn:aws:iam::000000000000:root",
        "arn:aws:iam::000000000000:user/teams/anna+b=c.d@example.com",
        "arn:aws-us-gov:sts::000000000000:assumed-role/orders/orders-Function-1",
        "arn:aws-cn:sts::000000000000:federated-user/anna",
    ],
    ids=["nobody", "root", "user", "role", "federated"],
)
def test_whoever_iam_knows_may_ask(caller: str) -> None:
    assert seen(event(headers={**GATEWAY, "x-gateway-caller": caller})).caller == caller


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
            "multiValueHeaders": ANY
            | st.fixed_dictionaries({name: st.just([value]) | ANY for name, value in GATEWAY.items()}),
            "multiValueQueryStringParameters": ANY,
            "body": ANY,
            "isBase64Encoded": ANY,
        },
    )
)
def test_no_event_makes_it_fail(asked: Any) -> None:
    assert ask(lambda _: {}, asked).status in (200, 400, 404)
