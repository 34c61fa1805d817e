"""Parameters: what a user of a template may choose, with the words that the console shows.

One table for all scenarios; a block takes what it needs from it, so that the same choice has the same name and the same
limits in every template. Names are public API. `spec` says what a parameter is, `shared` has those of all scenarios,
and a module for each scenario those of its own, with its words for the shared ones.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/parameters-section-structure.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from troposphere import Parameter, Template

from . import blog, caching, containers, fronts, instances, platform, services, shared, updates, versions
from .shared import *  # noqa: F403  # the table is what this package is for: parameters.KMS_KEY
from .spec import NONE as NONE
from .spec import Spec as Spec

# The order of the console.
GROUPS = (
    "Bucket",
    "GitHub Actions",
    "Catalogue",
    "Blog",
    "Origin",
    "Address",
    "Edge",
    "Enforcement",
    "Servers",
    "Database",
    "Tasks",
    "Releases",
    "System",
    "Neighbours",
    "Web app",
    "Versions",
    "Limits",
    "Mail",
    "Mail to users",
    "Pictures",
    "Data",
    "Other regions",
    "Caches",
    "Network",
    "Watching",
    "Company rules",
)
TABLES = (shared, blog, caching, containers, fronts, instances, platform, services, updates, versions)
ALL: tuple[Spec, ...] = tuple(
    sorted(
        (value for table in TABLES for value in vars(table).values() if isinstance(value, Spec)),
        key=lambda spec: GROUPS.index(spec.group),
    )
)


def parameter(t: Template, spec: Spec) -> Parameter:
    """The parameter of `spec` in `t`, in the words that the scenario has for it, added if it is not there yet."""
    if spec.name in t.parameters:
        return t.parameters[spec.name]
    spec = _worded(t, spec)
    _own(t).setdefault(spec.name, spec)
    limits: Mapping[str, Any] = {
        "Default": spec.default,  # without one the user must say
        "AllowedValues": list(spec.allowed),
        "AllowedPattern": spec.pattern and f"^({spec.pattern})$",
        "MinValue": spec.minimum,
        "MaxValue": spec.maximum,
        "ConstraintDescription": spec.constraint,
    }
    return t.add_parameter(
        Parameter(
            spec.name,
            Type=spec.type,
            Description=spec.description,
            **{k: v for k, v in limits.items() if v not in ("", [], None)},
        )
    )


def _worded(t: Template, spec: Spec) -> Spec:
    """The spec as the scenario of `t` words it: the same choice means another thing to a blog than to a to-do list."""
    words: Mapping[str, Spec] = getattr(t, "words", {})
    return words.get(spec.name, spec)


def _own(t: Template) -> dict[str, Spec]:
    """The specs of the parameters that `t` has, those too that are in no table: of its neighbours, say."""
    specs: dict[str, Spec] = getattr(t, "specs", {})
    return specs


def interface(t: Template) -> dict[str, Any]:
    """The console's groups and labels for the parameters that `t` has, in the order of `GROUPS`.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-resource-cloudformation-interface.html
    """
    tables = {s.name: _worded(t, s) for s in ALL if s.name in t.parameters}
    used = sorted({**tables, **_own(t)}.values(), key=lambda s: GROUPS.index(s.group))
    groups = dict.fromkeys(s.group for s in used)
    return {
        "ParameterGroups": [
            {"Label": {"default": g}, "Parameters": [s.name for s in used if s.group == g]} for g in groups
        ],
        "ParameterLabels": {s.name: {"default": s.label} for s in used},
    }


def needs(t: Template, one: Spec, other: Spec) -> None:
    """Refuse, before anything is created, a stack that has `one` parameter without the `other` that it needs.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/rules-section-structure.html
    """
    parameter(t, one)
    parameter(t, other)
    name = f"{one.name}Needs{other.name}"
    if name in t.rules:
        return
    t.add_rule(
        name,
        {
            "RuleCondition": {"Fn::Not": [{"Fn::Equals": [{"Ref": one.name}, one.default]}]},
            "Assertions": [
                {
                    "Assert": {"Fn::Not": [{"Fn::Equals": [{"Ref": other.name}, other.default]}]},
                    "AssertDescription": f"{one.name} needs {other.name}: give both, or leave {one.name} at "
                    f"{one.default}.",
                }
            ],
        },
    )


def only_for(t: Template, spec: Spec, one: Spec, value: str) -> None:
    """Refuse a stack in which `one` is `value` without `spec`, or `spec` is given while `one` is something else."""
    chosen = {"Fn::Equals": [{"Ref": parameter(t, one).title}, value]}
    missing = {"Fn::Equals": [{"Ref": parameter(t, spec).title}, spec.default]}
    for name, when, then, told in (
        (f"{one.name}Needs{spec.name}", chosen, {"Fn::Not": [missing]}, f"{one.name} {value} needs {spec.name}"),
        (f"{spec.name}Needs{one.name}", {"Fn::Not": [missing]}, chosen, f"{spec.name} needs {one.name} {value}"),
    ):
        message = f"{told}: give both, or leave both at {one.default} and {spec.default}."
        t.add_rule(name, {"RuleCondition": when, "Assertions": [{"Assert": then, "AssertDescription": message}]})


def both_or_neither(t: Template, one: Spec, other: Spec) -> None:
    """Refuse a stack that has only one of two parameters that belong together."""
    needs(t, one, other)
    needs(t, other, one)


def only_elsewhere(t: Template, spec: Spec, what: str, regions: tuple[str, ...]) -> None:
    """Refuse the parameter, in plain words, in the regions that lack what it asks for."""
    parameter(t, spec)
    name = f"{spec.name}Region"
    if name in t.rules:
        return
    t.add_rule(
        name,
        {
            "RuleCondition": {"Fn::Not": [{"Fn::Equals": [{"Ref": spec.name}, spec.default]}]},
            "Assertions": [
                {
                    "Assert": {"Fn::Not": [{"Fn::Contains": [list(regions), {"Ref": "AWS::Region"}]}]},
                    "AssertDescription": f"CloudFormation has no {what} in this region: leave {spec.name} at "
                    f"{spec.default}.",
                }
            ],
        },
    )


def refuse(t: Template, name: str, spec: Spec, *assertions: Mapping[str, Any]) -> None:
    """Refuse a stack in which `spec` is given and one of the assertions does not hold.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/rules-section-structure.html
    """
    parameter(t, spec)
    if name not in t.rules:
        t.add_rule(name, {"RuleCondition": _given(spec), "Assertions": list(assertions)})


def unlike(one: Any, other: Any, message: str) -> dict[str, Any]:
    """The assertion of a rule that two values differ, and what is said when they don't."""
    return {"Assert": {"Fn::Not": [{"Fn::Equals": [one, other]}]}, "AssertDescription": message}


