from __future__ import annotations

from typing import Any

import pytest

from tests.evidence import shows

from . import changed, found, good, only

RULE = "E9005"
FUNCTION = "Resources/ReadRole/Properties/AssumeRolePolicyDocument"
USERS = "Resources/SignedIn/Properties/AssumeRolePolicyDocument"
USER = f"{USERS}/Fn::If/2/Statement/0"


@shows("REQ-T9", how="static")
def test_each_role_trusted_to_its_user_passes() -> None:
    assert found(RULE, good()) == []


@pytest.mark.parametrize(
    ("principal", "says"),
    [
        ({"Service": ["lambda.amazonaws.com", "edgelambda.amazonaws.com"]}, ["trusts edgelambda.amazonaws.com"]),
        ({"Service": "ec2.amazonaws.com"}, ["trusts ec2.amazonaws.com", "does not trust lambda.amazonaws.com"]),
        ({"Service": "lambda.amazonaws.com", "AWS": {"Ref": "Boundary"}}, ["trusts ${Boundary}"]),
        ("*", ["trusts *", "does not trust lambda.amazonaws.com"]),
    ],
)
def test_a_function_s_role_trusted_to_others(principal: Any, says: list[str]) -> None:
    messages = found(RULE, changed(f"{FUNCTION}/Statement/0/Principal", principal))
    assert len(messages) == len(says)
    for message, part in zip(messages, says, strict=True):
        assert f"ReadRole {part}" in message


def test_both_branches_of_a_trust_are_read() -> None:
    document = good()["Resources"]["ReadRole"]["Properties"]["AssumeRolePolicyDocument"]
    wrong = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"Service": "x.amazonaws.com"}}]}
    messages = found(RULE, changed(FUNCTION, {"Fn::If": ["StorageOn", document, wrong]}))
    assert len(messages) == 2
    assert all(m.startswith(f"{FUNCTION}/Fn::If/2: ReadRole") for m in messages)


@pytest.mark.parametrize(
    ("kind", "properties", "service"),
    [
        ("AWS::StepFunctions::StateMachine", {"RoleArn": {"Fn::GetAtt": "Other.Arn"}}, "states.amazonaws.com"),
        ("AWS::Events::Rule", {"Targets": [{"RoleArn": {"Fn::GetAtt": ["Other", "Arn"]}}]}, "events.amazonaws.com"),
        ("AWS::IAM::InstanceProfile", {"Roles": [{"Ref": "Other"}]}, "ec2.amazonaws.com"),
        ("AWS::DAX::Cluster", {"IAMRoleARN": {"Fn::Sub": "${Other.Arn}"}}, "dax.amazonaws.com"),
    ],
)
def test_other_users_of_roles(kind: str, properties: dict[str, Any], service: str) -> None:
    trust = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"Service": service}}]}
    role = {"Type": "AWS::IAM::Role", "Properties": {"AssumeRolePolicyDocument": trust}}
    template = changed("Resources/Other", role)
    template["Resources"]["User"] = {"Type": kind, "Properties": properties}
    assert found(RULE, template) == []
    trust["Statement"][0]["Principal"] = {"Service": "lambda.amazonaws.com"}
    assert len(found(RULE, template)) == 2


def test_a_role_shared_by_two_functions() -> None:
    template = good()
    template["Resources"]["Write"] = template["Resources"]["Read"]
    assert "Resources/ReadRole: ReadRole is shared by Read, Write" in only(RULE, template)


@shows("REQ-T9", how="static")
@pytest.mark.parametrize(
    ("path", "value", "says"),
    [
        (
            "Principal",
            {"Federated": "accounts.google.com"},
            "trusts accounts.google.com, but is used by an identity pool",
        ),
        ("Principal", {"Service": "lambda.amazonaws.com"}, "trusts lambda.amazonaws.com, but is used by"),
        ("Condition/StringEquals", None, "is open to every identity pool"),
        (
            "Condition/StringEquals/cognito-identity.amazonaws.com:aud",
            {"Ref": "Other"},
            "is open to every identity pool",
        ),
        ("Condition/ForAnyValue:StringLike", None, "is open to guests"),
        ("Condition/ForAnyValue:StringLike/cognito-identity.amazonaws.com:amr", "unauthenticated", "is open to guests"),
        (
            "Condition/ForAnyValue:StringLike/cognito-identity.amazonaws.com:amr",
            ["authenticated", "x"],
            "open to guests",
        ),
    ],
)
def test_a_role_of_users_that_others_may_assume(path: str, value: Any, says: str) -> None:
    message = only(RULE, changed(f"{USER}/{path}", value))
    assert message.startswith(f"{USER}: SignedIn ")
    assert says in message


def test_a_role_of_users_that_nobody_may_assume() -> None:
    assert "SignedIn trusts nobody" in only(RULE, changed(f"{USER}/Effect", "Deny"))


def test_the_condition_keys_are_those_of_the_partition() -> None:
    message = found(RULE, changed(f"{USER}/Principal/Federated", "cognito-identity-us-gov.amazonaws.com"))
    assert "bind cognito-identity-us-gov.amazonaws.com:aud to ${Identities}" in message[0]


def test_a_role_that_both_a_function_and_users_have() -> None:
    template = changed("Resources/SignedInRoles/Properties/Roles/authenticated", {"Fn::GetAtt": ["ReadRole", "Arn"]})
    assert "ReadRole trusts lambda.amazonaws.com, but is used by an identity pool" in only(RULE, template)


@shows("REQ-T9", how="static")
@pytest.mark.parametrize("value", [True, "true", {"Ref": "Storage"}, {"Fn::If": ["StorageOn", True, False]}])
def test_a_pool_that_lets_guests_in(value: Any) -> None:
    message = only(RULE, changed("Resources/Identities/Properties/AllowUnauthenticatedIdentities", value))
    assert "Identities lets guests in" in message


@shows("REQ-T9", how="static")
def test_a_role_for_guests() -> None:
    role = {"Fn::GetAtt": ["SignedIn", "Arn"]}
    message = only(RULE, changed("Resources/SignedInRoles/Properties/Roles/unauthenticated", role))
    assert "SignedInRoles gives guests the role" in message


def test_a_role_of_the_users_own_company_passes() -> None:
    assert found(RULE, changed("Resources/Read/Properties/Role", {"Ref": "Boundary"})) == []
