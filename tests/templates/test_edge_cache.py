"""The edge alone, before a load balancer that somebody has, on the template's bytes.

What the emulator does not do (keep answers, TLS, compare policies) is proved here.
"""

from __future__ import annotations

import itertools
import json
import random
import re
from pathlib import Path
from typing import Any

import pytest

from tests.evidence import shows
from tests.templates.test_options import PSEUDO, named
from troposphere_arch import evaluate, scenarios

ROOT = Path(__file__).parents[2]
FILE = ROOT / f"templates/edge-cache/{scenarios.page('edge-cache').VERSION}/edge-cache.template.json"
TEMPLATE: dict[str, Any] = json.loads(FILE.read_text())
ACCOUNT = "123456789012"
YEAR = 31_536_000
ORIGIN = {"OriginDomainName": "origin.updates.example.com"}
LISTENER = f"arn:aws:elasticloadbalancing:us-east-1:{ACCOUNT}:listener/app/theirs/0123456789abcdef/0123456789abcdef"
TARGETS = f"arn:aws:elasticloadbalancing:us-east-1:{ACCOUNT}:targetgroup/theirs/0123456789abcdef"
RULED = {"ListenerArn": LISTENER, "TargetGroupArn": TARGETS}
SECRET = f"arn:aws:secretsmanager:us-east-1:{ACCOUNT}:secret:theirs-AbCdEf"
DOMAIN = {
    "DomainName": "updates.example.com",
    "DomainCertificateArn": f"arn:aws:acm:us-east-1:{ACCOUNT}:certificate/1",
}
OPTIONS: dict[str, dict[str, str]] = {
    "AlarmTopic": {"AlarmTopicArn": f"arn:aws:sns:us-east-1:{ACCOUNT}:alarms"},
    "Boundary": {"PermissionsBoundaryArn": f"arn:aws:iam::{ACCOUNT}:policy/boundary"},
    "Domain": DOMAIN,
    "EdgeLogs": {"EdgeLogs": "on"},
    "EdgeMetrics": {"EdgeMetrics": "on"},
    "Enforced": {**RULED, "EdgeCache": "enforced"},
    "Host": {"ForwardHost": "on"},
    "Listener": RULED,
    "Path": {"ImmutablePath2": "/*.zip"},
    "Plain": {"OriginProtocol": "http"},
    "Rotated": {"OriginKeyRotation": "3"},
    "Secret": {"OriginHeaderSecretArn": SECRET},
    "Shield": {"OriginShield": "eu-west-1"},
    "WebAcl": {"WebAclArn": f"arn:aws:wafv2:us-east-1:{ACCOUNT}:global/webacl/acl/1"},
    "Zone": {**DOMAIN, "HostedZoneId": "Z0123456789"},
}


def values(region: str = "us-east-1", **chosen: str) -> dict[str, Any]:
    return evaluate.parameters_of(TEMPLATE, {**ORIGIN, **chosen}, region=region)


def deployed(**chosen: str) -> dict[str, dict[str, Any]]:
    """The resources that are there for these parameters, and their properties."""
    resources = evaluate.resolved(TEMPLATE, values(**chosen))["Resources"]
    return {name: one.get("Properties", {}) for name, one in resources.items()}


def refusals(region: str = "us-east-1", **chosen: str) -> list[str]:
    return evaluate.refusals(TEMPLATE, values(region, **chosen))


def config(**chosen: str) -> dict[str, Any]:
    found: dict[str, Any] = deployed(**chosen)["Edge"]["DistributionConfig"]
    return found


def origin(**chosen: str) -> dict[str, Any]:
    [found] = config(**chosen)["Origins"]
    assert isinstance(found, dict)
    return found


def behaviours(**chosen: str) -> dict[str, dict[str, Any]]:
    whole = config(**chosen)
    return {"*": whole["DefaultCacheBehavior"], **{one["PathPattern"]: one for one in whole["CacheBehaviors"]}}


@shows("REQ-U6", "REQ-D5", how="static")
def test_it_fits_into_a_request() -> None:
    """So that create-stack --template-body file://... works.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html
    """
    assert FILE.stat().st_size < 51_200


