"""Every option of the template on and off, in all pairs: nothing dangles, and what is off leaves nothing behind.

Conditions are evaluated here, on the committed bytes, for both of their sides.
"""

from __future__ import annotations

import itertools
import json
import random
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.evidence import shows
from troposphere_arch import evaluate, lint

TEMPLATE: dict[str, Any] = json.loads(
    (Path(__file__).parents[2] / "templates/todo/1.0.0/todo.template.json").read_text()
)
ACCOUNT = "123456789012"
# Each option: what its parameters are when it is on. All other values are the template's own.
OPTIONS: dict[str, dict[str, str]] = {
    "AccessLogs": {"AccessLogs": "on"},
    "AlarmTopic": {"AlarmTopicArn": f"arn:aws:sns:us-east-1:{ACCOUNT}:alarms"},
    "Boundary": {"PermissionsBoundaryArn": f"arn:aws:iam::{ACCOUNT}:policy/boundary"},
    "Budget": {"MonthlyBudget": "50", "BudgetEmail": "owner@example.com"},
    "Domain": {
        "DomainName": "api.example.com",
        "DomainCertificateArn": f"arn:aws:acm:us-east-1:{ACCOUNT}:certificate/1",
    },
    "FileStorage": {"FileStorage": "on"},
    "KmsKey": {"KmsKeyArn": f"arn:aws:kms:us-east-1:{ACCOUNT}:key/1"},
    "Mail": {"MailFrom": "todo@example.com", "MailIdentity": "example.com"},
    "Protection": {"DeletionProtection": "on"},
    "ReadCache": {"ReadCache": "dax", "ArtifactBucket": "artifacts"},
    "Reserved": {"ReservedConcurrency": "10"},
    "ResponseCache": {"ResponseCache": "0.5"},
    "Vpc": {"VpcId": "vpc-0123456789abcdef0", "SubnetIds": "subnet-0123456789abcdef0,subnet-0123456789abcdef1"},
    "WebAcl": {"WebAclArn": f"arn:aws:wafv2:us-east-1:{ACCOUNT}:regional/webacl/acl/1"},
    "Zone": {
        "DomainName": "api.example.com",
        "DomainCertificateArn": f"arn:aws:acm:us-east-1:{ACCOUNT}:certificate/1",
        "HostedZoneId": "Z0123456789",
    },
    "Zones": {"Zones": "us-east-1b,us-east-1c"},
}
# With everything, without DAX and budgets, and with a name of its own for Cognito.
REGIONS = ("us-east-1", "ap-northeast-3", "us-gov-west-1")
PSEUDO = {"AWS::AccountId", "AWS::Partition", "AWS::Region", "AWS::StackId", "AWS::StackName", "AWS::URLSuffix"}
VARIABLE = re.compile(r"\$\{([^!{}.]+)[^{}]*\}")


def combinations() -> list[frozenset[str]]:
    """None, all, each alone, each missing, every pair on and off; and a random hundred, always the same."""
    names = sorted(OPTIONS)
    dice = random.Random(20_260)  # noqa: S311  # no secret
    some = [frozenset(name for name in names if dice.random() < 0.5) for _ in range(100)]
    pairs = [frozenset(pair) for n in (0, 1, 2) for pair in itertools.combinations(names, n)]
    return list(dict.fromkeys([*pairs, *(frozenset(names) - pair for pair in pairs), *some]))


def values(on: frozenset[str], region: str) -> dict[str, Any]:
    chosen: dict[str, str] = {}
    for option in sorted(on):
        chosen |= OPTIONS[option]
    return evaluate.parameters_of(TEMPLATE, chosen, region=region)


def walk(value: Any) -> Iterator[Any]:
    yield value
    for child in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from walk(child)


def named(value: Any) -> set[str]:
    """What a value refers to."""
    found: set[str] = set()
    for node in walk(value):
        match node:
            case {"Ref": name}:
                found.add(name)
            case {"Fn::GetAtt": [name, *_]}:
                found.add(name)
            case {"Fn::Sub": str(text)}:
                found |= set(VARIABLE.findall(text))
            case {"Fn::Sub": [text, own]}:
                found |= set(VARIABLE.findall(text)) - own.keys()
    return found


