"""The template of a container service: its rights, its task, its service, its repository, and what is refused."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest

from tests.evidence import shows
from tests.microservices.systems import OWNER, own_folder, service
from tests.rights import Right, allow, held, is_trusted_to, of, trusted, unnoticed, use_key
from troposphere_arch import evaluate, lint, parameters
from troposphere_arch.blocks import ecs
from troposphere_arch.microservices import process, templates
from troposphere_arch.microservices.declaration import Platform, System

LONGEST_BODY = 51_200
ADDRESS = "123456789012.dkr.ecr.eu-central-1.amazonaws.com/team/stock"
IMAGES = {
    "stock": "",
    "shared": ADDRESS,
    "public": "public.ecr.aws/team/stock",
}
ITEMS = {
    allow(
        of(
            "dynamodb",
            *("BatchGetItem", "BatchWriteItem", "ConditionCheckItem", "DeleteItem"),
            *("GetItem", "PutItem", "Query", "UpdateItem"),
        ),
        "Items.Arn",
    ),
    use_key("dynamodb"),
}
RUNS = {"ImageTag": "1.0.0-abc"}


@lru_cache
def system() -> System:
    folder = own_folder()
    services = [service(folder, name, "container", table=True, image=image) for name, image in IMAGES.items()]
    calling = service(
        folder,
        "orders",
        "container",
        table=True,
        port=9000,
        health="/alive",
        routes=("GET /orders/{id}",),
        calls={"stock": ("GET /items/{id}",)},
        publishes=("order-placed",),
    )
    made = {one.name: one for one in (*services, calling)}
    return System(Platform("shop", OWNER, network="nat"), made, folder)


@lru_cache
def files(name: str) -> Mapping[str, bytes]:
    return templates.draft(system(), name).files


@lru_cache
def body(name: str) -> bytes:
    return files(name)[f"shop-{name}/1.0.0/shop-{name}.template.json"]


def template(name: str = "stock") -> dict[str, Any]:
    found: dict[str, Any] = json.loads(body(name))
    return found


def deployed(name: str = "stock", region: str = "us-east-1", **chosen: str) -> dict[str, Any]:
    """The resources as they are for these parameters."""
    values = evaluate.parameters_of(template(name), chosen, region=region)
    resources: dict[str, Any] = evaluate.resolved(template(name), values)["Resources"]
    return resources


def one_of(resources: Mapping[str, Any], kind: str) -> Any:
    [found] = [resource["Properties"] for resource in resources.values() if resource["Type"] == kind]
    return found


def container(resources: Mapping[str, Any]) -> Any:
    [found] = one_of(resources, "AWS::ECS::TaskDefinition")["ContainerDefinitions"]
    return found


# --- rights

LOG = allow(of("logs", "CreateLogStream", "PutLogEvents"), "TaskLogs.Arn")
TOKEN = allow(of("ecr", "GetAuthorizationToken"), "*")
PULL = ("BatchCheckLayerAvailability", "BatchGetImage", "GetDownloadUrlForLayer")
PULLS: dict[str, set[Right]] = {
    "stock": {LOG, TOKEN, allow(of("ecr", *PULL), "Repository.Arn")},
    "shared": {LOG, TOKEN, allow(of("ecr", *PULL), "ImageRepositoryArn")},
    "public": {LOG},
}
ROLES = ["TaskExecutionRole", "TaskRole"]


def proof(name: str, found: dict[str, Any]) -> None:
    assert held(found, "TaskRole") == ITEMS
    assert held(found, "TaskExecutionRole") == PULLS[name]
    assert is_trusted_to(found, "TaskExecutionRole", "ecs-tasks.amazonaws.com")
    ours = {
        "StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}},
        "ArnLike": {"aws:SourceArn": {"Fn::Sub": "arn:${AWS::Partition}:ecs:${AWS::Region}:${AWS::AccountId}:*"}},
    }
    tasks = {"Service": "ecs-tasks.amazonaws.com"}
    assert trusted(found, "TaskRole") == [("Allow", ["sts:AssumeRole"], tasks, ours)]
    properties = found["Resources"]["Task"]["Properties"]
    assert properties["TaskRoleArn"] == {"Fn::GetAtt": ["TaskRole", "Arn"]}
    assert properties["ExecutionRoleArn"] == {"Fn::GetAtt": ["TaskExecutionRole", "Arn"]}


@shows("REQ-M2", "REQ-M3", how="static")
@pytest.mark.parametrize("name", sorted(IMAGES))
def test_code_and_ecs_have_a_role_each_with_its_rights_and_no_other(name: str) -> None:
    proof(name, template(name))
    changed, tried = unnoticed(body(name), ROLES, lambda found: proof(name, found))
    assert tried > 20
    assert not changed


@shows("REQ-M6", how="static")
def test_code_that_calls_and_publishes_has_the_rights_and_the_variables_for_it() -> None:
    rights = held(template("orders"), "TaskRole")
    assert allow(("execute-api:Invoke",), "${StockArn}/GET/items/*") in rights
    assert allow(of("sns", "Publish"), "Events") in rights
    told = container(template("orders")["Resources"])["Environment"]
    assert [one["Name"] for one in told] == [
        *("AWS_DEFAULT_REGION", "AWS_REGION", "BUS", "EVENTS_TOPIC", "HEALTH", "ITEMS_TABLE", "PORT", "SERVICE"),
        "STOCK_URL",
    ]
    values = {one["Name"]: one["Value"] for one in told}
    assert (values["HEALTH"], values["PORT"], values["SERVICE"]) == ("/alive", "9000", "orders")
    assert (values["STOCK_URL"], values["ITEMS_TABLE"]) == ({"Ref": "StockAddress"}, {"Ref": "Items"})


# --- the task


@shows("REQ-M3", how="static")
@pytest.mark.parametrize(("name", "port", "health"), [("stock", 8080, "/health"), ("orders", 9000, "/alive")])
def test_a_task_is_one_container_that_serves_where_it_is_asked(name: str, port: int, health: str) -> None:
    resources = deployed(name, **RUNS)
    task, one = one_of(resources, "AWS::ECS::TaskDefinition"), container(resources)
    assert (task["NetworkMode"], task["RequiresCompatibilities"]) == ("awsvpc", ["FARGATE"])
    assert task["RuntimePlatform"] == {"CpuArchitecture": "ARM64", "OperatingSystemFamily": "LINUX"}
    assert one["Command"] == process.arguments(port)
    assert one["PortMappings"] == [{"ContainerPort": port, "Protocol": "tcp"}]
    check = one["HealthCheck"]
    assert check["Command"][:3] == ["CMD", "python", "-c"]
    assert f"'http://127.0.0.1:{port}{health}'" in check["Command"][3]
    # Each time a Python starts, on a quarter of a processor. It says itself what is wrong, before it is ended.
    assert (check["Interval"], check["Timeout"]) == (30, 20)
    assert int(re.findall(r"timeout=(\d+)", check["Command"][3])[0]) < check["Timeout"]
    [balancer] = one_of(resources, "AWS::ECS::Service")["LoadBalancers"]
    [targets] = [name for name, r in resources.items() if r["Type"].endswith("::TargetGroup")]
    assert balancer == {
        "ContainerName": one["Name"],
        "ContainerPort": port,
        "TargetGroupArn": {"Ref": targets},
    }
    group = resources[targets]["Properties"]
    assert (group["TargetType"], group["Port"], group["HealthCheckPath"]) == ("ip", port, health)


def test_an_image_from_elsewhere_is_asked_by_the_load_balancer_alone() -> None:
    """It need not have what a health check of the container's own would run."""
    for name, image in IMAGES.items():
        assert ("HealthCheck" in container(deployed(name, **RUNS))) == (not image)
        assert any("HealthCheckPath" in r["Properties"] for r in deployed(name, **RUNS).values())


