"""What each function, the cluster and a signed-in user may do: the whole list, so that a right more or less is noticed.

That each right of a handler is needed is shown where the handler is deployed with all of them but one
(`tests/handlers/`, `tests/journeys/`).
"""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.evidence import shows

TEMPLATE = (Path(__file__).parents[2] / "templates/todo/1.0.0/todo.template.json").read_bytes()
# Effect, actions, resource, condition of a statement; and the condition of the template under which it holds.
Right = tuple[str, tuple[str, ...], str, str, str]
HERE = "arn:${AWS::Partition}:%s:${AWS::Region}:${AWS::AccountId}:%s"
TABLE, CLUSTER, ON = "Todos.Arn", "TodosCache.Arn", "NotRegionWithoutDaxAndReadCacheOn"
KEEP = ("AssignPrivateIpAddresses", "CreateNetworkInterface", "DeleteNetworkInterface", "UnassignPrivateIpAddresses")
SEE = ("DescribeNetworkInterfaces", "DescribeSubnets")


def of(service: str, *actions: str) -> tuple[str, ...]:
    return tuple(sorted(f"{service}:{action}" for action in actions))


def allow(actions: tuple[str, ...], resource: str, condition: str = "", when: str = "") -> Right:
    return "Allow", actions, resource, condition, when


USE_KEY = allow(
    of("kms", "Decrypt"),
    "KmsKeyArn",
    "StringEquals kms:ViaService dynamodb.${AWS::Region}.${AWS::URLSuffix}",
    "HasKmsKeyArn",
)
IN_THE_NETWORK = {
    allow(of("ec2", *KEEP), HERE % ("ec2", "*/*")),
    allow(of("ec2", *SEE), "*"),
    # Lambda may, the function's own code may not.
    ("Deny", of("ec2", *KEEP, *SEE), "*", f"ArnLike lambda:SourceFunctionArn {HERE % ('lambda', 'function:*')}", ""),
}


def every_function(title: str) -> set[Right]:
    return {
        allow(of("logs", "CreateLogStream", "PutLogEvents"), f"{title}Logs.Arn"),
        allow(of("xray", "PutTelemetryRecords", "PutTraceSegments"), "*"),
        USE_KEY,
    }


RIGHTS: dict[str, tuple[str, set[Right]]] = {
    "ReadTodosRole": (
        "lambda.amazonaws.com",
        every_function("ReadTodos")
        | IN_THE_NETWORK
        | {
            allow(of("dynamodb", "GetItem", "Query"), TABLE),
            allow(of("dax", "GetItem", "Query"), CLUSTER, "", ON),
        },
    ),
    "WriteTodosRole": (
        "lambda.amazonaws.com",
        every_function("WriteTodos")
        | IN_THE_NETWORK
        | {
            allow(of("dynamodb", "ConditionCheckItem", "DeleteItem", "GetItem", "PutItem", "UpdateItem"), TABLE),
            allow(of("dax", "DeleteItem", "UpdateItem"), CLUSTER, "", ON),
        },
    ),
    "DeleteAccountsRole": (
        "lambda.amazonaws.com",
        every_function("DeleteAccounts")
        | {
            allow(of("dynamodb", "BatchWriteItem", "PutItem", "Query"), TABLE),
            allow(of("cognito-idp", "AdminDeleteUser"), "Users.Arn"),
        },
    ),
    "TodosCacheRole": (
        "dax.amazonaws.com",
        {
            USE_KEY,
            allow(of("dynamodb", "DeleteItem", "DescribeTable", "GetItem", "Query", "UpdateItem"), TABLE),
        },
    ),
}


# Where Cognito identity pools go by which name, which is also the name of their policy variable.
POOLS = {
    "cognito-identity.amazonaws.com": "NotInUsGovEast1OrInUsGovWest1",
    "cognito-identity-us-gov.amazonaws.com": "InUsGovWest1",
    "cognito-identity.us-gov-east-1.amazonaws.com": "InUsGovEast1",
}
THROUGH_S3 = "StringEquals kms:ViaService s3.${AWS::Region}.${AWS::URLSuffix}"
# What a signed-in user holds: the own prefix, and the keys of what is there, through S3 only.
OF_USERS = {
    allow(of("kms", "Decrypt", "GenerateDataKey"), "KmsKeyArn", THROUGH_S3, "FileStorageOnAndHasKmsKeyArn"),
    allow(
        of("kms", "Decrypt"),
        HERE % ("kms", "key/*"),
        f"{THROUGH_S3} and StringLike kms:EncryptionContext:aws:s3:arn Files.Arn,${{Files.Arn}}/*",
        "FileStorageOn",
    ),
}
for issuer, where in POOLS.items():
    # In a Sub the variable is written with an exclamation mark, else CloudFormation would look for a resource.
    mine, when = f"${{Files.Arn}}/${{!{issuer}:sub}}/*", f"FileStorageOnAnd{where}"
    OF_USERS |= {
        allow(of("s3", "DeleteObject", "GetObject", "PutObject"), mine, "", when),
        allow(of("s3", "ListBucket"), "Files.Arn", f"StringLike s3:prefix ${{{issuer}:sub}}/*", when),
    }


def text(value: Any) -> str:
    """What a statement names, as one word."""
    match value:
        case list():
            return ",".join(text(one) for one in value)
        case {"Ref": name}:
            return str(name)
        case {"Fn::GetAtt": [name, attribute]}:
            return f"{name}.{attribute}"
        case {"Fn::Sub": pattern}:
            return str(pattern)
    return str(value)


