"""A service that is called: a real HTTP server whose `plan` says what becomes of each request that comes."""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import json
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import quote, urlsplit

SECRET = "secret-of-the-tests"


@dataclass
class Call:
    """One request as it came: the path with its query as it was sent, names of headers in small letters."""

    verb: str
    path: str
    headers: dict[str, str]
    body: bytes
    handler: BaseHTTPRequestHandler = field(repr=False)

    def say(self, status: int, body: Any = None, **headers: str) -> None:
        """Answer; a body that is no bytes is sent as JSON."""
        data = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        self.handler.send_response(status)
        for name, value in ({"Content-Type": "application/json"} | headers).items():
            self.handler.send_header(name.replace("_", "-"), value)
        self.handler.send_header("Content-Length", str(len(data)))
        self.handler.end_headers()
        if self.verb != "HEAD":
            self.handler.wfile.write(data)

    def raw(self, *parts: bytes, pause: float = 0.0) -> None:
        """Write these bytes, whatever they are, and end the connection."""
        with contextlib.suppress(OSError):
            for part in parts:
                self.handler.connection.sendall(part)
                time.sleep(pause)
        self.handler.close_connection = True

    def cut(self) -> None:
        """End the connection so that the other side sees a reset."""
        self.handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.handler.connection.close()
        self.handler.close_connection = True

    @property
    def signature_is_right(self) -> bool:
        """Signature version 4, made anew from what came over the wire, and compared.

        https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
        """
        algorithm, _, rest = self.headers["authorization"].partition(" ")
        told = dict(part.split("=", 1) for part in rest.split(", "))
        key, scope = told["Credential"].split("/", 1)
        path, query = urlsplit(self.path).path, urlsplit(self.path).query
        signed = told["SignedHeaders"].split(";")
        canonical = "\n".join(
            [
                self.verb,
                quote(path, safe="/~"),
                "&".join(sorted(query.split("&"), key=lambda pair: pair.partition("="))),
                *(f"{name}:{' '.join(self.headers[name].split())}" for name in signed),
                "",
                told["SignedHeaders"],
                hashlib.sha256(self.body).hexdigest(),
            ]
        )
        digest = hashlib.sha256(canonical.encode()).hexdigest()
        text = "\n".join([algorithm, self.headers["x-amz-date"], scope, digest])
        secret = f"AWS4{SECRET}".encode()
        for part in scope.split("/"):
            secret = hmac.digest(secret, part.encode(), "sha256")
        right = hmac.digest(secret, text.encode(), "sha256").hex() == told["Signature"]
        date, region, service, end = scope.split("/")
        at_home = (region, service, end) == ("eu-west-1", "execute-api", "aws4_request")
        return right and at_home and key != "" and self.headers["x-amz-date"].startswith(date) and "host" in signed


Plan = Callable[[Call], None]


def says(status: int, body: Any = None, **headers: str) -> Plan:
    return lambda call: call.say(status, body, **headers)


@dataclass
class Callee:
    """What becomes of the next requests, the last one for good; and the requests that came."""

    url: str
    plan: list[Plan]
    calls: list[Call] = field(default_factory=list)
    connections: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def next(self, call: Call) -> Plan:
        with self.lock:
            self.calls.append(call)
            return self.plan.pop(0) if len(self.plan) > 1 else self.plan[0]


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Callers that go away are a part of the tests."""


@contextlib.contextmanager
def serving(base: str = "") -> Iterator[Callee]:
    callee = Callee("", [says(200, {})])

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1  # head and body in one packet: else the caller waits for the acknowledgement of the first

        def setup(self) -> None:
            super().setup()
            callee.connections += 1

        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            headers = {name.lower(): value for name, value in self.headers.items()}
            call = Call(self.command, self.path, headers, body, self)
            callee.next(call)(call)

        do_GET = do_HEAD = do_PUT = do_POST = do_PATCH = do_DELETE = answer

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = _Server(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    callee.url = f"http://127.0.0.1:{server.server_port}{base}"
    try:
        yield callee
    finally:
        server.shutdown()
        server.server_close()
