"""Which versions a front sends requests to, or a function's alias; and how a front lets go of them before they go.

A target group that a listener names cannot be deleted. So a version goes only after its front names it no more.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from .. import deploy, places
from ..discovery import NOTHING, TARGETS, parameter_name
from ..errors import UserError
from ..parameters.fronts import WEIGHT_OF_B
from ..parameters.versions import NEW_VERSION_PERCENT, NEWEST, STABLE_VERSION
from .declaration import PLATFORM

if TYPE_CHECKING:
    from ..deploy import Target
    from .deploying import Said, Standing


_ONE, _OTHER = "VersionA", "VersionB"


def shares(parameters: Mapping[str, str]) -> dict[str, int] | None:
    """How many of a hundred requests a front sends to which version, by the parameters of its stack; None of no front.

    Of what is looked up, the parameter is the name in Parameter Store.
    """
    if not {_ONE, _OTHER, WEIGHT_OF_B.name} <= parameters.keys():
        return None
    one, other = (_version(parameters[key]) for key in (_ONE, _OTHER))
    if one and other:
        weight = int(parameters[WEIGHT_OF_B.name])
        return {one: 100} if one == other else {one: 100 - weight, other: weight}
    return {found: 100 for found in (one, other) if found}


def shares_of(target: Target, stack: str) -> dict[str, int]:
    """The shares of the front whose stack this is."""
    with deploy.aws_errors():
        found = deploy.describe(target, stack) or {}
    return shares({one["ParameterKey"]: one["ParameterValue"] for one in found.get("Parameters", [])}) or {}


def in_words(found: Mapping[str, int]) -> str:
    """The shares of a front in a line."""
    told = ", ".join(f"{version} {share} %" for version, share in found.items())
    return f"sends requests to {told}" if told else "has no version: each request is answered with 503"


def _version(told: str) -> str:
    """The version whose target group is told by this name; empty for none."""
    parts = told.split("/")
    return "" if parts[-1] == NOTHING else parts[2] if len(parts) == 4 else told


def check_names(stack: str, name: str, versions: Sequence[str], given: Mapping[str, str]) -> None:
    """Raise `UserError` when a version of the front is named as such, and not where its target group is told."""
    for key in (_ONE, _OTHER):
        value = given.get(key, "/")
        if "/" in value:
            continue
        if value == NOTHING:
            right = parameter_name(name, PLATFORM, NOTHING)
        else:
            right = parameter_name(name, value if value in versions else "VERSION", TARGETS)
        known = "" if value in (*versions, NOTHING) else f", of {' or '.join(versions) or 'a service behind it'}"
        raise UserError(f"{stack}: {key} can't be {value!r}: it is a name in Parameter Store, write {right}{known}")


def check_stable(
    target: Target, stack: str, running: Any, parameters: Mapping[str, str], publishes: Callable[[], bool]
) -> None:
    """Raise `UserError` for a `StableVersion` that is not there, or is the newest, which is to get a share besides.

    `running` is the template of the stack, None when it is not up; `publishes` tells whether there may be a newer one.
    """
    number = parameters.get(STABLE_VERSION.name, NEWEST)
    if number == NEWEST:
        return
    resources = running.get("Resources", {}) if isinstance(running, dict) else {}
    if not any(one.get("Type") == "AWS::Lambda::Version" for one in resources.values()):
        raise UserError(
            f"{stack} has no version {number}, since it has none yet: begin with {STABLE_VERSION.name}={NEWEST}"
        )
    from ..deploy.versions import versions

    there = [one.number for one in versions(target, stack)]
    if int(number) not in there:
        raise UserError(
            f"{stack} has no version {number}, or none any more: there is {', '.join(map(str, sorted(there)))}; "
            f"`{places.command()} versions {stack}` lists them"
        )
    percent = parameters.get(NEW_VERSION_PERCENT.name, NEW_VERSION_PERCENT.default)
    if percent != "0" and int(number) == max(there) and not publishes():
        raise UserError(
            f"{stack}: version {number} is the newest itself, so no other gets {percent} %: change the service first, "
            f"or give {STABLE_VERSION.name}={NEWEST} and {NEW_VERSION_PERCENT.name}=0"
        )


def let_go(target: Target, going: Sequence[Standing], said: Said) -> None:
    """Let the fronts that are to be deleted let go of the versions that are, by their parameters.

    Raises `UserError` for a version whose front stays and sends requests to it: nothing is changed then.
    """
    by_stack = {one.stack: one for one in going}
    wanted: dict[str, dict[str, str]] = {}
    for version in going:
        system = version.stack.removesuffix(f"-{version.service}")
        told, nothing = parameter_name(system, version.service, TARGETS), parameter_name(system, PLATFORM, NOTHING)
        for front in (f"{system}-{used}" for used in sorted(version.uses - {PLATFORM})):
            if not (names := _naming(target, front, told)):
                continue
            if front not in by_stack:
                raise UserError(
                    f"{version.stack} is {names[0]} of {front}: set {names[0]}={nothing} there first, or the other "
                    "version in its place"
                )
            wanted.setdefault(front, {}).update(dict.fromkeys(names, nothing))
    for front, parameters in wanted.items():
        said(front, "lets go of its versions")
        body = deploy.template_of(target, front)
        template = (body if isinstance(body, str) else json.dumps(body)).encode()
        deploy.execute(deploy.plan(target, front, template, parameters))


def _naming(target: Target, stack: str, told: str) -> list[str]:
    """The parameters of a stack that are this name in Parameter Store."""
    with deploy.aws_errors():
        there = deploy.describe(target, stack) or {}
    return sorted(one["ParameterKey"] for one in there.get("Parameters", []) if one.get("ParameterValue") == told)
