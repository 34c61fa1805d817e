"""Servers of a service: instances of EC2 in an auto scaling group that run the service's code as a process."""

from __future__ import annotations

import base64
import hashlib
import shlex
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from troposphere import (
    AWSHelperFn,
    Base64,
    FindInMap,
    GetAtt,
    If,
    Join,
    NoValue,
    Ref,
    Split,
    Sub,
    autoscaling,
    cloudformation,
    ec2,
    elasticloadbalancingv2,
    iam,
    logs,
)

from .. import grants, outputs, parameters
from ..conditions import switched_on
from ..parameters import parameter
from ..template import Node, ScenarioTemplate
from .autoscaling import GRACE_SECONDS, WARM_UP_SECONDS, needs_room, one_after_the_other, server
from .awslambda import source
from .dynamodb import Table
from .iam import grant, role
from .logs import log_group
from .network import over_https

BOOT = "microservices/boot.sh"
# Where a server keeps its code.
FOLDER = "/srv/service"
# Per cent of CPU that the group grows and shrinks for: two of them bear what three did, while the third comes back.
TARGET_CPU = 50
# What EC2 takes as user data, before it is encoded, less room for what its variables become.
# https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instancedata-add-user-data.html
USER_DATA_BYTES = 16_384 - 4_096
# Who signs the certificates of databases, of each partition.
# https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/UsingWithRDS.SSL.html#UsingWithRDS.SSL.CertificatesAllRegions
CERTIFICATES = {
    "aws": "truststore.pki.rds.amazonaws.com",
    "aws-cn": "rds-truststore.s3.cn-north-1.amazonaws.com.cn",
    "aws-us-gov": "truststore.pki.us-gov-west-1.rds.amazonaws.com",
}


@dataclass(frozen=True)
class Servers(Node):
    """An auto scaling group of servers, what they are made from, their role, their log, and their security group.

    `variables` is what their code is told; arrows add to it. `tables` are the tables that it uses.
    """

    resource: autoscaling.AutoScalingGroup
    template: ec2.LaunchTemplate
    role: iam.Role
    logs: logs.LogGroup
    group: ec2.SecurityGroup
    variables: dict[str, Any] = field(default_factory=dict, repr=False)
    tables: list[Table] = field(default_factory=list, repr=False)


class _UserData(AWSHelperFn):  # type: ignore[misc]  # troposphere is untyped
    """The user data of a server, with the variables that its code is told when the template is written."""

    def __init__(self, settings: Any, variables: dict[str, Any], script: str) -> None:
        self.settings, self.variables, self.script = settings, variables, script

    @property
    def data(self) -> Any:
        """A script: what it has to know, what the code is told, and what it does."""
        shebang, _, rest = self.script.partition("\n")
        told = [_told(name, value) for name, value in sorted(self.variables.items())]
        return Base64(Join("\n", [shebang, self.settings, "told=()", *told, rest]))


def _told(name: str, value: Any) -> Any:
    """A line that tells a variable, safe in a shell whatever its value is.

    What is known already is quoted; what a deployment knows comes encoded, since nothing there could quote it. Raises
    ValueError for one that is there under a condition only.
    """
    if isinstance(value, str):
        return f"told+=({shlex.quote(f'{name}={value}')})"
    if isinstance(value, If) and value.data["Fn::If"][2] is NoValue:
        raise ValueError(f"{name} is told under a condition, and user data cannot leave a line out: tell another value")
    return Join("", [f"told+=(\"{name}=$(base64 --decode <<<'", Base64(value), "')\")"])


