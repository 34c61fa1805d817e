"""How requests come to what answers them: by an API alone, by an API and a load balancer, or by another stack's front.

http, http-cached        caller ──signed──▶ Api ──▶ Function
container, instances     caller ──signed──▶ Api ──VPC link──▶ Balancer ──▶ Targets ──▶ tasks, servers
front                    caller ──signed──▶ Api ──VPC link──▶ Balancer ──by weights──▶ Targets of two other stacks
behind a front           its Balancer ──▶ Targets ──▶ Function, tasks, servers
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from troposphere import GetAtt, Ref, Sub, ec2, elasticloadbalancingv2

from .. import arrows, discovery, outputs, parameters
from ..blocks import service_api, service_front, ssm
from ..blocks.apigateway import RestApi
from ..blocks.awslambda import Function
from ..blocks.service_front import Front, Targets
from ..parameters import Spec
from ..template import Node, ScenarioTemplate, actor
from .declaration import FRONT, INSTANCES, PLATFORM, SERVERS, Service, System
from .finding import neighbour, tells

__all__ = ["Targets", "answer", "balanced", "front"]


def answer(
    t: ScenarioTemplate, system: System, service: Service, platform: ssm.Neighbour, function: Function
) -> list[Node]:
    """What leads to the function: an API of its own, or its target group behind a front."""
    if not service.behind:
        return [_address(t, service, platform, function)]
    group = service_front.function_targets(t, "Targets", function)
    targets = _stands_behind(t, system, service, group)
    t.record(targets, "invokes", function)
    return [targets]


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
    port = service.listens_at
    made = service_front.targets(
        t, "Targets", kind=kind, port=port, health=service.health, vpc=platform.told(discovery.VPC)
    )
    if service.behind:
        balancer_group = neighbour(t, system, service.behind).told(discovery.BALANCER_GROUP)
        ways = service_front.reached_from(t, balancer_group, group, port)
        targets = _stands_behind(t, system, service, made, *ways)
        return targets, [targets]
    balancer = _balancer(t, service, platform, service_front.to(made))
    service_front.leads_to(balancer, group, port)
    targets = Targets(t, made.title, made, (balancer.listener.title,), balancer.full_name)
    t.record(balancer, "forwards to", targets)
    return targets, [_address(t, service, platform, balancer), balancer, targets]


def front(t: ScenarioTemplate, system: System, service: Service, platform: ssm.Neighbour) -> list[Node]:
    """An API and a load balancer before two versions of a service, which are stacks of their own."""
    nothing = discovery.parameter_name(system.platform.name, PLATFORM, discovery.NOTHING)
    one, other = (parameters.fronts.version(letter, nothing) for letter in "AB")
    weighed = service_front.by_weights(t, one, other, parameters.fronts.WEIGHT_OF_B)
    balancer = _balancer(t, service, platform, weighed)
    for spec in (one, other):
        t.record(balancer, "forwards to", actor(t, spec.name), "by weight, or by its name in X-Version")
    ssm.tells(
        t, "TellsListener", service.name, discovery.LISTENER, Ref(balancer.listener), "What versions add a rule to."
    )
    ssm.tells(
        t,
        "TellsBalancerGroup",
        service.name,
        discovery.BALANCER_GROUP,
        GetAtt(balancer.group, "GroupId"),
        "The security group that reaches versions.",
    )
    return [_address(t, service, platform, balancer), balancer]


def words(service: Service, common: Mapping[str, Spec]) -> Mapping[str, Spec]:
    """How a service words what all have, where a load balancer of its own may be kept from deletion."""
    if service.behind or service.shape not in (*SERVERS, FRONT):
        return common
    spec = common["DeletionProtection"]
    keeps = service.has_table or service.shape == INSTANCES
    return {**common, spec.name: parameters.fronts.protected(spec if keeps else None)}


def _address(t: ScenarioTemplate, service: Service, platform: ssm.Neighbour, to: Function | Front) -> RestApi:
    """The API of the service, its name, and what callers are told of both: the same whatever is behind it."""
    callers = actor(t, "Callers")
    balancer = to if isinstance(to, Front) else None
    if service.private:
        api = service_api.private_service_api(t, "PrivateApi", platform.told(discovery.API_ENDPOINT), balancer)
        address = service_api.private_name(
            api,
            service.host or service.name,
            domain=platform.finds[discovery.PRIVATE_DOMAIN],
            certificate=platform.finds[discovery.PRIVATE_CERTIFICATE],
            endpoint=platform.finds[discovery.API_ENDPOINT],
        )
    else:
        api = service_api.service_api(t, "Api", balancer)
        address = service_api.own_name(
            api,
            service.host or service.name,
            domain=platform.finds[discovery.DOMAIN],
            certificate=platform.finds[discovery.CERTIFICATE],
            zone=platform.finds[discovery.ZONE],
        )
    for route in service.routes:
        arrows.route(api, route, to, by=arrows.SERVICES)
        t.record(callers, "calls", api, route)
    outputs.output(t, "ApiUrl", address, "The address of the service; HTTPS only, and requests are signed.")
    tells(t, service, address, service_api.stage_arn(api))
    return api


def _balancer(t: ScenarioTemplate, service: Service, platform: ssm.Neighbour, actions: list[Any]) -> Front:
    made = service_front.front(
        t,
        "Balancer",
        service.host or service.name,
        actions,
        vpc=platform.told(discovery.VPC),
        subnets=platform.told(discovery.SUBNETS),
        domain=platform.finds[discovery.DOMAIN],
        certificate=platform.finds[discovery.CERTIFICATE],
    )
    t.record(made, "is in", platform)
    return made


def _stands_behind(
    t: ScenarioTemplate,
    system: System,
    service: Service,
    group: elasticloadbalancingv2.TargetGroup,
    *after: str,
) -> Targets:
    """The target group is one of the front's: it is asked by the service's name, and the front may give it weight."""
    before = neighbour(t, system, service.behind)
    listener = before.told(discovery.LISTENER)
    rule = service_front.by_name(
        t,
        f"{group.title}Rule",
        group,
        listener=listener,
        name=service.name,
        place=discovery.priority(service.name),
    )
    targets = Targets(t, group.title, group, (*after, rule.title), service_front.name_of(listener))
    t.record(before, "forwards to", targets, f"X-Version: {service.name}")
    ssm.tells(t, "TellsTargets", service.name, discovery.TARGETS, Ref(group), "The target group of this version.")
    outputs.output(
        t,
        "Version",
        Sub(f"/${{SystemName}}/{service.name}/{discovery.TARGETS}"),
        f"Give this to VersionA or VersionB of {service.behind}.",
    )
    return targets
