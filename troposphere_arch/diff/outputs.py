"""Outputs and exports: what others find in a stack, in each world in which a running stack can be.

    Outputs ──goes, comes, is of something else, moves with what it names──▶ Change

An output that others import can neither change nor go: CloudFormation refuses the update.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from ..evaluate import ABSENT, simplified
from . import facts
from .model import Bump, Change, Effect, Path, Section, Template
from .normal import normal
from .parts import size
from .spelled import shown, spelled
from .spreading import Moved
from .telling import USER_GUIDE, Told, Values, mapping, pairs, section, side
from .values import Reference, differences, references, same
from .worlds import Side, affordable, conditions_in, some_worlds

_OUTPUTS = f"{USER_GUIDE}/outputs-section-structure.html"
_EXPORTS = f"{USER_GUIDE}/using-cfn-stack-exports.html"

_SHORT = 60  # characters of two values that are shown
_REFUSED = "CloudFormation refuses that while another stack imports it"

# What becomes of anything that a value refers to: None where it stays.
Moving = Callable[[Reference], Moved | None]
# Attributes that are plain numbers, and name nothing by themselves.
_NUMBERS = {("AWS::Lambda::Version", "Version")}


def stays(reference: Reference) -> Moved | None:
    """Nothing moves."""
    return None


def outputs(old: Template, new: Template, known: Values, moves: Moving = stays) -> Iterator[Change]:
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
            _changed_output(told, mapping(before), mapping(after), *sides, moves)
            yield from told.change(Section.OUTPUTS, name)


def moving(old: Side, new: Side, moves: Moving) -> dict[str, Moved]:
    """The outputs of a stack that have another value after the update, or may have, or are gone."""
    before, after = section(old.template, "Outputs"), section(new.template, "Outputs")
    resources = section(new.template, "Resources")
    found = {str(name): Moved(True, "it is gone", True) for name in before if name not in after}
    for name in before.keys() & after.keys():
        both, unknown = _values(mapping(before[name]), mapping(after[name]), old, new)
        differ = [(one, other) for one, other in both if one is not other and not same(one, other)]
        if differ:
            sure = len(differ) == len(both) and all(
                difference.certain for one, other in differ for difference in differences(one, other, resources)
            )
            elsewhere = any(_leads(one, old.template) != _leads(other, new.template) for one, other in differ)
            found[str(name)] = Moved(sure, "it has another value", elsewhere)
        moved = _moved([other for _, other in both], moves) or (None if differ else unknown)
        if moved is not None and (name not in found or (moved.certain, moved.elsewhere) > (found[name].certain, False)):
            found[str(name)] = moved
    return found


def _moved(values: list[Any], moves: Moving) -> Moved | None:
    """The move of what these values, one for each world, refer to; the surest and farthest one."""
    found: list[Moved] = []
    everywhere = [{(one.target, one.attribute) for one in references(value)} for value in values]
    for reference in {(one.target, one.attribute): one for value in values for one in references(value)}.values():
        if moved := moves(reference):
            always = all((reference.target, reference.attribute) in names for names in everywhere)
            found.append(replace(moved, certain=moved.certain and always and reference.sure))
    return max(found, key=lambda one: (one.certain, one.elsewhere), default=None)


def _changed_output(
    told: Told, before: Mapping[Any, Any], after: Mapping[Any, Any], old: Side, new: Side, moves: Moving
) -> None:
    exports = [one.get("Export", ABSENT) for one in (before, after)]
    if exports[0] is not ABSENT and exports[1] is ABSENT:
        _unexported(told, f"its export {_name_of(exports[0])} goes", ("Export",))
    elif exports[0] is ABSENT and exports[1] is not ABSENT:
        says = f"exported as {_name_of(exports[1])}"
        told.tell(says, Bump.MINOR, Effect.IN_PLACE, path=("Export",), source=_EXPORTS)
    elif exports[0] is not ABSENT:
        _renamed_export(told, exports, old, new, moves)
    _changed_value(told, before, after, old, new, moves)
    if not same(before.get("Description", ABSENT), after.get("Description", ABSENT)):
        told.tell("its description changes", Bump.PATCH, path=("Description",))


def _unexported(told: Told, says: str, path: Path) -> None:
    told.tell(f"{says}; {_REFUSED}", Bump.MAJOR, Effect.FAILURE, certain=False, path=path, source=_EXPORTS)


def _renamed_export(told: Told, exports: list[Any], old: Side, new: Side, moves: Moving) -> None:
    """An export under another name is another export, and the old one goes."""
    names = [{"Value": mapping(one).get("Name")} for one in exports]
    both, unknown = _values(names[0], names[1], old, new)
    changed = [(one, other) for one, other in both if _spelled(one, old) != _spelled(other, new)]
    if changed:
        was, will = (shown(spelled(one)) for one in changed[0])
        _unexported(told, f"its export is called {will} instead of {was}", ("Export", "Name"))
    elif moved := _moved([other for _, other in both], moves) or unknown:
        _unexported(told, f"its export may be called otherwise, because {moved.why}", ("Export", "Name"))


def _spelled(value: Any, side: Side) -> str:
    return spelled(normal(value, side.mappings()))


def _values(
    before: Mapping[Any, Any], after: Mapping[Any, Any], old: Side, new: Side
) -> tuple[list[tuple[Any, Any]], Moved | None]:
    """The value of an output before and after, in each world in which a running stack can be.

    With them, that it may be another one in others, where there are more than can be looked at.
    """
    was, will = (conditions_in(one.get("Value")) | _own_condition(one) for one in (before, after))
    work = (size(before) + size(after)) * len(section(new.template, "Outputs"))
    found, complete = some_worlds(old, new, was, will, affordable(work))
    both = [(_value(before, old, world.old), _value(after, new, world.new)) for world in found]
    alike = complete or same(before.get("Value", ABSENT), after.get("Value", ABSENT))
    return both, None if alike else Moved(False, "it hangs on more conditions than can be looked at", elsewhere=True)


def _changed_value(
    told: Told, before: Mapping[Any, Any], after: Mapping[Any, Any], old: Side, new: Side, moves: Moving
) -> None:
    """What becomes of the value in each world in which a running stack can be."""
    both, unknown = _values(before, after, old, new)
    differ = [(one, other) for one, other in both if one is not other and not same(one, other)]
    goes = [one for one, other in differ if other is ABSENT]
    comes = [other for one, other in differ if one is ABSENT]
    changed = [(one, other) for one, other in differ if one is not ABSENT and other is not ABSENT]
    exported = "Export" in before and "Export" in after
    elsewhere = any(_leads(one, old.template) != _leads(other, new.template) for one, other in changed)
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
        says = (
            _other_value(changed, old.template, new.template)
            if elsewhere
            else _other_text(before.get("Value"), after.get("Value"))
        )
        certain = len(changed) == len(both)
        if exported:
            told.tell(
                f"{says}; {_REFUSED}", Bump.MAJOR, Effect.FAILURE, certain=False, path=("Value",), source=_EXPORTS
            )
        else:
            bump = Bump.MAJOR if elsewhere else Bump.PATCH
            told.tell(says, bump, Effect.IN_PLACE, certain=certain, path=("Value",), source=_OUTPUTS)
    moved = _moved([other for _, other in both if other is not ABSENT], moves) or (None if differ else unknown)
    if moved is not None and not (changed and (exported or elsewhere)):
        says = f"its value {'is' if moved.certain else 'may be'} another one, because {moved.why}"
        if exported:
            told.tell(
                f"{says}; {_REFUSED}", Bump.MAJOR, Effect.FAILURE, certain=False, path=("Value",), source=_EXPORTS
            )
        else:
            bump = Bump.MAJOR if moved.elsewhere else Bump.PATCH
            told.tell(says, bump, Effect.IN_PLACE, certain=moved.certain, path=("Value",), source=_OUTPUTS)
    rewritten = any(not same(before.get(key, ABSENT), after.get(key, ABSENT)) for key in ("Value", "Export"))
    if not told.reasons and not differ and (rewritten or before.get("Condition") != after.get("Condition")):
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
        if (kind, one.attribute) in _NUMBERS:
            continue  # which parameter or resource it is from is no matter
        found.add((kind if facts.renewed_by_design(kind) else one.target, one.attribute))
    return found


def _other_value(changed: list[tuple[Any, Any]], old: Template, new: Template) -> str:
    before, after = changed[0]
    was, will = (", ".join(_dotted(_leads(*one))) for one in ((before, old), (after, new)))
    return (
        f"whoever uses it gets something else: of {will or 'nothing in the stack'}, and not of {was or 'nothing in it'}"
    )


def _other_text(before: Any, after: Any) -> str:
    """What is written down is shown; what parameters make of it is not, since it may be secret."""
    if isinstance(before, str) and isinstance(after, str) and len(before) + len(after) < _SHORT:
        return f"its value is {after!r}, and was {before!r}"
    return "its value is another text of the same parts"


def _dotted(leads: Iterable[tuple[str, str]]) -> list[str]:
    return sorted(f"{target}.{attribute}" if attribute else target for target, attribute in leads)


def _name_of(export: Any) -> str:
    return shown(spelled(mapping(export).get("Name")))
