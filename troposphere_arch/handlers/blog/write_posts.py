"""What authors do: write a post, change it, delete it with all its comments, delete one comment.

    Author --POST, PUT, DELETE--> this --> Posts

A post is two items: `list="posts"` has the entry in the list of posts, `list="post#<slug>"` the post itself, with its
comments beside it. Both are written in one transaction, so that no reader sees one without the other.

- The same POST again (a second click, an answer that was lost) is answered 200 with the post that the first one made,
  if that was less than a minute ago and nothing of it differs. Otherwise a slug that is taken is 409.
- A slug that is not given is made of the title; of a title without Latin letters and digits, by a hash of it.
- PUT names the version it was made from, and is refused with 409 when there is another one by now.
- DELETE begins with one transaction that closes the post and removes its entry. From then on it counts as gone, and
  takes no more comments. These are removed in batches, and the post last. When time runs out, the answer is 503 with
  Retry-After, and the same request goes on where this one stopped.

The function's role needs, on the table, dynamodb:GetItem, Query, PutItem, UpdateItem, DeleteItem and BatchWriteItem.
Its time-out should be 20 seconds or more. It does not go through a DAX cluster, whose client does not tell why a
transaction failed: a reader behind one sees the old post until its time in the cluster is over.

The author's name, which everybody sees, is the claim preferred_username, name or nickname of the ID token, or the user
name where that is neither an address nor an id; otherwise it is empty. An address is never shown.
"""

import base64
import hashlib
import itertools
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

BODY_LIMIT = 640 * 1024  # each byte of the largest post may be six of JSON


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

TEXT_BYTES = 100_000
PICTURE = re.compile("[0-9a-f]{64}")
AGAIN_SECONDS = 60
BATCH = 25  # as many as one batch write takes


def content_of(values: Json) -> Json:
    """What the author says in a post, checked, as the table stores it."""
    allowed = f"text of 1 to {TEXT_BYTES} bytes in UTF-8, without control characters but \\n and \\t"
    body = checked("body", values["body"], allowed, BREAKS)
    if (size := len(body.encode())) > TEXT_BYTES:
        raise wrong("body", f"has {size} bytes", allowed)
    content = {
        "title": {"S": one_line("title", values["title"], 150)},
        "summary": {"S": one_line("summary", values.get("summary", ""), 400, empty=True)},
        "body": {"S": body},
    }
    if "picture" in values:
        picture = values["picture"]
        if not isinstance(picture, str) or not PICTURE.fullmatch(picture):
            raise wrong("picture", f"is {told(picture)}", "the SHA-256 of an upload, 64 digits from 0 to f")
        content["picture"] = {"S": picture}
    return content


def slug_for(values: Json, title: str) -> str:
    if "slug" in values:
        slug = values["slug"]
        if not isinstance(slug, str) or not 1 <= len(slug) <= SLUG_LENGTH or not SLUG.fullmatch(slug):
            raise wrong("slug", f"is {told(slug)}", "1 to 80 of a-z and 0-9, with single - between them")
        return slug
    plain = unicodedata.normalize("NFKD", title.casefold()).encode("ascii", "ignore").decode()
    slug = "-".join(re.findall("[a-z0-9]+", plain.replace("'", "")))[:SLUG_LENGTH].strip("-")
    return slug or f"post-{hashlib.sha256(title.encode()).hexdigest()[:10]}"


def name_of(claims: Json) -> str:
    """The author's name as everybody may see it: an address or an id of a user is none."""
    username = claims.get("cognito:username")
    own = None if username == claims.get("sub") else username
    for given in (*(claims.get(claim) for claim in ("preferred_username", "name", "nickname")), own):
        if isinstance(given, str) and "@" not in given:
            seen = "".join(one if unicodedata.category(one)[0] in "LMNPS" else " " for one in given)
            if name := " ".join(seen.split())[:60]:
                return name
    return ""


