"""The template of a service with a cache: who reaches it, what is let do there, its names, and what is watched.

No emulator has security groups, access strings of ElastiCache, or IAM at the door of a cache: here that is proved.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest

from tests.evidence import shows
from tests.microservices.systems import CACHED_CODE, own_folder, service, shop
from tests.rights import IN_THE_NETWORK, Right, allow, held, is_trusted_to, logs_and_traces, of, unnoticed, use_key
from troposphere_arch import evaluate, lint, parameters
from troposphere_arch.catalogue import Draft
from troposphere_arch.microservices import templates
from troposphere_arch.service_kit import cache

KEYS = ("none", "1234abcd-12ab-34cd-56ef-1234567890ab", "mrk-1234abcd12ab34cd56ef1234567890ab")
SUBNETS = ("subnet-0a1b2c3d", "subnet-4a1b2c3d")
STACKS = (
    "arn:aws:cloudformation:eu-west-1:111122223333:stack/shop-cached/51af3dc0-da77-11e4-872e-1234567db123",
    "arn:aws:cloudformation:eu-west-1:111122223333:stack/shop-cached-with-a-name-that-is-very-long-and-HAS-CAPITALS/"
    "51af3dc0-da78-11e4-872e-1234567db123",
    "arn:aws:cloudformation:eu-west-1:111122223333:stack/shop-cached/61af3dc0-da77-11e4-872e-1234567db123",
)
# It is a service that calls nobody, and yet some KB larger than what fits into a request: the cache's client, its
# alarms and the network come along.
LARGEST = 60_000
RIGHTS: set[Right] = {
    allow(
        of(
            "dynamodb",
            *("BatchGetItem", "BatchWriteItem", "ConditionCheckItem", "DeleteItem"),
            *("GetItem", "PutItem", "Query", "UpdateItem"),
        ),
        "Items.Arn",
    ),
    use_key("dynamodb"),
    allow(of("elasticache", "Connect"), "Cache.ARN,CacheUser.Arn"),
    *IN_THE_NETWORK,
    *logs_and_traces("Function"),
}


@lru_cache
def draft(shape: str) -> Draft:
    """The files of a service called cached, of this shape."""
    folder = own_folder()
    return templates.draft(shop(folder / "shop", service(folder / "more", "cached", shape, table=True)), "cached")


@lru_cache
def body(shape: str = "http-cached") -> bytes:
    made = draft(shape)
    return made.files[made.template]


def template() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(body())
    return found


def of_type(kind: str) -> dict[str, dict[str, Any]]:
    return {n: r["Properties"] for n, r in template()["Resources"].items() if r["Type"] == kind}


def deployed(stack: str = STACKS[0], key: str = "none") -> Mapping[str, Any]:
    """The resources as CloudFormation makes them in this stack, in a system with this key."""
    arn = key if key == "none" else f"arn:aws:kms:eu-west-1:111122223333:key/{key}"
    found = {
        "AlarmTopicArn": "none",
        "KmsKeyArn": arn,
        "PlatformSubnets": ",".join(SUBNETS),
        "PlatformVpc": "vpc-0a1b2c3d",
    }
    values = evaluate.parameters_of(template(), found) | {"AWS::StackId": stack}
    resources: Mapping[str, Any] = evaluate.resolved(template(), values)["Resources"]
    return resources


def names(resources: Mapping[str, Any]) -> tuple[str, str, str]:
    user, group, cache = (resources[name]["Properties"] for name in ("CacheUser", "CacheUsers", "Cache"))
    return user["UserId"], group["UserGroupId"], cache["ServerlessCacheName"]


def reach(found: Mapping[str, Any]) -> set[tuple[str, str, Any, Any]]:
    """Every rule of the stack's security groups: of which, in or out, to or from where, at which port."""
    rules = set()

    def rule(group: str, way: str, one: Mapping[str, Any]) -> None:
        other = one.get("SourceSecurityGroupId") or one.get("DestinationSecurityGroupId") or one["CidrIp"]
        where = other["Fn::GetAtt"][0] if isinstance(other, dict) else other
        ports = one.get("FromPort"), one.get("ToPort"), one["IpProtocol"]
        rules.add((group, way, where, ports))

    for name, resource in found["Resources"].items():
        properties = resource["Properties"]
        match resource["Type"]:
            case "AWS::EC2::SecurityGroup":
                for way in ("Ingress", "Egress"):
                    for one in properties.get(f"SecurityGroup{way}", []):
                        rule(name, way, one)
            case "AWS::EC2::SecurityGroupIngress" | "AWS::EC2::SecurityGroupEgress":
                rule(properties["GroupId"]["Fn::GetAtt"][0], resource["Type"].removeprefix("AWS::EC2::SecurityGroup"),
                     properties)  # fmt: skip
    return rules


