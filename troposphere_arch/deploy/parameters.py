"""Parameter values checked against the template before AWS is asked, in the template's own words."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from ..errors import UserError

_LISTS = {"CommaDelimitedList": "String", "List<Number>": "Number"}


def check_parameters(template: Mapping[str, Any], given: Mapping[str, str], kept: Iterable[str] = ()) -> None:
    """Raises UserError for a name that the template lacks, a value that it refuses, and a value that is missing.

    `kept` names the parameters whose value a running stack has already. What only AWS can tell (whether an image or a
    subnet exists, what an SSM parameter holds) is left to AWS.
    """
    parameters: Mapping[str, Mapping[str, Any]] = template.get("Parameters", {})
    for name, value in given.items():
        if name not in parameters:
            close = difflib.get_close_matches(name, parameters, n=1)
            hint = f"did you mean {close[0]}? " if close else ""
            known = f"it has {', '.join(parameters)}" if parameters else "it has none"
            raise UserError(f"the template has no parameter {name}: {hint}{known}")
        _check_value(name, parameters[name], value)
    for name, parameter in parameters.items():
        if name not in given and name not in kept and "Default" not in parameter:
            raise UserError(f"parameter {name} needs a value: {parameter.get('Description', 'it has no default')}")


def _check_value(name: str, parameter: Mapping[str, Any], value: str) -> None:
    kind = str(parameter.get("Type", "String"))
    values = [part.strip() for part in value.split(",")] if kind in _LISTS else [value]
    kind = _LISTS.get(kind, kind)
    for part in values:
        broken = next((limit for limit, holds in _limits(parameter, kind) if not holds(part)), None)
        if broken:
            shown = "this value" if _secret(parameter) else repr(part)
            told = parameter.get("ConstraintDescription")
            raise UserError(f"parameter {name} can't be {shown}: {told or broken}")


def _limits(parameter: Mapping[str, Any], kind: str) -> Iterable[tuple[str, Callable[[str], bool]]]:
    """What the template demands of a value of this kind: the words, and the check."""
    if "AllowedValues" in parameter:
        allowed = [_text(value) for value in parameter["AllowedValues"]]
        yield f"it is one of {', '.join(allowed)}", lambda value: value in allowed
    if kind == "Number":
        yield "it is a number", lambda value: _number(value) is not None
        if "MinValue" in parameter:
            least = float(parameter["MinValue"])
            yield f"it is at least {parameter['MinValue']}", lambda value: (_number(value) or 0) >= least
        if "MaxValue" in parameter:
            most = float(parameter["MaxValue"])
            yield f"it is at most {parameter['MaxValue']}", lambda value: (_number(value) or 0) <= most
    if kind == "String":
        if "MinLength" in parameter:
            shortest = int(parameter["MinLength"])
            yield f"it has at least {shortest} characters", lambda value: len(value) >= shortest
        if "MaxLength" in parameter:
            longest = int(parameter["MaxLength"])
            yield f"it has at most {longest} characters", lambda value: len(value) <= longest
    if kind in ("String", "Number") and "AllowedPattern" in parameter:
        pattern = _pattern(parameter["AllowedPattern"])
        if pattern:
            yield f"it matches {pattern.pattern}", lambda value: pattern.fullmatch(value) is not None


def _pattern(text: str) -> re.Pattern[str] | None:
    try:
        return re.compile(text)
    except re.error:  # the pattern is written for Java, and this one Python can't read: AWS will tell
        return None


def _number(value: str) -> float | None:
    """The number that CloudFormation reads in `value`, if it reads one: Python's `1_0` and `nan` are none there."""
    return float(value) if re.fullmatch(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", value, re.ASCII) else None


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _secret(parameter: Mapping[str, Any]) -> bool:
    return str(parameter.get("NoEcho", "false")).lower() == "true"
