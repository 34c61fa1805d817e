"""Arrows from a distribution: what it serves, what it passes requests on to, and what its pages may call.

Reader ──▶ Edge ──serves──▶ Site, ──passes on, with a key──▶ Api;  pages of Edge ──may call──▶ Users, Uploads
"""

from __future__ import annotations

from troposphere import Ref, Sub, s3

from .. import grants, outputs, parameters
from ..blocks import apigateway, cloudfront
from ..blocks.apigateway import RestApi
from ..blocks.awslambda import Function
from ..blocks.cloudfront import Distribution, PageDistribution
from ..blocks.cognito import UserPool
from ..blocks.iam import grant
from ..blocks.s3 import Bucket, UploadBucket, add_statements
from ..blocks.secretsmanager import Key, OriginKey
from ..conditions import choose, switched_on
from ..template import Node
from .ends import expect_end, tell, variable


def visits(source: Node, edge: Distribution) -> None:
    """`source` reads what the distribution serves, over HTTPS."""
    expect_end(edge, Distribution, "visits")
    source.t.record(source, "visits", edge, "HTTPS")


def serves(edge: PageDistribution, bucket: Bucket, path: str = "") -> None:
    """The distribution serves what is in the bucket: pages, or, below a path such as `/media/*`, what never changes.

    The bucket lets this distribution read, and nobody else. Nobody may list, so S3 answers 403 for what is not there.
    The path is part of the key: what is served below `/media/*` is below `media/` in the bucket, and with that path
    alone the rest of the bucket stays closed.
    https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/private-content-restricting-access-to-s3.html
    """
    expect_end(edge, PageDistribution, "serves")
    expect_end(bucket, Bucket, "serves")
    t = edge.t
    if path:
        cloudfront.serve_files(edge, bucket, path)
    else:
        cloudfront.serve_pages(edge, bucket)
        to = f"templates/{t.scenario}/{t.scenario_version}/site s3://${{{bucket.title}}}"
        header = "public, max-age=0, s-maxage=${EdgeSeconds}, stale-while-revalidate=86400"
        outputs.output(
            t,
            f"Publish{bucket.title}Command",
            Sub(f"aws s3 sync {to} --region ${{AWS::Region}} --cache-control '{header}'"),
            "Puts the pages of a checkout, or your own, where the blog serves them from.",
        )
    if not any(one.source == edge.title and one.destination == bucket.title for one in t.arrows):
        add_statements(bucket, grants.read_as_edge(bucket.resource, path, edge.resource))
    t.record(edge, "serves", bucket, path or "/")


def passes_on(edge: PageDistribution, api: RestApi, path: str, key: OriginKey) -> None:
    """What comes to a path such as `/api/*` is answered by the API, which knows the distribution by the key.

    The path begins with the name of the API's stage, so that it is right for both as it is. The distribution is set up
    only once the key that it sends is one that the API accepts.
    """
    expect_end(edge, PageDistribution, "passes on")
    expect_end(api, RestApi, "passes on")
    expect_end(key, OriginKey, "passes on")
    if path != f"/{api.stage.StageName}/*":
        raise ValueError(
            f"{path}: {api.title} has the stage {api.stage.StageName}, so pass on /{api.stage.StageName}/*"
        )
    accepted = dict(zip(key.keys, apigateway.accept_key(api, key), strict=True))

    def accepting(one: Key) -> Ref:
        return Ref(accepted[one])

    cloudfront.pass_on(edge, api, path, header=key.sent(lambda one: one.value), accepted=key.sent(accepting))
    url = Sub("${Address}" + path.removesuffix("/*"), Address=edge.url)
    outputs.output(edge.t, f"{api.title}Url", url, "The address of the API.")
    edge.t.record(edge, "passes on", api, path)
    edge.t.record(edge, "sends", key)
    edge.t.record(api, "accepts", key)


def links_to(function: Function, edge: Distribution) -> None:
    """The function writes links to what the distribution serves: it knows the address."""
    expect_end(function, Function, "links to")
    expect_end(edge, Distribution, "links to")
    tell(function, "BLOG_URL", edge.url, edge.when)
    function.t.record(function, "links to", edge)


def watches(function: Function, edge: Distribution) -> None:
    """The function reads what CloudFront measured of the distribution, in the one region that has it.

    https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/programming-cloudwatch-metrics.html
    """
    expect_end(function, Function, "watches")
    expect_end(edge, Distribution, "watches")
    grant(function.role, f"Watch{edge.title}", grants.read_metrics())
    tell(function, variable(edge, "ID"), Ref(edge.resource), edge.when)
    tell(function, variable(edge, "METRICS_REGION"), cloudfront.METRICS_REGION, edge.when)
    function.t.record(function, "watches", edge)


def may_call(edge: PageDistribution, other: Node) -> None:
    """Scripts of the distribution's pages may call these users' sign-in, or post files to this bucket.

    Else the pages' content security policy lets them call nothing but their own address. A bucket also says it itself
    (CORS), of posts alone. Without a domain name of its own it says it of any page: CloudFront's name for the
    distribution is known only after the bucket is made. That gives nobody anything: what may be posted is in the
    signed form, and a form can be posted from anywhere without asking.
    https://docs.aws.amazon.com/AmazonS3/latest/userguide/cors.html
    """
    expect_end(edge, PageDistribution, "may call")
    if isinstance(other, UserPool):
        cloudfront.let_call(edge, Sub(" https://cognito-idp.${AWS::Region}.${AWS::URLSuffix}"))
    else:
        expect_end(other, UploadBucket, "may call")
        assert isinstance(other, UploadBucket)  # noqa: S101  # for mypy
        _posts_to(edge, other)
    edge.t.record(edge, "may call", other)


def _posts_to(edge: PageDistribution, bucket: UploadBucket) -> None:
    t, title = edge.t, bucket.title
    fast = Sub(f" https://${{{title}}}.s3-accelerate.${{AWS::URLSuffix}}")
    cloudfront.let_call(
        edge,
        Sub(f" https://${{{title}.RegionalDomainName}}"),
        choose(switched_on(t, parameters.blog.UPLOAD_ACCELERATION), fast, ""),
    )
    origin = choose(edge.named, Sub("https://${DomainName}"), "*")
    rule = s3.CorsRules(AllowedHeaders=["*"], AllowedMethods=["POST"], AllowedOrigins=[origin], MaxAge=3600)
    bucket.resource.CorsConfiguration = s3.CorsConfiguration(CorsRules=[rule])
