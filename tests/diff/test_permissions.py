"""Permissions: what an update lets somebody do, or no longer do, in words."""

from __future__ import annotations

import copy
import fnmatch
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.evidence import shows
from troposphere_arch.diff.model import Bump, Change, Effect, Section
from troposphere_arch.diff.permissions import permissions

Json = Any
NO_VALUE = {"Ref": "AWS::NoValue"}


def statement(action: Json, resource: Json = "*", **more: Json) -> dict[str, Json]:
    return {"Effect": "Allow", "Action": action, "Resource": resource, **more}


def document(*statements: Json) -> dict[str, Json]:
    return {"Version": "2012-10-17", "Statement": list(statements)}


def role(*statements: Json, **properties: Json) -> dict[str, Json]:
    policies = [{"PolicyName": f"P{i}", "PolicyDocument": document(one)} for i, one in enumerate(statements)]
    return {"Type": "AWS::IAM::Role", "Properties": {"Policies": policies, **properties}}


def trusting(*principals: Json, **more: Json) -> dict[str, Json]:
    trust = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": list(principals)}, **more}
    return role(AssumeRolePolicyDocument=document(trust))


def template(conditions: Json = None, **resources: Json) -> dict[str, Json]:
    table = {"Type": "AWS::DynamoDB::Table", "Properties": {}}
    return {"Conditions": conditions or {}, "Resources": {"Todos": table, **resources}}


def told(old: Json, new: Json, **values: Json) -> set[str]:
    """Each sentence, with its direction in front."""
    return {f"{c.action}: {r.says}" for c in permissions(old, new, **values) for r in c.reasons}


def of_role(old: Json, new: Json) -> set[str]:
    return told(template(Reader=role(*old)), template(Reader=role(*new)))


TODOS = {"Fn::GetAtt": ["Todos", "Arn"]}
GET = statement("dynamodb:GetItem", TODOS)
IN_EU = {"StringEquals": {"aws:RequestedRegion": "eu-west-1"}}
TLS = {"Bool": {"aws:SecureTransport": "true"}}

WORDS = {
    "an action more": (
        [GET],
        [statement(["dynamodb:GetItem", "dynamodb:Scan", "dynamodb:Query"], TODOS)],
        {"widened: Reader may now dynamodb:Query, dynamodb:Scan on Todos"},
    ),
    "an action less": (
        [statement(["dynamodb:GetItem", "dynamodb:Scan"], TODOS)],
        [GET],
        {"narrowed: Reader may no longer dynamodb:Scan on Todos"},
    ),
    "a resource more": (
        [GET],
        [statement("dynamodb:GetItem", [TODOS, {"Fn::Sub": "${Todos.Arn}/index/*"}])],
        {"widened: Reader may now dynamodb:GetItem on Todos/index/*"},
    ),
    "everything": (
        [GET],
        [statement("*")],
        {"widened: Reader may now everything on *"},
    ),
    "a wildcard that covers": ([statement("s3:Get*")], [statement(["s3:Get*", "s3:GetObject"])], set()),
    "a wildcard less": (
        [statement("s3:*")],
        [statement(["s3:GetObject", "s3:PutObject"])],
        {"narrowed: Reader may no longer s3:* on *, only s3:GetObject, s3:PutObject"},
    ),
    "a wildcard more": (
        [statement("s3:GetObject")],
        [statement("s3:Get*")],
        {"widened: Reader may now s3:Get* on * (before only s3:GetObject)"},
    ),
    "a resource narrower": (
        [statement("dynamodb:GetItem")],
        [GET],
        {"narrowed: Reader may no longer dynamodb:GetItem on *, only on Todos"},
    ),
    "a condition of IAM": (
        [GET],
        [GET | {"Condition": TLS}],
        {"narrowed: Reader may no longer dynamodb:GetItem on Todos, only when aws:SecureTransport is true"},
    ),
    "a condition of IAM less": (
        [GET | {"Condition": TLS}],
        [GET],
        {"widened: Reader may now dynamodb:GetItem on Todos (before only when aws:SecureTransport is true)"},
    ),
    "another condition of IAM": (
        [GET | {"Condition": TLS}],
        [GET | {"Condition": IN_EU}],
        {
            "widened: Reader may now dynamodb:GetItem on Todos, only when aws:RequestedRegion is eu-west-1",
            "narrowed: Reader may no longer dynamodb:GetItem on Todos, only when aws:SecureTransport is true",
        },
    ),
    "a condition more": (
        [GET | {"Condition": TLS}],
        [GET | {"Condition": TLS | IN_EU}],
        {
            "narrowed: Reader may no longer dynamodb:GetItem on Todos, only when aws:SecureTransport is true, "
            "only when aws:RequestedRegion is eu-west-1 and aws:SecureTransport is true"
        },
    ),
    "a value more is wider": (
        [GET | {"Condition": IN_EU}],
        [GET | {"Condition": {"StringEquals": {"aws:RequestedRegion": ["eu-west-1", "us-east-1"]}}}],
        {
            "widened: Reader may now dynamodb:GetItem on Todos, only when aws:RequestedRegion is eu-west-1 or "
            "us-east-1 (before only when aws:RequestedRegion is eu-west-1)"
        },
    ),
    "a value more is narrower where it says not": (
        [GET | {"Condition": {"StringNotEquals": {"a:b": ["x"]}}}],
        [GET | {"Condition": {"StringNotEquals": {"a:b": ["x", "y"]}}}],
        {
            "narrowed: Reader may no longer dynamodb:GetItem on Todos, only when a:b is not x, "
            "only when a:b is not x or y"
        },
    ),
    "a denial more": (
        [GET],
        [GET, statement("dynamodb:*") | {"Effect": "Deny"}],
        {"narrowed: Reader is now denied dynamodb:* on *"},
    ),
    "a denial less": (
        [GET, statement("dynamodb:*") | {"Effect": "Deny"}],
        [GET],
        {"widened: Reader is no longer denied dynamodb:* on *"},
    ),
    "any one character is not any number of them": (
        [statement("a:X", ["r/?", "r/???"])],
        [statement("a:X", ["r/?", "r/???", "r/*"])],
        {"widened: Reader may now a:X on r/* (before only on r/?, r/???)"},
    ),
    "nor what only the stack knows": (
        [statement("a:X", ["r/?", "r/???"])],
        [statement("a:X", ["r/?", "r/???", {"Fn::Sub": "r/${P}"}])],
        {"widened: Reader may now a:X on r/${P}"},
    ),
    "everything but": (
        [],
        [{"Effect": "Allow", "NotAction": ["iam:*"], "Resource": "*"}],
        {"widened: Reader may now everything but iam:* on *"},
    ),
    "everything but less": (
        [{"Effect": "Allow", "NotAction": ["iam:*"], "Resource": "*"}],
        [{"Effect": "Allow", "NotAction": ["iam:*", "sts:*"], "Resource": "*"}],
        {"narrowed: Reader may no longer everything but iam:* on *, only everything but iam:*, sts:*"},
    ),
    "everything but covers": (
        [{"Effect": "Allow", "NotAction": ["iam:*"], "Resource": "*"}],
        [{"Effect": "Allow", "NotAction": ["iam:*"], "Resource": "*"}, statement("s3:GetObject")],
        set(),
    ),
    "everything but does not cover": (
        [{"Effect": "Allow", "NotAction": ["iam:*"], "Resource": "*"}],
        [{"Effect": "Allow", "NotAction": ["iam:*"], "Resource": "*"}, statement("iam:PassRole")],
        {"widened: Reader may now iam:PassRole on *"},
    ),
}


