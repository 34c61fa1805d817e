"""The blog's distribution, its buckets, its API and the key between them, on the template's bytes.

What the emulator does not do (keep answers, check policies at the edge, refuse regions) is proved here.
"""

from __future__ import annotations

import ast
import itertools
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.evidence import shows
from troposphere_arch import arrows, evaluate, lint, scenarios
from troposphere_arch.blocks import apigateway, awslambda, cloudfront, cognito, s3, secretsmanager
from troposphere_arch.diff import Effect, diff
from troposphere_arch.render import render
from troposphere_arch.scenarios.service_catalog import Release, build
from troposphere_arch.template import actor, scenario_template

ROOT = Path(__file__).parents[2]
PATH = f"templates/blog/{scenarios.page('blog').VERSION}/blog.template.json"
TEMPLATE: dict[str, Any] = json.loads((ROOT / PATH).read_text())
ACCOUNT = "123456789012"
YEAR = 31_536_000
DOMAIN = {
    "DomainName": "blog.example.com",
    "DomainCertificateArn": f"arn:aws:acm:us-east-1:{ACCOUNT}:certificate/1",
}
KEYS = ("1", "2", "3", "4")


def values(region: str = "us-east-1", **chosen: str) -> dict[str, Any]:
    return evaluate.parameters_of(TEMPLATE, chosen, region=region)


def deployed(region: str = "us-east-1", **chosen: str) -> dict[str, dict[str, Any]]:
    """The resources that are there for these parameters, and their properties."""
    resources = evaluate.resolved(TEMPLATE, values(region, **chosen))["Resources"]
    return {name: one.get("Properties", {}) for name, one in resources.items()}


def refusals(region: str = "us-east-1", **chosen: str) -> list[str]:
    return evaluate.refusals(TEMPLATE, values(region, **chosen))


def config(**chosen: str) -> dict[str, Any]:
    found: dict[str, Any] = deployed(**chosen)["Edge"]["DistributionConfig"]
    return found


def behaviours(**chosen: str) -> dict[str, dict[str, Any]]:
    """Each behaviour by its path; that of all other paths by `*`."""
    whole = config(**chosen)
    return {"*": whole["DefaultCacheBehavior"], **{one["PathPattern"]: one for one in whole["CacheBehaviors"]}}


def policy(name: str, key: str, **chosen: str) -> dict[str, Any]:
    found: dict[str, Any] = deployed(**chosen)[name][key]
    return found


def walk(value: Any) -> Iterator[Any]:
    yield value
    for child in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from walk(child)


# --- one distribution


@shows("REQ-B1", "REQ-B3", "REQ-B7", how="static")
def test_one_distribution_serves_site_pictures_and_api() -> None:
    kinds = [r["Type"] for r in TEMPLATE["Resources"].values()]
    assert kinds.count("AWS::CloudFront::Distribution") == 1
    assert {path: one["TargetOriginId"] for path, one in behaviours().items()} == {
        "*": "Site",
        "/api/*": "Api",
        "/assets/*": "Site",
        "/media/*": "Media",
    }
    origins = {one["Id"]: one for one in config()["Origins"]}
    assert origins.keys() == {"Api", "Media", "Site"}
    for name in ("Media", "Site"):
        assert origins[name]["DomainName"] == {"Fn::GetAtt": [name, "RegionalDomainName"]}
        assert origins[name]["OriginAccessControlId"] == {"Fn::GetAtt": ["EdgeAccess", "Id"]}
        assert origins[name]["S3OriginConfig"] == {"OriginAccessIdentity": ""}
    # The stage has the name of the path, so that the path is right for both as it is.
    assert deployed()["ApiStage"]["StageName"] == "api"
    assert "OriginPath" not in origins["Api"]


@shows("REQ-B1", "REQ-B4", "REQ-B7", how="static")
def test_it_speaks_what_is_new_and_encrypts_what_is_old() -> None:
    whole = config()
    assert (whole["HttpVersion"], whole["IPV6Enabled"], whole["Enabled"]) == ("http2and3", True, True)
    assert whole["DefaultRootObject"] == "index.html"
    assert config(**DOMAIN)["ViewerCertificate"] == {
        "AcmCertificateArn": DOMAIN["DomainCertificateArn"],
        "MinimumProtocolVersion": "TLSv1.2_2025",
        "SslSupportMethod": "sni-only",
    }
    for path, one in behaviours().items():
        assert one["Compress"] is True, path
        assert one["ViewerProtocolPolicy"] == ("https-only" if path == "/api/*" else "redirect-to-https"), path
    [api] = [one for one in whole["Origins"] if one["Id"] == "Api"]
    assert api["CustomOriginConfig"]["OriginProtocolPolicy"] == "https-only"
    assert api["CustomOriginConfig"]["OriginSSLProtocols"] == ["TLSv1.2"]
    for name in ("EdgePageCache", "EdgeFileCache", "EdgeAnswerCache"):
        key = policy(name, "CachePolicyConfig")["ParametersInCacheKeyAndForwardedToOrigin"]
        assert (key["EnableAcceptEncodingBrotli"], key["EnableAcceptEncodingGzip"]) == (True, True)


