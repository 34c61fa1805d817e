"""Arrows from and to functions: what invokes them, whose tokens they take, and what else than data they use."""

from __future__ import annotations

import re

from troposphere import Ref, Sub, awslambda

from .. import grants
from ..blocks import apigateway
from ..blocks.apigateway import RestApi
from ..blocks.awslambda import Function
from ..blocks.cognito import AppClient, UserPool
from ..blocks.iam import grant
from ..blocks.service_front import Front
from .ends import expect_end, tell, variable

# Who may call a route.
USERS = "users"
ANYBODY = "anybody"
SERVICES = "services"


def route(
    api: RestApi,
    route: str,
    function: Function | Front,
    *,
    by: str = USERS,
    query: tuple[str, ...] = (),
    body: str | None = None,
) -> None:
    """`GET /todos`: this method of this path invokes the function, for signed-in users only.

    With `by="anybody"` for whoever comes through the distribution: only of an API that asks for its key. With
    `by="services"` for who signs the request and may invoke it: only of a service's API.
    `query` are the query parameters that the method takes, `body` the JSON Schema under `handlers/` of its body.
    The permission names this API, stage, method and path; of a service's API, which has one function, all its methods.
    In place of a function there may be the front of a service's API, to which requests are passed on as they are.
    https://docs.aws.amazon.com/apigateway/latest/developerguide/arn-format-reference.html
    """
    verb, _, path = route.partition(" ")
    if not re.fullmatch(r"(GET|HEAD|POST|PUT|PATCH|DELETE) (/([A-Za-z0-9._-]+|\{[A-Za-z0-9_]+\}))+", route):
        raise ValueError(f"{route!r} is no route: write a verb and a path, such as GET /todos/{{id}}")
    expect_end(api, RestApi, route)
    if not isinstance(function, Front):
        expect_end(function, Function, route)
    if function.when:
        raise ValueError(
            f"{route} -> {function.title}: the function is there only when {function.when}, but a deployment of "
            f"{api.title} freezes its routes, whatever a parameter says; give the function no condition"
        )
    if by not in (USERS, ANYBODY, SERVICES):
        raise ValueError(f"{route} is by {by!r}: write {USERS}, {ANYBODY} or {SERVICES}")
    if (by == SERVICES) != api.signed:
        asks = "a signature" if api.signed else "a token or a key"
        raise ValueError(f"{route} is by {by}, and {api.title} asks for {asks}")
    if by == ANYBODY and not api.keyed:
        raise ValueError(f"{route} would answer the whole world: {api.title} asks for no key; make it with origin_api")
    if isinstance(function, Front):
        if function is not api.front or query or body:
            raise ValueError(f"{route}: {api.title} passes requests on as they are, and to its own front only")
        apigateway.relay(api, verb, path)
        api.t.record(api, "passes on to", function, route)
        return
    method = apigateway.route(api, verb, path, function, query=query, body=body, signed_in=by != ANYBODY)
    api.t.record(api, "invokes", function, route)
    if by == SERVICES:
        apigateway.let_invoke(api, function)
        return
    pattern = "/".join("*" if part.startswith("{") else part for part in path.split("/"))
    source = "arn:${AWS::Partition}:execute-api:${AWS::Region}:${AWS::AccountId}:${%s}/${%s}/%s%s"
    api.t.put(
        awslambda.Permission(
            f"{method.title}Permission",
            Action="lambda:InvokeFunction",
            FunctionName=Ref(function.resource),
            Principal="apigateway.amazonaws.com",
            SourceArn=Sub(source % (api.title, api.stage.title, verb, pattern)),
        )
    )


def accepts(function: Function, app: AppClient) -> None:
    """The function accepts id tokens of this app only: it compares their audience with the app's id."""
    expect_end(function, Function, "accepts tokens of")
    expect_end(app, AppClient, "accepts tokens of")
    tell(function, variable(app, "CLIENT_ID"), Ref(app.resource), app.when)
    function.t.record(function, "accepts tokens of", app)


def deletes_users(function: Function, users: UserPool) -> None:
    """The function deletes users of the pool, at their own request. It must be outside of any network of ours."""
    expect_end(function, Function, "deletes user")
    expect_end(users, UserPool, "deletes user")
    if function.places:
        raise ValueError(
            f"{function.title} cannot reach {users.title} from inside a network: no arrow makes an endpoint for "
            "Cognito; give the work to a function outside"
        )
    function.outside.append(users.title)
    grant(function.role, f"Delete{users.title}", grants.delete_users(users.resource), when=users.when)
    tell(function, variable(users, "POOL_ID"), Ref(users.resource), users.when)
    function.t.record(function, "deletes user", users)
