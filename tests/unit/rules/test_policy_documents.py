from __future__ import annotations

import json
from typing import Any

import pytest
from cfnlint.helpers import load_resource

from troposphere_arch.rules.policy_documents import NOT_ALWAYS, WITHOUT_RESOURCE

from . import changed, found, good, only

RULE = "E9002"
INLINE = "Resources/ReadRole/Properties/Policies/0/PolicyDocument"
NO_VALUE = {"Ref": "AWS::NoValue"}
ALLOW = {"Effect": "Allow", "Action": ["dynamodb:GetItem"], "Resource": [{"Fn::GetAtt": ["Todos", "Arn"]}]}


def test_complete_and_narrow_policies_pass() -> None:
    assert found(RULE, good()) == []


@pytest.mark.parametrize(
    "where",
    [
        INLINE,
        "Resources/ReadRole/Properties/AssumeRolePolicyDocument",
        "Resources/FilesPolicy/Properties/PolicyDocument",
        "Resources/SignedIn/Properties/Policies/0/Fn::If/1/PolicyDocument",
        "Resources/SignedIn/Properties/AssumeRolePolicyDocument/Fn::If/2",
    ],
)
def test_every_policy_has_a_version_and_a_statement(where: str) -> None:
    name = where.split("/")[1]
    assert f"{name} has Version None; write 2012-10-17" in only(RULE, changed(f"{where}/Version"))
    assert f"{name} has Version '2008-10-17'" in only(RULE, changed(f"{where}/Version", "2008-10-17"))
    assert f"{name} may have no Statement" in only(RULE, changed(f"{where}/Statement"))
    assert f"{name} may have no Statement" in only(RULE, changed(f"{where}/Statement", []))


def test_conditions_may_not_leave_a_policy_empty() -> None:
    optional = {"Fn::If": ["StorageOn", ALLOW, NO_VALUE]}
    otherwise = {"Fn::If": ["StorageOn", NO_VALUE, ALLOW]}
    elsewhere = {"Fn::If": ["InGovCloud", NO_VALUE, ALLOW]}
    assert "may have no Statement" in only(RULE, changed(f"{INLINE}/Statement", [optional]))
    assert "may have no Statement" in only(RULE, changed(f"{INLINE}/Statement", [optional, elsewhere]))
    assert found(RULE, changed(f"{INLINE}/Statement", [optional, otherwise])) == []
    assert found(RULE, changed(f"{INLINE}/Statement", [optional, ALLOW])) == []


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"Effect": "allow"}, "has a statement with Effect 'allow'"),
        ({"Action": "*"}, "allows the action '*'"),
        ({"Action": ["dynamodb:*"]}, "allows the action 'dynamodb:*'"),
        ({"Action": ["dynamodb:Put*"]}, "allows the action 'dynamodb:Put*'"),
        ({"NotAction": ["iam:*"]}, "allows by NotAction"),
        ({"NotResource": ["*"]}, "allows by NotResource"),
        ({"Resource": "*"}, "allows dynamodb:GetItem on every resource (*)"),
        (
            {"Resource": [{"Fn::Sub": "arn:${AWS::Partition}:s3:::*"}]},
            "on every resource (arn:${AWS::Partition}:s3:::*)",
        ),
        ({"Resource": "*", "Action": ["xray:PutTraceSegments", "s3:GetObject"]}, "on every resource (*)"),
        ({"Resource": {"Fn::If": ["StorageOn", "*", {"Fn::GetAtt": "Todos.Arn"}]}}, "on every resource (*)"),
    ],
)
def test_a_statement_that_allows_too_much(change: dict[str, Any], says: str) -> None:
    message = only(RULE, changed(f"{INLINE}/Statement/3", {**ALLOW, **change}))
    assert "a policy of ReadRole" in message
    assert says in message
    # The same inside of a condition.
    optional = {"Fn::If": ["StorageOn", {**ALLOW, **change}, NO_VALUE]}
    assert says in only(RULE, changed(f"{INLINE}/Statement/3", optional))


def test_deny_may_be_wide() -> None:
    deny = {"Effect": "Deny", "Action": "*", "Resource": "*"}
    assert found(RULE, changed(f"{INLINE}/Statement/3", deny)) == []


