from __future__ import annotations

from typing import Any

import pytest

from . import changed, found, good, only, service

RULE = "E9022"
EVENTS = "Resources/Events/Properties"
DENY = "Resources/EventsPolicy/Properties/PolicyDocument/Statement/0"
LETS = "Resources/AlarmTopicPolicy/Properties/PolicyDocument/Statement/1"
ROLE = "Resources/WorkRole/Properties/Policies/0/PolicyDocument/Statement/5"
NONE = {"Ref": "AWS::NoValue"}


def test_closed_topics_pass() -> None:
    assert found(RULE, service()) == []
    assert found(RULE, good()) == []


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (DENY, None),
        (f"{DENY}/Effect", "Allow"),
        (f"{DENY}/Action", ["sns:Subscribe"]),
        (f"{DENY}/Principal", {"AWS": {"Ref": "AWS::AccountId"}}),
        (f"{DENY}/Condition", None),
        (f"{DENY}/Condition/Bool/aws:SecureTransport", "true"),
        (f"{DENY}/Resource", [{"Ref": "AlarmTopic"}]),
        ("Resources/EventsPolicy", None),
        ("Resources/EventsPolicy/Condition", "HasBoundary"),
        ("Resources/EventsPolicy/Properties/Topics", [{"Ref": "AlarmTopic"}]),
    ],
)
def test_a_topic_without_tls(path: str, value: Any) -> None:
    assert "Resources/Events: Events can be published to without TLS" in only(
        RULE, changed(path, value, template=service())
    )


def test_a_denial_that_may_be_left_out() -> None:
    statement = service()["Resources"]["EventsPolicy"]["Properties"]["PolicyDocument"]["Statement"][0]
    maybe = {"Fn::If": ["HasBoundary", statement, NONE]}
    assert "Events can be published to without TLS" in only(RULE, changed(DENY, maybe, template=service()))


@pytest.mark.parametrize("value", [None, NONE, {"Fn::If": ["HasBoundary", "alias/own", NONE]}])
def test_a_topic_that_is_not_encrypted(value: Any) -> None:
    message = only(RULE, changed(f"{EVENTS}/KmsMasterKeyId", value, template=service()))
    assert "Events is not encrypted; set KmsMasterKeyId" in message


@pytest.mark.parametrize("value", ["alias/own", {"Fn::If": ["HasBoundary", {"Ref": "OrdersEvents"}, NONE]}])
def test_a_topic_for_alarms_may_have_a_key_of_ones_own(value: Any) -> None:
    assert found(RULE, changed("Resources/AlarmTopic/Properties/KmsMasterKeyId", value, template=service())) == []


@pytest.mark.parametrize(
    "value", ["alias/aws/sns", {"Fn::If": ["HasBoundary", "alias/own", "alias/aws/sns"]}, {"Fn::Sub": "alias/aws/sns"}]
)
def test_alarms_may_not_use_the_key_of_aws(value: Any) -> None:
    message = only(RULE, changed("Resources/AlarmTopic/Properties/KmsMasterKeyId", value, template=service()))
    assert "AlarmTopic has the key alias/aws/sns, which cloudwatch.amazonaws.com may not use" in message


@pytest.mark.parametrize(
    ("path", "value"),
    [
        # A function may publish there.
        (f"{ROLE}/Resource", [{"Ref": "Events"}, {"Ref": "AlarmTopic"}]),
        (f"{ROLE}/Resource", ["*"]),
        # Another service may, and the account.
        (f"{LETS}/Principal", {"Service": ["cloudwatch.amazonaws.com", "s3.amazonaws.com"]}),
        (f"{LETS}/Principal", {"Service": "cloudwatch.amazonaws.com", "AWS": {"Ref": "AWS::AccountId"}}),
    ],
)
def test_a_topic_that_is_not_for_alarms_alone(path: str, value: Any) -> None:
    message = only(RULE, changed(path, value, template=service()))
    assert "Resources/AlarmTopic/Properties: AlarmTopic is not encrypted" in message


def test_another_policy_of_a_role_counts() -> None:
    statement = {"Effect": "Allow", "Action": "SNS:Publish", "Resource": {"Ref": "AlarmTopic"}}
    document = {"Version": "2012-10-17", "Statement": [statement]}
    policy = {"Type": "AWS::IAM::Policy", "Properties": {"Roles": [{"Ref": "WorkRole"}], "PolicyDocument": document}}
    assert "AlarmTopic is not encrypted" in only(RULE, changed("Resources/More", policy, template=service()))
    statement["Effect"] = "Deny"
    assert found(RULE, changed("Resources/More", policy, template=service())) == []


def test_a_service_of_anybody() -> None:
    message = only(RULE, changed(f"{LETS}/Condition", template=service()))
    assert "AlarmTopicPolicy lets cloudwatch.amazonaws.com of any account in; add aws:SourceArn" in message
    account = {"StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}}
    assert found(RULE, changed(f"{LETS}/Condition", account, template=service())) == []


def test_alarms_that_nobody_hears() -> None:
    template = changed("Resources/AlarmTopic/Properties/KmsMasterKeyId", "alias/own", template=service())
    messages = found(RULE, changed(LETS, template=template))
    alarms = [name for name, r in template["Resources"].items() if r["Type"] == "AWS::CloudWatch::Alarm"]
    assert len(messages) == len(alarms) == 7
    assert "WorkErrors/Properties/AlarmActions/0: WorkErrors may not publish to AlarmTopic" in messages[0]
    # Elsewhere it is somebody else's affair.
    for name in alarms:
        template["Resources"][name]["Properties"]["AlarmActions"] = [{"Ref": "OrdersEvents"}]
    assert found(RULE, template) == []
