"""The read side of the blog: what it is, its posts (newest first, in pages), a post, its comments (oldest first).

    Edge --GET /config, /posts, /posts/{slug}, /posts/{slug}/comments--> this --> (PostsCache -->) Posts

The function's role needs dynamodb:GetItem and dynamodb:Query on the table, and nothing that writes; behind a DAX
cluster it needs dax:GetItem and dax:Query on that too, and asks the table only about what the cluster does not have.

The edge keeps these answers and gives them to everybody, so they depend on nothing but the path and the query
parameters `limit` and `next`. The one exception: who sends a header Authorization, as authors do who are about to
change a post, is answered from the table as it is now, and no cache keeps that. (Whose token it is, or whether it is
one, does not matter: there is nothing here that is not for everybody.)

Other reads are eventually consistent, which costs half as much (but for an item that a DAX cluster does not have). So
behind a cluster a list is as old as the cluster's time to live for queries, and a changed post as that for items: its
writer does not go through the cluster. At the edge both are older by EDGE_SECONDS at most.
"""

import base64
import functools
import json
import os
import re
import threading
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

CACHE = os.environ.get("POSTS_CACHE")  # the address of the DAX cluster, when the table has one in front
# One attempt: `via_cache` makes the second one.
CACHE_CONFIG = Config(connect_timeout=1, read_timeout=1, retries={"max_attempts": 0})
UNREACHED = {"", "ConnectionException", "EndOfStreamException", "NoRouteException"}
TITLE, POOL, APP_CLIENT = os.environ["BLOG_TITLE"], os.environ["USERS_POOL_ID"], os.environ["APP_CLIENT_ID"]
COMMENTS, MAIL, UPLOADS = (one == "on" for one in (os.environ["COMMENTS"], os.environ["MAIL"], os.environ["UPLOADS"]))
EDGE_SECONDS = int(os.environ["EDGE_SECONDS"])
MISSING_SECONDS = min(EDGE_SECONDS, 10)  # a post that is not there may be there soon
FIRST, LAST = "0" * 26, "7" + "Z" * 25
TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"
ENTRY_ID = re.compile(f"{TIME}#{SLUG.pattern}", re.ASCII)
NEXT = re.compile("[A-Za-z0-9_-]{1,160}")


@functools.cache
def cluster() -> Any:
    from amazondax import AmazonDaxClient  # it comes with the layer, which is there when the cluster is

    return AmazonDaxClient(endpoint_url=CACHE, region_name=os.environ["AWS_REGION"], config=CACHE_CONFIG)


def via_cache(operation: str, **request: Any) -> Any:
    """What the cache answers; without a cache it goes to the table itself."""
    request["TableName"] = TABLE
    if not CACHE:
        return getattr(table, operation)(**request)
    try:
        return getattr(cluster(), operation)(**request)
    except (OSError, ClientError) as error:
        if code_of(error) not in UNREACHED:
            raise
    # While Lambda lets the function sleep, connections to all nodes break, and the client's notes of the nodes grow
    # old: so a new one. The old one takes its time to close.
    if cluster.cache_info().currsize:
        threading.Thread(target=cluster().close, daemon=True).start()
        cluster.cache_clear()
    return getattr(cluster(), operation)(**request)


def read(call: Call, operation: str, **request: Any) -> Any:
    if header(call.event, "authorization") is None:
        return via_cache(operation, **request)
    return getattr(table, operation)(TableName=TABLE, ConsistentRead=True, **request)


def found(call: Call, slug: str) -> Any:
    """The post, or none. One that is being deleted counts as gone."""
    wanted = {"Key": post_key(slug)}
    item = read(call, "get_item", **wanted).get("Item")
    if item is None and CACHE:
        # A cache also keeps that there is nothing, and may have looked a moment before the item was there.
        item = table.get_item(TableName=TABLE, ConsistentRead=True, **wanted).get("Item")
    return None if item is None or "closed" in item else item


def bad(name: str, value: object, allowed: str) -> Refusal:
    text = json.dumps(value)
    return Refusal(400, "InvalidParameter", f"{name} is {text[:60]}{'...' * (len(text) > 60)}; it must be {allowed}.")


def token(kind: str, position: str) -> str:
    """The opaque `next`: which list it is of, and the id of a page's last item."""
    return base64.urlsafe_b64encode((kind + position).encode()).decode().rstrip("=")


