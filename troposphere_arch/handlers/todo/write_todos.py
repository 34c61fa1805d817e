"""The write side of the to-do list: `POST /todos`, `PUT /todos/{id}` and `DELETE /todos/{id}`.

The function's role needs, on the table, dynamodb:GetItem, PutItem, UpdateItem, DeleteItem and ConditionCheckItem. Its
time-out should be 10 seconds or more.

Behind a DAX cluster a change and a deletion go through the cluster, so that it has the item as it is now; for these
two the role needs dax:UpdateItem and dax:DeleteItem. A new item goes straight to the table: the cluster's client does
not tell why a transaction failed, and the reader takes no cache's word for it that an item is not there.

Besides the to-dos, an owner's partition holds two kinds of records, which expire after a day:
"token#<clientToken>" says which to-do a POST with that token made, and "closed" that the account was deleted.
"""

import base64
import functools
import hashlib
import json
import os
import re
import secrets
import threading
import time
import traceback
import unicodedata
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

BASE_32 = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
TOKEN, CLOSED = "token#", "closed"
DAY = 24 * 60 * 60  # no token of a user pool lives longer, so none outlives the record that its account was deleted
BODY_LIMIT = 16 * 1024
ATTEMPTS = 8


def pause(attempt: int) -> None:
    time.sleep(secrets.randbelow(50 << min(attempt, 4)) / 1000)


def wrong(name: str, problem: str, allowed: str) -> Refusal:
    return Refusal(400, "InvalidField", f"{name} {problem}; it must be {allowed}.")


def no_number(name: str) -> None:
    raise ValueError(name)


def read_body(event: Json, required: tuple[str, ...], optional: tuple[str, ...]) -> Json:
    """The JSON object in the request, with all required fields and no unknown one; their values are not checked yet."""
    body = event.get("body")
    try:
        if not isinstance(body, str) or not body:
            raise ValueError("nothing there")
        data = base64.b64decode(body, validate=True) if event.get("isBase64Encoded") else body.encode()
        if len(data) > BODY_LIMIT:
            raise Refusal(413, "BodyTooLarge", f"The body has {len(data)} bytes; at most {BODY_LIMIT} are allowed.")
        # Python reads NaN and Infinity, which are no JSON. Deep nesting ends in a RecursionError.
        values = json.loads(data.decode(), parse_constant=no_number)
    except (ValueError, RecursionError):
        values = None
    if not isinstance(values, dict):
        raise Refusal(400, "InvalidBody", "The body is no JSON object; send one, in UTF-8.")
    fields = required + optional
    for name in [*values, *required]:
        if name not in fields:
            raise Refusal(400, "UnknownField", f"{told(name)} is no field of this request; {', '.join(fields)} are.")
        if name not in values:
            raise Refusal(400, "MissingField", f"{name} is missing; this request needs {', '.join(required)}.")
    return values


def text(name: str, value: object, least: int, most: int, breaks: str, allowed: str) -> str:
    if not isinstance(value, str):
        raise wrong(name, f"is {told(value)}", allowed)
    if not least <= len(value) <= most:
        raise wrong(name, f"has {len(value)} characters", allowed)
    # Control characters, halves of surrogate pairs (which cannot be stored), and Unicode's own line breaks.
    if any(unicodedata.category(one) in ("Cc", "Cs", "Zl", "Zp") and one not in breaks for one in value):
        raise wrong(name, "has a character that is not allowed", allowed)
    return value


def content_of(values: Json) -> Json:
    """What the user says of a to-do, checked, as the table stores it."""
    title, notes, done = values["title"], values.get("notes", ""), values.get("done", False)
    if isinstance(title, str):
        title = title.strip()
    if not isinstance(done, bool):
        raise wrong("done", f"is {told(done)}", "true or false")
    return {
        "title": {"S": text("title", title, 1, 200, "", "1 to 200 characters on one line")},
        "notes": {
            "S": text("notes", notes, 0, 2000, "\n\t", "up to 2000 characters, none of them a control but \\n and \\t")
        },
        "done": {"BOOL": done},
    }


def made(status: int, item: Json) -> Answer:
    # Relative, since the path may begin with the stage's name.
    return Answer(status, shown(item), {"Location": f"todos/{item['id']['S']}"})


