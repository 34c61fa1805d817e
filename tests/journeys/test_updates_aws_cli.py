"""The real AWS CLI, on the committed files: what a user types, and what deletion leaves."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.evidence import shows
from tests.journeys.stack import BUCKET, Stack, aws, every, everything_named, preset, template_url
from tests.journeys.test_todo_aws_cli import next_second
from tests.journeys.updates import ask, servers, status
from tests.sampling import sampled
from tests.system import needs
from troposphere_arch.deploy import check_purge, purge, retained, target_of
from troposphere_arch.local import Emulator
from troposphere_arch.scenarios import page

pytestmark = [pytest.mark.xdist_group("updates-parameters"), needs("nginx"), sampled(2)]
ROOT = Path(__file__).parents[2]
VERSION = page("software-updates").VERSION
TEMPLATE = ROOT / f"templates/software-updates/{VERSION}/software-updates.template.json"
PAGE = ROOT / "docs/software-updates.md"
RETAINED = {"Files", "Releases"}


def kept_by_template() -> set[str]:
    """What the template says that stays, of what is there without the edge's log."""
    resources: dict[str, Any] = json.loads(TEMPLATE.read_bytes())["Resources"]
    return {name for name, one in resources.items() if "Retain" in one.get("DeletionPolicy", "")} - {"EdgeLogFiles"}


# What carries the stack's name, in a name or in a tag: the service, its list, the key of that, and what is the id.
LISTS = (
    ("autoscaling", "describe_auto_scaling_groups", "AutoScalingGroups", "AutoScalingGroupName"),
    ("ec2", "describe_internet_gateways", "InternetGateways", "InternetGatewayId"),
    ("ec2", "describe_launch_templates", "LaunchTemplates", "LaunchTemplateId"),
    ("ec2", "describe_route_tables", "RouteTables", "RouteTableId"),
    ("ec2", "describe_security_groups", "SecurityGroups", "GroupId"),
    ("ec2", "describe_subnets", "Subnets", "SubnetId"),
    ("ec2", "describe_vpc_endpoints", "VpcEndpoints", "VpcEndpointId"),
    ("ec2", "describe_vpcs", "Vpcs", "VpcId"),
    ("efs", "describe_access_points", "AccessPoints", "AccessPointId"),
    ("efs", "describe_file_systems", "FileSystems", "FileSystemId"),
    ("elbv2", "describe_load_balancers", "LoadBalancers", "LoadBalancerArn"),
    ("elbv2", "describe_target_groups", "TargetGroups", "TargetGroupArn"),
    ("events", "list_rules", "Rules", "Name"),
    ("iam", "list_instance_profiles", "InstanceProfiles", "InstanceProfileName"),
)


def everything_of(emulator: Emulator, stack: str) -> set[str]:
    """What there is in the account of a stack, by the services' own lists."""
    listed = [
        one[identifier]
        for service, call, key, identifier in LISTS
        for one in every(emulator.client(service), call, key)
        if re.search(rf"\b{re.escape(stack)}\b", json.dumps(one, default=str))
    ]
    queues = [one for one in every(emulator.client("sqs"), "list_queues", "QueueUrls") if stack in one]
    return {*everything_named(emulator, stack), *listed, *queues}


def typed(emulator: Emulator, script: str, folder: Path) -> str:
    """What a shell answers to lines that somebody types in a folder; `aws` is the real one."""
    environment = emulator.environment(os.environ)
    programs = os.pathsep.join([str(Path(sys.executable).parent), environment["PATH"]])
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=folder,
        env={**environment, "PATH": programs},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@shows("REQ-D5", "REQ-U1", "REQ-U4", "REQ-U8", how="patched")
