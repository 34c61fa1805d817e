"""E9007."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from ._rest import http_method
from ._rule import Found, HouseRule
from ._template import Resource, View, is_true, items, principals, text, values

# What CloudFormation reads when it deploys.
# https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/dynamic-references.html
DYNAMIC = re.compile(r"\{\{resolve:(secretsmanager|ssm-secure):.+\}\}")
# How a policy of a private API says by which endpoint it is reached.
# https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-resource-policies-examples.html
ENDPOINT = "aws:sourcevpce"
HERE = "arn:${AWS::Partition}:iam::${AWS::AccountId}:root"


class ApiMethods(HouseRule):
    """Every method of a REST API asks who calls before anything runs, and one with models has a validator for them.

    OPTIONS is the exception: a browser asks it without credentials, and it is answered without running anything. And a
    method may be for anybody where it asks for an API key: then its one caller is the distribution before the API,
    which holds readers apart, and adds the key. That key is in no template: it is made by API Gateway, or read from a
    secret when the stack is deployed.

    An API that is private answers nobody without a policy, which says by which endpoint of which VPC it is reached, or
    that roles of this account may reach it by any.
    """

    id = "E9007"
    shortdesc = "API methods authorize and validate"
    source_url = "https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-control-access-to-api.html"

    def check(self, view: View) -> Iterator[Found]:
        for method in view.of_type("AWS::ApiGateway::Method"):
            yield from _options(method) if http_method(method) == "OPTIONS" else _guarded(method)
        for api in view.of_type("AWS::ApiGateway::RestApi"):
            for where, kind in items(api.properties, "EndpointConfiguration", "Types", path=api.properties_path):
                if kind == "PRIVATE" and not _names_endpoint(view, api):
                    yield (
                        where,
                        f"{api.name} is private and has no Policy that names an endpoint; deny execute-api:Invoke "
                        "unless aws:SourceVpce is it, or allow it to this account only",
                    )
        for key in view.of_type("AWS::ApiGateway::ApiKey"):
            for where, value in values(key.properties, "Value", path=key.properties_path):
                if value is not None and not DYNAMIC.fullmatch(text(value) or ""):
                    yield where, f"{key.name} has its value in the template; let it be resolved from a secret"


def _names_endpoint(view: View, api: Resource) -> bool:
    """Whether who does not come by an endpoint that the policy names is denied, or is of this account at least."""
    policies = [policy for policy in view.policies if policy.resource is api]
    statements = [statement for policy in policies for _, statement in policy.statements()]
    denied = [s for s in statements if s.get("Effect") == "Deny" and _about(s, "StringNotEquals")]
    allowed = [s for s in statements if s.get("Effect") == "Allow"]
    return bool(denied) or (bool(allowed) and all(_about(s, "StringEquals") or _of_account(s) for s in allowed))


def _of_account(statement: dict[Any, Any]) -> bool:
    """Whether the statement is about roles of the stack's own account, which need a right of their own besides."""
    named = [text(who) for _, _, who in principals(statement)]
    return bool(named) and all(who == HERE for who in named)


def _about(statement: dict[Any, Any], operator: str) -> bool:
    condition = statement.get("Condition")
    block = condition.get(operator) if isinstance(condition, dict) else None
    return isinstance(block, dict) and any(
        str(key).lower() == ENDPOINT and all(text(one) not in (None, "", "*") for _, one in items(value))
        for key, value in block.items()
    )


def _options(method: Resource) -> Iterator[Found]:
    at, properties = method.properties_path, method.properties
    for where, kind in values(properties, "Integration", "Type", path=at):
        if kind != "MOCK":
            yield where, f"{method.name} answers OPTIONS by {kind}; answer it by a MOCK integration"
    for where, kind in values(properties, "AuthorizationType", path=at):
        if kind not in (None, "NONE"):
            yield where, f"{method.name} asks for {kind} on OPTIONS, which browsers send without; write NONE"


def _guarded(method: Resource) -> Iterator[Found]:
    at, properties = method.properties_path, method.properties
    for where, kind in values(properties, "AuthorizationType", path=at):
        keyed = all(is_true(asked) for _, asked in values(properties, "ApiKeyRequired"))
        if kind in (None, "NONE") and not keyed:
            yield (
                where,
                f"{method.name} answers anybody (AuthorizationType {kind}); give it an authorizer, or set "
                "ApiKeyRequired when its caller is a distribution",
            )
        if kind in ("COGNITO_USER_POOLS", "CUSTOM"):
            for place, authorizer in values(properties, "AuthorizerId", path=at):
                if authorizer is None:
                    yield place, f"{method.name} has AuthorizationType {kind} but no AuthorizerId; name the authorizer"
    models = any(model for _, model in values(properties, "RequestModels"))
    parameters = [ps for _, ps in values(properties, "RequestParameters") if isinstance(ps, dict)]
    if models or any(is_true(required) for ps in parameters for required in ps.values()):
        for where, validator in values(properties, "RequestValidatorId", path=at):
            if validator is None:
                yield where, f"{method.name} says what it takes but nothing checks it; set RequestValidatorId"