@shows("REQ-U6", how="static")
def test_of_the_load_balancer_nothing_changes_until_its_listener_is_given() -> None:
    theirs = {r["Type"] for r in TEMPLATE["Resources"].values() if "ElasticLoadBalancing" in r["Type"]}
    assert theirs == {"AWS::ElasticLoadBalancingV2::ListenerRule"}
    assert not [name for name in deployed() if name.startswith(("Balancer", "OriginKey"))]
    assert "OriginCustomHeaders" not in origin()
    assert {"BalancerKeys", "OriginKey1", "OriginKey4"} <= deployed(**RULED).keys()
    assert "BalancerRefusal" not in deployed(**RULED)
    assert "BalancerRefusal" in deployed(**RULED, EdgeCache="enforced")


@shows("REQ-U5", "REQ-U7", "REQ-U8", how="static")
def test_what_never_changes_is_kept_for_a_year_and_the_manifest_for_seconds() -> None:
    found = behaviours(ImmutablePath="/files/*", ImmutablePath2="/*.zip", ManifestPath="/newest", ManifestSeconds="7")
    assert list(found) == ["*", "/newest", "/files/*", "/*.zip"], "the manifest comes first, wherever it is"
    there = deployed(ManifestSeconds="7")

    def seconds(path: str) -> tuple[str, str, str]:
        policy = there[found[path]["CachePolicyId"]["Ref"]]["CachePolicyConfig"]
        return tuple(str(policy[name]) for name in ("MinTTL", "DefaultTTL", "MaxTTL"))  # type: ignore[return-value]

    assert seconds("/files/*") == seconds("/*.zip") == (str(YEAR),) * 3
    # What is expired is given in place of an error, but not longer than MaxTTL: so that is not seven seconds.
    assert seconds("/newest") == ("7", "7", "86400")
    assert seconds("*") == ("0", "0", str(YEAR)), "as long as the origin says"
    for path, one in found.items():
        assert one["AllowedMethods"] == one["CachedMethods"] == ["GET", "HEAD"], path
        assert one["Compress"] is False, path
        assert one["ViewerProtocolPolicy"] == "redirect-to-https", path
        key = there[one["CachePolicyId"]["Ref"]]["CachePolicyConfig"]["ParametersInCacheKeyAndForwardedToOrigin"]
        assert (key["EnableAcceptEncodingBrotli"], key["EnableAcceptEncodingGzip"]) == (False, False), path
        assert key["CookiesConfig"] == {"CookieBehavior": "none"}, path
        assert key["HeadersConfig"] == {"HeaderBehavior": "none"}, path
        assert key["QueryStringsConfig"] == {"QueryStringBehavior": "all" if path == "*" else "none"}, path


@shows("REQ-U11", how="static")
def test_no_error_is_kept_for_long_and_nobody_waits_for_long() -> None:
    errors = {one["ErrorCode"]: one["ErrorCachingMinTTL"] for one in config()["CustomErrorResponses"]}
    assert errors.keys() >= {403, 404, 500, 502, 503, 504}
    assert set(errors.values()) == {5}
    assert origin()["ConnectionAttempts"] * origin()["ConnectionTimeout"] == 10
    assert origin()["ConnectionAttempts"] * origin()["CustomOriginConfig"]["OriginReadTimeout"] == 20


@shows("REQ-U5", how="static")
def test_security_headers_are_on_everything_and_pages_of_theirs_are_left_alone() -> None:
    found = behaviours()
    assert found["/latest.json"]["ResponseHeadersPolicyId"] == {"Ref": "EdgeFileHeaders"}
    assert found["/releases/*"]["ResponseHeadersPolicyId"] == {"Ref": "EdgeFileHeaders"}
    said = deployed()["EdgeFileHeaders"]["ResponseHeadersPolicyConfig"]["SecurityHeadersConfig"]
    assert said["ContentTypeOptions"] == {"Override": True}
    assert said["ContentSecurityPolicy"]["ContentSecurityPolicy"].startswith("default-src 'none'")
    assert said["StrictTransportSecurity"]["AccessControlMaxAgeSec"] == YEAR
    # AWS's SecurityHeadersPolicy, which overrides nothing that an origin says but nosniff.
    assert found["*"]["ResponseHeadersPolicyId"] == "67f7725c-6f97-4210-82d7-5512b31e9d03"


