"""The handler of a service in gunicorn, as it is started on servers: what it gets, what it answers, and how it ends."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.evidence import shows
from tests.service_kit.conftest import Context
from troposphere_arch.local.databases import ADDRESS, free_port
from troposphere_arch.microservices import bundle, process, testing

SECONDS = 30.0
BODY_SECONDS = 0.6
CALLER = "arn:aws:sts::000000000000:assumed-role/orders/orders"
REQUEST = "11111111-2222-3333-4444-555555555555"
HANDLER = f'''
import os, time
from pathlib import Path
from troposphere_arch.service_kit import context, http, server

server.BODY_SECONDS = {BODY_SECONDS}


def echo(request):
    told = {{name: getattr(request, name) for name in ("method", "route", "path", "query", "body", "id", "caller")}}
    sent = {{name: value for name, value in request.headers.items() if name.startswith("x-") or name == "content-type"}}
    return {{**told, "headers": sent, "process": os.getpid(), "seconds": context.remaining()}}


def wait(request):
    Path(request.path["name"]).write_text(str(os.getpid()))
    while not Path("go").exists():
        time.sleep(0.01)
    return {{"process": os.getpid()}}


def fail(request):
    raise KeyError("anna@example.com")


def reply(request):
    status = int(request.path["status"])
    return http.Reply(status, "a" * 5 if request.query.get("body") else None, {{"X-Own": "b"}})


routes = {{"GET /stock/{{sku}}": echo, "HEAD /stock/{{sku}}": echo, "POST /stock/{{sku}}": echo, "GET /health": echo}}
routes |= {{"GET /wait/{{name}}": wait, "GET /fail": fail, "GET /reply/{{status}}": reply}}
kit = http.handler(routes, limit=7_000_000)


def handler(event, lambda_context):
    """The kit's, and what somebody might write without it."""
    odd = {{
        "raise": lambda: 1 / 0,
        "exit": lambda: exit("anna@example.com"),
        "none": lambda: None,
        "status": lambda: {{"statusCode": "200"}},
        "header": lambda: {{"statusCode": 200, "headers": {{"X-A": "b\\r\\nX-C: d"}}}},
        "body": lambda: {{"statusCode": 200, "body": 7}},
        "base64": lambda: {{"statusCode": 200, "body": "/w==", "isBase64Encoded": True}},
        "many": lambda: {{"statusCode": 200, "multiValueHeaders": {{"X-Many": ["a", "b"]}}, "body": "text"}},
        "length": lambda: {{"statusCode": 200, "headers": {{"Content-Length": "1000"}}, "body": "text"}},
    }}
    if event["resource"] == "/odd/{{what}}":
        return odd[event["pathParameters"]["what"]]()
    return kit(event, lambda_context)
