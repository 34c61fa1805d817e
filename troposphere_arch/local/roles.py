"""Credentials of a role as a service gives them to what it runs: to a task of ECS, to an instance of EC2."""

from __future__ import annotations

import os
from typing import Any

from botocore.exceptions import ClientError

from troposphere_arch.errors import UserError
from troposphere_arch.local.addresses import LOOPBACK
from troposphere_arch.local.emulator import DEFAULT_REGION, Emulator
from troposphere_arch.local.patches.service_roles import HEADER

SECONDS = 43_200
"""The longest that AWS knows. A service of AWS gives new ones in time, and here nobody does."""


def variables(
    emulator: Emulator, role: str, service: str, source: str, session: str, *, region: str = DEFAULT_REGION
) -> dict[str, str]:
    """What tells an SDK the role's credentials, and where the emulator is, by environment variables.

    `role` and `source` are ARNs: `service` ("ecs-tasks.amazonaws.com") assumes the role for `source`. On AWS the SDK
    asks an address of its own for them. Raises UserError when the role does not let the service assume it.
    """
    sts = emulator.client("sts", region=region)

    def say(request: Any, **_: object) -> None:
        request.headers[HEADER] = f"{service} {source}"

    sts.meta.events.register("before-send", say)
    try:
        given = sts.assume_role(RoleArn=role, RoleSessionName=session, DurationSeconds=SECONDS)["Credentials"]
    except ClientError as error:
        raise UserError(f"{service} may not assume {role}: {error.response['Error']['Message']}") from None
    return {
        "AWS_ENDPOINT_URL": emulator.url,
        "AWS_ACCESS_KEY_ID": given["AccessKeyId"],
        "AWS_SECRET_ACCESS_KEY": given["SecretAccessKey"],
        "AWS_SESSION_TOKEN": given["SessionToken"],
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
        "NO_PROXY": LOOPBACK,
    }
