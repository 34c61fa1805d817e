from __future__ import annotations

from typing import Any

import pytest

from . import changed, found, good, only

RULE = "E9009"
FUNCTION = "Resources/Read/Properties"
DESCRIPTION = "Resources/ReadVersion1a2b/Properties/Description"


def test_a_version_that_names_its_parameters_passes() -> None:
    assert found(RULE, good()) == []


@pytest.mark.parametrize(
    "value", ["${ReadRole.RoleId}", "${ReadRole.RoleId} ${Storage}", "${ReadRole.RoleId} ${!Memory}"]
)
def test_a_parameter_that_is_not_named(value: str) -> None:
    message = only(RULE, changed(DESCRIPTION, {"Fn::Sub": value}))
    assert message.startswith("Resources/ReadVersion1a2b: ReadVersion1a2b freezes the parameter Memory of Read")
    assert "add ${Memory}" in message


@pytest.mark.parametrize(
    "value",
    [
        {"Variables": {"A": {"Ref": "Storage"}}},
        {"Variables": {"A": {"Fn::If": ["StorageOn", "a", "b"]}}},
        {"Variables": {"A": {"Fn::Sub": "x${Storage}"}}},
        {"Variables": {"A": {"Fn::FindInMap": ["M", {"Ref": "Storage"}, "x"]}}},
    ],
)
def test_another_parameter_of_the_function(value: Any) -> None:
    template = changed(f"{FUNCTION}/Environment", value)
    assert "freezes the parameter Storage of Read" in only(RULE, template)
    assert (
        found(RULE, changed(DESCRIPTION, {"Fn::Sub": "${Memory} ${Storage} ${ReadRole.RoleId}"}, template=template))
        == []
    )


@pytest.mark.parametrize("key", ["ReservedConcurrentExecutions", "Tags"])
def test_what_a_version_does_not_freeze(key: str) -> None:
    assert found(RULE, changed(f"{FUNCTION}/{key}", {"Ref": "Storage"})) == []


def test_resources_and_pseudo_parameters_need_no_naming() -> None:
    variables = {"T": {"Ref": "Todos"}, "R": {"Ref": "AWS::Region"}, "G": {"Fn::If": ["InGovCloud", "a", "b"]}}
    assert found(RULE, changed(f"{FUNCTION}/Environment", {"Variables": variables})) == []


@pytest.mark.parametrize("value", [None, "memory"])
def test_a_description_that_names_nothing(value: Any) -> None:
    assert len(found(RULE, changed(DESCRIPTION, value))) == 2


@pytest.mark.parametrize("value", ["${Memory}", "${Memory} ReadRole"])
def test_a_role_that_a_parameter_replaces(value: str) -> None:
    message = only(RULE, changed(DESCRIPTION, {"Fn::Sub": value}))
    assert "freezes which ReadRole there is, and RolePath may replace it; name ReadRole" in message


@pytest.mark.parametrize("value", ["${Memory} ${ReadRole}", "${Memory} ${RolePath}"])
def test_the_role_by_its_name_or_by_what_replaces_it(value: str) -> None:
    assert found(RULE, changed(DESCRIPTION, {"Fn::Sub": value})) == []


def test_a_role_whose_path_is_fixed() -> None:
    template = changed("Resources/ReadRole/Properties/Path", "/apps/")
    assert found(RULE, changed(DESCRIPTION, {"Fn::Sub": "${Memory}"}, template=template)) == []


def test_what_is_replaced_through_another_one() -> None:
    template = changed("Resources/Zone", {"Type": "AWS::Custom::Unknown", "Properties": {"Name": {"Ref": "Storage"}}})
    for name, properties in {
        "Vpc": {"CidrBlock": {"Ref": "Storage"}},
        "Subnet": {"VpcId": {"Ref": "Vpc"}, "Tags": [{"Key": "a", "Value": {"Ref": "Storage"}}]},
    }.items():
        template = changed(
            f"Resources/{name}",
            {"Type": f"AWS::EC2::{name.replace('Vpc', 'VPC')}", "Properties": properties},
            template=template,
        )
    config = {"SubnetIds": [{"Ref": "Subnet"}, {"Ref": "Zone"}]}
    template = changed(f"{FUNCTION}/VpcConfig", config, template=template)
    assert "which Subnet there is, and Storage may replace it" in only(RULE, template)
