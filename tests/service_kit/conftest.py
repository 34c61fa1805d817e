"""What the tests of the kit share: a world of AWS for one service, and the context of an invocation.

The kit finds everything by the variables that a template gives to a function; here they name what is on the emulator.
"""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from botocore.exceptions import ClientError

from troposphere_arch import local
from troposphere_arch.service_kit import context, table

Json = dict[str, Any]
KEYS = ("pk", "sk")


@dataclass
class Context:
    """The context of one invocation; `remaining` gives the milliseconds left, call by call, the last one for good."""

    remaining: list[int] = field(default_factory=lambda: [60_000])
    aws_request_id: str = "11111111-2222-3333-4444-555555555555"

    def get_remaining_time_in_millis(self) -> int:
        return self.remaining.pop(0) if len(self.remaining) > 1 else self.remaining[0]


@dataclass
class Clock:
    """A time that stands still unless somebody sleeps or moves it."""

    now: float = 1_800_000_000.0
    slept: list[float] = field(default_factory=list)

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


class Killed(BaseException):
    """The function ends here: nothing in it can catch this."""


def quiet(_: str, __: str) -> None:
    """A plan: all goes well."""


@dataclass
class Door:
    """Between the kit's clients and AWS: `plan` sees each request twice, before it is sent and when it was answered.

    What it raises then is what happens: an `Exception` to the request, `Killed` to the function.
    """

    plan: Callable[[str, str], None] = quiet
    guarded: set[str] = field(default_factory=set)

    def guard(self, client: Any) -> None:
        service = client.meta.service_model.service_name
        if service not in self.guarded:
            client.meta.events.register("before-send", lambda **_: self.plan(service, "before"))
            client.meta.events.register("after-call", lambda **_: self.plan(service, "after"))
            self.guarded.add(service)


def broken(service: str) -> Callable[[str, str], None]:
    """A plan: this service refuses everything."""

    def plan(asked: str, _: str) -> None:
        if asked == service:
            raise ClientError({"Error": {"Code": "Refused", "Message": "of anna@example.com"}}, "Operation")

    return plan


@dataclass
class World:
    """What the service works with. Its bus hands all on to a queue, so that a test can see what was told."""

    emulator: local.Emulator
    table: str
    queue: str
    fifo: str
    stream: str
    bucket: str
    topic: str
    subscriber: str
    bus: str
    told_queue: str
    door: Door = field(default_factory=Door)

    def items(self, partition: str) -> list[Json]:
        found: list[Json] = table.items().query(
            KeyConditionExpression="pk = :pk", ExpressionAttributeValues={":pk": partition}, ConsistentRead=True
        )["Items"]
        return found

    def item(self, pk: str, sk: str) -> Json | None:
        found: Json | None = table.items().get_item(Key={"pk": pk, "sk": sk}, ConsistentRead=True).get("Item")
        return found

    def mark(self, id: str) -> Json | None:
        """Of the message with this id."""
        return self.item(f"kit#message#{id}", "mark")

    def received(self, queue: str) -> list[Json]:
        """All that is in a queue, taken out of it, as SQS gives it."""
        sqs, found = self.emulator.client("sqs"), []
        while batch := sqs.receive_message(
            QueueUrl=queue,
            MaxNumberOfMessages=10,
            MessageAttributeNames=["All"],
            MessageSystemAttributeNames=["All"],
        ).get("Messages", []):
            found += batch
            for one in batch:
                sqs.delete_message(QueueUrl=queue, ReceiptHandle=one["ReceiptHandle"])
        return found

    def sent(self, queue: str | None = None) -> list[Json]:
        """The envelopes in a queue."""
        return [json.loads(one["Body"]) for one in self.received(queue or self.queue)]

    def told(self, least: int = 0) -> list[Json]:
        """What was told since the last look: at least so many, since the bus takes its time."""
        found: list[Json] = []
        for _ in range(200):
            found += [json.loads(one["Body"]) for one in self.received(self.told_queue)]
            if len(found) >= least:
                break
            time.sleep(0.01)
        assert all(one["detail-type"] == "Request progress" for one in found)
        assert all(one["source"] == one["detail"]["service"] == "orders" for one in found)
        return [one["detail"] for one in found]

    def states(self, least: int = 0) -> list[tuple[str, str]]:
        """What was told, as (request, state)."""
        return [(one["request"], one["state"]) for one in self.told(least)]


