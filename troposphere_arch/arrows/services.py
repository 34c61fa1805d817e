"""Arrows of a service: what it consumes, whom it calls, and what it tells others.

    function ──calls, signed──▶ service        queue | stream ──▶ function ──fails──▶ failures
       ├──sends──▶ queue | stream              topic ──filtered──▶ queue
       ├──puts──▶ bucket                       function ──publishes──▶ topic
       └──tells──▶ bus

The other service is a `Neighbour`: its address and its ARN are found in Parameter Store when the stack is made.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from fnmatch import fnmatchcase
from typing import Any, cast

from troposphere import AWSHelperFn, GetAtt, Ref, awslambda, sns

from .. import discovery, grants, parameters
from ..blocks.apigateway import RestApi
from ..blocks.awslambda import Function, put_beside
from ..blocks.dynamodb import Table
from ..blocks.events import Bus
from ..blocks.iam import grant
from ..blocks.kinesis import Stream
from ..blocks.s3 import Bucket
from ..blocks.sns import Topic
from ..blocks.sqs import Queue, WorkQueue
from ..blocks.ssm import Neighbour
from ..parameters import parameter
from ..template import Node
from .ends import Program, expect_end, tell, uses_key
from .events import BATCH, STREAM_SECONDS
from .people import calls_with_token

# Lambda counts the tries of a batch, whichever record fails: ten that each fail three times are twenty of them, and
# some are left for faults of what the function itself needs.
RECORD_RETRIES = 30
URL, QUEUE, STREAM, BUCKET, PREFIX = "URL", "QUEUE", "STREAM", "BUCKET", "PREFIX"


class _Scaling(AWSHelperFn):  # type: ignore[misc]  # troposphere is untyped
    """`ScalingConfig` of a mapping. troposphere's class of that name was overwritten by another."""

    def __init__(self, maximum: Any) -> None:
        self.data = {"MaximumConcurrency": maximum}


def calls(source: Node, what: RestApi | str, service: Neighbour | None = None) -> None:
    """`calls(phone, api)`: with its user's token. `calls(orders, "GET /stock/{sku}", stock)`: as itself, signed.

    The second form lets the function `orders` invoke that method of that path of the service `stock`, and no other, and
    tells it the address as `STOCK_URL`. The `{sku}` stands for any value of one part of the path.
    https://docs.aws.amazon.com/apigateway/latest/developerguide/permissions.html
    """
    if isinstance(what, RestApi) or service is None:
        calls_with_token(source, what)  # type: ignore[arg-type]  # it says itself what is not an API
        return
    function = _program(source, what)
    expect_end(service, Neighbour, what)
    verb, pattern, name = _route(what)
    service.told(discovery.ARN)
    grant(
        function.role,
        f"Call{service.title}{name}",
        grants.invoke_route(service.finds[discovery.ARN].name, verb, pattern),
    )
    tell(function, _variable(service, URL), service.told(discovery.ADDRESS), None)
    function.t.record(function, "calls", service, what)


def may_not_call(function: Program, routes: Sequence[str], service: Neighbour) -> None:
    """The function may not call these routes of a service that it calls others of.

    To IAM a variable of a path is `*`, which stands for several parts of a path too: who may `GET /stock/{sku}` could
    `GET /stock/{sku}/history`. So where the service answers that as well, it is denied.
    https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-control-access-using-iam-policies-to-invoke-api.html
    """
    _program(function, "may not call")
    expect_end(service, Neighbour, "may not call")
    patterns = [f"{verb}{pattern}" for verb, pattern, _ in map(_route, routes)]
    service.told(discovery.ARN)
    statements = grants.not_invoke_routes(service.finds[discovery.ARN].name, patterns)
    grant(function.role, f"NotCall{service.title}", statements)


def covers(route: str, other: str) -> bool:
    """Whether the right to call `route` is one to call `other` as well."""
    (verb, pattern, _), (verb_of_other, pattern_of_other, _) = _route(route), _route(other)
    return verb == verb_of_other and fnmatchcase(pattern_of_other, pattern)


def sends_to(function: Program, service: Neighbour, kind: str) -> None:
    """The function sends messages to the queue, or puts records into the stream, of the service: `kind` says which.

    It is told where as `PAYMENTS_QUEUE` (an address) or `STATISTICS_STREAM` (a name).
    """
    _program(function, "sends")
    expect_end(service, Neighbour, "sends")
    t, arn = function.t, service.told(discovery.ARN)
    by_kind = {
        QUEUE: (grants.send_to, "sqs", "sends to"),
        STREAM: (grants.put_records, "kinesis", "puts records into"),
    }
    if kind not in by_kind:
        raise ValueError(f"{function.title} sends to {service.name} as {kind!r}: write {QUEUE} or {STREAM}")
    allows, through, verb = by_kind[kind]
    grant(function.role, f"SendTo{service.title}", allows(arn))
    uses_key(t, function.role, f"UseKeyFor{service.title}", through, write=True, when=None)
    tell(function, _variable(service, kind), service.told(discovery.ADDRESS), None)
    t.record(function, verb, service, through.upper() if kind == QUEUE else "Kinesis")


