"""`POST /uploads` and `GET /uploads/{sha256}`: what is signed is sent to the emulator's S3, as a browser would."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
import uuid
from datetime import datetime
from typing import Any

import pytest

from tests.evidence import shows
from tests.handlers.blog.conftest import (
    MEDIA,
    PRIVATE,
    SHA,
    UPLOADS,
    Blog,
    Caller,
    author_claims,
    event_of,
    load_in,
    load_with,
    reply_of,
)
from tests.handlers.conftest import Context, Reply
from troposphere_arch import local
from troposphere_arch.local.emulator import Response

PICTURE = b"\x89PNG\r\n\x1a\n" + bytes(range(256))
MOST = 20 * 1024 * 1024


def name_of(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def ask(author: Caller, **fields: Any) -> Reply:
    good = {"sha256": name_of(PICTURE), "bytes": len(PICTURE), "contentType": "image/png"}
    return author.post("/uploads", json.dumps(good | fields).replace("Infinity", "1e999"))


def policy_of(form: dict[str, Any]) -> dict[str, Any]:
    policy: dict[str, Any] = json.loads(base64.b64decode(form["fields"]["policy"]))
    return policy


def upload(stock: local.Emulator, form: dict[str, Any], data: bytes = PICTURE, **changes: str | None) -> Response:
    """Send the form with this file in it; a field that is changed to None is left out."""
    fields = {name: value for name, value in {**form["fields"], **changes}.items() if value is not None}
    boundary = uuid.uuid4().hex
    parts = [f'--{boundary}\r\nContent-Disposition: form-data; name="{n}"\r\n\r\n{v}\r\n' for n, v in fields.items()]
    last = f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="picture"\r\n'
    last += f"Content-Type: {fields.get('Content-Type', 'text/html')}\r\n\r\n"
    body = "".join([*parts, last]).encode() + data + f"\r\n--{boundary}--\r\n".encode()
    headers = {"Content-Type": f"multipart/form-data; boundary={boundary}", "X-Forwarded-Proto": "https"}
    return stock.request("POST", form["url"], headers=headers, body=body)


@pytest.fixture
def stored(blog: Blog) -> Any:
    """What is in the bucket of uploads; it is empty when a test begins."""

    def keys() -> list[str]:
        return [one["Key"] for one in blog.s3.list_objects_v2(Bucket=UPLOADS).get("Contents", [])]

    for bucket in (UPLOADS, MEDIA):
        for one in blog.s3.list_objects_v2(Bucket=bucket).get("Contents", []):
            blog.s3.delete_object(Bucket=bucket, Key=one["Key"])
    return keys


# ---- POST /uploads


@shows("REQ-B11", how="stock")
@pytest.mark.parametrize("kind", ["image/jpeg", "image/png", "image/webp"])
def test_an_author_uploads_a_picture_with_the_signed_form(
    blog: Blog, author: Caller, stock: local.Emulator, stored: Any, kind: str
) -> None:
    reply = ask(author, contentType=kind)
    assert reply.status == 201
    assert reply.headers["Cache-Control"] == PRIVATE
    form, name = reply.body, name_of(PICTURE)
    assert set(form) == {"url", "fields", "expiresAt", "picture"}
    assert form["picture"] == name
    assert upload(stock, form).status == 204
    assert stored() == [f"incoming/{name}"]
    kept = blog.s3.get_object(Bucket=UPLOADS, Key=f"incoming/{name}")
    assert (kept["ContentType"], kept["Body"].read()) == (kind, PICTURE)


@shows("REQ-B11", how="stock")
def test_what_is_signed_is_one_key_one_type_just_these_bytes_and_five_minutes(author: Caller) -> None:
    form = ask(author).body
    policy = policy_of(form)
    assert {"key": f"incoming/{name_of(PICTURE)}"} in policy["conditions"]
    assert {"Content-Type": "image/png"} in policy["conditions"]
    assert {"bucket": UPLOADS} in policy["conditions"]
    assert ["content-length-range", len(PICTURE), len(PICTURE)] in policy["conditions"]
    assert not [one for one in policy["conditions"] if isinstance(one, list) and one[0] == "starts-with"]
    expires = datetime.fromisoformat(policy["expiration"])
    assert abs(expires.timestamp() - time.time() - 300) < 30
    assert abs(datetime.fromisoformat(form["expiresAt"]).timestamp() - expires.timestamp()) <= 1
    # Every field of the form is bound by the signature, but those that are the signature.
    bound = {name.lower() for one in policy["conditions"] if isinstance(one, dict) for name in one}
    assert {name.lower() for name in form["fields"]} - bound == {"policy", "x-amz-signature"}


def test_the_signature_is_of_version_4_for_the_region_of_the_bucket(author: Caller) -> None:
    fields = ask(author).body["fields"]
    _, day, region, service, end = fields["x-amz-credential"].split("/")
    assert (fields["x-amz-algorithm"], region, service, end) == ("AWS4-HMAC-SHA256", "us-east-1", "s3", "aws4_request")
    key = f"AWS4{local.emulator.ROOT_KEY}".encode()
    for part in (day, region, service, end, fields["policy"]):
        digest = hmac.new(key, part.encode(), hashlib.sha256)
        key = digest.digest()
    assert digest.hexdigest() == fields["x-amz-signature"]


ADDRESSES = {
    ("us-east-1", "off"): f"https://{UPLOADS}.s3.us-east-1.amazonaws.com/",
    ("eu-west-1", "off"): f"https://{UPLOADS}.s3.eu-west-1.amazonaws.com/",
    ("ap-northeast-2", "off"): f"https://{UPLOADS}.s3.ap-northeast-2.amazonaws.com/",
    ("us-gov-west-1", "off"): f"https://{UPLOADS}.s3.us-gov-west-1.amazonaws.com/",
    ("us-east-1", "on"): f"https://{UPLOADS}.s3-accelerate.amazonaws.com/",
    ("eu-west-1", "on"): f"https://{UPLOADS}.s3-accelerate.amazonaws.com/",
}


@shows("REQ-B11", how="real")
@pytest.mark.parametrize(("place", "address"), ADDRESSES.items(), ids=str)
def test_the_form_goes_to_the_bucket_in_its_region_or_to_its_accelerated_address(
    place: tuple[str, str], address: str
) -> None:
    """Signing asks nobody, so here it is done as in an account: by the AWS SDK, without the emulator's address."""
    region, acceleration = place
    keys = {"AWS_ACCESS_KEY_ID": "AKIA", "AWS_SECRET_ACCESS_KEY": "secret"}
    account = {**keys, "AWS_REGION": region, "AWS_DEFAULT_REGION": region}
    module = load_in(account, "sign_uploads", ACCELERATION=acceleration)
    body = {"sha256": SHA, "bytes": 5, "contentType": "image/png"}
    form = reply_of(module.handler(event_of("POST", "/uploads", body, claims=author_claims()), Context())).body
    assert form["url"] == address
    assert form["fields"]["x-amz-credential"].split("/")[2] == region