def test_deploy_publish_as_the_page_says_and_delete(patched: Emulator, tmp_path: Path) -> None:
    """(The unmodified emulator knows no AWS::EC2::SecurityGroupIngress.)"""
    url = template_url(patched, "software-updates", TEMPLATE.read_bytes())
    aws(patched, "cloudformation", "validate-template", "--template-url", url)
    deploy = (
        *("cloudformation", "deploy", "--stack-name", "typed-updates", "--template-file", str(TEMPLATE)),
        *("--s3-bucket", BUCKET, "--capabilities", "CAPABILITY_IAM"),
    )
    # In two steps, because the CLI looks only twice a minute how it goes.
    told = aws(patched, *deploy, "--no-execute-changeset")
    [change_set] = re.findall(r"--change-set-name (\S+)", told)
    aws(patched, "cloudformation", "execute-change-set", "--change-set-name", change_set)
    stack = Stack(patched, "typed-updates").wait("CREATE_COMPLETE")
    bucket, data = stack.outputs["ReleasesBucket"], os.urandom(9_000_000)  # large enough for parts
    [lines] = [one for one in re.findall(r"```sh\n(.*?)```", PAGE.read_text(), re.S) if "sha256sum" in one]
    *publishing, looking = (
        lines.replace("s3://RELEASES", f"s3://{bucket}")
        .replace("--bucket RELEASES", f"--bucket {bucket}")
        .rstrip()
        .splitlines()
    )
    assert "status/1.4.0/$ID.json" in looking
    (tmp_path / "dist").mkdir()
    (tmp_path / "dist/app.tar.gz").write_bytes(data)
    made = typed(patched, "\n".join([*publishing, 'echo "ID=$ID"']), tmp_path).rpartition("ID=")[2].strip()
    assert status(stack, "1.4.0", made)["state"] == "published"
    assert json.loads(typed(patched, f"ID={made}\n{looking}", tmp_path))["latest"] == "1.4.0"
    # The same by the line of the output.
    version, folder = "1.5.0", tmp_path / "dist"
    description = {**json.loads((tmp_path / "1.4.0.json").read_bytes()), "version": version}
    (tmp_path / f"{version}.json").write_text(json.dumps(description))
    line = stack.outputs["PutReleaseCommand"].replace("FOLDER", str(folder)).replace("VERSION", version)
    typed(patched, line, tmp_path)
    head = patched.client("s3").head_object(Bucket=bucket, Key=f"releases/{version}.json")
    assert status(stack, version, head["VersionId"])["state"] == "published"
    with servers(stack):
        host = stack.outputs["BalancerName"]
        manifest = ask(stack, "/latest.json", host, https=False).json()
        assert manifest["version"] == version
        assert ask(stack, manifest["files"][0]["url"], host, https=False).body == data
    next_second()
    assert "No changes to deploy" in aws(patched, *deploy, "--no-fail-on-empty-changeset")

    names = {one["LogicalResourceId"]: one["PhysicalResourceId"] for one in stack.resources()}
    assert kept_by_template() == RETAINED
    assert (
        len(everything_of(patched, "typed-updates")) > 40
    )  # so the look at what is left cannot pass by seeing nothing
    target, stack_id = target_of(patched.client), stack.describe()["StackId"]
    left = retained(target, "typed-updates", json.loads(TEMPLATE.read_bytes()))
    aws(patched, "cloudformation", "delete-stack", "--stack-name", "typed-updates")
    stack.wait("DELETE_COMPLETE", name=stack_id)  # the CLI looks twice a minute
    assert everything_of(patched, "typed-updates") == {names[one] for one in RETAINED}
    s3 = patched.client("s3")
    assert s3.get_object(Bucket=bucket, Key="files/1.4.0/app.tar.gz")["Body"].read() == data
    # What `down --purge` does.
    assert {one.logical_id for one in left} == RETAINED
    check_purge(left)
    purge(target, left)
    assert everything_of(patched, "typed-updates") == set()


@shows("REQ-D5", "REQ-U11", how="patched")
def test_create_stack_from_its_address_for_production(patched: Emulator) -> None:
    zones = ["us-east-1c", "us-east-1a", "us-east-1b"]
    values = {**preset("software-updates", "production"), "Zones": ",".join(zones)}
    parameters = [{"ParameterKey": name, "ParameterValue": value} for name, value in values.items()]
    aws(
        patched,
        *("cloudformation", "create-stack", "--stack-name", "addressed-updates", "--capabilities", "CAPABILITY_IAM"),
        *("--template-url", template_url(patched, "software-updates", TEMPLATE.read_bytes())),
        *("--parameters", json.dumps(parameters)),
    )
    stack = Stack(patched, "addressed-updates").wait("CREATE_COMPLETE")  # the CLI looks twice a minute
    outputs = stack.outputs
    assert (outputs["TemplateId"], outputs["TemplateVersion"]) == ("software-updates", VERSION)
    assert {"FilesMountA", "FilesMountB", "FilesMountC"} < {r["LogicalResourceId"] for r in stack.resources()}
    private = [stack.physical(f"NetworkPrivate{letter}") for letter in "ABC"]
    found = patched.client("ec2").describe_subnets(SubnetIds=private)["Subnets"]
    assert {one["SubnetId"]: one["AvailabilityZone"] for one in found} == dict(zip(private, zones, strict=True))
    # It is protected: AWS refuses to delete the load balancer until that is switched off.
    stack.update_by_aws_cli(DeletionProtection="off")
    stack.delete()
