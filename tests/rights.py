"""Rights as a template gives them: a role's whole list, and each way to change one.

    held(template, "ReadTodosRole") == {allow(of("dynamodb", "GetItem"), "Todos.Arn"), ...}

A proof on such lists is only as good as what it notices, so `mutations` gives the template with each statement of each
policy narrowed and widened in turn.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

# Effect, actions, resource, condition of a statement; and the condition of the template under which it holds.
Right = tuple[str, tuple[str, ...], str, str, str]
HERE = "arn:${AWS::Partition}:%s:${AWS::Region}:${AWS::AccountId}:%s"
KEEP = ("AssignPrivateIpAddresses", "CreateNetworkInterface", "DeleteNetworkInterface", "UnassignPrivateIpAddresses")
SEE = ("DescribeNetworkInterfaces", "DescribeSubnets")
Template = Mapping[str, Any]


def of(service: str, *actions: str) -> tuple[str, ...]:
    return tuple(sorted(f"{service}:{action}" for action in actions))


def allow(actions: tuple[str, ...], resource: str, condition: str = "", when: str = "") -> Right:
    return "Allow", actions, resource, condition, when


IN_THE_NETWORK = {
    allow(of("ec2", *KEEP), HERE % ("ec2", "*/*")),
    allow(of("ec2", *SEE), "*"),
    # Lambda may, the function's own code may not.
    ("Deny", of("ec2", *KEEP, *SEE), "*", f"ArnLike lambda:SourceFunctionArn {HERE % ('lambda', 'function:*')}", ""),
}


def use_key(service: str, *actions: str) -> Right:
    """The user's own key, through one service only, when there is one."""
    via = f"StringEquals kms:ViaService {service}.${{AWS::Region}}.${{AWS::URLSuffix}}"
    return allow(of("kms", *(actions or ("Decrypt",))), "KmsKeyArn", via, "HasKmsKeyArn")


def logs_and_traces(title: str) -> set[Right]:
    """What every function may."""
    return {
        allow(of("logs", "CreateLogStream", "PutLogEvents"), f"{title}Logs.Arn"),
        allow(of("xray", "PutTelemetryRecords", "PutTraceSegments"), "*"),
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
        case {"Fn::If": [condition, one, other]}:
            return f"{condition} ? {text(one)} : {text(other)}"
    return str(value)


def rights(statements: list[dict[str, Any]], when: str = "") -> Iterator[Right]:
    """What the statements say."""
    for s in statements:
        condition = " and ".join(
            f"{operator} {key} {text(value)}"
            for operator, keys in sorted(s.get("Condition", {}).items())
            for key, value in sorted(keys.items())
        )
        yield s["Effect"], tuple(sorted(s["Action"])), text(s["Resource"]), condition, when


def held(template: Template, role: str) -> set[Right]:
    """Every right that the role has, by its own policies and by those that are attached to it."""
    resources = template["Resources"]
    found: set[Right] = set()
    for policy in resources[role]["Properties"]["Policies"]:
        when, policy = (policy["Fn::If"][0], policy["Fn::If"][1]) if "Fn::If" in policy else ("", policy)
        found |= set(rights(policy["PolicyDocument"]["Statement"], when))
    for resource in resources.values():
        if resource["Type"] == "AWS::IAM::Policy" and {"Ref": role} in resource["Properties"]["Roles"]:
            found |= set(rights(resource["Properties"]["PolicyDocument"]["Statement"], resource.get("Condition", "")))
    return found


def branches(value: Any) -> Iterator[Any]:
    """A value, or all sides of it where conditions decide."""
    for side in value["Fn::If"][1:] if "Fn::If" in value else ():
        yield from branches(side)
    if "Fn::If" not in value:
        yield value


def trusted(template: Template, role: str) -> list[tuple[Any, ...]]:
    """Who may assume the role, by which action, under which condition."""
    document = template["Resources"][role]["Properties"]["AssumeRolePolicyDocument"]
    return [
        (s["Effect"], s["Action"], s["Principal"], s.get("Condition"))
        for side in branches(document)
        for s in side["Statement"]
    ]


def is_trusted_to(template: Template, role: str, service: str) -> bool:
    """Whether this service of AWS may assume the role, and nobody else."""
    principals = ({"Service": service}, {"Service": [service]})
    return trusted(template, role) in [[("Allow", ["sts:AssumeRole"], p, None)] for p in principals]


def statements(template: Template, roles: list[str]) -> Iterator[tuple[list[Any], int]]:
    """Each statement of the roles, of what is attached to them and of queues' policies, as a list and a place in it."""
    resources = template["Resources"]
    documents = [d for role in roles for d in branches(resources[role]["Properties"]["AssumeRolePolicyDocument"])]
    for role in roles:
        listed = resources[role]["Properties"]["Policies"]
        documents += [(p["Fn::If"][1] if "Fn::If" in p else p)["PolicyDocument"] for p in listed]
    apart = ("AWS::IAM::Policy", "AWS::SQS::QueuePolicy")
    documents += [r["Properties"]["PolicyDocument"] for r in resources.values() if r["Type"] in apart]
    for document in documents:
        yield from ((document["Statement"], place) for place in range(len(document["Statement"])))


def mutations(body: bytes, roles: list[str]) -> Iterator[tuple[str, dict[str, Any]]]:
    """The template with one statement changed, in every way that widens or narrows it."""
    original = json.loads(body)
    for number, (listed, place) in enumerate(statements(original, roles)):
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
            listed, place = list(statements(template, roles))[number]
            listed[place : place + 1] = [] if changed is None else [changed]
            yield f"statement {number} {what}", template


def unnoticed(body: bytes, roles: list[str], proof: Callable[[dict[str, Any]], None]) -> tuple[list[str], int]:
    """The changes of a right for which `proof` does not fail, and how many were tried."""
    passed, tried = [], 0
    for what, template in mutations(body, roles):
        tried += 1
        try:
            proof(template)
        except AssertionError:
            continue
        passed.append(what)
    return passed, tried
