"""Load balancers: which listener answers, and how CloudFront reaches them.

    client ──https──▶ port 443 ┐
    client ──http───▶ port 80  ├─▶ listener ──rules──▶ targets
    CloudFront ──────▶ port of the origin ┘

The emulator makes no TLS handshake. A request counts as sent over TLS when `x-forwarded-proto: https` says so.
"""

from __future__ import annotations

import asyncio
import fnmatch
import http.client
import importlib
from typing import Any
from urllib.parse import parse_qs

from troposphere_arch.local.patches.expect import expect_function
from troposphere_arch.local.patches.names import resolve
from troposphere_arch.local.patches.provisioner import this_emulator


def install_listeners() -> None:
    """The listener of the port that a client asks.

    Stock: a client reaches port 443 with `Host: <name>:443` only, and where the port has no listener, any other
    listener of the load balancer answers. An internal load balancer answers everybody.
    AWS: a client connects to 443 for https and to 80 for http. Where no listener is, no connection is made; and none
    from outside its network to an internal load balancer.
    https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-listeners.html
    Patched: `x-forwarded-proto: https` reaches port 443, anything else port 80, unless the Host header names another
    port. What makes no connection on AWS is answered with 503 (no listener) or 504 (internal) here. The emulator's own
    address `/_alb/<name>/` stays as it is and reaches internal ones too.
    """
    app: Any = importlib.import_module("ministack.app")
    alb: Any = importlib.import_module("ministack.services.alb")
    handle = expect_function(
        app,
        "_handle_alb_request",
        *("host", "path", "method", "headers", "body", "query_params", "raw_query_string", "raw_path"),
    )

    async def patched_handle(host: str, path: str, method: str, headers: dict[str, str], *rest: Any) -> Any:
        balancer = alb.find_lb_for_host(host)
        if balancer is None:
            return await handle(host, path, method, headers, *rest)
        name, port = _name_and_port(host, headers)
        if not listener(alb, balancer, port):
            return _refusal(503, f"Nothing listens on port {port} of {name}")
        if balancer["Scheme"] == "internal":
            return _refusal(504, f"{name} is internal: it is not reached from outside its network")
        return await handle(f"{name}:{port}", path, method, headers, *rest)

    app._handle_alb_request = patched_handle


def install_origin() -> None:
    """Load balancers as origins of CloudFront.

    Stock: by their own name and over HTTP only; HTTPS is answered with 502. What an origin in a VPC says about ports
    and protocol is not looked at.
    AWS: by any name that leads to it, on the origin's port; over HTTPS when the certificate of the listener covers the
    origin's domain name, or the Host header that is sent, and 502 otherwise. A VPC origin reaches its own load
    balancer, whatever the domain name is, and is the only way to an internal one.
    https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/http-502-bad-gateway.html
    https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/private-content-vpc-origins.html
    Patched: just that, by the names of Route 53. The names on the certificate are those that the emulator's Certificate
    Manager knows; nothing is encrypted, and neither expiry nor the TLS version counts.
    """
    cloudfront: Any = importlib.import_module("ministack.services.cloudfront")
    alb: Any = importlib.import_module("ministack.services.alb")
    read = expect_function(cloudfront, "_dataplane_origin", "origin_el")
    find = expect_function(cloudfront, "_find", "el", "tag")
    text = expect_function(cloudfront, "_text", "el", "tag", "default")
    registered = expect_function(cloudfront, "_registered_alb", "origin")
    fetch = expect_function(
        cloudfront,
        "_fetch_from_alb_origin",
        *("lb", "origin", "method", "uri", "query_string", "headers", "body"),
        *("viewer_is_https", "client_ip", "viewer_xff"),
    )
    target = expect_function(cloudfront, "_origin_connect_target", "origin", "viewer_is_https")

    def patched_read(origin_el: Any) -> dict[str, Any]:
        origin: dict[str, Any] = read(origin_el)
        vpc = find(origin_el, "VpcOriginConfig")
        if vpc is None:
            return origin
        endpoint = cloudfront._vpc_origins[text(vpc, "VpcOriginId")]["VpcOriginEndpointConfig"]
        return {
            **origin,
            "endpoint": endpoint["Arn"],
            "http_port": endpoint["HTTPPort"],
            "https_port": endpoint["HTTPSPort"],
            "protocol_policy": endpoint["OriginProtocolPolicy"],
            "read_timeout": int(text(vpc, "OriginReadTimeout", "30")),
        }

    def patched_registered(origin: dict[str, Any]) -> Any:
        if "endpoint" in origin:
            return alb._lbs.get(origin["endpoint"])
        return registered({**origin, "domain_name": resolve(origin["domain_name"])})

    async def patched_fetch(
        lb: dict[str, Any],
        origin: dict[str, Any],
        method: str,
        uri: str,
        query: str,
        headers: dict[str, Any],
        body: bytes,
        viewer_is_https: bool,
        *client: str,
    ) -> Any:
        if lb["Scheme"] == "internal" and "endpoint" not in origin:
            raise cloudfront.OriginUnreachable(f"{lb['DNSName']} is internal")
        _, port, https = target(origin, viewer_is_https)
        if not https:
            return await fetch(lb, origin, method, uri, query, headers, body, viewer_is_https, *client)
        found = listener(alb, lb, port)
        # A listener for HTTP has no certificate.
        if not found or not covers(found, origin["domain_name"], headers.get("host", "")):
            raise cloudfront.OriginUnreachable(
                f"no certificate for {origin['domain_name']} on port {port} of {lb['DNSName']}"
            )
        sent = {
            name.lower(): value for name, value in cloudfront._origin_request_headers(origin, headers, *client).items()
        }
        return await _ask(cloudfront, alb, lb, origin, port, (method, uri, sent, body, query))

    expect_function(cloudfront, "_origin_request_headers", "origin", "headers", "client_ip", "viewer_x_forwarded_for")
    expect_function(cloudfront, "_collect_streaming_body", "stream", "read_timeout")
    expect_function(
        alb,
        "dispatch_request",
        *("lb", "method", "path", "headers", "body", "query_params", "port", "client_ip"),
        *("raw_query_string", "raw_path"),
    )
    cloudfront._dataplane_origin = patched_read
    cloudfront._registered_alb = patched_registered
    cloudfront._fetch_from_alb_origin = patched_fetch


