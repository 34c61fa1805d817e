"""Buses and rules of EventBridge: what services tell, what happens in a bucket, and what happens by the clock.

A rule without a target does nothing yet; arrows give it one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from troposphere import Ref, events, s3

from ..conditions import optional
from ..template import Node, ScenarioTemplate
from .s3 import Bucket


@dataclass(frozen=True)
class Rule(Node):
    """A rule, on the account's default bus where nothing else is said."""

    resource: events.Rule


@dataclass(frozen=True)
class Bus(Node):
    """An event bus."""

    resource: events.EventBus


def bus(t: ScenarioTemplate, title: str, **properties: Any) -> Bus:
    """A bus, which AWS wants named: by the name of the stack. Only who is allowed to puts events on it.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-resource-events-eventbus.html
    """
    resource = events.EventBus(title, **{**properties, "Name": Ref("AWS::StackName")})
    return Bus(t, title, t.put(resource))


def on_told(t: ScenarioTemplate, title: str, source: Bus, kind: str) -> Rule:
    """Events of this kind (`detail-type`) on a bus of the stack's own, whoever tells them.

    https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-event-patterns.html
    """
    pattern = {"detail-type": [kind]}
    resource = events.Rule(title, EventBusName=Ref(source.resource), EventPattern=pattern, State="ENABLED", Targets=[])
    return Rule(t, title, t.put(resource))


def on_created(t: ScenarioTemplate, title: str, bucket: Bucket, prefix: str, *, when: str | None = None) -> Rule:
    """What is put into the bucket under a key that begins with `prefix`, whoever puts it and how.

    The bucket tells EventBridge, not a function: a bucket that names a function, which names the bucket, is a cycle.
    https://docs.aws.amazon.com/AmazonS3/latest/userguide/EventBridge.html
    """
    on = s3.EventBridgeConfiguration(EventBridgeEnabled=True)
    bucket.resource.NotificationConfiguration = optional(
        when, s3.NotificationConfiguration(EventBridgeConfiguration=on)
    )
    pattern = {
        "source": ["aws.s3"],
        "detail-type": ["Object Created"],
        "detail": {"bucket": {"name": [Ref(bucket.resource)]}, "object": {"key": [{"prefix": prefix}]}},
    }
    resource = events.Rule(title, EventPattern=pattern, State="ENABLED", Targets=[])
    return Rule(t, title, t.put(resource, when=when), when=when)


def every(t: ScenarioTemplate, title: str, minutes: int, *, when: str | None = None) -> Rule:
    """Once in so many minutes. Raises ValueError for less than one.

    https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-scheduled-rule-pattern.html
    """
    if minutes < 1:
        raise ValueError(f"{title}: a schedule is of whole minutes, not {minutes}")
    rate = f"rate({minutes} minute{'s' * (minutes > 1)})"
    resource = events.Rule(title, ScheduleExpression=rate, State="ENABLED", Targets=[])
    return Rule(t, title, t.put(resource, when=when), when=when)
