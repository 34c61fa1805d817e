"""What AWS says an update of a property does.

    kind, path ──schema of the type (cfn-lint ships it)──┐
               └─supplement (rows with AWS's own pages)──┴──▶ Fact: the update, in a clause, and where it is written

The schemas are read as files: to import cfn-lint takes longer than a whole diff. What is in neither is unknown.
"""

from __future__ import annotations

import importlib.util
import json
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from functools import cache
from pathlib import Path as File
from typing import Any, Literal

from . import supplement
from .model import Path

__all__ = [
    "Fact",
    "Update",
    "attribute",
    "can_snapshot",
    "deletes_first",
    "fact",
    "holds_data",
    "name_properties",
    "renewed_by_design",
]

_BEHAVIOURS = (
    "https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-updating-stacks-update-behaviors.html"
)
# The regions whose list of types is asked first; the others know types that this one lacks.
_FIRST = "us-east-1.json"


class Update(Enum):
    """What an update of a property does to its resource, the mildest first.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-updating-stacks-update-behaviors.html
    """

    NO_INTERRUPTION = "no interruption"
    SOME_INTERRUPTION = "some interruption"
    UNKNOWN = "unknown"
    MAY_REPLACE = "may replace"  # it depends on the values, or on the rest of the resource
    REPLACEMENT = "replacement"
    NOT_ALLOWED = "not allowed"  # the update fails

    @property
    def gravity(self) -> int:
        """Its place in the order above."""
        return list(Update).index(self)


@dataclass(frozen=True)
class Fact:
    """What an update of a property does: `says` is one clause for people, `source` a page or the schema of the type."""

    update: Update
    says: str
    source: str


@dataclass(frozen=True)
class _Schema:
    """Of a type's schema, what an update depends on; pointers are names without the `*` of lists."""

    kind: str
    source: str
    whole: Mapping[str, Any]
    rows: Mapping[tuple[str, ...], Fact] = field(default_factory=dict)
    read_only: frozenset[tuple[str, ...]] = frozenset()


def fact(kind: str, path: Path) -> Fact:
    """What AWS says of a change of the property at `path`, of a resource of the type `kind`.

    `path` is below Properties, with the numbers of list items: `("BlockDeviceMappings", 0, "Ebs", "VolumeSize")`. It is
    governed by the gravest of what is said of it and of the containers that it is in. A path that is a container (it
    came or went as a whole, or a function stands there) may change all that is in it: what would replace the resource
    from inside may replace it then.
    """
    return _fact(kind, tuple(step for step in path if isinstance(step, str)))


def holds_data(kind: str) -> bool:
    """Whether a resource of this type holds what can't be made again."""
    return kind in supplement.HOLDS_DATA


def can_snapshot(kind: str) -> bool:
    """Whether CloudFormation can take a snapshot of it (policy `Snapshot`)."""
    return kind in supplement.SNAPSHOTS


@cache
def name_properties(kind: str) -> tuple[str, ...]:
    """The properties by which a template may fix the physical name; all of them together are the name.

    While they stay as they are, a replacement fails, because CloudFormation makes the new one first, and the old one
    has that name; unless `deletes_first`.
    https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-properties-name.html
    """
    schema = _schema(kind)
    if schema is None:
        return ()
    return tuple(supplement.NAMES.get(kind, ())) or _identifier(schema)


def deletes_first(kind: str) -> bool:
    """Whether a replacement deletes the old one before it makes the new one, so that a fixed name is free by then.

    https://docs.aws.amazon.com/cloudformation-cli/latest/userguide/resource-type-schema.html
    """
    schema = _schema(kind)
    return schema is not None and schema.whole.get("replacementStrategy") == "delete_then_create"


def attribute(kind: str, name: str, changed: Collection[str]) -> Literal["stays", "moves", "may move"]:
    """What becomes of `Fn::GetAtt` (of `Ref`, with an empty `name`) when the resource is updated in place.

    `changed` are the top-level properties that change. An attribute that is a property moves with it; identifiers
    stay; what is in no list may move.
    """
    schema = _schema(kind)
    for moving, properties in supplement.MOVING.get(kind, {}).items():
        if re.fullmatch(moving, name):
            return "may move" if not properties or set(properties) & set(changed) else "stays"
    if not name:
        return "stays" if schema is not None else "may move"
    if schema is None:
        return "may move"
    steps = name.split(".")
    if steps[0] in schema.whole["properties"] and (steps[0],) not in schema.read_only and len(steps) == 1:
        return "moves" if name in changed else "stays"
    if steps[-1] in changed or steps[0] in changed:
        return "may move"
    identifies = re.search(r"(Arn|ARN|Id|ID|Name|Url|URL|Uri|URI|Address|Endpoint|Host|Port|ZoneId)$", steps[-1])
    return "stays" if identifies or tuple(steps) in _identifiers(schema) else "may move"


def renewed_by_design(kind: str) -> bool:
    """Whether such a resource never changes: a frozen copy, whose next one takes its place."""
    return kind in supplement.RENEWED


