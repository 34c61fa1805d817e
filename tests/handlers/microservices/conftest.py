"""What the tests of the platform's functions share: both as modules, the table between them, and services that tell.

A test calls `world.record(told("r", "orders", "done"))` and `world.status("r")`; the events are those that Lambda would
send. Every test has requests of its own, so that all can share one table.
"""

from __future__ import annotations

import importlib.util
import json
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import ModuleType
from typing import Any
from urllib.parse import quote

import pytest

from tests.handlers.conftest import Context, Reply
from troposphere_arch import local
from troposphere_arch.runtime import PYTHON_RUNTIME

HANDLERS = Path(__file__).parents[3] / "troposphere_arch" / "handlers" / "microservices"
TABLE = "requests-of-the-handler-tests"
CALL = "the-call-itself-1234"
Json = dict[str, Any]


def ago(**since: float) -> str:
    """A time as the kit tells it."""
    return (datetime.now(UTC) - timedelta(**since)).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def told(request: str, service: str, state: str, at: str | None = None, **more: Any) -> Json:
    """What EventBridge makes of a service's word; `more` are fields of the detail, or of the event as `event`."""
    changes = more.pop("event", {})
    detail = {"request": request, "service": service, "state": state, "at": at or ago(seconds=1), **more}
    return {
        "version": "0",
        "id": str(uuid.uuid4()),
        "detail-type": "Request progress",
        "source": service,
        "account": "000000000000",
        "time": "2026-01-01T00:00:00Z",
        "region": "us-east-1",
        "resources": [],
        "detail": detail,
    } | changes


def batch(*bodies: Any) -> Json:
    """The event of the queue; a body that is no text is sent as JSON. The ids of messages are 0, 1, 2 ..."""
    texts = [body if isinstance(body, str) else json.dumps(body) for body in bodies]
    return {
        "Records": [
            {"messageId": str(number), "body": text, "eventSource": "aws:sqs"} for number, text in enumerate(texts)
        ]
    }


def question(request: Any, **changes: Any) -> Json:
    """The event of API Gateway for GET /requests/{id}; an id that is a text is there as it was sent."""
    sent = quote(request, safe="", errors="surrogatepass") if isinstance(request, str) else request
    return {
        "resource": "/requests/{id}",
        "path": f"/requests/{sent}",
        "httpMethod": "GET",
        "headers": {"X-Request-Id": CALL},
        "queryStringParameters": None,
        "pathParameters": {"id": sent},
        "requestContext": {"requestId": "33333333-2222-3333-4444-555555555555"},
        "body": None,
    } | changes


@dataclass
class World:
    """Both functions, and the table between them."""

    record_progress: ModuleType
    read_status: ModuleType
    dynamodb: Any

    def record(self, *bodies: Any, context: Context | None = None) -> list[int]:
        """Which of these messages are to come again."""
        answer = self.record_progress.handler(batch(*bodies), context or Context())
        assert answer.keys() == {"batchItemFailures"}
        return [int(one["itemIdentifier"]) for one in answer["batchItemFailures"]]

    def ask(self, request: Any, context: Context | None = None, **changes: Any) -> Reply:
        answer = self.read_status.handler(question(request, **changes), context or Context())
        assert answer.keys() == {"statusCode", "headers", "body"}
        assert answer["headers"]["Cache-Control"] == "no-store"
        return Reply(answer["statusCode"], answer["headers"], answer["body"])

    def status(self, request: str) -> Json:
        reply = self.ask(request)
        assert reply.status == 200
        status: Json = reply.body
        assert status.keys() - {"result"} == {"request", "state", "overdue", "steps"}
        return status

    def items(self, request: str) -> list[Json]:
        found: list[Json] = self.dynamodb.query(
            TableName=TABLE,
            KeyConditionExpression="#r = :r",
            ExpressionAttributeNames={"#r": "request"},
            ExpressionAttributeValues={":r": {"S": request}},
        )["Items"]
        return found


def load(name: str) -> ModuleType:
    """A handler's file as a module of its own, as Lambda loads it."""
    spec = importlib.util.spec_from_file_location(name, HANDLERS / f"{name}.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def world(stock: local.Emulator) -> World:
    dynamodb = stock.client("dynamodb")
    dynamodb.create_table(
        TableName=TABLE,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in ("request", "step")],
        KeySchema=[{"AttributeName": "request", "KeyType": "HASH"}, {"AttributeName": "step", "KeyType": "RANGE"}],
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("AWS_ENDPOINT_URL", raising=False)
        for variable, value in {**stock.environment(), "REQUESTS_TABLE": TABLE}.items():
            patch.setenv(variable, value)
        return World(load("record_progress"), load("read_status"), dynamodb)


@pytest.fixture
def request_id() -> str:
    return str(uuid.uuid4())


@dataclass
class Deployed:
    """A handler as a function whose role holds just these rights: a role that may do everything would prove nothing."""

    name: str
    stock: local.Emulator
    outputs: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        trust = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "lambda.amazonaws.com"}}
        role = {"AssumeRolePolicyDocument": {"Version": "2012-10-17", "Statement": [trust]}}
        function = {
            "Runtime": PYTHON_RUNTIME,
            "Handler": "index.handler",
            "Timeout": 30,
            "Role": {"Fn::GetAtt": ["Role", "Arn"]},
            "Code": {"ZipFile": (HANDLERS / f"{self.name}.py").read_text(encoding="utf-8")},
            "Environment": {"Variables": {"REQUESTS_TABLE": TABLE}},
        }
        template = {
            "Resources": {
                "Role": {"Type": "AWS::IAM::Role", "Properties": role},
                "Function": {"Type": "AWS::Lambda::Function", "Properties": function},
            },
            "Outputs": {"Function": {"Value": {"Ref": "Function"}}, "Role": {"Value": {"Ref": "Role"}}},
        }
        stack = f"{self.name.replace('_', '-')}-{uuid.uuid4().hex[:8]}"
        cloudformation = self.stock.client("cloudformation")
        cloudformation.create_stack(StackName=stack, TemplateBody=json.dumps(template), Capabilities=["CAPABILITY_IAM"])
        cloudformation.get_waiter("stack_create_complete").wait(StackName=stack, WaiterConfig={"Delay": 1})
        outputs = cloudformation.describe_stacks(StackName=stack)["Stacks"][0]["Outputs"]
        self.outputs.update({output["OutputKey"]: output["OutputValue"] for output in outputs})

    def allow(self, *actions: str) -> None:
        here = f"arn:aws:dynamodb:*:*:table/{TABLE}"
        denied = {"Effect": "Deny", "Action": "*", "Resource": "*"}
        statements = [{"Effect": "Allow", "Action": action, "Resource": here} for action in actions] or [denied]
        self.stock.client("iam").put_role_policy(
            RoleName=self.outputs["Role"],
            PolicyName="rights",
            PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": statements}),
        )

    def invoke(self, event: Json) -> Json | None:
        """The answer; none when the function failed."""
        answer = self.stock.client("lambda").invoke(
            FunctionName=self.outputs["Function"], Payload=json.dumps(event).encode()
        )
        payload: Json = json.loads(answer["Payload"].read())
        return None if "FunctionError" in answer else payload
