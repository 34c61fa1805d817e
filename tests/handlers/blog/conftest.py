"""What the tests of the blog's API share: its handlers as modules, their tables and buckets, and people who call.

A test calls `reader.get("/posts")` or `author.post("/posts", {...})`; the event is the one that API Gateway would send.
All tests share the tables, which are empty when a test begins.
"""

from __future__ import annotations

import importlib.util
import json
import re
import uuid
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tests.handlers.conftest import Context, Reply
from troposphere_arch import local
from troposphere_arch.runtime import PYTHON_RUNTIME

HANDLERS = Path(__file__).parents[3] / "troposphere_arch" / "handlers" / "blog"
APP_CLIENT = "app-client-of-the-blog-tests"
POSTS, SUBSCRIBERS = "posts-of-the-handler-tests", "subscribers-of-the-api-tests"
UPLOADS, MEDIA = "uploads-of-the-handler-tests", "media-of-the-handler-tests"
ENVIRONMENT = {
    "read_posts": {
        "POSTS_TABLE": POSTS,
        "APP_CLIENT_ID": APP_CLIENT,
        "USERS_POOL_ID": "us-east-1_Blog",
        "BLOG_TITLE": "MyBlog.com",
        "COMMENTS": "on",
        "MAIL": "on",
        "UPLOADS": "on",
        "EDGE_SECONDS": "60",
    },
    "write_posts": {"POSTS_TABLE": POSTS, "APP_CLIENT_ID": APP_CLIENT},
    "write_comments": {"POSTS_TABLE": POSTS, "COMMENTS": "on"},
    "subscribe": {"SUBSCRIBERS_TABLE": SUBSCRIBERS, "MAIL": "on"},
    "sign_uploads": {
        "UPLOADS_BUCKET": UPLOADS,
        "MEDIA_BUCKET": MEDIA,
        "UPLOADS": "on",
        "ACCELERATION": "off",
        "APP_CLIENT_ID": APP_CLIENT,
    },
}
NAMES = tuple(ENVIRONMENT)
SERVED_BY = {
    "GET /config": "read_posts",
    "GET /posts": "read_posts",
    "GET /posts/{slug}": "read_posts",
    "GET /posts/{slug}/comments": "read_posts",
    "POST /posts": "write_posts",
    "PUT /posts/{slug}": "write_posts",
    "DELETE /posts/{slug}": "write_posts",
    "DELETE /posts/{slug}/comments/{id}": "write_posts",
    "POST /posts/{slug}/comments": "write_comments",
    "POST /subscriptions": "subscribe",
    "POST /subscriptions/confirm": "subscribe",
    "POST /subscriptions/leave": "subscribe",
    "POST /uploads": "sign_uploads",
    "GET /uploads/{sha256}": "sign_uploads",
}
SHA = "ab" * 32
COMMENT = "01JGFJJ" + "0" * 19
PUBLIC = "public, max-age=0, s-maxage=60, stale-while-revalidate=600"
PUBLIC_MISSING = "public, max-age=0, s-maxage=10"
PRIVATE = "private, no-store"
ROUTE_PATHS = {
    route: route.partition(" ")[2].format(slug="a-post", id=COMMENT, sha256=SHA)
    if "{" in route
    else route.partition(" ")[2]
    for route in SERVED_BY
}
BODIES: dict[str, dict[str, Any]] = {
    "POST /posts": {"title": "A post", "body": "Its text.", "summary": "In short", "slug": "a-post", "picture": SHA},
    "PUT /posts/{slug}": {"title": "A post", "body": "Its text.", "summary": "In short", "picture": SHA, "version": 1},
    "POST /posts/{slug}/comments": {"name": "Anna", "text": "Well said."},
    "POST /subscriptions": {"email": "anna@example.com"},
    "POST /subscriptions/confirm": {"token": "YW5uYQ.0123456789abcdef"},
    "POST /subscriptions/leave": {"token": "YW5uYQ.0123456789abcdef"},
    "POST /uploads": {"sha256": SHA, "bytes": 5, "contentType": "image/png"},
}
"""For each route that takes a body a good one, with every field."""
OPTIONAL = {"summary", "slug", "picture"}


