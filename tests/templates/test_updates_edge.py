"""The edge before the fleet, on the template's bytes: what each step changes, and what it leaves alone.

What the emulator does not do (keep answers, networks, TLS) is proved here.
"""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

import pytest

from tests.evidence import shows
from troposphere_arch import evaluate, scenarios

ROOT = Path(__file__).parents[2]
VERSION = scenarios.page("software-updates").VERSION
FILE = ROOT / f"templates/software-updates/{VERSION}/software-updates.template.json"
TEMPLATE: dict[str, Any] = json.loads(FILE.read_text())
ACCOUNT = "123456789012"
YEAR = 31_536_000
SECURE = {
    "OriginDomainName": "origin.updates.example.com",
    "OriginCertificateArn": f"arn:aws:acm:us-east-1:{ACCOUNT}:certificate/2",
}
DOMAIN = {
    "DomainName": "updates.example.com",
    "DomainCertificateArn": f"arn:aws:acm:us-east-1:{ACCOUNT}:certificate/1",
}
ZONE = {"HostedZoneId": "Z0123456789"}
INTERNAL = {"BalancerScheme": "internal", "DomainTarget": "edge"}
PREFIXES = {"CloudFrontPrefixListId": "pl-0123456789abcdef0"}
RULES = ("BalancerKeys", "BalancerRefusal", "BalancerHttpName")
# What a step of EdgeCache may add or take away, and the few things that it may change.
OF_EDGE = ("Edge", "OriginKey", "WatchEdge", "DomainRecordV6", *RULES)


def values(region: str = "us-east-1", **chosen: str) -> dict[str, Any]:
    return evaluate.parameters_of(TEMPLATE, chosen, region=region)


def deployed(**chosen: str) -> dict[str, dict[str, Any]]:
    """The resources that are there for these parameters, and their properties."""
    resources = evaluate.resolved(TEMPLATE, values(**chosen))["Resources"]
    return {name: one.get("Properties", {}) for name, one in resources.items()}


def refusals(region: str = "us-east-1", **chosen: str) -> list[str]:
    return evaluate.refusals(TEMPLATE, values(region, **chosen))


def origin(**chosen: str) -> dict[str, Any]:
    [found] = deployed(**chosen)["Edge"]["DistributionConfig"]["Origins"]
    assert isinstance(found, dict)
    return found


def ingress(**chosen: str) -> list[tuple[Any, ...]]:
    """Who may open connections to the load balancer, at which port."""
    rules = deployed(**chosen)["BalancerGroup"]["SecurityGroupIngress"]
    return [(one.get("CidrIp") or one["SourcePrefixListId"], one["FromPort"], one["ToPort"]) for one in rules]


def changed(one: dict[str, Any], other: dict[str, Any]) -> set[str]:
    return {name for name in one.keys() & other.keys() if one[name] != other[name]}


@shows("REQ-U5", "REQ-U6", how="static")
@pytest.mark.parametrize("more", [{}, SECURE, {**SECURE, **DOMAIN, **ZONE}], ids=["plain", "https", "names"])
def test_the_edge_is_a_layer_of_its_own(more: dict[str, str]) -> None:
    """From one step to the next nothing of what is behind the edge is another, but for who is answered."""
    steps = [{"EdgeCache": "off"}, {"EdgeCache": "on"}, {"EdgeCache": "on", "DomainTarget": "edge"}]
    if more:
        steps.append({"EdgeCache": "enforced", "DomainTarget": "edge"})
    for one, other in itertools.pairwise(steps):
        assert not refusals(**more, **one)
        assert not refusals(**more, **other)
        before, after = deployed(**more, **one), deployed(**more, **other)
        came_or_went = before.keys() ^ after.keys()
        assert all(name.startswith(OF_EDGE) for name in came_or_went), came_or_went
        told = changed(before, after) - {"Dashboard"}
        assert told <= {"DomainRecord"}, told


