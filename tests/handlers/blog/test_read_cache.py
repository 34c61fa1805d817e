"""The reader of the blog behind a DAX cluster: what it asks of it, what is fresh, and what may be old for how long.

The client is AWS's own, the cluster is the stand-in of `troposphere_arch.local.dax`, the table the emulator's.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace

import pytest

from tests.evidence import shows
from tests.handlers.blog.conftest import (
    ENVIRONMENT,
    POSTS,
    Blog,
    Caller,
    author_claims,
    comment_item,
    load,
    post_items,
)
from tests.handlers.conftest import Faulty
from troposphere_arch import local
from troposphere_arch.local.dax import Cluster

ITEM_SECONDS, LIST_SECONDS = 300, 10


@dataclass
class Clock:
    now: float = 0.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Behind:
    """The blog whose reader goes through a cluster, and what a test may turn."""

    blog: Blog
    cluster: Cluster
    clock: Clock
    denied: set[str]

    @property
    def operations(self) -> list[tuple[str, bool]]:
        """Each call that the cluster saw, and whether it was a hit."""
        return [(call.operation, call.hit) for call in self.cluster.calls]


@pytest.fixture
def cached(blog: Blog, stock: local.Emulator, monkeypatch: pytest.MonkeyPatch) -> Iterator[Behind]:
    clock, denied = Clock(), set[str]()
    environment = stock.environment()
    with Cluster(
        lambda: blog.dynamodb,
        secret=lambda access_key_id, token: environment["AWS_SECRET_ACCESS_KEY"],
        allowed=lambda access_key_id, action: action not in denied,
        item_ttl_ms=ITEM_SECONDS * 1000,
        query_ttl_ms=LIST_SECONDS * 1000,
        clock=clock,
        nodes=3,
    ) as cluster:
        variables = {**ENVIRONMENT["read_posts"], "POSTS_CACHE": cluster.url}
        variables |= {"AWS_REGION": "us-east-1", "SSL_CERT_FILE": str(cluster.certificate)}
        for name, value in {**environment, **variables}.items():
            monkeypatch.setenv(name, value)
        read = load("read_posts")
        yield Behind(replace(blog, modules=blog.modules | {"read_posts": read}), cluster, clock, denied)
        if read.cluster.cache_info().currsize:
            read.cluster().close()


@pytest.fixture
def ria(cached: Behind) -> Caller:
    """A reader."""
    return Caller(cached.blog)


@pytest.fixture
def anna(cached: Behind) -> Caller:
    """An author."""
    return Caller(cached.blog, author_claims())


@shows("REQ-B4", "REQ-B9", how="simulated")
def test_readers_are_answered_by_the_cluster_and_by_the_table_only_that_there_is_nothing(
    cached: Behind, ria: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    cached.blog.put(*post_items("a-post", body="Milk \U0001f95b"), *post_items("b"), comment_item("a-post", 1))
    direct = Faulty(cached.blog.modules["read_posts"].table)
    monkeypatch.setattr(cached.blog.modules["read_posts"], "table", direct)
    for hit in (False, True):
        assert ria.get("/posts/a-post").body["body"] == "Milk \U0001f95b"
        assert len(ria.get("/posts").body["items"]) == 2
        assert len(ria.get("/posts/a-post/comments").body["items"]) == 1
        assert cached.operations[-3:] == [("GetItem", hit), ("Query", hit), ("Query", hit)]
    assert ria.get("/posts/b/comments").body == {"items": []}
    assert direct.calls == []
    assert ria.get("/posts/nothing").status == 404
    [(operation, request)] = direct.calls
    assert (operation, request["ConsistentRead"]) == ("get_item", True)
    for call in cached.cluster.calls:
        assert call.table == POSTS
        assert call.tls.startswith("TLSv1.")
        assert "/us-east-1/dax/aws4_request" in call.string_to_sign
        assert not call.parameters.get("ConsistentRead")


@shows("REQ-B4", how="simulated")
def test_a_popular_post_is_read_from_the_table_once_in_its_time(cached: Behind, ria: Caller) -> None:
    cached.blog.put(*post_items("a-post"))
    for _ in range(20):
        assert ria.get("/posts/a-post").status == 200
    assert cached.operations == [("GetItem", False), *[("GetItem", True)] * 19]
    cached.clock.now += ITEM_SECONDS + 1
    ria.get("/posts/a-post")
    assert cached.operations[-1] == ("GetItem", False)


@shows("REQ-B4", "REQ-B9", how="simulated")
def test_a_reader_sees_a_change_when_the_times_in_the_cluster_are_over_and_an_author_at_once(
    cached: Behind, ria: Caller, anna: Caller
) -> None:
    old = anna.publish(slug="a-post", title="Old")
    assert ria.get("/posts/a-post").body == old
    assert ria.everything("/posts")[0]["title"] == "Old"
    new = anna.put("/posts/a-post", {"title": "New", "body": "Text", "version": 1}).body
    anna.publish(slug="another")
    assert anna.get("/posts/a-post").body == new
    assert [item["slug"] for item in anna.everything("/posts")] == ["another", "a-post"]
    cached.clock.now += LIST_SECONDS
    assert [item["title"] for item in ria.everything("/posts")] == ["Old"]
    cached.clock.now += 0.001
    assert [item["title"] for item in ria.everything("/posts")] == ["A post", "New"]
    assert ria.get("/posts/a-post").body == old
    cached.clock.now += ITEM_SECONDS
    assert ria.get("/posts/a-post").body == new


@shows("REQ-B9", how="simulated")
def test_a_new_post_is_found_though_the_cluster_remembers_that_there_was_none(
    cached: Behind, ria: Caller, anna: Caller
) -> None:
    assert ria.get("/posts/a-post").error == (404, "NotFound")
    post = anna.publish(slug="a-post")
    assert ria.get("/posts/a-post").body == post
    assert ria.get("/posts/a-post/comments").body == {"items": []}
    assert cached.operations == [("GetItem", False), ("GetItem", True), ("Query", False), ("GetItem", True)]


@shows("REQ-B4", how="simulated")
def test_pages_of_a_long_list_come_from_the_cluster_the_second_time(cached: Behind, ria: Caller) -> None:
    for n in range(30):
        cached.blog.put(*post_items(f"post-{n}", f"2026-01-01T00:00:{n:02}.000Z"), comment_item("post-0", n))
    for path in ("/posts", "/posts/post-0/comments"):
        first = ria.everything(path, limit="10")
        assert len(first) == 30
        before = len(cached.operations)
        assert ria.everything(path, limit="10") == first
        assert [hit for _, hit in cached.operations[before:]] == [True] * 3


@shows("REQ-B9", how="simulated")
@pytest.mark.parametrize("reset", [False, True])
def test_a_function_that_slept_until_its_connections_broke_answers_all_the_same(
    cached: Behind, ria: Caller, reset: bool
) -> None:
    cached.blog.put(*post_items("a-post"), comment_item("a-post", 1))
    paths = ["/posts", "/posts/a-post", "/posts/a-post/comments"]
    for _ in range(6):  # until the client has connections to each of the three nodes
        assert [ria.get(path).status for path in paths] == [200] * 3
    for path in paths * 3:
        cached.cluster.disconnect(reset=reset)
        assert ria.get(path).status == 200


@shows("REQ-B9", how="simulated")
@pytest.mark.parametrize(("action", "path"), [("GetItem", "/posts/a-post"), ("Query", "/posts")])
def test_each_right_on_the_cluster_is_needed(
    cached: Behind, ria: Caller, action: str, path: str, capsys: pytest.CaptureFixture[str]
) -> None:
    cached.blog.put(*post_items("a-post"))
    cached.denied.add(f"dax:{action}")
    with pytest.raises(RuntimeError):
        ria.get(path)
    logged = json.loads(capsys.readouterr().out)
    assert (logged["level"], logged["error"]) == ("ERROR", "DaxServiceError AccessDeniedException")
    cached.denied.clear()
    cached.denied |= {f"dax:{other}" for other in ("PutItem", "UpdateItem", "DeleteItem", "Scan", "BatchGetItem")}
    assert ria.get(path).status == 200


@shows("REQ-B9", how="simulated")
def test_a_cluster_that_is_not_there_fails_readers_and_no_author(
    cached: Behind, ria: Caller, anna: Caller, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    cached.blog.put(*post_items("a-post"))
    there = cached.cluster.url
    monkeypatch.setattr(cached.blog.modules["read_posts"], "CACHE", "daxs://localhost:1")
    with pytest.raises(RuntimeError):
        ria.get("/posts/a-post")
    assert json.loads(capsys.readouterr().out)["error"].endswith("NoRouteException")
    assert anna.get("/posts/a-post").status == 200
    monkeypatch.setattr(cached.blog.modules["read_posts"], "CACHE", there)
    assert ria.get("/posts/a-post").status == 200
