"""The read side of the to-do list: `GET /todos` (newest first, in pages) and `GET /todos/{id}`.

The function's role needs dynamodb:GetItem and dynamodb:Query on the table, and nothing that writes; behind a DAX
cluster it needs dax:GetItem and dax:Query on that too, and asks the table only about what the cluster does not have.

Reads are eventually consistent, which costs half as much (but for an item that a DAX cluster does not have). So an
answer may be a moment old, and behind a cluster a list as old as the cluster's time to live for queries. A client does
not have to read what it just wrote (the answer to a write is the item), and a change made from an old copy is refused,
because it names the version it was made from.
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

# ---- Same in all handlers, begin: a template inlines each file alone, so none can import another ----
Json = dict[str, Any]
TABLE = os.environ["TODOS_TABLE"]
APP_CLIENT = os.environ["APP_CLIENT_ID"]
# DynamoDB answers in milliseconds. Who waits longer than this does better to ask again.
CONFIG = Config(connect_timeout=1, read_timeout=1, retries={"mode": "standard", "total_max_attempts": 2})
RESERVE_MS = 8000  # one more call may take this long, with its retry: begin none when there is less time left
BUSY = {
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "RequestLimitExceededException",  # as DAX calls it
    "ThrottlingException",
    "TooManyRequestsException",
    "TransactionConflictException",
    "TransactionInProgressException",
}


class Answer(NamedTuple):
    status: int
    body: Json | None = None
    headers: dict[str, str] | None = None


class Call(NamedTuple):
    event: Json
    context: Any
    owner: str


class Refusal(Exception):
    """An answer that says no: raised wherever the reason shows up, sent by `handler`."""

    def __init__(self, status: int, code: str, message: str, headers: dict[str, str] | None = None, **more: Json):
        super().__init__(code)
        self.answer = Answer(status, {"error": code, "message": message, **more}, headers)


def short_of_time(call: Call) -> bool:
    return bool(call.context.get_remaining_time_in_millis() < RESERVE_MS)


table: Any = boto3.client("dynamodb", config=CONFIG)


def inside(value: Any, *names: str) -> Json:
    """The object at this path of the event, or an empty one: API Gateway sends null for what is not there."""
    for name in names:
        value = value.get(name) if isinstance(value, dict) else None
    return value if isinstance(value, dict) else {}


def owner_of(event: Json) -> str:
    """The `sub` of the caller's ID token: nothing else in a request says whose to-dos are meant."""
    claims = inside(event, "requestContext", "authorizer", "claims")
    sub = claims.get("sub")
    # The authorizer checks signature and expiry, but takes tokens of every app of the pool; some take access tokens.
    if claims.get("token_use") != "id" or claims.get("aud") != APP_CLIENT or not isinstance(sub, str) or not sub:
        raise Refusal(401, "Unauthorized", "The request carries no ID token of this app; sign in again.")
    # A cache of answers tells callers apart by this header, and its two spellings from any other: an answer to a
    # request that has it otherwise would be everybody's.
    if not inside(event, "headers").keys() & {"Authorization", "authorization"}:
        raise Refusal(401, "Unauthorized", "Send the token in a header that is spelt Authorization or authorization.")
    return sub


def busy() -> Refusal:
    return Refusal(503, "Busy", "The service is busy; try again in a moment.", {"Retry-After": "2"})


