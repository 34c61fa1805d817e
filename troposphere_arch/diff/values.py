"""Differences of two values: the paths of the leaves in which they differ, and whether they are sure to."""

from __future__ import annotations

import json
import re
from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ..evaluate import ABSENT
from .model import Path

_VARIABLE = re.compile(r"\$\{([^!{}][^{}]*)\}")


@dataclass(frozen=True)
class Difference:
    """A leaf that differs. `certain` is False where the two may turn out to be the same when they are worked out."""

    path: Path
    old: Any
    new: Any
    certain: bool = True


@dataclass(frozen=True)
class Reference:
    """A place that names a resource or a parameter: `attribute` is empty for `Ref`; `sure` is False inside `Fn::If`."""

    path: Path
    target: str
    attribute: str = ""
    sure: bool = True


def is_function(value: Any) -> bool:
    """Whether the value is an intrinsic function."""
    return isinstance(value, Mapping) and len(value) == 1 and _is_function_name(next(iter(value)))


def same(old: Any, new: Any) -> bool:
    """Whether two values are the same to CloudFormation, which takes `true`, `"true"` and `"True"` for one."""
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        return old.keys() == new.keys() and all(same(old[key], new[key]) for key in old)
    if isinstance(old, list) and isinstance(new, list):
        return len(old) == len(new) and all(map(same, old, new))
    if old is ABSENT or new is ABSENT or isinstance(old, Mapping | list) or isinstance(new, Mapping | list):
        return old is new
    if isinstance(old, bool) or isinstance(new, bool):
        return str(old).lower() == str(new).lower()  # `True` is how YAML and Python write it
    return str(old) == str(new)


def differences(old: Any, new: Any, resources: Container[str] = (), path: Path = ()) -> Iterator[Difference]:
    """The leaves in which the values differ. What only one of them has differs in all of its leaves.

    `resources` are the logical ids of resources: two of them are different things, two parameters may be the same.
    """
    if same(old, new):
        return
    if is_function(old) or is_function(new) or not (_is_tree(old) or _is_tree(new)):
        yield Difference(path, old, new, _is_certain(old, new, resources))
        return
    if is_tags(path) and isinstance(old, list) and isinstance(new, list):
        old, new = _by_key(old), _by_key(new)
        if same(old, new):
            return
    before, after = _children(old), _children(new)
    inside = False
    for key in [*before, *(key for key in after if key not in before)]:
        for one in differences(before.get(key, ABSENT), after.get(key, ABSENT), resources, (*path, key)):
            inside = True
            yield one
    if not inside and not (_both(Mapping, old, new) or _both(list, old, new)):  # one is there and empty, say
        yield Difference(path, old, new)


def references(value: Any, path: Path = (), *, sure: bool = True) -> Iterator[Reference]:
    """Every place in the value that names something: by `Ref`, `Fn::GetAtt` or in the text of an `Fn::Sub`."""
    if isinstance(value, list):
        for i, one in enumerate(value):
            yield from references(one, (*path, i), sure=sure)
        return
    if not isinstance(value, Mapping):
        return
    if not is_function(value):
        for key, one in value.items():
            yield from references(one, (*path, key), sure=sure)
        return
    ((name, argument),) = value.items()
    if name == "Ref" and isinstance(argument, str):
        yield Reference(path, argument, sure=sure)
    elif name == "Fn::GetAtt" and isinstance(argument, list) and len(argument) >= 2 and isinstance(argument[0], str):
        yield Reference(path, argument[0], ".".join(str(part) for part in argument[1:]), sure)
    elif name == "Fn::Sub":
        text, own = argument if isinstance(argument, list) and len(argument) == 2 else (argument, {})
        own = own if isinstance(own, Mapping) else {}
        for variable in _VARIABLE.findall(text) if isinstance(text, str) else ():
            target, _, attribute = variable.strip().partition(".")
            if variable not in own:
                yield Reference(path, target, attribute, sure)
        yield from _at(path, own.values(), sure)
    elif name == "Fn::If" and isinstance(argument, list):
        yield from _at(path, argument[1:], False)
    elif name != "Condition":
        yield from _at(path, argument if isinstance(argument, list) else [argument], sure)


def _at(path: Path, values: Any, sure: bool) -> Iterator[Reference]:
    """References in the arguments of a function: they make up the value at `path`, however deep they are."""
    for value in values:
        deep = is_function(value) or not isinstance(value, Mapping | list)
        for one in references(value, path, sure=sure):
            yield one if not deep else Reference(path, one.target, one.attribute, one.sure)


def _is_function_name(name: Any) -> bool:
    return isinstance(name, str) and (name in ("Ref", "Condition") or name.startswith("Fn::"))


def _both(kind: Any, old: Any, new: Any) -> bool:
    return isinstance(old, kind) and isinstance(new, kind)


def _is_tree(value: Any) -> bool:
    return isinstance(value, Mapping | list)


def _children(value: Any) -> Mapping[Any, Any]:
    if isinstance(value, Mapping):
        return value
    return dict(enumerate(value)) if isinstance(value, list) else {}


def is_tags(path: Path) -> bool:
    """Whether a list there is one of tags, which have no order."""
    return bool(path) and path[-1] in ("Tags", "HostedZoneTags", "FileSystemTags", "UserPoolTags")


def _by_key(tags: list[Any]) -> list[Any]:
    """Tags have no order."""
    return sorted(tags, key=lambda tag: json.dumps(tag, sort_keys=True, default=str))


def _is_certain(old: Any, new: Any, resources: Container[str]) -> bool:
    """Whether the two are different whatever the functions in them give."""
    match old, new:
        case {"Fn::FindInMap": [_, _, _, Mapping() as found]}, {"Fn::FindInMap": [_, _, _, Mapping() as finds]}:
            return found.keys() == finds.keys() and not any(same(found[key], finds[key]) for key in found)
    if old is ABSENT or new is ABSENT or _is_longer(old, new) or _is_longer(new, old):
        return True
    before, after = _unknowns(old), _unknowns(new)
    if before == after:
        return True  # only what is literal in them differs, or there is nothing else
    targets = [{target for target, _ in one} for one in (before, after)]
    both = bool(before and after) and not targets[0] & targets[1]
    return both and all(target in resources for one in targets for target in one)


def _is_longer(one: Any, other: Any) -> bool:
    """Whether the first is the text of the other, and some letters more at its end or its beginning."""
    match one, other:
        case {"Fn::Sub": str() as long}, {"Fn::Sub": str() as short}:
            more = long.removeprefix(short) if long.startswith(short) else long.removesuffix(short)
            return len(more) < len(long) and bool(_VARIABLE.sub("", more))
    return False


def _unknowns(value: Any) -> set[tuple[str, str]]:
    """What is not known in a value: parameters, resources and attributes that it names, or its functions as text."""
    found = {(one.target, one.attribute) for one in references(value)} if value is not ABSENT else set()
    return found or ({(json.dumps(value, sort_keys=True, default=str), "")} if is_function(value) else set())