@shows("REQ-B1", how="static")
def test_a_domain_name_comes_with_its_certificate_and_its_records() -> None:
    assert "Aliases" not in config()
    assert config(**DOMAIN)["Aliases"] == ["blog.example.com"]
    assert "EdgeRecord" not in deployed(**DOMAIN)
    there = deployed(**DOMAIN, HostedZoneId="Z0123456789")
    assert {there[name]["Type"] for name in ("EdgeRecord", "EdgeRecordV6")} == {"A", "AAAA"}
    for name in ("EdgeRecord", "EdgeRecordV6"):
        assert there[name]["Name"] == "blog.example.com"
        assert there[name]["AliasTarget"]["DNSName"] == {"Fn::GetAtt": ["Edge", "DomainName"]}
    for chosen, told in (
        ({"DomainName": "blog.example.com"}, "DomainName needs DomainCertificateArn"),
        ({"DomainCertificateArn": DOMAIN["DomainCertificateArn"]}, "DomainCertificateArn needs DomainName"),
        ({"HostedZoneId": "Z0123456789"}, "HostedZoneId needs DomainName"),
    ):
        assert [one for one in refusals(**chosen) if one.startswith(told)], chosen
    assert refusals(**DOMAIN, HostedZoneId="Z0123456789") == []


@pytest.mark.parametrize(
    ("parameter", "good", "bad"),
    [
        (
            "DomainCertificateArn",
            ["none", f"arn:aws:acm:us-east-1:{ACCOUNT}:certificate/a-1"],
            # CloudFront would refuse it, but only after everything else is made.
            [f"arn:aws:acm:eu-west-1:{ACCOUNT}:certificate/a-1", "certificate/a-1", f"arn:aws:iam::{ACCOUNT}:x"],
        ),
        (
            "WebAclArn",
            ["none", f"arn:aws:wafv2:us-east-1:{ACCOUNT}:global/webacl/blog/a-1"],
            [
                f"arn:aws:wafv2:us-east-1:{ACCOUNT}:regional/webacl/blog/a-1",
                f"arn:aws:wafv2:eu-west-1:{ACCOUNT}:global/webacl/blog/a-1",
            ],
        ),
        ("OriginKeyRotation", list(KEYS), ["0", "5", "A", ""]),
        ("PriceClass", ["PriceClass_100", "PriceClass_200", "PriceClass_All"], ["PriceClass_50"]),
    ],
)
@shows("REQ-B1", how="static")
def test_what_cloudfront_would_refuse_late_is_refused_at_once(parameter: str, good: list[str], bad: list[str]) -> None:
    definition = TEMPLATE["Parameters"][parameter]

    def taken(value: str) -> bool:
        if "AllowedValues" in definition:
            return value in definition["AllowedValues"]
        return re.fullmatch(definition["AllowedPattern"], value) is not None

    assert all(map(taken, good))
    assert not any(map(taken, bad))


@shows("REQ-B10", how="static")
def test_where_ses_is_not_the_blog_is_without_mail() -> None:
    sender = {"SenderAddress": "news@example.com", "SenderIdentity": "example.com"}
    assert refusals("ap-east-1") == []
    [told] = refusals("ap-east-1", **sender)
    assert told == "CloudFormation has no SES configuration sets in this region: leave SenderAddress at none."
    assert refusals("eu-west-1", **sender) == []


@shows("REQ-B1", how="static")
def test_web_acl_and_price_class_are_the_users() -> None:
    acl = f"arn:aws:wafv2:us-east-1:{ACCOUNT}:global/webacl/blog/1"
    assert "WebACLId" not in config()
    assert config(WebAclArn=acl)["WebACLId"] == acl
    assert config()["PriceClass"] == "PriceClass_All"
    assert config(PriceClass="PriceClass_100")["PriceClass"] == "PriceClass_100"


@shows("REQ-B1", how="static")
@pytest.mark.parametrize("region", ["us-gov-west-1", "us-gov-east-1", "cn-north-1", "cn-northwest-1"])
def test_where_there_is_no_cloudfront_the_template_says_so(region: str) -> None:
    [told] = refusals(region)
    assert (
        told
        == "CloudFront with its functions is not in this region, and this template needs it: choose another region."
    )
    assert refusals("ap-southeast-7") == []


# --- what is kept, for how long, and for whom


