"""Software updates, and an edge for somebody's own servers, as products of the service catalog.

What a launch of them may do, and may not, is asked of the very statements, as IAM decides.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.evidence import shows
from tests.iam import allowed, worked_out
from tests.templates.test_service_catalog import (
    ACCOUNT,
    CACHE,
    ESCALATIONS,
    KNOWN,
    LAUNCHED,
    REGION,
    STACK,
    UPDATES,
    arn,
    policies,
)
from troposphere_arch import lint
from troposphere_arch.render import plain, render, retained
from troposphere_arch.scenarios.service_catalog import Release, build
from troposphere_arch.template import ScenarioTemplate

TEMPLATES = {"software-updates": UPDATES, "edge-cache": CACHE}
TITLES = {"software-updates": "SoftwareUpdates", "edge-cache": "EdgeCache"}
Request = tuple[str, str, dict[str, str]]


def catalogue(name: str, template: dict[str, Any] | None = None) -> ScenarioTemplate:
    path = f"{name}/1.0.0/{name}.template.json"
    return build([Release(name, "1.0.0", path, "Updates.", TEMPLATES[name] if template is None else template)])


@pytest.fixture(scope="module")
def made() -> dict[str, dict[str, Any]]:
    """The catalogue of each of the two."""
    return {name: plain(catalogue(name)) for name in TEMPLATES}


def role_of(name: str) -> str:
    return f"arn:aws:iam::{ACCOUNT}:role/{STACK}/{name}/{LAUNCHED}-SomeRole-X"


@shows("REQ-D4", how="static")
@pytest.mark.parametrize("name", TEMPLATES)
def test_it_can_be_a_product_of_the_service_catalog(made: dict[str, Any], name: str) -> None:
    """With policies of a size that IAM takes, and as many as a role may have."""
    product = catalogue(name)
    assert f"{TITLES[name]}Product" in product.resources
    assert lint.lint({"service-catalog": render(product), "retained": retained(product)}, parts=["retained"]) == []
    longest = {**KNOWN, "AWS::StackName": "s" * 128, "AWS::Region": "ap-southeast-1", "AWS::Partition": "aws-us-gov"}
    longest[f"{TITLES[name]}Boundary"] = f"arn:aws-us-gov:iam::{ACCOUNT}:policy/{'s' * 128}/{name}/" + "s" * 128
    for title, one in made[name]["Resources"].items():
        if one["Type"] == "AWS::IAM::ManagedPolicy":
            document = worked_out(one["Properties"]["PolicyDocument"], longest)
            assert len(json.dumps(document, separators=(",", ":"))) <= 6_144, title
    role = made[name]["Resources"][f"{TITLES[name]}LaunchRole"]["Properties"]
    assert len(role["ManagedPolicyArns"]) <= 10


# --- what a launch may do

ON_BALANCERS = "elasticloadbalancing"
LINKED = ("autoscaling", "elasticfilesystem", "elasticloadbalancing", "vpcorigin.cloudfront")
GROUP = arn("autoscaling", f"autoScalingGroup:11111111:autoScalingGroupName/{LAUNCHED}-Fleet-X")
PROFILE = arn("iam", f"instance-profile/{STACK}/software-updates/{LAUNCHED}-FleetProfile-X", region="")
TO_EC2 = {"iam:PassedToService": "ec2.amazonaws.com"}
NEWEST = f"arn:aws:ssm:{REGION}::parameter/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-arm64"


def linked(service: str, named: str) -> Request:
    role = arn("iam", f"role/aws-service-role/{service}.amazonaws.com/X", region="")
    return "iam:CreateServiceLinkedRole", role, {"iam:AWSServiceName": f"{named}.amazonaws.com"}


RULES: list[Request] = [
    (f"{ON_BALANCERS}:CreateRule", arn(ON_BALANCERS, "listener/app/SC-12-Balan-X/1/2"), {}),
    (f"{ON_BALANCERS}:ModifyRule", arn(ON_BALANCERS, "listener-rule/app/SC-12-Balan-X/1/2/3"), {}),
    ("secretsmanager:GetSecretValue", arn("secretsmanager", "secret:OriginKey1-X"), {}),
]
MAY: dict[str, list[Request]] = {
    "edge-cache": RULES,
    "software-updates": [
        *RULES,
        *(linked(service, service) for service in LINKED),
        ("iam:PassRole", role_of("software-updates"), TO_EC2),
        ("iam:PassRole", role_of("software-updates"), {"iam:PassedToService": "lambda.amazonaws.com"}),
        ("iam:AddRoleToInstanceProfile", PROFILE, {}),
        ("iam:CreateInstanceProfile", PROFILE, {}),
        ("autoscaling:CreateAutoScalingGroup", GROUP, {}),
        ("autoscaling:TerminateInstanceInAutoScalingGroup", GROUP, {}),
        ("autoscaling:PutScalingPolicy", GROUP, {}),
        ("cloudwatch:PutMetricAlarm", arn("cloudwatch", f"alarm:TargetTracking-{LAUNCHED}-Fleet-X-AlarmHigh-1"), {}),
        ("ssm:GetParameters", NEWEST, {}),
        ("ec2:RunInstances", f"arn:aws:ec2:{REGION}::image/ami-1", {}),
        ("ec2:CreateTags", arn("ec2", "instance/i-1"), {}),
        ("ec2:CreateVpcEndpoint", arn("ec2", "subnet/subnet-1"), {}),
        ("elasticfilesystem:CreateFileSystem", "*", {}),
        ("ec2:CreateNetworkInterface", arn("ec2", "subnet/subnet-1"), {}),
        (
            "kms:GenerateDataKeyWithoutPlaintext",
            arn("kms", "key/1"),
            {"kms:ViaService": f"elasticfilesystem.{REGION}.amazonaws.com"},
        ),
        ("elasticfilesystem:DescribeMountTargets", arn("elasticfilesystem", "access-point/fsap-1"), {}),
        (f"{ON_BALANCERS}:CreateListener", arn(ON_BALANCERS, "loadbalancer/app/SC-12-Balan-X/1"), {}),
        ("cloudfront:CreateVpcOrigin", "*", {}),
        ("logs:PutMetricFilter", arn("logs", f"log-group:{LAUNCHED}-PublishReleaseLogs-X"), {}),
    ],
}
# What is beside what a launch may do: others' names, roles handed to others, the data itself.
MAY_NOT: list[Request] = [
    *(linked(service, other) for service in LINKED for other in (*LINKED, "organizations") if service != other),
    ("iam:PassRole", arn("iam", "role/Admin", region=""), TO_EC2),
    ("iam:AddRoleToInstanceProfile", arn("iam", "instance-profile/Admin", region=""), {}),
    ("iam:AddRoleToInstanceProfile", arn("iam", f"instance-profile/{LAUNCHED}-X", region=""), {}),
    ("iam:AddRoleToInstanceProfile", PROFILE.replace(STACK, "others"), {}),
    ("iam:AddRoleToInstanceProfile", PROFILE.replace(LAUNCHED, "theirs"), {}),
    ("autoscaling:UpdateAutoScalingGroup", GROUP.replace(LAUNCHED, "payroll"), {}),
    ("autoscaling:TerminateInstanceInAutoScalingGroup", GROUP.replace(LAUNCHED, "SC-payroll"), {}),
    ("cloudwatch:PutMetricAlarm", arn("cloudwatch", "alarm:TargetTracking-payroll-AlarmHigh-1"), {}),
    ("logs:PutMetricFilter", arn("logs", "log-group:payroll"), {}),
    ("ec2:TerminateInstances", arn("ec2", "instance/i-1"), {}),
    ("ec2:AssociateIamInstanceProfile", arn("ec2", "instance/i-1"), {}),
    ("ec2:ReplaceIamInstanceProfileAssociation", arn("ec2", "instance/i-1"), {}),
    ("ec2:ModifyInstanceAttribute", arn("ec2", "instance/i-1"), {}),
    ("ssm:GetParameters", arn("ssm", "parameter/payroll"), {}),
    ("ssm:GetParameters", f"arn:aws:ssm:{REGION}::parameter/aws/service/others/x", {}),
    ("ssm:StartSession", arn("ec2", "instance/i-1"), {}),
    ("elasticfilesystem:ClientMount", arn("elasticfilesystem", "file-system/fs-1"), {}),
    ("elasticfilesystem:ClientWrite", arn("elasticfilesystem", "file-system/fs-1"), {}),
    ("kms:GenerateDataKeyWithoutPlaintext", arn("kms", "key/1"), {}),
    ("secretsmanager:GetSecretValue", arn("secretsmanager", "secret:payroll"), {}),
    (f"{ON_BALANCERS}:DeleteLoadBalancer", arn(ON_BALANCERS, "loadbalancer/net/payroll/1"), {}),
    (f"{ON_BALANCERS}:SetWebACL", arn(ON_BALANCERS, "loadbalancer/app/x/1"), {}),
]


def escalations(name: str) -> Iterator[Request]:
    """The ways from the right to launch to other rights that are known of the to-do list, for this product."""
    for one in ESCALATIONS:
        text = json.dumps(one).replace("ReadTodosRole", "SomeRole").replace("Todo", TITLES[name])
        action, resource, context = json.loads(text.replace(f"/{STACK}/todo/", f"/{STACK}/{name}/"))
        # Servers are started in the name of the launch, and have a role of the product.
        ours = name == "software-updates" and (
            action == "ec2:RunInstances" or (action, resource, context) == ("iam:PassRole", role_of(name), TO_EC2)
        )
        if not ours:
            yield action, resource, context


@shows("REQ-D4", how="static")
@pytest.mark.parametrize("name", TEMPLATES)
def test_a_launch_may_do_what_it_needs_and_nobody_gains_rights_by_it(made: dict[str, Any], name: str) -> None:
    launch = policies(made[name], f"{TITLES[name]}LaunchRights")
    assert [one for one in MAY[name] if not allowed(launch, *one)] == []
    ways = [*MAY_NOT, *escalations(name)]
    assert len(ways) > 130
    assert [one for one in ways if allowed(launch, *one)] == []


@shows("REQ-D4", how="static")
def test_each_limit_of_a_launch_with_servers_is_needed(made: dict[str, Any]) -> None:
    """With a condition, or the resources of a right of IAM or on servers, away, one of the ways is open."""
    name = "software-updates"
    launch = policies(made[name], f"{TITLES[name]}LaunchRights")
    ways = [*MAY_NOT, *escalations(name)]
    weakened = 0
    for number, statement in enumerate(launch):
        others = launch[:number] + launch[number + 1 :]
        if "Condition" in statement:
            weakened += 1
            wider = [] if statement["Effect"] == "Deny" else [{k: v for k, v in statement.items() if k != "Condition"}]
            assert any(allowed([*others, *wider], *one) for one in ways), statement
        limited = statement["Effect"] == "Allow" and statement["Resource"] != ["*"]
        if limited and {a.split(":")[0] for a in statement["Action"]} & {"iam", "autoscaling", "ssm", "secretsmanager"}:
            weakened += 1
            wider = [{**statement, "Resource": ["*"]}]
            assert any(allowed([*others, *wider], *one) for one in ways), statement
    assert weakened >= 14


# --- what its roles may do at most


def attributes(template: dict[str, Any]) -> dict[str, str]:
    """The ARNs that the resources of a launch have, by `Title.Arn`."""
    shapes = {
        "AWS::EFS::AccessPoint": arn("elasticfilesystem", "access-point/fsap-1"),
        "AWS::EFS::FileSystem": arn("elasticfilesystem", "file-system/fs-1"),
        "AWS::Logs::LogGroup": arn("logs", f"log-group:{LAUNCHED}-Logs-X:*"),
        "AWS::S3::Bucket": f"arn:aws:s3:::{LAUNCHED.lower()}-releases-x",
        "AWS::SQS::Queue": arn("sqs", f"{LAUNCHED}-ReleaseFailures-X"),
    }
    return {f"{n}.Arn": shapes[r["Type"]] for n, r in template["Resources"].items() if r["Type"] in shapes}


def granted(template: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every statement that allows something to a role of the template, and the role."""
    known = {**KNOWN, **attributes(template), "KmsKeyArn": arn("kms", "key/1")}
    for title, one in template["Resources"].items():
        if one["Type"] == "AWS::IAM::Role":
            for policy in one["Properties"]["Policies"]:
                document = (policy["Fn::If"][1] if "Fn::If" in policy else policy)["PolicyDocument"]
                yield from ((title, worked_out(s, known)) for s in document["Statement"] if s["Effect"] == "Allow")


