from __future__ import annotations

from typing import Any

import pytest
from cfnlint.schema import PROVIDER_SCHEMA_MANAGER

from troposphere_arch.rules._template import View
from troposphere_arch.rules.physical_names import NAMES, PhysicalNames

from . import changed, found, good, only

RULE = "E9014"


def test_names_made_by_cloudformation_pass() -> None:
    assert found(RULE, good()) == []


@pytest.mark.parametrize("kind", sorted(NAMES))
def test_a_fixed_name(kind: str) -> None:
    def named(value: Any) -> Any:
        for key in reversed(NAMES[kind]):
            value = {key: value}
        return {"Resources": {"Named": {"Type": kind, "Properties": value}}}

    for fixed in ("prod", {"Ref": "Name"}, {"Fn::If": ["X", {"Ref": "AWS::NoValue"}, "prod"]}):
        assert "Named has the fixed name" in only(RULE, named(fixed))
    for free in ({"Fn::Sub": "${AWS::StackName}-x"}, {"Ref": "AWS::NoValue"}):
        assert found(RULE, named(free)) == []


@pytest.mark.parametrize("kind", sorted(NAMES))
def test_every_name_of_the_table_is_a_property(kind: str) -> None:
    schema = PROVIDER_SCHEMA_MANAGER.get_resource_schema("us-east-1", kind).schema
    place = schema
    for key in NAMES[kind]:
        place = schema["definitions"][place["$ref"].split("/")[-1]] if "$ref" in place else place
        place = place["properties"][key]


def test_a_label_is_no_name() -> None:
    assert found(RULE, changed("Resources/Users/Properties/UserPoolName", "users")) == []


@pytest.mark.parametrize(
    ("path", "value", "says"),
    [
        (
            "Resources/Logging",
            {"Type": "AWS::ApiGateway::Account"},
            "Logging sets the role of API Gateway for the whole",
        ),
        ("Resources/Maker", {"Type": "AWS::CloudFormation::Macro"}, "Maker is a macro"),
        ("Resources/Inner", {"Type": "AWS::CloudFormation::Stack"}, "Inner is a nested stack"),
        ("Outputs/ApiUrl/Export", {"Name": {"Fn::Sub": "${AWS::StackName}-x"}}, "ApiUrl is exported"),
        ("Resources/Read/Properties/Description", {"Fn::ImportValue": "x"}, "Read uses Fn::ImportValue"),
        ("Resources/Read/Properties/Description", {"Fn::Transform": {"Name": "x"}}, "Read uses Fn::Transform"),
    ],
)
def test_a_side_effect(path: str, value: Any, says: str) -> None:
    assert says in only(RULE, changed(path, value))


def test_a_transform() -> None:
    ((path, message),) = PhysicalNames().check(View(good(), transforms=["AWS::Serverless-2016-10-31"]))
    assert path == ("Transform",)
    assert "needs the transform AWS::Serverless-2016-10-31" in message


def test_a_name_that_the_user_gives_and_that_is_none_by_default() -> None:
    name = {"Fn::If": ["IsNamed", {"Fn::Sub": "${Prefix}-${AWS::Region}"}, {"Ref": "AWS::NoValue"}]}
    template = changed("Resources/Files/Properties/BucketName", name)
    template = changed("Parameters/Prefix", {"Type": "String", "Default": "none"}, template=template)
    given = {"Fn::Not": [{"Fn::Equals": [{"Ref": "Prefix"}, "none"]}]}
    template = changed("Conditions/IsNamed", given, template=template)
    assert found(RULE, template) == []
    # The condition asks for something else, or the default gives a name.
    changed("Conditions/IsNamed", {"Fn::Equals": [{"Ref": "AWS::Region"}, "us-east-1"]}, template=template)
    assert "Files has the fixed name" in only(RULE, template)
    changed("Conditions/IsNamed", given, template=template)
    template["Parameters"]["Prefix"]["Default"] = "prod"
    assert "Files has the fixed name" in only(RULE, template)
