from __future__ import annotations

from typing import Any

import pytest

from tests.evidence import shows

from . import changed, found, good, only, service

RULE = "E9018"
MAPPING = "Resources/TodosToRead/Properties"
RETRIES = "Resources/ReadRetries/Properties"
TARGET = "Resources/Uploaded/Properties/Targets/0"
LETS = "Resources/FailuresPolicy/Properties/PolicyDocument/Statement/1"
SENDS = "Resources/ReadRole/Properties/Policies/0/PolicyDocument/Statement/4"
NONE = {"Ref": "AWS::NoValue"}
JOBS = "Resources/Jobs/Properties"
FAILURES = "Resources/Failures/Properties"
WORKS = "Resources/JobsToWork/Properties"
STREAMS = "Resources/StreamToWork/Properties"
LETS_IN = "Resources/JobsPolicy/Properties/PolicyDocument/Statement"
TAKES = "Resources/FailuresPolicy/Properties/PolicyDocument/Statement"


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
                "Properties": {
                    "Protocol": "lambda",
                    "Endpoint": {"Fn::GetAtt": ["Read", "Arn"]},
                    "RedrivePolicy": {"deadLetterTargetArn": "arn:x"},
                },
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


# --- of a service


def wrong(path: str, value: Any = None, *, template: Any = None) -> str:
    """The one thing that is wrong with the service once there is another value at the path."""
    return only(RULE, changed(path, value, template=template or service()))


@shows("REQ-M7", how="static")
def test_a_service_loses_nothing() -> None:
    assert found(RULE, service()) == []


@shows("REQ-M7", how="static")
@pytest.mark.parametrize("value", [None, NONE, {"maxReceiveCount": 5}])
def test_a_work_queue_without_dead_letters(value: Any) -> None:
    assert "Jobs, which JobsToWork reads, has no dead-letter queue" in wrong(f"{JOBS}/RedrivePolicy", value)


@pytest.mark.parametrize("value", [None, NONE, 1, 2, "2", {"Ref": "Receipts"}])
def test_a_message_that_is_given_up_at_once(value: Any) -> None:
    template = changed("Parameters/Receipts", {"Type": "Number", "Default": "1"}, template=service())
    message = wrong(f"{JOBS}/RedrivePolicy/maxReceiveCount", value, template=template)
    assert "Jobs gives a message up after" in message
    assert "set maxReceiveCount to 3 or more, AWS advises 5" in message


@pytest.mark.parametrize("value", [3, "5", 1000, {"Ref": "Receipts"}, {"Fn::Sub": "${Receipts}"}])
def test_a_message_that_is_tried_often_enough(value: Any) -> None:
    template = changed("Parameters/Receipts", {"Type": "Number", "Default": 3}, template=service())
    assert found(RULE, changed(f"{JOBS}/RedrivePolicy/maxReceiveCount", value, template=template)) == []


def test_dead_letters_of_a_fifo_queue_are_in_one() -> None:
    fifo = changed(f"{JOBS}/FifoQueue", True, template=service())
    assert "Jobs and Failures, its dead-letter queue, are not both FIFO queues" in only(RULE, fifo)
    assert "are not both FIFO queues" in wrong(f"{FAILURES}/FifoQueue", "true")
    assert found(RULE, changed(f"{FAILURES}/FifoQueue", "true", template=fifo)) == []


@pytest.mark.parametrize(("kept", "of_failures"), [(345600, 345600), (None, None), (1209600, 1209600), (None, 3600)])
def test_dead_letters_that_are_forgotten_with_the_others(kept: int | None, of_failures: int | None) -> None:
    template = changed(f"{JOBS}/MessageRetentionPeriod", kept, template=service())
    message = wrong(f"{FAILURES}/MessageRetentionPeriod", of_failures, template=template)
    assert "Failures forgets what Jobs gave up no later than that queue itself" in message
    # One of a FIFO queue is counted from when it was given up.
    for queue in (JOBS, FAILURES):
        template = changed(f"{queue}/FifoQueue", True, template=template)
    assert found(RULE, template) == []


