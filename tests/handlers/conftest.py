"""What the tests of the to-do handlers share: the handlers as modules, their table and user pool, and people who call.

A test calls `person.get("/todos")` and so on; the event is the one that API Gateway would send. Every person is new, so
that tests can share one table.
"""

from __future__ import annotations

import importlib.util
import json
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import pytest
from botocore.exceptions import ClientError

from troposphere_arch import local
from troposphere_arch.runtime import PYTHON_RUNTIME

HANDLERS = Path(__file__).parents[2] / "troposphere_arch" / "handlers" / "todo"
APP_CLIENT = "app-client-of-the-tests"
TABLE = "todos-of-the-handler-tests"
ORIGIN = "https://todo.example.com"
TOKEN = "phone-1_token"


@dataclass
class Context:
    """The context of one invocation; `remaining` gives the milliseconds left, call by call, the last one for good."""

    remaining: list[int] = field(default_factory=lambda: [29_000])
    aws_request_id: str = "11111111-2222-3333-4444-555555555555"

    def get_remaining_time_in_millis(self) -> int:
        return self.remaining.pop(0) if len(self.remaining) > 1 else self.remaining[0]


class Reply(NamedTuple):
    status: int
    headers: dict[str, str]
    text: str

    @property
    def body(self) -> Any:
        return json.loads(self.text)

    @property
    def error(self) -> tuple[int, str]:
        assert set(self.body) >= {"error", "message"}
        assert self.body["message"].endswith(".")
        return self.status, self.body["error"]


@dataclass
class World:
    """The handlers, and what they work on."""

    read: ModuleType
    write: ModuleType
    delete: ModuleType
    dynamodb: Any
    cognito: Any
    pool: str

    def send(self, event: dict[str, Any], context: Context | None = None) -> Reply:
        module = self.read if event["httpMethod"] == "GET" else self.write
        if event["resource"] == "/me":
            module = self.delete
        answer = module.handler(event, context or Context())
        assert set(answer) == {"statusCode", "headers", "body"}
        return Reply(answer["statusCode"], answer["headers"], answer["body"])

    def partition(self, owner: str) -> list[dict[str, Any]]:
        """Everything that the table holds of an owner, whatever it is."""
        query = {"KeyConditionExpression": "#o = :o", "ExpressionAttributeNames": {"#o": "owner"}}
        pages = self.dynamodb.get_paginator("query").paginate(
            TableName=TABLE, ExpressionAttributeValues={":o": {"S": owner}}, ConsistentRead=True, **query
        )
        return [item for page in pages for item in page["Items"]]

    def put(self, *items: dict[str, Any]) -> None:
        for at in range(0, len(items), 25):
            requests = [{"PutRequest": {"Item": item}} for item in items[at : at + 25]]
            assert not self.dynamodb.batch_write_item(RequestItems={TABLE: requests})["UnprocessedItems"]