'''


@dataclass
class Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def said(self) -> Any:
        return json.loads(self.body)


@dataclass
class Server:
    """gunicorn, in a directory with nothing but the bundle."""

    folder: Path
    port: int
    process: subprocess.Popen[bytes]

    def sent(self, data: bytes, *more: bytes, pause: float = 0.0, close: bool = False) -> bytes:
        """What these bytes are answered until the connection ends."""
        with socket.create_connection((ADDRESS, self.port), SECONDS) as connection:
            connection.sendall(data)
            with contextlib.suppress(OSError):
                for part in more:
                    time.sleep(pause)
                    connection.sendall(part)
            if close:
                connection.shutdown(socket.SHUT_WR)
            said = b""
            with contextlib.suppress(ConnectionResetError):
                while part := connection.recv(2**16):
                    said += part
        return said

    def ask(self, target: str, method: str = "GET", body: Any = None, **headers: str) -> Answer:
        """A request as it is, with these headers alone; `_` in their names stands for `-`."""
        connection = http.client.HTTPConnection(ADDRESS, self.port, timeout=SECONDS)
        try:
            named = {name.replace("_", "-"): value for name, value in headers.items()}
            connection.request(method, target, body, named)
            answer = connection.getresponse()
            return Answer(answer.status, dict(answer.headers.items()), answer.read())
        finally:
            connection.close()

    def call(self, route: str, target: str, body: Any = None, **headers: str) -> Answer:
        """A request as API Gateway sends it on."""
        method, _, resource = route.partition(" ")
        data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        gateway = {"X_Gateway_Route": resource, "X_Gateway_Stage": "v1", "X_Gateway_Request": REQUEST}
        return self.ask(f"/v1{target}", method, data, **gateway, X_Gateway_Caller=CALLER, **headers)

    def log(self) -> list[Any]:
        return [json.loads(line) for line in (self.folder / "out").read_text().splitlines()]

    def until(self, name: str) -> str:
        """What is in a file once it is there."""
        end = time.monotonic() + SECONDS
        while not (text := (self.folder / name).read_text() if (self.folder / name).exists() else ""):
            assert time.monotonic() < end, name
            time.sleep(0.01)
        return text

    def is_healthy(self) -> bool:
        return self.ask("/health").status == 200


@contextlib.contextmanager
def serving(folder: Path) -> Iterator[Server]:
    code = folder / "code"
    code.mkdir()
    (code / "handler.py").write_text(HANDLER)
    (folder / "index.py").write_text(bundle.bundle(code, server=True))
    (code / "handler.py").unlink()
    code.rmdir()
    server = started(folder, HEALTH="/health")
    try:
        end = time.monotonic() + SECONDS
        while True:
            with contextlib.suppress(OSError):
                if server.is_healthy():
                    break
            assert server.process.poll() is None and time.monotonic() < end, (folder / "err").read_text()
            time.sleep(0.02)
        yield server
    finally:
        (folder / "go").touch()
        server.process.terminate()
        try:
            server.process.wait(SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(server.process.pid, signal.SIGKILL)
            server.process.wait()


def started(folder: Path, **variables: str) -> Server:
    port = free_port()
    _, *arguments = process.arguments(port)
    arguments = [one.replace("0.0.0.0", ADDRESS) for one in arguments]  # noqa: S104  # the tests' stays here
    told = {"PATH": os.environ["PATH"], "SERVICE": "stock", "AWS_REGION": "us-east-1", **variables}
    with (folder / "out").open("wb") as out, (folder / "err").open("wb") as err:
        command = [sys.executable, "-m", "gunicorn", *arguments]
        run = subprocess.Popen(command, cwd=folder, env=told, stdout=out, stderr=err, start_new_session=True)
    return Server(folder, port, run)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One for all tests that do not end it."""
    with serving(tmp_path_factory.mktemp("server")) as made:
        yield made


# --- what it gets


@shows("REQ-M3", how="real")
@pytest.mark.parametrize(
    ("route", "target", "values", "query", "body"),
    [
        ("GET /stock/{sku}", "/stock/tea", {"sku": "tea"}, {}, None),
        ("GET /stock/{sku}", "/stock/a%2Fb%20%C3%A9%25?q=%C3%A9%25", {"sku": "a/b é%"}, {"q": "é%"}, None),
        ("GET /stock/{sku}", "/stock/tea?q=1&q=2&e=&n", {"sku": "tea"}, {"q": "2", "e": "", "n": ""}, None),
        ("GET /stock/{sku}", "/stock/v1?a%5B%5D=1%2B1&b=c+d", {"sku": "v1"}, {"a[]": "1+1", "b": "c d"}, None),
        ("GET /stock/{sku}", "/stock/%FF%zz%", {"sku": "\ufffd%zz%"}, {}, None),
        ("GET /stock/{sku}", "/stock/..", {"sku": ".."}, {}, None),
        ("POST /stock/{sku}", "/stock/tea", {"sku": "tea"}, {}, {"units": 2, "name": "Zoë \U0001f375"}),
    ],
    ids=["plain", "encoded", "twice", "like-the-stage", "no-text", "dots", "body"],
)
def test_a_request_is_what_a_function_gets(
    server: Server, tmp_path: Path, route: str, target: str, values: dict[str, str], query: dict[str, str], body: Any
) -> None:
    """The same handler, here by a server, there by an event of API Gateway."""
    there = server.call(route, target, body, Content_Type="application/json", X_Request_Id="request-1")
    (tmp_path / "handler.py").write_text(HANDLER.replace("server.BODY_SECONDS", "BODY_SECONDS").replace(", server", ""))
    event = testing.request(route, body=body, query=query, headers={"X-Request-Id": "request-1"}, caller=CALLER, sku="")
    raw = target.partition("?")[0].removeprefix("/stock/")
    event |= {"pathParameters": {"sku": raw}, "path": target.partition("?")[0]}
    here = json.loads(testing.load(tmp_path)(event, Context())["body"])
    told = there.said
    assert there.status == 200
    assert told["path"] == values
    assert told["query"] == query
    assert 28 < told["seconds"] <= 29
    assert told | {"process": 0, "seconds": 0} == here | {"process": 0, "seconds": 0}


@shows("REQ-M3", how="real")
def test_nothing_but_api_gateways_word_is_taken_for_it(server: Server) -> None:
    head = b"GET /v1/stock/tea HTTP/1.1\r\nHost: a\r\nConnection: close\r\nX-Gateway-Route: /stock/{sku}\r\n"
    head += b"X-Gateway-Caller: %b\r\nX-Gateway-Stage: v1\r\n" % CALLER.encode()
    said = server.sent(head + b"X_Gateway_Caller: forged\r\nX_Gateway-Route: /fail\r\nX-Note: \xc3\xa9\xff\r\n\r\n")
    told = json.loads(said.partition(b"\r\n\r\n")[2])
    assert (told["caller"], told["route"]) == (CALLER, "GET /stock/{sku}")
    assert told["headers"] == {"x-note": "é\ufffd"}


@shows("REQ-M3", how="real")
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("caller", "arn:aws:sts::000000000000:assumed-role/payments/mallory"),
        ("caller", ""),
        ("route", "/stock/{sku}"),
        ("stage", "v1"),
        ("request", "mallory-00000001"),
    ],
    ids=["caller", "no-caller", "route", "stage", "request"],
)
def test_what_a_client_says_beside_api_gateway_is_refused(server: Server, name: str, value: str) -> None:
    """API Gateway tells names apart by case: a client's own header may come along, before or after the real one."""
    gateway = {"Route": "/stock/{sku}", "Stage": "v1", "Caller": CALLER, "Request": REQUEST}
    real = [f"X-Gateway-{one}: {said}" for one, said in gateway.items()]
    for lines in ([*real, f"x-gateway-{name}: {value}"], [f"x-gateway-{name}: {value}", *real]):
        head = "\r\n".join(["GET /v1/stock/tea HTTP/1.1", "Host: a", "Connection: close", *lines, "", ""])
        said = server.sent(head.encode())
        assert said.startswith(b"HTTP/1.1 400 "), said
        assert json.loads(said.partition(b"\r\n\r\n")[2])["error"] == "BadRequest"


@shows("REQ-M3", how="real")
@pytest.mark.parametrize(
    ("target", "headers"),
    [
        ("/stock/tea", {}),
        ("/v1/stock/tea", {"X_Gateway_Stage": "v1"}),
        ("/v1/stock/tea", {"X_Gateway_Route": "", "X_Gateway_Stage": "v1"}),
        ("/v1/stock/tea/more", {"X_Gateway_Route": "/stock/{sku}", "X_Gateway_Stage": "v1"}),
        ("/v1/stock/", {"X_Gateway_Route": "/stock/{sku}", "X_Gateway_Stage": "v1"}),
        ("/v1/goods/tea", {"X_Gateway_Route": "/stock/{sku}", "X_Gateway_Stage": "v1"}),
        ("/v2/stock/tea", {"X_Gateway_Route": "/stock/{sku}", "X_Gateway_Stage": "v1"}),
        ("/v1/nothing", {"X_Gateway_Route": "/nothing", "X_Gateway_Stage": "v1"}),
        ("*", {"X_Gateway_Route": "/stock/{sku}"}),
        ("/health/", {}),
        ("/Health", {}),
        ("/v1/health", {"X_Gateway_Stage": "v1"}),
    ],
    ids=[
        *("no-header", "no-route", "empty-route", "longer", "shorter", "other", "other-stage", "undeclared", "star"),
        *("health-longer", "health-other", "health-staged"),
    ],
)
def test_what_api_gateway_did_not_send_is_not_found(server: Server, target: str, headers: dict[str, str]) -> None:
    for method in ("GET", "OPTIONS") if target != "*" else ("OPTIONS",):
        answer = server.ask(target, method, **headers)
        assert (answer.status, answer.said["error"]) == (404, "NotFound")


@shows("REQ-M3", how="real")
def test_a_path_without_the_stage_is_the_same_path(server: Server) -> None:
    gateway = {"X_Gateway_Route": "/stock/{sku}", "X_Gateway_Caller": CALLER, "X_Gateway_Request": REQUEST}
    for target, stage in (("/stock/tea", "v1"), ("/stock/tea", ""), ("http://a.example/v1/stock/tea?a=b", "v1")):
        answer = server.ask(target, X_Gateway_Stage=stage, **gateway)
        assert (answer.status, answer.said["path"], answer.said["id"]) == (200, {"sku": "tea"}, REQUEST)


@shows("REQ-M3", how="real")
def test_health_tells_nothing(server: Server) -> None:
    for method in ("GET", "HEAD"):
        answer = server.ask("/health", method)
        assert (answer.status, answer.body, answer.headers["Content-Length"]) == (200, b"", "0")
    assert server.ask("/health?full=1").status == 200
    assert server.ask("/health", "POST").status == 404
    asked = server.ask("/health", X_Gateway_Route="/health")
    assert asked.said["route"] == "GET /health", "who comes by the API asks the handler"


# --- what it answers


@shows("REQ-M3", how="real")
def test_answers_are_the_handlers(server: Server) -> None:
    answer = server.call("GET /reply/{status}", "/reply/201?body=1")
    assert (answer.status, answer.said, answer.headers["X-Own"]) == (201, "aaaaa", "b")
    assert (answer.headers["Content-Type"], answer.headers["Cache-Control"]) == ("application/json", "no-store")
    assert answer.headers["X-Request-Id"] == REQUEST
    assert server.call("GET /reply/{status}", "/reply/599").status == 599
    empty = server.call("GET /reply/{status}", "/reply/204")
    assert (empty.status, empty.body, empty.headers.get("Content-Length")) == (204, b"", None)
    head, got = server.call("HEAD /stock/{sku}", "/stock/tea"), server.call("GET /stock/{sku}", "/stock/tea")
    assert (head.status, head.body) == (200, b"")
    assert abs(int(head.headers["Content-Length"]) - len(got.body)) < 20
    many = server.call("GET /odd/{what}", "/odd/many")
    assert (many.body, many.headers["X-Many"]) == (b"text", "b")
    assert server.call("GET /odd/{what}", "/odd/base64").body == b"\xff"
    assert server.call("GET /odd/{what}", "/odd/length").body == b"text"


@shows("REQ-M6", how="real")
@pytest.mark.parametrize("what", ["raise", "exit", "none", "status", "header", "body", "unknown"])
def test_of_a_failure_only_the_log_says_more(server: Server, what: str) -> None:
    answer = server.call("GET /odd/{what}", f"/odd/{what}", X_Request_Id=f"request-{what}")
    told = {"error": "InternalError", "request": f"request-{what}"}
    told["message"] = "The service failed; its log has the id of this request."
    assert (answer.status, answer.said) == (500, told)
    assert "X-C" not in answer.headers
    assert server.call("GET /fail", "/fail").said["error"] == "InternalError"
    assert "anna" not in (server.folder / "out").read_text() + (server.folder / "err").read_text()


@shows("REQ-M6", how="real")
def test_who_asks_at_once_gets_their_own_answer_and_a_line_of_the_log(server: Server) -> None:
    def ask(number: int) -> bool:
        answer = server.call("GET /stock/{sku}", f"/stock/{number}", X_Request_Id=f"at-once-{number}")
        return bool(answer.said["path"] == {"sku": str(number)} and answer.said["id"] == f"at-once-{number}")

    with ThreadPoolExecutor(32) as threads:
        assert all(threads.map(ask, range(300)))
    requests = [line["request"] for line in server.log() if line.get("request", "").startswith("at-once-")]
    assert sorted(requests) == sorted(f"at-once-{number}" for number in range(300))


# --- bad input


GATEWAY = (
    b"Host: a\r\nConnection: close\r\nX-Gateway-Route: /stock/{sku}\r\nX-Gateway-Stage: v1\r\n"
    b"Content-Type: application/json\r\n"
)
POST = b"POST /v1/stock/tea HTTP/1.1\r\n" + GATEWAY
GET = b"GET /v1/stock/tea HTTP/1.1\r\n" + GATEWAY


@shows("REQ-M6", how="real")
@pytest.mark.parametrize(
    ("data", "status"),
    [
        (GET + b"X-Long: " + b"a" * 100_000 + b"\r\n\r\n", 431),
        (GET + b"X-Many: a\r\n" * 1000 + b"\r\n", 431),
        (b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\n\r\n", 414),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400),
        (b"GET /v1/stock/tea HTTP/9.9\r\n\r\n", 400),
        (b"BR\xffW /v1/stock/tea HTTP/1.1\r\n" + GATEWAY + b"\r\n", 400),
        (b"BREW /v1/stock/tea HTTP/1.1\r\n" + GATEWAY + b"\r\n", 404),
        (b"GET /v1/stock/\xff HTTP/1.1\r\n" + GATEWAY + b"\r\n", 400),
        (b"GET /v1/stock/tea?%FF=%zz&&&=&%00 HTTP/1.1\r\n" + GATEWAY + b"\r\n", 200),
        (GET + b"X-Request-Id: \xff\xfe\r\n\r\n", 200),
        (GET + b"X-Split: a\r\n b\r\n\r\n", 400),
        (GET + b"Bad Name: a\r\n\r\n", 400),
        (POST + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n{}", 400),
        (POST + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}", 400),
        (POST + b"Content-Length: -1\r\n\r\n{}", 400),
        (POST + b"Content-Length: 3\r\n\r\n\xff\xfe\xfd", 400),
        (POST + b"Content-Length: 1\r\n\r\n{", 400),
        (POST + b"Content-Length: 200\r\n\r\n{}", 400),
        (POST + b"Content-Length: 99999999999999\r\n\r\n", 413),
        (POST + b"Content-Length: 7000000\r\n\r\n" + b" " * 7_000_000, 413),
        (POST + b"Transfer-Encoding: chunked\r\n\r\n" + b"100000\r\n" + b" " * 2**20 + b"\r\n", 400),
        (POST + b"Transfer-Encoding: chunked\r\n\r\n" + (b"100000\r\n" + b" " * 2**20 + b"\r\n") * 12, 413),
        (POST + b"Transfer-Encoding: chunked\r\n\r\nxyz\r\n", 400),
        (POST + b"Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\n1\r\n}\r\n0\r\n\r\n", 200),
        (POST + b"Transfer-Encoding: gzip\r\n\r\n", 400),
        (POST + b"Content-Length: 6000000\r\n\r\n" + b" " * 5_999_998 + b"{}", 200),
    ],
    ids=[
        *("long-header", "many-headers", "long-line", "tls", "version", "method", "unknown-method", "path", "query"),
        *("id", "folded", "name", "smuggled", "two-lengths", "negative", "no-utf-8", "no-json", "cut", "huge"),
        *("large", "chunks-cut", "chunks-large", "no-chunk", "chunks", "coding", "largest"),
    ],
)
def test_whatever_comes_is_answered(server: Server, data: bytes, status: int) -> None:
    said = server.sent(data, close=status in (400, 413))
    head, _, body = said.partition(b"\r\n\r\n")
    assert re.match(rb"HTTP/1.1 %d " % status, head), said[:200]
    assert b"Traceback" not in said and b".py" not in said
    if b"application/json" in head and status >= 400:
        assert json.loads(body).keys() == {"error", "message", "request"}
    assert server.is_healthy()


@shows("REQ-M6", how="real")
def test_a_body_that_comes_too_slowly_is_not_waited_for(server: Server) -> None:
    """Each byte comes soon after the one before."""
    drops = [b" "] * 100
    with ThreadPoolExecutor(8) as threads:
        slow = [
            threads.submit(server.sent, POST + b"Content-Length: 1000\r\n\r\n", *drops, pause=BODY_SECONDS / 20)
            for _ in range(8)
        ]
        for one in slow:
            assert one.result().startswith(b"HTTP/1.1 408 ")
    assert server.is_healthy()


# --- how it ends


@shows("REQ-M6", how="real")
def test_a_process_that_is_killed_takes_its_own_requests_along_and_no_others(server: Server) -> None:
    with ThreadPoolExecutor(8) as threads:
        waiting = [threads.submit(server.call, "GET /wait/{name}", f"/wait/killed-{number}") for number in range(8)]
        processes = [int(server.until(f"killed-{number}")) for number in range(8)]
        os.kill(processes[0], signal.SIGKILL)
        assert server.call("GET /stock/{sku}", "/stock/tea").status == 200, "others are served meanwhile"
        (server.folder / "go").touch()
        for number, one in zip(processes, waiting, strict=True):
            if number == processes[0]:
                with pytest.raises((ConnectionError, http.client.HTTPException)):
                    one.result()
            else:
                assert one.result().said == {"process": number}
    (server.folder / "go").unlink()
    end = time.monotonic() + SECONDS
    seen: set[int] = set()
    while len(seen) < 2:
        seen.add(server.call("GET /stock/{sku}", "/stock/tea").said["process"])
        assert time.monotonic() < end, "nobody took its place"
    assert processes[0] not in seen


@shows("REQ-M11", how="real")
def test_what_is_under_way_ends_before_the_process_does(tmp_path: Path) -> None:
    with serving(tmp_path) as server:
        # A balancer keeps its connection, and sends the next request by it.
        kept = http.client.HTTPConnection(ADDRESS, server.port, timeout=SECONDS)
        kept.request("GET", "/health")
        assert kept.getresponse().read() == b""
        assert kept.sock is not None
        assert process.KEEP_ALIVE > 60, "seconds that a balancer keeps it when nothing comes"
        with ThreadPoolExecutor(1) as threads:
            waiting = threads.submit(server.call, "GET /wait/{name}", "/wait/ending")
            server.until("ending")
            server.process.terminate()
            said = ""
            while said != "close":
                kept.request("GET", "/health")
                answer = kept.getresponse()
                assert (answer.status, answer.read()) == (200, b"")
                said = answer.headers["Connection"]
            assert not waiting.done()
            (tmp_path / "go").touch()
            assert waiting.result().status == 200
        assert server.process.wait(SECONDS) == 0


@shows("REQ-M3", how="real")
def test_without_a_health_path_it_does_not_start(server: Server, tmp_path: Path) -> None:
    (tmp_path / "index.py").write_text((server.folder / "index.py").read_text())
    other = started(tmp_path)
    assert other.process.wait(SECONDS) != 0
    assert "HEALTH" in (tmp_path / "err").read_text()