@cache
def _fact(kind: str, names: tuple[str, ...]) -> Fact:
    if any(name == "Ref" or name.startswith("Fn::") for name in names):
        names = names[: next(i for i, name in enumerate(names) if name == "Ref" or name.startswith("Fn::"))]
    schema = _schema(kind)
    rows = schema.rows if schema is not None else _supplemented(kind)
    found = [row for pointer, row in rows.items() if names[: len(pointer)] == pointer]
    if not found and schema is not None and not _is_known(schema, names):
        return Fact(Update.UNKNOWN, f"{'.'.join(names)} is not in the schema of {kind}", schema.source)
    for pointer, row in rows.items():
        if len(pointer) > len(names) and pointer[: len(names)] == names:
            inside = ".".join(pointer)
            milder = Update.MAY_REPLACE if row.update is Update.REPLACEMENT else row.update
            found.append(Fact(milder, f"if {inside} changes with it: {row.says}", row.source))
    if found:
        return max(found, key=lambda one: one.update.gravity)
    if schema is None:
        return Fact(Update.UNKNOWN, f"no schema tells what a change of {kind or 'no type'} does", _BEHAVIOURS)
    return Fact(Update.NO_INTERRUPTION, "changed in place", schema.source)


@cache
def _supplemented(kind: str) -> dict[tuple[str, ...], Fact]:
    """What the supplement says of a type: pointer -> fact."""
    return {
        tuple(pointer.split("/")) if pointer != "*" else (): Fact(Update(update), says, page)
        for page, updates in supplement.UPDATES.get(kind, {}).items()
        for pointer, (update, says) in updates.items()
    }


@cache
def _schema(kind: str) -> _Schema | None:
    """The schema of a type; None for a type that has none."""
    folder, version = _folder()
    name = next((names[kind] for names in _types() if kind in names), None)
    if name is None:
        return None
    whole: dict[str, Any] = json.loads((folder / "resources" / f"{name}.json").read_bytes())
    source = f"schema of {kind} (cfn-lint {version})"
    rows: dict[tuple[str, ...], Fact] = {}
    for key, update, says in (
        ("conditionalCreateOnlyProperties", Update.MAY_REPLACE, "depending on the change, the resource is replaced"),
        ("createOnlyProperties", Update.REPLACEMENT, "can't be changed in place"),
    ):
        rows |= {pointer: Fact(update, says, source) for pointer in _pointers(whole.get(key, ()))}
    return _Schema(
        kind,
        source,
        whole,
        rows | _supplemented(kind),
        frozenset(_pointers(whole.get("readOnlyProperties", ()))),
    )


def _pointers(written: Any) -> Iterator[tuple[str, ...]]:
    for pointer in written:
        yield tuple(step for step in str(pointer).split("/")[2:] if step != "*")


def _is_known(schema: _Schema, names: tuple[str, ...]) -> bool:
    """Whether the schema has such a property; below what is free in form everything is known."""
    nodes: list[Any] = [schema.whole]
    for name in names:
        inside = [one for node in nodes for one in _unfolded(schema.whole, node, frozenset())]
        below = [one["properties"][name] for one in inside if name in one.get("properties", {})]
        if not below:
            below = [one for node in inside for one in node.get("patternProperties", {}).values()]
            below += [one["additionalProperties"] for one in inside if one.get("additionalProperties")]
        if not below:
            return any(_is_free(one) for one in inside)
        if any(one is True for one in below):
            return True
        nodes = below
    return True


def _unfolded(whole: Mapping[str, Any], node: Any, seen: frozenset[str]) -> Iterator[Mapping[str, Any]]:
    """A node of a schema, with references followed, and with the items of a list and the branches of a choice."""
    if not isinstance(node, Mapping):
        return
    reference = node.get("$ref")
    if isinstance(reference, str):
        if reference.startswith("#/") and reference not in seen:
            target: Any = whole
            for step in reference[2:].split("/"):
                target = target.get(step, {})
            yield from _unfolded(whole, target, seen | {reference})
        elif not reference.startswith("#/"):
            yield {"type": "object"}
        return
    yield node
    for key in ("oneOf", "anyOf", "allOf"):
        for branch in node.get(key, ()):
            yield from _unfolded(whole, branch, seen)
    yield from _unfolded(whole, node.get("items"), seen)


def _is_free(node: Mapping[str, Any]) -> bool:
    """An object of which the schema says nothing, such as a policy document."""
    kinds = node.get("type", ())
    return ("object" in kinds) and not any(key in node for key in ("properties", "patternProperties", "oneOf", "anyOf"))


def _identifiers(schema: _Schema) -> set[tuple[str, ...]]:
    several = [schema.whole.get("primaryIdentifier", ()), *schema.whole.get("additionalIdentifiers", ())]
    return {pointer for one in several for pointer in _pointers([one] if isinstance(one, str) else one)}


def _identifier(schema: _Schema) -> tuple[str, ...]:
    """The parts of the primary identifier, when it is the template that gives them all."""
    parts = list(_pointers(schema.whole.get("primaryIdentifier", ())))
    fixed = set(_pointers(schema.whole.get("createOnlyProperties", ())))
    if any(part in schema.read_only or part not in fixed for part in parts):
        return ()
    return tuple(part[0] for part in parts)


@cache
def _folder() -> tuple[File, str]:
    """Where cfn-lint keeps its schemas, and its version; it is not imported."""
    spec = importlib.util.find_spec("cfnlint")
    places = spec.submodule_search_locations if spec is not None else None
    if not places:
        raise ModuleNotFoundError("cfn-lint is not installed")
    package = File(next(iter(places)))
    version = re.search(r'__version__ = "([^"]+)"', (package / "version.py").read_text())
    return package / "data" / "schemas", version.group(1) if version else "of an unknown version"


def _types() -> Iterator[dict[str, str]]:
    """Of each region, the file of each type; most types are in the first."""
    yield _region(_FIRST)
    for file in sorted((_folder()[0] / "providers").glob("*.json")):
        if file.name not in (_FIRST, "sam.json"):
            yield _region(file.name)


@cache
def _region(name: str) -> dict[str, str]:
    found: dict[str, str] = json.loads((_folder()[0] / "providers" / name).read_bytes())
    return found
