"""Tables."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from troposphere import Ref, dynamodb

from .. import parameters
from ..conditions import choose, given, switched_on
from ..parameters import parameter
from ..template import Node, ScenarioTemplate

DEFAULTS = {"BillingMode": "PAY_PER_REQUEST"}


@dataclass(frozen=True)
class Table(Node):
    """A table. Its encryption key, when it is the user's own, is `KmsKeyArn`."""

    resource: dynamodb.Table


def table(
    t: ScenarioTemplate,
    title: str,
    *,
    partition: str,
    sort: str,
    expires: str | None = None,
    when: str | None = None,
    **properties: Any,
) -> Table:
    """An on-demand table keyed by two strings, restorable to any second of the last 35 days, retained on deletion.

    `expires`, if any, is the attribute that holds the second since 1970 after which DynamoDB removes an item.
    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-resource-dynamodb-table.html
    """
    own_key = given(t, parameters.KMS_KEY)
    key_arn = Ref(parameter(t, parameters.KMS_KEY))
    life = dynamodb.TimeToLiveSpecification(AttributeName=expires or "", Enabled=True)
    resource = dynamodb.Table(
        title,
        **{
            **DEFAULTS,
            **properties,
            "AttributeDefinitions": [
                dynamodb.AttributeDefinition(AttributeName=name, AttributeType="S") for name in (partition, sort)
            ],
            "KeySchema": [
                dynamodb.KeySchema(AttributeName=partition, KeyType="HASH"),
                dynamodb.KeySchema(AttributeName=sort, KeyType="RANGE"),
            ],
            "DeletionProtectionEnabled": choose(switched_on(t, parameters.DELETION_PROTECTION), True, False),
            "PointInTimeRecoverySpecification": dynamodb.PointInTimeRecoverySpecification(
                PointInTimeRecoveryEnabled=True
            ),
            # Without a key of the user's the table is encrypted all the same, under a key that AWS owns. Both sides are
            # written out, since an update may take a property that is gone for one that should stay as it is.
            "SSESpecification": choose(
                own_key,
                dynamodb.SSESpecification(KMSMasterKeyId=key_arn, SSEEnabled=True, SSEType="KMS"),
                dynamodb.SSESpecification(SSEEnabled=False),
            ),
            **({"TimeToLiveSpecification": life} if expires else {}),
            "DeletionPolicy": "RetainExceptOnCreate",
            "UpdateReplacePolicy": "Retain",
        },
    )
    return Table(t, title, t.put(resource, when=when), when=when)