def test_a_task_may_do_little() -> None:
    one = container(deployed(**RUNS))
    assert re.fullmatch(r"[1-9][0-9]*:[1-9][0-9]*", one["User"])
    assert one["ReadonlyRootFilesystem"] is True
    assert one["LinuxParameters"] == {"Capabilities": {"Drop": ["ALL"]}, "InitProcessEnabled": True}
    [mount] = one["MountPoints"]
    assert (mount["ContainerPath"], mount["SourceVolume"]) == (ecs.TEMPORARY, "tmp")
    assert not {"Privileged", "Secrets", "EnvironmentFiles"} & one.keys()


def test_a_task_that_is_told_to_stop_has_time_for_what_it_does() -> None:
    one = container(deployed(**RUNS))
    [grace] = [word for word in one["Command"] if word.startswith("--graceful-timeout=")]
    assert int(grace.partition("=")[2]) < one["StopTimeout"] <= 120


def test_a_log_that_is_not_taken_stops_nobody() -> None:
    options = container(deployed(**RUNS))["LogConfiguration"]["Options"]
    assert (options["awslogs-group"], options["mode"]) == ({"Ref": "TaskLogs"}, "non-blocking")


# What Fargate has of these CPU units, in MB. https://docs.aws.amazon.com/AmazonECS/latest/developerguide/fargate-tasks-services.html
FARGATE = {
    "256": ("512", "1024", "2048"),
    "512": ("1024", "2048", "3072", "4096"),
    "1024": tuple(str(1024 * n) for n in range(2, 9)),
    "2048": tuple(str(1024 * n) for n in range(4, 17)),
}