@shows("REQ-U7", how="static")
def test_an_origin_shield_where_wanted() -> None:
    assert origin()["OriginShield"] == {"Enabled": False}
    assert origin(OriginShield="eu-west-1")["OriginShield"] == {"Enabled": True, "OriginShieldRegion": "eu-west-1"}


@shows("REQ-U13", how="static")
def test_who_has_one_of_two_keys_is_let_in_and_once_enforced_nobody_else() -> None:
    for number, before in (("1", "4"), ("2", "1"), ("3", "2"), ("4", "3")):
        there = deployed(**RULED, EdgeCache="enforced", OriginKeyRotation=number)
        assert {name for name in there if name.startswith("OriginKey")} == {f"OriginKey{number}", f"OriginKey{before}"}
        keys, refusal = there["BalancerKeys"], there["BalancerRefusal"]
        assert keys["ListenerArn"] == refusal["ListenerArn"] == LISTENER
        [condition] = keys["Conditions"]
        assert condition["Field"] == "http-header"
        assert condition["HttpHeaderConfig"]["HttpHeaderName"] == "x-origin-key"
        accepted = {json.dumps(one) for one in condition["HttpHeaderConfig"]["Values"]}
        assert accepted == {json.dumps(_resolved(n)) for n in (number, before)}
        assert keys["Actions"] == [{"TargetGroupArn": TARGETS, "Type": "forward"}]
        [sent] = origin(**RULED, EdgeCache="enforced", OriginKeyRotation=number)["OriginCustomHeaders"]
        assert sent == {"HeaderName": "x-origin-key", "HeaderValue": _resolved(number)}
        assert refusal["Conditions"] == [{"Field": "path-pattern", "PathPatternConfig": {"Values": ["*"]}}]
        [answer] = refusal["Actions"]
        assert (answer["Type"], answer["FixedResponseConfig"]["StatusCode"]) == ("fixed-response", "403")
        assert int(keys["Priority"]) < int(refusal["Priority"])
    # The key is accepted before it is sent, and who has it is let in before others are refused.
    assert deployed(**RULED)["Edge"]["Tags"] == [{"Key": "OriginKey", "Value": {"Ref": "BalancerKeys"}}]
    assert TEMPLATE["Resources"]["BalancerRefusal"]["DependsOn"] == ["BalancerKeys", "Edge"]


def _resolved(number: str) -> dict[str, str]:
    return {"Fn::Sub": f"{{{{resolve:secretsmanager:${{OriginKey{number}}}}}}}"}


@shows("REQ-U13", how="static")
def test_a_header_that_is_checked_already_is_sent_from_its_secret() -> None:
    chosen = {"OriginHeaderName": "X-Their-Header", "OriginHeaderSecretArn": SECRET}
    assert origin(**chosen)["OriginCustomHeaders"] == [
        {"HeaderName": "X-Their-Header", "HeaderValue": f"{{{{resolve:secretsmanager:{SECRET}}}}}"}
    ]
    assert not [name for name in deployed(**chosen) if name.startswith(("Balancer", "OriginKey"))]


@shows("REQ-U5", how="static")
def test_how_the_load_balancer_is_asked() -> None:
    assert origin()["DomainName"] == ORIGIN["OriginDomainName"]
    assert origin()["CustomOriginConfig"]["OriginProtocolPolicy"] == "https-only"
    assert origin()["CustomOriginConfig"]["OriginSSLProtocols"] == ["TLSv1.2"]
    assert origin(OriginProtocol="http")["CustomOriginConfig"]["OriginProtocolPolicy"] == "http-only"
    for name in ("EdgeReleaseCache", "EdgeManifestCache", "EdgeOtherCache"):
        key = deployed(ForwardHost="on")[name]["CachePolicyConfig"]["ParametersInCacheKeyAndForwardedToOrigin"]
        assert key["HeadersConfig"] == {"HeaderBehavior": "whitelist", "Headers": ["Host"]}, name


