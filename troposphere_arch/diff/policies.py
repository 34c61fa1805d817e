"""Policies as grants: who may do what to what, and when, whatever way a template writes it.

    Resources ──▶ documents, attachments, boundaries ──statements──▶ {Holder: {Grant: [When, ...]}}

A grant is one action on one resource for one principal, so that the order of statements, a list of one, a policy's name
or the resource that carries the policy make no difference. What cannot be taken apart is a grant that is equal to
itself only. Nothing here trusts a shape.
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements.html
"""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from .branches import ALWAYS, NO_VALUE, When, alternatives, is_if, items
from .granted import Grant, Grants, Holder, Kind, Not, Role, Test
from .model import Template
from .spelled import VARIABLE, canonical, function, shown, spelled, token
from .worlds import Side, conditions_in, formula

_MOST_GRANTS = 20_000  # of one statement; far more than fit into a policy that IAM takes
_POLICY_VERSION = "2012-10-17"

# Types that carry a policy for something else, and the property that names what it is for.
_CARRIERS = {
    "AWS::Events::EventBusPolicy": "EventBusName",
    "AWS::Kinesis::ResourcePolicy": "ResourceArn",
    "AWS::Lambda::LayerVersionPermission": "LayerVersionArn",
    "AWS::Lambda::Permission": "FunctionName",
    "AWS::S3::BucketPolicy": "Bucket",
    "AWS::SNS::TopicInlinePolicy": "TopicArn",
    "AWS::SNS::TopicPolicy": "Topics",
    "AWS::SQS::QueueInlinePolicy": "Queue",
    "AWS::SQS::QueuePolicy": "Queues",
    "AWS::SecretsManager::ResourcePolicy": "SecretId",
}
# Those that can hold permissions, and the property with their own name.
_PRINCIPALS = {
    "AWS::IAM::Role": "RoleName",
    "AWS::IAM::User": "UserName",
    "AWS::IAM::Group": "GroupName",
    "AWS::Serverless::Function": "",
    "AWS::Serverless::StateMachine": "",
}
# Policies that name those who have them.
_ATTACHING = {
    "AWS::IAM::Policy": {"Roles": "role", "Users": "user", "Groups": "group"},
    "AWS::IAM::ManagedPolicy": {"Roles": "role", "Users": "user", "Groups": "group"},
    "AWS::IAM::RolePolicy": {"RoleName": "role"},
    "AWS::IAM::UserPolicy": {"UserName": "user"},
    "AWS::IAM::GroupPolicy": {"GroupName": "group"},
}
# What a permission of Lambda tests, as the policy says it that Lambda makes of it.
# https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-lambda-permission.html
_PERMISSION_TESTS = {
    "SourceArn": ("ArnLike", "aws:SourceArn"),
    "SourceAccount": ("StringEquals", "aws:SourceAccount"),
    "PrincipalOrgID": ("StringEquals", "aws:PrincipalOrgID"),
    "OrganizationId": ("StringEquals", "aws:PrincipalOrgID"),
    "FunctionUrlAuthType": ("StringEquals", "lambda:FunctionUrlAuthType"),
    "EventSourceToken": ("StringEquals", "lambda:EventSourceToken"),
    "InvokedViaFunctionUrl": ("Bool", "lambda:InvokedViaFunctionUrl"),
}
# Properties that are a policy document always, so that what is none there is one that cannot be read.
_DOCUMENTS = (
    "AccessPolicies",
    "AssumeRolePolicyDocument",
    "FileSystemPolicy",
    "KeyPolicy",
    "PolicyDocument",
    "RepositoryPolicyText",
)
# Types of which everybody may do something as long as they have no policy, and the property that has it.
# https://docs.aws.amazon.com/efs/latest/ug/iam-access-control-nfs-efs.html
# https://docs.aws.amazon.com/kms/latest/developerguide/key-policy-default.html
# https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-ec2-vpcendpoint.html
_OPEN = {
    "AWS::EC2::VPCEndpoint": ("PolicyDocument", ["*"], "*"),
    "AWS::EFS::FileSystem": (
        "FileSystemPolicy",
        [f"elasticfilesystem:Client{what}" for what in ("Mount", "RootAccess", "Write")],
        "*",
    ),
    "AWS::KMS::Key": ("KeyPolicy", ["kms:*"], {"AWS": {"Ref": "AWS::AccountId"}}),
}
# Properties with the role as which something runs.
_RUNS_AS = (
    "ExecutionRoleArn",
    "IamInstanceProfile",
    "Role",
    "RoleARN",
    "RoleArn",
    "Roles",
    "ServiceRole",
    "TaskRoleArn",
)


