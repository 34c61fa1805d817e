"""The blog's own policies on a real cache: what is asked once for all, and what is never anybody else's."""

from __future__ import annotations

import json
import threading

import pytest

from tests.edge.origin import Answer, Asked, Origin, Viewer, echo
from tests.evidence import shows
from tests.system import needs

pytestmark = needs("nginx")

PRIVATE = {"Cache-Control": "private, no-store"}
MINUTE = {"Cache-Control": "public, max-age=0, s-maxage=60, stale-while-revalidate=600"}
FOR_EVER = {"Cache-Control": "public, max-age=31536000, immutable"}


def whose(asked: Asked) -> Answer:
    """As the API does: for everybody the same, but private as soon as a token is sent."""
    token = asked.headers.get("authorization", "nobody")
    return Answer(MINUTE if token == "nobody" else PRIVATE, body=token)


def careless(asked: Asked) -> Answer:
    """A handler with a bug: it answers a token with something public."""
    return Answer(MINUTE, body=asked.headers.get("authorization", "nobody"))


@shows("REQ-B2", "REQ-B4", how="simulated")
def test_an_answer_is_asked_for_once(viewer: Viewer, origin: Origin) -> None:
    for address in (
        "/",
        "/posts/hello",
        "/api/posts",
        "/api/posts?next=abc",
        "/assets/app.0123.js",
        "/media/a/320.webp",
    ):
        answers = [viewer.get(address) for _ in range(5)]
        assert [one.cache for one in answers] == ["MISS", "HIT", "HIT", "HIT", "HIT"], address
        assert {one.text for one in answers} == {answers[0].text}
    assert len(origin.asked) == 6


@shows("REQ-B2", "REQ-B4", how="simulated")
def test_all_posts_are_one_page_at_the_edge(viewer: Viewer, origin: Origin) -> None:
    for number in range(20):
        assert viewer.get(f"/posts/post-{number}?from=newsletter").status == 200
    assert [one.address for one in origin.asked] == ["/post.html"]


@shows("REQ-B4", how="simulated")
@pytest.mark.parametrize("api", [whose, careless])
def test_an_answer_to_an_author_is_nobody_elses(viewer: Viewer, origin: Origin, api: type) -> None:
    origin.answer = api
    callers = ["Bearer ann", "Bearer ben", "", "bearer ann", "Bearer ann "]
    for address in ("/api/posts", "/api/posts/hello", "/api/uploads/" + "0" * 64, "/api/uploads/x.css"):
        for _ in range(2):
            for caller in callers:
                headers = {"Authorization": caller} if caller else {}
                assert viewer.get(address, **headers).text == (caller.strip() or "nobody"), (address, caller)
    names = {one.headers.get("authorization", "") for one in origin.asked}
    assert names == {"Bearer ann", "Bearer ben", "", "bearer ann"}


@shows("REQ-B4", how="simulated")
def test_who_sends_a_token_in_any_spelling_is_known_by_it(viewer: Viewer, origin: Origin) -> None:
    origin.answer = careless
    assert viewer.get("/api/posts", authorization="Bearer ann").text == "Bearer ann"
    assert viewer.get("/api/posts", AUTHORIZATION="Bearer ben").text == "Bearer ben"
    assert viewer.get("/api/posts").text == "nobody"


@shows("REQ-B4", how="simulated")
@pytest.mark.parametrize("words", ["private, no-store", "no-store", "private", "no-cache", "s-maxage=0"])
def test_what_is_private_is_not_kept(viewer: Viewer, origin: Origin, words: str) -> None:
    origin.answer = lambda asked: Answer({"Cache-Control": words}, body=str(len(origin.asked)))
    for address in ("/api/posts", "/index.html"):
        before = len(origin.asked)
        assert len({viewer.get(address).text for _ in range(3)}) == 3
        viewer.edge.wait(5)
        assert viewer.get(address).cache != "HIT"
        assert len(origin.asked) == before + 4


@shows("REQ-B2", "REQ-B4", how="simulated")
def test_each_page_of_a_list_is_kept_apart(viewer: Viewer, origin: Origin) -> None:
    addresses = [
        "/api/posts",
        "/api/posts?next=a",
        "/api/posts?next=A",
        "/api/posts?next=b",
        "/api/posts?next=",
        "/api/posts?next=a&limit=5",
        "/api/posts?next=a%20",
        "/api/posts?next=a&next=b",
        "/api/posts?next=b&next=a",
        "/api/posts/a/comments?next=a",
    ]
    first = {address: viewer.get(address).text for address in addresses}
    assert len(set(first.values())) == len(addresses), "no two are one"
    assert {address: viewer.get(address).text for address in addresses} == first
    assert len(origin.asked) == len(addresses)
    assert [one.address for one in origin.asked] == addresses, "and each gets to the API as it was asked"


