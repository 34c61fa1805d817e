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
