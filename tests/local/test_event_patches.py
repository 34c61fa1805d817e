"""What the patches do for functions that streams and EventBridge invoke: failures, retries, dead letters."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.local.stacks import TRUST_LAMBDA, Resources, Stack, allowed, resource, stack
from tests.sampling import sampled
from troposphere_arch.local import Emulator

pytestmark = sampled(2)

TABLE_KEY = "id"

# What the function does with a record is written in its key. "bad" stays bad; "once" is bad the first time.
HANDLER = """
import json, os
met = set()
def handler(event, context):
    keys = [record["dynamodb"]["Keys"]["id"]["S"] for record in event["Records"]]
    print("CALL " + json.dumps(keys))
    failing = [key for key in keys if "bad" in key or ("once" in key and key not in met)]
    met.update(keys)
    if not failing:
        return {"batchItemFailures": []}
    if os.environ["HOW"] == "raise":
        raise ValueError(failing)
    if os.environ["HOW"] == "stranger":
        return {"batchItemFailures": [{"itemIdentifier": "not in the batch"}]}
    numbers = {r["dynamodb"]["Keys"]["id"]["S"]: r["dynamodb"]["SequenceNumber"] for r in event["Records"]}
    report = {"batchItemFailures": [{"itemIdentifier": numbers[key]} for key in reversed(failing)]}
    return report if os.environ["HOW"] == "report" else json.dumps(report)
"""


FAILING = """
import json
def handler(event, context):
    print("CALL " + json.dumps(event["detail"]["x"]))
    raise ValueError("always")
