"""Tables: of one region, and global ones, with replicas where a user wants them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from troposphere import GetAtt, If, Ref, Sub, dynamodb

from .. import outputs, parameters
from ..conditions import choose, given, negated, optional, switched_on
from ..parameters import Spec, parameter
from ..template import Node, ScenarioTemplate

DEFAULTS = {"BillingMode": "PAY_PER_REQUEST"}


@dataclass(frozen=True)
class Index:
    """A second way to look into a table: partition (text), sort (a number), and what else of an item is kept there."""

    name: str
    partition: str
    sort: str
    include: tuple[str, ...]


@dataclass(frozen=True)
class Replica:
    """A slot for a copy of a table in another region: `region` names it, under the condition `when`."""

    title: str
    region: Any = field(compare=False)
    when: str


@dataclass(frozen=True)
class Table(Node):
    """A table. Its encryption key, when it is the user's own, is `KmsKeyArn`.

    `name` and `arn` are its own or, under the condition that the user names one that exists, that one's: whoever uses
    the table asks for these and not for the resource, which then is not there.
    """

    resource: dynamodb.Table | dynamodb.GlobalTable
    name: Any = field(compare=False)
    arn: Any = field(compare=False)
    index: Index | None = None
    replicas: tuple[Replica, ...] = ()

    @property
    def is_own(self) -> bool:
        """Whether it is the stack's own, whatever the user names."""
        return isinstance(self.name, Ref)


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
    resource = dynamodb.Table(
        title,
        **{
            **DEFAULTS,
            **properties,
            **_keys(partition, sort),
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
            **_life(expires),
            "DeletionPolicy": "RetainExceptOnCreate",
            "UpdateReplacePolicy": "Retain",
        },
    )
    t.put(resource, when=when)
    return Table(t, title, resource, Ref(resource), GetAtt(resource, "Arn"), when=when)


def global_table(
    t: ScenarioTemplate,
    title: str,
    *,
    partition: str,
    sort: str | None = None,
    expires: str | None = None,
    index: Index | None = None,
    replicas: Sequence[tuple[Spec, Spec]] = (),
    existing: Spec | None = None,
    **properties: Any,
) -> Table:
    """An on-demand global table keyed by text, with a stream; in this region, and where `replicas` say.

    A table cannot be made a global one later: another type of resource is another table, without the data. In one
    region it costs what a plain table costs. Each slot of `replicas` is two parameters, a region and the key there;
    rules refuse a region twice, this region, and a key that is missing or in vain. AWS adds or removes one replica in
    an update, and changes neither keys nor, while there are replicas, the stream. Each replica is restorable and
    protected as the table is, and goes with its slot, as a copy does; the table itself is retained on deletion.

    `existing` is the parameter that names a table to use in place of one of the stack's own: then there is none.

    Makes `<title>` and the output `<title>Table`.
    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-resource-dynamodb-globaltable.html
    """
    if existing and index:
        raise ValueError(f"{title}: a table that exists may lack the index {index.name}; give one of the two")
    theirs = given(t, existing) if existing else None
    own_key = given(t, parameters.KMS_KEY)
    slots = _slots(t, title, replicas, existing)
    resource = dynamodb.GlobalTable(
        title,
        **{
            **DEFAULTS,
            **properties,
            **_keys(partition, sort, index),
            **_indexes(index),
            "Replicas": [
                _replica(t, Ref("AWS::Region"), parameters.KMS_KEY),
                *(
                    optional(slot.when, _replica(t, slot.region, key))
                    for slot, (_, key) in zip(slots, replicas, strict=True)
                ),
            ],
            # Both sides are written out: see `table`. Which key, each replica says for its region.
            "SSESpecification": choose(
                own_key,
                dynamodb.GlobalTableSSESpecification(SSEEnabled=True, SSEType="KMS"),
                dynamodb.GlobalTableSSESpecification(SSEEnabled=False),
            ),
            # Replicas need it; and it can only be changed while there is none.
            "StreamSpecification": dynamodb.StreamSpecification(StreamViewType="NEW_AND_OLD_IMAGES"),
            **_life(expires),
            "DeletionPolicy": "RetainExceptOnCreate",
            "UpdateReplacePolicy": "Retain",
        },
    )
    t.put(resource, when=negated(t, theirs) if theirs else None)
    name, arn = Ref(resource), GetAtt(resource, "Arn")
    if existing and theirs:
        their_name = Ref(parameter(t, existing))
        their_arn = f"arn:${{AWS::Partition}}:dynamodb:${{AWS::Region}}:${{AWS::AccountId}}:table/${{{existing.name}}}"
        name, arn = If(theirs, their_name, name), If(theirs, Sub(their_arn), arn)
    outputs.output(t, f"{title}Table", name, f"Name of the table {title}.")
    return Table(t, title, resource, name, arn, index, tuple(slots))


