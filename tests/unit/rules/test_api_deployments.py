from __future__ import annotations

from typing import Any

import pytest

from . import changed, found, good, only

RULE = "E9008"
DEPLOYMENT = "Resources/ApiDeployment3c4d"
MEMORY = {"Ref": "Memory"}


def test_a_deployment_that_waits_for_everything_passes() -> None:
    assert found(RULE, good()) == []


@pytest.mark.parametrize("index", [1, 2])
def test_a_method_that_it_does_not_wait_for(index: int) -> None:
    name = good()["Resources"]["ApiDeployment3c4d"]["DependsOn"][index]
    message = only(RULE, changed(f"{DEPLOYMENT}/DependsOn/{index}"))
    assert f"{DEPLOYMENT}: ApiDeployment3c4d does not wait for {name}; add it to DependsOn" in message


def test_waiting_for_a_method_by_way_of_another_is_not_enough() -> None:
    template = changed(f"{DEPLOYMENT}/DependsOn", ["ApiDenied", "GetTodo"])
    template["Resources"]["GetTodo"]["DependsOn"] = "OptionsTodo"
    assert "OptionsTodo" in only(RULE, template)


def test_a_gateway_response_that_it_does_not_wait_for() -> None:
    message = only(RULE, changed(f"{DEPLOYMENT}/DependsOn/0"))
    assert "does not wait for ApiDenied, nor does a method refer to it" in message


@pytest.mark.parametrize(
    ("key", "name"),
    [("AuthorizerId", "ApiUsers"), ("RequestValidatorId", "ApiValidator"), ("RequestModels", "ApiTodo")],
)
def test_what_no_method_refers_to_any_more(key: str, name: str) -> None:
    assert f"does not wait for {name}, nor" in only(RULE, changed(f"Resources/GetTodo/Properties/{key}"))


def test_depends_on_a_single_name() -> None:
    messages = found(RULE, changed(f"{DEPLOYMENT}/DependsOn", "GetTodo"))
    assert len(messages) == 2


def test_a_part_of_another_api_is_not_waited_for() -> None:
    template = changed("Resources/Other", {"Type": "AWS::ApiGateway::RestApi", "Properties": {"Name": "x"}})
    model = {"Type": "AWS::ApiGateway::Model", "Properties": {"RestApiId": {"Ref": "Other"}}}
    assert found(RULE, changed("Resources/OtherModel", model, template=template)) == []


def test_a_stage_that_serves_something_else() -> None:
    messages = found(RULE, changed("Resources/ApiStage/Properties/DeploymentId", "abc123"))
    assert len(messages) == 2
    assert "ApiStage serves no deployment of its API" in messages[0]
    assert "ApiDeployment3c4d is served by no stage" in messages[1]


@pytest.mark.parametrize(
    ("where", "value"),
    [
        ("GetTodo/Properties/OperationName", MEMORY),
        ("GetTodo/Properties/Integration/TimeoutInMillis", {"Fn::If": ["StorageOn", 1000, 2000]}),
        ("OptionsTodo/Properties/Integration/RequestTemplates", {"text": {"Fn::Sub": "${Storage}"}}),
        ("ApiTodo/Properties/Description", {"Fn::Join": ["", ["x", MEMORY]]}),
        ("ApiDenied/Properties/ResponseParameters", {"h": {"Fn::Sub": ["'${O}'", {"O": {"Ref": "Storage"}}]}}),
        ("ApiValidator/Properties/Name", {"Ref": "Storage"}),
        ("ApiUsers/Properties/AuthorizerResultTtlInSeconds", MEMORY),
    ],
)
def test_a_parameter_in_the_snapshot(where: str, value: Any) -> None:
    name = where.split("/")[0]
    message = only(RULE, changed(f"Resources/{where}", value))
    assert (
        f"Resources/{name}: {name} holds the parameter {'Memory' if 'Memory' in str(value) else 'Storage'}" in message
    )


def test_through_a_condition_of_a_condition() -> None:
    template = changed("Conditions/Both", {"Fn::And": [{"Condition": "StorageOn"}, {"Condition": "Both"}]})
    value = {"Fn::If": ["Both", "a", "b"]}
    message = only(RULE, changed("Resources/GetTodo/Properties/OperationName", value, template=template))
    assert "GetTodo holds the parameter Storage" in message


def test_pseudo_parameters_and_conditions_on_them_pass() -> None:
    value = {"Fn::If": ["InGovCloud", {"Ref": "AWS::Region"}, {"Fn::Sub": "${AWS::StackName}"}]}
    assert found(RULE, changed("Resources/GetTodo/Properties/OperationName", value)) == []


def test_a_method_that_a_parameter_switches() -> None:
    template = changed("Resources/GetTodo/Condition", "StorageOn")
    message = only(RULE, template)
    assert "GetTodo exists under StorageOn, which depends on the parameter Storage" in message
    for name, resource in template["Resources"].items():
        if "Api" in name:
            resource["Condition"] = "StorageOn"
    assert [m for m in found(RULE, template) if "GetTodo" in m] == []


def two_deployments(*conditions: Any, other: str | None = "StorageOff") -> dict[str, Any]:
    """A method that differs by StorageOn, and a deployment for each of two conditions, of which the stage has one."""
    off = {"Fn::Not": [{"Condition": "StorageOn"}]}
    template = changed("Conditions/StorageOff", conditions[0] if conditions else off)
    deployment = template["Resources"]["ApiDeployment3c4d"]
    template = changed("Resources/ApiDeployment5e6f", {**deployment, "Condition": other}, template=template)
    if other is None:
        del template["Resources"]["ApiDeployment5e6f"]["Condition"]
    template = changed(f"{DEPLOYMENT}/Condition", "StorageOn", template=template)
    chosen = {"Fn::If": ["StorageOn", {"Ref": "ApiDeployment3c4d"}, {"Ref": "ApiDeployment5e6f"}]}
    template = changed("Resources/ApiStage/Properties/DeploymentId", chosen, template=template)
    differs = {"Fn::If": ["StorageOn", 1000, 2000]}
    return changed("Resources/GetTodo/Properties/Integration/TimeoutInMillis", differs, template=template)


def test_a_deployment_for_each_case() -> None:
    assert found(RULE, two_deployments()) == []


@pytest.mark.parametrize("other", ["InGovCloud", None])
def test_a_deployment_that_stays_in_either_case(other: str | None) -> None:
    assert "GetTodo holds the parameter Storage" in only(RULE, two_deployments(other=other))


def test_a_condition_that_is_not_the_opposite() -> None:
    other = {"Fn::Not": [{"Fn::And": [{"Condition": "StorageOn"}, {"Condition": "InGovCloud"}]}]}
    assert "GetTodo holds the parameter Storage" in only(RULE, two_deployments(other))


def test_the_value_itself_is_refused_in_either_case() -> None:
    template = changed("Resources/GetTodo/Properties/OperationName", {"Ref": "Storage"}, template=two_deployments())
    assert "GetTodo holds the parameter Storage" in only(RULE, template)
    differs = {"Fn::If": ["StorageOn", MEMORY, 1]}
    template = changed("Resources/GetTodo/Properties/OperationName", differs, template=two_deployments())
    assert "GetTodo holds the parameter Memory" in only(RULE, template)
