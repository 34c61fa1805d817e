"""What a service may be: the values of a `service.yaml` and of a `platform.yaml`, as they are once they are checked.

Nothing here reads a file or knows CloudFormation. A service is found by its name, which is the name of its folder.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from graphlib import TopologicalSorter
from pathlib import Path

HTTP, CACHED, CONTAINER, INSTANCES, FRONT = "http", "http-cached", "container", "instances", "front"
QUEUE, STREAM, TOPIC, BUCKET = "queue", "stream", "topic", "bucket"
SHAPES = (HTTP, CACHED, CONTAINER, INSTANCES, FRONT, QUEUE, STREAM, TOPIC, BUCKET)
ANSWERING = (HTTP, CACHED, CONTAINER, INSTANCES, FRONT)
"""The shapes that answer routes; to who calls them they are all the same."""
SERVERS = (CONTAINER, INSTANCES)
"""Those whose code runs on servers, behind a load balancer."""
IN_NETWORK = (CACHED, CONTAINER, INSTANCES, FRONT)
"""Those that are in the platform's network whatever they declare."""
# How an alias comes to a new version of a function: by a parameter of the stack, or by CodeDeploy, as its name says.
WEIGHT, CANARY, LINEAR = "weight", "canary", "linear"
SHIFTS = (WEIGHT, CANARY, LINEAR)
# How the platform's network lets code that is inside of it reach what is outside.
NO_NETWORK, ENDPOINTS, NAT = "none", "endpoints", "nat"
NETWORKS = (NO_NETWORK, ENDPOINTS, NAT)

PLATFORM = "platform"
STATUS = "status"
"""The service that every platform has: where a request is, by its id."""
STATUS_ROUTES = ("GET /requests/{id}",)
RESERVED = (PLATFORM, STATUS, "templates")

NAME = re.compile(r"[a-z]([a-z0-9-]{0,38}[a-z0-9])?")
"""A DNS label that begins with a letter; short, because the names of a stack's resources are made from it."""
SYSTEM_NAME = re.compile(r"[a-z]([a-z0-9-]{0,18}[a-z0-9])?")
ROUTE = re.compile(r"(GET|HEAD|POST|PUT|PATCH|DELETE) (/([A-Za-z0-9._-]+|\{[A-Za-z][A-Za-z0-9_]*\}))+")
EVENT = re.compile(r"[a-z][a-z0-9-]{0,63}")
VERSION = re.compile(r"(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)")
OWNER = re.compile(r"[^\s@]+@[^\s@]+\.[^\s@]+|[A-Za-z0-9][A-Za-z0-9 ._/-]{1,63}")


def an(shape: str) -> str:
    """`an http`, `a queue`."""
    return f"an {shape}" if shape in (HTTP, CACHED, INSTANCES) else f"a {shape}"


@dataclass(frozen=True)
class Place:
    """Where in a file something is said: `services/orders/service.yaml:7`."""

    file: Path
    line: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


@dataclass(frozen=True)
class Service:
    """One service.

    `routes` are what a service that answers has. `calls` are the routes of other services that it calls, by their name;
    `sends` the queues and streams, `puts` the buckets of other services that it gives something to. `publishes` are the
    events of its own topic, `subscribes` those of others' topics that a `topic` service is told of, by the publisher.
    `inside`: its function is in the platform's network. `private`: its API is reached from inside only.
    `table`: it has a table of its own (what runs asynchronously always has). `fifo` is for a queue, `prefix` for a
    bucket. `timeout` is in seconds, `concurrency` the messages or executions at once, None for what fits.

    `behind` is the front that requests come by, one of several versions side by side; "" for an address of its own.
    `shift` is how the alias of a function comes to a new version, "" for no alias. What runs on servers listens at
    `port` and answers `GET <health>` with 200 while it serves. `image` is where a container's image comes from, without
    tag, "" for a repository of its own stack.
    """

    name: str
    shape: str
    owner: str
    description: str
    version: str = "1.0.0"
    host: str = ""  # the DNS label of one that answers; its name unless it says otherwise
    routes: tuple[str, ...] = ()
    calls: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    sends: tuple[str, ...] = ()
    puts: tuple[str, ...] = ()
    publishes: tuple[str, ...] = ()
    subscribes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    inside: bool = False
    private: bool = False
    table: bool = False
    fifo: bool = False
    prefix: str = "in/"
    timeout: int | None = None
    concurrency: int | None = None
    behind: str = ""
    shift: str = ""
    port: int | None = None
    health: str = ""
    image: str = ""
    folder: Path = Path()
    lines: Mapping[str, int] = field(default_factory=dict, compare=False, repr=False)

    @property
    def file(self) -> Path:
        """Its declaration."""
        return self.folder / "service.yaml"

    @property
    def uses(self) -> tuple[str, ...]:
        """The services that must be up before it, in the order of their names: whose address it is told."""
        return tuple(sorted({*self.calls, *self.sends, *self.puts, *self.subscribes, self.behind} - {STATUS, ""}))

    @property
    def in_network(self) -> bool:
        """Whether its code, or its load balancer, is in the platform's network."""
        return self.inside or self.shape in IN_NETWORK

    @property
    def has_table(self) -> bool:
        """Whether it has a table of its own: what runs asynchronously and what is cached always has."""
        return self.table or self.shape == CACHED or self.shape not in ANSWERING

    @property
    def listens_at(self) -> int:
        """The port of what runs on servers. Raises `ValueError` where none is declared."""
        if self.port is None:
            raise ValueError(f"{self.name} has no port that could be asked: say port in {self.file}")
        return self.port

    def place(self, key: str) -> Place:
        """Where its declaration says `key`, such as `calls` or `calls.stock`; line 1 for what it does not say."""
        return Place(self.file, self.lines.get(key, 1))


@dataclass(frozen=True)
class Platform:
    """What all services of a system share. `name` is the system's, and begins the names of all its stacks."""

    name: str
    owner: str
    version: str = "1.0.0"
    network: str = NO_NETWORK
    file: Path = Path("platform.yaml")


@dataclass(frozen=True)
class System:
    """A platform and its services by their names, all checked."""

    platform: Platform
    services: Mapping[str, Service]
    folder: Path

    def stack(self, service: str) -> str:
        """The name of the stack, and of the template, of a service or of the platform: `shop-orders`."""
        return f"{self.platform.name}-{service}"

    def order(self) -> list[Service]:
        """The services, those that others use before these; else by name. There are no cycles."""
        sorter = TopologicalSorter({name: self.services[name].uses for name in sorted(self.services)})
        return [self.services[name] for name in sorter.static_order()]