@pytest.mark.parametrize("size", list(parameters.containers.SIZES))
def test_each_size_is_one_of_fargates(size: str) -> None:
    task = one_of(deployed(**RUNS, TaskSize=size), "AWS::ECS::TaskDefinition")
    chosen = {key: template()["Mappings"]["TaskSizes"][size][key] for key in ("Cpu", "Memory")}
    assert {key: task[key] for key in chosen} == {key: {"Fn::FindInMap": ["TaskSizes", size, key]} for key in chosen}
    assert chosen["Memory"] in FARGATE[chosen["Cpu"]]
    said = template()["Parameters"]["TaskSize"]["Description"]
    month = 730 * (int(chosen["Cpu"]) / 1024 * 0.03238 + int(chosen["Memory"]) / 1024 * 0.00356)
    assert f"{size}: " in said
    assert f"{month:.0f}" in said.partition(f"{size}: ")[2].partition(" USD")[0]


# --- the service


def test_there_are_no_tasks_before_there_is_an_image() -> None:
    before, after = deployed(), deployed(**RUNS)
    gone = {resource["Type"] for name, resource in after.items() if name not in before}
    assert gone == {
        "AWS::ApplicationAutoScaling::ScalableTarget",
        "AWS::ApplicationAutoScaling::ScalingPolicy",
        "AWS::CloudWatch::Alarm",
        "AWS::ECS::Service",
        "AWS::ECS::TaskDefinition",
    }
    assert {"AWS::ECR::Repository", "AWS::ECS::Cluster"} <= {one["Type"] for one in before.values()}
    outputs = evaluate.resolved(template(), evaluate.parameters_of(template(), {}))["Outputs"]
    assert {"RepositoryUri", "ClusterName"} <= outputs.keys()
    assert "ServiceName" not in outputs


@shows("REQ-M11", how="static")
def test_a_deployment_that_fails_goes_back_and_one_that_works_is_never_felt() -> None:
    kept = one_of(deployed(**RUNS), "AWS::ECS::Service")
    assert kept["DeploymentConfiguration"] == {
        "DeploymentCircuitBreaker": {"Enable": True, "Rollback": True},
        "MaximumPercent": 200,
        "MinimumHealthyPercent": 100,
    }
    assert kept["AvailabilityZoneRebalancing"] == "ENABLED"
    named = one_of(deployed(**RUNS, DeploymentAlarmNames="one,two"), "AWS::ECS::Service")
    assert named["DeploymentConfiguration"]["Alarms"] == {
        "AlarmNames": ["one", "two"],
        "Enable": True,
        "Rollback": True,
    }


def test_targets_belong_to_a_load_balancer_before_ecs_is_told_of_them() -> None:
    resources = template()["Resources"]
    [targets] = [name for name, r in resources.items() if r["Type"].endswith("::TargetGroup")]
    after = {
        name for name in resources["Tasks"]["DependsOn"] if f'{{"Ref": "{targets}"}}' in json.dumps(resources[name])
    }
    assert after, "no listener or rule that forwards to them"


def test_tasks_are_in_the_platforms_network_and_are_asked_by_nobody_but_its_load_balancer() -> None:
    resources = deployed(**RUNS)
    network = one_of(resources, "AWS::ECS::Service")["NetworkConfiguration"]["AwsvpcConfiguration"]
    assert network["AssignPublicIp"] == "DISABLED"
    assert network["SecurityGroups"] == [{"Fn::GetAtt": ["TaskGroup", "GroupId"]}, "/shop/platform/security-group"]
    group = resources["TaskGroup"]["Properties"]
    assert [one["CidrIp"] for one in group["SecurityGroupEgress"]] == ["127.0.0.1/32"]
    assert not [one for one in group.get("SecurityGroupIngress", []) if "CidrIp" in one]


