"""Roles."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from troposphere import GetAtt, Ref, Sub, iam

from .. import grants, outputs, parameters
from ..conditions import all_of, choose, given, negated, optional
from ..parameters import parameter
from ..template import Node, ScenarioTemplate


@dataclass(frozen=True)
class GitHubRole(Node):
    """A role that workflow runs of one GitHub repository assume."""

    resource: iam.Role


def role(t: ScenarioTemplate, title: str, trust: Any, *, when: str | None = None) -> iam.Role:
    """A role without permissions yet, under the company's path and permissions boundary.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-resource-iam-role.html
    """
    boundary = parameter(t, parameters.PERMISSIONS_BOUNDARY)
    made: iam.Role = t.put(
        iam.Role(
            title,
            AssumeRolePolicyDocument=trust,
            Path=Ref(parameter(t, parameters.ROLE_PATH)),
            PermissionsBoundary=optional(given(t, parameters.PERMISSIONS_BOUNDARY), Ref(boundary)),
            Policies=[],
        ),
        when=when,
    )
    return made


def grant(role: iam.Role, name: str, statements: list[Any], *, when: str | None = None) -> None:
    """Give the role these statements as an inline policy called `name`, under a condition if there is one.

    A policy for each grant, so that a grant that a parameter switches off leaves no empty policy behind.
    """
    policy = iam.Policy(PolicyName=name, PolicyDocument=grants.document(*statements))
    role.Policies.append(optional(when, policy))


def grant_apart(
    t: ScenarioTemplate, role: iam.Role, title: str, statements: list[Any], *, when: str | None
) -> iam.PolicyType:
    """Give the role these statements as a policy that is a resource of its own.

    For what a parameter switches off while code still uses it: a policy inside of the role would go before the code is
    updated, this one goes after.
    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-resource-iam-policy.html
    """
    made: iam.PolicyType = t.put(
        iam.PolicyType(title, PolicyName=title, PolicyDocument=grants.document(*statements), Roles=[Ref(role)]),
        when=when,
    )
    return made


def github_role(t: ScenarioTemplate, title: str) -> GitHubRole:
    """A role without permissions yet for runs of GitHub Actions, by OIDC: there is no key that could be stolen.

    Only runs of `GitHubRepository`, for a pushed tag or in `GitHubEnvironment`. Makes `<title>Role`, the output
    `<title>RoleArn`, and, unless `GitHubProviderArn` names the account's one, `GitHub`: the OIDC provider.
    https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_providers_create_oidc.html
    """
    on = given(t, parameters.GITHUB_REPOSITORY)
    own, named = parameter(t, parameters.GITHUB_PROVIDER), given(t, parameters.GITHUB_PROVIDER)
    parameters.needs(t, parameters.GITHUB_ENVIRONMENT, parameters.GITHUB_REPOSITORY)
    parameters.needs(t, parameters.GITHUB_PROVIDER, parameters.GITHUB_REPOSITORY)
    provider = iam.OIDCProvider("GitHub", Url=f"https://{grants.GITHUB}", ClientIdList=[Sub("sts.${AWS::URLSuffix}")])
    t.put(provider, when=all_of(t, on, negated(t, named)))
    subject = choose(
        given(t, parameters.GITHUB_ENVIRONMENT),
        Sub("repo:${GitHubRepository}:environment:${GitHubEnvironment}"),
        Sub("repo:${GitHubRepository}:ref:refs/tags/*"),
    )
    made = role(t, f"{title}Role", grants.trust_github(choose(named, Ref(own), Ref(provider)), subject), when=on)
    outputs.output(
        t,
        f"{title}RoleArn",
        GetAtt(made, "Arn"),
        "The role for the workflow: role-to-assume of its credentials.",
        when=on,
    )
    return GitHubRole(t, title, made, when=on)
