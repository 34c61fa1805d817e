from __future__ import annotations

from typing import Any

import pytest

from troposphere_arch.rules.data_is_retained import HOLDS_DATA

from . import changed, found, good, only

RULE = "E9010"
RECOVERY = "PointInTimeRecoverySpecification"
RETAINED = {"DeletionPolicy": "Retain", "UpdateReplacePolicy": "Retain"}


def test_retained_data_passes() -> None:
    assert found(RULE, good()) == []


@pytest.mark.parametrize("name", ["Users", "Identities", "Files", "Todos"])
@pytest.mark.parametrize("attribute", ["DeletionPolicy", "UpdateReplacePolicy"])
@pytest.mark.parametrize("value", [None, "Delete", "Snapshot", {"Ref": "Storage"}])
def test_data_that_goes_with_the_stack(name: str, attribute: str, value: Any) -> None:
    assert f"{name} holds data and has {attribute}" in only(RULE, changed(f"Resources/{name}/{attribute}", value))


def test_a_stack_that_failed_to_be_made_may_take_its_empty_table_along() -> None:
    assert found(RULE, changed("Resources/Todos/DeletionPolicy", "RetainExceptOnCreate")) == []
    assert len(found(RULE, changed("Resources/Todos/UpdateReplacePolicy", "RetainExceptOnCreate"))) == 1


@pytest.mark.parametrize("kind", sorted(HOLDS_DATA))
def test_every_type_of_the_table(kind: str) -> None:
    template = {"Resources": {"Data": {"Type": kind}}}
    messages = [m for m in found(RULE, template) if "Policy" in m]
    assert len(messages) == 2
    assert all(m.startswith("Resources/Data: Data holds data") for m in messages)
    snapshot = {"Data": {"Type": kind, "DeletionPolicy": "Snapshot", "UpdateReplacePolicy": "Snapshot"}}
    assert len([m for m in found(RULE, {"Resources": snapshot}) if "Policy" in m]) == (0 if HOLDS_DATA[kind] else 2)


@pytest.mark.parametrize(
    "value",
    [None, {}, {"PointInTimeRecoveryEnabled": False}, {"PointInTimeRecoveryEnabled": {"Fn::If": ["X", True, False]}}],
)
def test_a_table_that_cannot_be_restored(value: Any) -> None:
    assert "Todos has PointInTimeRecoveryEnabled" in only(
        RULE, changed(f"Resources/Todos/Properties/{RECOVERY}", value)
    )


def test_a_replica_that_cannot_be_restored() -> None:
    replicas = [{"Region": "a", RECOVERY: {"PointInTimeRecoveryEnabled": True}}, {"Region": "b"}]
    table = {"Type": "AWS::DynamoDB::GlobalTable", **RETAINED, "Properties": {"Replicas": replicas}}
    message = only(RULE, changed("Resources/World", table))
    assert message.startswith("Resources/World/Properties/Replicas/1: World has PointInTimeRecoveryEnabled None")


def with_secret(secret: dict[str, Any], **readers: tuple[str, Any]) -> Any:
    """A secret that goes with its stack, and who reads it."""
    template = changed("Resources/Secret", {"Type": "AWS::SecretsManager::Secret", "Properties": secret})
    for name, (kind, value) in readers.items():
        template = changed(f"Resources/{name}", {"Type": kind, "Properties": {"Value": value}}, template=template)
    return template


GENERATED = {"GenerateSecretString": {"PasswordLength": 64}}
RESOLVED = {"Fn::Sub": "{{resolve:secretsmanager:${Secret}}}"}
KEY = ("AWS::ApiGateway::ApiKey", RESOLVED)
EDGE = ("AWS::CloudFront::Distribution", {"Fn::If": ["X", RESOLVED, ""]})


def test_a_key_that_is_made_anew_with_who_reads_it_is_no_data() -> None:
    assert found(RULE, with_secret(GENERATED, Key=KEY)) == []
    assert found(RULE, with_secret(GENERATED, Key=KEY, Edge=EDGE)) == []


@pytest.mark.parametrize(
    "template",
    [
        with_secret({"SecretString": "x"}, Key=KEY),
        with_secret(GENERATED),  # who knows who reads it
        changed("Outputs/Told", {"Value": {"Ref": "Secret"}}, template=with_secret(GENERATED, Key=KEY)),
        with_secret(GENERATED, Key=KEY, Database=("AWS::RDS::DBProxy", RESOLVED)),
    ],
)
def test_any_other_secret_is_data(template: Any) -> None:
    messages = found(RULE, template)
    assert len(messages) == 2
    assert all("Secret holds data" in message for message in messages)
