"""Names of API Gateway, as clients ask for them.

    client ──Host: orders.example.com──▶ record ──▶ custom domain name ──base path──▶ stage of an API
    client ──Host: abc.execute-api.us-east-1.amazonaws.com──▶ API

Stock: an API is known by `<api>.execute-api.localhost` only, so nobody can sign a request to the address that a stack
has. A custom domain name is served without any record, and where it has no base path, or no API, S3 answers. The path
is decoded before a resource is looked for: `/stock/a%2Fb` is none of `/stock/{sku}`.
AWS: the address of the API; a custom domain name where a record leads to its regional name, and 403 for what comes to
API Gateway under another name, or has no base path for the request. A REST API hands on the path, and what is in it,
as it was sent.
https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-regional-api-custom-domain-create.html
https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-private-api-test-invoke-url.html
Patched: just that. A private API is known by the name of its endpoint too (`<api>-<endpoint>.execute-api...`), and by
a private custom domain name where a private hosted zone leads to an endpoint with an access association. Stock checks
the signature, its Host included, and what the API's policy says of `aws:SourceVpce`; that is known of functions in a
VPC alone. No certificate is looked at, no policy of a domain name, and `DisableExecuteApiEndpoint` has no effect.
"""

from __future__ import annotations

import importlib
import re
from typing import Any

from troposphere_arch.local.patches.expect import expect_function
from troposphere_arch.local.patches.names import resolve

ADDRESS = re.compile(
    r"(?P<api>[a-z0-9]+)(?:-(?P<endpoint>vpce-[0-9a-f]+))?\.execute-api\.[a-z0-9-]+\.amazonaws\.com(?:\.cn)?"
)
"""An API's own address, by way of an endpoint or not."""
ENDPOINT = re.compile(
    r"(?P<endpoint>vpce-[0-9a-f]+)-[0-9a-z-]+\.execute-api\.[a-z0-9-]+\.vpce\.amazonaws\.com(?:\.cn)?"
)
"""A name of an interface endpoint for API Gateway."""
_OF_API_GATEWAY = re.compile(r"[a-z0-9.-]+\.execute-api\.[a-z0-9-]+(?:\.vpce)?\.amazonaws\.com(?:\.cn)?")
_SIGNED_FOR_APIS = "/execute-api/aws4_request"
_FORBIDDEN = (
    403,
    {"Content-Type": "application/json", "x-amzn-ErrorType": "ForbiddenException"},
    b'{"message":"Forbidden"}',
)

associations: dict[str, set[str]] = {}
"""The endpoints by which each private custom domain name may be asked."""


def install() -> None:
    """Know APIs by their addresses, and by custom domain names that a record leads to."""
    app: Any = importlib.import_module("ministack.app")
    gateway: Any = importlib.import_module("ministack.services.apigateway_v1")
    expect_function(app, "_parse_execute_api_url", "host", "path")  # it looks the pattern up, group 1 is the API
    parameters = ("method", "path", "headers", "query_params", "request_id")
    before_body = expect_function(app, "_handle_pre_body_request", *parameters)
    find = expect_function(app, "_resolve_custom_domain_request", "host", "path")
    handle = expect_function(
        app,
        "_handle_execute_api_request",
        *("host", "path", "method", "headers", "body", "query_params", "raw_path", "raw_query_string"),
    )
    expect_function(gateway, "find_domain_scope", "domain_name")
    http_apis: Any = importlib.import_module("ministack.services.apigateway")
    for one in (gateway, http_apis):
        expect_function(one, "find_api_scope", "api_id")
    hosts = rf"(?:{re.escape(app._MINISTACK_HOST)}|[a-z0-9-]+\.amazonaws\.com(?:\.cn)?)"
    app._EXECUTE_API_RE = re.compile(rf"^([a-z0-9]+)(?:-vpce-[0-9a-f]+)?\.execute-api\.{hosts}(?::\d+)?$")

    def patched_find(host: str, path: str) -> Any:
        return find(host, path) if _is_led_to(gateway, _name(host)) else None

    async def patched_handle(
        host: str, path: str, method: str, headers: dict[str, str], *rest: Any, **more: Any
    ) -> Any:
        name = _name(host)
        if (address := ADDRESS.fullmatch(name)) and not knows(address["api"]):
            return _FORBIDDEN
        to = app._parse_execute_api_url(host, path) or patched_find(host, path)
        of_rest = to is not None and gateway.find_api_scope(to[0]) is not None
        sent = (more.get("raw_path") or path) if of_rest else path
        answer = await handle(host, sent, method, headers, *rest, **more)
        if answer is not None:
            return answer
        meant = _SIGNED_FOR_APIS in headers.get("authorization", "") or gateway.find_domain_scope(name) is not None
        return _FORBIDDEN if meant or _leads_here(name) else None

    def knows(api: str) -> bool:
        return any(one.find_api_scope(api) is not None for one in (gateway, http_apis))

    async def patched_before_body(method: str, path: str, headers: dict[str, str], *rest: Any) -> Any:
        return None if _leads_here(_name(headers.get("host", ""))) else await before_body(method, path, headers, *rest)

    app._resolve_custom_domain_request = patched_find
    app._handle_execute_api_request = patched_handle
    app._handle_pre_body_request = patched_before_body


def is_private(settings: dict[str, Any]) -> bool:
    """Whether an API, or a custom domain name, is reached by endpoints only."""
    return "PRIVATE" in ((settings.get("endpointConfiguration") or {}).get("types") or [])


def private_targets(name: str) -> set[str]:
    """What the name leads to in each VPC that has a private zone."""
    route53: Any = importlib.import_module("ministack.services.route53")
    inside = {one["VPCId"] for zone in route53._zones.values() if zone.get("private") for one in zone.get("vpcs") or []}
    return {resolve(name, vpc) for vpc in inside}


def _is_led_to(gateway: Any, name: str) -> bool:
    scope = gateway.find_domain_scope(name)
    if scope is None:
        return False
    domain = gateway._domain_names.get_scoped(*scope)
    if not is_private(domain):
        return resolve(name) in (domain["regionalDomainName"].lower(), domain["distributionDomainName"].lower())
    ways = (ENDPOINT.fullmatch(target) for target in private_targets(name))
    return any(way["endpoint"] in associations.get(scope[2], ()) for way in ways if way)


def _leads_here(name: str) -> bool:
    return any(_OF_API_GATEWAY.fullmatch(target) for target in (resolve(name), *private_targets(name)))


def _name(host: str) -> str:
    return host.split(":")[0].lower()
