"""AWS::DynamoDB::GlobalTable: its replicas and what each of them says of itself.

Stock: `Replicas` is dropped, and with it point-in-time recovery, deletion protection, keys, tags and the other regions;
`TimeToLiveSpecification` is dropped, and `SSESpecification` too, on creation. Any update of a table without a TableName
puts a new, empty table in its place, and a table that is there can't be imported as one.
AWS: a table in each region of `Replicas`, each with its own settings; what is written to one is in all of them soon.
https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-resource-dynamodb-globaltable.html
Patched: made, changed and removed through the DynamoDB API, whose tables in other regions of the emulator hold what is
written to any of them, at once. A replica's capacity, class, contributor insights and index settings stay dropped.
The replica of the stack's own region can't be taken away. A stack's deletion removes all replicas, protected or not,
as it removes the table.
"""

from __future__ import annotations

from typing import Any

from troposphere_arch.local.patches.provisioner import (
    Properties,
    afterwards,
    before_deletion,
    before_update,
    client,
    import_as,
    region,
    truth,
    unless_gone,
)

_KIND = "AWS::DynamoDB::GlobalTable"


def install() -> None:
    """Keep the table on updates, and bring its replicas in line after each change."""
    before_update(_KIND, _keep)
    afterwards(_KIND, _apply)
    before_deletion(_KIND, _remove_replicas)
    import_as(_KIND, "AWS::DynamoDB::Table")


def _keep(physical_id: str, old: Properties, new: Properties) -> tuple[Properties, Properties]:
    """Stock forgets how it named the table, and would make another one. Other keys do need another one."""
    if any(old.get(name) != new.get(name) for name in ("TableName", "KeySchema", "LocalSecondaryIndexes")):
        return old, new
    return {**old, "TableName": physical_id}, {**new, "TableName": physical_id}


def _apply(physical_id: str, old: Properties, new: Properties) -> None:
    before, after = _replicas(old), _replicas(new)
    if region() not in after:
        raise ValueError(f"Replicas of {physical_id} must name {region()}, the region of the stack")
    _set_life(physical_id, old, new)
    for name in before.keys() - after.keys() - {region()}:
        _unprotect(physical_id, name)
        _update(physical_id, {"Delete": {"RegionName": name}})
    for name in after.keys() - before.keys() - {region()}:
        _update(physical_id, {"Create": {"RegionName": name}})
    for name, replica in after.items():
        _set(physical_id, name, before.get(name, {}), replica, old, new)


def _remove_replicas(physical_id: str, properties: Properties) -> None:
    for name in _replicas(properties).keys() - {region()}:
        with unless_gone("ResourceNotFoundException"):
            _unprotect(physical_id, name)
            _update(physical_id, {"Delete": {"RegionName": name}})


def _replicas(properties: Properties) -> dict[str, Properties]:
    return {replica["Region"]: replica for replica in properties.get("Replicas") or []}


def _update(table: str, change: dict[str, Any]) -> None:
    client("dynamodb").update_table(TableName=table, ReplicaUpdates=[change])


def _unprotect(table: str, where: str) -> None:
    client("dynamodb", where).update_table(TableName=table, DeletionProtectionEnabled=False)


def _set_life(table: str, old: Properties, new: Properties) -> None:
    """Time to live is the same for all replicas."""
    before, after = old.get("TimeToLiveSpecification") or {}, new.get("TimeToLiveSpecification") or {}
    if before == after:
        return
    for name in {region(), *_replicas(old)} & {region(), *_replicas(new)}:
        client("dynamodb", name).update_time_to_live(
            TableName=table,
            TimeToLiveSpecification={
                "AttributeName": (after or before)["AttributeName"],
                "Enabled": truth(after.get("Enabled")),
            },
        )


def _set(table: str, where: str, before: Properties, after: Properties, old: Properties, new: Properties) -> None:
    """What a replica says of itself, if it is another than it was."""
    dynamodb = client("dynamodb", where)
    recovery, was = (
        truth((replica.get("PointInTimeRecoverySpecification") or {}).get("PointInTimeRecoveryEnabled"))
        for replica in (after, before)
    )
    if recovery != was:
        dynamodb.update_continuous_backups(
            TableName=table, PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": recovery}
        )
    protected, was = (truth(replica.get("DeletionProtectionEnabled")) for replica in (after, before))
    if protected != was:
        dynamodb.update_table(TableName=table, DeletionProtectionEnabled=protected)
    encryption, as_it_was = _encryption(new, after), _encryption(old, before)
    if encryption != as_it_was:
        dynamodb.update_table(TableName=table, SSESpecification=encryption or {"Enabled": False})
    if after.get("Tags", []) != before.get("Tags", []):
        arn = dynamodb.describe_table(TableName=table)["Table"]["TableArn"]
        kept = [tag["Key"] for tag in after.get("Tags", [])]
        if gone := [tag["Key"] for tag in before.get("Tags", []) if tag["Key"] not in kept]:
            dynamodb.untag_resource(ResourceArn=arn, TagKeys=gone)
        dynamodb.tag_resource(ResourceArn=arn, Tags=after["Tags"])


def _encryption(properties: Properties, replica: Properties) -> dict[str, Any]:
    common = properties.get("SSESpecification")
    if not common:
        return {}
    kind = {"SSEType": common["SSEType"]} if common.get("SSEType") else {}
    key = (replica.get("SSESpecification") or {}).get("KMSMasterKeyId")
    return {"Enabled": truth(common["SSEEnabled"]), **kind, **({"KMSMasterKeyId": key} if key else {})}
