"""Values under conditions: what `Fn::If` leaves of them, and when.

    {"Fn::If": ["On", a, b]} ──items, alternatives──▶ (when On, a), (when not On, b)

What is nested deeper, or hangs on more conditions, than anybody writes is left as it is.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from .spelled import function
from .worlds import conditions_in

# The conditions of the stack under which something is there, each with what it must be: all of them together.
When = frozenset[tuple[str, bool]]

ALWAYS: When = frozenset()
NO_VALUE = {"Ref": "AWS::NoValue"}

_DEEPEST = 100  # functions within functions; what goes deeper is taken as it is
_MOST_CONDITIONS = 5  # in one value; with more of them it is taken as it is


def items(value: Any, when: When = ALWAYS, depth: int = 0) -> Iterator[tuple[When, Any]]:
    """Every element of a list, in every branch, and when it is there; what is no list is a list of one."""
    if value is None or value == NO_VALUE:
        return
    name, argument = function(value)
    if depth > _DEEPEST:
        yield when, value
    elif isinstance(value, list):
        for one in value:
            yield from items(one, when, depth + 1)
    elif name == "Fn::If" and is_if(argument):
        for truth in (True, False):
            if (argument[0], not truth) not in when:
                yield from items(argument[2 - truth], when | {(argument[0], truth)}, depth + 1)
    else:
        yield when, value


def alternatives(value: Any) -> list[tuple[When, Any]]:
    """What a value is, for each way in which the conditions in it can turn out."""
    if not isinstance(value, Mapping | list) or not conditions_in(value):
        return [(ALWAYS, value)]
    found: list[tuple[When, Any]] = []
    todo: list[dict[str, bool]] = [{}]
    while todo:
        decided = todo.pop()
        name = _undecided(value, decided)
        if name is None:
            found.append((frozenset(decided.items()), _decided(value, decided, 0)))
        elif len(decided) == _MOST_CONDITIONS:
            return [(ALWAYS, value)]
        else:
            todo += [{**decided, name: False}, {**decided, name: True}]
    return found


def _undecided(value: Any, truth: Mapping[str, bool], depth: int = 0) -> str | None:
    """The first condition that has to be decided to know the value."""
    name, argument = function(value)
    if depth > _DEEPEST:
        return None
    if name == "Fn::If" and is_if(argument):
        if argument[0] not in truth:
            return str(argument[0])
        return _undecided(argument[2 - truth[argument[0]]], truth, depth + 1)
    inner = value.values() if isinstance(value, Mapping) else value if isinstance(value, list) else ()
    found = (_undecided(one, truth, depth + 1) for one in inner)
    return next((one for one in found if one is not None), None)


def _decided(value: Any, truth: Mapping[str, bool], depth: int) -> Any:
    name, argument = function(value)
    if depth > _DEEPEST:
        return value
    if name == "Fn::If" and is_if(argument):
        return _decided(argument[2 - truth[argument[0]]], truth, depth + 1)
    if isinstance(value, Mapping):
        inner = {key: _decided(one, truth, depth + 1) for key, one in value.items()}
        return {key: one for key, one in inner.items() if one != NO_VALUE}
    if isinstance(value, list):
        return [one for one in (_decided(one, truth, depth + 1) for one in value) if one != NO_VALUE]
    return value


def is_if(argument: Any) -> bool:
    """Whether these are the arguments of an `Fn::If`."""
    return isinstance(argument, list) and len(argument) == 3 and isinstance(argument[0], str)
