"""Wants mail once more that was not sent: invoked by hand, when an alarm told of it and its cause is gone.

    operator --{"redrive": "refused"}--> this --sets to X-wanted--> Subscribers --stream--> SendMail
                                          +--deletes what is accounted for--> MailFailures

`refused` is for what was surely not sent: all that SES refused, and what is wanted and was given up by Lambda. Doing it
twice sends nothing twice. `uncertain` is for what was marked as being sent more than 15 minutes ago and never noted as
sent: it may have arrived, so that is for who has decided that a second mail is better than none.

A message in MailFailures names a range of a stream, whose records Lambda gave up: no address, no mail. What is owed is
known by the table alone. So `refused` first receives those messages, then wants all again that was owed when the last
of those records was written (and all that is overdue), and then deletes them: they have nothing left to tell. When it
could not finish, or for messages that are none of this table's stream, nothing is deleted. `uncertain` leaves the queue
alone.

The answer has counts only; `more` says that it ran out of time: invoke it again.

The function's role needs dynamodb:Query on the table's index Owed, dynamodb:UpdateItem on the table, and on the queue
sqs:ReceiveMessage and sqs:DeleteMessage. Its time-out should be a minute: `aws lambda invoke` waits no longer.
"""

import json
import os
import time
import traceback
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, NamedTuple

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

# ---- Same in all functions that nobody waits for, begin: a template inlines each file alone ----
Json = dict[str, Any]


class Done(NamedTuple):
    answer: Json
    told: Json  # what the log says of it: counts and outcomes, never an address, a token or a text of somebody's


def code_of(error: Exception) -> str:
    """The code in a service's answer ("ThrottlingException"), or nothing if no service answered."""
    return str(error.response["Error"].get("Code", "")) if isinstance(error, ClientError) else ""


def failure(error: Exception) -> Json:
    """What broke and where, but not the exception's text: that may quote an item."""
    frames = traceback.extract_tb(error.__traceback__)
    here = [frame for frame in frames if frame.filename == handler.__code__.co_filename][-1]
    at = f"{here.filename.rpartition('/')[2]}:{here.lineno}:{here.name}"
    return {"error": f"{type(error).__name__} {code_of(error)}".strip(), "at": at}


def log(context: Any, level: str, message: str, told: Json) -> None:
    at = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    line = {"level": level, "timestamp": at, "message": message, "requestId": context.aws_request_id}
    print(json.dumps(line | told))


def handler(event: Json, context: Any) -> Json:
    """Do the work once; log one line, and raise only what another attempt may mend."""
    started = time.monotonic()
    try:
        answer, told = work(event, context)
    except Exception as error:
        log(context, "ERROR", "failed", failure(error))
        # The function's error metric, and so the alarm, must see it; nobody else's words go along.
        raise RuntimeError("The work failed; the log line before this one says where.") from None
    log(context, "INFO", "done", told | {"durationMs": round((time.monotonic() - started) * 1000, 1)})
    return answer


# ---- Same in all functions that nobody waits for, end ----

TABLE = os.environ["SUBSCRIBERS_TABLE"]
QUEUE = os.environ["MAIL_FAILURES_QUEUE"]
OVERDUE_SECONDS = 15 * 60
CLOCKS_SECONDS = 60  # the clocks of those who write items and of the stream may differ, by less than this
RESERVE_MS = 20_000  # one more call with its retries, and the deletion of messages
MESSAGES = 500  # received in one call at most; there is one for each batch that was given up
HIDDEN_SECONDS = 120  # for how long others do not see a message that was received

CONFIG = Config(connect_timeout=1, read_timeout=3, retries={"mode": "standard", "total_max_attempts": 3})
table: Any = boto3.client("dynamodb", config=CONFIG)
queue: Any = boto3.client("sqs", config=CONFIG)


class Owed(NamedTuple):
    """An item of the index: whose mail, how far it is (confirm-refused, say), and since when it is owed."""

    address: str
    mail: str
    since: int


class Message(NamedTuple):
    """A message of Lambda's about records that it gave up, and when the last of them was written."""

    handle: str
    arrived: int


