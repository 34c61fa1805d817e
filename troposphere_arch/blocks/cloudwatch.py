"""Alarms on what a user would feel, and one dashboard.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/Best_Practice_Recommended_Alarms_AWS_Services.html
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from troposphere import FindInMap, GetAtt, If, Join, Ref, Split, Sub, cloudwatch

from .. import parameters
from ..conditions import all_of, equals, given, optional, switched_on
from ..parameters import parameter
from ..template import Node, ScenarioTemplate
from .apigateway import RestApi
from .autoscaling import Fleet
from .awslambda import Function
from .cloudfront import Distribution
from .dax import ReadCache
from .dynamodb import Table
from .ecs import Task, Tasks
from .efs import FileSystem
from .elasticache import LIMITS as CACHE_LIMITS
from .elasticache import ServiceCache
from .elasticloadbalancingv2 import Balancer
from .kinesis import Stream
from .logs import Lines
from .rds import LIMITS as DATABASE_LIMITS
from .rds import Database
from .servers import Servers
from .service_front import Front, Targets
from .ses import BY_SET, Sender
from .sns import Topic
from .sqs import Queue, WorkQueue

PERIOD_SECONDS = 300
# Of the metrics that functions of ours put; the name of the scenario follows.
NAMESPACE = "troposphere-arch"
# Per cent of requests. Of a blog that is read, far more come from the caches.
LOW_HIT_RATE = 50
# Of a file system without elastic throughput: what lets it be read at 100 MB a second for an hour.
BURST_BYTES = 360_000_000_000
# Of a database: its storage grows by itself when a tenth is free, which is 2 GB at least.
FREE_BYTES = 1_500_000_000
# Of a dashboard: its heading, its metrics, and the condition under which it is there.
Graph = tuple[str, list[Any], str | None]


@dataclass(frozen=True)
class Watch:
    """One alarm: a metric, how it is summed up, the value that is too much, and what that means for a user.

    `silence` is what to think when there are no numbers.
    """

    name: str
    namespace: Any
    metric: str
    dimensions: dict[str, Any]
    statistic: str
    threshold: Any
    means: str
    periods: int = 1
    when: str | None = None
    seconds: int = PERIOD_SECONDS
    comparison: str = "GreaterThanThreshold"
    silence: str = "notBreaching"


def _of_edge(edge: Distribution) -> list[Watch]:
    """CloudFront measures in one region only: these are its numbers as a function brings them to the stack's own.

    See `arrows.watches`, and the handler. Without additional metrics (`EdgeMetrics`) there is no cache hit rate.
    """
    namespace, dimensions = f"{NAMESPACE}/{edge.t.scenario}", {"Stack": Ref("AWS::StackName")}
    return [
        Watch(
            f"{edge.title}Errors", namespace, "5xxErrorRate", dimensions, "Average", 1,
            "More than 1% of requests end in an error, CloudFront's or of what is behind it.", 2,
        ),
        Watch(
            f"{edge.title}HitRate", namespace, "CacheHitRate", dimensions, "Average", LOW_HIT_RATE,
            f"CloudFront answers less than {LOW_HIT_RATE}% of requests from its caches: they take longer, and what "
            "is behind it costs more. A new Cache-Control, a query or a header that differs each time may be why.", 3,
            switched_on(edge.t, parameters.EDGE_METRICS), comparison="LessThanThreshold",
        ),
    ]  # fmt: skip


def _of_api(api: RestApi) -> list[Watch]:
    dimensions = {"ApiName": Ref("AWS::StackName"), "Stage": Ref(api.stage)}
    # The average of 5XXError is the share of requests that failed. A service may be asked once in an hour.
    failed = (
        Watch(
            f"{api.title}Errors", "AWS/ApiGateway", "5XXError", dimensions, "Sum", 0,
            "A request failed on our side; the function's log has its id.",
        )
        if api.signed
        else Watch(
            f"{api.title}Errors", "AWS/ApiGateway", "5XXError", dimensions, "Average", 0.01,
            "More than 1% of requests fail on our side.", 2,
        )
    )  # fmt: skip
    return [
        failed,
        Watch(
            f"{api.title}Latency", "AWS/ApiGateway", "Latency", dimensions, "p95", 2000,
            "One request in twenty takes longer than 2 seconds.", 3,
        ),
    ]  # fmt: skip


def _of_function(function: Function) -> list[Watch]:
    """By the alias that requests come to, where there is one: what somebody tries of another version is no alarm.

    https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-view.html
    """
    dimensions = {"FunctionName": Ref(function.resource)}
    for alias in function.aliases:
        dimensions["Resource"] = Sub(f"${{{function.title}}}:{alias.Name}")
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


def _of_stream(function: Function) -> list[Watch]:
    """What a function that reads streams has besides."""
    return [
        Watch(
            f"{function.title}Behind", "AWS/Lambda", "IteratorAge", {"FunctionName": Ref(function.resource)},
            "Maximum", 300_000, "The function is five minutes behind what it reads: something fails, or there is much.",
            2,
        ),
    ]  # fmt: skip


def _of_queue(queue: Queue) -> list[Watch]:
    return [
        Watch(
            f"{queue.title}Waiting", "AWS/SQS", "ApproximateNumberOfMessagesVisible",
            {"QueueName": GetAtt(queue.resource, "QueueName")}, "Maximum", 0,
            "Something failed for good and waits for somebody to see to it; it is kept for 14 days.",
        ),
    ]  # fmt: skip


def _of_work(queue: WorkQueue) -> list[Watch]:
    return [
        Watch(
            f"{queue.title}Late", "AWS/SQS", "ApproximateAgeOfOldestMessage",
            {"QueueName": GetAtt(queue.resource, "QueueName")}, "Maximum", 900,
            "A message has waited for a quarter of an hour: more comes than MaximumConcurrency lets through, or it "
            "fails and is tried again.", 2,
        ),
    ]  # fmt: skip


def _of_records(stream: Stream) -> list[Watch]:
    return [
        Watch(
            f"{stream.title}Full", "AWS/Kinesis", "WriteProvisionedThroughputExceeded",
            {"StreamName": Ref(stream.resource)}, "Sum", 0,
            "Records were refused, and have to be put again: raise ShardCount.", 2,
        ),
    ]  # fmt: skip


def _of_topic(topic: Topic) -> list[Watch]:
    return [
        Watch(
            f"{topic.title}Undelivered", "AWS/SNS", "NumberOfNotificationsFailed",
            {"TopicName": GetAtt(topic.resource, "TopicName")}, "Sum", 0,
            "A subscriber was not told; if it has a dead-letter queue, the message is there.",
        ),
    ]  # fmt: skip


def _of_sender(mail: Sender) -> list[Watch]:
    """What becomes of mails, by SES; and what is owed for too long, as the function that counts it says."""
    by_set = {BY_SET: Ref(mail.resource)}
    counted = f"{NAMESPACE}/{mail.t.scenario}", {"Stack": Ref("AWS::StackName")}
    hour = 3600
    return [
        Watch(
            f"{mail.title}Bounces", "AWS/SES", "Bounce", by_set, "Sum", 5,
            "More than five mails in an hour came back. AWS stops senders of whose mails one in ten does.",
            seconds=hour,
        ),
        Watch(
            f"{mail.title}Complaints", "AWS/SES", "Complaint", by_set, "Sum", 0,
            "Somebody called a mail spam. AWS stops senders of whose mails one in a thousand is.", seconds=hour,
        ),
        Watch(
            f"{mail.title}Rejects", "AWS/SES", "Reject", by_set, "Sum", 0,
            "SES took a mail and then found something bad in it, such as a virus.", seconds=hour,
        ),
        Watch(
            f"{mail.title}Waiting", counted[0], "MailWaiting", counted[1], "Maximum", 0,
            "A mail is owed for more than a quarter of an hour and nobody has begun to send it.",
        ),
        Watch(
            f"{mail.title}Uncertain", counted[0], "MailUncertain", counted[1], "Maximum", 0,
            "A mail was begun and never noted as sent: perhaps it arrived. Nobody sends it again unless you say so.",
        ),
        Watch(
            f"{mail.title}Refused", counted[0], "MailRefused", counted[1], "Maximum", 0,
            "SES refuses mails: is the account in the sandbox, the identity verified, the quota used up?",
        ),
    ]  # fmt: skip


def _of_table(table: Table) -> list[Watch]:
    dimensions = {"TableName": table.name}
    late = [
        Watch(
            f"{replica.title}Late", "AWS/DynamoDB", "ReplicationLatency",
            {**dimensions, "ReceivingRegion": replica.region}, "Average", 60_000,
            "What is written here is seen in the copy's region only after a minute.", 3, when=replica.when,
        )
        for replica in table.replicas
    ]  # fmt: skip
    return late + [
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


def _of_service_cache(cache: ServiceCache) -> list[Watch]:
    """https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/serverless-metrics-events-redis.html"""
    dimensions, title = {"clusterId": Ref(cache.resource)}, cache.title
    size, speed = Ref(parameters.caching.CACHE_SIZE.name), Ref(parameters.caching.CACHE_SPEED.name)
    return [
        Watch(
            f"{title}Full", "AWS/ElastiCache", "BytesUsedForCache", dimensions, "Maximum",
            FindInMap(CACHE_LIMITS, size, "Bytes"),
            "The cache holds nearly all that it may; beyond that it throws out what it should keep. Raise CacheMaxGB.",
            3,
        ),
        Watch(
            f"{title}Busy", "AWS/ElastiCache", "ElastiCacheProcessingUnits", dimensions, "Sum",
            FindInMap(CACHE_LIMITS, speed, "Units"),
            "The cache does nearly all that it may; what comes above that is read from the table. Raise CacheMaxUnits.",
            3,
        ),
        Watch(
            f"{title}Throttles", "AWS/ElastiCache", "ThrottledCmds", dimensions, "Sum", 0,
            "The cache refused requests, which were answered from the table: more came at once than it can or may do.",
            3,
        ),
    ]  # fmt: skip


def _of_balancer(balancer: Balancer) -> list[Watch]:
    """What devices feel: of the load balancer, and of the servers behind it."""
    whole = {"LoadBalancer": GetAtt(balancer.resource, "LoadBalancerFullName")}
    targets = {**whole, "TargetGroup": GetAtt(balancer.targets, "TargetGroupFullName")}
    title, namespace, minute = balancer.title, "AWS/ApplicationELB", 60
    return [
        Watch(
            f"{title}Errors", namespace, "HTTPCode_ELB_5XX_Count", whole, "Sum", 10,
            "The load balancer had nobody to answer more than ten requests in five minutes.", 2,
        ),
        Watch(
            f"{title}TargetErrors", namespace, "HTTPCode_Target_5XX_Count", whole, "Sum", 10,
            "The servers failed more than ten requests in five minutes: is the file system mounted, is it full?", 2,
        ),
        Watch(
            f"{title}Empty", namespace, "HealthyHostCount", targets, "Maximum", 1,
            "No server is healthy: nobody gets anything that the edge has not kept.", 3, seconds=minute,
            comparison="LessThanThreshold", silence="breaching",
        ),
        Watch(
            f"{title}Unhealthy", namespace, "UnHealthyHostCount", targets, "Maximum", 0,
            "A server is unhealthy for a quarter of an hour: new ones do not come up. Look at its console output.", 3,
        ),
        Watch(
            f"{title}Latency", namespace, "TargetResponseTime", whole, "p95", 1,
            "One request in twenty waits longer than a second for the first byte.", 3,
        ),
    ]  # fmt: skip


def _of_front(front: Front) -> list[Watch]:
    """What the load balancer itself answers; how many requests fail altogether, its API says."""
    whole = {"LoadBalancer": front.full_name}
    return [
        Watch(
            f"{front.title}Errors", "AWS/ApplicationELB", "HTTPCode_ELB_5XX_Count", whole, "Sum", 0,
            "The load balancer had nobody to answer, or waited in vain: see whether its targets are healthy.",
        ),
    ]  # fmt: skip


def _of_targets(targets: Targets) -> list[Watch]:
    """What those do to whom a load balancer sends requests: of several versions behind one, this one."""
    group = {"LoadBalancer": targets.balancer, "TargetGroup": GetAtt(targets.resource, "TargetGroupFullName")}
    title, namespace = targets.title, "AWS/ApplicationELB"
    unhealthy = Watch(
        f"{title}Unhealthy", namespace, "UnHealthyHostCount", group, "Maximum", 0,
        "One of them has not answered its health check for a quarter of an hour: new ones do not come up, see the "
        "log.", 3,
    )  # fmt: skip
    return [
        Watch(
            f"{title}Errors", namespace, "HTTPCode_Target_5XX_Count", group, "Sum", 0,
            "A request failed on our side; the log has its id.",
        ),
        Watch(
            f"{title}Latency", namespace, "TargetResponseTime", group, "p95", 2,
            "One request in twenty takes longer than 2 seconds.", 3,
        ),
        *([unhealthy] if targets.asked_for_health else []),
    ]  # fmt: skip


def _of_fleet(fleet: Fleet) -> list[Watch]:
    most = Ref(parameter(fleet.t, parameters.updates.FLEET_MAX))
    return [
        Watch(
            f"{fleet.title}Full", "AWS/AutoScaling", "GroupInServiceInstances",
            {"AutoScalingGroupName": Ref(fleet.resource)}, "Maximum", most,
            "As many servers run as may: what comes on top makes all wait. Raise FleetMaxSize, or let the edge answer.",
            3, comparison="GreaterThanOrEqualToThreshold",
        ),
    ]  # fmt: skip


def _of_files(files: FileSystem) -> list[Watch]:
    dimensions = {"FileSystemId": Ref(files.resource)}
    bursting = equals(files.t, "FilesAreBursting", parameters.updates.FILE_THROUGHPUT, "bursting")
    return [
        Watch(
            f"{files.title}Busy", "AWS/EFS", "PercentIOLimit", dimensions, "Average", 90,
            "The file system does nearly as many operations as it can; beyond that all wait.", 3,
        ),
        Watch(
            f"{files.title}Burst", "AWS/EFS", "BurstCreditBalance", dimensions, "Minimum", BURST_BYTES,
            "At full speed the file system is slow in an hour. Set FileThroughput to elastic, or let the edge answer.",
            1, bursting, comparison="LessThanThreshold",
        ),
    ]  # fmt: skip


def _of_tasks(tasks: Tasks) -> list[Watch]:
    """How many tasks there are, ECS says as the number of those that told their CPU within the minute.

    https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service_utilization.html
    """
    title, namespace, minute = tasks.title, "AWS/ECS", 60
    dimensions = {"ClusterName": Ref(tasks.cluster), "ServiceName": GetAtt(tasks.resource, "Name")}
    return [
        Watch(
            f"{title}Few", namespace, "CPUUtilization", dimensions, "SampleCount", tasks.least,
            "Fewer tasks than MinTasks run for ten minutes: new ones do not come up. The service's events in ECS say "
            "why: an image that is not there, a health check that fails, or too little memory.", 10, seconds=minute,
            comparison="LessThanThreshold", silence="breaching",
        ),
        Watch(
            f"{title}Cpu", namespace, "CPUUtilization", dimensions, "Average", 90,
            "Tasks are busy all the time although there are as many as may be: raise MaxTasks or TaskSize.", 3,
        ),
        Watch(
            f"{title}Memory", namespace, "MemoryUtilization", dimensions, "Maximum", 90,
            "A task is nearly out of memory, and will be stopped when it is: raise TaskSize.", 3,
        ),
    ]  # fmt: skip


def _of_servers(servers: Servers) -> list[Watch]:
    most = Ref(parameter(servers.t, parameters.updates.FLEET_MAX))
    return [
        Watch(
            f"{servers.title}Full", "AWS/AutoScaling", "GroupInServiceInstances",
            {"AutoScalingGroupName": Ref(servers.resource)}, "Maximum", most,
            "As many servers run as may: what comes on top makes all wait. Raise FleetMaxSize or take a larger "
            "InstanceType.", 3, comparison="GreaterThanOrEqualToThreshold",
        ),
    ]  # fmt: skip


def _of_database(database: Database) -> list[Watch]:
    dimensions = {"DBInstanceIdentifier": Ref(database.resource)}
    many = FindInMap(DATABASE_LIMITS, Ref(parameter(database.t, parameters.instances.DATABASE_CLASS)), "Connections")
    return [
        Watch(
            f"{database.title}Busy", "AWS/RDS", "CPUUtilization", dimensions, "Average", 80,
            "The database is busy; beyond this it answers late. Take a larger DatabaseClass, or look for statements "
            "without an index.", 3,
        ),
        Watch(
            f"{database.title}Space", "AWS/RDS", "FreeStorageSpace", dimensions, "Minimum", FREE_BYTES,
            "The database has less than 1.5 GB left, and stops when it has none: it cannot grow by itself any more. "
            "Raise DatabaseMaxStorage.", comparison="LessThanThreshold",
        ),
        Watch(
            f"{database.title}Connections", "AWS/RDS", "DatabaseConnections", dimensions, "Maximum", many,
            "The database has nearly as many connections as it takes; those beyond are refused, and callers get 503. "
            "Take a larger DatabaseClass, or fewer servers.", 2,
        ),
    ]  # fmt: skip


def _of_lines(lines: Lines) -> list[Watch]:
    return [Watch(lines.title, lines.namespace, lines.metric, {}, "Sum", 0, lines.means, lines.periods)]


def watch(t: ScenarioTemplate, *nodes: Node, to: Topic | None = None) -> None:
    """Alarms for whatever of `nodes` can fail, to the topic `to`, or else to that of `AlarmTopicArn` if there is one.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-resource-cloudwatch-alarm.html
    """
    to_topic = Ref(to.resource) if to else _named_topic(t)
    watches = [replace(w, when=all_of(t, w.when, node.when)) for node in nodes for w in _watches(node)]
    for w in watches:
        # Of a handful of requests the 95th percentile is the slowest one, which is often a cold start.
        percentile = {"ExtendedStatistic": w.statistic, "EvaluateLowSampleCountPercentile": "ignore"}
        statistic = percentile if w.statistic.startswith("p") else {"Statistic": w.statistic}
        t.put(
            cloudwatch.Alarm(
                f"{w.name}Alarm",
                AlarmActions=[to_topic],
                AlarmDescription=w.means,
                ComparisonOperator=w.comparison,
                EvaluationPeriods=w.periods,
                OKActions=[to_topic],
                Threshold=w.threshold,
                TreatMissingData=w.silence,
                **_metric(w),
                **statistic,
            ),
            when=w.when,
        )


def _named_topic(t: ScenarioTemplate) -> Any:
    topic = parameter(t, parameters.ALARM_TOPIC)
    return optional(given(t, parameters.ALARM_TOPIC), Ref(topic))


def _dimensions(w: Watch) -> list[cloudwatch.MetricDimension]:
    return [cloudwatch.MetricDimension(Name=n, Value=v) for n, v in w.dimensions.items()]


def _metric(w: Watch) -> dict[str, Any]:
    """What an alarm on one metric looks at."""
    return {
        **({"Dimensions": _dimensions(w)} if w.dimensions else {}),
        "MetricName": w.metric,
        "Namespace": w.namespace,
        "Period": w.seconds,
    }


def _watches(node: Node) -> list[Watch]:
    match node:
        case Distribution():
            return _of_edge(node)
        case RestApi():
            return _of_api(node)
        case Function():
            return _of_function(node) + (_of_stream(node) if node.streams else [])
        case Table():
            return _of_table(node)
        case ReadCache():
            return _of_cache(node)
        case ServiceCache():
            return _of_service_cache(node)
        case WorkQueue():
            return _of_work(node)
        case Queue():
            return _of_queue(node)
        case Stream():
            return _of_records(node)
        case Topic():
            return _of_topic(node)
        case Sender():
            return _of_sender(node)
        case Balancer():
            return _of_balancer(node)
        case Front():
            return _of_front(node)
        case Targets():
            return _of_targets(node)
        case Fleet():
            return _of_fleet(node)
        case FileSystem():
            return _of_files(node)
        case Servers():
            return _of_servers(node)
        case Database():
            return _of_database(node)
        case Lines():
            return _of_lines(node)
        case Task():  # what a user feels of it is seen where the tasks are kept, and where requests come in
            return []
        case Tasks():
            return _of_tasks(node)
    kinds = (
        "a distribution, an API, a function, a table, a cache, a queue, a stream, a topic, a sender of mail, a "
        "load balancer, a fleet, servers, a database, a file system, tasks or lines of a log"
    )
    raise TypeError(f"{node.title} is a {type(node).__name__}; alarms are for {kinds}")


def dashboard(
    t: ScenarioTemplate,
    title: str,
    api: RestApi,
    functions: Sequence[Function],
    table: Table,
    cache: ReadCache | None = None,
    *,
    mail: Sender | None = None,
    more: Sequence[Graph] = (),
) -> None:
    """One page: what callers feel, what the functions do, what the table does, and what caches that are on save.

    Functions that are not always there have a graph of their own, for each of their conditions; `more` are further
    graphs, of whatever else there is. CloudWatch bills about 3 USD a month for each dashboard beyond an account's
    first three.

    https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/CloudWatch-Dashboard-Body-Structure.html
    """
    on_api = ["ApiName", "${AWS::StackName}", "Stage", f"${{{api.stage.title}}}"]
    gateway = [
        ["AWS/ApiGateway", m, *on_api, {"stat": s}]
        for m, s in (("Count", "Sum"), ("4XXError", "Sum"), ("5XXError", "Sum"))
    ]
    latency = [["AWS/ApiGateway", "Latency", *on_api, {"stat": s}] for s in ("p50", "p95", "p99")]
    always_there = [f for f in functions if not f.when]
    others = {f.when: [one for one in functions if one.when == f.when] for f in functions if f.when}
    units = [
        ["AWS/DynamoDB", m, "TableName", f"${{{table.title}}}", {"stat": "Sum"}]
        for m in ("ConsumedReadCapacityUnits", "ConsumedWriteCapacityUnits")
    ]
    refused = [
        ["AWS/DynamoDB", m, "TableName", f"${{{table.title}}}", {"stat": "Sum"}]
        for m in ("ReadThrottleEvents", "WriteThrottleEvents")
    ]
    of_api = [["AWS/ApiGateway", m, *on_api, {"stat": "Sum"}] for m in ("CacheHitCount", "CacheMissCount")]
    cached = parameters.RESPONSE_CACHE.name in t.parameters
    graphs: tuple[Graph, ...] = (
        ("Requests", gateway, None),
        ("Latency (ms)", latency, None),
        ("Duration of functions (ms)", _durations(always_there), None),
        ("Errors, throttles, concurrency of functions", _troubles(always_there), None),
        ("Capacity units of the table", units, None),
        ("Throttles of the table", refused, None),
        *((("Response cache: hits and misses", of_api, given(t, parameters.RESPONSE_CACHE)),) if cached else ()),
        *(_graphs_of(cache) if cache else ()),
        *((f"Errors of {', '.join(f.title for f in some)}", _troubles(some), w) for w, some in others.items()),
        *(_graphs_of_mail(mail) if mail else ()),
        *more,
    )
    own = {"Cluster": cache.cluster_id} if cache else {}
    # By the name of a resource, `Sub` takes the resource; of a table that may be another one, the name that it has.
    _board(t, title, graphs, own=own, names={} if table.is_own else {table.title: table.name})


def board(t: ScenarioTemplate, title: str, *graphs: Graph) -> None:
    """One page of these graphs, of which each that has a condition is there only under that.

    https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/CloudWatch-Dashboard-Body-Structure.html
    """
    _board(t, title, graphs, own={}, names={})


def system_board(t: ScenarioTemplate, title: str) -> None:
    """One page for all stacks of a system, which it finds by the name that theirs begin with: `SystemName`.

    A new service is on it by itself, within minutes. CloudWatch bills about 3 USD a month for each dashboard beyond an
    account's first three: one for each service would be a part of its costs. What the search finds is at most 500
    lines a graph, of the last two weeks; it goes by words, so of systems whose names share all of theirs too.
    https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/search-expression-syntax.html
    """
    functions, apis, queues = "AWS/Lambda,FunctionName", "AWS/ApiGateway,ApiName,Stage", "AWS/SQS,QueueName"
    dead = "QueueName=Failures "  # a word of the names of all queues that take what failed
    graphs: list[Graph] = [
        (heading, [[{"expression": _search(where, metric, statistic, more), "id": "found", "label": ""}]], None)
        for heading, where, metric, statistic, more in (
            ("Errors of functions", functions, "Errors", "Sum", ""),
            ("Throttles of functions", functions, "Throttles", "Sum", ""),
            ("Duration of functions, p95 (ms)", functions, "Duration", "p95", ""),
            ("Behind their stream (ms)", functions, "IteratorAge", "Maximum", ""),
            ("Errors of APIs, 5xx", apis, "5XXError", "Sum", ""),
            ("Latency of APIs, p95 (ms)", apis, "Latency", "p95", ""),
            ("Oldest message of queues (s)", queues, "ApproximateAgeOfOldestMessage", "Maximum", ""),
            ("Given up: messages that wait", queues, "ApproximateNumberOfMessagesVisible", "Maximum", dead),
        )
    ]
    # A name is found by its words, each of them asked for: `my-shop` by `FunctionName=my FunctionName=shop`.
    words = Split("-", Ref(parameter(t, parameters.services.SYSTEM_NAME)))
    names = {name: Join(f" {name}=", words) for name in ("FunctionName", "ApiName", "QueueName")}
    _board(t, title, graphs, own={}, names=names)


def _search(where: str, metric: str, statistic: str, more: str) -> str:
    """Metrics of this name whose first dimension is a name that has the words of the system's."""
    by = where.split(",")[1]
    term = f'{{{where}}} MetricName="{metric}" {more}{by}=${{{by}}}'
    return f"SEARCH('{term}', '{statistic}', {PERIOD_SECONDS})"


