"""Signature Version 4 as DAX's clients use it: once for a connection, over a request that is always the same.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
"""

from __future__ import annotations

import calendar
import hashlib
import hmac
import re
import time

SKEW_SECONDS = 15 * 60

_SCOPE = re.compile(r"(?P<date>\d{8})/(?P<region>[a-z0-9-]+)/(?P<service>[a-z]+)/aws4_request")


def flaw(to_sign: str, signature: str, *, region: str, secret: str | None) -> str:
    """What is wrong with a signature; nothing, if all is well. Without `secret` nobody has that access key."""
    algorithm, moment, scope, digest = (*to_sign.split("\n"), "", "", "")[:4]
    found = _SCOPE.fullmatch(scope)
    if algorithm != "AWS4-HMAC-SHA256" or not found or not re.fullmatch(r"\d{8}T\d{6}Z", moment):
        return "The string to sign is malformed."
    if (found["region"], found["service"], found["date"]) != (region, "dax", moment[:8]):
        return f"The credential is scoped to {scope}, not to dax in {region} on the day of {moment}."
    if abs(time.time() - calendar.timegm(time.strptime(moment, "%Y%m%dT%H%M%SZ"))) > SKEW_SECONDS:
        return f"The signature is of {moment}, which is too far from now."
    headers = f"host:dax.amazonaws.com\nx-amz-date:{moment}\n"
    request = f"POST\n/\n\n{headers}\nhost;x-amz-date\n{hashlib.sha256().hexdigest()}"
    if digest != hashlib.sha256(request.encode()).hexdigest():
        return "Something else than this request was signed."
    if secret is None:
        return "The security token included in the request is invalid."
    key = f"AWS4{secret}".encode()
    for part in (*scope.split("/"), to_sign):
        key = hmac.digest(key, part.encode(), "sha256")
    return "" if hmac.compare_digest(key.hex(), signature) else "The signature does not match."
