from __future__ import annotations

from typing import Any

import pytest

from . import changed, found, good, only

RULE = "E9018"
MAPPING = "Resources/TodosToRead/Properties"
RETRIES = "Resources/ReadRetries/Properties"
TARGET = "Resources/Uploaded/Properties/Targets/0"
LETS = "Resources/FailuresPolicy/Properties/PolicyDocument/Statement/1"
SENDS = "Resources/ReadRole/Properties/Policies/0/PolicyDocument/Statement/4"
NONE = {"Ref": "AWS::NoValue"}


def test_bounded_edges_pass() -> None:
    assert found(RULE, good()) == []


@pytest.mark.parametrize("key", ["MaximumRetryAttempts", "MaximumRecordAgeInSeconds"])
@pytest.mark.parametrize("value", [None, -1, "-1", {"Fn::If": ["StorageOn", 3, NONE]}])
def test_a_stream_that_is_read_without_end(key: str, value: Any) -> None:
    assert f"TodosToRead has {key}" in only(RULE, changed(f"{MAPPING}/{key}", value))


@pytest.mark.parametrize("key", ["MaximumRetryAttempts", "MaximumEventAgeInSeconds"])
@pytest.mark.parametrize("value", [None, NONE])
def test_an_event_that_is_tried_as_aws_likes(key: str, value: Any) -> None:
    assert f"ReadRetries has {key}" in only(RULE, changed(f"{RETRIES}/{key}", value))


@pytest.mark.parametrize("key", ["MaximumRetryAttempts", "MaximumEventAgeInSeconds"])
def test_a_target_that_is_tried_as_aws_likes(key: str) -> None:
    assert f"set RetryPolicy.{key}" in only(RULE, changed(f"{TARGET}/RetryPolicy/{key}"))
    assert len(found(RULE, changed(f"{TARGET}/RetryPolicy"))) == 2


@pytest.mark.parametrize("value", [None, NONE, {"Fn::If": ["StorageOn", {"OnFailure": {"Destination": "x"}}, NONE]}])
@pytest.mark.parametrize(("edge", "name"), [(MAPPING, "TodosToRead"), (RETRIES, "ReadRetries")])
def test_what_fails_is_lost(edge: str, name: str, value: Any) -> None:
    assert f"{name} loses what fails" in only(RULE, changed(f"{edge}/DestinationConfig", value))


@pytest.mark.parametrize("value", [None, NONE])
def test_what_a_rule_cannot_hand_over_is_lost(value: Any) -> None:
    assert "Uploaded loses what it cannot hand over" in only(RULE, changed(f"{TARGET}/DeadLetterConfig", value))


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("", None),
        ("/Effect", "Deny"),
        ("/Action", ["sqs:ReceiveMessage"]),
        ("/Resource", [{"Fn::GetAtt": ["Other", "Arn"]}]),
        ("/Principal", {"Service": "sns.amazonaws.com"}),
        ("/Condition", None),
        ("/Condition/ArnEquals/aws:SourceArn", {"Fn::Sub": "arn:${AWS::Partition}:events:::rule/*"}),
        ("/Condition/ArnEquals/aws:SourceArn", [{"Fn::GetAtt": ["Uploaded", "Arn"]}, "arn:x:events:::rule/other"]),
    ],
)
def test_a_rule_that_may_not_send_to_its_queue(path: str, value: Any) -> None:
    assert "Uploaded may not send to Failures" in only(RULE, changed(LETS + path, value))


@pytest.mark.parametrize(
    ("path", "value"), [("", None), ("/Action", ["sqs:ReceiveMessage"]), ("/Effect", "Deny"), ("/Resource", ["x"])]
)
def test_a_function_that_may_not_send_to_its_queue(path: str, value: Any) -> None:
    messages = found(RULE, changed(SENDS + path, value))
    assert len(messages) == 2
    assert all("Read may not send to Failures; allow its role sqs:SendMessage there" in m for m in messages)


