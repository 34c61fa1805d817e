"""A proxy between a publisher and S3 that goes wrong on purpose, and may end the publisher with `kill -9`.

    publisher ──▶ Proxy ──▶ server
                    └── what a network and a busy service do: refuse, drop, cut, delay, answer 503, lose the answer

Which request meets what follows from a seed. The fault may come before the server has seen the request, amid its bytes,
or after the server has acted on it, so that the publisher cannot know whether it has.
"""

from __future__ import annotations

import contextlib
import os
import random
import signal
import socket
import struct
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass

BEFORE, INSIDE, AFTER = "before", "inside", "after"
FAULTS = ("refuse", "drop", "cut request", "lose answer", "cut answer", "503", "500", "500 after", "delay")

_SAID = "HTTP/1.1 {status}\r\nContent-Type: application/xml\r\nContent-Length: {n}\r\n{headers}\r\n{body}"
_BODY = "<?xml version='1.0'?><Error><Code>{code}</Code><Message>On purpose.</Message></Error>"


@dataclass
class Kill:
    """`kill -9` for the publisher at its n-th request: before the server sees it, amid its bytes, or after it acted.

    Or so many seconds after its first request, whatever it is then doing.
    """

    request: int = 0
    phase: str = BEFORE
    seconds: float | None = None
    pid: int | None = None
    done: str = ""


@dataclass(frozen=True)
class Request:
    """A request as it came."""

    method: str
    path: str
    head: bytes
    body: bytes


class Proxy:
    """Listens on loopback; `rate` of the requests meet a fault."""

    def __init__(self, port: int, *, seed: int = 0, rate: float = 0.0, kinds: tuple[str, ...] = FAULTS) -> None:
        self.upstream = ("127.0.0.1", port)
        self.rate, self.kinds = rate, kinds
        self.kill: Kill | None = None
        self.answer: Callable[[Request], bytes | None] = lambda request: None
        self.met: Counter[str] = Counter()
        self.seen: list[tuple[str, str]] = []
        self._random = random.Random(seed)  # noqa: S311 - the same at each run, which is the point
        self._lock = threading.Lock()
        self._open = 0
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self._listener.settimeout(0.1)
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def close(self) -> None:
        self._ended.set()
        self._thread.join()
        self._listener.close()

    def idle(self) -> None:
        """Wait until nothing is under way any more."""
        deadline = time.monotonic() + 10
        while self._open and time.monotonic() < deadline:
            time.sleep(0.005)
        assert not self._open, "requests are still under way"

    def _accept(self) -> None:
        while not self._ended.is_set():
            try:
                client, _ = self._listener.accept()
            except TimeoutError:
                continue
            with self._lock:
                self._open += 1
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        client.settimeout(30)
        try:
            with contextlib.suppress(OSError):
                self._one(client)
        finally:
            client.close()
            with self._lock:
                self._open -= 1

    def _one(self, client: socket.socket) -> None:
        with self._lock:
            fault = self._random.choice(self.kinds) if self._random.random() < self.rate else ""
            share = self._random.random()
        if fault == "refuse":
            return self._reset(client, fault)
        request = _read_request(client)
        if request is None:
            return None
        with self._lock:
            self.seen.append((request.method, request.path))
            number = len(self.seen)
        killed = self._killed(number)
        if killed == BEFORE:
            return self._end_publisher(number, request)
        if said := self.answer(request):
            client.sendall(said)
            return None
        if fault == "delay":
            self.met[fault] += 1
            time.sleep(0.3 * share)
        elif fault == "drop":
            return self._reset(client, fault)
        elif fault in ("503", "500"):
            return self._say(client, fault)
        part = int(len(request.body) * share) if fault == "cut request" or killed == INSIDE else None
        answer = self._forward(request, part)
        if killed:
            return self._end_publisher(number, request)
        if fault in ("cut request", "lose answer"):
            return self._reset(client, fault)
        if fault == "500 after":
            return self._say(client, fault)
        if fault == "cut answer":
            client.sendall(answer[: int(len(answer) * share)])
            return self._reset(client, fault)
        client.sendall(answer)
        return None

    def _forward(self, request: Request, part: int | None) -> bytes:
        """What the server answers; with `part` it gets only so many bytes of the body, and then nobody is there."""
        with socket.create_connection(self.upstream, timeout=30) as server:
            server.sendall(request.head + (request.body if part is None else request.body[:part]))
            if part is not None and part < len(request.body):
                return b""
            answer = b""
            while piece := server.recv(1 << 16):
                answer += piece
            return answer

    def _reset(self, client: socket.socket, fault: str) -> None:
        """Close so that the other side sees a reset, not an orderly end."""
        self.met[fault] += 1
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    def _say(self, client: socket.socket, fault: str) -> None:
        self.met[fault] += 1
        slow = fault == "503"
        client.sendall(error_answer("503 Slow Down" if slow else "500 Error", "SlowDown" if slow else "InternalError"))

    def _killed(self, number: int) -> str:
        kill = self.kill
        if kill is None or kill.done:
            return ""
        if kill.seconds is not None:
            if number == 1:
                threading.Timer(kill.seconds, self._end_publisher, (0, None)).start()
            return ""
        return kill.phase if number == kill.request else ""

    def _end_publisher(self, number: int, request: Request | None) -> None:
        kill = self.kill
        if kill is None or kill.done or kill.pid is None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.kill(kill.pid, signal.SIGKILL)
            kill.done = f"{kill.phase} request {number}: {request.method} {request.path}" if request else "by the clock"


def error_answer(status: str, code: str, more: str = "", headers: str = "") -> bytes:
    """The bytes of an error answer of S3; `headers` end in a line break each."""
    body = _BODY.format(code=code).replace("</Error>", f"{more}</Error>")
    return _SAID.format(status=status, n=len(body), body=body, headers=f"Connection: close\r\n{headers}").encode()


@contextlib.contextmanager
def proxy(port: int, *, seed: int = 0, rate: float = 0.0, kinds: tuple[str, ...] = FAULTS) -> Iterator[Proxy]:
    """A proxy that is closed afterwards."""
    made = Proxy(port, seed=seed, rate=rate, kinds=kinds)
    try:
        yield made
    finally:
        made.close()


def _read_request(client: socket.socket) -> Request | None:
    """A whole request; the connection is to be closed after it. None when the client went away."""
    data = b""
    while b"\r\n\r\n" not in data:
        piece = client.recv(1 << 16)
        if not piece:
            return None
        data += piece
    head, _, body = data.partition(b"\r\n\r\n")
    first, *lines = head.split(b"\r\n")
    headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(b":") for line in lines)}
    if headers.get(b"expect", b"").lower() == b"100-continue":
        client.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
    length = int(headers.get(b"content-length", b"0"))
    while len(body) < length:
        piece = client.recv(1 << 16)
        if not piece:
            return None
        body += piece
    kept = [line for line in lines if line.partition(b":")[0].strip().lower() not in (b"expect", b"connection")]
    sent = b"\r\n".join([first, *kept, b"Connection: close"]) + b"\r\n\r\n"
    method, path, _ = first.decode().split(" ", 2)
    return Request(method, path, sent, body)
