"""Arrows of an edge before a load balancer: what it keeps, by what it is known there, and where names point.

Device ──▶ Domain ──▶ Edge ──with a key──▶ load balancer, ours or somebody else's
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from troposphere import GetAtt, If, NoValue, Ref, Sub, cloudfront, ec2, elasticloadbalancingv2, route53

from .. import outputs, parameters
from ..blocks import listener_rules
from ..blocks.cloudfront import DownloadDistribution, Source, alias_of, keep, vpc_origin
from ..blocks.elasticloadbalancingv2 import HTTP, HTTPS, Balancer, anybody
from ..blocks.listener_rules import ForeignBalancer
from ..blocks.route53 import alias
from ..blocks.secretsmanager import OriginKey
from ..conditions import all_of, any_of, choose, equals, given, optional, switched_on
from ..parameters import Spec, demand, differ, needs, needs_with, parameter, says, updates
from ..template import Node
from .ends import expect_end

# How long a device may wait for an origin that is out of reach: twice five seconds, or, if that takes connections and
# says nothing, twice ten. Of what is expired each request waits so long before it gets what is kept; `stale-if-error`
# begins only then.
# https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/DownloadDistValuesOrigin.html
QUICK = {"ConnectionAttempts": 2, "ConnectionTimeout": 5}
READ_SECONDS = 10
# By which our own load balancer knows the key, and the priorities of its rules for that.
HEADER, KEYS_FIRST, THEN_NOBODY = "x-origin-key", 1, 2
ASKS_ITSELF = "OriginDomainName must be another name than DomainName, or the edge would ask itself."
# What a tag says when no key is sent.
NO_KEY = "none"


def offloads(
    edge: DownloadDistribution,
    balancer: Balancer | ForeignBalancer,
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
    if isinstance(balancer, ForeignBalancer):
        source, accepted = _before_foreign(edge, balancer, key)
    else:
        expect_end(balancer, Balancer, "offloads")
        source, accepted = _before_ours(edge, balancer, key)
    foreign = isinstance(balancer, ForeignBalancer)
    keep(edge, source, never_change=never_change, manifest=manifest, foreign=foreign, accepted=accepted)
    edge.t.record(edge, "offloads", balancer)
    edge.t.record(balancer, "accepts", key)


def _before_ours(edge: DownloadDistribution, balancer: Balancer, key: OriginKey) -> tuple[Source, Any]:
    """How a load balancer of the stack's is asked, and its rule that accepts the key that is sent.

    Over HTTPS by its own name with the key; without a certificate over HTTP, without a key; one without a public
    address by an origin in its VPC, which nobody else has.
    """
    t = edge.t
    _refuse_what_leaves_it_open(balancer)
    rule = listener_rules.accept_keys(
        balancer.title,
        key,
        listener=Ref(balancer.https),
        targets=Ref(balancer.targets),
        header=HEADER,
        priority=KEYS_FIRST,
    )
    enforced = listener_rules.enforced(t)
    listener_rules.refuse_others(
        balancer.title,
        edge,
        key,
        listener=Ref(balancer.https),
        priority=THEN_NOBODY,
        when=all_of(t, enforced, key.when),
    )
    _close(balancer, enforced)
    _answer_the_edge(edge, balancer)
    inside = vpc_origin(edge, balancer.resource, balancer.secure, when=all_of(t, edge.when, balancer.internal))
    header = cloudfront.OriginCustomHeader(HeaderName=HEADER, HeaderValue=key.sent(lambda one: one.value))
    origin = {
        **QUICK,
        "CustomOriginConfig": If(
            balancer.internal,
            NoValue,
            cloudfront.CustomOriginConfig(
                OriginProtocolPolicy=If(balancer.secure, "https-only", "http-only"),
                OriginReadTimeout=READ_SECONDS,
                OriginSSLProtocols=["TLSv1.2"],
            ),
        ),
        "DomainName": If(
            balancer.secure, Ref(parameter(t, updates.ORIGIN_DOMAIN)), GetAtt(balancer.resource, "DNSName")
        ),
        "OriginCustomHeaders": optional(key.when, [header]),
        "VpcOriginConfig": If(
            balancer.internal,
            cloudfront.VpcOriginConfig(OriginReadTimeout=READ_SECONDS, VpcOriginId=inside),
            NoValue,
        ),
    }
    return Source(origin), choose(key.when, Ref(rule), NO_KEY)


def _answer_the_edge(edge: DownloadDistribution, balancer: Balancer) -> None:
    """Over HTTP the load balancer answers whoever asks by its own name, also when it redirects all others.

    So asks CloudFront until it asks over HTTPS, which takes minutes after a certificate came: a redirect that it gets
    meanwhile it would give to devices, for a year. It is no way past an edge that is enforced: the rule is there only
    before that, or where there is no public address.
    https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/http-3xx-status-codes.html
    """
    t = edge.t
    on = equals(t, "EdgeIsOn", updates.EDGE_CACHE, "on")
    inside = all_of(t, edge.when, balancer.internal)
    assert inside  # noqa: S101  # for mypy
    by_name = elasticloadbalancingv2.HostHeaderConfig(Values=[GetAtt(balancer.resource, "DNSName")])
    t.put(
        elasticloadbalancingv2.ListenerRule(
            f"{balancer.title}HttpName",
            Actions=[elasticloadbalancingv2.ListenerRuleAction(TargetGroupArn=Ref(balancer.targets), Type="forward")],
            Conditions=[elasticloadbalancingv2.Condition(Field="host-header", HostHeaderConfig=by_name)],
            ListenerArn=Ref(balancer.http),
            Priority=1,
        ),
        when=any_of(t, on, inside),
    )


def _close(balancer: Balancer, enforced: str) -> None:
    """Once enforced, and if CloudFront's prefix list is given, the port that it asks is open to its addresses only.

    One port: the list counts as 55 rules, and a group takes 60.
    https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/LocationsOfEdgeServers.html
    """
    t, port = balancer.t, If(balancer.secure, HTTPS, HTTP)
    only_edge = ec2.SecurityGroupRule(
        Description="CloudFront",
        FromPort=port,
        IpProtocol="tcp",
        SourcePrefixListId=Ref(parameter(t, updates.PREFIX_LIST)),
        ToPort=port,
    )
    closed = all_of(t, enforced, given(t, updates.PREFIX_LIST))
    everybody = [anybody(HTTP), optional(balancer.secure, anybody(HTTPS))]
    balancer.group.SecurityGroupIngress = choose(closed, [only_edge], everybody)


def _refuse_what_leaves_it_open(balancer: Balancer) -> None:
    t = balancer.t
    edge = says(t, updates.EDGE_CACHE, "on", "enforced")
    enforced = says(t, updates.EDGE_CACHE, "enforced")
    internal = says(t, updates.BALANCER_SCHEME, "internal")
    needs_with(t, updates.EDGE_CACHE, updates.ORIGIN_CERTIFICATE, updates.ORIGIN_DOMAIN)
    differ(t, "Different", (updates.ORIGIN_DOMAIN, parameters.DOMAIN_NAME, ASKS_ITSELF))
    demand(
        t,
        "EdgeCacheEnforcedNeedsOriginCertificateArn",
        when=enforced,
        then={"Fn::Or": [says(t, updates.ORIGIN_CERTIFICATE), internal]},
        told="EdgeCache enforced needs OriginDomainName and OriginCertificateArn, so that the key by which the load "
        "balancer knows CloudFront is never sent in clear text; or BalancerScheme internal, if you create the stack.",
    )
    demand(
        t,
        "InternalNeedsEdgeCache",
        when=internal,
        then=edge,
        told="BalancerScheme internal needs EdgeCache on or enforced: without the edge nobody would reach it.",
    )


def _before_foreign(edge: DownloadDistribution, balancer: ForeignBalancer, key: OriginKey) -> tuple[Source, Any]:
    """How a load balancer that somebody already has is asked, and its rule that accepts the key that is sent."""
    t = balancer.t
    _refuse_what_cannot_work(balancer)
    secure = equals(t, "OriginIsHttps", updates.ORIGIN_PROTOCOL, "https")
    name = Ref(parameter(t, updates.HEADER_NAME))
    rule = listener_rules.guard(balancer, edge, key)
    theirs = Sub("{{resolve:secretsmanager:${OriginHeaderSecretArn}}}")

    def header(value: Any) -> list[cloudfront.OriginCustomHeader]:
        return [cloudfront.OriginCustomHeader(HeaderName=name, HeaderValue=value)]

    ours = optional(balancer.ruled, header(key.sent(lambda one: one.value)))
    origin = {
        **QUICK,
        "CustomOriginConfig": cloudfront.CustomOriginConfig(
            OriginProtocolPolicy=If(secure, "https-only", "http-only"),
            OriginReadTimeout=READ_SECONDS,
            OriginSSLProtocols=["TLSv1.2"],
        ),
        "DomainName": Ref(parameter(t, updates.ORIGIN_DOMAIN)),
        "OriginCustomHeaders": If(given(t, updates.HEADER_SECRET), header(theirs), ours),
    }
    return Source(origin, host=switched_on(t, updates.FORWARD_HOST)), choose(balancer.ruled, Ref(rule), NO_KEY)


def _refuse_what_cannot_work(balancer: ForeignBalancer) -> None:
    t = balancer.t
    differ(
        t,
        "Different",
        (updates.ORIGIN_DOMAIN, parameters.DOMAIN_NAME, ASKS_ITSELF),
        (updates.IMMUTABLE_PATH, updates.IMMUTABLE_PATH_2, "ImmutablePath2 is ImmutablePath: leave it at none."),
        (updates.KEY_PRIORITY, updates.REFUSAL_PRIORITY, "RefusalRulePriority must be more than KeyRulePriority."),
    )
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


def points_to(domain: Node, edge: DownloadDistribution, balancer: Balancer | None = None) -> None:
    """`DomainName` means the edge; with a load balancer of the stack's, whichever of the two `DomainTarget` says.

    Makes `<domain>Record`, `<domain>RecordV6` and the output `UpdatesUrl`; and for a load balancer `<balancer>Record`,
    by which `OriginDomainName` always means it.
    """
    expect_end(edge, DownloadDistribution, "points to")
    t, name = edge.t, parameters.DOMAIN_NAME
    if balancer is None:
        parameters.both_or_neither(t, name, parameters.DOMAIN_CERTIFICATE)
        needs(t, parameters.HOSTED_ZONE, name)
        alias(t, f"{domain.title}Record", name, alias_of(edge))
        alias(t, f"{domain.title}RecordV6", name, alias_of(edge), kind="AAAA")
        url = edge.url
    else:
        expect_end(balancer, Balancer, "points to")
        at_edge = _choose_target(edge)
        ours = balancer.resource
        target = route53.AliasTarget(
            DNSName=GetAtt(ours, "DNSName"), HostedZoneId=GetAtt(ours, "CanonicalHostedZoneID")
        )
        alias(t, f"{domain.title}Record", name, If(at_edge, alias_of(edge), target))
        alias(t, f"{domain.title}RecordV6", name, alias_of(edge), kind="AAAA", when=at_edge)
        alias(t, f"{balancer.title}Record", updates.ORIGIN_DOMAIN, target)
        https, http = (Sub(f"{scheme}://${{DomainName}}") for scheme in ("https", "http"))
        by_name = If(at_edge, https, choose(balancer.secure, https, http))
        assert edge.when  # noqa: S101  # for mypy
        url = If(edge.named, by_name, If(edge.when, Sub(f"https://${{{edge.title}.DomainName}}"), balancer.url))
        t.record(domain, "points to", balancer)
    outputs.output(t, "UpdatesUrl", url, "The address that devices ask.")
    t.record(domain, "points to", edge)


def _choose_target(edge: DownloadDistribution) -> str:
    """The condition that `DomainName` means the edge; what would lead devices astray is refused."""
    t, name = edge.t, parameters.DOMAIN_NAME
    needs(t, parameters.DOMAIN_CERTIFICATE, name)
    needs_with(t, updates.EDGE_CACHE, name, parameters.DOMAIN_CERTIFICATE)
    there = says(t, updates.EDGE_CACHE, "on", "enforced")
    at_edge = says(t, updates.DOMAIN_TARGET, "edge")
    demand(
        t,
        "DomainTargetEdgeNeedsEdgeCache",
        when=at_edge,
        then=there,
        told="DomainTarget edge needs EdgeCache on or enforced: before you switch EdgeCache off, point DomainName at "
        "the load balancer (DomainTarget balancer) and wait some minutes.",
    )
    demand(
        t,
        "DomainNameMovesFirst",
        when={
            "Fn::And": [
                says(t, parameters.HOSTED_ZONE),
                says(t, name),
                {"Fn::Or": [says(t, updates.EDGE_CACHE, "enforced"), says(t, updates.BALANCER_SCHEME, "internal")]},
            ]
        },
        then=at_edge,
        told="DomainName would mean a load balancer that answers no device: with EdgeCache enforced, or BalancerScheme "
        "internal, DomainTarget must be edge. Move it while EdgeCache is on, and wait some minutes before enforced.",
    )
    moved = equals(t, "DomainIsAtEdge", updates.DOMAIN_TARGET, "edge")
    return all_of(t, edge.when, moved) or moved
