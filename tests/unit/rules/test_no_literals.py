from __future__ import annotations

from typing import Any

import pytest

from . import changed, found, good, only

RULE = "E9004"
VALUE = "Resources/Read/Properties/Description"


def test_pseudo_parameters_pass() -> None:
    assert found(RULE, good()) == []


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ("arn:aws:s3:::${Files}", "the partition literal arn:aws;"),
        ({"Fn::Sub": "arn:aws-us-gov:s3:::${Files}"}, "the partition literal arn:aws-us-gov;"),
        ({"Fn::Join": ["", ["arn:aws-cn:s3:::", {"Ref": "Files"}]]}, "the partition literal arn:aws-cn;"),
        ({"Fn::Sub": "arn:${AWS::Partition}:iam::123456789012:role/x"}, "the account id 123456789012;"),
        ("123456789012", "the account id 123456789012;"),
        ("eu-west-1", "the region eu-west-1;"),
        ({"Fn::Sub": "https://${Api}.execute-api.us-gov-west-1.amazonaws.com"}, "the region us-gov-west-1;"),
        ("bucket-ap-northeast-2", "the region ap-northeast-2;"),
        ("us-east-1a", "the region us-east-1a;"),
    ],
)
@pytest.mark.parametrize("where", [VALUE, "Outputs/ApiUrl/Value", "Resources/Read/Metadata"])
def test_a_literal(where: str, value: Any, says: str) -> None:
    message = only(RULE, changed(where, value))
    assert message.startswith(where)
    assert f"{where.split('/')[1]} has {says}" in message


@pytest.mark.parametrize(
    "value",
    [
        "cognito-identity.us-gov-east-1.amazonaws.com",
        {"Fn::Sub": "arn:${AWS::Partition}:iam::aws:policy/ReadOnly"},
        "1234567890123",
        "0123456789012-order",
        "focus-east-10",
        "us-east-1x2",
    ],
)
def test_what_only_looks_like_one(value: Any) -> None:
    assert found(RULE, changed(VALUE, value)) == []


def test_prose_may_speak_of_a_region() -> None:
    assert found(RULE, changed("Outputs/ApiUrl/Description", "Not in us-east-1.")) == []


def test_a_condition_may_compare_the_region_or_the_partition() -> None:
    has_dax = {"Fn::Not": [{"Fn::Equals": [{"Ref": "AWS::Region"}, "ap-northeast-2"]}]}
    assert found(RULE, changed("Conditions/HasDax", has_dax)) == []
    other = {"Fn::Equals": [{"Ref": "Storage"}, "ap-northeast-2"]}
    assert "Conditions/Odd/Fn::Equals/1: Odd has the region" in only(RULE, changed("Conditions/Odd", other))


@pytest.mark.parametrize(
    ("code", "says"),
    [
        ('boto3.client("s3", region_name="eu-west-1")', "Read has the region eu-west-1 in its code"),
        ("x = 'arn:aws:s3:::b'", "Read has the partition literal arn:aws"),
        ("# tried in eu-west-1, order 123456789012", None),
    ],
)
def test_code(code: str, says: str | None) -> None:
    messages = found(RULE, changed("Resources/Read/Properties/Code/ZipFile", code))
    assert len(messages) == (says is not None)
    assert not says or says in messages[0]


@pytest.mark.parametrize("service", ["lambda.amazonaws.com.cn", {"Fn::Sub": "lambda.${AWS::URLSuffix}"}])
def test_service_principals_have_no_suffix_of_a_partition(service: Any) -> None:
    trust = "Resources/ReadRole/Properties/AssumeRolePolicyDocument/Statement/0/Principal/Service"
    assert "ReadRole names the service lambda." in only(RULE, changed(trust, service))
    assert "ReadRole names the service lambda." in only(RULE, changed(trust, [service, "lambda.amazonaws.com"]))
    permission = "Resources/ReadPermission/Properties/Principal"
    assert "ReadPermission names the service lambda." in only(RULE, changed(permission, service))


def test_a_service_principal_of_a_region_passes() -> None:
    trust = "Resources/ReadRole/Properties/AssumeRolePolicyDocument/Statement/0/Principal/Service"
    assert found(RULE, changed(trust, {"Fn::Sub": "logs.${AWS::Region}.amazonaws.com"})) == []
