"""Templates for known parameters: conditions, rules, and what is left of the resources."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from troposphere_arch import evaluate

TEMPLATE: dict[str, Any] = {
    "Parameters": {
        "Mode": {"Type": "String", "Default": "off"},
        "Count": {"Type": "Number", "Default": 3},
        "Names": {"Type": "String", "Default": "a,b"},
        "Needed": {"Type": "String"},
    },
    "Rules": {
        "ModeNeedsCount": {
            "RuleCondition": {"Fn::Equals": [{"Ref": "Mode"}, "on"]},
            "Assertions": [
                {
                    "Assert": {"Fn::Not": [{"Fn::Equals": [{"Ref": "Count"}, "0"]}]},
                    "AssertDescription": "Give a Count.",
                },
                {
                    "Assert": {"Fn::Contains": [["us-east-1", "eu-west-1"], {"Ref": "AWS::Region"}]},
                    "AssertDescription": "Not here.",
                },
            ],
        }
    },
    "Conditions": {
        "On": {"Fn::Equals": [{"Ref": "Mode"}, "on"]},
        "Off": {"Fn::Not": [{"Condition": "On"}]},
        "Here": {"Fn::Or": [{"Fn::Equals": [{"Ref": "AWS::Region"}, r]} for r in ("us-east-1", "eu-west-1")]},
        "Both": {"Fn::And": [{"Condition": "On"}, {"Condition": "Here"}]},
        "First": {"Fn::Equals": [{"Fn::Select": [0, {"Fn::Split": [",", {"Ref": "Names"}]}]}, "a"]},
    },
    "Resources": {
        "Always": {
            "Type": "T",
            "Properties": {
                "List": ["x", {"Fn::If": ["On", {"Ref": "Sometimes"}, {"Ref": "AWS::NoValue"}]}],
                "Gone": {"Fn::If": ["On", "there", {"Ref": "AWS::NoValue"}]},
                "Ms": {"Fn::Sub": "${Count}000"},
                "Arn": {"Fn::Sub": "arn:${AWS::Partition}:${AWS::Region}:${Mode}:${!literal}"},
                "Literal": {"Fn::Sub": "${Mode} ${!literal}"},
                "Own": {
                    "Fn::Sub": ["[${A}${B}]", {"A": {"Fn::If": ["On", {"Fn::Sub": "${Sometimes}"}, ""]}, "B": "b"}]
                },
                "Names": {"Fn::Split": [",", {"Ref": "Names"}]},
                "Joined": {"Fn::Join": ["-", [{"Ref": "Mode"}, "x"]]},
                "Later": {"Fn::Join": ["-", [{"Ref": "Always"}, "x"]]},
            },
        },
        "Sometimes": {"Type": "T", "Condition": "Both"},
    },
    "Outputs": {"O": {"Condition": "On", "Value": {"Fn::GetAtt": ["Sometimes", "Arn"]}}},
}


def values(region: str = "us-east-1", **given: str) -> dict[str, Any]:
    return evaluate.parameters_of(TEMPLATE, {"Needed": "x", **given}, region=region)


def test_parameters_have_their_defaults_as_text() -> None:
    assert values() == {"AWS::Region": "us-east-1", "Mode": "off", "Count": "3", "Names": "a,b", "Needed": "x"}
    with pytest.raises(ValueError, match="parameter Needed has no default and no value"):
        evaluate.parameters_of(TEMPLATE, {})


def test_conditions_are_decided() -> None:
    off = {"On": False, "Off": True, "Here": True, "Both": False, "First": True}
    assert evaluate.conditions(TEMPLATE, values()) == off
    on = {"On": True, "Off": False, "Here": False, "Both": False, "First": False}
    assert evaluate.conditions(TEMPLATE, values("cn-north-1", Mode="on", Names="b,a")) == on


def test_what_is_left_is_what_is_deployed() -> None:
    off = evaluate.resolved(TEMPLATE, values())
    assert off == {
        "Resources": {
            "Always": {
                "Type": "T",
                "Properties": {
                    "List": ["x"],
                    "Ms": "3000",
                    "Arn": {"Fn::Sub": "arn:${AWS::Partition}:us-east-1:off:${!literal}"},
                    "Literal": "off ${literal}",
                    "Own": "[b]",
                    "Names": ["a", "b"],
                    "Joined": "off-x",
                    "Later": {"Fn::Join": ["-", [{"Ref": "Always"}, "x"]]},
                },
            }
        },
        "Outputs": {},
    }
    on = evaluate.resolved(TEMPLATE, values(Mode="on"))
    assert on["Resources"].keys() == {"Always", "Sometimes"}
    properties = on["Resources"]["Always"]["Properties"]
    assert (properties["Gone"], properties["List"]) == ("there", ["x", {"Ref": "Sometimes"}])
    assert properties["Own"] == {"Fn::Sub": "[${Sometimes}b]"}
    assert on["Outputs"] == {"O": {"Value": {"Fn::GetAtt": ["Sometimes", "Arn"]}}}


def test_rules_refuse_in_their_own_words() -> None:
    assert evaluate.refusals(TEMPLATE, values(Count="0")) == []
    assert evaluate.refusals(TEMPLATE, values(Mode="on")) == []
    assert evaluate.refusals(TEMPLATE, values("ap-south-1", Mode="on", Count="0")) == ["Give a Count.", "Not here."]


@pytest.mark.parametrize(
    ("condition", "problem"),
    [
        ({"Fn::Equals": [{"Fn::GetAtt": ["A", "B"]}, "x"]}, "is not known before the deployment"),
        ({"Condition": "Nowhere"}, "there is no condition Nowhere"),
        ({"Fn::Equals": [{"Fn::If": ["Other", "a", "b"]}, "a"]}, "condition Other is not decided"),
        ({"Fn::Nonsense": []}, "cannot decide"),
        ("text", "cannot decide"),
    ],
)
def test_what_cannot_be_decided_is_said(condition: Any, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        evaluate.conditions({"Conditions": {"C": condition}}, {})
    with pytest.raises(ValueError):
        evaluate.refusals({"Rules": {"R": {"Assertions": [{"Assert": condition, "AssertDescription": "."}]}}}, {})


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text("ab {}!$", max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("ab", max_size=3), inner, max_size=3),
    max_leaves=8,
)


@given(JSON)
def test_what_holds_no_function_stays_as_it_is(value: Any) -> None:
    template = {"Resources": {"A": {"Type": "T", "Properties": value}}}
    assert evaluate.resolved(template, {})["Resources"]["A"]["Properties"] == value
