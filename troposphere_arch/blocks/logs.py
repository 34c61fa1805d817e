"""Log groups."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from troposphere import Ref, Sub, logs

from .. import parameters
from ..parameters import parameter
from ..template import Node, ScenarioTemplate


@dataclass(frozen=True)
class Lines(Node):
    """Lines of a log that are counted: as which metric of which namespace, and what one means for a user.

    `periods` is for how many periods of an alarm there has to be one.
    """

    namespace: Any
    metric: str
    means: str
    periods: int = 1


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


def counted(t: ScenarioTemplate, title: str, of: logs.LogGroup, pattern: str, *, means: str, periods: int = 1) -> Lines:
    """Lines of the log group that are like the pattern, counted under the name of the stack. Makes `<title>`.

    A metric filter cannot say a dimension that is not in the line, so that the stack is in the namespace.
    https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/FilterAndPatternSyntaxForMetricFilters.html
    """
    namespace = Sub(f"troposphere-arch/{t.scenario}/${{AWS::StackName}}")
    t.put(
        logs.MetricFilter(
            title,
            FilterPattern=pattern,
            LogGroupName=Ref(of),
            MetricTransformations=[
                logs.MetricTransformation(MetricName=title, MetricNamespace=namespace, MetricValue="1")
            ],
        )
    )
    return Lines(t, title, namespace, title, means, periods)
