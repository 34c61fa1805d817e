"""REST APIs as origins of CloudFront.

Stock: an origin whose name ends in `amazonaws.com` is refused with 502, unless it is a bucket, a load balancer or a
function URL, so that nothing leaves the machine.
AWS: API Gateway answers, over HTTPS only, and knows the API by the Host header: with the viewer's it answers 403.
https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/DownloadDistS3AndCustomOrigins.html
https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/using-managed-origin-request-policies.html#managed-origin-request-policy-all-viewer-except-host-header
Patched: the emulator's own API Gateway answers, over loopback, as a request to the API's address would be answered.
"""

from __future__ import annotations

import importlib
import re
from typing import Any

from troposphere_arch.local.addresses import LOOPBACK
from troposphere_arch.local.patches.expect import expect_function
from troposphere_arch.local.patches.provisioner import this_emulator

_REST_API = re.compile(r"(?P<api>[a-z0-9]+)\.execute-api\.[a-z0-9-]+\.amazonaws\.com(?:\.cn)?")
_FORBIDDEN = (403, "Forbidden", [("Content-Type", "application/json")], b'{"message":"Forbidden"}')


def install() -> None:
    """Send what CloudFront asks a REST API to the emulator itself."""
    cloudfront: Any = importlib.import_module("ministack.services.cloudfront")
    forward = expect_function(
        cloudfront,
        "_forward_to_origin",
        *("origin", "method", "uri", "query_string", "headers", "body"),
        *("viewer_is_https", "client_ip", "viewer_x_forwarded_for"),
    )
    target = expect_function(cloudfront, "_origin_connect_target", "origin", "viewer_is_https")

    def patched_forward(
        origin: dict[str, Any],
        method: str,
        uri: str,
        query_string: str,
        headers: dict[str, Any],
        body: bytes,
        viewer_is_https: bool,
        *client: str,
    ) -> Any:
        host, _, https = target(origin, viewer_is_https)
        api = _REST_API.fullmatch(host.lower())
        if not api or not https:  # API Gateway does not listen for plain HTTP
            return forward(origin, method, uri, query_string, headers, body, viewer_is_https, *client)
        if headers.get("host", host) != host:
            return _FORBIDDEN
        port = this_emulator().port
        here = {**origin, "domain_name": LOOPBACK, "http_port": port, "protocol_policy": "http-only"}
        sent = {**headers, "host": f"{api['api']}.execute-api.localhost:{port}", "x-forwarded-proto": "https"}
        return forward(here, method, uri, query_string, sent, body, viewer_is_https, *client)

    cloudfront._forward_to_origin = patched_forward
