"""Where failures go: what a template names as the destination of what could not be done."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ._template import Path, Resource, View, items, text, values

QUEUE = "AWS::SQS::Queue"
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


def functions_of(view: View, value: Any) -> list[Resource]:
    """The functions that `value` names, by themselves or by an alias or a version."""
    direct = view.named(value, FUNCTION)
    behind = view.named(value, "AWS::Lambda::Alias", "AWS::Lambda::Version")
    return [*direct, *(f for one in behind for f in view.named(one.properties.get("FunctionName"), FUNCTION))]


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
