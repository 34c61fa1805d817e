"""Devices before an edge, or before the origin itself: what they ask, what of it reaches the origin.

    trace ──step──▶ device ──request──▶ edge ──▶ origin

One request after the other, at the time of its step: the clock of the edge goes from step to step, so a day takes
minutes, and every TTL is the real one. A download takes no time here, so no two ask for the same thing at once.
"""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from benchmarks.edge.nginx import Edge
from benchmarks.edge.updates.client import NOTHING, Client, Got
from benchmarks.edge.updates.origin import Origin, address, version_name
from benchmarks.edge.updates.trace import MANIFEST, Habits, Step

SECONDS = 60
FILES, NOT_THERE = "files", "not there"
KINDS = (MANIFEST, FILES, NOT_THERE)
LATEST = "/latest.json"
# Asked at the end alone: once it is in the log, so is all before.
END = "/the-end-of-the-day"
# In the edge's log: the origin gave no answer.
UNANSWERED = (444, 502)
# So long after it came back, an error may still be given.
ERRORS_LINGER = 30


def kind(path: str) -> str:
    """What kind of request this is."""
    if path == LATEST:
        return MANIFEST
    return FILES if path.startswith("/releases/1.") else NOT_THERE


def not_there(number: int) -> str:
    """An address where nothing is."""
    return f"/releases/9.{number}.0/app.tar.gz"


@dataclass
class Count:
    """Requests and bytes of bodies, by kind."""

    requests: Counter[str] = field(default_factory=Counter)
    sent: Counter[str] = field(default_factory=Counter)

    def add(self, path: str, size: int) -> None:
        """One more."""
        self.requests[kind(path)] += 1
        self.sent[kind(path)] += size


@dataclass
class Result:
    """What devices asked, what reached the origin, and what came of it."""

    devices: Count = field(default_factory=Count)
    origin: Count = field(default_factory=Count)
    statuses: Counter[int] = field(default_factory=Counter)
    old_for: list[float] = field(default_factory=list)
    """For each release, how many seconds after it the last device was told of the one before."""
    answered_while_down: Counter[str] = field(default_factory=Counter)
    failed_while_down: Counter[str] = field(default_factory=Counter)
    failed_for: float = 0.0
    """How many seconds after the origin's return the last request failed."""


@dataclass
class Replay:
    """Devices, as long as one trace goes. Without an edge they ask the origin, and only that can tell what it saw."""

    habits: Habits
    origin: Origin
    edge: Edge | None
    result: Result = field(default_factory=Result)
    _clients: list[Client] = field(default_factory=list)
    _tags: dict[str, bytes] = field(default_factory=dict)
    """Of each file, as some device has got it."""
    _told: dict[int, tuple[bytes, str]] = field(default_factory=dict)
    """What each device has of the manifest: its ETag, and the version that it names."""
    _published: list[tuple[float, str]] = field(default_factory=list)
    _begin: float = 0.0
    _up_at: float = float("-inf")
    _is_down: bool = False

    def run(self, steps: Iterable[Step]) -> Result:
        """Do what the steps say. Raises RuntimeError when an answer is not what a device expects."""
        self._begin = self.edge.now if self.edge else time.time()
        ports = self.edge.ports if self.edge else (self.origin.port,)
        self._clients = [Client(port, self.edge.host if self.edge else "localhost") for port in ports]
        for number in range(self.habits.versions):
            self.origin.files.publish(number, self._begin - self.habits.seconds + number)
        self._published = [(0.0, version_name(self.habits.versions - 1))]
        for step in steps:
            if self.edge:
                self.edge.set_clock(self._begin + step.at)
            self._step(step)
        if self.edge:
            self._count_origin(self.edge)
        for one in self._clients:
            one.close()
        return self.result

    def _step(self, step: Step) -> None:
        habits = self.habits
        match step.what:
            case "manifest":
                self._poll(step)
            case "file":
                self._file(step, "", 200, habits.size)
            case "part":
                first = step.part * habits.part
                last = min(first + habits.part, habits.size) - 1
                self._file(step, f"Range: bytes={first}-{last}", 206, last - first + 1)
            case "check":
                tag = self._tags.get(address(step.version), b"").decode()
                size = 0 if tag else habits.size
                self._file(step, f"If-None-Match: {tag}" if tag else "", 304 if tag else 200, size)
            case "missing":
                self._ask(step, not_there(step.part), "", 404)
            case "publish":
                self._publish(step)
            case "down":
                self.origin.kill()
                self._is_down = True
            case "up":
                self._publish(step)
                self.origin.start()
                self._is_down, self._up_at = False, step.at

    def _publish(self, step: Step) -> None:
        self.origin.files.publish(step.version, self._begin + step.at)
        self._published.append((step.at, version_name(step.version)))
        self.result.old_for.append(0.0)

    def _poll(self, step: Step) -> None:
        """Ask for the manifest; most ask whether it has changed, if they have it."""
        tag, version = self._told.get(step.device, (b"", ""))
        asks = bool(tag) and step.device < self.habits.conditional * self.habits.devices
        got = self._ask(step, LATEST, f"If-None-Match: {tag.decode()}" if asks else "", 200, 304 if asks else 200)
        if got is None:
            return
        if got.status == 200:
            version = json.loads(got.body)["version"]
            self._told[step.device] = (got.etag, version)
        at, newest = self._published[-1]
        if version != newest:
            self.result.old_for[-1] = step.at - at

    def _file(self, step: Step, header: str, status: int, size: int) -> None:
        path = address(step.version)
        got = self._ask(step, path, header, status)
        if got is None:
            return
        if got.size != size:
            raise RuntimeError(f"{step} was answered with {got.size} bytes, not {size}")
        self._tags[path] = got.etag

    def _ask(self, step: Step, path: str, header: str, *expected: int) -> Got | None:
        """An answer with a status that is expected; None when the origin is dead and there is none."""
        got = self._clients[step.device % len(self._clients)].get(path, header)
        self.result.devices.add(path, got.size)
        self.result.statuses[got.status] += 1
        is_answered = got.status in expected
        if self._is_down:
            (self.result.answered_while_down if is_answered else self.result.failed_while_down)[kind(path)] += 1
        if is_answered:
            return got
        is_outage = self._is_down or step.at < self._up_at + ERRORS_LINGER
        if not (is_outage and (got.status == NOTHING or got.status >= 500)):
            raise RuntimeError(f"{step} was answered with {got.status} instead of {expected}")
        if not self._is_down:
            self.result.failed_for = step.at - self._up_at
        return None

    def _count_origin(self, edge: Edge) -> None:
        """Wait until all that reached the origin is in the log; and count it."""
        self._clients[0].get(END)
        until = time.monotonic() + SECONDS
        while not any(path == END for _, path, _, _ in edge.origin_log()):
            if time.monotonic() > until:
                raise RuntimeError("a request did not reach the origin, or its log")
            time.sleep(0.02)
        for _, path, status, size in edge.origin_log():
            if path != END and status not in UNANSWERED:
                self.result.origin.add(path, size)