@shows("REQ-U7", "REQ-U8", "REQ-U11", how="static")
def test_releases_are_kept_for_a_year_and_the_manifest_for_seconds() -> None:
    there = deployed(EdgeCache="on")
    whole = there["Edge"]["DistributionConfig"]
    behaviours = {"*": whole["DefaultCacheBehavior"], **{one["PathPattern"]: one for one in whole["CacheBehaviors"]}}
    assert behaviours.keys() == {"*", "/latest.json", "/releases/*"}
    kept = {
        path: tuple(
            str(there[one["CachePolicyId"]["Ref"]]["CachePolicyConfig"][name])
            for name in ("MinTTL", "DefaultTTL", "MaxTTL")
        )
        for path, one in behaviours.items()
    }
    assert kept == {
        # All else is an error, or whether a server is well: that is asked by nobody every time.
        "*": ("5", "5", str(YEAR)),
        "/latest.json": ("5", "5", "86400"),
        "/releases/*": (str(YEAR),) * 3,
    }
    for path, one in behaviours.items():
        assert one["AllowedMethods"] == ["GET", "HEAD"], path
        assert one["Compress"] is False, path
        assert one["ViewerProtocolPolicy"] == "redirect-to-https", path
        assert one["ResponseHeadersPolicyId"] == {"Ref": "EdgeFileHeaders"}, path
        key = there[one["CachePolicyId"]["Ref"]]["CachePolicyConfig"]["ParametersInCacheKeyAndForwardedToOrigin"]
        assert key["HeadersConfig"] == {"HeaderBehavior": "none"}, path
        assert key["CookiesConfig"] == {"CookieBehavior": "none"}, path
        assert key["QueryStringsConfig"] == {"QueryStringBehavior": "none"}, path
    errors = {one["ErrorCode"]: one["ErrorCachingMinTTL"] for one in whole["CustomErrorResponses"]}
    # All that CloudFront keeps; without its 5 s it would keep one for 10.
    assert errors.keys() == {400, 403, 404, 405, 414, 500, 501, 502, 503, 504}
    assert set(errors.values()) == {5}
    assert (origin(EdgeCache="on")["ConnectionAttempts"], origin(EdgeCache="on")["ConnectionTimeout"]) == (2, 5)
    assert origin(EdgeCache="on")["OriginShield"] == {"Enabled": False}
    assert origin(EdgeCache="on", OriginShield="eu-west-1")["OriginShield"]["OriginShieldRegion"] == "eu-west-1"


@shows("REQ-U13", how="static")
def test_a_key_travels_only_encrypted() -> None:
    plain = origin(EdgeCache="on")
    assert plain["CustomOriginConfig"]["OriginProtocolPolicy"] == "http-only"
    assert plain["CustomOriginConfig"]["OriginReadTimeout"] == 10
    assert "OriginCustomHeaders" not in plain
    assert not [name for name in deployed(EdgeCache="on") if name.startswith(("OriginKey", "BalancerKeys"))]
    secure = origin(EdgeCache="on", **SECURE)
    assert secure["CustomOriginConfig"]["OriginProtocolPolicy"] == "https-only"
    assert secure["CustomOriginConfig"]["OriginSSLProtocols"] == ["TLSv1.2"]
    assert secure["DomainName"] == SECURE["OriginDomainName"], "its own name has no certificate"
    [header] = secure["OriginCustomHeaders"]
    assert header["HeaderName"] == "x-origin-key"
    assert header["HeaderValue"] == {"Fn::Sub": "{{resolve:secretsmanager:${OriginKey1}}}"}


@shows("REQ-U13", how="static")
@pytest.mark.parametrize(("number", "before"), [("1", "4"), ("2", "1"), ("3", "2"), ("4", "3")])
def test_two_keys_are_accepted_at_any_time_and_enforced_means_no_one_else(number: str, before: str) -> None:
    there = deployed(EdgeCache="enforced", OriginKeyRotation=number, **SECURE)
    keys = {n: one for n, one in there.items() if n.startswith("OriginKey")}
    assert keys.keys() == {f"OriginKey{number}", f"OriginKey{before}"}
    for key in keys.values():
        # In the value of a rule * and ? stand for anything: with one of them other keys would do as well.
        assert key["GenerateSecretString"] == {"ExcludePunctuation": True, "PasswordLength": 64}
    rule = there["BalancerKeys"]
    [condition] = rule["Conditions"]
    assert condition["HttpHeaderConfig"]["HttpHeaderName"] == "x-origin-key"
    resolved = [{"Fn::Sub": f"{{{{resolve:secretsmanager:${{OriginKey{n}}}}}}}"} for n in sorted((number, before))]
    assert sorted(condition["HttpHeaderConfig"]["Values"], key=str) == resolved
    assert (rule["ListenerArn"], rule["Priority"]) == ({"Ref": "BalancerHttps"}, 1)
    assert rule["Actions"] == [{"TargetGroupArn": {"Ref": "BalancerTargets"}, "Type": "forward"}]
    refusal = there["BalancerRefusal"]
    [answer] = refusal["Actions"]
    assert (answer["Type"], answer["FixedResponseConfig"]["StatusCode"]) == ("fixed-response", "403")
    assert refusal["Conditions"] == [{"Field": "path-pattern", "PathPatternConfig": {"Values": ["*"]}}]
    assert (refusal["ListenerArn"], refusal["Priority"]) == ({"Ref": "BalancerHttps"}, 2)
    # Nobody is refused before the edge sends what is accepted.
    assert TEMPLATE["Resources"]["BalancerRefusal"]["DependsOn"] == ["BalancerKeys", "Edge"]
    # The key is sent only once the rule accepts it.
    assert there["Edge"]["Tags"] == [{"Key": "OriginKey", "Value": {"Ref": "BalancerKeys"}}]
    assert "BalancerRefusal" not in deployed(EdgeCache="on", OriginKeyRotation=number, **SECURE)
    # What is redirected goes to where it is refused.
    [http] = there["BalancerHttp"]["DefaultActions"]
    assert http["Type"] == "redirect"


