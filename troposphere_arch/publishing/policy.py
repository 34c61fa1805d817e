"""The least that a publisher must be allowed to do."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from .. import grants
from .place import LAYERS, buckets_of, check_prefix, partition_of


def policy(bucket: str, regions: Iterable[str], prefix: str = "") -> dict[str, Any]:
    """The IAM policy for publishing to the bucket of each region, below the prefix; without a region, in none of them.

    https://docs.aws.amazon.com/AmazonS3/latest/userguide/using-with-s3-policy-actions.html
    """
    check_prefix(prefix)
    named = list(regions) or ["us-east-1"]
    partition = partition_of(named[0])
    arns = [f"arn:{partition}:s3:::{name}" for name in dict.fromkeys(buckets_of(bucket, named).values())]
    below = [prefix, LAYERS.rstrip("/")] if prefix else []
    statements = [statement for arn in arns for statement in grants.publish_below(arn, below)]
    made: dict[str, Any] = json.loads(grants.document(*statements).to_json())
    return made