@shows("REQ-M10", "REQ-M12", how="static")
def test_how_many_there_are_is_the_affair_of_scaling() -> None:
    resources = deployed(**RUNS, MinTasks="2", MaxTasks="8", TargetCpu="40")
    assert "DesiredCount" not in one_of(resources, "AWS::ECS::Service")
    target = one_of(resources, "AWS::ApplicationAutoScaling::ScalableTarget")
    assert (target["MinCapacity"], target["MaxCapacity"]) == ("2", "8")
    assert target["ResourceId"] == {"Fn::Sub": "service/${Cluster}/${Tasks.Name}"}
    assert (target["ServiceNamespace"], target["ScalableDimension"]) == ("ecs", "ecs:service:DesiredCount")
    policy = one_of(resources, "AWS::ApplicationAutoScaling::ScalingPolicy")
    tracking = policy["TargetTrackingScalingPolicyConfiguration"]
    assert tracking["TargetValue"] == "40"
    assert tracking["PredefinedMetricSpecification"] == {"PredefinedMetricType": "ECSServiceAverageCPUUtilization"}
    assert tracking["ScaleOutCooldown"] < tracking["ScaleInCooldown"]


@pytest.mark.parametrize("least", parameters.containers.COUNTS)
def test_more_at_least_than_at_most_is_refused(least: str) -> None:
    for most in parameters.containers.COUNTS:
        values = evaluate.parameters_of(template(), {**RUNS, "MinTasks": least, "MaxTasks": most})
        said = evaluate.refusals(template(), values)
        assert said == (
            [f"MinTasks is more than MaxTasks, which is {most}: take at most as many."]
            if int(least) > int(most)
            else []
        )


def test_alarms() -> None:
    alarms = {
        name: one["Properties"]
        for name, one in deployed(**RUNS, MinTasks="3").items()
        if one["Type"] == "AWS::CloudWatch::Alarm" and one["Properties"]["Namespace"] == "AWS/ECS"
    }
    assert sorted(alarms) == ["TasksCpuAlarm", "TasksFewAlarm", "TasksMemoryAlarm"]
    few = alarms["TasksFewAlarm"]
    assert (few["Statistic"], few["Period"], few["Threshold"]) == ("SampleCount", 60, "3")
    assert (few["ComparisonOperator"], few["TreatMissingData"]) == ("LessThanThreshold", "breaching")


# --- the image


def test_the_repository_keeps_its_tags_and_scans_what_comes() -> None:
    resource = template()["Resources"]["Repository"]
    assert (resource["DeletionPolicy"], resource["UpdateReplacePolicy"]) == ("RetainExceptOnCreate", "Retain")
    repository = resource["Properties"]
    assert repository["ImageTagMutability"] == "IMMUTABLE"
    assert repository["ImageScanningConfiguration"] == {"ScanOnPush": True}
    # Another encryption would be another repository, without the image that runs.
    assert "EncryptionConfiguration" not in repository
    rules = json.loads(repository["LifecyclePolicy"]["LifecyclePolicyText"])["rules"]
    assert [rule["selection"]["tagStatus"] for rule in rules] == ["untagged", "tagged"]
    assert rules[1]["selection"]["countNumber"] >= 20
    assert "Repository" in json.loads(files("stock")["shop-stock/1.0.0/shop-stock.retained.json"])["Resources"]


@pytest.mark.parametrize("name", ["shared", "public"])
def test_an_image_from_elsewhere_has_no_repository_here(name: str) -> None:
    resources = deployed(name, **RUNS)
    assert "AWS::ECR::Repository" not in {one["Type"] for one in resources.values()}
    assert "RepositoryUri" not in template(name)["Outputs"]
    assert joined(container(resources)["Image"]) == f"{IMAGES[name]}:{RUNS['ImageTag']}"


def joined(value: Any) -> str:
    """The text that is left to AWS to put together, in most regions."""
    if isinstance(value, dict) and "Fn::Join" in value:
        by, parts = value["Fn::Join"]
        return str(by).join(map(joined, parts))
    return "amazonaws.com" if value == {"Ref": "AWS::URLSuffix"} else str(value)


