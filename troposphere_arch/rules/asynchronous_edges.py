"""E9018."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ._failures import OF_TARGET, QUEUE, functions_of, may, targets
from ._rule import Found, HouseRule
from ._template import Path, Resource, View, items, principals, text, values

MAPPING = "AWS::Lambda::EventSourceMapping"
INVOKES = "AWS::Lambda::EventInvokeConfig"
RULE = "AWS::Events::Rule"
EVENTS = "events.amazonaws.com"
ON_FAILURE = ("DestinationConfig", "OnFailure", "Destination")


class AsynchronousEdges(HouseRule):
    """What nobody waits for is tried so often, for so long, and then goes where somebody finds it.

    By default Lambda tries a record of a stream until the stream forgets it, and the records behind it wait; an event
    that it fails on three times is gone without a trace, and so is one that a rule could not hand over. So each event
    source mapping, each function that is invoked by a rule, a bucket or a topic, and each target of a rule has bounded
    retries, a bounded age and a failure destination, to which its role, or its rule, may send. What a schedule starts
    has nothing to lose, since it comes again: it has bounds, and needs no destination.
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
                for function in functions_of(view, target.get("Arn")):
                    yield from _target(view, rule, where, target, function)


def _mapping(view: View, mapping: Resource) -> Iterator[Found]:
    source = mapping.properties.get("EventSourceArn")
    queues = view.named(source, QUEUE)
    for queue in queues:  # what failed goes where the queue itself says
        for where, to in values(queue.properties, "RedrivePolicy", "deadLetterTargetArn", path=queue.properties_path):
            if to is None:
                yield where, f"{queue.name}, which {mapping.name} reads, has no dead-letter queue; set RedrivePolicy"
    if queues or ":sqs:" in (text(source) or ""):
        return
    for key in ("MaximumRetryAttempts", "MaximumRecordAgeInSeconds"):
        yield from _bound(mapping, key)
    for function in functions_of(view, mapping.properties.get("FunctionName")):
        yield from _destination(view, mapping, function)


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
    for subscription in view.of_type("AWS::SNS::Subscription"):
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
        for queue in view.named(to, QUEUE):
            if not may(view, function, "sqs:SendMessage", queue):
                yield where, f"{function.name} may not send to {queue.name}; allow its role sqs:SendMessage there"


def _target(view: View, rule: Resource, where: Path, target: dict[Any, Any], function: Resource) -> Iterator[Found]:
    for key in ("MaximumEventAgeInSeconds", "MaximumRetryAttempts"):
        for place, value in values(target, "RetryPolicy", key, path=where):
            if value is None:
                yield place, f"{rule.name} hands over to {function.name} for a day, 185 times; set RetryPolicy.{key}"
    if _is_schedule(rule):
        return
    for place, to in values(target, *OF_TARGET, path=where):
        if to is None:
            yield place, f"{rule.name} loses what it cannot hand over to {function.name}; set {'.'.join(OF_TARGET)}"
        for queue in view.named(to, QUEUE):
            if not any(_lets(view, policy.document, rule, queue) for policy in view.policies):
                yield (
                    place,
                    f"{rule.name} may not send to {queue.name}; let a policy of the queue allow {EVENTS} "
                    "sqs:SendMessage for aws:SourceArn of this rule",
                )


def _lets(view: View, document: dict[Any, Any], rule: Resource, queue: Resource) -> bool:
    """Whether a statement lets this rule send to the queue, and no other rule."""
    for _, statement in items(document, "Statement"):
        if not isinstance(statement, dict) or statement.get("Effect") != "Allow":
            continue
        about = [one for _, one in items(statement, "Resource")]
        actions = {text(one) for _, one in items(statement, "Action")}
        named = [
            arn
            for operator in ("ArnEquals", "ArnLike", "StringEquals")
            for _, arn in items(statement.get("Condition"), operator, "aws:SourceArn")
        ]
        if (
            queue in view.named(about)
            and "sqs:SendMessage" in actions
            and any(text(who) == EVENTS for _, _, who in principals(statement))
            and named
            and all(rule in view.named(arn) for arn in named)
        ):
            return True
    return False
