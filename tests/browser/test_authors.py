"""Authors in a real browser. Who signs in, and what is uploaded, are the unmodified emulator's own Cognito and S3."""

from __future__ import annotations

import hashlib
import io
import json
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import expect

from tests.browser.conftest import Visit, Visitor, choose
from tests.browser.fake import SITE, URL, Blog
from tests.browser.test_script import EVERYTHING
from tests.evidence import shows
from tests.sampling import sampled
from tests.system import needs
from troposphere_arch.local import Emulator

pytestmark = [needs("chromium"), needs("node"), sampled(3)]


PASSWORD = "Correct-horse-1"


@dataclass(frozen=True)
class Desk:
    """A blog whose authors sign in to a user pool of the emulator."""

    blog: Blog
    emulator: Emulator

    def invite(self, *, password: str = "", group: bool = True) -> str:
        """A new author: with a password of their own, or else with one for one time, which is PASSWORD."""
        cognito, name = self.emulator.client("cognito-idp"), f"{uuid.uuid4().hex[:12]}@example.com"
        who = {"UserPoolId": self.blog.pool, "Username": name}
        cognito.admin_create_user(**who, TemporaryPassword=PASSWORD, MessageAction="SUPPRESS")
        if password:
            cognito.admin_set_user_password(**who, Password=password, Permanent=True)
        if group:
            cognito.admin_add_user_to_group(**who, GroupName="authors")
        return name


@pytest.fixture(scope="module")
def of_authors(stock: Emulator) -> Callable[[], Desk]:
    """Makes blogs with the same user pool and bucket."""
    cognito, s3, bucket = stock.client("cognito-idp"), stock.client("s3"), f"uploads-{uuid.uuid4().hex[:12]}"
    pool = cognito.create_user_pool(
        PoolName="authors",
        UsernameAttributes=["email"],
        AdminCreateUserConfig={"AllowAdminCreateUserOnly": True},
    )["UserPool"]["Id"]
    cognito.create_group(UserPoolId=pool, GroupName="authors")
    client = cognito.create_user_pool_client(
        UserPoolId=pool,
        ClientName="app",
        ExplicitAuthFlows=["ALLOW_USER_SRP_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"],
        PreventUserExistenceErrors="ENABLED",
        EnableTokenRevocation=True,
    )["UserPoolClient"]["ClientId"]
    s3.create_bucket(Bucket=bucket)
    rule = {"AllowedOrigins": [URL], "AllowedMethods": ["POST"], "AllowedHeaders": ["*"]}
    s3.put_bucket_cors(Bucket=bucket, CORSConfiguration={"CORSRules": [rule]})
    return lambda: Desk(Blog(stock, pool, client, bucket), stock)


@pytest.fixture
def desk(of_authors: Callable[[], Desk]) -> Desk:
    """A new blog."""
    return of_authors()


def sign_in(visitor: Visitor, name: str, password: str) -> None:
    """Types name and password."""
    page = visitor.page
    page.goto(f"{URL}/sign-in")
    page.get_by_label("E-mail or user name").fill(name)
    page.get_by_label("Password", exact=True).fill(password)
    page.keyboard.press("Enter")


@pytest.fixture
def author(visit: Visit, desk: Desk) -> Visitor:
    """An author who has signed in, and is where posts are written."""
    visitor = visit(desk.blog.hosts)
    sign_in(visitor, desk.invite(password=PASSWORD), PASSWORD)
    visitor.page.wait_for_url(f"{URL}/write")
    return visitor


