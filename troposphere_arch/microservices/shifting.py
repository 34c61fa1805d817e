"""Versions of a function within a stack, and how the alias that requests come to moves from one to the next.

requests ──▶ live ──StableVersion──▶ Version 7                 weight: as two parameters say
               └───NewVersionPercent──▶ Version 8
requests ──▶ live ──▶ Version 7, 8   ◀──moves── Shifts         canary, linear: as CodeDeploy does
                                                  └──alarms──▶ Function, and FailedAnswers by its log
"""

from __future__ import annotations

from troposphere import Ref

from .. import discovery, outputs
from ..arrows.ends import Program
from ..blocks import cloudwatch, codedeploy, logs, ssm, versions
from ..blocks.awslambda import Function
from ..parameters.versions import CANARY_PACE, LINEAR_PACE
from ..template import ScenarioTemplate
from .declaration import CANARY, LINEAR, WEIGHT, Service

VERSION, ALIAS, SHIFTS, FAILED = "Version", "Live", "Shifts", "FailedAnswers"
PACES = {CANARY: CANARY_PACE, LINEAR: LINEAR_PACE}


def shift(t: ScenarioTemplate, service: Service, function: Function) -> None:
    """Where the declaration says how, requests come to an alias of the function, which moves like that."""
    if not service.shift:
        return
    version = versions.version(t, VERSION, function)
    if service.shift == WEIGHT:
        at = versions.weighted(t, ALIAS, version)
    else:
        shifts = codedeploy.shifts(t, SHIFTS, function, PACES[service.shift])
        at = versions.shifted(t, ALIAS, version, *codedeploy.names(shifts))
    outputs.output(t, "LiveAlias", Ref(ALIAS), "What requests come to: an alias of the function.")
    outputs.output(t, "LiveVersion", at, "The number of the version that the alias is at: what StableVersion may say.")
    outputs.output(t, "NewestVersion", versions.newest(version), "The number of the version that is published last.")


def finish(t: ScenarioTemplate, service: Service, program: Program, platform: ssm.Neighbour) -> None:
    """When nothing is added any more: say what the version freezes, and let alarms on errors watch a shift."""
    if not service.shift or not isinstance(program, Function):
        return
    version = versions.Version(t, VERSION, t.resources[VERSION], program)
    versions.describe(version, service.version, lambda: platform.told(discovery.DOMAIN))
    if service.shift == WEIGHT:
        return
    # What is answered with 500 is no error to Lambda. The API's own alarm, or a target group's, cannot watch: what it
    # is about comes after the alias, and the alias after what moves it.
    failed = logs.counted(
        t,
        FAILED,
        program.logs,
        '{ $.message = "answered" && $.status >= 500 }',  # as `service_kit.http` says it
        means="A request was answered with 5xx; the function's log has its id.",
    )
    cloudwatch.watch(t, failed)
    codedeploy.watched_by(t, t.resources[f"{SHIFTS}Group"], [f"{one}Alarm" for one in (FAILED, "FunctionErrors")])
