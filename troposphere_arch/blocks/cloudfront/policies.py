"""The policies and functions of a distribution: how long it keeps what, what it adds to answers, what it runs.

Policies, functions and access controls must have a name, unique in the account whatever the region. A stack's name may
have 128 characters and the name of a function 64, so they are named by the id part of the stack's id; the stack is
named in their comments. https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/cloudfront-limits.html
"""

from __future__ import annotations

from typing import Any

from troposphere import GetAtt, Ref, Select, Split, Sub, cloudfront

from ..awslambda import source

YEAR = 365 * 24 * 60 * 60
# An error is kept so long: enough to spare the origin a rush, short enough for what has just been published.
ERROR_SECONDS = 5
JS_RUNTIME = "cloudfront-js-2.0"
# Data is nothing to run, whatever a browser takes it for.
CONTENT_OF_DATA = "default-src 'none'; frame-ancestors 'none'"
PERMISSIONS = "camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()"


def of_stack() -> Any:
    """What a comment says: whose it is."""
    return Ref("AWS::StackName")


def unique_name(title: str, what: str) -> Any:
    """The id part of the stack's id, 36 characters, and what it is."""
    return Sub(f"${{Id}}-{title.lower()}-{what}", Id=Select(2, Split("/", Ref("AWS::StackId"))))


def cache_policy(
    name: str,
    called: Any,
    least: Any,
    default: Any,
    *,
    most: Any = YEAR,
    headers: Any = None,
    query: Any = None,
    compressed: bool = True,
) -> cloudfront.CachePolicy:
    """How long answers are kept, in seconds, and what of a request tells one from another.

    `headers` and `query` are what CloudFormation calls HeadersConfig and QueryStringsConfig; without them neither
    headers nor query strings do.
    https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/cache-key-understand-cache-policy.html
    """
    return cloudfront.CachePolicy(
        name,
        CachePolicyConfig=cloudfront.CachePolicyConfig(
            Comment=of_stack(),
            DefaultTTL=default,
            MaxTTL=most,
            MinTTL=least,
            Name=called,
            ParametersInCacheKeyAndForwardedToOrigin=cloudfront.ParametersInCacheKeyAndForwardedToOrigin(
                CookiesConfig=cloudfront.CacheCookiesConfig(CookieBehavior="none"),
                EnableAcceptEncodingBrotli=compressed,
                EnableAcceptEncodingGzip=compressed,
                HeadersConfig=headers or cloudfront.CacheHeadersConfig(HeaderBehavior="none"),
                QueryStringsConfig=query or cloudfront.CacheQueryStringsConfig(QueryStringBehavior="none"),
            ),
        ),
    )


def headers_policy(
    name: str, called: Any, *, content: Any, referrer: str, removed: tuple[str, ...] = ()
) -> cloudfront.ResponseHeadersPolicy:
    """Security headers, in place of what an origin says: what a page may do, that it is not framed, and that it is TLS.

    https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/understanding-response-headers-policies.html
    """
    gone = cloudfront.RemoveHeadersConfig(Items=[cloudfront.RemoveHeader(Header=one) for one in removed])
    return cloudfront.ResponseHeadersPolicy(
        name,
        ResponseHeadersPolicyConfig=cloudfront.ResponseHeadersPolicyConfig(
            Comment=of_stack(),
            CustomHeadersConfig=cloudfront.CustomHeadersConfig(
                Items=[cloudfront.CustomHeader(Header="Permissions-Policy", Override=True, Value=PERMISSIONS)]
            ),
            Name=called,
            **({"RemoveHeadersConfig": gone} if removed else {}),
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


def function(name: str, called: Any, code: str) -> cloudfront.Function:
    """A function at the edge, of a handler file that is inlined as it is.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-resource-cloudfront-function.html
    """
    return cloudfront.Function(
        name,
        AutoPublish=True,
        FunctionCode=source(code),
        FunctionConfig=cloudfront.FunctionConfig(Comment=of_stack(), Runtime=JS_RUNTIME),
        Name=called,
    )


def runs(function: cloudfront.Function, event: str) -> cloudfront.FunctionAssociation:
    """That a behaviour runs the function at this event."""
    return cloudfront.FunctionAssociation(EventType=event, FunctionARN=GetAtt(function, "FunctionARN"))
