"""Says where a request is: GET /requests/{id}, for services, which sign what they ask.

    caller --signed--> Status --> this --> Requests

    {"request": "...", "state": "working", "overdue": false,
     "steps": [{"service": "orders", "state": "accepted", "at": "2026-01-01T00:00:00.000Z"}, ...], "result": ...}

The state of the whole is failed while the last that some service told of it is that it failed: a message that is put
back and done mends that. Else it is done once a service said so, with what it came to as `result`; else working or
accepted. What is neither done nor failed, and of which nothing was heard for a quarter of an hour, is overdue.

The function's role needs dynamodb:Query on the table, and no other right.
"""

import json
import os
import re
import time
from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

Json = dict[str, Any]
TABLE = os.environ["REQUESTS_TABLE"]
STATES = ("accepted", "working", "failed", "done")  # in the order in which a service comes to them
ENDED = ("failed", "done")
OVERDUE_SECONDS = 15 * 60
DETAILS_BYTES = 1024 * 1024  # of all steps together, as they are sent; a result is always told
RESERVE_MS = 5000  # one more page may take this long, with its retry: ask for none when there is less time left
REQUEST = re.compile(r"[^\x00-\x1f\x7f\ud800-\udfff]{1,512}")
ID = re.compile(r"[A-Za-z0-9_-]{8,64}")
BUSY = {"ProvisionedThroughputExceededException", "RequestLimitExceeded", "ThrottlingException"}
CONFIG = Config(connect_timeout=1, read_timeout=1, retries={"mode": "standard", "total_max_attempts": 2})
table: Any = boto3.client("dynamodb", config=CONFIG)


def handler(event: Json, context: Any) -> Json:
    """Answer one request of the REST API; log one line, which never holds what a service told."""
    given = {str(name).lower(): value for name, value in (event.get("headers") or {}).items()}.get("x-request-id")
    own = given if isinstance(given, str) and ID.fullmatch(given) else event["requestContext"]["requestId"]
    status, body, failed = 404, {"error": "NotFound", "message": "Nobody has told of a request with this id."}, {}
    headers = {"Content-Type": "application/json", "Cache-Control": "no-store", "X-Request-Id": own}
    request = (event.get("pathParameters") or {}).get("id")
    if isinstance(request, str):
        request = unquote(request)  # a REST API hands it over as it was sent
    try:
        if isinstance(request, str) and REQUEST.fullmatch(request) and (steps := told(request, context)):
            status, body = 200, {"request": request, **whole(steps, time.time())}
    except (BotoCoreError, ClientError, TimeoutError) as error:
        code = error.response["Error"].get("Code", "") if isinstance(error, ClientError) else ""
        busy = code in BUSY or not isinstance(error, ClientError)
        status = 503 if busy else 500
        body = {"error": "Busy", "message": "Try again in a moment."}
        body = body if busy else {"error": "InternalError", "message": "The log says what is wrong."}
        headers |= {"Retry-After": "1"} if busy else {}
        failed = {"error": f"{type(error).__name__} {code}".strip()}
    level = {500: "ERROR", 503: "WARNING"}.get(status, "INFO")
    print(json.dumps({"level": level, "message": f"status {status}", "requestId": context.aws_request_id} | failed))
    if status == 500:  # the function's error metric, and so the alarm, must see it
        raise RuntimeError("The request failed; the log line before this one says why.")
    body = body if status == 200 else {**body, "request": own}
    return {"statusCode": status, "headers": headers, "body": json.dumps(body)}


def told(request: str, context: Any) -> list[Json]:
    """The items of this request, as they are now."""
    found: list[Json] = []
    start: Json = {}
    while context.get_remaining_time_in_millis() > RESERVE_MS:
        page = table.query(
            TableName=TABLE,
            ConsistentRead=True,
            KeyConditionExpression="#request = :request",
            ExpressionAttributeNames={"#request": "request"},
            ExpressionAttributeValues={":request": {"S": request}},
            **start,
        )
        found += page["Items"]
        if "LastEvaluatedKey" not in page:
            # DynamoDB removes what has expired when it gets to it.
            return [item for item in found if int(item["expires"]["N"]) > time.time()]
        start = {"ExclusiveStartKey": page["LastEvaluatedKey"]}
    raise TimeoutError


def whole(items: list[Json], now: float) -> Json:
    """What the steps come to."""
    items = sorted(items, key=lambda one: (one["at"]["S"], STATES.index(one["state"]["S"]), one["service"]["S"]))
    states = {item["state"]["S"] for item in items}
    last_of = {item["service"]["S"]: item["state"]["S"] for item in items}
    state = "failed" if "failed" in last_of.values() else max(states - {"failed"} or states, key=STATES.index)
    results = [item["detail"]["S"] for item in items if item["state"]["S"] == "done" and "detail" in item]
    left = DETAILS_BYTES
    steps = []
    for item in items:
        step: Json = {name: item[name]["S"] for name in ("service", "state", "at")}
        if "detail" in item:
            detail = json.loads(item["detail"]["S"])
            left -= sent_bytes(detail)
            step |= {"detail": detail} if left >= 0 else {}
        steps.append(step)
    last = datetime.fromisoformat(steps[-1]["at"]).astimezone(UTC).timestamp()
    answer: Json = {"state": state, "overdue": state not in ENDED and now - last > OVERDUE_SECONDS, "steps": steps}
    return answer | ({"result": json.loads(results[-1])} if results else {})


def sent_bytes(detail: Any) -> int:
    """What it takes of the answer, which is JSON in Lambda's JSON: six megabytes of it at the most.

    https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
    """
    return len(json.dumps(json.dumps(detail)))