@dataclass
class Person:
    world: World
    sub: str = field(default_factory=lambda: str(uuid.uuid4()))
    username: str | None = None

    @property
    def claims(self) -> dict[str, Any]:
        return {
            "sub": self.sub,
            "cognito:username": self.username or self.sub,
            "aud": APP_CLIENT,
            "token_use": "id",
            "email": f"{self.sub}@example.com",
        }

    def event(self, method: str, path: str, body: Any = None, query: dict[str, str] | None = None) -> dict[str, Any]:
        """The event for `/todos`, `/todos/<id>` or `/me`; a body that is no string is sent as JSON."""
        name = path.removeprefix("/todos/") if path.startswith("/todos/") else None
        return {
            "resource": path if name is None else "/todos/{id}",
            "path": path,
            "httpMethod": method,
            "headers": {"Authorization": "eyJ.token.of.the.caller"},
            "queryStringParameters": query,
            "pathParameters": None if name is None else {"id": name},
            "stageVariables": {"origin": ORIGIN},
            "requestContext": {"requestId": "chosen-by-the-client", "authorizer": {"claims": self.claims}},
            "body": body if body is None or isinstance(body, str) else json.dumps(body, ensure_ascii=False),
            "isBase64Encoded": False,
        }

    def get(self, path: str, **query: str) -> Reply:
        return self.world.send(self.event("GET", path, query=query or None))

    def post(self, **fields: Any) -> Reply:
        return self.world.send(self.event("POST", "/todos", fields))

    def put(self, item: str, **fields: Any) -> Reply:
        return self.world.send(self.event("PUT", f"/todos/{item}", fields))

    def delete(self, item: str) -> Reply:
        return self.world.send(self.event("DELETE", f"/todos/{item}"))

    def delete_account(self, context: Context | None = None) -> Reply:
        return self.world.send(self.event("DELETE", "/me"), context)

    def items(self, **query: str) -> list[dict[str, Any]]:
        """The whole list, page by page."""
        found: list[dict[str, Any]] = []
        for _ in range(1000):
            page = self.get("/todos", **query)
            assert page.status == 200
            found += page.body["items"]
            if "next" not in page.body:
                return found
            query["next"] = page.body["next"]
        raise AssertionError("the list has no end")

    @property
    def stored(self) -> list[dict[str, Any]]:
        return self.world.partition(self.sub)


def fault(code: str, *reasons: str) -> ClientError:
    """An error as DynamoDB answers it; its text quotes what an item holds, as real ones can."""
    response: dict[str, Any] = {"Error": {"Code": code, "Message": "title Buy-a-ring of anna@example.com"}}
    if reasons:
        response["CancellationReasons"] = [{"Code": reason} for reason in reasons]
    return ClientError(response, "Operation")  # type: ignore[arg-type]


class Faulty:
    """A client in front of the real one. It notes each call, and first plays the faults given for it.

    A fault is an exception to raise, or a function that gets the real method and the request and answers in its place.
    """

    def __init__(self, real: Any, **faults: list[Any]) -> None:
        self.real = real
        self.faults = faults
        self.calls: list[tuple[str, dict[str, Any]]] = []

    def __getattr__(self, name: str) -> Callable[..., Any]:
        method = getattr(self.real, name)

        def call(**request: Any) -> Any:
            self.calls.append((name, request))
            if not self.faults.get(name):
                return method(**request)
            planned = self.faults[name].pop(0)
            if isinstance(planned, Exception):
                raise planned
            return planned(method, request)

        return call


def todo(owner: str, number: int, **changes: Any) -> dict[str, Any]:
    """An item as the table holds it; a higher number is a newer one."""
    fields = {"title": f"To-do {number}", "notes": "", "done": False, "version": 1} | changes
    stamp = f"2025-01-01T00:00:00.{number:03}Z"
    return {
        "owner": {"S": owner},
        "id": {"S": f"01JGFJJ{number:03}{uuid.uuid4().int % 10**16:016}"},
        "title": {"S": fields["title"]},
        "notes": {"S": fields["notes"]},
        "done": {"BOOL": fields["done"]},
        "version": {"N": str(fields["version"])},
        "createdAt": {"S": stamp},
        "updatedAt": {"S": stamp},
    }


def kinds(person: Person) -> list[str]:
    """What a partition holds: "todo", "token" or "closed", in order."""
    names = [item["id"]["S"] for item in person.stored]
    return ["todo" if name[0].isdigit() else name.split("#")[0] for name in names]


def make(person: Person, **fields: Any) -> dict[str, Any]:
    reply = person.post(**{"title": "Milk"} | fields)
    assert reply.status == 201
    item: dict[str, Any] = reply.body
    return item


def expire(person: Person, name: str) -> None:
    """Make a record one that expired a second ago, which DynamoDB has not removed yet."""
    person.world.dynamodb.update_item(
        TableName=TABLE,
        Key={"owner": {"S": person.sub}, "id": {"S": name}},
        UpdateExpression="SET expires = :past",
        ConditionExpression="attribute_exists(expires)",
        ExpressionAttributeValues={":past": {"N": str(int(time.time()) - 1)}},
    )


