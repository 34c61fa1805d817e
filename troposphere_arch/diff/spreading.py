"""Consequences: what a replacement upstream does to all that refers to it, and so on downstream.

A resource that is replaced has another id, another ARN: every property that names it changes its value, although the
template's text does not; where that property cannot be changed in place, its resource is replaced in turn.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Mapping
from typing import Any

from . import facts
from .model import Effect, Reason
from .resources import Cause, Finding, cause, resources_of, roll
from .values import Reference, references
from .worlds import Side


def spread(found: dict[str, list[Finding]], old: Side, new: Side) -> None:
    """Add to the findings what follows from them."""
    before, after = resources_of(old), resources_of(new)
    uses: dict[str, list[tuple[str, Reference]]] = defaultdict(list)
    for name, body in after.items():
        if name in before:
            for reference in references(body.get("Properties") or {}):
                if reference.target in after and reference.target != name:
                    uses[reference.target].append((name, reference))
    queue = deque(name for name in found if _moves(found, name))
    seen: dict[str, tuple[Effect, bool]] = {}
    while queue:
        name = queue.popleft()
        upstream = _change_of(found, name)
        if upstream is None or seen.get(name) == (upstream.effect, upstream.certain):
            continue
        seen[name] = (upstream.effect, upstream.certain)
        for user, reference in uses[name]:
            if user not in found or _change_of(found, user) is None:
                body_before, body_after = before[user], after[user]
                if body_before.get("Type") != body_after.get("Type"):
                    continue
                kind = str(body_after.get("Type", ""))
                found.setdefault(user, []).append(Finding(user, kind, "change", body_before, body_after))
            downstream = _change_of(found, user)
            if downstream is not None and _follow(upstream, downstream, reference):
                queue.append(user)
    for several in found.values():
        for finding in several:
            roll(finding)
    for name in [name for name, several in found.items() if not any(f.causes or f.bump for f in several)]:
        del found[name]


def replaced(found: Mapping[str, list[Finding]], name: str) -> Finding | None:
    """The finding of a resource that is replaced, or may be; None for any other."""
    finding = _change_of(found, name)
    return finding if finding is not None and _is_replaced(finding) else None


def _change_of(found: Mapping[str, list[Finding]], name: str) -> Finding | None:
    return next((finding for finding in found.get(name, ()) if finding.action == "change"), None)


def _moves(found: Mapping[str, list[Finding]], name: str) -> bool:
    return _change_of(found, name) is not None


def _is_replaced(finding: Finding) -> bool:
    return any(one.effect == Effect.REPLACEMENT for one in finding.causes)


def _follow(upstream: Finding, downstream: Finding, reference: Reference) -> bool:
    """Add what the change upstream does at this reference; gives whether anything was added."""
    sure, says = _moved(upstream, reference)
    if not says:
        return False
    certain = sure and reference.sure
    known = [c for c in downstream.causes if c.reason.path == reference.path and c.reason.through == upstream.name]
    if any(c.certain or not certain for c in known):
        return False
    made = cause(downstream.kind, reference.path, certain=certain, through=upstream.name)
    text = f"{says}; {made.reason.says}"
    reason = Reason(text, reference.path, made.reason.source, upstream.name)
    downstream.causes.append(Cause(reason, made.effect, made.certain))
    return True


def _moved(upstream: Finding, reference: Reference) -> tuple[bool, str]:
    """Whether what is referred to has another value after the update, for sure or perhaps; and why."""
    sure = any(one.certain and one.effect == Effect.REPLACEMENT for one in upstream.causes)
    what = f"{upstream.name}.{reference.attribute}" if reference.attribute else upstream.name
    if _is_replaced(upstream):
        says = f"{upstream.name} is replaced" if sure else f"{upstream.name} may be replaced"
        return sure and not upstream.when, f"{says}, so {what} is another"
    if not reference.attribute or upstream.effect < Effect.IN_PLACE:
        return False, ""
    changed: list[Any] = [path[0] for path in upstream.paths()]
    match facts.attribute(upstream.kind, reference.attribute, changed):
        case "moves":
            return upstream.certain, f"{what} changes with {upstream.name}"
        case "may move":
            return False, f"{what} may change with {upstream.name}"
    return False, ""
