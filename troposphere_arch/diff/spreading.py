"""Consequences: what a change upstream does to all that refers to it, and so on downstream.

    resource, parameter, output of a nested stack ──Moves──▶ another value? ──each property that names it──▶ Cause

A resource that is replaced has another id, another ARN: every property that names it changes its value, although the
template's text does not; where that property cannot be changed in place, its resource is replaced in turn.
"""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from graphlib import CycleError, TopologicalSorter
from typing import Any, Protocol

from . import facts
from .model import Effect, Reason
from .resources import Cause, Finding, cause, own_condition, resources_of, roll
from .values import Reference, references
from .worlds import Side, formula


@dataclass(frozen=True)
class Moved:
    """That what is referred to has another value after the update, or may have; why, and what of it.

    `elsewhere` says that it leads to another thing then, and is no new value of the same one.
    """

    certain: bool
    why: str
    elsewhere: bool = False
    so: str = ""


@dataclass(frozen=True)
class Moves:
    """What becomes of anything that a template can refer to.

    `parameters` are those with another value that is not known, each with whether that is sure; `outputs` are, of each
    nested stack of which that is known, the outputs that move.
    """

    found: Mapping[str, list[Finding]]
    parameters: Mapping[str, bool] = field(default_factory=dict)
    outputs: Mapping[str, Mapping[str, Moved]] = field(default_factory=dict)

    def __call__(self, reference: Reference) -> Moved | None:
        """Whether what is referred to moves; None when it stays what it is."""
        name = reference.target
        if name in self.parameters:
            sure = self.parameters[name]
            return Moved(sure, f"parameter {name} {'has' if sure else 'may have'} another value")
        if name in self.outputs and reference.attribute.startswith("Outputs."):
            return self.outputs[name].get(reference.attribute.removeprefix("Outputs."))
        upstream = change_of(self.found, name)
        return None if upstream is None else _moved(upstream, reference)


class Below(Protocol):
    """The nested stacks of which both templates are there."""

    def __contains__(self, name: str) -> bool: ...

    def moving(self, name: str, finding: Finding | None) -> Mapping[str, Moved]:
        """The outputs of the nested stack `name` that move, when this is what happens to its resource."""


def spread(
    found: dict[str, list[Finding]], old: Side, new: Side, parameters: Mapping[str, bool], below: Below
) -> Moves:
    """Add to the findings what follows from them; gives what moves."""
    before, after = resources_of(old), resources_of(new)
    uses: dict[str, list[tuple[str, Reference]]] = defaultdict(list)
    for name, body in after.items():
        if name in before and not (_is_never_there(old, before[name]) or _is_never_there(new, body)):
            for reference in references(body.get("Properties") or {}):
                if (reference.target in after or reference.target in parameters) and reference.target != name:
                    uses[reference.target].append((name, reference))
    outputs: dict[str, Mapping[str, Moved]] = {}
    moves = Moves(found, parameters, outputs)
    # What is upstream comes first, so that all is known of it when it is its turn.
    turn = {name: i for i, name in enumerate(_upstream_first([*parameters, *after], uses))}
    waiting = {name for name in turn if name in parameters or name in below or change_of(found, name) is not None}
    queue = sorted((turn[name], name) for name in waiting)
    while queue:
        _, name = heapq.heappop(queue)
        waiting.discard(name)
        if name in below:
            outputs[name] = below.moving(name, change_of(found, name))
        for user, reference in uses[name]:
            moved = moves(reference)
            if moved is None or before[user].get("Type") != after[user].get("Type"):
                continue
            if _follow(found, user, before[user], after[user], reference, moved) and user not in waiting:
                waiting.add(user)
                heapq.heappush(queue, (turn[user], user))
    for several in found.values():
        for finding in several:
            roll(finding)
    for name in [name for name, several in found.items() if not any(f.causes or f.bump for f in several)]:
        del found[name]
    return moves


def _is_never_there(side: Side, body: Mapping[str, Any]) -> bool:
    """Whether, with what is known of the parameters, the condition of a resource does not hold."""
    return any(formula(side, name) is False for name in own_condition(body))


def change_of(found: Mapping[str, list[Finding]], name: str) -> Finding | None:
    """The finding of a resource that is there before and after, and changes."""
    return next((finding for finding in found.get(name, ()) if finding.action == "change"), None)


def _upstream_first(names: Iterable[str], uses: Mapping[str, list[tuple[str, Reference]]]) -> list[str]:
    """The names in an order in which each comes after what it refers to; as they are, if some refer to each other."""
    plain = list(dict.fromkeys(names))
    graph: dict[str, list[str]] = {name: [] for name in plain}
    for upstream, users in uses.items():
        for user, _ in users:
            graph[user].append(upstream)
    try:
        return list(TopologicalSorter(graph).static_order())
    except CycleError:
        return plain


def _follow(
    found: dict[str, list[Finding]],
    user: str,
    before: Mapping[str, Any],
    after: Mapping[str, Any],
    reference: Reference,
    moved: Moved,
) -> bool:
    """Add what the move of what is referred to does to the user; gives whether anything was added."""
    downstream = change_of(found, user)
    if downstream is None:
        downstream = Finding(user, str(after.get("Type", "")), "change", before, after)
        found.setdefault(user, []).append(downstream)
    certain = moved.certain and reference.sure
    known = [c for c in downstream.causes if c.reason.path == reference.path and c.reason.through == reference.target]
    if any(c.certain or not certain for c in known):
        return False
    made = cause(downstream.kind, reference.path, certain=certain, through=reference.target)
    reason = Reason(f"{moved.why}{moved.so}; {made.reason.says}", reference.path, made.reason.source, reference.target)
    downstream.causes.append(Cause(reason, made.effect, made.certain))
    return True


def _moved(upstream: Finding, reference: Reference) -> Moved | None:
    """Whether an attribute of a resource that changes, or its `Ref`, has another value after the update; and why."""
    what = f"{upstream.name}.{reference.attribute}" if reference.attribute else upstream.name
    if any(one.effect == Effect.REPLACEMENT for one in upstream.causes):
        sure = any(one.certain and one.effect == Effect.REPLACEMENT for one in upstream.causes)
        why = f"{upstream.name} {'is' if sure else 'may be'} replaced"
        elsewhere = not facts.renewed_by_design(upstream.kind)
        return Moved(sure and not upstream.when, why, elsewhere, f", so {what} is another")
    if upstream.effect < Effect.IN_PLACE:
        return None
    changed: list[Any] = [path[0] for path in upstream.paths()]
    match facts.attribute(upstream.kind, reference.attribute, changed):
        case "moves":
            return Moved(upstream.certain, f"{what} changes with {upstream.name}")
        case "may move":
            return Moved(False, f"{what} may change with {upstream.name}")
    return None