def load(name: str) -> ModuleType:
    """A handler's file as a module of its own, as Lambda loads it."""
    spec = importlib.util.spec_from_file_location(name, HANDLERS / f"{name}.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def load_in(environment: dict[str, str], name: str, **changes: str) -> ModuleType:
    """A handler in this environment, with its usual variables, of which some differ."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("AWS_ENDPOINT_URL", raising=False)
        for variable, value in {**environment, **ENVIRONMENT[name], **changes}.items():
            patch.setenv(variable, value)
        module = load(name)
        if hasattr(module, "signer"):
            module.signer()  # it makes its client from the environment, when it is first asked
        return module


def load_with(stock: local.Emulator, name: str, **changes: str) -> ModuleType:
    """A handler on the emulator, of whose variables some differ from the usual ones."""
    return load_in(stock.environment(), name, **changes)


def event_of(
    method: str,
    path: str,
    body: Any = None,
    *,
    query: dict[str, str] | None = None,
    headers: dict[str, str] | None = None,
    claims: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """The event of API Gateway for a request; a body that is no string is sent as JSON."""
    resource, parameters = path, {}
    for route in SERVED_BY:
        verb, _, template = route.partition(" ")
        form = re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]*)", template)
        if verb == method and (match := re.fullmatch(form, path, re.DOTALL)):
            resource, parameters = template, match.groupdict()
            break
    sent = {"Accept": "application/json", "Host": "blog.example.com", "X-Api-Key": "of-the-edge"}
    if body is not None:
        sent["Content-Type"] = "application/json"
    context: dict[str, Any] = {"requestId": "chosen-by-the-client", "identity": {"sourceIp": "198.51.100.7"}}
    if claims is not None:
        sent["Authorization"] = "Bearer eyJ.token.of.the.caller"
        context["authorizer"] = {"claims": claims}
    return {
        "resource": resource,
        "path": path,
        "httpMethod": method,
        "headers": sent | (headers or {}),
        "queryStringParameters": query,
        "pathParameters": parameters or None,
        "stageVariables": None,
        "requestContext": context,
        "body": body if body is None or isinstance(body, str) else json.dumps(body, ensure_ascii=False),
        "isBase64Encoded": False,
    }


def reply_of(answer: dict[str, Any]) -> Reply:
    assert set(answer) == {"statusCode", "headers", "body"}
    return Reply(answer["statusCode"], answer["headers"], answer["body"])


@dataclass
class Blog:
    """The handlers, and what they work on."""

    modules: dict[str, ModuleType]
    dynamodb: Any
    s3: Any

    def send(self, event: dict[str, Any], context: Context | None = None) -> Reply:
        name = SERVED_BY.get(f"{event['httpMethod']} {event['resource']}", "read_posts")
        return reply_of(self.modules[name].handler(event, context or Context()))

    def items(self, table: str = POSTS) -> list[dict[str, Any]]:
        pages = self.dynamodb.get_paginator("scan").paginate(TableName=table, ConsistentRead=True)
        found = [item for page in pages for item in page["Items"]]
        return sorted(found, key=lambda item: json.dumps(item, sort_keys=True))

    def put(self, *items: dict[str, Any], table: str = POSTS) -> None:
        for at in range(0, len(items), 25):
            requests = [{"PutRequest": {"Item": item}} for item in items[at : at + 25]]
            assert not self.dynamodb.batch_write_item(RequestItems={table: requests})["UnprocessedItems"]

    def empty(self) -> None:
        for table, names in ((POSTS, ("list", "id")), (SUBSCRIBERS, ("address",))):
            for item in self.items(table):
                self.dynamodb.delete_item(TableName=table, Key={name: item[name] for name in names})

    @property
    def subscribers(self) -> dict[str, dict[str, Any]]:
        """Each subscriber by address, with plain values."""
        plain = {"S": str, "N": int}
        return {
            item["address"]["S"]: {name: plain[kind](value) for name in item for kind, value in item[name].items()}
            for item in self.items(SUBSCRIBERS)
        }


@dataclass
class Caller:
    """Somebody who calls the API; without claims a reader."""

    blog: Blog
    claims: dict[str, Any] | None = None

    def event(self, method: str, path: str, body: Any = None, **more: Any) -> dict[str, Any]:
        return event_of(method, path, body, claims=self.claims, **more)

    def send(self, method: str, path: str, body: Any = None, context: Context | None = None, **more: Any) -> Reply:
        return self.blog.send(self.event(method, path, body, **more), context)

    def get(self, path: str, **query: str) -> Reply:
        return self.send("GET", path, query=query or None)

    def post(self, path: str, body: Any) -> Reply:
        return self.send("POST", path, body)

    def put(self, path: str, body: Any) -> Reply:
        return self.send("PUT", path, body)

    def delete(self, path: str, context: Context | None = None) -> Reply:
        return self.send("DELETE", path, context=context)

    def publish(self, **fields: Any) -> dict[str, Any]:
        reply = self.post("/posts", {"title": "A post", "body": "Its text."} | fields)
        assert reply.status == 201
        post: dict[str, Any] = reply.body
        return post

    def everything(self, path: str, **query: str) -> list[dict[str, Any]]:
        """A whole list, page by page."""
        found: list[dict[str, Any]] = []
        for _ in range(1000):
            page = self.get(path, **query)
            assert page.status == 200
            found += page.body["items"]
            if "next" not in page.body:
                return found
            query["next"] = page.body["next"]
        raise AssertionError("the list has no end")


def author_claims(**changes: Any) -> dict[str, Any]:
    """The claims of an author's ID token, as API Gateway hands them on: everything a text."""
    sub = str(uuid.uuid4())
    return {
        "sub": sub,
        "cognito:username": sub,
        "cognito:groups": "authors",
        "aud": APP_CLIENT,
        "token_use": "id",
        "email": "anna@example.com",
        "name": "Anna",
    } | changes


def post_items(slug: str, at: str = "2026-01-01T00:00:00.000Z", **changes: str) -> list[dict[str, Any]]:
    """The two items of a post as the table holds them."""
    fields = {"title": f"Title of {slug}", "summary": "", "body": "Text", "author": "Anna"} | changes
    post = {name: {"S": value} for name, value in fields.items()} | {"slug": {"S": slug}, "publishedAt": {"S": at}}
    entry = {name: post[name] for name in ("slug", "title", "summary", "publishedAt", "picture") if name in post}
    name = {"S": f"{at}#{slug}"}
    own = {"list": {"S": f"post#{slug}"}, "id": {"S": "post"}, "updatedAt": {"S": at}, "version": {"N": "1"}}
    return [{**post, **own, "entry": name}, {**entry, "list": {"S": "posts"}, "id": name}]


def comment_item(slug: str, number: int, **changes: str) -> dict[str, Any]:
    """A comment as the table holds it; a higher number is a newer one."""
    fields = {"name": "Ben", "text": f"Comment {number}", "createdAt": "2026-01-01T00:00:00.000Z"} | changes
    name = f"comment#01JGFJJ{number:06}{uuid.uuid4().int % 10**13:013}"
    return {"list": {"S": f"post#{slug}"}, "id": {"S": name}} | {name: {"S": value} for name, value in fields.items()}


@pytest.fixture(scope="session")
def session_blog(stock: local.Emulator) -> Blog:
    dynamodb, s3 = stock.client("dynamodb"), stock.client("s3")
    for table, keys in ((POSTS, {"list": "HASH", "id": "RANGE"}), (SUBSCRIBERS, {"address": "HASH"})):
        dynamodb.create_table(
            TableName=table,
            BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in keys],
            KeySchema=[{"AttributeName": name, "KeyType": kind} for name, kind in keys.items()],
        )
    for bucket in (UPLOADS, MEDIA):
        s3.create_bucket(Bucket=bucket)
    return Blog({name: load_with(stock, name) for name in NAMES}, dynamodb, s3)


