"""Where stacks go: an account and a region, reached through clients that the caller's session or emulator makes."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from ..errors import UserError
from .failures import aws_errors


@dataclass(frozen=True)
class Target:
    """An account and a region. `client` makes a client of a service; `bucket` takes templates that are too long."""

    client: Callable[[str], Any] = field(repr=False)
    account: str
    partition: str
    region: str
    bucket: str


@aws_errors()
def target_of(client: Callable[[str], Any], *, bucket: str | None = None) -> Target:
    """The target that `client` reaches: `session.client` of a boto3 session, or `emulator.client`.

    `bucket` is `troposphere-arch-<account>-<region>` when not given; it need not exist until a template is too long.
    Raises UserError when the credentials are missing, expired or not accepted.
    """
    made = functools.cache(client)
    sts = made("sts")
    identity = sts.get_caller_identity()
    account, region = identity["Account"], made("cloudformation").meta.region_name
    partition = identity["Arn"].split(":")[1]
    return Target(made, account, partition, region, bucket or f"troposphere-arch-{account}-{region}")


@aws_errors()
def connect(
    *,
    profile: str | None = None,
    region: str | None = None,
    endpoint_url: str | None = None,
    bucket: str | None = None,
) -> Target:
    """The AWS account of the user's own configuration, or of `profile`; at `endpoint_url` in place of AWS's own.

    Raises UserError when the profile is unknown, and when there is no region or there are no credentials.
    """
    import boto3

    # AWS's newer tools read AWS_REGION, and boto3 does not.
    session = boto3.Session(profile_name=profile, region_name=region or os.environ.get("AWS_REGION"))
    if not session.region_name:
        raise UserError("no AWS region: set AWS_REGION, or name one")
    make: Any = functools.partial(session.client, endpoint_url=endpoint_url)
    return target_of(make, bucket=bucket)
