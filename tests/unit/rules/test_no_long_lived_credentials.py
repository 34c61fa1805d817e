from __future__ import annotations

from typing import Any

import pytest

from tests.evidence import shows

from . import changed, found, good, only

RULE = "E9001"


@shows("REQ-T9", how="static")
def test_roles_and_identity_pools_pass() -> None:
    assert found(RULE, good()) == []


@shows("REQ-T9", how="static")
@pytest.mark.parametrize(
    "kind",
    ["AWS::IAM::User", "AWS::IAM::AccessKey", "AWS::IAM::UserToGroupAddition", "AWS::IAM::UserPolicy"],
)
def test_a_resource_with_credentials_that_last(kind: str) -> None:
    message = only(RULE, changed("Resources/Phone", {"Type": kind, "Properties": {"UserName": "phone"}}))
    assert message.startswith("Resources/Phone: Phone is an " + kind)


@shows("REQ-T9", how="static")
@pytest.mark.parametrize("users", [["phone"], {"Fn::If": ["StorageOn", [{"Ref": "Phone"}], {"Ref": "AWS::NoValue"}]}])
@pytest.mark.parametrize("kind", ["AWS::IAM::Policy", "AWS::IAM::ManagedPolicy"])
def test_a_policy_attached_to_a_user(kind: str, users: Any) -> None:
    message = only(RULE, changed("Resources/Shared", {"Type": kind, "Properties": {"Users": users}}))
    assert "Shared is attached to the user" in message


def test_a_policy_attached_to_no_user_passes() -> None:
    assert found(RULE, changed("Resources/Shared", {"Type": "AWS::IAM::Policy", "Properties": {"Users": []}})) == []


@shows("REQ-T9", how="static")
def test_an_access_key_written_down() -> None:
    key = "AKIA" + "A1B2C3D4" * 2
    message = only(RULE, changed("Resources/Read/Properties/Environment", {"Variables": {"KEY": key}}))
    assert "Read holds what looks like an access key id" in message
    assert "Resources/Read/Properties/Environment/Variables/KEY" in message