@shows("REQ-M7", how="static")
@pytest.mark.parametrize(
    "value", [None, NONE, [], ["x"], {"Fn::If": ["HasBoundary", ["ReportBatchItemFailures"], NONE]}]
)
@pytest.mark.parametrize(("mapping", "name"), [(WORKS, "JobsToWork"), (STREAMS, "StreamToWork")])
def test_a_batch_that_fails_as_a_whole(mapping: str, name: str, value: Any) -> None:
    assert f"{name} does a whole batch again for one" in wrong(f"{mapping}/FunctionResponseTypes", value)


@pytest.mark.parametrize(
    ("path", "value", "needed"),
    [
        (f"{JOBS}/VisibilityTimeout", 59, 60),
        (f"{JOBS}/VisibilityTimeout", None, 60),
        (f"{JOBS}/VisibilityTimeout", {"Fn::If": ["HasBoundary", 60, 10]}, 60),
        ("Resources/Work/Properties/Timeout", 11, 66),
        ("Resources/Work/Properties/Timeout", {"Ref": "Seconds"}, 72),
        (f"{WORKS}/MaximumBatchingWindowInSeconds", 5, 65),
    ],
)
def test_a_message_that_two_work_on(path: str, value: Any, needed: int) -> None:
    template = changed("Parameters/Seconds", {"Type": "Number", "Default": 12}, template=service())
    message = wrong(path, value, template=template)
    assert "Work needs six times its Timeout" in message
    assert f"set VisibilityTimeout to {needed} or more" in message


def test_times_that_aws_sets() -> None:
    template = changed("Resources/Work/Properties/Timeout", template=service())
    assert found(RULE, changed(f"{JOBS}/VisibilityTimeout", 18, template=template)) == []
    assert "to 18 or more" in wrong(f"{JOBS}/VisibilityTimeout", 17, template=template)


def test_what_only_the_deployment_knows_is_believed() -> None:
    for path in (f"{JOBS}/VisibilityTimeout", f"{JOBS}/MessageRetentionPeriod", "Resources/Work/Properties/Timeout"):
        assert found(RULE, changed(path, {"Fn::Sub": "${Elsewhere}"}, template=service())) == []
    elsewhere = {"Fn::Sub": "arn:${AWS::Partition}:sqs:${AWS::Region}:${AWS::AccountId}:jobs"}
    assert found(RULE, changed(f"{WORKS}/EventSourceArn", elsewhere, template=service())) == []


@shows("REQ-M7", how="static")
@pytest.mark.parametrize("value", [None, NONE, False])
def test_a_batch_of_a_stream_that_is_never_cut(value: Any) -> None:
    assert "StreamToWork gives up a whole batch for one record" in wrong(f"{STREAMS}/BisectBatchOnFunctionError", value)


@shows("REQ-M7", how="static")
@pytest.mark.parametrize("key", ["MaximumRetryAttempts", "MaximumRecordAgeInSeconds"])
@pytest.mark.parametrize("value", [None, -1])
def test_a_stream_of_kinesis_that_is_read_without_end(key: str, value: Any) -> None:
    assert f"StreamToWork has {key}" in wrong(f"{STREAMS}/{key}", value)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (f"{STREAMS}/MaximumRecordAgeInSeconds", 172800),
        (f"{STREAMS}/MaximumRecordAgeInSeconds", "604800"),
        ("Resources/Stream/Properties/RetentionPeriodHours", 6),
    ],
)
def test_a_record_that_the_stream_forgets_before_it_is_given_up(path: str, value: Any) -> None:
    assert "let MaximumRecordAgeInSeconds be less, or it is lost" in wrong(path, value)


def test_a_stream_keeps_records_for_a_day() -> None:
    template = changed("Resources/Stream/Properties/RetentionPeriodHours", template=service())
    assert found(RULE, changed(f"{STREAMS}/MaximumRecordAgeInSeconds", 86399, template=template)) == []
    assert "has forgotten it after 86400" in wrong(f"{STREAMS}/MaximumRecordAgeInSeconds", 86400, template=template)
    # As one of DynamoDB does.
    assert "has forgotten it after 86400" in only(RULE, changed(f"{MAPPING}/MaximumRecordAgeInSeconds", 86400))


