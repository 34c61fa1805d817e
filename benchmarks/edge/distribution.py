"""What a template says of its CloudFront distribution, as far as it decides what the edge keeps and what it asks.

    template ──evaluate.resolved──▶ distribution() ──▶ behaviours: which addresses, which key, how long, what is sent on
                                                   └──▶ seconds of errors

What is not understood is refused, so that nothing is measured which the template does not say.
https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/controlling-the-cache-key.html
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

EVERYTHING = "*"
# https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/custom-error-pages-expiration.html
ERROR_SECONDS = 10


@dataclass(frozen=True)
class Names:
    """Which headers, cookies or query parameters: `none`, `all`, the `whitelist` of names, or `allExcept` them."""

    which: str = "none"
    names: tuple[str, ...] = ()


@dataclass(frozen=True)
class Values:
    """Of what a viewer sends: what is part of the key, or what is sent on besides."""

    headers: Names = Names()
    cookies: Names = Names()
    queries: Names = Names()


@dataclass(frozen=True)
class CachePolicy:
    """How long answers are kept (seconds), and what tells one from another."""

    least: int
    default: int
    most: int
    key: Values = Values()
    gzip: bool = False
    brotli: bool = False


@dataclass(frozen=True)
class Behaviour:
    """What happens to the requests for the addresses of one pattern."""

    pattern: str
    origin: str
    policy: CachePolicy
    sent_on: Values = Values()
    methods: tuple[str, ...] = ("GET", "HEAD")
    viewer_function: str = field(default="", repr=False)
    """The code that rewrites addresses before the cache is asked."""


@dataclass(frozen=True)
class Distribution:
    """Behaviours in the order in which they are tried, the default one last; root object; seconds of each error."""

    behaviours: tuple[Behaviour, ...]
    root: str = ""
    error_seconds: Mapping[int, int] = field(default_factory=dict)
    origin_headers: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Names of the headers that the edge itself adds, for each origin: no viewer can send them."""
    buckets: frozenset[str] = frozenset()
    """The origins that are S3 buckets."""
    shielded: frozenset[str] = frozenset()
    """The origins that are asked through one more cache, the origin shield."""


# The policies of AWS's own that a template may name by id.
# https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/using-managed-cache-policies.html
MANAGED_CACHE_POLICIES = {
    "658327ea-f89d-4fab-a63d-7e88639e58f6": CachePolicy(1, 86_400, 31_536_000, gzip=True, brotli=True),
    "b2884449-e4de-46a7-ac36-70bc7f1ddd6d": CachePolicy(1, 86_400, 31_536_000),
    "4135ea2d-6df8-44a3-9df3-4b5a84be39ad": CachePolicy(0, 0, 0),
}
# https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/using-managed-origin-request-policies.html
MANAGED_ORIGIN_REQUEST_POLICIES = {
    "216adef6-5c7f-47e4-b989-5492eafa07d3": Values(Names("all"), Names("all"), Names("all")),
    "b689b0a8-53d0-40ab-baf2-68738e2966ac": Values(Names("allExcept", ("Host",)), Names("all"), Names("all")),
    "acba4595-bd28-49b8-b9fe-13317c0390fa": Values(Names("whitelist", ("User-Agent", "Referer"))),
}


def distribution(template: Mapping[str, Any]) -> Distribution:
    """The one distribution of a template that `evaluate.resolved` has worked out.

    Raises ValueError when there is not exactly one, or it says what is not understood here.
    """
    resources: Mapping[str, Any] = template["Resources"]
    found = [one for one in resources.values() if one["Type"] == "AWS::CloudFront::Distribution"]
    if len(found) != 1:
        raise ValueError(f"there are {len(found)} distributions, not one")
    config = found[0]["Properties"]["DistributionConfig"]
    patterns = [*config.get("CacheBehaviors", ()), {**config["DefaultCacheBehavior"], "PathPattern": EVERYTHING}]
    errors = config.get("CustomErrorResponses", ())
    behaviours = tuple(_behaviour(one, resources) for one in patterns)
    shielded = frozenset(one["Id"] for one in config["Origins"] if _true(one.get("OriginShield", {}).get("Enabled")))
    if any(one.viewer_function and one.origin in shielded for one in behaviours):
        raise ValueError("a function that rewrites addresses before an origin with a shield is not understood here")
    return Distribution(
        behaviours=behaviours,
        root=config.get("DefaultRootObject", ""),
        error_seconds={
            int(one["ErrorCode"]): _seconds(one.get("ErrorCachingMinTTL", ERROR_SECONDS), "ErrorCachingMinTTL")
            for one in errors
        },
        origin_headers={
            one["Id"]: tuple(header["HeaderName"] for header in one.get("OriginCustomHeaders", ()))
            for one in config["Origins"]
        },
        buckets=frozenset(one["Id"] for one in config["Origins"] if "S3OriginConfig" in one),
        shielded=shielded,
    )


