"""Containers on Fargate: tasks, the service that keeps them running, and how many there are."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from troposphere import ec2, ecs, iam, logs

from ..template import Node
from .dynamodb import Table


@dataclass(frozen=True)
class Task(Node):
    """What runs in each task of a service: its definition, its own role, its log, and its security group.

    `variables` is what its code is told; arrows add to it. `tables` are the tables that it uses.
    """

    resource: ecs.TaskDefinition
    role: iam.Role
    logs: logs.LogGroup
    group: ec2.SecurityGroup
    variables: dict[str, Any] = field(default_factory=dict, repr=False)
    tables: list[Table] = field(default_factory=list, repr=False)
