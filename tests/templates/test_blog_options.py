"""Every option of the blog on and off, in all pairs: nothing dangles, and what is off leaves nothing behind."""

from __future__ import annotations

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

TEMPLATE: dict[str, Any] = json.loads(
    (Path(__file__).parents[2] / f"templates/blog/{scenarios.page('blog').VERSION}/blog.template.json").read_text()
)
ACCOUNT = "123456789012"
KEY = f"arn:aws:kms:us-east-1:{ACCOUNT}:key/1"
DOMAIN = {
    "DomainName": "blog.example.com",
    "DomainCertificateArn": f"arn:aws:acm:us-east-1:{ACCOUNT}:certificate/1",
}
# Each option: what its parameters are when it is on. All other values are the template's own.
OPTIONS: dict[str, dict[str, str]] = {
    "AccessLogs": {"AccessLogs": "on"},
    "Acceleration": {"UploadAcceleration": "on"},
    "AlarmTopic": {"AlarmTopicArn": f"arn:aws:sns:us-east-1:{ACCOUNT}:alarms"},
    "Boundary": {"PermissionsBoundaryArn": f"arn:aws:iam::{ACCOUNT}:policy/boundary"},
    "Budget": {"MonthlyBudget": "50", "BudgetEmail": "owner@example.com"},
    "Domain": DOMAIN,
    "EdgeLogs": {"EdgeLogs": "on"},
    "EdgeMetrics": {"EdgeMetrics": "on"},
    "KmsKey": {"KmsKeyArn": KEY},
    "Mail": {"SenderAddress": "news@example.com", "SenderIdentity": "example.com"},
    "OtherPosts": {"PostsTableName": "their-posts"},
    "Protection": {"DeletionProtection": "on"},
    "ReadCache": {"ReadCache": "dax", "ArtifactBucket": "artifacts"},
    "Replica": {
        "ReplicaRegion1": "eu-west-1",
        "ReplicaKmsKeyArn1": f"arn:aws:kms:eu-west-1:{ACCOUNT}:key/2",
        "KmsKeyArn": KEY,
    },
    "Reserved": {"ReservedConcurrency": "10"},
    "Rotated": {"OriginKeyRotation": "3"},
    "Thumbnails": {"ArtifactBucket": "artifacts"},
    "Vpc": {"VpcId": "vpc-0123456789abcdef0", "SubnetIds": "subnet-0123456789abcdef0,subnet-0123456789abcdef1"},
    "WebAcl": {"WebAclArn": f"arn:aws:wafv2:us-east-1:{ACCOUNT}:global/webacl/acl/1"},
    "Zone": {**DOMAIN, "HostedZoneId": "Z0123456789"},
    "Zones": {"Zones": "us-east-1b,us-east-1c"},
}
# With everything; without DAX, budgets and Transfer Acceleration; one that an account opts in to.
REGIONS = ("us-east-1", "ap-northeast-2", "ap-southeast-3")


def combinations() -> list[frozenset[str]]:
    """None, all, each alone, each missing, every pair on and off; and a random hundred, always the same."""
    names = sorted(OPTIONS)
    dice = random.Random(20_261)  # noqa: S311  # no secret
    some = [frozenset(name for name in names if dice.random() < 0.5) for _ in range(100)]
    pairs = [frozenset(pair) for n in (0, 1, 2) for pair in itertools.combinations(names, n)]
    return list(dict.fromkeys([*pairs, *(frozenset(names) - pair for pair in pairs), *some]))


def values(on: frozenset[str], region: str) -> dict[str, Any]:
    chosen: dict[str, str] = {}
    for option in sorted(on):
        chosen |= OPTIONS[option]
    return evaluate.parameters_of(TEMPLATE, chosen, region=region)


@shows("REQ-B1", "REQ-B9", "REQ-B10", "REQ-B11", how="static")
@pytest.mark.parametrize("region", REGIONS)
def test_nothing_dangles_in_any_combination(region: str) -> None:
    assert len(combinations()) > 500
    for on in combinations():
        deployed = evaluate.resolved(TEMPLATE, values(on, region))
        there = deployed["Resources"].keys() | PSEUDO
        for section in ("Resources", "Outputs"):
            for name, one in deployed[section].items():
                assert named(one) <= there, (sorted(on), name, named(one) - there)
        for name, resource in deployed["Resources"].items():
            waits = resource.get("DependsOn", [])
            assert {waits} if isinstance(waits, str) else set(waits) <= there, (sorted(on), name)
        for name, role in deployed["Resources"].items():
            policies = [role["Properties"]["PolicyDocument"]] if role["Type"] == "AWS::IAM::Policy" else []
            policies += [p["PolicyDocument"] for p in role["Properties"].get("Policies", []) if "PolicyName" in p]
            for policy in policies:
                assert policy["Statement"], (sorted(on), name)
                assert all(s["Action"] and s["Resource"] for s in policy["Statement"]), (sorted(on), name)


