"""REST APIs that reach load balancers inside a VPC.

    client ──signed──▶ method ──VPC link──▶ listener of an internal load balancer ──▶ targets

Stock: "Unrecognized resource types" for a VPC link. A method drops the link and the load balancer, and asks its URI
like any address of the Internet: neither headers nor variables of the stage are filled in, and of what was answered
only the content type comes back.
AWS: the request goes to the load balancer, on the port of the URI, which otherwise only says the Host header, the name
that the certificate has to cover, and the path. The stage's name is put before the path.
https://docs.aws.amazon.com/apigateway/latest/developerguide/private-integration.html
https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-private-integration.html
Patched: just that, for HTTP_PROXY and application load balancers of the same account and region. No network is looked
at: neither the link's subnets nor any security group. A mapped header replaces what the client sent; one whose source
has no value is not set, and the client's passes. Bodies are passed on as they are.
"""

from __future__ import annotations

import asyncio
import importlib
import re
import uuid
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import parse_qs, quote, unquote, urlencode, urlsplit

from troposphere_arch.local.patches import balancer, stage_variables
from troposphere_arch.local.patches.expect import expect_function
from troposphere_arch.local.patches.provisioner import Created, Properties, afterwards, register

Headers = dict[str, str]

_VARIABLE = re.compile(r"\$\{stageVariables\.([A-Za-z0-9_]+)\}")
_KEPT = {"ConnectionId": "connectionId", "IntegrationTarget": "integrationTarget"}
_NOT_SENT = {
    *("connection", "content-length", "expect", "host", "proxy-authenticate"),
    *("te", "trailer", "transfer-encoding", "upgrade", "via"),
}
_RENAMED = {"connection", "content-length", "date", "server", "www-authenticate"}
"""Headers of an answer that come back as `x-amzn-Remapped-…`.

https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-known-issues.html
"""
_links: dict[str, Properties] = {}


class _Misconfigured(Exception):
    """What API Gateway calls a configuration error."""


def install_vpc_link() -> None:
    """AWS::ApiGatewayV2::VpcLink.

    Stock: "Unrecognized resource types", and no stack.
    AWS: https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-resource-apigatewayv2-vpclink.html
    Patched: recorded, and known to integrations. API Gateway's own API does not show it.
    """

    def create(logical_id: str, properties: Properties, stack_name: str) -> Created:
        if not properties.get("SubnetIds"):
            raise ValueError("SubnetIds must not be empty")
        made = uuid.uuid4().hex[:6]
        _links[made] = properties
        return made, {"VpcLinkId": made}

    def update(physical_id: str, old: Properties, new: Properties, stack_name: str) -> Created:
        _links[physical_id] = new
        return physical_id, {"VpcLinkId": physical_id}

    def delete(physical_id: str, properties: Properties) -> None:
        _links.pop(physical_id, None)

    register(
        "AWS::ApiGatewayV2::VpcLink",
        create=create,
        update=update,
        delete=delete,
        replacing=("SecurityGroupIds", "SubnetIds"),
    )


