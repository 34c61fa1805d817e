"""Parameters and rules: what a template asks for, and what it refuses.

    Parameters, Rules ──admits less, asks for more──▶ Change

What is refused counts, and not how it is written: a rule by another name, or in other words, is the same rule.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ..evaluate import ABSENT
from .admits import Admits, admits, passes
from .model import Bump, Change, Effect, Path, Section, Template
from .spelled import canonical
from .telling import USER_GUIDE, Told, Values, is_plain, mapping, pairs, section, side, text
from .values import references, same
from .worlds import worlds

_PARAMETERS = f"{USER_GUIDE}/parameters-section-structure.html"
_RULES = f"{USER_GUIDE}/rules-section-structure.html"

_MOST_NEAR = 8  # rules that are looked at together; with fewer, more is called refused, never less
_CONSTRAINTS = ("AllowedValues", "AllowedPattern", "MinLength", "MaxLength", "MinValue", "MaxValue")


def parameters(old: Template, new: Template, values: Mapping[str, Any]) -> Iterator[Change]:
    """Each parameter that is new, gone or changed; `values` are those that the stack will have, as far as known."""
    for name, before, after in pairs(old, new, "Parameters"):
        told = Told()
        kind = str(mapping(before if after is ABSENT else after).get("Type", ""))
        if after is ABSENT:
            told.tell("it is gone: an update that still gives it is refused", Bump.MAJOR, source=_PARAMETERS)
            yield from told.change(Section.PARAMETERS, name, "remove", kind)
        elif before is ABSENT:
            _added_parameter(told, mapping(after), given=name in values)
            yield from told.change(Section.PARAMETERS, name, "add", kind)
        elif not same(before, after):
            _changed_parameter(told, mapping(before), mapping(after), values.get(name))
            yield from told.change(Section.PARAMETERS, name, "change", kind)


def _added_parameter(told: Told, parameter: Mapping[Any, Any], *, given: bool) -> None:
    if "Default" in parameter:
        says = f"new, {_shown(parameter['Default'], parameter)} unless given"
        told.tell(says, Bump.MINOR, path=("Default",), source=_PARAMETERS)
    elif given:
        told.tell("new, without a default: it must be given, and is", Bump.MAJOR, source=_PARAMETERS)
    else:
        says = "new, without a default: an update that does not give it is refused"
        told.tell(says, Bump.MAJOR, Effect.FAILURE, certain=False, source=_PARAMETERS)


def _changed_parameter(told: Told, before: Mapping[Any, Any], after: Mapping[Any, Any], value: Any) -> None:
    fits = passes(text(value), after) if is_plain(value) else None
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
            says += f"; {_shown(value, before, after)}, which this stack has, is {'allowed' if fits else 'not'}"
        told.tell(says, bump, effect, certain=certain, path=verdict.path, source=_PARAMETERS)
    _changed_default(told, before, after)
    if not same(before.get("NoEcho", False), after.get("NoEcho", False)):
        hidden = text(after.get("NoEcho", False)) == "true"
        says = (
            "its value is hidden from now on" if hidden else "its value is shown from now on to all who see the stack"
        )
        told.tell(says, Bump.PATCH, path=("NoEcho",), source=_PARAMETERS)
    known = {"Type", "Default", "NoEcho", *_CONSTRAINTS}
    for key in sorted({*before, *after} - known, key=str):
        if not same(before.get(key, ABSENT), after.get(key, ABSENT)):
            words = {"Description": "its description", "ConstraintDescription": "what is said of a refused value"}
            told.tell(f"{words.get(str(key), str(key))} changes", Bump.PATCH, path=(str(key),))


def _changed_default(told: Told, declared: Mapping[Any, Any], declares: Mapping[Any, Any]) -> None:
    path: Path = ("Default",)
    before, after = declared.get("Default", ABSENT), declares.get("Default", ABSENT)
    was, will = (_shown(one, declared, declares) for one in (before, after))
    if before is ABSENT and after is not ABSENT:
        told.tell(f"it need not be given any more: {will} if it is not", Bump.MINOR, path=path, source=_PARAMETERS)
    elif after is ABSENT and before is not ABSENT:
        says = f"it has no default any more ({was} before): it must be given"
        told.tell(says, Bump.MAJOR, Effect.FAILURE, certain=False, path=path, source=_PARAMETERS)
    elif before is not ABSENT and not same(before, after):
        says = f"its default is {will} instead of {was}; a stack keeps the value that it has"
        told.tell(says, Bump.MINOR, path=path, source=_PARAMETERS)
    if _allows_its_default(declares) is False and _allows_its_default(declared) is not False:
        says = f"its default {will} is not allowed: it must be given"
        told.tell(says, Bump.MAJOR, Effect.FAILURE, certain=False, path=path, source=_PARAMETERS)


def _allows_its_default(declaration: Mapping[Any, Any]) -> bool | None:
    default, kind = declaration.get("Default", ABSENT), str(declaration.get("Type", ""))
    if not is_plain(default):
        return None
    is_list = kind == "CommaDelimitedList" or kind.startswith("List<")
    values = [one.strip() for one in text(default).split(",")] if is_list else [text(default)]
    found = [passes(value, declaration) for value in values]
    return False if False in found else None if None in found else True


def _shown(value: Any, *declarations: Mapping[Any, Any]) -> str:
    """A value of a parameter, unless it is a secret before or after."""
    secret = any(text(declaration.get("NoEcho", False)) == "true" for declaration in declarations)
    return "a hidden value" if secret else repr(text(value))


@dataclass(frozen=True)
class _Assertion:
    rule: str
    demand: str  # the condition of the rule and what it asserts, whatever the rule is called
    refused: Any  # the same as a condition: that the assertion refuses
    about: frozenset[str]  # its parameters
    says: str


def rules(old: Template, new: Template, known: Values) -> Iterator[Change]:
    """Each assertion, under its rule's condition, is one demand, whatever the rule is called."""
    before, after = list(_assertions(old)), list(_assertions(new))
    kept = {one.demand for one in before} & {one.demand for one in after}
    told: dict[str, Told] = {}
    for one in after:
        if one.demand in kept:
            continue
        about = told.setdefault(one.rule, Told())
        if _refuses_more(one, before, old, new):
            says = f"it refuses what was allowed before: {one.says}"
            touched = _refuses_more(one, before, old, new, known)
            effect = Effect.FAILURE if touched else Effect.NONE
            about.tell(says, Bump.MAJOR, effect, certain=not touched, source=_RULES)
        else:
            about.tell(f"it refuses nothing that was allowed before: {one.says}", Bump.PATCH, source=_RULES)
    for one in before:
        if one.demand in kept:
            continue
        if _refuses_more(one, after, new, old):
            about = told.setdefault(one.rule, Told())
            about.tell(f"it no longer refuses: {one.says}", Bump.MINOR, source=_RULES)
    for name, first, second in pairs(old, new, "Rules"):
        about = told.get(name, Told())
        if not about.reasons and not _same_rule(first, second):
            what = "gone" if second is ABSENT else "new" if first is ABSENT else "written in another way"
            about.tell(f"it is {what}, and what is refused stays the same", Bump.PATCH, source=_RULES)
        action = "remove" if second is ABSENT else "add" if first is ABSENT else "change"
        yield from about.change(Section.RULES, name, action)


