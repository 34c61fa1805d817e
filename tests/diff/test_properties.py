"""What holds of every diff: nothing from nothing, no order of keys matters, and more changes are never less grave."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.diff.templates import RETAINED, function, queue, resource, table, template
from troposphere_arch.diff import Diff, diff

TEMPLATES = sorted((Path(__file__).parents[2] / "templates").rglob("*.template.json"))

PARAMETERS = {
    "Size": {"Type": "String", "AllowedValues": ["small", "large"], "Default": "small"},
    "Count": {"Type": "Number", "MinValue": 1, "MaxValue": 9, "Default": 1},
}
CONDITIONS = {"Large": {"Fn::Equals": [{"Ref": "Size"}, "large"]}}


def base() -> dict[str, Any]:
    """A stack of everything that the mutations below touch, and of what depends on it."""
    return template(
        {
            "Vpc": resource("AWS::EC2::VPC", CidrBlock="10.0.0.0/16"),
            "Subnet": resource("AWS::EC2::Subnet", VpcId={"Ref": "Vpc"}, CidrBlock="10.0.0.0/24"),
            "Kept": table(attributes=dict(RETAINED)),
            "Lost": table(),
            "Pool": resource("AWS::Cognito::UserPool", UsernameAttributes=["email"]),
            "Server": resource("AWS::EC2::Instance", ImageId="ami-1", InstanceType="t3.micro"),
            "Watch": resource("AWS::CloudWatch::Alarm", EvaluationPeriods=1, Dimensions=[{"Value": {"Ref": "Server"}}]),
            "Sometimes": queue({"Condition": "Large"}, DelaySeconds={"Fn::If": ["Large", 1, 2]}),
            "Work": function(
                MemorySize={"Fn::If": ["Large", 512, 128]}, Environment={"Variables": {"N": {"Ref": "Count"}}}
            ),
            "Queue": queue(FifoQueue=True),
            "Own": resource("Custom::Thing", ServiceToken="arn", X=1),
        },
        Parameters=json.loads(json.dumps(PARAMETERS)),
        Conditions=CONDITIONS,
        Outputs={"Id": {"Value": {"Ref": "Subnet"}}, "Url": {"Value": {"Ref": "Queue"}}},
    )


def _set(*path: str, to: Any) -> Any:
    def change(t: dict[str, Any]) -> None:
        for step in path[:-1]:
            t = t[step]
        t[path[-1]] = to

    return change


def _drop(section: str, name: str) -> Any:
    return lambda t: t[section].pop(name)


# Each on a resource, a parameter or an output of its own, so that none undoes another.
MUTATIONS = {
    "a network replaced": _set("Resources", "Vpc", "Properties", "CidrBlock", to="10.1.0.0/16"),
    "retention lost": _set("Resources", "Kept", "DeletionPolicy", to="Delete"),
    "a table removed": _drop("Resources", "Lost"),
    "a pool that fails": _set("Resources", "Pool", "Properties", "UsernameAttributes", to=["phone_number"]),
    "an instance that may be replaced": _set("Resources", "Server", "Properties", "InstanceType", to="t3.small"),
    "an alarm changed": _set("Resources", "Watch", "Properties", "EvaluationPeriods", to=2),
    "a value under a condition": _set(
        "Resources", "Sometimes", "Properties", "DelaySeconds", to={"Fn::If": ["Large", 9, 2]}
    ),
    "code changed": _set("Resources", "Work", "Properties", "Code", to={"ZipFile": "x = 2"}),
    "a queue replaced": _set("Resources", "Queue", "Properties", "FifoQueue", to="false"),
    "a custom resource": _set("Resources", "Own", "Properties", "X", to=2),
    "a resource added": _set("Resources", "More", to=queue()),
    "a default changed": _set("Parameters", "Count", "Default", to=2),
    "a parameter added": _set("Parameters", "Extra", to={"Type": "String", "Default": ""}),
    "a parameter to be asked for": _set("Parameters", "Needed", to={"Type": "String"}),
    "a value admitted no more": _set("Parameters", "Size", "AllowedValues", to=["small"]),
    "an output removed": _drop("Outputs", "Url"),
    "metadata": _set("Metadata", to={"x": 1}),
    "a description": _set("Description", to="other"),
}


def mutated(names: set[str]) -> dict[str, Any]:
    t = base()
    for name in sorted(names):
        MUTATIONS[name](t)
    return t


NAMES = st.sets(st.sampled_from(sorted(MUTATIONS)))


@pytest.mark.parametrize("name", sorted(MUTATIONS))
def test_each_change_is_seen(name: str) -> None:
    found = diff(base(), mutated({name}))
    assert found.changes
    assert found.bump


@given(NAMES, NAMES)
@settings(max_examples=150, deadline=None)
def test_more_changes_are_never_less_grave(some: set[str], more: set[str]) -> None:
    few, many = diff(base(), mutated(some)), diff(base(), mutated(some | more))
    assert few.effect <= many.effect
    assert few.bump <= many.bump


@given(NAMES)
@settings(max_examples=50, deadline=None)
def test_nothing_comes_from_nothing(some: set[str]) -> None:
    assert not diff(mutated(some), mutated(some)).changes


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.stem)
def test_nothing_comes_from_nothing_in_our_own_templates(path: Path) -> None:
    assert not diff(json.loads(path.read_text()), json.loads(path.read_text())).changes


def _shuffled(value: Any, order: Any) -> Any:
    """The same with the keys of every mapping in another order."""
    if isinstance(value, dict):
        return {key: _shuffled(value[key], order) for key in order(sorted(value))}
    return [_shuffled(one, order) for one in value] if isinstance(value, list) else value


@given(NAMES, st.randoms(use_true_random=False))
@settings(max_examples=50, deadline=None)
def test_the_order_of_keys_never_matters(some: set[str], random: Any) -> None:
    def order(keys: list[str]) -> list[str]:
        return random.sample(keys, len(keys))

    old, new = base(), mutated(some)
    assert diff(_shuffled(old, order), _shuffled(new, order)) == diff(old, new)


@given(NAMES, st.sampled_from(["small", "large"]))
@settings(max_examples=80, deadline=None)
def test_what_happens_for_known_parameters_was_foretold_without_them(some: set[str], size: str) -> None:
    old, new = base(), mutated(some)
    known = diff(old, new, old_parameters={"Size": size})
    told = _worst(diff(old, new))
    for name, effect in _worst(known).items():
        assert effect <= told[name]


def _worst(found: Diff) -> dict[tuple[str, str], int]:
    worst: dict[tuple[str, str], int] = {}
    for change in found.changes:
        key = (change.section.value, change.name)
        worst[key] = max(worst.get(key, 0), change.effect)
    return worst