def _board(
    t: ScenarioTemplate, title: str, graphs: Sequence[Graph], *, own: Mapping[str, Any], names: Mapping[str, Any]
) -> None:
    """A dashboard; `own` and `names` are what variables in its text stand for that are no resources' names."""
    widgets = [(json.dumps(_graph(place, heading, m)), when) for place, (heading, m, when) in enumerate(graphs)]
    always = ", ".join(widget for widget, when in widgets if not when)
    # A graph of what is switched off is left out of the text.
    extras: dict[str, Any] = {
        f"Graph{n}": If(when, Sub(f", {widget}", {k: v for k, v in own.items() if f"${{{k}}}" in widget}), "")
        for n, (widget, when) in enumerate(widgets)
        if when
    }
    body = f'{{"widgets": [{always}{"".join(f"${{{name}}}" for name in extras)}]}}'
    t.put(cloudwatch.Dashboard(title, DashboardBody=Sub(body, extras | dict(names))))


def _durations(functions: Sequence[Function]) -> list[Any]:
    return [
        ["AWS/Lambda", "Duration", "FunctionName", f"${{{f.title}}}", {"stat": "p95", "label": f"{f.title} p95"}]
        for f in functions
    ]


def _troubles(functions: Sequence[Function]) -> list[Any]:
    return [
        ["AWS/Lambda", m, "FunctionName", f"${{{f.title}}}", {"stat": stat, "label": f"{f.title} {m}"}]
        for f in functions
        for m, stat in (("Errors", "Sum"), ("Throttles", "Sum"), ("ConcurrentExecutions", "Maximum"))
    ]