"""


def readers(how: str, **mapping: Any) -> Resources:
    role = {
        "AssumeRolePolicyDocument": TRUST_LAMBDA,
        "Policies": [
            {
                "PolicyName": "logs",
                "PolicyDocument": {
                    "Version": "2012-10-17",
                    "Statement": [{"Effect": "Allow", "Action": "logs:*", "Resource": "*"}],
                },
            }
        ],
    }
    return {
        "Role": resource("IAM::Role", **role),
        "Table": resource(
            "DynamoDB::Table",
            BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[{"AttributeName": TABLE_KEY, "AttributeType": "S"}],
            KeySchema=[{"AttributeName": TABLE_KEY, "KeyType": "HASH"}],
            StreamSpecification={"StreamViewType": "NEW_AND_OLD_IMAGES"},
        ),
        "Function": function(HANDLER, HOW=how),
        "Failures": resource("SQS::Queue"),
        "Mapping": resource(
            "Lambda::EventSourceMapping",
            # It starts to read when the test has written all it writes.
            Enabled=False,
            FunctionName={"Ref": "Function"},
            EventSourceArn={"Fn::GetAtt": ["Table", "StreamArn"]},
            StartingPosition="TRIM_HORIZON",
            FunctionResponseTypes=["ReportBatchItemFailures"],
            DestinationConfig={"OnFailure": {"Destination": {"Fn::GetAtt": ["Failures", "Arn"]}}},
            **mapping,
        ),
    }


def function(code: str, **variables: Any) -> dict[str, Any]:
    return resource(
        "Lambda::Function",
        Role={"Fn::GetAtt": ["Role", "Arn"]},
        Runtime="python3.13",
        Handler="index.handler",
        Timeout=20,
        Code={"ZipFile": code},
        Environment={"Variables": variables},
    )


def write(made: Stack, *keys: str) -> None:
    dynamodb = made.emulator.client("dynamodb")
    for key in keys:
        dynamodb.put_item(TableName=made.ids["Table"], Item={TABLE_KEY: {"S": key}})


def read(made: Stack) -> None:
    made.emulator.client("lambda").update_event_source_mapping(UUID=made.ids["Mapping"], Enabled=True)


def calls(made: Stack) -> list[Any]:
    """What the function was called with, in order."""
    logs = made.emulator.client("logs")
    group = f"/aws/lambda/{made.ids['Function']}"
    if not logs.describe_log_groups(logGroupNamePrefix=group)["logGroups"]:
        return []
    lines = [event["message"] for event in logs.filter_log_events(logGroupName=group)["events"]]
    return [json.loads(line.removeprefix("CALL ")) for line in lines if line.startswith("CALL ")]


def dead_letters(made: Stack) -> list[Any]:
    queue = made.emulator.client("sqs")
    found = queue.receive_message(
        QueueUrl=made.ids["Failures"], MaxNumberOfMessages=10, VisibilityTimeout=0, WaitTimeSeconds=0
    )
    return [json.loads(message["Body"]) for message in found.get("Messages", [])]


def until(true: Callable[[], Any]) -> None:
    deadline = time.monotonic() + 30
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.fixture
def work(patched: Emulator) -> Iterator[Callable[..., Stack]]:
    """Deploys a function behind a stream, writes the records and waits until the last of them is done."""
    open_stacks = []

    def make(how: str, *keys: str, **mapping: Any) -> Stack:
        context = stack(patched, readers(how, **mapping))
        made = context.__enter__()
        open_stacks.append(context)
        write(made, *keys, "the last")
        read(made)
        until(lambda: ["the last"] in [call[-1:] for call in calls(made)])
        write(made, "after it")
        until(lambda: ["after it"] in calls(made))
        return made

    yield make
    for context in open_stacks:
        context.__exit__(None, None, None)


# --- streams


def test_stock_repeats_a_failed_batch_and_takes_a_report_for_success(stock: Emulator) -> None:
    with stack(stock, readers("raise", MaximumRetryAttempts=0, BisectBatchOnFunctionError=True)) as made:
        write(made, "bad", "good")
        read(made)
        until(lambda: len(calls(made)) >= 3)
        assert calls(made)[:3] == [["bad", "good"]] * 3
        assert dead_letters(made) == []

    with stack(stock, readers("report", MaximumRetryAttempts=0)) as made:
        write(made, "bad", "good")
        read(made)
        until(lambda: calls(made))
        write(made, "next")
        until(lambda: len(calls(made)) == 2)
        assert calls(made) == [["bad", "good"], ["next"]]
        assert dead_letters(made) == []


def test_failed_batch_is_tried_again_as_often_as_the_mapping_says(work: Callable[..., Stack]) -> None:
    made = work("raise", "good", "bad", BatchSize=2, MaximumRetryAttempts=2)
    assert calls(made) == [["good", "bad"]] * 3 + [["the last"], ["after it"]]
    (letter,) = dead_letters(made)
    assert letter["requestContext"]["condition"] == "RetryAttemptsExhausted"
    assert letter["requestContext"]["functionArn"].endswith(f":function:{made.ids['Function']}")
    batch = letter["DDBStreamBatchInfo"]
    assert batch["batchSize"] == 2
    assert batch["startSequenceNumber"] < batch["endSequenceNumber"]
    assert f"/{made.ids['Table']}/stream/" in batch["streamArn"]


def test_failed_batch_is_split_and_only_the_bad_record_is_given_up(work: Callable[..., Stack]) -> None:
    made = work("raise", "a", "bad", "b", BisectBatchOnFunctionError=True, MaximumRetryAttempts=1)
    assert calls(made) == [
        ["a", "bad", "b", "the last"],
        ["a", "bad"],
        ["a"],
        ["bad"],
        ["bad"],
        ["b", "the last"],
        ["after it"],
    ]
    (letter,) = dead_letters(made)
    assert letter["DDBStreamBatchInfo"]["batchSize"] == 1


@pytest.mark.parametrize("how", ["report", "report as text"])
def test_what_comes_before_the_lowest_failure_is_done(work: Callable[..., Stack], how: str) -> None:
    made = work(how, "a", "once 1", "b", "once 2", MaximumRetryAttempts=3)
    assert calls(made) == [
        ["a", "once 1", "b", "once 2", "the last"],
        ["once 1", "b", "once 2", "the last"],
        ["after it"],
    ]
    assert dead_letters(made) == []


def test_what_is_left_of_a_batch_is_given_up_together(work: Callable[..., Stack]) -> None:
    made = work("report", "a", "bad", BatchSize=2, MaximumRetryAttempts=1)
    assert calls(made) == [["a", "bad"], ["bad"], ["the last"], ["after it"]]
    assert [letter["DDBStreamBatchInfo"]["batchSize"] for letter in dead_letters(made)] == [1]


def test_report_of_a_record_that_is_not_in_the_batch_fails_all_of_it(work: Callable[..., Stack]) -> None:
    made = work("stranger", "a", "bad", BatchSize=2, MaximumRetryAttempts=1)
    assert calls(made) == [["a", "bad"], ["a", "bad"], ["the last"], ["after it"]]
    assert [letter["DDBStreamBatchInfo"]["batchSize"] for letter in dead_letters(made)] == [2]


def test_records_that_come_while_a_batch_is_tried_again_are_not_lost(patched: Emulator) -> None:
    with stack(patched, readers("raise", MaximumRetryAttempts=2)) as made:
        write(made, "bad")
        read(made)
        until(lambda: calls(made))
        write(made, "meanwhile")
        until(lambda: ["meanwhile"] in calls(made))
        assert calls(made) == [["bad"], ["bad"], ["bad"], ["meanwhile"]]
        assert len(dead_letters(made)) == 1


# --- TLS

PUTTING = """
import boto3, os
def handler(event, context):
    boto3.client("s3").put_object(Bucket=os.environ["BUCKET"], Key="a", Body=b"a")
