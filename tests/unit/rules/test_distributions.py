from __future__ import annotations

import copy
from typing import Any

import pytest

from . import changed, found, good, only

RULE = "E9021"
NO_VALUE = {"Ref": "AWS::NoValue"}
KEY = ("ParametersInCacheKeyAndForwardedToOrigin", "HeadersConfig")


def template() -> Any:
    """The good template with a distribution before its bucket and its API."""
    whole = good()
    seen = {"ViewerProtocolPolicy": "redirect-to-https", "ResponseHeadersPolicyId": {"Ref": "Headers"}}
    config = {
        "Enabled": True,
        "ViewerCertificate": {
            "Fn::If": [
                "StorageOn",
                {"AcmCertificateArn": {"Ref": "Storage"}, "MinimumProtocolVersion": "TLSv1.2_2021"},
                {"CloudFrontDefaultCertificate": True},
            ]
        },
        "CustomErrorResponses": [{"ErrorCode": 404, "ErrorCachingMinTTL": 5}],
        "DefaultCacheBehavior": {"TargetOriginId": "files", "CachePolicyId": {"Ref": "Pages"}, **seen},
        "CacheBehaviors": [
            {"PathPattern": "/api/*", "TargetOriginId": "api", "CachePolicyId": {"Ref": "Answers"}, **seen}
        ],
        "Origins": [
            {
                "Id": "files",
                "DomainName": {"Fn::GetAtt": ["Files", "RegionalDomainName"]},
                "OriginAccessControlId": {"Fn::GetAtt": ["Access", "Id"]},
                "S3OriginConfig": {},
            },
            {
                "Id": "api",
                "DomainName": {"Fn::Sub": "${Api}.execute-api.${AWS::Region}.${AWS::URLSuffix}"},
                "CustomOriginConfig": {"OriginProtocolPolicy": "https-only"},
                "OriginCustomHeaders": [
                    {"HeaderName": "x-api-key", "HeaderValue": {"Fn::Sub": "{{resolve:secretsmanager:${Secret}}}"}}
                ],
            },
        ],
    }
    by_token = {"HeaderBehavior": "whitelist", "Headers": ["Authorization"]}
    whole["Resources"] |= {
        "Edge": {"Type": "AWS::CloudFront::Distribution", "Properties": {"DistributionConfig": config}},
        "Pages": cache({"HeaderBehavior": "none"}),
        "Answers": cache(by_token),
    }
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "cloudfront.amazonaws.com"},
        "Action": "s3:GetObject",
        "Resource": {"Fn::Sub": "${Files.Arn}/*"},
        "Condition": {
            "StringEquals": {
                "aws:SourceArn": {"Fn::Sub": "arn:${AWS::Partition}:cloudfront::${AWS::AccountId}:distribution/${Edge}"}
            }
        },
    }
    whole["Resources"]["FilesPolicy"]["Properties"]["PolicyDocument"]["Statement"].append(statement)
    return whole


def cache(headers: dict[str, Any]) -> dict[str, Any]:
    config = {"Name": "x", "MaxTTL": 60, KEY[0]: {KEY[1]: headers}}
    return {"Type": "AWS::CloudFront::CachePolicy", "Properties": {"CachePolicyConfig": config}}


CONFIG = "Resources/Edge/Properties/DistributionConfig"
POLICY = "Resources/FilesPolicy/Properties/PolicyDocument/Statement"


def at(path: str, value: Any) -> Any:
    return changed(f"{CONFIG}/{path}", copy.deepcopy(value), template=template())


def test_a_closed_distribution_passes() -> None:
    assert found(RULE, template()) == []
    assert found(RULE, good()) == []


