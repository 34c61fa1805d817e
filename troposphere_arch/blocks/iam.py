"""Roles."""

from __future__ import annotations

from typing import Any

from troposphere import Ref, iam

from .. import grants, parameters
from ..conditions import given, optional
from ..parameters import parameter
from ..template import ScenarioTemplate


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
