"""The pages of the blog's site in a real browser: what readers do, by mouse, by keyboard, and without script."""

from __future__ import annotations

import json

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Visit
from tests.browser.fake import SITE, URL, Blog
from tests.evidence import shows
from tests.system import needs

pytestmark = [needs("chromium"), needs("node")]


@pytest.fixture
def blog() -> Blog:
    """A blog without authors."""
    return Blog()


@shows("REQ-B3", "REQ-B9", how="simulated")
def test_the_front_page_lists_posts_page_by_page(visit: Visit, blog: Blog) -> None:
    for number in range(5):
        blog.post(f"post-{number}", title=f"Post {number}")
    reader = visit(blog.hosts)
    page = reader.page
    page.goto(f"{URL}/")
    expect(page).to_have_title("The blog")
    headings = page.get_by_role("heading", level=2)
    expect(headings).to_have_text(["Post 4", "Post 3"])
    older = page.get_by_role("button", name="Older posts")
    older.focus()
    page.keyboard.press("Enter")
    expect(headings).to_have_text(["Post 4", "Post 3", "Post 2", "Post 1"])
    expect(page.get_by_role("link", name="Post 2")).to_be_focused()
    older.click()
    expect(headings).to_have_count(5)
    expect(older).to_be_hidden()
    page.get_by_role("link", name="Post 0").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Post 0")
    expect(page).to_have_title("Post 0 – The blog")
    assert page.url == f"{URL}/posts/post-0"
    assert "authorization" not in {name for one in reader.asked for name in one.headers}


@shows("REQ-B3", how="simulated")
def test_a_blog_without_posts_says_so(visit: Visit, blog: Blog) -> None:
    page = visit(blog.hosts).page
    page.goto(f"{URL}/")
    expect(page.get_by_role("status")).to_have_text("Nothing has been written yet.")


TEXT = """The first line
and the second.

# A heading
right above a paragraph

   \t
Two links: https://example.com/a?b=c&d=e, (http://example.org/x) and none: javascript:alert(1) ftp://x.example
#no heading

## A smaller one

<b>not bold</b> & done"""


@shows("REQ-B3", "REQ-B9", how="simulated")
def test_a_post_is_set_as_text_with_headings_and_links(visit: Visit, blog: Blog) -> None:
    blog.post("text", body=TEXT, author="Ann <b>B</b>", updatedAt="2026-12-01T00:00:00.000Z")
    page = visit(blog.hosts).page
    page.goto(f"{URL}/posts/text")
    article = page.locator("article")
    expect(article.get_by_role("heading")).to_have_text(["About text", "A heading", "A smaller one"])
    expect(article.locator("p")).to_have_text(
        [
            "November 1, 2026 by Ann <b>B</b>, changed December 1, 2026",
            "The first lineand the second.",
            "right above a paragraph",
            "Two links: https://example.com/a?b=c&d=e, (http://example.org/x) and none: javascript:alert(1) ftp://x.example"
            "#no heading",
            "<b>not bold</b> & done",
        ]
    )
    links = [link.get_attribute("href") for link in article.locator("a").all()]
    assert links == ["https://example.com/a?b=c&d=e", "http://example.org/x"]
    assert article.locator("b").count() == 0


@shows("REQ-B3", "REQ-B9", how="simulated")
def test_a_reader_comments(visit: Visit, blog: Blog) -> None:
    blog.post("hello")
    blog.comments["hello"] = [
        {"id": str(number), "name": f"N{number}", "text": f"Comment {number}", "createdAt": "2026-11-02T00:00:00Z"}
        for number in range(3)
    ]
    reader = visit(blog.hosts)
    page = reader.page
    page.goto(f"{URL}/posts/hello")
    comments = page.locator("[data-comments] li")
    expect(comments).to_have_count(2)
    page.get_by_role("button", name="More comments").click()
    expect(comments).to_have_count(3)
    page.get_by_label("Your name").fill("  Bob ")
    page.get_by_label("Your comment").fill("One\nTwo")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(comments).to_have_count(4)
    expect(comments.last).to_contain_text("Bob, November 25, 2026")
    expect(comments.last).to_contain_text("One")
    expect(page.get_by_label("Your comment")).to_have_value("")
    [sent] = reader.requests("POST", "/api/posts/hello/comments")
    assert json.loads(sent.body) == {"name": "Bob", "text": "One\nTwo"}

    blog.fails["POST", "/posts/hello/comments"] = (400, "Invalid", "text: at most 2,000 characters.")
    page.get_by_label("Your comment").fill("Again")
    page.get_by_role("button", name="Send").click()
    expect(page.locator("[data-said-comment]")).to_have_text("text: at most 2,000 characters.")
    expect(page.get_by_label("Your comment")).to_have_value("Again")