def key(owner: str, name: str) -> Json:
    return {"owner": {"S": owner}, "id": {"S": name}}


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
        call = Call(event, context, owner_of(event))
        if name not in ROUTES:
            raise Refusal(404, "UnknownRoute", f"This is none of {', '.join(ROUTES)}.")
        answer = ROUTES[name](call)
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
    headers = {"Content-Type": "application/json", "Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
    if origin := inside(event, "stageVariables").get("origin"):
        exposed = "Location,Retry-After"
        headers |= {"Access-Control-Allow-Origin": origin, "Access-Control-Expose-Headers": exposed, "Vary": "Origin"}
    body = "" if answer.body is None else json.dumps(answer.body)
    return {"statusCode": answer.status, "headers": headers | (answer.headers or {}), "body": body}


# ---- Same in all handlers, end ----

# ---- Same in the reader and the writer, begin ----
FIELDS = ("id", "title", "notes", "done", "version", "createdAt", "updatedAt")
# 48 bits of milliseconds and 80 random bits in Crockford's base 32, so ids sort by age. Records that are no
# to-dos have lower-case ids: no request can name them.
TODO_ID = re.compile(r"[0-7][0-9A-HJKMNP-TV-Z]{25}")
CACHE = os.environ.get("TODOS_CACHE")  # the address of the DAX cluster, when the table has one in front
# One attempt, because the client's own would repeat a refused condition too: `via_cache` makes the second one.
CACHE_CONFIG = Config(connect_timeout=1, read_timeout=1, retries={"max_attempts": 0})
UNREACHED = {"", "ConnectionException", "EndOfStreamException", "NoRouteException"}


@functools.cache
def cluster() -> Any:
    from amazondax import AmazonDaxClient  # it comes with the layer, which is there when the cluster is

    return AmazonDaxClient(endpoint_url=CACHE, region_name=os.environ["AWS_REGION"], config=CACHE_CONFIG)


def via_cache(operation: str, **request: Any) -> Any:
    """What the cache answers, or must hear of; without a cache it goes to the table itself."""
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


def missing() -> Refusal:
    """One answer for a malformed id, an unknown one and somebody else's: it must not tell which."""
    return Refusal(404, "NotFound", "You have no to-do with this id.")


def todo_id(event: Json) -> str:
    given = inside(event, "pathParameters").get("id")
    if not isinstance(given, str) or not TODO_ID.fullmatch(given):
        raise missing()
    return given


def shown(item: Json) -> Json:
    """What a client sees of an item: plain values, and not the owner."""
    plain = {"S": str, "N": int, "BOOL": bool}
    return {field: plain[kind](value) for field in FIELDS for kind, value in item[field].items()}


def told(value: object) -> str:
    """A value as an error message shows it: short."""
    text = "a list or an object" if isinstance(value, (dict, list)) else json.dumps(value)
    return text if len(text) <= 60 else f"{text[:60]}..."


# ---- Same in the reader and the writer, end ----

FIRST, LAST = "0" * 26, "7" + "Z" * 25  # no list between them holds a record that is no to-do
ROUNDS = 6  # queries for one page; each may look at twice as many items as the one before
LOOK_AT_MOST = 400


def bad(name: str, value: object, allowed: str) -> Refusal:
    return Refusal(400, "InvalidParameter", f"{name} is {told(value)}; it must be {allowed}.")


def token(position: str) -> str:
    """The opaque `next`: a format number and the last id of a page. No owner: it is always the caller's list."""
    return base64.urlsafe_b64encode(f"1{position}".encode()).decode()


def position(value: object) -> str:
    if isinstance(value, str) and re.fullmatch(r"[A-Za-z0-9_-]{36}", value):
        text = base64.urlsafe_b64decode(value).decode("ascii", "replace")
        if text[0] == "1" and TODO_ID.fullmatch(text[1:]):
            return text[1:]
    raise bad("next", value, "the unchanged `next` of the page before")


def page(call: Call) -> Answer:
    # A parameter that is not known is ignored.
    given = inside(call.event, "queryStringParameters")
    wanted, done, after = given.get("limit", "25"), given.get("done"), given.get("next")
    if not isinstance(wanted, str) or not re.fullmatch(r"[1-9][0-9]?|100", wanted):
        raise bad("limit", wanted, "a whole number from 1 to 100")
    if done not in (None, "true", "false"):
        raise bad("done", done, "true or false")
    limit = int(wanted)
    query: Json = {
        "KeyConditionExpression": "#owner = :owner AND #id BETWEEN :first AND :last",
        "ProjectionExpression": ", ".join(f"#{field}" for field in FIELDS),
        "ExpressionAttributeNames": {f"#{field}": field for field in ("owner", *FIELDS)},
        "ExpressionAttributeValues": {":owner": {"S": call.owner}, ":first": {"S": FIRST}, ":last": {"S": LAST}},
        "ScanIndexForward": False,
    }
    if done is not None:
        query["FilterExpression"] = "#done = :done"
        query["ExpressionAttributeValues"][":done"] = {"BOOL": done == "true"}
    if after is not None:
        query["ExclusiveStartKey"] = key(call.owner, position(after))

    # One item more than asked for tells whether there is another page. A filter is applied after reading, so a page can
    # take several queries. Their number is bounded: a page can be short, even empty, and `next` then goes on from the
    # last item that was looked at.
    found: list[Json] = []
    for n in range(ROUNDS):
        result = via_cache("query", **query, Limit=min((limit + 1) << n, LOOK_AT_MOST))
        found += result["Items"]
        last = result.get("LastEvaluatedKey")
        if last is None or len(found) > limit or short_of_time(call):
            break
        query["ExclusiveStartKey"] = last
    if len(found) > limit:
        last = found[limit - 1]
    body: Json = {"items": [shown(item) for item in found[:limit]]}
    if last is not None:
        body["next"] = token(last["id"]["S"])
    return Answer(200, body)


def one(call: Call) -> Answer:
    wanted = {"Key": key(call.owner, todo_id(call.event))}
    item = via_cache("get_item", **wanted).get("Item")
    if item is None and CACHE:
        # A cache also keeps that there is nothing, and may have looked a moment before the item was there.
        item = table.get_item(TableName=TABLE, **wanted, ConsistentRead=True).get("Item")
    if item is None:
        raise missing()
    return Answer(200, shown(item))


ROUTES: dict[str, Callable[[Call], Answer]] = {"GET /todos": page, "GET /todos/{id}": one}
