"""A model of API Gateway's stage cache, made of a template's own bytes: the emulator keeps no answers.

What AWS documents is modelled as documented, and what it does not as unkindly to us as it may be:

- The authorizer comes first: who has no valid token gets nothing of the cache. It finds its header in any spelling.
- A method is cached by its own setting, which takes over nothing from the one for all methods; by that one, GET alone.
- The key is the method's cache namespace (its resource, if it names none) and the values of CacheKeyParameters, and
  nothing else: no other parameter and no method. Upper and lower case are told apart in names of parameters
  (https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-known-issues.html).
- Every answer of the function is kept, refusals too, and none is lost before its time.
- A caller's `Cache-Control: max-age=0` is passed over with a warning: the default, and no template can say otherwise.

https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-caching.html
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from troposphere_arch import evaluate

WARNING = '199 "Cache-control headers were ignored because the caller was unauthorized."'


class Unauthorized(Exception):
    """The authorizer lets the caller through to neither the cache nor the function."""


class Request(NamedTuple):
    method: str
    path: str
    headers: Mapping[str, str] = {}
    query: Mapping[str, str] = {}
    body: Any = None


class Served(NamedTuple):
    """What a caller gets: the function's answer, new or kept, and API Gateway's own warning."""

    answer: Any
    kept: bool = False
    warning: str | None = None


class Route(NamedTuple):
    method: str
    path: str
    header: str  # that the authorizer reads, if there is one
    namespace: str
    names: list[str]  # of the key's parts, such as `path.id`
    seconds: int  # for which an answer is kept; 0 when it is not


@dataclass
class StageCache:
    """The one stage of a template, set up with these parameters; the rest have their defaults.

    `function` answers what the cache does not, `admits` says whether a token is valid, `clock` gives seconds.
    """

    template: dict[str, Any]
    parameters: Mapping[str, str]
    function: Callable[[Request], Any]
    admits: Callable[[str], bool]
    clock: Callable[[], float]
    answers: dict[Any, tuple[float, Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        values = evaluate.parameters_of(self.template, self.parameters)
        resources = evaluate.resolved(self.template, values)["Resources"]
        self.routes = []
        [stage] = [r["Properties"] for r in resources.values() if r["Type"] == "AWS::ApiGateway::Stage"]
        settings = {(s["HttpMethod"], s["ResourcePath"]): s for s in stage["MethodSettings"]}
        for method in [r["Properties"] for r in resources.values() if r["Type"] == "AWS::ApiGateway::Method"]:
            verb, path, integration = (
                method["HttpMethod"],
                _path(resources, method["ResourceId"]),
                method["Integration"],
            )
            for_all = settings.get(("*", "/*"), {}) if verb == "GET" else {}
            setting = settings.get((verb, "/" + path.replace("/", "~1")), for_all)
            on = stage.get("CacheClusterEnabled") and setting.get("CachingEnabled")
            seconds = int(setting.get("CacheTtlInSeconds", 300)) if on else 0
            authorizer = resources.get(method.get("AuthorizerId", {}).get("Ref"), {"Properties": {}})["Properties"]
            header = authorizer.get("IdentitySource", "").removeprefix("method.request.header.")
            namespace = str(integration.get("CacheNamespace", method["ResourceId"]))
            names = [name.removeprefix("method.request.") for name in integration.get("CacheKeyParameters", [])]
            self.routes.append(Route(verb, path, header, namespace, names, seconds))

    def send(self, request: Request) -> Served:
        route, in_path = self._route(request)
        headers = {name.lower(): value for name, value in request.headers.items()}
        if route.header and not self.admits(headers.get(route.header.lower(), "")):
            raise Unauthorized
        if not route.seconds:
            return Served(self.function(request))
        warning = WARNING if "max-age=0" in headers.get("cache-control", "") else None
        parts = {"path": in_path, "querystring": request.query, "header": request.headers}
        given = {f"{where}.{name}": value for where, values in parts.items() for name, value in values.items()}
        key = (route.namespace, *((name, given.get(name)) for name in route.names))
        since, answer = self.answers.get(key, (None, None))
        if since is not None and self.clock() - since < route.seconds:
            return Served(answer, True, warning)
        self.answers[key] = self.clock(), self.function(request)
        return Served(self.answers[key][1], False, warning)

    def _route(self, request: Request) -> tuple[Route, dict[str, str]]:
        for route in self.routes:
            match = re.fullmatch(re.sub(r"{(\w+)}", r"(?P<\1>[^/]+)", route.path), request.path)
            if match and route.method == request.method:
                return route, match.groupdict()
        raise LookupError(f"{request.method} {request.path}")


def _path(resources: dict[str, Any], value: dict[str, Any]) -> str:
    if "Ref" not in value:  # the API's root
        return ""
    resource = resources[value["Ref"]]["Properties"]
    return f"{_path(resources, resource['ParentId'])}/{resource['PathPart']}"
