"""The template of a scenario: troposphere's, plus the arrows of its diagram."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from troposphere import Ref, Template

from . import outputs
from .conditions import all_of
from .parameters import Spec


@dataclass(frozen=True)
class Node:
    """What a block returns: one node of the diagram, with everything that an arrow from or to it may need.

    `when` is the name of the condition under which the node exists, or None when it always does. Arrows pass nodes
    on, never names.
    """

    t: ScenarioTemplate = field(repr=False)
    title: str
    when: str | None = field(default=None, kw_only=True)


@dataclass(frozen=True)
class Arrow:
    """One line of the diagram: what pictures, the map of who calls whom and the proof of permissions are made from."""

    source: str
    verb: str
    destination: str
    label: str = ""
    when: str | None = None


class ScenarioTemplate(Template):  # type: ignore[misc]  # troposphere is untyped
    """A CloudFormation template that knows its scenario, its version and the arrows drawn on it."""

    def __init__(self, scenario: str, version: str, description: str, words: Mapping[str, Spec]) -> None:
        super().__init__(Description=description)
        self.set_version("2010-09-09")
        self.scenario = scenario
        self.scenario_version = version
        self.words = words
        self.specs: dict[str, Spec] = {}
        self.arrows: list[Arrow] = []

    def put(self, resource: Any, *, when: str | None = None) -> Any:
        """Add a resource, under the condition `when` if there is one. A second one of the same name is an error."""
        if when:
            resource.resource["Condition"] = when
        return self.add_resource(resource)

    def record(self, source: Node, verb: str, destination: Node, label: str = "", when: str | None = None) -> None:
        """Note that an arrow was drawn. Its condition is its own and those of its two ends, all together."""
        whole = all_of(self, when, source.when, destination.when)
        self.arrows.append(Arrow(source.title, verb, destination.title, label, whole))


def scenario_template(
    scenario: str, version: str, description: str, *, words: Mapping[str, Spec] | None = None
) -> ScenarioTemplate:
    """An empty template for `scenario`, with the two outputs by which every stack tells what it is.

    `words` are parameters, by name, as this scenario describes them when the shared description does not fit.
    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/template-anatomy.html
    """
    t = ScenarioTemplate(scenario, version, f"{description} ({scenario} {version})", words or {})
    outputs.output(t, "TemplateId", scenario, "Which template this stack was made from.")
    outputs.output(t, "TemplateVersion", version, "The version of that template.")
    outputs.output(t, "Region", Ref("AWS::Region"), "The region of this stack, which clients of its services need.")
    return t


def actor(t: ScenarioTemplate, title: str) -> Node:
    """Somebody or something outside the stack: it makes no resource, but arrows start from it."""
    return Node(t, title)


__all__ = ["Arrow", "Node", "ScenarioTemplate", "actor", "scenario_template"]
