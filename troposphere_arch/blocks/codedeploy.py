"""CodeDeploy: an alias of a function goes to a new version by and by, and back by itself.

alias ◀──moves── deployment group ◀──alarms──
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from troposphere import GetAtt, If, Ref, codedeploy, iam

from .. import grants
from ..conditions import switched_on
from ..parameters import Spec, parameter, versions
from ..template import Node, ScenarioTemplate
from .awslambda import Function
from .iam import grant, role

# Of the alarms that watch a shift. It may be over after five minutes: by then they have to have seen what is wrong.
# https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarm-evaluation.html
_ALARM_SECONDS = 60
_RETURNS = ("DEPLOYMENT_FAILURE", "DEPLOYMENT_STOP_ON_ALARM", "DEPLOYMENT_STOP_ON_REQUEST")


@dataclass(frozen=True)
class Shifts(Node):
    """The deployment group of a function: what moves its alias."""

    application: codedeploy.Application
    resource: codedeploy.DeploymentGroup
    role: iam.Role


def shifts(t: ScenarioTemplate, title: str, function: Function, pace: Spec) -> Shifts:
    """What moves the function's alias at this pace, and returns when that fails or somebody stops it.

    Makes `<title>`, `<title>Group` and `<title>Role`. Alarms come by `watched_by`.
    https://docs.aws.amazon.com/codedeploy/latest/userguide/deployment-groups-create.html
    """
    own = role(t, f"{title}Role", grants.trust_codedeploy())
    grant(own, "ShiftAlias", grants.shift_alias(function.resource))
    application = t.put(codedeploy.Application(title, ComputePlatform="Lambda"))
    group = codedeploy.DeploymentGroup(
        f"{title}Group",
        ApplicationName=Ref(application),
        AutoRollbackConfiguration=codedeploy.AutoRollbackConfiguration(Enabled=True, Events=list(_RETURNS)),
        DeploymentConfigName=Ref(parameter(t, pace)),
        DeploymentStyle=codedeploy.DeploymentStyle(
            DeploymentOption="WITH_TRAFFIC_CONTROL", DeploymentType="BLUE_GREEN"
        ),
        ServiceRoleArn=GetAtt(own, "Arn"),
    )
    return Shifts(t, title, application, t.put(group), own)


def watched_by(t: ScenarioTemplate, group: codedeploy.DeploymentGroup, alarms: Sequence[str]) -> None:
    """Return to the version before when one of the alarms goes off, unless `ReturnOnAlarm` is off.

    They look each minute. An alarm that cannot be read stops a shift as well. One that is on already lets none begin.
    https://docs.aws.amazon.com/codedeploy/latest/userguide/monitoring-create-alarms.html
    """
    for alarm in alarms:
        t.resources[alarm].Period = _ALARM_SECONDS
    group.AlarmConfiguration = codedeploy.AlarmConfiguration(
        Alarms=[codedeploy.Alarm(Name=Ref(alarm)) for alarm in alarms],
        Enabled=If(switched_on(t, versions.RETURN_ON_ALARM), True, False),
        IgnorePollAlarmFailure=False,
    )


def names(shifts: Shifts) -> tuple[Any, Any]:
    """The names of the application and of the deployment group."""
    return Ref(shifts.application), Ref(shifts.resource)