@shows("REQ-B9", how="stock")
def test_an_author_signs_in_and_the_password_never_leaves_the_page(visit: Visit, desk: Desk) -> None:
    name, password = desk.invite(password="Pass-wörd-ünique-9"), "Pass-wörd-ünique-9"
    visitor = visit(desk.blog.hosts)
    page = visitor.page
    sign_in(visitor, name, "Wrong-password-1")
    expect(page.get_by_role("status")).to_have_text("Incorrect username or password.")
    page.get_by_label("Password", exact=True).fill(password)
    page.keyboard.press("Enter")
    page.wait_for_url(f"{URL}/write")
    expect(page.get_by_label("Title")).to_be_visible()
    assert not [one for one in visitor.asked if b"nique-9" in one.body or "nique-9" in one.url]
    assert page.evaluate("Object.keys(localStorage)") == []
    assert visitor.context.cookies() == []

    # Another tab is somebody else; signing out leaves nothing.
    other = visitor.context.new_page()
    other.goto(f"{URL}/write")
    expect(other.get_by_role("status")).to_contain_text("Only authors can write.")
    page.get_by_role("button", name="Sign out").click()
    page.wait_for_url(f"{URL}/")
    assert page.evaluate("Object.keys(sessionStorage)") == []
    operations = [
        one.headers.get("x-amz-target", "").partition(".")[2] for one in visitor.asked if one.method == "POST"
    ]
    assert operations[-1] == "RevokeToken"


def test_nobody_learns_who_is_an_author(visit: Visit, desk: Desk) -> None:
    visitor = visit(desk.blog.hosts)
    for name in ("nobody@example.com", "<script>alert(1)</script>"):
        sign_in(visitor, name, "Wrong-password-1")
        expect(visitor.page.get_by_role("status")).to_have_text("Incorrect username or password.")


@shows("REQ-B9", how="stock")
def test_who_was_invited_chooses_a_password(visit: Visit, desk: Desk) -> None:
    name = desk.invite()
    visitor = visit(desk.blog.hosts)
    page = visitor.page
    sign_in(visitor, name, PASSWORD)
    expect(page.get_by_role("status")).to_contain_text("Choose your own.")
    new = page.get_by_label("New password")
    expect(new).to_be_focused()
    new.fill("My-own-password-2")
    page.get_by_label("Once more").fill("My-own-password-3")
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_have_text("The two passwords are not the same.")
    page.get_by_label("Once more").fill("My-own-password-2")
    page.keyboard.press("Enter")
    page.wait_for_url(f"{URL}/write")
    again = visit(desk.blog.hosts)
    sign_in(again, name, "My-own-password-2")
    again.page.wait_for_url(f"{URL}/write")


@shows("REQ-B9", how="stock")
def test_many_passwords_sign_in(visit: Visit, desk: Desk) -> None:
    """The protocol has numbers that begin with zeros or a leading bit, one in some hundred: each must be right."""
    visitor = visit(desk.blog.hosts)
    name = desk.invite(password=PASSWORD)
    visitor.page.goto(f"{URL}/sign-in")
    [module] = [path for path in SITE if path.startswith("assets/session.")]
    script = f"async ([name, password]) => {{ const s = await import('/{module}'); await s.signIn(name, password); }}"
    for _ in range(12):
        visitor.page.evaluate(script, [name, PASSWORD])
    assert visitor.page.evaluate("JSON.parse(sessionStorage.getItem('session')).IdToken.split('.').length") == 3


@shows("REQ-B9", how="simulated")
def test_an_author_publishes_changes_and_deletes(author: Visitor, desk: Desk) -> None:
    page, blog = author.page, desk.blog
    page.get_by_label("Title").fill("  Hello, <world> ")
    page.get_by_label("Text", exact=True).fill("Some\n\n# Text")
    page.get_by_role("button", name="Publish").click()
    page.get_by_role("link", name="Hello, <world>").click()
    page.wait_for_url(f"{URL}/posts/hello-world")
    expect(page.get_by_role("heading", level=1)).to_have_text("Hello, <world>")
    assert blog.posts[0]["body"] == "Some\n\n# Text"
    assert "summary" not in json.loads(author.requests("POST", "/api/posts")[0].body)

    page.get_by_role("link", name="Edit this post").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Change a post")
    expect(page.get_by_label("Text", exact=True)).to_have_value("Some\n\n# Text")
    page.get_by_label("Title").fill("Another")
    page.get_by_role("button", name="Publish").click()
    expect(page.get_by_role("status").last).to_contain_text("Changed: Another")
    page.get_by_label("Title").fill("A third")
    page.get_by_role("button", name="Publish").click()
    expect(page.get_by_role("status").last).to_contain_text("Changed: A third")
    blog.posts[0]["version"] = 9
    page.get_by_label("Title").fill("A fourth")
    page.get_by_role("button", name="Publish").click()
    expect(page.get_by_role("status").last).to_have_text("The post has version 9 by now.")
    expect(page.get_by_label("Title")).to_have_value("A fourth")
    page.reload()
    expect(page.get_by_role("status").last).to_contain_text("Somebody changed this post while you wrote")
    expect(page.get_by_label("Title")).to_have_value("A fourth")
    page.get_by_role("button", name="Publish").click()
    expect(page.get_by_role("status").last).to_contain_text("Changed: A fourth")

    page.get_by_role("button", name="Delete this post").click()
    assert blog.posts, "one click deletes nothing"
    page.get_by_role("button", name="Delete the post and its comments for ever").click()
    expect(page.get_by_role("status").last).to_contain_text("The post is deleted.")
    assert blog.posts == []


