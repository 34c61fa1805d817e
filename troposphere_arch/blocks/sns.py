"""Topics: what happens is told once, to everybody who has subscribed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from troposphere import Ref, sns

from .. import grants, parameters
from ..conditions import choose, given
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