@shows("REQ-D4", how="static")
@pytest.mark.parametrize("case", WORDS)
def test_what_a_role_may_is_told_in_words(case: str) -> None:
    old, new, words = WORDS[case]
    assert of_role(old, new) == words


SAME = {
    "order of statements": ([GET, statement("s3:GetObject")], [statement("s3:GetObject"), GET]),
    "a list of one": ([statement("s3:GetObject", "*")], [statement(["s3:GetObject"], ["*"])]),
    "one statement or two": (
        [statement(["a:X", "a:Y"], ["r", "s"])],
        [statement("a:X", ["s", "r"]), statement("a:Y", ["r", "s"])],
    ),
    "case of actions": ([statement("s3:GetObject")], [statement("S3:getobject")]),
    "case of condition keys": (
        [GET | {"Condition": {"Bool": {"aws:securetransport": "true"}}}],
        [GET | {"Condition": {"bool": {"aws:SecureTransport": True}}}],
    ),
    "Sid": ([GET], [GET | {"Sid": "Read"}]),
    "Sub or GetAtt": ([GET], [statement("dynamodb:GetItem", {"Fn::Sub": "${Todos.Arn}"})]),
    "Join or Sub": (
        [statement("a:X", {"Fn::Join": [":", ["arn:aws:a", {"Ref": "AWS::Region"}, "*"]]})],
        [statement("a:X", {"Fn::Sub": ["arn:${P}:a:${AWS::Region}:*", {"P": {"Ref": "AWS::Partition"}}]})],
    ),
    "what is covered already": ([statement("s3:*"), statement("s3:GetObject")], [statement("s3:*")]),
    "policy variables": (
        [statement("a:X", "b/${aws:username}")],
        [statement("a:X", {"Fn::Sub": "b/${!aws:username}"})],
    ),
    "an account or its root": (
        [statement("a:X", "r", Principal={"AWS": "123456789012"})],
        [statement("a:X", "r", Principal={"AWS": "arn:aws:iam::123456789012:root"})],
    ),
}


@pytest.mark.parametrize("case", SAME)
def test_what_is_only_written_in_another_way_is_no_change(case: str) -> None:
    old, new = SAME[case]
    assert of_role(old, new) == of_role(new, old) == set()


def test_a_policy_variable_is_only_text_before_its_version() -> None:
    new = role(statement("a:X", "b/${aws:username}"))
    old = copy.deepcopy(new)
    del old["Properties"]["Policies"][0]["PolicyDocument"]["Version"]
    assert "widened: Reader may now a:X on b/${aws:username}" in told(template(Reader=old), template(Reader=new))


def attached(kind: str, *statements: Json, **properties: Json) -> dict[str, Json]:
    return {"Type": f"AWS::IAM::{kind}", "Properties": {"PolicyDocument": document(*statements), **properties}}


@pytest.mark.parametrize(
    "resources",
    [
        {"Reader": role(), "P": attached("Policy", GET, Roles=[{"Ref": "Reader"}])},
        {"Reader": role(), "P": attached("ManagedPolicy", GET, Roles=[{"Ref": "Reader"}])},
        {"Reader": role(), "P": attached("RolePolicy", GET, RoleName={"Ref": "Reader"})},
        {"Reader": role(ManagedPolicyArns=[{"Ref": "P"}]), "P": attached("ManagedPolicy", GET)},
        {"Reader": role(ManagedPolicyArns=[{"Fn::GetAtt": ["P", "PolicyArn"]}]), "P": attached("ManagedPolicy", GET)},
        {"Reader": role(RoleName="reader"), "P": attached("Policy", GET, Roles=["reader"])},
    ],
)
def test_it_does_not_matter_where_a_grant_is_written(resources: dict[str, Json]) -> None:
    inline, elsewhere = template(Reader=role(GET)), template(**resources)
    assert told(inline, elsewhere) == told(elsewhere, inline) == set()
    without = copy.deepcopy(elsewhere)
    without["Resources"]["P"]["Properties"]["PolicyDocument"]["Statement"] = []
    assert told(without, elsewhere) == {"widened: Reader may now dynamodb:GetItem on Todos"}


