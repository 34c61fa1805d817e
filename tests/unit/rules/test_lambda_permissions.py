from __future__ import annotations

from typing import Any

import pytest

from . import changed, found, good, only, service

RULE = "E9006"
PERMISSION = "Resources/ReadPermission/Properties"
ARN = "arn:${AWS::Partition}:execute-api:${AWS::Region}:${AWS::AccountId}:${Api}"


def permission(tail: str) -> dict[str, Any]:
    properties = {**good()["Resources"]["ReadPermission"]["Properties"], "SourceArn": {"Fn::Sub": ARN + tail}}
    return {"Type": "AWS::Lambda::Permission", "Properties": properties}


def test_a_permission_for_each_method_passes() -> None:
    assert found(RULE, good()) == []


@pytest.mark.parametrize(
    "source",
    [
        {"Fn::Sub": ARN + "/*/GET/todos/*"},
        {"Fn::Sub": ARN + "/v1/GET/todos/*"},
        {"Fn::Sub": ARN + "/${ApiStage}/GET/todos/*"},
        {"Fn::Sub": ARN + "/*/*/todos/*"},
        {"Fn::Sub": ARN + "/*"},
        {"Fn::Sub": [ARN.replace("${Api}", "${Id}") + "/*/GET/todos/*", {"Id": {"Ref": "Api"}}]},
        {"Fn::Join": ["", ["arn:x:execute-api:", {"Ref": "AWS::Region"}, "::", {"Ref": "Api"}, "/*/GET/todos/*"]]},
    ],
)
def test_ways_to_write_the_source(source: Any) -> None:
    assert found(RULE, changed(f"{PERMISSION}/SourceArn", source)) == []


@pytest.mark.parametrize(
    "tail",
    [
        "/*/POST/todos/*",
        "/*/GET/todos",
        "/*/GET/todos/{id}",
        "/*/GET/others/*",
        "/*/GET/todos/*/more",
        "/GET/todos/x",
        "/v2/GET/todos/*",
    ],
)
def test_a_permission_that_does_not_cover_the_method(tail: str) -> None:
    method, unused = found(RULE, changed(f"{PERMISSION}/SourceArn", {"Fn::Sub": ARN + tail}))
    assert "Resources/GetTodo: GetTodo (GET /todos/*) may not invoke ReadLive" in method
    assert "whose SourceArn ends in /*/GET/todos/*" in method
    assert "Resources/ReadPermission: ReadPermission lets an API invoke what it does not call" in unused


def test_no_permission() -> None:
    assert "GetTodo (GET /todos/*) may not invoke ReadLive" in only(RULE, changed("Resources/ReadPermission"))


def test_a_permission_on_the_function_does_not_cover_its_alias() -> None:
    messages = found(RULE, changed(f"{PERMISSION}/FunctionName", {"Ref": "Read"}))
    assert any("GetTodo (GET /todos/*) may not invoke ReadLive" in m for m in messages)


def test_a_permission_that_is_there_only_sometimes() -> None:
    template = changed("Resources/ReadPermission/Condition", "StorageOn")
    assert "GetTodo" in only(RULE, template)
    assert found(RULE, changed("Resources/GetTodo/Condition", "StorageOn", template=template)) == []


def test_a_permission_of_another_api() -> None:
    template = changed("Resources/Other", good()["Resources"]["Api"])
    template = changed(f"{PERMISSION}/SourceArn", {"Fn::Sub": ARN.replace("Api}", "Other}") + "/*"}, template=template)
    assert len(found(RULE, template)) == 2


@pytest.mark.parametrize("path", ["todos", ""])
def test_methods_of_other_paths(path: str) -> None:
    resource = {"Ref": "ApiTodos"} if path else {"Fn::GetAtt": ["Api", "RootResourceId"]}
    template = changed("Resources/GetTodo/Properties/ResourceId", resource)
    assert f"GetTodo (GET /{path}) may not" in found(RULE, template)[0]
    assert found(RULE, changed("Resources/ReadPermission", permission(f"/*/GET/{path}"), template=template)) == []


def test_any_method_needs_a_permission_for_any() -> None:
    template = changed("Resources/GetTodo/Properties/HttpMethod", "ANY")
    assert len(found(RULE, template)) == 2
    assert found(RULE, changed("Resources/ReadPermission", permission("/*/*/todos/*"), template=template)) == []


