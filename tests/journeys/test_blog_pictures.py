"""Pictures: from an author's signed form to thumbnails in the distribution, and what becomes of hostile files."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import time
from datetime import UTC, datetime
from typing import Any

import pytest
from PIL import Image

from tests.evidence import shows
from tests.handlers.blog_async import pictures
from tests.journeys.blog import alarmed_by, author, code_changed, logged, messages, reader, refused, without_right
from tests.journeys.stack import Stack
from tests.sampling import sampled
from tests.system import needs
from troposphere_arch.journeys.blog import Author, until

pytestmark = [pytest.mark.xdist_group("blog"), needs("node"), sampled(3)]
JPEG, PNG, WEBP = pictures.JPEG, pictures.PNG, pictures.WEBP
SECRETS = (b"SecretCamera", b"SecretArtist", b"SecretXmp", b"Exif", b"GPS", b"http://ns.adobe.com")


def name_of(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def photo() -> bytes:
    """A photo as a phone makes it: lying on its side, with place, camera and name in it."""
    lying = pictures.corners(1600, 1200).transpose(Image.Transpose.ROTATE_90)
    return pictures.saved(lying, "JPEG", exif=pictures.exif(6), xmp=pictures.XMP, comment=b"SecretCamera")


def thumbnails(stack: Stack, name: str) -> dict[str, tuple[str, str]]:
    """All that the bucket has of a picture, with each version: what it is, and since when."""
    s3, bucket = stack.emulator.client("s3"), stack.outputs["MediaBucket"]
    found = s3.list_object_versions(Bucket=bucket, Prefix=f"media/{name}/").get("Versions", [])
    return {f"{one['Key']} {one['VersionId']}": (one["ETag"], str(one["LastModified"])) for one in found}


@shows("REQ-B6", "REQ-B11", how="patched")
def test_a_photo_becomes_thumbnails_of_several_sizes_without_what_the_camera_wrote(blog: Stack, mina: Author) -> None:
    data, joon = photo(), reader(blog)
    assert all(secret in data for secret in SECRETS[:3])
    name = mina.upload(data, JPEG)
    assert name == name_of(data)
    assert mina.outcome(name) == {"state": "ready", "picture": name}
    about = joon.get(f"/media/{name}/picture.json")
    assert about.json() == {"widths": [320, 640, 1280], "width": 1600, "height": 1200}
    for width in about.json()["widths"]:
        for ending, kind in (("webp", "WEBP"), ("jpg", "JPEG")):
            answer = joon.get(f"/media/{name}/{width}.{ending}")
            assert answer.status == 200
            assert answer.headers["Content-Type"] == f"image/{kind.lower()}"
            assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
            assert answer.headers["X-Content-Type-Options"] == "nosniff"
            assert not [secret for secret in SECRETS if secret in answer.body]
            image = Image.open(io.BytesIO(answer.body))
            assert (image.format, image.size) == (kind, (width, width * 3 // 4))
            assert not image.getexif()
            assert not {"exif", "xmp", "icc_profile", "comment"} & image.info.keys()
            assert pictures.colours_of(image) == list(pictures.CORNERS)  # the right way up
    # What she sent is nobody's to read, through the distribution either.
    assert joon.get(f"/incoming/{name}").status == 404

    # The same file once more: found made, and left alone.
    before = thumbnails(blog, name)
    assert len(before) == 7
    mina.upload(data, JPEG)
    until("the second event", lambda: any("made before" in one and name[:12] in one for one in made(blog)))
    assert thumbnails(blog, name) == before


def made(stack: Stack) -> list[str]:
    return logged(stack, "MakeThumbnails")


def hostile() -> dict[str, tuple[bytes, str, str]]:
    """Name -> the file, the content type it is sent with, and what its author is told."""
    jpeg = pictures.saved(pictures.corners(640, 480), "JPEG")
    png = pictures.saved(pictures.corners(640, 480), "PNG")
    return {
        "cut off": (jpeg[: len(jpeg) // 2], JPEG, "damaged, cut off"),
        "a PNG called a JPEG": (png, JPEG, "The file is image/png, and was announced as image/jpeg."),
        "HTML called a JPEG": (b"<html><script>alert(1)</script></html>", JPEG, "no JPEG, PNG or WebP image"),
        "SVG called a PNG": (
            b'<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>',
            PNG,
            "no JPEG, PNG or WebP",
        ),
        "a zip called a WebP": (pictures.zip_file(), WEBP, "no JPEG, PNG or WebP image"),
        "a bomb as PNG": (pictures.png(60_000, 60_000, pixels=b"\0" * 2_000_000), PNG, "million pixels"),
        "a bomb as JPEG": (pictures.huge_jpeg(60_000, 60_000), JPEG, "million pixels"),
        "a bomb as WebP": (pictures.huge_webp(16_000, 16_000), WEBP, "million pixels"),
        "very long": (pictures.png(1, 40_000), PNG, "times as long"),
        "slow": (pictures.many_scans(300), JPEG, "passes"),
    }


@shows("REQ-B6", "REQ-B11", how="patched")
def test_a_hostile_file_is_rejected_with_a_reason_that_its_author_reads(blog: Stack, mina: Author) -> None:
    s3, bucket = blog.emulator.client("s3"), blog.outputs["UploadsBucket"]
    wanted = {}
    for what, (data, kind, reason) in hostile().items():
        wanted[what] = (mina.upload(data, kind), reason)
    # No form is signed for what is empty or too large; so somebody with rights of their own puts it.
    for what, data, reason in (
        ("empty", b"", "empty"),
        ("100 MB", bytes(100 * 2**20), "more than 20 MB"),
    ):
        s3.put_object(Bucket=bucket, Key=f"incoming/{name_of(data)}", Body=data, ContentType=JPEG)
        wanted[what] = (name_of(data), reason)
    # Just as many bytes as were announced, but others.
    signed = mina.sign_upload(b"x" * 100, PNG).json()
    assert mina.send(signed, b"y" * 100).status == 204
    wanted["another file"] = (signed["picture"], "not the one that was announced")
    for what, (name, reason) in wanted.items():
        outcome = mina.outcome(name)
        assert outcome["state"] == "rejected", what
        assert reason in outcome["reason"], (what, outcome)
        assert thumbnails(blog, name) == {}, what
    # Nothing of them stays where they came in, and none was given up: there is nothing to try again.
    left = s3.list_objects_v2(Bucket=bucket, Prefix="incoming/").get("Contents", [])
    assert not {one["Key"].removeprefix("incoming/") for one in left} & {name for name, _ in wanted.values()}
    assert messages(blog, "ThumbnailFailuresQueue") == 0
    # A reader sees neither the reasons nor anything else of it.
    assert reader(blog).get(f"/rejected/{wanted['slow'][0]}.json").status == 404


@shows("REQ-B6", how="patched")
def test_what_a_polyglot_carries_along_is_gone(blog: Stack, mina: Author) -> None:
    """A picture that is a program or a page as well is an honest picture; only its pixels come out."""
    picture = pictures.saved(pictures.corners(400, 300), "JPEG")
    page = b"<html><script>alert('polyglot')</script></html>"
    files = {
        "a JPEG with an archive behind": picture + pictures.zip_file(),
        "a JPEG with a page in a comment": pictures.with_segments(picture, pictures.segment(0xFE, page)),
    }
    for what, data in files.items():
        name = mina.upload(data, JPEG)
        assert mina.outcome(name)["state"] == "ready", what
        for ending in ("webp", "jpg"):
            body = reader(blog).get(f"/media/{name}/320.{ending}").body
            assert b"PK\x03\x04" not in body, what
            assert b"<script" not in body, what


@shows("REQ-B6", how="patched")
def test_what_fails_for_another_reason_is_tried_again_and_then_kept(blog: Stack, mina: Author) -> None:
    data = pictures.saved(pictures.corners(330, 330), "PNG")
    with without_right(blog, "MakeThumbnailsRole", "s3:PutObject"):
        name = mina.upload(data, PNG)
        until("a message in the queue", lambda: messages(blog, "ThumbnailFailuresQueue") == 1)
    assert alarmed_by(blog, "ThumbnailFailuresWaitingAlarm", "ThumbnailFailuresQueue")
    assert mina.state(name) == {"state": "waiting"}
    queue, sqs = blog.outputs["ThumbnailFailuresQueue"], blog.emulator.client("sqs")
    [message] = sqs.receive_message(QueueUrl=queue)["Messages"]
    told = json.loads(message["Body"])
    assert told["requestContext"]["condition"] == "RetriesExhausted"
    assert told["requestPayload"]["detail"]["object"]["key"] == f"incoming/{name}"
    assert len([one for one in made(blog) if '"failed"' in one]) == 3  # once, and twice again
    # By hand, with what the message holds, once the cause is gone.
    event = json.dumps(told["requestPayload"]).encode()
    blog.emulator.client("lambda").invoke(FunctionName=blog.physical("MakeThumbnails"), Payload=event)
    sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
    assert mina.state(name)["state"] == "ready"
    assert messages(blog, "ThumbnailFailuresQueue") == 0


@shows("REQ-B11", how="patched")
def test_a_signed_form_is_for_one_file_only(blog: Stack, mina: Author) -> None:
    data = pictures.saved(pictures.corners(340, 340), "PNG")
    form = mina.sign_upload(data, PNG).json()
    s3, bucket = blog.emulator.client("s3"), blog.outputs["UploadsBucket"]
    other = "0" * 64

    def listed() -> list[str]:
        return [one["Key"] for one in s3.list_objects_v2(Bucket=bucket).get("Contents", [])]

    before = listed()
    tries = {
        "a byte more": mina.send(form, data + b"x"),
        "a byte less": mina.send(form, data[:-1]),
        "nothing": mina.send(form, b""),
        "another type": mina.send(form, data, {"Content-Type": "text/html"}),
        "another name": mina.send(form, data, {"key": f"incoming/{other}"}),
        "where rejections are": mina.send(form, data, {"key": f"rejected/{form['picture']}.json"}),
        "open to all": mina.send(form, data, {"acl": "public-read"}),
        "a tag": mina.send(form, data, {"tagging": "<Tagging/>"}),
        "no signature": mina.send({**form, "fields": {**form["fields"], "x-amz-signature": ""}}, data),
        "another policy": mina.send(form, data, {"policy": base64.b64encode(b"{}").decode()}),
        "another bucket": mina.send({**form, "url": form["url"].replace(bucket, blog.outputs["MediaBucket"])}, data),
    }
    for what, answer in tries.items():
        assert 400 <= answer.status < 500, (what, answer.status, answer.text())
    assert listed() == before
    # It is good for five minutes, and so it says.
    policy = json.loads(base64.b64decode(form["fields"]["policy"]))
    ends = datetime.fromisoformat(policy["expiration"])
    assert abs((ends - datetime.fromisoformat(form["expiresAt"])).total_seconds()) < 2
    assert 240 < (ends - datetime.now(UTC)).total_seconds() <= 301
    assert mina.send(form, data).status == 204
    assert mina.outcome(form["picture"])["state"] == "ready"


@shows("REQ-B11", how="patched")
def test_a_signed_form_ends(blog: Stack, mina: Author) -> None:
    """With the function's own text, but for the five minutes: they are a second."""
    data = pictures.saved(pictures.corners(350, 350), "PNG")
    with code_changed(blog, "SignUploads", {"SECONDS = 300\n": "SECONDS = 1\n"}):
        form = mina.sign_upload(data, PNG).json()
    ends = datetime.fromisoformat(json.loads(base64.b64decode(form["fields"]["policy"]))["expiration"])
    time.sleep(max(0, (ends - datetime.now(UTC)).total_seconds()) + 0.1)
    late = mina.send(form, data)
    assert late.status == 403, late.text()
    assert mina.state(form["picture"]) == {"state": "waiting"}


@shows("REQ-B6", how="patched")
def test_without_a_bucket_of_layers_there_are_no_pictures_and_the_stack_says_so(bare_blog: Stack) -> None:
    hana = author(bare_blog)
    assert bare_blog.outputs["Thumbnails"] == "off: give ArtifactBucket"
    assert hana.call("GET", "/config").json()["uploads"] is False
    new: dict[str, Any] = {"sha256": "0" * 64, "bytes": 10, "contentType": PNG}
    assert refused(hana.write("POST", "/uploads", new), 409) == "UploadsOff"
    assert refused(hana.write("GET", f"/uploads/{'0' * 64}"), 409) == "UploadsOff"
    names = {r["LogicalResourceId"] for r in bare_blog.resources()}
    assert not names & {"MakeThumbnails", "MakeThumbnailsLibrary", "MakeThumbnailsRule", "ThumbnailFailures"}
    # The rest works.
    path = hana.write("POST", "/posts", {"title": "No picture", "body": "x"}).headers["Location"]
    assert hana.write("DELETE", path).status == 204