@pytest.mark.parametrize("who", ["*", {"AWS": "*"}, {"AWS": ["*"]}, {"Service": "a.amazonaws.com", "AWS": ["*"]}])
@pytest.mark.parametrize(
    "kind", ["AWS::S3::BucketPolicy", "AWS::SQS::QueuePolicy", "AWS::SNS::TopicPolicy", "AWS::Lambda::Unknown"]
)
def test_anybody_allowed_by_a_resource(kind: str, who: Any) -> None:
    statement = {**ALLOW, "Principal": who}
    document = {"Version": "2012-10-17", "Statement": [statement]}
    template = changed("Resources/Open", {"Type": kind, "Properties": {"PolicyDocument": document}})
    assert 'a policy of Open allows Principal "*"' in only(RULE, template)
    statement |= {"Effect": "Deny"}
    assert found(RULE, template) == []


def test_everybody_but_some_allowed() -> None:
    document = {"Version": "2012-10-17", "Statement": {**ALLOW, "NotPrincipal": {"AWS": "x"}}}
    template = changed("Resources/Open", {"Type": "AWS::SQS::QueuePolicy", "Properties": {"PolicyDocument": document}})
    assert "allows by NotPrincipal" in only(RULE, template)


def test_a_key_s_own_policy_says_star_for_the_key() -> None:
    root = {"AWS": {"Fn::Sub": "arn:${AWS::Partition}:iam::${AWS::AccountId}:root"}}
    manage = {"Effect": "Allow", "Action": "kms:*", "Resource": "*", "Principal": root}
    document = {"Version": "2012-10-17", "Statement": [manage]}
    template = changed("Resources/Key", {"Type": "AWS::KMS::Key", "Properties": {"KeyPolicy": document}})
    assert found(RULE, template) == []
    manage["Principal"] = {"Service": "logs.amazonaws.com"}
    assert "a policy of Key allows the action 'kms:*'" in only(RULE, template)


def named(*statements: Any) -> Any:
    """A private name with a policy of these statements."""
    common = {"Principal": "*", "Action": ["execute-api:Invoke"], "Resource": ["execute-api:/*"]}
    document = {"Version": "2012-10-17", "Statement": [{**common, **one} for one in statements]}
    resource = {"Type": "AWS::ApiGateway::DomainNameV2", "Properties": {"Policy": document}}
    return changed("Resources/Named", resource)


def test_a_private_name_is_for_anybody_who_comes_by_its_endpoint() -> None:
    elsewhere: Any = {"Effect": "Deny", "Condition": {"StringNotEquals": {"aws:SourceVpce": {"Ref": "Todos"}}}}
    assert found(RULE, named({"Effect": "Allow"}, elsewhere)) == []
    for other in (
        {"Effect": "Deny", "Condition": {"StringNotEquals": {"aws:SourceVpce": "*"}}},
        {"Effect": "Deny", "Condition": {"StringEquals": {"aws:SourceVpce": {"Ref": "Todos"}}}},
        {"Effect": "Deny"},
        {**elsewhere, "Action": ["execute-api:ManageConnections"]},
        {**elsewhere, "Principal": {"AWS": "arn:aws:iam::111122223333:root"}},
        {**elsewhere, "Condition": {**elsewhere["Condition"], "Bool": {"aws:SecureTransport": "false"}}},
    ):
        assert 'Principal "*"' in only(RULE, named({"Effect": "Allow"}, other))
    assert 'Principal "*"' in only(RULE, named({"Effect": "Allow"}))


def test_the_policy_of_an_endpoint_limits_and_grants_nothing() -> None:
    document = {"Version": "2012-10-17", "Statement": [{**ALLOW, "Principal": "*"}]}
    endpoint = {"Type": "AWS::EC2::VPCEndpoint", "Properties": {"PolicyDocument": document}}
    assert found(RULE, changed("Resources/Endpoint", endpoint)) == []


