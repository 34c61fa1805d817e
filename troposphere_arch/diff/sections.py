"""Everything of a template but its resources: parameters, rules, outputs, conditions, mappings, metadata.

    Template, Template ──section by section──▶ Change

A parameter or a rule that admits less is a change that users feel, even where no resource does: an update, or the next
creation, is refused. What conditions and mappings do shows at the resources that use them.
https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/template-anatomy.html
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from ..evaluate import ABSENT, simplified
from . import facts
from .admits import Admits, admits, passes
from .model import Bump, Change, Effect, Path, Reason, Section, Template
from .spelled import canonical, shown, spelled
from .values import differences, references, same
from .worlds import Side, World, conditions_in, worlds

_USER_GUIDE = "https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide"
_PARAMETERS = f"{_USER_GUIDE}/parameters-section-structure.html"
_RULES = f"{_USER_GUIDE}/rules-section-structure.html"
_OUTPUTS = f"{_USER_GUIDE}/outputs-section-structure.html"
_EXPORTS = f"{_USER_GUIDE}/using-cfn-stack-exports.html"
_INTERFACE = f"{_USER_GUIDE}/aws-resource-cloudformation-interface.html"
_INIT = "https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-init.html"

_REFUSED = "CloudFormation refuses that while another stack imports it"
_MOST_NAMED = 8
_MOST_NEAR = 8  # rules that are looked at together; with fewer, more is called refused, never less


def sections(
    old: Template,
    new: Template,
    old_values: Mapping[str, Any] | None = None,
    new_values: Mapping[str, Any] | None = None,
) -> list[Change]:
    """What changes outside of the resources' properties, and what that does to a stack and to those who use it.

    `old_values` and `new_values` are what is known of the parameters of a stack before and after, as in `Side`: with
    them, what refuses some values is told to refuse this stack, or not to. The version is not moved by them.
    """
    known = old_values or {}, new_values or {}
    return [
        *_parameters(old, new, known[1]),
        *_rules(old, new, known),
        *_outputs(old, new, known),
        *_conditions(old, new),
        *_mappings(old, new),
        *_metadata(old, new),
        *_rest(old, new),
    ]


@dataclass
class _Told:
    """What is told of one change, as it is found out: each reason with what it does and what it demands."""

    reasons: list[Reason] = field(default_factory=list)
    effect: Effect = Effect.NONE
    certain: bool = True
    bumps: list[Bump] = field(default_factory=list)

    def tell(
        self,
        says: str,
        bump: Bump,
        effect: Effect = Effect.NONE,
        *,
        certain: bool = True,
        path: Path = (),
        source: str = "",
    ) -> None:
        # The gravest first.
        after = sum(1 for earlier in self.bumps if earlier >= bump)
        self.reasons.insert(after, Reason(says, path, source))
        self.bumps.insert(after, bump)
        if (effect, certain) > (self.effect, self.certain) or len(self.reasons) == 1:
            self.effect, self.certain = effect, certain

    def change(self, section: Section, name: str, action: str = "change", kind: str = "") -> Iterator[Change]:
        if self.reasons:
            yield Change(section, name, action, self.effect, self.bumps[0], kind, self.certain, tuple(self.reasons))


def _pairs(old: Template, new: Template, section: str) -> Iterator[tuple[str, Any, Any]]:
    """What either side has in a section, by name; `ABSENT` for what it has not."""
    before, after = _section(old, section), _section(new, section)
    for name in dict.fromkeys([*before, *after]):
        yield str(name), before.get(name, ABSENT), after.get(name, ABSENT)


def _section(template: Template, name: str) -> Mapping[Any, Any]:
    return _mapping(template.get(name))


def _mapping(value: Any) -> Mapping[Any, Any]:
    return value if isinstance(value, Mapping) else {}


# Parameters.


def _parameters(old: Template, new: Template, values: Mapping[str, Any]) -> Iterator[Change]:
    for name, before, after in _pairs(old, new, "Parameters"):
        told = _Told()
        kind = str(_mapping(before if after is ABSENT else after).get("Type", ""))
        if after is ABSENT:
            told.tell("it is gone: an update that still gives it is refused", Bump.MAJOR, source=_PARAMETERS)
            yield from told.change(Section.PARAMETERS, name, "remove", kind)
        elif before is ABSENT:
            _added_parameter(told, _mapping(after), given=name in values)
            yield from told.change(Section.PARAMETERS, name, "add", kind)
        elif not same(before, after):
            _changed_parameter(told, _mapping(before), _mapping(after), values.get(name))
            yield from told.change(Section.PARAMETERS, name, "change", kind)


def _added_parameter(told: _Told, parameter: Mapping[Any, Any], *, given: bool) -> None:
    if "Default" in parameter:
        says = f"new, {_text(parameter['Default'])!r} unless given"
        told.tell(says, Bump.MINOR, path=("Default",), source=_PARAMETERS)
    elif given:
        told.tell("new, without a default: it must be given, and is", Bump.MAJOR, source=_PARAMETERS)
    else:
        says = "new, without a default: an update that does not give it is refused"
        told.tell(says, Bump.MAJOR, Effect.FAILURE, certain=False, source=_PARAMETERS)


def _changed_parameter(told: _Told, before: Mapping[Any, Any], after: Mapping[Any, Any], value: Any) -> None:
    fits = passes(_text(value), after) if _is_plain(value) else None
    for verdict in admits(before, after):
        bump, effect, certain = {
            Admits.LESS: (Bump.MAJOR, Effect.FAILURE, False),
            Admits.UNKNOWN: (Bump.MAJOR, Effect.UNKNOWN, True),
            Admits.MORE: (Bump.MINOR, Effect.NONE, True),
            Admits.SAME: (Bump.PATCH, Effect.NONE, True),
        }[verdict.admits]
        says = verdict.says
        if bump is Bump.MAJOR and verdict.path != ("Type",) and fits is not None:
            effect, certain = (Effect.NONE, True) if fits else (Effect.FAILURE, True)
            says += f"; {_text(value)!r}, which this stack has, is {'allowed' if fits else 'not'}"
        told.tell(says, bump, effect, certain=certain, path=verdict.path, source=_PARAMETERS)
    _changed_default(told, before.get("Default", ABSENT), after.get("Default", ABSENT))
    if not same(before.get("NoEcho", False), after.get("NoEcho", False)):
        hidden = _text(after.get("NoEcho", False)) == "true"
        says = (
            "its value is hidden from now on" if hidden else "its value is shown from now on, to whoever sees the stack"
        )
        told.tell(says, Bump.PATCH, path=("NoEcho",), source=_PARAMETERS)
    known = {"Type", "Default", "NoEcho", *_CONSTRAINTS}
    for key in sorted({*before, *after} - known, key=str):
        if not same(before.get(key, ABSENT), after.get(key, ABSENT)):
            words = {"Description": "its description", "ConstraintDescription": "what is said of a refused value"}
            told.tell(f"{words.get(str(key), str(key))} changes", Bump.PATCH, path=(str(key),))


_CONSTRAINTS = ("AllowedValues", "AllowedPattern", "MinLength", "MaxLength", "MinValue", "MaxValue")


def _changed_default(told: _Told, before: Any, after: Any) -> None:
    path: Path = ("Default",)
    if before is ABSENT and after is not ABSENT:
        says = f"it need not be given any more: {_text(after)!r} if it is not"
        told.tell(says, Bump.MINOR, path=path, source=_PARAMETERS)
    elif after is ABSENT and before is not ABSENT:
        says = f"it has no default any more ({_text(before)!r} before): it must be given"
        told.tell(says, Bump.MAJOR, Effect.FAILURE, certain=False, path=path, source=_PARAMETERS)
    elif before is not ABSENT and not same(before, after):
        says = f"its default is {_text(after)!r} instead of {_text(before)!r}; a stack keeps the value that it has"
        told.tell(says, Bump.MINOR, path=path, source=_PARAMETERS)


# Rules.


@dataclass(frozen=True)
class _Assertion:
    rule: str
    demand: str  # the condition of the rule and what it asserts, whatever the rule is called
    refused: Any  # the same as a condition: that the assertion refuses
    about: frozenset[str]  # its parameters
    says: str


_Known = tuple[Mapping[str, Any], Mapping[str, Any]]


def _rules(old: Template, new: Template, known: _Known) -> Iterator[Change]:
    """Each assertion, under its rule's condition, is one demand, whatever the rule is called."""
    before, after = list(_assertions(old)), list(_assertions(new))
    told: dict[str, _Told] = {}
    for one in after:
        if one.demand in {other.demand for other in before}:
            continue
        about = told.setdefault(one.rule, _Told())
        if _refuses_more(one, before, old, new):
            says = f"it refuses what was allowed before: {one.says}"
            touched = _refuses_more(one, before, old, new, known)
            effect = Effect.FAILURE if touched else Effect.NONE
            about.tell(says, Bump.MAJOR, effect, certain=not touched, source=_RULES)
        else:
            about.tell(f"it refuses nothing that was allowed before: {one.says}", Bump.PATCH, source=_RULES)
    for one in before:
        if one.demand in {other.demand for other in after}:
            continue
        if _refuses_more(one, after, new, old):
            about = told.setdefault(one.rule, _Told())
            about.tell(f"it no longer refuses: {one.says}", Bump.MINOR, source=_RULES)
    for name, first, second in _pairs(old, new, "Rules"):
        about = told.get(name, _Told())
        if not about.reasons and not _same_rule(first, second):
            what = "gone" if second is ABSENT else "new" if first is ABSENT else "written in another way"
            about.tell(f"it is {what}, and what is refused stays the same", Bump.PATCH, source=_RULES)
        action = "remove" if second is ABSENT else "add" if first is ABSENT else "change"
        yield from about.change(Section.RULES, name, action)