def test_policies_that_nobody_or_somebody_outside_has() -> None:
    def changed(**properties: Json) -> set[str]:
        old = template(P=attached("ManagedPolicy", statement("a:X"), **properties))
        return told(old, template(P=attached("ManagedPolicy", statement("a:Y"), **properties)))

    assert changed() == {
        "widened: those who have P may now a:Y on *",
        "narrowed: those who have P may no longer a:X on *",
    }
    assert "widened: role admin may now a:Y on *" in changed(Roles=["admin"])
    assert "widened: role RoleName may now a:Y on *" in changed(Roles=[{"Ref": "RoleName"}])


def test_managed_policies_groups_and_boundaries() -> None:
    arn = "arn:aws:iam::aws:policy/ReadOnlyAccess"
    old, new = template(Reader=role()), template(Reader=role(ManagedPolicyArns=[arn]))
    assert told(old, new) == {"widened: Reader may now all that the managed policy ReadOnlyAccess permits"}
    assert told(new, old) == {"narrowed: Reader may no longer all that the managed policy ReadOnlyAccess permits"}
    partition = {"Fn::Sub": "arn:${AWS::Partition}:iam::aws:policy/ReadOnlyAccess"}
    assert told(new, template(Reader=role(ManagedPolicyArns=[partition]))) == set()

    limited = template(Reader=role(PermissionsBoundary={"Ref": "Limit"}))
    assert told(old, limited) == {"narrowed: Reader is now limited by the boundary Limit"}
    assert told(limited, old) == {"widened: Reader is no longer limited by the boundary Limit"}
    otherwise = template(Reader=role(PermissionsBoundary={"Ref": "Other"}))
    assert {text.partition(":")[0] for text in told(limited, otherwise)} == {"widened", "narrowed"}

    user = {"Type": "AWS::IAM::User", "Properties": {}}
    group = {"Type": "AWS::IAM::Group", "Properties": {}}
    member = {"Type": "AWS::IAM::User", "Properties": {"Groups": [{"Ref": "Staff"}]}}
    words = {"widened: Ann may now all that the group Staff may"}
    assert told(template(Ann=user, Staff=group), template(Ann=member, Staff=group)) == words
    addition = {
        "Type": "AWS::IAM::UserToGroupAddition",
        "Properties": {"GroupName": {"Ref": "Staff"}, "Users": [{"Ref": "Ann"}]},
    }
    assert told(template(Ann=member, Staff=group), template(Ann=user, Staff=group, Add=addition)) == set()


def test_a_boundary_of_the_template_itself() -> None:
    def limiting(action: str) -> Json:
        limited = role(PermissionsBoundary={"Ref": "Limit"})
        return template(Reader=limited, Limit=attached("ManagedPolicy", statement(action)))

    assert told(limiting("s3:GetObject"), limiting("s3:*")) == {
        "widened: those whom Limit limits may now s3:* on * (before only s3:GetObject)"
    }


def test_who_may_assume_a_role() -> None:
    old, new = template(Reader=trusting("lambda.amazonaws.com")), template(Reader=trusting("ec2.amazonaws.com"))
    assert told(old, new) == {
        "widened: ec2.amazonaws.com may now assume Reader",
        "narrowed: lambda.amazonaws.com may no longer assume Reader",
    }
    web = {
        "Effect": "Allow",
        "Action": "sts:AssumeRoleWithWebIdentity",
        "Principal": {"Federated": "cognito-identity.amazonaws.com"},
        "Condition": {"ForAnyValue:StringLike": {"cognito-identity.amazonaws.com:amr": "authenticated"}},
    }
    assert told(template(Reader=role()), template(Reader=role(AssumeRolePolicyDocument=document(web)))) == {
        "widened: cognito-identity.amazonaws.com may now sts:AssumeRoleWithWebIdentity as Reader, only when "
        "one of cognito-identity.amazonaws.com:amr is like authenticated"
    }


def bucket_policy(*statements: Json, name: Json = None) -> dict[str, Json]:
    return {
        "Type": "AWS::S3::BucketPolicy",
        "Properties": {"Bucket": name or {"Ref": "Files"}, "PolicyDocument": document(*statements)},
    }


FILES = {"Type": "AWS::S3::Bucket", "Properties": {}}
ANYBODY = statement("s3:GetObject", {"Fn::Sub": "${Files.Arn}/*"}, Principal="*")


def test_policies_of_resources_are_told_at_the_resource() -> None:
    old, new = template(Files=FILES), template(Files=FILES, Policy=bucket_policy(ANYBODY))
    (change,) = permissions(old, new)
    assert (change.name, change.kind, change.action) == ("Files", "AWS::S3::Bucket", "widened")
    assert [reason.says for reason in change.reasons] == ["anybody may now s3:GetObject on Files/*"]
    # Another name of the policy, and another way to write the bucket's ARN and anybody.
    same = statement("s3:GetObject", {"Fn::Sub": "arn:aws:s3:::${Files}/*"}, Principal={"AWS": "*"})
    renamed = template(Files=FILES, Renamed=bucket_policy(same))
    assert told(new, renamed) == told(renamed, new) == set()
    # The resource is new, and with it what limits everybody.
    denied = ANYBODY | {"Effect": "Deny", "Condition": {"Bool": {"aws:SecureTransport": "false"}}}
    assert told(template(), template(Files=FILES, Policy=bucket_policy(denied))) == set()
    assert told(old, template(Files=FILES, Policy=bucket_policy(denied))) == {
        "narrowed: anybody is now denied s3:GetObject on Files/*, only when aws:SecureTransport is false"
    }


