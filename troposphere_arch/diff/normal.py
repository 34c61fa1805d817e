"""Values in one form: `Fn::Join` of texts and references says the same as `Fn::Sub`, and is the same here.

Template authors go from one to the other, and no running stack feels that.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from .spelled import VARIABLE, spelled

_ONE_VARIABLE = re.compile(r"\$\{([^!{}.]+)(?:\.([^{}]+))?\}")


class _NoText(Exception):
    """A value that no text of an `Fn::Sub` gives."""


def normal(value: Any, mappings: Mapping[str, Any]) -> Any:
    """The value with every text that is put together as an `Fn::Sub` without variables of its own, where it can be.

    An `Fn::FindInMap` whose keys are not known gets, as one more argument, all that it may find: first key -> value.
    One whose keys are known, and find nothing, is the default that it has, or stays as it is without one: see `lost`.
    """
    if isinstance(value, list):
        return [normal(one, mappings) for one in value]
    if not isinstance(value, Mapping):
        return value
    inner = {key: normal(one, mappings) for key, one in value.items()}
    match inner:
        case {"Fn::FindInMap": [str(), str() | int(), str() | int(), *rest]} if len(inner) == 1:
            match rest:
                case [{"DefaultValue": default}]:
                    return default
            return {"Fn::FindInMap": inner["Fn::FindInMap"][:3]}
        case {"Fn::FindInMap": [str() as name, first, second, *_]} if len(inner) == 1:
            return {"Fn::FindInMap": [name, first, second, _findable(mappings.get(name), first, second)]}
        case {"Fn::Sub": _} | {"Fn::Join": _} if len(inner) == 1:
            try:
                return _shortest(spelled(inner, _no_text))
            except _NoText:
                return inner
    return inner


def lost(value: Any) -> str:
    """In words, what is looked for in a mapping and is not there, in a value in its normal form; empty for nothing.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/intrinsic-function-reference-findinmap.html
    """
    if isinstance(value, list):
        return next(filter(None, map(lost, value)), "")
    if not isinstance(value, Mapping):
        return ""
    match value:
        case {"Fn::FindInMap": [name, str() | int() as first, str() | int() as second]}:
            return f"the mapping {name} has nothing at {first}.{second}"
        case {"Fn::FindInMap": [_, first, second, _]}:
            return lost([first, second])
    return next(filter(None, map(lost, value.values())), "")


def _no_text(value: Any) -> str:
    raise _NoText(value)


def _findable(mapping: Any, first: Any, second: Any) -> dict[str, Any]:
    rows = mapping if isinstance(mapping, Mapping) else {}
    rows = {key: row for key, row in rows.items() if not isinstance(first, str) or key == first}
    known = isinstance(second, str)
    return {str(k): row.get(second) if known and isinstance(row, Mapping) else row for k, row in rows.items()}


def _shortest(text: str) -> Any:
    """The text as it is where it names nothing; a reference alone as that; else an `Fn::Sub`."""
    alone = _ONE_VARIABLE.fullmatch(text)
    if alone:
        return {"Fn::GetAtt": [alone[1], alone[2]]} if alone[2] else {"Ref": alone[1]}
    return {"Fn::Sub": text} if VARIABLE.search(text) else text.replace("${!", "${")
