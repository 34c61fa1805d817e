"""Nested stacks, as their parent's templates tell of them: what it passes on, and what is not known of one.

https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-cloudformation-stack.html
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from ..evaluate import simplified
from .known import Values, default
from .model import Bump, Effect, Reason, Template
from .resources import Cause, Finding
from .telling import is_plain, mapping, section
from .worlds import Side, conditions_in, worlds

KIND = "AWS::CloudFormation::Stack"
_SET = "AWS::CloudFormation::StackSet"

# Of what has another template: the properties that change what is in the stack, or in the stacks, that are made of it.
OTHER_TEMPLATES = {KIND: {"TemplateURL", "Parameters"}, _SET: {"TemplateURL", "TemplateBody", "Parameters"}}

_NOT_LOOKED_AT = "its template was not looked at"
_PAGE = "https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-nested-stacks.html"


def stacks(template: Template) -> dict[str, Mapping[str, Any]]:
    """The nested stacks of a template."""
    resources = section(template, "Resources")
    return {str(name): mapping(body) for name, body in resources.items() if mapping(body).get("Type") == KIND}


def passed(before: Mapping[str, Any], after: Mapping[str, Any], old: Side, new: Side) -> list[tuple[Values, Values]]:
    """What is passed before and after, in each way in which the conditions can stand together where it is there."""
    names = [conditions_in(body) | {str(body.get("Condition", ""))} - {""} for body in (before, after)]
    found = []
    for world in worlds(old, new, *names):
        there = (_is_there(before, world.old), _is_there(after, world.new))
        if any(there):
            found.append((_parameters(before, old, world.old), _parameters(after, new, world.new)))
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


def refusals(passed: Sequence[Values], template: Template) -> dict[str, bool]:
    """Why CloudFormation refuses what is passed to this template, and whether that is sure; of any way that it may be.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-cloudformation-stack.html
    """
    declared = section(template, "Parameters")
    found: Counter[str] = Counter()
    for given in passed:
        if any(name.startswith("Fn::") for name in given):
            return {}
        found.update(
            f"parameter {name} is passed, and its template has no such one" for name in given.keys() - declared
        )
        needed = {name for name, one in declared.items() if default(one) is None}
        found.update(f"parameter {name} is not passed, and has no default" for name in needed - given.keys())
    return {says: number == len(passed) for says, number in found.items()}


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
            for i, cause in enumerate(finding.causes):
                touched = set(cause.reason.path[:1]) & OTHER_TEMPLATES[finding.kind]
                if touched and cause.effect <= Effect.UNKNOWN:
                    says = f"{_NOT_LOOKED_AT}: what that does to what is in it is not known"
                    if cause.effect < Effect.UNKNOWN:
                        cause = replace(cause, reason=replace(cause.reason, says=says), effect=Effect.UNKNOWN)
                        finding.causes[i] = cause
                    finding.bump = Bump.MAJOR  # there may be data in it


def _is_there(body: Mapping[str, Any], holding: Mapping[str, bool]) -> bool:
    return holding.get(str(body.get("Condition", "")), True)


def _parameters(body: Mapping[str, Any], side: Side, holding: Mapping[str, bool]) -> Values:
    given = mapping(body.get("Properties")).get("Parameters") or {}
    return mapping(simplified(given, side.values, holding, side.mappings()))
