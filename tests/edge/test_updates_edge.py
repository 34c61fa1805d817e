"""The policies of software updates on a real cache: what is asked once for all, and what outlives an error."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.edge import nginx
from benchmarks.edge.distribution import EVERYTHING, Behaviour, CachePolicy, Distribution
from benchmarks.edge.updates import origin as updates
from benchmarks.edge.updates.measuring import said
from benchmarks.edge.updates.replay import LATEST
from tests.edge.origin import HOST, Answer, Asked, Origin, Viewer
from tests.evidence import shows
from tests.system import needs

pytestmark = needs("nginx")

MANIFEST = {"Cache-Control": "public, max-age=5, stale-if-error=86400", "ETag": '"1"'}
FILE = updates.address(7)
SLICE = 1_000
DAY = 86_400
# What keeps an answer for n seconds keeps it for up to a second less, or more.
SECOND = 1

Edges = Callable[..., list[Viewer]]


@pytest.fixture(scope="session")
def plain() -> Distribution:
    return said()


@pytest.fixture(scope="session")
def shielded() -> Distribution:
    return said(shield=True)


@pytest.fixture
def edges(tmp_path: Path) -> Iterator[Edges]:
    """Makes an edge before an origin; gives a viewer at each of its locations."""
    with ExitStack() as ends:

        def made(edge: Distribution, port: int, locations: int = 1, slices: int = SLICE) -> list[Viewer]:
            places = {one.origin: nginx.Origin(port, updates.HOST) for one in edge.behaviours}
            folder = tmp_path / f"edge{port}"
            folder.mkdir()
            one = ends.enter_context(nginx.running(edge, places, folder, host=HOST, locations=locations, slices=slices))
            return [Viewer(replace(one, ports=(port,))) for port in one.ports]

        yield made


@pytest.fixture
def served(tmp_path: Path) -> Iterator[updates.Origin]:
    """The instances' own configuration, with a release of a few slices and a rest."""
    with updates.running(tmp_path / "origin", size=3 * SLICE + 10) as one:
        yield one


def release(asked: Asked) -> Answer:
    """As careless as an origin can be: the edge keeps it all the same."""
    return Answer({"Cache-Control": "no-store"}, body=asked.address)


@shows("REQ-U7", "REQ-U8", "REQ-U10", how="simulated")
def test_a_file_is_fetched_once_in_a_year(plain: Distribution, origin: Origin, edges: Edges) -> None:
    origin.answer = release
    [device] = edges(plain, origin.port)
    for wait in (0, 3_600, 364 * DAY - 3_600):
        device.edge.wait(wait)
        for query in ("", "?", "?token=1", "?version=2&x"):
            got = device.get(f"{FILE}{query}", Cookie="a=1", Accept_Encoding="gzip, br", User_Agent="device")
            assert (got.status, got.text) == (200, FILE)
    assert len(origin.asked) == 1
    assert not {"cookie", "x-edge-had"} & set(origin.asked[0].headers)
    assert "gzip" not in origin.asked[0].headers.get("accept-encoding", ""), "archives are not compressed once more"


@shows("REQ-U7", how="simulated")
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"])
def test_what_writes_reaches_nobody(plain: Distribution, origin: Origin, edges: Edges, method: str) -> None:
    [device] = edges(plain, origin.port)
    assert {device.ask(method, path, b"x").status for path in (LATEST, FILE, "/", "/health")} == {403}
    assert origin.asked == []


@shows("REQ-U8", "REQ-U10", how="simulated")
def test_the_manifest_is_asked_for_again_after_seconds(plain: Distribution, origin: Origin, edges: Edges) -> None:
    origin.answer = lambda asked: Answer(MANIFEST, body="1.7.0")
    [device] = edges(plain, origin.port)
    assert [device.get(f"{LATEST}?{n}").text for n in range(50)] == ["1.7.0"] * 50
    assert device.get(LATEST, If_None_Match='"1"').status == 304
    device.edge.wait(5 - 2 * SECOND)
    device.get(LATEST)
    assert len(origin.asked) == 1
    device.edge.wait(3 * SECOND)
    assert device.get(LATEST).text == "1.7.0"
    assert [one.headers.get("if-none-match") for one in origin.asked] == [None, '"1"'], "and nothing is sent again"