def _make(emulator: local.Emulator) -> World:
    name = f"kit-{uuid.uuid4().hex[:8]}"
    dynamodb, sqs, sns = emulator.client("dynamodb"), emulator.client("sqs"), emulator.client("sns")
    events, kinesis, s3 = emulator.client("events"), emulator.client("kinesis"), emulator.client("s3")
    dynamodb.create_table(
        TableName=name,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"} for key in KEYS],
        KeySchema=[{"AttributeName": key, "KeyType": kind} for key, kind in zip(KEYS, ("HASH", "RANGE"), strict=True)],
    )

    def queue(what: str, **attributes: str) -> str:
        url: str = sqs.create_queue(QueueName=f"{name}-{what}", Attributes=attributes)["QueueUrl"]
        return url

    def arn(url: str) -> str:
        found: str = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        return found

    def open_for(url: str, service: str) -> None:
        allowed = {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sqs:SendMessage", "Resource": "*"}
        policy = json.dumps({"Version": "2012-10-17", "Statement": [allowed]})
        sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy})

    work, fifo = queue("work"), queue("work.fifo", FifoQueue="true")
    subscriber, told = queue("subscriber"), queue("told")
    topic = sns.create_topic(Name=name)["TopicArn"]
    open_for(subscriber, "sns.amazonaws.com")
    chosen = {"RawMessageDelivery": "true", "FilterPolicy": json.dumps({"event": ["order-placed"]})}
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn(subscriber), Attributes=chosen)
    events.create_event_bus(Name=name)
    open_for(told, "events.amazonaws.com")
    pattern = json.dumps({"detail-type": ["Request progress"]})
    events.put_rule(Name=name, EventBusName=name, EventPattern=pattern)
    events.put_targets(Rule=name, EventBusName=name, Targets=[{"Id": "told", "Arn": arn(told)}])
    kinesis.create_stream(StreamName=name, ShardCount=1)
    kinesis.get_waiter("stream_exists").wait(StreamName=name, WaiterConfig={"Delay": 1})
    s3.create_bucket(Bucket=name)
    s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    return World(emulator, name, work, fifo, name, name, topic, subscriber, name, told)


@pytest.fixture(scope="module")
def made(patched: local.Emulator) -> Iterator[World]:
    """The clients of the kit are kept in the process: those of other tests are none of ours."""
    context.aws.cache_clear()
    table._table.cache_clear()
    yield _make(patched)
    context.aws.cache_clear()
    table._table.cache_clear()


@pytest.fixture
def world(made: World, monkeypatch: pytest.MonkeyPatch) -> World:
    variables = made.emulator.environment() | {
        "SERVICE": "orders",
        "SYSTEM": "shop",
        "ITEMS_TABLE": made.table,
        "BUS": made.bus,
        "ATTEMPTS": "3",
        "PAYMENTS_QUEUE": made.queue,
        "ORDER_LINES_QUEUE": made.fifo,
        "STATISTICS_STREAM": made.stream,
        "INVOICES_BUCKET": made.bucket,
        "INVOICES_PREFIX": "paid/",
        "EVENTS_TOPIC": made.topic,
    }
    for variable, value in variables.items():
        monkeypatch.setenv(variable, value)
    for client in (*map(context.aws, ("events", "kinesis", "s3", "sns", "sqs")), table.items().meta.client):
        made.door.guard(client)
    made.door.plan = quiet
    made.told()
    for queue in (made.queue, made.fifo, made.subscriber):
        made.received(queue)
    return made