def _schema(partition: str, sort: str | None) -> list[dynamodb.KeySchema]:
    first = dynamodb.KeySchema(AttributeName=partition, KeyType="HASH")
    return [first, dynamodb.KeySchema(AttributeName=sort, KeyType="RANGE")] if sort else [first]


def _keys(partition: str, sort: str | None, index: Index | None = None) -> dict[str, Any]:
    """The keys of a table, and the attributes of all keys."""
    kinds = {name: "S" for name in (partition, sort) if name}
    if index:
        kinds |= {index.partition: "S", index.sort: "N"}
    return {
        "AttributeDefinitions": [
            dynamodb.AttributeDefinition(AttributeName=name, AttributeType=kind) for name, kind in kinds.items()
        ],
        "KeySchema": _schema(partition, sort),
    }


def _indexes(index: Index | None) -> dict[str, Any]:
    if not index:
        return {}
    made = dynamodb.GlobalTableGlobalSecondaryIndex(
        IndexName=index.name,
        KeySchema=_schema(index.partition, index.sort),
        Projection=dynamodb.Projection(NonKeyAttributes=list(index.include), ProjectionType="INCLUDE"),
    )
    return {"GlobalSecondaryIndexes": [made]}


def _life(expires: str | None) -> dict[str, Any]:
    """When DynamoDB removes items by itself, if it does."""
    life = dynamodb.TimeToLiveSpecification(AttributeName=expires or "", Enabled=True)
    return {"TimeToLiveSpecification": life} if expires else {}


def _replica(t: ScenarioTemplate, region: Any, key: Spec) -> dynamodb.ReplicaSpecification:
    """A table's share in one region: restorable, protected, and under the key of that region if there is one."""
    return dynamodb.ReplicaSpecification(
        DeletionProtectionEnabled=choose(switched_on(t, parameters.DELETION_PROTECTION), True, False),
        PointInTimeRecoverySpecification=dynamodb.PointInTimeRecoverySpecification(PointInTimeRecoveryEnabled=True),
        Region=region,
        SSESpecification=optional(
            given(t, parameters.KMS_KEY), dynamodb.ReplicaSSESpecification(KMSMasterKeyId=Ref(parameter(t, key)))
        ),
    )


def _slots(
    t: ScenarioTemplate, title: str, replicas: Sequence[tuple[Spec, Spec]], existing: Spec | None
) -> list[Replica]:
    """The slots, each with its condition, and the rules that refuse, before anything is made, what AWS would refuse."""
    found: list[Replica] = []
    for number, (region, key) in enumerate(replicas, start=1):
        before = [Ref(parameter(t, other)) for other, _ in replicas[: number - 1]]
        here, own = Ref(parameter(t, region)), Ref("AWS::Region")
        told = [
            parameters.unlike(here, own, f"{region.name} is this stack's own region, where the table is anyway."),
            *(
                parameters.unlike(here, one, f"{region.name} is the same region as {other.name}: a region has one.")
                for one, (other, _) in zip(before, replicas, strict=False)
            ),
        ]
        if existing:
            none = {"Fn::Equals": [{"Ref": parameter(t, existing).title}, existing.default]}
            message = f"{region.name} is for the stack that has the table: leave it at {region.default} with "
            told.append({"Assert": none, "AssertDescription": f"{message}{existing.name}."})
        parameters.refuse(t, f"{region.name}Fits", region, *told)
        parameters.needs(t, key, region)
        parameters.needs(t, key, parameters.KMS_KEY)
        parameters.needs_with(t, region, parameters.KMS_KEY, key)
        found.append(Replica(f"{title}Replica{number}", here, given(t, region)))
    return found
