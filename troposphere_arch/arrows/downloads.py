"""Arrows of an edge before a load balancer: what it keeps, by what it is known there, and where names point.

Device ──▶ Domain ──▶ Edge ──with a key──▶ load balancer, ours or somebody else's
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from troposphere import If, Ref, Sub, cloudfront

from .. import outputs, parameters
from ..blocks import listener_rules, route53
from ..blocks.cloudfront import DownloadDistribution, Source, alias_of, keep
from ..blocks.listener_rules import ForeignBalancer
from ..blocks.secretsmanager import OriginKey
from ..conditions import choose, equals, given, optional, switched_on
from ..parameters import Spec, demand, needs, parameter, says, updates
from ..template import Node
from .ends import expect_end

# How long a device may wait for an origin that is out of reach: twice five seconds. Of what is expired each request
# waits so long before it gets what is kept; `stale-if-error` begins only then.
# https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/DownloadDistValuesOrigin.html
QUICK = {"ConnectionAttempts": 2, "ConnectionTimeout": 5}
# What a tag says when no key is sent.
NO_KEY = "none"


def offloads(
    edge: DownloadDistribution,
    balancer: Node,
    key: OriginKey,
    *,
    never_change: Sequence[str | Spec],
    manifest: str | Spec,
) -> None:
    """The distribution answers for the load balancer what it keeps, and asks it, with a key, for what it has not.

    Below the paths of `never_change` everything is kept for a year, the `manifest` for seconds. With `EdgeCache` at
    `enforced` the load balancer answers nobody without the key.
    https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/restrict-access-to-load-balancer.html
    """
    expect_end(edge, DownloadDistribution, "offloads")
    expect_end(key, OriginKey, "offloads")
    expect_end(balancer, ForeignBalancer, "offloads")
    assert isinstance(balancer, ForeignBalancer)  # noqa: S101  # for mypy
    source, accepted = _before_foreign(balancer, key)
    keep(edge, source, never_change=never_change, manifest=manifest, foreign=True, accepted=accepted)
    edge.t.record(edge, "offloads", balancer)
    edge.t.record(edge, "sends", key)
    edge.t.record(balancer, "accepts", key)


def _before_foreign(balancer: ForeignBalancer, key: OriginKey) -> tuple[Source, Any]:
    """How a load balancer that somebody already has is asked, and its rule that accepts the key that is sent."""
    t = balancer.t
    _refuse_what_cannot_work(balancer)
    secure = equals(t, "OriginIsHttps", updates.ORIGIN_PROTOCOL, "https")
    name = Ref(parameter(t, updates.HEADER_NAME))
    rule = listener_rules.guard(balancer, key)
    theirs = Sub("{{resolve:secretsmanager:${OriginHeaderSecretArn}}}")

    def header(value: Any) -> list[cloudfront.OriginCustomHeader]:
        return [cloudfront.OriginCustomHeader(HeaderName=name, HeaderValue=value)]

    ours = optional(balancer.ruled, header(key.sent(lambda one: one.value)))
    origin = {
        **QUICK,
        "CustomOriginConfig": cloudfront.CustomOriginConfig(
            OriginProtocolPolicy=If(secure, "https-only", "http-only"),
            OriginSSLProtocols=["TLSv1.2"],
        ),
        "DomainName": Ref(parameter(t, updates.ORIGIN_DOMAIN)),
        "OriginCustomHeaders": If(given(t, updates.HEADER_SECRET), header(theirs), ours),
    }
    return Source(origin, host=switched_on(t, updates.FORWARD_HOST)), choose(balancer.ruled, Ref(rule), NO_KEY)


def _refuse_what_cannot_work(balancer: ForeignBalancer) -> None:
    t = balancer.t
    https = says(t, updates.ORIGIN_PROTOCOL, "https")
    ruled = says(t, updates.LISTENER)
    checked = says(t, updates.HEADER_SECRET)
    demand(
        t,
        "EdgeCacheEnforcedNeedsListenerArn",
        when=says(t, updates.EDGE_CACHE, "enforced"),
        then=ruled,
        told="EdgeCache enforced needs ListenerArn and TargetGroupArn: without them nothing refuses who passes by; "
        "leave EdgeCache at on.",
    )
    demand(
        t,
        "KeysNeedHttps",
        when={"Fn::Or": [ruled, checked]},
        then=https,
        told="ListenerArn and OriginHeaderSecretArn need OriginProtocol https: over http the key could be read on the "
        "way. Give the load balancer a certificate first.",
    )
    demand(
        t,
        "OneKeyOnly",
        when=checked,
        then={"Fn::Not": [ruled]},
        told="OriginHeaderSecretArn is for a load balancer that checks a header already, ListenerArn for one that does "
        "not: leave one of the two at none.",
    )


def points_to(domain: Node, edge: DownloadDistribution) -> None:
    """`DomainName` means the edge. Makes `<domain>Record`, `<domain>RecordV6` and the output `UpdatesUrl`."""
    expect_end(edge, DownloadDistribution, "points to")
    t = edge.t
    parameters.both_or_neither(t, parameters.DOMAIN_NAME, parameters.DOMAIN_CERTIFICATE)
    needs(t, parameters.HOSTED_ZONE, parameters.DOMAIN_NAME)
    for kind, suffix in (("A", ""), ("AAAA", "V6")):
        route53.alias(t, f"{domain.title}Record{suffix}", parameters.DOMAIN_NAME, alias_of(edge), kind=kind)
    outputs.output(t, "UpdatesUrl", edge.url, "The address that devices ask.")
    t.record(domain, "points to", edge)
