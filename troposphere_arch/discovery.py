"""How services find each other and their platform: the names of SSM parameters, template parameters and variables.

No list says who is there: a name is made from the system's and the service's, so adding a service touches no other.
https://docs.aws.amazon.com/systems-manager/latest/userguide/parameter-store-public-parameters.html
"""

from __future__ import annotations

import hashlib

# What a service tells: where it is, for its function's code, and its ARN, for the rights of whoever uses it.
ADDRESS, ARN = "address", "arn"
# And what one with events of its own does: the ARN of its topic.
EVENTS = "events"
# What a front tells its versions: the listener that a version adds a rule to, and the load balancer's security group.
LISTENER, BALANCER_GROUP = "listener", "balancer-group"
# What a version tells its front: its target group.
TARGETS = "targets"

# What the platform tells, by the last part of the name; `none` for what it does not have.
ALARM_TOPIC = "alarm-topic"
API_ENDPOINT = "api-endpoint"
BUS = "bus"
BUS_ARN = "bus-arn"
CERTIFICATE = "certificate"
DOMAIN = "domain"
GROUP = "security-group"
KEY = "key"
NAT = "nat"
# Always none: what a parameter names that is to find nothing any more.
NOTHING = "none"
PRIVATE_CERTIFICATE = "private-certificate"
PRIVATE_DOMAIN = "private-domain"
SUBNETS = "subnets"
VPC = "vpc"
ZONE = "zone"


def parameter_name(system: str, service: str, what: str) -> str:
    """The name of an SSM parameter: `/shop/stock/address`."""
    return f"/{system}/{service}/{what}"


def title(name: str) -> str:
    """`order-lines` -> `OrderLines`: how the name of a service begins logical ids and template parameters."""
    return "".join(word.capitalize() for word in name.split("-"))


def variable(name: str, what: str) -> str:
    """`order-lines`, `URL` -> `ORDER_LINES_URL`: the environment variable that tells a function where a service is."""
    return f"{name.replace('-', '_').upper()}_{what}"


def priority(name: str) -> int:
    """The place of a version's rule among those of its front's listener, 1 to 50000: always the same, by no list.

    https://docs.aws.amazon.com/elasticloadbalancing/latest/application/listener-rules.html
    """
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8]) % 50_000 + 1
