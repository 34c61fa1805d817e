"""Worlds: the ways in which the conditions of an old and a new template can stand together.

What a parameter of a running stack is may not be known; but it has one value, the same before and after the update. So
conditions are boolean formulas over parameters, and a world is one choice of what each parameter is, as far as any
formula can tell: `dax`, `none`, or something else. A parameter that only the new template has is at its default.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from ..evaluate import simplified
from .model import Template

MOST = 512
"""Worlds that are looked at together; where there would be more, each condition is taken to stand by itself."""
# Values that are worked out for one diff, in all worlds of all that differs, so that it takes less than a second.
_MOST_WORK = 120_000
_FEWEST = 4  # all conditions hold, none does, all but one, only one

_OTHER = None  # what stands for every value of a parameter that no formula names
_DEEPEST = 100  # conditions that name others, which name others; what is deeper is taken to stand by itself
_LARGEST = 300  # parts of a formula; a condition with more of them is taken to stand by itself


@dataclass(frozen=True)
class World:
    """Which conditions hold before the update, and which after it."""

    old: Mapping[str, bool]
    new: Mapping[str, bool]


@dataclass(frozen=True)
class Side:
    """One of the two templates, and what is known of its parameters."""

    template: Template
    values: Mapping[str, Any]
    _formulas: dict[str, Formula] = field(default_factory=dict, compare=False, repr=False)

    def conditions(self) -> Mapping[str, Any]:
        found = self.template.get("Conditions")
        return found if isinstance(found, Mapping) else {}

    def mappings(self) -> Mapping[str, Any]:
        found = self.template.get("Mappings")
        return found if isinstance(found, Mapping) else {}


# A formula is True, False, ("is", variable, value) or ("not" | "and" | "or", formula, ...).
Formula = Any


def formula(side: Side, name: str) -> Formula:
    """The formula of a condition, with what is known worked in. An undefined one is a variable of its own."""
    return _named(side, name, 0)


def conditions_in(value: Any) -> set[str]:
    """The names of all conditions that `Fn::If` asks for somewhere in the value."""
    found: set[str] = set()
    stack = [value]
    while stack:
        one = stack.pop()
        if isinstance(one, Mapping):
            branches = one.get("Fn::If")
            if isinstance(branches, list) and branches and isinstance(branches[0], str):
                found.add(branches[0])
            stack.extend(one.values())
        elif isinstance(one, list):
            stack.extend(one)
    return found


def worlds(old: Side, new: Side, old_names: Iterable[str], new_names: Iterable[str]) -> list[World]:
    """All worlds in which these conditions, of the old and of the new template, can stand together."""
    return some_worlds(old, new, old_names, new_names, MOST)[0]


def some_worlds(
    old: Side, new: Side, old_names: Iterable[str], new_names: Iterable[str], most: int
) -> tuple[list[World], bool]:
    """As `worlds`, and no more than so many; with them, whether these are all."""
    formulas = {("old", name): formula(old, name) for name in sorted(set(old_names))}
    formulas |= {("new", name): formula(new, name) for name in sorted(set(new_names))}
    choices = _choices(formulas.values(), old, new)
    size = 1
    for _, values in choices:
        size *= len(values)
    if size > most:
        return _each_by_itself(formulas, most)
    found: dict[tuple[bool, ...], World] = {}
    names = [name for name, _ in choices]
    for combination in itertools.product(*(values for _, values in choices)):
        chosen = dict(zip(names, combination, strict=True))
        truths = tuple(_holds(one, chosen) for one in formulas.values())
        if truths not in found:
            found[truths] = _world(formulas, truths)
    return list(found.values()), True


def affordable(work: int) -> int:
    """How many worlds there is time for, when there are so many values to be worked out in each."""
    return max(_FEWEST, min(MOST, _MOST_WORK // max(work, 1)))


def _world(formulas: Mapping[tuple[str, str], Formula], truths: Iterable[bool]) -> World:
    sides: dict[str, dict[str, bool]] = {"old": {}, "new": {}}
    for (side, name), truth in zip(formulas, truths, strict=True):
        sides[side][name] = truth
    return World(sides["old"], sides["new"])


def _each_by_itself(formulas: Mapping[tuple[str, str], Formula], most: int) -> tuple[list[World], bool]:
    """Worlds by the conditions' own truth: the same formula is true or false on both sides, others are independent.

    More than there are, perhaps, and where that is too many as well, only those in which at most two differ from all
    others: enough to see what each condition, and each pair of them, brings about.
    """
    free = [one for one in dict.fromkeys(formulas.values()) if not isinstance(one, bool)]
    every = 2 ** len(free) <= most
    combinations = itertools.product((True, False), repeat=len(free)) if every else _few_differ(len(free))
    found = []
    for combination in itertools.islice(combinations, most):
        truth = {True: True, False: False} | dict(zip(free, combination, strict=True))
        found.append(_world(formulas, [truth[one] for one in formulas.values()]))
    return found, every


def _few_differ(number: int) -> Iterator[tuple[bool, ...]]:
    """All true, all false; then those in which one differs from the others, then those in which two do."""
    for several in range(3):
        for chosen in itertools.combinations(range(number), several):
            for base in (True, False):
                yield tuple(base ^ (i in chosen) for i in range(number))


def _named(side: Side, name: str, depth: int) -> Formula:
    if name not in side._formulas:
        definitions = side.conditions()
        side._formulas[name] = ("is", f"condition {name}", "true")  # for good, if it names itself
        if name in definitions:
            made = _formula(side, definitions[name], depth + 1) if depth < _DEEPEST else None
            if made is None or _size(made) > _LARGEST:
                made = ("is", f"condition {name} of {json.dumps(definitions, sort_keys=True, default=str)}", "true")
            side._formulas[name] = made
    return side._formulas[name]


def _size(one: Formula) -> int:
    return 1 + sum(map(_size, one[1:])) if isinstance(one, tuple) and one[0] != "is" else 1


def _formula(side: Side, expression: Any, depth: int) -> Formula:
    if isinstance(expression, Mapping) and len(expression) == 1:
        ((function, argument),) = expression.items()
        parts = argument if isinstance(argument, list) else [argument]
        if function == "Condition" and isinstance(argument, str):
            return _named(side, argument, depth)
        if function == "Fn::Not" and len(parts) == 1:
            inner = _formula(side, parts[0], depth)
            return not inner if isinstance(inner, bool) else ("not", inner)
        if function in ("Fn::And", "Fn::Or"):
            return _joined(function == "Fn::And", [_formula(side, part, depth) for part in parts])
        if function == "Fn::Equals" and len(parts) == 2:
            return _equals(side, *parts)
    return ("is", json.dumps(expression, sort_keys=True, default=str), "true")


def _joined(every: bool, parts: list[Formula]) -> Formula:
    """And, or Or: without the parts that decide nothing, and decided where one part decides all."""
    left = [part for part in parts if part is not every]
    if any(part is (not every) for part in left):
        return not every
    if not left:
        return every
    return left[0] if len(left) == 1 else ("and" if every else "or", *left)


def _equals(side: Side, one: Any, other: Any) -> Formula:
    left, right = (simplified(value, side.values, {}, side.mappings()) for value in (one, other))
    literal = (str, int, float, bool)
    if isinstance(left, literal) and isinstance(right, literal):
        return _text(left) == _text(right)
    if isinstance(left, literal):
        left, right = right, left
    variable = _variable(side, left)
    if isinstance(right, literal):
        return ("is", variable, _text(right))
    if variable == _variable(side, right):
        return True
    # Two things that are not known: whether they are the same is one more thing that is not known.
    return ("is", " = ".join(sorted((variable, _variable(side, right)))), "true")


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _variable(side: Side, value: Any) -> str:
    """A name for what is not known: a parameter's own name, or the text of the expression."""
    if isinstance(value, Mapping) and set(value) == {"Ref"} and isinstance(value["Ref"], str):
        return value["Ref"]
    text = json.dumps(value, sort_keys=True, default=str)
    # What a mapping gives is another thing when the mapping is another one.
    return text + json.dumps(side.mappings(), sort_keys=True, default=str) if "Fn::FindInMap" in text else text


