"""What an update to the latest version would do to a stack that runs.

    stack's own template and parameters, latest release ──diff──▶ Upgrade

Nothing is changed: the stack is asked for its template, and the release is read from the catalogue.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import deploy, places
from .diff import diff
from .diff.model import Diff
from .errors import UserError
from .releases import frozen, index
from .releases.index import Entry, Index

if TYPE_CHECKING:
    from .deploy import StackInfo, Target


Gives = Callable[["StackInfo", Mapping[str, Any], Mapping[str, Any]], Mapping[str, str]]
"""Tells the parameters that are given with an update of a stack to a template, which comes before that it has."""


@dataclass(frozen=True)
class Upgrade:
    """The update of a stack to `latest`, the newest release, or the draft when there is none.

    `diff` is None when there is nothing to compare, and `why` says so. `given` are parameters that it brings, of which
    the stack has others or none.
    """

    latest: str = ""
    status: str = ""
    diff: Diff | None = None
    why: str = ""
    deprecated: str = ""  # what the index says of the version that the stack has
    given: Mapping[str, str] = field(default_factory=dict)


def catalogue_index(templates: Path | None = None) -> Index:
    """The index of the catalogue, or of these templates.

    Raises `UserError` when it is damaged, or a release is not as released.
    """
    templates = templates or places.templates()
    known = index.read(templates)
    frozen.verify(templates, known.entries)
    return known


def upgrade(
    target: Target, stack: StackInfo, known: Index, templates: Path | None = None, gives: Gives | None = None
) -> Upgrade:
    """What an update of this stack would do, with the parameters that it has, and those that whoever updates it gives.

    `known` is the index of the catalogue, or of these templates. Raises `UserError` when the stack does not tell its
    template, or the release is not as released.
    """
    versions = known.of(stack.template)
    if not versions:
        return Upgrade(why="no such template in this catalogue")
    latest = known.latest(stack.template) or versions[-1]
    marks = [entry.deprecated for entry in versions if entry.version == stack.version]
    deprecated = marks[0] if marks else ""
    if _is_newer(stack.version, latest):
        return Upgrade(latest.version, latest.status, None, f"newer than {latest.version}", deprecated)
    new = frozen.template(templates or places.templates(), latest)
    running = _template(deploy.template_of(target, stack.name))
    if running is None:
        return Upgrade(latest.version, latest.status, None, "its template cannot be read", deprecated)
    given = gives(stack, new, running) if gives else {}
    given = {name: value for name, value in given.items() if stack.parameters.get(name) != value}
    found = diff(running, new, old_parameters=stack.parameters, new_parameters=given, region=target.region)
    return Upgrade(latest.version, latest.status, found, "", deprecated, given)


def preview(target: Target, name: str, body: bytes, given: Mapping[str, str]) -> Diff | None:
    """What the update of the stack `name` to the template `body` would do, with these parameters over those it has.

    None when there is no such stack, or nothing in it, or its template cannot be read.
    """
    with deploy.aws_errors():
        stack = deploy.describe(target, name)
        if stack is None or stack["StackStatus"] in ("REVIEW_IN_PROGRESS", "ROLLBACK_COMPLETE"):
            return None
        running = _template(deploy.template_of(target, name))
    if running is None:
        return None
    has = {one["ParameterKey"]: one["ParameterValue"] for one in stack.get("Parameters", [])}
    return diff(running, json.loads(body), old_parameters=has, new_parameters=given, region=target.region)


def _is_newer(version: str, latest: Entry) -> bool:
    try:
        return index.version_number(version) > latest.number
    except UserError:  # somebody else's way of counting: the templates will tell
        return False


def _template(body: str | dict[str, Any]) -> dict[str, Any] | None:
    if isinstance(body, str):
        from .diff.parsing import parse

        try:
            body = parse(body.encode(), "the stack's template")
        except UserError:
            return None
    # Plain values of JSON, and not botocore's own dictionaries.
    return json.loads(json.dumps(body)) if isinstance(body, dict) and "Resources" in body else None
