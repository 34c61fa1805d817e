"""Calls the routes of other services: `client.call("stock", "GET /stock/{sku}", sku="pen").body`.

    handler ──call──▶ circuit of the service ──▶ up to three signed tries ──▶ Answer, Rejected or Unavailable

Only what may help is tried again, and only where the work cannot be done twice by that.
"""

from __future__ import annotations

import math
import os
import random
import re
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlencode

import urllib3
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.session import get_session
from urllib3.exceptions import ConnectTimeoutError, HTTPError, NewConnectionError

from . import context
from .errors import CallError as CallError
from .errors import Rejected as Rejected
from .errors import Unavailable as Unavailable

TRIES = 3
# Seconds of the longest pause after the first try, and after any.
BASE, CAP = 0.1, 1.0
# Seconds in which no try succeeds, and that a function may run.
SHORTEST, LONGEST = 0.05, 900.0
# In a row, until nobody is asked for so many seconds, and then by one caller.
FAILURES, OPEN = 5, 5.0
# One try: what is answered, as it is, and all of it.
PLAIN: Any = {"retries": False, "redirect": False, "preload_content": False, "enforce_content_length": True}
_LOCK = threading.Lock()


@dataclass(frozen=True)
class Answer:
    """A good one, 2xx. `body` is what its JSON says, its text if it is none; names of headers are in small letters."""

    status: int
    body: Any
    headers: Mapping[str, str]


@dataclass
class Circuit:
    """Knows whether a service is down, for all callers of one process."""

    failures: int = 0
    until: float = 0.0

    def rest(self, now: float) -> float:
        """0 for who may ask now, else the seconds to wait. After these, one may: the next again as much later."""
        with _LOCK:
            if self.failures >= FAILURES and now < self.until:
                return self.until - now
            # Also when nothing is ever heard of who asks now.
            self.until = now + OPEN
            return 0.0

    def note(self, good: bool, now: float) -> None:
        with _LOCK:
            self.failures, self.until = 0 if good else self.failures + 1, now + OPEN


