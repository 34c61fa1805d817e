"""E9015."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ._rule import Found, HouseRule
from ._template import View, items, values

INTERFACE = ("Metadata", "AWS::CloudFormation::Interface")
IDENTITY = ("TemplateId", "TemplateVersion")


class Console(HouseRule):
    """Every parameter is explained, grouped and labelled, every output described, and every stack tells what it is.

    The console shows these words and nothing else; a rejected value without a constraint's own message shows a pattern.
    """

    id = "E9015"
    shortdesc = "Readable in the console"
    source_url = (
        "https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-resource-cloudformation-interface.html"
    )

    def check(self, view: View) -> Iterator[Found]:
        grouped = [name for _, group in items(view.template, *INTERFACE, "ParameterGroups") for name in _members(group)]
        labels = [value for _, value in values(view.template, *INTERFACE, "ParameterLabels")]
        for name, parameter in view.parameters.items():
            problems = list(_parameter(parameter))
            problems += [] if name in grouped else ["is in no group; add it to ParameterGroups of the interface"]
            if not any(text for value in labels for _, text in values(value, name, "default")):
                problems += ["has no label; add it to ParameterLabels of the interface"]
            for problem in problems:
                yield ("Parameters", name), f"{name} {problem}"
        labelled = [name for value in labels if isinstance(value, dict) for name in value]
        for name in dict.fromkeys([*grouped, *labelled]):
            if name not in view.parameters:
                yield INTERFACE, f"the interface speaks of {name}, which is no parameter; remove it"
        for name, output in view.outputs.items():
            if isinstance(output, dict) and not output.get("Description"):
                yield ("Outputs", name), f"{name} has no Description; say what it is for"
        for name in IDENTITY:
            if name not in view.outputs:
                yield ("Outputs",) if view.outputs else (), f"output {name} is missing; every stack tells what it is"


def _members(group: Any) -> list[str]:
    return [name for _, name in items(group, "Parameters") if isinstance(name, str)] if isinstance(group, dict) else []


def _parameter(parameter: Any) -> Iterator[str]:
    if isinstance(parameter, dict):
        if not parameter.get("Description"):
            yield "has no Description; say what it does and what it costs"
        if "AllowedPattern" in parameter and not parameter.get("ConstraintDescription"):
            yield "has an AllowedPattern but no ConstraintDescription; say in words what is allowed"