def test_with_an_address_of_its_own_for_every_service_it_still_names_the_accelerated_one(
    blog: Blog, stock: local.Emulator
) -> None:
    module = load_with(stock, "sign_uploads", ACCELERATION="on")
    body = {"sha256": SHA, "bytes": 5, "contentType": "image/png"}
    event = event_of("POST", "/uploads", body, claims=author_claims())
    assert reply_of(module.handler(event, Context())).body["url"] == f"https://{UPLOADS}.s3-accelerate.amazonaws.com/"


OTHER_FORMS: dict[str, dict[str, Any]] = {
    "another key": {"key": "incoming/" + SHA},
    "a key elsewhere": {"key": "rejected/x.json"},
    "a key with the file's name": {"key": "incoming/${filename}"},
    "another type": {"Content-Type": "text/html"},
    "a type with more": {"Content-Type": "image/png; x=y"},
    "no type": {"Content-Type": None},
    "an access list": {"acl": "public-read"},
    "metadata": {"x-amz-meta-x": "y"},
    "a redirect": {"success_action_redirect": "https://elsewhere.example"},
    "tags": {"tagging": "<Tagging/>"},
    "a storage class": {"x-amz-storage-class": "GLACIER"},
    "a website's redirect": {"x-amz-website-redirect-location": "https://elsewhere.example"},
    "no policy": {"policy": None},
    "another policy": {
        "policy": base64.b64encode(b'{"expiration": "2099-01-01T00:00:00Z", "conditions": []}').decode()
    },
    "another signature": {"x-amz-signature": "0" * 64},
    "no signature": {"x-amz-signature": None},
    "another day": {"x-amz-date": "20200101T000000Z"},
}


