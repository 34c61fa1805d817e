"""E9020."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ._rule import Found, HouseRule
from ._template import Resource, View, is_true, items, principals, text, values


class Queues(HouseRule):
    """Every queue is encrypted, reached over TLS only, and open to no service of somebody else's.

    A service that may send to a queue sends there for any account that asks it to, unless the statement names for whom.
    """

    id = "E9020"
    shortdesc = "Queues are encrypted and closed"
    source_url = (
        "https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-security-best-practices.html"
    )

    def check(self, view: View) -> Iterator[Found]:
        policies = view.of_type("AWS::SQS::QueuePolicy")
        for queue in view.of_type("AWS::SQS::Queue"):
            yield from _encryption(queue)
            if not any(p.exists_with(queue) and _requires_tls(view, p, queue) for p in policies):
                yield (
                    queue.path,
                    f"{queue.name} can be reached without TLS; add a queue policy that denies sqs:* on it when "
                    "aws:SecureTransport is false",
                )
        for policy in view.policies:
            if policy.resource in policies:
                for where, statement in policy.statements():
                    for who in _of_anybody(statement):
                        yield (
                            policy.at(where),
                            f"{policy.resource.name} lets {who} of any account in; add aws:SourceArn",
                        )


def _encryption(queue: Resource) -> Iterator[Found]:
    keys = [key for _, key in values(queue.properties, "KmsMasterKeyId")]
    for where, on in values(queue.properties, "SqsManagedSseEnabled", path=queue.properties_path):
        if not is_true(on) and all(key is None for key in keys):
            yield where, f"{queue.name} has SqsManagedSseEnabled {on}; set it to true, or give KmsMasterKeyId"


def _requires_tls(view: View, policy: Resource, queue: Resource) -> bool:
    """Whether a statement that is under no condition of the template denies everything without TLS."""
    if queue not in view.named(policy.properties.get("Queues")):
        return False
    return any(
        "Fn::If" not in where and _denies_without_tls(view, statement, queue)
        for document in view.policies
        if document.resource is policy
        for where, statement in document.statements()
    )


def _denies_without_tls(view: View, statement: dict[Any, Any], queue: Resource) -> bool:
    everybody = any(text(who) == "*" for _, _, who in principals(statement))
    everything = any(action in ("*", "sqs:*", "SQS:*") for _, action in items(statement, "Action"))
    insecure = [str(v).lower() for _, v in items(statement.get("Condition"), "Bool", "aws:SecureTransport")]
    about = [one for _, one in items(statement, "Resource")]
    here = queue in view.named(about) or "*" in about
    return statement.get("Effect") == "Deny" and everybody and everything and here and insecure == ["false"]


def _of_anybody(statement: dict[Any, Any]) -> Iterator[str]:
    if statement.get("Effect") != "Allow":
        return
    condition = statement.get("Condition")
    blocks = condition.values() if isinstance(condition, dict) else ()
    keys = {str(key).lower() for block in blocks if isinstance(block, dict) for key in block}
    if keys & {"aws:sourcearn", "aws:sourceaccount", "aws:sourceorgid"}:
        return
    for _, kind, who in principals(statement):
        if kind == "Service":
            yield str(text(who))
