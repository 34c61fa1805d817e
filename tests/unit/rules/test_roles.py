from __future__ import annotations

from typing import Any

import pytest

from . import changed, found, good, only

RULE = "E9013"
ROLE = "Resources/ReadRole/Properties"


def test_roles_that_fit_in_pass() -> None:
    assert found(RULE, good()) == []


@pytest.mark.parametrize("key", ["Path", "PermissionsBoundary"])
@pytest.mark.parametrize("value", [None, "/apps/", {"Ref": "AWS::StackName"}, {"Ref": "Todos"}])
def test_what_does_not_come_from_a_parameter(key: str, value: Any) -> None:
    assert f"ReadRole has {key} " in only(RULE, changed(f"{ROLE}/{key}", value))


@pytest.mark.parametrize("name", ["reader", {"Fn::Sub": "${AWS::StackName}-reader"}])
def test_a_role_with_a_name(name: Any) -> None:
    message = only(RULE, changed(f"{ROLE}/RoleName", name))
    assert message.startswith(f"{ROLE}/RoleName: ReadRole has the RoleName")
