"""What is known of the parameters of a stack, before an update and after it.

    template, given, kept ──of_stack───┐
    what the parent passes ──of_nested─┴─▶ Known: values, and parameters with another value that is not known

What stands behind the name of an SSM parameter is known to AWS only; but behind another name there may be another
value. A nested stack gets its parameters anew with each update: what its parent leaves out is at its default then.
https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-supplied-parameter-types.html
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..evaluate import ABSENT
from .model import Template
from .telling import is_plain, section, text
from .worlds import Side

_SSM = "AWS::SSM::Parameter::Value<"
_REGION = "AWS::Region"

Values = Mapping[str, Any]


@dataclass(frozen=True)
class Known:
    """The values of parameters before and after, as far as they are known.

    `moved` are parameters that get another value which is not known, each with whether that is sure. `told` is what
    permissions and outputs are judged by: without a stack, the default of a new parameter is no value of it.
    """

    before: Values = field(default_factory=dict)
    after: Values = field(default_factory=dict)
    moved: Mapping[str, bool] = field(default_factory=dict)
    told: tuple[Values, Values] = ({}, {})
    of_running: bool = False


def of_stack(
    old: Template,
    new: Template,
    old_parameters: Mapping[str, str] | None,
    new_parameters: Mapping[str, str] | None,
    region: str | None,
) -> Known:
    """What is known of a stack that runs with `old_parameters`, and is given `new_parameters` with the update."""
    declared_before, declared_after = section(old, "Parameters"), section(new, "Parameters")
    given = new_parameters or {}
    was: dict[str, str | None] = {}
    if old_parameters is not None:
        was = {name: old_parameters.get(name, default(one)) for name, one in declared_before.items()}
    will: dict[str, str | None] = {}
    for name, one in declared_after.items():
        if name in given:
            will[name] = given[name]
        elif name in was:
            will[name] = was[name]
        elif name not in declared_before:
            will[name] = default(one)
    here = {_REGION: region} if region else {}
    before, after = _worked_out(declared_before, was) | here, _worked_out(declared_after, will) | here
    looked_up = [
        name for name in given if _is_looked_up(declared_before.get(name)) and _is_looked_up(declared_after.get(name))
    ]
    moved = {name: False for name in looked_up if was.get(name) != will[name]}
    running = old_parameters is not None
    return Known(before, after, moved, (before, after) if running else ({}, {}), running)


def of_nested(
    old: Template,
    new: Template,
    passed: Mapping[str, list[tuple[Any, Any]]],
    moves: Mapping[str, bool],
    around: Known,
    written: Sequence[Iterable[str]],
) -> Known:
    """What is known of a nested stack from what its parent passes on to it.

    `passed` has, for each parameter and each way in which the parent's conditions can stand together, what it passes
    before and after, `ABSENT` where it passes nothing;
    `moves` are those of which the value that is passed changes, each with whether that is sure; `written` are, before
    and after, those that the parent passes as a plain value. `around` is what is known of the parent.
    """
    sides = []
    for i, template in enumerate((old, new)):
        declared = section(template, "Parameters")
        given = {name: [both[i] for both in passed.get(name, ())] for name in declared}
        sides.append((declared, {name: _passed(one, given[name]) for name, one in declared.items()}))
    (declared_before, was), (declared_after, will) = sides
    here = [{_REGION: values[_REGION]} if _REGION in values else {} for values in (around.before, around.after)]
    before, after = _worked_out(declared_before, was) | here[0], _worked_out(declared_after, will) | here[1]
    moved: dict[str, bool] = {}
    for name in declared_before.keys() & declared_after.keys():
        if was[name] is not None and will[name] is not None:
            looked_up = _is_looked_up(declared_before[name]) and _is_looked_up(declared_after[name])
            if looked_up and was[name] != will[name]:
                moved[name] = False
        elif name in moves:
            moved[name] = moves[name]
    told: tuple[Values, Values] = (before, after)
    if not around.of_running:
        told = (_only(before, written[0]), _only(after, written[1]))
    return Known(before, after, moved, told, around.of_running)


def default(parameter: Any) -> str | None:
    """The default of a parameter as text; None where it has none."""
    found = parameter.get("Default", ABSENT) if isinstance(parameter, Mapping) else ABSENT
    return text(found) if is_plain(found) else None


def apart(template: Template, names: Iterable[str]) -> Template:
    """The template with conditions that take these parameters for other ones, whose values differ from the old ones."""
    others = {name: f"{name} after the update" for name in names}
    if not others or not template.get("Conditions"):
        return template
    declared = section(template, "Parameters")
    added = {other: declared[name] for name, other in others.items() if name in declared}
    conditions = _renamed(template["Conditions"], others)
    return {**template, "Parameters": {**declared, **added}, "Conditions": conditions}


def side(template: Template, values: Values, other: Values, moved: Iterable[str]) -> Side:
    """The new side of a stack, in which what moved and is known on neither side is another variable than on the old."""
    return Side(apart(template, [name for name in moved if name not in values and name not in other]), values)


def _renamed(value: Any, names: Mapping[str, str]) -> Any:
    if isinstance(value, list):
        return [_renamed(one, names) for one in value]
    if not isinstance(value, Mapping):
        return value
    if set(value) == {"Ref"} and isinstance(value["Ref"], str):
        return {"Ref": names.get(value["Ref"], value["Ref"])}
    return {key: _renamed(one, names) for key, one in value.items()}


def _passed(parameter: Any, values: Sequence[Any]) -> str | None:
    """The text that a nested stack gets for a parameter; None where it is not known, or not always the same."""
    texts = {default(parameter) if value is ABSENT else _as_text(value) for value in values}
    return texts.pop() if len(texts) == 1 else None


def _as_text(value: Any) -> str | None:
    if isinstance(value, list) and all(map(is_plain, value)):
        return ",".join(map(text, value))
    return text(value) if is_plain(value) else None


def _worked_out(declared: Mapping[str, Any], given: Mapping[str, str | None]) -> dict[str, Any]:
    """The values of parameters from their texts: a list where it is one. What AWS looks up is not known."""
    found: dict[str, Any] = {}
    for name, written in given.items():
        kind = str(declared[name].get("Type", "")) if isinstance(declared[name], Mapping) else ""
        if written is None or kind.startswith(_SSM):
            continue
        is_list = kind == "CommaDelimitedList" or kind.startswith("List<")
        found[name] = [part.strip() for part in written.split(",")] if is_list else written
    return found


def _is_looked_up(parameter: Any) -> bool:
    return isinstance(parameter, Mapping) and str(parameter.get("Type", "")).startswith(_SSM)


def _only(values: Values, names: Iterable[str]) -> Values:
    kept = {*names, _REGION}
    return {name: value for name, value in values.items() if name in kept}
