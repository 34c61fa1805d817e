"""Containers on Fargate: tasks, the service that keeps them running, and how many there are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from troposphere import (
    AWSHelperFn,
    FindInMap,
    GetAtt,
    Ref,
    Split,
    Sub,
    Tags,
    applicationautoscaling,
    ec2,
    ecs,
    elasticloadbalancingv2,
    iam,
    logs,
)

from .. import grants, outputs, parameters
from ..conditions import given, optional
from ..parameters import parameter
from ..template import Node, ScenarioTemplate
from .dynamodb import Table
from .iam import grant, role
from .logs import log_group
from .network import nothing

# A task has one container, of this name.
CONTAINER = "service"
# Whoever an image says that it runs as: not root. A number needs no entry in the image.
USER = "10001:10001"
# The one place that can be written to; what is there goes with the task.
TEMPORARY = "/tmp"  # noqa: S108  # a mount point of the container
# So long a container has to finish what it does when it is told to stop. The server gives itself 20 seconds.
STOP_SECONDS = 30
# And so long it may take to answer for the first time before anybody counts that against it.
START_SECONDS = 60
# Lines of a log that wait in memory: when there are more, the oldest are lost, and the service answers on.
# https://docs.aws.amazon.com/AmazonECS/latest/developerguide/using_awslogs.html
LOG_BUFFER = "4m"
SIZES = "TaskSizes"
# In seconds: a surge is answered at once, a lull is believed after some minutes.
GROW_SECONDS, SHRINK_SECONDS = 60, 300


@dataclass(frozen=True)
class Task(Node):
    """What runs in each task of a service: its definition, its own role, its log, and its security group.

    `variables` is what its code is told; arrows add to it. `tables` are the tables that it uses.
    """

    resource: ecs.TaskDefinition
    role: iam.Role
    logs: logs.LogGroup
    group: ec2.SecurityGroup
    variables: dict[str, Any] = field(default_factory=dict, repr=False)
    tables: list[Table] = field(default_factory=list, repr=False)


@dataclass(frozen=True)
class Tasks(Node):
    """The service of ECS that keeps tasks running, and its cluster; `least` is how many there are at least."""

    resource: ecs.Service
    cluster: ecs.Cluster
    least: Any = field(repr=False)


class _Environment(AWSHelperFn):  # type: ignore[misc]  # troposphere is untyped
    """`Environment` of a container: what its variables are when the template is written, by name."""

    def __init__(self, variables: dict[str, Any]) -> None:
        self.variables = variables

    @property
    def data(self) -> list[ecs.Environment]:
        """The variables as the property has them."""
        return [ecs.Environment(Name=name, Value=value) for name, value in sorted(self.variables.items())]


def task(
    t: ScenarioTemplate,
    title: str,
    vpc: Any,
    *,
    image: Any,
    repository_arn: Any,
    command: Sequence[str],
    port: int,
    health: Sequence[str] | None,
    tags: Tags,
) -> Task:
    """What a task on Fargate is: one container of the image, on arm64, that runs the command and listens at the port.

    `health` is a command that says by its exit code whether the container serves. It is seldom run, since each time it
    takes a part of a small task, and a load balancer asks as well; with None nobody else does. The container runs as
    nobody in particular, has no capabilities, writes to `/tmp` only, and may do nothing until an arrow grants it.
    `repository_arn` is what its image is pulled from, None for where that takes no right: to pull it and to write its
    log is ECS's affair, which has a role of its own for that. Both are there before an image is; the definition is with
    `ImageTag` only.

    Makes `<title>`, `<title>Role`, `<title>ExecutionRole`, `<title>Logs` and `<title>Group`.
    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-resource-ecs-taskdefinition.html
    """
    own_logs = log_group(t, f"{title}Logs")
    execution = role(t, f"{title}ExecutionRole", grants.trust_service("ecs-tasks.amazonaws.com"))
    grant(execution, "WriteLog", grants.write_log(own_logs))
    if repository_arn is not None:
        grant(execution, "PullImages", grants.pull_images(repository_arn))
    own_role = role(t, f"{title}Role", grants.trust_tasks())
    group = t.put(
        ec2.SecurityGroup(
            f"{title}Group",
            GroupDescription="Tasks: in from the load balancer; the group of the platform lets them out.",
            SecurityGroupEgress=[nothing()],
            VpcId=vpc,
        )
    )
    variables: dict[str, Any] = {}
    checked = {}
    if health is not None:
        checked["HealthCheck"] = ecs.HealthCheck(
            Command=["CMD", *health], Interval=30, Retries=3, StartPeriod=START_SECONDS, Timeout=20
        )
    container = ecs.ContainerDefinition(
        Name=CONTAINER,
        Command=list(command),
        Environment=_Environment(variables),
        Essential=True,
        Image=image,
        # A first process that passes signals on, and buries those that nobody waits for.
        LinuxParameters=ecs.LinuxParameters(Capabilities=ecs.KernelCapabilities(Drop=["ALL"]), InitProcessEnabled=True),
        LogConfiguration=ecs.LogConfiguration(
            LogDriver="awslogs",
            Options={
                "awslogs-group": Ref(own_logs),
                "awslogs-region": Ref("AWS::Region"),
                "awslogs-stream-prefix": "task",
                "max-buffer-size": LOG_BUFFER,
                "mode": "non-blocking",
            },
        ),
        MountPoints=[ecs.MountPoint(ContainerPath=TEMPORARY, ReadOnly=False, SourceVolume="tmp")],
        PortMappings=[ecs.PortMapping(ContainerPort=port, Protocol="tcp")],
        ReadonlyRootFilesystem=True,
        StopTimeout=STOP_SECONDS,
        User=USER,
        **checked,
    )
    size = Ref(parameter(t, parameters.containers.TASK_SIZE))
    t.add_mapping(
        SIZES, {name: {"Cpu": cpu, "Memory": memory} for name, (cpu, memory) in parameters.containers.SIZES.items()}
    )
    resource = ecs.TaskDefinition(
        title,
        ContainerDefinitions=[container],
        Cpu=FindInMap(SIZES, size, "Cpu"),
        ExecutionRoleArn=GetAtt(execution, "Arn"),
        Memory=FindInMap(SIZES, size, "Memory"),
        NetworkMode="awsvpc",
        RequiresCompatibilities=["FARGATE"],
        RuntimePlatform=ecs.RuntimePlatform(CpuArchitecture="ARM64", OperatingSystemFamily="LINUX"),
        Tags=tags,
        TaskRoleArn=GetAtt(own_role, "Arn"),
        Volumes=[ecs.Volume(Name="tmp")],
    )
    t.put(resource, when=given(t, parameters.containers.IMAGE_TAG))
    return Task(t, title, resource, own_role, own_logs, group, variables)


def tasks(
    t: ScenarioTemplate,
    title: str,
    task: Task,
    *,
    port: int,
    targets: elasticloadbalancingv2.TargetGroup,
    after: Sequence[str],
    groups: Sequence[Any],
    subnets: Any,
    tags: Tags,
) -> Tasks:
    """Keeps from `MinTasks` to `MaxTasks` tasks running over the zones, behind the targets; none before `ImageTag`.

    New tasks come first, those before them go when they serve. When they don't, or one of `DeploymentAlarmNames` goes
    off, ECS takes the ones before, and the update fails. Tasks are in `groups` and in their own; `after` are the titles
    of what makes the targets a load balancer's, without which ECS refuses them.

    No count is said: of a new service ECS starts one task, which scaling makes at least `MinTasks` at once, and an
    update leaves the count as it is. A count here would undo with each update what scaling has done.
    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-resource-ecs-service.html#cfn-ecs-service-desiredcount
    https://docs.aws.amazon.com/autoscaling/application/APIReference/API_RegisterScalableTarget.html

    Makes `Cluster`, `<title>`, `<title>Scaling`, `<title>ToTarget`, and the outputs `ClusterName` and `ServiceName`.
    """
    words = parameters.containers
    ready = given(t, words.IMAGE_TAG)
    # What containers are doing, minute by minute and each by itself, would cost more than a small service does.
    cluster = t.put(ecs.Cluster("Cluster", Tags=tags))
    alarms = ecs.DeploymentAlarms(
        AlarmNames=Split(",", Ref(parameter(t, words.DEPLOYMENT_ALARMS))), Enable=True, Rollback=True
    )
    resource = ecs.Service(
        title,
        AvailabilityZoneRebalancing="ENABLED",
        Cluster=Ref(cluster),
        DeploymentConfiguration=ecs.DeploymentConfiguration(
            Alarms=optional(given(t, words.DEPLOYMENT_ALARMS), alarms),
            DeploymentCircuitBreaker=ecs.DeploymentCircuitBreaker(Enable=True, Rollback=True),
            MaximumPercent=200,
            MinimumHealthyPercent=100,
        ),
        EnableECSManagedTags=True,
        HealthCheckGracePeriodSeconds=START_SECONDS,
        LaunchType="FARGATE",
        LoadBalancers=[ecs.LoadBalancer(ContainerName=CONTAINER, ContainerPort=port, TargetGroupArn=Ref(targets))],
        NetworkConfiguration=ecs.NetworkConfiguration(
            AwsvpcConfiguration=ecs.AwsvpcConfiguration(
                AssignPublicIp="DISABLED",
                SecurityGroups=[GetAtt(task.group, "GroupId"), *groups],
                Subnets=Split(",", subnets),
            )
        ),
        PropagateTags="SERVICE",
        Tags=tags,
        TaskDefinition=Ref(task.resource),
        DependsOn=sorted(after),
    )
    t.put(resource, when=ready)
    made = Tasks(t, title, resource, cluster, Ref(parameter(t, words.MIN_TASKS)), when=ready)
    _scale(made)
    outputs.output(t, "ClusterName", Ref(cluster), "The cluster that the tasks are in.")
    name = GetAtt(resource, "Name")
    outputs.output(t, "ServiceName", name, "The service of ECS that keeps the tasks running.", when=ready)
    return made


def _scale(made: Tasks) -> None:
    """More tasks while they are busier than `TargetCpu`, fewer while they are well below.

    https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-autoscaling-targettracking.html
    """
    t, words = made.t, parameters.containers
    _refuse_more_than_most(t)
    target = applicationautoscaling.ScalableTarget(
        f"{made.title}Scaling",
        MaxCapacity=Ref(parameter(t, words.MAX_TASKS)),
        MinCapacity=made.least,
        ResourceId=Sub(f"service/${{{made.cluster.title}}}/${{{made.title}.Name}}"),
        ScalableDimension="ecs:service:DesiredCount",
        ServiceNamespace="ecs",
    )
    t.put(target, when=made.when)
    metric = applicationautoscaling.PredefinedMetricSpecification(
        PredefinedMetricType="ECSServiceAverageCPUUtilization"
    )
    policy = applicationautoscaling.ScalingPolicy(
        f"{made.title}ToTarget",
        PolicyName="cpu",
        PolicyType="TargetTrackingScaling",
        ScalingTargetId=Ref(target),
        TargetTrackingScalingPolicyConfiguration=applicationautoscaling.TargetTrackingScalingPolicyConfiguration(
            PredefinedMetricSpecification=metric,
            ScaleInCooldown=SHRINK_SECONDS,
            ScaleOutCooldown=GROW_SECONDS,
            TargetValue=Ref(parameter(t, words.TARGET_CPU)),
        ),
    )
    t.put(policy, when=made.when)


def _refuse_more_than_most(t: ScenarioTemplate) -> None:
    """Refuse `MinTasks` above `MaxTasks`. Rules compare no numbers, so each number is held against those below it."""
    words = parameters.containers
    least, most = (parameter(t, spec).title for spec in (words.MIN_TASKS, words.MAX_TASKS))
    assertions = [
        {
            "Assert": {
                "Fn::Or": [
                    {"Fn::Not": [{"Fn::Equals": [{"Ref": most}, number]}]},
                    {"Fn::Contains": [list(words.COUNTS[: place + 1]), {"Ref": least}]},
                ]
            },
            "AssertDescription": f"MinTasks is more than MaxTasks, which is {number}: take at most as many.",
        }
        for place, number in enumerate(words.COUNTS[:-1])
    ]
    t.add_rule("MinTasksWithinMaxTasks", {"Assertions": assertions})
