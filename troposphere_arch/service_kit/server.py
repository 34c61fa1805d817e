"""Runs the handler of a service on servers: `application = server.application(handler)`, for any server of WSGI.

API Gateway ──▶ load balancer ──▶ gunicorn ──▶ application ──event of API Gateway──▶ handler ──answer──▶ back again
                load balancer ──GET <health>──▶ application ──▶ 200

The handler is the same that Lambda runs. It has to mind that here several requests are in one process at once.
"""

from __future__ import annotations

import base64
import io
import os
import re
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from http.client import responses
from typing import Any
from urllib.parse import parse_qsl

from . import balancer, context
from .balancer import Refused

# Bytes of a request's body: as Lambda takes; and as API Gateway does, so that such a one is read to its end before it
# is refused: whoever is still sending could miss the answer.
# https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
# https://docs.aws.amazon.com/apigateway/latest/developerguide/limits.html
LIMIT, MOST = 6_000_000, 10_485_760
# Seconds that a request may take, since API Gateway waits for no longer; and its body.
SECONDS, BODY_SECONDS = 29.0, 10.0


@dataclass(frozen=True)
class Context:
    """What Lambda would tell the handler."""

    aws_request_id: str
    deadline: float

    def get_remaining_time_in_millis(self) -> int:
        return max(0, int((self.deadline - time.monotonic()) * 1000))


def application(
    handler: Callable[[Any, Any], dict[str, Any]], health: str | None = None
) -> Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]:
    """The WSGI application that answers with `handler` what API Gateway sent on, and `GET <health>` with 200.

    `health` is the variable HEALTH, if it is not given: without one the process does not start. Whatever else comes
    gets 404. What the handler raises is answered with 500, and only the log says more.
    https://peps.python.org/pep-3333/
    """
    healthy = os.environ["HEALTH"] if health is None else health
    if isinstance(sys.stdout, io.TextIOWrapper):
        # Each line of the log at once, and as one piece, whichever threads write.
        sys.stdout.reconfigure(line_buffering=True, write_through=False)

    def serve(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        event = None
        try:
            method, (path, _, query) = environ["REQUEST_METHOD"], _target(environ).partition("?")
            headers = _headers(environ)
            if f"{balancer.HEADER}route" not in headers and path == healthy and method in ("GET", "HEAD"):
                return _written({"statusCode": 200, "headers": {"Cache-Control": "no-store"}}, method, start_response)
            asked = dict(parse_qsl(query, keep_blank_values=True, errors="replace"))
            event = balancer.sent_on(method, path, asked, headers, None, False)
            deadline = time.monotonic() + SECONDS
            event["body"], event["isBase64Encoded"] = _text(_read(environ))
            answer = handler(event, Context(event["requestContext"]["requestId"], deadline))
            return _written(answer, method, start_response)
        except Refused as error:
            answer = balancer.refusal(*error.answer, event)
        except (Exception, SystemExit) as error:
            context.log("ERROR", "failed", error)
            failure = "The service failed; its log has the id of this request."
            answer = balancer.refusal(500, "InternalError", failure, event)
        return _written(answer, environ["REQUEST_METHOD"], start_response)

    return serve


def _target(environ: dict[str, Any]) -> str:
    """Path and query as they were sent, which WSGI has not; gunicorn does. Some send the whole address."""
    target: str = environ["RAW_URI"]
    return target if target.startswith("/") else re.sub(r"^[a-zA-Z][a-zA-Z0-9+.-]*://[^/?]*", "", target)


def _headers(environ: dict[str, Any]) -> dict[str, str]:
    """Names in small letters. WSGI takes each byte for a character, where AWS reads UTF-8."""
    named = {name[5:]: value for name, value in environ.items() if name.startswith("HTTP_")}
    named |= {name: environ[name] for name in ("CONTENT_TYPE", "CONTENT_LENGTH") if environ.get(name)}
    return {
        name.replace("_", "-").lower(): value.encode("latin-1").decode(errors="replace")
        for name, value in named.items()
    }


def _read(environ: dict[str, Any]) -> bytes:
    length, chunked = int(environ.get("CONTENT_LENGTH") or 0), environ.get("HTTP_TRANSFER_ENCODING")
    if not length and not chunked:
        return b""
    late = threading.Event()

    def stop() -> None:
        late.set()
        with suppress(KeyError, OSError):
            environ["gunicorn.socket"].shutdown(socket.SHUT_RD)

    # A time-out of the socket would be for each packet, of which a slow one sends many.
    timer = threading.Timer(BODY_SECONDS, stop)
    timer.daemon = True
    timer.start()
    try:
        parts, size = [], length if length > MOST else 0
        while size <= MOST and (part := environ["wsgi.input"].read(2**16)):
            size += len(part)
            if size <= LIMIT:
                parts.append(part)
    except Exception:
        raise _late_or_cut(late.is_set()) from None
    finally:
        timer.cancel()
    if size > LIMIT:
        raise Refused(413, "BodyTooLarge", f"The body is too large; at most {LIMIT} bytes are allowed.")
    if size < length:
        raise _late_or_cut(late.is_set())
    return b"".join(parts)


def _late_or_cut(late: bool) -> Refused:
    if late:
        return Refused(408, "RequestTimeout", "The body did not come in time.")
    return Refused(400, "BadRequest", "The body did not come as it was announced.")


def _text(body: bytes) -> tuple[str | None, bool]:
    """The body as an event has it, and whether that is base64."""
    try:
        return body.decode() or None, False
    except UnicodeDecodeError:
        return base64.b64encode(body).decode(), True


def _written(answer: dict[str, Any], method: str, start_response: Callable[..., Any]) -> Iterable[bytes]:
    """Raises `ValueError` for what is no answer, before anything is sent."""
    status, body = answer["statusCode"], answer.get("body") or ""
    data = base64.b64decode(body) if answer.get("isBase64Encoded") else body.encode()
    said = [
        *(answer.get("headers") or {}).items(),
        *((name, value) for name, values in (answer.get("multiValueHeaders") or {}).items() for value in values),
    ]
    if type(status) is not int or not 200 <= status < 600:
        raise ValueError("the status is none")
    if not all(context.like("[!-9;-~]+", name) and value == context.like("[ -~]*", value) for name, value in said):
        raise ValueError("a header is none")
    about = [(name, value) for name, value in said if name.lower() != "content-length"]
    bare = status in (204, 304)
    length = [] if bare else [("Content-Length", str(len(data)))]
    start_response(f"{status} {responses.get(status, 'Unknown')}", [*about, *length])
    return [] if bare or method == "HEAD" else [data]
