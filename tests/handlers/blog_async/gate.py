"""A gate between a handler and a service of the emulator, at which a test makes happen what networks do.

    handler ──▶ Gate ──▶ emulator
                 └── what `plan` says of the next request: cut, lose the answer, answer something else, kill the handler

The handler's clients are told its address by the variables that every SDK knows (AWS_ENDPOINT_URL_SESV2 and so on), so
nothing in the handler is changed.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Passage:
    """One request on its way, which a fault may let through, answer, or cut."""

    request: BaseHTTPRequestHandler
    body: bytes
    upstream: int

    def forward(self) -> tuple[int, list[tuple[str, str]], bytes]:
        """What the emulator answers."""
        connection = http.client.HTTPConnection("127.0.0.1", self.upstream, timeout=60)
        try:
            connection.request(self.request.command, self.request.path, self.body, dict(self.request.headers.items()))
            answer = connection.getresponse()
            return answer.status, answer.getheaders(), answer.read()
        finally:
            connection.close()

    def say(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        self.request.send_response(status)
        for name, value in headers:
            if name.lower() not in ("connection", "content-length", "date", "server", "transfer-encoding"):
                self.request.send_header(name, value)
        self.request.send_header("Content-Length", str(len(body)))
        self.request.end_headers()
        if self.request.command != "HEAD":
            self.request.wfile.write(body)

    def refuse(self, status: int, code: str) -> None:
        """An error, as services say it whose protocol is JSON; one with quotations in it, as real ones can."""
        body = {"__type": f"x#{code}", "message": "not for anna@example.com, token Tok3n"} if code else {}
        headers = [("Content-Type", "application/x-amz-json-1.0"), *([("x-amzn-ErrorType", code)] if code else [])]
        self.say(status, headers, json.dumps(body).encode())

    def cut(self) -> None:
        """Close so that the other side sees a reset, not an orderly end."""
        self.request.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.request.close_connection = True


Fault = Callable[[Passage], None]


def cut_before(passage: Passage) -> None:
    """The service never sees the request."""
    passage.cut()


def lose_answer(passage: Passage) -> None:
    """The service does what it is asked for, and nobody hears of it."""
    passage.forward()
    passage.cut()


def answers(status: int, code: str = "") -> Fault:
    """The service says no, and does nothing."""
    return lambda passage: passage.refuse(status, code)


def acts_and_answers(status: int, code: str = "") -> Fault:
    """The service does what it is asked for, and says that something went wrong."""

    def fault(passage: Passage) -> None:
        passage.forward()
        passage.refuse(status, code)

    return fault


def first(action: Callable[[], Any], *, after: bool = False) -> Fault:
    """Something happens while the request is on its way, or, with `after`, while its answer is."""

    def fault(passage: Passage) -> None:
        if not after:
            action()
        answer = passage.forward()
        if after:
            action()
        passage.say(*answer)

    return fault


def let_through(passage: Passage) -> None:
    passage.say(*passage.forward())


@dataclass
class Gate:
    """A listening gate. `plan` has the faults of the next requests, in turn; `seen` what came: method, path, body."""

    server: ThreadingHTTPServer
    plan: list[Fault] = field(default_factory=list)
    seen: list[tuple[str, str, bytes]] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_address[1]}"

    def reset(self) -> None:
        self.plan.clear()
        self.seen.clear()


@contextlib.contextmanager
def gate(upstream: int) -> Iterator[Gate]:
    """A gate before the emulator at this port, closed afterwards."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True  # head and body are two packets: the second would wait 40 ms

        def handle_one_request(self) -> None:
            with contextlib.suppress(ConnectionError):
                super().handle_one_request()

        def serve(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            made.seen.append((self.command, self.path, body))
            fault = made.plan.pop(0) if made.plan else let_through
            fault(Passage(self, body, upstream))

        do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = serve

        def log_message(self, *_: object) -> None:
            pass

    made = Gate(ThreadingHTTPServer(("127.0.0.1", 0), Handler))
    made.server.daemon_threads = True
    thread = threading.Thread(target=made.server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield made
    finally:
        made.server.shutdown()
        made.server.server_close()
        thread.join()
