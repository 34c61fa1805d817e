from __future__ import annotations

from typing import Any

import pytest

from . import changed, found, good, only, service

RULE = "E9020"
QUEUE = "Resources/Failures/Properties"
DENY = "Resources/FailuresPolicy/Properties/PolicyDocument/Statement/0"
ALLOW = "Resources/FailuresPolicy/Properties/PolicyDocument/Statement/1"
OPEN = "Failures can be reached without TLS"


def test_a_closed_queue_passes() -> None:
    assert found(RULE, good()) == []


@pytest.mark.parametrize("value", [None, False, {"Ref": "AWS::NoValue"}, {"Fn::If": ["StorageOn", True, False]}])
def test_a_queue_that_is_not_encrypted(value: Any) -> None:
    assert "Failures has SqsManagedSseEnabled" in only(RULE, changed(f"{QUEUE}/SqsManagedSseEnabled", value))


@pytest.mark.parametrize("key", ["alias/own", {"Fn::If": ["StorageOn", "key", {"Ref": "AWS::NoValue"}]}])
def test_a_queue_under_a_key(key: Any) -> None:
    template = changed(f"{QUEUE}/KmsMasterKeyId", key)
    managed = {"Fn::If": ["StorageOn", {"Ref": "AWS::NoValue"}, True]}
    assert found(RULE, changed(f"{QUEUE}/SqsManagedSseEnabled", managed, template=template)) == []


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (DENY, None),
        (f"{DENY}/Effect", "Allow"),
        (f"{DENY}/Action", ["sqs:SendMessage"]),
        (f"{DENY}/Principal", {"AWS": {"Ref": "AWS::AccountId"}}),
        (f"{DENY}/Condition", None),
        (f"{DENY}/Condition/Bool/aws:SecureTransport", "true"),
        (f"{DENY}/Resource", [{"Fn::GetAtt": ["Other", "Arn"]}]),
        ("Resources/FailuresPolicy", None),
        ("Resources/FailuresPolicy/Condition", "StorageOn"),
        ("Resources/FailuresPolicy/Properties/Queues", [{"Ref": "Other"}]),
    ],
)
def test_a_queue_without_tls(path: str, value: Any) -> None:
    assert OPEN in only(RULE, changed(path, value))


def test_a_denial_that_may_be_left_out() -> None:
    statement = good()["Resources"]["FailuresPolicy"]["Properties"]["PolicyDocument"]["Statement"][0]
    assert OPEN in only(RULE, changed(DENY, {"Fn::If": ["StorageOn", statement, {"Ref": "AWS::NoValue"}]}))


def test_a_service_of_anybody() -> None:
    assert "lets events.amazonaws.com of any account in; add aws:SourceArn" in only(RULE, changed(f"{ALLOW}/Condition"))
    for key in ("aws:SourceAccount", "AWS:SourceArn"):
        assert found(RULE, changed(f"{ALLOW}/Condition", {"StringEquals": {key: "x"}})) == []


@pytest.mark.parametrize("key", ["alias/aws/sqs", {"Fn::Sub": "arn:${AWS::Partition}:kms:x:y:alias/aws/sqs"}])
def test_a_service_that_may_not_use_the_key(key: Any) -> None:
    template = changed(f"{QUEUE}/KmsMasterKeyId", key)
    template = changed(f"{QUEUE}/SqsManagedSseEnabled", template=template)
    assert "Failures has the key alias/aws/sqs, which events.amazonaws.com may not use" in only(RULE, template)
    # Functions may.
    assert found(RULE, changed(ALLOW, template=template)) == []


def test_queues_of_a_service() -> None:
    assert found(RULE, service()) == []
    policy = "Resources/JobsPolicy/Properties/PolicyDocument/Statement"
    message = only(RULE, changed(f"{policy}/1/Condition", template=service()))
    assert "JobsPolicy lets sns.amazonaws.com of any account in" in message
    assert "Jobs can be reached without TLS" in only(RULE, changed(f"{policy}/0", template=service()))
