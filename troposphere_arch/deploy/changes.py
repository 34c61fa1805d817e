"""Change sets: what a template would do to a stack, then doing it, or not."""

from __future__ import annotations

import contextlib
import json
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..errors import UserError
from .bucket import LONGEST_BODY, upload
from .events import Progress, follow, last_event, waits
from .failures import aws_errors, error_code, one_line
from .parameters import check_parameters
from .stacks import describe, failure_of, outputs_of
from .target import Target

_REVIEW = "REVIEW_IN_PROGRESS"
"""The state of a stack that a change set has made and nobody has executed: there is nothing in it."""

_NO_CHANGES = ("didn't contain changes", "No updates are to be performed")

_CANNOT_BE_UPDATED = {
    "ROLLBACK_COMPLETE": "its creation failed: delete it, then create it again",
    "CREATE_FAILED": "its creation failed: delete it, then create it again",
    "ROLLBACK_FAILED": "its creation failed, and so did the clearing up: delete it, then create it again",
    "DELETE_FAILED": "its deletion failed half way: delete it again",
    "UPDATE_FAILED": "an update failed: roll it back first (`aws cloudformation rollback-stack`)",
    "UPDATE_ROLLBACK_FAILED": (
        "an update failed, and so did the way back: go on with `aws cloudformation continue-update-rollback`"
    ),
}


@dataclass(frozen=True)
class Change:
    """What a change set does to one resource: Add, Modify, Remove, Import or Dynamic.

    `replacement` is "True", "False" or "Conditional" for Modify, and empty for the others.
    """

    action: str
    logical_id: str
    type: str
    replacement: str = ""
    physical_id: str = ""


@dataclass(frozen=True)
class Plan:
    """A change set that waits to be executed or discarded.

    `change_set` is None when there is nothing to change, and `why` is what CloudFormation said then.
    """

    target: Target
    stack_name: str
    stack_id: str
    change_set: str | None
    creates: bool
    changes: tuple[Change, ...]
    why: str = ""


@aws_errors()
def plan(
    target: Target,
    stack_name: str,
    body: bytes,
    parameters: Mapping[str, str],
    tags: Mapping[str, str] | None = None,
    *,
    capabilities: Sequence[str] = ("CAPABILITY_IAM",),
) -> Plan:
    """What the template `body` (JSON) would do to a stack, as a change set that waits.

    A parameter that is not in `parameters` keeps the value that a running stack has for it, else its default. `tags`
    None leaves the stack's tags as they are. Raises UserError when the stack can't be updated as it is, when a
    parameter is unknown, missing or out of its limits, when a long template has no bucket to go through, and when
    CloudFormation refuses the template. Nothing is left behind then.
    """
    template = _read(body)
    stack = describe(target, stack_name)
    status = stack["StackStatus"] if stack else _REVIEW
    if reason := _CANNOT_BE_UPDATED.get(status):
        raise UserError(f"stack {stack_name} is in {status}: {reason}")
    if status != _REVIEW and status.endswith("_IN_PROGRESS"):
        raise UserError(f"stack {stack_name} is in {status}: wait until that has ended")
    creates = status == _REVIEW
    running = set() if creates or not stack else {p["ParameterKey"] for p in stack.get("Parameters", [])}
    kept = sorted(running & set(template.get("Parameters", {})) - set(parameters))
    check_parameters(template, parameters, kept)

    where = {"TemplateBody": body.decode()} if len(body) <= LONGEST_BODY else {"TemplateURL": upload(target, body)}
    options: dict[str, Any] = {} if tags is None else {"Tags": [{"Key": k, "Value": v} for k, v in tags.items()]}
    made = target.client("cloudformation").create_change_set(
        StackName=stack_name,
        ChangeSetName=f"troposphere-arch-{uuid.uuid4().hex}",
        ChangeSetType="CREATE" if creates else "UPDATE",
        Capabilities=list(capabilities),
        Parameters=[
            *({"ParameterKey": name, "ParameterValue": value} for name, value in parameters.items()),
            *({"ParameterKey": name, "UsePreviousValue": True} for name in kept),
        ],
        **where,
        **options,
    )
    planned = Plan(target, stack_name, made["StackId"], made["Id"], creates, ())
    try:
        return _when_ready(planned)
    except BaseException:
        # What went wrong is to be told, not that there was nothing to clear up.
        with contextlib.suppress(Exception):
            discard(planned)
        raise


