"""A browser at a distribution, which it opens at `http://<label>.cloudfront.localhost:<port>/`.

    browser ──http://<label>.cloudfront.localhost──▶ distribution    as `https://<label>.cloudfront.net`
       └──────from a page of it, http://127.0.0.1──▶ bucket, Cognito

Stock: the distribution redirects to https, where nothing listens; buckets that want TLS refuse what a page of it sends;
and the page's own policy forbids it to talk to the emulator.
AWS: such a page is at `https://<label>.cloudfront.net`.
Patched: a request to that name, or from a page there, counts as sent over TLS, and from that origin. In what the
distribution answers, the page may also connect to the emulator (`connect-src`), and a bucket that JSON gives as `url`,
for an upload, is where the emulator has it. Requests with `<label>.cloudfront.net` in their Host header, as tests send
them, stay as they are.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Awaitable, Callable
from typing import Any

from troposphere_arch.local.addresses import LOOPBACK
from troposphere_arch.local.patches.expect import expect_function
from troposphere_arch.local.patches.provisioner import this_emulator

Message = dict[str, Any]
Headers = list[tuple[bytes, bytes]]
Send = Callable[[Message], Awaitable[None]]

_HOST = re.compile(rb"[a-z0-9]+\.cloudfront\.localhost(?::\d+)?")
_ORIGIN = re.compile(rb"http://(?P<label>[a-z0-9]+)\.cloudfront\.localhost(?::\d+)?")
_CONNECT = re.compile(rb"(?:^|(?<=;))(\s*connect-src )")
_BUCKET = re.compile(
    rb'(?P<name>"url":\s*")https://(?P<bucket>[a-z0-9.-]+)\.s3(?:[.-][a-z0-9-]+)?\.amazonaws\.com(?:\.cn)?/(?=")'
)

_ALLOWED_ORIGIN, _LENGTH, _POLICY, _TYPE = (
    b"access-control-allow-origin",
    b"content-length",
    b"content-security-policy",
    b"content-type",
)


def install() -> None:
    """Stand between the emulator and what a browser sends to it."""
    emulator: Any = importlib.import_module("ministack.app")
    app = expect_function(emulator, "app", "scope", "receive", "send")

    async def patched_app(scope: Message, receive: Any, send: Send) -> None:
        if scope["type"] == "http":
            headers = {name.lower(): value for name, value in scope["headers"]}
            page = _ORIGIN.fullmatch(headers.get(b"origin", b""))
            at_edge = _HOST.fullmatch(headers.get(b"host", b"").lower()) is not None
            if page:
                there = b"https://" + page["label"] + b".cloudfront.net"
                scope = _with(scope, origin=there)
                send = _giving_back(send, there, page[0])
            if page or at_edge:
                scope = _with(scope, **{"x-forwarded-proto": b"https"})
            if at_edge:
                send = _Localised(send)
        await app(scope, receive, send)

    emulator.app = patched_app


def _with(scope: Message, **headers: bytes) -> Message:
    new = {name.encode(): value for name, value in headers.items()}
    return {**scope, "headers": [*((n, v) for n, v in scope["headers"] if n.lower() not in new), *new.items()]}


def _giving_back(send: Send, there: bytes, here: bytes) -> Send:
    """The answer names the origin that the browser knows."""

    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            allowed = [
                (name, here if name.lower() == _ALLOWED_ORIGIN and value == there else value)
                for name, value in message["headers"]
            ]
            message = {**message, "headers": allowed}
        await send(message)

    return sending


class _Localised:
    """Sends an answer of a distribution, with this machine's addresses in its policy and in its JSON."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._start: Message | None = None
        self._body = b""

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            message = {**message, "headers": [(n, _allow(n, v)) for n, v in message["headers"]]}
            if any(n.lower() == _TYPE and v.startswith(b"application/json") for n, v in message["headers"]):
                self._start = message
                return
        if message["type"] != "http.response.body" or self._start is None:
            await self._send(message)
            return
        self._body += message.get("body", b"")
        if not message.get("more_body", False):
            await self._send_whole(self._start)

    async def _send_whole(self, start: Message) -> None:
        body = _BUCKET.sub(rb"\g<name>%s/\g<bucket>/" % this_emulator().url.encode(), self._body)
        length = str(len(body)).encode()
        # The answer to HEAD has a length and no body.
        headers = [(n, length if n.lower() == _LENGTH and body else v) for n, v in start["headers"]]
        await self._send({**start, "headers": headers})
        await self._send({"type": "http.response.body", "body": body})


def _allow(name: bytes, value: bytes) -> bytes:
    if name.lower() != _POLICY:
        return value
    return _CONNECT.sub(rb"\1http://%s:%d " % (LOOPBACK.encode(), this_emulator().port), value)
