"""Calls of other services, over real connections to a server that is slow, dies, or says what it should not."""

from __future__ import annotations

import json
import math
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
import urllib3
from botocore.credentials import RefreshableCredentials
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.evidence import shows
from tests.service_kit.callee import SECRET, Call, Callee, Plan, says, serving
from tests.service_kit.conftest import Clock, Killed
from troposphere_arch.service_kit import client, context

ROUTE = "GET /stock/{sku}"
TRACE = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1"


@dataclass
class Caller:
    """A client whose pauses take no time, and the service that it calls."""

    stock: Callee
    clock: Clock
    client: client.Client

    def __call__(self, route: str = ROUTE, /, *plan: Plan, **options: Any) -> client.Answer:
        if plan:
            self.stock.plan = [*plan]
        if route == ROUTE and "sku" not in options:
            options["sku"] = "pen"
        return self.client.call("stock", route, **options)

    @property
    def verbs(self) -> list[str]:
        return [call.verb for call in self.stock.calls]


@pytest.fixture
def stock(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callee]:
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    with serving("/v1") as callee:
        monkeypatch.setenv("STOCK_URL", callee.url)
        yield callee


@pytest.fixture
def caller(stock: Callee) -> Caller:
    clock = Clock(1000.0)
    return Caller(stock, clock, client.Client(clock=clock, sleep=clock.sleep, chance=lambda: 0.5))


@pytest.fixture
def hasty(stock: Callee) -> client.Client:
    """One in real time, without pauses."""
    return client.Client(chance=lambda: 0.0)


def cut(call: Call) -> None:
    call.cut()


def killed() -> None:
    raise Killed


@pytest.fixture
def late() -> Iterator[Plan]:
    """Answers much later than anybody should wait, if the test has not ended by then."""
    over = threading.Event()

    def plan(call: Call) -> None:
        over.wait(60)
        call.cut()

    yield plan
    over.set()


