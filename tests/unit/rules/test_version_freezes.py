from __future__ import annotations

from typing import Any

import pytest

from . import changed, found, good, only

RULE = "E9009"
FUNCTION = "Resources/Read/Properties"
DESCRIPTION = "Resources/ReadVersion1a2b/Properties/Description"


def test_a_version_that_names_its_parameters_passes() -> None:
    assert found(RULE, good()) == []


@pytest.mark.parametrize("value", [None, "memory", {"Fn::Sub": "${Storage}"}, {"Fn::Sub": "${!Memory}"}])
def test_a_parameter_that_is_not_named(value: Any) -> None:
    message = only(RULE, changed(DESCRIPTION, value))
    assert message.startswith("Resources/ReadVersion1a2b: ReadVersion1a2b freezes the parameter Memory of Read")
    assert "add ${Memory}" in message


@pytest.mark.parametrize(
    "value",
    [
        {"Variables": {"A": {"Ref": "Storage"}}},
        {"Variables": {"A": {"Fn::If": ["StorageOn", "a", "b"]}}},
        {"Variables": {"A": {"Fn::Sub": "x${Storage}"}}},
        {"Variables": {"A": {"Fn::FindInMap": ["M", {"Ref": "Storage"}, "x"]}}},
    ],
)
def test_another_parameter_of_the_function(value: Any) -> None:
    template = changed(f"{FUNCTION}/Environment", value)
    assert "freezes the parameter Storage of Read" in only(RULE, template)
    assert found(RULE, changed(DESCRIPTION, {"Fn::Sub": "${Memory} ${Storage}"}, template=template)) == []


@pytest.mark.parametrize("key", ["ReservedConcurrentExecutions", "Tags"])
def test_what_a_version_does_not_freeze(key: str) -> None:
    assert found(RULE, changed(f"{FUNCTION}/{key}", {"Ref": "Storage"})) == []


def test_resources_and_pseudo_parameters_need_no_naming() -> None:
    variables = {"T": {"Ref": "Todos"}, "R": {"Ref": "AWS::Region"}, "G": {"Fn::If": ["InGovCloud", "a", "b"]}}
    assert found(RULE, changed(f"{FUNCTION}/Environment", {"Variables": variables})) == []
