from __future__ import annotations

from typing import Any

import pytest

from . import changed, found, good, only

RULE = "E9007"
GET = "Resources/GetTodo/Properties"
OPTIONS = "Resources/OptionsTodo/Properties"


def test_guarded_methods_and_mocked_options_pass() -> None:
    assert found(RULE, good()) == []


@pytest.mark.parametrize("value", [None, "NONE", {"Fn::If": ["StorageOn", "NONE", "COGNITO_USER_POOLS"]}])
def test_a_method_for_anybody(value: Any) -> None:
    assert "GetTodo answers anybody" in only(RULE, changed(f"{GET}/AuthorizationType", value))


@pytest.mark.parametrize("value", [None, {"Ref": "AWS::NoValue"}])
def test_a_method_without_its_authorizer(value: Any) -> None:
    message = only(RULE, changed(f"{GET}/AuthorizerId", value))
    assert "GetTodo has AuthorizationType COGNITO_USER_POOLS but no AuthorizerId" in message


def test_iam_needs_no_authorizer() -> None:
    assert found(RULE, changed(f"{GET}/AuthorizerId", template=changed(f"{GET}/AuthorizationType", "AWS_IAM"))) == []


@pytest.mark.parametrize("dropped", ["RequestModels", "RequestParameters"])
def test_a_model_that_nothing_checks(dropped: str) -> None:
    template = changed(f"{GET}/RequestValidatorId", template=changed(f"{GET}/{dropped}"))
    assert "GetTodo says what it takes but nothing checks it" in only(RULE, template)


def test_nothing_to_validate() -> None:
    template = changed(f"{GET}/RequestValidatorId", template=changed(f"{GET}/RequestModels"))
    assert found(RULE, changed(f"{GET}/RequestParameters", {"method.request.path.id": False}, template=template)) == []


def test_options_that_asks_who_calls() -> None:
    assert "OptionsTodo asks for AWS_IAM on OPTIONS" in only(RULE, changed(f"{OPTIONS}/AuthorizationType", "AWS_IAM"))


@pytest.mark.parametrize("kind", [None, "AWS_PROXY"])
def test_options_that_runs_something(kind: str | None) -> None:
    message = only(RULE, changed(f"{OPTIONS}/Integration/Type", kind))
    assert f"OptionsTodo answers OPTIONS by {kind}" in message


def behind_a_distribution(**changes: Any) -> Any:
    """A method for anybody who brings a key."""
    template = changed(f"{GET}/AuthorizerId", template=changed(f"{GET}/AuthorizationType", "NONE"))
    return changed(f"{GET}/ApiKeyRequired", changes.get("asked", True), template=template)


def test_a_method_for_whoever_comes_through_the_distribution_asks_for_its_key() -> None:
    assert found(RULE, behind_a_distribution()) == []


@pytest.mark.parametrize(
    "asked", [{"Ref": "AWS::NoValue"}, False, {"Fn::If": ["StorageOn", True, False]}, {"Ref": "Storage"}]
)
def test_a_key_that_is_not_always_asked_for(asked: Any) -> None:
    message = only(RULE, behind_a_distribution(asked=asked))
    assert "GetTodo answers anybody" in message
    assert "ApiKeyRequired" in message


def test_a_key_that_is_asked_for_takes_no_authorizer_away() -> None:
    keyed = changed(f"{GET}/ApiKeyRequired", True)
    assert "no AuthorizerId" in only(RULE, changed(f"{GET}/AuthorizerId", template=keyed))


