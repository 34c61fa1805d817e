"""Counts the mail that is owed for too long, and puts the numbers where alarms see them.

    every 5 minutes --> this --queries the index Owed--> Subscribers;  counts --> metrics --> alarms

MailWaiting is wanted and not begun, MailRefused is what SES did not take, MailUncertain is marked as being sent and
perhaps was not: that one is never sent again by itself, so somebody has to look (docs: RedriveMail). All three are put
each time, also when they are 0: no numbers at all means that nobody counts.

The function's role needs dynamodb:Query on the table's index Owed, and cloudwatch:PutMetricData, which knows no
resource, under the condition that cloudwatch:namespace is NAMESPACE.
"""

import json
import os
import time
import traceback
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
STACK = os.environ["STACK"]
NAMESPACE = os.environ["NAMESPACE"]
OVERDUE_SECONDS = 15 * 60
METRICS = {"wanted": "MailWaiting", "sending": "MailUncertain", "refused": "MailRefused"}
PAGES = 100  # of up to 1 MB, some ten thousand mails each: past that the numbers say enough
RESERVE_MS = 5000  # for the metrics, with retries

CONFIG = Config(connect_timeout=1, read_timeout=3, retries={"mode": "standard", "total_max_attempts": 3})
table: Any = boto3.client("dynamodb", config=CONFIG)
cloudwatch: Any = boto3.client("cloudwatch", config=CONFIG)


def work(_: Json, context: Any) -> Done:
    counts, complete = overdue(context)
    # https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricData.html
    cloudwatch.put_metric_data(
        Namespace=NAMESPACE,
        MetricData=[
            {
                "MetricName": name,
                "Dimensions": [{"Name": "Stack", "Value": STACK}],
                "Unit": "Count",
                "Value": counts[name],
            }
            for name in METRICS.values()
        ],
    )
    return Done(counts, counts | ({} if complete else {"atLeast": True}))


def overdue(context: Any) -> tuple[Json, bool]:
    """How many mails are owed for too long, by metric; and whether all were looked at, oldest first."""
    counts = dict.fromkeys(METRICS.values(), 0)
    query: Json = {
        "TableName": TABLE,
        "IndexName": "Owed",
        "KeyConditionExpression": "#owed = :mail AND #since < :before",
        "ProjectionExpression": "#mail",
        "ExpressionAttributeNames": {"#owed": "owed", "#since": "owedSince", "#mail": "mail"},
        "ExpressionAttributeValues": {
            ":mail": {"S": "mail"},
            ":before": {"N": str(int(time.time()) - OVERDUE_SECONDS)},
        },
    }
    for _ in range(PAGES):
        page = table.query(**query)
        for item in page["Items"]:
            step = item.get("mail", {}).get("S", "").rpartition("-")[2]
            # Owed, and in no state that is known: somebody should look at that too.
            counts[METRICS.get(step, "MailUncertain")] += 1
        if "LastEvaluatedKey" not in page:
            return counts, True
        if context.get_remaining_time_in_millis() < RESERVE_MS:
            break
        query["ExclusiveStartKey"] = page["LastEvaluatedKey"]
    return counts, False
