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

from ..errors import UserError
from ..stores import HOLDS_DATA
from . import supplement
from .model import Path
from .supplement import Unique

__all__ = [
    "Fact",
    "Unique",
    "Update",
    "attribute",
    "between",
    "can_snapshot",
    "deletes_first",
    "fact",
    "holds_data",
    "name_properties",
    "renewed_by_design",
    "together",
    "uniques",
]

_BEHAVIOURS = (
    "https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-updating-stacks-update-behaviors.html"
)
_CUSTOM_RESOURCE = "AWS::CloudFormation::CustomResource"
# The last word of attributes that are the same as long as the resource is.
_STAYS = re.compile(
    r"(Arn|ARN|ArnForPolicy|Id|ID|Ids|Identifier|Name|Url|URL|Uri|URI|Address|Endpoint|EndPoint|Host|Port|Ip|Domain"
    r"|SecurityGroup|NetworkAcl|NameServers|Alias|Owner|Region|Secret|SerialNumber)$"
    r"|^(Creat\w*|SecretAccessKey|CloudFrontDistribution|ProviderType|CertificateAuthorityData|DnsEntries)$"
)
# What decides together whether another version of an engine is taken.
_OF_A_VERSION = ("AllowMajorVersionUpgrade", "DBClusterIdentifier", "Engine", "EngineVersion")
# What says which version an engine goes to, and whether it may.
_VERSION = {"AllowMajorVersionUpgrade", "DBClusterIdentifier", "Engine", "EngineVersion"}
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


# What it is when it happens only if something inside is touched.
_PERHAPS = {Update.REPLACEMENT: Update.MAY_REPLACE, Update.NOT_ALLOWED: Update.UNKNOWN}


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
    from inside may replace it then, and what would make the update fail is unknown.
    """
    return _fact(kind, tuple(step for step in path if isinstance(step, str)))


def holds_data(kind: str) -> bool:
    """Whether a resource of this type holds what can't be made again."""
    return kind in HOLDS_DATA or kind in supplement.ALSO_HOLD_DATA


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
    return supplement.NAMES.get(kind) or _identifier(schema)


@cache
def uniques(kind: str) -> tuple[Unique, ...]:
    """What only one resource of a type has at a time: its name, if a template may fix it, and what is no name."""
    names, more = name_properties(kind), supplement.UNIQUE.get(kind)
    within = names[1:] + supplement.NAMED_WITHIN.get(kind, ())
    named = (Unique(names[:1], supplement.NAMES_PAGE, within, is_name=True),) if names else ()
    return named + ((more,) if more else ())


def deletes_first(kind: str) -> bool:
    """Whether a replacement deletes the old one before it makes the new one, so that a fixed name is free by then.

    https://docs.aws.amazon.com/cloudformation-cli/latest/userguide/resource-type-schema.html
    """
    schema = _schema(kind)
    return schema is not None and schema.whole.get("replacementStrategy") == "delete_then_create"


def attribute(kind: str, name: str, changed: Collection[str]) -> Literal["stays", "moves", "may move"]:
    """What becomes of `Fn::GetAtt` (of `Ref`, with an empty `name`) when the resource is updated in place.

    `changed` are the top-level properties that change. An attribute that is a property moves with it; what identifies
    the resource stays, as do addresses and the like; what is in no list may move.
    """
    for pattern, moving in supplement.MOVING.get(_known(kind), {}).items():
        if re.fullmatch(pattern, name):
            if moving.by and not set(moving.by) & set(changed):
                return "stays"
            return "moves" if moving.surely else "may move"
    schema = _schema(kind)
    if schema is None:
        return "may move"
    if not name:
        return "stays"
    steps = tuple(name.split("."))
    if len(steps) == 1 and name in schema.whole["properties"] and steps not in schema.read_only:
        return "moves" if name in changed else "stays"
    if steps[0] in changed or steps[-1] in changed:
        return "may move"
    return "stays" if steps in _identifiers(schema) or _STAYS.search(steps[-1]) else "may move"


def together(kind: str) -> set[str]:
    """The properties that `between` looks at."""
    rows = (supplement.NAMED, supplement.ADDABLE, supplement.ONE_WAY, supplement.GROWING, supplement.FIXED_WHILE_ON)
    return {name for some in rows for name in some.get(kind, ())} | (
        _VERSION if kind in supplement.VERSIONED else set()
    )


