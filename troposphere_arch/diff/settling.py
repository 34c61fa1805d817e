"""What a finding amounts to: its gravest cause, what stands in its way, what becomes of the data, the version's step.

Finding ──causes that come about, Blocked, data──▶ Change
"""

from __future__ import annotations

from . import facts, keeping
from .model import Bump, Change, Effect, Path, Section
from .resources import Blocked, Cause, Finding

_BUMPS = {
    Effect.NONE: Bump.PATCH,
    Effect.IN_PLACE: Bump.PATCH,
    Effect.INTERRUPTION: Bump.MINOR,
    Effect.UNKNOWN: Bump.MINOR,
    Effect.REPLACEMENT: Bump.MINOR,
    Effect.REMOVAL: Bump.MINOR,
    Effect.FAILURE: Bump.MAJOR,
    Effect.DATA_LOSS: Bump.MAJOR,
}
_ADVICE = {
    "lost": "set DeletionPolicy and UpdateReplacePolicy to Retain in an update before this one, and move the data",
    "retained": "the old one stays in the account with its data, out of the stack, and a new one begins empty: import "
    "the old one, or move its data",
    "snapshot": "a snapshot is taken; the new one is empty unless it is made from that",
}


def settled(finding: Finding) -> Change:
    """The change that a finding amounts to."""
    causes = _coming_about(finding)
    effect = max((cause.effect for cause in causes), default=Effect.NONE)
    worst = [cause for cause in causes if cause.effect == effect]
    certain = not finding.when and any(cause.certain for cause in worst)
    whens = {cause.when for cause in worst}
    when = finding.when or (whens.pop() if len(whens) == 1 else "")
    reasons = [cause.reason for cause in sorted(causes, key=lambda cause: (-cause.effect, str(cause.reason.path)))]
    bump, data, advice = finding.bump, "", ""
    holds = keeping.holds_data(finding.kind, finding.old) and not finding.is_spare
    blocked = _gravest(finding)
    replaced = any(cause.effect == Effect.REPLACEMENT for cause in causes)
    goes = effect == Effect.REMOVAL or (replaced and not (blocked and blocked.always))
    if holds and goes:
        data = _data(finding)
        bump, advice = Bump.MAJOR, _ADVICE[data]
    if data == "lost":
        if blocked or effect == Effect.FAILURE:
            certain, when = False, blocked.unless if blocked and not when else when
        effect = Effect.DATA_LOSS
    elif blocked and effect < Effect.FAILURE:
        effect, certain = (
            Effect.FAILURE,
            blocked.always and (certain or finding.action != "change") and not finding.when,
        )
        when, advice = when or blocked.when, _way_out(finding, blocked, holds)
    elif effect == Effect.UNKNOWN and holds:
        bump = Bump.MAJOR
    elif effect == Effect.REPLACEMENT and any(_is_name(finding.kind, path) for path in finding.paths()):
        bump = Bump.MAJOR  # a name that users may know
    elif effect == Effect.REPLACEMENT and facts.renewed_by_design(finding.kind):
        advice = _before(finding)
    if blocked:
        reasons.insert(0 if effect == Effect.FAILURE else len(reasons), blocked.reason)
    if facts.renewed_by_design(finding.kind) and effect <= Effect.REPLACEMENT:
        bump = max(bump, Bump.PATCH)
    else:
        bump = max(bump, _BUMPS[effect], Bump.MINOR if finding.action == "add" else Bump.NONE)
    return Change(
        Section.RESOURCES,
        finding.name,
        finding.action,
        effect,
        bump,
        finding.kind,
        certain,
        tuple(reasons),
        when,
        data,
        advice,
    )


def _coming_about(finding: Finding) -> list[Cause]:
    """The causes without those that need the resource to stay, if it is sure to be replaced.

    What can't be changed in place is made anew with all the rest.
    """
    if not any(cause.effect == Effect.REPLACEMENT and cause.certain for cause in finding.causes):
        return finding.causes
    return [cause for cause in finding.causes if not (cause.while_kept and cause.effect == Effect.FAILURE)]


def _gravest(finding: Finding) -> Blocked | None:
    return max(finding.blocked, key=lambda one: (one.always, not one.by, one.is_name), default=None)


def _way_out(finding: Finding, blocked: Blocked, holds: bool) -> str:
    (what,) = blocked.reason.path
    if blocked.by:
        otherwise = f"let {blocked.by} give it up in an update before this one, or give {finding.name} another {what}"
        same = f"; if it is {blocked.by} under another logical id, keep the id" if finding.action == "add" else ""
        return otherwise + same
    if holds:
        return (
            f"take the change back: with another {what} it would be made anew, and empty, and the old one would go, "
            "unless it is retained"
        )
    if blocked.is_name:
        return f"give {finding.name} another {what} with the same update, or let AWS name it"
    return f"give {finding.name} another {what} with the same update, or take it away in an update before this one"


def _before(finding: Finding) -> str:
    """What becomes of a frozen copy when the next one takes its place."""
    both = (finding.old, finding.new)
    if all(keeping.kept(body, "UpdateReplacePolicy", finding.kind) for body in both):
        return "the one before stays in the account, out of the stack: the way back is to name it again"
    return ""


def _data(finding: Finding) -> str:
    """What becomes of the data of a resource that is removed or replaced.

    Removal goes by the old template, which is all that CloudFormation has of the resource. For a replacement both must
    say that it is kept.
    """
    if finding.action == "remove":
        return keeping.kept(finding.old, "DeletionPolicy", finding.kind) or "lost"
    kept = {keeping.kept(body, "UpdateReplacePolicy", finding.kind) or "lost" for body in (finding.old, finding.new)}
    return next(word for word in ("lost", "snapshot", "retained") if word in kept)


def _is_name(kind: str, path: Path) -> bool:
    return bool(path) and path[0] in facts.name_properties(kind)
