"""Versions of the functions of a stack: which there are, which are in use, and their removal.

stack ──functions──▶ versions ──aliases, the stack itself, the newest──▶ kept, or to be removed
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ..errors import UserError
from .failures import aws_errors
from .stacks import describe
from .target import Target

_FUNCTION, _VERSION = "AWS::Lambda::Function", "AWS::Lambda::Version"
# A stack that may still go back needs the versions that it was at.
_STEADY = (
    "CREATE_COMPLETE",
    "IMPORT_COMPLETE",
    "IMPORT_ROLLBACK_COMPLETE",
    "UPDATE_COMPLETE",
    "UPDATE_ROLLBACK_COMPLETE",
)


@dataclass(frozen=True)
class Version:
    """One version of a function: `logical_id` is the function's in the stack, `function` its name.

    `shares` are the aliases that name it, each with its share of the requests in per cent. `of_stack`: the stack has
    it as a resource. `newest` is its place, 1 for the newest one.
    """

    logical_id: str
    function: str
    number: int
    published: str
    description: str
    shares: Mapping[str, float]
    of_stack: bool
    newest: int

    def why_kept(self, keep: int) -> str:
        """Why it is not to be removed; empty when it is."""
        if self.shares:
            return f"in use by {', '.join(self.shares)}"
        if self.of_stack:
            return "the stack's own"
        return f"one of the newest {keep}" if self.newest <= keep else ""


@aws_errors()
def versions(target: Target, stack: str) -> list[Version]:
    """The versions of all functions of a stack, the newest of each first. Raises UserError when there is none."""
    resources = _resources(target, stack)
    own = {physical for kind, _, physical in resources if kind == _VERSION}
    found = [
        one
        for kind, logical, physical in resources
        if kind == _FUNCTION
        for one in _of_function(target, logical, physical, own)
    ]
    if not found:
        raise UserError(f"no function of the stack {stack} has versions: a service that declares shift has them")
    return found


@aws_errors()
def check_steady(target: Target, stack: str) -> None:
    """Raises UserError when the stack is at work, or stopped on its way back: then it may need any version."""
    status = (describe(target, stack) or {}).get("StackStatus", "DELETE_COMPLETE")
    if status not in _STEADY:
        raise UserError(f"nothing was removed: the stack {stack} is {status}, and may go back to one of its versions")


@aws_errors()
def remove(target: Target, version: Version) -> None:
    """Remove a version for good. AWS refuses that of one which an alias names by now."""
    target.client("lambda").delete_function(FunctionName=version.function, Qualifier=str(version.number))


def _resources(target: Target, stack: str) -> list[tuple[str, str, str]]:
    """Type, logical id and physical id of the resources of a stack, in the order of their logical ids."""
    if describe(target, stack) is None:
        raise UserError(f"there is no stack {stack} in {target.region}")
    pages = target.client("cloudformation").get_paginator("list_stack_resources").paginate(StackName=stack)
    return sorted(
        (one["ResourceType"], one["LogicalResourceId"], one["PhysicalResourceId"])
        for page in pages
        for one in page["StackResourceSummaries"]
        if one.get("PhysicalResourceId") and one["ResourceStatus"] != "DELETE_COMPLETE"
    )


def _of_function(target: Target, logical_id: str, function: str, own: set[str]) -> Iterator[Version]:
    client = target.client("lambda")
    pages = client.get_paginator("list_versions_by_function").paginate(FunctionName=function)
    there = [one for page in pages for one in page["Versions"] if one["Version"] != "$LATEST"]
    if not there:
        return
    shares: dict[str, dict[str, float]] = {}
    for page in client.get_paginator("list_aliases").paginate(FunctionName=function):
        for alias in page["Aliases"]:
            for number, share in _shares(alias).items():
                shares.setdefault(number, {})[alias["Name"]] = share
    there.sort(key=lambda one: -int(one["Version"]))
    for place, one in enumerate(there, 1):
        yield Version(
            logical_id,
            function,
            int(one["Version"]),
            str(one.get("LastModified", "")),
            one.get("Description", ""),
            shares.get(one["Version"], {}),
            one["FunctionArn"] in own,
            place,
        )


def _shares(alias: Mapping[str, Any]) -> dict[str, float]:
    """The versions that an alias names, each with its share of the requests in per cent."""
    weights = alias.get("RoutingConfig", {}).get("AdditionalVersionWeights") or {}
    others = {number: round(weight * 100, 3) for number, weight in weights.items()}
    return {alias["FunctionVersion"]: round(100 - sum(others.values()), 3), **others}
