"""Fleets: servers that come and go by themselves."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from troposphere import Base64, GetAtt, If, Join, Ref, Sub, Tag, autoscaling, ec2, iam
from troposphere.policies import (
    AutoScalingRollingUpdate,
    AutoScalingScheduledAction,
    CreationPolicy,
    ResourceSignal,
    UpdatePolicy,
)

from .. import grants, outputs, parameters
from ..conditions import equals, switched_on
from ..parameters import parameter, unlike
from ..template import Node, ScenarioTemplate
from .awslambda import source
from .iam import grant, role
from .network import ServerNetwork, closed_group, let_in, over_https

# Looked up when an instance starts, by EC2 itself: an update of the stack never sees another value.
# https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/create-launch-template.html#use-an-ssm-parameter-instead-of-an-ami-id
NEWEST = "resolve:ssm:/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-arm64"
# So long a server has to say that it serves.
BOOT = "PT15M"
# And so long its health is not asked for, so that a slow one is not replaced by one that is as slow.
GRACE_SECONDS = 600
WARM_UP_SECONDS = 180
DISK_GB = 8
# During a rolling update these would do what CloudFormation is about to do, or undo it.
# https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-attribute-updatepolicy.html
SUSPENDED = [
    "AlarmNotification",
    "AZRebalance",
    "HealthCheck",
    "InstanceRefresh",
    "ReplaceUnhealthy",
    "ScheduledActions",
]
# What EC2 takes as user data, before it is encoded, less room for what the variables become.
# https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instancedata-add-user-data.html
USER_DATA_BYTES = 16_384 - 1_024


@dataclass(frozen=True)
class Fleet(Node):
    """An auto scaling group, what its servers are made from, their role, and their security group.

    `boot` and `conf` are the script that each runs when it starts and the file that it finds then; `told` are the
    variables that the script knows.
    """

    resource: autoscaling.AutoScalingGroup
    template: ec2.LaunchTemplate
    role: iam.Role
    group: ec2.SecurityGroup
    boot: str = field(repr=False)
    conf: str = field(repr=False)
    told: dict[str, str] = field(repr=False)


def fleet(t: ScenarioTemplate, title: str, network: ServerNetwork, *, boot: str | Path, conf: str | Path) -> Fleet:
    """From `FleetMinSize` to `FleetMaxSize` servers of Amazon Linux on arm64, over the network's zones, none public.

    Each runs the handler file `boot` when it starts, with the file `conf` at `/root/nginx.conf`, and has to tell
    CloudFormation within 15 minutes that it serves: else the stack, or the update, is rolled back. An update that
    changes what servers are made from, such as by `FleetGeneration`, replaces them one after the other, each once the
    one before serves. How many run is the fleet's own affair: no update says a number.

    Makes `<title>`, `<title>Template`, `<title>Role`, `<title>Profile`, `<title>Group` and the output `<title>Name`.
    https://docs.aws.amazon.com/autoscaling/ec2/userguide/what-is-amazon-ec2-auto-scaling.html
    """
    words = parameters.updates
    least, most = Ref(parameter(t, words.FLEET_MIN)), Ref(parameter(t, words.FLEET_MAX))
    needs_room(t)
    own_role = role(t, f"{title}Role", grants.trust_service("ec2.amazonaws.com"))
    shells = switched_on(t, words.SESSION_MANAGER)
    grant(own_role, "OpenShells", grants.open_shells(), when=shells)
    profile = t.put(iam.InstanceProfile(f"{title}Profile", Path=Ref(parameter(t, parameters.ROLE_PATH))))
    profile.Roles = [Ref(own_role)]
    group = closed_group(
        network, f"{title}Group", "Servers: in from the load balancer, out to AWS over HTTPS.", over_https()
    )
    let_in(network, group)
    template = t.put(
        ec2.LaunchTemplate(f"{title}Template", LaunchTemplateData=server(t, title, profile, [GetAtt(group, "GroupId")]))
    )
    resource = autoscaling.AutoScalingGroup(
        title,
        DefaultInstanceWarmup=WARM_UP_SECONDS,
        HealthCheckGracePeriod=GRACE_SECONDS,
        HealthCheckType="ELB",
        LaunchTemplate=autoscaling.LaunchTemplateSpecification(
            LaunchTemplateId=Ref(template), Version=GetAtt(template, "LatestVersionNumber")
        ),
        MaxSize=most,
        MetricsCollection=[autoscaling.MetricsCollection(Granularity="1Minute")],
        MinSize=least,
        Tags=[
            autoscaling.Tag("Name", Sub(f"${{AWS::StackName}} {title}"), True),
            # Who refers to the network's ways comes after them: a server has no other way to its packages.
            autoscaling.Tag("network", network.ready, False),
        ],
        VPCZoneIdentifier=network.private_ids,
        **one_after_the_other(least),
    )
    t.put(resource)
    outputs.output(t, f"{title}Name", Ref(resource), "The auto scaling group of the servers.")
    made = Fleet(t, title, resource, template, own_role, group, source(boot), source(conf), {})
    tell_servers(
        made,
        REGION="${AWS::Region}",
        STACK="${AWS::StackName}",
        RESOURCE=title,
        GENERATION=f"${{{parameter(t, words.FLEET_GENERATION).title}}}",
    )
    return made


def needs_room(t: ScenarioTemplate) -> None:
    """Refuse a fleet that cannot grow: a rolling update starts a server before it ends one.

    Rules compare equality only, so that here it is as many; `deploy.needs` refuses fewer.
    """
    words = parameters.updates
    message = "FleetMaxSize must be more than FleetMinSize: an update of the servers needs room for one more."
    assertion = unlike({"Ref": words.FLEET_MIN.name}, {"Ref": words.FLEET_MAX.name}, message)
    t.add_rule("FleetHasRoom", {"Assertions": [assertion]})


def one_after_the_other(least: Any) -> dict[str, Any]:
    """The policies of a group of `least` servers at least: each has to tell that it serves before the next one goes.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-attribute-updatepolicy.html
    """
    rolling = AutoScalingRollingUpdate(
        MaxBatchSize=1,
        MinInstancesInService=least,
        PauseTime=BOOT,
        SuspendProcesses=SUSPENDED,
        WaitOnResourceSignals=True,
    )
    return {
        "CreationPolicy": CreationPolicy(ResourceSignal=ResourceSignal(Count=least, Timeout=BOOT)),
        "UpdatePolicy": UpdatePolicy(
            AutoScalingRollingUpdate=rolling,
            AutoScalingScheduledAction=AutoScalingScheduledAction(IgnoreUnmodifiedGroupSizeProperties=True),
        ),
    }


def server(t: ScenarioTemplate, title: str, profile: iam.InstanceProfile, groups: list[Any]) -> ec2.LaunchTemplateData:
    """What a server is made from: no key pair, no public address, an encrypted disk, and IMDSv2 only, for itself only.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-resource-ec2-launchtemplate.html
    """
    words = parameters.updates
    newest = equals(t, "ImageIsNewest", words.IMAGE_ID, "newest")
    disk = ec2.LaunchTemplateBlockDeviceMapping(
        DeviceName="/dev/xvda",
        Ebs=ec2.EBSBlockDevice(DeleteOnTermination=True, Encrypted=True, VolumeSize=DISK_GB, VolumeType="gp3"),
    )
    return ec2.LaunchTemplateData(
        BlockDeviceMappings=[disk],
        IamInstanceProfile=ec2.IamInstanceProfile(Arn=GetAtt(profile, "Arn")),
        ImageId=If(newest, NEWEST, Ref(parameter(t, words.IMAGE_ID))),
        InstanceType=Ref(parameter(t, words.INSTANCE_TYPE)),
        MetadataOptions=ec2.MetadataOptions(
            HttpEndpoint="enabled", HttpPutResponseHopLimit=1, HttpTokens="required", InstanceMetadataTags="disabled"
        ),
        NetworkInterfaces=[
            ec2.NetworkInterfaces(
                AssociatePublicIpAddress=False,
                DeleteOnTermination=True,
                DeviceIndex=0,
                Groups=groups,
            )
        ],
        TagSpecifications=[
            ec2.TagSpecifications(ResourceType="volume", Tags=[Tag("Name", Sub(f"${{AWS::StackName}} {title}"))])
        ],
    )


def tell_servers(fleet: Fleet, **variables: str) -> None:
    """Let the script that starts a server know these variables, in the words of `Fn::Sub`.

    Raises ValueError when there is too much to tell.

    Another value replaces all servers, one after the other.
    """
    fleet.told.update(variables)
    size = len((fleet.boot + fleet.conf).encode())
    if size > USER_DATA_BYTES:
        raise ValueError(f"{fleet.title} tells its servers {size} bytes, and EC2 takes {USER_DATA_BYTES}")
    shebang, _, script = fleet.boot.partition("\n")
    exports = "\n".join(f"export {name}='{value}'" for name, value in fleet.told.items())
    conf = f"cat > /root/nginx.conf <<'NGINX_CONF'\n{fleet.conf}NGINX_CONF"
    # The script stays out of Fn::Sub: it has variables of its own in braces.
    fleet.template.LaunchTemplateData.UserData = Base64(Join("\n", [shebang, Sub(exports), f"{conf}\n{script}"]))


def track_requests(fleet: Fleet, title: str, label: Any) -> autoscaling.ScalingPolicy:
    """Grow and shrink the fleet so that each server gets about `RequestsPerTarget` requests a minute.

    `label` names the load balancer and its target group.
    https://docs.aws.amazon.com/autoscaling/ec2/userguide/as-scaling-target-tracking.html
    """
    t = fleet.t
    metric = autoscaling.PredefinedMetricSpecification(
        PredefinedMetricType="ALBRequestCountPerTarget", ResourceLabel=label
    )
    made: autoscaling.ScalingPolicy = t.put(
        autoscaling.ScalingPolicy(
            title,
            AutoScalingGroupName=Ref(fleet.resource),
            PolicyType="TargetTrackingScaling",
            TargetTrackingConfiguration=autoscaling.TargetTrackingConfiguration(
                PredefinedMetricSpecification=metric,
                TargetValue=Ref(parameter(t, parameters.updates.REQUESTS_PER_TARGET)),
            ),
        )
    )
    return made
