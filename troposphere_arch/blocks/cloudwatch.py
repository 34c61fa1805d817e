"""Alarms on what a user would feel, and one dashboard.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/Best_Practice_Recommended_Alarms_AWS_Services.html
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from troposphere import If, Ref, Sub, cloudwatch

from .. import parameters
from ..conditions import given, optional
from ..parameters import parameter
from ..template import Node, ScenarioTemplate
from .apigateway import RestApi
from .awslambda import Function
from .dax import ReadCache
from .dynamodb import Table

PERIOD_SECONDS = 300


@dataclass(frozen=True)
class Watch:
    """One alarm: a metric, how it is summed up, the value that is too much, and what that means for a user."""

    name: str
    namespace: str
    metric: str
    dimensions: dict[str, Any]
    statistic: str
    threshold: float
    means: str
    periods: int = 1
    when: str | None = None


def _of_api(api: RestApi) -> list[Watch]:
    dimensions = {"ApiName": Ref("AWS::StackName"), "Stage": Ref(api.stage)}
    # The average of 5XXError is the share of requests that failed.
    return [
        Watch(
            f"{api.title}Errors", "AWS/ApiGateway", "5XXError", dimensions, "Average", 0.01,
            "More than 1% of requests fail on our side.", 2,
        ),
        Watch(
            f"{api.title}Latency", "AWS/ApiGateway", "Latency", dimensions, "p95", 2000,
            "One request in twenty takes longer than 2 seconds.", 3,
        ),
    ]  # fmt: skip


def _of_function(function: Function) -> list[Watch]:
    dimensions = {"FunctionName": Ref(function.resource)}
    return [
        Watch(
            f"{function.title}Errors", "AWS/Lambda", "Errors", dimensions, "Sum", 0,
            "The function crashed or timed out; its log has the request id.",
        ),
        Watch(
            f"{function.title}Throttles", "AWS/Lambda", "Throttles", dimensions, "Sum", 0,
            "The function was not run for lack of concurrency; callers got 5xx.",
        ),
    ]  # fmt: skip


def _of_table(table: Table) -> list[Watch]:
    dimensions = {"TableName": table.name}
    return [
        Watch(
            f"{table.title}{kind}Throttles", "AWS/DynamoDB", f"{kind}ThrottleEvents", dimensions, "Sum", 0,
            f"DynamoDB refused {kind.lower()}s of the table for a while; callers may have got 503.",
        )
        for kind in ("Read", "Write")
    ]  # fmt: skip


def _of_cache(cache: ReadCache) -> list[Watch]:
    dimensions = {"ClusterId": cache.cluster_id}
    return [
        Watch(
            f"{cache.title}Cpu", "AWS/DAX", "CPUUtilization", dimensions, "Maximum", 80,
            "A node of the read cache is busy; beyond this it answers late. Take more nodes or larger ones.", 3,
        ),
        Watch(
            f"{cache.title}Evictions", "AWS/DAX", "EvictedSize", dimensions, "Sum", 0,
            "The read cache throws out what it should keep, for lack of memory: reads cost more and take longer.", 3,
        ),
        Watch(
            f"{cache.title}Faults", "AWS/DAX", "FaultRequestCount", dimensions, "Sum", 0,
            "The read cache failed requests; callers may have got 5xx.",
        ),
        Watch(
            f"{cache.title}Throttles", "AWS/DAX", "ThrottledRequestCount", dimensions, "Sum", 0,
            "The read cache refused requests, for lack of memory or because the table did; callers may have got 503.",
        ),
    ]  # fmt: skip


def watch(t: ScenarioTemplate, *nodes: Node) -> None:
    """Alarms for each API, function, table and cache among `nodes`, to the topic of `AlarmTopicArn` if there is one.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-resource-cloudwatch-alarm.html
    """
    topic = parameter(t, parameters.ALARM_TOPIC)
    to_topic = optional(given(t, parameters.ALARM_TOPIC), Ref(topic))
    watches = [replace(w, when=node.when) for node in nodes for w in _watches(node)]
    for w in watches:
        # Of a handful of requests the 95th percentile is the slowest one, which is often a cold start.
        percentile = {"ExtendedStatistic": w.statistic, "EvaluateLowSampleCountPercentile": "ignore"}
        statistic = percentile if w.statistic.startswith("p") else {"Statistic": w.statistic}
        t.put(
            cloudwatch.Alarm(
                f"{w.name}Alarm",
                AlarmActions=[to_topic],
                AlarmDescription=w.means,
                ComparisonOperator="GreaterThanThreshold",
                Dimensions=[cloudwatch.MetricDimension(Name=n, Value=v) for n, v in w.dimensions.items()],
                EvaluationPeriods=w.periods,
                MetricName=w.metric,
                Namespace=w.namespace,
                OKActions=[to_topic],
                Period=PERIOD_SECONDS,
                Threshold=w.threshold,
                TreatMissingData="notBreaching",
                **statistic,
            ),
            when=w.when,
        )


def _watches(node: Node) -> list[Watch]:
    match node:
        case RestApi():
            return _of_api(node)
        case Function():
            return _of_function(node)
        case Table():
            return _of_table(node)
        case ReadCache():
            return _of_cache(node)
    kinds = "an API, a function, a table or a read cache"
    raise TypeError(f"{node.title} is a {type(node).__name__}; alarms are for {kinds}")


def dashboard(
    t: ScenarioTemplate,
    title: str,
    api: RestApi,
    functions: Sequence[Function],
    table: Table,
    cache: ReadCache | None = None,
) -> None:
    """One page: what callers feel, what the functions do, what the table does, and what caches that are on save.

    CloudWatch bills about 3 USD a month for each dashboard beyond an account's first three.

    https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/CloudWatch-Dashboard-Body-Structure.html
    """
    on_api = ["ApiName", "${AWS::StackName}", "Stage", f"${{{api.stage.title}}}"]
    gateway = [
        ["AWS/ApiGateway", m, *on_api, {"stat": s}]
        for m, s in (("Count", "Sum"), ("4XXError", "Sum"), ("5XXError", "Sum"))
    ]
    latency = [["AWS/ApiGateway", "Latency", *on_api, {"stat": s}] for s in ("p50", "p95", "p99")]
    named = [(f.title, f"${{{f.title}}}") for f in functions]
    duration = [
        ["AWS/Lambda", "Duration", "FunctionName", ref, {"stat": "p95", "label": f"{name} p95"}] for name, ref in named
    ]
    trouble = [
        ["AWS/Lambda", m, "FunctionName", ref, {"stat": stat, "label": f"{name} {m}"}]
        for name, ref in named
        for m, stat in (("Errors", "Sum"), ("Throttles", "Sum"), ("ConcurrentExecutions", "Maximum"))
    ]
    units = [
        ["AWS/DynamoDB", m, "TableName", f"${{{table.title}}}", {"stat": "Sum"}]
        for m in ("ConsumedReadCapacityUnits", "ConsumedWriteCapacityUnits")
    ]
    refused = [
        ["AWS/DynamoDB", m, "TableName", f"${{{table.title}}}", {"stat": "Sum"}]
        for m in ("ReadThrottleEvents", "WriteThrottleEvents")
    ]
    of_api = [["AWS/ApiGateway", m, *on_api, {"stat": "Sum"}] for m in ("CacheHitCount", "CacheMissCount")]
    graphs: tuple[tuple[str, list[Any], str | None], ...] = (
        ("Requests", gateway, None),
        ("Latency (ms)", latency, None),
        ("Duration of functions (ms)", duration, None),
        ("Errors, throttles, concurrency of functions", trouble, None),
        ("Capacity units of the table", units, None),
        ("Throttles of the table", refused, None),
        ("Response cache: hits and misses", of_api, given(t, parameters.RESPONSE_CACHE)),
        *(_graphs_of(cache) if cache else ()),
    )
    widgets = [(json.dumps(_graph(place, heading, m)), when) for place, (heading, m, when) in enumerate(graphs)]
    always = ", ".join(widget for widget, when in widgets if not when)
    # A graph of what is switched off is left out of the text.
    own = {"Cluster": cache.cluster_id} if cache else {}
    extras = {
        f"Graph{n}": If(when, Sub(f", {widget}", {k: v for k, v in own.items() if f"${{{k}}}" in widget}), "")
        for n, (widget, when) in enumerate(widgets)
        if when
    }
    body = f'{{"widgets": [{always}{"".join(f"${{{name}}}" for name in extras)}]}}'
    t.put(cloudwatch.Dashboard(title, DashboardBody=Sub(body, extras)))


def _graphs_of(cache: ReadCache) -> tuple[tuple[str, list[Any], str | None], ...]:
    """What the read cache saves, and how busy it is."""
    cluster = ["ClusterId", "${Cluster}"]
    answers = ("ItemCacheHits", "ItemCacheMisses", "QueryCacheHits", "QueryCacheMisses")
    load = ("CPUUtilization", "CacheMemoryUtilization")
    return (
        ("Read cache: hits and misses", [["AWS/DAX", m, *cluster, {"stat": "Sum"}] for m in answers], cache.when),
        ("Read cache: load (%)", [["AWS/DAX", m, *cluster, {"stat": "Maximum"}] for m in load], cache.when),
    )


def _graph(place: int, heading: str, metrics: list[Any]) -> dict[str, Any]:
    """One graph, two in a row."""
    return {
        "type": "metric",
        "x": 12 * (place % 2),
        "y": 6 * (place // 2),
        "width": 12,
        "height": 6,
        "properties": {"title": heading, "region": "${AWS::Region}", "period": PERIOD_SECONDS, "metrics": metrics},
    }
