"""Distributions of CloudFront: what readers reach, wherever they are.

    Reader ──HTTPS──▶ Edge ──/──────────▶ a bucket of pages        kept for as long as they say
                       ├──/assets/*────▶ files that never change   kept for a year
                       └──/api/*───────▶ an API, with a key        kept for as long as it says, apart for each token

Policies, functions and access controls must have a name, unique in the account whatever the region. A stack's name may
have 128 characters and the name of a function 64, so they are named by the id part of the stack's id; the stack is
named in their comments. https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/cloudfront-limits.html
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from troposphere import GetAtt, Ref, Select, Split, Sub, Tags, cloudfront, route53

from .. import outputs, parameters
from ..conditions import all_of, choose, given, optional, switched_on
from ..parameters import both_or_neither, needs, parameter
from ..template import Node, ScenarioTemplate
from .apigateway import RestApi
from .awslambda import source
from .s3 import Bucket, log_bucket

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
YEAR = 365 * 24 * 60 * 60
# An error is kept so long: enough to spare the origin a rush, short enough for a page that has just been published.
ERROR_SECONDS = 5
# The hosted zone of every distribution.
# https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-properties-route53-recordset-aliastarget.html
ZONE_OF_ALL = "Z2FDTNDATAQYW2"
# The newest policy with TLS 1.2 as its least. CloudFront's own domain name has no choice: there it is TLS 1.
# https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/secure-connections-supported-viewer-protocols-ciphers.html
SECURITY_POLICY = "TLSv1.2_2025"
# CloudFront puts its metrics there for the whole partition.
METRICS_REGION = "us-east-1"
JS_RUNTIME = "cloudfront-js-2.0"

READ = ["GET", "HEAD"]
EVERYTHING = ["DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"]
# What pages may do: scripts, styles and pictures of their own, and nothing inline. What they may call comes in between.
CONTENT = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'"
CONTENT_REST = "; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
# Data is nothing to run, whatever a browser takes it for.
CONTENT_OF_DATA = "default-src 'none'; frame-ancestors 'none'"
PERMISSIONS = "camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()"
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
class Distribution(Node):
    """A distribution, and what arrows add to it: origins, behaviours, and what its pages may call.

    `url` is its address, under the user's own domain name if there is one; `named` the condition that there is.
    """

    resource: cloudfront.Distribution
    access: cloudfront.OriginAccessControl
    headers: cloudfront.ResponseHeadersPolicy
    url: Any
    named: str
    origins: list[str] = field(default_factory=list, repr=False)
    callable: list[Any] = field(default_factory=list, repr=False)

    @property
    def config(self) -> cloudfront.DistributionConfig:
        """Its settings."""
        return self.resource.DistributionConfig


def distribution(t: ScenarioTemplate, title: str) -> Distribution:
    """A distribution over HTTP/2 and 3, IPv4 and 6, TLS 1.2 or newer, compressed, with security headers on everything.

    Under `DomainName` if that is given; before it `WebAclArn`, behind it access logs (`EdgeLogs`) and additional
    metrics (`EdgeMetrics`). What it serves, arrows say: `serves` and `passes_on`.

    Makes `<title>`, `<title>Access`, `<title>PageHeaders`; with their parameters `<title>Record` and `<title>RecordV6`,
    `<title>LogFiles`, `<title>Monitoring`; and the outputs `BlogUrl`, `<title>Id` and `<title>Domain`.
    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-resource-cloudfront-distribution.html
    """
    parameters.nowhere_in(t, "CloudFront with its functions is", REGIONS_WITHOUT)
    both_or_neither(t, parameters.DOMAIN_NAME, parameters.DOMAIN_CERTIFICATE)
    needs(t, parameters.HOSTED_ZONE, parameters.DOMAIN_NAME)
    named, logged = given(t, parameters.DOMAIN_NAME), switched_on(t, parameters.EDGE_LOGS)
    domain = Ref(parameter(t, parameters.DOMAIN_NAME))
    what = "A bucket that CloudFront could write access logs into is"
    parameters.only_in(t, parameters.EDGE_LOGS, what, REGIONS_WITH_LOGS)
    logs = log_bucket(t, f"{title}LogFiles", when=logged)
    access = cloudfront.OriginAccessControl(
        f"{title}Access",
        OriginAccessControlConfig=cloudfront.OriginAccessControlConfig(
            Description=_of_stack(),
            Name=_name(title, "access"),
            OriginAccessControlOriginType="s3",
            SigningBehavior="always",
            SigningProtocol="sigv4",
        ),
    )
    headers = _headers(title, "PageHeaders", content=_content([]), referrer="strict-origin-when-cross-origin")
    config = cloudfront.DistributionConfig(
        Aliases=optional(named, [domain]),
        CacheBehaviors=[],
        Comment=_of_stack(),
        CustomErrorResponses=_errors(),
        DefaultRootObject="index.html",
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
            given(t, parameters.DOMAIN_CERTIFICATE),  # which is given with the name or not at all
            cloudfront.ViewerCertificate(
                AcmCertificateArn=Ref(parameter(t, parameters.DOMAIN_CERTIFICATE)),
                MinimumProtocolVersion=SECURITY_POLICY,
                SslSupportMethod="sni-only",
            ),
            cloudfront.ViewerCertificate(CloudFrontDefaultCertificate=True),
        ),
        WebACLId=optional(given(t, parameters.WEB_ACL), Ref(parameter(t, parameters.WEB_ACL))),
    )
    resource = cloudfront.Distribution(title, DistributionConfig=config)
    for part in (access, headers, resource):
        t.put(part)
    url = choose(named, Sub("https://${DomainName}"), Sub(f"https://${{{title}.DomainName}}"))
    node = Distribution(t, title, resource, access, headers, url, named)
    _records(node)
    on = cloudfront.RealtimeMetricsSubscriptionConfig(RealtimeMetricsSubscriptionStatus="Enabled")
    subscription = cloudfront.MonitoringSubscription(
        f"{title}Monitoring",
        DistributionId=Ref(resource),
        MonitoringSubscription=cloudfront.MonitoringSubscriptionProperty(RealtimeMetricsSubscriptionConfig=on),
    )
    t.put(subscription, when=switched_on(t, parameters.EDGE_METRICS))
    outputs.output(t, "BlogUrl", url, "The address of the blog.")
    outputs.output(t, f"{title}Id", Ref(resource), "The distribution: what an invalidation names.")
    told = "CloudFront's own name for it: point your domain here when your DNS is not in the hosted zone given."
    outputs.output(t, f"{title}Domain", GetAtt(resource, "DomainName"), told)
    return node


def serve_pages(edge: Distribution, bucket: Bucket) -> None:
    """What no other path takes comes from this bucket, under clean addresses, and is kept as long as it says itself.

    What says nothing is kept for `EdgeSeconds`. Makes `<title>PageCache` and `<title>CleanUrls`.
    """
    t, title = edge.t, edge.title
    if "DefaultCacheBehavior" in edge.config.properties:
        raise ValueError(f"{title} serves pages already, from another bucket than {bucket.title}: give a path")
    cache = _cache(title, "PageCache", 0, Ref(parameter(t, parameters.blog.EDGE_SECONDS)))
    clean = _function(title, "CleanUrls", "blog/clean_urls.js")
    for part in (cache, clean):
        t.put(part)
    edge.config.DefaultCacheBehavior = cloudfront.DefaultCacheBehavior(
        FunctionAssociations=[_runs(clean, "viewer-request")], **_reads(edge, bucket, cache)
    )


def serve_files(edge: Distribution, bucket: Bucket, path: str) -> None:
    """Below `path`, such as `/media/*`, is what never changes under its name: kept for a year, here and by browsers.

    Makes, once for all such paths, `<title>FileCache` and `<title>KeptFiles`.
    """
    t, title = edge.t, edge.title
    names = [f"{title}FileCache", f"{title}KeptFiles"]
    if names[0] not in t.resources:
        t.put(_cache(title, "FileCache", YEAR, YEAR))
        t.put(_function(title, "KeptFiles", "blog/kept_files.js"))
    cache, kept = (t.resources[name] for name in names)
    behave(
        edge,
        path,
        FunctionAssociations=[_runs(kept, "viewer-response")],
        **_reads(edge, bucket, cache),
    )


def pass_on(edge: Distribution, api: RestApi, path: str, *, header: Any, accepted: Any) -> None:
    """Below `path` the API answers, which gets `header` as its key; the distribution waits until that is `accepted`.

    What the API keeps apart is kept apart here: the token (who asks with one gets no other's answer) and the query
    parameters of lists. Of the rest it gets what it needs, which is the type of a body and the token of a link in a
    mail; never the viewer's `Host`, by which API Gateway would look for another API.

    Makes `<title>AnswerCache`, `<title>AnswerRequest`, `<title>AnswerHeaders`.
    https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/understanding-how-origin-request-policies-and-cache-policies-work-together.html
    """
    t, title = edge.t, edge.title
    cache = _cache(title, "AnswerCache", 0, 0, headers=["Authorization"], query=["limit", "next"])
    request = cloudfront.OriginRequestPolicy(
        f"{title}AnswerRequest",
        OriginRequestPolicyConfig=cloudfront.OriginRequestPolicyConfig(
            Comment=_of_stack(),
            CookiesConfig=cloudfront.OriginRequestCookiesConfig(CookieBehavior="none"),
            HeadersConfig=cloudfront.OriginRequestHeadersConfig(HeaderBehavior="whitelist", Headers=["Content-Type"]),
            Name=_name(title, "answer-request"),
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


def behave(edge: Distribution, path: str, **properties: Any) -> None:
    """What happens below a path, such as `/api/*`. Raises ValueError for a path that is none, or is taken."""
    if not path.startswith("/") or not path.endswith("/*"):
        raise ValueError(f"{path!r} is no path of {edge.title}: write one such as /media/*")
    behaviours = edge.config.CacheBehaviors
    if path in [one.PathPattern for one in behaviours]:
        raise ValueError(f"{edge.title} has {path} already")
    behaviours.append(cloudfront.CacheBehavior(PathPattern=path, **properties))


def let_call(edge: Distribution, *addresses: Any) -> None:
    """Pages of the distribution may call these addresses, which are texts or decided by conditions."""
    edge.callable.extend(addresses)
    policy = edge.headers.ResponseHeadersPolicyConfig.SecurityHeadersConfig.ContentSecurityPolicy
    policy.ContentSecurityPolicy = _content(edge.callable)


def _reads(edge: Distribution, bucket: Bucket, cache: cloudfront.CachePolicy) -> dict[str, Any]:
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


def _of_stack() -> Any:
    return Ref("AWS::StackName")


def _name(title: str, what: str) -> Any:
    """The id part of the stack's id, 36 characters, and what it is."""
    return Sub(f"${{Id}}-{title.lower()}-{what}", Id=Select(2, Split("/", Ref("AWS::StackId"))))


def _cache(
    title: str, name: str, least: int, default: Any, *, headers: list[str] | None = None, query: list[str] | None = None
) -> cloudfront.CachePolicy:
    """How long answers are kept, in seconds, and what of a request tells one from another.

    https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/cache-key-understand-cache-policy.html
    """
    by_header = {"HeaderBehavior": "whitelist", "Headers": headers} if headers else {"HeaderBehavior": "none"}
    by_query = {"QueryStringBehavior": "whitelist", "QueryStrings": query} if query else {"QueryStringBehavior": "none"}
    words = {"PageCache": "pages", "FileCache": "files", "AnswerCache": "answers"}
    return cloudfront.CachePolicy(
        f"{title}{name}",
        CachePolicyConfig=cloudfront.CachePolicyConfig(
            Comment=_of_stack(),
            DefaultTTL=default,
            MaxTTL=YEAR,
            MinTTL=least,
            Name=_name(title, words[name]),
            ParametersInCacheKeyAndForwardedToOrigin=cloudfront.ParametersInCacheKeyAndForwardedToOrigin(
                CookiesConfig=cloudfront.CacheCookiesConfig(CookieBehavior="none"),
                EnableAcceptEncodingBrotli=True,
                EnableAcceptEncodingGzip=True,
                HeadersConfig=cloudfront.CacheHeadersConfig(**by_header),
                QueryStringsConfig=cloudfront.CacheQueryStringsConfig(**by_query),
            ),
        ),
    )


def _content(addresses: list[Any]) -> Any:
    """The content security policy of pages that may call these addresses besides their own."""
    others = {f"Other{number}": one for number, one in enumerate(addresses, start=1)}
    text = f"{CONTENT}{''.join(f'${{{name}}}' for name in others)}{CONTENT_REST}"
    return Sub(text, others) if others else text


def _headers(title: str, name: str, *, content: Any, referrer: str) -> cloudfront.ResponseHeadersPolicy:
    """Security headers, in place of what an origin says: what a page may do, that it is not framed, and that it is TLS.

    https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/understanding-response-headers-policies.html
    """
    return cloudfront.ResponseHeadersPolicy(
        f"{title}{name}",
        ResponseHeadersPolicyConfig=cloudfront.ResponseHeadersPolicyConfig(
            Comment=_of_stack(),
            CustomHeadersConfig=cloudfront.CustomHeadersConfig(
                Items=[cloudfront.CustomHeader(Header="Permissions-Policy", Override=True, Value=PERMISSIONS)]
            ),
            Name=_name(title, name.replace("Headers", "-headers").lower()),
            RemoveHeadersConfig=cloudfront.RemoveHeadersConfig(
                Items=[cloudfront.RemoveHeader(Header=one) for one in OF_S3]
            ),
            SecurityHeadersConfig=cloudfront.SecurityHeadersConfig(
                ContentSecurityPolicy=cloudfront.ContentSecurityPolicy(ContentSecurityPolicy=content, Override=True),
                ContentTypeOptions=cloudfront.ContentTypeOptions(Override=True),
                FrameOptions=cloudfront.FrameOptions(FrameOption="DENY", Override=True),
                ReferrerPolicy=cloudfront.ReferrerPolicy(Override=True, ReferrerPolicy=referrer),
                # Not of subdomains: the name may be that of the whole company.
                StrictTransportSecurity=cloudfront.StrictTransportSecurity(
                    AccessControlMaxAgeSec=YEAR, IncludeSubdomains=False, Override=True, Preload=False
                ),
            ),
        ),
    )


def _function(title: str, name: str, code: str) -> cloudfront.Function:
    """A function at the edge, of a handler file that is inlined as it is.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-resource-cloudfront-function.html
    """
    words = {"CleanUrls": "clean-urls", "KeptFiles": "kept-files"}
    return cloudfront.Function(
        f"{title}{name}",
        AutoPublish=True,
        FunctionCode=source(code),
        FunctionConfig=cloudfront.FunctionConfig(Comment=_of_stack(), Runtime=JS_RUNTIME),
        Name=_name(title, words[name]),
    )


def _runs(function: cloudfront.Function, event: str) -> cloudfront.FunctionAssociation:
    return cloudfront.FunctionAssociation(EventType=event, FunctionARN=GetAtt(function, "FunctionARN"))


def _errors() -> list[cloudfront.CustomErrorResponse]:
    """How long each error is kept, and the page in place of it if it is one that only the site has."""
    pages = {
        code: {"ResponseCode": answer, "ResponsePagePath": page} for code, (answer, page) in PAGES_OF_ERRORS.items()
    }
    return [
        cloudfront.CustomErrorResponse(ErrorCode=code, ErrorCachingMinTTL=ERROR_SECONDS, **pages.get(code, {}))
        for code in sorted([*PAGES_OF_ERRORS, *OTHER_ERRORS])
    ]


def _records(edge: Distribution) -> None:
    """The domain name's records, for IPv4 and 6, when the zone is given."""
    t = edge.t
    for kind, suffix in (("A", ""), ("AAAA", "V6")):
        t.put(
            route53.RecordSetType(
                f"{edge.title}Record{suffix}",
                AliasTarget=route53.AliasTarget(DNSName=GetAtt(edge.resource, "DomainName"), HostedZoneId=ZONE_OF_ALL),
                HostedZoneId=Ref(parameter(t, parameters.HOSTED_ZONE)),
                Name=Ref(parameter(t, parameters.DOMAIN_NAME)),
                Type=kind,
            ),
            when=all_of(t, edge.named, given(t, parameters.HOSTED_ZONE)),
        )
