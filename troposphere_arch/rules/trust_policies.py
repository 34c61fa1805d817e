"""E9005."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ._rule import Found, HouseRule
from ._template import Policy, Resource, View, intrinsic, items, principals, text, values

# What assumes the roles that a property of a resource names.
SERVICES = (
    ("AWS::ApiGateway::Method", "Integration", "apigateway.amazonaws.com"),
    ("AWS::CodeDeploy::DeploymentGroup", "ServiceRoleArn", "codedeploy.amazonaws.com"),
    ("AWS::Cognito::UserPool", "SmsConfiguration", "cognito-idp.amazonaws.com"),
    ("AWS::DAX::Cluster", "IAMRoleARN", "dax.amazonaws.com"),
    ("AWS::ECS::TaskDefinition", "ExecutionRoleArn", "ecs-tasks.amazonaws.com"),
    ("AWS::ECS::TaskDefinition", "TaskRoleArn", "ecs-tasks.amazonaws.com"),
    ("AWS::Events::Rule", "Targets", "events.amazonaws.com"),
    ("AWS::IAM::InstanceProfile", "Roles", "ec2.amazonaws.com"),
    ("AWS::KinesisFirehose::DeliveryStream", "ExtendedS3DestinationConfiguration", "firehose.amazonaws.com"),
    ("AWS::Lambda::Function", "Role", "lambda.amazonaws.com"),
    ("AWS::Pipes::Pipe", "RoleArn", "pipes.amazonaws.com"),
    ("AWS::Scheduler::Schedule", "Target", "scheduler.amazonaws.com"),
    ("AWS::ServiceCatalog::LaunchRoleConstraint", "RoleArn", "servicecatalog.amazonaws.com"),
    ("AWS::StepFunctions::StateMachine", "RoleArn", "states.amazonaws.com"),
)
# Cognito identity pools, which in GovCloud have names of their own, also in the condition keys.
# https://docs.aws.amazon.com/govcloud-us/latest/UserGuide/govcloud-cog.html
IDENTITY_POOLS = (
    "cognito-identity.amazonaws.com",
    "cognito-identity-us-gov.amazonaws.com",
    "cognito-identity.us-gov-east-1.amazonaws.com",
)


class TrustPolicies(HouseRule):
    """A role may be assumed by the service that uses it, by nobody else, and each function has a role of its own.

    The role of an identity pool may be assumed by signed-in users of that very pool; guests get no role.
    """

    id = "E9005"
    shortdesc = "Roles are trusted to who uses them"
    source_url = "https://docs.aws.amazon.com/cognito/latest/developerguide/role-trust-and-permissions.html"

    def check(self, view: View) -> Iterator[Found]:
        for role in view.of_type("AWS::IAM::Role"):
            services = {
                service
                for kind, key, service in SERVICES
                for user in view.of_type(kind)
                if role in view.named(user.properties.get(key), "AWS::IAM::Role")
            }
            pools = _pools(view, role)
            for policy in view.policies:
                if policy.resource is role and policy.is_trust and (services or pools):
                    yield from _pool_trust(policy, pools) if pools else _service_trust(policy, services)
            functions = [f.name for f in view.of_type("AWS::Lambda::Function") if _uses(view, f, role)]
            if len(functions) > 1:
                yield role.path, f"{role.name} is shared by {', '.join(functions)}; give each function its own role"
        yield from _guests(view)


def _uses(view: View, function: Resource, role: Resource) -> bool:
    return role in view.named(function.properties.get("Role"))


def _allowed(policy: Policy) -> Iterator[tuple[tuple[str | int, ...], dict[Any, Any]]]:
    for where, statement in policy.statements():
        if any(effect == "Allow" for _, effect in values(statement, "Effect")):
            yield policy.at(where), statement


def _service_trust(policy: Policy, services: set[str]) -> Iterator[Found]:
    trusted = {(kind, text(who)) for _, s in _allowed(policy) for _, kind, who in principals(s)}
    wanted = {("Service", service) for service in services}
    name = policy.resource.name
    for _, who in sorted(trusted - wanted, key=str):
        yield policy.path, f"{name} trusts {who}, but is used by {', '.join(sorted(services))}; trust that only"
    for _, who in sorted(wanted - trusted):
        yield policy.path, f"{name} does not trust {who}, which uses it; name it as the Service that may assume it"


def _pools(view: View, role: Resource) -> set[str]:
    """The identity pools, as text, whose users get the role."""
    return {
        str(text(pool))
        for attachment in view.of_type("AWS::Cognito::IdentityPoolRoleAttachment")
        if role in view.named([attachment.properties.get("Roles"), attachment.properties.get("RoleMappings")])
        for _, pool in values(attachment.properties, "IdentityPoolId")
    }


def _pool_trust(policy: Policy, pools: set[str]) -> Iterator[Found]:
    name = policy.resource.name
    statements = list(_allowed(policy))
    if not statements:
        yield policy.path, f"{name} trusts nobody; allow {IDENTITY_POOLS[0]} to assume it for users of {pools}"
    for where, statement in statements:
        trusted = {(kind, text(who)) for _, kind, who in principals(statement)}
        issuers = {who for kind, who in trusted if kind == "Federated" and who in IDENTITY_POOLS}
        if len(trusted) != 1 or not issuers:
            who = ", ".join(sorted(str(who) for _, who in trusted)) or "nobody"
            yield where, f"{name} trusts {who}, but is used by an identity pool; trust {IDENTITY_POOLS[0]} only"
            continue
        issuer = issuers.pop()
        conditions = statement.get("Condition")
        audience = {text(v) for _, v in items(conditions, "StringEquals", f"{issuer}:aud")}
        if len(audience) != 1 or not audience <= pools:
            wanted = ", ".join(sorted(pools))
            yield where, f"{name} is open to every identity pool; let StringEquals bind {issuer}:aud to {wanted}"
        methods = {
            text(value)
            for operator in ("ForAnyValue:StringEquals", "ForAnyValue:StringLike")
            for _, value in items(conditions, operator, f"{issuer}:amr")
        }
        if methods != {"authenticated"}:
            yield where, f"{name} is open to guests; let ForAnyValue:StringLike bind {issuer}:amr to authenticated"


def _guests(view: View) -> Iterator[Found]:
    for pool in view.of_type("AWS::Cognito::IdentityPool"):
        for where, allowed in values(pool.properties, "AllowUnauthenticatedIdentities", path=pool.properties_path):
            if allowed is not False and str(allowed).lower() != "false":
                yield where, f"{pool.name} lets guests in; set AllowUnauthenticatedIdentities to false"
    for attachment in view.of_type("AWS::Cognito::IdentityPoolRoleAttachment"):
        for where, role in values(attachment.properties, "Roles", "unauthenticated", path=attachment.properties_path):
            if role is not None:
                which = intrinsic(role)[1] or role
                yield where, f"{attachment.name} gives guests the role {which}; leave unauthenticated out"
