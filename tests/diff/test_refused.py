"""What a service refuses, though no property is create-only; and what a change in place does to those who use it."""

from __future__ import annotations

from typing import Any

import pytest

from tests.diff.templates import RETAINED, change_of, resource, table, template
from tests.evidence import shows
from troposphere_arch.diff import Bump, diff
from troposphere_arch.diff.model import Effect


def _replicas(*regions: str) -> dict[str, Any]:
    replicas = [{"Region": region} for region in regions]
    return resource("AWS::DynamoDB::GlobalTable", RETAINED, KeySchema=[], AttributeDefinitions=[], Replicas=replicas)


def _lives(attribute: str) -> dict[str, Any]:
    return table(TimeToLiveSpecification={"AttributeName": attribute, "Enabled": True})


def _database(**properties: Any) -> dict[str, Any]:
    return resource("AWS::RDS::DBInstance", RETAINED, DBInstanceClass="db.t4g.micro", Engine="mysql", **properties)


def _secret(**generated: Any) -> dict[str, Any]:
    return resource("AWS::SecretsManager::Secret", RETAINED, GenerateSecretString=generated)


def _of(kind: str, **properties: Any) -> dict[str, Any]:
    return resource(kind, RETAINED, **properties)


@shows("REQ-D4", how="static")
@pytest.mark.parametrize(
    ("before", "after"),
    [
        (_lives("a"), _lives("b")),
        (_replicas("eu-west-1"), _replicas("eu-west-1", "eu-west-2", "eu-west-3")),
        (_database(AllocatedStorage="100"), _database(AllocatedStorage="50")),
        (_of("AWS::EC2::Volume", Size=100), _of("AWS::EC2::Volume", Size=50)),
        (_of("AWS::Logs::LogGroup", LogGroupClass="STANDARD"), _of("AWS::Logs::LogGroup", LogGroupClass="DELIVERY")),
        (_of("AWS::SSM::Parameter", Type="String"), _of("AWS::SSM::Parameter", Type="StringList")),
        (_database(EngineVersion="8.0.35"), _database(EngineVersion="5.7.44")),
        (_database(EngineVersion="5.7.44"), _database(EngineVersion="8.0.35")),
    ],
    ids=lambda one: one["Type"],
)
def test_what_the_service_refuses_fails(before: Any, after: Any) -> None:
    change = change_of(diff(template({"A": before}), template({"A": after})), "A")
    assert (change.effect, change.certain, change.bump) == (Effect.FAILURE, True, Bump.MAJOR)
    assert change.reasons[0].source.startswith("https://docs.aws.amazon.com/")


@shows("REQ-D4", how="static")
@pytest.mark.parametrize(
    ("before", "after", "says"),
    [
        (
            _replicas("eu-west-1", "eu-west-2"),
            _replicas("eu-west-1"),
            "eu-west-2 is taken away, with the copy of the data that is there",
        ),
        (
            _secret(PasswordLength=20),
            _secret(PasswordLength=30),
            "another value is made; a database that was given the old one keeps that",
        ),
        (
            _of("AWS::Neptune::DBCluster", EngineVersion="1.3.0.0"),
            _of("AWS::Neptune::DBCluster", EngineVersion="1.3.1.0"),
            "all instances restart",
        ),
        (
            _database(EngineVersion="5.7.44", AllowMajorVersionUpgrade=True),
            _database(EngineVersion="8.0.35", AllowMajorVersionUpgrade=True),
            "the database restarts, or fails over to its standby",
        ),
    ],
    ids=lambda one: one["Type"] if isinstance(one, dict) else "",
)
def test_what_those_who_use_it_feel_interrupts(before: Any, after: Any, says: str) -> None:
    change = change_of(diff(template({"A": before}), template({"A": after})), "A")
    assert (change.effect, change.certain, change.bump) == (Effect.INTERRUPTION, True, Bump.MINOR)
    assert change.reasons[0].says == says


@shows("REQ-D4", how="static")
@pytest.mark.parametrize(
    "kind",
    [
        "AWS::APS::Workspace",
        "AWS::Cassandra::Keyspace",
        "AWS::CloudTrail::EventDataStore",
        "AWS::ECR::PublicRepository",
        "AWS::FSx::Snapshot",
        "AWS::Lightsail::Bucket",
        "AWS::Lightsail::Instance",
        "AWS::MSK::Cluster",
        "AWS::OpenSearchServerless::Collection",
        "AWS::S3Tables::TableBucket",
        "AWS::S3Vectors::VectorBucket",
        "AWS::SDB::Domain",
        "AWS::Timestream::InfluxDBInstance",
        "AWS::WorkSpaces::Workspace",
    ],
)
def test_what_holds_data_is_lost_when_it_goes(kind: str) -> None:
    keeps = {"Queue": resource("AWS::SQS::Queue")}
    change = change_of(diff(template({"A": resource(kind), **keeps}), template(keeps)), "A")
    assert (change.effect, change.bump, change.data) == (Effect.DATA_LOSS, Bump.MAJOR, "lost")
