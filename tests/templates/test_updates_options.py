"""Every option of software updates on and off, in all pairs: nothing dangles, and what is off leaves nothing behind."""

from __future__ import annotations

import functools
import itertools
import json
import random
from pathlib import Path
from typing import Any

import pytest

from tests.evidence import shows
from tests.sampling import sampled
from tests.templates.test_options import PSEUDO, named
from troposphere_arch import evaluate, lint, scenarios
from troposphere_arch.exemptions import EXEMPTIONS

pytestmark = sampled(3)

VERSION = scenarios.page("software-updates").VERSION
NAME = "software-updates.template.json"
BODY = (Path(__file__).parents[2] / "templates/software-updates" / VERSION / NAME).read_bytes()
TEMPLATE: dict[str, Any] = json.loads(BODY)
ACCOUNT = "123456789012"
KEY = "01234567-89ab-cdef-0123-456789abcdef"
CERTIFICATE = {
    "OriginCertificateArn": f"arn:aws:acm:us-east-1:{ACCOUNT}:certificate/origin",
    "OriginDomainName": "origin.example.com",
}
DOMAIN = {
    "DomainName": "updates.example.com",
    "DomainCertificateArn": f"arn:aws:acm:us-east-1:{ACCOUNT}:certificate/domain",
}
# Each option: what its parameters are when it is on. All other values are the template's own.
OPTIONS: dict[str, dict[str, str]] = {
    "AlarmTopic": {"AlarmTopicArn": f"arn:aws:sns:us-east-1:{ACCOUNT}:alarms"},
    "Boundary": {"PermissionsBoundaryArn": f"arn:aws:iam::{ACCOUNT}:policy/boundary"},
    "Budget": {"MonthlyBudget": "50", "BudgetEmail": "owner@example.com"},
    "Bursting": {"FileThroughput": "bursting"},
    "Certificate": CERTIFICATE,
    "Domain": DOMAIN,
    "Edge": {"EdgeCache": "on"},
    "EdgeLogs": {"EdgeLogs": "on"},
    "EdgeMetrics": {"EdgeMetrics": "on"},
    "Enforced": {"EdgeCache": "enforced", **CERTIFICATE},
    "Image": {"ImageId": "ami-0123456789abcdef0"},
    "Internal": {"BalancerScheme": "internal"},
    "KmsKey": {"KmsKeyArn": f"arn:aws:kms:us-east-1:{ACCOUNT}:key/{KEY}"},
    "PrefixList": {"CloudFrontPrefixListId": "pl-0123456789abcdef0"},
    "Protection": {"DeletionProtection": "on"},
    "Reserved": {"ReservedConcurrency": "10"},
    "Rotated": {"OriginKeyRotation": "3"},
    "SessionManager": {"SessionManager": "on"},
    "Shield": {"OriginShield": "us-east-1"},
    "Target": {"DomainTarget": "edge"},
    "Vpc": {
        "VpcId": "vpc-0123456789abcdef0",
        "SubnetIds": "subnet-0000000a,subnet-0000000b,subnet-0000000c",
        "PublicSubnetIds": "subnet-0000001a,subnet-0000001b,subnet-0000001c",
    },
    "WebAcl": {"WebAclArn": f"arn:aws:wafv2:us-east-1:{ACCOUNT}:global/webacl/acl/1"},
    "Zone": {**DOMAIN, "HostedZoneId": "Z0123456789"},
    "Zones": {"ZoneCount": "3"},
}
NEED_EDGE = (
    "Domain",
    "EdgeLogs",
    "EdgeMetrics",
    "Enforced",
    "PrefixList",
    "Rotated",
    "Shield",
    "Target",
    "WebAcl",
    "Zone",
)
# With everything; without budgets, and one that an account opts in to.
REGIONS = ("us-east-1", "ap-southeast-3")


@functools.cache
def combinations(region: str = "us-east-1") -> list[frozenset[str]]:
    """None, all, each alone, each missing, every pair on and off; and a random hundred, always the same.

    All of it that the template's rules do not refuse.
    """
    names = sorted(OPTIONS)
    dice = random.Random(20_262)  # noqa: S311  # no secret
    some = [frozenset(name for name in names if dice.random() < 0.5) for _ in range(100)]
    pairs = [frozenset(pair) for n in (0, 1, 2) for pair in itertools.combinations(names, n)]
    # An edge, with a certificate for the load balancer, is what some of the others need.
    edged = [frozenset(pair) | {"Edge", "Certificate"} for pair in itertools.combinations(NEED_EDGE, 2)]
    every = dict.fromkeys([*pairs, *edged, *(frozenset(names) - pair for pair in pairs), *some])
    return [on for on in every if not evaluate.refusals(TEMPLATE, values(on, region))]


def values(on: frozenset[str], region: str) -> dict[str, Any]:
    chosen: dict[str, str] = {}
    for option in sorted(on):
        chosen |= OPTIONS[option]
    return evaluate.parameters_of(TEMPLATE, chosen, region=region)


@shows("REQ-U1", "REQ-U4", "REQ-U6", how="static")
@pytest.mark.parametrize("region", REGIONS)
def test_nothing_dangles_in_any_combination(region: str) -> None:
    tried = combinations(region)
    assert len(tried) > 250
    for on in tried:
        deployed = evaluate.resolved(TEMPLATE, values(on, region))
        there = deployed["Resources"].keys() | PSEUDO
        for section in ("Resources", "Outputs"):
            for name, one in deployed[section].items():
                assert named(one) <= there, (sorted(on), name, named(one) - there)
        for name, resource in deployed["Resources"].items():
            waits = resource.get("DependsOn", [])
            assert {waits} if isinstance(waits, str) else set(waits) <= there, (sorted(on), name)
        for name, role in deployed["Resources"].items():
            policies = [
                p["PolicyDocument"] for p in role.get("Properties", {}).get("Policies", []) if "PolicyName" in p
            ]
            for policy in policies:
                assert policy["Statement"], (sorted(on), name)
                assert all(s["Action"] and s["Resource"] for s in policy["Statement"]), (sorted(on), name)