def needs_with(t: Template, one: Spec, other: Spec, third: Spec) -> None:
    """Refuse a stack that has `one` and `other` without the `third` that these two need together."""
    for spec in (one, other, third):
        parameter(t, spec)
    name = f"{one.name}And{other.name}Need{third.name}"
    if name in t.rules:
        return
    message = f"{one.name} and {other.name} together need {third.name}."
    t.add_rule(
        name,
        {
            "RuleCondition": {"Fn::And": [_given(one), _given(other)]},
            "Assertions": [{"Assert": _given(third), "AssertDescription": message}],
        },
    )


def demand(t: Template, name: str, *, when: Mapping[str, Any], then: Mapping[str, Any], told: str) -> None:
    """Refuse a stack of which `when` holds and `then` does not, with the message `told`.

    Both are made of `says`, and of Fn::And, Fn::Or and Fn::Not. Raises ValueError for a second rule of that name.
    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/rules-section-structure.html
    """
    if name in t.rules:
        raise ValueError(f"there is a rule {name} already")
    t.add_rule(name, {"RuleCondition": when, "Assertions": [{"Assert": then, "AssertDescription": told}]})


def says(t: Template, spec: Spec, *values: str) -> dict[str, Any]:
    """In a rule: the parameter has one of these values; without any, it has another one than stands for nothing."""
    parameter(t, spec)
    if not values:
        return _given(spec)
    each = [{"Fn::Equals": [{"Ref": spec.name}, value]} for value in values]
    return each[0] if len(each) == 1 else {"Fn::Or": each}


def differ(t: Template, name: str, *pairs: tuple[Spec, Spec, str]) -> None:
    """Refuse a stack in which two parameters of a pair are the same, unless they stand for nothing; with its message.

    Raises ValueError for a second rule of that name.
    """
    if name in t.rules:
        raise ValueError(f"there is a rule {name} already")
    assertions = []
    for one, other, told in pairs:
        for spec in (one, other):
            parameter(t, spec)
        same = {"Fn::Equals": [{"Ref": one.name}, {"Ref": other.name}]}
        nothing = {"Fn::Equals": [{"Ref": one.name}, NONE]}
        apart = {"Fn::Not": [same]}
        then = {"Fn::Or": [apart, nothing]} if NONE in one.pattern and NONE in other.pattern else apart
        assertions.append({"Assert": then, "AssertDescription": told})
    t.add_rule(name, {"Assertions": assertions})


def _given(spec: Spec) -> dict[str, Any]:
    return {"Fn::Not": [{"Fn::Equals": [{"Ref": spec.name}, spec.default]}]}


def nowhere_in(t: Template, what: str, regions: tuple[str, ...]) -> None:
    """Refuse the whole template, in plain words, in the regions that lack what it cannot do without.

    `what` says it as the subject of a sentence: "CloudFront is". `lint` leaves such regions out.
    """
    name = "Region"
    elsewhere = {"Fn::Not": [{"Fn::Contains": [list(regions), {"Ref": "AWS::Region"}]}]}
    message = f"{what} not in this region, and this template needs it: choose another region."
    rule = {"Assertions": [{"Assert": elsewhere, "AssertDescription": message}]}
    if t.rules.get(name, rule) != rule:
        raise ValueError(f"the template says twice where it is not: {t.rules[name]} and {rule}")
    t.rules[name] = rule


def only_in(t: Template, spec: Spec, what: str, regions: tuple[str, ...]) -> None:
    """Refuse the parameter, in plain words, outside of the regions that have what it asks for."""
    message = f"{what} not in this region: leave {spec.name} at {spec.default}."
    there = {"Fn::Contains": [list(regions), {"Ref": "AWS::Region"}]}
    refuse(t, f"{spec.name}Region", spec, {"Assert": there, "AssertDescription": message})