def _behaviour(said: Mapping[str, Any], resources: Mapping[str, Any]) -> Behaviour:
    pattern = said["PathPattern"]
    for name in ("ForwardedValues", "LambdaFunctionAssociations", "TrustedSigners", "TrustedKeyGroups"):
        if said.get(name):
            raise ValueError(f"{name} of {pattern} is not understood here")
    _no_cache_control(said.get("ResponseHeadersPolicyId"), resources)
    policy = _cache_policy(said.get("CachePolicyId"), resources)
    return Behaviour(
        pattern,
        said["TargetOriginId"],
        policy,
        _sent_on(said.get("OriginRequestPolicyId"), resources),
        tuple(said.get("AllowedMethods", ("GET", "HEAD"))),
        _viewer_function(said.get("FunctionAssociations", ()), policy, resources),
    )


def _cache_policy(reference: Any, resources: Mapping[str, Any]) -> CachePolicy:
    if isinstance(reference, str) and reference in MANAGED_CACHE_POLICIES:
        return MANAGED_CACHE_POLICIES[reference]
    config = _resource(reference, "AWS::CloudFront::CachePolicy", resources)["CachePolicyConfig"]
    key = config["ParametersInCacheKeyAndForwardedToOrigin"]
    least, default, most = (_seconds(config[name], name) for name in ("MinTTL", "DefaultTTL", "MaxTTL"))
    return CachePolicy(
        least,
        max(least, default),
        max(least, most),
        _values(key),
        _true(key.get("EnableAcceptEncodingGzip")),
        _true(key.get("EnableAcceptEncodingBrotli")),
    )


def _sent_on(reference: Any, resources: Mapping[str, Any]) -> Values:
    if reference is None:
        return Values()
    if isinstance(reference, str) and reference in MANAGED_ORIGIN_REQUEST_POLICIES:
        return MANAGED_ORIGIN_REQUEST_POLICIES[reference]
    return _values(_resource(reference, "AWS::CloudFront::OriginRequestPolicy", resources)["OriginRequestPolicyConfig"])


def _values(config: Mapping[str, Any]) -> Values:
    def names(kind: str, many: str) -> Names:
        said = config.get(f"{many}Config", {})
        which = said.get(f"{kind}Behavior", "none")
        known = {"none", "all", "whitelist", "allExcept", "allViewer"}
        if which not in known:
            raise ValueError(f"{kind}Behavior {which!r} is not understood here")
        given = said.get("QueryStrings" if kind == "QueryString" else many, ())
        return Names("all" if which == "allViewer" else which, tuple(given))

    return Values(names("Header", "Headers"), names("Cookie", "Cookies"), names("QueryString", "QueryStrings"))


def _viewer_function(associations: Any, policy: CachePolicy, resources: Mapping[str, Any]) -> str:
    """The code that rewrites addresses. One that changes answers, CloudFront runs behind its cache and the emulator
    before ours: that makes no difference where no answer has a say in how long it is kept.
    """
    code = ""
    for one in associations:
        found: str = _resource(one["FunctionARN"], "AWS::CloudFront::Function", resources)["FunctionCode"]
        if one["EventType"] == "viewer-request":
            code = found
        elif policy.least != policy.most:
            raise ValueError(f"a function for {one['EventType']} is not understood where MinTTL is not MaxTTL")
    return code


def _no_cache_control(reference: Any, resources: Mapping[str, Any]) -> None:
    """A headers policy that writes Cache-Control would speak to browsers only; that is not told apart here."""
    if not isinstance(reference, Mapping):
        return
    config = _resource(reference, "AWS::CloudFront::ResponseHeadersPolicy", resources)["ResponseHeadersPolicyConfig"]
    headers = config.get("CustomHeadersConfig", {}).get("Items", ())
    if any(one["Header"].lower() in ("cache-control", "expires") for one in headers):
        raise ValueError("a response headers policy that writes Cache-Control is not understood here")


def _resource(reference: Any, kind: str, resources: Mapping[str, Any]) -> Mapping[str, Any]:
    """The properties of the resource that is referred to by `Ref` or `Fn::GetAtt`."""
    name = ""
    if isinstance(reference, Mapping):
        ((_, argument),) = reference.items()
        name = argument if isinstance(argument, str) else argument[0]
    found = resources.get(name.partition(".")[0], {})
    if found.get("Type") != kind:
        raise ValueError(f"{reference!r} is no {kind} of the template")
    properties: Mapping[str, Any] = found["Properties"]
    return properties


def _seconds(value: Any, name: str) -> int:
    text = str(value)
    if isinstance(value, bool) or not (text.isascii() and text.isdigit()):
        raise ValueError(f"{name} is {value!r}, no number of seconds that is known")
    return int(text)


def _true(value: Any) -> bool:
    return str(value).lower() == "true"
