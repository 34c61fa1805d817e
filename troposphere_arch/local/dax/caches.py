"""The two caches of a cluster.

https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/DAX.concepts.html
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable
from typing import Any


class Cache:
    """Answers that are given again for `ttl_ms` milliseconds, with 0 for ever."""

    def __init__(self, ttl_ms: int, clock: Callable[[], float]) -> None:
        self.ttl_ms = ttl_ms
        self._clock = clock
        self._lock = threading.Lock()
        self._entries: dict[Hashable, tuple[float, Any]] = {}
        self._changes = 0

    def read(self, key: Hashable, fetch: Callable[[], Any]) -> tuple[Any, bool]:
        """What is there, else what `fetch` gives, which is kept; and whether it was there (a hit)."""
        with self._lock:
            if key in self._entries:
                since, value = self._entries[key]
                if not self.ttl_ms or (self._clock() - since) * 1000 <= self.ttl_ms:
                    return value, True
            changes = self._changes
        value = fetch()
        with self._lock:
            if changes == self._changes:  # else a write may have overtaken this read
                self._entries[key] = self._clock(), value
        return value, False

    def put(self, key: Hashable, value: Any) -> None:
        """Keep what was written."""
        with self._lock:
            self._changes += 1
            self._entries[key] = self._clock(), value

    def forget(self, key: Hashable) -> None:
        """Read it anew next time."""
        with self._lock:
            self._changes += 1
            self._entries.pop(key, None)
