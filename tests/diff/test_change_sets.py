"""The diff beside the change sets of the unmodified emulator.

This is the weaker evidence: the emulator's change sets come from the same reference pages as our facts. And the
emulator is pessimistic: it calls a replacement conditional where it does not know, says so of all that names a
parameter that changes (also where the branch that names it is not taken), and does not ask whether a resource's
condition holds. On the other hand it does not see that an attribute is another resource's by now. So what is compared
is what must hold whoever is right: what comes and what goes, that nothing it would replace of itself is harmless here,
that nothing we call a sure replacement is harmless there, and that nothing changes here that does not change there.

The pairs are small ones of supported types, and those of `pairs/retold.py` that touch a resource and that the emulator
can make. What the published ones gave is in `pairs/measured.md`.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.diff.pairs import SIDES, Pair, pairs
from tests.diff.pairs.retold import RETOLD
from tests.diff.templates import function, resource, table, template
from tests.evidence import shows
from troposphere_arch.diff import Change, Effect, Section, diff
from troposphere_arch.local import Emulator

Template = dict[str, Any]
Values = dict[str, str]


@dataclass(frozen=True)
class Said:
    """What a change set says of a resource. `direct`: its own properties differ, not only what they refer to."""

    action: str = ""
    replacement: str = ""
    direct: bool = True


@dataclass(frozen=True)
class Update:
    """A stack as it is made, and as it is updated, with the parameters of both."""

    old: Template
    new: Template
    values: Values = field(default_factory=dict)
    new_values: Values = field(default_factory=dict)


# --- small ones


def role(**properties: Any) -> Template:
    trust = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
    return resource(
        "AWS::IAM::Role", AssumeRolePolicyDocument={"Version": "2012-10-17", "Statement": [trust]}, **properties
    )


def key(**properties: Any) -> Template:
    allow = {"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "kms:*", "Resource": "*"}
    return resource("AWS::KMS::Key", KeyPolicy={"Version": "2012-10-17", "Statement": [allow]}, **properties)


def subnet(**properties: Any) -> Template:
    return resource("AWS::EC2::Subnet", VpcId={"Ref": "Net"}, CidrBlock="10.0.1.0/24", **properties)


REPLACED = (Effect.REPLACEMENT, Effect.DATA_LOSS)
QUEUE, TOPIC, BUCKET, LOGS = "AWS::SQS::Queue", "AWS::SNS::Topic", "AWS::S3::Bucket", "AWS::Logs::LogGroup"
SMALL: dict[str, tuple[Template, Template]] = {
    "a queue of another name": ({"A": resource(QUEUE)}, {"A": resource(QUEUE, QueueName="other")}),
    "a queue that hides longer": ({"A": resource(QUEUE)}, {"A": resource(QUEUE, VisibilityTimeout=60)}),
    "a topic of another name": ({"A": resource(TOPIC, TopicName="a")}, {"A": resource(TOPIC, TopicName="b")}),
    "a topic shown otherwise": ({"A": resource(TOPIC)}, {"A": resource(TOPIC, DisplayName="shown")}),
    "a table of another key": ({"A": table("one")}, {"A": table("two")}),
    "a table protected": ({"A": table()}, {"A": table(DeletionProtectionEnabled=True)}),
    "a function of another name": ({"A": function(FunctionName="a")}, {"A": function(FunctionName="b")}),
    "a function with more memory": ({"A": function()}, {"A": function(MemorySize=512)}),
    "a role of another path": ({"A": role()}, {"A": role(Path="/other/")}),
    "a role that may more": (
        {"A": role()},
        {"A": role(ManagedPolicyArns=["arn:aws:iam::aws:policy/ReadOnlyAccess"])},
    ),
    "a bucket of another name": ({"A": resource(BUCKET)}, {"A": resource(BUCKET, BucketName="diff-other")}),
    "a bucket with versions": (
        {"A": resource(BUCKET)},
        {"A": resource(BUCKET, VersioningConfiguration={"Status": "Enabled"})},
    ),
    "a log group of another name": ({"A": resource(LOGS)}, {"A": resource(LOGS, LogGroupName="other")}),
    "logs kept for less long": ({"A": resource(LOGS)}, {"A": resource(LOGS, RetentionInDays=7)}),
    "a parameter of another value": (
        {"A": resource("AWS::SSM::Parameter", Type="String", Value="1")},
        {"A": resource("AWS::SSM::Parameter", Type="String", Value="2")},
    ),
    "an alias of another name": (
        {"A": resource("AWS::KMS::Alias", AliasName="alias/a", TargetKeyId={"Ref": "K"}), "K": key()},
        {"A": resource("AWS::KMS::Alias", AliasName="alias/b", TargetKeyId={"Ref": "K"}), "K": key()},
    ),
    "an alarm of another threshold": tuple(
        {
            "A": resource(
                "AWS::CloudWatch::Alarm",
                ComparisonOperator="GreaterThanThreshold",
                EvaluationPeriods=1,
                MetricName="Errors",
                Namespace="AWS/Lambda",
                Period=60,
                Statistic="Sum",
                Threshold=threshold,
            )
        }
        for threshold in (1, 2)
    ),
    "one that comes": ({"A": resource(QUEUE)}, {"A": resource(QUEUE), "B": resource(TOPIC)}),
    "one that goes": ({"A": resource(QUEUE), "B": resource(TOPIC)}, {"A": resource(QUEUE)}),
    "a network of other addresses, and what is in it": (
        {"Net": resource("AWS::EC2::VPC", CidrBlock="10.0.0.0/16"), "A": subnet()},
        {"Net": resource("AWS::EC2::VPC", CidrBlock="10.0.0.0/20"), "A": subnet()},
    ),
    "a subscription to a topic that is another": tuple(
        {
            "T": resource(TOPIC, TopicName=name),
            "Q": resource(QUEUE),
            "A": resource(
                "AWS::SNS::Subscription",
                TopicArn={"Ref": "T"},
                Protocol="sqs",
                Endpoint={"Fn::GetAtt": ["Q", "Arn"]},
            ),
        }
        for name in ("a", "b")
    ),
    "a function whose role is another": tuple(
        {"R": role(Path=path), "A": function(Role={"Fn::GetAtt": ["R", "Arn"]})} for path in ("/", "/other/")
    ),
}


@shows("REQ-D4", how="stock")
@pytest.mark.parametrize("name", SMALL)
def test_small_pairs_are_seen_as_the_change_set_sees_them(stock: Emulator, name: str) -> None:
    old, new = SMALL[name]
    update = Update(template(old), template(new))
    theirs = change_set(stock, update)
    assert theirs, "there is nothing to compare"
    assert not list(disagreements(update, theirs))


def test_a_replacement_in_the_change_set_is_one_here(stock: Emulator) -> None:
    """Of the small pairs, those that the emulator is sure of; so the comparison has something to fail on."""
    sure = set()
    for name, (old, new) in SMALL.items():
        update = Update(template(old), template(new))
        ours = {c.name: c.effect for c in diff(update.old, update.new).changes if c.section == Section.RESOURCES}
        for logical_id, said in change_set(stock, update).items():
            if said.replacement == "True":
                sure.add(name)
                assert ours[logical_id] >= Effect.REPLACEMENT, (name, logical_id)
    assert len(sure) >= 5, sure


# --- the updates of public templates, retold

UNMADE = {  # what the emulator can't make of them
    "widdix-nat-gateway-4": "a NAT gateway",
    "widdix-rds-aurora-7": "a record in a zone that is not there",
    "widdix-rds-aurora-7-as-told": "a record in a zone that is not there",
    "widdix-elasticsearch-9": "a search domain",
    "datadog-4.10.0": "a nested stack whose template is not there",
    "waf-3.0": "a nested stack whose template is not there",
    "waf-3.2.2": "an application of the registry",
    "waf-2.2.0": "a custom resource that answers",
    "waf-2.3.1": "a custom resource that answers",
    "centralized-logging-3.2": "a custom resource that answers",
    "eks-nodegroup-v24": "rules of a security group, on their own",
    "eks-nodegroup-450": "rules of a security group, on their own",
    "eks-nodegroup-20190927": "a parameter that AWS has in SSM",
    "alertlogic-11-before": "an instance",
    "alertlogic-11-after": "an instance",
}


def retold(pair: Pair) -> Update:
    """The update with a value for each parameter: what the note says to give, the default, or anything."""
    sides = RETOLD[pair.id]
    values = [
        {
            name: (pair.parameters(side, one) or {}).get(name) or str(parameter.get("Default", f"a{name.lower()}"))
            for name, parameter in one.get("Parameters", {}).items()
        }
        for side, one in zip(SIDES, sides, strict=True)
    ]
    return Update(*sides, *values)


def touched(pair: Pair) -> bool:
    """Whether the update touches a resource at all."""
    update = retold(pair)
    return update.old["Resources"] != update.new["Resources"]


COMPARED = [pair for pair in pairs() if touched(pair) and pair.id not in UNMADE]


@shows("REQ-D4", how="stock")
@pytest.mark.parametrize("pair", COMPARED, ids=lambda pair: pair.id)
def test_retold_pairs_are_seen_as_the_change_set_sees_them(stock: Emulator, pair: Pair) -> None:
    update = retold(pair)
    assert not list(disagreements(update, change_set(stock, update)))


def test_enough_of_them_are_compared() -> None:
    assert len(COMPARED) >= 30
    assert UNMADE.keys() <= RETOLD.keys()


# --- both


def change_set(emulator: Emulator, update: Update) -> dict[str, Said]:
    """What a change set says of an update, by logical id."""
    cloudformation = emulator.client("cloudformation")
    name = f"changes-{time.monotonic_ns()}"
    asked = {"StackName": name, "Capabilities": ["CAPABILITY_NAMED_IAM"]}
    try:
        cloudformation.create_stack(
            **asked, TemplateBody=json.dumps(update.old), Parameters=_parameters(update.values), OnFailure="DELETE"
        )
        status = _wait(lambda: cloudformation.describe_stacks(StackName=name)["Stacks"][0]["StackStatus"])
        assert status == "CREATE_COMPLETE", status
        cloudformation.create_change_set(
            **asked, ChangeSetName="c", TemplateBody=json.dumps(update.new), Parameters=_parameters(update.new_values)
        )
        _wait(lambda: cloudformation.describe_change_set(StackName=name, ChangeSetName="c")["Status"])
        said = cloudformation.describe_change_set(StackName=name, ChangeSetName="c")["Changes"]
        return {one["ResourceChange"]["LogicalResourceId"]: _said(one["ResourceChange"]) for one in said}
    finally:
        cloudformation.delete_stack(StackName=name)


def _said(change: Mapping[str, Any]) -> Said:
    sources = {detail.get("ChangeSource") for detail in change.get("Details", ())}
    direct = not sources or "DirectModification" in sources
    return Said(change["Action"], change.get("Replacement", ""), direct)


def disagreements(update: Update, theirs: Mapping[str, Said]) -> Iterator[str]:
    """What must hold of our diff and the change set, and does not."""
    found = diff(
        update.old, update.new, old_parameters=update.values, new_parameters=update.new_values, region="us-east-1"
    )
    ours: dict[str, list[Change]] = {}
    for change in found.changes:
        if change.section == Section.RESOURCES:
            ours.setdefault(change.name, []).append(change)
    before, after = update.old["Resources"], update.new["Resources"]
    for name in {**before, **after}:
        mine, said = ours.get(name, []), theirs.get(name, Said())
        actions = {change.action for change in mine}
        worst = max((change.effect for change in mine), default=Effect.NONE)
        sure = any(c.certain and c.action == "change" and c.effect in REPLACED for c in mine)
        line = f"{name}: theirs {said.action} {said.replacement}, ours {sorted(actions)} {worst}"
        if sure and said.replacement not in ("True", "Conditional"):
            yield f"replaced here, {line}"
        if "Condition" in before.get(name, {}) or "Condition" in after.get(name, {}):
            continue  # the emulator does not ask whether it holds
        if [said.action == "Add", said.action == "Remove"] != ["add" in actions, "remove" in actions]:
            yield f"comes or goes, {line}"
        if said.replacement == "True" and said.direct and worst < Effect.UNKNOWN:
            yield f"replaced there, {line}"
        visible = _without_attributes(before.get(name)) != _without_attributes(after.get(name))
        if not said.action and visible and worst > Effect.NONE:
            yield f"changes here only, {line}"


def _without_attributes(value: Any) -> Any:
    """The value as the emulator compares it."""
    if isinstance(value, Mapping):
        return {name: None if name == "Fn::GetAtt" else _without_attributes(one) for name, one in value.items()}
    return [_without_attributes(one) for one in value] if isinstance(value, list) else value


def _parameters(values: Values) -> list[dict[str, str]]:
    return [{"ParameterKey": name, "ParameterValue": value} for name, value in values.items()]


def _wait(status: Any) -> str:
    end = time.monotonic() + 10
    while (said := str(status())).endswith(("PENDING", "IN_PROGRESS")):
        assert time.monotonic() < end, said
        time.sleep(0.02)  # the emulator works out a change set in the background
    return said
