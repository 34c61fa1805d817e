"""Parameters of services and their platform: what they find in Parameter Store, and their limits.

What a service finds is named there; the console shows the name, and the value is looked up at each update. `found`
makes such a parameter.
https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-supplied-parameter-types.html
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from .shared import DELETION_PROTECTION
from .spec import Spec

IN_PARAMETER_STORE = "AWS::SSM::Parameter::Value<String>"

SYSTEM_NAME = Spec(
    "SystemName",
    "System",
    "Name of the system",
    "What this stack tells others is in Parameter Store below this name. Another name is another environment: give it "
    "to all of its stacks, and in what they find.",
    "system",
    pattern=r"[a-z][a-z0-9-]{0,18}[a-z0-9]",
    constraint="SystemName is 2 to 20 small letters, digits and -, and begins with a letter.",
)
MAXIMUM_CONCURRENCY = Spec(
    "MaximumConcurrency",
    "Limits",
    "Messages at once",
    "So many batches of messages are worked on at once; what comes above that waits in the queue.",
    "10",
    "Number",
    minimum=2,
    maximum=1000,
    constraint="MaximumConcurrency is a number from 2 to 1000.",
)
SHARD_COUNT = Spec(
    "ShardCount",
    "Limits",
    "Shards of the stream",
    "Each takes 1 MB or 1,000 records a second, and costs about 11 USD a month (us-east-1). Records keep their order "
    "within a shard.",
    "1",
    "Number",
    minimum=1,
    maximum=200,
    constraint="ShardCount is a number of shards from 1 to 200.",
)


def found(name: str, path: str, label: str, description: str, *, group: str = "Neighbours") -> Spec:
    """The parameter `name`, whose value is that of `path` in Parameter Store."""
    return Spec(name, group, label, description, path, IN_PARAMETER_STORE)


def words(system: str, **others: Spec) -> Mapping[str, Spec]:
    """How a service of the system words what all templates have: the platform tells topic and key."""
    return {
        "SystemName": replace(SYSTEM_NAME, default=system),
        "AlarmTopicArn": found(
            "AlarmTopicArn",
            f"/{system}/platform/alarm-topic",
            "Topic for alarms",
            "Where Parameter Store has the ARN of the SNS topic that alarms are sent to: the platform's.",
            group="Watching",
        ),
        "DeletionProtection": replace(
            DELETION_PROTECTION,
            description="on makes AWS refuse to delete the table, by hand as well. Deleting the stack keeps it anyway.",
        ),
        "KmsKeyArn": found(
            "KmsKeyArn",
            f"/{system}/platform/key",
            "Own KMS key",
            "Where Parameter Store has the ARN of the KMS key of the whole system, or none: the platform's. It is for "
            "tables, queues, streams, topics and buckets; logs have a key of AWS's.",
            group="Data",
        ),
        **others,
    }
