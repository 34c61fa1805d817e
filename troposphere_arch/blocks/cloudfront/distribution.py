"""A distribution, whatever it serves: its address, its limits, its logs and its metrics."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from troposphere import GetAtt, Ref, Sub, cloudfront, route53

from ... import outputs, parameters
from ...conditions import all_of, choose, given, optional, switched_on
from ...parameters import parameter
from ...template import Node, ScenarioTemplate
from ..s3 import log_bucket
from .policies import of_stack

# By the CloudFormation registry's schemas for each region, as cfn-lint 1.58 ships them; China has no functions.
REGIONS_WITHOUT = ("cn-north-1", "cn-northwest-1", "us-gov-east-1", "us-gov-west-1")
# Regions that an account has from the beginning. CloudFront writes no logs into buckets of those that it opts in to.
# https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/standard-logging-legacy-s3.html
REGIONS_WITH_LOGS = (
    "ap-northeast-1",
    "ap-northeast-2",
    "ap-northeast-3",
    "ap-south-1",
    "ap-southeast-1",
    "ap-southeast-2",
    "ca-central-1",
    "eu-central-1",
    "eu-north-1",
    "eu-west-1",
    "eu-west-2",
    "eu-west-3",
    "sa-east-1",
    "us-east-1",
    "us-east-2",
    "us-west-1",
    "us-west-2",
)
# The hosted zone of every distribution.
# https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-properties-route53-recordset-aliastarget.html
ZONE_OF_ALL = "Z2FDTNDATAQYW2"
# The newest policy with TLS 1.2 as its least. CloudFront's own domain name has no choice: there it is TLS 1.
# https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/secure-connections-supported-viewer-protocols-ciphers.html
SECURITY_POLICY = "TLSv1.2_2025"
# CloudFront puts its metrics there for the whole partition.
METRICS_REGION = "us-east-1"

READ = ["GET", "HEAD"]


@dataclass(frozen=True)
class Distribution(Node):
    """A distribution: what it serves, blocks and arrows add.

    `url` is its address, under the user's own domain name if there is one; `named` the condition that there is.
    """

    resource: cloudfront.Distribution
    url: Any
    named: str

    @property
    def config(self) -> cloudfront.DistributionConfig:
        """Its settings."""
        return self.resource.DistributionConfig


def bare_distribution(
    t: ScenarioTemplate, title: str, *, when: str | None = None, **config: Any
) -> tuple[cloudfront.Distribution, Any, str]:
    """A distribution over HTTP/2 and 3, IPv4 and 6, TLS 1.2 or newer, without anything to serve yet.

    Under `DomainName` if that is given; before it `WebAclArn`, behind it access logs (`EdgeLogs`) and additional
    metrics (`EdgeMetrics`). Gives the resource, its address, and the condition that it has the user's name.

    Makes `<title>`, with their parameters `<title>LogFiles` and `<title>Monitoring`; and the outputs `<title>Id` and
    `<title>Domain`.
    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-resource-cloudfront-distribution.html
    """
    named, logged = given(t, parameters.DOMAIN_NAME), switched_on(t, parameters.EDGE_LOGS)
    what = "A bucket that CloudFront could write access logs into is"
    parameters.only_in(t, parameters.EDGE_LOGS, what, REGIONS_WITH_LOGS)
    logs = log_bucket(t, f"{title}LogFiles", when=all_of(t, when, logged) or logged)
    resource = cloudfront.Distribution(
        title,
        DistributionConfig=cloudfront.DistributionConfig(
            Aliases=optional(named, [Ref(parameter(t, parameters.DOMAIN_NAME))]),
            CacheBehaviors=[],
            Comment=of_stack(),
            Enabled=True,
            HttpVersion="http2and3",
            IPV6Enabled=True,
            Logging=optional(
                logged,
                cloudfront.Logging(Bucket=GetAtt(logs.resource, "DomainName"), IncludeCookies=False, Prefix="edge/"),
            ),
            Origins=[],
            PriceClass=Ref(parameter(t, parameters.PRICE_CLASS)),
            ViewerCertificate=choose(
                given(t, parameters.DOMAIN_CERTIFICATE),  # a rule says that it is given with the name or not at all
                cloudfront.ViewerCertificate(
                    AcmCertificateArn=Ref(parameter(t, parameters.DOMAIN_CERTIFICATE)),
                    MinimumProtocolVersion=SECURITY_POLICY,
                    SslSupportMethod="sni-only",
                ),
                cloudfront.ViewerCertificate(CloudFrontDefaultCertificate=True),
            ),
            WebACLId=optional(given(t, parameters.WEB_ACL), Ref(parameter(t, parameters.WEB_ACL))),
            **config,
        ),
    )
    t.put(resource, when=when)
    on = cloudfront.RealtimeMetricsSubscriptionConfig(RealtimeMetricsSubscriptionStatus="Enabled")
    subscription = cloudfront.MonitoringSubscription(
        f"{title}Monitoring",
        DistributionId=Ref(resource),
        MonitoringSubscription=cloudfront.MonitoringSubscriptionProperty(RealtimeMetricsSubscriptionConfig=on),
    )
    t.put(subscription, when=all_of(t, when, switched_on(t, parameters.EDGE_METRICS)))
    outputs.output(t, f"{title}Id", Ref(resource), "The distribution: what an invalidation names.", when=when)
    told = "CloudFront's own name for it: point your domain here when your DNS is not in the hosted zone given."
    outputs.output(t, f"{title}Domain", GetAtt(resource, "DomainName"), told, when=when)
    return resource, choose(named, Sub("https://${DomainName}"), Sub(f"https://${{{title}.DomainName}}")), named


def alias_of(edge: Distribution) -> route53.AliasTarget:
    """What a record of Route 53 points to."""
    return route53.AliasTarget(DNSName=GetAtt(edge.resource, "DomainName"), HostedZoneId=ZONE_OF_ALL)