def guarded(kind: str, key: str, *statements: Json) -> dict[str, Json]:
    return {"Type": kind, "Properties": {key: document(*statements)} if statements else {}}


ACCOUNT = {"AWS": {"Fn::Sub": "arn:aws:iam::${AWS::AccountId}:root"}}


ONE = {"AWS": "arn:aws:iam::111111111111:role/one"}
CLIENTS = ["elasticfilesystem:ClientMount", "elasticfilesystem:ClientRootAccess", "elasticfilesystem:ClientWrite"]


@shows("REQ-D4", how="static")
@pytest.mark.parametrize(
    ("kind", "key", "limited", "everything", "says"),
    [
        (
            "AWS::EC2::VPCEndpoint",
            "PolicyDocument",
            statement("s3:GetObject", Principal="*"),
            statement("*", Principal="*"),
            "anybody, through It, may {} everything on *{}",
        ),
        (
            "AWS::EFS::FileSystem",
            "FileSystemPolicy",
            statement("elasticfilesystem:ClientMount", Principal=ONE),
            statement(CLIENTS, Principal="*"),
            f"anybody may {{}} {', '.join(CLIENTS)} on It{{}}",
        ),
        (
            "AWS::KMS::Key",
            "KeyPolicy",
            statement("kms:Decrypt", Principal=ACCOUNT),
            statement("kms:*", Principal=ACCOUNT),
            "arn:${{AWS::Partition}}:iam::${{AWS::AccountId}}:root may {} kms:* on It{}",
        ),
    ],
    ids=["endpoint", "file system", "key"],
)
def test_without_a_policy_everybody_may(kind: str, key: str, limited: Json, everything: Json, says: str) -> None:
    none, some, every = (template(ON, It=guarded(kind, key, *policy)) for policy in ((), (limited,), (everything,)))
    only = "" if "EFS" in kind else limited["Action"]
    before = f" (before only {only})" if only else ""
    assert told(some, none) == {f"widened: {says.format('now', before)}"}
    assert told(none, some) == {f"narrowed: {says.format('no longer', f', only {only}' if only else '')}"}
    assert told(none, every) == told(every, none) == told(none, none) == set()
    # In one branch only.
    branch = template(ON, It={"Type": kind, "Properties": {key: when("On", document(limited), NO_VALUE)}})
    assert told(some, branch) == {f"widened: {says.format('now', f', under condition not On{before}')}"}
    assert told(branch, branch) == set()
    # A resource that is new says nothing of what everybody may with any such resource.
    assert told(template(ON), none) == set()


def test_managed_policies_of_a_permission_set() -> None:
    def granted(**properties: Json) -> Json:
        return template(Staff={"Type": "AWS::SSO::PermissionSet", "Properties": properties})

    arn = "arn:aws:iam::aws:policy/"
    assert told(granted(), granted(ManagedPolicies=[f"{arn}AdministratorAccess"])) == {
        "widened: those who have Staff may now all that the managed policy AdministratorAccess permits"
    }
    own = granted(CustomerManagedPolicyReferences=[{"Name": "Audit", "Path": "/team/"}])
    assert told(own, granted()) == {"narrowed: those who have Staff may no longer all that /team/Audit permits"}
    limited = granted(PermissionsBoundary={"ManagedPolicyArn": f"{arn}ReadOnlyAccess"})
    assert told(limited, granted()) == {
        "widened: those who have Staff are no longer limited by the boundary "
        "arn:${AWS::Partition}:iam::aws:policy/ReadOnlyAccess"
    }
    for odd in ("x", {"Ref": "X"}, [1], {"Name": {"a": 1}}):
        told(granted(), granted(ManagedPolicies=odd, CustomerManagedPolicyReferences=odd, PermissionsBoundary=odd))


def permission(**properties: Json) -> dict[str, Json]:
    return {
        "Type": "AWS::Lambda::Permission",
        "Properties": {
            "FunctionName": {"Fn::GetAtt": ["Run", "Arn"]},
            "Action": "lambda:InvokeFunction",
            "Principal": "apigateway.amazonaws.com",
            **properties,
        },
    }


RUN = {"Type": "AWS::Lambda::Function", "Properties": {"Role": {"Fn::GetAtt": ["Reader", "Arn"]}}}


def test_permissions_of_lambda() -> None:
    old = template(Run=RUN, A=permission(SourceArn={"Fn::Sub": "arn:${AWS::Partition}:x"}))
    assert told(template(Run=RUN), old) == {
        "widened: apigateway.amazonaws.com may now lambda:InvokeFunction on Run, only when aws:SourceArn is like "
        "arn:${AWS::Partition}:x"
    }
    assert told(old, template(Run=RUN, A=permission())) == {
        "widened: apigateway.amazonaws.com may now lambda:InvokeFunction on Run (before only when aws:SourceArn is "
        "like arn:${AWS::Partition}:x)"
    }
    account = {"SourceAccount": {"Ref": "AWS::AccountId"}, "SourceArn": "a"}
    assert told(template(Run=RUN, A=permission(SourceArn="a")), template(Run=RUN, B=permission(**account))) == {
        "narrowed: apigateway.amazonaws.com may no longer lambda:InvokeFunction on Run, only when aws:SourceArn is "
        "like a, only when aws:SourceAccount is ${AWS::AccountId} and aws:SourceArn is like a"
    }