def position(kind: str, form: re.Pattern[str], value: object) -> str:
    if isinstance(value, str) and NEXT.fullmatch(value) and len(value) % 4 != 1:
        where = base64.urlsafe_b64decode(value + "=" * (-len(value) % 4)).decode("ascii", "replace")[1:]
        # The same page must have one address: what means the same and is spelt otherwise is refused.
        if form.fullmatch(where) and token(kind, where) == value:
            return where
    raise bad("next", value, "the unchanged `next` of the page before")


def page(call: Call, kind: str, form: re.Pattern[str], part: str, prefix: str, **query: Any) -> tuple[Json, list[Json]]:
    """A page of a list: the answer without its items, and the items as the table has them."""
    # A parameter that is not known is ignored.
    given = inside(call.event, "queryStringParameters")
    wanted, after = given.get("limit", "25"), given.get("next")
    if not isinstance(wanted, str) or not re.fullmatch(r"[1-9][0-9]?|100", wanted):
        raise bad("limit", wanted, "a whole number from 1 to 100")
    limit = int(wanted)
    if after is not None:
        query["ExclusiveStartKey"] = key(part, prefix + position(kind, form, after))
    # One item more than asked for tells whether there is another page.
    result = read(call, "query", Limit=limit + 1, **query)
    items = result["Items"][:limit]
    more = len(result["Items"]) > limit or "LastEvaluatedKey" in result
    return {"next": token(kind, items[-1]["id"]["S"].removeprefix(prefix))} if more and items else {}, items


def posts(call: Call) -> Answer:
    rest, items = page(
        call,
        "p",
        ENTRY_ID,
        "posts",
        "",
        KeyConditionExpression="#list = :list",
        ExpressionAttributeNames={"#list": "list"},
        ExpressionAttributeValues={":list": {"S": "posts"}},
        ScanIndexForward=False,
    )
    return Answer(200, {"items": [shown(item, ENTRY_FIELDS) for item in items], **rest})


def comments(call: Call) -> Answer:
    slug = slug_of(call.event)
    rest, items = page(
        call,
        "c",
        COMMENT_ID,
        f"post#{slug}",
        "comment#",
        KeyConditionExpression="#list = :list AND #id BETWEEN :first AND :last",
        ExpressionAttributeNames={"#list": "list", "#id": "id"},
        ExpressionAttributeValues={
            ":list": {"S": f"post#{slug}"},
            ":first": {"S": f"comment#{FIRST}"},
            ":last": {"S": f"comment#{LAST}"},
        },
    )
    # A page with comments tells by itself that the post is there. To look after it costs as much as reading all of it.
    if not items and found(call, slug) is None:
        raise missing()
    return Answer(200, {"items": [shown_comment(item) for item in items], **rest})


def post(call: Call) -> Answer:
    item = found(call, slug_of(call.event))
    if item is None:
        raise missing()
    return Answer(200, shown(item, POST_FIELDS))


@functools.cache
def sign_in() -> Any:
    """The client that knows the region and where users sign in; it is not asked for more."""
    return boto3.client("cognito-idp", config=CONFIG)


def config(call: Call) -> Answer:
    """What the pages need to know of this blog: nothing of it is a secret."""
    return Answer(
        200,
        {
            "title": TITLE,
            "region": sign_in().meta.region_name,
            "userPoolId": POOL,
            "userPoolClientId": APP_CLIENT,
            "cognito": sign_in().meta.endpoint_url,
            "comments": COMMENTS,
            "mail": MAIL,
            "uploads": UPLOADS,
        },
    )


def public(serve: Callable[[Call], Answer]) -> Callable[[Call], Answer]:
    """Let the edge keep the answer; an old one for a while longer, until it has a new one. Errors only if missing."""
    keep = f"public, max-age=0, s-maxage={EDGE_SECONDS}, stale-while-revalidate={10 * EDGE_SECONDS}"
    keep_missing = f"public, max-age=0, s-maxage={MISSING_SECONDS}"

    def served(call: Call) -> Answer:
        try:
            return serve(call)._replace(headers={"Cache-Control": keep})
        except Refusal as refusal:
            cached = keep_missing if refusal.answer.status == 404 else "no-store"
            refusal.answer = refusal.answer._replace(
                headers={**(refusal.answer.headers or {}), "Cache-Control": cached}
            )
            raise

    return served


ROUTES: dict[str, Callable[[Call], Answer]] = {
    "GET /config": public(config),
    "GET /posts": public(posts),
    "GET /posts/{slug}": public(post),
    "GET /posts/{slug}/comments": public(comments),
}