def _assertions(template: Template) -> Iterator[_Assertion]:
    for name, rule in _section(template, "Rules").items():
        body = _mapping(rule)
        written = body.get("Assertions")
        for one in written if isinstance(written, list) else []:
            asserts = _mapping(one).get("Assert")
            says = _mapping(one).get("AssertDescription")
            refused = _refused(body.get("RuleCondition"), asserts)
            yield _Assertion(
                str(name),
                canonical([body.get("RuleCondition"), asserts]),
                refused,
                frozenset(reference.target for reference in references(refused)),
                says if isinstance(says, str) else str(name),
            )


def _same_rule(one: Any, other: Any) -> bool:
    return one is not ABSENT and other is not ABSENT and same(one, other)


def _refuses_more(
    one: _Assertion, others: list[_Assertion], before: Template, after: Template, known: _Known = ({}, {})
) -> bool:
    """Whether the assertion, of `after`, refuses a choice of parameters that none of the others, of `before`, does.

    A parameter that only one of the two templates has is at its default, where no other value is known.
    """
    near = sorted(
        (other for other in others if one.about & other.about), key=lambda other: len(other.about - one.about)
    )
    refused = {"Fn::Or": [other.refused for other in near[:_MOST_NEAR]] or [{"Fn::Equals": ["a", "b"]}]}
    old = _side(before, after, known[0], {"refused": refused})
    new = _side(after, before, known[1], {"refused": one.refused})
    return any(
        world.new["refused"] and not world.old["refused"] for world in worlds(old, new, ["refused"], ["refused"])
    )