def test_what_runs_as_another_role() -> None:
    other = {"Type": "AWS::Lambda::Function", "Properties": {"Role": {"Fn::GetAtt": ["Admin", "Arn"]}}}
    both = {"Reader": role(GET), "Admin": role(statement("*"))}
    assert told(template(Run=RUN, **both), template(Run=other, **both)) == {
        "widened: Run now runs as Admin, with all that it may",
        "narrowed: Run no longer runs as Reader, with all that it may",
    }
    assert told(template(**both), template(Run=RUN, **both)) == set()


@pytest.mark.parametrize(
    ("kind", "properties"),
    [
        ("AWS::SQS::QueuePolicy", {"Queues": [{"Ref": "It"}], "PolicyDocument": ...}),
        ("AWS::SNS::TopicPolicy", {"Topics": [{"Ref": "It"}], "PolicyDocument": ...}),
        ("AWS::SNS::TopicInlinePolicy", {"TopicArn": {"Ref": "It"}, "PolicyDocument": ...}),
        ("AWS::SQS::QueueInlinePolicy", {"Queue": {"Ref": "It"}, "PolicyDocument": ...}),
        ("AWS::SecretsManager::ResourcePolicy", {"SecretId": {"Ref": "It"}, "ResourcePolicy": ...}),
        ("AWS::Events::EventBusPolicy", {"EventBusName": {"Ref": "It"}, "Statement": ...}),
        ("AWS::KMS::Key", {"KeyPolicy": ...}),
        ("AWS::ECR::Repository", {"RepositoryPolicyText": ...}),
        ("AWS::EFS::FileSystem", {"FileSystemPolicy": ...}),
        ("AWS::ApiGateway::RestApi", {"Policy": ...}),
        ("AWS::EC2::VPCEndpoint", {"PolicyDocument": ...}),
        ("AWS::DynamoDB::Table", {"ResourcePolicy": {"PolicyDocument": ...}}),
        ("AWS::Kinesis::ResourcePolicy", {"ResourceArn": {"Ref": "It"}, "ResourcePolicy": ...}),
        ("AWS::Anything::New", {"Deep": [{"SomePolicy": ...}]}),
        ("AWS::Logs::ResourcePolicy", {"PolicyDocument": "text"}),
    ],
)
def test_every_place_of_a_policy_is_found(kind: str, properties: dict[str, Json]) -> None:
    def filled(value: Json, policy: Json) -> Json:
        if value is ...:
            return policy
        if value == "text":
            return json.dumps(policy)
        if isinstance(value, dict):
            return {key: filled(one, policy) for key, one in value.items()}
        return [filled(one, policy) for one in value] if isinstance(value, list) else value

    def with_policy(action: str) -> Json:
        policy: Json = document(statement(action, "r", Principal={"Service": "sns.amazonaws.com"}))
        if "Statement" in properties:
            policy = policy["Statement"][0]
        it = {"Type": "AWS::It", "Properties": {}}
        return template(It=it, Policy={"Type": kind, "Properties": filled(properties, policy)})

    changes = permissions(with_policy("a:X"), with_policy("a:Y"))
    assert {change.action for change in changes} == {"widened", "narrowed"}
    named = {"Queues", "Topics", "TopicArn", "Queue", "SecretId", "EventBusName", "ResourceArn"} & properties.keys()
    assert {change.name for change in changes} == {"It" if named else "Policy"}
    assert any("sns.amazonaws.com" in reason.says and "a:Y" in reason.says for c in changes for reason in c.reasons)


def test_statements_of_a_firewall_are_no_permissions() -> None:
    def acl(name: str) -> Json:
        rule = {"Name": "A", "Statement": {"ManagedRuleGroupStatement": {"Name": name}}}
        return template(Acl={"Type": "AWS::WAFv2::WebACL", "Properties": {"Rules": [rule]}})

    assert permissions(acl("a"), acl("b")) == []


# Conditions of the stack.

ON = {"On": {"Fn::Equals": [{"Ref": "Cache"}, "on"]}}
OFF = {"Off": {"Fn::Not": [{"Fn::Equals": [{"Ref": "Cache"}, "on"]}]}}


def when(condition: str, so: Json, otherwise: Json = NO_VALUE) -> dict[str, Json]:
    return {"Fn::If": [condition, so, otherwise]}


def under(conditions: Json, *policies: Json) -> dict[str, Json]:
    return template(conditions, Reader=role(*policies))


def test_conditions_of_the_stack_are_said() -> None:
    old, new = under(ON), under(ON, when("On", GET))
    (change,) = permissions(old, new)
    says = "Reader may now dynamodb:GetItem on Todos, under condition On"
    assert ([r.says for r in change.reasons], change.when, change.certain) == ([says], "under condition On", False)
    assert told(new, under(ON, GET)) == {
        "widened: Reader may now dynamodb:GetItem on Todos (before only under condition On)"
    }
    assert told(under(ON, GET), new) == {
        "narrowed: Reader may no longer dynamodb:GetItem on Todos, only under condition On"
    }
    assert told(old, under(ON, when("On", NO_VALUE, GET))) == {
        "widened: Reader may now dynamodb:GetItem on Todos, under condition not On"
    }


