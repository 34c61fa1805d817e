"""What a call of another service raises; `client` has the same names."""

from __future__ import annotations

from typing import Any


class CallError(Exception):
    """No good answer. `status` is None when there was none at all, `body` what it said; the text never quotes that.

    `retry_after` is in seconds, 0 when nobody says how long to wait.
    """

    def __init__(self, service: str, route: str, status: int | None, body: Any = None, retry_after: float = 0) -> None:
        super().__init__(f"{service} answered {status or 'nothing'} to {route}.")
        self.service, self.route, self.status, self.body = service, route, status, body
        self.retry_after = retry_after


class Unavailable(CallError):
    """It is down, too slow, too busy (429) or broken (5xx), or was so often that it was not asked this time."""


class Rejected(CallError):
    """It refuses the request, 4xx but not 429, or says to ask elsewhere, 3xx, which is not done.

    Catch it where a `.status` of 404, say, is an answer, too.
    """
