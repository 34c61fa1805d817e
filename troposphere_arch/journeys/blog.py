"""The blog as its readers and its authors use it."""

from __future__ import annotations

import hashlib
import json
import re
import secrets
import struct
import time
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from ..errors import UserError
from ..local import Emulator, Response
from . import Step, expect

GROUP = "authors"
NAME = "Mina Kim"  # what readers see of an author
SECONDS = 30
"""For which a journey waits for what a blog does in the background: a small machine has other things to do, too."""

T = TypeVar("T")


def until(what: str, look: Callable[[], T | None], seconds: float = SECONDS) -> T:
    """What `look` gives, once that is something. Raises `UserError` when it stays nothing for so long."""
    end = time.monotonic() + seconds
    while not (found := look()):
        if time.monotonic() > end:
            raise UserError(f"the journey stopped: {what} was expected, and did not come within {seconds:g} seconds")
        time.sleep(0.05)
    return found


@dataclass
class Reader:
    """Somebody with a browser. They know the stack's outputs, and have no credentials at all."""

    emulator: Emulator
    outputs: Mapping[str, str]

    def get(self, path: str, headers: Mapping[str, str] | None = None) -> Response:
        """A page, an asset or a picture, through the distribution."""
        return self.emulator.request("GET", f"{self.outputs['BlogUrl']}{path}", headers=headers)

    def call(
        self, method: str, path: str, body: Any = None, *, token: str = "", headers: Mapping[str, str] | None = None
    ) -> Response:
        """One call of the API, through the distribution; `body` is sent as JSON, or as it is when it is text."""
        sent = {"Authorization": f"Bearer {token}"} if token else {}
        if body is not None:
            sent["Content-Type"] = "application/json"
            body = body if isinstance(body, str | bytes) else json.dumps(body)
        url = f"{self.outputs['ApiUrl']}{path}"
        return self.emulator.request(method, url, headers={**sent, **(headers or {})}, body=body)


@dataclass
class Author(Reader):
    """Somebody who writes: an administrator has made the user, and mail has brought the first password."""

    email: str = field(default_factory=lambda: f"author-{secrets.token_hex(4)}@example.com")
    password: str = field(default_factory=lambda: f"Aa1!{secrets.token_urlsafe(16)}", repr=False)
    tokens: dict[str, str] = field(default_factory=dict, repr=False)

    def _srp(self, password: str) -> Any:
        from pycognito.aws_srp import AWSSRP

        return AWSSRP(
            username=self.email,
            password=password,
            pool_id=self.outputs["UserPoolId"],
            client_id=self.outputs["UserPoolClientId"],
            # These calls are not signed: nobody needs an AWS key to sign in.
            client=self.emulator.client("cognito-idp", region=self.outputs["Region"]),
        )

    def sign_in_first(self, password: str) -> None:
        """Sign in with the password of the invitation, and choose the own one."""
        self.tokens = self._srp(password).set_new_password_challenge(self.password)["AuthenticationResult"]

    def sign_in(self) -> None:
        """Sign in by SRP: the password is not sent."""
        self.tokens = self._srp(self.password).authenticate_user()["AuthenticationResult"]

    def write(self, method: str, path: str, body: Any = None, **more: Any) -> Response:
        """A call with the ID token."""
        return self.call(method, path, body, token=self.tokens["IdToken"], **more)

    def sign_upload(self, data: bytes, content_type: str) -> Response:
        """Ask for the form with which this very file may be sent."""
        digest = hashlib.sha256(data).hexdigest()
        return self.write("POST", "/uploads", {"sha256": digest, "bytes": len(data), "contentType": content_type})

    def send(self, signed: Mapping[str, Any], data: bytes, changed: Mapping[str, str] | None = None) -> Response:
        """Send a file with a signed form, straight to the bucket; `changed` are fields put in the place of those."""
        kind, body = form({**signed["fields"], **(changed or {})}, data)
        # In the emulator the address is the emulator's own, which has no TLS; the bucket takes nothing without.
        url = re.sub("^http://", "https://", signed["url"])
        return self.emulator.request("POST", url, headers={"Content-Type": kind}, body=body)

    def upload(self, data: bytes, content_type: str) -> str:
        """Send a picture; gives its name."""
        signed = self.sign_upload(data, content_type)
        expect("201 with a signed form", signed.status == 201, signed.text())
        sent = self.send(signed.json(), data)
        expect("204 of the bucket", sent.status == 204, f"{sent.status} {sent.text()}")
        name: str = signed.json()["picture"]
        return name

    def state(self, picture: str) -> dict[str, str]:
        """What became of an upload."""
        answer = self.write("GET", f"/uploads/{picture}")
        expect("200", answer.status == 200, answer.text())
        found: dict[str, str] = answer.json()
        return found

    def outcome(self, picture: str) -> dict[str, str]:
        """What became of an upload, once something has."""
        return until(
            f"an outcome of upload {picture}",
            lambda: found if (found := self.state(picture))["state"] != "waiting" else None,
        )


