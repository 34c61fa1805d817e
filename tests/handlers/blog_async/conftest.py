"""What the tests of the functions that nobody waits for share: the handlers as modules, and what they work on.

All of it is on the unmodified emulator: table with stream and index, SES, queue, buckets, metrics. Between a handler
and each service is a `Gate`, at which a test lets networks and services fail.
"""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tests.handlers.blog_async.gate import Gate, gate
from troposphere_arch import layers, local
from troposphere_arch.layers import builder
from troposphere_arch.runtime import PYTHON_RUNTIME

HANDLERS = Path(__file__).parents[3] / "troposphere_arch" / "handlers" / "blog"
TABLE = "subscribers-of-the-handler-tests"
SENDER = "blog@example.com"
IDENTITY = "arn:aws:ses:us-east-1:000000000000:identity/example.com"
MAIL_SET = "set-of-the-handler-tests"
URL = "https://blog.example.com"
TITLE = "MyBlog.com — {url} café"
HELLO = "Grüezi"
EDGE = "E2EXAMPLE"
SERVICES = ("dynamodb", "sesv2", "s3", "cloudwatch", "sqs")
TOKEN = "Tok3n-of_a-subscriber-0123456789"


@dataclass
class Context:
    """The context of one invocation; `remaining` gives the milliseconds left, call by call, the last one for good."""

    remaining: list[int] = field(default_factory=lambda: [60_000])
    aws_request_id: str = "11111111-2222-3333-4444-555555555555"

    def get_remaining_time_in_millis(self) -> int:
        return self.remaining.pop(0) if len(self.remaining) > 1 else self.remaining[0]


def file_of(name: str) -> Path:
    """Where a handler's source is: the one that watches an edge is not the blog's alone."""
    return (HANDLERS.with_name("edge") if name == "watch_edge" else HANDLERS) / f"{name}.py"


def load(name: str) -> ModuleType:
    """A handler's file as a module of its own, as Lambda loads it."""
    spec = importlib.util.spec_from_file_location(name, file_of(name))
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@dataclass
class World:
    """The handlers, what they work on, and the gates before it."""

    stock: local.Emulator
    gates: dict[str, Gate]
    environment: dict[str, str]
    variables: dict[str, str]
    uploads: str
    media: str
    queue: str
    modules: dict[str, ModuleType] = field(default_factory=dict)

    def invoke(self, name: str, event: Any, context: Context | None = None) -> Any:
        """What the handler answers; what it raises is raised."""
        answer = self.modules[name].handler(event, context or Context())
        return json.loads(json.dumps(answer))

    def killed(self, name: str, event: Any, service: str, number: int, *, after: bool = False) -> None:
        """Invoke the handler in a process of its own, and kill that at its n-th request to this service.

        The service does not see that request; with `after` it has done it, and the process never hears of it.
        """
        script = (
            "import importlib.util, json, sys, types\n"
            "spec = importlib.util.spec_from_file_location('index', sys.argv[1])\n"
            "index = importlib.util.module_from_spec(spec)\n"
            "spec.loader.exec_module(index)\n"
            "context = types.SimpleNamespace(aws_request_id='k', get_remaining_time_in_millis=lambda: 60_000)\n"
            "print('ANSWER', json.dumps(index.handler(json.load(sys.stdin), context)))\n"
        )
        command = [sys.executable, "-c", script, str(file_of(name))]
        path = {"PATH": os.environ["PATH"]}
        process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=path | self.environment
        )

        def kill(passage: Any) -> None:
            if after:
                passage.forward()
            process.kill()
            process.wait()
            passage.cut()

        through = [lambda passage: passage.say(*passage.forward())] * (number - 1)
        self.gates[service].plan[:] = [*through, kill]
        said, _ = process.communicate(json.dumps(event), timeout=60)
        assert process.returncode == -9, said
        assert "ANSWER" not in said
        assert not self.gates[service].plan, "it was killed by that request"

    # --- subscribers and mail

    def subscriber(self, mail: str = "confirm-wanted", **changes: Any) -> str:
        """A new subscriber as the function Subscribe writes one; gives the address."""
        kind = mail.partition("-")[0]
        item: dict[str, Any] = {
            "address": f"{uuid.uuid4().hex}@example.com",
            "state": "pending" if kind == "confirm" else "confirmed",
            "token": TOKEN,
            "askedAt": int(time.time()),
            "mail": mail,
            "owed": "mail",
            "owedSince": int(time.time()),
        }
        item |= changes
        self.put(item)
        return str(item["address"])

    def put(self, item: dict[str, Any]) -> None:
        typed = {k: {"N": str(v)} if isinstance(v, int) else {"S": v} for k, v in item.items() if v is not None}
        self.stock.client("dynamodb").put_item(TableName=TABLE, Item=typed)

    def item(self, address: str) -> dict[str, Any]:
        found = self.stock.client("dynamodb").get_item(
            TableName=TABLE, Key={"address": {"S": address}}, ConsistentRead=True
        )
        return {k: int(v["N"]) if "N" in v else v["S"] for k, v in found["Item"].items()}

    def set(self, address: str, **changes: Any) -> None:
        self.put(self.item(address) | changes)

    def records(self, *addresses: str) -> list[dict[str, Any]]:
        """What the table's stream tells of these subscribers' wanted mail, as an event source mapping filters it."""
        streams = self.stock.client("dynamodbstreams")
        arn = self.stock.client("dynamodb").describe_table(TableName=TABLE)["Table"]["LatestStreamArn"]
        found = []
        for shard in streams.describe_stream(StreamArn=arn)["StreamDescription"]["Shards"]:
            at: str | None = streams.get_shard_iterator(
                StreamArn=arn, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
            )["ShardIterator"]
            while at:
                answer = streams.get_records(ShardIterator=at)
                found += answer["Records"]
                at = answer.get("NextShardIterator") if answer["Records"] else None
        wanted = [
            record
            for record in found
            if record["dynamodb"]["Keys"]["address"]["S"] in addresses
            and record["dynamodb"].get("NewImage", {}).get("mail", {}).get("S", "").endswith("-wanted")
        ]
        return [json.loads(json.dumps(record, default=lambda when: when.timestamp())) for record in wanted]

    def deliver(self, *addresses: str, context: Context | None = None) -> list[str]:
        """Hand the last record of each subscriber to SendMail; gives the addresses whose record is to come again."""
        records = [self.records(address)[-1] for address in addresses]
        answer = self.invoke("send_mail", {"Records": records}, context)
        assert answer.keys() == {"batchItemFailures"}
        numbers = dict(zip((record["dynamodb"]["SequenceNumber"] for record in records), addresses, strict=True))
        return [numbers[failure["itemIdentifier"]] for failure in answer["batchItemFailures"]]

    def outbox(self, address: str) -> list[dict[str, Any]]:
        """What was sent to an address."""
        messages = self.stock.request("GET", f"{self.stock.url}/_ministack/ses/messages").json()["messages"]
        return [message for one in messages.values() for message in one if address in message["To"]]

    # --- metrics

    def metrics(self, stack: str, minutes: int = 5) -> dict[str, list[float]]:
        """What was put for a stack, metric by metric."""
        cloudwatch = self.stock.client("cloudwatch")
        dimensions = [{"Name": "Stack", "Value": stack}]
        named = cloudwatch.list_metrics(Namespace="troposphere-arch/blog", Dimensions=dimensions)["Metrics"]
        found = {}
        for name in sorted({metric["MetricName"] for metric in named}):
            now = time.time()
            points = cloudwatch.get_metric_statistics(
                Namespace="troposphere-arch/blog",
                MetricName=name,
                Dimensions=dimensions,
                StartTime=now - 60 * minutes,
                EndTime=now + 60,
                Period=60 * 60,
                Statistics=["Minimum", "Maximum", "SampleCount"],
            )["Datapoints"]
            found[name] = [points[0]["Minimum"], points[0]["Maximum"], points[0]["SampleCount"]]
        return found