@shows("REQ-B4", how="simulated")
def test_other_parameters_neither_split_what_is_kept_nor_reach_the_api(viewer: Viewer, origin: Origin) -> None:
    same = [
        "?next=a",
        "?next=a&utm_source=x",
        "?x=1&next=a",
        "?Next=z&next=a",
        "?next=a&nextt=b",
        "?&next=a&",
        "?next=a&NEXT=b",
    ]
    assert {viewer.get(f"/api/posts{query}").text for query in same} == {viewer.get("/api/posts?next=a").text}
    assert [one.address for one in origin.asked] == ["/api/posts?next=a"]


@shows("REQ-B2", how="simulated")
@pytest.mark.parametrize("status", [404, 500, 501, 502, 503, 504])
def test_an_error_goes_away_within_its_time(viewer: Viewer, origin: Origin, status: int) -> None:
    origin.answer = lambda asked: Answer({}, status, "error")
    assert [viewer.get("/api/posts/new").status for _ in range(3)] == [status] * 3
    assert len(origin.asked) == 1, "a rush on an error does not reach the origin"
    origin.answer = echo
    viewer.edge.wait(6)
    assert viewer.get("/api/posts/new").status == 200


@shows("REQ-B2", how="simulated")
def test_a_post_that_was_looked_for_too_early_shows_in_ten_seconds(viewer: Viewer, origin: Origin) -> None:
    origin.answer = lambda asked: Answer({"Cache-Control": "public, max-age=0, s-maxage=10"}, 404, "none")
    assert [viewer.get("/api/posts/new").status for _ in range(3)] == [404] * 3
    origin.answer = echo
    viewer.edge.wait(11)
    assert viewer.get("/api/posts/new").status == 200


@shows("REQ-B4", how="simulated")
@pytest.mark.parametrize("words", ["no-store", "no-cache", "private"])
@pytest.mark.parametrize(("status", "is_kept"), [(404, False), (410, False), (414, False), (501, False), (503, True)])
def test_which_errors_heed_what_forbids_to_keep_them(
    viewer: Viewer, origin: Origin, status: int, is_kept: bool, words: str
) -> None:
    origin.answer = lambda asked: Answer({"Cache-Control": words}, status, "error")
    assert {viewer.get("/api/posts").status for _ in range(3)} == {status}
    assert len(origin.asked) == (1 if is_kept else 3)


@shows("REQ-B4", how="simulated")
@pytest.mark.parametrize("status", [400, 401, 403, 409, 413, 429])
def test_a_refusal_is_for_the_one_who_asked(viewer: Viewer, origin: Origin, status: int) -> None:
    origin.answer = lambda asked: Answer({"Cache-Control": "no-store"}, status, str(len(origin.asked)))
    assert {viewer.get("/api/posts").text for _ in range(3)} == {"1", "2", "3"}


@shows("REQ-B2", "REQ-B4", how="simulated")
def test_an_old_page_is_given_at_once_while_a_new_one_is_fetched_once(viewer: Viewer, origin: Origin) -> None:
    origin.answer = lambda asked: Answer(MINUTE, body=f"edition {len(origin.asked)}")
    assert viewer.get("/api/posts").text == "edition 1"
    viewer.edge.wait(70)
    origin.goes_on.clear()
    answers = [viewer.get("/api/posts") for _ in range(20)]
    assert {one.text for one in answers} == {"edition 1"}, "nobody waits for the origin, which has not answered"
    assert (answers[0].cache, {one.cache for one in answers[1:]}) == ("STALE", {"UPDATING"})
    origin.wait_for(2)
    origin.goes_on.set()
    viewer.until("/api/posts", lambda got: got.text == "edition 2")
    assert len(origin.asked) == 2


@shows("REQ-B2", how="simulated")
def test_what_is_too_old_is_not_given(viewer: Viewer, origin: Origin) -> None:
    origin.answer = lambda asked: Answer(MINUTE, body=f"edition {len(origin.asked)}")
    viewer.get("/api/posts")
    viewer.edge.wait(60 + 600 + 1)
    assert viewer.get("/api/posts").text == "edition 2"


@shows("REQ-B2", how="simulated")
def test_readers_go_on_reading_while_the_origin_fails(viewer: Viewer, origin: Origin) -> None:
    viewer.get("/api/posts")
    origin.answer = lambda asked: Answer({}, 500, "error")
    viewer.edge.wait(3600)
    assert viewer.get("/api/posts").status == 200
    assert viewer.get("/api/posts/never-read").status == 500


