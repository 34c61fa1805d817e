"""A stack on an emulator, as its operator handles it: through CloudFormation's public API alone."""

from __future__ import annotations

import functools
import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from troposphere_arch import catalogue, layers, scenarios
from troposphere_arch.layers import builder
from troposphere_arch.local import DEFAULT_REGION, Emulator

BUCKET = "templates-of-the-tests"
ARTIFACTS = "layers-of-the-tests"


@functools.cache
def contents() -> dict[str, bytes]:
    """All files as the sources make them; another test holds these and the committed ones together."""
    return catalogue.contents()


def template_bytes(scenario: str) -> bytes:
    """The template's bytes as the sources make them."""
    return contents()[catalogue.template_path(scenario, scenarios.page(scenario).VERSION)]


def template_url(emulator: Emulator, scenario: str, body: bytes | None = None) -> str:
    """The address of the uploaded template."""
    s3 = emulator.client("s3")
    s3.create_bucket(Bucket=BUCKET)
    s3.put_object(Bucket=BUCKET, Key=f"{scenario}.json", Body=body or template_bytes(scenario))
    return f"{emulator.url}/{BUCKET}/{scenario}.json"


def put_layers(emulator: Emulator) -> str:
    """Puts the layers where stacks look, built for this machine, where the emulator runs them; gives the bucket."""
    s3 = emulator.client("s3")
    s3.create_bucket(Bucket=ARTIFACTS)
    for name in layers.NAMES:
        layer = builder.build(name, builder.host())
        s3.put_object(Bucket=ARTIFACTS, Key=layer.key, Body=layer.data)
    return ARTIFACTS


@dataclass
class Stack:
    """A stack by its name and region."""

    emulator: Emulator
    name: str
    region: str = DEFAULT_REGION

    @property
    def cloudformation(self) -> Any:
        return self.emulator.client("cloudformation", region=self.region)

    def create(self, url: str, **parameters: str) -> Stack:
        self.cloudformation.create_stack(
            StackName=self.name, TemplateURL=url, Capabilities=["CAPABILITY_IAM"], Parameters=_list(parameters)
        )
        return self.wait("CREATE_COMPLETE")

    def update(self, **parameters: str) -> Stack:
        """Change parameters; those not named keep their value, the template stays."""
        names = {p["ParameterKey"] for p in self.describe().get("Parameters", [])}
        kept = [{"ParameterKey": n, "UsePreviousValue": True} for n in sorted(names - parameters.keys())]
        self.cloudformation.update_stack(
            StackName=self.name,
            UsePreviousTemplate=True,
            Capabilities=["CAPABILITY_IAM"],
            Parameters=[*_list(parameters), *kept],
        )
        return self.wait("UPDATE_COMPLETE")

    def update_by_aws_cli(self, **parameters: str) -> Stack:
        """The same as a user types it."""
        names = {p["ParameterKey"] for p in self.describe()["Parameters"]}
        aws(
            self.emulator,
            *("cloudformation", "update-stack", "--stack-name", self.name, "--use-previous-template"),
            *("--capabilities", "CAPABILITY_IAM", "--parameters"),
            # In quotes, because commas and braces have a meaning in the CLI's shorthand.
            *(f'ParameterKey={k},ParameterValue="{v}"' for k, v in parameters.items()),
            *(f"ParameterKey={k},UsePreviousValue=true" for k in sorted(names - parameters.keys())),
        )
        return self.wait("UPDATE_COMPLETE")

    def delete(self) -> None:
        stack_id = self.describe()["StackId"]
        self.cloudformation.delete_stack(StackName=self.name)
        self.wait("DELETE_COMPLETE", name=stack_id)

    def wait(self, wanted: str, *, name: str | None = None) -> Stack:
        until = time.monotonic() + 60
        while time.monotonic() < until:
            status = self.describe(name)["StackStatus"]
            if status == wanted:
                return self
            assert status.endswith("_IN_PROGRESS"), f"{self.name}: {status}: {self.failures()}"
            time.sleep(0.05)
        raise AssertionError(f"{self.name} did not reach {wanted}")

    def describe(self, name: str | None = None) -> dict[str, Any]:
        stack: dict[str, Any] = self.cloudformation.describe_stacks(StackName=name or self.name)["Stacks"][0]
        return stack

    def events(self) -> list[dict[str, Any]]:
        pages = self.cloudformation.get_paginator("describe_stack_events").paginate(StackName=self.name)
        return [event for page in pages for event in page["StackEvents"]]

    def failures(self) -> list[str]:
        failed = [e for e in self.events() if "FAILED" in e["ResourceStatus"]]
        return [f"{e['LogicalResourceId']}: {e.get('ResourceStatusReason')}" for e in failed]

    @property
    def outputs(self) -> dict[str, str]:
        return {o["OutputKey"]: o["OutputValue"] for o in self.describe().get("Outputs", [])}

    def resources(self) -> list[dict[str, Any]]:
        """The resources, as CloudFormation describes them."""
        found: list[dict[str, Any]] = self.cloudformation.describe_stack_resources(StackName=self.name)[
            "StackResources"
        ]
        return found

    def physical(self, logical: str) -> str:
        """The physical id of a resource: what an operator, not a user, looks at."""
        found = self.cloudformation.describe_stack_resource(StackName=self.name, LogicalResourceId=logical)
        return str(found["StackResourceDetail"]["PhysicalResourceId"])


