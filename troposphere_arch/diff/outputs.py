"""Outputs and exports: what others find in a stack, in each world in which a running stack can be.

    Outputs ──goes, comes, is of something else──▶ Change

An output that others import can neither change nor go: CloudFormation refuses the update.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ..evaluate import ABSENT, simplified
from . import facts
from .model import Bump, Change, Effect, Path, Section, Template
from .spelled import shown, spelled
from .telling import USER_GUIDE, Told, Values, mapping, pairs, section, side
from .values import references, same
from .worlds import Side, conditions_in, worlds

_OUTPUTS = f"{USER_GUIDE}/outputs-section-structure.html"
_EXPORTS = f"{USER_GUIDE}/using-cfn-stack-exports.html"

_REFUSED = "CloudFormation refuses that while another stack imports it"


def outputs(old: Template, new: Template, known: Values) -> Iterator[Change]:
    """Each output that is new, gone or changed, and its export."""
    for name, before, after in pairs(old, new, "Outputs"):
        told = Told()
        exported = [mapping(one).get("Export", ABSENT) for one in (before, after)]
        if after is ABSENT:
            told.tell("it is gone: whoever uses it finds nothing", Bump.MAJOR, Effect.IN_PLACE, source=_OUTPUTS)
            if exported[0] is not ABSENT:
                _unexported(told, f"its export {_name_of(exported[0])} goes", ())
            yield from told.change(Section.OUTPUTS, name, "remove")
        elif before is ABSENT:
            says = "new" if exported[1] is ABSENT else f"new, exported as {_name_of(exported[1])}"
            told.tell(says, Bump.MINOR, Effect.IN_PLACE, source=_OUTPUTS)
            yield from told.change(Section.OUTPUTS, name, "add")
        else:
            sides = Side(old, known[0]), side(new, old, known[1])
            _changed_output(told, mapping(before), mapping(after), *sides)
            yield from told.change(Section.OUTPUTS, name)


def _changed_output(told: Told, before: Mapping[Any, Any], after: Mapping[Any, Any], old: Side, new: Side) -> None:
    exports = [one.get("Export", ABSENT) for one in (before, after)]
    if exports[0] is not ABSENT and exports[1] is ABSENT:
        _unexported(told, f"its export {_name_of(exports[0])} goes", ("Export",))
    elif exports[0] is ABSENT and exports[1] is not ABSENT:
        says = f"exported as {_name_of(exports[1])}"
        told.tell(says, Bump.MINOR, Effect.IN_PLACE, path=("Export",), source=_EXPORTS)
    elif not same(*exports) and exports[0] is not ABSENT:
        says = f"its export is called {_name_of(exports[1])} instead of {_name_of(exports[0])}"
        _unexported(told, says, ("Export", "Name"))
    _changed_value(told, before, after, old, new)
    if not same(before.get("Description", ABSENT), after.get("Description", ABSENT)):
        told.tell("its description changes", Bump.PATCH, path=("Description",))


def _unexported(told: Told, says: str, path: Path) -> None:
    told.tell(f"{says}; {_REFUSED}", Bump.MAJOR, Effect.FAILURE, certain=False, path=path, source=_EXPORTS)


def _changed_value(told: Told, before: Mapping[Any, Any], after: Mapping[Any, Any], old: Side, new: Side) -> None:
    """What becomes of the value in each world in which a running stack can be."""
    names = [conditions_in(one.get("Value")) | _own_condition(one) for one in (before, after)]
    found = worlds(old, new, *names)
    both = [(_value(before, old, world.old), _value(after, new, world.new)) for world in found]
    differ = [(one, other) for one, other in both if one is not other and not same(one, other)]
    goes = [one for one, other in differ if other is ABSENT]
    comes = [other for one, other in differ if one is ABSENT]
    changed = [(one, other) for one, other in differ if one is not ABSENT and other is not ABSENT]
    exported = "Export" in before and "Export" in after
    if goes:
        always = all(other is ABSENT for _, other in both)
        says = "it goes" if always else f"it may go{_under(after)}"
        if "Export" in before:
            _unexported(told, says, ("Condition",))
        else:
            told.tell(says, Bump.MAJOR, Effect.IN_PLACE, certain=always, path=("Condition",), source=_OUTPUTS)
    if comes:
        told.tell("it is there more often", Bump.MINOR, Effect.IN_PLACE, path=("Condition",), source=_OUTPUTS)
    if changed:
        elsewhere = any(_leads(one, old.template) != _leads(other, new.template) for one, other in changed)
        says = (
            _other_value(changed, old.template, new.template)
            if elsewhere
            else "its value is another text of the same parts"
        )
        certain = len(changed) == len(both)
        if exported:
            told.tell(
                f"{says}; {_REFUSED}", Bump.MAJOR, Effect.FAILURE, certain=False, path=("Value",), source=_EXPORTS
            )
        else:
            bump = Bump.MAJOR if elsewhere else Bump.PATCH
            told.tell(says, bump, Effect.IN_PLACE, certain=certain, path=("Value",), source=_OUTPUTS)
    rewritten = not same(before.get("Value", ABSENT), after.get("Value", ABSENT))
    if not differ and (rewritten or before.get("Condition") != after.get("Condition")):
        told.tell("written in another way; a running stack's stays as it is", Bump.PATCH, path=("Value",))


def _under(output: Mapping[Any, Any]) -> str:
    condition = output.get("Condition")
    return f": it is there under condition {condition} only" if isinstance(condition, str) else ""


def _own_condition(output: Mapping[Any, Any]) -> set[str]:
    condition = output.get("Condition")
    return {condition} if isinstance(condition, str) else set()


def _value(output: Mapping[Any, Any], side: Side, truths: Mapping[str, bool]) -> Any:
    condition = output.get("Condition")
    if isinstance(condition, str) and not truths[condition]:
        return ABSENT
    value = output.get("Value", "")
    try:
        return simplified(value, side.values, truths, side.mappings())
    except (ValueError, TypeError, KeyError, IndexError, AttributeError, RecursionError):
        return value


def _leads(value: Any, template: Template) -> set[tuple[str, str]]:
    """What a value is of: resources and parameters, with the attribute. A frozen copy's next one is the same thing."""
    resources = section(template, "Resources")
    found = set()
    for one in references(value):
        if one.target.startswith("AWS::"):
            continue  # the stack's own region or name stays what it is
        kind = str(mapping(resources.get(one.target)).get("Type", ""))
        found.add((kind if facts.renewed_by_design(kind) else one.target, one.attribute))
    return found


def _other_value(changed: list[tuple[Any, Any]], old: Template, new: Template) -> str:
    before, after = changed[0]
    was, will = (", ".join(_dotted(_leads(*one))) for one in ((before, old), (after, new)))
    return (
        f"whoever uses it gets something else: of {will or 'nothing in the stack'}, and not of {was or 'nothing in it'}"
    )


def _dotted(leads: Iterable[tuple[str, str]]) -> list[str]:
    return sorted(f"{target}.{attribute}" if attribute else target for target, attribute in leads)


def _name_of(export: Any) -> str:
    return shown(spelled(mapping(export).get("Name")))
