"""Clients of an instance: one request with any bytes as its path, and many at a time."""

from __future__ import annotations

import asyncio
import http.client
import re
import socket
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from email.message import Message

from troposphere_arch.local.addresses import LOOPBACK

SECONDS = 30


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Message
    body: bytes

    def __getitem__(self, name: str) -> str | None:
        return self.headers[name]


def ask(port: int, path: str | bytes, method: str = "GET", headers: Mapping[str, str] | None = None) -> Answer:
    """The answer to a request, whose path goes out as it is."""
    raw = path if isinstance(path, bytes) else path.encode()
    lines = "".join(f"{name}: {value}\r\n" for name, value in (headers or {}).items())
    with socket.create_connection((LOOPBACK, port), timeout=SECONDS) as connection:
        connection.sendall(
            method.encode() + b" " + raw + b" HTTP/1.1\r\nHost: updates.example.com\r\nConnection: close\r\n"
        )
        connection.sendall(lines.encode() + b"\r\n")
        response = http.client.HTTPResponse(connection, method=method)
        response.begin()
        return Answer(response.status, response.headers, response.read())


@dataclass(frozen=True)
class Request:
    """What one of many asks, and must get. `method` is GET or HEAD."""

    path: str
    status: int
    bodies: frozenset[bytes]
    method: str = "GET"
    headers: str = ""


def errors_of(port: int, requests: Sequence[Request], concurrency: int) -> list[str]:
    """Send all, so many at a time, over as many connections that stay open. What was not as it must be."""
    # In a thread: a browser's client, if a test of this process has one, keeps a loop running in the main one.
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, _send(port, requests, concurrency)).result()


async def _send(port: int, requests: Sequence[Request], concurrency: int) -> list[str]:
    queue = iter(requests)
    errors: list[str] = []

    async def worker() -> None:
        reader, writer = await asyncio.open_connection(LOOPBACK, port, limit=1 << 22)
        for request in queue:
            writer.write(f"{request.method} {request.path} HTTP/1.1\r\nHost: a\r\n{request.headers}\r\n".encode())
            head = await reader.readuntil(b"\r\n\r\n")
            length = re.search(rb"\r\nContent-Length: (\d+)\r\n", head)
            size = int(length[1]) if length and request.method == "GET" else 0
            body = await reader.readexactly(size)
            if not head.startswith(b"HTTP/1.1 %d " % request.status) or body not in request.bodies:
                errors.append(f"{request}: {head!r} {body[:100]!r}")
        writer.close()
        await writer.wait_closed()

    done = await asyncio.gather(*(worker() for _ in range(concurrency)), return_exceptions=True)
    return errors + [repr(one) for one in done if one is not None]
