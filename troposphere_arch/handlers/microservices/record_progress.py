"""Writes down how requests go on, as services tell it: each step of a request, in whatever order it is told.

    service --PutEvents--> Bus --rule--> Progress --> this --> Requests

An item is one state of one service for one request: told again it is the same item, with the newer time, and what is
told late changes nothing that is newer. So it does not matter how often, and in which order, events come.

An event is taken only from the service that it speaks of: a service may put events as itself and no other, which its
role holds it to. What cannot be read is reported as failed, and so ends in ProgressFailures, where an alarm sees it.

The function's role needs dynamodb:UpdateItem on the table, and no other right. Its event source mapping must have
ReportBatchItemFailures.
"""

import json
import os
import re
import time
from datetime import UTC, datetime
from typing import Any, NamedTuple

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

Json = dict[str, Any]
TABLE = os.environ["REQUESTS_TABLE"]
STATES = ("accepted", "working", "failed", "done")
KEPT_SECONDS = 30 * 24 * 3600
DETAIL_BYTES = 128 * 1024  # more than the kit takes as a result
RESERVE_MS = 8000  # one more write may take this long, with its retry: begin none when there is less time left
REQUEST = re.compile(r"[^\x00-\x1f\x7f\ud800-\udfff]{1,512}")
HALF = re.compile("[\ud800-\udfff]")  # of a character, which neither DynamoDB nor UTF-8 has
SERVICE = re.compile(r"[a-z]([a-z0-9-]{0,38}[a-z0-9])?")
CONFIG = Config(connect_timeout=1, read_timeout=2, retries={"mode": "standard", "total_max_attempts": 2})
table: Any = boto3.client("dynamodb", config=CONFIG)


class Step(NamedTuple):
    request: str
    service: str
    state: str
    at: str
    detail: str | None  # as JSON


def handler(event: Json, context: Any) -> Json:
    """Write down each event of the batch; log one line, which never holds what anybody told."""
    counts: dict[str, int] = {}
    again: list[Json] = []
    for record in event["Records"]:
        outcome = "unread" if context.get_remaining_time_in_millis() < RESERVE_MS else recorded(record)
        counts[outcome] = counts.get(outcome, 0) + 1
        if outcome not in ("recorded", "old"):
            again.append({"itemIdentifier": record["messageId"]})
    line = {"level": "WARNING" if again else "INFO", "message": "progress", "requestId": context.aws_request_id}
    print(json.dumps(line | counts))
    return {"batchItemFailures": again}


def recorded(record: Json) -> str:
    """What became of an event: recorded, old, or what was wrong, which another try may mend."""
    try:
        return write(step_of(json.loads(record["body"], parse_constant=refuse)))
    except ClientError as error:
        return str(error.response["Error"].get("Code", "ClientError"))
    except Exception as error:  # whatever it is, the other events want to be looked at
        return type(error).__name__


def refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no JSON")


def step_of(event: Any) -> Step:
    """The step that an event of EventBridge tells of. Raises for what is none."""
    told = event["detail"]
    request, service, state = told["request"], told["service"], told["state"]
    if not REQUEST.fullmatch(request) or not SERVICE.fullmatch(service) or state not in STATES:
        raise ValueError("no request, no service or no state")
    if event["source"] != service:
        raise PermissionError("one service speaks of another")
    detail = None
    if told.get("detail") is not None:
        detail = HALF.sub("\ufffd", json.dumps(told["detail"], ensure_ascii=False, separators=(",", ":")))
    if detail is not None and len(detail.encode()) > DETAIL_BYTES:
        detail = json.dumps({"omitted": f"more than {DETAIL_BYTES} bytes"})
    return Step(request, service, state, time_of(told["at"]), detail)


def time_of(told: str) -> str:
    """The time in one form, so that texts compare as times do; a fast clock makes no step of tomorrow."""
    at = datetime.fromisoformat(told)
    at = min(at if at.tzinfo else at.replace(tzinfo=UTC), datetime.now(UTC))
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def write(step: Step) -> str:
    values = {"at": step.at, "service": step.service, "state": step.state}
    values |= {"detail": step.detail} if step.detail is not None else {}
    typed = {f":{name}": {"S": value} for name, value in values.items()}
    typed[":expires"] = {"N": str(int(time.time()) + KEPT_SECONDS)}
    names = ("at", "service", "state", "detail", "expires")
    told = ", ".join(f"#{name} = :{name}" for name in names if f":{name}" in typed)
    try:
        table.update_item(
            TableName=TABLE,
            Key={"request": {"S": step.request}, "step": {"S": f"{step.service}#{step.state}"}},
            UpdateExpression=f"SET {told}" + (" REMOVE #detail" if step.detail is None else ""),
            ConditionExpression="attribute_not_exists(#at) OR #at < :at",
            ExpressionAttributeNames={f"#{name}": name for name in names},
            ExpressionAttributeValues=typed,
        )
    except ClientError as error:
        if error.response["Error"].get("Code") != "ConditionalCheckFailedException":
            raise
        return "old"
    return "recorded"