@shows("REQ-B2", "REQ-B4", how="static")
def test_pages_are_kept_as_long_as_they_say_and_files_for_a_year() -> None:
    pages, files, answers = (
        policy(name, "CachePolicyConfig", EdgeSeconds="90")
        for name in ("EdgePageCache", "EdgeFileCache", "EdgeAnswerCache")
    )
    assert (pages["MinTTL"], pages["DefaultTTL"], pages["MaxTTL"]) == (0, "90", YEAR)
    assert (files["MinTTL"], files["DefaultTTL"], files["MaxTTL"]) == (YEAR, YEAR, YEAR)
    assert (answers["MinTTL"], answers["DefaultTTL"], answers["MaxTTL"]) == (0, 0, YEAR)
    used = {path: one["CachePolicyId"] for path, one in behaviours().items()}
    assert used == {
        "*": {"Ref": "EdgePageCache"},
        "/api/*": {"Ref": "EdgeAnswerCache"},
        "/assets/*": {"Ref": "EdgeFileCache"},
        "/media/*": {"Ref": "EdgeFileCache"},
    }
    for one in (pages, files):
        key = one["ParametersInCacheKeyAndForwardedToOrigin"]
        assert key["HeadersConfig"] == {"HeaderBehavior": "none"}
        assert key["QueryStringsConfig"] == {"QueryStringBehavior": "none"}
        assert key["CookiesConfig"] == {"CookieBehavior": "none"}
    command = TEMPLATE["Outputs"]["PublishSiteCommand"]["Value"]["Fn::Sub"]
    assert "s-maxage=${EdgeSeconds}, stale-while-revalidate=" in command


@shows("REQ-B2", "REQ-B4", how="static")
def test_browsers_keep_what_was_found_for_a_year_and_no_error() -> None:
    """CloudFront runs a viewer response function for what was found only; a headers policy would mark errors too."""
    for path, events in (
        ("*", ["viewer-request"]),
        ("/assets/*", ["viewer-response"]),
        ("/media/*", ["viewer-response"]),
    ):
        assert [one["EventType"] for one in behaviours()[path]["FunctionAssociations"]] == events
    code = deployed()["EdgeKeptFiles"]["FunctionCode"]
    assert "'cache-control'] = { value: 'public, max-age=31536000, immutable' }" in code
    policies = [r["Properties"] for r in TEMPLATE["Resources"].values() if "ResponseHeadersPolicy" in r["Type"]]
    assert "Cache-Control" not in json.dumps(policies)


@shows("REQ-B4", "REQ-B9", how="static")
def test_answers_are_kept_apart_for_each_token_and_list() -> None:
    key = policy("EdgeAnswerCache", "CachePolicyConfig")["ParametersInCacheKeyAndForwardedToOrigin"]
    assert key["HeadersConfig"] == {"HeaderBehavior": "whitelist", "Headers": ["Authorization"]}
    assert key["QueryStringsConfig"] == {"QueryStringBehavior": "whitelist", "QueryStrings": ["limit", "next"]}
    assert key["CookiesConfig"] == {"CookieBehavior": "none"}
    # Whatever a kept answer can depend on is in the key: what only the origin sees is no part of a GET.
    sent = policy("EdgeAnswerRequest", "OriginRequestPolicyConfig")
    assert sent["HeadersConfig"] == {"HeaderBehavior": "whitelist", "Headers": ["Content-Type"]}
    assert sent["QueryStringsConfig"] == {"QueryStringBehavior": "whitelist", "QueryStrings": ["token"]}
    assert sent["CookiesConfig"] == {"CookieBehavior": "none"}
    asked = {
        name: {p.rpartition(".")[2] for p in m["RequestParameters"] if ".querystring." in p}
        for name, m in deployed().items()
        if "HttpMethod" in m
    }
    for name, query in asked.items():
        kept = deployed()[name]["HttpMethod"] in behaviours()["/api/*"]["CachedMethods"]
        assert query <= ({"limit", "next"} if kept else {"limit", "next", "token"}), name
    assert asked["ApiPostSubscriptionsLeave"] == {"token"}
    assert behaviours()["/api/*"]["CachedMethods"] == ["GET", "HEAD"]
    assert len(behaviours()["/api/*"]["AllowedMethods"]) == 7
    for path in ("*", "/assets/*", "/media/*"):
        assert behaviours()[path]["AllowedMethods"] == ["GET", "HEAD"]


# --- errors


def answered_by(file: str) -> set[int]:
    """Every number in a handler that could be the status of an answer."""
    tree = ast.parse((ROOT / f"troposphere_arch/handlers/blog/{file}.py").read_text())
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    return {
        arg.value
        for call in calls
        for arg in call.args[:1]
        if isinstance(arg, ast.Constant) and isinstance(arg.value, int) and 200 <= arg.value < 600
    }