def servers(
    t: ScenarioTemplate,
    title: str,
    *,
    vpc: Any,
    subnets: Any,
    groups: Sequence[Any],
    code: str,
    libraries: str,
    command: Sequence[str],
) -> Servers:
    """From `FleetMinSize` to `FleetMaxSize` servers of Amazon Linux on arm64, over the subnets' zones, none public.

    Each runs the handler file BOOT when it starts: that fetches `code` from the launch template's metadata, for which
    an instance needs no right, and what `libraries` pins by hashes, and starts `command`, whose program is one of
    these, as a unit of systemd. It has to tell CloudFormation within 15 minutes that it serves. User data names the
    hash of the code, so that other code makes other servers, one after the other; how many run is the group's own
    affair. They are in `groups` and in one of their own, from which they get out over HTTPS, and which nothing comes
    into until somebody lets it.

    A server that starts by itself in the seconds between an update of the launch template and that of the group finds
    other code than it looks for, and tries for half a minute. It serves nobody, and is replaced once its grace period
    is over; in an update that is under way, at its end.

    Makes `<title>`, `<title>Template`, `<title>Role`, `<title>Profile`, `<title>Logs`, `<title>Group`,
    `<title>Scaling` and the output `<title>Name`.
    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-resource-init.html
    """
    words = parameters.updates
    least, most = Ref(parameter(t, words.FLEET_MIN)), Ref(parameter(t, words.FLEET_MAX))
    needs_room(t)
    own_logs = log_group(t, f"{title}Logs")
    own_role = role(t, f"{title}Role", grants.trust_service("ec2.amazonaws.com"))
    grant(own_role, "WriteLog", grants.write_log(own_logs))
    grant(own_role, "OpenShells", grants.open_shells(), when=switched_on(t, words.SESSION_MANAGER))
    profile = t.put(iam.InstanceProfile(f"{title}Profile", Path=Ref(parameter(t, parameters.ROLE_PATH))))
    profile.Roles = [Ref(own_role)]
    group = t.put(
        ec2.SecurityGroup(
            f"{title}Group",
            GroupDescription="Servers: in from the load balancer, out over HTTPS and to the database.",
            SecurityGroupEgress=[over_https()],
            VpcId=vpc,
        )
    )
    data = server(t, title, profile, [GetAtt(group, "GroupId"), *groups])
    template = ec2.LaunchTemplate(f"{title}Template", LaunchTemplateData=data)
    files = {f"{FOLDER}/index.py": _file(code), f"{FOLDER}/requirements.txt": _file(libraries)}
    config = cloudformation.InitConfig(files=cloudformation.InitFiles(files))
    template.resource["Metadata"] = cloudformation.Metadata(cloudformation.Init({"config": config}))
    t.put(template)
    variables: dict[str, Any] = {}
    t.add_mapping("DatabaseCertificates", {partition: {"Host": host} for partition, host in CERTIFICATES.items()})
    settings = Sub(
        "\n".join(
            [
                "REGION='${AWS::Region}'",
                "STACK='${AWS::StackName}'",
                f"RESOURCE='{title}'",
                f"SOURCE='{template.title}'",
                f"GENERATION='${{{parameter(t, words.FLEET_GENERATION).title}}}'",
                f"CODE_SHA256='{_sha256(code)}'",
                f"LIBRARIES_SHA256='{_sha256(libraries)}'",
                f"COMMAND={shlex.quote(' '.join(command))}",
                f"LOG_GROUP='${{{own_logs.title}}}'",
                "DATABASE_CERTIFICATES='https://${Certificates}/global/global-bundle.pem'",
            ]
        ),
        Certificates=FindInMap("DatabaseCertificates", Ref("AWS::Partition"), "Host"),
    )
    script = source(BOOT)
    size = len(script.encode())
    if size > USER_DATA_BYTES:
        raise ValueError(f"{title} tells its servers {size} bytes, and EC2 takes {USER_DATA_BYTES}")
    data.UserData = _UserData(settings, variables, script)
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
        Tags=[autoscaling.Tag("Name", Sub(f"${{AWS::StackName}} {title}"), True)],
        VPCZoneIdentifier=Split(",", subnets),
        **one_after_the_other(least),
    )
    t.put(resource)
    metric = autoscaling.PredefinedMetricSpecification(PredefinedMetricType="ASGAverageCPUUtilization")
    t.put(
        autoscaling.ScalingPolicy(
            f"{title}Scaling",
            AutoScalingGroupName=Ref(resource),
            PolicyType="TargetTrackingScaling",
            TargetTrackingConfiguration=autoscaling.TargetTrackingConfiguration(
                PredefinedMetricSpecification=metric, TargetValue=TARGET_CPU
            ),
        )
    )
    outputs.output(t, f"{title}Name", Ref(resource), "The auto scaling group of the servers.")
    return Servers(t, title, resource, template, own_role, own_logs, group, variables)


def serve(servers: Servers, targets: elasticloadbalancingv2.TargetGroup, after: Sequence[str]) -> None:
    """The servers are targets of this group, which is a load balancer's once the resources called `after` are there.

    Their health is asked for only then.
    """
    servers.resource.TargetGroupARNs = [Ref(targets)]
    servers.resource.resource["DependsOn"] = sorted({*servers.resource.resource.get("DependsOn", []), *after})


def _file(text: str) -> cloudformation.InitFile:
    """A file for root alone to change. What is not ASCII comes encoded: CloudFormation may not keep it otherwise."""
    how = {} if text.isascii() else {"encoding": "base64"}
    content = text if text.isascii() else base64.b64encode(text.encode()).decode()
    return cloudformation.InitFile(content=content, mode="000644", owner="root", group="root", **how)


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
