"""E9021."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ._rest import apis_of
from ._rule import Found, HouseRule
from ._template import Path, Resource, View, is_true, items, principals, text, values

# From TLS 1.2 on. https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/secure-connections-supported-viewer-protocols-ciphers.html
SECURE = ("TLSv1.2_2018", "TLSv1.2_2019", "TLSv1.2_2021", "TLSv1.2_2025", "TLSv1.3_2025")
# An error is not kept longer than so many seconds: by then whoever mends it wants it seen.
LONGEST_ERROR = 60
# An address that names a bucket though no resource of the template does.
BUCKETS = (".s3.", ".s3-website")


class Distributions(HouseRule):
    """A distribution speaks TLS on both sides, signs what it asks a bucket, and keeps users apart that its origin does.

    A bucket behind it lets in this very distribution and no other; no error is kept for long; a header that tells the
    origin who asks holds nothing that stands in the template. Where an origin asks for tokens, they are in the key of
    the cache, or one user gets what is another's.
    """

    id = "E9021"
    shortdesc = "Distributions are closed on both sides"
    source_url = "https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/security.html"

    def check(self, view: View) -> Iterator[Found]:
        for edge in view.of_type("AWS::CloudFront::Distribution"):
            at = edge.properties_path
            for where, config in values(edge.properties, "DistributionConfig", path=at):
                if isinstance(config, dict):
                    found = [*_viewers(config), *_errors(config), *_behaviours(view, config), *_origins(view, config)]
                    yield from (((*where, *place), f"{edge.name} {problem}") for place, problem in found)
            yield from _buckets(view, edge)


_Problem = tuple[Path, str]


def _viewers(config: dict[Any, Any]) -> Iterator[_Problem]:
    for where, certificate in values(config, "ViewerCertificate"):
        if isinstance(certificate, dict) and not is_true(certificate.get("CloudFrontDefaultCertificate")):
            for place, least in values(certificate, "MinimumProtocolVersion", path=where):
                if least not in SECURE:
                    yield place, f"takes readers by {least}; set MinimumProtocolVersion to {SECURE[-2]}"


def _errors(config: dict[Any, Any]) -> Iterator[_Problem]:
    for where, error in items(config, "CustomErrorResponses"):
        for place, seconds in values(error, "ErrorCachingMinTTL", path=where):
            if not isinstance(seconds, int) or seconds > LONGEST_ERROR:
                code = error.get("ErrorCode") if isinstance(error, dict) else None
                yield place, f"keeps an error {code} for {seconds}; set ErrorCachingMinTTL to {LONGEST_ERROR} at most"


def _each_behaviour(config: dict[Any, Any]) -> Iterator[tuple[Path, dict[Any, Any]]]:
    found = [*values(config, "DefaultCacheBehavior"), *items(config, "CacheBehaviors")]
    yield from ((where, one) for where, one in found if isinstance(one, dict))


def _behaviours(view: View, config: dict[Any, Any]) -> Iterator[_Problem]:
    for where, behaviour in _each_behaviour(config):
        path = behaviour.get("PathPattern", "all other paths")
        for place, viewers in values(behaviour, "ViewerProtocolPolicy", path=where):
            if viewers not in ("https-only", "redirect-to-https"):
                yield place, f"answers {path} by {viewers}; set ViewerProtocolPolicy to redirect-to-https"
        if "ForwardedValues" in behaviour:
            yield (*where, "ForwardedValues"), f"has ForwardedValues on {path}; write a cache policy"
        for place, headers in values(behaviour, "ResponseHeadersPolicyId", path=where):
            if headers is None:
                yield place, f"adds no security headers on {path}; set ResponseHeadersPolicyId"
        if _asks_for_tokens(view, config, text(behaviour.get("TargetOriginId"))):
            for place, cache in values(behaviour, "CachePolicyId", path=where):
                if not all(_keeps_apart(policy) for policy in view.named(cache, "AWS::CloudFront::CachePolicy")):
                    yield place, f"may give one user on {path} what is another's; add Authorization to the cache key"


def _asks_for_tokens(view: View, config: dict[Any, Any], origin: str | None) -> bool:
    """Whether the origin is an API of the template that has a method for signed-in users."""
    targets = [one for _, one in items(config, "Origins") if isinstance(one, dict) and text(one.get("Id")) == origin]
    apis = [api for one in targets for api in view.named(one.get("DomainName"), "AWS::ApiGateway::RestApi")]
    kinds = [
        kind
        for method in view.of_type("AWS::ApiGateway::Method")
        if any(api in apis_of(view, method) for api in apis)
        for _, kind in values(method.properties, "AuthorizationType")
    ]
    return any(kind not in (None, "NONE") for kind in kinds)


def _keeps_apart(policy: Resource) -> bool:
    for _, config in values(policy.properties, "CachePolicyConfig"):
        if isinstance(config, dict) and config.get("MaxTTL") == 0:
            continue  # it keeps nothing
        keys = ("ParametersInCacheKeyAndForwardedToOrigin", "HeadersConfig", "Headers")
        if not any(str(header).lower() == "authorization" for _, header in items(config, *keys)):
            return False
    return True


def _origins(view: View, config: dict[Any, Any]) -> Iterator[_Problem]:
    for where, origin in items(config, "Origins"):
        if not isinstance(origin, dict):
            continue
        name = text(origin.get("Id"))
        for place, protocol in values(origin, "CustomOriginConfig", "OriginProtocolPolicy", path=where):
            if "CustomOriginConfig" in origin and protocol not in (None, "https-only"):
                yield place, f"asks {name} by {protocol}; set OriginProtocolPolicy to https-only"
        if _is_bucket(view, origin):
            for place, access in values(origin, "OriginAccessControlId", path=where):
                if access is None:
                    yield place, f"asks the bucket {name} unsigned, which must be public then; use an access control"
        for place, header in items(origin, "OriginCustomHeaders", path=where):
            for spot, value in values(header, "HeaderValue", path=place):
                if "{{resolve:" not in (text(value) or ""):
                    yield spot, f"tells {name} who asks by what stands in the template; resolve it from a secret"


def _is_bucket(view: View, origin: dict[Any, Any]) -> bool:
    domain = origin.get("DomainName")
    return bool(view.named(domain, "AWS::S3::Bucket")) or any(part in (text(domain) or "") for part in BUCKETS)


def _buckets(view: View, edge: Resource) -> Iterator[Found]:
    """What lets CloudFront into a bucket names the distribution: else any account's may be told to read there."""
    for policy in view.policies:
        if policy.resource.type != "AWS::S3::BucketPolicy":
            continue
        for where, statement in policy.statements():
            who = {text(one) for _, kind, one in principals(statement) if kind == "Service"}
            if statement.get("Effect") != "Allow" or "cloudfront.amazonaws.com" not in who:
                continue
            condition = statement.get("Condition")
            arns = [
                arn
                for key in ("aws:SourceArn", "AWS:SourceArn")
                for operator in ("StringEquals", "ArnEquals")
                for _, arn in items(condition, operator, key)
            ]
            if not arns or not all(_is_a_distribution(view, arn) for arn in arns):
                yield (
                    policy.at(where),
                    f"{policy.resource.name} lets in every distribution of anybody; bind aws:SourceArn to {edge.name}",
                )


def _is_a_distribution(view: View, arn: Any) -> bool:
    return bool(view.named(arn, "AWS::CloudFront::Distribution")) and "*" not in (text(arn) or "*")
