"""The functions of mail and edge deployed: which rights each needs, and mail from the stream to the outbox."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.evidence import shows
from tests.handlers.blog_async.conftest import (
    IDENTITY,
    MAIL_SET,
    SENDER,
    TABLE,
    TOKEN,
    Deployed,
    World,
    deploy,
    made,
    statement,
)
from tests.sampling import sampled
from troposphere_arch import local

pytestmark = sampled(3)

TABLE_ARN = f"arn:aws:dynamodb:us-east-1:000000000000:table/{TABLE}"
INDEX_ARN = f"{TABLE_ARN}/index/Owed"
NAMESPACE = {"StringEquals": {"cloudwatch:namespace": "troposphere-arch/blog"}}
SETS = IDENTITY.rpartition(":")[0] + f":configuration-set/{MAIL_SET}"
VARIABLES = {
    "send_mail": (
        *("SUBSCRIBERS_TABLE", "SENDER_ADDRESS", "SENDER_IDENTITY_ARN", "MAIL_SET"),
        *("BLOG_URL", "BLOG_TITLE", "WELCOME_SUBJECT", "WELCOME_TEXT"),
    ),
    "watch_mail": ("NAMESPACE", "SUBSCRIBERS_TABLE", "STACK"),
    "redrive_mail": ("SUBSCRIBERS_TABLE", "MAIL_FAILURES_QUEUE"),
    "watch_edge": ("EDGE_ID", "NAMESPACE", "STACK", "EDGE_METRICS_REGION"),
}


def deployed(emulator: local.Emulator, name: str, variables: dict[str, str]) -> Deployed:
    """With the variables that its arrows give it, and no other."""
    return deploy(emulator, name, {variable: variables[variable] for variable in VARIABLES[name]})


def each_is_needed(function: Deployed, rights: list[dict[str, Any]], works: Callable[[], bool]) -> None:
    """With all rights it works; without any single one it does not."""
    function.allow(rights)
    assert works()
    for missing in rights:
        function.allow([right for right in rights if right is not missing] or [statement("sts:GetCallerIdentity", "*")])
        assert not works(), f"it needs no {missing['Action']}"
    function.allow(rights)
    assert works()


@shows("REQ-B10", how="stock")
def test_the_rights_of_send_mail(world: World) -> None:
    """The unmodified emulator asks for ses:SendEmail on `*`; the test below has it as AWS does."""
    function = deployed(world.stock, "send_mail", world.variables)

    def works() -> bool:
        address = world.subscriber("welcome-wanted")
        answer, failed = function.invoke({"Records": world.records(address)})
        sent = world.item(address)["mail"] == "welcome-sent"
        assert not failed, "it never raises: Lambda hears which record failed"
        assert sent == (answer == {"batchItemFailures": []}) == (len(world.outbox(address)) == 1)
        return sent

    each_is_needed(function, [statement("dynamodb:UpdateItem", TABLE_ARN), statement("ses:SendEmail", "*")], works)


@shows("REQ-B10", how="stock")
def test_the_rights_of_watch_mail(world: World) -> None:
    function = deployed(world.stock, "watch_mail", world.variables)
    rights = [statement("dynamodb:Query", INDEX_ARN), statement("cloudwatch:PutMetricData", "*")]
    each_is_needed(function, rights, lambda: not function.invoke({})[1])


@shows("REQ-B10", how="stock")
def test_the_rights_of_redrive_mail(world: World) -> None:
    function = deployed(world.stock, "redrive_mail", world.variables)
    queue = f"arn:aws:sqs:us-east-1:000000000000:{world.queue.rpartition('/')[2]}"
    arrived = {"streamArn": f"{TABLE_ARN}/stream/x", "approximateArrivalOfLastRecord": "2026-01-01T00:00:00Z"}

    def works() -> bool:
        world.subscriber("confirm-refused", owedSince=1)
        world.stock.client("sqs").purge_queue(QueueUrl=world.queue)
        body = json.dumps({"DDBStreamBatchInfo": arrived})
        world.stock.client("sqs").send_message(QueueUrl=world.queue, MessageBody=body)
        answer, failed = function.invoke({"redrive": "refused"})
        return not failed and answer["redriven"] >= 1 and answer["messagesDeleted"] == 1

    rights = [
        statement("dynamodb:Query", INDEX_ARN),
        statement("dynamodb:UpdateItem", TABLE_ARN),
        statement("sqs:ReceiveMessage", queue),
        statement("sqs:DeleteMessage", queue),
    ]
    each_is_needed(function, rights, works)


@shows("REQ-B4", how="stock")
def test_the_rights_of_watch_edge(world: World) -> None:
    function = deployed(world.stock, "watch_edge", world.variables)

    def works() -> bool:
        dimensions = [
            {"Name": "DistributionId", "Value": world.variables["EDGE_ID"]},
            {"Name": "Region", "Value": "Global"},
        ]
        datum = {"MetricName": "Requests", "Dimensions": dimensions, "Value": 3.0, "Timestamp": time.time() - 150}
        world.stock.client("cloudwatch").put_metric_data(Namespace="AWS/CloudFront", MetricData=[datum])
        answer, failed = function.invoke({})
        return not failed and answer["Requests"] >= 3

    rights = [statement("cloudwatch:GetMetricData", "*"), statement("cloudwatch:PutMetricData", "*")]
    each_is_needed(function, rights, works)


# --- as AWS has it: the emulator with our patches


@pytest.fixture(scope="module")
def variables(patched: local.Emulator) -> dict[str, str]:
    return made(patched)


@pytest.fixture
def people(patched: local.Emulator, variables: dict[str, str]) -> Iterator[World]:
    """Only what is made there, without handlers or gates: nothing owed, and an empty queue."""
    places = (variables[name] for name in ("UPLOADS_BUCKET", "MEDIA_BUCKET", "MAIL_FAILURES_QUEUE"))
    yield World(patched, {}, {}, variables, *places)
    for page in patched.client("dynamodb").get_paginator("scan").paginate(TableName=TABLE):
        for item in page["Items"]:
            patched.client("dynamodb").delete_item(TableName=TABLE, Key={"address": item["address"]})


def from_sender(address: str = SENDER) -> dict[str, Any]:
    return {"StringEquals": {"ses:FromAddress": address}}


RIGHTS_TO_SEND = [
    statement("ses:SendEmail", IDENTITY, **from_sender()),
    statement("ses:SendEmail", SETS, **from_sender()),
]


@shows("REQ-B10", how="patched")
def test_the_right_to_send_is_for_one_identity_one_set_and_one_sender(patched: local.Emulator, people: World) -> None:
    function = deployed(patched, "send_mail", people.variables)
    update = statement("dynamodb:UpdateItem", TABLE_ARN)

    def works() -> bool:
        address = people.subscriber("welcome-wanted")
        function.invoke({"Records": people.records(address)})
        assert people.item(address)["mail"] in ("welcome-sent", "welcome-refused")
        return people.item(address)["mail"] == "welcome-sent"

    each_of_two = RIGHTS_TO_SEND
    function.allow([update, *each_of_two])
    assert works()
    for wrong in (
        [each_of_two[0]],
        [each_of_two[1]],
        [statement("ses:SendEmail", IDENTITY + "x", **from_sender()), each_of_two[1]],
        [statement("ses:SendEmail", [IDENTITY, SETS], **from_sender("other@example.com"))],
    ):
        function.allow([update, *wrong])
        assert not works(), wrong


@shows("REQ-B10", how="patched")
@pytest.mark.parametrize("name", ["watch_mail", "watch_edge"])
def test_metrics_go_into_one_namespace(patched: local.Emulator, people: World, name: str) -> None:
    function = deployed(patched, name, people.variables)
    ask = {
        "watch_mail": statement("dynamodb:Query", INDEX_ARN),
        "watch_edge": statement("cloudwatch:GetMetricData", "*"),
    }
    dimensions = [
        {"Name": "DistributionId", "Value": people.variables["EDGE_ID"]},
        {"Name": "Region", "Value": "Global"},
    ]
    datum = {"MetricName": "Requests", "Dimensions": dimensions, "Value": 3.0, "Timestamp": time.time() - 150}
    patched.client("cloudwatch").put_metric_data(Namespace="AWS/CloudFront", MetricData=[datum])
    function.allow([ask[name], statement("cloudwatch:PutMetricData", "*", **NAMESPACE)])
    assert not function.invoke({})[1]
    other = {"StringEquals": {"cloudwatch:namespace": "another"}}
    function.allow([ask[name], statement("cloudwatch:PutMetricData", "*", **other)])
    assert function.invoke({})[1]


def until(found: Callable[[], Any], seconds: float = 40) -> Any:
    deadline = time.monotonic() + seconds
    while not (value := found()) and time.monotonic() < deadline:
        time.sleep(0.2)
    assert value, "it did not come about"
    return value


@pytest.fixture
def mapped(patched: local.Emulator, people: World) -> Iterator[None]:
    """SendMail at the table's stream, as the template has it: filtered, bounded, halved, with a queue for the rest."""
    function = deployed(patched, "send_mail", people.variables)
    function.allow([statement("dynamodb:UpdateItem", TABLE_ARN), *RIGHTS_TO_SEND])
    functions = patched.client("lambda")
    stream = patched.client("dynamodb").describe_table(TableName=TABLE)["Table"]["LatestStreamArn"]
    queue = f"arn:aws:sqs:us-east-1:000000000000:{people.queue.rpartition('/')[2]}"
    pattern = {"dynamodb": {"NewImage": {"mail": {"S": ["confirm-wanted", "welcome-wanted"]}}}}
    mapping = functions.create_event_source_mapping(
        EventSourceArn=stream,
        FunctionName=function.function,
        StartingPosition="LATEST",
        BatchSize=10,
        MaximumRetryAttempts=2,
        BisectBatchOnFunctionError=True,
        FunctionResponseTypes=["ReportBatchItemFailures"],
        FilterCriteria={"Filters": [{"Pattern": json.dumps(pattern)}]},
        DestinationConfig={"OnFailure": {"Destination": queue}},
    )["UUID"]
    time.sleep(1.5)  # LATEST is from the first poll on
    yield
    functions.delete_event_source_mapping(UUID=mapping)


