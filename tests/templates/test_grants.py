"""What each function, and the cluster, may do: the whole list, so that a right more or less is noticed.

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


def text(value: Any) -> str:
    """What a statement names, as one word."""
    match value:
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
            [resource] = s["Resource"]
            condition = " ".join(
                f"{operator} {key} {text(value)}"
                for operator, keys in s.get("Condition", {}).items()
                for key, value in keys.items()
            )
            found.add((s["Effect"], tuple(sorted(s["Action"])), text(resource), condition, when))
    return found


def trusted(template: dict[str, Any], role: str) -> list[Any]:
    return [
        (s["Effect"], s["Action"], s["Principal"], s.get("Condition"))
        for s in template["Resources"][role]["Properties"]["AssumeRolePolicyDocument"]["Statement"]
    ]


def proof(template: dict[str, Any]) -> None:
    """Fails unless each role holds just its rights, and is trusted to just its service."""
    for role, (service, rights) in RIGHTS.items():
        assert held(template, role) == rights, role
        [(effect, actions, principal, condition)] = trusted(template, role)
        assert (effect, actions, condition) == ("Allow", ["sts:AssumeRole"], None), role
        assert principal in ({"Service": service}, {"Service": [service]}), role
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
    documents = [resources[role]["Properties"]["AssumeRolePolicyDocument"] for role in RIGHTS]
    for role in RIGHTS:
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


@shows("REQ-T5", "REQ-T7", "REQ-T10", how="static")
def test_every_change_of_a_right_is_noticed() -> None:
    tried = 0
    for what, template in mutations():
        with pytest.raises((AssertionError, ValueError)):
            proof(template)
            raise RuntimeError(f"nobody noticed that {what}")
        tried += 1
    assert tried > 120
