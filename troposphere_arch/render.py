"""Canonical bytes of a template: the same input gives the same bytes, on every machine and in every process.

Sections come in CloudFormation's own order, everything inside them by name, and a resource begins with its type; so a
change of the order of lines on a scenario page changes nothing.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from . import parameters
from .template import ScenarioTemplate

SECTIONS = (
    "AWSTemplateFormatVersion",
    "Description",
    "Metadata",
    "Parameters",
    "Rules",
    "Mappings",
    "Conditions",
    "Resources",
    "Outputs",
)
# Values that fit into so many characters are written on one line.
LINE = 100
ATTRIBUTES = (
    *("Type", "Condition", "DependsOn", "CreationPolicy", "UpdatePolicy", "DeletionPolicy", "UpdateReplacePolicy"),
    *("Metadata", "Properties"),
)


def plain(t: ScenarioTemplate) -> dict[str, Any]:
    """The template as plain JSON values, with the console's groups of its parameters."""
    t.set_metadata({**(t.metadata or {}), "AWS::CloudFormation::Interface": parameters.interface(t)})
    value: dict[str, Any] = t.to_dict()
    return value


def render(t: ScenarioTemplate, value: dict[str, Any] | None = None) -> bytes:
    """The template as canonical JSON; `value` is what `plain` gives, where somebody has it already."""
    value = plain(t) if value is None else value
    ordered = {
        section: _resources(content) if section == "Resources" else _sorted(content)
        for section, content in _in_order(value, SECTIONS).items()
        if content
    }
    return text(ordered)


def retained(t: ScenarioTemplate, value: dict[str, Any] | None = None) -> bytes:
    """What outlives the stack, as a template of its own: a new stack takes it over by import, then becomes the whole.

    Holds the resources that are retained on deletion, and the parameters and conditions that these use. `value` as for
    `render`. https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/resource-import-new-stack.html
    """
    value = plain(t) if value is None else value
    kept = {name: r for name, r in value["Resources"].items() if "Retain" in r.get("DeletionPolicy", "")}
    conditions = _used(kept, value["Conditions"], lambda text, name: f'"{name}"' in text)
    parameters_ = _used(
        {**kept, **conditions}, value["Parameters"], lambda text, n: f'"{n}"' in text or f"${{{n}}}" in text
    )
    return text(
        {
            "AWSTemplateFormatVersion": value["AWSTemplateFormatVersion"],
            "Description": f"What a {t.scenario} stack leaves, to be imported into a new one ({t.scenario_version})",
            "Metadata": {"Template": {"Id": t.scenario, "Version": t.scenario_version}},
            "Parameters": _sorted(parameters_),
            "Conditions": _sorted(conditions),
            "Resources": _resources(kept),
        }
    )


def _used(by: Any, available: dict[str, Any], names: Callable[[str, str], bool]) -> dict[str, Any]:
    """Those of `available` that `by` names, and those that they name in turn."""
    found: dict[str, Any] = {}
    while True:
        text = json.dumps([by, found])
        more = {name: item for name, item in available.items() if names(text, name)}
        if more.keys() == found.keys():
            return found
        found = more


def text(value: Any) -> bytes:
    """Canonical JSON text of plain values whose order is already right.

    What fits on a line stands on one line: that reads better than a line for each bracket, and takes a third less.
    """
    return (_text(value, 0) + "\n").encode()


def _text(value: Any, depth: int) -> str:
    line = json.dumps(value)
    if len(line) + depth <= LINE or not isinstance(value, dict | list) or not value:
        return line
    inner = " " * (depth + 1)
    if isinstance(value, dict):
        parts = [f"{inner}{json.dumps(key)}: {_text(item, depth + 1)}" for key, item in value.items()]
        return "{\n" + ",\n".join(parts) + "\n" + " " * depth + "}"
    return "[\n" + ",\n".join(inner + _text(item, depth + 1) for item in value) + "\n" + " " * depth + "]"


def _in_order(value: dict[str, Any], first: tuple[str, ...]) -> dict[str, Any]:
    return {key: value[key] for key in [*(k for k in first if k in value), *sorted(value.keys() - set(first))]}


def _sorted(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _sorted(value[key]) for key in sorted(value)}
    if isinstance(value, list):
        return [_sorted(item) for item in value]
    return value


def _resources(resources: dict[str, Any]) -> dict[str, Any]:
    return {
        title: {key: _sorted(content) for key, content in _in_order(resources[title], ATTRIBUTES).items()}
        for title in sorted(resources)
    }