def _side(template: Template, other: Template, known: Mapping[str, Any], conditions: Any = None) -> Side:
    """A template with what is known of its parameters; those that the other one has not are at their defaults."""
    there = _section(other, "Parameters")
    defaults = {
        name: _text(parameter["Default"])
        for name, parameter in _section(template, "Parameters").items()
        if name not in there and isinstance(parameter, Mapping) and _is_plain(parameter.get("Default", ABSENT))
    }
    return Side({**template, "Conditions": conditions} if conditions else template, {**defaults, **known})


def _refused(condition: Any, asserts: Any) -> Any:
    """When an assertion refuses, as a condition."""
    refused = {"Fn::Not": [_as_condition(asserts)]}
    return refused if condition is None else {"Fn::And": [_as_condition(condition), refused]}


def _as_condition(value: Any, depth: int = 0) -> Any:
    """The expression of a rule with the functions of conditions, as far as these reach."""
    if not isinstance(value, Mapping) or len(value) != 1 or depth > 50:
        return value
    ((name, argument),) = value.items()
    if name == "Fn::Contains" and isinstance(argument, list) and len(argument) == 2 and isinstance(argument[0], list):
        return {"Fn::Or": [{"Fn::Equals": [argument[1], one]} for one in argument[0]]}
    if name in ("Fn::And", "Fn::Or", "Fn::Not") and isinstance(argument, list):
        return {name: [_as_condition(one, depth + 1) for one in argument]}
    return value


