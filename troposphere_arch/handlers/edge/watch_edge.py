"""Brings what CloudFront measures to where the stack's alarms are.

    every 5 minutes --> this --reads AWS/CloudFront, in the one region that has it--> puts it in the stack's own region

CloudFront's metrics are in one region for the whole partition (N. Virginia), and an alarm sees its own region only.
https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/programming-cloudwatch-metrics.html

Each number is of the ten minutes before: Requests their sum, 5xxErrorRate and CacheHitRate (which needs CloudFront's
additional metrics) the per cent of requests, each minute with the weight of its requests. What CloudFront does not
tell, because nobody came or the metric is off, is not put: no data is not 0.
"""

import json
import os
import time
import traceback
from datetime import UTC, datetime, timedelta
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

EDGE = os.environ["EDGE_ID"]
STACK = os.environ["STACK"]
NAMESPACE = os.environ["NAMESPACE"]
MINUTES = 10
METRICS = {"Requests": "Sum", "5xxErrorRate": "Average", "CacheHitRate": "Average"}

CONFIG = Config(connect_timeout=2, read_timeout=5, retries={"mode": "standard", "total_max_attempts": 3})
edge_metrics: Any = boto3.client("cloudwatch", region_name=os.environ["EDGE_METRICS_REGION"], config=CONFIG)
cloudwatch: Any = boto3.client("cloudwatch", config=CONFIG)


def work(_: Json, __: Any) -> Done:
    values = over_all(by_minute(datetime.now(UTC).replace(second=0, microsecond=0)))
    if values:
        # https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricData.html
        cloudwatch.put_metric_data(
            Namespace=NAMESPACE,
            MetricData=[
                {
                    "MetricName": name,
                    "Dimensions": [{"Name": "Stack", "Value": STACK}],
                    "Unit": "Count" if name == "Requests" else "Percent",
                    "Value": value,
                }
                for name, value in values.items()
            ],
        )
    return Done(values, values)


def by_minute(end: datetime) -> dict[str, dict[datetime, float]]:
    """What CloudFront measured in the ten minutes before `end`: metric -> minute -> value.

    https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_GetMetricData.html
    """
    dimensions = [{"Name": "DistributionId", "Value": EDGE}, {"Name": "Region", "Value": "Global"}]
    queries = [
        {
            "Id": f"m{n}",
            "Label": name,
            "MetricStat": {
                "Metric": {"Namespace": "AWS/CloudFront", "MetricName": name, "Dimensions": dimensions},
                "Period": 60,
                "Stat": statistic,
            },
        }
        for n, (name, statistic) in enumerate(METRICS.items())
    ]
    found: dict[str, dict[datetime, float]] = {name: {} for name in METRICS}
    answer = edge_metrics.get_metric_data(
        MetricDataQueries=queries, StartTime=end - timedelta(minutes=MINUTES), EndTime=end
    )
    names = list(METRICS)
    for result in answer["MetricDataResults"]:
        found[names[int(result["Id"][1:])]] |= dict(zip(result["Timestamps"], result["Values"], strict=True))
    return found


def over_all(minutes: dict[str, dict[datetime, float]]) -> dict[str, float]:
    """One number for each metric that has any data."""
    requests = minutes["Requests"]
    values = {"Requests": sum(requests.values())} if requests else {}
    for name in METRICS:
        if name == "Requests" or not minutes[name]:
            continue
        # A minute whose number of requests is not told yet counts like one with a single request.
        weights = {minute: max(requests.get(minute, 1.0), 1.0) for minute in minutes[name]}
        total = sum(value * weights[minute] for minute, value in minutes[name].items())
        values[name] = total / sum(weights.values())
    return values