def puts_into(function: Program, service: Neighbour, prefix: str) -> None:
    """The function puts objects below the prefix of the service's bucket; it reads and lists none.

    It is told where as `INVOICES_BUCKET` and `INVOICES_PREFIX`.
    """
    _program(function, "puts into")
    expect_end(service, Neighbour, "puts into")
    service.told(discovery.ARN)
    grant(function.role, f"PutInto{service.title}", grants.put_objects(service.finds[discovery.ARN].name, prefix))
    uses_key(function.t, function.role, f"UseKeyFor{service.title}", "s3", write=True, when=None)
    tell(function, _variable(service, BUCKET), service.told(discovery.ADDRESS), None)
    tell(function, _variable(service, PREFIX), prefix, None)
    function.t.record(function, "puts objects into", service, f"below {prefix}")


def announces(function: Program, topic: Topic, events: Sequence[str]) -> None:
    """The function publishes these events on its own topic, whose ARN it is told as `EVENTS_TOPIC`."""
    _program(function, "announces")
    expect_end(topic, Topic, "announces")
    grant(function.role, f"PublishTo{topic.title}", grants.publish_to(topic.resource))
    uses_key(function.t, function.role, f"UseKeyFor{topic.title}", "sns", write=True, when=None)
    tell(function, f"{topic.title.upper()}_TOPIC", Ref(topic.resource), None)
    function.t.record(function, "publishes", topic, ", ".join(events))


def subscribes(queue: WorkQueue, service: Neighbour, events: Sequence[str]) -> None:
    """The queue is told these events of the service's topic, and no others. What SNS cannot hand over goes to failures.

    Makes `<queue>From<service>`.
    https://docs.aws.amazon.com/sns/latest/dg/sns-subscription-filter-policies.html
    """
    expect_end(queue, WorkQueue, "subscribes")
    expect_end(service, Neighbour, "subscribes")
    topic = service.told(discovery.EVENTS)
    for one in (queue, queue.failures):
        statement = grants.told_by(topic, one.resource, f"From{service.title}")
        one.policy.PolicyDocument.Statement.append(statement)
    queue.t.put(
        sns.SubscriptionResource(
            f"{queue.title}From{service.title}",
            Endpoint=queue.arn,
            FilterPolicy={"event": sorted(events)},
            FilterPolicyScope="MessageAttributes",
            Protocol="sqs",
            RawMessageDelivery=True,
            RedrivePolicy={"deadLetterTargetArn": queue.failures.arn},
            TopicArn=topic,
            # Before the queue lets the topic in, a message would be lost.
            DependsOn=[queue.policy.title, queue.failures.policy.title],
        )
    )
    queue.t.record(service, "tells", queue, ", ".join(events))
    queue.t.record(queue, "fails to", queue.failures)


def consumes(
    function: Function, source: WorkQueue | Stream, *, failures: Queue | None = None, batch: int = BATCH
) -> None:
    """The function works on what is in the queue or the stream, batch by batch; of a batch it may fail in part.

    Of a queue, at most `MaximumConcurrency` batches at once; what fails comes again, and in the end goes where the
    queue says. Of a stream, in order of a shard: a batch that fails is tried 31 times, in halves, within six hours, and
    then `failures` is told which records those were, with all that came after them in the batch. So the function does
    better to hand a record that fails to `failures` itself, which it knows as `FAILURES_QUEUE`, and to go on.
    Makes `<source>To<function>`.
    https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html
    https://docs.aws.amazon.com/lambda/latest/dg/kinesis-on-failure-destination.html
    """
    _function(function, "consumes")
    t = function.t
    common = {
        "BatchSize": batch,
        "Enabled": True,
        "EventSourceArn": GetAtt(source.resource, "Arn"),
        "FunctionName": Ref(function.resource),
        "FunctionResponseTypes": ["ReportBatchItemFailures"],
    }
    if isinstance(source, WorkQueue):
        grant(function.role, f"Consume{source.title}", grants.consume_queue(source.resource))
        grant(function.role, f"Decrypt{source.title}", grants.decrypt_through("sqs"))
        mapping = awslambda.EventSourceMapping(f"{source.title}To{function.title}", **common)
        limit = Ref(parameter(t, parameters.services.MAXIMUM_CONCURRENCY))
        mapping.properties["ScalingConfig"] = _Scaling(limit)  # past troposphere's check, which knows the other class
        t.put(mapping)
        t.record(source, "invokes", function, f"batches of {batch}")
        t.record(source, "fails to", source.failures)
        return
    expect_end(source, Stream, "consumes")
    if failures is None:
        raise ValueError(f"{source.title} -> {function.title}: what fails in a stream needs a queue: give failures")
    grant(function.role, f"Consume{source.title}", grants.consume_stream(source.resource))
    grant(function.role, f"SendTo{failures.title}", grants.send_messages(failures.resource))
    grant(function.role, f"Decrypt{source.title}", grants.decrypt_through("kinesis"))
    uses_key(t, function.role, f"UseKeyOf{failures.title}", "sqs", write=True, when=None)
    tell(function, f"{failures.title.upper()}_QUEUE", Ref(failures.resource), None)
    to = awslambda.OnFailure(Destination=failures.arn)
    t.put(
        awslambda.EventSourceMapping(
            f"{source.title}To{function.title}",
            BisectBatchOnFunctionError=True,
            DestinationConfig=awslambda.DestinationConfig(OnFailure=to),
            MaximumRecordAgeInSeconds=STREAM_SECONDS,
            MaximumRetryAttempts=RECORD_RETRIES,
            StartingPosition="TRIM_HORIZON",
            **common,
        )
    )
    function.streams.append(source)
    t.record(source, "invokes", function, f"batches of {batch}, in order")
    t.record(function, "fails to", failures)


