"""Services that run as containers: tasks on Fargate behind a load balancer, from an image of their own repository."""

from __future__ import annotations

from ..arrows.ends import Program
from ..blocks import ssm
from ..template import Node, ScenarioTemplate
from .declaration import Service, System


def container(
    t: ScenarioTemplate, system: System, service: Service, platform: ssm.Neighbour
) -> tuple[Program, list[Node]]:
    raise NotImplementedError