def id_of(claims: Json) -> Json:
    """The author's id as the table stores it: `sub`, which stays the same whatever the author is called."""
    return {"S": str(claims.get("sub") or "")}


def find(slug: str) -> Any:
    """A post as it is now: a refusal must not rest on an old copy."""
    return table.get_item(TableName=TABLE, Key=post_key(slug), ConsistentRead=True).get("Item")


def entry_of(post: Json) -> Json:
    """The post's entry in the list of posts."""
    return key("posts", post["entry"]["S"]) | {field: post[field] for field in ENTRY_FIELDS if field in post}


def made(status: int, post: Json) -> Answer:
    return Answer(status, shown(post, POST_FIELDS), {"Location": f"/posts/{post['slug']['S']}"})


def create(call: Call) -> Answer:
    claims = author_of(call.event)
    values = read_body(call.event, ("title", "body"), ("summary", "slug", "picture"))
    # Authors may change their names, so who wrote a post is kept as an id besides, which nobody is shown.
    content = content_of(values) | {"author": {"S": name_of(claims)}, "authorId": id_of(claims)}
    slug = slug_for(values, content["title"]["S"])
    now = time.time()
    times = {"publishedAt": {"S": stamp(now)}, "updatedAt": {"S": stamp(now)}, "entry": {"S": f"{stamp(now)}#{slug}"}}
    post = {**post_key(slug), "slug": {"S": slug}, **content, **times, "version": {"N": "1"}}
    unless_there = {"ConditionExpression": "attribute_not_exists(#id)", "ExpressionAttributeNames": {"#id": "id"}}
    if not transact(
        call,
        {"Put": {"TableName": TABLE, "Item": post, **unless_there}},
        {"Put": {"TableName": TABLE, "Item": entry_of(post)}},
    ):
        return made(201, post)
    current = find(slug)
    if current is None:  # it was deleted at this very moment
        raise busy()
    same = current.items() >= content.items() and ("picture" in current) == ("picture" in content)
    young = current["publishedAt"]["S"] >= stamp(now - AGAIN_SECONDS)
    if same and young and current["version"]["N"] == "1" and "closed" not in current:
        return made(200, current)
    problem = f"There is a post with the slug {slug}; choose another one, in the field slug or by another title."
    raise Refusal(409, "SlugTaken", problem)


def replace(call: Call) -> Answer:
    """All content of a post at once, if it is still at the version that the author saw."""
    claims = author_of(call.event)
    values = read_body(call.event, ("title", "body", "version"), ("summary", "picture"))
    content, version = content_of(values), values["version"]
    if not isinstance(version, int) or isinstance(version, bool) or not 1 <= version <= 10**9:
        raise wrong("version", f"is {told(version)}", "the post's version, a whole number from 1")
    slug = slug_of(call.event)
    post = find(slug)
    while post is not None and "closed" not in post and int(post["version"]["N"]) == version:
        kept = {name: value for name, value in post.items() if name != "picture"}
        times = {"version": {"N": str(version + 1)}, "updatedAt": {"S": stamp(time.time())}}
        changed = kept | content | times | {"updatedBy": id_of(claims)}
        if_unchanged = {
            "ConditionExpression": "#version = :version AND #entry = :entry AND attribute_not_exists(#closed)",
            "ExpressionAttributeNames": {"#version": "version", "#entry": "entry", "#closed": "closed"},
            "ExpressionAttributeValues": {":version": post["version"], ":entry": post["entry"]},
        }
        if not transact(
            call,
            {"Put": {"TableName": TABLE, "Item": changed, **if_unchanged}},
            {"Put": {"TableName": TABLE, "Item": entry_of(changed)}},
        ):
            return Answer(200, shown(changed, POST_FIELDS))
        if short_of_time(call):
            raise busy()
        post = find(slug)
    if post is None or "closed" in post:
        raise missing()
    same = post.items() >= content.items() and ("picture" in post) == ("picture" in content)
    if same and int(post["version"]["N"]) == version + 1:
        # The answer to the same request was lost, and this is its retry.
        return Answer(200, shown(post, POST_FIELDS))
    problem = f"The post is at version {post['version']['N']}, not {version}; decide from `item` and try again."
    raise Refusal(409, "VersionConflict", problem, item=shown(post, POST_FIELDS))