def takes(function: Function, bucket: Bucket, prefix: str) -> None:
    """The function gets the objects below the prefix of the bucket, which others put there; it puts none there.

    It gets the version that an event is about, not what has taken its name since.
    """
    _function(function, "takes")
    expect_end(bucket, Bucket, "takes")
    grant(function.role, f"TakeFrom{bucket.title}", grants.handle_objects(bucket.resource, {f"{prefix}*": "version"}))
    uses_key(function.t, function.role, f"UseKeyOf{bucket.title}", "s3", write=False, when=None)
    grant(function.role, f"Decrypt{bucket.title}", grants.decrypt_objects(bucket.resource))
    function.t.record(function, "takes from", bucket, f"below {prefix}")


def owns(function: Program, table: Table) -> None:
    """The table is the function's own: it reads, queries and writes its items, and knows it as `ITEMS_TABLE`."""
    _program(function, "owns")
    expect_end(table, Table, "owns")
    grant(function.role, f"Own{table.title}", grants.own_items(table.arn))
    uses_key(function.t, function.role, f"UseKeyOf{table.title}", "dynamodb", write=False, when=None)
    function.tables.append(table)
    tell(function, f"{table.title.upper()}_TABLE", table.name, None)
    function.t.record(function, "owns", table)


def tells(function: Program, bus: Neighbour | Bus, source: str) -> None:
    """The function tells the bus how its requests go on, as this source and no other; it knows the bus as `BUS`."""
    _program(function, "tells")
    if isinstance(bus, Bus):
        name, arn = Ref(bus.resource), GetAtt(bus.resource, "Arn")
    else:
        expect_end(bus, Neighbour, "tells")
        name, arn = bus.told(discovery.BUS), bus.told(discovery.BUS_ARN)
    grant(function.role, "TellBus", grants.put_events(arn, source))
    tell(function, "BUS", name, None)
    function.t.record(function, "tells", bus, "how a request goes on")


def lives_in(function: Function, network: Neighbour) -> None:
    """The function is in the platform's private subnets, in its security group for functions."""
    expect_end(network, Neighbour, "lives in")
    put_beside(function, network.told(discovery.GROUP), network.told(discovery.SUBNETS))
    function.t.record(function, "is in", network)


def knows_itself(function: Program, **variables: Any) -> None:
    """The function is told plain values: its service's name, and how often a message is tried."""
    for name, value in variables.items():
        tell(function, name, value, None)


def _route(route: str) -> tuple[str, str, str]:
    """The verb, the path with `*` for its variables, and both as a part of a name."""
    if not re.fullmatch(r"[A-Z]+ (/([A-Za-z0-9._-]+|\{[A-Za-z0-9_]+\}))+", route):
        raise ValueError(f"{route!r} is no route: write a verb and a path, such as GET /stock/{{sku}}")
    verb, _, path = route.partition(" ")
    pattern = "/".join("*" if part.startswith("{") else part for part in path.split("/"))
    return verb, pattern, f"{verb.title()}{''.join(re.findall('[A-Za-z0-9]+', path.title()))}"


def _program(node: Node, verb: str) -> Program:
    if not isinstance(node, Program):
        raise TypeError(f"{verb}: {node.title} is a {type(node).__name__}, where a program belongs")
    return node


def _function(node: Node, verb: str) -> Function:
    expect_end(node, Function, verb)
    return cast(Function, node)


def _variable(service: Neighbour, what: str) -> str:
    return discovery.variable(service.name, what)
