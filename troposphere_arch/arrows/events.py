"""Arrows that nobody waits for: streams, events, schedules, and where what fails in them ends.

    table ──stream, filtered──▶ function            bucket ──rule──▶ function            clock ──rule──▶ function
                                  └──failures──▶ queue                 └──failures──▶ queue

Each is bounded: so many attempts, for so long, and then a queue with an alarm. What the clock starts has nothing to
lose, since it comes again: it has bounds, and no queue.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from troposphere import GetAtt, Ref, awslambda, events

from .. import grants
from ..blocks.awslambda import Function
from ..blocks.dynamodb import Table
from ..blocks.events import Bus, Rule, every, on_created, on_told
from ..blocks.iam import grant
from ..blocks.s3 import Bucket
from ..blocks.sqs import Queue, WorkQueue
from ..conditions import all_of
from .ends import beside, expect_end, uses_key

# Of a stream: a batch is tried six times, halves of it by themselves, and no record longer than six hours.
BATCH = 10
STREAM_RETRIES = 5
STREAM_SECONDS = 6 * 3600
# Of an event: Lambda runs the function three times, EventBridge hands the event over eleven times, all in an hour.
RETRIES = 2
HANDOVERS = 10
EVENT_SECONDS = 3600


def streams(table: Table, function: Function, *, failures: Queue, values: Mapping[str, Sequence[str]]) -> None:
    """Each change that leaves the table's item with one of these values invokes the function, in the order of an item.

    Lambda filters, so that nothing else costs an invocation; an item that is removed has no values. A batch that fails
    is tried again, in halves, and from the first record on that the function says has failed; five times, and for six
    hours at most. Then `failures` is told which records those were, and the stream goes on.

    Makes `<table>To<function>`. It begins with the oldest record that the stream has: with the latest, what is written
    while the mapping is made, which takes a minute, would never be seen. The function must know what it has done.
    https://docs.aws.amazon.com/lambda/latest/dg/services-ddb-params.html
    """
    expect_end(table, Table, "streams")
    expect_end(function, Function, "streams")
    expect_end(failures, Queue, "streams")
    if not table.is_own or "StreamSpecification" not in table.resource.properties:
        raise ValueError(f"{table.title} has no stream of its own that {function.title} could be told by")
    t, when = function.t, all_of(function.t, table.when, function.when)
    images = {attribute: {"S": list(wanted)} for attribute, wanted in values.items()}
    pattern = json.dumps({"dynamodb": {"NewImage": images}}, separators=(",", ":"), sort_keys=True)
    t.put(
        awslambda.EventSourceMapping(
            f"{table.title}To{function.title}",
            BatchSize=BATCH,
            BisectBatchOnFunctionError=True,
            DestinationConfig=awslambda.DestinationConfig(OnFailure=awslambda.OnFailure(Destination=failures.arn)),
            Enabled=True,
            EventSourceArn=GetAtt(table.resource, "StreamArn"),
            FilterCriteria=awslambda.FilterCriteria(Filters=[awslambda.Filter(Pattern=pattern)]),
            FunctionName=Ref(function.resource),
            FunctionResponseTypes=["ReportBatchItemFailures"],
            MaximumRecordAgeInSeconds=STREAM_SECONDS,
            MaximumRetryAttempts=STREAM_RETRIES,
            ParallelizationFactor=1,
            StartingPosition="TRIM_HORIZON",
        ),
        when=when,
    )
    grant(function.role, f"ReadStreamOf{table.title}", grants.read_stream(table.resource))
    function.streams.append(table)
    t.record(table, "streams to", function, ", ".join(f"{name} is {' or '.join(v)}" for name, v in values.items()))
    _fails_to(function, failures)


def triggers(bucket: Bucket, function: Function, *, prefix: str, failures: Queue) -> None:
    """Each object that is put into the bucket below the prefix invokes the function; it must not put any there.

    An event that the function fails on is tried three times within an hour and then handed to `failures`, as is one
    that could not be handed over. Makes `<function>Rule`, `<function>RulePermission` and `<function>Retries`.
    https://docs.aws.amazon.com/lambda/latest/dg/invocation-async.html
    """
    for node, kind in ((bucket, Bucket), (function, Function), (failures, Queue)):
        expect_end(node, kind, "triggers")
    t = function.t
    when = all_of(t, bucket.when, function.when)
    rule = on_created(t, f"{function.title}Rule", bucket, prefix, when=when)
    _invokes(rule, function, HANDOVERS, EVENT_SECONDS, failures)
    _bounded(function, RETRIES, EVENT_SECONDS, failures)
    t.record(bucket, "triggers", function, f"objects below {prefix}")
    _fails_to(function, failures)


def gathers(queue: WorkQueue, bus: Bus, kind: str) -> None:
    """Events of this kind on the bus, whoever tells them, wait in the queue; what cannot be handed over is a failure.

    Makes `<queue>Rule`. https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-dlq.html
    """
    expect_end(queue, WorkQueue, "gathers")
    expect_end(bus, Bus, "gathers")
    rule = on_told(queue.t, f"{queue.title}Rule", bus, kind)
    bounds = events.RetryPolicy(MaximumEventAgeInSeconds=EVENT_SECONDS, MaximumRetryAttempts=HANDOVERS)
    failed = events.DeadLetterConfig(Arn=queue.failures.arn)
    rule.resource.Targets = [events.Target(Arn=queue.arn, DeadLetterConfig=failed, Id=queue.title, RetryPolicy=bounds)]
    for one in (queue, queue.failures):
        one.policy.PolicyDocument.Statement.append(grants.failures_of(rule.resource, one.resource))
    queue.t.record(bus, "hands over to", queue, kind)


def runs_every(function: Function, *, minutes: int) -> None:
    """The clock invokes the function. A run that fails is not repeated: the next one does its work.

    Makes `<function>Schedule`, `<function>SchedulePermission` and `<function>Retries`.
    https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-run-lambda-schedule.html
    """
    expect_end(function, Function, "runs every")
    rule = every(function.t, f"{function.title}Schedule", minutes, when=function.when)
    _invokes(rule, function, 0, minutes * 60, None)
    _bounded(function, 0, minutes * 60, None)
    function.t.record(rule, "invokes", function, f"every {minutes} minutes")


def _invokes(rule: Rule, function: Function, retries: int, seconds: int, failures: Queue | None) -> None:
    """The rule's target is the function, which lets this rule invoke it and no other."""
    t = rule.t
    more = {"DeadLetterConfig": events.DeadLetterConfig(Arn=failures.arn)} if failures else {}
    bounds = events.RetryPolicy(MaximumEventAgeInSeconds=seconds, MaximumRetryAttempts=retries)
    rule.resource.Targets = [
        events.Target(Arn=GetAtt(function.resource, "Arn"), Id=function.title, RetryPolicy=bounds, **more)
    ]
    t.put(
        awslambda.Permission(
            f"{rule.title}Permission",
            Action="lambda:InvokeFunction",
            FunctionName=Ref(function.resource),
            Principal="events.amazonaws.com",
            SourceArn=GetAtt(rule.resource, "Arn"),
        ),
        when=rule.when,
    )
    if failures:
        failures.policy.PolicyDocument.Statement.append(grants.failures_of(rule.resource, failures.resource))


def _bounded(function: Function, retries: int, seconds: int, failures: Queue | None) -> None:
    """How often and for how long Lambda tries an event that nobody waits for, and who is told in the end."""
    to = awslambda.OnFailure(Destination=failures.arn) if failures else None
    function.t.put(
        awslambda.EventInvokeConfig(
            f"{function.title}Retries",
            FunctionName=Ref(function.resource),
            MaximumEventAgeInSeconds=seconds,
            MaximumRetryAttempts=retries,
            Qualifier="$LATEST",
            **({"DestinationConfig": awslambda.DestinationConfig(OnFailure=to)} if to else {}),
        ),
        when=function.when,
    )


def _fails_to(function: Function, failures: Queue) -> None:
    """Lambda tells the queue of failures, as the function."""
    grant(function.role, f"SendTo{failures.title}", grants.send_messages(failures.resource))
    when = beside(function, failures.when)
    uses_key(function.t, function.role, f"UseKeyOf{failures.title}", "sqs", write=True, when=when)
    function.t.record(function, "fails to", failures)
