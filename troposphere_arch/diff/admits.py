"""Which values a parameter admits: fewer than before, more, others, or nobody can tell.

    declaration, declaration ──type, values, pattern, bounds──▶ Verdict

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/parameters-section-structure.html
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from .fits import fits
from .model import Path

Declaration = Mapping[Any, Any]

_LISTS = ("CommaDelimitedList", "List<String>")
_BOUNDS = {
    "MinLength": ("at least {} characters", 1),
    "MaxLength": ("at most {} characters", -1),
    "MinValue": ("at least {}", 1),
    "MaxValue": ("at most {}", -1),
}


class Admits(Enum):
    """What a declaration admits, measured by an earlier one."""

    LESS = "less"
    UNKNOWN = "unknown"
    MORE = "more"
    SAME = "same"


@dataclass(frozen=True)
class Verdict:
    """What one key of a declaration does to what is admitted, in words."""

    admits: Admits
    says: str
    path: Path


def admits(old: Declaration, new: Declaration) -> Iterator[Verdict]:
    """What is admitted less, more, or perhaps otherwise. Nothing where all keys say the same."""
    yield from _type(_text(old.get("Type", "String")), _text(new.get("Type", "String")))
    yield from _values(old, new)
    if not _finite(old):
        # Where the old values were listed, each was looked at.
        yield from _pattern(old, new)
        for key in _BOUNDS:
            yield from _bound(key, old.get(key), new.get(key))


def _type(old: str, new: str) -> Iterator[Verdict]:
    path: Path = ("Type",)
    if old == new or (old in _LISTS and new in _LISTS):
        return
    says = f"{new} instead of {old}"
    if "AWS::SSM::Parameter::Value<" in old + new:
        yield Verdict(Admits.LESS, f"{says}: its value means another thing", path)
    elif new == "String" and not _is_list(old):
        yield Verdict(Admits.MORE, f"{says}: any text will do", path)
    elif new in _LISTS and _is_list(old):
        yield Verdict(Admits.MORE, f"{says}: any list will do", path)
    else:
        yield Verdict(Admits.LESS, f"{says}: a value that was allowed may not be any more", path)


def _is_list(kind: str) -> bool:
    return kind.startswith("List<") or kind == "CommaDelimitedList"


def _finite(declaration: Declaration) -> list[str] | None:
    values = declaration.get("AllowedValues")
    return [_text(one) for one in values] if isinstance(values, list) else None


def _values(old: Declaration, new: Declaration) -> Iterator[Verdict]:
    path: Path = ("AllowedValues",)
    before, after = _finite(old), _finite(new)
    if before is None and after is None:
        return
    if before is None:
        yield Verdict(Admits.LESS, f"only {_listed(after or [])} may be given, and anything could", path)
        return
    was = [value for value in before if passes(value, old) is not False]
    refused = [value for value in was if passes(value, new) is False]
    unsure = [value for value in was if passes(value, new) is None and passes(value, old) is not None]
    if refused:
        yield Verdict(Admits.LESS, f"not allowed any more: {_listed(refused)}", path)
    if unsure:
        yield Verdict(Admits.UNKNOWN, f"whether {_listed(unsure)} still fits the pattern can't be told", path)
    if after is None:
        yield Verdict(Admits.MORE, "other values than those listed are allowed", path)
        return
    more = [value for value in after if value not in was and passes(value, new) is not False]
    if more:
        yield Verdict(Admits.MORE, f"allowed as well: {_listed(more)}", path)


def passes(value: str, declaration: Declaration) -> bool | None:
    """Whether a declaration admits a value; None where that can't be told."""
    listed = _finite(declaration)
    if listed is not None and value not in listed:
        return False
    for key, (_, sign) in _BOUNDS.items():
        bound = _number(declaration.get(key))
        size = _number(value) if key.endswith("Value") else float(len(value))
        if bound is not None and size is not None and sign * size < sign * bound:
            return False
    pattern = declaration.get("AllowedPattern")
    return fits(pattern, value) if isinstance(pattern, str) else True


def _pattern(old: Declaration, new: Declaration) -> Iterator[Verdict]:
    path: Path = ("AllowedPattern",)
    before, after = (
        value if isinstance(value, str) else None for value in (old.get("AllowedPattern"), new.get("AllowedPattern"))
    )
    if before == after:
        return
    if after is None:
        yield Verdict(Admits.MORE, "no pattern any more", path)
        return
    if before is None:
        yield Verdict(Admits.LESS, f"only what fits the pattern {after}", path)
        return
    was, will = _alternatives(before), _alternatives(after)
    if was == will:
        yield Verdict(Admits.SAME, f"the pattern {after} allows what {before} did", path)
    elif was < will:
        yield Verdict(Admits.MORE, f"allowed as well: what fits {_listed(sorted(will - was))}", path)
    elif will < was:
        yield Verdict(Admits.LESS, f"not allowed any more: what fits {_listed(sorted(was - will))}", path)
    else:
        yield Verdict(Admits.UNKNOWN, f"whether {after} allows all that {before} did can't be told", path)


def _alternatives(pattern: str) -> set[str]:
    """The branches of a pattern: what fits it fits one of them. The whole value must fit, so anchors say nothing."""
    parts, depth, start, i = [], 0, 0, 0
    in_class = False
    while i < len(pattern):
        character = pattern[i]
        if character == "\\":
            i += 2
            continue
        if in_class:
            in_class = character != "]" or pattern[i - 1] == "["
        elif character == "[":
            in_class = True
        elif character in "()":
            depth += 1 if character == "(" else -1
        elif character == "|" and depth == 0:
            parts.append(pattern[start:i])
            start = i + 1
        i += 1
    parts.append(pattern[start:])
    if len(parts) > 1:
        return set().union(*map(_alternatives, parts))
    plain = pattern.removeprefix("^")
    plain = plain[:-1] if plain.endswith("$") and not plain.endswith("\\$") else plain
    inner = re.fullmatch(r"\((?:\?:)?((?:[^()\\\[\]]|\\.|\[\^?\]?(?:[^\]\\]|\\.)*\])*)\)", plain)
    return _alternatives(inner[1]) if inner else {plain}


def _bound(key: str, old: Any, new: Any) -> Iterator[Verdict]:
    path: Path = (key,)
    before, after = _number(old), _number(new)
    words, sign = _BOUNDS[key]
    if before == after:
        if before is None and _text(old) != _text(new):
            yield Verdict(Admits.UNKNOWN, f"{key} {_text(new)!r} instead of {_text(old)!r}", path)
    elif after is None and new is None:
        yield Verdict(Admits.MORE, f"need not be {words.format(_text(old))} any more", path)
    elif after is None or (before is None and old is not None):
        yield Verdict(Admits.UNKNOWN, f"{key} {_text(new)!r} instead of {_text(old)!r}", path)
    elif before is None or sign * after > sign * before:
        than = f", not {_text(old)}" if old is not None else ""
        yield Verdict(Admits.LESS, f"must be {words.format(_text(new))}{than}", path)
    else:
        yield Verdict(Admits.MORE, f"need only be {words.format(_text(new))}, not {_text(old)}", path)


def _number(value: Any) -> float | None:
    try:
        return float(value) if isinstance(value, str | int | float) and not isinstance(value, bool) else None
    except (ValueError, OverflowError):
        return None


def _listed(values: list[str]) -> str:
    return ", ".join(repr(value) for value in values[:8]) + (f" and {len(values) - 8} more" if len(values) > 8 else "")


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
