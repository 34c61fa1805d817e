"""Who wants to put something into the cache for others, or to get out of it what is others'."""

from __future__ import annotations

import pytest

from tests.edge.origin import HOST, Answer, Asked, Origin, Viewer, echo
from tests.evidence import shows
from tests.sampling import sampled
from tests.system import needs

pytestmark = [needs("nginx"), sampled(3)]

ADDRESSES = ("/", "/posts/hello", "/api/posts", "/api/posts/hello", "/assets/app.0123.css", "/media/a/320.webp")
EVIL = "evil.example"
# What is known to change answers of some server or framework, and is in no key.
UNKEYED = {
    "X-Forwarded-Host": EVIL,
    "X-Forwarded-Scheme": "http",
    "X-Forwarded-Port": "1",
    "X-Forwarded-Prefix": f"//{EVIL}",
    "X-Forwarded-Server": EVIL,
    "X-Host": EVIL,
    "X-Original-URL": "/admin",
    "X-Rewrite-URL": "/admin",
    "X-Original-Host": EVIL,
    "X-HTTP-Method-Override": "DELETE",
    "X-Method-Override": "POST",
    "X-Api-Key": "guess",
    "X-Amz-Cf-Id": EVIL,
    "Forwarded": f"host={EVIL}",
    "Origin": f"https://{EVIL}",
    "Referer": f"https://{EVIL}",
    "Accept": "text/evil",
    "Accept-Language": "evil",
    "User-Agent": "evil",
    "Cookie": "evil=1",
    "Range": "bytes=0-0",
    "Upgrade": "evil",
    "TE": "evil",
    "Proxy-Authorization": "evil",
}


@shows("REQ-B4", how="simulated")
@pytest.mark.parametrize("address", ADDRESSES)
def test_no_header_outside_the_key_changes_what_others_get(viewer: Viewer, origin: Origin, address: str) -> None:
    """The origin puts all that it got into its answer: none of this is there."""
    for name, value in UNKEYED.items():
        viewer.get(f"{address}?cachebuster={name}", **{name: value})
    got = viewer.get(address)
    assert (got.status, got.cache) == (200, "HIT"), "they are all one answer"
    for sign in ("evil", "admin", "guess", "DELETE", "bytes="):
        assert sign not in got.text, (sign, got.text)
    sent = origin.asked[0].headers
    if address.startswith("/api/"):
        assert sent["x-api-key"] == "of-the-edge", "the edge's own word, not the viewer's"
    assert sent["host"].endswith(".test")


@shows("REQ-B4", how="simulated")
@pytest.mark.parametrize("address", ["/api/posts", "/index.html"])
def test_what_is_sent_on_besides_the_key_is_named(viewer: Viewer, origin: Origin, address: str) -> None:
    """Of all that a viewer sends, only this reaches an origin without being told apart: no answer may depend on it."""
    viewer.get(f"{address}?token=1&code=2", Content_Type="text/evil", X_Anything="evil", **UNKEYED)
    [asked] = origin.asked
    unkeyed = {"content-type", "x-forwarded-for"}
    own = {"host", "user-agent", "accept-encoding", "x-forwarded-proto", "x-api-key"}
    assert set(asked.headers) <= unkeyed | own
    assert asked.address == (f"{address}?token=1" if address.startswith("/api/") else address)


@shows("REQ-B4", how="simulated")
@pytest.mark.parametrize("host", [EVIL, f"{HOST}.{EVIL}", "localhost", "127.0.0.1", "api.test", ""])
def test_another_host_is_not_answered(viewer: Viewer, origin: Origin, host: str) -> None:
    got = viewer.get("/api/posts", Host=host)
    assert got.status in (400, 403)
    assert origin.asked == []
    assert viewer.get("/api/posts").status == 200


@shows("REQ-B4", how="simulated")
@pytest.mark.parametrize(
    "address",
    [
        "/api/uploads/x.css",
        "/api/uploads/x.css?limit=1",
        "/api/posts/../uploads/mine",
        "/api/posts/..%2fuploads/mine",
        "/api/posts/%2e%2e/uploads/mine",
        "/api/posts/hello/x.js",
        "/api/posts/hello;x.css",
        "/api/posts/hello%00.css",
        "/api/posts/hello%0a.css",
        "/api/posts/hello%3f.css",
        "/api/posts/hello%23.css",
        "//api/posts/x.css",
        "/assets/../api/uploads/mine",
        "/assets/%2e%2e/api/uploads/mine",
        "/media/..%2fapi/uploads/mine.webp",
        "/assets/..%2fapi%2fuploads%2fmine",
        "/media/./../api/uploads/mine",
        "/api/uploads/mine/../../../assets/x.css",
    ],
)
def test_an_address_that_looks_like_a_file_keeps_nobodys_answer(viewer: Viewer, origin: Origin, address: str) -> None:
    """Cache deception: an author is led to an address whose answer would be kept as a file, for whoever asks next."""
    origin.answer = lambda asked: Answer({"Cache-Control": "private, no-store"}, body=str(asked.headers))
    victim = viewer.get(address, Authorization="Bearer of-the-victim", Cookie="session=victim")
    anybody = viewer.get(address)
    assert "victim" not in anybody.text
    assert "victim" not in viewer.get(address, Authorization="Bearer other").text
    # What is kept as a file was asked for without a token, so it was nobody's to begin with.
    if anybody.cache == "HIT":
        assert "victim" not in victim.text