def made(emulator: local.Emulator) -> dict[str, str]:
    """Make table, identity, configuration set, queue and buckets; gives the variables of the handlers."""
    key_types = {"address": "S", "owed": "S", "owedSince": "N"}
    emulator.client("dynamodb").create_table(
        TableName=TABLE,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": name, "AttributeType": kind} for name, kind in key_types.items()],
        KeySchema=[{"AttributeName": "address", "KeyType": "HASH"}],
        GlobalSecondaryIndexes=[
            {
                "IndexName": "Owed",
                "KeySchema": [
                    {"AttributeName": "owed", "KeyType": "HASH"},
                    {"AttributeName": "owedSince", "KeyType": "RANGE"},
                ],
                "Projection": {"ProjectionType": "INCLUDE", "NonKeyAttributes": ["mail"]},
            }
        ],
        StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"},
    )
    ses = emulator.client("sesv2")
    ses.create_email_identity(EmailIdentity="example.com")
    ses.create_configuration_set(ConfigurationSetName=MAIL_SET)
    queue = emulator.client("sqs").create_queue(QueueName=f"failures-{uuid.uuid4().hex}")["QueueUrl"]
    uploads, media = f"uploads-{uuid.uuid4().hex}", f"media-{uuid.uuid4().hex}"
    for bucket in (uploads, media):
        emulator.client("s3").create_bucket(Bucket=bucket)
    return {
        "BLOG_TITLE": TITLE,
        "BLOG_URL": URL,
        "EDGE_ID": EDGE,
        "EDGE_METRICS_REGION": "us-east-1",
        "MAIL_FAILURES_QUEUE": queue,
        "MAIL_SET": MAIL_SET,
        "MEDIA_BUCKET": media,
        "SENDER_ADDRESS": SENDER,
        "SENDER_IDENTITY_ARN": IDENTITY,
        "NAMESPACE": "troposphere-arch/blog",
        "STACK": "stack-of-the-handler-tests",
        "SUBSCRIBERS_TABLE": TABLE,
        "UPLOADS_BUCKET": uploads,
        "WELCOME_SUBJECT": "Welcome to\r\nBcc: evil@example.net {title}",
        "WELCOME_TEXT": f"{HELLO}! {{title}} is at {{url}}. {{0}} {{title!r}} {{state}} %s",
    }