def test_the_definition_of_a_condition_counts_and_not_its_name() -> None:
    old = under(ON, when("On", GET))
    assert told(old, under({"Switched": ON["On"]}, when("Switched", GET))) == set()
    assert told(old, under(OFF, when("Off", NO_VALUE, GET))) == set()
    both = {"On": {"Fn::And": [ON["On"], {"Fn::Equals": [{"Ref": "Stage"}, "live"]}]}}
    assert {text.partition(":")[0] for text in told(old, under(both, when("On", GET)))} == {"narrowed"}
    either = {"On": {"Fn::Or": [ON["On"], {"Fn::Equals": [{"Ref": "Stage"}, "live"]}]}}
    assert {text.partition(":")[0] for text in told(old, under(either, when("On", GET)))} == {"widened"}


def test_a_grant_in_both_branches_is_one_that_is_always_there() -> None:
    assert told(under(ON, GET), under(ON, when("On", GET, GET))) == set()
    assert told(under(ON | OFF, GET), under(ON | OFF, when("On", GET), when("Off", GET))) == set()


def test_conditions_deep_inside_of_values() -> None:
    def on(*resource: Json) -> Json:
        return under(ON, *(statement("a:X", one) for one in resource))

    deep = {"Fn::Sub": ["arn:${Which}", {"Which": when("On", "b", "c")}]}
    assert told(on(deep), on(when("On", "arn:b", "arn:c"))) == set()
    assert told(on(deep), on("arn:b", "arn:c")) == {
        "widened: Reader may now a:X on arn:b (before only under condition On)",
        "widened: Reader may now a:X on arn:c (before only under condition not On)",
    }


def test_what_is_known_of_a_stack_decides() -> None:
    old, new = under(ON), under(ON, when("On", GET))
    assert told(old, new, old_values={"Cache": "off"}, new_values={"Cache": "off"}) == set()
    (change,) = permissions(old, new, {"Cache": "off"}, {"Cache": "on"})
    assert change.action == "widened"


def test_the_condition_of_a_resource_goes_without_saying() -> None:
    old = template(ON, Reader=role() | {"Condition": "On"})
    new = template(ON, Reader=role(GET) | {"Condition": "On"})
    assert told(old, new) == {"widened: Reader may now dynamodb:GetItem on Todos"}
    assert told(new, template(ON, Reader=role(GET))) == {
        "widened: Reader may now dynamodb:GetItem on Todos (before only under condition On)"
    }


def test_what_a_mapping_gives() -> None:
    def mapped(mapping: Json, first: Json = "eu") -> Json:
        found = {"Fn::FindInMap": ["Accounts", first, "id"]}
        return template(Reader=role(statement("a:X", found))) | {"Mappings": {"Accounts": mapping}}

    one, other = {"eu": {"id": "1"}}, {"eu": {"id": "2"}}
    assert told(mapped(one), mapped(other)) == {
        "widened: Reader may now a:X on 2",
        "narrowed: Reader may no longer a:X on 1",
    }
    region = {"Ref": "AWS::Region"}
    assert told(mapped(one, region), mapped(one | {"us": {"id": "3"}}, region)) == set(), "no stack was there"
    assert told(mapped(one, region), mapped(other, region)) == {
        "widened: Reader may now a:X on FindInMap(Accounts, AWS::Region, id)",
        "narrowed: Reader may no longer a:X on FindInMap(Accounts, AWS::Region, id)",
    }


# New and gone.


def test_a_role_that_is_new_or_goes_is_told_at_once() -> None:
    reader = trusting("lambda.amazonaws.com")
    reader["Properties"]["Policies"] = role(GET)["Properties"]["Policies"]
    reader["Properties"]["PermissionsBoundary"] = {"Ref": "Limit"}
    (new,) = permissions(template(), template(Reader=reader))
    assert (new.name, new.action, [reason.says for reason in new.reasons]) == (
        "Reader",
        "widened",
        [
            "Reader is new",
            "Reader may now dynamodb:GetItem on Todos",
            "Reader is now limited by the boundary Limit",
            "lambda.amazonaws.com may now assume Reader",
        ],
    )
    (gone,) = permissions(template(Reader=reader), template())
    assert (gone.action, gone.bump, len(gone.reasons)) == ("narrowed", Bump.PATCH, 3)


def test_versions_and_effects() -> None:
    both = permissions(template(Reader=role(statement("a:X"))), template(Reader=role(statement("a:Y"))))
    assert {(c.section, c.action, c.effect, c.bump, c.certain) for c in both} == {
        (Section.PERMISSIONS, "widened", Effect.IN_PLACE, Bump.MINOR, True),
        (Section.PERMISSIONS, "narrowed", Effect.IN_PLACE, Bump.PATCH, True),
    }


# What nobody can tell.


@pytest.mark.parametrize(
    "odd",
    [
        "text",
        7,
        None,
        [],
        {"Ref": "PolicyParameter"},
        {"Fn::Transform": {"Name": "AWS::Include"}},
        {"Statement": [{"Ref": "StatementParameter"}]},
        {"Statement": [{"Effect": {"Ref": "EffectParameter"}, "Action": "a:X", "Resource": "*"}]},
        {"Statement": [{"Effect": "Allow", "Resource": "*"}]},
        {"Statement": [{"Effect": "Allow", "Action": "a:X", "Resource": "*", "Condition": "odd"}]},
        {"Statement": [{"Effect": "Allow", "Action": "a:X", "Resource": "*", "Condition": {"Bool": "odd"}}]},
    ],
)
def test_a_policy_that_cannot_be_read_counts_as_wider(odd: Json) -> None:
    plain = document(GET)
    reads = template(Reader=role(Policies=[{"PolicyName": "P", "PolicyDocument": plain}]))
    odds = template(Reader=role(Policies=[{"PolicyName": "P", "PolicyDocument": odd}]))
    assert permissions(odds, odds) == []
    if odd not in (None, []):
        assert "widened: a policy of Reader changed; what that permits can't be told" in told(reads, odds)
        assert "widened: a policy of Reader changed; what that permits can't be told" in told(odds, reads)
    else:
        assert told(reads, odds) == {"narrowed: Reader may no longer dynamodb:GetItem on Todos"}