async def _ask(cloudfront: Any, alb: Any, lb: Any, origin: dict[str, Any], port: int, request: Any) -> Any:
    """What the listener answers: status, reason, headers, body."""
    method, uri, headers, body, query = request
    seconds = origin["read_timeout"]
    try:
        status, answered, data = await asyncio.wait_for(
            alb.dispatch_request(
                lb,
                method,
                uri,
                headers,
                body or b"",
                parse_qs(query, keep_blank_values=True),
                port,
                client_ip="127.0.0.1",
                raw_query_string=query,
            ),
            seconds,
        )
    except TimeoutError as error:
        raise cloudfront.OriginTimeout(f"no answer from {lb['DNSName']} within {seconds} s") from error
    if isinstance(data, cloudfront.StreamingResponse):
        data = await cloudfront._collect_streaming_body(data, seconds)
    pairs = [
        (name, value)
        for name, values in answered.items()
        for value in (values if isinstance(values, list) else [values])
    ]
    return status, http.client.responses.get(status, ""), pairs, data


def _refusal(status: int, text: str) -> tuple[int, dict[str, str], bytes]:
    return status, {"Content-Type": "text/plain"}, f"{text}\n".encode()


def _name_and_port(host: str, headers: dict[str, str]) -> tuple[str, int]:
    name, _, port = host.partition(":")
    # A client on this machine may have to name the port that the emulator listens on.
    if port and int(port) != this_emulator().port:
        return name, int(port)
    return name, 443 if headers.get("x-forwarded-proto") == "https" else 80


def listener(alb: Any, balancer: dict[str, Any], port: int) -> dict[str, Any] | None:
    """The listener of a load balancer on that port."""
    return next(
        (
            one
            for one in alb._listeners.values()
            if one["LoadBalancerArn"] == balancer["LoadBalancerArn"] and one["Port"] == port
        ),
        None,
    )


def covers(listener: dict[str, Any], *names: str) -> bool:
    """Whether the listener's certificate is for one of `names`. A wildcard stands for one label."""
    acm: Any = importlib.import_module("ministack.services.acm")
    known = [acm._certificates.get(arn) for arn in listener.get("Certificates", [])]
    patterns = [
        pattern.lower()
        for certificate in known
        if certificate
        for pattern in (certificate["DomainName"], *certificate.get("SubjectAlternativeNames", []))
    ]
    return any(
        name.count(".") == pattern.count(".") and fnmatch.fnmatchcase(name.lower().removesuffix("."), pattern)
        for name in names
        for pattern in patterns
    )
