"""E9008."""

from __future__ import annotations

from collections.abc import Iterator

from ._rest import apis_of
from ._rule import Found, HouseRule
from ._template import Resource, View, conditions_in, references

# What a deployment takes a snapshot of, besides methods.
SNAPSHOT = (
    "AWS::ApiGateway::Authorizer",
    "AWS::ApiGateway::GatewayResponse",
    "AWS::ApiGateway::Model",
    "AWS::ApiGateway::RequestValidator",
)
METHOD = "AWS::ApiGateway::Method"


class ApiDeployments(HouseRule):
    """A deployment waits for all that it takes a snapshot of, a stage serves it, and no parameter is in the snapshot.

    What is made after the snapshot is not in it. The deployment is renewed by a hash in its name, made when the
    template is built, and no such hash sees a parameter: after an update the stage would keep serving the old value.
    What is in it may differ by a condition where that decides which deployment there is: once it holds or no longer
    holds, the deployment is another one.
    """

    id = "E9008"
    shortdesc = "API deployments snapshot everything, and no parameter"
    source_url = (
        "https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-resource-apigateway-deployment.html"
    )

    def check(self, view: View) -> Iterator[Found]:
        stages = view.of_type("AWS::ApiGateway::Stage")
        deployments = view.of_type("AWS::ApiGateway::Deployment")
        for stage in stages:
            served = view.named(stage.properties.get("DeploymentId"), "AWS::ApiGateway::Deployment")
            if not any(set(_names(apis_of(view, d))) & set(_names(apis_of(view, stage))) for d in served):
                yield stage.path, f"{stage.name} serves no deployment of its API; refer to one in DeploymentId"
        for deployment in deployments:
            if not any(deployment in view.named(stage.properties) for stage in stages):
                yield deployment.path, f"{deployment.name} is served by no stage; refer to it in a stage's DeploymentId"
            yield from _waits(view, deployment)
        for part in view.of_type(METHOD, *SNAPSHOT):
            yield from _holds_parameters(view, part, [d for d in deployments if _same_api(view, d, part)])


def _names(resources: list[Resource]) -> list[str]:
    return [r.name for r in resources]


def _same_api(view: View, one: Resource, other: Resource) -> bool:
    return any(api in apis_of(view, other) for api in apis_of(view, one))


def _waits(view: View, deployment: Resource) -> Iterator[Found]:
    parts = [part for part in view.of_type(METHOD, *SNAPSHOT) if _same_api(view, deployment, part)]
    # A method that it does not wait for is a finding; what only that method refers to is not another one.
    waits_for = _reached(view, [deployment.name, *(part.name for part in parts if part.type == METHOD)])
    for part in parts:
        if part.type == METHOD and part.name not in deployment.depends_on:
            yield deployment.path, f"{deployment.name} does not wait for {part.name}; add it to DependsOn"
        elif part.name not in waits_for:
            yield (
                deployment.path,
                f"{deployment.name} does not wait for {part.name}, nor does a method refer to it; add it to DependsOn",
            )


def _reached(view: View, start: list[str]) -> set[str]:
    """Everything that is made before the last of `start`."""
    seen: set[str] = set()
    todo = list(start)
    while todo:
        r = view.resources.get(todo.pop())
        if r and r.name not in seen:
            seen.add(r.name)
            todo += references(r.properties) | r.depends_on
    return seen


def _holds_parameters(view: View, part: Resource, deployments: list[Resource]) -> Iterator[Found]:
    frozen = references(part.properties) & view.parameters.keys()
    for condition in conditions_in(part.properties):
        if not (deployments and all(_decided_by(view, d.condition, condition) for d in deployments)):
            frozen |= view.parameters_of_condition(condition)
    for parameter in sorted(frozen):
        yield (
            part.path,
            f"{part.name} holds the parameter {parameter}, which a deployment freezes: after an update the stage would "
            "keep the old value; use a stage variable, or leave it to the function",
        )
    if any(part.condition != d.condition for d in deployments):
        for parameter in sorted(view.parameters_of_condition(part.condition)):
            yield (
                part.path,
                f"{part.name} exists under {part.condition}, which depends on the parameter {parameter}: a change "
                "of it would not be deployed; put the same condition on the deployment, or none here",
            )


def _decided_by(view: View, own: str | None, condition: str) -> bool:
    """Whether what has the condition `own` is there exactly while `condition` holds, or exactly while it does not."""
    if own is None:
        return False
    return own == condition or any(
        view.conditions.get(one) == {"Fn::Not": [{"Condition": other}]}
        for one, other in ((own, condition), (condition, own))
    )