def proof(found: dict[str, Any]) -> None:
    roles = [n for n, r in found["Resources"].items() if r["Type"] == "AWS::IAM::Role"]
    assert roles == ["FunctionRole"]
    assert is_trusted_to(found, "FunctionRole", "lambda.amazonaws.com")
    assert held(found, "FunctionRole") == RIGHTS
    assert not [r for r in found["Resources"].values() if r["Type"] == "AWS::IAM::Policy"]


@shows("REQ-M2", "REQ-M3", how="static")
def test_the_function_signs_in_to_its_own_cache_as_its_own_user_and_no_more() -> None:
    proof(template())


def test_every_change_of_a_right_is_noticed() -> None:
    passed, tried = unnoticed(body(), ["FunctionRole"], proof)
    assert passed == []
    assert tried > 20


@shows("REQ-M2", "REQ-M3", how="static")
def test_nobody_but_the_function_reaches_the_cache() -> None:
    nothing, redis = ("127.0.0.1/32", (None, None, "-1")), (6379, 6379, "tcp")
    assert reach(template()) == {
        ("CacheCallers", "Egress", *nothing),
        ("CacheCallers", "Egress", "CacheGroup", redis),
        ("CacheGroup", "Egress", *nothing),
        ("CacheGroup", "Ingress", "CacheCallers", redis),
    }
    assert of_type("AWS::ElastiCache::ServerlessCache")["Cache"]["SecurityGroupIds"] == [
        {"Fn::GetAtt": ["CacheGroup", "GroupId"]}
    ]
    # The callers' group is the function's, besides the platform's for all that are inside.
    used = [n for n, r in template()["Resources"].items() if '["CacheCallers", "GroupId"]' in json.dumps(r)]
    assert set(used) == {"CacheCallersReachCache", "CacheGroup", "Function"}
    assert of_type("AWS::Lambda::Function")["Function"]["VpcConfig"] == {
        "SecurityGroupIds": [{"Ref": "PlatformSecurityGroup"}, {"Fn::GetAtt": ["CacheCallers", "GroupId"]}],
        "SubnetIds": {"Fn::Split": [",", {"Ref": "PlatformSubnets"}]},
    }
    groups = of_type("AWS::EC2::SecurityGroup")
    assert {group["VpcId"]["Ref"] for group in groups.values()} == {"PlatformVpc"}


@shows("REQ-M2", "REQ-M3", how="static")
def test_the_user_may_do_what_the_kit_asks_for_and_no_more() -> None:
    (user,) = of_type("AWS::ElastiCache::User").values()
    on, keys, nothing, *commands = user["AccessString"].split()
    assert (on, keys, nothing) == ("on", "~items:*", "-@all")
    # What the kit sends, and what its script calls, read from its text.
    text = Path(cache.__file__).read_text()
    sent = {
        call.args[0].value.decode()
        for call in ast.walk(ast.parse(text))
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.func.attr == "_ask"
        if isinstance(call.args[0], ast.Constant)
    }
    called = set(re.findall(rb"redis\.call\('([A-Z]+)'", cache.SETTLE))
    assert {"+" + one.lower() for one in sent | {one.decode() for one in called}} == set(commands)
    assert cache._name("a").startswith(b"items:")
    (group,) = of_type("AWS::ElastiCache::UserGroup").values()
    assert group["UserIds"] == [{"Ref": "CacheUser"}]  # not the user called default, who needs no password
    assert of_type("AWS::ElastiCache::ServerlessCache")["Cache"]["UserGroupId"] == {"Ref": "CacheUsers"}