class Silent:
    """A pool of connections to who never answers: waits for as long as it may, of a time that is given."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.waited: list[float] = []

    def urlopen(self, verb: str, url: str, *, timeout: urllib3.Timeout, **_: Any) -> None:
        assert timeout.connect_timeout == context.CONNECT
        self.waited.append(float(timeout.total or 0))
        self.clock.now += self.waited[-1]
        raise urllib3.exceptions.ReadTimeoutError(urllib3.connectionpool.HTTPConnectionPool("stock"), url, "")


# --- what is sent


@shows("REQ-M2", how="real")
def test_an_answer_is_what_the_service_said(caller: Caller) -> None:
    answer = caller(ROUTE, says(201, {"left": 3}, X_Thing="yes"))
    assert (answer.status, answer.body, answer.headers["x-thing"]) == (201, {"left": 3}, "yes")
    [call] = caller.stock.calls
    assert (call.verb, call.path, call.body) == ("GET", "/v1/stock/pen", b"")
    assert "content-type" not in call.headers
    assert call.signature_is_right


@shows("REQ-M2", how="real")
@pytest.mark.parametrize(
    ("said", "kind", "body"),
    [
        (b"", "application/json", None),
        (b"plain", "text/plain", "plain"),
        (b"\xff", "text/plain", "\ufffd"),
        (b"[1]", "text/plain", [1]),
    ],
    ids=["nothing", "text", "bytes", "json-in-text"],
)
def test_an_answer_need_not_be_json(caller: Caller, said: bytes, kind: str, body: Any) -> None:
    assert caller(ROUTE, says(200, said, Content_Type=kind)).body == body


@shows("REQ-M2", how="real")
@pytest.mark.parametrize(
    ("sku", "path"),
    [
        ("pen", "pen"),
        ("a/b", "a%2Fb"),
        ("../up", "..%2Fup"),
        ("Zoë ☃", "Zo%C3%AB%20%E2%98%83"),
        ("100%25", "100%2525"),
        ("?a=b&c#d", "%3Fa%3Db%26c%23d"),
        ("a+b~c_d.e-f", "a%2Bb~c_d.e-f"),
        ("a:@!$&'()*,;=", "a%3A%40%21%24%26%27%28%29%2A%2C%3B%3D"),
        ("{sku}", "%7Bsku%7D"),
        (7, "7"),
    ],
    ids=str,
)
def test_a_value_is_one_part_of_the_path_whatever_it_is(caller: Caller, sku: Any, path: str) -> None:
    caller(sku=sku)
    [call] = caller.stock.calls
    assert call.path == f"/v1/stock/{path}"
    assert call.signature_is_right


@shows("REQ-M2", how="real")
@pytest.mark.parametrize("sku", ["", ".", ".."])
def test_a_value_that_no_path_can_have_is_not_there(caller: Caller, sku: str) -> None:
    with pytest.raises(client.Rejected) as raised:
        caller(sku=sku)
    assert raised.value.status == 404
    assert caller.stock.calls == []


@shows("REQ-M2", how="real")
@pytest.mark.parametrize(
    ("query", "sent"),
    [
        ({"b": "2", "a": 1}, "?b=2&a=1"),
        ({"q": "a b&c=d/é+%"}, "?q=a%20b%26c%3Dd%2F%C3%A9%2B%25"),
        ({"tag": ["x", "y"], "none": None}, "?tag=x&tag=y"),
        ({"empty": ""}, "?empty="),
        ({"none": None}, ""),
    ],
    ids=["order", "escaped", "lists", "empty", "nothing"],
)
def test_a_query_is_sent_and_signed(caller: Caller, query: dict[str, Any], sent: str) -> None:
    caller(query=query)
    [call] = caller.stock.calls
    assert call.path == f"/v1/stock/pen{sent}"
    assert call.signature_is_right


@shows("REQ-M2", how="real")
@settings(
    derandomize=True,
    database=None,
    deadline=None,
    max_examples=60,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    sku=st.text(st.characters(), min_size=1, max_size=12),
    query=st.dictionaries(st.text(max_size=5), st.text(max_size=8)),
)
def test_whatever_is_called_is_signed_right(caller: Caller, sku: str, query: dict[str, str]) -> None:
    caller.stock.calls.clear()
    try:
        caller(sku=sku, query=query)
    except client.Rejected:
        assert sku in (".", "..")
        return
    assert caller.stock.calls[0].signature_is_right


@shows("REQ-M2", how="real")
@pytest.mark.parametrize("body", [{"units": 2, "name": "Zoë"}, [], "text", 0, False], ids=repr)
def test_a_body_is_sent_as_json(caller: Caller, body: Any) -> None:
    caller("POST /stock", body=body)
    [call] = caller.stock.calls
    assert json.loads(call.body) == body
    assert call.headers["content-type"] == "application/json"
    assert call.signature_is_right


@shows("REQ-M2", "REQ-M8", how="real")
def test_request_trace_and_key_are_passed_on(caller: Caller) -> None:
    with context.begin(context.Work("request-1", "origin", TRACE)):
        caller("POST /stock", body={}, key="key  1 ".replace(" ", "-"))
    [call] = caller.stock.calls
    assert call.headers["x-request-id"] == "request-1"
    assert call.headers["x-amzn-trace-id"] == TRACE
    assert call.headers["idempotency-key"] == "key--1-"
    assert call.signature_is_right
    assert {"idempotency-key", "x-request-id"} <= {
        *call.headers["authorization"].split("SignedHeaders=")[1].split(",")[0].split(";")
    }


@shows("REQ-M2", how="real")
def test_a_path_may_have_names_like_the_options(caller: Caller) -> None:
    caller("GET /keys/{key}/bodies/{body}", key_="k", body_="b")
    assert caller.stock.calls[0].path == "/v1/keys/k/bodies/b"


@shows("REQ-M2", how="real")
def test_credentials_are_renewed_before_they_end(caller: Caller) -> None:
    given = iter(range(1, 10))

    def renew() -> dict[str, str]:
        soon = datetime.now(UTC) + timedelta(seconds=1)
        key = f"AKID{next(given)}"
        return {"access_key": key, "secret_key": SECRET, "token": f"token-{key}", "expiry_time": soon.isoformat()}

    credentials = RefreshableCredentials.create_from_metadata(renew(), renew, "tests")
    caller.client.session = SimpleNamespace(get_credentials=lambda: credentials)
    caller()
    caller()
    keys = [call.headers["authorization"].split("Credential=")[1].split("/")[0] for call in caller.stock.calls]
    assert keys == ["AKID2", "AKID3"]
    assert [call.headers["x-amz-security-token"] for call in caller.stock.calls] == ["token-AKID2", "token-AKID3"]
    assert all(call.signature_is_right for call in caller.stock.calls)


@shows("REQ-M6", how="real")
def test_connections_are_kept(caller: Caller) -> None:
    for _ in range(3):
        caller()
    with pytest.raises(client.Rejected):
        caller(ROUTE, says(404, {}))
    assert caller.stock.connections == 1


@shows("REQ-M2", how="real")
def test_wrong_uses_are_said(caller: Caller) -> None:
    with pytest.raises(
        LookupError, match=r"ORDER_LINES_URL is not set: does service.yaml say that it calls order-lines"
    ):
        caller.client.call("order-lines", "GET /lines")
    for wrong in ({"sku": "x", "other": 1}, {}):
        with pytest.raises(ValueError, match=r"has .* in its path"):
            caller.client.call("stock", ROUTE, **wrong)
    for key in ("", "a b", "é", "a\nb", "a" * 256):
        with pytest.raises(ValueError, match="visible ASCII"):
            caller(key=key)
    with pytest.raises(ValueError, match="JSON compliant"):
        caller("POST /stock", body=float("nan"))
    for timeout in (math.inf, math.nan, -math.inf, 0, -1, None, "5"):
        with pytest.raises(ValueError, match="timeout is not a number of seconds above 0"):
            caller(timeout=timeout)
    assert caller.stock.calls == []


# --- what is tried again


@shows("REQ-M6", how="real")
@pytest.mark.parametrize("status", [429, 502, 503, 504])
@pytest.mark.parametrize("verb", ["GET", "HEAD", "PUT", "DELETE", "POST"])
def test_what_may_help_is_tried_again(caller: Caller, verb: str, status: int) -> None:
    key = "key-1" if verb == "POST" else None
    assert caller(f"{verb} /stock", says(status), says(status), says(200, {}), key=key).status == 200
    assert caller.verbs == [verb] * 3
    assert caller.clock.slept == [0.05, 0.1]
    assert all(call.signature_is_right for call in caller.stock.calls)


@shows("REQ-M6", how="real")
@pytest.mark.parametrize("fault", [cut, says(502), says(503), says(504)], ids=["cut", "502", "503", "504"])
@pytest.mark.parametrize("verb", ["POST", "PATCH"])
def test_what_may_have_been_done_is_not_tried_again_without_a_key(caller: Caller, verb: str, fault: Plan) -> None:
    with pytest.raises(client.Unavailable):
        caller(f"{verb} /stock", fault)
    assert caller.verbs == [verb]


@shows("REQ-M6", how="real")
def test_what_was_refused_for_being_too_much_was_not_done(caller: Caller) -> None:
    assert caller("POST /stock", says(429), says(201, {})).status == 201


@shows("REQ-M6", how="real")
@pytest.mark.parametrize("verb", ["GET", "POST"])
def test_where_nobody_listens_is_tried_again(caller: Caller, verb: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        monkeypatch.setenv("STOCK_URL", f"http://127.0.0.1:{free.getsockname()[1]}")
        with pytest.raises(client.Unavailable) as raised:
            caller(f"{verb} /stock")
    assert raised.value.status is None
    assert len(caller.clock.slept) == 2


@shows("REQ-M6", how="real")
@pytest.mark.parametrize("status", [500, 501, 505])
def test_what_is_broken_is_not_tried_again(caller: Caller, status: int) -> None:
    with pytest.raises(client.Unavailable) as raised:
        caller(ROUTE, says(status, {"error": "Broken"}))
    assert (raised.value.status, raised.value.body) == (status, {"error": "Broken"})
    assert len(caller.stock.calls) == 1


@shows("REQ-M6", how="real")
@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 422])
def test_a_refusal_is_said_at_once(caller: Caller, status: int) -> None:
    with pytest.raises(client.Rejected) as raised:
        caller(ROUTE, says(status, {"error": "NotFound", "message": "of anna"}))
    error = raised.value
    assert (error.service, error.route, error.status, error.body["error"]) == ("stock", ROUTE, status, "NotFound")
    assert isinstance(error, client.CallError)
    assert "anna" not in str(error)
    assert len(caller.stock.calls) == 1


@shows("REQ-M6", how="real")
@pytest.mark.parametrize("status", [300, 301, 302, 303, 304, 307, 308])
def test_who_says_to_ask_elsewhere_is_not_followed_and_gives_no_answer(caller: Caller, status: int) -> None:
    away = says(status, b"<html>", Location=f"{caller.stock.url}/other", Content_Type="application/json")
    with pytest.raises(client.Rejected) as raised:
        caller(ROUTE, away, says(200, {}))
    assert raised.value.status == status
    assert len(caller.stock.calls) == 1


@shows("REQ-M6", how="real")
def test_after_three_tries_it_is_not_available(caller: Caller) -> None:
    with pytest.raises(client.Unavailable) as raised:
        caller(ROUTE, says(503, {"error": "Busy"}))
    assert (raised.value.status, raised.value.body) == (503, {"error": "Busy"})
    assert len(caller.stock.calls) == 3


@shows("REQ-M6", how="real")
@pytest.mark.parametrize(
    ("parts", "error"),
    [
        ([b"nonsense\r\n\r\n"], client.Unavailable),
        ([b"HTTP/1.1 2xx OK\r\n\r\n"], client.Unavailable),
        ([b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n{}"], client.Unavailable),
        ([b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n"], client.Unavailable),
        ([b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 200 + b"\r\n"], client.Unavailable),
        ([b""], client.Unavailable),
        ([b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 1\r\n\r\n{"], client.CallError),
    ],
    ids=["no-http", "no-status", "short", "chunks", "headers", "nothing", "no-json"],
)
def test_garbage_is_no_answer(caller: Caller, parts: list[bytes], error: type[client.CallError]) -> None:
    with pytest.raises(client.CallError) as raised:
        caller(ROUTE, lambda call: call.raw(*parts))
    assert type(raised.value) is error
    assert len(caller.stock.calls) == (3 if error is client.Unavailable else 1)


@shows("REQ-M6", how="real")
def test_a_page_of_a_failing_gateway_is_no_trouble(caller: Caller) -> None:
    page = says(502, b"<html>Bad \xff Gateway", Content_Type="application/json")
    with pytest.raises(client.Unavailable) as raised:
        caller(ROUTE, page)
    assert raised.value.body == "<html>Bad \ufffd Gateway"


# --- how long


@shows("REQ-M6", how="real")
def test_pauses_grow_and_are_left_to_chance(stock: Callee) -> None:
    clock, chances = Clock(), iter([1.0, 0.25, 0.0])
    one = client.Client(clock=clock, sleep=clock.sleep, chance=lambda: next(chances))
    stock.plan = [says(503)]
    with pytest.raises(client.Unavailable):
        one.call("stock", ROUTE, sku="pen")
    assert clock.slept == [0.1, 0.05]


@shows("REQ-M6", how="real")
@pytest.mark.parametrize(
    ("said", "slept", "after"),
    [
        ("2", [2.0, 2.0], 2.0),
        ("0", [0.05, 0.1], 0.0),
        ("9", [], 9.0),
        ("99999", [], 99_999.0),
        ("-1", [0.05, 0.1], 0.0),
        ("1e9", [0.05, 0.1], 0.0),
        ("Wed, 21 Oct 2015 07:28:00 GMT", [0.05, 0.1], 0.0),
        ("9" * 30, [0.05, 0.1], 0.0),
    ],
    ids=lambda value: value[:6] if isinstance(value, str) else "",
)
def test_the_service_says_when_to_come_again(caller: Caller, said: str, slept: list[float], after: float) -> None:
    with pytest.raises(client.Unavailable) as raised:
        caller(ROUTE, says(503, Retry_After=said), timeout=5)
    assert caller.clock.slept == slept
    assert raised.value.retry_after == after


@shows("REQ-M6", how="real")
@pytest.mark.parametrize("verb", ["GET", "POST"])
def test_a_slow_service_is_given_up(hasty: client.Client, stock: Callee, late: Plan, verb: str) -> None:
    stock.plan = [late]
    started = time.monotonic()
    with pytest.raises(client.Unavailable) as raised:
        hasty.call("stock", f"{verb} /stock", timeout=0.2)
    assert time.monotonic() - started < 20
    assert raised.value.status is None
    assert {call.verb for call in stock.calls} <= {verb}


@shows("REQ-M6", how="real")
def test_an_answer_that_drips_is_given_up(hasty: client.Client, stock: Callee) -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 2000\r\n\r\n"
    stock.plan = [lambda call: call.raw(head, *[b" "] * 2000, pause=0.03)]
    started = time.monotonic()
    with pytest.raises(client.Unavailable):
        hasty.call("stock", "POST /stock", timeout=0.2)
    assert time.monotonic() - started < 20


@shows("REQ-M6", how="simulated")
@pytest.mark.parametrize(
    ("verb", "key", "waited"),
    [("GET", None, [4.0, 2.0, 2.0]), ("POST", "key-1", [4.0, 2.0, 2.0]), ("POST", None, [8.0])],
    ids=["GET", "with-key", "POST"],
)
def test_half_of_the_time_is_left_for_another_try_if_there_can_be_one(
    stock: Callee, verb: str, key: str | None, waited: list[float]
) -> None:
    clock = Clock()
    silent = Silent(clock)
    one = client.Client(clock=clock, sleep=clock.sleep, chance=lambda: 0.0, pool=silent)
    with pytest.raises(client.Unavailable):
        one.call("stock", f"{verb} /stock", timeout=8, key=key)
    assert silent.waited == waited


@shows("REQ-M6", how="real")
@pytest.mark.parametrize(("left", "calls"), [(0.4, 0), (0.5, 0), (-3.0, 0), (60.0, 1)])
def test_there_must_be_time_to_answer_after_the_call(stock: Callee, left: float, calls: int) -> None:
    one = client.Client(sleep=lambda _: None)
    with context.begin(context.Work("request-1", "origin", deadline=time.monotonic() + left)):
        if calls:
            one.call("stock", ROUTE, sku="pen")
        else:
            with pytest.raises(client.Unavailable):
                one.call("stock", ROUTE, sku="pen")
    assert len(stock.calls) == calls


@shows("REQ-M6", how="real")
def test_the_time_of_the_function_ends_the_call(hasty: client.Client, stock: Callee, late: Plan) -> None:
    stock.plan = [late]
    started = time.monotonic()
    work = context.Work("request-1", "origin", deadline=started + 0.7)
    with context.begin(work), pytest.raises(client.Unavailable):
        hasty.call("stock", ROUTE, sku="pen", timeout=50)
    assert time.monotonic() - started < 20


@shows("REQ-M6", how="simulated")
def test_the_time_to_answer_in_is_kept(stock: Callee) -> None:
    clock = Clock()
    silent = Silent(clock)
    one = client.Client(clock=clock, sleep=clock.sleep, chance=lambda: 0.0, pool=silent)
    work = context.Work("request-1", "origin", deadline=time.monotonic() + 100)
    with context.begin(work), pytest.raises(client.Unavailable):
        one.call("stock", ROUTE, sku="pen", timeout=200)
    assert 0 < sum(silent.waited) <= 100 - context.ANSWER


@shows("REQ-M6", how="simulated")
@pytest.mark.parametrize("timeout", [1e300, 10**400, 901], ids=["float", "int", "longer"])
def test_nobody_waits_longer_than_a_function_runs(stock: Callee, timeout: float) -> None:
    clock = Clock()
    silent = Silent(clock)
    one = client.Client(clock=clock, sleep=clock.sleep, chance=lambda: 0.0, pool=silent)
    with pytest.raises(client.Unavailable):
        one.call("stock", "POST /stock", timeout=timeout)
    assert silent.waited == [900.0]


@shows("REQ-M6", how="real")
def test_no_pause_is_begun_that_leaves_no_time_for_a_try(caller: Caller) -> None:
    with pytest.raises(client.Unavailable):
        caller(ROUTE, says(503), timeout=0.12)
    assert caller.clock.slept == [0.05]


# --- circuit


def opened(caller: Caller, *, by: Plan = cut) -> None:
    """Two calls with three tries each, but the sixth is not made any more."""
    for _ in range(2):
        with pytest.raises(client.Unavailable):
            caller(ROUTE, by)
    assert len(caller.stock.calls) == 5
    caller.stock.calls.clear()


@shows("REQ-M6", how="real")
@pytest.mark.parametrize("fault", [cut, says(503), says(429)], ids=["cut", "503", "429"])
def test_who_is_down_is_not_asked_for_five_seconds(caller: Caller, fault: Plan) -> None:
    opened(caller, by=fault)
    caller.clock.now += 4.8
    with pytest.raises(client.Unavailable) as raised:
        caller(ROUTE, says(200, {}))
    assert caller.stock.calls == []
    assert 0 < raised.value.retry_after <= 0.3
    caller.clock.now += 0.3
    assert caller().status == 200
    assert caller().status == 200
    assert len(caller.stock.calls) == 2


@shows("REQ-M6", how="real")
def test_who_is_still_down_is_asked_once_and_not_again_for_five_seconds(caller: Caller) -> None:
    opened(caller)
    caller.clock.now += 5.1
    for _ in range(2):
        with pytest.raises(client.Unavailable):
            caller(ROUTE, cut)
    assert len(caller.stock.calls) == 1
    caller.clock.now += 5.1
    assert caller(ROUTE, says(200, {})).status == 200


@shows("REQ-M6", how="real")
def test_a_refusal_is_a_sign_of_life(caller: Caller) -> None:
    for _ in range(4):
        with pytest.raises(client.Unavailable):
            caller(ROUTE, says(500))
        with pytest.raises(client.Rejected):
            caller(ROUTE, says(404))
    with pytest.raises(client.Unavailable):
        caller(ROUTE, cut)
    assert len(caller.stock.calls) == 11


@shows("REQ-M6", how="real")
def test_one_service_that_is_down_keeps_no_other_from_being_asked(
    caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LEDGER_URL", caller.stock.url)
    opened(caller)
    caller.stock.plan = [says(200, {})]
    assert caller.client.call("ledger", "GET /lines").status == 200


@shows("REQ-M6", how="real")
def test_many_callers_at_once_ask_who_was_down_once(caller: Caller) -> None:
    opened(caller)
    caller.clock.now += 5.1
    asked, go_on = threading.Event(), threading.Event()

    def hold(call: Call) -> None:
        asked.set()
        go_on.wait(30)
        call.say(200, {})

    caller.stock.plan = [hold, says(200, {})]
    outcome = in_thread(caller)
    with ThreadPoolExecutor(8) as pool:
        first = pool.submit(outcome)
        assert asked.wait(30)
        others = [pool.submit(outcome) for _ in range(7)]
        assert [one.result(30) for one in others] == ["Unavailable"] * 7
        assert len(caller.stock.calls) == 1
        go_on.set()
        assert first.result(30) == 200
        assert [one.result(30) for one in [pool.submit(outcome) for _ in range(7)]] == [200] * 7


def in_thread(caller: Caller) -> Callable[[], Any]:
    def outcome() -> Any:
        try:
            return caller.client.call("stock", ROUTE, sku="pen", timeout=120).status
        except client.CallError as error:
            return type(error).__name__

    return outcome


@shows("REQ-M6", how="real")
def test_who_asks_and_is_never_heard_of_again_keeps_nobody_from_asking(caller: Caller) -> None:
    opened(caller)
    caller.clock.now += 5.1
    caller.client.session = SimpleNamespace(get_credentials=killed)
    with pytest.raises(Killed):
        caller()
    caller.client.session = None
    with pytest.raises(client.Unavailable):
        caller(ROUTE, says(200, {}))
    caller.clock.now += 5.1
    assert caller().status == 200


@shows("REQ-M6", how="real")
def test_threads_call_with_what_is_under_way_when_they_are_told_to(caller: Caller) -> None:
    with context.begin(context.Work("request-1", "origin", TRACE)), ThreadPoolExecutor(4) as pool:
        contexts = [copy_context() for _ in range(8)]
        list(pool.map(lambda one: one.run(caller.client.call, "stock", ROUTE, sku="pen"), contexts))
    assert {call.headers["x-request-id"] for call in caller.stock.calls} == {"request-1"}
    assert all(call.signature_is_right for call in caller.stock.calls)


@shows("REQ-M2", how="real")
def test_the_call_of_the_module_is_that_of_one_client(stock: Callee) -> None:
    assert client.call("stock", ROUTE, sku="pen").status == 200
    assert stock.calls[0].path == "/v1/stock/pen"