def test_an_author_deletes_a_comment(author: Visitor, desk: Desk) -> None:
    desk.blog.post("hello")
    desk.blog.comments["hello"] = [{"id": "1", "name": "Bob", "text": "Spam", "createdAt": "2026-11-02T00:00:00Z"}]
    author.page.goto(f"{URL}/posts/hello")
    author.page.get_by_role("button", name="Delete the comment of Bob").click()
    expect(author.page.get_by_text("The comment is deleted.")).to_be_visible()
    assert desk.blog.comments["hello"] == []


def test_what_is_being_written_outlives_a_reload_and_a_new_sign_in(author: Visitor, desk: Desk) -> None:
    page = author.page
    page.get_by_label("Title").fill("Half a")
    page.get_by_label("Text", exact=True).fill("thought")
    page.reload()
    expect(page.get_by_label("Title")).to_have_value("Half a")
    desk.blog.fails["POST", "/posts"] = (401, "Unauthorized", "")
    page.get_by_role("button", name="Publish").click()
    expect(page.get_by_role("status").last).to_contain_text("sign in again")
    del desk.blog.fails["POST", "/posts"]
    page.get_by_role("button", name="Sign out").click()
    page.wait_for_url(f"{URL}/")
    sign_in(author, desk.invite(password=PASSWORD), PASSWORD)
    page.wait_for_url(f"{URL}/write")
    expect(page.get_by_label("Text", exact=True)).to_have_value("thought")


def test_who_is_no_author_is_told(visit: Visit, desk: Desk) -> None:
    visitor = visit(desk.blog.hosts)
    sign_in(visitor, desk.invite(password=PASSWORD, group=False), PASSWORD)
    visitor.page.wait_for_url(f"{URL}/write")
    visitor.page.get_by_label("Title").fill("x")
    visitor.page.get_by_label("Text", exact=True).fill("x")
    visitor.page.get_by_role("button", name="Publish").click()
    expect(visitor.page.get_by_role("status").last).to_have_text("Only authors may do that.")


@shows("REQ-B9", how="stock")
def test_a_token_that_ended_is_renewed(visit: Visit, desk: Desk) -> None:
    desk.blog.post("hello")
    visitor = visit(desk.blog.hosts)
    page = visitor.page
    page.clock.install()
    sign_in(visitor, desk.invite(password=PASSWORD), PASSWORD)
    page.wait_for_url(f"{URL}/write")
    page.clock.fast_forward("02:00:00")
    page.get_by_label("Title").fill("Late")
    page.get_by_label("Text", exact=True).fill("x")
    before = len(visitor.asked)
    page.get_by_role("button", name="Publish").click()
    expect(page.get_by_role("link", name="Late")).to_be_visible()
    sent = [one for one in visitor.asked[before:] if one.method == "POST"]
    assert b"REFRESH_TOKEN_AUTH" in sent[0].body
    assert sent[1].path == "/api/posts"


# --- uploads


def picture(folder: Path, name: str = "photo.jpg", size: tuple[int, int] = (800, 600), colour: str = "") -> Path:
    """A picture of its own bytes."""
    data = io.BytesIO()
    shade = colour or f"#{uuid.uuid4().hex[:6]}"
    Image.new("RGB", size, shade).save(data, {"jpg": "JPEG", "png": "PNG", "webp": "WEBP"}[name.rpartition(".")[2]])
    (folder / name).write_bytes(data.getvalue())
    return folder / name


