"""Services of ECS: what stock drops of them, what ECS refuses, and how many tasks there are.

No container runs: ECS of the emulator only says so. `troposphere_arch.local.tasks` runs what a service tells.
"""

from __future__ import annotations

import importlib
import uuid
from collections.abc import Iterator, Mapping
from typing import Any

from troposphere_arch.local.patches.provisioner import (
    Created,
    Properties,
    afterwards,
    client,
    region,
    register,
    truth,
)
from troposphere_arch.local.patches.target_groups import balancers_of

_AS_THEY_ARE = ("dockerLabels", "options")
"""Keys of these maps are names of somebody else's."""


def install_task_definitions() -> None:
    """AWS::ECS::TaskDefinition: containers, volumes and platform.

    Stock: what is inside a container's properties keeps the names that templates have for it, and is not shown;
    RuntimePlatform, EphemeralStorage and what is inside Volumes are dropped.
    AWS: https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-resource-ecs-taskdefinition.html
    Patched: DescribeTaskDefinition shows them, with numbers as numbers.
    """
    ecs: Any = importlib.import_module("ministack.services.ecs")

    def apply(physical_id: str, old: Properties, new: Properties) -> None:
        definition = ecs._task_defs[physical_id.rpartition("/")[2]]
        definition["containerDefinitions"] = [_named(one) for one in new.get("ContainerDefinitions", [])]
        definition["volumes"] = [_named(one) for one in new.get("Volumes", [])]
        for name in ("RuntimePlatform", "EphemeralStorage"):
            if name in new:
                definition[name[0].lower() + name[1:]] = _named(new[name])

    afterwards("AWS::ECS::TaskDefinition", apply)


def install_services() -> None:
    """AWS::ECS::Service: what is checked, and the rest of its properties.

    Stock: a service is made whatever its target groups, containers and network are; HealthCheckGracePeriodSeconds,
    EnableECSManagedTags and PropagateTags are dropped on creation.
    AWS: a target group needs a load balancer, a container and its port have to be in the task definition, and a task
    with a network of its own needs to be told which.
    https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_CreateService.html
    Patched: just that.
    """
    ecs: Any = importlib.import_module("ministack.services.ecs")
    alb: Any = importlib.import_module("ministack.services.alb")

    def apply(physical_id: str, old: Properties, new: Properties) -> None:
        service = ecs._services["/".join(physical_id.split("/")[-2:])]
        definition = ecs._task_defs[service["taskDefinition"].rpartition("/")[2]]
        for problem in _problems(alb, definition, new):
            raise ValueError(f"Invalid request provided: {problem} (Service: AmazonECS; Status Code: 400)")
        for name in ("EnableECSManagedTags", "PropagateTags", "HealthCheckGracePeriodSeconds"):
            if name in new:
                value = new[name]
                to = name[0].lower() + name[1:]
                service[to] = value if name == "PropagateTags" else _plain(value)

    afterwards("AWS::ECS::Service", apply)


