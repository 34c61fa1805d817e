"""The deployed blog in a real browser: its own template, site, API, sign-in and thumbnails, on the patched emulator.

People open it as `up` says, at http://<label>.cloudfront.localhost; nothing but the emulator is asked.
"""

from __future__ import annotations

import hashlib
import io
import re
import secrets
import socket
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from PIL import Image
from playwright.sync_api import expect

from tests.browser.conftest import Visit, Visitor, choose, emulated
from tests.browser.test_script import EVERYTHING
from tests.cli.commands import Shell, share_marks
from tests.evidence import shows
from tests.journeys import blog as blogs
from tests.journeys.stack import Stack
from tests.system import needs
from troposphere_arch.journeys.blog import Author, invite, links
from troposphere_arch.local import Emulator
from troposphere_arch.local.addresses import plain_address

pytestmark = [needs("chromium"), needs("node")]


def free_port() -> str:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return str(s.getsockname()[1])


@pytest.fixture(scope="module")
def blog(patched: Emulator) -> Iterator[Stack]:
    """A blog with mail, thumbnails and its site."""
    stack = blogs.make(patched, "seen-blog", **blogs.with_everything(patched))
    blogs.put_site(stack)
    yield stack
    stack.delete()


def address(blog: Stack, path: str = "/") -> str:
    """Where a page is on this machine."""
    return plain_address(f"{blog.outputs['BlogUrl']}{path}", blog.emulator.port)


def visitor(visit: Visit, blog: Stack) -> Visitor:
    """Somebody at this machine."""
    return visit({}, through=(address(blog), f"{blog.emulator.url}/"))


def photo(folder: Path) -> Path:
    """A picture as a telephone takes it: turned, and with the place in it."""
    picture = Image.effect_noise((900, 700), 60).convert("RGB")
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by a quarter
    exif.get_ifd(0x8825)[1] = "N"
    exif.get_ifd(0x8825)[2] = (47.0, 22.0, 36.0)
    data = io.BytesIO()
    picture.save(data, "JPEG", exif=exif)
    file = folder / "photo.jpg"
    file.write_bytes(data.getvalue())
    return file


@shows("REQ-B3", "REQ-B6", "REQ-B9", "REQ-B11", how="patched")
def test_an_author_uploads_writes_and_is_read(visit: Visit, blog: Stack, tmp_path: Path) -> None:
    mina = Author(blog.emulator, blog.outputs)
    invitation = invite(mina)
    writer = visitor(visit, blog)
    page = writer.page
    page.goto(address(blog, "/sign-in"))
    page.get_by_label("E-mail or user name").fill(mina.email)
    page.get_by_label("Password", exact=True).fill(invitation)
    page.keyboard.press("Enter")
    page.get_by_label("New password").fill(mina.password)
    page.get_by_label("Once more").fill(mina.password)
    page.keyboard.press("Enter")
    page.wait_for_url(address(blog, "/write"))

    file = photo(tmp_path)
    sha256 = hashlib.sha256(file.read_bytes()).hexdigest()
    choose(page, file)
    expect(page.locator("[data-said-picture]")).to_have_text("The picture is ready.", timeout=60_000)
    shown = page.get_by_role("img", name="The picture of this post")
    assert shown.evaluate("async (img) => (await img.decode(), img.naturalWidth < img.naturalHeight)"), "upright"

    title = f"Lake {secrets.token_hex(3)} {EVERYTHING[:40]}"
    page.get_by_label("Title").fill(title)
    page.get_by_label("Summary").fill(EVERYTHING[:300])
    page.get_by_label("Text", exact=True).fill(f"{EVERYTHING}\n\n# {EVERYTHING}")
    page.get_by_role("button", name="Publish").click()
    page.get_by_role("link", name=title).click()
    expect(page.get_by_role("heading", level=1)).to_have_text(title)
    whole = page.locator("article img")
    assert f"/media/{sha256}/" in whole.evaluate("async (img) => (await img.decode(), img.currentSrc)")
    where = page.url

    # A reader, elsewhere: no script of anybody runs, and nothing of the camera is in what is served.
    reader = visitor(visit, blog)
    page = reader.page
    page.goto(address(blog))
    page.get_by_role("link", name=title).click()
    assert page.url == where
    expect(page.locator("article")).to_contain_text(EVERYTHING)
    served = blog.emulator.request("GET", f"{blog.outputs['BlogUrl']}/media/{sha256}/320.jpg")
    assert not dict(Image.open(io.BytesIO(served.body)).getexif())
    page.get_by_label("Your name").fill(EVERYTHING[:60])
    page.get_by_label("Your comment").fill(EVERYTHING)
    page.get_by_role("button", name="Send").click()
    expect(page.locator("[data-comments] li")).to_contain_text(EVERYTHING)
    page.reload()
    expect(page.locator("[data-comments] li")).to_contain_text(EVERYTHING)
    expect(page.get_by_role("button", name=re.compile("Delete"))).to_have_count(0)

    # The author takes both away.
    page = writer.page
    page.reload()
    page.get_by_role("button", name=re.compile("Delete the comment")).click()
    expect(page.get_by_text("The comment is deleted.")).to_be_visible()
    page.get_by_role("link", name="Edit this post").click()
    page.get_by_role("button", name="Delete this post").click()
    page.get_by_role("button", name=re.compile("for ever")).click()
    expect(page.get_by_text("The post is deleted.", exact=False)).to_be_visible()
    page.get_by_role("button", name="Sign out").click()
    page.wait_for_url(address(blog))
    answer = reader.page.goto(where)
    assert answer is not None
    expect(reader.page.get_by_text("There is no such post")).to_be_visible()


