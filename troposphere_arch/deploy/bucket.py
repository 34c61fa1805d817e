"""The bucket through which a template goes that is too long for the request itself."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from ..errors import UserError
from .failures import aws_errors, error_code
from .objects import put_new
from .target import Target

LONGEST_BODY = 51_200
"""Bytes. https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html"""


@aws_errors()
def ensure_bucket(target: Target) -> str:
    """Make the target's bucket if it is not there, and close it: no public access, TLS only. Gives its name.

    Raises UserError when the name belongs to another account.
    """
    s3 = target.client("s3")
    if not _exists(target):
        # us-east-1 is the one region that must not be named.
        place = {} if target.region == "us-east-1" else {"LocationConstraint": target.region}
        options: dict[str, Any] = {"CreateBucketConfiguration": place} if place else {}
        s3.create_bucket(Bucket=target.bucket, ObjectOwnership="BucketOwnerEnforced", **options)
    ours = {"Bucket": target.bucket, "ExpectedBucketOwner": target.account}
    switches = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")
    s3.put_public_access_block(**ours, PublicAccessBlockConfiguration=dict.fromkeys(switches, True))
    s3.put_bucket_policy(**ours, Policy=json.dumps(_tls_only(target)))
    return target.bucket


def upload(target: Target, body: bytes) -> str:
    """Put the template into the target's bucket and give its URL. The key holds its SHA-256.

    Raises UserError when there is no bucket or it is another account's.
    """
    if not _exists(target):
        raise UserError(
            f"the template has {len(body):,} bytes, and CloudFormation takes only {LONGEST_BODY:,} in a request: "
            f"it goes through a bucket, and {target.bucket} does not exist; create it, or name one of yours"
        )
    s3 = target.client("s3")
    key = f"templates/{hashlib.sha256(body).hexdigest()}.json"
    put_new(s3, target.bucket, key, body, content_type="application/json", owner=target.account)
    # The path form, in the words of the client: right in each partition, and on the emulator.
    return f"{s3.meta.endpoint_url}/{target.bucket}/{key}"


def _exists(target: Target) -> bool:
    from botocore.exceptions import ClientError

    try:
        target.client("s3").head_bucket(Bucket=target.bucket, ExpectedBucketOwner=target.account)
    except ClientError as error:
        if error_code(error) in ("404", "NoSuchBucket"):
            return False
        if error_code(error) == "403":
            raise UserError(
                f"bucket {target.bucket} is not open to you, or is another account's: name another"
            ) from None
        raise
    return True


def _tls_only(target: Target) -> dict[str, Any]:
    arn = f"arn:{target.partition}:s3:::{target.bucket}"
    deny = {
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:*",
        "Resource": [arn, f"{arn}/*"],
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }
    return {"Version": "2012-10-17", "Statement": [deny]}