@pytest.mark.parametrize(
    ("value", "fine"),
    [
        (None, True),
        ({"Fn::Sub": "{{resolve:secretsmanager:${Secret}}}"}, True),
        ({"Fn::Sub": "{{resolve:secretsmanager:${Secret}:SecretString:key}}"}, True),
        ("0123456789abcdef0123", False),
        ({"Ref": "Storage"}, False),
        ({"Fn::Sub": "{{resolve:ssm:${Secret}}}"}, False),
        ({"Fn::If": ["StorageOn", {"Fn::Sub": "{{resolve:secretsmanager:${Secret}}}"}, "0123456789"]}, False),
    ],
)
def test_a_key_is_in_no_template(value: Any, fine: bool) -> None:
    key = {"Type": "AWS::ApiGateway::ApiKey", "Properties": {"Enabled": True, **({"Value": value} if value else {})}}
    messages = found(RULE, changed("Resources/Key", key))
    assert (messages == []) is fine
    assert all("Key has its value in the template" in message for message in messages)


# --- private APIs

API = "Resources/Api/Properties"
ENDPOINT = {"Ref": "Storage"}
HERE = "arn:${AWS::Partition}:iam::${AWS::AccountId}:root"
CAME_BY = {"StringNotEquals": {"aws:SourceVpce": ENDPOINT}}


def private(*statements: Any) -> Any:
    """An API that is reached from a VPC only, with a policy of these statements; for none, without a policy."""
    template = changed(f"{API}/EndpointConfiguration", {"Types": ["PRIVATE"]})
    common = {"Principal": "*", "Action": "execute-api:Invoke", "Resource": "execute-api:/*"}
    document = {"Version": "2012-10-17", "Statement": [{**common, **statement} for statement in statements]}
    return changed(f"{API}/Policy", document, template=template) if statements else template


@pytest.mark.parametrize(
    "statements",
    [
        ({"Effect": "Deny", "Condition": CAME_BY},),
        ({"Effect": "Deny", "Condition": {"StringNotEquals": {"AWS:SourceVpce": [ENDPOINT]}}},),
        ({"Effect": "Allow"}, {"Effect": "Deny", "Condition": CAME_BY}),
        ({"Effect": "Allow", "Condition": {"StringEquals": {"aws:SourceVpce": ENDPOINT}}},),
        ({"Effect": "Allow", "Principal": {"AWS": {"Fn::Sub": HERE}}},),
    ],
)
def test_a_private_api_that_names_its_endpoint(statements: Any) -> None:
    assert found(RULE, private(*statements)) == []


@pytest.mark.parametrize(
    "statements",
    [
        (),
        ({"Effect": "Allow"},),
        ({"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::111122223333:root"}},),
        ({"Effect": "Allow", "Principal": {"AWS": {"Fn::Sub": HERE}}}, {"Effect": "Allow"}),
        ({"Effect": "Deny", "Condition": {"StringEquals": {"aws:SourceVpce": ENDPOINT}}},),
        ({"Effect": "Deny", "Condition": {"StringNotEquals": {"aws:SourceVpce": "*"}}},),
        ({"Effect": "Deny", "Condition": {"StringNotEquals": {"aws:SourceIp": ENDPOINT}}},),
        ({"Effect": "Allow", "Condition": {"StringEquals": {"aws:SourceVpce": ENDPOINT}}}, {"Effect": "Allow"}),
    ],
)
def test_a_private_api_that_names_none(statements: Any) -> None:
    assert "Types/0: Api is private and has no Policy that names an endpoint" in only(RULE, private(*statements))


def test_an_api_that_may_be_private() -> None:
    maybe = {"Types": [{"Fn::If": ["StorageOn", "PRIVATE", "REGIONAL"]}]}
    assert "Api is private" in only(RULE, changed(f"{API}/EndpointConfiguration", maybe))
    assert found(RULE, changed(f"{API}/EndpointConfiguration", {"Types": ["REGIONAL"]})) == []


def test_signed_requests_of_services() -> None:
    """No page, no cache, no authorizer: who signs a request is known by that."""
    for kind, fine in (("AWS_IAM", True), ("NONE", False)):
        template = changed(f"{GET}/AuthorizerId", template=changed(f"{GET}/AuthorizationType", kind))
        template = changed("Resources/OptionsTodo", template=template)
        assert (found(RULE, template) == []) is fine
