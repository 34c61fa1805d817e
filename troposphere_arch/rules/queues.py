"""E9020."""

from __future__ import annotations

from collections.abc import Iterator

from ._rule import Found, HouseRule
from ._senders import QUEUE, allowed, of_anybody, requires_tls, services
from ._template import Resource, View, is_true, text, values

EVERYTHING = ("*", "sqs:*", "SQS:*")
# The key that AWS keeps for SQS in every account. Its policy lets no service use it, and nobody can change that.
# https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-key-management.html
OF_AWS = "alias/aws/sqs"


class Queues(HouseRule):
    """Every queue is encrypted, reached over TLS only, and open to no service of somebody else's.

    A service that may send to a queue sends there for any account that asks it to, unless the statement names for whom.
    And it cannot send to a queue under the key that AWS keeps for SQS: what it sends is lost.
    """

    id = "E9020"
    shortdesc = "Queues are encrypted and closed"
    source_url = (
        "https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-security-best-practices.html"
    )

    def check(self, view: View) -> Iterator[Found]:
        for queue in view.of_type(QUEUE):
            yield from _encryption(view, queue)
            if not requires_tls(view, queue, EVERYTHING):
                yield (
                    queue.path,
                    f"{queue.name} can be reached without TLS; add a queue policy that denies sqs:* on it when "
                    "aws:SecureTransport is false",
                )
        for policy in view.policies if view.of_type("AWS::SQS::QueuePolicy") else ():
            if policy.resource.type == "AWS::SQS::QueuePolicy":
                for where, statement in policy.statements():
                    for who in sorted(of_anybody(statement)):
                        yield (
                            policy.at(where),
                            f"{policy.resource.name} lets {who} of any account in; add aws:SourceArn",
                        )


def _encryption(view: View, queue: Resource) -> Iterator[Found]:
    keys = [key for _, key in values(queue.properties, "KmsMasterKeyId")]
    if any(str(text(key)).endswith(OF_AWS) for key in keys):
        for who in sorted(set().union(*(services(statement) for statement in allowed(view, queue)))):
            yield (
                queue.path,
                f"{queue.name} has the key {OF_AWS}, which {who} may not use; leave KmsMasterKeyId out, or give a key "
                "of your own",
            )
    for where, on in values(queue.properties, "SqsManagedSseEnabled", path=queue.properties_path):
        if not is_true(on) and all(key is None for key in keys):
            yield where, f"{queue.name} has SqsManagedSseEnabled {on}; set it to true, or give KmsMasterKeyId"
