"""The least that a publisher must be allowed to do."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from .. import grants
from ..deploy.failures import aws_errors
from ..errors import UserError
from .place import LAYERS, NO_REGION, buckets_of, check_prefix, partition_of, usual_region


@aws_errors()
def policy(bucket: str, regions: Iterable[str], prefix: str = "", *, profile: str | None = None) -> dict[str, Any]:
    """The IAM policy for publishing to the bucket of each region, or of the region of the user's configuration.

    Without one it is for the partition `aws`; `UserError` when the bucket's name needs it.

    https://docs.aws.amazon.com/AmazonS3/latest/userguide/using-with-s3-policy-actions.html
    """
    import boto3

    check_prefix(prefix)
    named = list(regions) or usual_region(boto3.Session(profile_name=profile))
    if not named and "{region}" in bucket:
        raise UserError(NO_REGION)
    named = named or ["us-east-1"]
    partition = partition_of(named[0])
    arns = [f"arn:{partition}:s3:::{name}" for name in dict.fromkeys(buckets_of(bucket, named).values())]
    below = [prefix, LAYERS.rstrip("/")] if prefix else []
    statements = [statement for arn in arns for statement in grants.publish_below(arn, below)]
    made: dict[str, Any] = json.loads(grants.document(*statements).to_json())
    return made
