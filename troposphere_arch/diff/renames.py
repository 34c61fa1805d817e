"""Renames: a resource that goes and one like it that comes are, most probably, one resource under another logical id.

CloudFormation does not see that: it makes the new one and deletes the old one, with all that is in it.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from . import facts
from .resources import Finding

ALIKE = 0.75
"""The share of their properties that two resources must have in common."""


def renames(findings: Sequence[Finding]) -> dict[str, str]:
    """Old logical id -> new one, for each pair of a resource that goes and one of the same type that is alike."""
    gone: dict[str, dict[str, set[str]]] = defaultdict(dict)
    come: dict[str, dict[str, set[str]]] = defaultdict(dict)
    for one in findings:
        if facts.renewed_by_design(one.kind):
            continue
        if one.action == "remove" and not one.new:
            gone[one.kind][one.name] = _leaves(one.old.get("Properties") or {})
        elif one.action == "add" and not one.old:
            come[one.kind][one.name] = _leaves(one.new.get("Properties") or {})
    scores = [
        (len(before & after) / len(before | after), old_name, new_name)
        for kind, old in gone.items()
        for old_name, before in old.items()
        for new_name, after in come.get(kind, {}).items()
    ]
    found: dict[str, str] = {}
    for score, old_name, new_name in sorted(scores, key=lambda s: (-s[0], s[1], s[2])):
        if score >= ALIKE and old_name not in found and new_name not in found.values():
            found[old_name] = new_name
    return found


def advice(old_name: str, new_name: str) -> str:
    """What to do about it, in one sentence.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/stack-refactoring.html
    """
    return (
        f"probably {old_name} under another logical id, {new_name}: keep the id, or rename it in the stack before this "
        "update (aws cloudformation create-stack-refactor)"
    )


def _leaves(value: Any, path: str = "") -> set[str]:
    """Each leaf with its path, and the path by itself: a name that changed with the rename is only half another."""
    if isinstance(value, Mapping) and value:
        return set().union(*(_leaves(one, f"{path}/{key}") for key, one in value.items()))
    if isinstance(value, list) and value:
        return set().union(*(_leaves(one, f"{path}/-") for one in value))
    return {path, f"{path}={json.dumps(value, sort_keys=True, default=str).lower()}"}