def install_integrations() -> None:
    """Integrations by a VPC link: kept by methods, and asked."""
    gateway: Any = importlib.import_module("ministack.services.apigateway_v1")
    parameters = ("integration", "path", "method", "headers", "body", "query_params", "path_params")
    ask = expect_function(gateway, "_invoke_http_proxy_v1", *parameters)
    put = expect_function(gateway, "_put_integration", "api_id", "resource_id", "http_method", "data")
    expect_function(gateway, "_gw_error", "response_type", "message")
    expect_function(gateway, "_gateway_request_value", "source", "request")
    expect_function(gateway, "_iam_caller_identity", "headers", "query_params")
    expect_function(gateway, "method_authorization_type", "api_id", "stage_name", "method", "path")

    def integration_of(api: str, resource: str, method: str) -> dict[str, Any]:
        kept: dict[str, Any] = gateway._resources[api][resource]["resourceMethods"][method]["methodIntegration"]
        return kept

    def patched_put(api_id: str, resource_id: str, http_method: str, data: dict[str, Any]) -> Any:
        answer = put(api_id, resource_id, http_method, data)
        if answer[0] < 400:
            given = {name: data[name] for name in _KEPT.values() if data.get(name)}
            integration_of(api_id, resource_id, http_method).update(given)
        return answer

    def apply(physical_id: str, old: Properties, new: Properties) -> None:
        integration = new.get("Integration") or {}
        if integration.get("ConnectionType") != "VPC_LINK":
            return
        _check(new, integration)
        kept = integration_of(new["RestApiId"], new["ResourceId"], new["HttpMethod"])
        kept |= {to: integration[name] for name, to in _KEPT.items()}

    async def patched_ask(
        integration: dict[str, Any],
        path: str,
        method: str,
        headers: Headers,
        body: bytes,
        query: dict[str, Any],
        values: dict[str, str] | None = None,
    ) -> Any:
        request = stage_variables.current()
        if integration.get("connectionType") != "VPC_LINK" or request is None:
            return await ask(integration, path, method, headers, body, query, values)
        try:
            return await _ask(gateway, integration, request, path, method, headers, body, query)
        except _Misconfigured:
            return gateway._gw_error("API_CONFIGURATION_ERROR", "Internal server error")
        except ConnectionError:
            return gateway._gw_error("INTEGRATION_FAILURE", "Network error communicating with endpoint")
        except TimeoutError:
            return gateway._gw_error("INTEGRATION_TIMEOUT", "Endpoint request timed out")

    gateway._put_integration = patched_put
    gateway._invoke_http_proxy_v1 = patched_ask
    afterwards("AWS::ApiGateway::Method", apply)


def _check(method: Properties, integration: Mapping[str, Any]) -> None:
    """What API Gateway refuses when a method is made."""
    if missing := [name for name in _KEPT if not integration.get(name)]:
        raise ValueError(f"Invalid integration: VPC_LINK needs {' and '.join(missing)}")
    declared = method.get("RequestParameters") or {}
    undeclared = [
        source
        for source in (integration.get("RequestParameters") or {}).values()
        if source.startswith("method.request.") and source not in declared
    ]
    if undeclared:
        raise ValueError(
            "Invalid mapping expression specified: Validation Result: warnings : [], errors : "
            f"[Invalid mapping expression parameter specified: {undeclared[0]}]"
        )


async def _ask(
    gateway: Any,
    integration: dict[str, Any],
    request: dict[str, Any],
    path: str,
    method: str,
    headers: Headers,
    body: bytes,
    query: dict[str, Any],
) -> tuple[int, dict[str, Any], bytes]:
    alb: Any = importlib.import_module("ministack.services.alb")
    variables = (request["stage"] or {}).get("variables") or {}
    if _filled(integration.get("connectionId", ""), variables) not in _links:
        raise _Misconfigured
    found = alb._lbs.get(integration.get("integrationTarget", ""))
    mapped = dict(_mapped(gateway, integration, request, path, method, headers, query))
    url = urlsplit(_address(integration, variables, mapped))
    if found is None or url.scheme not in ("http", "https") or not url.hostname:
        raise _Misconfigured
    port = url.port or (443 if url.scheme == "https" else 80)
    listener = balancer.listener(alb, found, port)
    if listener is None:
        raise ConnectionRefusedError(port)
    if url.scheme == "https" and not balancer.covers(listener, url.hostname):  # a listener for HTTP has no certificate
        raise _Misconfigured
    if url.scheme == "http" and listener["Protocol"] == "HTTPS":
        return 400, {"Content-Type": "text/html"}, b"The plain HTTP request was sent to HTTPS port\n"
    sent = _sent(headers, signed=_is_signed(gateway, request, method, path))
    sent |= {"host": url.netloc, "x-amzn-apigateway-api-id": request["api_id"]}
    sent |= {name.lower(): value for (kind, name), value in mapped.items() if kind == "header"}
    text = _query(url.query, query, mapped)
    raw = f"/{request['stage_name']}{url.path or '/'}"
    verb = integration.get("httpMethod") or method
    status, answered, data = await asyncio.wait_for(
        _dispatch(alb, found, method if verb == "ANY" else verb, raw, sent, body, text, port),
        int(integration.get("timeoutInMillis") or 29000) / 1000,
    )
    named = {
        f"x-amzn-Remapped-{name.title()}" if name.lower() in _RENAMED else name: value
        for name, value in answered.items()
        if name.lower() != "transfer-encoding"
    }
    return status, named, data