@shows("REQ-B11", how="stock")
@pytest.mark.parametrize("changes", OTHER_FORMS.values(), ids=OTHER_FORMS)
def test_a_form_that_was_changed_uploads_nothing(
    author: Caller, stock: local.Emulator, stored: Any, changes: dict[str, Any]
) -> None:
    assert upload(stock, ask(author).body, **changes).status in (400, 403)
    assert stored() == []


@shows("REQ-B11", how="stock")
@pytest.mark.parametrize("data", [b"", PICTURE[:-1], PICTURE + b"x", PICTURE * 1000], ids=len)
def test_a_file_of_another_size_is_refused(author: Caller, stock: local.Emulator, stored: Any, data: bytes) -> None:
    assert upload(stock, ask(author).body, data).status == 400
    assert stored() == []


BAD_FIELDS: dict[str, list[Any]] = {
    "sha256": [
        *(None, True, 5, [], [SHA], {}, "", " ", "x", SHA[:-1], SHA + "a", SHA.upper(), SHA + "\n", "\n" + SHA),
        *("g" * 64, "\u0661" * 64, "\uff41" * 64, SHA[:-1] + "\x00", "../" + SHA[3:], SHA[:32] + "/" + SHA[33:]),
        *("${filename}" + SHA[11:], SHA * 20, "\ud800" * 64, "sha256:" + SHA),
    ],
    "bytes": [
        *(
            None,
            True,
            False,
            "",
            "5",
            [],
            [5],
            {},
            0,
            -1,
            -0.0,
            0.5,
            5.0,
            1e6,
            1e999,
            -1e999,
            MOST + 1,
            10**18,
            10**1000,
        ),
    ],
    "contentType": [
        *(None, True, 5, [], ["image/png"], {}, "", "image", "image/", "image/*", "*/*", "image/gif", "image/svg+xml"),
        *(
            "image/avif",
            "image/tiff",
            "image/jpg",
            "image/x-png",
            "IMAGE/PNG",
            "image/png ",
            " image/png",
            "image/png\n",
        ),
        *("image/png; charset=x", "image/png,image/jpeg", "text/html", "application/pdf", "image/png\r\nX: y"),
        *("image/png\x00", "image/\u0440ng", "\ud800", "application/octet-stream"),
    ],
}


@shows("REQ-B11", how="stock")
@pytest.mark.parametrize(
    ("name", "value"),
    [(name, value) for name, values in BAD_FIELDS.items() for value in values],
    ids=lambda value: ascii(value)[:30],
)
def test_a_wrong_value_is_refused(author: Caller, name: str, value: Any) -> None:
    reply = ask(author, **{name: value})
    assert reply.error == (400, "InvalidField")
    assert reply.body["message"].startswith(f"{name} ")
    assert len(reply.text) < 300


