"""How requests come to what answers them: by an API alone, by an API and a load balancer, or by another stack's front.

http, http-cached        caller ──signed──▶ Api ──▶ Function
container, instances     caller ──signed──▶ Api ──VPC link──▶ Balancer ──▶ Targets ──▶ tasks, servers
front                    caller ──signed──▶ Api ──VPC link──▶ Balancer ──by weights──▶ Targets of two other stacks
behind a front           its Balancer ──▶ Targets ──▶ Function, tasks, servers
"""

from __future__ import annotations

from dataclasses import dataclass

from troposphere import ec2, elasticloadbalancingv2

from .. import arrows, discovery, outputs
from ..blocks import service_api, ssm
from ..blocks.awslambda import Function
from ..template import Node, ScenarioTemplate, actor
from .declaration import Service, System
from .finding import tells


@dataclass(frozen=True)
class Targets(Node):
    """A target group that belongs to a load balancer once the resources called `after` are there."""

    resource: elasticloadbalancingv2.TargetGroup
    after: tuple[str, ...]


def answer(
    t: ScenarioTemplate, system: System, service: Service, platform: ssm.Neighbour, function: Function
) -> list[Node]:
    """What leads to the function: an API of its own, or its target group behind a front."""
    callers = actor(t, "Callers")
    if service.private:
        api = service_api.private_service_api(t, "PrivateApi", platform.told(discovery.API_ENDPOINT))
        address = service_api.private_name(
            api,
            service.host or service.name,
            domain=platform.finds[discovery.PRIVATE_DOMAIN],
            certificate=platform.finds[discovery.PRIVATE_CERTIFICATE],
            endpoint=platform.finds[discovery.API_ENDPOINT],
        )
    else:
        api = service_api.service_api(t, "Api")
        address = service_api.own_name(
            api,
            service.host or service.name,
            domain=platform.finds[discovery.DOMAIN],
            certificate=platform.finds[discovery.CERTIFICATE],
            zone=platform.finds[discovery.ZONE],
        )
    for route in service.routes:
        arrows.route(api, route, function, by=arrows.SERVICES)
        t.record(callers, "calls", api, route)
    outputs.output(t, "ApiUrl", address, "The address of the service; HTTPS only, and requests are signed.")
    tells(t, service, address, service_api.stage_arn(api))
    return [api]


def balanced(
    t: ScenarioTemplate,
    system: System,
    service: Service,
    platform: ssm.Neighbour,
    group: ec2.SecurityGroup,
    *,
    kind: str,
) -> tuple[Targets, list[Node]]:
    """What leads to servers in the security group, which listen at the service's port: their targets, and the nodes.

    `kind` is the type of the targets, ip or instance.
    """
    raise NotImplementedError


def front(t: ScenarioTemplate, system: System, service: Service, platform: ssm.Neighbour) -> list[Node]:
    """An API and a load balancer before two versions of a service, which are stacks of their own."""
    raise NotImplementedError