@shows("REQ-U13", how="static")
def test_once_enforced_the_port_is_open_to_cloudfronts_addresses_only() -> None:
    anybody = "0.0.0.0/0"
    assert ingress(**SECURE, **PREFIXES) == [(anybody, 80, 80), (anybody, 443, 443)]
    assert ingress(EdgeCache="on", **SECURE, **PREFIXES) == [(anybody, 80, 80), (anybody, 443, 443)]
    # One port: the list counts as 55 rules of the 60 that a group may have.
    assert ingress(EdgeCache="enforced", **SECURE, **PREFIXES) == [(PREFIXES["CloudFrontPrefixListId"], 443, 443)]
    assert ingress(EdgeCache="enforced", **SECURE) == [(anybody, 80, 80), (anybody, 443, 443)]
    inside = {"EdgeCache": "enforced", **INTERNAL}
    assert ingress(**inside, **PREFIXES) == [(PREFIXES["CloudFrontPrefixListId"], 80, 80)]


@shows("REQ-U13", how="static")
def test_a_load_balancer_without_a_public_address_is_reached_in_its_vpc() -> None:
    for more, protocol, name in (
        ({}, "http-only", {"Fn::GetAtt": ["Balancer", "DNSName"]}),
        (SECURE, "https-only", SECURE["OriginDomainName"]),
    ):
        there = deployed(EdgeCache="on", **INTERNAL, **more)
        asked = origin(EdgeCache="on", **INTERNAL, **more)
        # Two, since AWS changes none that is in use.
        own = "EdgeSecureVpcOrigin" if more else "EdgeVpcOrigin"
        assert asked["VpcOriginConfig"] == {"OriginReadTimeout": 10, "VpcOriginId": {"Fn::GetAtt": [own, "Id"]}}
        assert {name for name in there if name.endswith("VpcOrigin")} == {own}
        assert "CustomOriginConfig" not in asked
        assert asked["DomainName"] == name
        way = there[own]["VpcOriginEndpointConfig"]
        assert (way["Arn"], way["OriginProtocolPolicy"]) == ({"Ref": "Balancer"}, protocol)
        assert (way["HTTPPort"], way["HTTPSPort"]) == (80, 443)
        assert there["Balancer"]["Scheme"] == "internal"
        assert there["Balancer"]["Subnets"] == [{"Ref": "NetworkPrivateA"}, {"Ref": "NetworkPrivateB"}]
        # CloudFront wants one in the VPC, though nothing goes through it.
        assert "NetworkGateway" in there
        assert not [n for n in there if n.startswith(("OriginKey", "BalancerKeys"))], "nobody else has that way"
    names = [
        TEMPLATE["Resources"][name]["Properties"]["VpcOriginEndpointConfig"]["Name"]
        for name in ("EdgeVpcOrigin", "EdgeSecureVpcOrigin")
    ]
    assert names[0] != names[1]
    assert not [name for name in deployed(EdgeCache="on") if name.endswith("VpcOrigin")]
    assert "VpcOriginConfig" not in origin(EdgeCache="on")


@shows("REQ-U6", "REQ-U13", how="static")
def test_cloudfront_is_never_redirected() -> None:
    """Else, when a certificate comes to a running edge, it would keep the redirect of the load balancer for a year."""
    inside = {**INTERNAL, "EdgeCache": "enforced"}
    for chosen in ({"EdgeCache": "on"}, {"EdgeCache": "on", **SECURE}, inside, {**inside, **SECURE}):
        rule = deployed(**chosen)["BalancerHttpName"]
        assert (rule["ListenerArn"], rule["Priority"]) == ({"Ref": "BalancerHttp"}, 1)
        [by_name] = rule["Conditions"]
        assert by_name["HostHeaderConfig"]["Values"] == [{"Fn::GetAtt": ["Balancer", "DNSName"]}]
        assert rule["Actions"] == [{"TargetGroupArn": {"Ref": "BalancerTargets"}, "Type": "forward"}]
    # With a public address and enforced it would be a way past the edge.
    for chosen in ({}, SECURE, {"EdgeCache": "enforced", **SECURE}):
        assert "BalancerHttpName" not in deployed(**chosen)


