"""Log groups."""

from __future__ import annotations

from troposphere import Ref, logs

from .. import parameters
from ..parameters import parameter
from ..template import ScenarioTemplate


def log_group(t: ScenarioTemplate, title: str, *, when: str | None = None) -> logs.LogGroup:
    """A log group that keeps its lines for as long as the stack's parameter says, and goes with the stack.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-resource-logs-loggroup.html
    """
    made: logs.LogGroup = t.put(
        logs.LogGroup(
            title,
            RetentionInDays=Ref(parameter(t, parameters.LOG_RETENTION)),
            DeletionPolicy="Delete",
            UpdateReplacePolicy="Delete",
        ),
        when=when,
    )
    return made
