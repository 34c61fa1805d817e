"""Services that run on instances: an auto scaling group behind a load balancer, with a PostgreSQL database."""

from __future__ import annotations

from ..arrows.ends import Program
from ..blocks import ssm
from ..template import Node, ScenarioTemplate
from .declaration import Service, System


def instances(
    t: ScenarioTemplate, system: System, service: Service, platform: ssm.Neighbour
) -> tuple[Program, list[Node]]:
    raise NotImplementedError
