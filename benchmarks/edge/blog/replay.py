"""Readers with browsers before an edge: what they ask, what of it reaches the origin.

    trace ──step──▶ browser ──requests of the site's own pages and scripts──▶ edge ──▶ origin
                       └──its cache: files that never change, pages to be asked about

One request after the other, at the time of its step: the clock of the edge goes from step to step, so an hour of
readers takes no hour, and every TTL is the real one. A fetch in the background is waited for before the next request.
"""

from __future__ import annotations

import hashlib
import http.client
import json
import re
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, TextIO
from urllib.parse import quote

from benchmarks.edge.blog.trace import Step
from benchmarks.edge.nginx import LOOPBACK, Edge

SECONDS = 60
ORIGIN_SECONDS = 30
ACCEPTED = "gzip, deflate, br, zstd"
# How wide a picture a reader's screen wants, taken in turn.
WIDTHS = (640, 1280)
# An answer of these kinds came from the cache alone; of the others each brought one request to the origin.
FROM_THE_CACHE = ("HIT", "UPDATING")
KINDS = ("pages", "assets", "lists", "posts", "comments", "config", "pictures", "writes")


def pages(files: Mapping[str, bytes]) -> dict[str, tuple[str, ...]]:
    """What each page of the site loads: what it names, and what that imports."""

    def named(path: str) -> Iterable[str]:
        text = files[path].decode(errors="replace")
        if path.endswith(".html"):
            return re.findall(r'(?:href|src)="/(assets/[^"]+)"', text)
        if path.endswith(".js"):
            return [f"assets/{name}" for name in re.findall(r'^import\b[^;]*?"\./([^"]+)"', text, re.MULTILINE)]
        return ()

    def all_of(path: str, seen: dict[str, None]) -> dict[str, None]:
        for one in named(path):
            if one in files and one not in seen:
                seen[one] = None
                all_of(one, seen)
        return seen

    return {path: tuple(all_of(path, {})) for path in files if path.endswith(".html")}


def kind(method: str, address: str) -> str:
    """What kind of request this is."""
    path = address.partition("?")[0]
    if method not in ("GET", "HEAD"):
        return "writes"
    for begin, name in (("/assets/", "assets"), ("/media/", "pictures"), ("/api/config", "config")):
        if path.startswith(begin):
            return name
    if path.endswith("/comments"):
        return "comments"
    if path.startswith("/api/posts/"):
        return "posts"
    return "lists" if path == "/api/posts" else "pages"


@dataclass
class Count:
    """Requests and bytes of bodies, by kind."""

    requests: Counter[str] = field(default_factory=Counter)
    sent: Counter[str] = field(default_factory=Counter)

    def add(self, method: str, address: str, size: int) -> None:
        """One more."""
        self.requests[kind(method, address)] += 1
        self.sent[kind(method, address)] += size


@dataclass
class Result:
    """What readers asked of the edge, and what it asked of the origin."""

    readers: Count = field(default_factory=Count)
    origin: Count = field(default_factory=Count)
    by_browser: Counter[str] = field(default_factory=Counter)
    """What a browser had already, and asked nobody for."""


