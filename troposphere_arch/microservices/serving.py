"""Which versions a front sends requests to, and how it lets go of them before their stacks are deleted.

A target group that a listener names cannot be deleted. So a version goes only after its front names it no more.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

from .. import deploy
from ..discovery import NOTHING, TARGETS, parameter_name
from ..errors import UserError
from .declaration import PLATFORM

if TYPE_CHECKING:
    from ..deploy import Target
    from .deploying import Said, Standing


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