@shows("REQ-M3", how="static")
def test_there_is_no_secret() -> None:
    (user,) = of_type("AWS::ElastiCache::User").values()
    assert user["AuthenticationMode"] == {"Type": "iam"}
    assert user.keys() == {"AccessString", "AuthenticationMode", "Engine", "UserId", "UserName"}
    assert b"assword" not in body().replace(b"KMS", b"")
    told = of_type("AWS::Lambda::Function")["Function"]["Environment"]["Variables"]
    assert told == {
        "CACHE_HOST": {"Fn::GetAtt": ["Cache", "Endpoint.Address"]},
        "CACHE_NAME": {"Ref": "Cache"},
        "CACHE_PORT": {"Fn::GetAtt": ["Cache", "Endpoint.Port"]},
        "CACHE_USER": {"Ref": "CacheUser"},
        "ITEMS_TABLE": {"Ref": "Items"},
        "SERVICE": "cached",
    }


@pytest.mark.parametrize("key", KEYS)
def test_names_are_what_aws_takes_and_each_stack_has_its_own(key: str) -> None:
    made = [names(deployed(stack, key)) for stack in STACKS]
    for user, group, cached in made:
        for name in (user, group, cached):
            # https://docs.aws.amazon.com/AmazonElastiCache/latest/APIReference/API_CreateServerlessCache.html
            assert re.fullmatch(r"[a-z]([a-z0-9]|-(?=[a-z0-9])){0,39}", name)
        assert len({user, group, cached}) == 3
    assert len({name for of_stack in made for name in of_stack}) == 9
    properties = deployed(key=key)["CacheUser"]["Properties"]
    assert properties["UserName"] == properties["UserId"]  # AWS's demand for users that sign in by IAM


def test_another_key_is_another_cache_under_another_name() -> None:
    made = [deployed(key=key)["Cache"]["Properties"] for key in KEYS]
    assert len({one["ServerlessCacheName"] for one in made}) == len(KEYS)
    assert [one.get("KmsKeyId", "none").rpartition("/")[2] for one in made] == list(KEYS)
    # Nothing else of a cache that cannot be changed comes from the outside but where it is.
    assert {name for name, value in made[0].items() if value != made[1].get(name)} == {"ServerlessCacheName"}
    users = {names(deployed(key=key))[:2] for key in KEYS}
    assert len(users) == 1


@shows("REQ-M3", "REQ-M10", how="static")
def test_what_it_is_and_what_it_may_cost_at_most() -> None:
    resource = template()["Resources"]["Cache"]
    # Copies only: neither kept nor saved.
    assert (resource["DeletionPolicy"], resource["UpdateReplacePolicy"]) == ("Delete", "Delete")
    made = deployed()["Cache"]["Properties"]
    assert (made["Engine"], made["MajorEngineVersion"], made["SubnetIds"]) == ("valkey", "8", [*SUBNETS])
    assert "SnapshotRetentionLimit" not in made
    assert made["CacheUsageLimits"] == {
        "DataStorage": {"Maximum": "1", "Unit": "GB"},
        "ECPUPerSecond": {"Maximum": "1000"},
    }
    said = template()["Parameters"]
    for name in ("CacheMaxGB", "CacheMaxUnits"):
        assert "6 USD a month" in said[name]["Description"]
    for preset, chosen in {"starter": ("1", "1000"), "production": ("5", "5000")}.items():
        file = json.loads(draft("http-cached").files[f"shop-cached/1.0.0/parameters/{preset}.json"])
        values = {one["ParameterKey"]: one["ParameterValue"] for one in file}
        assert (values["CacheMaxGB"], values["CacheMaxUnits"]) == chosen