def between(kind: str, before: Any, after: Any) -> dict[Path, Fact]:
    """What only the properties before and after tell together: named items, what is added, sizes, switches, versions.

    Gives a fact for each of these that differs, by its path; it goes before what `fact` says of any path in it.
    `before` and `after` are the resource's properties, as far as they are worked out.
    """
    found: dict[Path, Fact] = {}
    was, will = (one if isinstance(one, Mapping) else {} for one in (before, after))
    for name, named in supplement.NAMED.get(kind, {}).items():
        old, new = was.get(name, []), will.get(name, [])
        if old != new and (told := _of_named(kind, name, named, old, new)) is not None:
            found[(name,)] = told
    for name, page in supplement.ADDABLE.get(kind, {}).items():
        if isinstance(before, Mapping) and isinstance(after, Mapping) and before.get(name) != after.get(name):
            given = Fact(Update.NO_INTERRUPTION, "given where there was none, in place", page)
            found[(name,)] = fact(kind, (name,)) if name in before else given
    for name, page in supplement.ONE_WAY.get(kind, {}).items():
        if _is_on(was.get(name)) and not _is_on(will.get(name)):
            found[(name,)] = Fact(Update.NOT_ALLOWED, "can't be turned off again", page)
    for name, page in supplement.GROWING.get(kind, {}).items():
        size, other = _number(was.get(name)), _number(will.get(name))
        if size is not None and other is not None and other < size:
            found[(name,)] = Fact(Update.NOT_ALLOWED, f"is {other:g} and was {size:g}: to shrink is refused", page)
    for name, switched in supplement.FIXED_WHILE_ON.get(kind, {}).items():
        if (told := _of_switched(switched, was.get(name), will.get(name))) is not None:
            found[(name,)] = told
    if kind in supplement.VERSIONED and (told := _of_version(supplement.VERSIONED[kind], was, will)) is not None:
        found[("EngineVersion",)] = told
    return found


def renewed_by_design(kind: str) -> bool:
    """Whether such a resource never changes: a frozen copy, whose next one takes its place."""
    return kind in supplement.RENEWED


def _is_on(value: Any) -> bool:
    return str(value).lower() == "true"


def _is_off(value: Any) -> bool:
    return str(value).lower() == "false"


def _number(value: Any) -> float | None:
    try:
        return float(value) if isinstance(value, str | int | float) and not isinstance(value, bool) else None
    except (ValueError, OverflowError):
        return None


def _by_name(items: Any, name: str) -> dict[str, Any] | None:
    """The items of a list by their names; None where they can't be told apart before the stack is there."""
    if not isinstance(items, list) or not all(isinstance(one, Mapping) for one in items):
        return None
    names = [one.get(name) for one in items]
    if not all(isinstance(one, str) for one in names) or len(set(names)) < len(names):
        return None
    return dict(zip(names, items, strict=True))


def _of_named(kind: str, path: str, named: supplement.Named, before: Any, after: Any) -> Fact | None:
    old, new = _by_name(before, named.name), _by_name(after, named.name)
    if old is None or new is None:
        return Fact(Update.UNKNOWN, f"the items of {path} can't be told apart before the update", named.page)
    gone, come = sorted(old.keys() - new.keys()), sorted(new.keys() - old.keys())
    edited = [key for key in sorted(old.keys() & new.keys()) if old[key] != new[key]]
    for key in edited if not named.free else ():
        fixed = named.fixed or tuple(sorted(old[key].keys() | new[key].keys()))
        if other := [one for one in fixed if old[key].get(one) != new[key].get(one)]:
            says = f"{other[0]} of {key} can't be changed in place"
            return Fact(Update(named.otherwise), says, named.page)
    if gone and not named.removable:
        return Fact(Update.NOT_ALLOWED, f"{gone[0]} can't be taken away again", named.page)
    if named.at_once is not None and len(gone) + len(come) > named.at_once:
        says = f"{', '.join([*gone, *come])}: only {named.at_once} may come or go with one update"
        return Fact(Update.NOT_ALLOWED, says, named.page)
    if named.free and not gone and not come:
        return None
    words = [
        f"{', '.join(come)} is added" if come else "",
        f"{', '.join(gone)} is taken away{named.leaving}" if gone else "",
    ]
    update = Update.SOME_INTERRUPTION if gone and named.leaving else Update.NO_INTERRUPTION
    told = Fact(update, " and ".join(filter(None, words)) or "changed in place", named.page)
    inside = fact(kind, (path,)) if named.free and edited else told
    return max(told, inside, key=lambda one: one.update.gravity)


def _of_switched(switched: supplement.Switched, before: Any, after: Any) -> Fact | None:
    """What is fixed while a switch is on: it must be turned off by itself first."""
    old, new = (one if isinstance(one, Mapping) else {} for one in (before, after))
    was, will = old.get(switched.name), new.get(switched.name)
    if was is None or will is None or was == will or _is_off(old.get(switched.switch)):
        return None
    known = _is_on(old.get(switched.switch)) and isinstance(was, str) and isinstance(will, str)
    says = f"{switched.name} can't be changed while {switched.switch} is true: turn it off in an update before this one"
    return Fact(Update.NOT_ALLOWED if known else Update.UNKNOWN, says, switched.page)


def _of_version(versioned: supplement.Versioned, before: Mapping[str, Any], after: Mapping[str, Any]) -> Fact | None:
    """An engine goes up, and over a major version only where that is allowed."""
    old, new = _version(before.get("EngineVersion")), _version(after.get("EngineVersion"))
    if not old or not new or "DBClusterIdentifier" in after or before.get("Engine") != after.get("Engine"):
        return None
    for one, other in zip(old, new, strict=False):
        if other < one:
            return Fact(Update.NOT_ALLOWED, "an engine can't go back to an older version", versioned.downgrade)
        if other > one:
            break
    two_parts = str(after.get("Engine")) in ("mysql", "mariadb")
    parts = 2 if two_parts and min(len(old), len(new)) > 1 else 1
    allowed = after.get("AllowMajorVersionUpgrade", False)
    if not versioned.major or old[:parts] == new[:parts] or _is_on(allowed):
        return None
    says = "another major version is refused unless AllowMajorVersionUpgrade is true"
    return Fact(Update.NOT_ALLOWED if _is_off(allowed) else Update.UNKNOWN, says, versioned.major)


