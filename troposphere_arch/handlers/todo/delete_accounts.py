"""Deletes accounts: `DELETE /me` removes all to-dos of the caller, then the caller's user.

The function's role needs, on the table, dynamodb:PutItem, Query and BatchWriteItem, and on the user pool
cognito-idp:AdminDeleteUser. Its time-out should be what API Gateway waits, 29 seconds, less one.

It is a function of its own, so that no other may delete users, and so that it can stay outside of a network in which
Cognito is not to be reached. It always works on the table itself: a read cache may show the caller's own items, to who
still has the caller's token, until its time to live is over.

The record "closed" in an owner's partition, which expires after a day, says that the account was deleted.
"""

import itertools
import json
import os
import secrets
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

POOL = os.environ["USERS_POOL_ID"]
CLOSED = "closed"
DAY = 24 * 60 * 60  # no token of a user pool lives longer, so none outlives that record
BATCH = 25  # as many as one batch write takes
# Slower than a table: it gets more time.
users = boto3.client("cognito-idp", config=CONFIG.merge(Config(read_timeout=2)))


def pause(attempt: int) -> None:
    time.sleep(secrets.randbelow(50 << min(attempt, 4)) / 1000)


def delete_account(call: Call) -> Answer:
    """Everything of the caller, the account last: until it is gone, the user can sign in and call this again."""
    username = inside(call.event, "requestContext", "authorizer", "claims").get("cognito:username")
    if not isinstance(username, str) or not username:
        raise Refusal(401, "Unauthorized", "The ID token names no user; sign in again.")

    later = Answer(202, {"message": "Not everything is deleted yet; call again to go on."})
    # From here on no POST can succeed, not even one that runs now: its transaction checks for this record. So what the
    # reads below see (consistent ones: they miss nothing) is all there will ever be.
    table.put_item(TableName=TABLE, Item=key(call.owner, CLOSED) | {"expires": {"N": str(int(time.time()) + DAY)}})
    while keys := [one for one in first_keys(call.owner) if one["id"]["S"] != CLOSED]:
        for at in range(0, len(keys), BATCH):
            left = {TABLE: [{"DeleteRequest": {"Key": one}} for one in keys[at : at + BATCH]]}
            for attempt in itertools.count():
                if short_of_time(call):
                    return later
                left = table.batch_write_item(RequestItems=left).get("UnprocessedItems")
                if not left:
                    break
                pause(attempt)
    if short_of_time(call):
        return later
    try:
        # In a pool whose users sign in by e-mail address, this name is a UUID that nobody else will ever get.
        users.admin_delete_user(UserPoolId=POOL, Username=username)
    except ClientError as error:
        if code_of(error) != "UserNotFoundException":
            raise
    return Answer(204)


def first_keys(owner: str) -> Any:
    return table.query(
        TableName=TABLE,
        KeyConditionExpression="#owner = :owner",
        ProjectionExpression="#owner, #id",
        ExpressionAttributeNames={"#owner": "owner", "#id": "id"},
        ExpressionAttributeValues={":owner": {"S": owner}},
        ConsistentRead=True,
        Limit=4 * BATCH,
    )["Items"]


ROUTES: dict[str, Callable[[Call], Answer]] = {"DELETE /me": delete_account}