def test_a_right_that_another_resource_gives_counts() -> None:
    template = good()
    statement = template["Resources"]["ReadRole"]["Properties"]["Policies"][0]["PolicyDocument"]["Statement"].pop(4)
    document = {"Version": "2012-10-17", "Statement": [statement]}
    policy = {"Type": "AWS::IAM::Policy", "Properties": {"Roles": [{"Ref": "ReadRole"}], "PolicyDocument": document}}
    assert found(RULE, changed("Resources/MaySend", policy, template=template)) == []
    template["Resources"].pop("MaySend")
    managed = changed("Resources/ReadRole/Properties/ManagedPolicyArns", ["arn:x"], template=template)
    assert found(RULE, managed) == []  # who knows


def test_a_function_that_events_invoke_without_bounds() -> None:
    assert "Read is invoked by events and has no bounds" in only(RULE, changed("Resources/ReadRetries"))
    assert "Read is invoked by events and has no bounds" in only(
        RULE, changed("Resources/ReadRetries/Condition", "StorageOn")
    )


def test_a_dead_letter_queue_of_the_function_is_a_destination_too() -> None:
    template = changed("Resources/Read/Properties/DeadLetterConfig", {"TargetArn": "arn:x"})
    assert found(RULE, changed(f"{RETRIES}/DestinationConfig", template=template)) == []


@pytest.mark.parametrize(
    ("name", "resource"),
    [
        (
            "Source",
            {
                "Type": "AWS::S3::Bucket",
                "Properties": {
                    "NotificationConfiguration": {
                        "LambdaConfigurations": [{"Event": "x", "Function": {"Fn::GetAtt": ["ReadLive", "Arn"]}}]
                    }
                },
            },
        ),
        (
            "Source",
            {
                "Type": "AWS::SNS::Subscription",
                "Properties": {"Protocol": "lambda", "Endpoint": {"Fn::GetAtt": ["Read", "Arn"]}},
            },
        ),
    ],
)
def test_buckets_and_topics_invoke_too(name: str, resource: Any) -> None:
    template = changed("Resources/Uploaded")
    template = changed("Resources/ReadRetries", template=template)
    assert found(RULE, template) == []
    assert "Read is invoked by events" in only(RULE, changed(f"Resources/{name}", resource, template=template))


def test_a_schedule_comes_again_and_needs_no_queue() -> None:
    template = good()
    rule = template["Resources"]["Uploaded"]["Properties"]
    rule.pop("EventPattern")
    rule["ScheduleExpression"] = "rate(5 minutes)"
    rule["Targets"][0].pop("DeadLetterConfig")
    template["Resources"]["ReadRetries"]["Properties"].pop("DestinationConfig")
    assert found(RULE, template) == []
    rule["Targets"][0].pop("RetryPolicy")
    assert len(found(RULE, template)) == 2
    template["Resources"]["Uploaded"]["Properties"]["EventPattern"] = {"source": ["x"]}
    assert len(found(RULE, template)) == 4


def test_a_queue_that_is_read_has_a_dead_letter_queue_of_its_own() -> None:
    template = changed(f"{MAPPING}/EventSourceArn", {"Fn::GetAtt": ["Jobs", "Arn"]})
    for key in ("MaximumRetryAttempts", "MaximumRecordAgeInSeconds", "DestinationConfig"):
        template = changed(f"{MAPPING}/{key}", template=template)
    jobs: dict[str, Any] = {"Type": "AWS::SQS::Queue", "Properties": {}}
    message = only(RULE, changed("Resources/Jobs", jobs, template=template))
    assert "Jobs, which TodosToRead reads, has no dead-letter queue" in message
    jobs["Properties"]["RedrivePolicy"] = {"deadLetterTargetArn": "arn:x", "maxReceiveCount": 3}
    assert found(RULE, template) == []
