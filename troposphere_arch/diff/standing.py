"""Dangers that are there with any update, whatever changes in the template: values that AWS looks up anew each time.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-supplied-parameter-types.html
https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/dynamic-references-ssm.html
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from .model import Effect
from .resources import cause, resources_of
from .values import references
from .worlds import Side

_SSM_TYPE = "AWS::SSM::Parameter::Value<"
# Without a version behind the name, the newest value is taken.
_DYNAMIC = re.compile(r"\{\{resolve:(ssm|ssm-secure):([^:}]+)\}\}")


def standing(side: Side) -> tuple[str, ...]:
    """One sentence for each property whose value may be another one with any update."""
    parameters = side.template.get("Parameters")
    looked_up = {
        name
        for name, one in (parameters.items() if isinstance(parameters, Mapping) else ())
        if isinstance(one, Mapping) and str(one.get("Type", "")).startswith(_SSM_TYPE)
    }
    found = []
    for name, body in resources_of(side).items():
        kind, properties = str(body.get("Type", "")), body.get("Properties") or {}
        for reference in references(properties) if looked_up else ():
            if reference.target in looked_up:
                where = f"{name}.{_dotted(reference.path)} comes from the SSM parameter that {reference.target} names"
                found.append(f"{where}: any update may bring another value, and then {_then(kind, reference.path)}")
        for path, parameter in _dynamic(properties):
            where = f"{name}.{_dotted(path)} comes from the SSM parameter {parameter}"
            found.append(f"{where}: an update of {name} may bring another value, and then {_then(kind, path)}")
    return tuple(dict.fromkeys(found))


def _then(kind: str, path: tuple[str | int, ...]) -> str:
    one = cause(kind, path)
    may = "" if one.certain else "may be "
    match one.effect:
        case Effect.REPLACEMENT:
            return f"the resource {may or 'is '}replaced"
        case Effect.INTERRUPTION:
            return "the resource is changed with an interruption"
        case Effect.UNKNOWN:
            return "what happens is not known"
    return "the resource is changed in place"


def _dynamic(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[tuple[str | int, ...], str]]:
    if isinstance(value, str):
        for match in _DYNAMIC.finditer(value):
            yield path, match[2]
    elif isinstance(value, Mapping):
        for key, one in value.items():
            yield from _dynamic(one, path if str(key).startswith("Fn::") else (*path, key))
    elif isinstance(value, list):
        for i, one in enumerate(value):
            yield from _dynamic(one, (*path, i))


def _dotted(path: tuple[str | int, ...]) -> str:
    return ".".join(map(str, path))