# Outputs.


def _outputs(old: Template, new: Template, known: _Known) -> Iterator[Change]:
    for name, before, after in _pairs(old, new, "Outputs"):
        told = _Told()
        exported = [_mapping(one).get("Export", ABSENT) for one in (before, after)]
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
            sides = Side(old, known[0]), _side(new, old, known[1])
            _changed_output(told, _mapping(before), _mapping(after), *sides)
            yield from told.change(Section.OUTPUTS, name)


def _changed_output(told: _Told, before: Mapping[Any, Any], after: Mapping[Any, Any], old: Side, new: Side) -> None:
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


def _unexported(told: _Told, says: str, path: Path) -> None:
    told.tell(f"{says}; {_REFUSED}", Bump.MAJOR, Effect.FAILURE, certain=False, path=path, source=_EXPORTS)


def _changed_value(told: _Told, before: Mapping[Any, Any], after: Mapping[Any, Any], old: Side, new: Side) -> None:
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
    resources = _section(template, "Resources")
    found = set()
    for one in references(value):
        if one.target.startswith("AWS::"):
            continue  # the stack's own region or name stays what it is
        kind = str(_mapping(resources.get(one.target)).get("Type", ""))
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
    return shown(spelled(_mapping(export).get("Name")))


# Conditions and mappings: what they do shows at what uses them.


def _conditions(old: Template, new: Template) -> Iterator[Change]:
    sides = Side(old, {}), Side(new, {})
    used = [_used_conditions(one) for one in (old, new)]
    for name, before, after in _pairs(old, new, "Conditions"):
        if before is ABSENT or after is ABSENT:
            action, says, users = ("add", "new", used[1]) if before is ABSENT else ("remove", "gone", used[0])
        elif same(before, after) or _equivalent(worlds(*sides, [name], [name]), name):
            continue
        else:
            action, says, users = "change", "it holds for other parameters than before", used[0] | used[1]
        says += "; nothing uses it" if name not in users else "; what it does shows at what uses it"
        told = _Told()
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
    for name, before, after in _pairs(old, new, "Mappings"):
        told = _Told()
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
    for name, before, after in _pairs(old, new, "Metadata"):
        if not _same_or_absent(before, after):
            told = _Told()
            is_form = name == "AWS::CloudFormation::Interface"
            says = "the console shows the parameters in another way" if is_form else "nothing in a stack depends on it"
            told.tell(says, Bump.PATCH, source=_INTERFACE if is_form else "")
            yield from told.change(Section.METADATA, name, _action(before, after))
    resources = _section(old, "Resources"), _section(new, "Resources")
    for name in resources[0]:
        bodies = [_mapping(section.get(name)) for section in resources]
        if name not in resources[1]:
            continue
        before, after = (_mapping(body.get("Metadata")) for body in bodies)
        changed = [
            key
            for key in dict.fromkeys([*before, *after])
            if not _same_or_absent(before.get(key, ABSENT), after.get(key, ABSENT))
        ]
        told = _Told()
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
            told = _Told()
            told.tell(words.get(key, "the version of the format changes"), Bump.PATCH)
            yield from told.change(Section.TEMPLATE, key, _action(before, after))


def _same_or_absent(one: Any, other: Any) -> bool:
    return one is other or (one is not ABSENT and other is not ABSENT and same(one, other))


def _action(before: Any, after: Any) -> str:
    return "add" if before is ABSENT else "remove" if after is ABSENT else "change"


def _listed(names: list[str]) -> str:
    left = len(names) - _MOST_NAMED
    return ", ".join(names[:_MOST_NAMED]) + (f" and {left} more" if left > 0 else "")


def _is_plain(value: Any) -> bool:
    return isinstance(value, str | int | float | bool)


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if _is_plain(value) else canonical(value)