@shows("REQ-B6", how="patched")
def test_a_file_that_is_no_picture_is_rejected_with_a_reason(visit: Visit, blog: Stack, tmp_path: Path) -> None:
    mina = blogs.author(blog)
    page = visitor(visit, blog).page
    page.goto(address(blog, "/sign-in"))
    page.get_by_label("E-mail or user name").fill(mina.email)
    page.get_by_label("Password", exact=True).fill(mina.password)
    page.keyboard.press("Enter")
    page.wait_for_url(address(blog, "/write"))
    (tmp_path / "x.png").write_text(f"<script>alert({secrets.token_hex(4)!r})</script>")
    choose(page, tmp_path / "x.png")
    expect(page.locator("[data-said-picture]")).to_contain_text("The picture can't be used: ", timeout=60_000)


@shows("REQ-B5", "REQ-B10", how="patched")
def test_a_reader_subscribes_confirms_and_leaves(visit: Visit, blog: Stack) -> None:
    joon = blogs.Subscriber(blog)
    page = visitor(visit, blog).page
    page.goto(address(blog, "/subscribe"))
    page.get_by_label("E-mail").fill(joon.address)
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_contain_text("Look into your mailbox")
    page.goto(address(blog, "/confirm") + f"#{links(joon.mails(1)[0])['confirm']}")
    page.get_by_role("button", name="Confirm").click()
    expect(page.get_by_role("status")).to_have_text("Thank you: you are subscribed.")
    _, welcome = joon.mails(2)
    page.goto(address(blog, "/leave") + f"#{links(welcome)['leave']}")
    page.get_by_role("button", name="Leave").click()
    expect(page.get_by_role("status")).to_have_text("You get no more mail from this blog.")
    joon.item(state="left")


@shows("REQ-B3", "REQ-B7", how="patched")
def test_pages_keep_to_the_policy_that_the_template_sends(visit: Visit, blog: Stack) -> None:
    """At the address of the stack's output, where the emulator adds nothing to the policy."""
    edge = emulated(blog.emulator)
    someone = visit({urlsplit(blog.outputs["BlogUrl"]).hostname or "": edge})
    for path in ("/", "/subscribe", "/sign-in", "/write", "/confirm#x", "/leave#x", "/posts/nothing-here"):
        answer = someone.page.goto(f"{blog.outputs['BlogUrl']}{path}")
        assert answer is not None
        assert answer.status == 200, path
        assert "default-src 'none'" in answer.headers["content-security-policy"]
        someone.page.wait_for_load_state("networkidle")
    missing = someone.page.goto(f"{blog.outputs['BlogUrl']}/nowhere")
    assert missing is not None
    assert missing.status == 404
    expect(someone.page.get_by_role("heading", level=1)).to_have_text("Not found")
    inline = "document.head.append(Object.assign(document.createElement('style'), {textContent: 'p {color: red}'}))"
    someone.page.evaluate(inline)
    someone.page.wait_for_timeout(200)
    assert len(someone.troubles) == 1, someone.troubles
    assert "style-src" in someone.troubles.pop()


@shows("REQ-B3", "REQ-B7", how="patched")
def test_up_puts_the_site_and_says_where_a_browser_finds_it(visit: Visit, tmp_path: Path, lint_marks: Path) -> None:
    share_marks(tmp_path, lint_marks)
    shell = Shell(tmp_path)
    try:
        up = shell("up", "blog", "--port", free_port())
        assert up.code == 0, up.err
        assert "0 were there" in up.err
        [here] = re.findall(r"^on this machine the blog, for your browser, is at (\S+)$", up.out, re.MULTILINE)
        page = visit({}, through=(here,)).page
        answer = page.goto(here)
        assert answer is not None
        assert answer.headers["cache-control"] == "public, max-age=0, s-maxage=60, stale-while-revalidate=86400"
        expect(page.get_by_role("status")).to_have_text("Nothing has been written yet.")
        expect(page.get_by_role("link", name="MyBlog.com")).to_be_visible()
        again = shell("up", "blog")
        assert "site: 0 files put" in again.err, again.err
    finally:
        shell("down")