def _version(written: Any) -> list[int]:
    """The numbers that a version begins with, of `8.0.mysql_aurora.3.04.0` 8 and 0; none where it is not known."""
    found = re.match(r"\d{1,9}(\.\d{1,9})*", str(written)) if isinstance(written, str | int | float) else None
    return [int(one) for one in found[0].split(".")] if found else []


def _known(kind: str) -> str:
    """Custom resources have names of their own, and one page."""
    return _CUSTOM_RESOURCE if kind.startswith("Custom::") else kind


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
            says = f"if {'.'.join(pointer)} changes with it: {row.says}"
            found.append(Fact(_PERHAPS.get(row.update, row.update), says, row.source))
    if found:
        return max(found, key=lambda one: one.update.gravity)
    if schema is None:
        return Fact(Update.UNKNOWN, f"no schema tells what a change of {kind or 'no type'} does", _BEHAVIOURS)
    if any(names[: len(pointer)] == pointer for pointer in schema.read_only):
        return Fact(Update.UNKNOWN, f"{'.'.join(names)} is read-only in the schema of {kind}", schema.source)
    if "update" not in schema.whole.get("handlers", {"update": {}}):
        return Fact(Update.REPLACEMENT, "its type has no update: CloudFormation makes another one", schema.source)
    return Fact(Update.NO_INTERRUPTION, "changed in place", schema.source)


@cache
def _supplemented(kind: str) -> dict[tuple[str, ...], Fact]:
    """What the supplement says of a type: pointer -> fact."""
    known = _known(kind)
    return {
        () if pointer == "*" else tuple(pointer.split("/")): Fact(
            Update(row[0]), row[1], row[2] if len(row) == 3 else supplement.page_of(known)
        )
        for pointer, row in supplement.UPDATES.get(known, {}).items()
    }


@cache
def _schema(kind: str) -> _Schema | None:
    """The schema of a type; None for a type that has none."""
    if not kind.startswith(("AWS::", "Alexa::")):
        return None
    folder, version = _folder()
    name = next((names[kind] for names in _types() if kind in names), None)
    if name is None:
        return None
    whole = _read(folder / "resources" / f"{name}.json")
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
    return ("object" in kinds or node.get("format") == "json") and not any(
        key in node for key in ("properties", "patternProperties", "oneOf", "anyOf")
    )


def _identifiers(schema: _Schema) -> set[tuple[str, ...]]:
    several = [schema.whole.get("primaryIdentifier", ()), *schema.whole.get("additionalIdentifiers", ())]
    return {pointer for one in several for pointer in _pointers([one] if isinstance(one, str) else one)}


def _identifier(schema: _Schema) -> tuple[str, ...]:
    """The parts of an identifier, when it is the template that gives them all, and none of them can be changed."""
    fixed = set(_pointers(schema.whole.get("createOnlyProperties", ()))) - schema.read_only
    several = [schema.whole.get("primaryIdentifier", ()), *schema.whole.get("additionalIdentifiers", ())]
    for i, one in enumerate(several):
        parts = list(_pointers([one] if isinstance(one, str) else one))
        # Additional identifiers are lists of what a look-up takes, and of a name only when they end in one.
        if parts and fixed.issuperset(parts) and (i == 0 or parts[-1][0].endswith("Name")):
            return tuple(part[0] for part in parts)
    return ()


@cache
def _folder() -> tuple[File, str]:
    """Where cfn-lint keeps its schemas, and its version; it is not imported."""
    spec = importlib.util.find_spec("cfnlint")
    places = spec.submodule_search_locations if spec is not None else None
    package = File(next(iter(places or ["cfnlint"])))
    folder = package / "data" / "schemas"
    if not (folder / "providers" / _FIRST).is_file():
        raise UserError(
            f"the resource schemas of cfn-lint are not in {folder}: install cfn-lint 1.58 or newer, below 2"
        )
    version = re.search(r'__version__ = "([^"]+)"', (package / "version.py").read_text())
    return folder, version.group(1) if version else "of an unknown version"


def _types() -> Iterator[dict[str, str]]:
    """Of each region, the file of each type; most types are in the first."""
    yield _region(_FIRST)
    for file in sorted((_folder()[0] / "providers").glob("*.json")):
        if file.name not in (_FIRST, "sam.json"):
            yield _region(file.name)


@cache
def _region(name: str) -> dict[str, str]:
    return _read(_folder()[0] / "providers" / name)


def _read(file: File) -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads(file.read_bytes())
    except (OSError, ValueError) as error:
        raise UserError(f"the resource schema {file} can't be read ({error}): install cfn-lint again") from error
    return found