@shows("REQ-B4", how="simulated")
def test_many_at_once_are_one_to_the_origin(viewer: Viewer, origin: Origin) -> None:
    origin.goes_on.clear()
    answers: list[str] = []
    threads = [threading.Thread(target=lambda: answers.append(viewer.get("/api/posts").text)) for _ in range(25)]
    for one in threads:
        one.start()
    origin.wait_for(1)
    origin.goes_on.set()
    for one in threads:
        one.join()
    assert (len(answers), len(set(answers)), len(origin.asked)) == (25, 1, 1)


@shows("REQ-B4", "REQ-B7", how="simulated")
def test_an_asset_is_fetched_once_in_a_year(viewer: Viewer, origin: Origin) -> None:
    origin.answer = lambda asked: Answer(FOR_EVER, body="body {}")
    begin = viewer.edge.now
    for days in (0, 1, 30, 300, 364):
        viewer.edge.set_clock(begin + days * 86_400)
        got = viewer.get("/assets/app.0123456789ab.css")
        assert got.headers["cache-control"] == FOR_EVER["Cache-Control"], "browsers hear what the origin says"
    assert len(origin.asked) == 1


@shows("REQ-B4", how="simulated")
def test_each_compressed_form_is_asked_for_once(viewer: Viewer, origin: Origin) -> None:
    forms = ["gzip, deflate, br", "br;q=1.0, gzip", "gzip", "GZIP, deflate", "identity", "zstd", "x-gzip"]
    for form in forms:
        viewer.get("/assets/app.0123456789ab.css", Accept_Encoding=form)
    assert [one.headers.get("accept-encoding") for one in origin.asked] == ["br,gzip", "gzip", "identity"]


@shows("REQ-B2", how="simulated")
def test_what_has_not_changed_is_not_sent_again(viewer: Viewer, origin: Origin) -> None:
    origin.answer = lambda asked: Answer({**MINUTE, "ETag": '"1"'}, body="long" * 1000)
    assert viewer.get("/index.html").text == "long" * 1000
    viewer.edge.wait(3600)
    assert viewer.get("/index.html").text == "long" * 1000
    assert [one.headers.get("if-none-match") for one in origin.asked] == [None, '"1"']
    # And a browser that has it already gets no body from the edge either.
    again = viewer.get("/index.html", If_None_Match='"1"')
    assert (again.status, again.text, len(origin.asked)) == (304, "", 2)


@shows("REQ-B4", how="simulated")
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"])
def test_what_writes_always_reaches_the_api(viewer: Viewer, origin: Origin, method: str) -> None:
    viewer.get("/api/posts")
    body = json.dumps({"title": "x"}).encode()
    for _ in range(3):
        got = viewer.ask(method, "/api/posts", body, Content_Type="application/json", Authorization="Bearer ann")
        assert (got.status, got.cache) == (200, "")
    for one in origin.asked[1:]:
        assert (one.method, one.body, one.headers["content-type"]) == (method, body, "application/json")
        assert one.headers["authorization"] == "Bearer ann"
    assert viewer.get("/api/posts").cache == "HIT", "and what is kept is as it was"


@shows("REQ-B4", how="simulated")
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"])
def test_pages_and_files_are_only_read(viewer: Viewer, origin: Origin, method: str) -> None:
    for address in ("/", "/posts/hello", "/assets/app.css", "/media/a/320.webp"):
        assert viewer.ask(method, address, b"x").status == 403
    assert origin.asked == []


@shows("REQ-B4", how="simulated")
def test_a_token_gets_to_the_buckets_of_no_page(viewer: Viewer, origin: Origin) -> None:
    for address in ("/", "/posts/hello", "/assets/app.css", "/media/a/320.webp"):
        viewer.get(address, Authorization="Bearer ann", Cookie="session=1")
    assert all("authorization" not in one.headers and "cookie" not in one.headers for one in origin.asked)


@shows("REQ-B4", how="simulated")
def test_a_cookie_that_is_set_is_set_for_nobody_else(viewer: Viewer, origin: Origin) -> None:
    origin.answer = lambda asked: Answer({**MINUTE, "Set-Cookie": "session=1"}, body="x")
    for address in ("/api/posts", "/index.html", "/assets/app.css"):
        answers = [viewer.get(address) for _ in range(3)]
        assert [one.headers.get("set-cookie") for one in answers] == [None, None, None], address
    # Nor does one that a viewer sends get to the origin.
    viewer.get("/api/config", Cookie="session=1")
    assert "cookie" not in origin.asked[-1].headers