def _choices(formulas: Iterable[Formula], old: Side, new: Side) -> list[tuple[str, list[str | None]]]:
    """For each variable, one value of each kind that the formulas can tell apart."""
    literals: dict[str, set[str]] = {}
    tests: dict[str, list[Formula]] = {}
    for one in formulas:
        for name, test in _gather(one, literals)[1]:
            if test not in tests.setdefault(name, []):
                tests[name].append(test)
    found = []
    for variable in sorted(literals):
        kinds: dict[tuple[bool, ...], str | None] = {}
        for value in _values(variable, literals[variable], old, new):
            kinds.setdefault(tuple(_holds(test, {variable: value}) for test in tests.get(variable, ())), value)
        found.append((variable, list(kinds.values())))
    return found


def _gather(one: Formula, literals: dict[str, set[str]]) -> tuple[set[str], list[tuple[str, Formula]]]:
    """The variables of a formula, and the largest formulas in it that are about one alone. Notes every literal."""
    if isinstance(one, bool):
        return set(), []
    if one[0] == "is":
        literals.setdefault(one[1], set()).add(one[2])
        return {one[1]}, [(one[1], one)]
    found = [_gather(part, literals) for part in one[1:]]
    variables = set().union(*(some for some, _ in found))
    if len(variables) == 1:
        return variables, [(next(iter(variables)), one)]
    return variables, [test for _, tests in found for test in tests]


def _values(variable: str, literals: set[str], old: Side, new: Side) -> list[str | None]:
    parameters = [side.template.get("Parameters") for side in (old, new)]
    declared = [p.get(variable) for p in parameters if isinstance(p, Mapping)]
    allowed = next(
        (p["AllowedValues"] for p in declared if isinstance(p, Mapping) and isinstance(p.get("AllowedValues"), list)),
        None,
    )
    if allowed is None:
        return [*sorted(literals), _OTHER]
    values = {_text(value) for value in allowed}
    return [*sorted(literals & values), *([_OTHER] if values - literals else [])] or [_OTHER]


def _holds(one: Formula, chosen: Mapping[str, str | None]) -> bool:
    if isinstance(one, bool):
        return one
    kind, *parts = one
    if kind == "is":
        return bool(chosen[parts[0]] == parts[1])
    if kind == "not":
        return not _holds(parts[0], chosen)
    return (all if kind == "and" else any)(_holds(part, chosen) for part in parts)