def aws(emulator: Emulator, *arguments: str) -> str:
    """Run the real AWS CLI, of this Python's environment, against the emulator."""
    cli = Path(sys.executable).with_name("aws")
    environment = emulator.environment(os.environ)
    done = subprocess.run([sys.executable, cli, *arguments], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, f"aws {' '.join(arguments)}: {done.stderr}"
    return done.stdout + done.stderr


def every(client: Any, call: str, key: str, **arguments: Any) -> list[Any]:
    """All that a service lists, page by page."""
    if not client.can_paginate(call):
        return list(getattr(client, call)(**arguments).get(key, []))
    return [one for page in client.get_paginator(call).paginate(**arguments) for one in page.get(key, [])]


def everything_named(emulator: Emulator, stack: str) -> list[str]:
    """What there is in the account that carries the stack's name, by the services' own lists."""

    def listed(service: str, call: str, key: str, name: str, identifier: str = "", **arguments: int) -> list[str]:
        found = every(emulator.client(service), call, key, **arguments)
        found = [{name: one} if isinstance(one, str) else one for one in found]
        return [one[identifier or name] for one in found if stack in one[name]]

    return sorted(
        [
            *listed("apigateway", "get_rest_apis", "items", "name"),
            *listed("cloudwatch", "describe_alarms", "MetricAlarms", "AlarmName"),
            *listed("cloudwatch", "list_dashboards", "DashboardEntries", "DashboardName"),
            *listed(
                "cognito-identity",
                "list_identity_pools",
                "IdentityPools",
                "IdentityPoolName",
                "IdentityPoolId",
                MaxResults=60,
            ),
            *listed("cognito-idp", "list_user_pools", "UserPools", "Name", "Id", MaxResults=60),
            *listed("dynamodb", "list_tables", "TableNames", "TableName"),
            *listed("iam", "list_roles", "Roles", "RoleName"),
            *listed("lambda", "list_functions", "Functions", "FunctionName"),
            *listed("logs", "describe_log_groups", "logGroups", "logGroupName"),
            *listed("s3", "list_buckets", "Buckets", "Name"),
        ]
    )


def _list(parameters: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"ParameterKey": k, "ParameterValue": v} for k, v in parameters.items()]


def preset(scenario: str, name: str) -> dict[str, str]:
    """The values of a committed parameter file."""
    path = f"{scenario}/{scenarios.page(scenario).VERSION}/parameters/{name}.json"
    return {p["ParameterKey"]: p["ParameterValue"] for p in json.loads(contents()[path])}