@shows("REQ-B3", "REQ-B9", how="static")
def test_error_pages_never_take_the_place_of_what_the_api_says() -> None:
    """CloudFront's error pages are for every behaviour: so their codes are ones that the API never answers with."""
    errors = {one["ErrorCode"]: one for one in config()["CustomErrorResponses"]}
    pages = {code: (one["ResponseCode"], one["ResponsePagePath"]) for code, one in errors.items() if len(one) > 2}
    assert pages == {403: (404, "/404.html"), 502: (502, "/error.html"), 504: (504, "/error.html")}
    for page in ("404.html", "error.html"):
        assert (ROOT / Path(PATH).parent / "site" / page).is_file()
    said: dict[str, set[int]] = {
        file: answered_by(file) for file in ("read_posts", "write_posts", "write_comments", "subscribe", "sign_uploads")
    }
    assert 404 in said["read_posts"]
    assert 401 in said["write_posts"]
    for file, codes in said.items():
        assert codes, file
        assert not codes & pages.keys(), file
    # What API Gateway says by itself: by default these are 403, 502 or 504.
    refusals_ = {
        r["Properties"]["ResponseType"]: r["Properties"].get("StatusCode")
        for r in TEMPLATE["Resources"].values()
        if r["Type"] == "AWS::ApiGateway::GatewayResponse"
    }
    assert refusals_["DEFAULT_5XX"] == "500"
    for kind in ("ACCESS_DENIED", "EXPIRED_TOKEN", "INVALID_SIGNATURE", "MISSING_AUTHENTICATION_TOKEN"):
        assert refusals_[kind] in ("401", "404"), kind
    # The one 403 of an API without web ACL and IAM that is left: for who comes without the key.
    assert "INVALID_API_KEY" not in refusals_


@shows("REQ-B3", how="static")
def test_no_error_is_kept_longer_than_some_seconds() -> None:
    errors = config()["CustomErrorResponses"]
    assert {one["ErrorCode"] for one in errors} == {400, 403, 404, 405, 414, 416, 500, 501, 502, 503, 504}
    assert all(0 < one["ErrorCachingMinTTL"] <= 10 for one in errors)


# --- headers


@shows("REQ-B3", "REQ-B8", how="static")
def test_everything_has_security_headers() -> None:
    for path, one in behaviours().items():
        name = one["ResponseHeadersPolicyId"]["Ref"]
        assert name == ("EdgeAnswerHeaders" if path == "/api/*" else "EdgePageHeaders")
        headers = policy(name, "ResponseHeadersPolicyConfig")["SecurityHeadersConfig"]
        assert all(header["Override"] is True for header in headers.values())
        assert headers["FrameOptions"]["FrameOption"] == "DENY"
        assert headers["StrictTransportSecurity"]["AccessControlMaxAgeSec"] == YEAR
        assert headers["StrictTransportSecurity"]["IncludeSubdomains"] is False
        assert headers.keys() >= {"ContentTypeOptions", "ReferrerPolicy", "ContentSecurityPolicy"}
        # The ARN of a key holds the number of the account.
        removed = policy(name, "ResponseHeadersPolicyConfig")["RemoveHeadersConfig"]["Items"]
        assert {"Header": "x-amz-server-side-encryption-aws-kms-key-id"} in removed


def content_policy(name: str, **chosen: str) -> dict[str, str]:
    headers = policy(name, "ResponseHeadersPolicyConfig", **chosen)["SecurityHeadersConfig"]
    written = headers["ContentSecurityPolicy"]["ContentSecurityPolicy"]
    text = written["Fn::Sub"] if isinstance(written, dict) else written
    return dict(one.strip().split(" ", 1) for one in text.split(";"))


@shows("REQ-B3", how="static")
def test_pages_may_run_and_call_only_what_is_theirs() -> None:
    own = "'self' https://cognito-idp.us-east-1.${AWS::URLSuffix} https://${Uploads.RegionalDomainName}"
    expected = {
        "default-src": "'none'",
        "script-src": "'self'",
        "style-src": "'self'",
        "img-src": "'self'",
        "connect-src": own,
        "form-action": "'self'",
        "base-uri": "'none'",
        "frame-ancestors": "'none'",
    }
    assert content_policy("EdgePageHeaders") == expected
    fast = content_policy("EdgePageHeaders", UploadAcceleration="on")
    assert fast == {**expected, "connect-src": f"{own} https://${{Uploads}}.s3-accelerate.${{AWS::URLSuffix}}"}
    assert content_policy("EdgeAnswerHeaders") == {"default-src": "'none'", "frame-ancestors": "'none'"}


# --- only CloudFront reads the buckets


