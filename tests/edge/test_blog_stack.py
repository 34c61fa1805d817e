"""The blog's stack on the emulator behind a real cache: what readers, authors and strangers get of it."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.edge import nginx
from benchmarks.edge.distribution import Distribution
from tests.edge.origin import Got, Viewer
from tests.edge.test_hostile import UNKEYED
from tests.evidence import shows
from tests.journeys import blog as journey
from tests.journeys.stack import Stack
from tests.system import needs
from troposphere_arch.deploy.site import put_site
from troposphere_arch.deploy.target import target_of
from troposphere_arch.journeys.blog import Author
from troposphere_arch.local import Emulator

# The functions at the edge are run by the emulator, which takes Node for that.
pytestmark = needs("nginx", "node")

EDGE_SECONDS = 60
ERROR_SECONDS = 5
EARLY_SECONDS = 10
DAY = 86_400


@pytest.fixture(scope="module")
def stack(patched: Emulator) -> Iterator[Stack]:
    """A blog with its site, and as many requests allowed as tests make."""
    name = f"edge-{uuid.uuid4().hex[:8]}"
    made = journey.make(patched, name, ThrottleRate="1000", ThrottleBurst="1000", EdgeSeconds=str(EDGE_SECONDS))
    put_site(target_of(patched.client, bucket="unused"), made.outputs["SiteBucket"], journey.site_files())
    yield made
    made.delete()


@pytest.fixture(scope="module")
def author(stack: Stack) -> Author:
    return journey.author(stack)


@pytest.fixture
def reader(stack: Stack, blog: Distribution, tmp_path: Path) -> Iterator[Viewer]:
    """Somebody before an edge that has nothing in its cache yet."""
    host = stack.outputs["EdgeDomain"]
    places = {one.origin: nginx.Origin(stack.emulator.port, host) for one in blog.behaviours}
    with nginx.running(blog, places, tmp_path, host=host) as edge:
        yield Viewer(edge)


def write(reader: Viewer, author: Author, method: str, path: str, body: object = None) -> Got:
    """A call of the author's, through the edge."""
    token = f"Bearer {author.tokens['IdToken']}"
    data = json.dumps(body).encode() if body is not None else None
    return reader.ask(method, f"/api{path}", data, Authorization=token, Content_Type="application/json")


def publish(reader: Viewer, author: Author, slug: str = "") -> str:
    """A post that has not been there; gives its slug."""
    slug = slug or f"post-{uuid.uuid4().hex[:8]}"
    got = write(reader, author, "POST", "/posts", {"title": f"About {slug}", "body": "Text.", "slug": slug})
    assert got.status == 201, got.text
    return slug


def slugs(got: Got) -> list[str]:
    assert got.status == 200, got.text
    return [one["slug"] for one in json.loads(got.text)["items"]]


@shows("REQ-B2", "REQ-B3", "REQ-B4", "REQ-B7", how="simulated")
def test_a_hundred_readers_are_one_to_the_origin(reader: Viewer, author: Author) -> None:
    slug = publish(reader, author)
    before = len(reader.edge.origin_log())
    asset = next(path for path in journey.site_files() if path.endswith(".css"))
    addresses = ["/", f"/posts/{slug}", f"/{asset}", "/api/config", "/api/posts", f"/api/posts/{slug}"]
    addresses.append(f"/api/posts/{slug}/comments")
    for address in addresses:
        answers = {(got.status, got.text) for got in (reader.get(address) for _ in range(100))}
        assert [status for status, _ in answers] == [200], address
    reached = [address for _, address, _, _ in reader.edge.origin_log()[before:]]
    assert reached == ["/index.html", "/post.html", *addresses[2:]]


@shows("REQ-B2", how="simulated")
def test_what_is_published_shows_in_edge_seconds(reader: Viewer, author: Author) -> None:
    old = slugs(reader.get("/api/posts"))
    slug = publish(reader, author)
    assert slugs(reader.get("/api/posts")) == old, "the edge keeps its list"
    assert slugs(write(reader, author, "GET", "/posts"))[0] == slug, "an author is told how it is"
    reader.edge.wait(EDGE_SECONDS + 1)
    first = reader.get("/api/posts")
    assert first.cache == "STALE", "the first to ask gets the old one, and has it renewed"
    reader.until("/api/posts", lambda got: slugs(got)[:1] == [slug])


