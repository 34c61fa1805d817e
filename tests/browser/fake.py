"""A blog as its contract says, in memory, for what the pages do. Sign-in and uploads are the emulator's own.

page ──/──▶ the site, by its viewer function and under its content security policy
  ├──/api/*──▶ posts, comments, subscriptions, uploads: as the API's page in docs/blog.md has them
  ├──/media/*──▶ thumbnails of what is in the uploads' bucket
  ├──▶ Cognito, of the emulator
  └──▶ S3, of the emulator
"""

from __future__ import annotations

import base64
import functools
import io
import json
import re
import uuid
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError
from PIL import Image

from tests.browser.conftest import Answer, Asked, Host, emulated
from tests.edge_function import answers, event
from troposphere_arch import site_files
from troposphere_arch.local import Emulator
from troposphere_arch.media_types import media_type

HOST = "d111111abcdef8.cloudfront.net"
URL = f"https://{HOST}"
COGNITO = "cognito-idp.us-east-1.amazonaws.com"
PAGE = 2
"""Items on a page of a list."""

SITE = site_files.built("blog")


def policy(*connect: str) -> str:
    """The content security policy of the blog."""
    return (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
        f"connect-src 'self' {' '.join(connect)}; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    )


@dataclass
class Blog:
    """What a reader of the tests changes: posts, comments, answers that go wrong."""

    emulator: Emulator | None = None
    pool: str = "us-east-1_none"
    client: str = "none"
    bucket: str = "none"
    settings: dict[str, Any] = field(default_factory=dict)
    posts: list[dict[str, Any]] = field(default_factory=list)
    comments: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    subscribed: list[str] = field(default_factory=list)
    confirmed: list[str] = field(default_factory=list)
    left: list[str] = field(default_factory=list)
    tokens: set[str] = field(default_factory=lambda: {"a.good-token"})
    rejected: dict[str, str] = field(default_factory=dict)
    fails: dict[tuple[str, str], tuple[int, str, str]] = field(default_factory=dict)
    """(method, path) -> the error that is answered there."""

    short_by: int = 0
    """Bytes that a signed upload is allowed less than it has."""

    @property
    def hosts(self) -> dict[str, Host]:
        """All that a visitor's browser may ask."""
        there: dict[str, Host] = {HOST: self.answer}
        if self.emulator:
            there |= {COGNITO: emulated(self.emulator), self.uploads: emulated(self.emulator)}
        return there

    @property
    def uploads(self) -> str:
        return f"{self.bucket}.s3.us-east-1.amazonaws.com"

    def post(self, slug: str, **more: Any) -> dict[str, Any]:
        """Puts a post at the front."""
        number = len(self.posts)
        made = {
            "title": f"About {slug}",
            "summary": f"A summary of {slug}.",
            "body": "Some text.",
            "author": "An author",
            "publishedAt": f"2026-11-{number + 1:02}T10:00:00.000Z",
            "updatedAt": f"2026-11-{number + 1:02}T10:00:00.000Z",
            "version": 1,
            **more,
            "slug": slug,
        }
        self.posts.insert(0, made)
        return made

    # --- the distribution

    def answer(self, asked: Asked) -> Answer:
        """The answer to any request at the blog's address."""
        path = asked.path
        if path.startswith("/api/"):
            return self.api(asked, path.removeprefix("/api"))
        if path.startswith("/media/"):
            return self.media(path)
        file = _file(path)
        status = 200 if file in SITE else 404
        file = file if file in SITE else "404.html"
        headers = {
            "content-type": media_type(file),
            "content-security-policy": policy(f"https://{COGNITO}", f"https://{self.uploads}"),
            "x-content-type-options": "nosniff",
        }
        return Answer(status, headers, SITE[file])

    def media(self, path: str) -> Answer:
        found = re.fullmatch(r"/media/([0-9a-f]{64})/(?:(320|640)\.(webp|jpg)|picture\.json)", path)
        if not found or self.state(found[1]) != "ready":
            return Answer(404)
        if path.endswith(".json"):
            return _json(200, {"widths": [320, 640], "width": 640, "height": 480})
        width = int(found[2])
        data = io.BytesIO()
        Image.new("RGB", (width, width * 3 // 4), "teal").save(data, {"jpg": "JPEG", "webp": "WEBP"}[found[3]])
        return Answer(200, {"content-type": media_type(path)}, data.getvalue())

    # --- the API

    def api(self, asked: Asked, path: str) -> Answer:
        if error := self.fails.get((asked.method, path)):
            return _error(*error)
        query = {name: values[0] for name, values in parse_qs(urlsplit(asked.url).query).items()}
        body = json.loads(asked.body) if asked.body else {}
        match asked.method, *path.removeprefix("/").split("/"):
            case "GET", "config":
                return _json(200, self.config)
            case "GET", "posts":
                brief = ("slug", "title", "summary", "publishedAt", "picture")
                return _listed([{name: post[name] for name in brief if name in post} for post in self.posts], query)
            case "GET", "posts", slug:
                return _json(200, self.find(slug)) if self.find(slug) else _error(404, "NotFound", "No such post.")
            case "GET", "posts", slug, "comments":
                return _listed(self.comments.get(slug, []), query)
            case "POST", "posts", slug, "comments":
                made = {"id": uuid.uuid4().hex, "createdAt": "2026-11-25T10:00:00.000Z", **body}
                self.comments.setdefault(slug, []).append(made)
                return _json(201, made)
            case "POST", "subscriptions":
                self.subscribed.append(body["email"])
                return _json(202, {})
            case "POST", "subscriptions", what:
                known = {"confirm": self.confirmed, "leave": self.left}[what]
                if what == "confirm" and body["token"] not in self.tokens:
                    return _error(404, "NotFound", "There is no such subscription.")
                known.append(body["token"])
                return _json(200, {})
        if refused := self.no_author(asked):
            return refused
        return self.of_authors(asked.method, path, body)

    def of_authors(self, method: str, path: str, body: dict[str, Any]) -> Answer:
        match method, *path.removeprefix("/").split("/"):
            case "POST", "posts":
                made = self.post(re.sub(r"[^a-z0-9]+", "-", body["title"].lower()).strip("-") or "post", **body)
                return _json(201, made, location=f"/posts/{made['slug']}")
            case "PUT", "posts", slug:
                post = self.find(slug) or {}
                if post["version"] != body["version"]:
                    return _error(409, "VersionConflict", f"The post has version {post['version']} by now.")
                post |= {**body, "version": body["version"] + 1}
                return _json(200, post)
            case "DELETE", "posts", slug:
                self.posts = [post for post in self.posts if post["slug"] != slug]
                return Answer(204)
            case "DELETE", "posts", slug, "comments", identifier:
                self.comments[slug] = [one for one in self.comments[slug] if one["id"] != identifier]
                return Answer(204)
            case "POST", "uploads":
                return _json(201, self.presigned(body))
            case "GET", "uploads", sha256:
                reason = {"reason": self.rejected[sha256]} if sha256 in self.rejected else {"picture": sha256}
                return _json(200, {"state": self.state(sha256), **reason})
        return _error(404, "NotFound", "There is nothing here.")

    @property
    def config(self) -> dict[str, Any]:
        given = {"region": "us-east-1", "userPoolId": self.pool, "userPoolClientId": self.client}
        switches = {"comments": True, "mail": True, "uploads": True}
        return {"title": "The blog", **given, "cognito": f"https://{COGNITO}", **switches, **self.settings}

    def find(self, slug: str) -> dict[str, Any] | None:
        return next((post for post in self.posts if post["slug"] == slug), None)

    def no_author(self, asked: Asked) -> Answer | None:
        kind, _, token = asked.headers.get("authorization", "").partition(" ")
        parts = token.split(".")
        if kind != "Bearer" or len(parts) != 3:
            return _error(401, "Unauthorized", "Sign in first.")
        claims = json.loads(base64.urlsafe_b64decode(parts[1] + "=="))
        if claims.get("token_use") != "id" or "authors" not in claims.get("cognito:groups", ()):
            return _error(401, "NotAnAuthor", "Only authors may do that.")
        return None

    # --- uploads

    def s3(self) -> Any:
        assert self.emulator is not None
        return self.emulator.client("s3")

    def presigned(self, body: dict[str, Any]) -> dict[str, Any]:
        s3 = boto3.client(
            "s3",
            region_name="us-east-1",
            aws_access_key_id="test",
            aws_secret_access_key="test",
            config=Config(
                signature_version="s3v4", s3={"addressing_style": "virtual", "us_east_1_regional_endpoint": "regional"}
            ),
        )
        key, size, kind = (
            f"incoming/{body['sha256']}",
            body["bytes"] - self.short_by,
            {"Content-Type": body["contentType"]},
        )
        conditions: list[Any] = [["content-length-range", size, size], kind]
        form = s3.generate_presigned_post(self.bucket, key, Fields=kind, Conditions=conditions, ExpiresIn=300)
        assert form["url"] == f"https://{self.uploads}/", form["url"]
        return {**form, "expiresAt": "2026-11-25T11:00:00Z", "picture": body["sha256"]}

    def state(self, sha256: str) -> str:
        if sha256 in self.rejected:
            return "rejected"
        try:
            self.s3().head_object(Bucket=self.bucket, Key=f"incoming/{sha256}")
        except ClientError:
            return "waiting"
        return "ready"


@functools.cache
def _file(path: str) -> str:
    return str(answers([event(path)])[0]["uri"]).removeprefix("/")


def _json(status: int, value: Any, **headers: str) -> Answer:
    return Answer(status, {"content-type": "application/json", **headers}, json.dumps(value).encode())


def _error(status: int, code: str, message: str) -> Answer:
    return _json(status, {"error": code, "message": message})


def _listed(items: list[dict[str, Any]], query: dict[str, str]) -> Answer:
    start = int(query.get("next", 0))
    more = {"next": str(start + PAGE)} if start + PAGE < len(items) else {}
    return _json(200, {"items": items[start : start + PAGE], **more})
