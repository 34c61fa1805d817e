"""Objects that are put once and never changed: the way of templates and layers into a bucket, for `up` and `publish`.

    bytes ──If-None-Match: *, SHA-256──▶ S3 ──▶ written
                                          └──▶ there already: the same bytes are left alone, others are an error

https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html
"""

from __future__ import annotations

import base64
from hashlib import sha256
from typing import Any

from ..errors import UserError
from .failures import error_code

FOR_EVER = "public, max-age=31536000, immutable"
_CHUNK = 1 << 20


def put_new(s3: Any, bucket: str, key: str, data: bytes, *, content_type: str, owner: str) -> bool:
    """Put the bytes at the key if nothing is there; S3 verifies their SHA-256 and keeps it.

    Gives whether it wrote: False when the same bytes are there already. Raises UserError when other bytes are, and
    botocore's error when the bucket refuses. Whether an answer was lost or another was faster makes no difference.
    """
    from botocore.exceptions import ClientError

    try:
        s3.put_object(
            Bucket=bucket,
            Key=key,
            Body=data,
            IfNoneMatch="*",
            ChecksumSHA256=checksum(data),
            ContentType=content_type,
            CacheControl=FOR_EVER,
            ExpectedBucketOwner=owner,
        )
    except ClientError as error:
        if error_code(error) not in ("412", "PreconditionFailed"):
            raise
    else:
        return True
    there, ours = stored_sha256(s3, bucket, key, owner=owner), sha256(data).hexdigest()
    if there != ours:
        raise UserError(other_bytes(bucket, key, there, ours))
    return False


def other_bytes(bucket: str, key: str, there: str | None, ours: str) -> str:
    """What a user is told of a key that is taken."""
    what = f"holds other bytes (SHA-256 {there})" if there else "was there, and is gone again"
    return f"s3://{bucket}/{key} {what}; these have {ours}: what is published is never overwritten, nothing was changed"


def stored_sha256(s3: Any, bucket: str, key: str, *, owner: str) -> str | None:
    """The SHA-256 of an object, in hexadecimal digits: as S3 keeps it, else of its bytes. None when there is none."""
    from botocore.exceptions import ClientError

    asked = {"Bucket": bucket, "Key": key, "ExpectedBucketOwner": owner}
    try:
        kept = s3.head_object(**asked, ChecksumMode="ENABLED").get("ChecksumSHA256", "")
        # A composite checksum, of an upload in parts, ends in -N and is not that of the bytes.
        if kept and "-" not in kept:
            return base64.b64decode(kept).hex()
        return hash_of(s3.get_object(**asked)["Body"])
    except ClientError as error:
        if error_code(error) in ("404", "NoSuchKey"):
            return None
        raise


def hash_of(body: Any) -> str:
    """The SHA-256 of a body that is read piece by piece."""
    digest = sha256()
    for chunk in body.iter_chunks(_CHUNK):
        digest.update(chunk)
    return digest.hexdigest()


def checksum(data: bytes) -> str:
    """The SHA-256 as S3 takes it."""
    return base64.b64encode(sha256(data).digest()).decode()
