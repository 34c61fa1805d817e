"""Who may send to a queue, or publish to a topic: reading the policies of both."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

from ._template import Policy, Resource, View, items, principals, text

QUEUE = "AWS::SQS::Queue"
TOPIC = "AWS::SNS::Topic"
# What gives each a policy: the type, and the property that says to which.
GIVEN_BY = {
    QUEUE: (("AWS::SQS::QueuePolicy", "Queues"), ("AWS::SQS::QueueInlinePolicy", "Queue")),
    TOPIC: (("AWS::SNS::TopicPolicy", "Topics"), ("AWS::SNS::TopicInlinePolicy", "TopicArn")),
}
SENDING = {QUEUE: "sqs:SendMessage", TOPIC: "sns:Publish"}
# What ties a service to whom it works for.
# https://docs.aws.amazon.com/IAM/latest/UserGuide/confused-deputy.html
TIES = {"aws:sourcearn", "aws:sourceaccount", "aws:sourceorgid", "aws:sourceorgpaths"}


def policies_of(view: View, r: Resource) -> Iterator[Policy]:
    """The policies of a queue or a topic that are there whenever it is."""
    for policy in view.policies:
        properties = policy.resource.properties
        for kind, key in GIVEN_BY[r.type]:
            if policy.resource.type == kind and policy.resource.exists_with(r) and r in view.named(properties.get(key)):
                yield policy


def allowed(view: View, r: Resource) -> Iterator[dict[Any, Any]]:
    """The statements of its policies that let somebody send to a queue, or publish to a topic."""
    for policy in policies_of(view, r):
        for _, statement in policy.statements():
            actions = {str(text(action)).lower() for _, action in items(statement, "Action")}
            about = [one for _, one in items(statement, "Resource")]
            if statement.get("Effect") == "Allow" and SENDING[r.type].lower() in actions and r in view.named(about):
                yield statement


def services(statement: dict[Any, Any]) -> set[str]:
    """The services that a statement names."""
    return {str(text(who)) for _, kind, who in principals(statement) if kind == "Service"}


def sources(view: View, service: str, r: Resource) -> Iterator[list[Any]]:
    """On whose behalf the service may send there: what each statement that lets it names as aws:SourceArn."""
    for statement in allowed(view, r):
        if service in services(statement):
            operators = ("ArnEquals", "ArnLike", "StringEquals", "StringLike")
            condition = statement.get("Condition")
            yield [arn for operator in operators for _, arn in items(condition, operator, "aws:SourceArn")]


def of_anybody(statement: dict[Any, Any]) -> set[str]:
    """The services that the statement lets in for whoever in the world asks them."""
    condition = statement.get("Condition")
    blocks = condition.values() if isinstance(condition, dict) else ()
    keys = {str(key).lower() for block in blocks if isinstance(block, dict) for key in block}
    return services(statement) if statement.get("Effect") == "Allow" and not keys & TIES else set()


def may_be_sent_to(view: View, r: Resource) -> bool:
    """Whether a role of the template may send to the queue, or publish to the topic."""
    action = SENDING[r.type].lower()
    for policy in view.policies:
        if not policy.resource.type.startswith("AWS::IAM::") or policy.is_trust:
            continue
        for _, statement in policy.statements():
            actions = {str(text(one)).lower() for _, one in items(statement, "Action")}
            about = [one for _, one in items(statement, "Resource")]
            if (
                statement.get("Effect") == "Allow"
                and actions & {action, f"{action.partition(':')[0]}:*", "*"}
                and (r in view.named(about) or "*" in about)
            ):
                return True
    return False


def requires_tls(view: View, r: Resource, actions: Collection[str]) -> bool:
    """Whether a statement that is under no condition of the template denies one of the actions without TLS."""
    return any(
        "Fn::If" not in where and _denies_without_tls(view, statement, r, actions)
        for policy in policies_of(view, r)
        for where, statement in policy.statements()
    )


def _denies_without_tls(view: View, statement: dict[Any, Any], r: Resource, actions: Collection[str]) -> bool:
    everybody = any(text(who) == "*" for _, _, who in principals(statement))
    denied = any(action in actions for _, action in items(statement, "Action"))
    insecure = [str(v).lower() for _, v in items(statement.get("Condition"), "Bool", "aws:SecureTransport")]
    about = [one for _, one in items(statement, "Resource")]
    here = r in view.named(about) or "*" in about
    return statement.get("Effect") == "Deny" and everybody and denied and here and insecure == ["false"]