def statements(policy_name: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = deployed()[policy_name]["PolicyDocument"]["Statement"]
    return found


@shows("REQ-B8", how="static")
@pytest.mark.parametrize(("bucket", "objects"), [("Site", "*"), ("Media", "media/*")])
def test_only_this_distribution_reads_the_bucket(bucket: str, objects: str) -> None:
    tls, edge = statements(f"{bucket}Policy")
    assert (tls["Effect"], tls["Principal"], tls["Action"]) == ("Deny", "*", ["s3:*"])
    assert tls["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
    arn = "arn:${AWS::Partition}:cloudfront::${AWS::AccountId}:distribution/${Edge}"
    assert edge == {
        "Sid": "EdgeReads",
        "Effect": "Allow",
        "Action": ["s3:GetObject"],
        "Principal": {"Service": "cloudfront.amazonaws.com"},
        "Resource": [{"Fn::Sub": f"${{{bucket}.Arn}}/{objects}"}],
        "Condition": {"StringEquals": {"aws:SourceArn": {"Fn::Sub": arn}}},
    }
    access = deployed()["EdgeAccess"]["OriginAccessControlConfig"]
    assert (access["SigningBehavior"], access["SigningProtocol"]) == ("always", "sigv4")


@shows("REQ-B8", "REQ-B11", how="static")
def test_all_buckets_are_private_encrypted_versioned_and_stay() -> None:
    key = f"arn:aws:kms:us-east-1:{ACCOUNT}:key/1"
    for name in ("Site", "Media", "Uploads"):
        resource, bucket = TEMPLATE["Resources"][name], deployed()[name]
        assert (resource["DeletionPolicy"], resource["UpdateReplacePolicy"]) == ("RetainExceptOnCreate", "Retain")
        assert "Condition" not in resource
        assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}
        assert bucket["VersioningConfiguration"] == {"Status": "Enabled"}
        assert bucket["OwnershipControls"]["Rules"] == [{"ObjectOwnership": "BucketOwnerEnforced"}]
        [rule] = deployed(KmsKeyArn=key)[name]["BucketEncryption"]["ServerSideEncryptionConfiguration"]
        assert rule["ServerSideEncryptionByDefault"] == {"KMSMasterKeyID": key, "SSEAlgorithm": "aws:kms"}
        assert statements(f"{name}Policy")[0]["Sid"] == "TlsOnly"
    assert len(statements("UploadsPolicy")) == 1  # nobody at all is let in by it


@shows("REQ-B11", how="static")
def test_uploads_are_posted_and_what_was_rejected_goes() -> None:
    uploads = deployed()["Uploads"]
    [rule] = uploads["CorsConfiguration"]["CorsRules"]
    assert (rule["AllowedMethods"], rule["AllowedOrigins"]) == (["POST"], ["*"])
    [rule] = deployed(**DOMAIN)["Uploads"]["CorsConfiguration"]["CorsRules"]
    assert rule["AllowedOrigins"] == ["https://blog.example.com"]
    rules = {one["Id"]: one for one in uploads["LifecycleConfiguration"]["Rules"]}
    assert rules["Rejected"]["Prefix"] == "rejected/"
    assert rules["Rejected"]["ExpirationInDays"] == 30
    assert "AbortIncompleteMultipartUpload" in rules["IncompleteUploads"]
    for name in ("Site", "Media"):
        assert "CorsConfiguration" not in deployed()[name]


@shows("REQ-B11", how="static")
def test_uploads_are_accelerated_where_that_is_possible() -> None:
    def state(region: str = "us-east-1", **chosen: str) -> Any:
        return deployed(region, **chosen)["Uploads"].get("AccelerateConfiguration")

    assert state(UploadAcceleration="on") == {"AccelerationStatus": "Enabled"}
    assert state() == {"AccelerationStatus": "Suspended"}  # said, so that switching off works
    assert state("eu-north-1") is None  # S3 takes no word about it there
    assert refusals("eu-north-1") == []
    [told] = refusals("eu-north-1", UploadAcceleration="on")
    assert told == "S3 Transfer Acceleration is not in this region: leave UploadAcceleration at off."
    assert refusals("eu-west-1", UploadAcceleration="on") == []


@shows("REQ-B1", how="static")
def test_access_logs_are_written_where_they_can_be() -> None:
    assert "Logging" not in config()
    assert "EdgeLogFiles" not in deployed()
    on = deployed(EdgeLogs="on", LogRetentionDays="90")
    assert on["Edge"]["DistributionConfig"]["Logging"] == {
        "Bucket": {"Fn::GetAtt": ["EdgeLogFiles", "DomainName"]},
        "IncludeCookies": False,
        "Prefix": "edge/",
    }
    bucket = on["EdgeLogFiles"]
    assert bucket["OwnershipControls"]["Rules"] == [{"ObjectOwnership": "BucketOwnerPreferred"}]
    assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}
    [ended] = [one for one in bucket["LifecycleConfiguration"]["Rules"] if one["Id"] == "OldLogs"]
    assert ended["ExpirationInDays"] == "90"
    assert "Prefix" not in ended
    [told] = refusals("af-south-1", EdgeLogs="on")
    assert told.startswith("A bucket that CloudFront could write access logs into is not in this region")
    assert refusals("eu-north-1", EdgeLogs="on") == []