@pytest.mark.parametrize(
    ("address", "arn"),
    [
        (ADDRESS, "arn:aws:ecr:eu-central-1:123456789012:repository/team/stock"),
        (
            "123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn/stock",
            "arn:aws-cn:ecr:cn-north-1:123456789012:repository/stock",
        ),
        (
            "123456789012.dkr.ecr-fips.us-gov-west-1.amazonaws.com/a/b/c",
            "arn:aws-us-gov:ecr:us-gov-west-1:123456789012:repository/a/b/c",
        ),
        ("123456789012.dkr-ecr.eu-west-1.on.aws/stock", "arn:aws:ecr:eu-west-1:123456789012:repository/stock"),
        ("public.ecr.aws/team/stock", ""),
        ("ghcr.io/team/stock", ""),
        ("registry.example.com:5000/dkr.ecr/stock", ""),
    ],
)
def test_the_right_to_pull_is_about_the_declared_repository(tmp_path: Path, address: str, arn: str) -> None:
    one = service(tmp_path, "stock", "container", image=address)
    made = templates.draft(System(Platform("shop", OWNER, network="nat"), {"stock": one}, tmp_path), "stock")
    found = json.loads(made.files["shop-stock/1.0.0/shop-stock.template.json"])["Parameters"]
    if arn:
        assert re.fullmatch(found["ImageRepositoryArn"]["AllowedPattern"], arn)
        assert found["ImageRepositoryArn"]["Default"] == arn
        assert "ImageRepository" not in found
    else:
        assert re.fullmatch(found["ImageRepository"]["AllowedPattern"], address)
        assert found["ImageRepository"]["Default"] == address
        assert "ImageRepositoryArn" not in found


@pytest.mark.parametrize(
    ("tag", "is_one"),
    [
        *((tag, True) for tag in ("none", "1.0.0-3b1f0c9a7d52", "v1", "_", "a" * 128)),
        *((tag, False) for tag in ("", "-a", ".a", "a b", "a:b", "a/b", "a" * 129, "sha256:abc")),
    ],
    ids=str,
)
def test_tags(tag: str, is_one: bool) -> None:
    assert bool(re.fullmatch(template()["Parameters"]["ImageTag"]["AllowedPattern"], tag)) == is_one


# --- the whole


def test_presets() -> None:
    starter, production = (
        {
            one["ParameterKey"]: one["ParameterValue"]
            for one in json.loads(files("stock")[f"shop-stock/1.0.0/parameters/{name}.json"])
        }
        for name in ("starter", "production")
    )
    assert (starter["MinTasks"], starter["TaskSize"], starter["ImageTag"]) == ("1", "small", "none")
    assert int(production["MinTasks"]) >= 2, "the loss of a zone is not felt"
    assert int(production["MaxTasks"]) > int(production["MinTasks"])
    for chosen in (starter, production):
        values = evaluate.parameters_of(template(), chosen)
        assert evaluate.refusals(template(), values) == []


def test_nothing_secret_is_in_it() -> None:
    for name in (*IMAGES, "orders"):
        told = {one["Name"]: one["Value"] for one in container(template(name)["Resources"])["Environment"]}
        assert not [key for key in told if re.search("SECRET|PASSWORD|TOKEN|CREDENTIAL|KEY", key)]
        assert not re.search(rb"resolve:|SecretString|GetSecretValue", body(name))


@shows("REQ-D3", "REQ-M9", how="static")
def test_the_templates_are_small_and_clean() -> None:
    """With the house rules; and as they are deployed: nothing hides behind a condition."""
    names = [*IMAGES, "orders"]
    # One that calls others and publishes has more to say, and is created from its address, or by way of a bucket.
    assert max(len(body(name)) for name in IMAGES) < LONGEST_BODY
    assert lint.lint({f"shop-{name}": body(name) for name in names}) == []
    # What is found in Parameter Store is found.
    finds = {
        "KmsKeyArn": "none",
        "AlarmTopicArn": "none",
        "PlatformCertificate": "none",
        "PlatformDomain": "none",
        "PlatformSecurityGroup": "sg-12345678",
        "PlatformSubnets": "subnet-12345678,subnet-87654321",
        "PlatformVpc": "vpc-12345678",
        "PlatformZone": "none",
    }
    values = evaluate.parameters_of(template(), {**finds, **RUNS, "DeploymentAlarmNames": "one,two"})
    whole = {key: template()[key] for key in ("AWSTemplateFormatVersion", "Description", "Mappings")}
    as_deployed = json.dumps({**whole, **evaluate.resolved(template(), values)}).encode()
    assert lint.lint({"shop-stock": as_deployed}, regions=("us-east-1",), house=False) == []