def grants(side: Side, other: Side) -> Grants:
    """All grants of the template of `side`. `other` tells which rows of a mapping a running stack can be using."""
    return _Reader(side, other).read()


@dataclass(frozen=True)
class _Resource:
    name: str
    type: str
    properties: Mapping[str, Any]
    when: When


class _Reader:
    def __init__(self, side: Side, other: Side) -> None:
        self.side = side
        self.rows = other.mappings()
        self.others = other.template.get("Resources")
        self.found: Grants = {}
        found = side.template.get("Resources")
        self.resources = {
            name: _Resource(name, body["Type"], properties, _when(body))
            for name, body in (found.items() if isinstance(found, Mapping) else ())
            if isinstance(name, str) and isinstance(body, Mapping) and isinstance(body.get("Type"), str)
            for properties in [body.get("Properties")]
            if isinstance(properties, Mapping)
        }
        # Principals by what others may call them: their logical id, or their own name.
        self.called = {
            name: resource.name
            for resource in self.resources.values()
            if resource.type in _PRINCIPALS
            for name in (f"${{{resource.name}}}", self.text(resource.properties.get(_PRINCIPALS[resource.type], "")))
            if name
        }
        self.attached: dict[str, list[tuple[Holder, When]]] = {}
        self.limiting: set[str] = set()

    def read(self) -> Grants:
        principals = [one for one in self.resources.values() if one.type in _PRINCIPALS]
        for resource in principals:
            self._principal(resource)
        for resource in self.resources.values():
            if resource.type in _ATTACHING:
                self._attaching(resource)
            elif resource.type == "AWS::IAM::UserToGroupAddition":
                self._members(resource)
            elif resource.type not in _PRINCIPALS:
                self._guarding(resource)
        return self.found

    def add(self, holder: Holder, grant: Grant, when: When) -> None:
        whens = self.found.setdefault(holder, {}).setdefault(grant, [])
        if when not in whens:
            whens.append(when)

    # Principals and what is attached to them.

    def _principal(self, resource: _Resource) -> None:
        holder, properties = Holder(resource.name, Role.HAS), resource.properties
        self.found.setdefault(holder, {})
        for when, policy in items(properties.get("Policies"), resource.when):
            if isinstance(policy, Mapping) and "PolicyDocument" in policy:
                self._document(holder, policy["PolicyDocument"], when)
            elif isinstance(policy, Mapping) and "Statement" in policy:
                self._document(holder, policy, when)
            elif resource.type.startswith("AWS::Serverless::"):
                # A managed policy, or a policy template of SAM, which the template only names.
                self._named(holder, Kind.MANAGED, policy, when)
            else:
                self._opaque(holder, policy, when)
        for when, policy in items(properties.get("ManagedPolicyArns"), resource.when):
            if (own := self._own_policy(policy)) is not None:
                self.attached.setdefault(own, []).append((holder, when))
            else:
                self._named(holder, Kind.MANAGED, policy, when)
        for when, boundary in items(properties.get("PermissionsBoundary"), resource.when):
            if (own := self._own_policy(boundary)) is not None:
                self.limiting.add(own)
            self._named(holder, Kind.BOUNDARY, boundary, when)
        groups = properties.get("Groups") if resource.type == "AWS::IAM::User" else None
        for when, group in items(groups, resource.when):
            self._named(holder, Kind.MEMBER, group, when)
        for key in ("AssumeRolePolicyDocument", "AssumeRolePolicy"):
            if key in properties:
                self._document(Holder(resource.name, Role.TRUST), properties[key], resource.when)

    def _own_policy(self, value: Any) -> str | None:
        match = re.fullmatch(r"\$\{([^.{}]+)(\.PolicyArn|\.Arn)?\}", self.text(value))
        if match and match[1] in self.resources and self.resources[match[1]].type == "AWS::IAM::ManagedPolicy":
            return match[1]
        return None

    def _attaching(self, resource: _Resource) -> None:
        holders = self.attached.get(resource.name, [])
        for key, kind in _ATTACHING[resource.type].items():
            for when, value in items(resource.properties.get(key), resource.when):
                for more, called in self.texts(value):
                    own = self.called.get(called)
                    when_both = when | more | (self.resources[own].when if own else ALWAYS)
                    holders = [*holders, (Holder(own or f"{kind} {shown(called)}", Role.HAS), when_both)]
        if resource.name in self.limiting:
            holders = [*holders, (Holder(resource.name, Role.LIMITS), ALWAYS)]
        for holder, when in holders or [(Holder(resource.name, Role.ATTACHED), ALWAYS)]:
            self._document(holder, resource.properties.get("PolicyDocument"), when | resource.when)

    def _members(self, resource: _Resource) -> None:
        for when, user in items(resource.properties.get("Users"), resource.when):
            called = self.text(user)
            holder = Holder(self.called.get(called, f"user {shown(called)}"), Role.HAS)
            self._named(holder, Kind.MEMBER, resource.properties.get("GroupName"), when)

    def _named(self, holder: Holder, kind: Kind, value: Any, when: When) -> None:
        for more, text in self.texts(value):
            self.add(holder, Grant(kind, "", text, ""), when | more)

    # Policies of resources.

    def _guarding(self, resource: _Resource) -> None:
        targets = list(self._targets(resource))
        for when, document in self._documents(resource):
            for target, where in targets:
                role = self._role(resource, document)
                self._document(Holder(target, role), document, when | where)
        if "Principal" in resource.properties and "Action" in resource.properties:
            self._permission(resource, targets)
        if resource.type == "AWS::SSO::PermissionSet":
            self._permission_set(resource)
        for key in _RUNS_AS:
            for when, value in items(resource.properties.get(key)):
                if isinstance(value, str) or function(value)[0]:
                    self._named(Holder(resource.name, Role.HAS), Kind.RUNS_AS, value, when)

    def _permission_set(self, resource: _Resource) -> None:
        """The managed policies of those to whom a permission set is assigned."""
        holder, properties = Holder(resource.name, Role.ATTACHED), resource.properties
        for when, policy in items(properties.get("ManagedPolicies"), resource.when):
            self._named(holder, Kind.MANAGED, policy, when)
        for when, policy in items(properties.get("CustomerManagedPolicyReferences"), resource.when):
            self._named(holder, Kind.MANAGED, _called(policy), when)
        for when, boundary in items(properties.get("PermissionsBoundary"), resource.when):
            written = boundary if isinstance(boundary, Mapping) else {}
            named = written.get("ManagedPolicyArn", written.get("CustomerManagedPolicyReference", boundary))
            self._named(holder, Kind.BOUNDARY, _called(named), when)

    def _targets(self, resource: _Resource) -> Iterator[tuple[str, When]]:
        key = _CARRIERS.get(resource.type, "")
        if key not in resource.properties:
            yield resource.name, ALWAYS
            return
        for when, value in items(resource.properties[key]):
            for more, text in self.texts(value):
                match = re.fullmatch(r"\$\{([^.{}]+)(\.[^{}]*)?\}", text)
                bucket = re.fullmatch(r"arn:[^:]*:s3:::\$\{([^.{}]+)\}", text)
                known = match or bucket
                yield (known[1] if known and known[1] in self.resources else shown(text)), when | more

    def _role(self, resource: _Resource, document: Any) -> Role:
        if resource.type == "AWS::EC2::VPCEndpoint":
            return Role.PASSES
        statements = [one for _, one in items(document.get("Statement"))] if isinstance(document, Mapping) else []
        named = any(isinstance(one, Mapping) and one.keys() & {"Principal", "NotPrincipal"} for one in statements)
        return Role.GUARDS if named or resource.type in _CARRIERS else Role.ATTACHED

    def _permission(self, resource: _Resource, targets: list[tuple[str, When]]) -> None:
        """A grant that is written as a resource without a document: of Lambda, of an event bus."""
        properties = resource.properties
        tests: dict[str, dict[str, Any]] = {}
        for key, (operator, tested) in _PERMISSION_TESTS.items():
            if key in properties:
                tests.setdefault(operator, {})[tested] = properties[key]
        written = properties.get("Condition")
        if isinstance(written, Mapping) and {"Type", "Key", "Value"} <= written.keys():
            tests = {self.text(written["Type"]): {self.text(written["Key"]): written["Value"]}}
        principal = properties["Principal"]
        statement = {
            "Effect": "Allow",
            "Principal": principal if isinstance(principal, Mapping) and not function(principal)[0] else [principal],
            "Action": properties["Action"],
            "Condition": tests,
        }
        for target, when in targets:
            self._statement(Holder(target, Role.GUARDS), statement, when | resource.when, lambda text: text)

    def _documents(self, resource: _Resource) -> Iterator[tuple[When, Any]]:
        """Every policy document below the properties; what stands for one and cannot be read, as it is."""
        key, actions, anybody = _OPEN.get(resource.type, ("", [], ""))
        todo: list[tuple[When, Any, bool]] = [(resource.when, resource.properties, False)]
        if key and key not in resource.properties and self._elsewhere(resource.name, key):
            todo.append((resource.when, NO_VALUE, True))
        while todo:
            when, node, expected = todo.pop()
            name, argument = function(node)
            if name == "Fn::If" and is_if(argument):
                todo += [(when | {(argument[0], truth)}, argument[2 - truth], expected) for truth in (True, False)]
            elif node == NO_VALUE and expected and key:
                statement = {"Effect": "Allow", "Principal": anybody, "Action": actions, "Resource": "*"}
                yield when, {"Version": _POLICY_VERSION, "Statement": [statement]}
            elif node == NO_VALUE:
                continue
            elif (written := self._written(node, expected)) is not None:
                yield when, written
            elif expected:
                yield when, node
            elif isinstance(node, Mapping):
                todo += [(when, child, key in _DOCUMENTS) for key, child in node.items()]
            elif isinstance(node, list):
                todo += [(when, child, False) for child in node]

    def _elsewhere(self, name: str, key: str) -> bool:
        """Whether the resource has that property in the other template."""
        body = self.others.get(name) if isinstance(self.others, Mapping) else None
        properties = body.get("Properties") if isinstance(body, Mapping) else None
        return isinstance(properties, Mapping) and key in properties

    def _written(self, node: Any, expected: bool) -> Mapping[str, Any] | None:
        """The document that a value is, also where it is written as text of JSON."""
        if isinstance(node, Mapping) and "Statement" in node:
            statements = [one for _, one in items(node["Statement"])]
            return node if expected or any(isinstance(s, Mapping) and "Effect" in s for s in statements) else None
        if not expected and not (isinstance(node, str) and '"Statement"' in node):
            return None
        text = self.text(node) if isinstance(node, str) or function(node)[0] in ("Fn::Sub", "Fn::Join") else ""
        try:
            parsed = json.loads(text)
        except (ValueError, RecursionError):
            return None
        return _as_subs(parsed) if isinstance(parsed, Mapping) and "Statement" in parsed else None

    # Documents and their statements.

    def _document(self, holder: Holder, document: Any, when: When) -> None:
        for here, one in items(document, when):
            written = self._written(one, True)
            if written is None:
                self._opaque(holder, one, here)
                continue
            # Before this version, `${aws:username}` in a policy is only text.
            current = str(written.get("Version", "")) == _POLICY_VERSION
            literal: Callable[[str], str] = (lambda t: t) if current else (lambda t: t.replace("${!", "${!!"))
            for place, statement in items(written["Statement"], here):
                if isinstance(statement, Mapping) and not function(statement)[0]:
                    self._statement(holder, statement, place, literal)
                else:
                    self._opaque(holder, statement, place)

    def _statement(
        self, holder: Holder, statement: Mapping[str, Any], when: When, literal: Callable[[str], str]
    ) -> None:
        effects = [(more, text) for more, text in self.texts(statement.get("Effect"))]
        if any(text not in ("Allow", "Deny") for _, text in effects) or not statement.keys() & {"Action", "NotAction"}:
            self._opaque(holder, statement, when)
            return
        tests = self._tests(statement.get("Condition"), literal)
        if tests is None:
            self._opaque(holder, statement, when)
            return
        whose = "*" if holder.role in (Role.GUARDS, Role.TRUST, Role.PASSES) else ""
        everyone = self._principals(statement, whose)
        actions = self._elements(statement, "Action", "*", literal)
        resources = self._elements(statement, "Resource", "", literal)
        if len(effects) * len(everyone) * len(actions) * len(resources) * len(tests) > _MOST_GRANTS:
            self._opaque(holder, statement, when)
            return
        for (w1, effect), (w2, who), (w3, action), (w4, resource), (w5, test) in itertools.product(
            effects, everyone, actions, resources, tests
        ):
            kind = Kind.ALLOW if effect == "Allow" else Kind.DENY
            there = when | w1 | w2 | w3 | w4 | w5 if w1 or w2 or w3 or w4 or w5 else when
            self.add(holder, Grant(kind, who, action, resource, test), there)

    def _elements(
        self, statement: Mapping[str, Any], key: str, default: str, literal: Callable[[str], str]
    ) -> list[tuple[When, str | Not]]:
        """The elements of `Action` or `Resource`, or what `NotAction` or `NotResource` leaves."""
        if f"Not{key}" in statement:
            return [
                (when, Not(frozenset(literal(self.plain(one)) for _, one in items(value))))
                for when, value in alternatives(statement[f"Not{key}"])
            ]
        if key not in statement:
            return [(ALWAYS, default)]
        return [
            (when | more, literal(text)) for when, value in items(statement[key]) for more, text in self.texts(value)
        ]

    def _principals(self, statement: Mapping[str, Any], default: str) -> list[tuple[When, str | Not]]:
        if "NotPrincipal" in statement:
            found = alternatives(statement["NotPrincipal"])
            return [(when, Not(frozenset(who for _, who in self._people(value)))) for when, value in found]
        return list(self._people(statement["Principal"])) if "Principal" in statement else [(ALWAYS, default)]

    def _people(self, principal: Any) -> Iterator[tuple[When, str]]:
        for when, one in items(principal):
            if isinstance(one, Mapping) and not function(one)[0]:
                for kind, value in one.items():
                    for more, who in items(value):
                        for again, text in self.texts(who):
                            yield when | more | again, _person(str(kind), text)
            else:
                for more, text in self.texts(one):
                    yield when | more, _person("AWS" if text.isdigit() else "", text)

    def _tests(self, condition: Any, literal: Callable[[str], str]) -> list[tuple[When, frozenset[Test]]] | None:
        """The tests of a statement, in each alternative; None where they cannot be read."""
        found = []
        for when, block in alternatives(condition if condition is not None else {}):
            if block == NO_VALUE:
                block = {}
            if not isinstance(block, Mapping) or function(block)[0]:
                return None
            tests = set()
            for operator, keys in block.items():
                if not isinstance(keys, Mapping) or function(keys)[0]:
                    return None
                for key, value in keys.items():
                    values = frozenset(literal(self.plain(one)) for _, one in items(value))
                    tests.add(Test(str(operator), str(key), values))
            found.append((when, frozenset(tests)))
        return found

    def _opaque(self, holder: Holder, value: Any, when: When) -> None:
        self.add(holder, Grant(Kind.OPAQUE, "", self._token(value), ""), when)

    # Values as text.

    def texts(self, value: Any) -> list[tuple[When, str]]:
        """The value as text, in each alternative that conditions leave."""
        if isinstance(value, str):
            return [(ALWAYS, self.plain(value))]
        return [(when, self.plain(one)) for when, one in alternatives(value) if one != NO_VALUE]

    def plain(self, value: Any) -> str:
        """The text of a value, with what can be written in two ways written in one.

        `arn:aws:` is taken for the partition of the stack: in another one it names nothing.
        """
        text = self.text(value)
        if text.startswith("arn:aws:"):
            text = "arn:${AWS::Partition}:" + text.removeprefix("arn:aws:")
        return VARIABLE.sub(self._bucket, text) if ".Arn}" in text else text

    def _bucket(self, variable: re.Match[str]) -> str:
        """The ARN of a bucket can be put together from its name as well."""
        name, _, attribute = variable[1].partition(".")
        resource = self.resources.get(name)
        if attribute == "Arn" and resource and resource.type == "AWS::S3::Bucket":
            return f"arn:${{AWS::Partition}}:s3:::${{{name}}}"
        return variable[0]

    def text(self, value: Any) -> str:
        return spelled(value, self._token)

    def _token(self, value: Any) -> str:
        """What a mapping gives; else a variable that is equal only where all that the value hangs on is the same."""
        name, argument = function(value)
        more: list[Any] = [formula(self.side, one) for one in sorted(conditions_in(value))]
        if name == "Fn::FindInMap" and isinstance(argument, list) and len(argument) >= 3:
            found = self._found_in_map(*argument[:3])
            if isinstance(found, str | int):
                return spelled(found)
            more.append(found)
        return token(value, canonical(more) if more else "")

    def _found_in_map(self, name: Any, first: Any, second: Any) -> Any:
        """The value; where the row is not known, all of those that a running stack may have."""
        mapping = self.side.mappings().get(name) if isinstance(name, str) else None
        if not isinstance(mapping, Mapping):
            return self.side.mappings()
        row = mapping.get(first) if isinstance(first, str) else None
        if isinstance(row, Mapping) and isinstance(second, str) and second in row:
            return row[second]
        others = self.rows.get(name)
        common = {key: row for key, row in mapping.items() if not isinstance(others, Mapping) or key in others}
        if not isinstance(second, str):
            return common
        return {key: row.get(second) if isinstance(row, Mapping) else row for key, row in common.items()}


