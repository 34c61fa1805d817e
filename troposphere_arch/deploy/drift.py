"""Drift: what somebody changed in a stack's resources past CloudFormation.

    stack ──detect──▶ Detection, under way ──drift──▶ resources that are not as the template made them

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


@dataclass(frozen=True)
class Detection:
    """A detection that CloudFormation has begun."""

    target: Target
    stack_name: str
    id: str
    began: float


@aws_errors()
def detect(target: Target, stack_name: str) -> Detection:
    """Have CloudFormation look for drift; of several stacks it looks at all at once. Nothing is changed.

    Raises UserError when it cannot look: the stack is being changed, say.
    """
    from botocore.exceptions import ClientError

    try:
        made = target.client("cloudformation").detect_stack_drift(StackName=stack_name)["StackDriftDetectionId"]
    except ClientError as error:
        if error_code(error) != "ValidationError":
            raise
        said = one_line(error.response["Error"].get("Message") or error)
        raise UserError(f"no drift can be looked for in stack {stack_name}: {said}") from None
    return Detection(target, stack_name, made, time.monotonic())


@aws_errors()
def drift(detection: Detection, longest: float = LONGEST) -> list[Drift]:
    """What a detection found, by logical id, once it has ended.

    Raises UserError when it failed, and when it has not ended `longest` seconds after it began (it goes on without us).
    """
    cloudformation, name = detection.target.client("cloudformation"), detection.stack_name
    for _ in waits():
        found = cloudformation.describe_stack_drift_detection_status(StackDriftDetectionId=detection.id)
        if found["DetectionStatus"] == "DETECTION_FAILED":
            reason = one_line(found.get("DetectionStatusReason") or "no reason given")
            raise UserError(f"drift detection of stack {name} failed: {reason}")
        if found["DetectionStatus"] == "DETECTION_COMPLETE":
            break
        if time.monotonic() - detection.began > longest:
            raise UserError(f"drift detection of stack {name} has not ended in {longest:.0f} seconds: ask later")
    return sorted(_drifted(cloudformation, name), key=lambda one: one.logical_id)


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
