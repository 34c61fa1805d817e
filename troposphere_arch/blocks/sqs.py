"""Queues for what could not be done."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from troposphere import GetAtt, If, NoValue, Ref, sqs

from .. import grants, outputs, parameters
from ..conditions import given, optional
from ..parameters import parameter
from ..template import Node, ScenarioTemplate

# As long as SQS keeps a message at all.
RETENTION_SECONDS = 14 * 24 * 3600


@dataclass(frozen=True)
class Queue(Node):
    """A queue and its policy."""

    resource: sqs.Queue
    policy: sqs.QueuePolicy

    @property
    def arn(self) -> Any:
        """What a failure destination names."""
        return GetAtt(self.resource, "Arn")


def dead_letters(t: ScenarioTemplate, title: str, *, when: str | None = None) -> Queue:
    """A queue that keeps for 14 days what failed too often, until somebody looks; encrypted, TLS only.

    Nobody may send to it until an arrow says so. Makes `<title>`, `<title>Policy` and the output `<title>Queue`.
    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-resource-sqs-queue.html
    """
    own_key = given(t, parameters.KMS_KEY)
    resource = t.put(
        sqs.Queue(
            title,
            KmsMasterKeyId=optional(own_key, Ref(parameter(t, parameters.KMS_KEY))),
            MessageRetentionPeriod=RETENTION_SECONDS,
            # SQS takes one of the two ways, not both.
            SqsManagedSseEnabled=If(own_key, NoValue, True),
            # It goes with the stack: what failed is known elsewhere too, and a queue without its functions is no use.
            DeletionPolicy="Delete",
            UpdateReplacePolicy="Delete",
        ),
        when=when,
    )
    policy = t.put(
        sqs.QueuePolicy(f"{title}Policy", PolicyDocument=grants.queue_over_tls_only(resource), Queues=[Ref(resource)]),
        when=when,
    )
    outputs.output(t, f"{title}Queue", Ref(resource), f"Address of the queue {title}, of what failed.", when=when)
    return Queue(t, title, resource, policy, when=when)
