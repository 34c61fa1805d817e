"""What change sets say of conditions: nothing right on stock, and what AWS says with our patches."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.evidence import shows
from tests.local.stacks import Stack, resource
from troposphere_arch.local import Emulator

NOTHING = "The submitted information didn't contain changes. Submit different information to create a change set."
NO = {"Ref": "AWS::NoValue"}


def when(condition: str, yes: Any, no: Any = NO) -> dict[str, Any]:
    return {"Fn::If": [condition, yes, no]}


def conditional(condition: str, one: dict[str, Any]) -> dict[str, Any]:
    return {**one, "Condition": condition}


TEMPLATE = {
    "Parameters": {
        "Mode": {"Type": "String", "Default": "off"},
        "Seconds": {"Type": "Number", "Default": "30"},
        "Dead": {"Type": "String", "Default": "first"},
        "Address": {"Type": "String", "Default": "none"},
        "Nobody": {"Type": "String", "Default": "a"},
    },
    "Conditions": {
        "IsOn": {"Fn::Equals": [{"Ref": "Mode"}, "on"]},
        "IsOff": {"Fn::Not": [{"Condition": "IsOn"}]},
        "IsFirst": {"Fn::Equals": [{"Ref": "Dead"}, "first"]},
        "HasAddress": {"Fn::Not": [{"Fn::Equals": [{"Ref": "Address"}, "none"]}]},
    },
    "Resources": {
        "Always": resource("SNS::Topic"),
        "Comes": conditional("IsOn", resource("SQS::Queue", VisibilityTimeout={"Ref": "Seconds"})),
        "Goes": conditional("IsOff", resource("SNS::Topic")),
        "First": resource("SQS::Queue"),
        "Second": resource("SQS::Queue"),
        "Branch": resource(
            "SQS::Queue",
            DelaySeconds=when("IsOn", {"Ref": "Seconds"}),
            RedrivePolicy={
                "maxReceiveCount": 3,
                "deadLetterTargetArn": when(
                    "IsFirst", {"Fn::GetAtt": ["First", "Arn"]}, {"Fn::GetAtt": ["Second", "Arn"]}
                ),
            },
        ),
    },
    "Outputs": {"Address": {"Value": {"Ref": "Address"}, "Condition": "HasAddress"}},
}

Said = dict[str, tuple[str, str]]
CASES: dict[str, tuple[dict[str, str], dict[str, str], Said | None, Said | None]] = {
    # parameters before and after, then what a change set says on stock and patched (None: that nothing changes)
    "on": (
        {},
        {"Mode": "on"},
        {"Branch": ("Modify", "False")},
        {"Branch": ("Modify", "False"), "Comes": ("Add", ""), "Goes": ("Remove", "")},
    ),
    "off": (
        {"Mode": "on"},
        {"Mode": "off"},
        {"Branch": ("Modify", "False")},
        {"Branch": ("Modify", "False"), "Comes": ("Remove", ""), "Goes": ("Add", "")},
    ),
    "of-what-is-not-there": (
        {},
        {"Seconds": "40"},
        {"Branch": ("Modify", "False"), "Comes": ("Modify", "False")},
        None,
    ),
    "of-what-is-there": (
        {"Mode": "on"},
        {"Seconds": "40"},
        {"Branch": ("Modify", "False"), "Comes": ("Modify", "False")},
        {"Branch": ("Modify", "False"), "Comes": ("Modify", "False")},
    ),
    "another-attribute": ({}, {"Dead": "second"}, None, {"Branch": ("Modify", "False")}),
    "an-output-only": ({}, {"Address": "a"}, None, {}),
    "a-parameter-only": ({}, {"Nobody": "b"}, None, None),
    "nothing": ({"Mode": "on"}, {"Mode": "on"}, None, None),
}


@contextmanager
def made(emulator: Emulator, template: dict[str, Any], parameters: dict[str, str]) -> Iterator[Stack]:
    cloudformation = emulator.client("cloudformation")
    stack = Stack(
        emulator,
        cloudformation.create_stack(
            StackName=f"c-{uuid.uuid4().hex[:12]}", TemplateBody=json.dumps(template), Parameters=as_list(parameters)
        )["StackId"],
    )
    try:
        assert stack.ended() == "CREATE_COMPLETE"
        yield stack
    finally:
        cloudformation.delete_stack(StackName=stack.name)


def as_list(parameters: dict[str, str]) -> list[dict[str, str]]:
    return [{"ParameterKey": name, "ParameterValue": value} for name, value in parameters.items()]


def change_set(stack: Stack, template: dict[str, Any], parameters: dict[str, str]) -> tuple[str, Said | None]:
    """The id of a change set, and what it says; None that nothing changes."""
    client = stack.emulator.client("cloudformation")
    asked = client.create_change_set(
        StackName=stack.name, ChangeSetName="next", TemplateBody=json.dumps(template), Parameters=as_list(parameters)
    )["Id"]
    found = client.describe_change_set(ChangeSetName=asked)
    if found["Status"] == "FAILED":
        assert found["StatusReason"] == NOTHING
        assert found["Changes"] == []
        return asked, None
    assert (found["Status"], found["ExecutionStatus"]) == ("CREATE_COMPLETE", "AVAILABLE")
    changes = [one["ResourceChange"] for one in found["Changes"]]
    return asked, {one["LogicalResourceId"]: (one["Action"], one.get("Replacement", "")) for one in changes}


@shows("REQ-D4", how="stock")
@pytest.mark.parametrize("case", CASES)
def test_stock_does_not_ask_what_is_there(stock: Emulator, case: str) -> None:
    before, after, said, _ = CASES[case]
    with made(stock, TEMPLATE, before) as stack:
        assert change_set(stack, TEMPLATE, {**before, **after})[1] == said


@pytest.mark.parametrize("case", CASES)
def test_what_comes_and_goes(patched: Emulator, case: str) -> None:
    before, after, _, said = CASES[case]
    with made(patched, TEMPLATE, before) as stack:
        asked, found = change_set(stack, TEMPLATE, {**before, **after})
        assert found == said
        if said is None:
            return
        patched.client("cloudformation").execute_change_set(ChangeSetName=asked)
        assert stack.ended() == "UPDATE_COMPLETE"
        has = patched.client("cloudformation").describe_stacks(StackName=stack.name)["Stacks"][0]
        values = {one["ParameterKey"]: one["ParameterValue"] for one in has["Parameters"]}
        assert values.items() >= after.items()
        assert [one["OutputValue"] for one in has.get("Outputs", [])] == [v for k, v in after.items() if k == "Address"]
        there = stack.ids.keys()
        assert [name for name, (action, _) in said.items() if action == "Add" and name not in there] == []
        assert [name for name, (action, _) in said.items() if action == "Remove" and name in there] == []


def test_a_new_stack_and_another_template(patched: Emulator) -> None:
    """What is never there is in no change set of a creation, and a condition that comes with its template counts."""
    with made(patched, {"Resources": {"Always": resource("SNS::Topic")}}, {}) as stack:
        every = dict.fromkeys(("Branch", "First", "Goes", "Second"), ("Add", ""))
        assert change_set(stack, TEMPLATE, {})[1] == every
    client = patched.client("cloudformation")
    name = f"c-{uuid.uuid4().hex[:12]}"
    client.create_change_set(
        StackName=name, ChangeSetName="first", ChangeSetType="CREATE", TemplateBody=json.dumps(TEMPLATE)
    )
    found = client.describe_change_set(StackName=name, ChangeSetName="first")["Changes"]
    assert {one["ResourceChange"]["LogicalResourceId"] for one in found} == {*every, "Always"}
    client.delete_stack(StackName=name)


@shows("REQ-D4", how="stock")
@shows("REQ-D4", how="patched")
@pytest.mark.parametrize("kind", ["stock", "patched"])
def test_a_parameter_that_is_looked_up_has_its_name(request: pytest.FixtureRequest, kind: str) -> None:
    emulator: Emulator = request.getfixturevalue(kind)
    name = f"/c/{uuid.uuid4().hex}"
    emulator.client("ssm").put_parameter(Name=name, Value="found & <kept>", Type="String")
    template = {
        "Parameters": {"Found": {"Type": "AWS::SSM::Parameter::Value<String>"}, "Plain": {"Type": "String"}},
        "Resources": {"Topic": resource("SNS::Topic", DisplayName={"Ref": "Plain"})},
    }
    with made(emulator, template, {"Found": name, "Plain": "p"}) as stack:
        [described] = emulator.client("cloudformation").describe_stacks(StackName=stack.name)["Stacks"]
    told = {"ParameterKey": "Plain", "ParameterValue": "p"}
    stock = {"ParameterKey": "Found", "ParameterValue": "found & <kept>"}
    aws = {"ParameterKey": "Found", "ParameterValue": name, "ResolvedValue": "found & <kept>"}
    assert described["Parameters"] == [stock if kind == "stock" else aws, told]
    assert described["StackName"] and described["StackStatus"] == "CREATE_COMPLETE"
