"""Lets authors upload pictures: signs a form with which a browser sends one file, and tells what came of it.

    Author --POST /uploads--> this --signed form--> Author --POST--> Uploads, incoming/<sha256>
    Author --GET /uploads/{sha256}--> this --looks--> Media, media/<sha256>/picture.json
                                       +------------> Uploads, rejected/<sha256>.json

The form holds for five minutes, for one key, one content type and just as many bytes as were said; its signature covers
all of them, so S3 refuses anything else (https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-HTTPPOSTConstructPolicy.html).
That the bytes have the hash they are named by is for MakeThumbnails to check. With ACCELERATION=on the form goes to the
bucket's accelerated address, otherwise to the one in its region.

The function's role needs s3:PutObject on incoming/* of the bucket of uploads (a form has the rights of who signed it),
s3:GetObject on rejected/* of that, and s3:GetObject on media/*/picture.json of the bucket of media. Without
s3:ListBucket S3 says 403, not 404, of an object that is not there, so both are taken for that.

UPLOADS=off refuses all.
"""

import base64
import functools
import json
import os
import re
import time
import traceback
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, NamedTuple

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

# ---- Same in all handlers of the API, begin: a template inlines each file alone, so none can import another ----
Json = dict[str, Any]
# The services answer in milliseconds. Who waits longer than this does better to ask again.
CONFIG = Config(connect_timeout=1, read_timeout=1, retries={"mode": "standard", "total_max_attempts": 2})
RESERVE_MS = 8000  # one more call may take this long, with its retry: begin none when there is less time left
BUSY = {
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "RequestLimitExceededException",  # as DAX calls it
    "ServiceUnavailable",  # as S3 calls it
    "SlowDown",  # as S3 calls it, too
    "ThrottlingException",
    "TooManyRequestsException",
    "TransactionConflictException",
    "TransactionInProgressException",
}
PRIVATE = {"Cache-Control": "private, no-store"}


class Answer(NamedTuple):
    status: int
    body: Json | None = None
    headers: dict[str, str] | None = None


class Call(NamedTuple):
    event: Json
    context: Any


class Refusal(Exception):
    """An answer that says no: raised wherever the reason shows up, sent by `handler`."""

    def __init__(self, status: int, code: str, message: str, headers: dict[str, str] | None = None, **more: Json):
        super().__init__(code)
        self.answer = Answer(status, {"error": code, "message": message, **more}, headers)


def short_of_time(call: Call) -> bool:
    return bool(call.context.get_remaining_time_in_millis() < RESERVE_MS)


def inside(value: Any, *names: str) -> Json:
    """The object at this path of the event, or an empty one: API Gateway sends null for what is not there."""
    for name in names:
        value = value.get(name) if isinstance(value, dict) else None
    return value if isinstance(value, dict) else {}


def header(event: Json, name: str) -> str | None:
    """What the request says in a header, however the header's name is spelt; `name` is in small letters."""
    given = {str(one).lower(): value for one, value in inside(event, "headers").items()}.get(name)
    return given if isinstance(given, str) else None


def busy() -> Refusal:
    return Refusal(503, "Busy", "The service is busy; try again in a moment.", {"Retry-After": "2"})