@dataclass
class Client:
    """Calls from one process; time, pauses and chance can be given."""

    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    chance: Callable[[], float] = random.random
    circuits: dict[str, Circuit] = field(default_factory=dict)
    pool: Any = None
    session: Any = None

    def call(
        self,
        service: str,
        route: str,
        /,
        *,
        body: Any = None,
        query: Mapping[str, Any] | None = None,
        timeout: float = 5.0,
        key: str | None = None,
        **values: Any,
    ) -> Answer:
        """Call a route as this function, with `values` for the names in its path, and `body` as JSON.

        `timeout` is in seconds, for all tries together: one that may be repeated gets half of what is left. A `key`
        (1 to 255 visible ASCII characters) says that the same request sent twice is one; without, a POST or PATCH that
        may have arrived is not repeated. A name in the path that is one of these options is given with `_` behind it.

        Raises `Unavailable`, `Rejected` (404 also for a value that no path can have), and `CallError` for an answer
        that is no JSON but says so; `LookupError` for a service that is not declared, `ValueError` for a wrong use.
        https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv.html
        """
        verb, data = route.partition(" ")[0], None if body is None else context.to_json(body).encode()
        if key is not None and not context.like("[!-~]{1,255}", key):
            raise ValueError("key is not 1 to 255 visible ASCII characters")
        if not isinstance(timeout, int | float) or not 0 < timeout < math.inf:
            raise ValueError("timeout is not a number of seconds above 0")
        url = _url(service, route, {name.removesuffix("_"): str(value) for name, value in values.items()}, query or {})
        safe = key is not None or verb in ("GET", "HEAD", "PUT", "DELETE")
        end = self.clock() + min(timeout, LONGEST, context.remaining() - context.ANSWER)
        with _LOCK:
            circuit = self.circuits.setdefault(service, Circuit())
        status, said, wait = None, None, 0.0
        for number in range(TRIES):
            left = end - self.clock()
            if left < SHORTEST:
                break
            if rest := circuit.rest(self.clock()):
                wait = max(wait, rest)
                break
            status, said, wait, again = None, None, 0.0, safe
            try:
                seconds = left / 2 if safe and number < TRIES - 1 else left
                status, headers, content = self._try(verb, url, data, key, seconds)
            except (ConnectTimeoutError, NewConnectionError):
                # Nothing was sent.
                again = True
            except (HTTPError, OSError):
                # It may have arrived.
                pass
            circuit.note(status is not None and status < 500 and status != 429, self.clock())
            if status is not None:
                said = _said(service, route, status, headers, content)
                if 200 <= status < 300:
                    return Answer(status, said, headers)
                if status < 500 and status != 429:
                    raise Rejected(service, route, status, said)
                again = status == 429 or (safe and status in (502, 503, 504))
                wait = float(context.like("[0-9]{1,5}", headers.get("retry-after")) or 0)
            pause = max(wait, self.chance() * min(CAP, BASE * 2**number))
            if not again or number == TRIES - 1 or self.clock() + pause + SHORTEST > end:
                break
            self.sleep(pause)
        raise Unavailable(service, route, status, said, wait)

    def _try(
        self, verb: str, url: str, data: bytes | None, key: str | None, seconds: float
    ) -> tuple[int, dict[str, str], bytes]:
        work, end = context.current(), self.clock() + seconds
        given = {"X-Request-Id": work.request, "X-Amzn-Trace-Id": work.trace, "Idempotency-Key": key}
        kind = {} if data is None else {"Content-Type": "application/json"}
        request = AWSRequest(verb, url, {**kind, **{name: value for name, value in given.items() if value}}, data)
        with _LOCK:
            self.pool = self.pool or urllib3.PoolManager(maxsize=10)
            self.session = self.session or get_session()
            # Renewed when they are about to end.
            credentials = self.session.get_credentials().get_frozen_credentials()
        region = os.environ.get("AWS_REGION") or os.environ["AWS_DEFAULT_REGION"]
        SigV4Auth(credentials, "execute-api", region).add_auth(request)
        response = self.pool.urlopen(
            verb,
            url,
            body=data,
            headers=dict(request.headers.items()),
            timeout=urllib3.Timeout(connect=context.CONNECT, total=seconds),
            **PLAIN,
        )
        content = b""
        try:
            # urllib3 1 has no read1: there, each wait for more is as long.
            while chunk := getattr(response, "read1", response.read)(2**16):
                content += chunk
                if self.clock() > end:
                    raise TimeoutError
        except BaseException:
            response.close()
            raise
        response.release_conn()
        return response.status, {name.lower(): value for name, value in response.headers.items()}, content


def _url(service: str, route: str, values: Mapping[str, str], query: Mapping[str, Any]) -> str:
    variable = service.replace("-", "_").upper() + "_URL"
    if variable not in os.environ:
        raise LookupError(f"{variable} is not set: does service.yaml say that it calls {service}?")
    path = route.partition(" ")[2]
    if set(names := re.findall(r"\{(\w+)\}", path)) != values.keys():
        raise ValueError(f"{route} has {names} in its path, and {[*values]} are given")
    if not {"", ".", ".."}.isdisjoint(values.values()):
        # It would be another path.
        raise Rejected(service, route, 404)
    path = re.sub(r"\{(\w+)\}", lambda name: quote(values[name[1]], "", errors="surrogatepass"), path)
    asked = urlencode({k: v for k, v in query.items() if v is not None}, True, errors="surrogatepass", quote_via=quote)
    return os.environ[variable].rstrip("/") + path + (f"?{asked}" if asked else "")


def _said(service: str, route: str, status: int, headers: Mapping[str, str], content: bytes) -> Any:
    try:
        return context.from_json(content) if content else None
    except ValueError:
        if status < 300 and "json" in headers.get("content-type", ""):
            raise CallError(service, route, status) from None
        return content.decode(errors="replace")


call = Client().call