@shows("REQ-B6", "REQ-B11", how="stock")
@pytest.mark.parametrize("name", ["photo.jpg", "photo.png", "photo.webp"])
def test_an_author_uploads_a_picture_and_sees_its_thumbnail(
    author: Visitor, desk: Desk, tmp_path: Path, name: str
) -> None:
    page, file = author.page, picture(tmp_path, name)
    sha256 = hashlib.sha256(file.read_bytes()).hexdigest()
    choose(page, file)
    shown = page.get_by_role("img", name="The picture of this post")
    expect(shown).to_be_visible()
    expect(page.locator("[data-said-picture]")).to_have_text("The picture is ready.")
    assert shown.evaluate("async (img) => (await img.decode(), img.naturalWidth)") == 320
    stored = desk.blog.s3().get_object(Bucket=desk.blog.bucket, Key=f"incoming/{sha256}")
    assert stored["Body"].read() == file.read_bytes()
    assert (
        stored["ContentType"]
        == {"jpg": "image/jpeg", "png": "image/png", "webp": "image/webp"}[
            name[-3:].strip(".") if not name.endswith("webp") else "webp"
        ]
    )

    page.get_by_label("Title").fill("With a picture")
    page.get_by_label("Text", exact=True).fill("Look:")
    page.get_by_role("button", name="Publish").click()
    page.get_by_role("link", name="With a picture").click()
    whole = page.locator("article img")
    expect(whole).to_be_visible()
    assert whole.evaluate("async (img) => (await img.decode(), img.currentSrc)").endswith(f"/media/{sha256}/640.webp")
    assert desk.blog.posts[0]["picture"] == sha256
    page.goto(f"{URL}/")
    expect(page.locator("[data-posts] img")).to_be_visible()


def test_a_picture_can_be_left_out_again(author: Visitor, desk: Desk, tmp_path: Path) -> None:
    page = author.page
    choose(page, picture(tmp_path))
    page.get_by_role("button", name="Without this picture").click()
    expect(page.get_by_role("img", name="The picture of this post")).to_have_count(0)
    page.get_by_label("Title").fill("No picture")
    page.get_by_label("Text", exact=True).fill("x")
    page.get_by_role("button", name="Publish").click()
    expect(page.get_by_role("link", name="No picture")).to_be_visible()
    assert "picture" not in desk.blog.posts[0]


@shows("REQ-B6", how="simulated")
def test_a_rejected_picture_is_told_with_its_reason(author: Visitor, desk: Desk, tmp_path: Path) -> None:
    file = picture(tmp_path)
    desk.blog.rejected[hashlib.sha256(file.read_bytes()).hexdigest()] = EVERYTHING
    choose(author.page, file)
    said = author.page.locator("[data-said-picture]")
    expect(said).to_have_text(f"The picture can't be used: {EVERYTHING}")
    # Another can be chosen after that.
    choose(author.page, picture(tmp_path, "other.png"))
    expect(said).to_have_text("The picture is ready.")


@pytest.mark.parametrize(
    ("name", "data", "said"),
    [
        ("x.txt", b"text", "A picture is a JPEG, PNG or WebP file."),
        ("x.svg", b"<svg onload='alert(1)'/>", "A picture is a JPEG, PNG or WebP file."),
        ("x.jpg", b"", "This file is empty."),
        ("x.png", b"\0" * (20 * 1024 * 1024 + 1), "This picture is too large: 20 MB at most."),
    ],
)
def test_what_can_be_no_picture_is_not_sent(author: Visitor, tmp_path: Path, name: str, data: bytes, said: str) -> None:
    (tmp_path / name).write_bytes(data)
    choose(author.page, tmp_path / name)
    expect(author.page.locator("[data-said-picture]")).to_have_text(said)
    assert author.requests("POST", "/api/uploads") == []


def test_an_upload_that_the_bucket_refuses_is_told(author: Visitor, desk: Desk, tmp_path: Path) -> None:
    desk.blog.short_by = 1
    choose(author.page, picture(tmp_path))
    said = author.page.locator("[data-said-picture]")
    expect(said).to_contain_text("The upload was refused: Your proposed upload exceeds the maximum allowed")
