"""Conditions, few and many: a property is looked at in the worlds of its own, and in no more than there is time for."""

from __future__ import annotations

from typing import Any

import pytest

from benchmarks import large
from tests.diff.templates import change_of, names, queue, resource, template
from tests.evidence import shows
from troposphere_arch.diff import Effect, Section, diff

NO_VALUE = {"Ref": "AWS::NoValue"}


def switches(number: int) -> dict[str, Any]:
    return {
        "Parameters": {f"P{i}": {"Type": "String", "Default": ""} for i in range(number)},
        "Conditions": {f"C{i}": {"Fn::Not": [{"Fn::Equals": [{"Ref": f"P{i}"}, ""]}]} for i in range(number)},
    }


def when(number: int, value: Any, otherwise: Any = NO_VALUE) -> dict[str, Any]:
    return {"Fn::If": [f"C{number}", value, otherwise]}


def function(number: int, memory: int, **variables: Any) -> dict[str, Any]:
    values = {f"V{i}": when(i, {"Ref": f"P{i}"}) for i in range(number)} | variables
    return resource("AWS::Lambda::Function", MemorySize=memory, Environment={"Variables": values})


@pytest.mark.parametrize("number", [1, 9, 60])
@shows("REQ-D4", how="static")
def test_what_hangs_on_no_condition_is_sure_beside_many_that_do(number: int) -> None:
    old, new = (template({"It": function(number, memory)}, **switches(number)) for memory in (128, 256))
    change = change_of(diff(old, new), "It")
    assert (change.effect, change.certain, change.when) == (Effect.IN_PLACE, True, "")
    assert [reason.path for reason in change.reasons] == [("MemorySize",)]


@pytest.mark.parametrize("number", [3, 60])
def test_of_many_conditions_the_one_is_told_on_which_it_hangs(number: int) -> None:
    old, new = (template({"It": function(number, 128, V1=when(1, value))}, **switches(number)) for value in ("a", "b"))
    change = change_of(diff(old, new), "It")
    assert (change.certain, change.when) == (False, "when C1")
    assert [reason.path for reason in change.reasons] == [("Environment", "Variables", "V1")]


@pytest.mark.parametrize("number", [3, 60])
def test_in_a_list_of_which_items_come_and_go_each_item_is_seen(number: int) -> None:
    def group(port: int) -> dict[str, Any]:
        rules = [when(i, {"IpProtocol": "tcp", "FromPort": 0, "ToPort": i}) for i in range(number - 1)]
        rules.append(when(number - 1, {"IpProtocol": "tcp", "FromPort": 0, "ToPort": port}))
        body = resource("AWS::EC2::SecurityGroup", GroupDescription="g", SecurityGroupIngress=rules)
        return template({"It": body}, **switches(number))

    assert not names(diff(group(9), group(9)))
    change = change_of(diff(group(9), group(8)), "It")
    assert [reason.path for reason in change.reasons] == [("SecurityGroupIngress", number - 1, "ToPort")]
    assert change.when == f"when C{number - 1}"


def test_in_a_list_an_item_that_vanishes_moves_those_behind_it() -> None:
    def layers(*items: Any) -> dict[str, Any]:
        return template({"It": resource("AWS::Lambda::Function", Layers=list(items))}, **switches(2))

    assert not names(diff(layers(when(0, "a"), "b"), layers({"Fn::If": ["C0", "a", NO_VALUE]}, "b")))
    swapped = diff(layers(when(0, "a"), when(1, "b")), layers(when(1, "b"), when(0, "a")))
    assert names(swapped) == {"It"}
    same = diff(layers(when(0, "a"), when(1, "b")), layers({"Fn::If": ["C0", "a", when(1, "b")]}, NO_VALUE))
    assert change_of(same, "It").certain is False, "other than before where both hold"
    apart = {"Fn::If": ["C0", when(1, "a"), NO_VALUE]}, {"Fn::If": ["C0", when(1, NO_VALUE, "a"), NO_VALUE]}
    assert not names(diff(layers(when(0, "a")), layers(*apart)))
    assert change_of(diff(layers(when(0, "a"), "b"), layers(NO_VALUE, "b")), "It").certain is False


def test_a_text_of_many_conditions_is_another_text() -> None:
    def stack(by: str, last: str = "a") -> dict[str, Any]:
        parts = [when(i, "a", "b") for i in range(59)] + [when(59, last, "b")]
        return template({"It": queue(QueueName={"Fn::Join": [by, parts]})}, **switches(60))

    change = change_of(diff(stack(","), stack(";")), "It")
    assert (change.effect, change.certain) == (Effect.REPLACEMENT, True)
    assert change_of(diff(stack(","), stack(",", "c")), "It").effect == Effect.REPLACEMENT
    # The same in all worlds, which are too many to be looked at: nobody knows.
    parts = [{"Fn::Join": ["", [when(i, "a", "b")]]} for i in range(60)]
    other = template({"It": queue(QueueName={"Fn::Join": [",", parts]})}, **switches(60))
    change = change_of(diff(stack(","), other), "It")
    assert (change.effect, change.certain) == (Effect.REPLACEMENT, False)


def test_what_is_given_as_a_whole_under_conditions() -> None:
    environment = {"Variables": {f"V{i}": when(i, "a") for i in range(3)}}
    bare = resource("AWS::Lambda::Function", MemorySize=128)
    full = resource("AWS::Lambda::Function", MemorySize=128, Environment=environment)
    old, new = (template({"It": body}, **switches(3)) for body in (bare, full))
    assert {path[:2] for path in (r.path for r in change_of(diff(old, new), "It").reasons)} == {
        ("Environment", "Variables")
    }


def test_outputs_of_many_conditions() -> None:
    def stack(by: str, number: int) -> dict[str, Any]:
        value = {"Fn::Join": [by, [when(i, "a", "b") for i in range(number)]]}
        return template({"Q": queue()}, **switches(number), Outputs={"It": {"Value": value}})

    for number in (2, 50):
        assert names(diff(stack(",", number), stack(";", number)), Section.OUTPUTS) == {"It"}
        assert not names(diff(stack(",", number), stack(",", number)), Section.OUTPUTS)


def test_conditions_that_are_made_of_each_other() -> None:
    def stack(value: str, number: int) -> dict[str, Any]:
        conditions: dict[str, Any] = {"C0": {"Fn::Equals": [{"Ref": "P"}, value]}}
        for i in range(1, number):
            before = [{"Condition": f"C{i - 1}"}, {"Condition": f"C{max(i - 2, 0)}"}]
            conditions[f"C{i}"] = {"Fn::Or": [{"Fn::And": before}, {"Fn::Not": [{"Condition": f"C{i - 1}"}]}]}
        return template(
            {"It": queue({"Condition": f"C{number - 1}"}), "Q": queue()},
            Parameters={"P": {"Type": "String"}},
            Conditions=conditions,
        )

    for number in (2, 40, 2000):
        assert not diff(stack("a", number), stack("a", number)).changes
        assert diff(stack("a", number), stack("b", number)).changes


@pytest.mark.parametrize("name", sorted(large.pairs()))
def test_large_pairs_are_told_of_each_resource_that_changes(name: str) -> None:
    old, new = large.pairs()[name]
    assert not diff(old, old).changes
    touched = {
        key
        for key in old["Resources"].keys() | new["Resources"].keys()
        if old["Resources"].get(key) != new["Resources"].get(key)
    }
    assert touched <= {change.name for change in diff(old, new).changes if change.section == Section.RESOURCES}