"""


def test_function_uses_a_bucket_that_wants_tls(stock: Emulator, patched: Emulator) -> None:
    objects = {"Fn::Sub": "${Bucket.Arn}/*"}
    plain = {"Bool": {"aws:SecureTransport": "false"}}
    deny = {"Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": objects, "Condition": plain}
    allow = {"Effect": "Allow", "Action": "s3:PutObject", "Resource": objects}
    resources = {
        "Bucket": resource("S3::Bucket"),
        "Policy": resource(
            "S3::BucketPolicy",
            Bucket={"Ref": "Bucket"},
            PolicyDocument={"Version": "2012-10-17", "Statement": [deny]},
        ),
        "Role": resource(
            "IAM::Role",
            AssumeRolePolicyDocument=TRUST_LAMBDA,
            Policies=[{"PolicyName": "p", "PolicyDocument": {"Version": "2012-10-17", "Statement": [allow]}}],
        ),
        "Function": function(PUTTING, BUCKET={"Ref": "Bucket"}),
    }

    def error(made: Stack) -> Any:
        answer = made.emulator.client("lambda").invoke(FunctionName=made.ids["Function"])
        return json.loads(answer["Payload"].read() or "null")

    with stack(stock, resources) as made:
        assert "AccessDenied" in error(made)["errorMessage"]
    with stack(patched, resources) as made:
        assert error(made) is None
        # Nobody else's requests count so, whoever they are.
        iam = patched.client("iam")
        name = f"u-{uuid.uuid4().hex[:12]}"
        iam.create_user(UserName=name)
        policy = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}
        iam.put_user_policy(UserName=name, PolicyName="p", PolicyDocument=json.dumps(policy))
        keys = iam.create_access_key(UserName=name)["AccessKey"]
        for tls in (True, False):
            s3 = patched.client("s3", credentials=keys, tls=tls)
            assert allowed(s3.put_object, Bucket=made.ids["Bucket"], Key="b") is tls


# --- EventBridge


def ruled(retries: int, *, alias: bool = False) -> Resources:
    code = FAILING
    resources = readers("")
    del resources["Table"], resources["Mapping"]
    target: dict[str, Any] = {"Fn::GetAtt": ["Function", "Arn"]}
    qualifier: Any = "$LATEST"
    if alias:
        target, qualifier = {"Ref": "Live"}, "live"
        resources["Version"] = resource("Lambda::Version", FunctionName={"Ref": "Function"})
        resources["Live"] = resource(
            "Lambda::Alias",
            FunctionName={"Ref": "Function"},
            FunctionVersion={"Fn::GetAtt": ["Version", "Version"]},
            Name="live",
        )
    return resources | {
        "Function": function(code),
        "Settings": resource(
            "Lambda::EventInvokeConfig",
            depends=["Live"] if alias else [],
            FunctionName={"Ref": "Function"},
            Qualifier=qualifier,
            MaximumRetryAttempts=retries,
            DestinationConfig={"OnFailure": {"Destination": {"Fn::GetAtt": ["Failures", "Arn"]}}},
        ),
        "Rule": resource(
            "Events::Rule", EventPattern={"source": ["test"]}, Targets=[{"Id": "t", "Arn": target}], State="ENABLED"
        ),
    }


def send_event(made: Stack, x: str) -> None:
    entry = {"Source": "test", "DetailType": "d", "Detail": json.dumps({"x": x})}
    assert made.emulator.client("events").put_events(Entries=[entry])["FailedEntryCount"] == 0


def test_function_that_eventbridge_invokes_has_its_retries(stock: Emulator, patched: Emulator) -> None:
    with stack(stock, ruled(1)) as made:
        send_event(made, "a")
        until(lambda: calls(made))
        time.sleep(2)  # the second attempt would come after one second
        assert calls(made) == ["a"]
        assert dead_letters(made) == []

    for alias in (False, True):
        with stack(patched, ruled(1, alias=alias)) as made:
            send_event(made, "a")
            until(lambda: dead_letters(made))
            assert calls(made) == ["a", "a"]
            (letter,) = dead_letters(made)
            assert letter["requestContext"]["condition"] == "RetriesExhausted"
            assert letter["requestPayload"]["detail"] == {"x": "a"}
            assert letter["responsePayload"]["errorMessage"] == "always"


def test_eventbridge_is_told_the_version_of_an_object(stock: Emulator, patched: Emulator) -> None:
    queue = {"Fn::GetAtt": ["Told", "Arn"]}
    versions = {"Status": "Enabled"}
    heard = {"Effect": "Allow", "Principal": "*", "Action": "sqs:SendMessage", "Resource": queue}
    resources = {
        "Told": resource("SQS::Queue"),
        "Heard": resource("SQS::QueuePolicy", Queues=[{"Ref": "Told"}], PolicyDocument={"Statement": [heard]}),
        "Rule": resource("Events::Rule", EventPattern={"source": ["aws.s3"]}, Targets=[{"Id": "t", "Arn": queue}]),
        "Bucket": resource(
            "S3::Bucket",
            depends=["Rule", "Heard"],
            NotificationConfiguration={"EventBridgeConfiguration": {"EventBridgeEnabled": True}},
            VersioningConfiguration=versions,
        ),
    }

    def told(made: Stack) -> list[tuple[str, str]]:
        """Of the next events the key, and the version if it has one."""
        sqs = made.emulator.client("sqs")
        answer = sqs.receive_message(QueueUrl=made.ids["Told"], MaxNumberOfMessages=10, WaitTimeSeconds=10)
        found = answer["Messages"]
        objects = [json.loads(one["Body"])["detail"]["object"] for one in found]
        return [(one["key"], one.get("version-id", "")) for one in objects]

    def put(made: Stack, key: str) -> tuple[str, str]:
        answer = made.emulator.client("s3").put_object(Bucket=made.ids["Bucket"], Key=key)
        return key, answer.get("VersionId", "")

    for emulator, known in ((stock, False), (patched, True)):
        with stack(emulator, resources) as made:
            put_ones = {put(made, key) for key in ("a", "a", "b")}
            assert "" not in {version for _, version in put_ones}
            found: list[tuple[str, str]] = []
            while len(found) < 3:
                found += told(made)
            assert set(found) == (put_ones if known else {("a", ""), ("b", "")})
