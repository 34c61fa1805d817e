"""The services of a system among each other: who uses whom, for what, and whether that can be.

    declarations ──▶ uses there are, reach, cycles ──▶ problems

Nothing is said twice: of a service whose declaration is wrong, only what is right in it is held against others.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from .. import discovery
from . import reach
from .declaration import (
    ANSWERING,
    BUCKET,
    CACHED,
    CONTAINER,
    FRONT,
    HTTP,
    INSTANCES,
    NO_NETWORK,
    QUEUE,
    STATUS,
    STREAM,
    TOPIC,
    Place,
    Service,
    an,
)
from .parsing import VARIABLE, Problems, path_shown, route_key, shown, some

MOST_SERVICES = 3000
"""Each has up to three parameters of Parameter Store, which takes 10,000 in an account and region.
https://docs.aws.amazon.com/general/latest/gr/ssm.html"""
MOST_RIGHTS = 25
"""Routes that are called, and twice as much for each queue, stream and bucket, with whose key goes another right: the
policies of a role may have 10,240 characters.
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html"""
RIGHT, DENIED = 270, 70
"""Characters of the right to call a route, when it is a long one; and of a route in the list of what may not be called,
besides its own."""
MOST_SUBSCRIBERS = 200
"""Of a topic, with filter policies.
https://docs.aws.amazon.com/sns/latest/dg/subscription-filter-policy-constraints.html"""
MOST_CYCLES = 20
"""Of one kind that are told; who has undone these is told the others."""

# How a caller's declaration says what it does with a service of that shape.
_ASKED = "calls: {{{0}: [a route of it]}} asks it"
_INSTEAD = {
    HTTP: _ASKED,
    CACHED: _ASKED,
    CONTAINER: _ASKED,
    INSTANCES: _ASKED,
    FRONT: _ASKED,
    QUEUE: "sends: [{0}] sends to it",
    STREAM: "sends: [{0}] sends to it",
    TOPIC: "it is told events: publish one, and let {0} subscribe to it",
    BUCKET: "puts: [{0}] puts into it",
}
_WAYS = {
    "calls": ("calls", ANSWERING),
    "sends": ("sends to", (QUEUE, STREAM)),
    "puts": ("puts into", (BUCKET,)),
    "subscribes": ("subscribes to", ()),
    "behind": ("is behind", (FRONT,)),
    "leads": ("leads to", ()),  # said by no key: what a front does with those behind it
}
_OUT_OF_IT = "let one of them publish an event in place of that, and a topic service that subscribes to it do the rest"


@dataclass(frozen=True)
class Known:
    """A service as far as its declaration could be read: what `broken` names is not to be relied on."""

    service: Service
    broken: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Use:
    """That a service uses another: for what, and where it says so."""

    key: str
    user: str
    used: str
    place: Place

    @property
    def words(self) -> str:
        """`orders calls stock`."""
        return f"{self.user} {_WAYS[self.key][0]} {self.used}"


def check(network: str | None, services: Mapping[str, Known], problems: Problems) -> None:
    """Tell what is wrong among the services; `network` is None when the platform's is not known."""
    _check_hosts(services, problems)
    uses = [use for known in services.values() for use in _uses(known.service)]
    for use in uses:
        _check_use(use, services, problems)
    _check_versions(services, problems)
    for known in services.values():
        _check_network(network, known, problems)
        _check_numbers(known.service, services, problems)
    for use in uses:
        _check_reach(network, use, services, problems)
    _check_subscribers(services, problems)
    _check_cycles([use for use in uses if use.used != use.user and _fits(use, services)], problems)


def _uses(service: Service) -> Iterator[Use]:
    for key in ("calls", "sends", "puts", "subscribes"):
        for name in getattr(service, key):
            yield Use(key, service.name, name, service.place(f"{key}.{name}"))
    if service.behind:
        yield Use("behind", service.name, service.behind, service.place("behind"))


def _check_hosts(services: Mapping[str, Known], problems: Problems) -> None:
    hosts: dict[str, Service] = {}
    for known in services.values():
        service = known.service
        if service.shape not in ANSWERING or service.behind or {"host", "behind"} & known.broken:
            continue
        first = hosts.setdefault(service.host, service)
        if first is not service:
            place = service.place("host")
            problems.tell(
                place.file,
                place.line,
                f"{service.name} is at the host {service.host}, and so is {first.name} ({_at(first.place('host'))}): "
                "give one of them another, such as host: " + f"{service.name}-api",
            )