def test_alarms_are_on_what_is_nearly_used_up_whatever_was_chosen() -> None:
    alarms = of_type("AWS::CloudWatch::Alarm")
    by_cache = {
        name: (alarm["MetricName"], alarm["Statistic"])
        for name, alarm in alarms.items()
        if alarm.get("Dimensions") == [{"Name": "clusterId", "Value": {"Ref": "Cache"}}]
    }
    assert by_cache == {
        "CacheBusyAlarm": ("ElastiCacheProcessingUnits", "Sum"),
        "CacheFullAlarm": ("BytesUsedForCache", "Maximum"),
        "CacheThrottlesAlarm": ("ThrottledCmds", "Sum"),
    }
    mappings = template()["Mappings"]
    for alarm, spec, share in (
        ("CacheFullAlarm", parameters.caching.CACHE_SIZE, 0.9 * 10**9),
        ("CacheBusyAlarm", parameters.caching.CACHE_SPEED, 0.8 * 300),
    ):
        for value in spec.allowed:
            threshold = evaluate.simplified(alarms[alarm]["Threshold"], {spec.name: value}, {}, mappings)
            assert int(threshold) == int(value) * share


@shows("REQ-M12", how="static")
def test_a_cache_that_is_not_used_is_told() -> None:
    """Since the service answers all the same, nobody would notice."""
    (counted,) = of_type("AWS::Logs::MetricFilter").values()
    assert counted["LogGroupName"] == {"Ref": "FunctionLogs"}
    (said,) = re.findall(r'"(cache [a-z ]+)"', counted["FilterPattern"])
    assert f'"{said}"' in Path(cache.__file__).read_text()
    alarm = of_type("AWS::CloudWatch::Alarm")["CacheUnusedAlarm"]
    (metric,) = counted["MetricTransformations"]
    assert (alarm["MetricName"], alarm["Namespace"]) == (metric["MetricName"], metric["MetricNamespace"])
    # A small function that has just started may be too slow for it: that alone is no alarm.
    assert (alarm["EvaluationPeriods"], alarm["Period"]) == (3, 300)


@shows("REQ-M3", how="static")
def test_callers_find_it_as_they_find_any_other() -> None:

    def door(shape: str) -> list[Any]:
        kinds = ("AWS::ApiGateway::", "AWS::Route53::", "AWS::SSM::Parameter", "AWS::Lambda::Permission")
        found = json.loads(body(shape))
        return [{n: r for n, r in found["Resources"].items() if r["Type"].startswith(kinds)}, found["Outputs"]]

    assert door("http-cached") == door("http")


def test_it_has_a_table_whatever_it_declares() -> None:
    assert of_type("AWS::DynamoDB::Table").keys() == {"Items"}
    assert CACHED_CODE in of_type("AWS::Lambda::Function")["Function"]["Code"]["ZipFile"]


@shows("REQ-M4", how="static")
def test_its_size() -> None:
    assert len(body()) < LARGEST


@shows("REQ-M9", how="static")
def test_lint_has_nothing_to_say_of_any_level_in_any_region() -> None:
    assert lint.lint({"shop-cached": body()}) == []


def test_lint_has_nothing_to_say_of_what_is_deployed() -> None:
    variants = {}
    for key in KEYS:
        resources = {name: one for name, one in deployed(key=key).items() if name.startswith("Cache")}
        kept = {name: one for name, one in resources.items() if "Alarm" not in name and name != "CacheUnused"}
        variants[key] = json.dumps({"Resources": kept}).encode()
    assert lint.lint(variants, regions=("eu-west-1",), house=False) == []