def create(call: Call) -> Answer:
    """A new to-do, in one transaction with the record of its clientToken, and only if the account is not deleted."""
    values = read_body(call.event, ("title",), ("notes", "done", "clientToken"))
    content = content_of(values)
    token = values.get("clientToken")
    if "clientToken" in values and not (isinstance(token, str) and re.fullmatch(r"[A-Za-z0-9_-]{8,64}", token)):
        raise wrong("clientToken", f"is {told(token)}", "8 to 64 letters, digits, - and _")
    digest = hashlib.sha256(json.dumps(content).encode()).hexdigest()
    for attempt in range(ATTEMPTS):
        if attempt:
            pause(attempt)
            if short_of_time(call):
                break
        now = time.time()
        number = int(now * 1000) << 80 | secrets.randbits(80)
        name = "".join(BASE_32[number >> shift & 31] for shift in range(125, -1, -5))
        times = {"createdAt": {"S": stamp(now)}, "updatedAt": {"S": stamp(now)}}
        item = {**key(call.owner, name), **content, "version": {"N": "1"}, **times}
        unless_live = {  # DynamoDB may take days to remove what has expired
            "ConditionExpression": "attribute_not_exists(#id) OR #expires <= :now",
            "ExpressionAttributeNames": {"#id": "id", "#expires": "expires"},
            "ExpressionAttributeValues": {":now": {"N": str(int(now))}},
            "TableName": TABLE,
        }
        steps: list[Json] = [
            {"ConditionCheck": {"Key": key(call.owner, CLOSED), **unless_live}},
            {"Put": {"Item": item, **unless_live}},
        ]
        if token:
            record = {"todo": {"S": name}, "digest": {"S": digest}, "expires": {"N": str(int(now) + DAY)}}
            steps.append({"Put": {"Item": {**key(call.owner, TOKEN + token), **record}, **unless_live}})
        try:
            table.transact_write_items(TransactItems=steps)
            return made(201, item)
        except ClientError as error:
            reasons = [reason.get("Code") for reason in error.response.get("CancellationReasons", [])]
            # Another POST or DELETE /me of the same user runs, or there is no capacity: later it may work.
            passing = {"TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"}
            failed = [reason == "ConditionalCheckFailed" for reason in reasons]
            if not any(failed) and not passing.intersection(reasons):
                raise
        if failed[0]:
            raise Refusal(401, "AccountDeleted", "This account was deleted; sign up again to keep a to-do list.")
        if failed[2:] == [True] and (answer := replay(call.owner, token, digest)):
            return answer
    raise busy()


def find(owner: str, name: str) -> Any:
    """A record as it is now: what a refusal rests on must not come from a cache or an old copy."""
    return table.get_item(TableName=TABLE, Key=key(owner, name), ConsistentRead=True).get("Item")


def replay(owner: str, token: str | None, digest: str) -> Answer | None:
    """The answer to a POST whose clientToken was used before; none if the record of that is gone by now."""
    record = find(owner, f"{TOKEN}{token}")
    if record is None:
        return None
    if record["digest"]["S"] != digest:
        problem = "This clientToken made a to-do with other content within the last day; use a new clientToken."
        raise Refusal(409, "IdempotentParameterMismatch", problem)
    item = find(owner, record["todo"]["S"])
    if item is None:
        raise Refusal(410, "Gone", "The to-do that this clientToken made was deleted; use a new one for another.")
    return made(200, item)


def replace(call: Call) -> Answer:
    """All content of a to-do at once, if it is still at the version that the client saw."""
    values = read_body(call.event, ("title", "done", "version"), ("notes",))
    content, version = content_of(values), values["version"]
    if not isinstance(version, int) or isinstance(version, bool) or not 1 <= version <= 10**9:
        raise wrong("version", f"is {told(version)}", "the to-do's version, a whole number from 1")
    name = todo_id(call.event)
    new = {**content, "version": {"N": str(version + 1)}, "updatedAt": {"S": stamp(time.time())}}
    try:
        item = via_cache(
            "update_item",
            Key=key(call.owner, name),
            UpdateExpression="SET " + ", ".join(f"#{field} = :{field}" for field in new),
            ConditionExpression="#version = :seen",  # false as well when there is no such item
            ExpressionAttributeNames={f"#{field}": field for field in new},
            ExpressionAttributeValues={":seen": {"N": str(version)}} | {f":{field}": new[field] for field in new},
            ReturnValues="ALL_NEW",
        )["Attributes"]
    except ClientError as error:
        if code_of(error) != "ConditionalCheckFailedException":
            raise
        # Read, not returned with the refusal: what a client of a cache may not offer is not relied on.
        current = find(call.owner, name)
        if current is None:
            raise missing() from None
        if int(current["version"]["N"]) == version + 1 and content.items() <= current.items():
            # The answer to the same request was lost, and this is its retry.
            return Answer(200, shown(current))
        problem = f"The to-do is at version {current['version']['N']}, not {version}; decide from `item` and try again."
        raise Refusal(409, "VersionConflict", problem, item=shown(current)) from None
    return Answer(200, shown(item))


def delete(call: Call) -> Answer:
    name = todo_id(call.event)
    condition = {"ConditionExpression": "attribute_exists(#id)", "ExpressionAttributeNames": {"#id": "id"}}
    try:
        via_cache("delete_item", Key=key(call.owner, name), **condition)
    except ClientError as error:
        if code_of(error) != "ConditionalCheckFailedException":
            raise
        raise missing() from None
    return Answer(204)


ROUTES: dict[str, Callable[[Call], Answer]] = {
    "POST /todos": create,
    "PUT /todos/{id}": replace,
    "DELETE /todos/{id}": delete,
}