@shows("REQ-M7", how="static")
@pytest.mark.parametrize("value", [None, NONE, {"OnFailure": {}}])
def test_a_record_that_is_lost(value: Any) -> None:
    assert "StreamToWork loses what fails" in wrong(f"{STREAMS}/DestinationConfig", value)


def test_a_role_that_may_not_tell_of_a_failure() -> None:
    sends = "Resources/WorkRole/Properties/Policies/0/PolicyDocument/Statement/4"
    messages = found(RULE, changed(sends, template=service()))
    assert len(messages) == 2  # of the stream, and of what the topic invokes
    assert all("Work may not send to Failures; allow its role sqs:SendMessage there" in m for m in messages)
    topic = {"OnFailure": {"Destination": {"Ref": "AlarmTopic"}}}
    message = wrong(f"{STREAMS}/DestinationConfig", topic)
    assert "Work may not send to AlarmTopic; allow its role sns:Publish there" in message
    topic = {"OnFailure": {"Destination": {"Ref": "Events"}}}
    assert found(RULE, changed(f"{STREAMS}/DestinationConfig", topic, template=service())) == []


# --- of topics


@shows("REQ-M7", how="static")
@pytest.mark.parametrize("value", [None, NONE, {}, {"Fn::If": ["HasBoundary", {"deadLetterTargetArn": "x"}, NONE]}])
@pytest.mark.parametrize("name", ["JobsOfOrders", "WorkOfEvents"])
def test_a_notification_that_is_lost(name: str, value: Any) -> None:
    message = wrong(f"Resources/{name}/Properties/RedrivePolicy", value)
    assert f"{name} loses what it cannot hand over; set RedrivePolicy.deadLetterTargetArn" in message


TIED = "Condition/ArnEquals/aws:SourceArn"


@shows("REQ-M7", how="static")
@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("", None),
        ("/Effect", "Deny"),
        ("/Action", ["sqs:ReceiveMessage"]),
        ("/Resource", [{"Fn::GetAtt": ["Other", "Arn"]}]),
        ("/Principal", {"Service": "events.amazonaws.com"}),
        ("/Condition", None),
        (f"/{TIED}", {"Fn::Sub": "arn:${AWS::Partition}:sns:${AWS::Region}:${AWS::AccountId}:*"}),
        (f"/{TIED}", {"Ref": "AlarmTopic"}),
        (f"/{TIED}", [{"Ref": "OrdersEvents"}, {"Ref": "AlarmTopic"}]),
    ],
)
def test_a_topic_that_may_not_send_to_the_queue(path: str, value: Any) -> None:
    assert "Endpoint: JobsOfOrders may not send to Jobs; let a policy" in wrong(f"{LETS_IN}/1{path}", value)
    message = wrong(f"{TAKES}/1{path}", value)
    assert "RedrivePolicy/deadLetterTargetArn: JobsOfOrders may not send to Failures; let a policy" in message


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("Resources/JobsPolicy/Properties/Queues", [{"Ref": "Failures"}]),
        ("Resources/JobsPolicy/Condition", "HasBoundary"),
        ("Resources/JobsPolicy", None),
    ],
)
def test_a_policy_that_is_not_the_queues(path: str, value: Any) -> None:
    messages = found(RULE, changed(path, value, template=service()))
    assert sorted(m.partition(";")[0].rpartition(": ")[2] for m in messages) == [
        "Asked may not send to Jobs",
        "JobsOfOrders may not send to Jobs",
    ]


@pytest.mark.parametrize("operator", ["ArnLike", "StringEquals"])
@pytest.mark.parametrize("arn", [{"Fn::GetAtt": ["Events", "TopicArn"]}, {"Fn::Sub": "${Events}"}, [{"Ref": "Events"}]])
def test_ways_to_name_a_topic(operator: str, arn: Any) -> None:
    template = changed("Resources/JobsOfOrders/Properties/TopicArn", {"Ref": "Events"}, template=service())
    template = changed(f"{TAKES}/1", template=template)
    assert found(RULE, changed(f"{LETS_IN}/1/Condition", {operator: {"aws:SourceArn": arn}}, template=template)) == []


