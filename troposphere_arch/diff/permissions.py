"""IAM: every permission that an update widens or narrows, in words.

    Template, Template ──policies──▶ grants, grants ──what covers what, in which world──▶ Change

What was permitted and is no longer, or the other way round, is told; what is only written in another way is not:
`s3:Get*` covers `s3:GetObject`, `Bucket/*` covers `Bucket/a`, no condition covers any. Where that cannot be decided,
the grant counts as widened, and as narrowed: nothing here calls a change harmless that it does not understand.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from .branches import ALWAYS, When
from .granted import Budget, Grant, Grants, Holder, Kind, Known, differ
from .model import Bump, Change, Effect, Reason, Section, Template
from .policies import grants, types
from .wording import (
    Finding,
    action_in_words,
    conditions_in_words,
    opaque,
    resource_in_words,
    sentences,
    tests_in_words,
)
from .worlds import Side, World, formula, worlds

WIDENED, NARROWED = "widened", "narrowed"
_MOST_TOGETHER = 10  # conditions that are looked at together
_PAGE = "https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html"


def permissions(
    old: Template,
    new: Template,
    old_values: Mapping[str, Any] | None = None,
    new_values: Mapping[str, Any] | None = None,
) -> list[Change]:
    """Every permission that becomes wider or narrower from one template to the other.

    One change for each holder (a role, a user, a bucket with a policy, ...) and direction, with a reason for each
    sentence: "ReadTodosRole may now dynamodb:Scan on Todos". `old_values` and `new_values` are what is known of the
    parameters, as in `Side`. A widened permission is a minor change; a narrowed one a patch.
    """
    return list(_Comparison(Side(old, old_values or {}), Side(new, new_values or {})).changes())


@dataclass
class _Comparison:
    old: Side
    new: Side
    _worlds: dict[tuple[frozenset[str], frozenset[str]], list[World]] = field(default_factory=dict)
    _budget: Budget = field(default_factory=Budget)

    def changes(self) -> Iterator[Change]:
        before, after = grants(self.old, self.new), grants(self.new, self.old)
        kinds = {**types(self.old.template), **types(self.new.template)}
        reasons: dict[tuple[str, str], dict[str, tuple[When, bool]]] = {}
        for holder in dict.fromkeys([*before, *after]):
            for action, says, when, sure in self._of(holder, before, after):
                reasons.setdefault((holder.name, action), {}).setdefault(says, (when, sure))
        for (name, action), found in reasons.items():
            whens = {when for when, _ in found.values()}
            widened = action == WIDENED
            yield Change(
                Section.PERMISSIONS,
                name,
                action,
                Effect.IN_PLACE,
                Bump.MINOR if widened else Bump.PATCH,
                kind=kinds.get(name, ""),
                certain=any(sure for _, sure in found.values()),
                reasons=tuple(Reason(says, source=_PAGE) for says in found),
                when=conditions_in_words(whens.pop()) if len(whens) == 1 else "",
            )

    def _of(self, holder: Holder, before: Grants, after: Grants) -> Iterator[tuple[str, str, When, bool]]:
        was, will = before.get(holder, {}), after.get(holder, {})
        gone = [*self._missing(was, will, self.old, self.new)]
        come = [*self._missing(will, was, self.new, self.old)]
        if any(one.grant.kind is Kind.OPAQUE for one in (*come, *gone)):
            yield WIDENED, opaque(holder), ALWAYS, True
        own = _own_condition(holder, self.new) or _own_condition(holder, self.old)
        there = [_body(side, holder) is not None for side in (self.old, self.new)]
        if there[0] != there[1]:
            yield from _as_a_whole(holder, come, gone, own, is_new=there[1])
            return
        for found, added in ((come, True), (gone, False)):
            for says, more, when, sure in sentences(holder, found, added, own):
                yield (WIDENED if more == added else NARROWED), says, when, sure

    def _missing(
        self, here: Mapping[Grant, list[When]], there: Mapping[Grant, list[When]], side: Side, other: Side
    ) -> Iterator[Finding]:
        """What is here and not always there."""
        known = Known(there, self._budget)
        for grant, whens in here.items():
            same = there.get(grant)
            if same and (ALWAYS in same or self._names(whens, side) == self._names(same, other)):
                continue
            covering = known.covering(grant)
            elsewhere = [when for one in covering for when in there[one]]
            for when in whens:
                uncovered = self._uncovered(when, elsewhere, side, other)
                if any(uncovered):
                    sure = when == ALWAYS and all(uncovered)
                    yield Finding(grant, when, sure, self._left(grant, covering, known))

    def _names(self, whens: Iterable[When], side: Side) -> set[frozenset[tuple[str, bool]]]:
        """Conditions by their definitions."""
        return {frozenset((repr(formula(side, name)), truth) for name, truth in when) for when in whens}

    def _uncovered(self, when: When, elsewhere: list[When], side: Side, other: Side) -> list[bool]:
        """For each world in which this is so here: whether none of those is there."""
        if ALWAYS in elsewhere:
            return []
        if when == ALWAYS and not elsewhere:
            return [True]
        theirs = {name for one in elsewhere for name, _ in one}
        if len(theirs) > _MOST_TOGETHER and len(elsewhere) > 1:
            # Too many to look at together; each by itself finds less that is covered, and nothing that is not.
            found = [self._uncovered(when, [one], side, other) for one in elsewhere]
            return next((one for one in found if not any(one)), [True, False])
        mine = frozenset(name for name, _ in when)
        here_is_old = side is self.old
        key = (mine, frozenset(theirs)) if here_is_old else (frozenset(theirs), mine)
        if key not in self._worlds:
            self._worlds[key] = worlds(self.old, self.new, *key)
        both = [(world.old, world.new) if here_is_old else (world.new, world.old) for world in self._worlds[key]]
        return [not any(_holds(one, there) for one in elsewhere) for here, there in both if _holds(when, here)]

    def _left(self, grant: Grant, covering: list[Grant], known: Known) -> str:
        """What the other side has of this, in words."""
        if grant.kind not in (Kind.ALLOW, Kind.DENY):
            return ""
        if covering:
            whens = {when for one in covering for when in known.grants[one]}
            narrower = {
                f"{conditions_in_words(when)} {tests_in_words(one.tests)}"
                for one in known.covered(grant)
                if differ(one, grant) == ["tests"]
                for when in known.grants[one]
            }
            words = conditions_in_words(whens.pop()) if len(whens) == 1 else ""
            return ", or ".join([words, *sorted(narrower)]) if words else ""
        parts: dict[str, list[Grant]] = {}
        for one in known.covered(grant):
            parts.setdefault(" ".join(differ(one, grant)), []).append(one)
        if "tests" in parts:
            return " or ".join(sorted(tests_in_words(one.tests).removeprefix("only ") for one in parts["tests"]))
        if "action" in parts:
            return ", ".join(sorted(action_in_words(one.action) for one in parts["action"]))
        if "resource" in parts:
            return "on " + ", ".join(sorted(resource_in_words(one.resource) for one in parts["resource"]))
        return ""


def _as_a_whole(
    holder: Holder, come: list[Finding], gone: list[Finding], own: When, *, is_new: bool
) -> Iterator[tuple[str, str, When, bool]]:
    """What is told of a holder that is new or goes: all in one direction.

    What limits a new principal takes nothing from anybody, and what runs as a role may nothing else.
    """
    come, gone = ([one for one in some if one.grant.kind is not Kind.RUNS_AS] for some in (come, gone))
    if not any(one.grant.kind.more for one in (*come, *gone)):
        return
    action = WIDENED if is_new else NARROWED
    yield action, f"{holder.name} is {'new' if is_new else 'gone'}", own, not own
    for found, added in ((come, True), (gone, False)):
        for says, more, when, sure in sentences(holder, found, added, own):
            if more or added:
                yield action, says, when, sure


def _holds(when: When, truths: Mapping[str, bool]) -> bool:
    return all(truths[name] is truth for name, truth in when)


def _own_condition(holder: Holder, side: Side) -> When:
    """The condition under which the holder is there at all, which goes without saying."""
    condition = (_body(side, holder) or {}).get("Condition")
    return frozenset({(condition, True)}) if isinstance(condition, str) else ALWAYS


def _body(side: Side, holder: Holder) -> Mapping[str, Any] | None:
    resources = side.template.get("Resources")
    body = resources.get(holder.name) if isinstance(resources, Mapping) else None
    return body if isinstance(body, Mapping) else None