@shows("REQ-T6", "REQ-T10", "REQ-T11", how="static")
@pytest.mark.parametrize("region", REGIONS)
def test_nothing_dangles_in_any_combination(region: str) -> None:
    assert len(combinations()) > 300
    for on in combinations():
        deployed = evaluate.resolved(TEMPLATE, values(on, region))
        there = deployed["Resources"].keys() | PSEUDO
        for section in ("Resources", "Outputs"):
            for name, one in deployed[section].items():
                assert named(one) <= there, (sorted(on), name, named(one) - there)
        for name, role in deployed["Resources"].items():
            policies = [role["Properties"]["PolicyDocument"]] if role["Type"] == "AWS::IAM::Policy" else []
            policies += [p["PolicyDocument"] for p in role["Properties"].get("Policies", []) if "PolicyName" in p]
            for policy in policies:
                assert policy["Statement"], (sorted(on), name)
                assert all(s["Action"] and s["Resource"] for s in policy["Statement"]), (sorted(on), name)


@shows("REQ-T10", "REQ-T11", how="static")
def test_what_is_off_leaves_nothing_behind() -> None:
    for on in combinations():
        deployed = evaluate.resolved(TEMPLATE, values(on, "us-east-1"))
        resources = deployed["Resources"]
        functions = {n: resources[n]["Properties"] for n in ("ReadTodos", "WriteTodos", "DeleteAccounts")}
        for function in functions.values():
            function.pop("Code")  # its comments speak of everything
        text = json.dumps(deployed)
        assert "VpcConfig" not in functions["DeleteAccounts"]
        for name in ("ReadTodos", "WriteTodos"):
            inside = functions[name]["VpcConfig"]
            assert [len(inside["SubnetIds"]), len(inside["SecurityGroupIds"])] == (
                [2, 1] if "ReadCache" in on else [0, 0]
            )
            assert len(functions[name]["Layers"]) == ("ReadCache" in on)
            assert ("TODOS_CACHE" in functions[name]["Environment"]["Variables"]) == ("ReadCache" in on)
        for option, marks in {
            "ReadCache": ("dax:", "AWS::DAX", "AWS/DAX", "artifacts"),
            "ResponseCache": ("CacheHitCount", "CacheClusterSize"),
            "KmsKey": ("key/1",),
            "FileStorage": ("AWS::S3::Bucket",),
            "Mail": ("todo@example.com",),
            "Budget": ("AWS::Budgets", "owner@example.com"),
            "WebAcl": ("AWS::WAFv2",),
            "AlarmTopic": (":alarms",),
            "Boundary": ("policy/boundary",),
            "AccessLogs": ("$context.requestTime",),
        }.items():
            for mark in marks:
                assert (mark in text) == (option in on), (option, mark, sorted(on))
        caching = [s["CachingEnabled"] for s in resources["ApiStage"]["Properties"]["MethodSettings"]]
        assert caching == [False, *[("ResponseCache" in on)] * 2]
        body = resources["Dashboard"]["Properties"]["DashboardBody"]["Fn::Sub"]
        widgets = json.loads(body if isinstance(body, str) else body[0])["widgets"]
        assert len(widgets) == 6 + ("ResponseCache" in on) + 2 * ("ReadCache" in on)


@shows("REQ-T10", how="static")
def test_the_table_and_the_functions_are_the_same_with_and_without_the_cache() -> None:
    """No property that AWS can only set when it makes the resource depends on the caches."""
    off, on = (
        evaluate.resolved(TEMPLATE, values(chosen, "us-east-1"))["Resources"]
        for chosen in (frozenset(), frozenset({"ReadCache", "ResponseCache"}))
    )
    assert off.keys() < on.keys()
    differing = {
        n: {k for k in on[n]["Properties"] if on[n]["Properties"][k] != off[n]["Properties"].get(k)} for n in off
    }
    assert {n: changed for n, changed in differing.items() if changed} == {
        "ApiStage": {"CacheClusterEnabled", "CacheClusterSize", "MethodSettings"},
        "Dashboard": {"DashboardBody"},
        "ReadTodos": {"Environment", "Layers", "VpcConfig"},
        "WriteTodos": {"Environment", "Layers", "VpcConfig"},
    }


@shows("REQ-T10", how="static")
def test_rules_tell_what_cannot_work() -> None:
    for chosen, region, told in (
        ({"ReadCache": "dax"}, "us-east-1", "ReadCache needs ArtifactBucket"),
        ({"ReadCache": "dax", "ArtifactBucket": "b-1"}, "ap-northeast-2", "CloudFormation has no DAX clusters"),
        ({"VpcId": "vpc-0123456789abcdef0"}, "us-east-1", "VpcId needs SubnetIds"),
        ({"SubnetIds": OPTIONS["Vpc"]["SubnetIds"]}, "us-east-1", "SubnetIds needs VpcId"),
    ):
        [refusal] = evaluate.refusals(TEMPLATE, evaluate.parameters_of(TEMPLATE, chosen, region=region))
        assert refusal.startswith(told)
    for on in combinations():
        assert evaluate.refusals(TEMPLATE, values(on, "us-east-1")) == [], sorted(on)


