from __future__ import annotations

from typing import Any

import pytest

from . import changed, found, good, only

RULE = "E9015"
INTERFACE = "Metadata/AWS::CloudFormation::Interface"


def test_a_template_that_explains_itself_passes() -> None:
    assert found(RULE, good()) == []


@pytest.mark.parametrize(
    ("path", "value", "says"),
    [
        ("Parameters/Memory/Description", None, "Parameters/Memory: Memory has no Description"),
        (f"{INTERFACE}/ParameterGroups/0", None, "Memory is in no group"),
        (f"{INTERFACE}/ParameterLabels/Memory", None, "Memory has no label"),
        (f"{INTERFACE}/ParameterLabels/Memory/default", "", "Memory has no label"),
        ("Parameters/Boundary/AllowedPattern", "none|arn:.+", "Boundary has an AllowedPattern but no ConstraintDesc"),
        (f"{INTERFACE}/ParameterGroups/0/Parameters/1", "Gone", "the interface speaks of Gone"),
        (f"{INTERFACE}/ParameterLabels/Gone", {"default": "x"}, "the interface speaks of Gone"),
        ("Outputs/ApiUrl/Description", None, "Outputs/ApiUrl: ApiUrl has no Description"),
        ("Outputs/TemplateId", None, "output TemplateId is missing"),
        ("Outputs/TemplateVersion", None, "output TemplateVersion is missing"),
    ],
)
def test_something_unexplained(path: str, value: Any, says: str) -> None:
    assert says in only(RULE, changed(path, value))


def test_a_constraint_in_words() -> None:
    template = changed("Parameters/Boundary/AllowedPattern", "none|arn:.+")
    constraint = "Boundary is none or an ARN."
    assert found(RULE, changed("Parameters/Boundary/ConstraintDescription", constraint, template=template)) == []


def test_no_interface_and_no_outputs() -> None:
    template = good()
    del template["Metadata"], template["Outputs"]
    assert len(found(RULE, template)) == 2 * len(template["Parameters"]) + 2


def test_no_parameters_need_no_interface() -> None:
    template = good()
    del template["Metadata"], template["Parameters"]
    assert found(RULE, template) == []