# What holds of all policies.

ACTIONS = st.sampled_from(["a:*", "a:Get*", "a:GetX", "a:GetY", "a:Put", "b:X", "*"])
RESOURCES = st.sampled_from(["*", "arn:x", "arn:x/*", "arn:x/y", TODOS, {"Fn::Sub": "${Todos.Arn}/*"}, {"Ref": "P"}])
TESTS = st.sampled_from([{}, TLS, IN_EU, TLS | IN_EU])


@st.composite
def statements(draw: st.DrawFn) -> Json:
    actions, resources = (st.lists(one, min_size=1, max_size=3, unique_by=str) for one in (ACTIONS, RESOURCES))
    made = statement(draw(actions), draw(resources)) | ({"Condition": tests} if (tests := draw(TESTS)) else {})
    return draw(st.sampled_from([made, made, when("On", made), when("On", NO_VALUE, made)]))


def all_of(found: list[Change], action: str) -> set[str]:
    return {reason.says for change in found if change.action == action for reason in change.reasons}


@settings(derandomize=True, deadline=None, database=None)
@given(st.lists(statements(), max_size=4), st.lists(statements(), max_size=4))
def test_what_is_wider_one_way_is_narrower_the_other(first: list[Json], second: list[Json]) -> None:
    old, new = under(ON, *first), under(ON, *second)
    there, back = permissions(old, new), permissions(new, old)
    for one, other in ((there, back), (back, there)):
        wider = {(c.name, len(c.reasons)) for c in one if c.action == "widened"}
        assert wider == {(c.name, len(c.reasons)) for c in other if c.action == "narrowed"}


@settings(derandomize=True, deadline=None, database=None)
@given(st.lists(statements(), max_size=4), st.lists(statements(), max_size=4))
def test_what_is_added_never_narrows_and_what_is_covered_never_widens(first: list[Json], more: list[Json]) -> None:
    old, new = under(ON, *first), under(ON, *first, *more)
    assert not all_of(permissions(old, new), "narrowed")
    assert permissions(new, new) == []
    assert permissions(new, under(ON, *more[::-1], *first[::-1])) == []


@settings(derandomize=True, deadline=None, database=None)
@given(st.lists(statements(), max_size=3), st.lists(statements(), max_size=3), st.sampled_from(["on", "off"]))
def test_what_a_known_stack_feels_is_what_a_plain_policy_would(
    first: list[Json], second: list[Json], cache: str
) -> None:
    """The same as with the conditions already decided by hand."""

    def decided(one: Json) -> list[Json]:
        if "Fn::If" not in one:
            return [one]
        chosen = one["Fn::If"][1 if cache == "on" else 2]
        return [] if chosen == NO_VALUE else [chosen]

    values = {"Cache": cache}
    directions = {c.action for c in permissions(under(ON, *first), under(ON, *second), values, values)}
    plain = [under(ON, *(one for some in side for one in decided(some))) for side in (first, second)]
    assert directions == {c.action for c in permissions(*plain)}


# A small model of how IAM decides, to ask about single requests.
# https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html

REQUESTS = [
    {"action": action, "resource": resource, "aws:SecureTransport": tls, "aws:RequestedRegion": region}
    for action in ("a:GetX", "a:Put", "b:X")
    for resource in ("arn:x", "arn:x/y", "arn:x/z")
    for tls in ("true", "false")
    for region in ("eu-west-1", "us-east-1")
]
ONE_OR_TWO = st.lists(
    st.sampled_from(["arn:x", "arn:x/*", "arn:x/y", "arn:x/?", "arn:*", "*"]), min_size=1, max_size=2, unique=True
)
SPELLED_TESTS = st.sampled_from(
    [
        {},
        TLS,
        IN_EU,
        TLS | IN_EU,
        {"StringEquals": {"aws:RequestedRegion": ["eu-west-1", "us-east-1"]}},
        {"StringNotEquals": {"aws:RequestedRegion": ["eu-west-1"]}},
        {"StringNotEquals": {"aws:RequestedRegion": ["eu-west-1", "us-east-1"]}},
        {"StringLike": {"aws:RequestedRegion": ["eu-*"]}},
        {"StringLike": {"aws:RequestedRegion": ["*-1"]}},
        {"StringNotLike": {"aws:RequestedRegion": ["eu-*", "us-west-?"]}},
    ]
)
DECIDED = st.builds(
    lambda effect, no_action, actions, no_resource, resources, tests: {
        "Effect": effect,
        ("NotAction" if no_action else "Action"): actions,
        ("NotResource" if no_resource else "Resource"): resources,
        "Condition": tests,
    },
    st.sampled_from(["Allow", "Allow", "Deny"]),
    st.booleans(),
    st.lists(ACTIONS, min_size=1, max_size=2, unique=True),
    st.booleans(),
    ONE_OR_TWO,
    SPELLED_TESTS,
)


def applies(one: Json, request: dict[str, str]) -> bool:
    for key in ("Action", "Resource"):
        listed = one.get(key, one.get(f"Not{key}"))
        matched = any(fnmatch.fnmatchcase(request[key.lower()], pattern) for pattern in listed)
        if matched is not (key in one):
            return False
    for operator, keys in one["Condition"].items():
        for key, values in keys.items():
            matched = any(
                fnmatch.fnmatchcase(request[key], value) for value in ([values] if isinstance(values, str) else values)
            )
            if matched is ("Not" in operator):
                return False
    return True