@shows("REQ-B1", "REQ-B9", "REQ-B10", "REQ-B11", how="static")
def test_what_is_off_leaves_nothing_behind() -> None:
    for on in combinations():
        deployed = evaluate.resolved(TEMPLATE, values(on, "us-east-1"))
        for one in deployed["Resources"].values():
            one["Properties"].pop("Code", None)  # comments speak of everything
        text = json.dumps(deployed)
        for options, marks in {
            ("AccessLogs",): ("$context.requestTime",),
            ("Acceleration",): ("s3-accelerate",),
            ("AlarmTopic",): (":alarms",),
            ("Boundary",): ("policy/boundary",),
            ("Budget",): ("AWS::Budgets", "owner@example.com"),
            ("Domain", "Zone"): ("blog.example.com", "TLSv1.2_2025"),
            ("EdgeLogs",): ("BucketOwnerPreferred",),
            ("EdgeMetrics",): ("AWS::CloudFront::MonitoringSubscription", "CacheHitRate"),
            ("KmsKey", "Replica"): ("key/1",),
            ("Mail",): ("news@example.com", "AWS::SES", "AWS::Lambda::EventSourceMapping", "MailFailures"),
            ("OtherPosts",): ("their-posts",),
            ("ReadCache",): ("dax:", "AWS::DAX", "AWS/DAX"),
            ("Replica",): ('"eu-west-1"',),
            ("ReadCache", "Thumbnails"): ("MakeThumbnails", "ThumbnailFailures", "artifacts"),
            ("WebAcl",): ("webacl",),
            ("Zone",): ("AWS::Route53::RecordSet",),
        }.items():
            if options == ("Replica",) and "OtherPosts" in on:
                continue  # their table has its own
            for mark in marks:
                assert (mark in text) == bool(on & set(options)), (options, mark, sorted(on))


@shows("REQ-B1", how="static")
def test_no_option_replaces_the_distribution_or_a_bucket() -> None:
    """What readers have as an address, and where the files are, stays what it is: nothing of it depends on anything."""
    first = evaluate.resolved(TEMPLATE, values(frozenset(), "us-east-1"))["Resources"]
    for on in combinations():
        then = evaluate.resolved(TEMPLATE, values(on, "us-east-1"))["Resources"]
        for name in ("Edge", "Site", "Media", "Uploads", "Users", "App", "Api", "ApiStage"):
            assert (name in then) is (name in first)
            assert "BucketName" not in then[name]["Properties"]
            assert first[name]["Type"] == then[name]["Type"]


@shows("REQ-B1", how="static")
def test_combinations_that_work_are_not_refused() -> None:
    refused = {on: found for on in combinations() if (found := evaluate.refusals(TEMPLATE, values(on, "us-east-1")))}
    assert {on for on in refused if not {"OtherPosts", "Replica"} <= on} == set(), refused


@shows("REQ-D3", "REQ-B1", how="static")
def test_what_is_deployed_is_clean() -> None:
    """cfn-lint on the template as it is deployed, with conditions decided: nothing hides behind one."""
    sets = [frozenset(), frozenset(OPTIONS) - {"OtherPosts"}, frozenset({"OtherPosts", "Mail", "EdgeLogs", "Rotated"})]
    templates = {}
    for number, on in enumerate(sets):
        deployed = evaluate.resolved(TEMPLATE, values(on, "us-east-1"))
        templates[str(number)] = json.dumps(
            {"AWSTemplateFormatVersion": "2010-09-09", "Description": TEMPLATE["Description"], **deployed}
        ).encode()
    assert lint.lint(templates, regions=("us-east-1",), house=False) == []


@shows("REQ-D3", "REQ-B1", how="static")
def test_the_template_is_clean_in_every_kind_of_region() -> None:
    """Here where accounts opt in: the regions of the other kinds are those of every build, `lint.REGIONS`."""
    name = "blog.template.json"
    exemptions = [one for one in EXEMPTIONS if one.is_about(name)]
    assert lint.lint({name: json.dumps(TEMPLATE).encode()}, regions=["il-central-1"], exemptions=exemptions) == []