@shows("REQ-D4", how="static")
@pytest.mark.parametrize("name", TEMPLATES)
def test_the_boundary_takes_nothing_from_the_roles_and_gives_them_no_rights(made: dict[str, Any], name: str) -> None:
    bounds = policies(made[name], f"{TITLES[name]}Boundary")
    tried: dict[str, int] = {}
    for title, statement in granted(TEMPLATES[name]):
        context = {
            key: (wanted if isinstance(wanted, str) else wanted[0]).replace("*", "x")
            for block in statement.get("Condition", {}).values()
            for key, wanted in block.items()
        }
        for resource in statement["Resource"]:
            sample = resource if resource == "*" else resource.replace("*", "x")
            for action in statement["Action"]:
                assert allowed([statement], action, sample, context), statement
                assert allowed(bounds, action, sample, context), (title, action, sample, context)
                tried[title] = tried.get(title, 0) + 1
    roles = {title for title, one in TEMPLATES[name]["Resources"].items() if one["Type"] == "AWS::IAM::Role"}
    assert tried.keys() == roles
    assert min(tried.values()) >= 6
    # The same without what each condition asks for, and what no role of the template does.
    plain_mount = {"aws:SecureTransport": "false", "elasticfilesystem:AccessPointArn": "x"}
    for action, resource, context in (
        ("elasticfilesystem:ClientMount", arn("elasticfilesystem", "file-system/fs-1"), plain_mount),
        ("elasticfilesystem:ClientRootAccess", arn("elasticfilesystem", "file-system/fs-1"), {}),
        ("cloudwatch:PutMetricData", "*", {"cloudwatch:namespace": "other"}),
        ("s3:GetObject", "arn:aws:s3:::payroll/x", {}),
        ("kms:Decrypt", arn("kms", "key/1"), {}),
        ("iam:PassRole", role_of(name), TO_EC2),
        ("sts:AssumeRole", role_of(name), {}),
    ):
        assert not allowed(bounds, action, resource, context), action


@shows("REQ-D4", how="static")
def test_what_is_not_known_of_a_template_with_servers_is_no_product() -> None:
    changed = copy.deepcopy(UPDATES)
    changed["Resources"]["FleetRole"]["Properties"]["ManagedPolicyArns"] = ["arn:aws:iam::aws:policy/X"]
    with pytest.raises(ValueError, match="FleetRole has managed policies"):
        catalogue("software-updates", changed)
    changed = copy.deepcopy(UPDATES)
    changed["Resources"]["More"] = {"Type": "AWS::EC2::Instance"}
    with pytest.raises(ValueError, match="nobody has said which rights a launch of AWS::EC2::Instance needs"):
        catalogue("software-updates", changed)
