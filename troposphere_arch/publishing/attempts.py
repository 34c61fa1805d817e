"""One request that may have to be tried again, and the two ways in which a shared object is changed.

    call ──failed for a moment──▶ wait, longer each time ──▶ call
    read ──▶ make ──If-Match: what was read──▶ written
      ▲                └──somebody was faster──┘

botocore tries again by itself what it recognises, with longer and longer pauses. What it does not is a body that breaks
off while it is read, bytes that arrive damaged, and a conflict between writers.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

from ..deploy.failures import error_code
from ..deploy.objects import checksum
from ..errors import UserError
from .place import Place

T = TypeVar("T")

ROUNDS = 4
AGAIN = 2
"""Rounds of what botocore has tried several times in each of them."""

SWAPS = 80
"""Tries to change a shared object, of which each fails only because somebody else's succeeded."""

_FOR_A_MOMENT = {
    "BadDigest",
    "ConditionalRequestConflict",
    "IncompleteBody",
    "OperationAborted",
    "RequestTimeout",
    "XAmzContentChecksumMismatch",
    "XAmzContentSHA256Mismatch",
}
_LOST = {"412", "PreconditionFailed", "409", "ConditionalRequestConflict", "404", "NoSuchKey"}


def again(place: Place, call: Callable[[], T]) -> T:
    """The result of the call, which is made anew when it failed for a reason that passes by."""
    for turn in range(ROUNDS):
        try:
            return call()
        except Exception as error:
            if turn + 1 >= _rounds(error) or place.stopped.is_set():
                raise
        place.stopped.wait(random.uniform(0, 0.2 * 2**turn))  # noqa: S311 - it only spreads requests
    raise AssertionError  # the last turn returns or raises


def get(place: Place, key: str) -> tuple[bytes, str] | None:
    """The bytes of an object, and the tag of this state of it; None when it is not there."""
    from botocore.exceptions import ClientError

    def once() -> tuple[bytes, str]:
        answer = place.s3.get_object(
            Bucket=place.bucket, Key=key, ExpectedBucketOwner=place.owner, ChecksumMode="ENABLED"
        )
        return answer["Body"].read(), answer["ETag"]

    try:
        return again(place, once)
    except ClientError as error:
        code = error_code(error)
        if code in ("404", "NoSuchKey"):
            return None
        # S3 says 403 of what is not there to somebody who may list only a part of the bucket: the list decides.
        if code in ("403", "AccessDenied") and "s3:GetObject" not in str(error) and key not in listed(place, key):
            return None
        raise


def listed(place: Place, prefix: str) -> dict[str, int]:
    """Key -> bytes of every object whose key begins so."""

    def once() -> dict[str, int]:
        pages = place.s3.get_paginator("list_objects_v2").paginate(
            Bucket=place.bucket, Prefix=prefix, ExpectedBucketOwner=place.owner
        )
        return {item["Key"]: item["Size"] for page in pages for item in page.get("Contents", ())}

    return again(place, once)


def swap(place: Place, key: str, make: Callable[[bytes | None], bytes], content_type: str) -> bool:
    """Change a shared object to what `make` makes of it, and of what else it reads; gives whether it had to change.

    When somebody else changes it meanwhile, `make` is asked again. What it reads besides must be read after the
    object: then of two who change it, the one whose change stays has seen the newest.
    """
    from botocore.exceptions import ClientError

    for turn in range(SWAPS):
        there = get(place, key)
        data = make(there[0] if there else None)
        if there and there[0] == data:
            return False
        condition = {"IfMatch": there[1]} if there else {"IfNoneMatch": "*"}
        try:
            again(place, partial(_put, place, key, data, content_type, condition))
            return True
        except ClientError as error:
            if error_code(error) not in _LOST:
                raise
        place.stopped.wait(random.uniform(0, min(1.0, 0.02 * 2**turn)))  # noqa: S311 - as above
    raise UserError(f"s3://{place.bucket}/{key} is changed by others all the time: try again later")


def _put(place: Place, key: str, data: bytes, content_type: str, condition: dict[str, str]) -> Any:
    return place.s3.put_object(
        Bucket=place.bucket,
        Key=key,
        Body=data,
        ChecksumSHA256=checksum(data),
        ContentType=content_type,
        CacheControl="no-cache",
        ExpectedBucketOwner=place.owner,
        **condition,
    )


def _rounds(error: Exception) -> int:
    """How often a call is made at most that failed so."""
    from botocore import exceptions as aws
    from botocore.parsers import ResponseParserError
    from urllib3.exceptions import HTTPError

    match error:
        case aws.EndpointConnectionError() | aws.ConnectTimeoutError() | aws.ProxyConnectionError() | aws.SSLError():
            return 1  # nobody answers
        case aws.ClientError():
            if error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0) >= 500:
                return AGAIN
            return ROUNDS if error_code(error) in _FOR_A_MOMENT else 1
        case aws.HTTPClientError() | aws.IncompleteReadError() | aws.FlexibleChecksumError() | HTTPError():
            return ROUNDS
        case ResponseParserError():  # an answer that was cut short
            return ROUNDS
    return 1