def graphs_of_edge(edge: Distribution) -> tuple[Graph, ...]:
    """How many readers ask, how many get an error, and how much the edge answers by itself."""
    of_stack = ["Stack", "${AWS::StackName}"]
    namespace = f"{NAMESPACE}/{edge.t.scenario}"
    asked, failed, kept = (
        [[namespace, metric, *of_stack, {"stat": "Average"}]] for metric in ("Requests", "5xxErrorRate", "CacheHitRate")
    )
    return (
        ("Edge: requests of ten minutes", asked, edge.when),
        ("Edge: errors (%)", failed, edge.when),
        (
            "Edge: answered from caches (%)",
            kept,
            all_of(edge.t, edge.when, switched_on(edge.t, parameters.EDGE_METRICS)),
        ),
    )


def graphs_of_balancer(balancer: Balancer) -> tuple[Graph, ...]:
    """How much is asked of the servers, how fast they begin to answer, and how many are healthy."""
    name = f"${{{balancer.title}.LoadBalancerFullName}}"
    group = f"${{{balancer.targets.title}.TargetGroupFullName}}"
    namespace = "AWS/ApplicationELB"
    of_all, of_targets = ["LoadBalancer", name], ["TargetGroup", group, "LoadBalancer", name]
    codes = ("RequestCount", "HTTPCode_Target_2XX_Count", "HTTPCode_Target_5XX_Count", "HTTPCode_ELB_5XX_Count")
    times = [[namespace, "TargetResponseTime", *of_all, {"stat": s}] for s in ("p50", "p95", "p99")]
    hosts = [[namespace, m, *of_targets, {"stat": "Maximum"}] for m in ("HealthyHostCount", "UnHealthyHostCount")]
    return (
        ("Load balancer: requests", [[namespace, m, *of_all, {"stat": "Sum"}] for m in codes], None),
        ("Load balancer: bytes", [[namespace, "ProcessedBytes", *of_all, {"stat": "Sum"}]], None),
        ("Servers: time to the first byte (s)", times, None),
        ("Servers: healthy and not", hosts, None),
    )