@shows("REQ-B5", "REQ-B10", how="patched")
@pytest.mark.usefixtures("mapped")
def test_from_the_stream_to_the_outbox_and_by_the_queue_of_failures(patched: local.Emulator, people: World) -> None:
    one = people.subscriber("confirm-wanted")
    [mail] = until(lambda: people.outbox(one))
    assert mail["ConfigurationSetName"] == MAIL_SET
    people.set(one, state="confirmed", mail="welcome-wanted", owed="mail", owedSince=int(time.time()))
    until(lambda: people.item(one)["mail"] == "welcome-sent")

    # SES takes nothing from who is not verified (any more).
    ses, sqs = patched.client("sesv2"), patched.client("sqs")
    ses.delete_email_identity(EmailIdentity="example.com")
    two = people.subscriber("welcome-wanted")
    count = ["ApproximateNumberOfMessages"]

    def waiting() -> int:
        found = sqs.get_queue_attributes(QueueUrl=people.queue, AttributeNames=count)["Attributes"]
        return int(found[count[0]])

    until(waiting)
    assert people.item(two)["mail"] == "welcome-refused"
    assert people.outbox(two) == []

    ses.create_email_identity(EmailIdentity="example.com")
    redrive = deployed(patched, "redrive_mail", people.variables)
    queue = f"arn:aws:sqs:us-east-1:000000000000:{people.queue.rpartition('/')[2]}"
    redrive.allow(
        [
            statement("dynamodb:Query", INDEX_ARN),
            statement("dynamodb:UpdateItem", TABLE_ARN),
            statement(["sqs:ReceiveMessage", "sqs:DeleteMessage"], queue),
        ]
    )
    answer, failed = redrive.invoke({"redrive": "refused"})
    assert not failed
    assert (answer["redriven"], answer["messagesDeleted"] >= 1, answer["more"]) == (1, True, False)
    until(lambda: people.item(two)["mail"] == "welcome-sent")
    time.sleep(2)
    assert [len(people.outbox(address)) for address in (one, two)] == [2, 1]
    assert waiting() == 0
    assert TOKEN in people.outbox(two)[0]["BodyText"]