@shows("REQ-T10", how="static")
def test_where_there_is_no_dax_the_template_has_none() -> None:
    for region in ("ap-northeast-2", "us-gov-west-1", "cn-north-1", "eu-north-1"):
        deployed = evaluate.resolved(TEMPLATE, values(frozenset(OPTIONS), region))
        assert not [n for n, r in deployed["Resources"].items() if r["Type"].startswith("AWS::DAX")]
        assert deployed["Resources"]["ReadTodos"]["Properties"]["VpcConfig"]["SubnetIds"] == []


@shows("REQ-T10", how="static")
def test_what_aws_cannot_change_in_place_gets_another_name_or_place() -> None:
    """Each is made before its predecessor goes, so the two must not be in each other's way."""

    def deployed(**chosen: str) -> dict[str, Any]:
        values = {"ReadCache": "dax", "ArtifactBucket": "artifacts", **chosen}
        found: dict[str, Any] = evaluate.resolved(TEMPLATE, evaluate.parameters_of(TEMPLATE, values))["Resources"]
        return found

    first, other = deployed(), deployed(**OPTIONS["Zones"])
    blocks = [{r[f"NetworkSubnet{letter}"]["Properties"]["CidrBlock"] for letter in "AB"} for r in (first, other)]
    assert len(blocks[0] | blocks[1]) == 4
    name = "TodosCacheSubnets", "SubnetGroupName"
    own, theirs = (r[name[0]]["Properties"][name[1]] for r in (first, deployed(**OPTIONS["Vpc"])))
    assert own["Fn::Join"][1][2] == {"Fn::Join": ["-", [{"Ref": "NetworkSubnetA"}, {"Ref": "NetworkSubnetB"}]]}
    assert theirs["Fn::Join"][1][1:] == ["todoscache", "subnet-0123456789abcdef0-subnet-0123456789abcdef1"]
    name = "TodosCacheSettings", "ParameterGroupName"
    times = [
        r[name[0]]["Properties"][name[1]]
        for r in (first, deployed(ReadCacheItemSeconds="1"), deployed(ReadCacheListSeconds="1"))
    ]
    assert len({json.dumps(one) for one in times}) == 3


@shows("REQ-T10", how="static")
def test_metrics_go_by_the_name_that_dax_keeps() -> None:
    """DAX keeps names of clusters in lower case; CloudWatch tells the two apart."""
    deployed = evaluate.resolved(TEMPLATE, values(frozenset({"ReadCache"}), "us-east-1"))["Resources"]
    first_label = {"Fn::Select": [0, {"Fn::Split": [".", {"Fn::GetAtt": ["TodosCache", "ClusterDiscoveryEndpoint"]}]}]}
    alarms = [
        r["Properties"] for n, r in deployed.items() if n.startswith("TodosCache") and "MetricName" in r["Properties"]
    ]
    assert {a["MetricName"] for a in alarms} == {
        *("CPUUtilization", "EvictedSize", "FaultRequestCount", "ThrottledRequestCount")
    }
    assert all(a["Dimensions"] == [{"Name": "ClusterId", "Value": first_label}] for a in alarms)
    assert deployed["Dashboard"]["Properties"]["DashboardBody"]["Fn::Sub"][1] == {"Cluster": first_label}


@shows("REQ-D3", "REQ-T10", "REQ-T11", how="static")
def test_what_is_deployed_is_clean_with_each_cache_and_network() -> None:
    """cfn-lint on the template as it is deployed, with conditions decided: nothing hides behind one."""
    names = ("ReadCache", "ResponseCache", "Vpc")
    sets = [frozenset(chosen) for n in range(4) for chosen in itertools.combinations(names, n)]
    sets += [frozenset(OPTIONS)]
    templates = {}
    for on in sets:
        deployed = evaluate.resolved(TEMPLATE, values(on, "us-east-1"))
        templates["+".join(sorted(on)) or "none"] = json.dumps(
            {"AWSTemplateFormatVersion": "2010-09-09", "Description": TEMPLATE["Description"], **deployed}
        ).encode()
    assert lint.lint(templates, regions=("us-east-1",), house=False) == []
