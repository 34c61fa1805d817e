"""E9018."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ._failures import (
    MAPPING,
    OF_TARGET,
    STREAM,
    SUBSCRIPTION,
    functions_of,
    is_stream,
    may_send,
    number,
    targets,
    topic_name,
)
from ._rule import Found, HouseRule
from ._senders import QUEUE, SENDING, TOPIC, sources
from ._template import Path, Resource, View, is_true, items, text, values

INVOKES = "AWS::Lambda::EventInvokeConfig"
RULE = "AWS::Events::Rule"
EVENTS = "events.amazonaws.com"
NOTIFICATIONS = "sns.amazonaws.com"
ON_FAILURE = ("DestinationConfig", "OnFailure", "Destination")
PARTS = "ReportBatchItemFailures"
# What hands a message over itself, and needs a place for what it cannot hand over.
MACHINES = ("lambda", "sqs")

# Of a queue that a function reads. AWS advises five receipts: one counts, too, when Lambda had no room for the message.
# https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html
LEAST_RECEIPTS, ADVISED_RECEIPTS = 3, 5
VISIBLE_FOR = 6  # times the function's timeout
# What is taken where a template says nothing.
# https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-sqs-queue.html
VISIBILITY_SECONDS, KEPT_SECONDS, TIMEOUT_SECONDS = 30, 4 * 24 * 3600, 3
STREAM_HOURS = 24


class AsynchronousEdges(HouseRule):
    """What nobody waits for is tried so often, for so long, and then goes where somebody finds it.

    By default Lambda tries a record of a stream until the stream forgets it, and the records behind it wait; an event
    that it fails on three times is gone without a trace, and so is one that a rule or a topic could not hand over. So
    each event source mapping, each function that is invoked by a rule, a bucket or a topic, and each target of a rule
    has bounded retries, a bounded age and a failure destination, to which its role, or its rule, may send. What a
    schedule starts has nothing to lose, since it comes again: it has bounds, and needs no destination.

    A function that reads a stream or a queue says which of a batch have failed, or those that have not are done twice;
    and a batch of a stream is cut in halves to find them. A queue that a function reads hides a message six times as
    long as the function may run, or two would work on it at once, and gives it up after three receipts at the earliest,
    to a dead-letter queue of its kind that keeps it for longer. The subscription of a queue or a function to a topic
    has a dead-letter queue, and the policies of both queues let this very topic send.
    """

    id = "E9018"
    shortdesc = "Asynchronous edges are bounded and lose nothing"
    source_url = "https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html"

    def check(self, view: View) -> Iterator[Found]:
        for mapping in view.of_type(MAPPING):
            yield from _mapping(view, mapping)
        for function, lasting in _invoked(view).values():
            yield from _function(view, function, lasting)
        for rule in view.of_type(RULE):
            for where, target in targets(rule):
                arn = target.get("Arn")
                for to in (*functions_of(view, arn), *view.named(arn, QUEUE, TOPIC, STREAM)):
                    yield from _target(view, rule, where, target, to)
        for subscription in view.of_type(SUBSCRIPTION):
            if subscription.properties.get("Protocol") in MACHINES:
                yield from _subscription(view, subscription)
        for topic in view.of_type(TOPIC):
            for where, one in items(topic.properties, "Subscription", path=topic.properties_path):
                if isinstance(one, dict) and one.get("Protocol") in MACHINES:
                    yield (
                        where,
                        f"{topic.name} loses what it cannot hand over; write an {SUBSCRIPTION}, which can have a "
                        "RedrivePolicy",
                    )


def _mapping(view: View, mapping: Resource) -> Iterator[Found]:
    source = mapping.properties.get("EventSourceArn")
    functions = functions_of(view, mapping.properties.get("FunctionName"))
    queues = view.named(source, QUEUE)
    is_queue, stream = bool(queues) or ":sqs:" in (text(source) or ""), is_stream(view, source)
    for queue in queues:  # what failed goes where the queue itself says
        yield from _redrive(view, mapping, queue)
        for function in functions:
            yield from _hidden(view, mapping, queue, function)
    if is_queue or stream:
        yield from _parts(mapping)
    if is_queue:
        return
    for key in ("MaximumRetryAttempts", "MaximumRecordAgeInSeconds"):
        yield from _bound(mapping, key)
    if stream:
        yield from _of_stream(view, mapping, view.named(source, STREAM))
    for function in functions:
        yield from _destination(view, mapping, function)


def _parts(mapping: Resource) -> Iterator[Found]:
    for where, types in values(mapping.properties, "FunctionResponseTypes", path=mapping.properties_path):
        if PARTS not in (types if isinstance(types, list) else [types]):
            yield where, f"{mapping.name} does a whole batch again for one that failed; set FunctionResponseTypes"


def _redrive(view: View, mapping: Resource, queue: Resource) -> Iterator[Found]:
    """When a queue gives a message up, and where that goes."""
    at, properties = queue.properties_path, queue.properties
    for where, to in values(properties, "RedrivePolicy", "deadLetterTargetArn", path=at):
        if to is None:
            yield where, f"{queue.name}, which {mapping.name} reads, has no dead-letter queue; set RedrivePolicy"
            continue
        for letters in view.named(to, QUEUE):
            kinds = [{is_true(fifo) for _, fifo in values(q.properties, "FifoQueue")} for q in (queue, letters)]
            if kinds[0] != kinds[1]:
                yield where, f"{queue.name} and {letters.name}, its dead-letter queue, are not both FIFO queues"
            elif kinds[0] == {False} and not _kept_longer(view, letters, queue):
                yield (
                    where,
                    f"{letters.name} forgets what {queue.name} gave up no later than that queue itself, counted from "
                    "when it was sent; let MessageRetentionPeriod be longer there",
                )
    for where, policy in values(properties, "RedrivePolicy", path=at):
        for place, receipts in values(policy, "maxReceiveCount", path=where) if isinstance(policy, dict) else ():
            often = number(view, receipts)
            if receipts is None or (often is not None and often < LEAST_RECEIPTS):
                yield (
                    place,
                    f"{queue.name} gives a message up after {receipts} receipts; set maxReceiveCount to "
                    f"{LEAST_RECEIPTS} or more, AWS advises {ADVISED_RECEIPTS}",
                )


def _kept_longer(view: View, letters: Resource, queue: Resource) -> bool:
    """Whether the dead-letter queue keeps a message for longer than the queue does, as far as the template tells.

    A message keeps the time at which it was sent. (One of a FIFO queue gets a new one.)
    https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-dead-letter-queues.html
    """
    kept = [
        [
            KEPT_SECONDS if seconds is None else number(view, seconds)
            for _, seconds in values(q.properties, "MessageRetentionPeriod")
        ]
        for q in (letters, queue)
    ]
    return all(one is None or other is None or one > other for one in kept[0] for other in kept[1])


def _hidden(view: View, mapping: Resource, queue: Resource, function: Resource) -> Iterator[Found]:
    """A message stays hidden while the function may still be at work on it, with the time that it waits for others."""

    def seconds(r: Resource, key: str, default: float) -> float:
        numbers = [default if one is None else number(view, one) for _, one in values(r.properties, key)]
        return max((one for one in numbers if one is not None), default=0)

    needed = VISIBLE_FOR * seconds(function, "Timeout", TIMEOUT_SECONDS)
    needed += seconds(mapping, "MaximumBatchingWindowInSeconds", 0)
    for where, one in values(queue.properties, "VisibilityTimeout", path=queue.properties_path):
        hidden = VISIBILITY_SECONDS if one is None else number(view, one)
        if hidden is not None and hidden < needed:
            yield (
                where,
                f"{queue.name} hides a message for {hidden:.0f} seconds, and {function.name} needs six times its "
                f"Timeout; set VisibilityTimeout to {needed:.0f} or more",
            )


def _of_stream(view: View, mapping: Resource, streams: list[Resource]) -> Iterator[Found]:
    at, properties = mapping.properties_path, mapping.properties
    for where, halves in values(properties, "BisectBatchOnFunctionError", path=at):
        if not is_true(halves):
            yield where, f"{mapping.name} gives up a whole batch for one record; set BisectBatchOnFunctionError to true"
    kept = [
        STREAM_HOURS if hours is None else number(view, hours)
        for stream in streams
        for _, hours in values(stream.properties, "RetentionPeriodHours")
    ] or [STREAM_HOURS]
    least = 3600 * min((hours for hours in kept if hours is not None), default=float("inf"))
    for where, age in values(properties, "MaximumRecordAgeInSeconds", path=at):
        seconds = number(view, age)
        if seconds is not None and seconds >= least:
            yield (
                where,
                f"{mapping.name} tries a record for {seconds:.0f} seconds, and the stream has forgotten it after "
                f"{least:.0f}; let MaximumRecordAgeInSeconds be less, or it is lost",
            )


def _invoked(view: View) -> dict[str, tuple[Resource, bool]]:
    """The functions that are invoked without anybody waiting, and whether by what does not come again by itself."""
    found: dict[str, tuple[Resource, bool]] = {}

    def note(value: Any, lasting: bool) -> None:
        for function in functions_of(view, value):
            found[function.name] = function, lasting or found.get(function.name, (function, False))[1]

    for rule in view.of_type(RULE):
        for _, target in targets(rule):
            note(target.get("Arn"), not _is_schedule(rule))
    for bucket in view.of_type("AWS::S3::Bucket"):
        for _, to in items(bucket.properties, "NotificationConfiguration", "LambdaConfigurations"):
            note(to.get("Function") if isinstance(to, dict) else None, True)
    for subscription in view.of_type(SUBSCRIPTION):
        if subscription.properties.get("Protocol") == "lambda":
            note(subscription.properties.get("Endpoint"), True)
    return found


def _is_schedule(rule: Resource) -> bool:
    return "ScheduleExpression" in rule.properties and "EventPattern" not in rule.properties


def _function(view: View, function: Resource, lasting: bool) -> Iterator[Found]:
    """What Lambda does with an event that the function fails on."""
    configs = [c for c in view.of_type(INVOKES) if function in functions_of(view, c.properties.get("FunctionName"))]
    if not any(config.exists_with(function) for config in configs):
        yield function.path, f"{function.name} is invoked by events and has no bounds; add an {INVOKES}"
    for config in configs:
        for key in ("MaximumRetryAttempts", "MaximumEventAgeInSeconds"):
            yield from _bound(config, key)
        has_queue = all(to is not None for _, to in values(function.properties, "DeadLetterConfig", "TargetArn"))
        if lasting and not has_queue:
            yield from _destination(view, config, function)


def _bound(r: Resource, key: str) -> Iterator[Found]:
    for where, value in values(r.properties, key, path=r.properties_path):
        if value is None or str(value) == "-1":
            yield where, f"{r.name} has {key} {value}, which is without end or AWS's own; set it"


def _destination(view: View, r: Resource, function: Resource) -> Iterator[Found]:
    """Where what failed goes; Lambda sends it there as the function."""
    for where, to in values(r.properties, *ON_FAILURE, path=r.properties_path):
        if to is None:
            yield where, f"{r.name} loses what fails; set {'.'.join(ON_FAILURE)}"
        for place in view.named(to, QUEUE, TOPIC):
            if not may_send(view, function, place):
                action = SENDING[place.type]
                yield where, f"{function.name} may not send to {place.name}; allow its role {action} there"


def _target(view: View, rule: Resource, where: Path, target: dict[Any, Any], to: Resource) -> Iterator[Found]:
    for key in ("MaximumEventAgeInSeconds", "MaximumRetryAttempts"):
        for place, value in values(target, "RetryPolicy", key, path=where):
            if value is None:
                yield place, f"{rule.name} hands over to {to.name} for a day, 185 times; set RetryPolicy.{key}"
    if to.type in SENDING and not _lets_rule(view, rule, to):
        yield (*where, "Arn"), _refused(rule, to)
    if _is_schedule(rule):
        return
    for place, letters in values(target, *OF_TARGET, path=where):
        if letters is None:
            yield place, f"{rule.name} loses what it cannot hand over to {to.name}; set {'.'.join(OF_TARGET)}"
        for queue in view.named(letters, QUEUE):
            if not _lets_rule(view, rule, queue):
                yield place, _refused(rule, queue)


def _refused(rule: Resource, to: Resource) -> str:
    kind = "queue" if to.type == QUEUE else "topic"
    return (
        f"{rule.name} may not send to {to.name}; let a policy of the {kind} allow {EVENTS} {SENDING[to.type]} for "
        "aws:SourceArn of this rule"
    )


def _lets_rule(view: View, rule: Resource, to: Resource) -> bool:
    """Whether a statement lets this rule send there, and no other rule."""
    return any(named and all(rule in view.named(arn) for arn in named) for named in sources(view, EVENTS, to))


def _subscription(view: View, subscription: Resource) -> Iterator[Found]:
    """What SNS hands over to a queue or a function, and where it puts what it cannot hand over."""
    at, properties = subscription.properties_path, subscription.properties
    for where, to in values(properties, "RedrivePolicy", "deadLetterTargetArn", path=at):
        if to is None:
            yield where, f"{subscription.name} loses what it cannot hand over; set RedrivePolicy.deadLetterTargetArn"
        for queue in view.named(to, QUEUE):
            yield from _lets_topic(view, subscription, where, queue)
    if properties.get("Protocol") == "sqs":
        for where, endpoint in values(properties, "Endpoint", path=at):
            for queue in view.named(endpoint, QUEUE):
                yield from _lets_topic(view, subscription, where, queue)


def _lets_topic(view: View, subscription: Resource, where: Path, queue: Resource) -> Iterator[Found]:
    """Whether the queue lets the topic of the subscription send, and no topic that has nothing to do with it."""
    others = {topic for one in view.of_type(SUBSCRIPTION) if _is_about(view, one, queue) for topic in _topics(one)}
    given = [{topic_name(arn) for arn in named} for named in sources(view, NOTIFICATIONS, queue)]
    for topic in _topics(subscription):
        if not any(topic in named and named <= others for named in given):
            yield (
                where,
                f"{subscription.name} may not send to {queue.name}; let a policy of the queue allow {NOTIFICATIONS} "
                "sqs:SendMessage for aws:SourceArn of its topic",
            )


def _topics(subscription: Resource) -> set[str | None]:
    """The topics that it may be of; none where nobody can tell."""
    return {topic_name(topic) for _, topic in values(subscription.properties, "TopicArn")} - {None}


def _is_about(view: View, subscription: Resource, queue: Resource) -> bool:
    properties = subscription.properties
    return queue in view.named([properties.get("Endpoint"), properties.get("RedrivePolicy")], QUEUE)
