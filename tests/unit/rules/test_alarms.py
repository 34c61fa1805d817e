from __future__ import annotations

from typing import Any

import pytest

from . import changed, found, good, only, service

RULE = "E9016"
ALARMS = {
    "ReadErrors": "Resources/Read: Read has no alarm on Errors",
    "ReadThrottles": "Resources/Read: Read has no alarm on Throttles",
    "ApiErrors": "Resources/ApiStage: ApiStage has no alarm on 5XXError",
    "ApiLatency": "Resources/ApiStage: ApiStage has no alarm on Latency",
    "TodosThrottled": "Resources/Todos: Todos has no alarm on throttling",
    "ReadBehind": "Resources/TodosToRead: Read has no alarm on IteratorAge",
    "FailuresWaiting": "Resources/Failures: Failures takes failures and has no alarm on Approximate",
}


def test_a_watched_template_passes() -> None:
    assert found(RULE, good()) == []


@pytest.mark.parametrize("name", ALARMS)
def test_an_alarm_that_watches_something_else(name: str) -> None:
    alarm = f"Resources/{name}"
    for path, value in (
        ("", None),
        ("/Condition", "StorageOn"),
        ("/Properties/Namespace", "Custom"),
        ("/Properties/MetricName", "Count"),
        ("/Properties/Dimensions", None),
        ("/Properties/Dimensions/0/Value", {"Ref": "Other"}),
    ):
        assert ALARMS[name] in only(RULE, changed(alarm + path, value))


@pytest.mark.parametrize("value", [{"Ref": "Api"}, "api"])
def test_the_dimension_is_the_name_of_the_api_not_its_id(value: Any) -> None:
    message = only(RULE, changed("Resources/ApiErrors/Properties/Dimensions/0/Value", value))
    assert "add one by ApiName, the API's Name" in message


def test_an_alarm_on_another_stage() -> None:
    assert ALARMS["ApiErrors"] in only(RULE, changed("Resources/ApiErrors/Properties/Dimensions/1/Value", "v2"))
    assert found(RULE, changed("Resources/ApiErrors/Properties/Dimensions/1")) == []


def test_the_arn_of_a_function_is_not_its_name() -> None:
    arn = {"Fn::GetAtt": ["Read", "Arn"]}
    assert ALARMS["ReadErrors"] in only(RULE, changed("Resources/ReadErrors/Properties/Dimensions/0/Value", arn))


def test_an_alarm_on_an_expression() -> None:
    template = good()
    properties = template["Resources"]["ReadErrors"]["Properties"]
    metric = {key: properties.pop(key) for key in ("Namespace", "MetricName", "Dimensions")}
    assert ALARMS["ReadErrors"] in only(RULE, template)
    properties["Metrics"] = [
        {"Id": "rate", "Expression": "errors / calls"},
        {"Id": "errors", "MetricStat": {"Metric": metric}},
    ]
    assert found(RULE, template) == []


@pytest.mark.parametrize("value", [None, {"Ref": "AWS::NoValue"}])
def test_an_alarm_that_does_not_say_what_silence_means(value: Any) -> None:
    message = only(RULE, changed("Resources/ReadErrors/Properties/TreatMissingData", value))
    assert "ReadErrors does not say what silence means" in message


def test_a_queue_that_takes_no_failures_needs_no_alarm() -> None:
    template = changed("Resources/FailuresWaiting")
    jobs = {"Type": "AWS::SQS::Queue", "Properties": {}}
    assert len(found(RULE, changed("Resources/Jobs", jobs, template=template))) == 1


def test_the_dimension_is_the_name_of_the_queue_not_its_address() -> None:
    path = "Resources/FailuresWaiting/Properties/Dimensions/0/Value"
    assert "add one by QueueName" in only(RULE, changed(path, {"Ref": "Failures"}))


