"""What a template is for known parameters: conditions decided, intrinsic functions worked out as far as they can be.

    values = parameters_of(template, {"ReadCache": "dax"}, region="eu-west-1")
    holding = conditions(template, values)
    deployed = resolved(template, values)

A value that only the deployment knows (an id, an ARN) stays the intrinsic function that it is. Nothing here asks AWS.
https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/intrinsic-function-reference.html
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

Template = Mapping[str, Any]
Values = Mapping[str, Any]

# What stands for a property that is not written.
ABSENT: Any = object()
_VARIABLE = re.compile(r"\$\{([^!{}][^{}]*)\}")


def parameters_of(template: Template, given: Mapping[str, str], *, region: str = "us-east-1") -> dict[str, Any]:
    """Each parameter's value: the given one, else its default; and the region. Raises ValueError when one has none."""
    values: dict[str, Any] = {"AWS::Region": region}
    for name, parameter in template.get("Parameters", {}).items():
        if name not in given and "Default" not in parameter:
            raise ValueError(f"parameter {name} has no default and no value")
        values[name] = str(given.get(name, parameter.get("Default")))
    return values


def conditions(template: Template, values: Values) -> dict[str, bool]:
    """Each condition of the template, decided. Raises ValueError when one cannot be decided from the values."""
    definitions: Mapping[str, Any] = template.get("Conditions", {})
    decided: dict[str, bool] = {}

    def holds(name: str) -> bool:
        if name not in definitions:
            raise ValueError(f"there is no condition {name}")
        if name not in decided:
            decided[name] = _true(definitions[name], values, holds)
        return decided[name]

    return {name: holds(name) for name in definitions}


def refusals(template: Template, values: Values) -> list[str]:
    """What the template's Rules say against these values: the description of each assertion that does not hold.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/rules-section-structure.html
    """
    found = []
    for rule in template.get("Rules", {}).values():
        if "RuleCondition" in rule and not _true(rule["RuleCondition"], values, _no_condition):
            continue
        broken = [a for a in rule["Assertions"] if not _true(a["Assert"], values, _no_condition)]
        found += [a["AssertDescription"] for a in broken]
    return found


def _no_condition(name: str) -> bool:
    raise ValueError(f"a rule cannot use the condition {name}")


def _true(expression: Any, values: Values, holds: Callable[[str], bool]) -> bool:
    """Whether the expression of a condition or of a rule is true; `holds` tells it of a condition by name."""
    name, argument = _function(expression)
    match name:
        case "Condition":
            return holds(argument)
        case "Fn::Not":
            return not _true(argument[0], values, holds)
        case "Fn::And":
            return all(_true(one, values, holds) for one in argument)
        case "Fn::Or":
            return any(_true(one, values, holds) for one in argument)
        case "Fn::Equals":
            one, other = (_known(value, values) for value in argument)
            return one == other
        case "Fn::Contains":
            return _known(argument[1], values) in [_known(one, values) for one in argument[0]]
    raise ValueError(f"cannot decide {expression!r}")


def resolved(template: Template, values: Values) -> dict[str, Any]:
    """The template as it is deployed: without resources, outputs and properties that conditions leave out.

    `Fn::If` is decided; references to parameters, and `Sub`, `Join`, `Split` and `Select` of known values, are replaced
    by what they give; the sections that have done their work (Parameters, Rules, Conditions) are gone.
    """
    holding = conditions(template, values)

    def there(section: str) -> dict[str, Any]:
        kept = {name: dict(one) for name, one in template.get(section, {}).items()}
        kept = {name: one for name, one in kept.items() if holding.get(one.pop("Condition", ""), True)}
        return {name: simplified(one, values, holding) for name, one in kept.items()}

    return {"Resources": there("Resources"), "Outputs": there("Outputs")}


def simplified(value: Any, values: Values, holding: Mapping[str, bool], mappings: Template | None = None) -> Any:
    """`value` with every function worked out as far as it can be, `ABSENT` where it is `AWS::NoValue`.

    `holding` says of each condition whether it holds; with `mappings`, what `Fn::FindInMap` finds is put in its place.
    Raises ValueError where a condition is not decided.
    """
    if isinstance(value, str | int | float) or value is None:
        return value
    name, argument = _function(value)
    if name == "Fn::If" and isinstance(argument, list) and len(argument) == 3:
        condition, so, otherwise = argument
        if condition not in holding:
            raise ValueError(f"condition {condition} is not decided where {value!r} needs it")
        return simplified(so if holding[condition] else otherwise, values, holding, mappings)
    if name == "Ref" and argument == "AWS::NoValue":
        return ABSENT
    if name == "Ref":
        return values.get(argument, value) if isinstance(argument, str) else value
    if isinstance(value, Mapping):
        inner = {key: simplified(one, values, holding, mappings) for key, one in value.items()}
        return _worked_out({key: one for key, one in inner.items() if one is not ABSENT}, values, mappings or {})
    if isinstance(value, list):
        kept = (simplified(one, values, holding, mappings) for one in value)
        return [one for one in kept if one is not ABSENT]
    return value


def _worked_out(value: dict[str, Any], values: Values, mappings: Template) -> Any:
    """A function of arguments that are known by now, as its result; anything else as it is."""
    name, argument = _function(value)
    match name, argument:
        case "Fn::Sub", str() | [str(), Mapping()]:
            return _substituted(argument, values)
        case "Fn::Join", [str() as by, list() as parts] if all(isinstance(one, str | int) for one in parts):
            return by.join(map(str, parts))
        case "Fn::Split", [str() as by, str() as text] if by:
            return text.split(by)
        case "Fn::Select", [index, list() as parts] if str(index).isdigit() and int(index) < len(parts):
            return parts[int(index)]
        case "Fn::FindInMap", [str() as name, str() | int() as first, str() | int() as second, *_]:
            row = mappings.get(name, {}).get(str(first), {})
            return row.get(str(second), value) if isinstance(row, Mapping) else value
    return value


def _substituted(argument: Any, values: Values) -> Any:
    """The text of an `Fn::Sub`; with what is not known in it, a `Sub` of the rest."""
    text, own = (argument, {}) if isinstance(argument, str) else (argument[0], dict(argument[1]))
    # The text of a Sub within is put in its place as it is, and brings its own variables along.
    for name, inner in [(name, _function(one)[1]) for name, one in own.items() if _function(one)[0] == "Fn::Sub"]:
        own[name], more = (inner, {}) if isinstance(inner, str) else inner
        own |= more
    known = {**values, **{name: one for name, one in own.items() if isinstance(one, str | int | float)}}
    done = _VARIABLE.sub(lambda m: str(known.get(m[1], m[0])), text)
    left = {name: one for name, one in own.items() if f"${{{name}}}" in done}
    if not left and not _VARIABLE.search(done):
        return done.replace("${!", "${")
    return {"Fn::Sub": [done, left] if left else done}


def _known(value: Any, values: Values) -> str:
    """A value that must be known: a literal, or what simple functions make of parameters."""
    plain = simplified(value, values, {})
    if not isinstance(plain, str | int | float | bool):
        raise ValueError(f"{value!r} is not known before the deployment")
    return str(plain).lower() if isinstance(plain, bool) else str(plain)


def _function(value: Any) -> tuple[str, Any]:
    """The name and the argument of an intrinsic function, or ("", None)."""
    if isinstance(value, Mapping) and len(value) == 1:
        ((name, argument),) = value.items()
        if name in ("Ref", "Condition") or str(name).startswith("Fn::"):
            return name, argument
    return "", None
