"""What a service's stack finds in Parameter Store, of the platform and of others, and what it tells there itself."""

from __future__ import annotations

from typing import Any

from .. import discovery
from ..blocks import ssm
from ..parameters.services import found
from ..template import ScenarioTemplate
from .declaration import PLATFORM, Service, System

_PLATFORM = {
    discovery.API_ENDPOINT: "VPC endpoint of API Gateway",
    discovery.BUS: "Name of the event bus",
    discovery.BUS_ARN: "ARN of the event bus",
    discovery.CERTIFICATE: "Certificate of the services' names",
    discovery.DOMAIN: "Domain of the services' names",
    discovery.GROUP: "Security group of functions",
    discovery.PRIVATE_CERTIFICATE: "Certificate of private names",
    discovery.PRIVATE_DOMAIN: "Domain of private names",
    discovery.SUBNETS: "Private subnets",
    discovery.VPC: "VPC of the services",
    discovery.ZONE: "Hosted zone of the domain",
}
_NEIGHBOUR = {
    discovery.ADDRESS: "Where {} is",
    discovery.ARN: "ARN of {}",
    discovery.EVENTS: "Topic of {}",
    discovery.LISTENER: "Listener of {}",
    discovery.BALANCER_GROUP: "Security group of the load balancer of {}",
}


def tells(t: ScenarioTemplate, service: Service, address: Any, arn: Any) -> None:
    ssm.tells(t, "Address", service.name, discovery.ADDRESS, address, "Where the service is.")
    ssm.tells(t, "Arn", service.name, discovery.ARN, arn, "What the rights to use the service are about.")


def platform_of(t: ScenarioTemplate, system: System) -> ssm.Neighbour:
    """The platform, and what a service may find of it."""
    finds = {
        what: found(
            f"Platform{discovery.title(what)}",
            discovery.parameter_name(system.platform.name, PLATFORM, what),
            label,
            f"{label}: where Parameter Store has it, by the platform.",
            group="System",
        )
        for what, label in _PLATFORM.items()
    }
    return ssm.Neighbour(t, "Platform", name=PLATFORM, finds=finds)


def neighbour(t: ScenarioTemplate, system: System, name: str) -> ssm.Neighbour:
    """Another service, and what it tells."""
    finds = {
        what: found(
            discovery.title(name) + discovery.title(what),
            discovery.parameter_name(system.platform.name, name, what),
            label.format(name),
            f"{label.format(name)}: where Parameter Store has it, by the service itself.",
        )
        for what, label in _NEIGHBOUR.items()
    }
    return ssm.Neighbour(t, discovery.title(name), name=name, finds=finds)