@aws_errors()
def execute(plan: Plan, progress: Progress = lambda event: None) -> dict[str, str]:
    """Do what was planned and give the stack's outputs, calling `progress` for each event on the way.

    Raises UserError when it fails (naming the first resource that did, why, and the state the stack is left in), and
    Stopped on Ctrl-C (CloudFormation goes on).
    """
    cloudformation = plan.target.client("cloudformation")
    if plan.change_set is not None:
        before = last_event(cloudformation, plan.stack_id)
        cloudformation.execute_change_set(ChangeSetName=plan.change_set, StackName=plan.stack_id)
        doing = f"the {'creation' if plan.creates else 'update'} of stack {plan.stack_name}"
        status, failure = follow(cloudformation, plan.stack_id, before, progress, doing)
        if status not in ("CREATE_COMPLETE", "UPDATE_COMPLETE"):
            left = _CANNOT_BE_UPDATED.get(status, "it is as it was before")
            raise UserError(f"{failure_of(plan.stack_name, failure)}; the stack is left in {status}: {left}")
    stack = describe(plan.target, plan.stack_id)
    return outputs_of(stack) if stack else {}


@aws_errors()
def discard(plan: Plan) -> None:
    """Take the plan back: its change set, and the empty stack that planning a creation made. Gone already: no error."""
    if plan.change_set is None:
        return
    from botocore.exceptions import ClientError

    cloudformation = plan.target.client("cloudformation")
    try:
        cloudformation.delete_change_set(ChangeSetName=plan.change_set, StackName=plan.stack_id)
    except ClientError as error:
        if error_code(error) not in ("ChangeSetNotFound", "ChangeSetNotFoundException") and "does not exist" not in str(
            error
        ):
            raise
    if not plan.creates:
        return
    stack = describe(plan.target, plan.stack_id)
    if stack is None or stack["StackStatus"] != _REVIEW:
        return
    # Somebody else may be planning the same stack.
    others = cloudformation.list_change_sets(StackName=plan.stack_id)["Summaries"]
    if any(other["ChangeSetId"] != plan.change_set and other["StackId"] == plan.stack_id for other in others):
        return
    cloudformation.delete_stack(StackName=plan.stack_id)
    for _ in waits():
        if describe(plan.target, plan.stack_id) is None:
            return


def _read(body: bytes) -> dict[str, Any]:
    try:
        template = json.loads(body)
    except ValueError as error:
        raise UserError(f"the template is not JSON: {error}") from None
    if not isinstance(template, dict) or "Resources" not in template:
        raise UserError("the template has no Resources: is it a CloudFormation template?")
    return template


def _when_ready(planned: Plan) -> Plan:
    """The plan with its changes, once CloudFormation has worked them out."""
    cloudformation = planned.target.client("cloudformation")
    for _ in waits():
        found = cloudformation.describe_change_set(ChangeSetName=planned.change_set, StackName=planned.stack_id)
        if found["Status"] == "CREATE_COMPLETE":
            break
        if found["Status"] == "FAILED":
            reason = one_line(found.get("StatusReason") or "no reason given")
            if planned.creates or not any(words in reason for words in _NO_CHANGES):
                raise UserError(f"CloudFormation can't plan stack {planned.stack_name}: {reason}")
            discard(planned)
            return Plan(planned.target, planned.stack_name, planned.stack_id, None, False, (), reason)
    raw = list(found["Changes"])
    while token := found.get("NextToken"):
        found = cloudformation.describe_change_set(
            ChangeSetName=planned.change_set, StackName=planned.stack_id, NextToken=token
        )
        raw += found["Changes"]
    changes = tuple(_change(change["ResourceChange"]) for change in raw if "ResourceChange" in change)
    return Plan(planned.target, planned.stack_name, planned.stack_id, planned.change_set, planned.creates, changes)


def _change(raw: Mapping[str, Any]) -> Change:
    return Change(
        action=raw["Action"],
        logical_id=raw["LogicalResourceId"],
        type=raw["ResourceType"],
        replacement=raw.get("Replacement", "") if raw["Action"] == "Modify" else "",
        physical_id=raw.get("PhysicalResourceId", ""),
    )
