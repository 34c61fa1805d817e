"""A distribution of pages: files of buckets, and an API beside them.

Reader ──HTTPS──▶ Edge ──/──────────▶ a bucket of pages        kept for as long as they say
                   ├──/assets/*────▶ files that never change   kept for a year
                   └──/api/*───────▶ an API, with a key        kept for as long as it says, apart for each token
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from troposphere import GetAtt, Ref, Sub, Tags, cloudfront, route53

from ... import outputs, parameters
from ...conditions import all_of, given
from ...parameters import both_or_neither, needs, parameter
from ...template import ScenarioTemplate
from ..apigateway import RestApi
from ..s3 import Bucket
from . import policies
from .distribution import READ, REGIONS_WITHOUT, Distribution, alias_of, bare_distribution
from .policies import CONTENT_OF_DATA, ERROR_SECONDS, YEAR, of_stack, runs, unique_name

EVERYTHING = ["DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"]
# What pages may do: scripts, styles and pictures of their own, and nothing inline. What they may call comes in between.
CONTENT = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'"
CONTENT_REST = "; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
# What S3 says about its own business: versions, and the ARN of the key, which holds the number of the account.
OF_S3 = (
    "x-amz-server-side-encryption",
    "x-amz-server-side-encryption-aws-kms-key-id",
    "x-amz-server-side-encryption-bucket-key-enabled",
    "x-amz-version-id",
)
# An origin's 403 is S3's word for a page that is not there. 502 and 504 are CloudFront's own, for an origin that is out
# of reach. An API behind the distribution answers with none of these: see `apigateway.origin_api`. (What a web ACL
# blocks is 403 as well, and then looks like a page that is not there.)
PAGES_OF_ERRORS = {403: (404, "/404.html"), 502: (502, "/error.html"), 504: (504, "/error.html")}
# All others that CloudFront lets one set are passed on as the origin answered.
# https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/HTTPStatusCodes.html
OTHER_ERRORS = (400, 404, 405, 414, 416, 500, 501, 503)


@dataclass(frozen=True)
class PageDistribution(Distribution):
    """A distribution of pages, and what arrows add to it: origins, behaviours, and what its pages may call."""

    access: cloudfront.OriginAccessControl
    headers: cloudfront.ResponseHeadersPolicy
    origins: list[str] = field(default_factory=list, repr=False)
    callable: list[Any] = field(default_factory=list, repr=False)


def page_distribution(t: ScenarioTemplate, title: str) -> PageDistribution:
    """A distribution as in `bare_distribution`, compressed, with security headers on everything.

    What it serves, arrows say: `serves` and `passes_on`.

    Makes besides `<title>Access`, `<title>PageHeaders`; with their parameters `<title>Record` and `<title>RecordV6`;
    and the output `BlogUrl`.
    """
    parameters.nowhere_in(t, "CloudFront with its functions is", REGIONS_WITHOUT)
    both_or_neither(t, parameters.DOMAIN_NAME, parameters.DOMAIN_CERTIFICATE)
    needs(t, parameters.HOSTED_ZONE, parameters.DOMAIN_NAME)
    access = cloudfront.OriginAccessControl(
        f"{title}Access",
        OriginAccessControlConfig=cloudfront.OriginAccessControlConfig(
            Description=of_stack(),
            Name=unique_name(title, "access"),
            OriginAccessControlOriginType="s3",
            SigningBehavior="always",
            SigningProtocol="sigv4",
        ),
    )
    headers = _headers(title, "PageHeaders", content=_content([]), referrer="strict-origin-when-cross-origin")
    for part in (access, headers):
        t.put(part)
    resource, url, named = bare_distribution(t, title, CustomErrorResponses=_errors(), DefaultRootObject="index.html")
    node = PageDistribution(t, title, resource, url, named, access, headers)
    _records(node)
    outputs.output(t, "BlogUrl", url, "The address of the blog.")
    return node


def serve_pages(edge: PageDistribution, bucket: Bucket) -> None:
    """What no other path takes comes from this bucket, under clean addresses, and is kept as long as it says itself.

    What says nothing is kept for `EdgeSeconds`. Makes `<title>PageCache` and `<title>CleanUrls`.
    """
    t, title = edge.t, edge.title
    if "DefaultCacheBehavior" in edge.config.properties:
        raise ValueError(f"{title} serves pages already, from another bucket than {bucket.title}: give a path")
    kept = Ref(parameter(t, parameters.blog.EDGE_SECONDS))
    cache = policies.cache_policy(f"{title}PageCache", unique_name(title, "pages"), 0, kept)
    clean = policies.function(f"{title}CleanUrls", unique_name(title, "clean-urls"), "blog/clean_urls.js")
    for part in (cache, clean):
        t.put(part)
    edge.config.DefaultCacheBehavior = cloudfront.DefaultCacheBehavior(
        FunctionAssociations=[runs(clean, "viewer-request")], **_reads(edge, bucket, cache)
    )


def serve_files(edge: PageDistribution, bucket: Bucket, path: str) -> None:
    """Below `path`, such as `/media/*`, is what never changes under its name: kept for a year, here and by browsers.

    Makes, once for all such paths, `<title>FileCache` and `<title>KeptFiles`.
    """
    t, title = edge.t, edge.title
    names = [f"{title}FileCache", f"{title}KeptFiles"]
    if names[0] not in t.resources:
        t.put(policies.cache_policy(names[0], unique_name(title, "files"), YEAR, YEAR))
        t.put(policies.function(names[1], unique_name(title, "kept-files"), "blog/kept_files.js"))
    cache, kept = (t.resources[name] for name in names)
    behave(
        edge,
        path,
        FunctionAssociations=[runs(kept, "viewer-response")],
        **_reads(edge, bucket, cache),
    )


def pass_on(edge: PageDistribution, api: RestApi, path: str, *, header: Any, accepted: Any) -> None:
    """Below `path` the API answers, which gets `header` as its key; the distribution waits until that is `accepted`.

    What the API keeps apart is kept apart here: the token (who asks with one gets no other's answer) and the query
    parameters of lists. Of the rest it gets what it needs, which is the type of a body and the token of a link in a
    mail; never the viewer's `Host`, by which API Gateway would look for another API.

    Makes `<title>AnswerCache`, `<title>AnswerRequest`, `<title>AnswerHeaders`.
    https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/understanding-how-origin-request-policies-and-cache-policies-work-together.html
    """
    t, title = edge.t, edge.title
    cache = policies.cache_policy(
        f"{title}AnswerCache",
        unique_name(title, "answers"),
        0,
        0,
        headers=cloudfront.CacheHeadersConfig(HeaderBehavior="whitelist", Headers=["Authorization"]),
        query=cloudfront.CacheQueryStringsConfig(QueryStringBehavior="whitelist", QueryStrings=["limit", "next"]),
    )
    request = cloudfront.OriginRequestPolicy(
        f"{title}AnswerRequest",
        OriginRequestPolicyConfig=cloudfront.OriginRequestPolicyConfig(
            Comment=of_stack(),
            CookiesConfig=cloudfront.OriginRequestCookiesConfig(CookieBehavior="none"),
            HeadersConfig=cloudfront.OriginRequestHeadersConfig(HeaderBehavior="whitelist", Headers=["Content-Type"]),
            Name=unique_name(title, "answer-request"),
            # No answer that is kept depends on it: else it would have to be in the key of the cache.
            QueryStringsConfig=cloudfront.OriginRequestQueryStringsConfig(
                QueryStringBehavior="whitelist", QueryStrings=["token"]
            ),
        ),
    )
    headers = _headers(title, "AnswerHeaders", content=CONTENT_OF_DATA, referrer="no-referrer")
    for part in (cache, request, headers):
        t.put(part)
    edge.config.Origins.append(
        cloudfront.Origin(
            Id=api.title,
            CustomOriginConfig=cloudfront.CustomOriginConfig(
                OriginProtocolPolicy="https-only", OriginReadTimeout=30, OriginSSLProtocols=["TLSv1.2"]
            ),
            DomainName=Sub(f"${{{api.title}}}.execute-api.${{AWS::Region}}.${{AWS::URLSuffix}}"),
            OriginCustomHeaders=[cloudfront.OriginCustomHeader(HeaderName="x-api-key", HeaderValue=header)],
        )
    )
    # A tag, so that an operator sees which key is sent; and what a tag refers to is made before.
    edge.resource.Tags = Tags(OriginKey=accepted)
    behave(
        edge,
        path,
        AllowedMethods=EVERYTHING,
        CachedMethods=READ,
        CachePolicyId=Ref(cache),
        Compress=True,
        OriginRequestPolicyId=Ref(request),
        ResponseHeadersPolicyId=Ref(headers),
        TargetOriginId=api.title,
        # Not redirected: who asks without TLS has sent the token already, and is better told than helped.
        ViewerProtocolPolicy="https-only",
    )


def behave(edge: PageDistribution, path: str, **properties: Any) -> None:
    """What happens below a path, such as `/api/*`. Raises ValueError for a path that is none, or is taken."""
    if not path.startswith("/") or not path.endswith("/*"):
        raise ValueError(f"{path!r} is no path of {edge.title}: write one such as /media/*")
    behaviours = edge.config.CacheBehaviors
    if path in [one.PathPattern for one in behaviours]:
        raise ValueError(f"{edge.title} has {path} already")
    behaviours.append(cloudfront.CacheBehavior(PathPattern=path, **properties))


def let_call(edge: PageDistribution, *addresses: Any) -> None:
    """Pages of the distribution may call these addresses, which are texts or decided by conditions."""
    edge.callable.extend(addresses)
    policy = edge.headers.ResponseHeadersPolicyConfig.SecurityHeadersConfig.ContentSecurityPolicy
    policy.ContentSecurityPolicy = _content(edge.callable)


def _reads(edge: PageDistribution, bucket: Bucket, cache: cloudfront.CachePolicy) -> dict[str, Any]:
    """How a behaviour reads from a bucket, which becomes an origin if it is none yet."""
    if bucket.title not in edge.origins:
        edge.origins.append(bucket.title)
        edge.config.Origins.append(
            cloudfront.Origin(
                Id=bucket.title,
                DomainName=GetAtt(bucket.resource, "RegionalDomainName"),
                OriginAccessControlId=GetAtt(edge.access, "Id"),
                S3OriginConfig=cloudfront.S3OriginConfig(OriginAccessIdentity=""),
            )
        )
    return {
        "AllowedMethods": READ,
        "CachedMethods": READ,
        "CachePolicyId": Ref(cache),
        "Compress": True,
        "ResponseHeadersPolicyId": Ref(edge.headers),
        "TargetOriginId": bucket.title,
        "ViewerProtocolPolicy": "redirect-to-https",
    }


def _content(addresses: list[Any]) -> Any:
    """The content security policy of pages that may call these addresses besides their own."""
    others = {f"Other{number}": one for number, one in enumerate(addresses, start=1)}
    text = f"{CONTENT}{''.join(f'${{{name}}}' for name in others)}{CONTENT_REST}"
    return Sub(text, others) if others else text


def _headers(title: str, name: str, *, content: Any, referrer: str) -> cloudfront.ResponseHeadersPolicy:
    called = unique_name(title, name.replace("Headers", "-headers").lower())
    return policies.headers_policy(f"{title}{name}", called, content=content, referrer=referrer, removed=OF_S3)


def _errors() -> list[cloudfront.CustomErrorResponse]:
    """How long each error is kept, and the page in place of it if it is one that only the site has."""
    pages = {
        code: {"ResponseCode": answer, "ResponsePagePath": page} for code, (answer, page) in PAGES_OF_ERRORS.items()
    }
    return [
        cloudfront.CustomErrorResponse(ErrorCode=code, ErrorCachingMinTTL=ERROR_SECONDS, **pages.get(code, {}))
        for code in sorted([*PAGES_OF_ERRORS, *OTHER_ERRORS])
    ]


def _records(edge: PageDistribution) -> None:
    """The domain name's records, for IPv4 and 6, when the zone is given."""
    t = edge.t
    for kind, suffix in (("A", ""), ("AAAA", "V6")):
        t.put(
            route53.RecordSetType(
                f"{edge.title}Record{suffix}",
                AliasTarget=alias_of(edge),
                HostedZoneId=Ref(parameter(t, parameters.HOSTED_ZONE)),
                Name=Ref(parameter(t, parameters.DOMAIN_NAME)),
                Type=kind,
            ),
            when=all_of(t, edge.named, given(t, parameters.HOSTED_ZONE)),
        )
