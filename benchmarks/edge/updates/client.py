"""A client that takes many large answers and keeps none: one connection, the next request after the last answer."""

from __future__ import annotations

import socket
from dataclasses import dataclass, field

from benchmarks.edge.nginx import LOOPBACK

SECONDS = 60
MIB = 1024 * 1024
# Of a larger body only the size is known.
KEPT = 64 * 1024
# No answer at all.
NOTHING = 0


@dataclass(frozen=True)
class Got:
    """An answer: its status, the size of its body, and the body if it is short."""

    status: int
    size: int = 0
    etag: bytes = b""
    body: bytes = field(default=b"", repr=False)


@dataclass
class Client:
    """Somebody who asks what listens on a port of this machine."""

    port: int
    host: str
    _socket: socket.socket | None = field(default=None, repr=False)
    _buffer: bytearray = field(default_factory=lambda: bytearray(MIB), repr=False)

    def get(self, path: str, header: str = "") -> Got:
        """What comes; NOTHING when nobody is there. The header is a whole line."""
        request = f"GET {path} HTTP/1.1\r\nHost: {self.host}\r\n{header}{chr(13) + chr(10) if header else ''}\r\n"
        is_new = self._socket is None
        try:
            return self._get(request.encode())
        except OSError:
            self.close()
        # Nginx closes a connection after so many requests.
        if is_new:
            return Got(NOTHING)
        return self.get(path, header)

    def close(self) -> None:
        """End the connection."""
        if self._socket:
            self._socket.close()
            self._socket = None

    def _get(self, request: bytes) -> Got:
        if self._socket is None:
            self._socket = socket.create_connection((LOOPBACK, self.port), SECONDS)
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket.sendall(request)
        view, filled, end = memoryview(self._buffer), 0, -1
        while end < 0:
            filled += self._received(view[filled:])
            end = self._buffer.find(b"\r\n\r\n", 0, filled)
        first, *lines = bytes(view[:end]).split(b"\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(b":") for line in lines)}
        status = int(first.split()[1])
        size = 0 if status == 304 else int(headers[b"content-length"])
        kept = [bytes(view[end + 4 : filled])]
        left = size - len(kept[0])
        while left > 0:
            count = self._received(view[: min(left, MIB)])
            left -= count
            if size <= KEPT:
                kept.append(bytes(view[:count]))
        if headers.get(b"connection") == b"close":
            self.close()
        return Got(status, size, headers.get(b"etag", b""), b"".join(kept) if size <= KEPT else b"")

    def _received(self, into: memoryview) -> int:
        assert self._socket  # noqa: S101  # for mypy
        if count := self._socket.recv_into(into):
            return count
        raise ConnectionError("the connection ended")