def install_scaling() -> None:
    """AWS::ApplicationAutoScaling::ScalableTarget and ScalingPolicy.

    Stock: "Unrecognized resource types", and no stack; the emulator has no Application Auto Scaling.
    AWS: https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-resource-applicationautoscaling-scalabletarget.html
    Patched: recorded. A service of ECS has to be there, and gets at least as many tasks as the target says, and at most
    as many. Nothing is measured, so nothing scales after that.
    """

    def create_target(logical_id: str, properties: Properties, stack_name: str) -> Created:
        resource = properties["ResourceId"]
        least, most = int(properties["MinCapacity"]), int(properties["MaxCapacity"])
        if least > most:
            raise ValueError("Minimum capacity cannot be greater than maximum capacity")
        if properties["ServiceNamespace"] == "ecs":
            _, cluster, service = resource.split("/")
            found = client("ecs").describe_services(cluster=cluster, services=[service])["services"]
            if not found or found[0]["status"] != "ACTIVE":
                raise ValueError(f"ECS service doesn't exist: {resource}")
            count = min(max(found[0]["desiredCount"], least), most)
            if count != found[0]["desiredCount"]:
                client("ecs").update_service(cluster=cluster, service=service, desiredCount=count)
        made = f"{resource}|{properties['ScalableDimension']}|{properties['ServiceNamespace']}"
        return made, {"Id": made}

    def update_target(physical_id: str, old: Properties, new: Properties, stack_name: str) -> Created:
        return create_target("", new, stack_name)

    def create_policy(logical_id: str, properties: Properties, stack_name: str) -> Created:
        account = importlib.import_module("ministack.core.responses").get_account_id()
        arn = (
            f"arn:aws:autoscaling:{region()}:{account}:scalingPolicy:{uuid.uuid4()}"
            f":policyName/{properties['PolicyName']}"
        )
        return arn, {"Arn": arn}

    def update_policy(physical_id: str, old: Properties, new: Properties, stack_name: str) -> Created:
        return physical_id, {"Arn": physical_id}

    register(
        "AWS::ApplicationAutoScaling::ScalableTarget",
        create=create_target,
        update=update_target,
        delete=lambda _, __: None,
        replacing=("ResourceId", "ScalableDimension", "ServiceNamespace"),
    )
    register(
        "AWS::ApplicationAutoScaling::ScalingPolicy",
        create=create_policy,
        update=update_policy,
        delete=lambda _, __: None,
        replacing=("PolicyName", "ResourceId", "ScalableDimension", "ScalingTargetId", "ServiceNamespace"),
    )


def _problems(alb: Any, definition: Mapping[str, Any], service: Properties) -> Iterator[str]:
    if definition["networkMode"] == "awsvpc" and not service.get("NetworkConfiguration"):
        yield "Network Configuration must be provided when networkMode 'awsvpc' is specified."
    containers = {one["name"]: one for one in definition["containerDefinitions"]}
    for balancer in service.get("LoadBalancers") or []:
        name, port, group = balancer["ContainerName"], int(balancer["ContainerPort"]), balancer["TargetGroupArn"]
        if name not in containers:
            yield f"The container {name} does not exist in the task definition."
        elif port not in [int(one["containerPort"]) for one in containers[name].get("portMappings") or []]:
            yield f"The container {name} did not have a container port {port} defined."
        if group not in alb._tgs:
            yield f"The target group {group} does not exist."
        elif not balancers_of(alb, group):
            yield f"The target group with targetGroupArn {group} does not have an associated load balancer."
        elif definition["networkMode"] == "awsvpc" and alb._tgs[group]["TargetType"] != "ip":
            yield (
                f"The provided target group {group} has target type {alb._tgs[group]['TargetType']}, which is "
                "incompatible with the awsvpc network mode specified in the task definition."
            )


def _named(value: Any, key: str = "") -> Any:
    """With the names that ECS has for it, and numbers for what parameters gave as text."""
    if isinstance(value, dict) and key not in _AS_THEY_ARE:
        return {
            (name := given[0].lower() + given[1:]): _named(one, name) if name not in _TEXTS else str(one)
            for given, one in value.items()
        }
    if isinstance(value, list):
        return [_named(one, "" if isinstance(one, dict) else key) for one in value]
    return _plain(value) if key in _NUMBERS or key in _TRUTHS else value


_NUMBERS = (
    *("containerPort", "hostPort", "cpu", "memory", "memoryReservation", "startTimeout", "stopTimeout"),
    *("interval", "timeout", "retries", "startPeriod", "sizeInGiB"),
)
_TRUTHS = ("essential", "readonlyRootFilesystem", "privileged", "initProcessEnabled", "readOnly")
_TEXTS = ("value", "name")


def _plain(value: Any) -> Any:
    if isinstance(value, str):
        return int(value) if value.isdigit() else truth(value)
    return value