@pytest.fixture
def blog(session_blog: Blog, stock: local.Emulator, monkeypatch: pytest.MonkeyPatch) -> Blog:
    for variable, value in stock.environment().items():
        monkeypatch.setenv(variable, value)
    session_blog.empty()
    return session_blog


@pytest.fixture
def reader(blog: Blog) -> Caller:
    return Caller(blog)


@pytest.fixture
def author(blog: Blog) -> Caller:
    return Caller(blog, author_claims())


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
        return reply_of(payload)

    def allow(self, *rights: tuple[str, str]) -> None:
        """Each right is an action and a resource."""
        statements = [{"Effect": "Allow", "Action": action, "Resource": resource} for action, resource in rights]
        document = {
            "Version": "2012-10-17",
            "Statement": statements or [{"Effect": "Deny", "Action": "*", "Resource": "*"}],
        }
        self.stock.client("iam").put_role_policy(
            RoleName=self.role, PolicyName="rights", PolicyDocument=json.dumps(document)
        )


def deploy(stock: local.Emulator, name: str, **changes: str) -> Deployed:
    """Deploy a handler as a template does, inline; its role may do nothing yet."""
    trust = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "lambda.amazonaws.com"}}
    role = {"AssumeRolePolicyDocument": {"Version": "2012-10-17", "Statement": [trust]}}
    function = {
        "Runtime": PYTHON_RUNTIME,
        "Handler": "index.handler",
        "Timeout": 30,
        "Role": {"Fn::GetAtt": ["Role", "Arn"]},
        "Code": {"ZipFile": (HANDLERS / f"{name}.py").read_text()},
        "Environment": {"Variables": ENVIRONMENT[name] | changes},
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