@shows("REQ-B2", how="simulated")
def test_a_post_that_was_looked_for_too_early(reader: Viewer, author: Author) -> None:
    slug = f"post-{uuid.uuid4().hex[:8]}"
    assert reader.get(f"/api/posts/{slug}").status == 404
    publish(reader, author, slug)
    assert reader.get(f"/api/posts/{slug}").cache == "HIT", "the edge keeps that there is none, for a while"
    reader.edge.wait(EARLY_SECONDS + 1)
    assert reader.get(f"/api/posts/{slug}").status == 200


@shows("REQ-B2", how="simulated")
def test_a_page_that_is_not_there_is_asked_for_again_soon(reader: Viewer) -> None:
    got = [reader.get("/no-such-page") for _ in range(3)]
    assert ({one.status for one in got}, [one.cache for one in got]) == ({404}, ["MISS", "HIT", "HIT"])
    reader.edge.wait(ERROR_SECONDS + 1)
    assert reader.get("/no-such-page").cache != "HIT"


@shows("REQ-B2", how="simulated")
def test_a_comment_shows_to_its_writer_at_once_and_to_others_soon(reader: Viewer, author: Author) -> None:
    slug = publish(reader, author)
    address = f"/api/posts/{slug}/comments"
    assert json.loads(reader.get(address).text)["items"] == []
    body = json.dumps({"name": "Ann", "text": "Well said."}).encode()
    made = reader.ask("POST", address, body, Content_Type="application/json")
    assert (made.status, json.loads(made.text)["text"]) == (201, "Well said."), "the writer has it in the answer"
    # Past the time in which an old answer may be given at once.
    reader.edge.wait(EDGE_SECONDS * 11 + 2)
    assert [one["text"] for one in json.loads(reader.get(address).text)["items"]] == ["Well said."]


@shows("REQ-B4", how="simulated")
def test_what_an_author_gets_is_nobody_elses(reader: Viewer, author: Author) -> None:
    slug = publish(reader, author)
    for path in ("/posts", f"/posts/{slug}", f"/posts/{slug}/comments", "/config", f"/uploads/{'0' * 64}"):
        for _ in range(2):
            got = write(reader, author, "GET", path)
            assert got.cache != "HIT", path
            assert {"private", "no-store"} <= set(got.headers["cache-control"].replace(" ", "").split(",")), path
        stranger = reader.get(f"/api{path}")
        assert stranger.cache == "MISS", "what the author got is not there for others"
        assert "authorization" not in stranger.text.lower()
    for _ in range(2):
        assert reader.get(f"/api/uploads/{'0' * 64}").status == 401
        assert reader.get(f"/api/uploads/{'0' * 64}", Authorization="Bearer guess").status == 401


@shows("REQ-B4", how="simulated")
@pytest.mark.parametrize("address", ["/api/uploads/x.css", "/api/posts/../uploads/x", "/assets/../api/uploads/x"])
def test_an_author_is_led_to_an_address_like_a_file(reader: Viewer, author: Author, address: str) -> None:
    path = address.removeprefix("/api")
    victim = (
        write(reader, author, "GET", path)
        if address.startswith("/api/")
        else reader.get(address, Authorization=f"Bearer {author.tokens['IdToken']}")
    )
    stranger = reader.get(address)
    assert stranger.status in (401, 403, 404)
    assert victim.text != stranger.text or victim.status in (401, 403, 404)


@shows("REQ-B4", how="simulated")
def test_each_page_of_the_list_is_its_own(reader: Viewer, author: Author) -> None:
    for _ in range(3):
        publish(reader, author)
    first = json.loads(reader.get("/api/posts?limit=1").text)
    second = json.loads(reader.get(f"/api/posts?limit=1&next={first['next']}").text)
    assert first["items"] != second["items"]
    assert json.loads(reader.get("/api/posts?limit=1").text) == first
    reached = len(reader.edge.origin_log())
    assert json.loads(reader.get(f"/api/posts?utm=x&limit=1&next={first['next']}").text) == second
    assert len(reader.edge.origin_log()) == reached


@shows("REQ-B4", how="simulated")
def test_no_header_outside_the_key_changes_an_answer_that_is_kept(reader: Viewer, author: Author) -> None:
    slug = publish(reader, author)
    for address in ("/", f"/posts/{slug}", "/api/posts", f"/api/posts/{slug}", "/api/config"):
        for name, value in UNKEYED.items():
            reader.edge.wait(2 * DAY)
            assert reader.get(address, **{name: value}).cache in ("MISS", "EXPIRED", "REVALIDATED")
            got = reader.get(address)
            assert got.status == 200, (address, name)
            for sign in ("evil", "/admin", "guess"):
                assert sign not in got.text, (address, name)
                assert all(sign not in text for text in got.headers.values()), (address, name)