def test_a_queue_may_name_all_its_topics_at_once() -> None:
    template = changed(f"{TAKES}/2", template=service())
    assert "WorkOfEvents may not send to Failures" in only(RULE, template)
    both = [{"Ref": "OrdersEvents"}, {"Ref": "Events"}]
    assert found(RULE, changed(f"{TAKES}/1/{TIED}", both, template=template)) == []


def test_a_person_who_is_told_needs_no_queue() -> None:
    told = {"Type": "AWS::SNS::Subscription", "Properties": {"Protocol": "email", "TopicArn": {"Ref": "AlarmTopic"}}}
    assert found(RULE, changed("Resources/Told", told, template=service())) == []
    inline = [{"Protocol": "email", "Endpoint": "shop@example.com"}]
    assert found(RULE, changed("Resources/AlarmTopic/Properties/Subscription", inline, template=service())) == []


def test_a_subscription_that_cannot_have_a_queue() -> None:
    inline = [{"Protocol": "sqs", "Endpoint": {"Fn::GetAtt": ["Jobs", "Arn"]}}]
    message = wrong("Resources/Events/Properties/Subscription", inline)
    assert "Subscription/0: Events loses what it cannot hand over; write an AWS::SNS::Subscription" in message


# --- of a rule whose target is no function

ASKED = "Resources/Asked/Properties/Targets/0"


@shows("REQ-M7", how="static")
@pytest.mark.parametrize("key", ["MaximumRetryAttempts", "MaximumEventAgeInSeconds"])
def test_a_queue_that_is_a_target_as_aws_likes(key: str) -> None:
    message = wrong(f"{ASKED}/RetryPolicy/{key}")
    assert f"Asked hands over to Jobs for a day, 185 times; set RetryPolicy.{key}" in message


@shows("REQ-M7", how="static")
@pytest.mark.parametrize("value", [None, NONE])
def test_an_event_that_no_queue_took_is_lost(value: Any) -> None:
    assert "Asked loses what it cannot hand over to Jobs" in wrong(f"{ASKED}/DeadLetterConfig", value)


@pytest.mark.parametrize(("statement", "queue"), [(f"{LETS_IN}/2", "Jobs"), (f"{TAKES}/3", "Failures")])
@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("", None),
        ("/Principal", {"Service": "sns.amazonaws.com"}),
        (f"/{TIED}", {"Fn::Sub": "arn:${AWS::Partition}:events:${AWS::Region}:${AWS::AccountId}:rule/*"}),
    ],
)
def test_a_rule_that_may_not_send(statement: str, queue: str, path: str, value: Any) -> None:
    message = wrong(statement + path, value)
    assert f"Asked may not send to {queue}; let a policy of the queue allow events.amazonaws.com" in message


def test_a_schedule_must_be_let_in_but_may_fail() -> None:
    template = changed("Resources/Asked/Properties/EventPattern", template=service())
    template = changed("Resources/Asked/Properties/ScheduleExpression", "rate(1 hour)", template=template)
    template = changed(f"{ASKED}/DeadLetterConfig", template=template)
    assert found(RULE, template) == []
    assert "Asked may not send to Jobs" in wrong(f"{LETS_IN}/2", template=template)


def test_a_topic_as_a_target_lets_the_rule_publish() -> None:
    template = changed(f"{ASKED}/Arn", {"Ref": "Events"}, template=service())
    message = only(RULE, template)
    assert "Asked may not send to Events; let a policy of the topic allow events.amazonaws.com sns:Publish" in message
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "events.amazonaws.com"},
        "Action": ["sns:Publish"],
        "Resource": [{"Ref": "Events"}],
        "Condition": {"ArnEquals": {"aws:SourceArn": {"Fn::GetAtt": ["Asked", "Arn"]}}},
    }
    policy = "Resources/EventsPolicy/Properties/PolicyDocument/Statement/1"
    assert found(RULE, changed(policy, statement, template=template)) == []