# --- the API answers only requests that came through the distribution


def methods() -> dict[str, dict[str, Any]]:
    return {n: r["Properties"] for n, r in TEMPLATE["Resources"].items() if r["Type"] == "AWS::ApiGateway::Method"}


@shows("REQ-B9", how="static")
def test_every_method_asks_for_the_key_and_authors_methods_for_a_token() -> None:
    who = {
        f"{m['HttpMethod']} {name}": (m["ApiKeyRequired"], m["AuthorizationType"])
        for name, m in sorted(methods().items())
    }
    assert all(keyed is True for keyed, _ in who.values())
    assert {name.split(" Api")[1] for name, (_, kind) in who.items() if kind == "COGNITO_USER_POOLS"} == {
        "PostPosts",
        "PutPostsSlug",
        "DeletePostsSlug",
        "DeletePostsSlugCommentsId",
        "PostUploads",
        "GetUploadsSha256",
    }
    assert {name.split(" Api")[1] for name, (_, kind) in who.items() if kind == "NONE"} == {
        "GetConfig",
        "GetPosts",
        "GetPostsSlug",
        "GetPostsSlugComments",
        "PostPostsSlugComments",
        "PostSubscriptions",
        "PostSubscriptionsConfirm",
        "PostSubscriptionsLeave",
    }
    for name, method in methods().items():
        assert ("AuthorizerId" in method) == (method["AuthorizationType"] != "NONE"), name
        assert "CacheKeyParameters" not in method["Integration"], name
    [plan] = [r["Properties"] for r in TEMPLATE["Resources"].values() if r["Type"] == "AWS::ApiGateway::UsagePlan"]
    assert plan["ApiStages"] == [{"ApiId": {"Ref": "Api"}, "Stage": {"Ref": "ApiStage"}}]
    text = json.dumps(methods()) + json.dumps(TEMPLATE["Resources"]["ApiRefused"])
    assert "Access-Control" not in text
    assert "OPTIONS" not in {m["HttpMethod"] for m in methods().values()}


@shows("REQ-B9", how="static")
def test_the_stage_is_throttled_traced_and_keeps_nothing() -> None:
    stage = deployed(ThrottleRate="7", ThrottleBurst="9")["ApiStage"]
    [all_methods] = stage["MethodSettings"]
    assert (all_methods["HttpMethod"], all_methods["ResourcePath"]) == ("*", "/*")
    assert (all_methods["ThrottlingRateLimit"], all_methods["ThrottlingBurstLimit"]) == ("7", "9")
    assert (all_methods["CachingEnabled"], stage["TracingEnabled"]) == (False, True)
    assert "CacheClusterSize" not in stage
    for parameter in ("AppOrigin", "ResponseCache", "ResponseCacheSeconds"):
        assert parameter not in TEMPLATE["Parameters"]


def key_parts(rotation: str) -> tuple[dict[str, Any], str, set[str]]:
    """What is there of keys, the number of the one that CloudFront sends, and of those that the API accepts."""
    there = deployed(OriginKeyRotation=rotation)
    [origin] = [one for one in there["Edge"]["DistributionConfig"]["Origins"] if one["Id"] == "Api"]
    [header] = origin["OriginCustomHeaders"]
    assert header["HeaderName"] == "x-api-key"
    sent = re.fullmatch(r"\{\{resolve:secretsmanager:\$\{OriginKey(\d)\}\}\}", header["HeaderValue"]["Fn::Sub"])
    assert sent
    keys = {name: one for name, one in there.items() if re.match(r"OriginKey\d", name)}
    accepted = set()
    for number in KEYS:
        if f"OriginKey{number}Accepted" in keys:
            value = {"Fn::Sub": f"{{{{resolve:secretsmanager:${{OriginKey{number}}}}}}}"}
            assert keys[f"OriginKey{number}Accepted"] == {
                "KeyId": {"Ref": f"OriginKey{number}Api"},
                "KeyType": "API_KEY",
                "UsagePlanId": {"Ref": "ApiPlan"},
            }
            assert keys[f"OriginKey{number}Api"] == {"Enabled": True, "Value": value}
            assert keys[f"OriginKey{number}"]["GenerateSecretString"]["PasswordLength"] >= 20
            accepted.add(number)
    assert len(keys) == 3 * len(accepted)
    # The distribution is made or changed after the key that it sends is accepted: it refers to that.
    tags = {one["Key"]: one["Value"] for one in there["Edge"]["Tags"]}
    assert tags["OriginKey"] == {"Ref": f"OriginKey{sent[1]}Accepted"}
    return keys, sent[1], accepted


