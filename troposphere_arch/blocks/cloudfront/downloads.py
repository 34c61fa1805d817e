"""A distribution of files that never change, and of the manifest that names the newest: before a load balancer.

Device ──HTTPS──▶ Edge ──/releases/*────▶ the load balancer    kept for a year
                   ├──/latest.json─────▶                      kept for some seconds
                   └──all else─────────▶                      kept for as long as it says
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from troposphere import GetAtt, If, NoValue, Ref, Tags, cloudfront

from ... import parameters
from ...conditions import all_of, choose, given, negated, optional
from ...parameters import Spec, parameter
from ...template import ScenarioTemplate
from . import policies
from .distribution import READ, REGIONS_WITHOUT, Distribution, bare_distribution
from .policies import CONTENT_OF_DATA, ERROR_SECONDS, YEAR, unique_name

# AWS's own policy SecurityHeadersPolicy, which leaves what an origin says itself.
# https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/using-managed-response-headers-policies.html
SECURITY_HEADERS = "67f7725c-6f97-4210-82d7-5512b31e9d03"
DAY = 24 * 60 * 60
# All that CloudFront keeps, of those that it takes a time for: a 416, which it takes one for as well, it never keeps.
# https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/HTTPStatusCodes.html
# https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/custom-error-pages-expiration.html
ERRORS = (400, 403, 404, 405, 414, 500, 501, 502, 503, 504)


@dataclass(frozen=True)
class DownloadDistribution(Distribution):
    """A distribution of files. Where they come from, an arrow says: `arrows.offloads`."""


@dataclass(frozen=True)
class Source:
    """Where a distribution of downloads gets what it has not: the origin's settings, and what tells it who asks.

    `host` is the condition that the viewer's Host header is passed on; None for never.
    """

    origin: dict[str, Any]
    host: str | None = None


def download_distribution(t: ScenarioTemplate, title: str, *, when: str | None = None) -> DownloadDistribution:
    """A distribution as in `bare_distribution`: GET and HEAD only, nothing compressed, no error kept for long.

    https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/RangeGETs.html
    """
    parameters.nowhere_in(t, "CloudFront with cache policies is", REGIONS_WITHOUT)
    errors = [cloudfront.CustomErrorResponse(ErrorCode=code, ErrorCachingMinTTL=ERROR_SECONDS) for code in ERRORS]
    resource, url, named = bare_distribution(t, title, when=when, CustomErrorResponses=errors)
    return DownloadDistribution(t, title, resource, url, named, when=when)


def keep(
    edge: DownloadDistribution,
    source: Source,
    *,
    never_change: Sequence[str | Spec],
    manifest: str | Spec,
    foreign: bool,
    accepted: Any,
) -> None:
    """Set where the distribution gets its files, and how long it keeps which.

    What is below the paths of `never_change` is kept for a year, whatever the origin says; the `manifest` for
    `ManifestSeconds`, or longer if the origin says so, to a day; all else as long as the origin says. Query strings
    reach no origin but a `foreign` one, and there only of all else, where they tell one answer from another; a foreign
    one also has its own security headers there. `accepted` is what the origin has for the key that is sent: the
    distribution waits for it.

    Makes `<title>ReleaseCache`, `<title>ManifestCache`, `<title>OtherCache` and `<title>FileHeaders`.
    https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/Expiration.html
    """
    t, title = edge.t, edge.title
    seconds = Ref(parameter(t, parameters.updates.MANIFEST_SECONDS))
    host = _host(source)
    all_queries = cloudfront.CacheQueryStringsConfig(QueryStringBehavior="all") if foreign else None
    caches = {
        "ReleaseCache": (YEAR, YEAR, YEAR, None),
        # How old it may be in place of an error, an origin says in stale-if-error, but never longer than MaxTTL.
        "ManifestCache": (seconds, seconds, DAY, None),
        # A few seconds in any case where all else is an error, or asks whether a server is well.
        "OtherCache": (0, 0, YEAR, all_queries) if foreign else (ERROR_SECONDS, ERROR_SECONDS, YEAR, None),
    }
    for name, (least, default, most, query) in caches.items():
        called = unique_name(title, name.removesuffix("Cache").lower())
        t.put(
            policies.cache_policy(
                f"{title}{name}", called, least, default, most=most, headers=host, query=query, compressed=False
            ),
            when=edge.when,
        )
    own_headers = policies.headers_policy(
        f"{title}FileHeaders", unique_name(title, "file-headers"), content=CONTENT_OF_DATA, referrer="no-referrer"
    )
    headers = Ref(t.put(own_headers, when=edge.when))
    edge.config.Origins.append(cloudfront.Origin(Id="Balancer", OriginShield=_shield(t), **source.origin))
    edge.config.CacheBehaviors += [
        _behaviour(t, path, **_reads(title, cache, headers))
        for path, cache in ((manifest, "ManifestCache"), *((path, "ReleaseCache") for path in never_change))
    ]
    # Pages of somebody else's: what they may do is theirs to say, and what they say stands.
    edge.config.DefaultCacheBehavior = cloudfront.DefaultCacheBehavior(
        **_reads(title, "OtherCache", SECURITY_HEADERS if foreign else headers)
    )
    # A tag, so that an operator sees which key is sent; and what a tag refers to is made before.
    edge.resource.Tags = Tags(OriginKey=accepted)


def vpc_origin(edge: Distribution, balancer: Any, secure: str, *, when: str | None) -> Any:
    """The id of CloudFront's way into the VPC of a load balancer that has no public address.

    Over HTTPS when `secure` holds (`<title>SecureVpcOrigin`), else over HTTP, which does not leave AWS's network
    (`<title>VpcOrigin`). Two, since one cannot be changed while a distribution uses it. The VPC needs an internet
    gateway, though nothing goes through it.
    https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/private-content-vpc-origins.html
    """
    t = edge.t

    def way(name: str, protocol: str, it_holds: str) -> Any:
        config = cloudfront.VpcOriginEndpointConfig(
            Arn=Ref(balancer),
            HTTPPort=80,
            HTTPSPort=443,
            Name=unique_name(edge.title, protocol),
            OriginProtocolPolicy=protocol,
            OriginSSLProtocols=["TLSv1.2"],
        )
        made = cloudfront.VpcOrigin(f"{edge.title}{name}", VpcOriginEndpointConfig=config)
        return GetAtt(t.put(made, when=all_of(t, when, it_holds)), "Id")

    https = way("SecureVpcOrigin", "https-only", secure)
    return If(secure, https, way("VpcOrigin", "http-only", negated(t, secure)))


def _host(source: Source) -> Any:
    """What of the headers is in the key, and so passed on: the Host, if it is wanted."""
    if not source.host:
        return None
    nothing = cloudfront.CacheHeadersConfig(HeaderBehavior="none")
    return If(source.host, cloudfront.CacheHeadersConfig(HeaderBehavior="whitelist", Headers=["Host"]), nothing)


def _shield(t: ScenarioTemplate) -> Any:
    """One more cache that all others ask. Off is written out: an update may take what is gone for what is to stay.

    https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/origin-shield.html
    """
    spec = parameters.updates.ORIGIN_SHIELD
    on = given(t, spec)
    return cloudfront.OriginShield(
        Enabled=choose(on, True, False), OriginShieldRegion=optional(on, Ref(parameter(t, spec)))
    )


def _reads(title: str, cache: str, headers: Any) -> dict[str, Any]:
    return {
        "AllowedMethods": READ,
        "CachedMethods": READ,
        "CachePolicyId": Ref(f"{title}{cache}"),
        "Compress": False,
        "ResponseHeadersPolicyId": headers,
        "TargetOriginId": "Balancer",
        "ViewerProtocolPolicy": "redirect-to-https",
    }


def _behaviour(t: ScenarioTemplate, path: str | Spec, **properties: Any) -> Any:
    """A behaviour for a path, or for that of a parameter, which may be `none`."""
    if isinstance(path, str):
        return cloudfront.CacheBehavior(PathPattern=path, **properties)
    made = cloudfront.CacheBehavior(PathPattern=Ref(parameter(t, path)), **properties)
    return If(given(t, path), made, NoValue) if path.default == parameters.NONE else made
