"""Who reaches whom: over which network, by which address, with which certificate and permission, at what cost.

    caller's place ──path──▶ callee's kind

What the caller's shape is makes no difference: each has one function, or servers, and what matters is whether these are
inside of the platform's network, and what leads out of it. Nor does that of a callee which answers: all have the same
API before them. A cell of the table without a path is empty: `refusal` says so.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from . import costs
from .costs import HOURS, NEEDS, REASONS, SHARD_HOUR
from .declaration import (
    ANSWERING,
    BUCKET,
    ENDPOINTS,
    FRONT,
    HTTP,
    IN_NETWORK,
    NAT,
    NETWORKS,
    NO_NETWORK,
    QUEUE,
    SERVERS,
    SHAPES,
    STATUS,
    STATUS_ROUTES,
    STREAM,
    TOPIC,
    Service,
    an,
)

# Prices in USD, us-east-1, from AWS's price list of October and November 2025.
ENDPOINT_HOUR = 0.01  # of an interface endpoint in a zone; https://aws.amazon.com/privatelink/pricing/
NAT_HOUR = 0.045  # https://aws.amazon.com/vpc/pricing/
ADDRESS_HOUR = 0.005  # of a public IPv4 address

# What `blocks.service_network` makes: in how many zones, and which interface endpoints.
ZONES = 2
NETWORK_ENDPOINTS: Mapping[str, tuple[str, ...]] = {
    NO_NETWORK: (),
    ENDPOINTS: ("execute-api", "sqs", "sns", "kinesis-streams", "events"),
    NAT: ("execute-api",),
}
NAT_GATEWAYS = {NO_NETWORK: 0, ENDPOINTS: 0, NAT: ZONES}

# Where a caller's code is.
OUTSIDE, INSIDE_ENDPOINTS, INSIDE_NAT = "outside", "inside, endpoints", "inside, nat"
PLACES = (OUTSIDE, INSIDE_ENDPOINTS, INSIDE_NAT)
# What a callee is: its shape, http for all that answer, and of these whether they are private.
PRIVATE = "http, private"
KINDS = (HTTP, PRIVATE, QUEUE, STREAM, TOPIC, BUCKET)
# Which shapes have code there. A front has none.
CALLERS: Mapping[str, tuple[str, ...]] = {
    OUTSIDE: tuple(shape for shape in SHAPES if shape not in IN_NETWORK),
    INSIDE_ENDPOINTS: tuple(shape for shape in SHAPES if shape not in (*SERVERS, FRONT)),
    INSIDE_NAT: tuple(shape for shape in SHAPES if shape != FRONT),
}

STATUS_SERVICE = Service(
    STATUS, HTTP, "", "Where a request is, by its id.", host=STATUS, routes=STATUS_ROUTES, table=True
)
"""The platform's own service, as other services see it."""


@dataclass(frozen=True)
class Callee:
    """What is the same from wherever a service of this kind is reached. `key` is that of the caller's declaration."""

    key: str
    over: str
    address: str
    zone: str
    certificate: str
    permission: str
    fixed: str


@dataclass(frozen=True)
class Row:
    """A cell of the table, with the shapes that it is the same for; `path` is empty when nothing leads there."""

    callers: tuple[str, ...]
    place: str
    kind: str
    path: str
    callee: Callee


CALLEES: Mapping[str, Callee] = {
    HTTP: Callee(
        "calls",
        "HTTPS",
        "`https://<host>.<domain>`; without a domain API Gateway's own",
        "the public zone of the domain, in which its stack makes the record",
        "ACM, of the region, for `*.<domain>`; API Gateway's own without a domain",
        "`execute-api:Invoke` on the verb and path of the route",
        "nothing",
    ),
    PRIVATE: Callee(
        "calls",
        "HTTPS",
        "`https://<host>.<private domain>`; without one API Gateway's own, with the endpoint in it",
        "the network's private zone, all names of which lead to the endpoint; AWS's without one",
        "ACM, of the region, for `*.<private domain>`; API Gateway's own without one",
        "the same; and the API takes only roles of this account, by an endpoint",
        "nothing",
    ),
    QUEUE: Callee(
        "sends",
        "SQS",
        "the queue's URL",
        "AWS's",
        "AWS's",
        "`sqs:SendMessage` on the queue",
        "nothing",
    ),
    STREAM: Callee(
        "sends",
        "Kinesis",
        "the stream's name",
        "AWS's",
        "AWS's",
        "`kinesis:PutRecord` on the stream",
        f"{SHARD_HOUR * HOURS:.2f} USD for each shard",
    ),
    TOPIC: Callee(
        "publishes",
        "SNS, SQS",
        "the ARN of the publisher's own topic; the subscriber's queue is told by SNS",
        "AWS's",
        "AWS's",
        "`sns:Publish` on the own topic; the queue takes what that topic tells",
        "nothing",
    ),
    BUCKET: Callee(
        "puts",
        "S3",
        "the bucket's name, and a prefix",
        "AWS's",
        "AWS's",
        "`s3:PutObject` below the prefix",
        "nothing",
    ),
}

