"""What is under way: the request or message that this function works on, until when, and its log.

A thread of one's own sees it when it is run by `contextvars.copy_context().run`.
"""

from __future__ import annotations

import itertools
import json
import math
import os
import re
import time
import traceback
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any

# What an id of a request or of a message looks like.
ID = re.compile(r"[A-Za-z0-9_-]{8,64}")
# Seconds that it takes at most to be connected, and AWS to answer; that boto3 waits before it tries again; and that the
# function keeps for its own answer.
CONNECT, READ, PAUSE, ANSWER = 1.0, 5.0, 2.0, 0.5
_IDS = uuid.UUID("5d1f6a0e-2f3b-5c0c-9d55-6f0a4a1b7c21")


@dataclass(frozen=True)
class Work:
    """One request or message; `deadline` is when the function is stopped, in seconds of `time.monotonic`.

    What is sent meanwhile gets its ids from `origin`, which is the same when the same work is done again. `accepts`:
    that something was handed over is told as `accepted`.
    """

    request: str
    origin: str
    trace: str = ""
    message: str = ""
    deadline: float = math.inf
    accepts: bool = False
    counts: dict[str, Iterator[int]] = field(default_factory=dict, repr=False)

    def number(self, what: str) -> int:
        """How often this was asked before."""
        return next(self.counts.setdefault(what, itertools.count()))


_current: ContextVar[Work | None] = ContextVar("work", default=None)


def current() -> Work:
    """What is under way; outside of a handler a new request each time."""
    return _current.get() or Work(request := str(uuid.uuid4()), request)


@contextmanager
def begin(work: Work) -> Iterator[None]:
    """Inside, `work` is under way."""
    token = _current.set(work)
    try:
        yield
    finally:
        _current.reset(token)


def remaining() -> float:
    """Seconds until the function is stopped."""
    return current().deadline - time.monotonic()


def deadline(lambda_context: Any) -> float:
    """When Lambda stops the function; never, elsewhere.

    https://docs.aws.amazon.com/lambda/latest/dg/python-context.html
    """
    left = getattr(lambda_context, "get_remaining_time_in_millis", None)
    return time.monotonic() + left() / 1000 if left else math.inf


def like(pattern: str, *values: Any) -> str:
    """The first of the values that is a text of this pattern; "" when none is."""
    return next((one for one in values if isinstance(one, str) and re.fullmatch(pattern, one)), "")


def trace(sent: Any) -> str:
    """The trace header that was sent along, else that of this invocation.

    https://docs.aws.amazon.com/xray/latest/devguide/xray-concepts.html#xray-concepts-tracingheader
    """
    return like("[ -~]{1,512}", sent, os.environ.get("_X_AMZN_TRACE_ID"))


def id_of(*parts: object) -> str:
    """An id that the same parts give again."""
    return str(uuid.uuid5(_IDS, json.dumps([str(part) for part in parts])))


def now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def to_json(value: Any) -> str:
    """JSON in ASCII, of what DynamoDB gives too. Raises `TypeError` or `ValueError` for what JSON cannot say."""

    def plain(other: Any) -> Any:
        if isinstance(other, Decimal):
            return int(other) if other % 1 == 0 else float(other)
        if isinstance(other, set):
            return sorted(other)
        raise TypeError(f"JSON has no {type(other).__name__}")

    return json.dumps(value, allow_nan=False, default=plain, separators=(",", ":"))


def whole_json(value: Any) -> str:
    """As `to_json`, for whom `from_json` is what reads it: of half a character too, `ValueError` is raised."""
    from_json((text := to_json(value)).encode())
    return text


def from_json(data: bytes) -> Any:
    """What JSON in UTF-8 says. Raises `ValueError` for all else, also NaN, half a character, and too deep a nest."""
    try:
        value = json.loads(data.decode())
        json.dumps(value, allow_nan=False, ensure_ascii=False).encode()
    except RecursionError:
        raise ValueError("nested too deeply") from None
    return value


def log(level: str, message: str, error: BaseException | None = None, **told: Any) -> None:
    """One line of JSON. Of an error it has kind and place, not the text, which may quote what somebody sent."""
    work = _current.get()
    line = {"level": level, "timestamp": now(), "message": message, "service": os.environ.get("SERVICE"), **told}
    if work:
        line |= {"request": work.request, **({"messageId": work.message} if work.message else {})}
    if error:
        frames = traceback.extract_tb(error.__traceback__)[-6:]
        line["error"] = type(error).__name__
        line["at"] = [f"{frame.filename.rpartition('/')[2]}:{frame.lineno} {frame.name}" for frame in frames]
        # Others than botocore's may have a response, too, and anything in it.
        with suppress(Exception):
            line["code"] = like(".+", getattr(error, "response")["Error"]["Code"])  # noqa: B009
    print(json.dumps(line))


@lru_cache
def aws(name: str, kind: str = "client") -> Any:
    """boto3's client, or as `kind` its resource, of a service, made once. It tries three times, while there is time.

    https://docs.aws.amazon.com/boto3/latest/guide/retries.html
    """
    import boto3
    from botocore.config import Config

    retries: Any = {"mode": "standard", "total_max_attempts": 3}
    made = getattr(boto3, kind)(name, config=Config(connect_timeout=CONNECT, read_timeout=READ, retries=retries))
    getattr(made.meta, "client", made).meta.events.register_first("needs-retry", _in_time)
    return made


def _in_time(caught_exception: Exception | None = None, **_: Any) -> None:
    """Whoever did not answer in time is not asked again, when the function could be stopped meanwhile."""
    from botocore.exceptions import ConnectTimeoutError, ReadTimeoutError

    slow = isinstance(caught_exception, ConnectTimeoutError | ReadTimeoutError)
    if caught_exception and slow and remaining() < PAUSE + CONNECT + READ + ANSWER:
        raise caught_exception
