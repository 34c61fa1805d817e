"""Who calls whom, over what: the lines of a system, as its declarations say them, and a picture of them.

System ──lines──▶ rows for people and programs ──mermaid──▶ flowchart
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from ..discovery import title
from . import reach
from .declaration import (
    BUCKET,
    CACHED,
    CONTAINER,
    FRONT,
    HTTP,
    INSTANCES,
    QUEUE,
    STATUS,
    STREAM,
    TOPIC,
    Service,
    System,
)

# How the nodes of each shape are drawn. https://mermaid.js.org/syntax/flowchart.html#node-shapes
_DRAWN = {
    HTTP: '["{}"]',
    CACHED: '[["{}"]]',
    CONTAINER: '("{}")',
    INSTANCES: '(("{}"))',
    FRONT: '{{"{}"}}',
    QUEUE: '(["{}"])',
    STREAM: '[/"{}"/]',
    TOPIC: '{{{{"{}"}}}}',
    BUCKET: '[("{}")]',
}


@dataclass(frozen=True)
class Line:
    """That a service does something with another: over what, and what is asked or given. `to` is empty for nobody."""

    source: str
    verb: str
    to: str
    over: str
    label: str
    waits: bool
    """Whether the source waits for an answer."""


def lines(system: System) -> list[Line]:
    """All lines, service by service, in the order of their names: what is behind it, calls, sends, puts, events."""
    told: dict[tuple[str, str], list[Service]] = {}
    for _, service in sorted(system.services.items()):
        for publisher, events in service.subscribes.items():
            for event in events:
                told.setdefault((publisher, event), []).append(service)
    return [line for name in sorted(system.services) for line in _of(system, system.services[name], told)]


def mermaid(system: System) -> str:
    """A flowchart in Mermaid: services are nodes, drawn by their shape; calls are solid lines, what is not waited for
    is dotted.
    """
    made = lines(system)
    nodes = dict(system.services)
    if any(line.to == STATUS for line in made):
        nodes[STATUS] = reach.STATUS_SERVICE
    text = ["flowchart LR"]
    # A name in capitals is no word of Mermaid's, as `end` is.
    text += [f"    {title(name)}{_DRAWN[nodes[name].shape].format(name)}" for name in sorted(nodes)]
    labels: dict[tuple[str, str, bool], list[str]] = {}
    for line in made:
        if line.to:
            labels.setdefault((line.source, line.to, line.waits), []).append(line.label or line.over)
    for (source, to, waits), words in labels.items():
        arrow = "-->" if waits else "-.->"
        text.append(f'    {title(source)} {arrow}|"{"<br/>".join(words)}"| {title(to)}')
    return "\n".join(text)


def _of(system: System, service: Service, told: Mapping[tuple[str, str], Sequence[Service]]) -> Iterator[Line]:
    network = system.platform.network

    def over(other: Service) -> str:
        return reach.over(network, service, other)

    for name, other in sorted(system.services.items()):
        if other.behind == service.name:
            yield Line(service.name, "leads to", name, "load balancer", "", True)
    for name, routes in sorted(service.calls.items()):
        other = reach.STATUS_SERVICE if name == STATUS else system.services[name]
        for route in routes:
            yield Line(service.name, "calls", name, over(other), route, True)
    for name in sorted(service.sends):
        yield Line(service.name, "sends to", name, over(system.services[name]), "", False)
    for name in sorted(service.puts):
        other = system.services[name]
        yield Line(service.name, "puts into", name, over(other), other.prefix, False)
    for event in service.publishes:
        subscribers = told.get((service.name, event), ())
        for other in subscribers:
            yield Line(service.name, "tells", other.name, over(other), event, False)
        if not subscribers:
            yield Line(service.name, "tells", "", "SNS", event, False)
