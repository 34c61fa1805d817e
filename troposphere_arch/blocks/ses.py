"""Sending mail."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from troposphere import If, Ref, Sub, ses

from .. import outputs, parameters
from ..conditions import given
from ..parameters import both_or_neither, only_elsewhere, parameter
from ..template import Node, ScenarioTemplate

# By the CloudFormation registry's schemas for each region, as cfn-lint 1.58 ships them.
REGIONS_WITHOUT = (
    "ap-east-1",
    "ap-east-2",
    "ap-southeast-4",
    "ap-southeast-6",
    "ap-southeast-7",
    "cn-north-1",
    "cn-northwest-1",
    "eu-south-2",
    "mx-central-1",
)
# What becomes a metric: what an owner must know of.
WATCHED = ("bounce", "complaint", "reject")
# The dimension of these metrics: SES puts this tag on every mail of a set by itself.
# https://docs.aws.amazon.com/ses/latest/dg/event-publishing-add-event-destination-cloudwatch.html
BY_SET = "ses:configuration-set"


@dataclass(frozen=True)
class Sender(Node):
    """Who mails come from: the address, the verified identity it belongs to, and the set that mails are sent in."""

    resource: ses.ConfigurationSet
    address: Any = field(compare=False)
    identity_arn: Any = field(compare=False)


def sender(t: ScenarioTemplate, title: str) -> Sender:
    """Mail from `SenderAddress`, over TLS only; bounces, complaints and what SES rejects become metrics.

    There only when `SenderAddress` is given, which needs `SenderIdentity` and is needed by it. The identity is the
    user's own: to verify it takes more than a stack can do. Makes `<title>`, `<title>Events` and the output `<title>`.
    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-resource-ses-configurationset.html
    """
    when = given(t, parameters.blog.SENDER_ADDRESS)
    both_or_neither(t, parameters.blog.SENDER_ADDRESS, parameters.blog.SENDER_IDENTITY)
    only_elsewhere(t, parameters.blog.SENDER_ADDRESS, "SES configuration sets", REGIONS_WITHOUT)
    resource = t.put(
        ses.ConfigurationSet(
            title,
            DeliveryOptions=ses.DeliveryOptions(TlsPolicy="REQUIRE"),
            ReputationOptions=ses.ReputationOptions(ReputationMetricsEnabled=True),
            SendingOptions=ses.SendingOptions(SendingEnabled=True),
            # Whose address does not exist, or who complained, gets no second mail.
            SuppressionOptions=ses.SuppressionOptions(SuppressedReasons=["BOUNCE", "COMPLAINT"]),
        ),
        when=when,
    )
    by_set = ses.DimensionConfiguration(
        DefaultDimensionValue=Ref(resource), DimensionName=BY_SET, DimensionValueSource="messageTag"
    )
    t.put(
        ses.ConfigurationSetEventDestination(
            f"{title}Events",
            ConfigurationSetName=Ref(resource),
            EventDestination=ses.EventDestination(
                CloudWatchDestination=ses.CloudWatchDestination(DimensionConfigurations=[by_set]),
                Enabled=True,
                MatchingEventTypes=list(WATCHED),
            ),
        ),
        when=when,
    )
    off = "off: give SenderAddress and SenderIdentity"
    outputs.output(t, title, If(when, "on", off), "Whether mails are sent.")
    identity = "arn:${AWS::Partition}:ses:${AWS::Region}:${AWS::AccountId}:identity/${SenderIdentity}"
    return Sender(t, title, resource, Ref(parameter(t, parameters.blog.SENDER_ADDRESS)), Sub(identity), when=when)
