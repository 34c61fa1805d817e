"""Topics: what happens is told once, to everybody who has subscribed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from troposphere import Ref, sns

from .. import grants, parameters
from ..conditions import choose, given, optional
from ..parameters import parameter
from ..template import Node, ScenarioTemplate

# What a topic is encrypted under without a key of the user's: the account's own, which costs nothing a month.
AWS_MANAGED = "alias/aws/sns"


@dataclass(frozen=True)
class Topic(Node):
    """A topic and its policy."""

    resource: sns.Topic
    policy: sns.TopicPolicy


def topic(t: ScenarioTemplate, title: str, **properties: Any) -> Topic:
    """A topic, encrypted and TLS only. Who may publish, and who may subscribe, is said where they are.

    Makes `<title>` and `<title>Policy`.
    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-resource-sns-topic.html
    """
    key = choose(given(t, parameters.KMS_KEY), Ref(parameter(t, parameters.KMS_KEY)), AWS_MANAGED)
    resource = t.put(sns.Topic(title, **{**properties, "KmsMasterKeyId": key}))
    policy = t.put(
        sns.TopicPolicy(f"{title}Policy", PolicyDocument=grants.topic_over_tls_only(resource), Topics=[Ref(resource)])
    )
    return Topic(t, title, resource, policy)


def alarm_topic(t: ScenarioTemplate, title: str) -> Topic:
    """A topic that every alarm of the account may publish to, TLS only, and `AlarmEmail` is told when it is given.

    It is encrypted under a key of the user's, or not at all: alarms cannot use the account's own key for topics, and
    say so only in their history. https://repost.aws/knowledge-center/cloudwatch-configure-alarm-sns

    Makes `<title>`, `<title>Policy` and `<title>Email`.
    """
    made = topic(t, title)
    made.resource.KmsMasterKeyId = optional(given(t, parameters.KMS_KEY), Ref(parameter(t, parameters.KMS_KEY)))
    made.policy.PolicyDocument.Statement.append(grants.alarmed_by_account(made.resource))
    address = parameters.platform.ALARM_EMAIL
    told = sns.SubscriptionResource(
        f"{title}Email", Endpoint=Ref(parameter(t, address)), Protocol="email", TopicArn=Ref(made.resource)
    )
    t.put(told, when=given(t, address))
    return made