@pytest.mark.parametrize(
    "way",
    [
        "TodosToRead/Properties/DestinationConfig/OnFailure/Destination",
        "ReadRetries/Properties/DestinationConfig/OnFailure/Destination",
        "Uploaded/Properties/Targets/0/DeadLetterConfig/Arn",
    ],
)
def test_each_way_for_failures_counts(way: str) -> None:
    template = changed("Resources/FailuresWaiting")
    for other in ("TodosToRead", "ReadRetries", "Uploaded"):
        if not way.startswith(other):
            template = changed(f"Resources/{other}", template=template)
    assert "Failures takes failures" in only(RULE, template)
    assert found(RULE, changed(f"Resources/{way}", "arn:x", template=template)) == []


def test_an_alarm_on_a_table_that_may_be_another_one() -> None:
    name = {"Fn::If": ["StorageOn", {"Ref": "Storage"}, {"Ref": "Todos"}]}
    assert found(RULE, changed("Resources/TodosThrottled/Properties/Dimensions/0/Value", name)) == []


def test_the_age_of_what_is_no_stream_needs_no_alarm() -> None:
    template = changed("Resources/ReadBehind")
    queue = {"Fn::GetAtt": ["Jobs", "Arn"]}
    assert found(RULE, changed("Resources/TodosToRead/Properties/EventSourceArn", queue, template=template)) == []
    stream = {"Fn::Sub": "arn:${AWS::Partition}:kinesis:${AWS::Region}:${AWS::AccountId}:stream/jobs"}
    assert len(found(RULE, changed("Resources/TodosToRead/Properties/EventSourceArn", stream, template=template))) == 1


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("JobsWaiting", "Jobs, which JobsToWork reads, has no alarm on ApproximateAgeOfOldestMessage"),
        ("FailuresWaiting", "Failures takes failures and has no alarm on ApproximateNumberOfMessagesVisible"),
        ("WorkBehind", "Resources/StreamToWork: Work has no alarm on IteratorAge"),
        (
            "StreamFull",
            "Resources/Stream: Stream has no alarm on WriteProvisionedThroughputExceeded; add one by Stream",
        ),
        ("EventsUndelivered", "Resources/Events: Events has no alarm on NumberOfNotificationsFailed; add one by Topic"),
    ],
)
def test_what_waits_for_a_function_is_watched(name: str, message: str) -> None:
    assert found(RULE, service()) == []
    alarm = f"Resources/{name}"
    for path, value in (("", None), ("/Properties/MetricName", "Count"), ("/Properties/Dimensions/0/Value", "x")):
        assert message in only(RULE, changed(alarm + path, value, template=service()))


def test_a_queue_that_no_function_reads_may_be_as_old_as_it_likes() -> None:
    template = changed("Resources/JobsWaiting", template=service())
    assert found(RULE, changed("Resources/JobsToWork", template=template)) == []


@pytest.mark.parametrize("way", ["Jobs", "JobsOfOrders", "WorkOfEvents"])
def test_each_way_for_messages_counts(way: str) -> None:
    template = changed("Resources/FailuresWaiting", template=service())
    for name in {"Jobs", "JobsOfOrders", "WorkOfEvents"} - {way}:
        template = changed(f"Resources/{name}/Properties/RedrivePolicy", template=template)
    for name in ("Asked", "StreamToWork", "WorkRetries"):
        template = changed(f"Resources/{name}", template=template)
    assert "Failures takes failures" in only(RULE, template)
    assert found(RULE, changed(f"Resources/{way}/Properties/RedrivePolicy", template=template)) == []


def test_a_consumer_of_a_stream_is_a_stream_too() -> None:
    template = changed("Resources/WorkBehind", template=service())
    consumer = {"Type": "AWS::Kinesis::StreamConsumer", "Properties": {"ConsumerName": "x", "StreamARN": "x"}}
    template = changed("Resources/Reader", consumer, template=template)
    source = "Resources/StreamToWork/Properties/EventSourceArn"
    assert "Work has no alarm on IteratorAge" in only(RULE, changed(source, {"Ref": "Reader"}, template=template))


def test_a_topic_that_no_function_publishes_to_is_somebody_elses() -> None:
    template = changed("Resources/EventsUndelivered", template=service())
    publish = "Resources/WorkRole/Properties/Policies/0/PolicyDocument/Statement/5"
    assert found(RULE, changed(publish, template=template)) == []
