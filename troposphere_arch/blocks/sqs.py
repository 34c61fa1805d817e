"""Queues: of work that waits its turn, and of what could not be done."""

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
# Of work: what fails in the end counts its age from when it was sent, and still has a week in the other queue.
# https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-dead-letter-queues.html
WORK_SECONDS = 7 * 24 * 3600
# AWS advises five at least, and six times the time that a function takes.
ATTEMPTS = 5
VISIBILITY = 6
# Each message brings the id by which it is known again.
FIFO = {"FifoQueue": True, "ContentBasedDeduplication": False}


@dataclass(frozen=True)
class Queue(Node):
    """A queue and its policy."""

    resource: sqs.Queue
    policy: sqs.QueuePolicy

    @property
    def arn(self) -> Any:
        """What a failure destination names."""
        return GetAtt(self.resource, "Arn")


@dataclass(frozen=True)
class WorkQueue(Queue):
    """A queue of messages that wait for a function. `failures` takes what it has failed on `attempts` times."""

    failures: Queue
    attempts: int


def dead_letters(
    t: ScenarioTemplate, title: str, *, fifo: bool = False, replaced: str = "Delete", when: str | None = None
) -> Queue:
    """A queue that keeps for 14 days what failed too often, until somebody looks; encrypted, TLS only.

    Nobody may send to it until an arrow says so. Makes `<title>`, `<title>Policy` and the output `<title>Queue`.
    `fifo` is for what failed in a queue that keeps an order; a queue that changes into one is another one, and
    `replaced` is what becomes of the old one.
    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-resource-sqs-queue.html
    """
    # It goes with the stack: what failed is known elsewhere too, and a queue without its functions is no use.
    kept = {"MessageRetentionPeriod": RETENTION_SECONDS, **(FIFO if fifo else {})}
    resource, policy = _queue(t, title, when, replaced, **kept)
    outputs.output(t, f"{title}Queue", Ref(resource), f"Address of the queue {title}, of what failed.", when=when)
    return Queue(t, title, resource, policy, when=when)


def work_queue(t: ScenarioTemplate, title: str, failures: Queue, *, timeout: int, fifo: bool = False) -> WorkQueue:
    """A queue for a function that takes at most `timeout` seconds; encrypted, TLS only, messages wait up to a week.

    A message that is taken is not seen for six times as long, so that a batch may be tried again without another
    taking it. What was taken five times and never deleted goes to `failures`. With `fifo` messages of one group keep
    their order. A queue that is replaced (`fifo` changes) stays behind, with what is in it.

    Makes `<title>`, `<title>Policy` and the output `<title>Url`.
    https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html
    """
    redrive = sqs.RedrivePolicy(deadLetterTargetArn=failures.arn, maxReceiveCount=ATTEMPTS)
    resource, policy = _queue(
        t,
        title,
        None,
        "Retain",
        MessageRetentionPeriod=WORK_SECONDS,
        RedrivePolicy=redrive,
        VisibilityTimeout=VISIBILITY * timeout,
        **(FIFO if fifo else {}),
    )
    outputs.output(t, f"{title}Url", Ref(resource), "Messages are sent to this queue.")
    return WorkQueue(t, title, resource, policy, failures, ATTEMPTS)


def _queue(
    t: ScenarioTemplate, title: str, when: str | None, replaced: str, **properties: Any
) -> tuple[sqs.Queue, sqs.QueuePolicy]:
    own_key = given(t, parameters.KMS_KEY)
    resource = t.put(
        sqs.Queue(
            title,
            KmsMasterKeyId=optional(own_key, Ref(parameter(t, parameters.KMS_KEY))),
            # SQS takes one of the two ways, not both.
            SqsManagedSseEnabled=If(own_key, NoValue, True),
            DeletionPolicy="Delete",
            UpdateReplacePolicy=replaced,
            **properties,
        ),
        when=when,
    )
    policy = t.put(
        sqs.QueuePolicy(f"{title}Policy", PolicyDocument=grants.queue_over_tls_only(resource), Queues=[Ref(resource)]),
        when=when,
    )
    return resource, policy