def stamp(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def code_of(error: Exception) -> str:
    """The code in a service's answer ("ThrottlingException"), or nothing if no service answered."""
    return str(error.response["Error"].get("Code", "")) if isinstance(error, ClientError) else ""


def handler(event: Json, context: Any) -> Json:
    """Serve one request of the REST API; log one line, which never holds anything that a user sent or is."""
    started = time.monotonic()
    name = f"{event.get('httpMethod')} {event.get('resource')}"
    failed = {}
    try:
        if name not in ROUTES:
            raise Refusal(404, "UnknownRoute", f"This is none of {', '.join(ROUTES)}.")
        answer = ROUTES[name](Call(event, context))
    except Refusal as refusal:
        answer = refusal.answer
    except Exception as error:
        answer = busy().answer
        if code_of(error) not in BUSY:
            # What broke and where, but not the exception's text: that may quote an item.
            frames = traceback.extract_tb(error.__traceback__)
            here = [frame for frame in frames if frame.filename == handler.__code__.co_filename][-1]
            at = f"{here.filename.rpartition('/')[2]}:{here.lineno}:{here.name}"
            failed = {"error": f"{type(error).__name__} {code_of(error)}".strip(), "at": at}
    status = 500 if failed else answer.status
    method, resource = name.split(" ", 1) if name in ROUTES else ("unknown", "unknown")
    line = {
        "level": {500: "ERROR", 503: "WARNING"}.get(status, "INFO"),
        "timestamp": stamp(time.time()),
        "message": f"{method} {resource} {status}",
        # Not the API's request id: a client may choose that one.
        "requestId": context.aws_request_id,
        "method": method,
        "resource": resource,
        "status": status,
        "durationMs": round((time.monotonic() - started) * 1000, 1),
    }
    print(json.dumps(line | failed))
    if failed:  # the function's error metric, and so the alarm, must see it
        raise RuntimeError("The request failed; the log line before this one says where.")
    headers = {"Content-Type": "application/json", "X-Content-Type-Options": "nosniff", **PRIVATE}
    headers |= answer.headers or {}
    if header(event, "authorization") is not None:
        headers |= PRIVATE  # the edge keeps what it may give to everybody, and this may be for the caller alone
    body = "" if answer.body is None else json.dumps(answer.body)
    return {"statusCode": answer.status, "headers": headers, "body": body}


# ---- Same in all handlers of the API, end ----

# ---- Same in what is for authors, begin ----
APP_CLIENT = os.environ["APP_CLIENT_ID"]
GROUP = "authors"


def author_of(event: Json) -> Json:
    """The claims of the caller's ID token, which must be an author's: the authorizer lets in every user of the pool.

    API Gateway makes one text of a list of groups, so a group whose name has a comma, or brackets around it, cannot be
    told from several: only administrators make groups, and must make none of such a name.
    """
    claims = inside(event, "requestContext", "authorizer", "claims")
    # The authorizer checks signature and expiry, but takes tokens of every app of the pool; some take access tokens.
    if claims.get("token_use") != "id" or claims.get("aud") != APP_CLIENT:
        raise Refusal(401, "Unauthorized", "The request carries no ID token of this app; sign in again.")
    groups = claims.get("cognito:groups")
    if isinstance(groups, str):
        whole = re.fullmatch(r"\[(.*)\]", groups)
        groups = re.split("[, ]+", whole[1] if whole else groups)
    if not isinstance(groups, list) or GROUP not in groups:
        # Not 403: the distribution puts its page for missing files in the place of that.
        raise Refusal(401, "NotAnAuthor", f"This is for authors: users in the group {GROUP}, which you are not in.")
    return claims


# ---- Same in what is for authors, end ----

BODY_LIMIT = 4 * 1024


# ---- Same in what takes a body, begin ----
def told(value: object) -> str:
    """A value as an error message shows it: short."""
    text = "a list or an object" if isinstance(value, (dict, list)) else json.dumps(value)
    return text if len(text) <= 60 else f"{text[:60]}..."


def wrong(name: str, problem: str, allowed: str) -> Refusal:
    return Refusal(400, "InvalidField", f"{name} {problem}; it must be {allowed}.")


def no_number(name: str) -> None:
    raise ValueError(name)


def each_once(pairs: list[tuple[str, Any]]) -> Json:
    """An object of JSON, unless it says a thing twice: who checked it before may have looked at the other one."""
    values = dict(pairs)
    if len(values) != len(pairs):
        raise ValueError("a name twice")
    return values


def media_type(event: Json) -> str:
    return (header(event, "content-type") or "").partition(";")[0].strip().lower()


def raw_body(event: Json) -> bytes:
    """The body's bytes. Raises ValueError for what is no text or no base64."""
    body = event.get("body")
    if not isinstance(body, str):
        raise ValueError("nothing there")
    data = base64.b64decode(body, validate=True) if event.get("isBase64Encoded") else body.encode()
    if len(data) > BODY_LIMIT:
        raise Refusal(413, "BodyTooLarge", f"The body has {len(data)} bytes; at most {BODY_LIMIT} are allowed.")
    return data


def read_body(event: Json, required: tuple[str, ...], optional: tuple[str, ...] = ()) -> Json:
    """The JSON object in the request, with all required fields and no unknown one; their values are not checked yet."""
    if media_type(event) not in ("application/json", ""):
        raise Refusal(415, "UnsupportedMediaType", "Send JSON, with the header Content-Type: application/json.")
    try:
        # Python reads NaN and Infinity, which are no JSON. Deep nesting ends in a RecursionError.
        values = json.loads(raw_body(event).decode(), parse_constant=no_number, object_pairs_hook=each_once)
    except (ValueError, RecursionError):
        values = None
    if not isinstance(values, dict):
        raise Refusal(400, "InvalidBody", "The body must be a JSON object in UTF-8 that has each field once.")
    fields = required + optional
    for name in [*values, *required]:
        if name not in fields:
            raise Refusal(400, "UnknownField", f"{told(name)} is no field of this request; {', '.join(fields)} are.")
        if name not in values:
            raise Refusal(400, "MissingField", f"{name} is missing; this request needs {', '.join(required)}.")
    return values


# ---- Same in what takes a body, end ----

UPLOADS, MEDIA = os.environ.get("UPLOADS_BUCKET"), os.environ.get("MEDIA_BUCKET")
OPEN = os.environ["UPLOADS"] == "on"
ACCELERATED = os.environ["ACCELERATION"] == "on"
SHA256 = re.compile("[0-9a-f]{64}")
TYPES = ("image/jpeg", "image/png", "image/webp")
MOST_BYTES = 20 * 1024 * 1024
SECONDS = 300
REASON_BYTES = 4096

# Without these two, botocore makes forms of an old signature, and in us-east-1 for an address that may redirect.
S3_CONFIG = Config(
    signature_version="s3v4", s3={"addressing_style": "virtual", "us_east_1_regional_endpoint": "regional"}
)
s3: Any = boto3.client("s3", config=CONFIG.merge(S3_CONFIG).merge(Config(read_timeout=2)))


@functools.cache
def signer() -> Any:
    """The client that knows the address to upload to."""
    if not ACCELERATED:
        return s3
    # There is one accelerated address for all regions, and botocore takes no other one beside it.
    accelerated = Config(
        signature_version="s3v4",
        s3={"use_accelerate_endpoint": True},
        ignore_configured_endpoint_urls=True,  # type: ignore[call-arg]  # botocore knows it, its stubs do not
    )
    return boto3.client("s3", config=accelerated)


def refuse_when_off() -> None:
    if not OPEN:
        raise Refusal(409, "UploadsOff", "This blog takes no uploads: it was deployed without thumbnails.")


def sign(call: Call) -> Answer:
    author_of(call.event)
    refuse_when_off()
    values = read_body(call.event, ("sha256", "bytes", "contentType"))
    name, size, kind = values["sha256"], values["bytes"], values["contentType"]
    if not isinstance(name, str) or not SHA256.fullmatch(name):
        raise wrong("sha256", f"is {told(name)}", "the SHA-256 of the file, 64 digits from 0 to f")
    if not isinstance(size, int) or isinstance(size, bool) or not 1 <= size <= MOST_BYTES:
        raise wrong("bytes", f"is {told(size)}", f"the size of the file, from 1 to {MOST_BYTES}")
    if kind not in TYPES:
        raise wrong("contentType", f"is {told(kind)}", f"one of {', '.join(TYPES)}")
    expires = time.time() + SECONDS
    form = signer().generate_presigned_post(
        UPLOADS,
        f"incoming/{name}",
        Fields={"Content-Type": kind},
        Conditions=[{"Content-Type": kind}, ["content-length-range", size, size]],
        ExpiresIn=SECONDS,
    )
    return Answer(201, {"url": form["url"], "fields": form["fields"], "expiresAt": stamp(expires), "picture": name})


def found(bucket: str | None, name: str) -> bytes | None:
    """The beginning of an object; None when it is not there."""
    try:
        return bytes(s3.get_object(Bucket=bucket, Key=name)["Body"].read(REASON_BYTES))
    except ClientError as error:
        if code_of(error) not in ("AccessDenied", "NoSuchKey"):
            raise
        return None


def state(call: Call) -> Answer:
    author_of(call.event)
    refuse_when_off()
    name = inside(call.event, "pathParameters").get("sha256")
    if not isinstance(name, str) or not SHA256.fullmatch(name):
        raise Refusal(404, "NotFound", "An upload is named by its SHA-256, 64 digits from 0 to f.")
    if found(MEDIA, f"media/{name}/picture.json") is not None:
        return Answer(200, {"state": "ready", "picture": name})
    rejected = found(UPLOADS, f"rejected/{name}.json")
    if rejected is None:
        return Answer(200, {"state": "waiting"})
    try:
        reason = json.loads(rejected)["reason"]
    except (ValueError, KeyError, TypeError):
        reason = None
    return Answer(200, {"state": "rejected", "reason": reason if isinstance(reason, str) else "No reason was noted."})


ROUTES: dict[str, Callable[[Call], Answer]] = {"POST /uploads": sign, "GET /uploads/{sha256}": state}
