"""E9016."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ._failures import STREAM, failure_queues, is_stream, reads
from ._rest import apis_of
from ._rule import Found, HouseRule
from ._senders import TOPIC, may_be_sent_to
from ._template import Resource, View, items, text, values

FUNCTION_METRICS = ("Errors", "Throttles")
STAGE_METRICS = ("5XXError", "Latency")
VISIBLE = "ApproximateNumberOfMessagesVisible"
AGE = "ApproximateAgeOfOldestMessage"
FULL = "WriteProvisionedThroughputExceeded"
UNDELIVERED = "NumberOfNotificationsFailed"
# Any of these; which one fits depends on how the table is billed.
# https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/metrics-dimensions.html
TABLE_METRICS = ("ReadThrottleEvents", "ThrottledRequests", "WriteThrottleEvents")


class Alarms(HouseRule):
    """Every function, API stage, table and failure queue is watched, and every alarm copes with silence.

    For what a user would feel: errors, waiting, refusals, and what was given up; of a function that reads a stream or a
    queue, also how far it is behind; of a stream of Kinesis, what it did not take, and of a topic to which a function
    publishes, what its subscribers were not told. Without traffic there is no data: an alarm that does not say how to
    treat that keeps the state it was in.
    """

    id = "E9016"
    shortdesc = "Failures raise an alarm"
    source_url = "https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/AlarmThatSendsEmail.html"

    def check(self, view: View) -> Iterator[Found]:
        alarms = view.of_type("AWS::CloudWatch::Alarm")
        for alarm in alarms:
            for where, missing in values(alarm.properties, "TreatMissingData", path=alarm.properties_path):
                if missing is None:
                    yield where, f"{alarm.name} does not say what silence means; set TreatMissingData"

        for function in view.of_type("AWS::Lambda::Function"):
            for metric in FUNCTION_METRICS:
                wanted = {"FunctionName": _names(function, "FunctionName")}
                if not _watched(alarms, function, "AWS/Lambda", (metric,), wanted):
                    yield function.path, f"{function.name} has no alarm on {metric}; add one by FunctionName"
        for stage in view.of_type("AWS::ApiGateway::Stage"):
            # The dimension is the API's name: a Ref gives its id, and such an alarm would never go off.
            api_names = {text(api.properties.get("Name")) for api in apis_of(view, stage)} - {None}
            wanted = {"ApiName": api_names, "Stage": {*_names(stage, "StageName"), None}}
            for metric in STAGE_METRICS:
                if not _watched(alarms, stage, "AWS/ApiGateway", (metric,), wanted):
                    yield stage.path, f"{stage.name} has no alarm on {metric}; add one by ApiName, the API's Name"
        for table in view.of_type("AWS::DynamoDB::Table", "AWS::DynamoDB::GlobalTable"):
            wanted = {"TableName": _names(table, "TableName")}
            if not _watched(alarms, table, "AWS/DynamoDB", TABLE_METRICS, wanted):
                metrics = " or ".join(TABLE_METRICS)
                yield table.path, f"{table.name} has no alarm on throttling; add one by TableName on {metrics}"
        for mapping in view.of_type("AWS::Lambda::EventSourceMapping"):
            source = mapping.properties.get("EventSourceArn")
            for function in view.named(mapping.properties.get("FunctionName"), "AWS::Lambda::Function"):
                wanted = {"FunctionName": _names(function, "FunctionName")}
                if is_stream(view, source) and not _watched(alarms, mapping, "AWS/Lambda", ("IteratorAge",), wanted):
                    yield mapping.path, f"{function.name} has no alarm on IteratorAge; add one by FunctionName"
        for stream in view.of_type(STREAM):
            if not _watched(alarms, stream, "AWS/Kinesis", (FULL,), {"StreamName": _names(stream, "Name")}):
                yield stream.path, f"{stream.name} has no alarm on {FULL}; add one by StreamName"
        for topic in view.of_type(TOPIC):
            # By a GetAtt: a Ref gives the ARN.
            wanted = {"TopicName": {f"${{{topic.name}.TopicName}}", text(topic.properties.get("TopicName"))} - {None}}
            if may_be_sent_to(view, topic) and not _watched(alarms, topic, "AWS/SNS", (UNDELIVERED,), wanted):
                yield topic.path, f"{topic.name} has no alarm on {UNDELIVERED}; add one by TopicName"
        failures = failure_queues(view)
        readers = {queue.name: mapping.name for mapping, queue in reads(view)}
        for queue in view.of_type("AWS::SQS::Queue"):
            # By a GetAtt: a Ref gives the address, and such an alarm would never go off.
            wanted = {"QueueName": {f"${{{queue.name}.QueueName}}", text(queue.properties.get("QueueName"))} - {None}}
            if queue.name in failures and not _watched(alarms, queue, "AWS/SQS", (VISIBLE,), wanted):
                yield queue.path, f"{queue.name} takes failures and has no alarm on {VISIBLE}; add one by QueueName"
            if queue.name in readers and not _watched(alarms, queue, "AWS/SQS", (AGE,), wanted):
                reader = readers[queue.name]
                yield queue.path, f"{queue.name}, which {reader} reads, has no alarm on {AGE}; add one by QueueName"


def _names(r: Resource, key: str) -> set[str | None]:
    """How a dimension may name the resource."""
    return {f"${{{r.name}}}", text(r.properties.get(key))} - {None}


def _watched(
    alarms: list[Resource], r: Resource, namespace: str, metrics: tuple[str, ...], wanted: dict[str, set[str | None]]
) -> bool:
    """Whether an alarm that is there when `r` is looks at one of the metrics of `r`."""
    return any(
        alarm.exists_with(r)
        and text(metric.get("Namespace")) == namespace
        and text(metric.get("MetricName")) in metrics
        and all(_dimension(metric, name) & names for name, names in wanted.items())
        for alarm in alarms
        for metric in _metrics(alarm.properties)
    )


def _metrics(properties: dict[Any, Any]) -> Iterator[dict[Any, Any]]:
    """The metrics that an alarm looks at: its own, and those of its expressions."""
    yield properties
    for _, query in items(properties, "Metrics"):
        for _, metric in values(query, "MetricStat", "Metric"):
            if isinstance(metric, dict):
                yield metric


def _dimension(metric: dict[Any, Any], name: str) -> set[str | None]:
    """What the dimension may be, by whatever condition; {None} where there is none."""
    for _, dimension in items(metric, "Dimensions"):
        if isinstance(dimension, dict) and dimension.get("Name") == name:
            return {text(value) for _, value in values(dimension, "Value")}
    return {None}
