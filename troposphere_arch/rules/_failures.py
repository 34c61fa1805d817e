"""Where failures go: what a template names as the destination of what could not be done."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ._senders import QUEUE, SENDING
from ._template import Path, Resource, View, intrinsic, items, text, values

STREAM = "AWS::Kinesis::Stream"
CONSUMER = "AWS::Kinesis::StreamConsumer"
MAPPING = "AWS::Lambda::EventSourceMapping"
SUBSCRIPTION = "AWS::SNS::Subscription"
FUNCTION = "AWS::Lambda::Function"
# Whose failures go where: the type, and the way to the destination's ARN from its properties.
DESTINATIONS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("AWS::Lambda::EventInvokeConfig", ("DestinationConfig", "OnFailure", "Destination")),
    ("AWS::Lambda::EventSourceMapping", ("DestinationConfig", "OnFailure", "Destination")),
    ("AWS::Lambda::Function", ("DeadLetterConfig", "TargetArn")),
    ("AWS::SNS::Subscription", ("RedrivePolicy", "deadLetterTargetArn")),
    ("AWS::SQS::Queue", ("RedrivePolicy", "deadLetterTargetArn")),
    ("AWS::Scheduler::Schedule", ("Target", "DeadLetterConfig", "Arn")),
)
OF_TARGET = ("DeadLetterConfig", "Arn")


def targets(rule: Resource) -> Iterator[tuple[Path, dict[Any, Any]]]:
    """The targets of a rule of EventBridge."""
    for where, target in items(rule.properties, "Targets", path=rule.properties_path):
        if isinstance(target, dict):
            yield where, target


def failure_queues(view: View) -> set[str]:
    """The queues of the template that take what failed."""
    named: set[str] = set()
    for kind, way in DESTINATIONS:
        for resource in view.of_type(kind):
            for _, destination in values(resource.properties, *way):
                named |= {queue.name for queue in view.named(destination, QUEUE)}
    for rule in view.of_type("AWS::Events::Rule"):
        for _, target in targets(rule):
            named |= {queue.name for _, to in values(target, *OF_TARGET) for queue in view.named(to, QUEUE)}
    return named


def is_stream(view: View, source: Any) -> bool:
    """Whether an event source is one of DynamoDB's or Kinesis' streams, as far as the template tells."""
    named = text(source) or ""
    return (
        "StreamArn" in named
        or ":kinesis:" in named
        or "/stream/" in named
        or bool(view.named(source, STREAM, CONSUMER))
    )


def reads(view: View) -> Iterator[tuple[Resource, Resource]]:
    """Each event source mapping and each queue of the template that it reads."""
    for mapping in view.of_type(MAPPING):
        for queue in view.named(mapping.properties.get("EventSourceArn"), QUEUE):
            yield mapping, queue


def topic_name(value: Any) -> str | None:
    """The topic whose ARN `value` is, as text: the same for a Ref of it and a GetAtt."""
    return (text(value) or "").replace(".TopicArn}", "}") or None


def number(view: View, value: Any) -> float | None:
    """The number that `value` is, or that a parameter is by default; None where the template does not tell."""
    name, argument = intrinsic(value)
    if name == "Ref" and isinstance(argument, str):
        parameter = view.parameters.get(argument)
        value = parameter.get("Default") if isinstance(parameter, dict) else None
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        return float(value)
    except ValueError:
        return None


def functions_of(view: View, value: Any) -> list[Resource]:
    """The functions that `value` names, by themselves or by an alias or a version."""
    direct = view.named(value, FUNCTION)
    behind = view.named(value, "AWS::Lambda::Alias", "AWS::Lambda::Version")
    return [*direct, *(f for one in behind for f in view.named(one.properties.get("FunctionName"), FUNCTION))]


def may_send(view: View, function: Resource, to: Resource) -> bool:
    """Whether the function's role may send to the queue, or publish to the topic, as far as the template tells."""
    return may(view, function, SENDING[to.type], to)


def may(view: View, function: Resource, action: str, resource: Resource) -> bool:
    """Whether the function's role is allowed the action on the resource, as far as the template tells.

    A role from elsewhere, or one with managed policies, may be.
    """
    roles = view.named(function.properties.get("Role"), "AWS::IAM::Role")
    if not roles or any(role.properties.get("ManagedPolicyArns") for role in roles):
        return True
    for policy in view.policies:
        given = policy.resource in roles and not policy.is_trust
        attached = view.named(policy.resource.properties.get("Roles"), "AWS::IAM::Role")
        if not given and not any(role in attached for role in roles):
            continue
        for _, statement in policy.statements():
            allowed = {str(text(one)) for _, one in items(statement, "Action")}
            about = [one for _, one in items(statement, "Resource")]
            if statement.get("Effect") == "Allow" and action in allowed and resource in view.named(about):
                return True
    return False
