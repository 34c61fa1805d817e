"""An origin that answers as it is told and writes down what it was asked; and a viewer who asks the edge."""

from __future__ import annotations

import http.client
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from benchmarks.edge.nginx import LOOPBACK, Edge

SECONDS = 20
HOST = "d111111abcdef8.cloudfront.net"


@dataclass(frozen=True)
class Asked:
    """A request as it reached the origin; header names in lower case."""

    method: str
    address: str
    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True)
class Answer:
    """What the origin says."""

    headers: Mapping[str, str] = field(default_factory=dict)
    status: int = 200
    body: str = ""


def echo(asked: Asked) -> Answer:
    """Everything that the origin got, for anybody, for a minute: what leaks here leaks by the cache alone."""
    kept = {"Cache-Control": "public, max-age=0, s-maxage=60, stale-while-revalidate=600"}
    return Answer(kept, body=json.dumps([asked.address, asked.headers]))


@dataclass
class Origin:
    """What it answers, and what it was asked."""

    port: int
    answer: Callable[[Asked], Answer] = echo
    asked: list[Asked] = field(default_factory=list)
    goes_on: threading.Event = field(default_factory=threading.Event)
    """While it is clear, whoever asks has to wait."""

    def wait_for(self, count: int) -> None:
        """Wait until so many requests have come."""
        until = time.monotonic() + SECONDS
        while len(self.asked) < count:
            assert time.monotonic() < until, f"{len(self.asked)} requests came, not {count}"
            time.sleep(0.01)


@contextmanager
def listening() -> Iterator[Origin]:
    """An origin on a port of its own."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            headers = {name.lower(): value for name, value in self.headers.items()}
            asked = Asked(self.command, self.path, headers, body)
            origin.asked.append(asked)
            origin.goes_on.wait(SECONDS)
            answer = origin.answer(asked)
            etag = answer.headers.get("ETag")
            is_known = etag is not None and headers.get("if-none-match") == etag
            data = b"" if is_known else answer.body.encode()
            self.send_response(304 if is_known else answer.status)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            if not is_known:
                self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(b"" if self.command == "HEAD" else data)

        do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = do_OPTIONS = do_PATCH = do

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer((LOOPBACK, 0), Handler)
    server.daemon_threads = True
    origin = Origin(server.server_port)
    origin.goes_on.set()
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield origin
    finally:
        origin.goes_on.set()
        server.shutdown()
        server.server_close()


@dataclass(frozen=True)
class Got:
    """What a viewer got. `cache` is how nginx says where it came from: HIT, MISS, EXPIRED, STALE, UPDATING."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode(errors="replace")

    @property
    def cache(self) -> str:
        return self.headers.get("x-cache", "")


@dataclass(frozen=True)
class Viewer:
    """Somebody who asks the edge."""

    edge: Edge

    def ask(self, method: str, address: str, body: bytes | None = None, **headers: str) -> Got:
        """A request; in the names of headers `_` stands for `-`."""
        sent = {"Host": self.edge.host, **{name.replace("_", "-"): value for name, value in headers.items()}}
        connection = http.client.HTTPConnection(LOOPBACK, self.edge.ports[0], timeout=SECONDS)
        try:
            connection.request(method, address, body=body, headers=sent)
            answer = connection.getresponse()
            data = answer.read()
            return Got(answer.status, {k.lower(): v for k, v in answer.getheaders()}, data)
        finally:
            connection.close()

    def get(self, address: str, **headers: str) -> Got:
        return self.ask("GET", address, **headers)

    def until(self, address: str, wanted: Callable[[Got], bool]) -> Got:
        """Ask again and again, until that is what comes: what is fetched in the background takes its time."""
        until = time.monotonic() + SECONDS
        while not wanted(got := self.get(address)):
            assert time.monotonic() < until, got
        return got

    def raw(self, request: bytes) -> bytes:
        """Send these very bytes, and give all that comes back until the edge closes or says no more."""
        with socket.create_connection((LOOPBACK, self.edge.ports[0]), timeout=2) as connection:
            connection.sendall(request)
            got = b""
            try:
                while part := connection.recv(65536):
                    got += part
            except TimeoutError:
                pass
            return got