def held(template: dict[str, Any], role: str) -> set[Right]:
    """Every right that the role has, by its own policies and by those that are attached to it."""
    resources = template["Resources"]
    policies: list[tuple[str, dict[str, Any]]] = []
    for policy in resources[role]["Properties"]["Policies"]:
        when, policy = (policy["Fn::If"][0], policy["Fn::If"][1]) if "Fn::If" in policy else ("", policy)
        policies.append((when, policy["PolicyDocument"]))
    for resource in resources.values():
        if resource["Type"] == "AWS::IAM::Policy" and {"Ref": role} in resource["Properties"]["Roles"]:
            policies.append((resource.get("Condition", ""), resource["Properties"]["PolicyDocument"]))
    found = set()
    for when, document in policies:
        for s in document["Statement"]:
            resource = s["Resource"]
            condition = " and ".join(
                f"{operator} {key} {text(value)}"
                for operator, keys in sorted(s.get("Condition", {}).items())
                for key, value in sorted(keys.items())
            )
            found.add((s["Effect"], tuple(sorted(s["Action"])), text(resource), condition, when))
    return found


def branches(value: Any) -> Iterator[Any]:
    """A value, or all sides of it where conditions decide."""
    for side in value["Fn::If"][1:] if "Fn::If" in value else ():
        yield from branches(side)
    if "Fn::If" not in value:
        yield value


def trusted(template: dict[str, Any], role: str) -> list[tuple[Any, ...]]:
    """Who may assume the role, by which action, under which condition."""
    document = template["Resources"][role]["Properties"]["AssumeRolePolicyDocument"]
    return [
        (s["Effect"], s["Action"], s["Principal"], s.get("Condition"))
        for side in branches(document)
        for s in side["Statement"]
    ]


def users_of(issuer: str) -> tuple[Any, ...]:
    """Signed-in users of the stack's own identity pool, no guests."""
    pool = {"StringEquals": {f"{issuer}:aud": {"Ref": "Identities"}}}
    signed_in = {"ForAnyValue:StringLike": {f"{issuer}:amr": "authenticated"}}
    return "Allow", ["sts:AssumeRoleWithWebIdentity"], {"Federated": issuer}, pool | signed_in


def proof(template: dict[str, Any]) -> None:
    """Fails unless each role holds just its rights, and is trusted to just its service."""
    for role, (service, rights) in RIGHTS.items():
        assert held(template, role) == rights, role
        principals = ({"Service": service}, {"Service": [service]})
        assert trusted(template, role) in [[("Allow", ["sts:AssumeRole"], p, None)] for p in principals], role
    assert held(template, "IdentitiesRole") == OF_USERS
    signed_in = trusted(template, "IdentitiesRole")
    assert len(signed_in) == len(POOLS)
    assert all(users_of(issuer) in signed_in for issuer in POOLS)
    attached = [r["Properties"] for r in template["Resources"].values() if r["Type"] == "AWS::IAM::Policy"]
    assert sorted(p["Roles"][0]["Ref"] for p in attached) == ["ReadTodosRole", "WriteTodosRole"]
    assert {r["Type"] for r in template["Resources"].values() if "IAM" in r["Type"]} == {
        "AWS::IAM::Role",
        "AWS::IAM::Policy",
    }


@shows("REQ-T5", "REQ-T7", "REQ-T10", how="static")
def test_each_role_holds_its_rights_and_no_other() -> None:
    proof(json.loads(TEMPLATE))


def statements(template: dict[str, Any]) -> Iterator[tuple[list[Any], int]]:
    """Each statement of the roles above and of the policies attached to them, as a list and the place in it."""
    resources = template["Resources"]
    roles = [*RIGHTS, "IdentitiesRole"]
    documents = [d for role in roles for d in branches(resources[role]["Properties"]["AssumeRolePolicyDocument"])]
    for role in roles:
        listed = resources[role]["Properties"]["Policies"]
        documents += [(p["Fn::If"][1] if "Fn::If" in p else p)["PolicyDocument"] for p in listed]
    documents += [r["Properties"]["PolicyDocument"] for r in resources.values() if r["Type"] == "AWS::IAM::Policy"]
    for document in documents:
        yield from ((document["Statement"], place) for place in range(len(document["Statement"])))


def mutations() -> Iterator[tuple[str, dict[str, Any]]]:
    """The template with one statement changed, in every way that widens or narrows it."""
    count = len(list(statements(json.loads(TEMPLATE))))
    for number in range(count):
        original = json.loads(TEMPLATE)
        listed, place = list(statements(original))[number]
        statement = listed[place]
        changes: list[tuple[str, Any]] = [
            ("goes", None),
            ("also does anything", {**statement, "Action": [*statement["Action"], "*"]}),
        ]
        changes += [
            (f"loses {action}", {**statement, "Action": [a for a in statement["Action"] if a != action]})
            for action in statement["Action"]
        ]
        changes.append(
            ("is turned round", {**statement, "Effect": "Allow" if statement["Effect"] == "Deny" else "Deny"})
        )
        if statement.get("Resource", ["*"]) != ["*"]:
            changes.append(("is about everything", {**statement, "Resource": ["*"]}))
        if "Condition" in statement:
            changes.append(("loses its condition", {k: v for k, v in statement.items() if k != "Condition"}))
        if "Principal" in statement:
            changes.append(("trusts anybody", {**statement, "Principal": {"AWS": "*"}}))
        for what, changed in changes:
            template = copy.deepcopy(original)
            listed, place = list(statements(template))[number]
            listed[place : place + 1] = [] if changed is None else [changed]
            yield f"statement {number} {what}", template


def test_every_change_of_a_right_is_noticed() -> None:
    tried = 0
    for what, template in mutations():
        with pytest.raises(AssertionError):
            proof(template)
            raise RuntimeError(f"nobody noticed that {what}")
        tried += 1
    assert tried > 120