def _assertions(template: Template) -> Iterator[_Assertion]:
    for name, rule in section(template, "Rules").items():
        body = mapping(rule)
        written = body.get("Assertions")
        for one in written if isinstance(written, list) else []:
            asserts = mapping(one).get("Assert")
            says = mapping(one).get("AssertDescription")
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
    one: _Assertion, others: list[_Assertion], before: Template, after: Template, known: Values = ({}, {})
) -> bool:
    """Whether the assertion, of `after`, refuses a choice of parameters that none of the others, of `before`, does.

    A parameter that only one of the two templates has is at its default, where no other value is known.
    """
    near = [other.refused for other in _near(one, others)]
    refused = {"Fn::Or": near or [{"Fn::Equals": ["a", "b"]}]}
    old = side(before, after, known[0], {"refused": refused})
    new = side(after, before, known[1], {"refused": one.refused})
    return any(
        world.new["refused"] and not world.old["refused"] for world in worlds(old, new, ["refused"], ["refused"])
    )


def _near(one: _Assertion, others: list[_Assertion]) -> list[_Assertion]:
    """Those about the same parameters, then those about the parameters of these, and so on."""
    found: list[_Assertion] = []
    about, left = one.about, others
    while left and len(found) < _MOST_NEAR:
        nearer = [other for other in left if about & other.about]
        if not nearer:
            break
        found += sorted(nearer, key=lambda other: len(other.about - one.about))
        left = [other for other in left if not about & other.about]
        about = about.union(*(other.about for other in nearer))
    return found[:_MOST_NEAR]


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