@pytest.mark.parametrize("who", ["apigateway.amazonaws.com", "s3.amazonaws.com", "events.amazonaws.com"])
def test_a_permission_for_a_service_without_a_source(who: str) -> None:
    broad = {"Action": "lambda:InvokeFunction", "FunctionName": {"Ref": "Read"}, "Principal": who}
    template = changed("Resources/Broad", {"Type": "AWS::Lambda::Permission", "Properties": broad})
    assert f"Broad lets {who} of any account in" in only(RULE, template)
    sometimes = {"Fn::If": ["StorageOn", {"Ref": "AWS::AccountId"}, {"Ref": "AWS::NoValue"}]}
    assert len(found(RULE, changed("Resources/Broad/Properties/SourceAccount", sometimes, template=template))) == 1
    account = {"Ref": "AWS::AccountId"}
    assert found(RULE, changed("Resources/Broad/Properties/SourceAccount", account, template=template)) == []


def test_a_permission_for_anybody() -> None:
    broad = {"Action": "lambda:InvokeFunction", "FunctionName": {"Ref": "Read"}, "Principal": "*"}
    template = changed("Resources/Broad", {"Type": "AWS::Lambda::Permission", "Properties": broad})
    assert "Broad lets anybody invoke the function" in only(RULE, template)


def test_permissions_of_authorizers_and_hidden_apis_are_left_alone() -> None:
    assert found(RULE, changed("Resources/Auth", permission("/authorizers/abc"))) == []
    template = changed("Resources/Hidden", {"Type": "AWS::ApiGateway::RestApi", "Properties": {"Body": {}}})
    hidden = permission("/*/GET/x")
    hidden["Properties"]["SourceArn"] = {"Fn::Sub": ARN.replace("Api}", "Hidden}") + "/*/GET/x"}
    assert found(RULE, changed("Resources/HiddenPermission", hidden, template=template)) == []


def test_an_integration_with_something_else_needs_none() -> None:
    uri = {"Fn::Sub": "arn:${AWS::Partition}:apigateway:${AWS::Region}:dynamodb:action/GetItem"}
    template = changed("Resources/GetTodo/Properties/Integration/Uri", uri)
    assert "ReadPermission" in only(RULE, template)


def test_both_branches_of_an_integration_are_read() -> None:
    template = good()
    integration = template["Resources"]["GetTodo"]["Properties"]["Integration"]
    mock = {"Type": "MOCK"}
    template["Resources"]["GetTodo"]["Properties"]["Integration"] = {"Fn::If": ["StorageOn", mock, integration]}
    assert found(RULE, template) == []
    assert "GetTodo" in only(RULE, changed("Resources/ReadPermission", template=template))


OF_RULE = "Resources/UploadedPermission"


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("/Properties/SourceArn", {"Fn::GetAtt": ["Other", "Arn"]}),
        ("/Properties/SourceArn", "arn:aws:events:eu-west-1:123456789012:rule/other"),
        ("/Properties/Principal", "s3.amazonaws.com"),
        ("/Condition", "StorageOn"),
        ("", None),
    ],
)
def test_a_rule_that_may_not_invoke_its_target(path: str, value: Any) -> None:
    message = only(RULE, changed(OF_RULE + path, value))
    assert "Resources/Uploaded/Properties/Targets/0: Uploaded may not invoke Read" in message


def test_ways_to_name_a_rule() -> None:
    arn = "arn:${AWS::Partition}:events:${AWS::Region}:${AWS::AccountId}:rule/"
    template = changed("Resources/Uploaded/Properties/Name", {"Fn::Sub": "${AWS::StackName}-uploaded"})
    for ending, finds in (("${AWS::StackName}-uploaded", 0), ("${AWS::StackName}-*", 0), ("x-uploaded", 1)):
        source = {"Fn::Sub": arn + ending}
        assert len(found(RULE, changed(f"{OF_RULE}/Properties/SourceArn", source, template=template))) == finds


def test_a_permission_for_a_rule_that_has_another_target() -> None:
    template = changed("Resources/Uploaded/Properties/Targets/0/Arn", {"Fn::GetAtt": ["Jobs", "Arn"]})
    assert "UploadedPermission lets a rule invoke what is no target of it" in only(RULE, template)
    assert len(found(RULE, changed(f"{OF_RULE}/Properties/FunctionName", {"Ref": "Other"}))) == 2


# --- topics

LETS_IN = "Resources/WorkPermission/Properties"
SUBSCRIBED = "Resources/WorkOfEvents/Properties"
ELSEWHERE = {"Fn::Sub": "arn:${AWS::Partition}:sns:${AWS::Region}:${AWS::AccountId}:other"}