def test_comments_that_are_off_have_no_form(visit: Visit, blog: Blog) -> None:
    blog.post("hello")
    blog.settings["comments"] = False
    page = visit(blog.hosts).page
    page.goto(f"{URL}/posts/hello")
    expect(page.get_by_text("Comments are closed.")).to_be_visible()
    expect(page.get_by_label("Your comment")).to_be_hidden()


@pytest.mark.parametrize("path", ["/posts/none", "/posts/none/", "/post.html", "/nowhere", "/posts/", "/posts/A<b>"])
def test_what_is_not_there_is_said(visit: Visit, blog: Blog, path: str) -> None:
    page = visit(blog.hosts).page
    page.goto(f"{URL}{path}")
    expect(page.get_by_text("There is no such p", exact=False)).to_be_visible()


@shows("REQ-B5", how="simulated")
def test_subscribing(visit: Visit, blog: Blog) -> None:
    page = visit(blog.hosts).page
    page.goto(f"{URL}/subscribe")
    expect(page).to_have_title("Subscribe – The blog")
    email = page.get_by_label("E-mail")
    email.fill("no address")
    page.keyboard.press("Enter")
    assert blog.subscribed == [], "the browser itself refuses it"
    email.fill("Reader@example.com")
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_contain_text("Look into your mailbox")
    assert blog.subscribed == ["Reader@example.com"]
    blog.fails["POST", "/subscriptions"] = (400, "InvalidEmail", "email: this is no address.")
    email.fill("x@y")
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_have_text("email: this is no address.")


def test_a_blog_that_sends_no_mail_has_no_form_for_it(visit: Visit, blog: Blog) -> None:
    blog.settings["mail"] = False
    page = visit(blog.hosts).page
    page.goto(f"{URL}/subscribe")
    expect(page.get_by_role("status")).to_have_text("This blog sends no mail at the moment.")
    expect(page.get_by_label("E-mail")).to_be_hidden()


@shows("REQ-B5", how="simulated")
@pytest.mark.parametrize(
    ("where", "button", "done"),
    [("confirm", "Confirm", "you are subscribed"), ("leave", "Leave", "You get no more mail")],
)
def test_links_in_mails_do_nothing_before_a_click(visit: Visit, blog: Blog, where: str, button: str, done: str) -> None:
    reader = visit(blog.hosts)
    page = reader.page
    page.goto(f"{URL}/{where}#a.good-token")
    expect(page).to_have_title(f"{page.get_by_role('heading', level=1).inner_text()} – The blog")
    assert [one for one in reader.asked if one.method != "GET"] == [], "a mail scanner confirms nothing"
    page.get_by_role("button", name=button).focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_contain_text(done)
    expect(page.get_by_role("status")).to_be_focused()
    assert blog.confirmed + blog.left == ["a.good-token"]
    assert not [one.url for one in reader.asked if "good-token" in one.url], "the token is in no address that is logged"


@pytest.mark.parametrize("token", ["", "#", "#unknown", "#%", "#<img src=x onerror=alert(1)>"])
def test_a_link_that_is_not_whole_is_told(visit: Visit, blog: Blog, token: str) -> None:
    page = visit(blog.hosts).page
    page.goto(f"{URL}/confirm{token}")
    page.get_by_role("button", name="Confirm").click()
    expect(page.get_by_role("status")).to_contain_text("not whole")
    assert blog.confirmed == []


# --- everybody


PAGES = sorted("/" + path.removesuffix(".html").replace("index", "") for path in SITE if path.endswith(".html"))


@pytest.mark.parametrize("path", PAGES)
def test_each_page_works_by_keyboard_and_on_a_small_screen(visit: Visit, blog: Blog, path: str) -> None:
    page = visit(blog.hosts, viewport={"width": 320, "height": 640}).page
    page.goto(f"{URL}{path}")
    page.wait_for_load_state("networkidle")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_be_focused()
    assert page.evaluate("document.documentElement.scrollWidth") <= 320
    named = "(one) => one.textContent || one.labels?.[0].textContent"
    names = page.evaluate(f"[...document.querySelectorAll('input, textarea, button, a')].map({named})")
    assert all(name.strip() for name in names)


@pytest.mark.parametrize("path", PAGES)
def test_without_script_each_page_says_what_is_missing(visit: Visit, blog: Blog, path: str) -> None:
    page = visit(blog.hosts, java_script_enabled=False).page
    page.goto(f"{URL}{path}")
    expect(page.locator("main")).not_to_be_empty()
    if b"<noscript>" in SITE[f"{path.removeprefix('/') or 'index'}.html"]:
        expect(page.locator("noscript p")).to_be_visible()
    for button in page.locator("button[type=submit]").all():
        expect(button).to_be_disabled()