def _person(kind: str, text: str) -> str:
    """A principal in one way of writing: an account is its root, and anybody is anybody."""
    if text == "*" and kind in ("", "AWS"):
        return "*"
    if kind == "AWS" and (re.fullmatch(r"\d{12}", text) or text == "${AWS::AccountId}"):
        return f"arn:${{AWS::Partition}}:iam::{text}:root"
    return text


def _called(value: Any) -> Any:
    """A managed policy of the account's own by its path and name, as a permission set refers to it."""
    if not isinstance(value, Mapping) or "Name" not in value:
        return value
    return {"Fn::Join": ["", [value.get("Path", "/"), value["Name"]]]}


def _as_subs(value: Any) -> Any:
    """What was read from a text in which variables are written as in `Fn::Sub`."""
    if isinstance(value, str):
        return {"Fn::Sub": value} if "${" in value else value
    if isinstance(value, Mapping):
        return {key: _as_subs(one) for key, one in value.items()}
    return [_as_subs(one) for one in value] if isinstance(value, list) else value


def _when(body: Mapping[str, Any]) -> When:
    condition = body.get("Condition")
    return frozenset({(condition, True)}) if isinstance(condition, str) else ALWAYS


def types(template: Template) -> dict[str, str]:
    """The type of each resource of a template."""
    found = template.get("Resources")
    return {
        name: body["Type"]
        for name, body in (found.items() if isinstance(found, Mapping) else ())
        if isinstance(body, Mapping) and isinstance(body.get("Type"), str)
    }