def test_a_topic_that_is_let_in_passes() -> None:
    assert found(RULE, service()) == []
    attribute = {"Fn::GetAtt": ["Events", "TopicArn"]}
    assert found(RULE, changed(f"{LETS_IN}/SourceArn", attribute, template=service())) == []
    # Somebody else's topic.
    template = changed(f"{SUBSCRIBED}/TopicArn", {"Ref": "OrdersEvents"}, template=service())
    assert found(RULE, changed(f"{LETS_IN}/SourceArn", {"Ref": "OrdersEvents"}, template=template)) == []


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("Resources/WorkPermission", None),
        ("Resources/WorkPermission/Condition", "HasBoundary"),
        (f"{LETS_IN}/Principal", "events.amazonaws.com"),
        (f"{LETS_IN}/FunctionName", "other"),
        (f"{LETS_IN}/SourceArn", ELSEWHERE),
        (f"{LETS_IN}/SourceArn", {"Ref": "OrdersEvents"}),
    ],
)
def test_a_topic_that_may_not_invoke(path: str, value: Any) -> None:
    messages = found(RULE, changed(path, value, template=service()))
    assert "Resources/WorkOfEvents: WorkOfEvents may not invoke Work; add an AWS::Lambda::Permission" in messages[0]


@pytest.mark.parametrize("path", ["Resources/WorkOfEvents", f"{SUBSCRIBED}/Endpoint"])
def test_a_permission_for_a_topic_that_nobody_is_subscribed_to(path: str) -> None:
    message = only(RULE, changed(path, template=service()))
    assert "WorkPermission lets a topic invoke what is not subscribed to it; remove it" in message


# --- target groups of load balancers

GROUP_NAME = {"Fn::Select": [2, {"Fn::Split": ["/", {"Ref": "AWS::StackId"}]}]}
GROUP_ARN = "arn:${AWS::Partition}:elasticloadbalancing:${AWS::Region}:${AWS::AccountId}:targetgroup/"
GROUP_PERMISSION = "Resources/GroupPermission"


def behind_a_balancer(source: Any = None, name: Any = None) -> dict[str, Any]:
    """A target group whose one target is the alias, with its permission."""
    name = name or GROUP_NAME
    permission = {
        "Type": "AWS::Lambda::Permission",
        "Properties": {
            "Action": "lambda:InvokeFunction",
            "FunctionName": {"Ref": "ReadLive"},
            "Principal": "elasticloadbalancing.amazonaws.com",
            "SourceArn": source or {"Fn::Sub": [GROUP_ARN + "${Name}/*", {"Name": name}]},
        },
    }
    group = {
        "Type": "AWS::ElasticLoadBalancingV2::TargetGroup",
        "DependsOn": "GroupPermission",
        "Properties": {"Name": name, "TargetType": "lambda", "Targets": [{"Id": {"Ref": "ReadLive"}}]},
    }
    return changed("Resources/Group", group, template=changed(GROUP_PERMISSION, permission))


@pytest.mark.parametrize(
    ("source", "name"),
    [
        (None, None),
        ({"Fn::Sub": GROUP_ARN + "${AWS::StackName}/*"}, {"Ref": "AWS::StackName"}),
        ({"Fn::Sub": GROUP_ARN + "${AWS::StackName}-t/*"}, {"Fn::Sub": "${AWS::StackName}-t"}),
    ],
    ids=["own variable", "reference", "text"],
)
def test_a_target_group_with_its_permission_passes(source: Any, name: Any) -> None:
    assert found(RULE, behind_a_balancer(source, name)) == []


@pytest.mark.parametrize(
    "source",
    [
        {"Fn::Sub": GROUP_ARN + "*"},
        {"Fn::Sub": GROUP_ARN + "other/*"},
        {"Fn::Sub": [GROUP_ARN + "${Name}/*", {"Name": {"Ref": "AWS::StackName"}}]},
        {"Fn::Sub": [GROUP_ARN + "${Name}", {"Name": GROUP_NAME}]},
    ],
    ids=["any group", "another", "another variable", "no id"],
)
def test_a_permission_for_another_target_group(source: Any) -> None:
    needed, unused = found(RULE, behind_a_balancer(source))
    assert "Resources/Group: Group may not invoke ReadLive" in needed
    assert "GroupPermission lets a target group invoke what is no target of it" in unused


def test_a_target_group_that_does_not_wait_for_its_permission() -> None:
    message = only(RULE, changed("Resources/Group/DependsOn", template=behind_a_balancer()))
    assert "Group takes ReadLive for its target before it may invoke it; add GroupPermission to DependsOn" in message


def test_a_target_group_without_a_permission_and_a_permission_without_a_target_group() -> None:
    assert "Group may not invoke ReadLive" in only(RULE, changed(GROUP_PERMISSION, template=behind_a_balancer()))
    assert "lets a target group invoke" in only(RULE, changed("Resources/Group", template=behind_a_balancer()))
    servers = changed("Resources/Group/Properties/TargetType", "ip", template=behind_a_balancer())
    assert "lets a target group invoke" in only(RULE, servers)