def allows(some: list[Json], request: dict[str, str]) -> bool:
    effects = {one["Effect"] for one in some if applies(one, request)}
    return effects == {"Allow"}


@shows("REQ-D4", how="simulated")
@settings(max_examples=500, derandomize=True, deadline=None, database=None)
@given(st.lists(DECIDED, max_size=3), st.lists(DECIDED, max_size=3))
def test_no_request_is_allowed_that_was_not_without_a_word(old: list[Json], new: list[Json]) -> None:
    """Soundness, against a model that knows nothing of wildcards that cover each other: it asks request by request."""
    directions = {change.action for change in permissions(template(R=role(*old)), template(R=role(*new)))}
    for request in REQUESTS:
        before, after = allows(old, request), allows(new, request)
        if before is not after:
            assert ("widened" if after else "narrowed") in directions, request


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.sampled_from(["a", "*", "${A}", "${!b}", "Allow", "On", "", "${"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    *("Statement", "Effect", "Action", "NotAction", "Resource", "Principal", "Condition", "Bool"),
                    *("Fn::If", "Ref", "Fn::Sub", "Fn::Join", "Fn::GetAtt", "Fn::FindInMap", "PolicyDocument", "AWS"),
                ]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)
PLACES = st.sampled_from(
    [
        *(
            "Policies",
            "PolicyDocument",
            "AssumeRolePolicyDocument",
            "ManagedPolicyArns",
            "PermissionsBoundary",
            "Roles",
        ),
        *("Bucket", "Queues", "KeyPolicy", "Principal", "Action", "SourceArn", "Groups", "FunctionName", "RoleName"),
    ]
)
TYPES = st.sampled_from(
    [
        *("AWS::IAM::Role", "AWS::IAM::User", "AWS::IAM::Policy", "AWS::IAM::ManagedPolicy", "AWS::S3::BucketPolicy"),
        *("AWS::SQS::QueuePolicy", "AWS::KMS::Key", "AWS::Lambda::Permission", "AWS::IAM::UserToGroupAddition"),
        *("AWS::EC2::VPCEndpoint", "AWS::Serverless::Function", "AWS::Events::EventBusPolicy"),
    ]
)
ODD = st.builds(
    lambda kind, properties, more: {"Type": kind, "Properties": properties, **more},
    TYPES,
    st.dictionaries(PLACES, JSON, max_size=4) | JSON,
    st.dictionaries(st.just("Condition"), JSON, max_size=1),
)
ANY = st.fixed_dictionaries(
    {"Resources": st.dictionaries(st.sampled_from(["A", "On", "a"]), ODD | JSON, max_size=3) | JSON},
    optional={"Conditions": st.dictionaries(st.just("On"), JSON, max_size=1) | JSON, "Mappings": JSON},
)


@settings(max_examples=300, derandomize=True, deadline=None, database=None)
@given(ANY, ANY)
def test_nothing_is_too_odd(old: Json, new: Json) -> None:
    permissions(old, new)
    assert permissions(old, old) == []


def test_what_goes_too_deep_is_no_crash() -> None:
    deep: Json = "x"
    for i in range(90):
        deep = when("On", deep, f"y{i}")
    old, new = under(ON, statement("a:X", deep)), under(ON, statement("a:X", {"Fn::Sub": ["${A}", {"A": deep}]}))
    assert permissions(old, old) == []
    assert isinstance(permissions(old, new), list)


@shows("REQ-D4", how="static")
def test_five_hundred_resources_are_all_told() -> None:
    def large(action: str) -> Json:
        resources = {}
        for i in range(250):
            allowed = [
                statement(["a:X", "a:Y", "a:Z", action], [{"Fn::Sub": f"${{Todos.Arn}}/{i}/*"}]),
                when("On", GET),
            ]
            resources[f"Role{i}"] = role(*allowed) | ({"Condition": "On"} if i % 2 else {})
            resources[f"Permission{i}"] = permission(FunctionName=f"f{i}", SourceArn=f"arn:{action}")
        return template(ON, **resources)

    old, new = large("a:One"), large("a:Two")
    assert len(permissions(old, new)) == 1000


@shows("REQ-D4", how="static")
def test_what_covers_what_is_found_among_many() -> None:
    def many(*begin: str) -> Json:
        names = [f"arn:{one}:{i}/*" for one in begin for i in range(60)]
        return template(**{f"Role{i}": role(statement([f"a:Get{n}*" for n in range(20)], names)) for i in range(60)})

    old, new = many("x"), many("x", "y")
    assert permissions(new, new) == []
    assert {(change.action, len(change.reasons)) for change in permissions(old, new)} == {("widened", 1)}
    # A wider pattern covers all of them, whatever they begin with.
    assert {
        (c.action, len(c.reasons))
        for c in permissions(old, template(**{f"Role{i}": role(statement("a:*", "arn:*/*")) for i in range(60)}))
    } == {("widened", 1)}


@shows("REQ-D4", how="static")
def test_a_pattern_of_many_wildcards_is_no_hang() -> None:
    stars, long = "a*" * 40 + "b", "a" * 2000
    assert of_role([statement("a:X", stars)], [statement("a:X", long)]) == {
        f"narrowed: Reader may no longer a:X on {stars}",
        f"widened: Reader may now a:X on {long}",
    }
    assert of_role([statement("a:X", stars)], [statement("a:X", long + "b")]) == {
        f"narrowed: Reader may no longer a:X on {stars}, only on {long}b"
    }