def delete(call: Call) -> Answer:
    author_of(call.event)
    slug = slug_of(call.event)
    post = find(slug)
    if post is None:
        raise missing()
    if_same = {
        "ConditionExpression": "#entry = :entry",
        "ExpressionAttributeNames": {"#entry": "entry"},
        "ExpressionAttributeValues": {":entry": post["entry"]},
    }
    if "closed" not in post:
        close = {
            "TableName": TABLE,
            "Key": post_key(slug),
            "UpdateExpression": "SET #closed = :now",
            "ConditionExpression": if_same["ConditionExpression"],
            "ExpressionAttributeNames": {"#entry": "entry", "#closed": "closed"},
            "ExpressionAttributeValues": {":entry": post["entry"], ":now": {"S": stamp(time.time())}},
        }
        if transact(
            call,
            {"Update": close},
            {"Delete": {"TableName": TABLE, "Key": key("posts", post["entry"]["S"])}},
        ):
            raise missing()  # somebody deleted it since it was looked up
    # From here on nobody can comment: each comment's transaction checks that the post is not closed. So what these
    # reads see (consistent ones: they miss nothing) is all there will ever be.
    while keys := comment_keys(call, slug):
        for at in range(0, len(keys), BATCH):
            left = {TABLE: [{"DeleteRequest": {"Key": one}} for one in keys[at : at + BATCH]]}
            for attempt in itertools.count():
                unless_late(call)
                left = table.batch_write_item(RequestItems=left).get("UnprocessedItems")
                if not left:
                    break
                pause(attempt)
    unless_late(call)
    try:
        table.delete_item(TableName=TABLE, Key=post_key(slug), **if_same)
    except ClientError as error:
        if code_of(error) != "ConditionalCheckFailedException":  # somebody else's DELETE was as far as this one
            raise
    return Answer(204)


def unless_late(call: Call) -> None:
    if short_of_time(call):
        problem = "Not everything is deleted yet; send the same request again, which goes on."
        raise Refusal(503, "Busy", problem, {"Retry-After": "1"})


def comment_keys(call: Call, slug: str) -> Any:
    unless_late(call)
    return table.query(
        TableName=TABLE,
        KeyConditionExpression="#list = :list AND begins_with(#id, :comment)",
        ProjectionExpression="#list, #id",
        ExpressionAttributeNames={"#list": "list", "#id": "id"},
        ExpressionAttributeValues={":list": {"S": f"post#{slug}"}, ":comment": {"S": "comment#"}},
        ConsistentRead=True,
        Limit=20 * BATCH,
    )["Items"]


def delete_comment(call: Call) -> Answer:
    author_of(call.event)
    slug, name = slug_of(call.event), inside(call.event, "pathParameters").get("id")
    gone = Refusal(404, "NotFound", "The post has no comment with this id.")
    if not isinstance(name, str) or not COMMENT_ID.fullmatch(name):
        raise gone
    condition = {"ConditionExpression": "attribute_exists(#id)", "ExpressionAttributeNames": {"#id": "id"}}
    try:
        table.delete_item(TableName=TABLE, Key=comment_key(slug, name), **condition)
    except ClientError as error:
        if code_of(error) != "ConditionalCheckFailedException":
            raise
        raise gone from None
    return Answer(204)


ROUTES: dict[str, Callable[[Call], Answer]] = {
    "POST /posts": create,
    "PUT /posts/{slug}": replace,
    "DELETE /posts/{slug}": delete,
    "DELETE /posts/{slug}/comments/{id}": delete_comment,
}
