"""Values in one spelling: `Fn::Sub`, `Fn::Join`, `Ref` and `Fn::GetAtt` that make the same text are the same text.

    {"Fn::Join": ["", [{"Fn::GetAtt": ["Todos", "Arn"]}, "/*"]]} ──spelled──▶ ${Todos.Arn}/* ──shown──▶ Todos/*

What cannot be spelled is a variable that reads like a call, and is equal to itself only.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

VARIABLE = re.compile(r"\$\{\s*([^!{}\s][^{}]*?)\s*\}")

_DEEPEST = 100
_LONGEST = 100
_HIDDEN = "\2"  # what follows it, in a variable, tells values apart and is for nobody to read
_S3 = re.compile(r"arn:\$\{AWS::Partition\}:s3:::\$\{([^.:{}]+)\}")
_FIRST = re.compile(r"^\$\{([^.:{}]+)(?:\.\w*Arn)?\}")

Otherwise = Callable[[Any], str]


def spelled(value: Any, otherwise: Otherwise | None = None, depth: int = 0) -> str:
    """A value as text: `${Name.Attribute}` is what the stack knows, `${!aws:username}` is text with a `${` in it.

    Any other function is what `otherwise` makes of it, by default a variable that reads like a call.
    """
    if isinstance(value, str):
        return value.replace("${", "${!")
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(value)
    name, argument = function(value)
    if depth > _DEEPEST:
        return (otherwise or token)(value)
    if name == "Ref" and isinstance(argument, str):
        return f"${{{argument}}}"
    if name == "Fn::GetAtt" and isinstance(argument, list) and all(isinstance(one, str) for one in argument):
        return f"${{{'.'.join(argument)}}}"
    if name == "Fn::Sub":
        text, own = argument if isinstance(argument, list) and len(argument) == 2 else (argument, {})
        if isinstance(text, str) and isinstance(own, Mapping):
            known = {key: spelled(one, otherwise, depth + 1) for key, one in own.items()}
            return VARIABLE.sub(lambda m: known.get(m[1], f"${{{m[1]}}}"), text)
    if name == "Fn::Join" and isinstance(argument, list) and len(argument) == 2:
        by, parts = argument
        if isinstance(by, str) and isinstance(parts, list):
            return by.replace("${", "${!").join(spelled(part, otherwise, depth + 1) for part in parts)
    return (otherwise or token)(value)


def token(value: Any, hidden: str = "") -> str:
    """A variable for a value that cannot be spelled: equal to itself only, with all that is hidden in it."""
    apart = re.sub(r"[{}$]", "~", canonical(value) + hidden)
    return f"${{{_call(value)}{_HIDDEN}{apart}}}"


@lru_cache(32_768)
def shown(text: str) -> str:
    """A spelled text as a reader wants to see it: `${Todos.Arn}/index/*` is `Todos/index/*`."""
    text = _FIRST.sub(r"\1", _S3.sub(r"\1", text))
    text = re.sub(rf"\$\{{([^{{}}{_HIDDEN}]*){_HIDDEN}[^{{}}]*\}}", r"\1", text)
    return re.sub(r"\$\{!+", "${", text)


def function(value: Any) -> tuple[str, Any]:
    """The name and the argument of an intrinsic function, or ("", None)."""
    if isinstance(value, Mapping) and len(value) == 1:
        ((name, argument),) = value.items()
        if isinstance(name, str) and (name == "Ref" or name.startswith("Fn::")):
            return name, argument
    return "", None


def canonical(value: Any) -> str:
    """Any value as text that is the same for the same value, whatever the order of keys."""
    try:
        return json.dumps(value, sort_keys=True, default=str)
    except (TypeError, ValueError, RecursionError):
        pass
    try:
        return repr(value)
    except RecursionError:
        return "..."


def _call(value: Any) -> str:
    """A function as a reader may take it: `ImportValue(Parent-BucketName)`."""
    name, argument = function(value)
    if not name:
        text = canonical(value)
    else:
        parts = argument if isinstance(argument, list) else [argument]
        text = f"{name.removeprefix('Fn::')}({', '.join(map(_argument, parts))})"
    text = re.sub(r"[{}$]", "", text)
    return text if len(text) <= _LONGEST else text[: _LONGEST - 3] + "..."


def _argument(value: Any) -> str:
    name, argument = function(value)
    if name == "Ref":
        return str(argument)
    if isinstance(value, list):
        return ", ".join(map(_argument, value[:_LONGEST]))
    return shown(spelled(value, _call))
