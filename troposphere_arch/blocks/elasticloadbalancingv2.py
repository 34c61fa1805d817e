"""Load balancers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from troposphere import GetAtt, If, Ref, Sub, Tags, ec2, elasticloadbalancingv2

from .. import outputs, parameters
from ..conditions import all_of, choose, equals, given, negated, optional, switched_on
from ..parameters import needs, parameter
from ..template import Node, ScenarioTemplate
from .network import ANYWHERE, ServerNetwork, closed_group

HTTP, HTTPS = 80, 443
# TLS 1.3, and 1.2 with forward secrecy.
# https://docs.aws.amazon.com/elasticloadbalancing/latest/application/describe-ssl-policies.html
TLS = "ELBSecurityPolicy-TLS13-1-2-2021-06"
HEALTH = {"Path": "/health", "IntervalSeconds": 10, "TimeoutSeconds": 5}
# A download that is under way when its server is to go has so long to end; a device goes on by a range elsewhere.
DRAIN_SECONDS = 300
IDLE_SECONDS = 60


@dataclass(frozen=True)
class Balancer(Node):
    """A load balancer, its two listeners, its security group, and the group of its targets.

    `secure` is the condition that it has a certificate, under which alone `https` is there; `internal` that it has no
    public address. `url` is its own address.
    """

    resource: elasticloadbalancingv2.LoadBalancer
    group: ec2.SecurityGroup
    http: elasticloadbalancingv2.Listener
    https: elasticloadbalancingv2.Listener
    targets: elasticloadbalancingv2.TargetGroup
    secure: str
    internal: str
    url: Any

    @property
    def keyed(self) -> str:
        """The condition that it can know its edge by a key: everybody reaches it, and nobody reads along."""
        return all_of(self.t, self.secure, negated(self.t, self.internal)) or self.secure


def balancer(t: ScenarioTemplate, title: str, network: ServerNetwork) -> Balancer:
    """An application load balancer: HTTP, or HTTPS to which HTTP is redirected when there is a certificate.

    Of the servers behind it those are asked that answer to `/health`. It knows none until an arrow says which. Makes
    `<title>`, `<title>Group`, `<title>Http`, `<title>Https`, `<title>Targets`, and the outputs `<title>Url` and
    `<title>Name`. https://docs.aws.amazon.com/elasticloadbalancing/latest/application/introduction.html
    """
    words = parameters.updates
    needs(t, words.ORIGIN_DOMAIN, words.ORIGIN_CERTIFICATE)
    secure = given(t, words.ORIGIN_CERTIFICATE)
    internal = equals(t, "BalancerIsInternal", words.BALANCER_SCHEME, "internal")
    group = closed_group(network, f"{title}Group", "The load balancer: in over HTTP and HTTPS, out to its targets.")
    group.SecurityGroupIngress = [anybody(HTTP), optional(secure, anybody(HTTPS))]
    resource = elasticloadbalancingv2.LoadBalancer(
        title,
        LoadBalancerAttributes=[
            elasticloadbalancingv2.LoadBalancerAttributes(Key=key, Value=value)
            for key, value in (
                ("deletion_protection.enabled", If(switched_on(t, parameters.DELETION_PROTECTION), "true", "false")),
                ("idle_timeout.timeout_seconds", str(IDLE_SECONDS)),
                ("routing.http.drop_invalid_header_fields.enabled", "true"),
            )
        ],
        Scheme=Ref(parameter(t, words.BALANCER_SCHEME)),
        SecurityGroups=[GetAtt(group, "GroupId")],
        Subnets=network.for_balancer(internal),
        # Who refers to the routes comes after them: without one AWS refuses a load balancer with a public address.
        Tags=Tags(routes=network.routed),
        Type="application",
    )
    t.put(resource)
    targets = _targets(t, f"{title}Targets", network)
    https = elasticloadbalancingv2.Listener(
        f"{title}Https",
        Certificates=[elasticloadbalancingv2.Certificate(CertificateArn=Ref(parameter(t, words.ORIGIN_CERTIFICATE)))],
        DefaultActions=[forward(targets)],
        LoadBalancerArn=Ref(resource),
        Port=HTTPS,
        Protocol="HTTPS",
        SslPolicy=TLS,
    )
    t.put(https, when=secure)
    http = elasticloadbalancingv2.Listener(
        f"{title}Http",
        DefaultActions=[choose(secure, _redirect(), forward(targets))],
        LoadBalancerArn=Ref(resource),
        Port=HTTP,
        Protocol="HTTP",
        # Nobody is redirected to what is not there yet: who refers to it comes after it.
        Metadata={"After": choose(secure, Ref(https), "none")},
    )
    t.put(http)
    # A name of its own it has only together with a certificate.
    name = f"${{{title}.DNSName}}"
    by_aws = choose(secure, Sub(f"https://{name}"), Sub(f"http://{name}"))
    url = If(given(t, words.ORIGIN_DOMAIN), Sub(f"https://${{{words.ORIGIN_DOMAIN.name}}}"), by_aws)
    outputs.output(t, f"{title}Url", url, "The load balancer's own address.")
    outputs.output(
        t,
        f"{title}Name",
        GetAtt(resource, "DNSName"),
        "The load balancer's name: what a record of DomainName or OriginDomainName points at.",
    )
    return Balancer(t, title, resource, group, http, https, targets, secure, internal, url)


def anybody(port: int) -> ec2.SecurityGroupRule:
    """In from everywhere, at this port."""
    return ec2.SecurityGroupRule(CidrIp=ANYWHERE, Description="Anybody", FromPort=port, IpProtocol="tcp", ToPort=port)


def _targets(t: ScenarioTemplate, title: str, network: ServerNetwork) -> elasticloadbalancingv2.TargetGroup:
    """https://docs.aws.amazon.com/elasticloadbalancing/latest/application/target-group-health-checks.html"""
    made: elasticloadbalancingv2.TargetGroup = t.put(
        elasticloadbalancingv2.TargetGroup(
            title,
            HealthCheckEnabled=True,
            HealthCheckProtocol="HTTP",
            HealthyThresholdCount=2,
            Matcher=elasticloadbalancingv2.Matcher(HttpCode="200"),
            Port=HTTP,
            Protocol="HTTP",
            TargetGroupAttributes=[
                elasticloadbalancingv2.TargetGroupAttribute(Key=key, Value=value)
                for key, value in (
                    ("deregistration_delay.timeout_seconds", str(DRAIN_SECONDS)),
                    # Downloads take very different times: who has least to do gets the next.
                    ("load_balancing.algorithm.type", "least_outstanding_requests"),
                )
            ],
            TargetType="instance",
            UnhealthyThresholdCount=3,
            VpcId=network.vpc_id,
            **{f"HealthCheck{key}": value for key, value in HEALTH.items()},
        )
    )
    return made


def forward(targets: elasticloadbalancingv2.TargetGroup) -> elasticloadbalancingv2.Action:
    """The request goes to one of the targets."""
    return elasticloadbalancingv2.Action(TargetGroupArn=Ref(targets), Type="forward")


def _redirect() -> elasticloadbalancingv2.Action:
    return elasticloadbalancingv2.Action(
        RedirectConfig=elasticloadbalancingv2.RedirectConfig(Port=str(HTTPS), Protocol="HTTPS", StatusCode="HTTP_301"),
        Type="redirect",
    )


def traffic_of(balancer: Balancer) -> Sub:
    """What scaling calls the requests that this load balancer sends to each of its targets."""
    return Sub(f"${{{balancer.title}.LoadBalancerFullName}}/${{{balancer.targets.title}.TargetGroupFullName}}")
