"""From an address as it stands in a stack's outputs to the same place on the emulator.

The emulator listens on one loopback port and tells its services apart by the Host header or the path. A template's
outputs hold `amazonaws.com` addresses, as they must; this is the one place that knows how the two belong together.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from troposphere_arch.errors import UserError

LOOPBACK = "127.0.0.1"
"""An IPv4 literal: `localhost` may resolve to ::1 first, and S3 clients turn it into `bucket.localhost`."""

_SUFFIX = r"\.amazonaws\.com(?:\.cn)?"
_REST_API = re.compile(rf"(?P<api>[a-z0-9]+)\.execute-api\.[a-z0-9-]+{_SUFFIX}")
_EDGE = re.compile(r"(?P<label>[a-z0-9]+)\.cloudfront\.net")
_BY_HOST_HEADER = re.compile(rf"[a-z0-9]+\.cloudfront\.net|[a-z0-9.-]+\.elb{_SUFFIX}")
_IN_BROWSER = re.compile(r"[a-z0-9]+\.cloudfront\.localhost")
_BUCKET = re.compile(rf"(?P<bucket>[a-z0-9.-]+)\.s3(?:[.-][a-z0-9-]+)?{_SUFFIX}")
_SERVICE = re.compile(rf"[a-z0-9-]+(?:\.[a-z0-9-]+)?{_SUFFIX}")


@dataclass(frozen=True)
class LocalAddress:
    """Where a request goes on the emulator: the request target, and the headers that belong to the address."""

    target: str
    headers: dict[str, str] = field(default_factory=dict)


def plain_address(url: str, port: int) -> str:
    """The same place as one plain address, which needs no header: for people, browsers and curl.

    For a REST API and a distribution only; any other address is given back as `local_address` has it. Browsers and curl
    know that every name below `localhost` is this machine: https://www.rfc-editor.org/rfc/rfc6761#section-6.3
    """
    parts = urlsplit(url)
    host = (parts.hostname or "").lower()
    if edge := _EDGE.fullmatch(host):
        return f"http://{edge['label']}.cloudfront.localhost:{port}{parts.path or '/'}"
    api = _REST_API.fullmatch(host)
    if api:
        return f"http://{LOOPBACK}:{port}/_aws/execute-api/{api['api']}{parts.path}"
    return f"http://{LOOPBACK}:{port}{local_address(url, port).target}"


def local_address(url: str, port: int, names: Collection[str] = ()) -> LocalAddress:
    """The emulator's form of `url`, which is an address from a stack's outputs or one of the emulator's own.

    `names` are hosts that the patched emulator knows as they are, by a record of its Route 53, such as
    `stock.example.com`, or as what was signed, such as `abc.execute-api.us-east-1.amazonaws.com`.
    Raises UserError for any other address: a request must never leave the machine.
    """
    parts = urlsplit(url)
    host = (parts.hostname or "").lower()
    path = parts.path or "/"
    query = f"?{parts.query}" if parts.query else ""
    # The emulator does not terminate TLS. An https address says so in the header that a TLS proxy would send.
    secure = {"X-Forwarded-Proto": "https"} if parts.scheme == "https" else {}
    if host in names and parts.port is None:
        return LocalAddress(path + query, {"Host": host, **secure})
    if host in (LOOPBACK, "localhost") and parts.port == port:
        return LocalAddress(path + query, secure)
    if _IN_BROWSER.fullmatch(host) and parts.port == port:
        return LocalAddress(path + query, {"Host": f"{host}:{port}", **secure})
    if api := _REST_API.fullmatch(host):
        return LocalAddress(path + query, {"Host": f"{api['api']}.execute-api.localhost:{port}", **secure})
    if _BY_HOST_HEADER.fullmatch(host):
        return LocalAddress(path + query, {"Host": host, **secure})
    if bucket := _BUCKET.fullmatch(host):
        return LocalAddress(f"/{bucket['bucket']}{path}{query}", secure)
    if _SERVICE.fullmatch(host):
        return LocalAddress(path + query, secure)
    raise UserError(f"{url}: not an address of the emulator on port {port}; the request would leave this machine")