def form(fields: Mapping[str, str], data: bytes) -> tuple[str, bytes]:
    """A form with a file as a browser sends it: its content type, and the body. The file is the last field."""
    mark = f"form-{secrets.token_hex(12)}"
    parts = [f'--{mark}\r\nContent-Disposition: form-data; name="{k}"\r\n\r\n{v}\r\n' for k, v in fields.items()]
    parts.append(f'--{mark}\r\nContent-Disposition: form-data; name="file"; filename="picture"\r\n\r\n')
    return f"multipart/form-data; boundary={mark}", "".join(parts).encode() + data + f"\r\n--{mark}--\r\n".encode()


def invite(author: Author, *, group: str | None = GROUP) -> str:
    """What an administrator does: make the user, put it into the group. Gives the password that the mail brought."""
    pool = author.outputs["UserPoolId"]
    administrator = author.emulator.client("cognito-idp", region=author.outputs["Region"])
    administrator.admin_create_user(
        UserPoolId=pool,
        Username=author.email,
        UserAttributes=[
            {"Name": "email", "Value": author.email},
            {"Name": "email_verified", "Value": "true"},
            {"Name": "name", "Value": NAME},
        ],
        DesiredDeliveryMediums=["EMAIL"],
    )
    if group:
        administrator.admin_add_user_to_group(UserPoolId=pool, Username=author.email, GroupName=group)
    return first_password(author)


def first_password(author: Author) -> str:
    """What the invitation says."""
    [invitation] = until("the invitation", lambda: mails(author.emulator, author.email))
    found = re.search(r": (\S+)\s*$", invitation["BodyText"])
    expect("a password in the invitation", found is not None, invitation)
    return found[1] if found else ""


def mails(emulator: Emulator, address: str) -> list[dict[str, Any]]:
    """What came to a mailbox, oldest first. The emulator sends no mail; it keeps what it was given."""
    shown = emulator.request("GET", f"{emulator.url}/_ministack/ses/messages").json()["messages"]
    return [mail for account in shown.values() for mail in account if address in mail["To"]]


def links(mail: Mapping[str, Any]) -> dict[str, str]:
    """The links in a mail's text as a person sees them: the page's name (confirm, leave) -> what is behind its #."""
    found = re.findall(r"https://[^\s#]+/(confirm|leave)#(\S+)", mail["BodyText"])
    return dict(found)