@shows("REQ-U4", "REQ-U6", how="static")
def test_what_is_off_leaves_nothing_behind() -> None:
    for on in combinations():
        deployed = evaluate.resolved(TEMPLATE, values(on, "us-east-1"))
        for one in deployed["Resources"].values():
            one.get("Properties", {}).pop("Code", None)  # comments speak of everything
        text = json.dumps(deployed)
        edge = bool(on & {"Edge", "Enforced"})
        for options, mark, shown in (
            (("AlarmTopic",), ":alarms", True),
            (("Boundary",), "policy/boundary", True),
            (("Budget",), "AWS::Budgets", True),
            (("Bursting",), "BurstCreditBalance", True),
            (("Certificate", "Enforced"), "certificate/origin", True),
            (("Domain", "Zone"), "certificate/domain", edge),
            (("Edge", "Enforced"), "AWS::CloudFront::Distribution", True),
            (("Edge", "Enforced"), "WatchEdge", True),
            (("EdgeLogs",), "BucketOwnerPreferred", edge),
            (("EdgeMetrics",), "AWS::CloudFront::MonitoringSubscription", edge),
            (("Image",), "ami-0123456789abcdef0", True),
            (("Internal",), "AWS::CloudFront::VpcOrigin", edge),
            (("KmsKey",), KEY, True),
            (("PrefixList",), "pl-0123456789abcdef0", "Enforced" in on),
            (("SessionManager",), "ssmmessages:", True),
            (("SessionManager",), ".ssmmessages", "Vpc" not in on),
            (("Vpc",), "vpc-0123456789abcdef0", True),
            (("WebAcl",), "webacl/acl/1", edge),
            (("Zones",), "FilesMountC", True),
        ):
            assert (mark in text) == (shown and bool(on & set(options))), (options, mark, sorted(on))
        keys = {n for n in deployed["Resources"] if n.startswith("OriginKey")}
        keyed = edge and bool(on & {"Certificate", "Enforced"}) and "Internal" not in on
        numbers = (3, 2) if "Rotated" in on else (1, 4)  # what is sent, and what was sent before
        assert keys == ({f"OriginKey{n}" for n in numbers} if keyed else set()), sorted(on)
        own = {r["Type"] for r in deployed["Resources"].values()} & {"AWS::EC2::VPC", "AWS::EC2::VPCEndpoint"}
        assert len(own) == (0 if "Vpc" in on else 2), sorted(on)


@shows("REQ-U6", how="static")
def test_no_option_makes_another_file_system_bucket_or_load_balancer() -> None:
    """What devices have as an address, and where the files are, has the same name whatever is chosen, and is there."""
    first = evaluate.resolved(TEMPLATE, values(frozenset(), "us-east-1"))["Resources"]
    kept = ("Balancer", "BalancerHttp", "BalancerTargets", "Files", "FilesReader", "FilesWriter", "Fleet", "Releases")
    for on in combinations()[::5]:
        then = evaluate.resolved(TEMPLATE, values(on, "us-east-1"))["Resources"]
        for name in kept:
            assert then[name]["Type"] == first[name]["Type"]
            assert then[name]["Properties"].keys().isdisjoint({"AutoScalingGroupName", "BucketName", "Name"}), name


@shows("REQ-U6", how="static")
def test_only_what_servers_are_made_from_makes_others_of_them() -> None:
    """Of all options two change what a server is; and other subnets are other places."""
    first = evaluate.resolved(TEMPLATE, values(frozenset(), "us-east-1"))["Resources"]
    changed = set()
    for option in OPTIONS:
        then = evaluate.resolved(TEMPLATE, values(frozenset({option}), "us-east-1"))["Resources"]
        server = then["FleetTemplate"] != first["FleetTemplate"]
        places = then["Fleet"]["Properties"]["VPCZoneIdentifier"] != first["Fleet"]["Properties"]["VPCZoneIdentifier"]
        changed |= {option} if server or places else set()
    assert changed == {"Image", "Vpc", "Zones"}


@shows("REQ-D3", "REQ-U1", how="static")
def test_what_is_deployed_is_clean() -> None:
    """cfn-lint on the template as it is deployed, with conditions decided: nothing hides behind one."""
    everything = frozenset(OPTIONS) - {"Vpc", "Internal"}
    sets = [everything, frozenset({"Vpc", "Internal", "Edge", "SessionManager"})]
    templates = {}
    for number, on in enumerate(sets):
        assert not evaluate.refusals(TEMPLATE, values(on, "us-east-1"))
        deployed = evaluate.resolved(TEMPLATE, values(on, "us-east-1"))
        templates[str(number)] = json.dumps(
            {"AWSTemplateFormatVersion": "2010-09-09", "Description": TEMPLATE["Description"], **deployed}
        ).encode()
    assert lint.lint(templates, regions=("us-east-1",), house=False) == []


@shows("REQ-D3", "REQ-U1", how="static")
def test_the_template_is_clean_elsewhere_too() -> None:
    """Beside the regions of every build: in China, and where accounts opt in."""
    regions = ("cn-north-1", "il-central-1")
    assert lint.lint({NAME: BODY}, regions=regions, exemptions=[e for e in EXEMPTIONS if e.is_about(NAME)]) == []