_PUBLIC = "AWS's public network, TLS"
_BY_NAT = "NAT gateway, TLS"
_S3 = "gateway endpoint of S3"
_PRIVATE_APIS = "interface endpoint of API Gateway"
PATHS: Mapping[tuple[str, str], str] = {
    **{(OUTSIDE, kind): _PUBLIC for kind in KINDS if kind != PRIVATE},
    (INSIDE_ENDPOINTS, PRIVATE): _PRIVATE_APIS,
    (INSIDE_ENDPOINTS, QUEUE): "interface endpoint of SQS",
    (INSIDE_ENDPOINTS, STREAM): "interface endpoint of Kinesis",
    (INSIDE_ENDPOINTS, TOPIC): "interface endpoint of SNS",
    (INSIDE_ENDPOINTS, BUCKET): _S3,
    **{(INSIDE_NAT, kind): _BY_NAT for kind in (HTTP, QUEUE, STREAM, TOPIC)},
    (INSIDE_NAT, PRIVATE): _PRIVATE_APIS,
    (INSIDE_NAT, BUCKET): _S3,
}
"""Place of the caller, kind of the callee -> what leads from one to the other. What is not here is an empty cell."""


def place(network: str, caller: Service) -> str:
    """Where the caller's code is, when the platform's network is this."""
    if not caller.in_network or network == NO_NETWORK:
        return OUTSIDE
    return INSIDE_NAT if network == NAT else INSIDE_ENDPOINTS


def kind(callee: Service) -> str:
    """What the callee is for whoever wants to reach it."""
    if callee.private:
        return PRIVATE
    return HTTP if callee.shape in ANSWERING else callee.shape


def over(network: str, caller: Service, callee: Service) -> str:
    """What an arrow from one to the other goes over, in few words: `HTTPS, NAT gateway`."""
    way = CALLEES[kind(callee)].over + (" FIFO" if callee.fifo else "")
    path = PATHS.get((place(network, caller), kind(callee)), "")
    return way if path in ("", _PUBLIC) else f"{way}, {path.partition(',')[0]}"


def lack(network: str, service: Service) -> str:
    """Why a service cannot be on a platform with this network, and what to do; empty when it can."""
    needs = NEEDS.get(service.shape)
    if needs is None or network in needs:
        return ""
    has = "has no network" if network == NO_NETWORK else f"has network: {network}"
    write = " or ".join(f"network: {one}" for one in needs)
    return (
        f"{service.name} is {an(service.shape)} service: {REASONS[service.shape]}, and the platform {has}; write "
        f"{write} in platform.yaml, or give {service.name} another shape"
    )


def refusal(network: str, caller: Service, callee: Service) -> str:
    """Why `caller` cannot reach `callee` over this network of the platform, and what to do; empty when it can."""
    for service, key in ((caller, "inside"), (callee, "private")):
        if network == NO_NETWORK and getattr(service, key):
            return (
                f"{service.name} is {key}, and the platform has no network: write network: {ENDPOINTS} or network: "
                f"{NAT} in platform.yaml, or take {key} out of the declaration of {service.name}"
            )
    if missing := lack(network, caller):
        return missing
    if (place(network, caller), kind(callee)) in PATHS:
        return ""
    if callee.private:
        return (
            f"{caller.name} is outside of the network, and nothing leads from there to {callee.name}, which is "
            f"private: write inside: true in the declaration of {caller.name}, or take private out of that of "
            f"{callee.name}"
        )
    private = f"private: true in the declaration of {callee.name}, or " if callee.name != STATUS else ""
    outside = f", or take inside out of the declaration of {caller.name}" if caller.inside else ""
    return (
        f"{caller.name} is inside of a network without a way to the internet, and nothing leads from there to "
        f"{callee.name}, which is not private: write {private}network: {NAT} in platform.yaml{outside}"
    )


def monthly(network: str) -> float:
    """What the network costs a month when nothing is sent over it, in USD in us-east-1."""
    endpoints = len(NETWORK_ENDPOINTS[network]) * ZONES * ENDPOINT_HOUR
    return round((endpoints + NAT_GATEWAYS[network] * (NAT_HOUR + ADDRESS_HOUR)) * HOURS, 2)


def table() -> list[Row]:
    """The whole table, place by place, kind by kind; empty cells too."""
    return [
        Row(CALLERS[where], where, what, PATHS.get((where, what), ""), CALLEES[what])
        for where in PLACES
        for what in KINDS
    ]


def markdown() -> str:
    """The tables as `docs/microservices.md` has them: paths, callees, networks, shapes."""
    rows = {(row.place, row.kind): row for row in table()}
    paths = [[where, *(rows[where, what].path or "**nothing**: refused" for what in KINDS)] for where in PLACES]
    callees = [
        [what, f"`{one.key}`", one.address, one.zone, one.certificate, one.permission, one.fixed]
        for what, one in CALLEES.items()
    ]
    networks = [
        [
            f"`{network}`",
            ", ".join(f"`{one}`" for one in NETWORK_ENDPOINTS[network]) or "none",
            str(NAT_GATEWAYS[network]),
            f"{monthly(network):.2f} USD",
        ]
        for network in NETWORKS
    ]
    return "\n\n".join(
        (
            _table(["code that is", *(f"reaches {what}" for what in KINDS)], paths),
            _table(
                ["callee", "key", "address", "zone", "certificate", "permission of the caller", "fixed a month"],
                callees,
            ),
            _table(["network", "interface endpoints", "NAT gateways", "fixed a month"], networks),
            _table(costs.HEADS, costs.rows()),
            costs.ASSUMED,
        )
    )


def _table(heads: list[str], rows: list[list[str]]) -> str:
    return "\n".join([_cells(heads), "|---" * len(heads) + "|", *map(_cells, rows)])


def _cells(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    print(markdown())
