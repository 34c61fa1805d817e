"""What everybody may write: a comment on a post.

    Reader --POST /posts/{slug}/comments--> this --> Posts

A comment is written in one transaction with the check that its post is there and is not being deleted, so none is ever
left behind without its post. Its id begins with the time, so comments sort by age. COMMENTS=off refuses all.

The function's role needs, on the table, dynamodb:PutItem and dynamodb:ConditionCheckItem, and nothing that reads.
"""

import base64
import json
import os
import re
import secrets
import time
import traceback
import unicodedata
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

# ---- Same in what reads or writes posts, begin ----
TABLE = os.environ["POSTS_TABLE"]
SLUG = re.compile(r"[a-z0-9](-?[a-z0-9])*")
SLUG_LENGTH = 80
# 48 bits of milliseconds and 80 random bits in Crockford's base 32, so ids sort by age.
COMMENT_ID = re.compile(r"[0-7][0-9A-HJKMNP-TV-Z]{25}")
POST_FIELDS = ("slug", "title", "summary", "body", "author", "publishedAt", "updatedAt", "version", "picture")
ENTRY_FIELDS = ("slug", "title", "summary", "publishedAt", "picture")
COMMENT_FIELDS = ("name", "text", "createdAt")
table: Any = boto3.client("dynamodb", config=CONFIG)


def key(part: str, name: str) -> Json:
    return {"list": {"S": part}, "id": {"S": name}}


def post_key(slug: str) -> Json:
    return key(f"post#{slug}", "post")


def comment_key(slug: str, name: str) -> Json:
    return key(f"post#{slug}", f"comment#{name}")


def missing() -> Refusal:
    return Refusal(404, "NotFound", "There is no post at this address.")


def slug_of(event: Json) -> str:
    given = inside(event, "pathParameters").get("slug")
    if not isinstance(given, str) or len(given) > SLUG_LENGTH or not SLUG.fullmatch(given):
        raise missing()
    return given


def shown(item: Json, fields: tuple[str, ...]) -> Json:
    """What a client sees of an item: these fields, as plain values; a picture only when there is one."""
    plain = {"S": str, "N": int}
    there = [field for field in fields if field in item]
    return {field: plain[kind](value) for field in there for kind, value in item[field].items()}


def shown_comment(item: Json) -> Json:
    return {"id": item["id"]["S"].removeprefix("comment#"), **shown(item, COMMENT_FIELDS)}


# ---- Same in what reads or writes posts, end ----

BODY_LIMIT = 32 * 1024  # each character of the longest comment may be twelve bytes of JSON


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

# ---- Same in what writes texts, begin ----
BASE_32 = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
BREAKS = "\n\t"
ATTEMPTS = 8
PASSING = {"TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"}


def checked(name: str, value: object, allowed: str, breaks: str = "", empty: bool = False) -> str:
    """A text that can be stored and seen. Its length is for the caller to check."""
    if not isinstance(value, str):
        raise wrong(name, f"is {told(value)}", allowed)
    kinds = {one: unicodedata.category(one) for one in set(value)}
    # Control characters, halves of surrogate pairs (which cannot be stored), and Unicode's own line breaks.
    if any(kind in ("Cc", "Cs", "Zl", "Zp") and one not in breaks for one, kind in kinds.items()):
        raise wrong(name, "has a character that is not allowed", allowed)
    if not empty and not any(kind[0] in "LNPS" for kind in kinds.values()):
        raise wrong(name, "has nothing that can be seen", allowed)
    return value


def one_line(name: str, value: object, most: int, empty: bool = False) -> str:
    """A text on one line, without the blanks around it."""
    allowed = f"{'up to' if empty else '1 to'} {most} characters on one line"
    text = checked(name, value.strip() if isinstance(value, str) else value, allowed, empty=empty)
    if len(text) > most:
        raise wrong(name, f"has {len(text)} characters", allowed)
    return text


def pause(attempt: int) -> None:
    time.sleep(secrets.randbelow(50 << min(attempt, 4)) / 1000)


def transact(call: Call, *steps: Json) -> list[bool]:
    """Write all steps or none. Says of each step whether its condition did not hold; nothing when all is written."""
    for attempt in range(ATTEMPTS):
        if attempt:
            pause(attempt)
            if short_of_time(call):
                break
        try:
            table.transact_write_items(TransactItems=list(steps))
            return []
        except ClientError as error:
            reasons = [reason.get("Code") for reason in error.response.get("CancellationReasons", [])]
            failed = [reason == "ConditionalCheckFailed" for reason in reasons]
            if any(failed):
                return failed
            # Somebody else writes the same post, or there is no capacity: later it may work.
            if not PASSING.intersection(reasons):
                raise
    raise busy()


# ---- Same in what writes texts, end ----

OPEN = os.environ["COMMENTS"] == "on"


def create(call: Call) -> Answer:
    if not OPEN:
        raise Refusal(409, "CommentsOff", "This blog takes no comments.")
    slug = slug_of(call.event)
    values = read_body(call.event, ("name", "text"))
    allowed = "1 to 2000 characters, none of them a control but \\n and \\t"
    text = checked("text", values["text"], allowed, BREAKS)
    if len(text) > 2000:
        raise wrong("text", f"has {len(text)} characters", allowed)
    content = {"name": {"S": one_line("name", values["name"], 60)}, "text": {"S": text}}
    for _ in range(ATTEMPTS):
        now = time.time()
        number = int(now * 1000) << 80 | secrets.randbits(80)
        name = "".join(BASE_32[number >> shift & 31] for shift in range(125, -1, -5))
        comment = {**comment_key(slug, name), **content, "createdAt": {"S": stamp(now)}}
        there = {
            "ConditionExpression": "attribute_exists(#id) AND attribute_not_exists(#closed)",
            "ExpressionAttributeNames": {"#id": "id", "#closed": "closed"},
        }
        new = {"ConditionExpression": "attribute_not_exists(#id)", "ExpressionAttributeNames": {"#id": "id"}}
        failed = transact(
            call,
            {"ConditionCheck": {"TableName": TABLE, "Key": post_key(slug), **there}},
            {"Put": {"TableName": TABLE, "Item": comment, **new}},
        )
        if not failed:
            return Answer(201, shown_comment(comment))
        if failed[0]:
            raise missing()
        # Somebody had this very id: another one.
    raise busy()


ROUTES: dict[str, Callable[[Call], Answer]] = {"POST /posts/{slug}/comments": create}
