"""Script in what people write is text in a real browser, wherever it stands."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Answer, Asked, Visit
from tests.browser.fake import URL, Blog
from tests.evidence import shows
from tests.system import needs

pytestmark = [needs("chromium"), needs("node")]


@pytest.fixture
def blog() -> Blog:
    """A blog without authors."""
    return Blog()


PAYLOADS = (
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "<svg/onload=alert(1)>",
    "</title><script>alert(1)</script>",
    '"><iframe srcdoc="<script>parent.alert(1)</script>">',
    "javascript:alert(1)",
    "https://x.example/\"onmouseover='alert(1)'",
    "{{constructor.constructor('alert(1)')()}}",
    "<a href='javascript:alert(1)'>x</a>",
    "<meta http-equiv=refresh content='0;url=https://evil.example/'>",
    "<base href=https://evil.example/>",
    "<link rel=stylesheet href=https://evil.example/x.css>",
    "<form action=https://evil.example/><button>x",
    "\u202egnp.exe",
)
EVERYTHING = " ".join(PAYLOADS)


@shows("REQ-B9", how="simulated")
@pytest.mark.parametrize("field", ["slug", "title", "summary", "picture", "publishedAt", "author", "body", "all"])
def test_script_in_a_post_is_text(visit: Visit, blog: Blog, field: str) -> None:
    fields = ("title", "summary", "picture", "publishedAt", "author", "body") if field == "all" else (field,)
    post = blog.post("bad")
    post |= dict.fromkeys(fields, EVERYTHING)
    if field == "body":
        post["body"] = "\n\n".join((*PAYLOADS, *(f"# {one}" for one in PAYLOADS)))
    page = visit(blog.hosts).page
    page.goto(f"{URL}/")
    expect(page.locator("[data-posts] li")).to_have_count(1)
    if field in ("title", "summary"):
        expect(page.locator("[data-posts]")).to_contain_text(EVERYTHING)
    link = page.locator("[data-posts] a")
    assert str(link.evaluate("link => link.protocol + link.host")) == URL.replace("//", "")
    if field == "slug":
        return
    page.goto(f"{URL}/posts/bad")
    expect(page.locator("article h1")).to_have_count(1)
    expect(page.locator("[data-discussion]")).to_be_visible()
    if field in ("title", "author"):
        expect(page.locator("article")).to_contain_text(EVERYTHING)
    if field == "body":
        for payload in PAYLOADS:
            expect(page.locator("article")).to_contain_text(payload)
    assert page.locator("article").locator("script, iframe, svg, form, meta, base, link").count() == 0
    protocols = page.locator("a").evaluate_all("links => links.map((link) => link.protocol)")
    assert set(protocols) <= {"https:", "http:"}


@shows("REQ-B9", how="simulated")
def test_script_in_comments_settings_and_errors_is_text(visit: Visit, blog: Blog) -> None:
    blog.post("hello")
    blog.settings["title"] = EVERYTHING
    blog.comments["hello"] = [dict.fromkeys(("id", "name", "text", "createdAt"), EVERYTHING)]
    page = visit(blog.hosts).page
    page.goto(f"{URL}/posts/hello")
    expect(page.locator("[data-comments] li")).to_contain_text(EVERYTHING)
    expect(page.locator("[data-blog]")).to_have_text(EVERYTHING)
    blog.fails["POST", "/posts/hello/comments"] = (400, EVERYTHING, EVERYTHING)
    page.get_by_label("Your name").fill(EVERYTHING[:60])
    page.get_by_label("Your comment").fill(EVERYTHING)
    page.get_by_role("button", name="Send").click()
    expect(page.locator("[data-said-comment]")).to_have_text(EVERYTHING)
    del blog.fails["POST", "/posts/hello/comments"]
    page.get_by_role("button", name="Send").click()
    expect(page.locator("[data-comments] li")).to_have_count(2)
    blog.fails["GET", "/posts"] = (500, EVERYTHING, EVERYTHING)
    page.goto(f"{URL}/")
    expect(page.get_by_role("status")).to_have_text(EVERYTHING)


@pytest.mark.parametrize("answer", [b"", b"<!doctype html><script>alert(1)</script>", b"null", b"[]", b'{"items": 1}'])
def test_an_answer_that_is_none_of_the_api_is_told_in_words(visit: Visit, blog: Blog, answer: bytes) -> None:
    def broken(asked: Asked) -> Answer:
        if asked.path.startswith("/api/"):
            return Answer(503 if answer[:1] == b"<" else 200, {"content-type": "text/html"}, answer)
        return blog.answer(asked)

    reader = visit({**blog.hosts, next(iter(blog.hosts)): broken})
    reader.page.goto(f"{URL}/")
    expect(reader.page.get_by_role("status")).to_have_class("said error")
    expect(reader.page.get_by_role("button", name="Try again")).to_be_visible()


def test_the_browser_itself_would_stop_script_that_got_in(visit: Visit, blog: Blog) -> None:
    """That the watching works: what the pages never do is done here by hand, and noticed."""
    reader = visit(blog.hosts)
    reader.page.goto(f"{URL}/")
    reader.page.evaluate("document.body.insertAdjacentHTML('beforeend', '<img src=x onerror=alert(1)>')")
    reader.page.wait_for_timeout(300)
    assert [trouble for trouble in reader.troubles if "Content Security Policy" in trouble]
    assert not [trouble for trouble in reader.troubles if "dialog" in trouble]
    reader.page.evaluate("fetch('https://evil.example/').catch(() => {})")
    reader.page.wait_for_timeout(300)
    assert [trouble for trouble in reader.troubles if "connect-src" in trouble]
    reader.troubles.clear()
