"""Nested stacks, as their parent's templates tell of them: what it passes on, and what is not known of one.

https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-cloudformation-stack.html
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from ..evaluate import ABSENT, simplified
from .known import default
from .model import Bump, Effect, Nested, Reason, Template
from .parts import size
from .resources import Cause, Finding
from .telling import is_plain, mapping, section
from .values import is_function
from .worlds import Side, affordable, conditions_in, some_worlds

KIND = "AWS::CloudFormation::Stack"
_SET = "AWS::CloudFormation::StackSet"

# Of what has another template: the properties that change what is in the stack, or in the stacks, that are made of it.
OTHER_TEMPLATES = {KIND: {"TemplateURL", "Parameters"}, _SET: {"TemplateURL", "TemplateBody", "Parameters"}}

# Of each parameter, what is passed before and after in each way in which the parent's conditions can stand together.
Passed = Mapping[str, list[tuple[Any, Any]]]

_UNKNOWN = object()  # what is passed in ways that are too many to look at
_NOT_LOOKED_AT = "its template was not looked at"
_PAGE = "https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-nested-stacks.html"


def stacks(template: Template) -> dict[str, Mapping[str, Any]]:
    """The nested stacks of a template."""
    resources = section(template, "Resources")
    return {str(name): mapping(body) for name, body in resources.items() if mapping(body).get("Type") == KIND}


def declared(one: Nested) -> set[str]:
    """The parameters of a nested stack, before and after."""
    return {str(name) for template in (one.old, one.new) for name in section(template or {}, "Parameters")}


def passed(
    before: Mapping[str, Any], after: Mapping[str, Any], old: Side, new: Side, declared: Iterable[str]
) -> Passed:
    """What is passed before and after: of these parameters, and of all that are given by name."""
    given = [mapping(body.get("Properties")).get("Parameters") or {} for body in (before, after)]
    # A function may give all of them.
    whole = [is_function(one) for one in given]
    own = [{str(body["Condition"])} if "Condition" in body else set() for body in (before, after)]
    named = [name for one, all_ in zip(given, whole, strict=True) if not all_ for name in mapping(one)]
    most = affordable((size(given[0]) + size(given[1])) * max(len(stacks(new.template)), 1))
    found: dict[str, list[tuple[Any, Any]]] = {}
    for name in dict.fromkeys([*declared, *named]):
        parts = [one if all_ else mapping(one).get(name, ABSENT) for one, all_ in zip(given, whole, strict=True)]
        names = [conditions_in(part) | its for part, its in zip(parts, own, strict=True)]
        several, complete = some_worlds(old, new, names[0], names[1], most)
        found[name] = [] if complete else [(_UNKNOWN, _UNKNOWN)]
        for world in several:
            if _is_there(before, world.old) or _is_there(after, world.new):
                pair = [_worked_out(parts[0], old, world.old), _worked_out(parts[1], new, world.new)]
                was, will = (mapping(v).get(name, ABSENT) if all_ else v for v, all_ in zip(pair, whole, strict=True))
                found[name].append((was, will))
    return found


def written(body: Mapping[str, Any]) -> set[str]:
    """The parameters that are passed as a plain value, whatever is known."""
    given = mapping(mapping(body.get("Properties")).get("Parameters"))
    return {str(name) for name, value in given.items() if is_plain(value)}


def moves(finding: Finding | None, template: Template) -> dict[str, bool]:
    """The parameters of a nested stack that get another value, each with whether that is sure."""
    found: dict[str, bool] = {}
    for cause in finding.causes if finding is not None else ():
        match cause.reason.path:
            case ("Parameters", name, *_):
                names = [str(name)]
            case ("Parameters",):
                names = [str(name) for name in section(template, "Parameters")]
            case _:
                continue
        for name in names:
            found[name] = found.get(name, False) or cause.certain
    return found


def refusals(given: Mapping[str, list[Any]], template: Template) -> dict[str, bool]:
    """Why CloudFormation refuses what is passed to this template, and whether that is sure; of any way that it may be.

    `given` has, for each parameter, what it may be.
    """
    declared = section(template, "Parameters")
    found: dict[str, bool] = {}
    for name, values in given.items():
        missing = [value is ABSENT for value in values]
        if name not in declared and not all(missing):
            found[f"parameter {name} is passed, and its template has no such one"] = not any(missing)
        elif name in declared and default(declared[name]) is None and any(missing):
            found[f"parameter {name} is not passed, and has no default"] = all(missing)
    return found


def refusal(says: str, *, certain: bool) -> Cause:
    """That CloudFormation refuses the update of a nested stack."""
    return Cause(Reason(f"{says}: CloudFormation refuses that", source=_PAGE), Effect.FAILURE, certain)


def is_kept(body: Mapping[str, Any]) -> bool:
    """Whether a nested stack that leaves its parent stays in the account, with all that is in it."""
    return str(body.get("DeletionPolicy", "")).startswith("Retain")


def other_template() -> Cause:
    """That a nested stack may have another template, which was not looked at."""
    return Cause(Reason(f"{_NOT_LOOKED_AT}, and may be another one", ("TemplateURL",), _PAGE), Effect.UNKNOWN, False)


def unknown_inside(finding: Finding) -> None:
    """Tell that what is inside changes, comes or goes in ways that are not known."""
    match finding.action:
        case "add":
            reason = Reason(f"{_NOT_LOOKED_AT}: what comes with it is not known", source=_PAGE)
            finding.causes.append(Cause(reason, Effect.UNKNOWN, True))
        case "remove" if finding.kind == KIND and not is_kept(finding.old):
            reason = Reason(f"all that is in it goes with it, and {_NOT_LOOKED_AT}", source=_PAGE)
            finding.causes.append(Cause(reason, Effect.DATA_LOSS, False))
        case "change":
            inside = OTHER_TEMPLATES[finding.kind]
            for i, cause in enumerate(finding.causes):
                touched = set(cause.reason.path[:1]) & inside
                if touched and cause.effect <= Effect.UNKNOWN:
                    says = f"{_NOT_LOOKED_AT}: what that does to what is in it is not known"
                    if cause.effect < Effect.UNKNOWN:
                        cause = replace(cause, reason=replace(cause.reason, says=says), effect=Effect.UNKNOWN)
                        finding.causes[i] = cause
                    if touched != {"Parameters"}:
                        finding.bump = Bump.MAJOR  # there may be data in it


def _is_there(body: Mapping[str, Any], holding: Mapping[str, bool]) -> bool:
    return holding.get(str(body.get("Condition", "")), True)


def _worked_out(part: Any, side: Side, holding: Mapping[str, bool]) -> Any:
    return ABSENT if part is ABSENT else simplified(part, side.values, holding, side.mappings())