def _check_use(use: Use, services: Mapping[str, Known], problems: Problems) -> None:
    verb, shapes = _WAYS[use.key]

    def tell(text: str, key: str = "") -> None:
        service = services[use.user].service
        place = service.place(f"{use.key}.{use.used}.{key}") if key else use.place
        problems.tell(place.file, place.line, text)

    if use.used == use.user and use.key != "behind":
        tell(f"{use.user} {verb} itself: what is its own it does without a call; take {use.user} out of {use.key}")
        return
    if use.used == STATUS:
        if use.key not in ("calls", "behind"):
            tell(
                f"{use.user} {verb} {STATUS}, which is the platform's and takes calls only: calls: {{{STATUS}: [...]}}"
            )
            return
        known = Known(reach.STATUS_SERVICE)
    elif use.used in services:
        known = services[use.used]
    else:
        near = problems.guess(use.used, services)
        there = some(sorted(name for name in services if name != use.user))
        there = f"there is {there}" if there else "there is no other"
        tell(f"{use.key} names {shown(use.used)}, and no service is called so{near}: {there}; correct it, or make one")
        return
    callee = known.service
    if use.key == "behind":
        if "shape" not in known.broken and callee.shape != FRONT:
            tell(f"{use.words}, which is {an(callee.shape)} service, and no front: name a front, or take behind out")
        return
    if use.key == "subscribes" and callee.shape == FRONT:
        tell(f"{use.words}, which is a front and publishes nothing: subscribe to a service behind it")
        return
    if use.key == "calls" and callee.behind and "behind" not in known.broken:
        tell(f"{use.words}, which is behind {callee.behind} and has no address of its own: call {callee.behind}")
        return
    if "shape" not in known.broken and shapes and callee.shape not in shapes:
        instead = _INSTEAD[callee.shape].format(callee.name)
        tell(f"{use.words}, which is {an(callee.shape)} service: {instead}")
        return
    if use.key == "calls" and "routes" not in known.broken:
        served = {route_key(route): route for route in callee.routes}
        for route in services[use.user].service.calls[use.used]:
            if route_key(route) not in served:
                near = problems.guess(route, callee.routes)
                where = f"add it to {path_shown(callee.file)}" if callee.name != STATUS else "call another"
                tell(
                    f"{use.user} calls {route} of {use.used}, which serves {some(callee.routes)}{near}; correct it, or "
                    f"{where}",
                    route,
                )
    if use.key == "subscribes" and "publishes" not in known.broken:
        for event in services[use.user].service.subscribes[use.used]:
            if event not in callee.publishes:
                publishes = some(callee.publishes) or "nothing"
                near = problems.guess(event, callee.publishes)
                tell(
                    f"{use.user} subscribes to {event} of {use.used}, which publishes {publishes}{near}; correct it, "
                    f"or add it to publishes in {path_shown(callee.file)}",
                    event,
                )


def _fits(use: Use, services: Mapping[str, Known]) -> bool:
    """Whether what is used is there, and of the shape for it."""
    shapes = _WAYS[use.key][1]
    if use.used not in services or (use.key == "calls" and services[use.used].service.behind):
        return False
    return not shapes or services[use.used].service.shape in shapes


def _check_versions(services: Mapping[str, Known], problems: Problems) -> None:
    """The services behind fronts: what each says of itself, and that it can stand in for the others."""
    rules: dict[tuple[str, int], Service] = {}
    for known in services.values():
        service, front = known.service, services.get(known.service.behind)
        if not service.behind or "behind" in known.broken:
            continue
        for key in ("host", "private"):
            if key in service.lines and getattr(service, key):
                problems.tell(
                    service.file,
                    service.lines[key],
                    f"{service.name} has {key} and is behind {service.behind}, whose address is the only one: say it "
                    f"in the declaration of {service.behind}, or take behind out",
                )
        if front is None or front.service.shape != FRONT:
            continue
        place = discovery.priority(service.name)
        other = rules.setdefault((service.behind, place), service)
        if other is not service:
            problems.tell(
                service.file,
                service.place("behind").line,
                f"{service.name} and {other.name} would have one place, {place}, among the rules of {service.behind}, "
                "since that is made from their names: rename one",
            )
        if not {"routes"} & (known.broken | front.broken):
            _check_routes(service, front.service, problems)