@shows("REQ-B9", how="static")
def test_a_rotation_renews_one_key_and_keeps_the_one_before() -> None:
    for before, after in itertools.pairwise([*KEYS, "1", "2"]):
        old, old_sent, old_accepted = key_parts(before)
        new, new_sent, new_accepted = key_parts(after)
        assert (old_sent, new_sent) == (before, after)
        # Both keys that edges may send while the change rolls out are accepted.
        assert {old_sent, new_sent} == new_accepted
        # The new one is a new resource, so that CloudFormation reads it; the one before is as it was.
        assert new_sent not in old_accepted
        assert old_accepted & new_accepted == {old_sent}
        for name in old.keys() & new.keys():
            assert old[name] == new[name]
        assert {name for name in new if name not in old} == {
            f"OriginKey{after}{part}" for part in ("", "Api", "Accepted")
        }


@shows("REQ-B9", how="static")
def test_whatever_is_chosen_the_key_that_is_sent_is_accepted() -> None:
    for one in KEYS:
        _, sent, accepted = key_parts(one)
        assert sent == one
        assert sent in accepted
        assert len(accepted) == 2


@shows("REQ-B9", how="static")
@pytest.mark.parametrize(("before", "after"), list(itertools.permutations(KEYS, 2)))
def test_a_rotation_changes_the_distribution_in_place_and_no_key_that_stays(before: str, after: str) -> None:
    """By the diff of the two: any step, also one that goes back or leaves one out."""
    old, new = {"OriginKeyRotation": before}, {"OriginKeyRotation": after}
    found = diff(TEMPLATE, TEMPLATE, old_parameters=old, new_parameters=new, region="us-east-1")
    valid = [set(key_parts(one)[2]) for one in (before, after)]
    parts = ("", "Accepted", "Api")
    made = {f"OriginKey{number}{part}" for number in valid[1] - valid[0] for part in parts}
    gone = {f"OriginKey{number}{part}" for number in valid[0] - valid[1] for part in parts}
    assert {(change.name, change.action) for change in found.changes} == {
        *((name, "add") for name in made),
        *((name, "remove") for name in gone),
        ("Edge", "change"),
    }
    # What goes is no data, and CloudFormation removes it only when it cleans up, once the distribution has the new key.
    assert found.effect == Effect.REMOVAL
    [edge] = [change for change in found.changes if change.name == "Edge"]
    assert edge.effect == Effect.IN_PLACE


@shows("REQ-B9", how="static")
def test_the_key_is_in_no_parameter_output_variable_or_log() -> None:
    secrets = {n: r for n, r in TEMPLATE["Resources"].items() if r["Type"] == "AWS::SecretsManager::Secret"}
    assert secrets.keys() == {f"OriginKey{number}" for number in KEYS}
    assert all("Name" not in r["Properties"] for r in secrets.values())
    referring = {
        name
        for name, resource in TEMPLATE["Resources"].items()
        for node in walk(resource)
        if isinstance(node, str) and "resolve:" in node
    }
    assert referring == {"Edge", *(f"OriginKey{number}Api" for number in KEYS)}
    assert "OriginKey" not in json.dumps(TEMPLATE["Outputs"])
    log = deployed(AccessLogs="on")["ApiStage"]["AccessLogSetting"]["Format"]
    assert "apiKey" not in log
    functions = [
        r["Properties"]["Environment"]
        for r in TEMPLATE["Resources"].values()
        if "::Function" in r["Type"] and "Environment" in r["Properties"]
    ]
    assert len(functions) == 10
    assert "OriginKey" not in json.dumps(functions)


# --- names, watching, outputs


@shows("REQ-B1", how="static")
def test_names_are_of_this_stack_and_short_enough() -> None:
    id_part = "0" * 36
    limits = {"AWS::CloudFront::Function": 64, "AWS::CloudFront::OriginAccessControl": 64}
    found = []
    for name, resource in TEMPLATE["Resources"].items():
        if not resource["Type"].startswith("AWS::CloudFront::"):
            continue
        for node in walk(resource["Properties"]):
            if isinstance(node, dict) and "Name" in node and "Fn::Sub" in str(node["Name"]):
                text, own = node["Name"]["Fn::Sub"]
                assert own == {"Id": {"Fn::Select": [2, {"Fn::Split": ["/", {"Ref": "AWS::StackId"}]}]}}
                made = text.replace("${Id}", id_part)
                assert len(made) <= limits.get(resource["Type"], 128), name
                assert re.fullmatch(r"[A-Za-z0-9-]+", made)
                found.append(made)
    assert len(found) == len(set(found)) == 9


