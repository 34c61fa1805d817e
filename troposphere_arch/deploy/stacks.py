"""Stacks: what there is, and how one is deleted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from ..errors import UserError
from .events import Event, Progress, follow, last_event
from .failures import aws_errors, error_code
from .target import Target

TEMPLATE_ID, TEMPLATE_VERSION = "TemplateId", "TemplateVersion"
"""The outputs by which a stack tells what it was made from."""


@dataclass(frozen=True)
class StackInfo:
    """A stack of ours: the template and the version it was made from, its outputs, and the parameters it runs with."""

    name: str
    status: str
    template: str
    version: str
    outputs: Mapping[str, str]
    created: datetime
    updated: datetime | None
    parameters: Mapping[str, str] = field(default_factory=dict)


@aws_errors()
def stacks(target: Target) -> list[StackInfo]:
    """The stacks of the target that name their template and version in their outputs, by name."""
    pages = target.client("cloudformation").get_paginator("describe_stacks").paginate()
    found = [_info(stack) for page in pages for stack in page["Stacks"]]
    return sorted((info for info in found if info.template and info.version), key=lambda info: info.name)


@aws_errors()
def template_of(target: Target, stack_name: str) -> str | dict[str, Any]:
    """The template that a stack was last made from or updated with: its text, or plain values when that is JSON."""
    body: str | dict[str, Any] = target.client("cloudformation").get_template(
        StackName=stack_name, TemplateStage="Original"
    )["TemplateBody"]
    return body


@aws_errors()
def delete(target: Target, stack_name: str, progress: Progress = lambda event: None) -> None:
    """Delete a stack and wait until it is gone, calling `progress` for each event.

    What its template retains stays: ask `retained` before. Raises UserError when there is no such stack, when its
    deletion fails (naming the first resource that did), and Stopped on Ctrl-C (it goes on without us).
    """
    cloudformation = target.client("cloudformation")
    stack = describe(target, stack_name)
    if stack is None:
        raise UserError(f"there is no stack {stack_name} in {target.region}")
    stack_id = stack["StackId"]
    before = last_event(cloudformation, stack_id)
    cloudformation.delete_stack(StackName=stack_id)
    status, failure = follow(cloudformation, stack_id, before, progress, f"the deletion of stack {stack_name}")
    if status != "DELETE_COMPLETE":
        raise UserError(f"{failure_of(stack_name, failure)}; the stack is left in {status}, and may be deleted again")


def describe(target: Target, stack_name: str) -> dict[str, Any] | None:
    """The stack as CloudFormation describes it, or None when there is none of that name."""
    from botocore.exceptions import ClientError

    try:
        found = target.client("cloudformation").describe_stacks(StackName=stack_name)["Stacks"]
    except ClientError as error:
        if error_code(error) == "ValidationError" and "does not exist" in str(error):
            return None
        raise
    return found[0] if found and found[0]["StackStatus"] != "DELETE_COMPLETE" else None


def outputs_of(stack: Mapping[str, Any]) -> dict[str, str]:
    """A stack's outputs by their names."""
    return {output["OutputKey"]: output["OutputValue"] for output in stack.get("Outputs", [])}


def failure_of(stack_name: str, failure: Event | None) -> str:
    """What went wrong first, in one clause."""
    if failure is None:
        return f"stack {stack_name} failed without saying why"
    return f"{failure.logical_id} ({failure.type}) of stack {stack_name} failed: {failure.reason or failure.status}"


def _info(stack: Mapping[str, Any]) -> StackInfo:
    outputs = outputs_of(stack)
    return StackInfo(
        name=stack["StackName"],
        status=stack["StackStatus"],
        template=outputs.get(TEMPLATE_ID, ""),
        version=outputs.get(TEMPLATE_VERSION, ""),
        outputs=outputs,
        created=stack["CreationTime"],
        updated=stack.get("LastUpdatedTime"),
        parameters={p["ParameterKey"]: p.get("ParameterValue", "") for p in stack.get("Parameters", [])},
    )