def _check_routes(service: Service, front: Service, problems: Problems) -> None:
    """The service has all the routes of its front, by the very names of what is in their paths: it is asked by them."""
    alike = {route_key(route): route for route in service.routes}
    for route in front.routes:
        other = alike.get(route_key(route))
        if other == route:
            continue
        said = f"{front.name} ({_at(front.place(f'routes.{route}'))}) has {route}"
        if other:
            place = service.place(f"routes.{other}")
            problems.tell(
                place.file, place.line, f"{said}, which is {other} here: call what is in the path the same in both"
            )
            continue
        place = service.place("routes")
        problems.tell(
            place.file,
            place.line,
            f"{said}, and {service.name}, which is behind it, has not: add it to routes, or take it out of those of "
            f"{front.name}",
        )


def _check_network(network: str | None, known: Known, problems: Problems) -> None:
    service = known.service
    if network is not None and "shape" not in known.broken and (lack := reach.lack(network, service)):
        place = service.place("shape")
        problems.tell(place.file, place.line, lack)
    for key in ("inside", "private"):
        if network == NO_NETWORK and getattr(service, key) and not reach.lack(network, service):
            place = service.place(key)
            problems.tell(
                place.file,
                place.line,
                f"{service.name} is {key}, and the platform has no network: write network: endpoints or network: nat "
                f"in platform.yaml, or take {key} out",
            )


