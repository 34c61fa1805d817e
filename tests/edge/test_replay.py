"""The measurement itself: readers are as they are said to be, and what is counted is what the origin saw."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

from benchmarks.edge import nginx
from benchmarks.edge.blog.measuring import ONE, WITHOUT, Figures, Measured
from benchmarks.edge.blog.replay import Replay, kind, pages
from benchmarks.edge.blog.trace import COMMENT, FRONT, OLDER, POST, PUBLISH, Habits, trace
from benchmarks.edge.distribution import Distribution
from tests.edge.origin import HOST, Answer, Asked, Origin
from tests.evidence import shows
from tests.system import needs

FEW = Habits(readers=40, seconds=600, posts=20, published=2, comment=0.2)
SITE = {
    "index.html": b'<link href="/assets/app.css"><script src="/assets/index.js"></script>',
    "post.html": b'<link href="/assets/app.css"><script src="/assets/post.js"></script>',
    "assets/app.css": b"body {}",
    "assets/index.js": b'import { a } from "./dom.js";\nimport "./page.js";\n',
    "assets/post.js": b'import { a,\n  b } from "./dom.js";\n// import nothing from "./other.js"\n',
    "assets/page.js": b'import { a } from "./dom.js";\nimport { c } from "./gone.js";\n',
    "assets/dom.js": b"export const a = 1;\n",
    "assets/other.js": b"",
}
PICTURE = "a" * 64


def api(asked: Asked) -> Answer:
    """A small blog."""
    minute = {"Cache-Control": "public, max-age=0, s-maxage=60, stale-while-revalidate=600"}
    path = asked.address.partition("?")[0]
    if asked.method == "POST":
        name = json.loads(asked.body).get("title", "a comment")
        return Answer({"Cache-Control": "private, no-store"}, 201, json.dumps({"slug": name}))
    if path == "/api/posts":
        items = [{"slug": f"post-{n}", "picture": PICTURE} for n in range(3)]
        return Answer(minute, body=json.dumps({"items": items, "next": "more of them"}))
    if path.startswith("/api/"):
        return Answer(minute, body=json.dumps({"items": [], "picture": PICTURE}))
    if path.startswith(("/assets/", "/media/")):
        return Answer({"Cache-Control": "public, max-age=31536000, immutable"}, body="x" * 100)
    return Answer({**minute, "ETag": '"1"'}, body="page" * 25)


def replayed(blog: Distribution, origin: Origin, folder: Path, **how: bool) -> Replay:
    origin.answer = api
    places = {one.origin: nginx.Origin(origin.port, "origin.test") for one in blog.behaviours}
    folder.mkdir()
    caching = how.pop("caching", True)
    with nginx.running(blog, places, folder, host=HOST, locations=2, caching=caching) as edge:
        slugs = [f"post-{n}" for n in range(FEW.posts)]
        replay = Replay(edge, SITE, slugs, lambda n: ({"title": f"post-{n}"}, "token"), **how)
        replay.run(trace(FEW))
        return replay


def test_the_same_seed_is_the_same_day() -> None:
    assert trace(FEW, 7) == trace(FEW, 7)
    assert trace(FEW, 7) != trace(FEW, 8)


def test_readers_are_as_they_are_said_to_be() -> None:
    habits = Habits()
    steps = trace(habits)
    assert [step.at for step in steps] == sorted(step.at for step in steps)
    assert len({step.reader for step in steps if step.reader >= 0}) > 0.99 * habits.readers
    did = Counter(step.what for step in steps)
    assert did.keys() == {FRONT, OLDER, POST, COMMENT, PUBLISH}
    assert did[PUBLISH] == habits.published
    chosen = Counter(step.post for step in steps if step.what == POST)
    assert sum(chosen.values()) > 2 * habits.readers
    times = [count for _, count in chosen.most_common()]
    # By Zipf's law the tenth is chosen about a tenth as often as the first, and most are chosen at all.
    assert 4 < times[0] / times[9] < 16
    assert len(chosen) > 0.8 * habits.posts


def test_nobody_reads_what_is_not_published() -> None:
    published: set[int] = set(range(FEW.posts))
    for step in trace(FEW):
        if step.what == PUBLISH:
            published.add(step.post)
        elif step.what in (POST, COMMENT):
            assert step.post in published


def test_a_page_loads_what_it_names_and_what_that_imports() -> None:
    loads = pages(SITE)
    assert set(loads["index.html"]) == {f"assets/{name}" for name in ("app.css", "index.js", "dom.js", "page.js")}
    assert set(loads["post.html"]) == {f"assets/{name}" for name in ("app.css", "post.js", "dom.js")}


def test_requests_are_told_apart() -> None:
    told = {
        "/": "pages",
        "/posts/hello": "pages",
        "/assets/app.css": "assets",
        "/media/a/320.webp": "pictures",
        "/api/posts?next=a": "lists",
        "/api/posts/hello": "posts",
        "/api/posts/hello/comments?limit=1": "comments",
        "/api/config": "config",
    }
    assert {address: kind("GET", address) for address in told} == told
    assert kind("POST", "/api/posts") == "writes"


@shows("REQ-B2", "REQ-B4", how="simulated")
@needs("nginx")
def test_what_is_counted_is_what_the_origin_saw(blog: Distribution, origin: Origin, tmp_path: Path) -> None:
    replay = replayed(blog, origin, tmp_path / "with")
    reached = Counter(kind(one.method, one.address) for one in origin.asked)
    assert replay.result.origin.requests == reached
    readers = replay.result.readers.requests
    assert 0 < reached.total() < readers.total() / 2
    assert reached["writes"] == readers["writes"] > 0
    # Each file once for each of two edge locations.
    assert reached["assets"] == 2 * len([path for path in SITE if path.startswith("assets/") and "other" not in path])


@shows("REQ-B2", "REQ-B4", how="simulated")
@needs("nginx")
def test_without_a_cache_all_of_it_reaches_the_origin(blog: Distribution, origin: Origin, tmp_path: Path) -> None:
    replay = replayed(blog, origin, tmp_path / "without", caching=False)
    assert replay.result.origin.requests == replay.result.readers.requests
    assert len(origin.asked) == replay.result.readers.requests.total()


@needs("nginx")
def test_a_browser_keeps_files_and_asks_whether_pages_are_new(
    blog: Distribution, origin: Origin, tmp_path: Path
) -> None:
    keeping = replayed(blog, origin, tmp_path / "keeping").result
    asking = replayed(blog, origin, tmp_path / "asking", browsers_keep=False).result
    assert asking.by_browser.total() == 0
    assert keeping.readers.requests["assets"] + keeping.by_browser["assets"] == asking.readers.requests["assets"]
    assert keeping.readers.requests["pages"] == asking.readers.requests["pages"]
    assert keeping.readers.sent["pages"] < asking.readers.sent["pages"]


@needs("nginx")
def test_what_was_measured_is_printed(blog: Distribution, origin: Origin, tmp_path: Path) -> None:
    found = [
        Figures(WITHOUT, replayed(blog, origin, tmp_path / "a", caching=False).result, 1.0),
        Figures(ONE, replayed(blog, origin, tmp_path / "b").result, 1.0),
    ]
    measured = Measured(FEW, tuple(found))
    said = "\n".join(measured.lines())
    assert f"{found[1].of_readers:,}" in said
    assert "1000.0" in said
    plain = json.loads(json.dumps(measured.plain()))
    assert [one["per_1000"] for one in plain["measured"]] == [
        1000.0,
        1000 * found[1].to_origin / found[1].of_readers,
    ]


def test_why_nothing_was_measured_is_printed() -> None:
    measured = Measured(FEW, not_measured="no nginx here")
    assert measured.lines()[-1] == "  not measured: no nginx here"
    assert measured.plain()["not_measured"] == "no nginx here"