@shows("REQ-U11", how="simulated")
@pytest.mark.parametrize("path", [LATEST, FILE, "/other"])
@pytest.mark.parametrize(
    ("status", "words"),
    [(404, "public, max-age=5"), (500, "no-store"), (502, "no-store"), (503, "no-store"), (504, "no-store")],
)
def test_an_error_goes_away_within_seconds(
    plain: Distribution, origin: Origin, edges: Edges, path: str, status: int, words: str
) -> None:
    origin.answer = lambda asked: Answer({"Cache-Control": words}, status, "error")
    [device] = edges(plain, origin.port)
    assert {device.get(path).status for _ in range(5)} == {status}
    assert len(origin.asked) == 1, "a rush on an error does not reach the origin"
    origin.answer = lambda asked: Answer({"Cache-Control": "public, max-age=60"}, body="there")
    device.edge.wait(5 + SECOND)
    assert device.get(path).text == "there"


@shows("REQ-U11", how="simulated")
@pytest.mark.parametrize("words", ["no-store", "no-cache", "private"])
def test_a_404_that_forbids_it_is_not_kept(plain: Distribution, origin: Origin, edges: Edges, words: str) -> None:
    origin.answer = lambda asked: Answer({"Cache-Control": words}, 404, "none")
    [device] = edges(plain, origin.port)
    assert {device.get(LATEST).status for _ in range(3)} == {404}
    assert len(origin.asked) == 3


@shows("REQ-U10", "REQ-U11", how="simulated")
def test_who_polls_before_the_first_release_does_not_reach_our_servers(
    plain: Distribution, served: updates.Origin, edges: Edges
) -> None:
    """Since they say for how long nothing is there."""
    [device] = edges(plain, served.port)
    for path in (LATEST, "/releases/1.0.0/none", "/other"):
        before = len(device.edge.origin_log())
        assert [device.get(path).status for _ in range(5)] == [404] * 5
        assert len(device.edge.origin_log()) == before + 1, path


@shows("REQ-U11", how="simulated")
@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_an_old_manifest_in_place_of_an_error_for_a_day(
    shielded: Distribution, origin: Origin, edges: Edges, status: int
) -> None:
    origin.answer = lambda asked: Answer(MANIFEST, body="1.7.0")
    ann, ben = edges(shielded, origin.port, locations=2)
    assert ann.get(LATEST).text == "1.7.0"
    origin.answer = lambda asked: Answer({"Cache-Control": "no-store"}, status, "error")
    for _ in range(23):
        ann.edge.wait(3_600)
        assert ann.get(LATEST).text == "1.7.0"
    ben.edge.set_clock(ann.edge.now)
    assert ben.get(LATEST).text == "1.7.0", "the shield has it for a location that never asked"
    assert ann.get(FILE).status == status, "what was never asked for is not there"
    origin.answer = lambda asked: Answer(MANIFEST | {"ETag": '"2"'}, body="1.8.0")
    ann.edge.wait(2 * 5 + SECOND)
    assert ann.get(LATEST).text == "1.8.0"


@shows("REQ-U11", how="simulated")
@pytest.mark.parametrize(
    ("words", "most", "within", "after"),
    [
        ("max-age=5, stale-if-error=600", DAY, 500, 700),
        ("max-age=5, stale-if-error=86400", 600, 500, 700),
        ("max-age=5, stale-if-error=0", DAY, 4 - SECOND, 20),
        ("max-age=5", DAY, 30 * DAY, None),
    ],
    ids=["as long as it says", "no longer than MaxTTL", "not at all", "where nothing is said"],
)
def test_how_long_the_model_gives_what_is_old(
    origin: Origin, edges: Edges, words: str, most: int, within: int, after: int | None
) -> None:
    """AWS's rule: the lesser of the two, counted from when it expired."""
    edge = Distribution((Behaviour(EVERYTHING, "Balancer", CachePolicy(5, 5, most)),))
    origin.answer = lambda asked: Answer({"Cache-Control": words}, body="old")
    [device] = edges(edge, origin.port)
    assert device.get("/").text == "old"
    origin.answer = lambda asked: Answer({}, 503, "error")
    device.edge.wait(within)
    assert device.get("/").text == "old"
    if after is not None:
        device.edge.wait(after - within)
        assert device.get("/").status >= 500