@dataclass
class Replay:
    """Readers, as long as one trace goes."""

    edge: Edge
    files: Mapping[str, bytes]
    slugs: list[str]
    write: Callable[[int], tuple[dict[str, Any], str]]
    """The post of this number, and the token with which the author publishes it."""
    browsers_keep: bool = True
    result: Result = field(default_factory=Result)
    _kept: dict[int, dict[str, str]] = field(default_factory=dict)
    _next: dict[int, str] = field(default_factory=dict)
    _connections: dict[int, http.client.HTTPConnection] = field(default_factory=dict)
    _reached: int = 0

    def run(self, steps: Iterable[Step], say: Callable[[float], None] = lambda at: None) -> Result:
        """Do what the steps say. Raises RuntimeError when an answer is not what a reader expects."""
        begin, loads = self.edge.now, pages(self.files)
        with (self.edge.folder / "origin.log").open() as log:
            self._log: TextIO = log
            for step in steps:
                self.edge.set_clock(begin + step.at)
                self._step(step, loads)
                say(step.at)
        for one in self._connections.values():
            one.close()
        for method, address, _, size in self.edge.origin_log():
            self.result.origin.add(method, address, size)
        return self.result

    def _step(self, step: Step, loads: Mapping[str, tuple[str, ...]]) -> None:
        me = step.reader
        match step.what:
            case "front":
                self._open(me, "/", loads["index.html"])
                self._list(me, "")
            case "older":
                if following := self._next.get(me):
                    self._list(me, f"?next={quote(following, safe='')}")
            case "post":
                self._post(me, self.slugs[step.post], loads["post.html"])
            case "comment":
                body = {"name": f"Reader {me}", "text": f"Written at {step.at:.0f}."}
                self._ask(me, "POST", f"/api/posts/{self.slugs[step.post]}/comments", body)
            case "publish":
                body, token = self.write(step.post)
                answer = json.loads(self._ask(0, "POST", "/api/posts", body, token))
                self.slugs.append(answer["slug"])

    def _open(self, me: int, address: str, files: Iterable[str]) -> None:
        self._ask(me, "GET", address)
        for path in files:
            self._ask(me, "GET", f"/{path}")
        self._ask(me, "GET", "/api/config")

    def _list(self, me: int, query: str) -> None:
        answer = json.loads(self._ask(me, "GET", f"/api/posts{query}"))
        self._next[me] = answer.get("next", "")
        for one in answer["items"]:
            if picture := one.get("picture"):
                self._ask(me, "GET", f"/media/{picture}/320.webp")

    def _post(self, me: int, slug: str, files: Iterable[str]) -> None:
        self._open(me, f"/posts/{slug}", files)
        post = json.loads(self._ask(me, "GET", f"/api/posts/{slug}"))
        if picture := post.get("picture"):
            self._ask(me, "GET", f"/media/{picture}/picture.json")
            self._ask(me, "GET", f"/media/{picture}/{WIDTHS[me % len(WIDTHS)]}.webp")
        self._ask(me, "GET", f"/api/posts/{slug}/comments")

    def _ask(self, me: int, method: str, address: str, body: object = None, token: str = "") -> bytes:
        """One request of a reader's browser; what it has it does not ask for, or asks whether it is still so."""
        kept = self._kept.setdefault(me, {}) if self.browsers_keep and method == "GET" else {}
        tag = kept.get(address)
        if tag == "":
            self.result.by_browser[kind(method, address)] += 1
            return b""
        headers = {"Host": self.edge.host, "Accept-Encoding": ACCEPTED}
        headers |= {"If-None-Match": tag} if tag else {}
        headers |= {"Authorization": f"Bearer {token}"} if token else {}
        headers |= {"Content-Type": "application/json"} if body is not None else {}
        port = self.edge.ports[me % len(self.edge.ports)]
        connection = self._connections.get(port)
        if connection is None:
            connection = self._connections[port] = http.client.HTTPConnection(LOOPBACK, port, timeout=SECONDS)
        connection.request(method, address, json.dumps(body).encode() if body is not None else None, headers)
        answer = connection.getresponse()
        data = answer.read()
        if answer.status not in (200, 201, 304):
            raise RuntimeError(f"{method} {address} was answered with {answer.status} {data[:200]!r}")
        self.result.readers.add(method, address, len(data))
        if answer.getheader("X-Cache", "") not in FROM_THE_CACHE:
            self._await_origin()
        if "immutable" in answer.getheader("Cache-Control", ""):
            kept[address] = ""
        elif etag := answer.getheader("ETag"):
            kept[address] = etag
        return data

    def _await_origin(self) -> None:
        """Until the request that went to the origin is in its log, be it in the background."""
        until = time.monotonic() + ORIGIN_SECONDS
        while not self._log.readline().endswith("\n"):
            if time.monotonic() > until:
                raise RuntimeError("a request did not reach the origin, or its log")
            time.sleep(0.0005)
        self._reached += 1


def picture_files(number: int) -> dict[str, bytes]:
    """The files of a picture as MakeThumbnails names them: of usual sizes, and of bytes that nobody looks at."""
    name = hashlib.sha256(f"picture {number}".encode()).hexdigest()
    about = json.dumps({"widths": [320, 640, 1280], "width": 1280, "height": 853}).encode()
    sizes = {"320.webp": 12_000, "640.webp": 38_000, "1280.webp": 110_000}
    found = {f"media/{name}/{file}": hashlib.shake_256(f"{name}{file}".encode()).digest(n) for file, n in sizes.items()}
    return {**found, f"media/{name}/picture.json": about}