@pytest.mark.parametrize("size", [1, MOST])
def test_a_size_at_the_limits_is_signed(author: Caller, size: int) -> None:
    assert ["content-length-range", size, size] in policy_of(ask(author, bytes=size).body)["conditions"]


@shows("REQ-B11", how="stock")
def test_a_blog_without_thumbnails_takes_no_uploads(blog: Blog, stock: local.Emulator) -> None:
    """Neither of its buckets is then known to the function."""
    module = load_with(stock, "sign_uploads", UPLOADS="off", UPLOADS_BUCKET="", MEDIA_BUCKET="")
    for event in (
        event_of("POST", "/uploads", {"sha256": SHA, "bytes": 5, "contentType": "image/png"}, claims=author_claims()),
        event_of("POST", "/uploads", "{", claims=author_claims()),
        event_of("GET", f"/uploads/{SHA}", claims=author_claims()),
    ):
        assert reply_of(module.handler(event, Context())).error == (409, "UploadsOff")


# ---- GET /uploads/{sha256}


@shows("REQ-B11", how="stock")
def test_an_upload_waits_until_it_is_ready_or_rejected(blog: Blog, author: Caller, stored: Any) -> None:
    path = f"/uploads/{SHA}"
    assert author.get(path).body == {"state": "waiting"}
    blog.s3.put_object(Bucket=UPLOADS, Key=f"incoming/{SHA}", Body=b"x")
    blog.s3.put_object(Bucket=MEDIA, Key=f"media/{SHA}/320.webp", Body=b"x")
    assert author.get(path).body == {"state": "waiting"}  # picture.json comes last
    blog.s3.put_object(Bucket=UPLOADS, Key=f"rejected/{SHA}.json", Body=b'{"reason": "It is no picture."}')
    reply = author.get(path)
    assert reply.body == {"state": "rejected", "reason": "It is no picture."}
    assert reply.headers["Cache-Control"] == PRIVATE
    blog.s3.put_object(Bucket=MEDIA, Key=f"media/{SHA}/picture.json", Body=b'{"widths": [320]}')
    assert author.get(path).body == {"state": "ready", "picture": SHA}
    assert author.get(f"/uploads/{'0' * 64}").body == {"state": "waiting"}


@pytest.mark.parametrize(
    "noted",
    [b"", b"x", b"{}", b"[]", b"null", b'{"reason": 5}', b'{"reason": null}', b"\xff", b'{"reason": "' + b"x" * 9000],
    ids=lambda noted: str(noted)[:20],
)
def test_a_rejection_whose_reason_cannot_be_read_is_one_all_the_same(
    blog: Blog, author: Caller, stored: Any, noted: bytes
) -> None:
    blog.s3.put_object(Bucket=UPLOADS, Key=f"rejected/{SHA}.json", Body=noted)
    assert author.get(f"/uploads/{SHA}").body == {"state": "rejected", "reason": "No reason was noted."}


@pytest.mark.parametrize(
    "name",
    [
        *("", "x", SHA[:-1], SHA + "0", SHA.upper(), SHA + "\n", "../" + SHA, "g" * 64, "\ud800", "x" * 100_000),
        *("%61" + SHA[1:], SHA[:32] + "/" + SHA[33:], None, 7, {}, [SHA]),
    ],
    ids=lambda name: ascii(name)[:30],
)
def test_a_malformed_name_is_no_upload(blog: Blog, author: Caller, name: Any) -> None:
    event = author.event("GET", f"/uploads/{SHA}") | {"pathParameters": {"sha256": name}}
    assert blog.send(event).error == (404, "NotFound")


def test_a_bucket_that_is_not_there_is_a_failure_and_no_upload_that_waits(blog: Blog, stock: local.Emulator) -> None:
    module = load_with(stock, "sign_uploads", MEDIA_BUCKET="no-such-bucket-of-the-tests")
    with pytest.raises(RuntimeError):
        module.handler(event_of("GET", f"/uploads/{SHA}", claims=author_claims()), Context())