@pytest.mark.parametrize(
    ("chosen", "told"),
    [
        ({"EdgeCache": "enforced"}, "EdgeCache enforced needs ListenerArn"),
        ({**RULED, "OriginProtocol": "http"}, "need OriginProtocol https"),
        ({"OriginHeaderSecretArn": SECRET, "OriginProtocol": "http"}, "need OriginProtocol https"),
        ({**RULED, "OriginHeaderSecretArn": SECRET}, "leave one of the two at none"),
        ({"ListenerArn": LISTENER}, "ListenerArn needs TargetGroupArn"),
        ({"TargetGroupArn": TARGETS}, "TargetGroupArn needs ListenerArn"),
        ({"DomainName": "updates.example.com"}, "DomainName needs DomainCertificateArn"),
        ({"HostedZoneId": "Z0123456789"}, "HostedZoneId needs DomainName"),
        ({**DOMAIN, "OriginDomainName": DOMAIN["DomainName"]}, "the edge would ask itself"),
        ({"ImmutablePath2": "/releases/*"}, "ImmutablePath2 is ImmutablePath"),
        ({"KeyRulePriority": "5", "RefusalRulePriority": "5"}, "must be more than KeyRulePriority"),
    ],
    ids=lambda value: value.split()[0] if isinstance(value, str) else "-".join(value),
)
@shows("REQ-U13", how="static")
def test_what_cannot_work_is_refused_in_plain_words(chosen: dict[str, str], told: str) -> None:
    assert any(told in one for one in refusals(**chosen)), refusals(**chosen)


@pytest.mark.parametrize("region", ["us-gov-west-1", "cn-north-1"])
def test_regions_without_it_are_refused(region: str) -> None:
    assert any("CloudFront" in one for one in refusals(region))


@pytest.mark.parametrize(
    ("name", "bad"),
    [
        ("OriginDomainName", "https://origin.example.com"),
        ("OriginDomainName", "Origin.example.com/"),
        ("ImmutablePath", "releases/*"),
        ("ImmutablePath", "/releases"),
        ("ManifestPath", "/*"),
        ("ListenerArn", LISTENER.replace("/app/", "/net/")),
        ("OriginHeaderName", "Authorization"),
        ("OriginHeaderName", "x-key: 1"),
        ("OriginShield", "eu-north-1"),
    ],
)
def test_a_value_that_is_none_is_told_by_the_parameter_itself(name: str, bad: str) -> None:
    said = TEMPLATE["Parameters"][name]
    assert bad not in said.get("AllowedValues", [])
    assert "AllowedValues" in said or not re.search(said["AllowedPattern"], bad)
    assert name in said["ConstraintDescription"]


def combinations() -> list[frozenset[str]]:
    names = sorted(OPTIONS)
    dice = random.Random(20_262)  # noqa: S311  # no secret
    some = [frozenset(name for name in names if dice.random() < 0.5) for _ in range(60)]
    pairs = [frozenset(pair) for n in (0, 1, 2) for pair in itertools.combinations(names, n)]
    return list(dict.fromkeys([*pairs, *(frozenset(names) - pair for pair in pairs), *some]))


@shows("REQ-U6", "REQ-U13", how="static")
def test_nothing_dangles_in_any_combination_that_is_not_refused() -> None:
    looked_at = 0
    for on in combinations():
        chosen: dict[str, str] = {}
        for option in sorted(on):
            chosen |= OPTIONS[option]
        if refusals(**chosen):
            continue
        looked_at += 1
        whole = evaluate.resolved(TEMPLATE, values(**chosen))
        there = whole["Resources"].keys() | PSEUDO
        for section in ("Resources", "Outputs"):
            for name, one in whole[section].items():
                assert named(one) <= there, (sorted(on), name, named(one) - there)
        for name, resource in whole["Resources"].items():
            waits = resource.get("DependsOn", [])
            assert {waits} if isinstance(waits, str) else set(waits) <= there, (sorted(on), name)
        text = json.dumps({n: r for n, r in whole["Resources"].items() if n != "WatchEdge"})
        for option, mark in {
            "AlarmTopic": ":alarms",
            "Boundary": "policy/boundary",
            "EdgeLogs": "BucketOwnerPreferred",
            "EdgeMetrics": "AWS::CloudFront::MonitoringSubscription",
            "Path": "/*.zip",
            "Shield": "OriginShieldRegion",
            "WebAcl": "webacl",
            "Zone": "AWS::Route53::RecordSet",
        }.items():
            assert (mark in text) == (option in on), (sorted(on), option)
    assert looked_at > 100
