"""Everything of a template but its resources: parameters, rules, outputs, conditions, mappings, metadata.

    Template, Template ──section by section──▶ Change

A parameter or a rule that admits less is a change that users feel, even where no resource does: an update, or the next
creation, is refused. What conditions and mappings do shows at the resources that use them.
https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/template-anatomy.html
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ..evaluate import ABSENT
from .inputs import parameters, rules
from .model import Bump, Change, Effect, Section, Template
from .outputs import Moving, outputs, stays
from .telling import USER_GUIDE, Told, action_of, mapping, pairs, section
from .values import differences, same
from .worlds import Side, World, worlds

_INTERFACE = f"{USER_GUIDE}/aws-resource-cloudformation-interface.html"
_INIT = "https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-init.html"

_MOST_NAMED = 8


def sections(
    old: Template,
    new: Template,
    old_values: Mapping[str, Any] | None = None,
    new_values: Mapping[str, Any] | None = None,
    moves: Moving = stays,
) -> list[Change]:
    """What changes outside of the resources' properties, and what that does to a stack and to those who use it.

    `old_values` and `new_values` are what is known of the parameters of a stack before and after, as in `Side`: with
    them, what refuses some values is told to refuse this stack, or not to. The version is not moved by them. `moves`
    says of what outputs refer to whether it has another value after the update.
    """
    known = old_values or {}, new_values or {}
    return [
        *parameters(old, new, known[1]),
        *rules(old, new, known),
        *outputs(old, new, known, moves),
        *_conditions(old, new),
        *_mappings(old, new),
        *_metadata(old, new),
        *_rest(old, new),
    ]


# Conditions and mappings: what they do shows at what uses them.


def _conditions(old: Template, new: Template) -> Iterator[Change]:
    sides = Side(old, {}), Side(new, {})
    used = [_used_conditions(one) for one in (old, new)]
    for name, before, after in pairs(old, new, "Conditions"):
        if before is ABSENT or after is ABSENT:
            action, says, users = ("add", "new", used[1]) if before is ABSENT else ("remove", "gone", used[0])
        elif same(before, after) or _equivalent(worlds(*sides, [name], [name]), name):
            continue
        else:
            action, says, users = "change", "it holds for other parameters than before", used[0] | used[1]
        says += "; nothing uses it" if name not in users else "; what it does shows at what uses it"
        told = Told()
        told.tell(says, Bump.PATCH)
        yield from told.change(Section.CONDITIONS, name, action)


def _equivalent(found: Iterable[World], name: str) -> bool:
    return all(world.old[name] == world.new[name] for world in found)


def _used_conditions(template: Template) -> set[str]:
    """The conditions that resources, outputs and other conditions ask for."""
    found: set[str] = set()
    todo: list[Any] = [template.get("Resources"), template.get("Outputs"), template.get("Conditions")]
    while todo:
        one = todo.pop()
        if isinstance(one, Mapping):
            condition, branches = one.get("Condition"), one.get("Fn::If")
            found |= {condition} if isinstance(condition, str) else set()
            if isinstance(branches, list) and branches and isinstance(branches[0], str):
                found.add(branches[0])
            todo.extend(one.values())
        elif isinstance(one, list):
            todo.extend(one)
    return found


def _mappings(old: Template, new: Template) -> Iterator[Change]:
    used = [_used_mappings(one) for one in (old, new)]
    for name, before, after in pairs(old, new, "Mappings"):
        told = Told()
        action = "remove" if after is ABSENT else "add" if before is ABSENT else "change"
        if action == "change":
            paths = [".".join(map(str, one.path)) for one in differences(before, after)]
            says = f"other values at {_listed(paths)}" if paths else ""
        else:
            says = "gone" if action == "remove" else "new"
        users = used[0] if action == "remove" else used[1]
        if says:
            unused = name not in users and None not in users
            told.tell(says + ("; nothing uses it" if unused else "; what it does shows at what uses it"), Bump.PATCH)
        yield from told.change(Section.MAPPINGS, name, action)


def _used_mappings(template: Template) -> set[str | None]:
    """The mappings in which something is looked up; None stands for one whose name is not known."""
    found: set[str | None] = set()
    todo: list[Any] = [template]
    while todo:
        one = todo.pop()
        if isinstance(one, Mapping):
            argument = one.get("Fn::FindInMap")
            if isinstance(argument, list) and argument:
                found.add(argument[0] if isinstance(argument[0], str) else None)
            todo.extend(one.values())
        elif isinstance(one, list):
            todo.extend(one)
    return found


# Metadata and the rest.


def _metadata(old: Template, new: Template) -> Iterator[Change]:
    for name, before, after in pairs(old, new, "Metadata"):
        if not _same_or_absent(before, after):
            told = Told()
            is_form = name == "AWS::CloudFormation::Interface"
            says = "the console shows the parameters in another way" if is_form else "nothing in a stack depends on it"
            told.tell(says, Bump.PATCH, source=_INTERFACE if is_form else "")
            yield from told.change(Section.METADATA, name, action_of(before, after))
    resources = section(old, "Resources"), section(new, "Resources")
    for name in resources[0]:
        bodies = [mapping(section.get(name)) for section in resources]
        if name not in resources[1]:
            continue
        before, after = (mapping(body.get("Metadata")) for body in bodies)
        changed = [
            key
            for key in dict.fromkeys([*before, *after])
            if not _same_or_absent(before.get(key, ABSENT), after.get(key, ABSENT))
        ]
        told = Told()
        for key in changed:
            if key in ("AWS::CloudFormation::Init", "AWS::CloudFormation::Authentication"):
                says = "other setup of instances: those that run cfn-hup do it now, others when made again"
                told.tell(says, Bump.PATCH, Effect.IN_PLACE, certain=False, path=("Metadata", str(key)), source=_INIT)
            else:
                told.tell(f"{key} says something else", Bump.PATCH, path=("Metadata", str(key)))
        yield from told.change(Section.METADATA, str(name), kind=str(bodies[1].get("Type", "")))


def _rest(old: Template, new: Template) -> Iterator[Change]:
    words = {
        "Description": "the description changes",
        "Transform": "other macros make the template; what they make of it is not known here",
    }
    for key in ("AWSTemplateFormatVersion", "Description", "Transform"):
        before, after = old.get(key, ABSENT), new.get(key, ABSENT)
        if not _same_or_absent(before, after):
            told = Told()
            told.tell(words.get(key, "the version of the format changes"), Bump.PATCH)
            yield from told.change(Section.TEMPLATE, key, action_of(before, after))


def _same_or_absent(one: Any, other: Any) -> bool:
    return one is other or (one is not ABSENT and other is not ABSENT and same(one, other))


def _listed(names: list[str]) -> str:
    left = len(names) - _MOST_NAMED
    return ", ".join(names[:_MOST_NAMED]) + (f" and {left} more" if left > 0 else "")