@shows("REQ-B4", how="static")
def test_the_edge_is_watched_from_the_stacks_own_region() -> None:
    there, off = deployed(EdgeMetrics="on"), deployed()
    for name, metric, comparison in (
        ("EdgeErrorsAlarm", "5xxErrorRate", "GreaterThanThreshold"),
        ("EdgeHitRateAlarm", "CacheHitRate", "LessThanThreshold"),
    ):
        alarm = there[name]
        assert (alarm["Namespace"], alarm["MetricName"]) == ("troposphere-arch/blog", metric)
        assert alarm["Dimensions"] == [{"Name": "Stack", "Value": {"Ref": "AWS::StackName"}}]
        assert (alarm["ComparisonOperator"], alarm["TreatMissingData"]) == (comparison, "notBreaching")
    assert "EdgeErrorsAlarm" in off
    assert not {"EdgeHitRateAlarm", "EdgeMonitoring"} & off.keys()
    assert there["EdgeMonitoring"]["DistributionId"] == {"Ref": "Edge"}
    variables = off["WatchEdge"]["Environment"]["Variables"]
    assert variables == {
        "EDGE_ID": {"Ref": "Edge"},
        "EDGE_METRICS_REGION": "us-east-1",
        "NAMESPACE": "troposphere-arch/blog",
        "STACK": {"Ref": "AWS::StackName"},
    }
    for resources, count in ((there, 3), (off, 2)):
        body = resources["Dashboard"]["DashboardBody"]["Fn::Sub"]
        widgets = json.loads(body if isinstance(body, str) else body[0])["widgets"]
        assert len([one for one in widgets if one["properties"]["title"].startswith("Edge:")]) == count


@shows("REQ-B1", how="static")
def test_outputs_say_what_a_user_needs_next() -> None:
    own, named = (evaluate.resolved(TEMPLATE, values(**chosen))["Outputs"] for chosen in ({}, DOMAIN))
    assert named["BlogUrl"]["Value"] == "https://blog.example.com"
    assert named["ApiUrl"]["Value"] == "https://blog.example.com/api"
    assert own["BlogUrl"]["Value"] == {"Fn::Sub": "https://${Edge.DomainName}"}
    assert own["ApiUrl"]["Value"] == {"Fn::Sub": "https://${Edge.DomainName}/api"}
    assert own["DirectApiUrl"]["Value"]["Fn::Sub"].startswith("https://${Api}.execute-api.us-east-1.")
    assert own.keys() >= {"EdgeId", "EdgeDomain", "SiteBucket", "MediaBucket", "UploadsBucket", "PublishSiteCommand"}
    assert not any("Export" in one for one in TEMPLATE["Outputs"].values())


@shows("REQ-D4", how="static")
def test_it_can_be_a_product_of_the_service_catalog() -> None:
    """With all that a launch of it needs, and a boundary that takes nothing from its roles."""
    release = Release("blog", "1.0.0", PATH.removeprefix("templates/"), "Blog.", TEMPLATE)
    catalogue = build([release])
    assert "BlogProduct" in catalogue.resources
    assert lint.lint({"service-catalog": render(catalogue)}) == []


# --- what a page may not draw


def nodes() -> tuple[Any, ...]:
    t = scenario_template("x", "1.0.0", "X.")
    users = cognito.invited_users(t, "Users")
    return (
        t,
        cloudfront.page_distribution(t, "Edge"),
        s3.site_bucket(t, "Site", holds="Pages."),
        users,
        apigateway.origin_api(t, "Api", users=users, stage="api"),
        secretsmanager.origin_key(t, "Key"),
    )


def test_wrong_arrows_say_what_is_wrong() -> None:
    t, edge, site, users, api, key = nodes()
    arrows.serves(edge, site)
    with pytest.raises(ValueError, match="Edge serves pages already"):
        arrows.serves(edge, site)
    with pytest.raises(ValueError, match=r"'media' is no path of Edge: write one such as /media/\*"):
        arrows.serves(edge, site, "media")
    arrows.serves(edge, site, "/a/*")
    with pytest.raises(ValueError, match=r"Edge has /a/\* already"):
        arrows.serves(edge, site, "/a/*")
    with pytest.raises(ValueError, match=r"Api has the stage api, so pass on /api/\*"):
        arrows.passes_on(edge, api, "/v1/*", key)
    open_api = apigateway.rest_api(t, "Open", users=users, stage="v1")
    with pytest.raises(ValueError, match="Open asks nobody for a key: make it with origin_api"):
        arrows.passes_on(edge, open_api, "/v1/*", key)
    function = awslambda.function(t, "ReadPosts", code="blog/read_posts.py")
    with pytest.raises(ValueError, match="Open asks for no key"):
        arrows.route(open_api, "GET /x", function, by="anybody")
    with pytest.raises(ValueError, match="write users, anybody or services"):
        arrows.route(api, "GET /x", function, by="authors")
    for draw in (
        lambda: arrows.serves(site, site),
        lambda: arrows.serves(edge, users),
        lambda: arrows.passes_on(edge, api, "/api/*", users),
        lambda: arrows.may_call(edge, site),
        lambda: arrows.visits(actor(t, "Reader"), api),
        lambda: arrows.watches(function, api),
        lambda: arrows.links_to(function, api),
    ):
        with pytest.raises(TypeError, match="belongs"):
            draw()
