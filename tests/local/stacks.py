"""Small stacks of the tests of the patches."""

from __future__ import annotations

import contextlib
import json
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from troposphere_arch.local import Emulator

Resources = dict[str, dict[str, Any]]

TRUST_LAMBDA = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}],
}


@dataclass(frozen=True)
class Stack:
    emulator: Emulator
    name: str

    @property
    def ids(self) -> dict[str, str]:
        found = self.emulator.client("cloudformation").describe_stack_resources(StackName=self.name)["StackResources"]
        return {resource["LogicalResourceId"]: resource["PhysicalResourceId"] for resource in found}

    def update(self, resources: Resources) -> None:
        body = json.dumps({"Resources": resources})
        self.emulator.client("cloudformation").update_stack(
            StackName=self.name, TemplateBody=body, Capabilities=["CAPABILITY_IAM"]
        )
        assert self.ended() == "UPDATE_COMPLETE"

    def ended(self) -> str:
        cloudformation = self.emulator.client("cloudformation")
        while True:
            status: str = cloudformation.describe_stacks(StackName=self.name)["Stacks"][0]["StackStatus"]
            if not status.endswith("_IN_PROGRESS"):
                return status
            time.sleep(0.02)


@contextlib.contextmanager
def stack(emulator: Emulator, resources: Resources, **options: Any) -> Iterator[Stack]:
    cloudformation = emulator.client("cloudformation")
    stack_id = cloudformation.create_stack(
        StackName=f"t-{uuid.uuid4().hex[:12]}",
        TemplateBody=json.dumps({"Resources": resources}),
        Capabilities=["CAPABILITY_IAM"],
        **options,
    )["StackId"]
    made = Stack(emulator, stack_id)
    try:
        assert made.ended() == "CREATE_COMPLETE"
        yield made
    finally:
        cloudformation.delete_stack(StackName=made.name)
        assert made.ended() == "DELETE_COMPLETE"


def resource(kind: str, *, depends: list[str] | None = None, **properties: Any) -> dict[str, Any]:
    return {"Type": f"AWS::{kind}", "Properties": properties, **({"DependsOn": depends} if depends else {})}


def allowed(call: Callable[..., Any], **parameters: Any) -> bool:
    try:
        call(**parameters)
    except ClientError as error:
        assert error.response["Error"]["Code"] == "AccessDenied"
        return False
    return True
