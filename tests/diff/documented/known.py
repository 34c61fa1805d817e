"""Why our facts are milder than AWS's guide of 2023, where they are: for each a reason that can be checked.

The resource schemas are newer than the guide. A property that the guide calls for a replacement of can be changed today
where the type's own update handler may call an operation that changes it; the schema names these operations.
"""

from __future__ import annotations

from troposphere_arch.diff import facts, supplement

# Of each type, the operation that changes the properties in which guide and schema differ.
NEWER = {
    "AWS::Budgets::Budget": "budgets:ModifyBudget",
    "AWS::Cassandra::Keyspace": "cassandra:AlterMultiRegionResource",
    "AWS::CleanRooms::ConfiguredTable": "cleanrooms:UpdateConfiguredTableReference",
    "AWS::Connect::PhoneNumber": "connect:UpdatePhoneNumberMetadata",
    "AWS::DataSync::LocationEFS": "datasync:UpdateLocationEfs",
    "AWS::DataSync::LocationFSxLustre": "datasync:UpdateLocationFsxLustre",
    "AWS::DataSync::LocationFSxONTAP": "datasync:UpdateLocationFsxOntap",
    "AWS::DataSync::LocationFSxOpenZFS": "datasync:UpdateLocationFsxOpenZfs",
    "AWS::DataSync::LocationFSxWindows": "datasync:UpdateLocationFsxWindows",
    "AWS::DataSync::LocationNFS": "datasync:UpdateLocationNfs",
    "AWS::DataSync::LocationObjectStorage": "datasync:UpdateLocationObjectStorage",
    "AWS::DataSync::LocationS3": "datasync:UpdateLocationS3",
    "AWS::DataSync::LocationSMB": "datasync:UpdateLocationSmb",
    "AWS::EC2::CapacityReservation": "ec2:ModifyCapacityReservation",
    "AWS::EC2::CapacityReservationFleet": "ec2:CreateTags",
    "AWS::EC2::SpotFleet": "ec2:ModifySpotFleetRequest",
    "AWS::ECS::Service": "ecs:UpdateService",
    "AWS::EKS::Cluster": "eks:UpdateClusterConfig",
    "AWS::EMR::InstanceFleetConfig": "elasticmapreduce:ModifyInstanceFleet",
    "AWS::ElastiCache::ReplicationGroup": "elasticache:IncreaseReplicaCount",
    "AWS::ElastiCache::User": "elasticache:ModifyUser",
    "AWS::ElastiCache::UserGroup": "elasticache:ModifyUserGroup",
    "AWS::EntityResolution::SchemaMapping": "entityresolution:UpdateSchemaMapping",
    "AWS::HealthLake::FHIRDatastore": "healthlake:UpdateFHIRDatastore",
    "AWS::KafkaConnect::Connector": "kafkaconnect:UpdateConnector",
    "AWS::KinesisAnalyticsV2::Application": "kinesisanalytics:UpdateApplication",
    "AWS::Location::GeofenceCollection": "geo:UpdateGeofenceCollection",
    "AWS::Location::Map": "geo:UpdateMap",
    "AWS::Location::PlaceIndex": "geo:UpdatePlaceIndex",
    "AWS::Location::RouteCalculator": "geo:UpdateRouteCalculator",
    "AWS::Location::Tracker": "geo:UpdateTracker",
    "AWS::Omics::SequenceStore": "omics:UpdateSequenceStore",
    "AWS::SageMaker::Domain": "sagemaker:UpdateDomain",
    "AWS::Transfer::Server": "transfer:UpdateServer",
}

# From the mildest on, as `facts.Update` has them.
GRAVITY = [update.value for update in facts.Update]


def ours(kind: str, path: str) -> facts.Fact:
    """Our fact of a documented property; a key of a map stands for all."""
    return facts.fact(kind, tuple("key" if step == "*" else step for step in path.split("/")))


def milder(documented: str, fact: facts.Fact) -> bool:
    """Whether our fact is milder than what the guide says."""
    return fact.update.gravity < GRAVITY.index(documented)


def reason(kind: str, path: str, documented: str) -> str:
    """Why our fact may be milder: a word of the list below; `open` where there is none.

    `page`: the supplement cites a page that says so. `tags`: the schema calls tags of the type updatable. `operation`:
    see NEWER. `condition`: the schema tells that it depends. `create-only`: both agree that it can't be changed in
    place; the guide says that the update fails, the schema that the resource is replaced.
    """
    fact, schema = ours(kind, path), facts._schema(kind)
    if schema is None:
        return "open"
    if fact.source.startswith("https://"):
        return "page"
    tagging = schema.whole.get("tagging", {})
    if tagging.get("tagUpdatable") and path.split("/")[0] == tagging.get("tagProperty", "").split("/")[-1]:
        return "tags"
    if documented == "not allowed" and fact.update is facts.Update.REPLACEMENT:
        return "create-only"
    if fact.update is facts.Update.MAY_REPLACE:
        return "condition"
    operations = schema.whole.get("handlers", {}).get("update", {}).get("permissions", ())
    return "operation" if NEWER.get(kind) in operations else "open"


def cited(kind: str) -> set[str]:
    """All pages that the supplement cites of a type."""
    return {row[2] if len(row) == 3 else supplement.page_of(kind) for row in supplement.UPDATES.get(kind, {}).values()}
