"""Reading a CloudFormation template that may be anything: what the house rules share.

Nothing here trusts a shape. What is malformed is cfn-lint's business; a rule passes over it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

Path = tuple[str | int, ...]

# `${Name}` or `${Name.Attribute}` in a Sub. `${!literal}` is no variable.
_VARIABLE = re.compile(r"\$\{\s*([^!{}\s][^{}]*?)\s*\}")
# Keys that always hold a policy document, and endings of keys that hold one when the value looks like it.
_POLICY_KEYS = ("PolicyDocument", "AssumeRolePolicyDocument", "KeyPolicy")
_POLICY_ENDINGS = ("Policy", "Policies", "PolicyDocument", "PolicyText")


@dataclass(frozen=True)
class Resource:
    """One resource of a template, with empty defaults for what it lacks."""

    name: str
    type: str
    body: dict[Any, Any]

    @property
    def path(self) -> Path:
        return ("Resources", self.name)

    @property
    def properties_path(self) -> Path:
        """The path of the properties; of the resource, when it has none."""
        return (*self.path, "Properties") if "Properties" in self.body else self.path

    @property
    def properties(self) -> dict[Any, Any]:
        return _mapping(self.body.get("Properties"))

    @property
    def condition(self) -> str | None:
        condition = self.body.get("Condition")
        return condition if isinstance(condition, str) else None

    @property
    def depends_on(self) -> set[str]:
        value = self.body.get("DependsOn")
        return {name for name in (value if isinstance(value, list) else [value]) if isinstance(name, str)}

    def exists_with(self, other: Resource) -> bool:
        """Whether this resource is there whenever `other` is, as far as their own conditions tell."""
        return self.condition in (None, other.condition)


@dataclass(frozen=True)
class Policy:
    """One IAM policy document, and where it is."""

    resource: Resource
    path: Path
    document: dict[Any, Any]
    is_text: bool = False

    @property
    def is_trust(self) -> bool:
        return "AssumeRolePolicyDocument" in self.path

    def statements(self) -> Iterator[tuple[Path, dict[Any, Any]]]:
        """Every statement, under whatever condition, and where in the document it is."""
        for where, statement in items(self.document, "Statement"):
            if isinstance(statement, dict):
                yield where, statement

    def at(self, where: Path) -> Path:
        """The path in the template of a part of the document. A document that is written as text has no parts."""
        return self.path if self.is_text else (*self.path, *where)


class View:
    """A template as the house rules see it."""

    def __init__(self, template: Any, transforms: Iterable[Any] = ()) -> None:
        self.template = _mapping(template)
        self.transforms = list(transforms)
        self.parameters = _mapping(self.template.get("Parameters"))
        self.conditions = _mapping(self.template.get("Conditions"))
        self.outputs = _mapping(self.template.get("Outputs"))
        self.resources = {
            name: Resource(name, body["Type"], body)
            for name, body in _mapping(self.template.get("Resources")).items()
            if isinstance(name, str) and isinstance(body, dict) and isinstance(body.get("Type"), str)
        }

    def of_type(self, *types: str) -> list[Resource]:
        """The resources of these types."""
        return [r for r in self.resources.values() if r.type in types]

    def named(self, value: Any, *types: str) -> list[Resource]:
        """The resources, of these types if any are given, that `value` refers to."""
        found = (self.resources[name] for name in sorted(references(value)) if name in self.resources)
        return [r for r in found if not types or r.type in types]

    def parameters_behind(self, value: Any) -> set[str]:
        """The parameters that decide `value`, by reference or through the conditions of its Fn::If."""
        direct = references(value) & self.parameters.keys()
        return direct.union(*(self.parameters_of_condition(name) for name in conditions_in(value)))

    def parameters_of_condition(self, name: str | None) -> set[str]:
        """The parameters on which a condition depends, through other conditions too."""
        found: set[str] = set()
        seen: set[str] = set()
        todo = [name] if name else []
        while todo:
            current = todo.pop()
            if current in seen or current not in self.conditions:
                continue
            seen.add(current)
            found |= references(self.conditions[current]) & self.parameters.keys()
            todo += [
                node["Condition"]
                for _, node in walk(self.conditions[current])
                if isinstance(node, dict) and isinstance(node.get("Condition"), str)
            ]
        return found

    def chosen_by(self, where: Path) -> set[str]:
        """The parameters without which `where` is not there: each must be given another value than its default.

        Those are on the way to `where` an Fn::If, on the side that is not taken for the default, whose condition
        compares a parameter with a value.
        """
        found: set[str] = set()
        node: Any = self.template
        for step, side in zip(where, (*where[1:], None), strict=True):
            name, argument = intrinsic(node)
            if name == "Fn::If" and step == name and isinstance(argument, list) and argument:
                found |= self._given(argument[0], side == 1)
            try:
                node = node[step]
            except (KeyError, IndexError, TypeError):
                break
        return found

    def _given(self, condition: Any, holds: bool) -> set[str]:
        """The parameter that must differ from its default for `condition` to be `holds`; none when that is not said."""
        name, argument = intrinsic(self.conditions.get(condition)) if isinstance(condition, str) else ("", None)
        if name == "Fn::Not" and isinstance(argument, list) and len(argument) == 1:
            holds = not holds
            name, argument = intrinsic(argument[0])
        if name != "Fn::Equals" or not isinstance(argument, list) or len(argument) != 2:
            return set()
        one, value = argument if intrinsic(argument[0])[0] else reversed(argument)  # cfn-lint puts them in its order
        kind, parameter = intrinsic(one)
        default = _mapping(self.parameters.get(parameter)).get("Default") if isinstance(parameter, str) else None
        known = kind == "Ref" and isinstance(value, str | int) and default is not None
        return {parameter} if known and (str(default) == str(value)) != holds else set()

    @cached_property
    def policies(self) -> list[Policy]:
        """Every IAM policy document of every resource."""
        return [policy for r in self.resources.values() for policy in _policies(r)]


def _policies(resource: Resource) -> Iterator[Policy]:
    for path, node in walk(resource.properties, resource.properties_path):
        for key, value in node.items() if isinstance(node, dict) else ():
            if not isinstance(key, str) or not key.endswith(_POLICY_ENDINGS):
                continue
            for where, document in branches(value, (*path, key)):
                written = _parsed(document)
                if not isinstance(written, dict):
                    continue
                if key in _POLICY_KEYS or "Statement" in written or "Version" in written:
                    yield Policy(resource, where, written, is_text=written is not document)


def _parsed(document: Any) -> Any:
    """The document; a text of JSON, as some resource types want it, is read. `Fn::Sub` may be around it."""
    written = text(document) if intrinsic(document)[0] == "Fn::Sub" else document
    if not isinstance(written, str):
        return document
    try:
        return json.loads(written)
    except (ValueError, RecursionError):
        return None


def _mapping(value: Any) -> dict[Any, Any]:
    return value if isinstance(value, dict) else {}


def intrinsic(value: Any) -> tuple[str, Any]:
    """The name and the argument of an intrinsic function, or ("", None)."""
    if isinstance(value, dict) and len(value) == 1:
        ((name, argument),) = value.items()
        if isinstance(name, str) and (name == "Ref" or name.startswith("Fn::")):
            return name, argument
    return "", None


def walk(value: Any, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    """Every node at and below `value`, in the order of the text."""
    todo = [(path, value)]
    while todo:
        where, node = todo.pop()
        yield where, node
        if isinstance(node, dict):
            todo += [((*where, key), child) for key, child in reversed(node.items())]
        elif isinstance(node, list):
            todo += [((*where, i), child) for i, child in reversed(list(enumerate(node)))]


def branches(value: Any, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    """What `value` can be once every Fn::If on it is decided; None stands for AWS::NoValue."""
    name, argument = intrinsic(value)
    if name == "Fn::If" and isinstance(argument, list) and len(argument) == 3:
        for i in (1, 2):
            yield from branches(argument[i], (*path, name, i))
    elif name == "Ref" and argument == "AWS::NoValue":
        yield path, None
    else:
        yield path, value


def values(value: Any, *keys: str, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    """What can stand at `keys` below `value`, in every branch; None, at the nearest place, where nothing does."""
    for where, branch in branches(value, path):
        if not keys:
            yield where, branch
        elif isinstance(branch, dict) and keys[0] in branch:
            yield from values(branch[keys[0]], *keys[1:], path=(*where, keys[0]))
        else:
            yield where, None


def items(value: Any, *keys: str, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    """Every element, in every branch, of the list at `keys` below `value`; what is no list counts as a list of one."""
    for where, branch in values(value, *keys, path=path):
        elements = enumerate(branch) if isinstance(branch, list) else None
        for place, element in [((*where, i), e) for i, e in elements] if elements else [(where, branch)]:
            yield from ((p, e) for p, e in branches(element, place) if e is not None)


def text(value: Any) -> str | None:
    """`value` as one string, in which what only the deployment knows is `${Name}` or `${Name.Attribute}`.

    None where that can't be said.
    """
    name, argument = intrinsic(value)
    if isinstance(value, str):
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if name == "Ref" and isinstance(argument, str):
        return f"${{{argument}}}"
    if name == "Fn::GetAtt":
        parts = argument if isinstance(argument, list) else [argument]
        return f"${{{'.'.join(parts)}}}" if all(isinstance(part, str) for part in parts) else None
    if name == "Fn::Sub":
        pattern, own = _sub(argument)
        return _VARIABLE.sub(lambda m: (text(own[m[1]]) if m[1] in own else None) or f"${{{m[1]}}}", pattern)
    if name == "Fn::Join" and isinstance(argument, list) and len(argument) == 2 and isinstance(argument[1], list):
        joined = [text(part) for part in argument[1]]
        if isinstance(argument[0], str) and all(part is not None for part in joined):
            return argument[0].join(part for part in joined if part is not None)
    return None


def _sub(argument: Any) -> tuple[str, dict[Any, Any]]:
    """The pattern of an Fn::Sub and the variables it brings itself."""
    parts = argument if isinstance(argument, list) else [argument]
    pattern = parts[0] if parts and isinstance(parts[0], str) else ""
    return pattern, _mapping(parts[1]) if len(parts) > 1 else {}


def references(value: Any) -> set[str]:
    """The names that `value` takes something from: parameters, pseudo parameters, resources."""
    found: set[str] = set()
    for _, node in walk(value):
        name, argument = intrinsic(node)
        if name == "Ref" and isinstance(argument, str):
            found.add(argument)
        elif name == "Fn::GetAtt":
            first = argument[0] if isinstance(argument, list) and argument else argument
            found |= {first.split(".")[0]} if isinstance(first, str) else set()
        elif name == "Fn::Sub":
            pattern, own = _sub(argument)
            found |= {v.split(".")[0] for v in _VARIABLE.findall(pattern) if v not in own}
    return found


def conditions_in(value: Any) -> set[str]:
    """The conditions on which the Fn::If at and below `value` decide."""
    arguments = (argument for name, argument in (intrinsic(node) for _, node in walk(value)) if name == "Fn::If")
    return {a[0] for a in arguments if isinstance(a, list) and a and isinstance(a[0], str)}


def is_true(value: Any) -> bool:
    """Whether CloudFormation takes the value for true: YAML templates often write it as a string."""
    return value is True or (isinstance(value, str) and value.lower() == "true")


def principals(statement: dict[Any, Any]) -> Iterator[tuple[Path, str, Any]]:
    """Where, of which kind ("Service", "AWS", "Federated", or "" for a bare one) and who a statement names."""
    for where, principal in values(statement, "Principal", path=()):
        if isinstance(principal, dict) and not intrinsic(principal)[0]:
            for kind in principal:
                for place, who in items(principal[kind], path=(*where, kind)):
                    yield place, str(kind), who
        elif principal is not None:
            yield where, "", principal
