"""Drift: what somebody changed in a stack's resources past CloudFormation.

    stack ──detect──▶ detection under way ──wait──▶ resources that are not as the template made them

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-stack-drift.html
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ..errors import UserError
from .events import waits
from .failures import aws_errors, error_code, one_line
from .target import Target

LONGEST = 900.0
"""Seconds that a detection may take before we look no more; it goes on without us."""

_DRIFTED = ["MODIFIED", "DELETED"]


@dataclass(frozen=True)
class Drift:
    """A resource that is not as the template made it: `deleted`, or which properties differ, by their paths."""

    logical_id: str
    type: str
    status: str
    properties: tuple[str, ...] = ()


@aws_errors()
def drift(target: Target, stack_name: str, longest: float = LONGEST) -> list[Drift]:
    """Have CloudFormation look for drift, and give what it found, by logical id. Nothing is changed.

    Raises UserError when it cannot look (the stack is being changed, say), or does not end in `longest` seconds.
    """
    from botocore.exceptions import ClientError

    cloudformation = target.client("cloudformation")
    try:
        detection = cloudformation.detect_stack_drift(StackName=stack_name)["StackDriftDetectionId"]
    except ClientError as error:
        if error_code(error) != "ValidationError":
            raise
        raise UserError(f"no drift can be looked for in stack {stack_name}: {_message(error)}") from None
    end = time.monotonic() + longest
    for _ in waits():
        found = cloudformation.describe_stack_drift_detection_status(StackDriftDetectionId=detection)
        if found["DetectionStatus"] == "DETECTION_FAILED":
            reason = one_line(found.get("DetectionStatusReason") or "no reason given")
            raise UserError(f"drift detection of stack {stack_name} failed: {reason}")
        if found["DetectionStatus"] == "DETECTION_COMPLETE":
            break
        if time.monotonic() > end:
            raise UserError(f"drift detection of stack {stack_name} has not ended in {longest:.0f} seconds: ask later")
    return sorted(_drifted(cloudformation, stack_name), key=lambda one: one.logical_id)


def _drifted(cloudformation: Any, stack_name: str) -> Iterator[Drift]:
    # There is no paginator of this operation in boto3.
    more: dict[str, str] = {}
    while True:
        page = cloudformation.describe_stack_resource_drifts(
            StackName=stack_name, StackResourceDriftStatusFilters=_DRIFTED, **more
        )
        for one in page["StackResourceDrifts"]:
            different = tuple(sorted(each["PropertyPath"] for each in one.get("PropertyDifferences", [])))
            status = one["StackResourceDriftStatus"]
            yield Drift(one["LogicalResourceId"], one["ResourceType"], status.lower(), different)
        if not page.get("NextToken"):
            return
        more = {"NextToken": page["NextToken"]}


def _message(error: Any) -> str:
    return one_line(error.response["Error"].get("Message") or error)