def photo(comment: str, width: int = 400, height: int = 300) -> bytes:
    """A PNG with a gradient, and with a comment, as a camera writes some."""

    def part(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    rows = b"".join(
        b"\0" + b"".join(bytes((255 * x // width, 255 * y // height, 128)) for x in range(width)) for y in range(height)
    )
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    parts = (
        part(b"IHDR", head),
        part(b"tEXt", b"Comment\0" + comment.encode()),
        part(b"IDAT", zlib.compress(rows)),
        part(b"IEND", b""),
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def play(emulator: Emulator, outputs: Mapping[str, str]) -> Iterator[Step]:
    """An author and a reader, from the invitation to the deleted post."""
    if not emulator.patched:
        raise UserError("the distribution of the unmodified emulator reaches no API: deploy the blog without --stock")
    mina, joon = Author(emulator, outputs), Reader(emulator, outputs)

    mina.sign_in_first(invite(mina))
    yield Step(
        f"an administrator makes a user and puts it into the group {GROUP}; she chooses her own password",
        mina.email,
        "nobody signs up by themselves, and no password is sent to sign in",
    )

    yield _front_page(joon)

    title = f"A day by the lake {secrets.token_hex(2)}"
    post = {"title": title, "summary": "With a picture.", "body": "It was cold.\n\nIt was beautiful."}
    answer = joon.call("POST", "/posts", post)
    expect("401 without a token", answer.status == 401, answer.text())
    yield Step("POST /posts by a reader", _short(answer), "only authors write")

    if outputs["Thumbnails"] == "on":
        data, place = _photo()
        post["picture"] = mina.upload(data, "image/png")
        yield Step(
            "she sends a picture straight to the bucket, with a signed form",
            post["picture"][:16],
            "no server in between",
        )
        yield _thumbnails(mina, joon, post["picture"], place)
    else:
        yield Step("pictures", outputs["Thumbnails"], "the blog is complete without them")

    made = mina.write("POST", "/posts", post)
    expect("201", made.status == 201, made.text())
    path = made.headers["Location"]
    yield Step("POST /posts by the author", f"201 {path}", "an author publishes")

    # A read cache, where there is one, keeps an older list for some seconds.
    until("the post, first of the list", lambda: joon.call("GET", "/posts").json()["items"][0]["title"] == title)
    read = joon.call("GET", path)
    expect("200 with the text", (read.status, read.json().get("body")) == (200, post["body"]), read.text())
    yield Step(
        "GET /posts and the post through the distribution, without a token",
        f"{read.status}, Cache-Control: {read.headers['Cache-Control']}",
        "everybody reads, and the edge may keep the answer for everybody",
    )

    stale = {**post, "body": "Nothing at all.", "version": 1}
    changed, late = mina.write("PUT", path, {**stale, "body": "It was warm."}), mina.write("PUT", path, stale)
    expect("200, then 409", (changed.status, late.status) == (200, 409), (changed.text(), late.text()))
    yield Step("PUT twice from the same version", _short(late), "a stale page overwrites nothing")

    yield from _comments(mina, joon, path)
    yield from _bypasses(joon)
    if outputs["Mail"] == "on":
        yield from _mail(joon)
    else:
        yield Step("mail", outputs["Mail"], "the blog is complete without it")

    gone = mina.write("DELETE", path)
    expect("204", gone.status == 204, gone.text())
    answer = mina.write("GET", path)
    expect("404", answer.status == 404, answer.text())
    yield Step(
        "DELETE by the author, then GET with her token",
        _short(answer),
        "a post goes with its comments; authors see what is, past all caches",
    )


def _front_page(joon: Reader) -> Step:
    page = joon.get("/")
    if page.status != 200:
        return Step("GET /", f"{page.status}", "nobody has put a site: the output PublishSiteCommand does")
    policy = page.headers["Content-Security-Policy"]
    expect("scripts of its own only", "script-src 'self';" in policy, policy)
    return Step("GET /", f"200 {len(page.body)} B", "pages come from the bucket, and run nobody else's script")


def _photo() -> tuple[bytes, str]:
    """A picture that nobody has uploaded yet, and what is written in it."""
    place = f"taken at 47.3769 N, 8.5417 E, {secrets.token_hex(8)}"
    return photo(place), place


def _thumbnails(mina: Author, joon: Reader, name: str, place: str) -> Step:
    outcome = mina.outcome(name)
    expect("ready", outcome["state"] == "ready", outcome)
    sizes = []
    for width in joon.get(f"/media/{name}/picture.json").json()["widths"]:
        for kind in ("webp", "jpg"):
            thumbnail = joon.get(f"/media/{name}/{width}.{kind}")
            expect(f"a {kind} of width {width}", thumbnail.status == 200, thumbnail.status)
            expect("nothing of what the camera wrote", place.encode() not in thumbnail.body, "the place")
            sizes.append(f"{width}.{kind} {len(thumbnail.body)} B")
    return Step(
        "its thumbnails, through the distribution",
        ", ".join(sizes),
        "made in the background, and nothing is left of what the camera wrote into the picture",
    )


def _comments(mina: Author, joon: Reader, path: str) -> Iterator[Step]:
    said = joon.call("POST", f"{path}/comments", {"name": "Joon", "text": "<script>alert(1)</script> Lovely!"})
    if not joon.call("GET", "/config").json()["comments"]:
        expect("409", said.status == 409, said.text())
        yield Step("a comment", _short(said), "comments are off: `up blog --parameter Comments=on`")
        return
    expect("201", said.status == 201, said.text())
    listed = joon.call("GET", f"{path}/comments").json()["items"]
    expect("the comment as it was sent", [one["text"] for one in listed] == [said.json()["text"]], listed)
    yield Step("a reader comments", _short(said), "text is text: pages show it as such, whatever is in it")
    comment = f"{path}/comments/{said.json()['id']}"
    answers = joon.call("DELETE", comment).status, mina.write("DELETE", comment).status
    expect("401, then 204", answers == (401, 204), answers)
    yield Step("DELETE the comment, by the reader, then by the author", "401, 204", "authors keep the place clean")


def _bypasses(joon: Reader) -> Iterator[Step]:
    emulator, outputs = joon.emulator, joon.outputs
    direct = emulator.request("GET", f"{outputs['DirectApiUrl']}/posts")
    expect("403", direct.status == 403, direct.text())
    yield Step("the API at its own address", _short(direct), "it answers only what came through the distribution")
    bucket = emulator.request("GET", f"https://{outputs['SiteBucket']}.s3.{outputs['Region']}.amazonaws.com/index.html")
    expect("403", bucket.status == 403, bucket.text())
    yield Step("the bucket at its own address", f"{bucket.status} AccessDenied", "only the distribution reads it")


def _mail(joon: Reader) -> Iterator[Step]:
    address = f"joon-{secrets.token_hex(4)}@example.com"
    asked = [joon.call("POST", "/subscriptions", {"email": address}).status for _ in range(3)]
    expect("202 each time", asked == [202] * 3, asked)
    [first] = until("a mail that asks to confirm", lambda: mails(joon.emulator, address))
    yield Step("he subscribes, three times", first["Subject"], "one mail a day at most: the form is no mail bomb")
    confirmed = [joon.call("POST", "/subscriptions/confirm", {"token": links(first)["confirm"]}) for _ in range(2)]
    expect("200 each time", [one.status for one in confirmed] == [200, 200], [one.text() for one in confirmed])
    _, welcome = until("a welcome", lambda: found if len(found := mails(joon.emulator, address)) > 1 else None)
    yield Step("he confirms by the link, twice", welcome["Subject"], "one welcome, whatever is retried")
    left = joon.call("POST", "/subscriptions/leave", {"token": links(welcome)["leave"]})
    expect("200", left.status == 200, left.text())
    count = len(mails(joon.emulator, address))
    expect("two mails", count == 2, count)
    yield Step("he leaves by the link in it", _short(left), "two mails in all, and no more")


def _short(answer: Response) -> str:
    text = answer.text()
    return f"{answer.status} {text if len(text) <= 90 else text[:87] + '...'}"
