"""Servers of a service: instances of EC2 in an auto scaling group that run the service's code as a process."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from troposphere import autoscaling, ec2, iam

from ..template import Node
from .dynamodb import Table


@dataclass(frozen=True)
class Servers(Node):
    """An auto scaling group of servers, what they are made from, their role, and their security group.

    `variables` is what their code is told; arrows add to it. `tables` are the tables that it uses.
    """

    resource: autoscaling.AutoScalingGroup
    template: ec2.LaunchTemplate
    role: iam.Role
    group: ec2.SecurityGroup
    variables: dict[str, Any] = field(default_factory=dict, repr=False)
    tables: list[Table] = field(default_factory=list, repr=False)