@shows("REQ-U6", how="static")
def test_names_point_where_they_should() -> None:
    def target(name: str, **chosen: str) -> Any:
        record = deployed(**SECURE, **DOMAIN, **ZONE, **chosen).get(name)
        return record and (record["Name"], record["Type"], record["AliasTarget"]["DNSName"])

    balancer, edge = {"Fn::GetAtt": ["Balancer", "DNSName"]}, {"Fn::GetAtt": ["Edge", "DomainName"]}
    host = DOMAIN["DomainName"]
    for step in ({}, {"EdgeCache": "on"}):
        assert target("DomainRecord", **step) == (host, "A", balancer)
        assert target("DomainRecordV6", **step) is None, "the load balancer has no IPv6"
    for cache in ("on", "enforced"):
        moved = {"EdgeCache": cache, "DomainTarget": "edge"}
        assert target("DomainRecord", **moved) == (host, "A", edge)
        assert target("DomainRecordV6", **moved) == (host, "AAAA", edge)
        assert target("BalancerRecord", **moved) == (SECURE["OriginDomainName"], "A", balancer)
    assert not [n for n in deployed(**SECURE, **DOMAIN) if n.endswith(("Record", "RecordV6"))]


@shows("REQ-U6", how="static")
@pytest.mark.parametrize(
    ("chosen", "url"),
    [
        ({}, "http://${Balancer.DNSName}"),
        (SECURE, "https://origin.updates.example.com"),
        ({"EdgeCache": "on"}, "https://${Edge.DomainName}"),
        (DOMAIN, "http://updates.example.com"),
        ({**SECURE, **DOMAIN}, "https://updates.example.com"),
        ({**DOMAIN, "EdgeCache": "on", "DomainTarget": "edge"}, "https://updates.example.com"),
    ],
    ids=["plain", "https", "edge", "named", "named-https", "named-edge"],
)
def test_the_address_that_devices_ask(chosen: dict[str, str], url: str) -> None:
    found = evaluate.resolved(TEMPLATE, values(**chosen))["Outputs"]["UpdatesUrl"]["Value"]
    text = json.dumps(found)
    wanted = url.replace("${Balancer.DNSName}", "DNSName").replace("${Edge.DomainName}", "Edge.DomainName")
    assert all(part in text for part in wanted.split("//")), found


@pytest.mark.parametrize(
    ("chosen", "told"),
    [
        ({"EdgeCache": "enforced"}, "never sent in clear text"),
        ({"BalancerScheme": "internal"}, "internal needs EdgeCache"),
        ({"DomainTarget": "edge"}, "DomainTarget edge needs EdgeCache"),
        ({**SECURE, **DOMAIN, **ZONE, "EdgeCache": "enforced"}, "DomainTarget must be edge"),
        ({**DOMAIN, **ZONE, "EdgeCache": "on", "BalancerScheme": "internal"}, "DomainTarget must be edge"),
        ({"EdgeCache": "on", "DomainName": "updates.example.com"}, "DomainCertificateArn"),
        ({"DomainCertificateArn": DOMAIN["DomainCertificateArn"]}, "DomainCertificateArn needs DomainName"),
        ({**SECURE, **DOMAIN, "OriginDomainName": DOMAIN["DomainName"]}, "the edge would ask itself"),
        ({"OriginDomainName": "origin.example.com"}, "OriginDomainName needs OriginCertificateArn"),
        ({"OriginCertificateArn": SECURE["OriginCertificateArn"], "EdgeCache": "on"}, "need OriginDomainName"),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else "",
)
@shows("REQ-U13", how="static")
def test_what_would_leave_it_open_or_lead_astray_is_refused_in_plain_words(chosen: dict[str, str], told: str) -> None:
    assert any(told in one for one in refusals(**chosen)), refusals(**chosen)


@shows("REQ-U6", how="static")
def test_the_baseline_has_nothing_of_the_edge() -> None:
    assert not refusals()
    assert not [name for name in deployed() if name.startswith((*OF_EDGE, "Domain"))]
    outputs = evaluate.resolved(TEMPLATE, values())["Outputs"]
    assert not [name for name in outputs if name.startswith("Edge")]
