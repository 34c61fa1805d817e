"""Names of Route 53, as devices and CloudFront ask for them.

    client ──Host: updates.example.com──▶ record ──▶ load balancer | distribution | address

Stock: a request to such a name is taken for one to S3, and CloudFront asks this machine's resolver for the name of an
origin.
AWS: DNS leads to what the record names: an alias (A, AAAA) or CNAME to a load balancer or a distribution, or an
address. A distribution answers 403 to a name that is none of its alternate domain names. What has a name owns all its
paths.
https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/resource-record-sets-choosing-alias-non-alias.html
https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/CNAMEs.html
Patched: the Host header is looked up in the public hosted zones, at once after each change (no TTL, no cache, no
weights); `*.example.com` is every name below it that is not there itself. `/health`, which the emulator answers itself,
goes where the name leads, and likewise with the names of load balancers and distributions. CloudFront asks no resolver:
an origin is a name of Route 53, of AWS or of this machine, or it is unreachable (502).
"""

from __future__ import annotations

import functools
import importlib
import ipaddress
import re
from typing import Any

from troposphere_arch.local.addresses import LOOPBACK
from troposphere_arch.local.patches.expect import expect_function

_EDGE = re.compile(r"(?P<label>[a-z0-9]+)\.cloudfront\.net")
_LONGEST_CHAIN = 8
_UNKNOWN_NAME = "Bad request. We can't connect to the server for this app or website at this time."


def resolve(name: str, vpc: str = "") -> str:
    """What `name` leads to in the hosted zones: a name of AWS, an address, or itself when there is no record.

    Whoever is in `vpc` asks its private zones first; nobody else sees them.
    https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/hosted-zone-private-considerations.html
    """
    host = _plain(name)
    for _ in range(_LONGEST_CHAIN):
        found = None if _is_this_machine(host) else _look_up(host, vpc)
        if found is None:
            return host
        host = _plain(found)
    return host


def _look_up(host: str, vpc: str) -> str | None:
    labels = host.split(".")
    names = [host, *(f"*.{'.'.join(labels[start:])}" for start in range(1, len(labels)))]
    for private in (True, False) if vpc else (False,):
        there = _records(vpc if private else "")
        # Of a name that is there, a wildcard says nothing, even where it has no address.
        if records := next((there[name] for name in names if name in there), None):
            found = next((record for record in records if record["Type"] in ("A", "AAAA", "CNAME")), None)
            return _target(found) if found else None
    return None


def _records(vpc: str) -> dict[str, list[dict[str, Any]]]:
    """The records of the private zones of that VPC, or of the public ones, by their names."""
    route53: Any = importlib.import_module("ministack.services.route53")
    found: dict[str, list[dict[str, Any]]] = {}
    for zone, records in route53._records.items():
        settings = route53._zones.get(zone, {})
        inside = {one["VPCId"] for one in settings.get("vpcs") or []} if settings.get("private") else {""}
        if vpc in inside:
            for record in records:
                found.setdefault(_plain(record["Name"]), []).append(record)
    return found


def install() -> None:
    """Look names up for requests to the emulator, and for the origins of its CloudFront."""
    app: Any = importlib.import_module("ministack.app")
    cloudfront: Any = importlib.import_module("ministack.services.cloudfront")
    _lead_to_balancers(app)
    _lead_to_distributions(app, cloudfront)
    _own_all_paths(app)
    _find_origins(cloudfront)


def _lead_to_balancers(app: Any) -> None:
    alb: Any = importlib.import_module("ministack.services.alb")
    possible = expect_function(app, "_is_potential_alb_request", "host", "path")
    find = expect_function(alb, "find_lb_for_host", "host")

    def patched_find(host: str) -> Any:
        return find(host) or find(resolve(host.split(":")[0]))

    def patched_possible(host: str, path: str) -> bool:
        return bool(possible(host, path) or possible(resolve(host.split(":")[0]), path))

    alb.find_lb_for_host = patched_find
    app._is_potential_alb_request = patched_possible


def _lead_to_distributions(app: Any, cloudfront: Any) -> None:
    parse = expect_function(app, "_parse_cloudfront_dataplane_host", "host")
    handle = expect_function(
        app,
        "_handle_cloudfront_dataplane_request",
        *("host", "path", "raw_path", "raw_query_string", "method", "headers", "body", "query_params", "client_ip"),
    )
    refuse = expect_function(cloudfront, "_cf_error_response", "status", "explanation", "x_cache")
    aliases = expect_function(cloudfront, "_get_distribution_aliases", "dist")
    by_label = expect_function(cloudfront, "find_distribution_for_label", "label")

    def patched_parse(host: str) -> str | None:
        label: str | None = parse(host)
        if label is None and (edge := _EDGE.fullmatch(resolve(host.split(":")[0]))):
            label = edge["label"]
        return label

    async def patched_handle(host: str, *request: Any) -> Any:
        if parse(host) is None and (label := patched_parse(host)):
            distribution = by_label(label)
            if distribution and _plain(host.split(":")[0]) not in map(_plain, aliases(distribution)):
                return refuse(403, _UNKNOWN_NAME, "Error from cloudfront")
        return await handle(host, *request)

    app._parse_cloudfront_dataplane_host = patched_parse
    app._handle_cloudfront_dataplane_request = patched_handle


def _own_all_paths(app: Any) -> None:
    parameters = ("method", "path", "headers", "query_params", "request_id")
    before_body = expect_function(app, "_handle_pre_body_request", *parameters)

    @functools.wraps(before_body)  # as below
    async def patched_before_body(method: str, path: str, headers: dict[str, str], *rest: Any) -> Any:
        host = headers.get("host", "")
        if app._parse_cloudfront_dataplane_host(host) or app._is_potential_alb_request(host, ""):
            return None
        return await before_body(method, path, headers, *rest)

    app._handle_pre_body_request = patched_before_body


def _find_origins(cloudfront: Any) -> None:
    forward = expect_function(
        cloudfront,
        "_forward_to_origin",
        *("origin", "method", "uri", "query_string", "headers", "body"),
        *("viewer_is_https", "client_ip", "viewer_x_forwarded_for"),
    )
    of_aws = expect_function(cloudfront, "_is_aws_owned_host", "host")

    @functools.wraps(forward)  # another patch stands before this one, and looks for the parameters that stock has
    def patched_forward(
        origin: dict[str, Any], method: str, uri: str, query: str, headers: dict[str, Any], *rest: Any
    ) -> Any:
        name = _plain(origin["domain_name"])
        host = resolve(name)
        if not of_aws(host) and not _is_this_machine(host):
            raise cloudfront.OriginUnreachable(f"{name}: no such name in Route 53 of the emulator")
        sent = headers if host == name else {**headers, "host": headers.get("host", name)}
        return forward({**origin, "domain_name": host}, method, uri, query, sent, *rest)

    cloudfront._forward_to_origin = patched_forward


def _target(record: dict[str, Any]) -> str | None:
    alias: str | None = (record.get("AliasTarget") or {}).get("DNSName")
    values = record.get("ResourceRecords") or [None]
    return alias or values[0]


def _plain(name: str) -> str:
    return name.lower().removesuffix(".")


def _is_this_machine(host: str) -> bool:
    if host in ("localhost", LOOPBACK) or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