@shows("REQ-B4", how="simulated")
@pytest.mark.parametrize("word", ["GET", "HEAD"])
def test_a_body_on_a_read_is_refused(viewer: Viewer, origin: Origin, word: str) -> None:
    """A fat GET: the body would be in no key."""
    assert viewer.ask(word, "/api/posts", b'{"next":"evil"}').status == 403
    chunked = f"{word} /api/posts HTTP/1.1\r\nHost: {HOST}\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nevil\r\n0\r\n\r\n"
    assert viewer.raw(chunked.encode()).startswith(b"HTTP/1.1 403")
    assert origin.asked == []


@shows("REQ-B4", how="simulated")
def test_nothing_that_a_viewer_writes_becomes_a_header_of_an_answer(viewer: Viewer, origin: Origin) -> None:
    """Response splitting: line ends in addresses and headers, as they are and encoded."""
    for address in (
        "/api/posts/%0d%0aSet-Cookie:%20evil=1",
        "/api/posts?next=%0d%0aX-Evil:%201",
        "/posts/x%0d%0a%0d%0a<script>",
        "/%E5%98%8A%E5%98%8DX-Evil:1",
    ):
        got = viewer.get(address)
        assert not {"x-evil", "set-cookie"} & got.headers.keys()
        assert "\r" not in origin.asked[-1].address
    for request in (
        f"GET /api/posts\r\nX-Evil: 1 HTTP/1.1\r\nHost: {HOST}\r\n\r\n",
        f"GET /api/posts HTTP/1.1\r\nHost: {HOST}\r\nAuthorization: a\rX-Evil: 1\r\n\r\n",
        f"GET /api/posts HTTP/1.1\r\nHost: {HOST}\r\nAuthorization: a\nX-Evil: 1\r\n\r\n",
        f"GET /api/posts HTTP/1.1\nHost: {HOST}\n\n",
    ):
        head = viewer.raw(request.encode()).partition(b"\r\n\r\n")[0]
        assert b"x-evil" not in head.lower()
    assert all("x-evil" not in one.headers for one in origin.asked)


@shows("REQ-B4", how="simulated")
def test_one_request_is_never_read_as_two(viewer: Viewer, origin: Origin) -> None:
    """Request smuggling: both lengths, and lengths that are none."""
    smuggled = "GET /api/smuggled HTTP/1.1\r\nHost: x\r\n\r\n"
    for lengths in (
        f"Content-Length: {len(smuggled) + 5}\r\nTransfer-Encoding: chunked",
        "Content-Length: 5\r\nContent-Length: 6",
        "Content-Length: +5",
        "Content-Length: 5,5",
        "Transfer-Encoding: xchunked",
        "Transfer-Encoding: chunked, identity",
    ):
        request = f"POST /api/posts HTTP/1.1\r\nHost: {HOST}\r\n{lengths}\r\n\r\n0\r\n\r\n{smuggled}"
        viewer.raw(request.encode())
    assert not [one for one in origin.asked if "smuggled" in one.address]


@shows("REQ-B4", how="simulated")
@pytest.mark.parametrize(
    "headers",
    [
        {"X-Accel-Redirect": "/api/uploads/mine"},
        {"X-Accel-Expires": "3600"},
        {"X-Edge-Cache-Control": "public, s-maxage=3600"},
    ],
)
def test_an_origin_speaks_to_the_cache_in_cache_control_alone(
    viewer: Viewer, origin: Origin, headers: dict[str, str]
) -> None:
    origin.answer = lambda asked: Answer({**headers, "Cache-Control": "private, no-store"}, body=str(len(origin.asked)))
    assert {viewer.get("/api/posts").text for _ in range(3)} == {"1", "2", "3"}
    assert {one.address for one in origin.asked} == {"/api/posts"}


@shows("REQ-B4", how="simulated")
def test_viewers_cannot_make_the_edge_forget(viewer: Viewer, origin: Origin) -> None:
    viewer.get("/api/posts")
    for headers in ({"Cache_Control": "no-cache"}, {"Cache_Control": "no-store, max-age=0"}, {"Pragma": "no-cache"}):
        assert viewer.get("/api/posts", **headers).cache == "HIT"
    assert viewer.ask("PURGE", "/api/posts").status in (403, 405)
    assert len(origin.asked) == 1


@shows("REQ-B4", how="simulated")
def test_a_key_cannot_be_made_to_look_like_another(viewer: Viewer, origin: Origin) -> None:
    """What one part of the key ends with is not where the next begins."""
    origin.answer = lambda asked: Answer(
        echo(asked).headers, body=f"{asked.address} {asked.headers.get('authorization')}"
    )
    asked = [
        ("/api/posts", "a"),
        ("/api/posts", ""),
        ("/api/posts", "-"),
        ("/api/posts?next=a", ""),
        ("/api/posts?next=a", "a"),
        ("/api/posts?next=a 13.authorization:a", ""),
        ("/api/posts%20next=a", ""),
        ("/api/posts?next=", "next=a"),
    ]
    for address, token in asked:
        sent = address.replace(" ", "%20")
        got = viewer.get(sent, **({"Authorization": token} if token else {}))
        assert got.text == f"{sent} {token or None}", (address, token)
    assert len(origin.asked) == len(asked)


def test_the_origin_of_these_tests_would_show_what_leaks() -> None:
    headers = {"x-forwarded-host": EVIL}
    assert EVIL in echo(Asked("GET", "/", headers, b"")).body