def graphs_of_fleet(fleet: Fleet) -> tuple[Graph, ...]:
    """How many servers there are, and how busy."""
    of_group = ["AutoScalingGroupName", f"${{{fleet.title}}}"]
    counts = ("GroupMinSize", "GroupInServiceInstances", "GroupMaxSize")
    busy = [["AWS/EC2", m, *of_group, {"stat": "Average"}] for m in ("CPUUtilization", "NetworkOut")]
    return (
        ("Servers: how many", [["AWS/AutoScaling", m, *of_group, {"stat": "Maximum"}] for m in counts], None),
        ("Servers: CPU (%)", busy[:1], None),
        ("Servers: bytes out, of each", busy[1:], None),
    )


def graphs_of_files(files: FileSystem) -> tuple[Graph, ...]:
    """How much is read and written, and how near that is to what the file system can."""
    of_files = ["FileSystemId", f"${{{files.title}}}"]
    moved = ("DataReadIOBytes", "DataWriteIOBytes")
    return (
        ("Files: bytes read and written", [["AWS/EFS", m, *of_files, {"stat": "Sum"}] for m in moved], None),
        ("Files: of the operations that they can do (%)", [["AWS/EFS", "PercentIOLimit", *of_files]], None),
    )


def graphs_of_functions(*functions: Function) -> tuple[Graph, ...]:
    """How long the functions take, and what goes wrong with them; all of these are always there."""
    return (
        ("Duration of functions (ms)", _durations(functions), None),
        ("Errors, throttles, concurrency of functions", _troubles(functions), None),
    )


def _graphs_of_mail(mail: Sender) -> tuple[Graph, ...]:
    """What became of mails, and what is owed for too long."""
    by_set = [BY_SET, f"${{{mail.title}}}", {"stat": "Sum"}]
    by_stack = [f"{NAMESPACE}/{mail.t.scenario}", "Stack", "${AWS::StackName}"]
    owed = [
        [by_stack[0], m, *by_stack[1:], {"stat": "Maximum"}] for m in ("MailWaiting", "MailUncertain", "MailRefused")
    ]
    fate = [["AWS/SES", m, *by_set] for m in ("Bounce", "Complaint", "Reject")]
    return ("Mail that is owed for too long", owed, mail.when), ("What became of mails", fate, mail.when)


def _graphs_of(cache: ReadCache) -> tuple[Graph, ...]:
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
