"""Clean addresses: which file of the site an address leads to."""

from __future__ import annotations

from tests.edge_function import CODE, answers, event
from tests.evidence import shows
from tests.system import needs

MOST_BYTES = 10_240
"""https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/cloudfront-limits.html#limits-functions"""

PAGES = {
    "/": "/index.html",
    "/index.html": "/index.html",
    "/subscribe": "/subscribe.html",
    "/sign-in": "/sign-in.html",
    "/about/": "/about/index.html",
    "/deep/down/page": "/deep/down/page.html",
    "/posts/hello": "/post.html",
    "/posts/hello/": "/post.html",
    "/posts/a-1-b-2": "/post.html",
    "/posts/0": "/post.html",
    f"/posts/{'a' * 80}": "/post.html",
}
FILES = (
    "/assets/app.0123456789ab.css",
    "/assets/icon",
    "/assets/",
    "/api/posts",
    "/api/posts/hello",
    "/api/",
    "/api",
    "/media/x/320.webp",
    "/media",
    "/robots.txt",
    "/feed.xml",
    "/.well-known/security.txt",
    "/posts/hello.html",
    "/..",
    "/a/..",
)
# Never the page of a post: they are answered as any other page that is not there.
NO_POSTS = (
    "/posts",
    "/posts/",
    "/posts/Hello",
    "/posts/hello/world",
    "/posts/-hello",
    "/posts/hello-",
    "/posts/he--llo",
    "/posts/hello//",
    "//posts/hello",
    "/posts//hello",
    "/posts/%68ello",
    "/posts/hello%2f..%2fwrite",
    "/posts/../posts/hello",
    "/posts/h\u00e9llo",
    "/posts/hello\n",
    "/posts/<script>",
    f"/posts/{'a' * 81}",
    f"/posts/{'a-' * 4_000}",
    "/Posts/hello",
    "/apis/posts/hello",
)


@shows("REQ-B3", "REQ-B7", how="simulated")
@needs("node")
def test_an_address_becomes_that_of_its_file() -> None:
    found = [answer["uri"] for answer in answers(map(event, PAGES))]
    assert dict(zip(PAGES, found, strict=True)) == PAGES


@shows("REQ-B3", how="simulated")
@needs("node")
def test_files_the_api_and_the_media_keep_their_addresses() -> None:
    assert [answer["uri"] for answer in answers(map(event, FILES))] == list(FILES)


@needs("node")
def test_what_is_no_slug_is_no_post() -> None:
    found = [answer["uri"] for answer in answers(map(event, NO_POSTS))]
    assert "/post.html" not in found
    for uri, became in zip(NO_POSTS, found, strict=True):
        assert became in (uri, f"{uri}.html", f"{uri}index.html"), "nothing is decoded, collapsed or led elsewhere"


@needs("node")
def test_nothing_but_the_address_changes() -> None:
    more = {
        "method": "HEAD",
        "querystring": {"post": {"value": "a%20b", "multiValue": [{"value": "a%20b"}, {"value": ""}]}},
        "headers": {"host": {"value": "blog.example.com"}},
        "cookies": {"x": {"value": "y"}},
    }
    sent = event("/write", **more)
    [answer] = answers([sent])
    assert answer == {**sent["request"], "uri": "/write.html"}


@needs("node")
def test_a_very_long_address_is_soon_done() -> None:
    # CloudFront ends a function that needs more than about a millisecond; a slow match would need seconds here.
    events = [event("/posts/" + part * 1_300) for part in ("a-", "-", "a", "%2e", "//", "..")] * 50
    assert len(answers(events)) == len(events)


def test_it_is_not_larger_than_cloudfront_takes() -> None:
    assert len(CODE.read_bytes()) < MOST_BYTES
