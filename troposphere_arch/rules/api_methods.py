"""E9007."""

from __future__ import annotations

from collections.abc import Iterator

from ._rest import http_method
from ._rule import Found, HouseRule
from ._template import Resource, View, is_true, values


class ApiMethods(HouseRule):
    """Every method of a REST API asks who calls before anything runs, and one with models has a validator for them.

    OPTIONS is the exception: a browser asks it without credentials, and it is answered without running anything.
    """

    id = "E9007"
    shortdesc = "API methods authorize and validate"
    source_url = "https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-control-access-to-api.html"

    def check(self, view: View) -> Iterator[Found]:
        for method in view.of_type("AWS::ApiGateway::Method"):
            yield from _options(method) if http_method(method) == "OPTIONS" else _guarded(method)


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
        if kind in (None, "NONE"):
            yield where, f"{method.name} answers anybody (AuthorizationType {kind}); give it an authorizer"
        elif kind in ("COGNITO_USER_POOLS", "CUSTOM"):
            for place, authorizer in values(properties, "AuthorizerId", path=at):
                if authorizer is None:
                    yield place, f"{method.name} has AuthorizationType {kind} but no AuthorizerId; name the authorizer"
    models = any(model for _, model in values(properties, "RequestModels"))
    parameters = [ps for _, ps in values(properties, "RequestParameters") if isinstance(ps, dict)]
    if models or any(is_true(required) for ps in parameters for required in ps.values()):
        for where, validator in values(properties, "RequestValidatorId", path=at):
            if validator is None:
                yield where, f"{method.name} says what it takes but nothing checks it; set RequestValidatorId"