def test_what_is_gone_is_no_error(origin: Origin, edges: Edges) -> None:
    """A 404 is an answer: what was there before does not stand in for it."""
    edge = Distribution((Behaviour(EVERYTHING, "Balancer", CachePolicy(5, 5, DAY)),))
    origin.answer = lambda asked: Answer(MANIFEST, body="old")
    [device] = edges(edge, origin.port)
    device.get("/")
    origin.answer = lambda asked: Answer({}, 404, "gone")
    device.edge.wait(60)
    assert device.get("/").status == 404


@shows("REQ-U10", how="simulated")
@pytest.mark.parametrize("shield", [False, True])
def test_many_at_once_are_one_to_the_origin(
    plain: Distribution, shielded: Distribution, origin: Origin, edges: Edges, shield: bool
) -> None:
    origin.answer = lambda asked: Answer(MANIFEST, body=asked.address)
    devices = edges(shielded if shield else plain, origin.port, locations=3)
    origin.goes_on.clear()
    answers: list[str] = []
    threads = [
        threading.Thread(target=lambda n=n, path=path: answers.append(devices[n % 3].get(path).text))
        for n in range(15)
        for path in (LATEST, FILE)
    ]
    for one in threads:
        one.start()
    origin.wait_for(2 if shield else 6)
    origin.goes_on.set()
    for one in threads:
        one.join()
    assert sorted(answers) == [LATEST] * 15 + [FILE] * 15
    assert len(origin.asked) == (2 if shield else 6), "once for each location, or once for all"


@shows("REQ-U7", "REQ-U10", how="simulated")
@pytest.mark.parametrize("shield", [False, True])
def test_parts_are_right_and_fetched_once(
    plain: Distribution, shielded: Distribution, served: updates.Origin, edges: Edges, shield: bool
) -> None:
    data = served.files.publish(7, 1_000_000)
    devices = edges(shielded if shield else plain, served.port, locations=2)

    def fetched(device: Viewer, first: int, last: int) -> bytes:
        got = device.get(FILE, Range=f"bytes={first}-{last}")
        assert got.status == 206
        assert got.headers["content-range"] == f"bytes {first}-{min(last, len(data) - 1)}/{len(data)}"
        return got.body

    for device in devices:
        for first, last in ((SLICE, 2 * SLICE - 1), (SLICE + 5, SLICE + 9), (len(data) - 5, len(data) + 99)):
            assert fetched(device, first, last) == data[first : last + 1]
    expected = [(FILE, SLICE), (FILE, 10)]
    assert seen(devices[0]) == sorted(expected if shield else 2 * expected), "only what is asked for, and once"
    for device in devices:
        whole = device.get(FILE)
        assert (whole.status, whole.body) == (200, data)
        assert device.get(FILE, Range="bytes=0-9,20-29").status in (200, 206)
        assert device.get(FILE, Range=f"bytes={len(data)}-").status == 416
        assert device.get(FILE, If_None_Match=whole.headers["etag"]).status == 304
        assert fetched(device, SLICE - 1, SLICE) == data[SLICE - 1 : SLICE + 1]
    expected += [(FILE, SLICE), (FILE, SLICE)]
    assert [one for one in seen(devices[0]) if one[1] in (SLICE, 10)] == sorted(expected if shield else 2 * expected)


def seen(device: Viewer) -> list[tuple[str, int]]:
    """What reached the origin, and how much it sent for it."""
    return sorted((path, size) for _, path, _, size in device.edge.origin_log())


@shows("REQ-U7", "REQ-U8", how="simulated")
def test_our_own_servers_say_what_the_edge_needs(plain: Distribution, served: updates.Origin, edges: Edges) -> None:
    served.files.publish(7, 1_000_000)
    [device] = edges(plain, served.port, slices=0)
    assert device.get(FILE).headers["cache-control"] == "public, max-age=31536000, immutable"
    assert device.get(LATEST).headers["cache-control"] == "public, max-age=5, stale-if-error=86400"
    for path in ("/releases/", "/releases/1.7.0/", "/.publish/lock", "/releases/1.7.0/none"):
        assert device.get(path).status == 404
    asked = len(device.edge.origin_log())
    assert device.get(FILE).status == device.get(LATEST).status == 200
    assert len(device.edge.origin_log()) == asked


def test_a_shield_is_what_the_template_says(plain: Distribution, shielded: Distribution) -> None:
    assert plain.shielded == set()
    assert shielded.shielded == {one.origin for one in shielded.behaviours}