def load(name: str) -> ModuleType:
    """A handler's file as a module of its own, as Lambda loads it."""
    spec = importlib.util.spec_from_file_location(name, HANDLERS / f"{name}.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def world(stock: local.Emulator) -> World:
    dynamodb, cognito = stock.client("dynamodb"), stock.client("cognito-idp")
    dynamodb.create_table(
        TableName=TABLE,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in ("owner", "id")],
        KeySchema=[{"AttributeName": "owner", "KeyType": "HASH"}, {"AttributeName": "id", "KeyType": "RANGE"}],
    )
    pool = cognito.create_user_pool(PoolName="handler-tests", UsernameAttributes=["email"])["UserPool"]["Id"]
    with pytest.MonkeyPatch.context() as patch:
        for name, value in stock.environment().items():
            patch.setenv(name, value)
        patch.setenv("TODOS_TABLE", TABLE)
        patch.setenv("APP_CLIENT_ID", APP_CLIENT)
        patch.setenv("USERS_POOL_ID", pool)
        return World(load("read_todos"), load("write_todos"), load("delete_accounts"), dynamodb, cognito, pool)


@dataclass
class Deployed:
    """A handler as a function whose role holds just these rights: a role that may do everything would prove nothing."""

    function: str
    role: str
    stock: local.Emulator

    def invoke(self, event: dict[str, Any]) -> Reply | None:
        """The answer; none when the function failed, as it does when the role lacks a right."""
        answer = self.stock.client("lambda").invoke(FunctionName=self.function, Payload=json.dumps(event).encode())
        payload = json.loads(answer["Payload"].read())
        if "FunctionError" in answer:
            assert "the log line before this one" in payload["errorMessage"], payload
            return None
        return Reply(payload["statusCode"], payload["headers"], payload["body"])

    def allow(self, *actions: str) -> None:
        table = f"arn:aws:dynamodb:*:*:table/{TABLE}"
        statements = [
            {"Effect": "Allow", "Action": action, "Resource": table if action.startswith("dynamodb:") else "*"}
            for action in actions
        ]
        document = json.dumps({"Version": "2012-10-17", "Statement": statements})
        self.stock.client("iam").put_role_policy(RoleName=self.role, PolicyName="rights", PolicyDocument=document)


def deploy(stock: local.Emulator, name: str, environment: dict[str, str]) -> Deployed:
    """Deploy a handler as a template does, inline; its role may do nothing yet."""
    trust = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "lambda.amazonaws.com"}}
    role = {"AssumeRolePolicyDocument": {"Version": "2012-10-17", "Statement": [trust]}}
    function = {
        "Runtime": PYTHON_RUNTIME,
        "Handler": "index.handler",
        "Timeout": 30,
        "Role": {"Fn::GetAtt": ["Role", "Arn"]},
        "Code": {"ZipFile": (HANDLERS / f"{name}.py").read_text()},
        "Environment": {"Variables": environment},
    }
    template = {
        "Resources": {
            "Role": {"Type": "AWS::IAM::Role", "Properties": role},
            "Function": {"Type": "AWS::Lambda::Function", "Properties": function},
        },
        "Outputs": {"Function": {"Value": {"Ref": "Function"}}, "Role": {"Value": {"Ref": "Role"}}},
    }
    stack = f"{name.replace('_', '-')}-{uuid.uuid4().hex[:8]}"
    cloudformation = stock.client("cloudformation")
    cloudformation.create_stack(StackName=stack, TemplateBody=json.dumps(template), Capabilities=["CAPABILITY_IAM"])
    cloudformation.get_waiter("stack_create_complete").wait(StackName=stack, WaiterConfig={"Delay": 1})
    outputs = cloudformation.describe_stacks(StackName=stack)["Stacks"][0]["Outputs"]
    values = {output["OutputKey"]: output["OutputValue"] for output in outputs}
    return Deployed(values["Function"], values["Role"], stock)


@pytest.fixture
def me(world: World) -> Person:
    return Person(world)


@pytest.fixture
def other(world: World) -> Person:
    return Person(world)