def work(event: Json, context: Any) -> Done:
    what = event.get("redrive") if isinstance(event, dict) else None
    if what not in ("refused", "uncertain"):
        usage = 'Say {"redrive": "refused"}, or {"redrive": "uncertain"} for what was perhaps sent.'
        return Done({"error": "UnknownRedrive", "message": usage}, {"error": "UnknownRedrive"})
    now = int(time.time())
    messages = given_up(context) if what == "refused" else []
    # What those records tell of was owed before the last of them was written.
    before = max([now - OVERDUE_SECONDS, *(message.arrived + CLOCKS_SECONDS for message in messages)])
    counts = {"redriven": 0, "passedOver": 0, "messagesDeleted": 0}
    more = len(messages) >= MESSAGES
    for item in owed(now):
        if not is_due(item, what, before):
            continue
        if context.get_remaining_time_in_millis() < RESERVE_MS:
            more, messages = True, []
            break
        counts["redriven" if want(item, now, before) else "passedOver"] += 1
    for message in messages:
        if context.get_remaining_time_in_millis() < RESERVE_MS // 2:
            more = True
            break
        queue.delete_message(QueueUrl=QUEUE, ReceiptHandle=message.handle)
        counts["messagesDeleted"] += 1
    answer = {"redrive": what, **counts, "more": more}
    return Done(answer, answer)


def given_up(context: Any) -> list[Message]:
    """The messages about this table's stream. Others stay in the queue, and are seen there again after a while.

    https://docs.aws.amazon.com/lambda/latest/dg/services-dynamodb-errors.html
    """
    found: list[Message] = []
    while len(found) < MESSAGES and context.get_remaining_time_in_millis() > 2 * RESERVE_MS:
        # Waits for a moment, because only then are all servers of the queue asked.
        received = queue.receive_message(
            QueueUrl=QUEUE, MaxNumberOfMessages=10, WaitTimeSeconds=1, VisibilityTimeout=HIDDEN_SECONDS
        ).get("Messages", [])
        if not received:
            break
        for message in received:
            arrived = last_arrival(message["Body"])
            if arrived is not None:
                found.append(Message(message["ReceiptHandle"], arrived))
    return found


def last_arrival(body: str) -> int | None:
    """When the last record that a message tells of was written; None when it is about no record of this table."""
    try:
        batch = json.loads(body)["DDBStreamBatchInfo"]
        if f":table/{TABLE}/stream/" not in batch["streamArn"]:
            return None
        return int(datetime.fromisoformat(batch["approximateArrivalOfLastRecord"]).timestamp())
    except (ValueError, KeyError, TypeError, OverflowError):
        return None


def owed(now: int) -> Iterator[Owed]:
    """All that is owed, oldest first. What is wanted again meanwhile is owed since later than now, so comes once."""
    query: Json = {
        "TableName": TABLE,
        "IndexName": "Owed",
        "KeyConditionExpression": "#owed = :mail AND #since <= :now",
        "ProjectionExpression": "#address, #mail, #since",
        "ExpressionAttributeNames": {"#owed": "owed", "#since": "owedSince", "#mail": "mail", "#address": "address"},
        "ExpressionAttributeValues": {":mail": {"S": "mail"}, ":now": {"N": str(now)}},
    }
    while True:
        page = table.query(**query)
        for item in page["Items"]:
            yield Owed(item["address"]["S"], item.get("mail", {}).get("S", ""), int(item["owedSince"]["N"]))
        if "LastEvaluatedKey" not in page:
            return
        query["ExclusiveStartKey"] = page["LastEvaluatedKey"]


def is_due(item: Owed, what: str, before: int) -> bool:
    step = item.mail.rpartition("-")[2]
    if what == "refused":
        return step == "refused" or (step == "wanted" and item.since < before)
    return step == "sending" and item.since < before


def want(item: Owed, now: int, before: int) -> bool:
    """Set the item to X-wanted, owed since now, so that the stream tells of it; False when it is not as it was.

    A mark is taken away only when it is old: what is owed for long may be sent at this very moment.
    """
    kind, _, step = item.mail.rpartition("-")
    update = "SET #mail = :wanted, #since = :now"
    condition = "#mail = :seen AND #since = :since AND #owed = :owed"
    names = {"#mail": "mail", "#since": "owedSince", "#owed": "owed"}
    values = {
        ":wanted": {"S": f"{kind}-wanted"},
        ":now": {"N": str(max(now + 1, int(time.time())))},
        ":seen": {"S": item.mail},
        ":since": {"N": str(item.since)},
        ":owed": {"S": "mail"},
    }
    if step == "sending":
        # SendMail writes `welcomedAt` with the mark, and sends no welcome to who has it.
        update += " REMOVE #welcomedAt"
        condition += " AND (attribute_not_exists(#markedAt) OR #markedAt < :before)"
        names |= {"#welcomedAt": "welcomedAt", "#markedAt": "markedAt"}
        values[":before"] = {"N": str(before)}
    try:
        table.update_item(
            TableName=TABLE,
            Key={"address": {"S": item.address}},
            UpdateExpression=update,
            ConditionExpression=condition,
            ExpressionAttributeNames=names,
            ExpressionAttributeValues=values,
        )
    except ClientError as error:
        if code_of(error) != "ConditionalCheckFailedException":
            raise
        return False
    return True