@pytest.fixture(scope="session")
def shared_world(stock: local.Emulator) -> Iterator[World]:
    variables = made(stock)
    with ExitStack() as stack:
        gates = {service: stack.enter_context(gate(stock.port)) for service in SERVICES}
        environment = {
            **stock.environment(),
            **{f"AWS_ENDPOINT_URL_{service.upper()}": gates[service].url for service in SERVICES},
            **variables,
        }
        places = (variables[name] for name in ("UPLOADS_BUCKET", "MEDIA_BUCKET", "MAIL_FAILURES_QUEUE"))
        world = World(stock, gates, environment, variables, *places)
        patch = stack.enter_context(pytest.MonkeyPatch.context())
        for name, value in environment.items():
            patch.setenv(name, value)
        for name in ("send_mail", "watch_mail", "redrive_mail", "make_thumbnails", "watch_edge"):
            world.modules[name] = load(name)
        patch.undo()  # a handler reads its variables once, when it is loaded
        yield world


@pytest.fixture
def world(shared_world: World) -> Iterator[World]:
    """The world, with nothing owed, nothing in the queue, and gates that let all pass."""
    for one in shared_world.gates.values():
        one.reset()
    dynamodb, sqs = shared_world.stock.client("dynamodb"), shared_world.stock.client("sqs")
    for page in dynamodb.get_paginator("scan").paginate(TableName=TABLE):
        for item in page["Items"]:
            dynamodb.delete_item(TableName=TABLE, Key={"address": item["address"]})
    sqs.purge_queue(QueueUrl=shared_world.queue)
    yield shared_world


def statement(actions: str | list[str], resource: str | list[str], **conditions: dict[str, Any]) -> dict[str, Any]:
    return {
        "Effect": "Allow",
        "Action": actions,
        "Resource": resource,
        **({"Condition": conditions} if conditions else {}),
    }


@dataclass
class Deployed:
    """A handler as a function whose role holds just these rights: a role that may do everything would prove nothing."""

    emulator: local.Emulator
    function: str
    role: str

    def allow(self, statements: list[dict[str, Any]]) -> None:
        document = json.dumps({"Version": "2012-10-17", "Statement": statements})
        self.emulator.client("iam").put_role_policy(RoleName=self.role, PolicyName="rights", PolicyDocument=document)

    def invoke(self, event: Any) -> tuple[Any, bool]:
        """The answer, and whether the function failed."""
        answer = self.emulator.client("lambda").invoke(FunctionName=self.function, Payload=json.dumps(event).encode())
        return json.loads(answer["Payload"].read()), "FunctionError" in answer


def deploy(emulator: local.Emulator, name: str, environment: dict[str, str], *, layer: str = "") -> Deployed:
    """Deploy a handler as a template does, inline, with a layer of ours if it has one; its role may do nothing yet."""
    trust = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "lambda.amazonaws.com"}}
    resources: dict[str, Any] = {
        "Role": {
            "Type": "AWS::IAM::Role",
            "Properties": {"AssumeRolePolicyDocument": {"Version": "2012-10-17", "Statement": [trust]}},
        },
        "Function": {
            "Type": "AWS::Lambda::Function",
            "Properties": {
                "Runtime": PYTHON_RUNTIME,
                "Handler": "index.handler",
                "Timeout": 60,
                "MemorySize": 1024,
                "Role": {"Fn::GetAtt": ["Role", "Arn"]},
                "Code": {"ZipFile": file_of(name).read_text()},
                "Environment": {"Variables": environment},
            },
        },
    }
    if layer:
        s3, bucket = emulator.client("s3"), f"layers-{uuid.uuid4().hex}"
        s3.create_bucket(Bucket=bucket)
        s3.put_object(Bucket=bucket, Key=layers.key(layer), Body=builder.build(layer, builder.host()).data)
        content = {"S3Bucket": bucket, "S3Key": layers.key(layer)}
        resources["Layer"] = {"Type": "AWS::Lambda::LayerVersion", "Properties": {"Content": content}}
        resources["Function"]["Properties"]["Layers"] = [{"Ref": "Layer"}]
    outputs = {part: {"Value": {"Ref": part}} for part in ("Function", "Role")}
    stack = f"{name.replace('_', '-')}-{uuid.uuid4().hex[:8]}"
    cloudformation = emulator.client("cloudformation")
    body = json.dumps({"Resources": resources, "Outputs": outputs})
    cloudformation.create_stack(StackName=stack, TemplateBody=body, Capabilities=["CAPABILITY_IAM"])
    cloudformation.get_waiter("stack_create_complete").wait(StackName=stack, WaiterConfig={"Delay": 1})
    found = cloudformation.describe_stacks(StackName=stack)["Stacks"][0]["Outputs"]
    values = {output["OutputKey"]: output["OutputValue"] for output in found}
    return Deployed(emulator, values["Function"], values["Role"])