async def _dispatch(
    alb: Any, found: Any, method: str, raw: str, headers: Headers, body: bytes, query: str, port: int
) -> tuple[int, dict[str, Any], bytes]:
    cloudfront: Any = importlib.import_module("ministack.services.cloudfront")
    status, answered, data = await alb.dispatch_request(
        found,
        method,
        unquote(raw),
        headers,
        body or b"",
        parse_qs(query, keep_blank_values=True),
        port,
        client_ip="127.0.0.1",
        raw_query_string=query,
        raw_path=raw,
    )
    if isinstance(data, cloudfront.StreamingResponse):
        try:
            data = await cloudfront._collect_streaming_body(data, 60)
        except cloudfront.OriginTimeout as error:
            raise TimeoutError from error
        except Exception as error:
            raise ConnectionResetError from error
    return status, answered, data


def _filled(text: str, variables: Mapping[str, str]) -> str:
    def value(found: re.Match[str]) -> str:
        if found[1] not in variables:
            raise _Misconfigured
        return variables[found[1]]

    return _VARIABLE.sub(value, text)


def _mapped(
    gateway: Any,
    integration: dict[str, Any],
    request: dict[str, Any],
    path: str,
    method: str,
    headers: Headers,
    query: dict[str, Any],
) -> Iterator[tuple[tuple[str, str], str]]:
    """(header|path|querystring, name) and value of each request parameter that has a value."""
    context = _context(gateway, request, path, method, headers, query)
    for to, source in (integration.get("requestParameters") or {}).items():
        kind, _, name = to.removeprefix("integration.request.").partition(".")
        in_context = source.startswith("context.")
        value = _walk(context, source) if in_context else gateway._gateway_request_value(source, request)
        if value is not None:
            yield (kind, name), str(value)


def _context(
    gateway: Any, request: dict[str, Any], path: str, method: str, headers: Headers, query: dict[str, Any]
) -> dict[str, Any]:
    identity: dict[str, Any] = {"sourceIp": "127.0.0.1", "userAgent": headers.get("user-agent")}
    if _is_signed(gateway, request, method, path):
        identity |= gateway._iam_caller_identity(headers, query) or {}
    return {
        "apiId": request["api_id"],
        "httpMethod": method,
        "identity": identity,
        "path": f"/{request['stage_name']}{path}",
        "requestId": request["request_id"],
        "resourcePath": request["resource_path"],
        "stage": request["stage_name"],
    }


def _walk(context: Any, source: str) -> Any:
    for name in source.split(".")[1:]:
        context = context.get(name) if isinstance(context, dict) else None
    return context


def _is_signed(gateway: Any, request: dict[str, Any], method: str, path: str) -> bool:
    kind = gateway.method_authorization_type(request["api_id"], request["stage_name"], method, path)
    return bool(kind == "AWS_IAM")


def _address(integration: dict[str, Any], variables: Mapping[str, str], mapped: Mapping[tuple[str, str], str]) -> str:
    """The URI, its variables and parameters filled in. A parameter that nobody maps stays as it is, as on AWS."""
    uri = _filled(integration.get("uri", ""), variables)
    for (kind, name), value in mapped.items():
        if kind == "path":
            uri = uri.replace(f"{{{name}}}", value).replace(f"{{{name}+}}", value)
    return uri


def _query(own: str, query: dict[str, Any], mapped: Mapping[tuple[str, str], str]) -> str:
    asked = [
        (name, value) for name, values in query.items() for value in (values if isinstance(values, list) else [values])
    ]
    set_here = {name: value for (kind, name), value in mapped.items() if kind == "querystring"}
    pairs = [(name, value) for name, value in asked if name not in set_here] + list(set_here.items())
    return "&".join(part for part in (own, urlencode(pairs, quote_via=quote, safe="")) if part)


def _sent(headers: Headers, *, signed: bool) -> Headers:
    """What of the client's headers passes. A signature is for API Gateway, and goes no further."""
    plain = {name.lower(): value if isinstance(value, str) else value[-1] for name, value in headers.items()}
    left_out = _NOT_SENT | ({"authorization"} if signed or "AWS4-" in plain.get("authorization", "") else set())
    return {name: value for name, value in plain.items() if name not in left_out}
