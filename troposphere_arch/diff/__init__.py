"""What an update does to a running stack: the difference of any two CloudFormation templates.

    Template, Template ──worlds, facts──▶ resources ──spreading──▶ consequences ─┬─▶ Diff ──report──▶ table, Markdown
                       └──▶ permissions, sections ──────────────────────────────┘

`reading` gets templates from wherever they are. Nothing else here asks anybody anything: facts come from the resource
schemas that cfn-lint ships, and from `supplement`, each row with its page. What is in neither is unknown, never safe.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from .model import Bump, Change, Diff, Effect, Reason, Section, Template

__all__ = ["Bump", "Change", "Diff", "Effect", "Nested", "Reason", "Section", "diff"]


@dataclass(frozen=True)
class Nested:
    """The two templates of a nested stack, where both could be read, and those nested in it."""

    old: Template
    new: Template
    nested: Mapping[str, Nested] = field(default_factory=dict)


def diff(
    old: Template,
    new: Template,
    *,
    old_parameters: Mapping[str, str] | None = None,
    new_parameters: Mapping[str, str] | None = None,
    region: str | None = None,
    nested: Mapping[str, Nested] | None = None,
) -> Diff:
    """What an update from `old` to `new` does to a running stack.

    Templates are plain values with functions in their long form. `old_parameters` are those that the stack runs with:
    what they leave out is at the old template's default. Without them nothing is known of the stack's parameters, and
    both sides of each condition are considered. `new_parameters` are those given with the update: what they leave out
    keeps its value, and a parameter that the old template lacks is at its default. `region` is where the stack is.
    `nested` holds, by the logical id of the nested stack, what there is to compare.
    """
    from . import permissions, renames, sections, standing
    from .resources import findings, settled
    from .spreading import spread
    from .worlds import Side

    before, after = _values(old, new, old_parameters, new_parameters, region)
    old_side, new_side = Side(old, before), Side(new, after)
    found = findings(old_side, new_side)
    spread(found, old_side, new_side)
    everything = [finding for several in found.values() for finding in several]
    renamed = renames.renames(everything)
    changes = []
    for finding in everything:
        change = settled(finding)
        if finding.action == "remove" and finding.name in renamed:
            change = replace(change, advice=renames.advice(finding.name, renamed[finding.name]))
        changes.append(change)
    # Without a stack, permissions that come with a new parameter are told, whatever its default is.
    known = (before, after) if old_parameters is not None else (None, None)
    changes += permissions.permissions(old, new, *known)
    changes += _outputs(sections.sections(old, new, *known), new, found)
    notes: list[str] = []
    for name in _stacks(new):
        below = (nested or {}).get(name)
        if name not in _stacks(old):
            continue
        if below is None:
            notes.append(f"nested stack {name}: its templates were not given")
            continue
        inner = diff(
            below.old,
            below.new,
            old_parameters=_passed(old, name) if old_parameters is not None else None,
            new_parameters=_passed(new, name) if old_parameters is not None else None,
            region=region,
            nested=below.nested,
        )
        changes += [replace(change, name=f"{name}/{change.name}") for change in inner.changes]
        notes += [f"{name}/{note}" for note in inner.notes]
    return Diff(tuple(sorted(changes, key=_gravest_first)), standing.standing(new_side), tuple(notes))


_SECTIONS = {section: i for i, section in enumerate(Section)}


def _gravest_first(change: Change) -> tuple[object, ...]:
    resources_first = 0 if change.section == Section.RESOURCES else 1
    return (-change.effect, -change.bump, resources_first, _SECTIONS[change.section], change.name, change.action)


def _values(
    old: Template,
    new: Template,
    old_parameters: Mapping[str, str] | None,
    new_parameters: Mapping[str, str] | None,
    region: str | None,
) -> tuple[dict[str, Any], dict[str, Any]]:
    """What is known of the parameters before and after."""
    declared_before, declared_after = _section(old, "Parameters"), _section(new, "Parameters")
    before: dict[str, Any] = {}
    if old_parameters is not None:
        before = {name: _value(one, old_parameters.get(name)) for name, one in declared_before.items()}
    after: dict[str, Any] = {}
    for name, one in declared_after.items():
        if new_parameters is not None and name in new_parameters:
            after[name] = _value(one, new_parameters[name])
        elif name in before:
            after[name] = before[name]
        elif name not in declared_before:
            after[name] = _value(one, None)
    here = {"AWS::Region": region} if region else {}
    return _known(before) | here, _known(after) | here


def _value(parameter: Any, given: str | None) -> Any:
    """A parameter's value, given or its default; a list where it is one; None where it is not known.

    What stands behind the name of an SSM parameter is not known.
    """
    declared = parameter if isinstance(parameter, Mapping) else {}
    kind = str(declared.get("Type", ""))
    if kind.startswith("AWS::SSM::Parameter::Value<") or (given is None and "Default" not in declared):
        return None
    value = given if given is not None else _text(declared["Default"])
    is_list = kind == "CommaDelimitedList" or kind.startswith("List<")
    return [part.strip() for part in value.split(",")] if is_list else value


def _known(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}


def _outputs(changes: list[Change], new: Template, found: Any) -> list[Change]:
    """The changes, and those of outputs whose value is another one because of what is replaced."""
    from . import facts
    from .spreading import replaced
    from .values import references

    told = {change.name for change in changes if change.section == Section.OUTPUTS and change.bump == Bump.MAJOR}
    more = []
    for name, output in _section(new, "Outputs").items():
        if name in told or not isinstance(output, Mapping):
            continue
        for reference in references(output.get("Value")):
            upstream = replaced(found, reference.target)
            if upstream is None or facts.renewed_by_design(upstream.kind):
                continue
            exported = "Export" in output
            sure = upstream.certain and reference.sure
            says = f"its value {'is' if sure else 'may be'} another one, because {upstream.name} is replaced"
            if exported:
                says += "; CloudFormation refuses that while another stack imports it"
            effect = Effect.FAILURE if exported else Effect.IN_PLACE
            reason = Reason(says, through=upstream.name)
            more.append(
                Change(
                    Section.OUTPUTS,
                    name,
                    "change",
                    effect,
                    Bump.MAJOR,
                    certain=sure and not exported,
                    reasons=(reason,),
                )
            )
            break
    return changes + more


def _stacks(template: Template) -> dict[str, Mapping[str, Any]]:
    return {
        name: body
        for name, body in _section(template, "Resources").items()
        if isinstance(body, Mapping) and body.get("Type") == "AWS::CloudFormation::Stack"
    }


def _passed(template: Template, name: str) -> dict[str, str]:
    """The parameters that a nested stack gets, as far as they are written down."""
    given = (_stacks(template)[name].get("Properties") or {}).get("Parameters")
    literal = given.items() if isinstance(given, Mapping) else ()
    return {key: _text(value) for key, value in literal if isinstance(value, str | int | float | bool)}


def _section(template: Template, name: str) -> Mapping[str, Any]:
    found = template.get(name)
    return found if isinstance(found, Mapping) else {}


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
