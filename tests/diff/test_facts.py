"""Facts: what AWS says an update of a property does, held against AWS's own documentation.

The documentation is read from its last public edition (2023); `documented/drawn.json` says where it is from and how the
properties were drawn. The schemas are newer: where the two differ, the test knows why, or fails.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.diff.documented import known
from tests.diff.documented.pages import GRAVITY, Property, read
from tests.evidence import shows
from troposphere_arch.diff import facts, supplement
from troposphere_arch.diff.facts import Update, fact
from troposphere_arch.rules.data_is_retained import HOLDS_DATA

DOCUMENTED = Path(__file__).resolve().parent / "documented"
DRAWN = json.loads((DOCUMENTED / "drawn.json").read_text())
SHARES = ("of all", "of each kind, at the top level")
MILDER = json.loads((DOCUMENTED / "milder.json").read_text())["differences"]
PAGE = "https://docs.aws.amazon.com/"
# Every word that the guide uses, and what we may say without being milder or much graver.
SAME = {
    "no interruption": {Update.NO_INTERRUPTION},
    "some interruption": {Update.SOME_INTERRUPTION, Update.MAY_REPLACE},
    "replacement": {Update.REPLACEMENT},
    "not allowed": {Update.NOT_ALLOWED},
}
_FAILS_OR_REPLACES = "both: not in place; the guide says that the update fails, the schema that another one is made"
# Drawn properties of which we say something else, and why: each was looked at.
DIFFERENT = {
    "AWS::DynamoDB::Table GlobalSecondaryIndexes": "what is added or edited tells: `facts.between`",
    "AWS::FSx::FileSystem OntapConfiguration": "parts of it, says the guide itself, replace the file system",
    "AWS::Lightsail::Certificate SubjectAlternativeNames": _FAILS_OR_REPLACES,
    "AWS::Lightsail::Database AvailabilityZone": _FAILS_OR_REPLACES,
    "AWS::Lightsail::Database MasterDatabaseName": _FAILS_OR_REPLACES,
    "AWS::Lightsail::Disk AvailabilityZone": _FAILS_OR_REPLACES,
    "AWS::Lightsail::Distribution IpAddressType": _FAILS_OR_REPLACES,
    "AWS::Lightsail::Instance BundleId": _FAILS_OR_REPLACES,
    "AWS::Lightsail::LoadBalancerTlsCertificate CertificateAlternativeNames": _FAILS_OR_REPLACES,
    "AWS::Lightsail::LoadBalancerTlsCertificate CertificateDomainName": _FAILS_OR_REPLACES,
    "AWS::ServiceDiscovery::PublicDnsNamespace Tags": "the schema is newer, and calls its tags updatable",
    "AWS::Transfer::Server IdentityProviderType": "the schema is newer; its update may call transfer:UpdateServer",
    "AWS::WorkSpaces::Workspace BundleId": "the schema is newer: it can be changed on a condition",
    "AWS::WorkSpaces::Workspace VolumeEncryptionKey": "the schema is newer: it can be changed on a condition",
}


def _drawn() -> list[Any]:
    return [
        pytest.param(one, id=f"{one['kind'].removeprefix('AWS::')}.{one['path']}")
        for share in SHARES
        for one in DRAWN[share]
    ]


@shows("REQ-D4", how="static")
@pytest.mark.parametrize("one", _drawn())
def test_a_drawn_property_is_as_documented(one: dict[str, str]) -> None:
    ours = known.ours(one["kind"], one["path"])
    if f"{one['kind']} {one['path']}" in DIFFERENT:
        assert ours.update not in SAME[one["whole"]], "the two agree now: take it off the list"
    else:
        assert ours.update in SAME[one["whole"]], (one["url"], ours)


def test_sixty_and_sixty_are_drawn() -> None:
    names = {f"{one['kind']} {one['path']}" for share in SHARES for one in DRAWN[share]}
    assert names.issuperset(DIFFERENT)
    assert len(DRAWN["of all"]) == 60
    top = DRAWN["of each kind, at the top level"]
    assert {word: sum(one["own"] == word for one in top) for word in GRAVITY} == dict.fromkeys(GRAVITY, 15)


@shows("REQ-D4", how="static")
@pytest.mark.parametrize("one", MILDER, ids=lambda one: f"{one['type']}.{one['path']}")
def test_where_we_are_milder_than_the_guide_there_is_a_reason(one: dict[str, str]) -> None:
    ours = known.ours(one["type"], one["path"])
    assert ours.update.value == one["ours"]
    assert known.milder(one["documented"], ours)
    assert known.reason(one["type"], one["path"], one["documented"]) == one["why"] != "open"


def test_where_we_say_in_place_and_the_guide_replacement_the_service_has_the_operation_or_a_page() -> None:
    grave = [one for one in MILDER if one["documented"] == "replacement" and one["ours"] == "no interruption"]
    assert {one["why"] for one in grave} == {"operation", "page", "tags"}
    assert {(one["type"], one["path"]) for one in grave if one["why"] == "page"} == {
        ("AWS::S3::Bucket", "ObjectLockEnabled")
    }


def test_a_reason_is_not_found_for_what_has_none() -> None:
    # In place in the schema, and no operation is named for it: had the guide said more, it would be an open difference.
    assert known.reason("AWS::SNS::Topic", "DisplayName", "replacement") == "open"


# The reader of the documentation.


def test_a_page_of_the_guide_is_read() -> None:
    page = (
        '# AWS::X::Y Z<a name="z"></a>\n\n## Properties<a name="z-properties"></a>\n\n'
        '`One`  <a name="a"></a>\nText\\.  \n*Required*: No  \n*Type*: Map of [Inner](aws-inner.md)  \n'
        "*Update requires*: [Replacement](https://docs.aws.amazon.com/x#update-replacement)\n\n"
        '`Two`  <a name="b"></a>\n*Type*: List of String  \n*Update requires*: Updates are not supported\\.\n\n'
        '`Three`  <a name="c"></a>\nText\\.  \n*Type*: String\n\n'
        '## Return values<a name="r"></a>\n\n`No`  <a name="d"></a>\n'
    )
    assert read(page) == (
        "AWS::X::Y",
        "Z",
        [
            Property("One", "replacement", "aws-inner", True),
            Property("Two", "not allowed", None),
            Property("Three", None, None),
        ],
    )


# Paths.


@pytest.mark.parametrize(
    ("kind", "path", "update"),
    [
        ("AWS::S3::Bucket", ("BucketName",), Update.REPLACEMENT),
        ("AWS::S3::Bucket", ("Tags", 0, "Value"), Update.NO_INTERRUPTION),
        ("AWS::S3::Bucket", ("Nothing",), Update.UNKNOWN),
        # A container that is listed governs all that is in it, through lists.
        ("AWS::EC2::Instance", ("BlockDeviceMappings", 0, "Ebs", "VolumeSize"), Update.MAY_REPLACE),
        ("AWS::EC2::Instance", ("NetworkInterfaces", 1, "SubnetId"), Update.REPLACEMENT),
        # A leaf that is listed does not govern what is beside it; its container may hold it.
        ("AWS::OpenSearchService::Domain", ("EncryptionAtRestOptions", "Enabled"), Update.MAY_REPLACE),
        ("AWS::EC2::EC2Fleet", ("TargetCapacitySpecification", "DefaultTargetCapacityType"), Update.REPLACEMENT),
        ("AWS::EC2::EC2Fleet", ("TargetCapacitySpecification", "TotalTargetCapacity"), Update.NO_INTERRUPTION),
        ("AWS::EC2::EC2Fleet", ("TargetCapacitySpecification",), Update.MAY_REPLACE),
        # A pointer with `*` in it: any item of the list, and the list itself.
        ("AWS::MSK::Replicator", ("ReplicationInfoList", 3, "SourceKafkaClusterArn"), Update.REPLACEMENT),
        ("AWS::MSK::Replicator", ("ReplicationInfoList", 3), Update.MAY_REPLACE),
        ("AWS::MSK::Replicator", ("ReplicationInfoList",), Update.MAY_REPLACE),
        # Keys of a map are the user's; a document is free in form, and so is what is in it.
        ("AWS::Lambda::Function", ("Environment", "Variables", "ANY"), Update.NO_INTERRUPTION),
        ("AWS::IAM::Role", ("AssumeRolePolicyDocument", "Statement", 0, "Sid"), Update.NO_INTERRUPTION),
        # A function stands for the whole property.
        ("AWS::S3::Bucket", ("BucketName", "Fn::Sub"), Update.REPLACEMENT),
        ("AWS::EC2::EC2Fleet", ("TargetCapacitySpecification", "Fn::If", 1, "Anything"), Update.MAY_REPLACE),
        # All properties at once.
        ("AWS::S3::Bucket", (), Update.MAY_REPLACE),
        # No update handler: whatever changes, another one is made.
        ("AWS::Glue::SecurityConfiguration", ("EncryptionConfiguration", "S3Encryptions"), Update.REPLACEMENT),
        # Read-only: nothing tells what setting it does.
        ("AWS::RDS::DBInstance", ("Endpoint", "Address"), Update.UNKNOWN),
        # The supplement: what no schema holds.
        ("AWS::RDS::DBInstance", ("DBInstanceClass",), Update.SOME_INTERRUPTION),
        ("AWS::RDS::DBInstance", ("BackupRetentionPeriod",), Update.SOME_INTERRUPTION),
        ("AWS::EC2::Instance", ("InstanceType",), Update.MAY_REPLACE),
        ("AWS::Cognito::UserPool", ("UsernameAttributes", 0), Update.NOT_ALLOWED),
        ("AWS::CloudFront::VpcOrigin", ("VpcOriginEndpointConfig", "HTTPPort"), Update.NOT_ALLOWED),
        ("AWS::KMS::Key", ("KeySpec",), Update.NOT_ALLOWED),
        ("AWS::Logs::LogGroup", ("LogGroupClass",), Update.NOT_ALLOWED),
        ("AWS::SSM::Parameter", ("Type",), Update.NOT_ALLOWED),
        ("AWS::Neptune::DBCluster", ("EngineVersion",), Update.SOME_INTERRUPTION),
        ("AWS::SecretsManager::Secret", ("GenerateSecretString", "ExcludeCharacters"), Update.SOME_INTERRUPTION),
        ("AWS::DynamoDB::Table", ("KeySchema", 0, "AttributeName"), Update.REPLACEMENT),
        ("AWS::EMR::Cluster", ("Instances", "MasterInstanceGroup", "InstanceType"), Update.REPLACEMENT),
        ("AWS::Lambda::Version", ("Description",), Update.REPLACEMENT),
        ("AWS::ApiGateway::Deployment", ("RestApiId",), Update.REPLACEMENT),
        ("AWS::CloudFormation::Stack", ("Parameters", "Any"), Update.NO_INTERRUPTION),
        # A part of a container which makes the update fail: unknown, as long as it is not known to be touched.
        ("AWS::WAFv2::RuleGroup", ("Capacity",), Update.NOT_ALLOWED),
        ("AWS::ServiceDiscovery::Service", ("HealthCheckConfig",), Update.UNKNOWN),
        # No schema.
        ("AWS::CloudFormation::CustomResource", ("Anything",), Update.UNKNOWN),
        ("AWS::CloudFormation::CustomResource", ("ServiceToken",), Update.NOT_ALLOWED),
        ("Custom::Anything", ("Anything", 0, "Deep"), Update.UNKNOWN),
        ("Custom::Anything", ("ServiceToken",), Update.NOT_ALLOWED),
        ("AWS::Serverless::Function", ("Runtime",), Update.UNKNOWN),
        ("AWS::Gone::Away", ("Name",), Update.UNKNOWN),
        ("Some::Other::Type::MODULE", ("Name",), Update.UNKNOWN),
        ("", ("Name",), Update.UNKNOWN),
        ("AWS::", (), Update.UNKNOWN),
        ("../../../etc/passwd", ("Name",), Update.UNKNOWN),
    ],
)
def test_a_property_by_its_path(kind: str, path: tuple[str | int, ...], update: Update) -> None:
    found = fact(kind, path)
    assert found.update is update
    assert found.says and "\n" not in found.says
    assert found.source.startswith(PAGE) or found.source.startswith(f"schema of {kind} (cfn-lint ")


def test_the_gravest_pointer_governs() -> None:
    # The list as a whole may replace; one thing in it interrupts, another is a replacement.
    inside = fact("AWS::EMR::Cluster", ("Instances", "TaskInstanceGroups", 0, "InstanceCount"))
    beside = fact("AWS::EMR::Cluster", ("Instances", "TerminationProtected"))
    assert inside.update is Update.MAY_REPLACE
    assert beside.update is Update.SOME_INTERRUPTION


def test_a_type_that_the_first_region_lacks_is_known() -> None:
    folder = facts._folder()[0] / "providers"
    first = json.loads((folder / "us-east-1.json").read_text())
    elsewhere = {
        kind
        for file in folder.glob("*.json")
        if file.name != "sam.json"
        for kind in json.loads(file.read_text())
        if kind.startswith("AWS::") and kind not in first
    }
    assert elsewhere
    assert all(fact(kind, ("Tags",)).source.startswith(f"schema of {kind}") for kind in sorted(elsewhere)[:5])


def test_every_property_of_every_schema_has_a_fact() -> None:
    for kind in facts._region("us-east-1.json"):
        schema = facts._schema(kind)
        assert schema is not None
        for name in schema.whole["properties"]:
            found = fact(kind, (name,))
            told = [p for p in (*schema.rows, *schema.read_only) if p[:1] in ((name,), ())]
            assert found.update is not Update.UNKNOWN or told, (kind, name)
        for pointer, row in schema.rows.items():
            if not row.source.startswith(PAGE):
                assert fact(kind, pointer).update in (Update.REPLACEMENT, Update.MAY_REPLACE, Update.NOT_ALLOWED), kind


# What both sides tell together.


def _table(*indexes: tuple[str, str], attribute: str = "S") -> dict[str, Any]:
    return {
        "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": attribute}],
        "GlobalSecondaryIndexes": [
            {"IndexName": name, "KeySchema": [{"AttributeName": key, "KeyType": "HASH"}]} for name, key in indexes
        ],
    }


@pytest.mark.parametrize("kind", ["AWS::DynamoDB::Table", "AWS::DynamoDB::GlobalTable"])
@pytest.mark.parametrize(
    ("before", "after", "update", "says"),
    [
        ([], [("a", "k")], Update.NO_INTERRUPTION, "a is added"),
        ([("a", "k")], [], Update.NO_INTERRUPTION, "a is taken away"),
        ([("a", "k")], [("b", "k"), ("a", "k")], Update.NO_INTERRUPTION, "b is added"),
        ([("a", "k"), ("b", "k")], [("b", "k"), ("a", "k")], Update.NO_INTERRUPTION, "changed in place"),
        ([], [("a", "k"), ("b", "k")], Update.NOT_ALLOWED, "a, b: only 1 may come or go with one update"),
        ([("a", "k")], [("b", "k")], Update.NOT_ALLOWED, "a, b: only 1 may come or go with one update"),
        ([("a", "k")], [("a", "l")], Update.NOT_ALLOWED, "KeySchema of a can't be changed in place"),
    ],
)
def test_indexes_come_and_go_one_at_a_time(
    kind: str, before: list[tuple[str, str]], after: list[tuple[str, str]], update: Update, says: str
) -> None:
    found = facts.between(kind, _table(*before), _table(*after))
    assert {path: (one.update, one.says) for path, one in found.items()} == {
        ("GlobalSecondaryIndexes",): (update, says)
    }


def test_an_attribute_of_a_table_that_is_edited_replaces_the_table() -> None:
    found = facts.between("AWS::DynamoDB::Table", _table(), _table(attribute="N"))
    assert [one.update for one in found.values()] == [Update.REPLACEMENT]


@pytest.mark.parametrize(
    ("before", "after", "update"),
    [
        ([{"Name": "a"}], [{"Name": "a"}, {"Name": "b"}], Update.NO_INTERRUPTION),
        ([{"Name": "a"}], [], Update.NOT_ALLOWED),
        ([{"Name": "a", "Mutable": True}], [{"Name": "a", "Mutable": False}], Update.NOT_ALLOWED),
        ([{"Name": "a"}], [{"Name": {"Ref": "Some"}}], Update.UNKNOWN),
        ([{"Name": "a"}], [{"Name": "b"}, {"Name": "b"}], Update.UNKNOWN),
        ([{"Name": "a"}], {"Fn::If": ["X", [], []]}, Update.UNKNOWN),
        ([{"Name": "a"}], None, Update.UNKNOWN),
    ],
)
def test_attributes_of_users_are_only_added(before: Any, after: Any, update: Update) -> None:
    found = facts.between("AWS::Cognito::UserPool", {"Schema": before}, {"Schema": after})
    assert found[("Schema",)].update is update


def test_object_lock_stays_on() -> None:
    on, off = {"ObjectLockEnabled": "true"}, {"ObjectLockEnabled": False}
    assert facts.between("AWS::S3::Bucket", off, on) == {}
    assert facts.between("AWS::S3::Bucket", on, off)[("ObjectLockEnabled",)].update is Update.NOT_ALLOWED
    assert facts.between("AWS::S3::Bucket", on, {})[("ObjectLockEnabled",)].update is Update.NOT_ALLOWED


MUST_TURN_OFF = "AttributeName can't be changed while Enabled is true: turn it off in an update before this one"


@pytest.mark.parametrize("kind", ["AWS::DynamoDB::Table", "AWS::DynamoDB::GlobalTable"])
@pytest.mark.parametrize(
    ("before", "after", "update"),
    [
        ({"AttributeName": "a", "Enabled": True}, {"AttributeName": "b", "Enabled": "true"}, Update.NOT_ALLOWED),
        ({"AttributeName": "a", "Enabled": True}, {"AttributeName": "b", "Enabled": False}, Update.NOT_ALLOWED),
        ({"AttributeName": "a", "Enabled": {"Ref": "P"}}, {"AttributeName": "b", "Enabled": True}, Update.UNKNOWN),
        ({"AttributeName": {"Ref": "P"}, "Enabled": True}, {"AttributeName": "b", "Enabled": True}, Update.UNKNOWN),
        ({"AttributeName": "a", "Enabled": False}, {"AttributeName": "b", "Enabled": True}, None),
        ({"AttributeName": "a", "Enabled": True}, {"Enabled": False}, None),
        ({"AttributeName": "a", "Enabled": True}, None, None),
        (None, {"AttributeName": "a", "Enabled": True}, None),
    ],
)
def test_what_is_fixed_while_a_switch_is_on(kind: str, before: Any, after: Any, update: Update | None) -> None:
    name = "TimeToLiveSpecification"
    found = facts.between(kind, {name: before}, {name: after})
    assert {path: (one.update, one.says) for path, one in found.items()} == (
        {(name,): (update, MUST_TURN_OFF)} if update else {}
    )


@pytest.mark.parametrize(
    ("before", "after", "update", "says"),
    [
        (["a"], ["a", "b"], Update.NO_INTERRUPTION, "b is added"),
        (["a", "b"], ["a"], Update.SOME_INTERRUPTION, "b is taken away, with the copy of the data that is there"),
        (["a"], ["a", "b", "c"], Update.NOT_ALLOWED, "b, c: only 1 may come or go with one update"),
        (["a", "b"], ["a", "c"], Update.NOT_ALLOWED, "b, c: only 1 may come or go with one update"),
    ],
)
def test_replicas_come_and_go_one_at_a_time(before: list[str], after: list[str], update: Update, says: str) -> None:
    old, new = ({"Replicas": [{"Region": region} for region in some]} for some in (before, after))
    found = facts.between("AWS::DynamoDB::GlobalTable", old, new)[("Replicas",)]
    assert found.update is update
    assert found.says == says


def test_a_replica_that_stays_goes_by_its_own_rows() -> None:
    small, large = ({"Region": "a", "TableClass": one} for one in ("STANDARD", "STANDARD_INFREQUENT_ACCESS"))
    kind = "AWS::DynamoDB::GlobalTable"
    assert facts.between(kind, {"Replicas": [small]}, {"Replicas": [large]}) == {}
    both = facts.between(kind, {"Replicas": [small]}, {"Replicas": [large, {"Region": "b"}]})
    assert both[("Replicas",)] == fact(kind, ("Replicas",))


@pytest.mark.parametrize(
    ("kind", "name", "before", "after", "shrinks"),
    [
        ("AWS::RDS::DBInstance", "AllocatedStorage", "100", "50", True),
        ("AWS::RDS::DBInstance", "AllocatedStorage", 50, "100", False),
        ("AWS::RDS::DBInstance", "AllocatedStorage", {"Ref": "P"}, 50, False),
        ("AWS::EC2::Volume", "Size", 100, 50, True),
        ("AWS::EC2::Volume", "Size", 100, None, False),
        ("AWS::EC2::Volume", "Size", "many", 50, False),
    ],
)
def test_what_grows_in_place_never_shrinks(kind: str, name: str, before: Any, after: Any, shrinks: bool) -> None:
    found = facts.between(kind, {name: before}, {name: after})
    assert [one.update for one in found.values()] == ([Update.NOT_ALLOWED] if shrinks else [])


BACK = "an engine can't go back to an older version"
MUST_ALLOW = "another major version is refused unless AllowMajorVersionUpgrade is true"


@pytest.mark.parametrize(
    ("engine", "before", "after", "more", "told"),
    [
        ("mysql", "8.0.35", "5.7.44", {}, BACK),
        ("mysql", "8.0.35", "8.0.34", {}, BACK),
        ("mysql", "8.0.35", "8.0", {}, None),
        ("mysql", "8.0.35", "8.0.36", {}, None),
        ("mysql", "5.7.44", "8.0.35", {}, MUST_ALLOW),
        ("mysql", "8.0", "8.4", {"AllowMajorVersionUpgrade": "false"}, MUST_ALLOW),
        ("mysql", "8.0", "8.4", {"AllowMajorVersionUpgrade": True}, None),
        ("mariadb", "10.6.1", "10.11.2", {}, MUST_ALLOW),
        ("postgres", "15.4", "15.5", {}, None),
        ("postgres", "15.4", "16.1", {}, MUST_ALLOW),
        ("postgres", "16", "15.4", {"AllowMajorVersionUpgrade": True}, BACK),
        ("sqlserver-ex", "15.00.4073.23.v1", "16.00.4085.2.v1", {}, MUST_ALLOW),
        ("oracle-ee", "19.0.0.0.ru-2023-01.rur-2023-01.r1", "19.0.0.0.ru-2023-04.rur-2023-04.r1", {}, None),
        ("aurora-mysql", "8.0", "5.7", {"DBClusterIdentifier": "c"}, None),
        ("mysql", {"Ref": "P"}, "5.7", {}, None),
        ("mysql", "8.0", "latest", {}, None),
    ],
)
def test_an_engine_goes_up(engine: str, before: Any, after: Any, more: dict[str, Any], told: str | None) -> None:
    old, new = ({"Engine": engine, "EngineVersion": one, **more} for one in (before, after))
    found = facts.between("AWS::RDS::DBInstance", old, new)
    assert {path: (one.update, one.says) for path, one in found.items()} == (
        {("EngineVersion",): (Update.NOT_ALLOWED, told)} if told else {}
    )
    # A cluster is allowed the major version by CloudFormation itself.
    cluster = facts.between("AWS::RDS::DBCluster", old, new)
    assert [one.says for one in cluster.values()] == ([BACK] if told == BACK else [])


def test_a_major_version_that_may_be_allowed_is_not_known() -> None:
    allowed = {"Engine": "mysql", "AllowMajorVersionUpgrade": {"Ref": "P"}}
    old, new = ({**allowed, "EngineVersion": one} for one in ("5.7", "8.0"))
    assert facts.between("AWS::RDS::DBInstance", old, new)[("EngineVersion",)].update is Update.UNKNOWN


def test_whatever_is_told_together_is_looked_at_together() -> None:
    tables = (supplement.NAMED, supplement.ADDABLE, supplement.ONE_WAY, supplement.GROWING, supplement.FIXED_WHILE_ON)
    for rows in tables:
        for kind, names in rows.items():
            assert facts.together(kind).issuperset(names)
    for kind in supplement.VERSIONED:
        assert {"Engine", "EngineVersion", "AllowMajorVersionUpgrade"} <= facts.together(kind)
    assert facts.together("AWS::SQS::Queue") == set()


@pytest.mark.parametrize("other", [None, [], "text", {"Ref": "X"}])
def test_properties_that_are_none_are_borne(other: Any) -> None:
    facts.between("AWS::DynamoDB::Table", other, _table())
    facts.between("AWS::S3::Bucket", {"ObjectLockEnabled": True}, other)
    for kind in (*supplement.GROWING, *supplement.FIXED_WHILE_ON, *supplement.VERSIONED):
        told = dict.fromkeys(facts.together(kind), other)
        facts.between(kind, told, {})
        facts.between(kind, {}, told)
        facts.between(kind, other, told)


# Names, attributes, data.


@pytest.mark.parametrize(
    ("kind", "names"),
    [
        ("AWS::S3::Bucket", ("BucketName",)),
        ("AWS::DynamoDB::Table", ("TableName",)),
        ("AWS::Lambda::Function", ("FunctionName",)),
        ("AWS::IAM::Role", ("RoleName",)),
        ("AWS::SNS::Topic", ("TopicName",)),
        ("AWS::SQS::Queue", ("QueueName",)),
        ("AWS::DAX::Cluster", ("ClusterName",)),
        ("AWS::ElasticLoadBalancingV2::LoadBalancer", ("Name",)),
        ("AWS::WAFv2::WebACL", ("Name", "Scope")),
        ("AWS::Batch::ComputeEnvironment", ("ComputeEnvironmentName",)),
        ("AWS::ApiGateway::Stage", ("RestApiId", "StageName")),
        # AWS gives a part of the identifier: nothing is in the way of a second one.
        ("AWS::ApiGateway::Resource", ()),
        ("AWS::Cognito::UserPool", ()),
        ("AWS::EC2::Instance", ()),
        ("AWS::Route53::HostedZone", ()),
        ("Custom::Anything", ()),
        ("AWS::Gone::Away", ()),
    ],
)
def test_the_properties_that_fix_a_name(kind: str, names: tuple[str, ...]) -> None:
    assert facts.name_properties(kind) == names


def test_what_is_deleted_before_it_is_made_again() -> None:
    assert facts.deletes_first("AWS::EC2::EIPAssociation") and facts.deletes_first("AWS::Logs::SubscriptionFilter")
    assert not facts.deletes_first("AWS::S3::Bucket") and not facts.deletes_first("Custom::Anything")


@pytest.mark.parametrize(
    ("kind", "name", "changed", "expected"),
    [
        ("AWS::S3::Bucket", "", ["Tags"], "stays"),
        ("AWS::S3::Bucket", "Arn", ["Tags"], "stays"),
        ("AWS::S3::Bucket", "RegionalDomainName", ["Tags"], "stays"),
        ("AWS::Lambda::Function", "Arn", ["Code", "Runtime"], "stays"),
        ("AWS::EC2::VPC", "DefaultSecurityGroup", ["Tags"], "stays"),
        ("AWS::SSM::Parameter", "Value", ["Value"], "moves"),
        ("AWS::SSM::Parameter", "Value", ["Description"], "stays"),
        ("AWS::EC2::LaunchTemplate", "LatestVersionNumber", ["LaunchTemplateData"], "moves"),
        ("AWS::EC2::LaunchTemplate", "", ["LaunchTemplateData"], "stays"),
        ("AWS::DynamoDB::Table", "StreamArn", ["StreamSpecification"], "moves"),
        ("AWS::DynamoDB::Table", "StreamArn", ["BillingMode"], "stays"),
        ("AWS::EC2::Instance", "PublicIp", ["InstanceType"], "may move"),
        ("AWS::EC2::Instance", "PublicIp", ["Tags"], "stays"),
        ("AWS::RDS::DBInstance", "Endpoint.Address", ["DBInstanceClass"], "stays"),
        ("AWS::RDS::DBInstance", "Endpoint.Port", ["Port"], "may move"),
        ("AWS::MSK::Configuration", "LatestRevision.Revision", ["ServerProperties"], "may move"),
        ("AWS::CloudFormation::Stack", "Outputs.Anything", ["TemplateURL"], "may move"),
        ("AWS::CloudFormation::Stack", "", ["TemplateURL"], "stays"),
        ("Custom::Anything", "", ["Anything"], "may move"),
        ("Custom::Anything", "Anything", ["Anything"], "may move"),
        ("AWS::Gone::Away", "", ["Anything"], "may move"),
        ("AWS::S3::Bucket", "NoSuchAttribute!", ["Tags"], "may move"),
    ],
)
def test_what_becomes_of_an_attribute(kind: str, name: str, changed: list[str], expected: str) -> None:
    assert facts.attribute(kind, name, changed) == expected


def test_what_holds_data() -> None:
    assert all(facts.holds_data(kind) for kind in HOLDS_DATA)
    assert all(facts.can_snapshot(kind) == can for kind, can in HOLDS_DATA.items())
    assert all(facts.holds_data(kind) for kind in supplement.ALSO_HOLD_DATA)
    assert facts.holds_data("AWS::MSK::Cluster") and facts.holds_data("AWS::S3Vectors::VectorBucket")
    assert facts.holds_data("AWS::Timestream::Table") and not facts.can_snapshot("AWS::Timestream::Table")
    assert not facts.holds_data("AWS::Lambda::Function") and not facts.holds_data("Custom::Anything")


def test_what_is_renewed_by_design() -> None:
    assert facts.renewed_by_design("AWS::Lambda::Version") and facts.renewed_by_design("AWS::ApiGateway::Deployment")
    assert not facts.renewed_by_design("AWS::Lambda::Function")


# The supplement.

ROWS = [(kind, pointer) for kind, rows in supplement.UPDATES.items() for pointer in rows]


@pytest.mark.parametrize(("kind", "pointer"), ROWS, ids=["-".join(row) for row in ROWS])
def test_a_row_is_about_a_property_that_exists_and_has_a_page(kind: str, pointer: str) -> None:
    schema = facts._schema(kind)
    assert schema is not None
    names = () if pointer == "*" else tuple(pointer.split("/"))
    assert facts._is_known(schema, names)
    row = schema.rows[names]
    assert row.source.startswith(PAGE) and row.source.endswith(".html")
    assert row.source in known.cited(kind)
    assert row.says == row.says.strip() and not row.says.endswith(".")


@pytest.mark.parametrize("kind", sorted(supplement.NAMES))
def test_a_name_is_a_property_that_can_not_be_changed(kind: str) -> None:
    assert all(
        fact(kind, (name,)).update in (Update.REPLACEMENT, Update.NOT_ALLOWED) for name in supplement.NAMES[kind]
    )


def test_every_type_of_the_supplement_exists_and_every_page_is_an_address_of_aws() -> None:
    tables = (supplement.MOVING, supplement.NAMED, supplement.ONE_WAY, supplement.RENEWED, supplement.GROWING)
    tables = (*tables, supplement.FIXED_WHILE_ON, supplement.VERSIONED)
    kinds = {kind for table in tables for kind in table} | supplement.ALSO_HOLD_DATA | supplement.SNAPSHOTS
    assert not [kind for kind in sorted(kinds) if facts._schema(kind) is None]
    pages = {one.page for moving in supplement.MOVING.values() for one in moving.values()}
    pages |= {one.page for named in supplement.NAMED.values() for one in named.values()}
    pages |= {page for ways in supplement.ONE_WAY.values() for page in ways.values()}
    pages |= {page for sizes in supplement.GROWING.values() for page in sizes.values()}
    pages |= {one.page for switched in supplement.FIXED_WHILE_ON.values() for one in switched.values()}
    pages |= {page for one in supplement.VERSIONED.values() for page in (one.downgrade, one.major) if page}
    pages |= set(supplement.RENEWED.values()) | {supplement.NAMES_PAGE}
    assert not [page for page in pages if not page.startswith(PAGE) or not page.endswith(".html")]


# What is not imported, and what is not there.

_FACT = """
import sys
from troposphere_arch.diff import facts
facts.fact("AWS::SQS::Queue", ("QueueName",))
print("cfnlint" in sys.modules)
"""


def test_a_fact_does_not_import_cfn_lint_which_takes_longer_than_a_diff() -> None:
    done = subprocess.run([sys.executable, "-c", _FACT], check=True, capture_output=True, text=True)
    assert done.stdout == "False\n"


@pytest.mark.parametrize(
    ("files", "says"),
    [
        ({}, "install cfn-lint 1.58 or newer"),
        ({"providers/us-east-1.json": "{"}, "install cfn-lint again"),
        ({"providers/us-east-1.json": '{"AWS::S3::Bucket": "gone"}'}, "install cfn-lint again"),
    ],
)
def test_without_schemas_there_is_one_line(tmp_path: Path, files: dict[str, str], says: str) -> None:
    for name, text in {"../../__init__.py": "", "../../version.py": "", **files}.items():
        file = tmp_path / "cfnlint" / "data" / "schemas" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.resolve().parent.mkdir(parents=True, exist_ok=True)
        file.resolve().write_text(text)
    script = (
        f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n"
        "from troposphere_arch.diff import facts\nfrom troposphere_arch.errors import UserError\n"
        "try:\n    facts.fact('AWS::S3::Bucket', ('BucketName',))\nexcept UserError as error:\n    print(error)\n"
    )
    said = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True).stdout
    assert said.count("\n") == 1
    assert str(tmp_path) in said and says in said


# Anything at all.

_ANY_KIND = st.one_of(st.sampled_from(sorted(facts._region("us-east-1.json"))), st.text(max_size=20))
_ANY_PATH = st.lists(st.one_of(st.integers(), st.text(max_size=12), st.sampled_from(["Tags", "Ref", "*"])), max_size=5)


@settings(deadline=None)
@given(_ANY_KIND, _ANY_PATH.map(tuple))
def test_anything_has_a_fact_and_what_is_inside_is_no_milder(kind: str, path: tuple[str | int, ...]) -> None:
    found = fact(kind, path)
    assert found.says and found.source
    schema = facts._schema(kind)
    names = tuple(step for step in path if isinstance(step, str))
    for pointer, row in () if schema is None else schema.rows.items():
        if names[: len(pointer)] == pointer:
            assert found.update.gravity >= row.update.gravity
    facts.attribute(kind, ".".join(names), names)
    facts.name_properties(kind)


@settings(deadline=None)
@given(st.data())
def test_what_is_in_a_property_that_replaces_replaces(data: st.DataObject) -> None:
    kind = data.draw(st.sampled_from(sorted(facts._region("us-east-1.json"))))
    schema = facts._schema(kind)
    assert schema is not None
    fixed = [pointer for pointer, row in schema.rows.items() if row.update is Update.REPLACEMENT]
    if fixed:
        pointer = data.draw(st.sampled_from(fixed))
        deeper = data.draw(_ANY_PATH)
        assert fact(kind, (*pointer, *deeper)).update in (Update.REPLACEMENT, Update.NOT_ALLOWED)
        for end in range(1, len(pointer)):
            assert fact(kind, pointer[:end]).update.gravity >= Update.MAY_REPLACE.gravity