@pytest.mark.parametrize(
    ("path", "value", "says"),
    [
        ("ViewerCertificate/Fn::If/1/MinimumProtocolVersion", "TLSv1.1_2016", "takes readers by TLSv1.1_2016"),
        ("ViewerCertificate/Fn::If/1/MinimumProtocolVersion", None, "takes readers by None"),
        ("DefaultCacheBehavior/ViewerProtocolPolicy", "allow-all", "answers all other paths by allow-all"),
        (
            "CacheBehaviors/0/ViewerProtocolPolicy",
            {"Fn::If": ["StorageOn", "allow-all", "https-only"]},
            "answers /api/*",
        ),
        ("CacheBehaviors/0/ResponseHeadersPolicyId", None, "adds no security headers on /api/*"),
        ("DefaultCacheBehavior/ResponseHeadersPolicyId", NO_VALUE, "adds no security headers on all other paths"),
        ("DefaultCacheBehavior/ForwardedValues", {"QueryString": False}, "has ForwardedValues"),
        ("CustomErrorResponses/0/ErrorCachingMinTTL", 300, "keeps an error 404 for 300"),
        ("CustomErrorResponses/0/ErrorCachingMinTTL", None, "keeps an error 404 for None"),
        ("Origins/0/OriginAccessControlId", None, "asks the bucket files unsigned"),
        ("Origins/1/CustomOriginConfig/OriginProtocolPolicy", "match-viewer", "asks api by match-viewer"),
        ("Origins/1/OriginCustomHeaders/0/HeaderValue", "0123456789", "tells api who asks"),
        ("Origins/1/OriginCustomHeaders/0/HeaderValue", {"Ref": "Storage"}, "tells api who asks"),
        ("CacheBehaviors/0/CachePolicyId", {"Ref": "Pages"}, "may give one user on /api/* what is another's"),
        (
            "CacheBehaviors/0/CachePolicyId",
            {"Fn::If": ["StorageOn", {"Ref": "Pages"}, {"Ref": "Answers"}]},
            "may give one user",
        ),
    ],
)
def test_what_is_open(path: str, value: Any, says: str) -> None:
    message = only(RULE, at(path, value))
    assert f"Edge {says}" in message


def test_a_bucket_by_its_address_is_one_too() -> None:
    outside = {"Id": "other", "DomainName": "other.s3.eu-west-1.amazonaws.com", "S3OriginConfig": {}}
    assert "asks the bucket other unsigned" in only(RULE, at("Origins/2", outside))


@pytest.mark.parametrize("spelled", ["authorization", "Authorization"])
def test_what_keeps_users_apart(spelled: str) -> None:
    headers = f"Resources/Pages/Properties/CachePolicyConfig/{KEY[0]}/{KEY[1]}"
    both = at("CacheBehaviors/0/CachePolicyId", {"Ref": "Pages"})
    assert found(RULE, changed(headers, {"Headers": [spelled]}, template=both)) == []
    # So does a cache that keeps nothing, and an API without tokens needs neither.
    nothing = at("CacheBehaviors/0/CachePolicyId", {"Ref": "Pages"})
    assert found(RULE, changed("Resources/Pages/Properties/CachePolicyConfig/MaxTTL", 0, template=nothing)) == []
    anybody = at("CacheBehaviors/0/CachePolicyId", {"Ref": "Pages"})
    assert found(RULE, changed("Resources/GetTodo/Properties/AuthorizationType", "NONE", template=anybody)) == []


@pytest.mark.parametrize(
    "condition",
    [
        {},
        {"StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}},
        {"StringLike": {"aws:SourceArn": {"Fn::Sub": "arn:${AWS::Partition}:cloudfront::1:distribution/${Edge}"}}},
        {"StringEquals": {"aws:SourceArn": {"Fn::Sub": "arn:${AWS::Partition}:cloudfront::${AWS::AccountId}:*"}}},
        {"StringEquals": {"aws:SourceArn": {"Ref": "Storage"}}},
    ],
)
def test_a_bucket_that_any_distribution_may_read(condition: Any) -> None:
    message = only(RULE, changed(f"{POLICY}/1/Condition", condition, template=template()))
    assert "FilesPolicy lets in every distribution of anybody; bind aws:SourceArn to Edge" in message


@pytest.mark.parametrize("config", [None, 1, [], {"Origins": 1, "DefaultCacheBehavior": [], "CacheBehaviors": "x"}])
def test_shapes_that_are_none(config: Any) -> None:
    edge = {"Type": "AWS::CloudFront::Distribution", "Properties": {"DistributionConfig": config}}
    assert found(RULE, {"Resources": {"Edge": edge}}) == []