@pytest.mark.parametrize("wrap", [lambda s: s, lambda s: {"Fn::Sub": s}], ids=["text", "sub"])
def test_a_policy_written_as_text(wrap: Any) -> None:
    document = {"Statement": [{**ALLOW, "Resource": "*", "Principal": {"Service": "es.amazonaws.com"}}]}
    policy = {"Type": "AWS::Logs::ResourcePolicy", "Properties": {"PolicyDocument": wrap(json.dumps(document))}}
    messages = found(RULE, changed("Resources/Text", policy))
    assert len(messages) == 2
    assert all(m.startswith("Resources/Text/Properties/PolicyDocument: a policy of Text") for m in messages)


def test_what_only_looks_like_a_policy() -> None:
    rule = {"Name": "r", "Priority": 1, "Statement": {"NotStatement": {"Statement": {}}}}
    acl = {"Type": "AWS::WAFv2::WebACL", "Properties": {"Rules": [rule]}}
    assert found(RULE, changed("Resources/Acl", acl)) == []


@pytest.mark.parametrize("action", sorted(WITHOUT_RESOURCE))
def test_the_table_of_actions_without_resources_is_right(action: str) -> None:
    """Against the copy of the service authorization reference that cfn-lint ships."""
    from cfnlint.data import AdditionalSpecs

    service, name = action.lower().split(":")
    assert "Resources" not in load_resource(AdditionalSpecs, "Policies.json")[service]["Actions"][name]
    assert WITHOUT_RESOURCE[action].startswith("https://docs.aws.amazon.com/service-authorization/")


@pytest.mark.parametrize("action", sorted(NOT_ALWAYS))
def test_the_table_of_actions_that_name_a_resource_in_some_requests_only(action: str) -> None:
    from cfnlint.data import AdditionalSpecs

    service, name = action.lower().split(":")
    assert load_resource(AdditionalSpecs, "Policies.json")[service]["Actions"][name]["Resources"]
    assert NOT_ALWAYS[action].startswith("https://docs.aws.amazon.com/service-authorization/")
    statement = {"Effect": "Allow", "Action": [action], "Resource": ["*"]}
    assert found(RULE, changed(f"{INLINE}/Statement/0", statement)) == []


EVERYBODY = {
    "Effect": "Allow",
    "Principal": "*",
    "Action": ["s3:GetObject"],
    "Resource": [{"Fn::Sub": "${Files.Arn}/*"}],
}
LAST = "Resources/FilesPolicy/Properties/PolicyDocument/Statement/1"


def public(statement: Any, *, condition: str = "IsPublic") -> Any:
    """The good template whose bucket policy has one more statement, under a condition that a user chooses."""
    template = changed(LAST, {"Fn::If": [condition, statement, NO_VALUE]} if condition else statement)
    template = changed("Parameters/Readers", {"Type": "String", "Default": "account"}, template=template)
    return changed("Conditions/IsPublic", {"Fn::Equals": [{"Ref": "Readers"}, "public"]}, template=template)


def test_a_bucket_that_its_user_chose_to_open() -> None:
    assert found(RULE, public(EVERYBODY)) == []
    assert "anybody" in only(RULE, public(EVERYBODY, condition=""))
    assert "anybody" in only(RULE, public({**EVERYBODY, "Action": ["s3:GetObject", "s3:PutObject"]}))
    assert "anybody" in only(RULE, public({**EVERYBODY, "Action": ["s3:ListBucket"]}))


@pytest.mark.parametrize(
    ("condition", "fine"),
    [
        ({"StringEquals": {"aws:PrincipalOrgID": {"Ref": "Organization"}}}, True),
        ({"StringEquals": {"aws:PrincipalOrgID": "o-a1b2c3d4e5"}}, True),
        ({"StringEquals": {"aws:PrincipalOrgID": ["o-a1b2c3d4e5", "*"]}}, False),
        ({"StringLike": {"aws:PrincipalOrgID": "o-*"}}, False),
        ({"StringEquals": {"aws:PrincipalAccount": "123456789012"}}, False),
    ],
)
def test_everybody_of_one_organization(condition: Any, fine: bool) -> None:
    template = public({**EVERYBODY, "Action": ["s3:PutObject"], "Condition": condition}, condition="")
    assert (found(RULE, template) == []) is fine
