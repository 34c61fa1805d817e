"""E9022."""

from __future__ import annotations

from collections.abc import Iterator

from ._rule import Found, HouseRule
from ._senders import GIVEN_BY, TOPIC, allowed, may_be_sent_to, of_anybody, requires_tls, services
from ._template import Resource, View, items, principals, text, values

PUBLISH = ("sns:Publish", "SNS:Publish")
ALARMS = "cloudwatch.amazonaws.com"
ALARM = ("AWS::CloudWatch::Alarm", "AWS::CloudWatch::CompositeAlarm")
ACTIONS = ("AlarmActions", "InsufficientDataActions", "OKActions")
# The key that AWS keeps for SNS in every account. Its policy lets no other service use it, and nobody can change that.
# https://docs.aws.amazon.com/sns/latest/dg/sns-key-management.html#compatibility-with-aws-services
OF_AWS = "alias/aws/sns"


class Topics(HouseRule):
    """Every topic is published to over TLS only, is encrypted, and open to no service of somebody else's.

    A service that may publish does so for any account that asks it to, unless the statement names for whom. What a
    service publishes to a topic under the key that AWS keeps for SNS is lost: that key lets in no service, so it takes
    a key of one's own. A topic for alarms may therefore have none: it is told by its policy, which lets in
    cloudwatch.amazonaws.com and nobody else, and by the roles, none of which may publish there; then all that it ever
    holds are names and numbers of alarms. And who names a topic of the template in an alarm lets alarms in.
    """

    id = "E9022"
    shortdesc = "Topics are encrypted and closed"
    source_url = "https://docs.aws.amazon.com/sns/latest/dg/sns-security-best-practices.html"

    def check(self, view: View) -> Iterator[Found]:
        for topic in view.of_type(TOPIC):
            yield from _encryption(view, topic)
            yield from _heard(view, topic)
            if not requires_tls(view, topic, PUBLISH):
                yield (
                    topic.path,
                    f"{topic.name} can be published to without TLS; add a topic policy that denies sns:Publish on it "
                    "when aws:SecureTransport is false",
                )
        kinds = [kind for kind, _ in GIVEN_BY[TOPIC]]
        for policy in view.policies if view.of_type(*kinds) else ():
            if policy.resource.type in kinds:
                for where, statement in policy.statements():
                    for who in sorted(of_anybody(statement)):
                        yield (
                            policy.at(where),
                            f"{policy.resource.name} lets {who} of any account in; add aws:SourceArn or "
                            "aws:SourceAccount",
                        )


def _encryption(view: View, topic: Resource) -> Iterator[Found]:
    publishing = set().union(*(services(statement) for statement in allowed(view, topic)))
    for where, key in values(topic.properties, "KmsMasterKeyId", path=topic.properties_path):
        if key is None and not _is_for_alarms(view, topic):
            yield where, f"{topic.name} is not encrypted; set KmsMasterKeyId, {OF_AWS} if there is no other key"
        if str(text(key)).endswith(OF_AWS):
            for who in sorted(publishing):
                yield where, f"{topic.name} has the key {OF_AWS}, which {who} may not use; give it a key of your own"


def _is_for_alarms(view: View, topic: Resource) -> bool:
    """Whether nobody publishes there but alarms, as far as the template tells."""
    let_in = {(kind, text(who)) for s in allowed(view, topic) for _, kind, who in principals(s)}
    return let_in == {("Service", ALARMS)} and not may_be_sent_to(view, topic)


def _heard(view: View, topic: Resource) -> Iterator[Found]:
    """Alarms of the template that go there are let in: a policy of one's own takes the place of what SNS allows."""
    if any(ALARMS in services(statement) for statement in allowed(view, topic)):
        return
    for alarm in view.of_type(*ALARM):
        for key in ACTIONS:
            for where, action in items(alarm.properties, key, path=alarm.properties_path):
                if topic in view.named(action):
                    yield where, f"{alarm.name} may not publish to {topic.name}; let its policy allow {ALARMS}"