def _check_numbers(service: Service, services: Mapping[str, Known], problems: Problems) -> None:
    routes = sum(len(routes) for routes in service.calls.values())
    takers = len(service.sends) + len(service.puts)
    rights = routes + 2 * takers
    denied = [_denied(called, _served(name, services)) for name, called in service.calls.items()]
    more = sum(-(-sum(DENIED + len(route) for route in one) // RIGHT) for one in denied)
    if rights <= MOST_RIGHTS < rights + more:
        problems.tell(
            service.file,
            1,
            f"{service.name} calls {routes} routes, and is denied {sum(map(len, denied))} more that the variables of "
            f"these would stand for too: together they are {rights + more} rights, and at most {MOST_RIGHTS} fit into "
            "the policies of its role; give the routes that are denied another beginning, or make two services of it",
        )
    if rights > MOST_RIGHTS:
        problems.tell(
            service.file,
            1,
            f"{service.name} calls {routes} routes and gives something to {takers} queues, streams and buckets, and at "
            f"most {MOST_RIGHTS} fit into the policies of its role, where each of the latter counts twice: make two "
            "services of it",
        )


def _served(name: str, services: Mapping[str, Known]) -> Sequence[str]:
    if name == STATUS:
        return reach.STATUS_SERVICE.routes
    return services[name].service.routes if name in services else ()


def _denied(called: Sequence[str], served: Sequence[str]) -> list[str]:
    """The routes of a service that who may call `called` could call as well, and is denied: see `arrows.may_not_call`.

    It has to be as the template is made, without what a template is made with, which takes a second to import.
    """
    wide = [(pattern, pattern.partition("*")[0]) for pattern in map(_pattern, called) if "*" in pattern]
    if not wide:
        return []
    patterns = [_pattern(route) for route in called]
    return [
        route
        for route in served
        if any(route.startswith(start) and fnmatchcase(_pattern(route), pattern) for pattern, start in wide)
        and not any(fnmatchcase(pattern, _pattern(route)) for pattern in patterns)
    ]


def _pattern(route: str) -> str:
    """The route as IAM has it: `GET /stock/*`."""
    return VARIABLE.sub("*", route)


def _check_reach(network: str | None, use: Use, services: Mapping[str, Known], problems: Problems) -> None:
    if network is None or use.used == use.user:
        return
    known = Known(reach.STATUS_SERVICE) if use.used == STATUS else services.get(use.used)
    if known is None or known.broken & {"shape", "private"} or services[use.user].broken & {"shape", "inside"}:
        return
    caller, callee = services[use.user].service, known.service
    # Who subscribes is no caller: SNS reaches every queue. The others have been told.
    if callee.shape not in _WAYS[use.key][1] or use.key == "behind" or callee.behind:
        return
    if (network == NO_NETWORK and (caller.inside or callee.private)) or reach.lack(network, caller):
        return
    if refusal := reach.refusal(network, caller, callee):
        problems.tell(use.place.file, use.place.line, refusal)


def _check_subscribers(services: Mapping[str, Known], problems: Problems) -> None:
    subscribers: dict[str, int] = {}
    for known in services.values():
        for name in known.service.subscribes:
            subscribers[name] = subscribers.get(name, 0) + 1
    for name, number in subscribers.items():
        if number > MOST_SUBSCRIBERS and name in services:
            place = services[name].service.place("publishes")
            problems.tell(
                place.file,
                place.line,
                f"{number} services subscribe to {name}, and a topic takes {MOST_SUBSCRIBERS} that choose events: let "
                "some subscribe to another service",
            )


def _check_cycles(uses: Sequence[Use], problems: Problems) -> None:
    """Tell each cycle once: of calls, which would wait for each other; and of all, which could not be deployed.

    Who undoes what closes each of the cycles that are told has none left, but for there being very many.
    """
    closing = set()
    # A request that calls a front is one of a service behind it.
    led = [Use("leads", use.used, use.user, use.place) for use in uses if use.key == "behind"]
    for cycle, last in _cycles([*(use for use in uses if use.key == "calls"), *led]):
        closing.add((last.user, last.used))
        _tell_cycle(cycle, "a call would wait for itself", problems)
    for cycle, _ in _cycles([use for use in uses if (use.user, use.used) not in closing]):
        _tell_cycle(cycle, "each is told the other's address, so none could be deployed first", problems)


def _tell_cycle(cycle: Sequence[Use], why: str, problems: Problems) -> None:
    first = min(range(len(cycle)), key=lambda n: cycle[n].user)
    start, *others = (*cycle[first:], *cycle[:first])
    words = ", ".join([start.words, *(f"{use.words} ({_at(use.place)})" for use in others)])
    problems.tell(start.place.file, start.place.line, f"{words}: that goes round, and {why}; {_OUT_OF_IT}")


def _cycles(uses: Sequence[Use]) -> list[tuple[list[Use], Use]]:
    """A shortest cycle through each use that closes one, when they are gone through in order; with that use.

    Without these uses there is no cycle.
    """
    graph: dict[str, dict[str, Use]] = {}
    for use in uses:
        graph.setdefault(use.user, {}).setdefault(use.used, use)
    found: dict[frozenset[Use], tuple[list[Use], Use]] = {}
    for last in _closing(graph):
        if len(found) == MOST_CYCLES:
            break
        cycle = [*_way(graph, last.used, last.user), last]
        found.setdefault(frozenset(cycle), (cycle, last))
    return list(found.values())


def _closing(graph: Mapping[str, Mapping[str, Use]]) -> Iterator[Use]:
    """The uses that lead back to where one is coming from; found without recursion, which a long chain would end."""
    done: set[str] = set()
    for start in sorted(graph):
        if start in done:
            continue
        on_the_way = {start}
        stack = [(start, iter(sorted(graph[start])))]
        while stack:
            name, nexts = stack[-1]
            for other in nexts:
                if other in on_the_way:
                    yield graph[name][other]
                elif other not in done and other in graph:
                    on_the_way.add(other)
                    stack.append((other, iter(sorted(graph[other]))))
                    break
            else:
                stack.pop()
                on_the_way.remove(name)
                done.add(name)


def _way(graph: Mapping[str, Mapping[str, Use]], start: str, end: str) -> list[Use]:
    """A shortest way from one service to another, which there is."""
    came: dict[str, Use | None] = {start: None}
    todo = deque([start])
    while todo:
        name = todo.popleft()
        if name == end:
            break
        for other, use in graph.get(name, {}).items():
            if other not in came:
                came[other] = use
                todo.append(other)
    way: list[Use] = []
    step = came[end]
    while step is not None:
        way.append(step)
        step = came[step.user]
    return way[::-1]


def _at(place: Place) -> str:
    return f"{path_shown(place.file)}:{place.line}"
