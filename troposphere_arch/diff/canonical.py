"""One form for values that are written in several: `Fn::Join` of texts and references says the same as `Fn::Sub`.

Template authors go from one to the other, and no running stack feels that.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

_ONE_VARIABLE = re.compile(r"\$\{([^!{}.]+)(?:\.([^{}]+))?\}")
_VARIABLE = re.compile(r"\$\{([^!{}][^{}]*)\}")


def canonical(value: Any, mappings: Mapping[str, Any] | None = None) -> Any:
    """The value with every text that is put together as an `Fn::Sub` without variables of its own, where it can be.

    An `Fn::FindInMap` whose keys are not known gets, as one more argument, all that it may find: first key -> value.
    """
    if isinstance(value, list):
        return [canonical(one, mappings) for one in value]
    if not isinstance(value, Mapping):
        return value
    inner = {key: canonical(one, mappings) for key, one in value.items()}
    match inner:
        case {"Fn::FindInMap": [str() as name, first, second, *_]} if len(inner) == 1:
            return {"Fn::FindInMap": [name, first, second, _findable((mappings or {}).get(name), first, second)]}
    text = _as_text(inner) if len(inner) == 1 else None
    return inner if text is None else _shortest(text)


def _findable(mapping: Any, first: Any, second: Any) -> dict[str, Any]:
    rows = mapping if isinstance(mapping, Mapping) else {}
    rows = {key: row for key, row in rows.items() if not isinstance(first, str) or key == first}
    known = isinstance(second, str)
    return {str(k): row.get(second) if known and isinstance(row, Mapping) else row for k, row in rows.items()}


def _as_text(value: Any) -> str | None:
    """The text of an `Fn::Sub` that gives the same as this value; None for what no such text gives."""
    if isinstance(value, str):
        return value.replace("${", "${!")
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return str(value)
    match value:
        case {"Ref": str() as name} if len(value) == 1:
            return f"${{{name}}}"
        case {"Fn::GetAtt": [str() as name, str() as attribute]} if len(value) == 1:
            return f"${{{name}.{attribute}}}"
        case {"Fn::Join": [str() as by, list() as parts]} if len(value) == 1:
            texts = [_as_text(part) for part in parts]
            between = by.replace("${", "${!")
            return None if None in texts else between.join(text for text in texts if text is not None)
        case {"Fn::Sub": str() as text} if len(value) == 1:
            return text
        case {"Fn::Sub": [str() as text, Mapping() as own]} if len(value) == 1:
            return _with(text, own)
    return None


def _with(text: str, own: Mapping[str, Any]) -> str | None:
    """The text with its own variables put in their places."""
    texts = {name: _as_text(value) for name, value in own.items()}
    if None in texts.values():
        return None
    return _VARIABLE.sub(lambda match: str(texts.get(match[1].strip(), match[0])), text)


def _shortest(text: str) -> Any:
    """The text as it is where it names nothing; a reference alone as that; else an `Fn::Sub`."""
    alone = _ONE_VARIABLE.fullmatch(text)
    if alone:
        name, attribute = alone[1].strip(), (alone[2] or "").strip()
        return {"Fn::GetAtt": [name, attribute]} if attribute else {"Ref": name}
    return {"Fn::Sub": text} if _VARIABLE.search(text) else text.replace("${!", "${")
