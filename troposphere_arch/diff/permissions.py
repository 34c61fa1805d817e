"""IAM: every permission that an update widens or narrows, in words.

    Template, Template ──policies──▶ grants, grants ──what covers what, in which world──▶ Change

What was permitted and is no longer, or the other way round, is told; what is only written in another way is not:
`s3:Get*` covers `s3:GetObject`, `Bucket/*` covers `Bucket/a`, no condition covers any. Where that cannot be decided,
the grant counts as widened, and as narrowed: nothing here calls a change harmless that it does not understand.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, NamedTuple

from .model import Bump, Change, Effect, Reason, Section, Template
from .policies import ALWAYS, Grant, Grants, Holder, Kind, Not, Role, Test, When, grants, types
from .spelled import shown
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


@dataclass(frozen=True)
class _Finding:
    """A grant that one side has and the other has not, at least not always. `only` is what is left of it there."""

    grant: Grant
    when: When
    sure: bool
    only: str = ""


@dataclass
class _Comparison:
    old: Side
    new: Side
    _worlds: dict[tuple[frozenset[str], frozenset[str]], list[World]] = field(default_factory=dict)

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
                when=_conditions(whens.pop()) if len(whens) == 1 else "",
            )

    def _of(self, holder: Holder, before: Grants, after: Grants) -> Iterator[tuple[str, str, When, bool]]:
        was, will = before.get(holder, {}), after.get(holder, {})
        gone = [*self._missing(was, will, self.old, self.new)]
        come = [*self._missing(will, was, self.new, self.old)]
        opaque = [one for one in (*come, *gone) if one.grant.kind is Kind.OPAQUE]
        if opaque:
            yield WIDENED, _say_opaque(holder), ALWAYS, True
        there = [_body(side, holder) is not None for side in (self.old, self.new)]
        if there[0] != there[1]:
            # What runs as a role may nothing else.
            come, gone = ([one for one in some if one.grant.kind is not Kind.RUNS_AS] for some in (come, gone))
        own = _own_condition(holder, self.new) or _own_condition(holder, self.old)
        if there[0] != there[1]:
            # What limits a principal that is new takes nothing from anybody, and goes with one that goes.
            if any(one.grant.kind.more for one in (*come, *gone)):
                action, state = (WIDENED, "new") if there[1] else (NARROWED, "gone")
                yield action, f"{holder.name} is {state}", own, not own
                for found, added in ((come, True), (gone, False)):
                    for says, more, when, sure in _sentences(holder, found, added, own):
                        if more or added:
                            yield action, says, when, sure
            return
        for found, added in ((come, True), (gone, False)):
            for says, more, when, sure in _sentences(holder, found, added, own):
                yield (WIDENED if more == added else NARROWED), says, when, sure

    def _missing(
        self, here: Mapping[Grant, list[When]], there: Mapping[Grant, list[When]], side: Side, other: Side
    ) -> Iterator[_Finding]:
        """What is here and not always there."""
        known = _Known(there)
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
                    yield _Finding(grant, when, sure, self._left(grant, covering, known))

    def _names(self, whens: Iterable[When], side: Side) -> set[frozenset[tuple[str, bool]]]:
        """Conditions by their definitions."""
        return {frozenset((repr(formula(side, name)), truth) for name, truth in when) for when in whens}

    def _uncovered(self, when: When, elsewhere: list[When], side: Side, other: Side) -> list[bool]:
        """For each world in which this is so here: whether none of those is there."""
        if ALWAYS in elsewhere:
            return []
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

    def _left(self, grant: Grant, covering: list[Grant], known: _Known) -> str:
        """What the other side has of this, in words."""
        if grant.kind not in (Kind.ALLOW, Kind.DENY):
            return ""
        if covering:
            whens = {when for one in covering for when in known.grants[one]}
            return _conditions(whens.pop()) if len(whens) == 1 else ""
        parts: dict[str, list[Grant]] = {}
        for one in known.covered(grant):
            parts.setdefault(" ".join(_differ(one, grant)), []).append(one)
        if "tests" in parts:
            return " or ".join(sorted(_tests(one.tests).removeprefix("only ") for one in parts["tests"]))
        if "action" in parts:
            return ", ".join(sorted(_action(one.action) for one in parts["action"]))
        if "resource" in parts:
            return "on " + ", ".join(sorted(_resource(one.resource) for one in parts["resource"]))
        return ""


_MOST_COMPARED = 200_000  # pairs of grants of one holder; beyond, what is written in another way counts as another


class _Known:
    """Grants by what they are about, so that not each must be compared with all others."""

    def __init__(self, grants: Mapping[Grant, list[When]]) -> None:
        self.grants = grants
        self.left = _MOST_COMPARED
        self.wild = [one for one in grants if _is_wild(one)]
        self.exact: dict[tuple[str, str | Not], list[Grant]] = {}
        for one in grants:
            if not _is_wild(one):
                self.exact.setdefault(_about(one), []).append(one)

    def covering(self, grant: Grant) -> list[Grant]:
        """What is about all that the grant is about."""
        return [one for one in self._near(grant, self.wild) if covers(one, grant)]

    def covered(self, grant: Grant) -> list[Grant]:
        """What is about nothing but what the grant is about."""
        return [one for one in self._near(grant, self.grants if _is_wild(grant) else ()) if covers(grant, one)]

    def _near(self, grant: Grant, others: Collection[Grant]) -> Iterator[Grant]:
        if not _is_wild(grant):
            yield from self.exact.get(_about(grant), ())
        self.left -= len(others)
        if self.left > 0:
            yield from others


def _is_wild(grant: Grant) -> bool:
    return any(isinstance(one, Not) or "*" in one or "?" in one for one in (grant.action, grant.resource))


def _about(grant: Grant) -> tuple[str, str | Not]:
    return str(grant.action).lower(), grant.resource


def covers(one: Grant, other: Grant) -> bool:
    """Whether whatever the other grant is about, this one is about too."""
    return (
        one.kind is other.kind
        and _covers(one.action, other.action, ignore_case=True)
        and _covers(one.resource, other.resource)
        and _covers_who(one.who, other.who)
        and all(any(_weaker(test, stronger) for stronger in other.tests) for test in one.tests)
    )


def _covers(one: str | Not, other: str | Not, *, ignore_case: bool = False) -> bool:
    if one == other or one == "*":
        return True
    if isinstance(one, Not):
        if isinstance(other, Not):
            return all(any(_matches(more, less, ignore_case) for more in other.these) for less in one.these)
        if "*" in other or "?" in other or "${" in other:
            return False
        return not any(_matches(never, other, ignore_case) or "${" in never for never in one.these)
    return isinstance(other, str) and _matches(one, other, ignore_case)


def _covers_who(one: str | Not, other: str | Not) -> bool:
    return one == other or one == "*"


def _matches(pattern: str, text: str, ignore_case: bool) -> bool:
    if ignore_case:
        pattern, text = pattern.lower(), text.lower()
    if "*" not in pattern and "?" not in pattern:
        return pattern == text
    return _pattern(pattern).fullmatch(_marked(text)) is not None


@lru_cache(32_768)
def _pattern(pattern: str) -> re.Pattern[str]:
    parts = re.split(r"([*?])", _marked(pattern))
    return re.compile("".join({"*": ".*", "?": "[^*\0\1]"}.get(part, re.escape(part)) for part in parts), re.DOTALL)


@lru_cache(32_768)
def _marked(text: str) -> str:
    """A text in which no wildcard matches half of a variable."""
    return re.sub(r"\$\{(!*[^{}]*)\}", "\0\\1\1", text) if "${" in text else text


def _weaker(one: Test, other: Test) -> bool:
    """Whether whatever passes the other test passes this one."""
    if (one.operator.lower(), one.key.lower()) != (other.operator.lower(), other.key.lower()):
        return False
    if one.values == other.values:
        return True
    operator = one.operator.lower()
    if "not" in operator:
        return one.values <= other.values
    if "like" in operator:
        return all(any(_matches(pattern, value, False) for pattern in one.values) for value in other.values)
    if "equals" in operator or "ipaddress" in operator:
        return other.values <= one.values
    return False


def _differ(one: Grant, other: Grant) -> list[str]:
    return [name for name in ("who", "action", "resource", "tests") if getattr(one, name) != getattr(other, name)]


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


# Words.


class _Group(NamedTuple):
    """What is said in one sentence: the grants that differ in their action and their resource only."""

    kind: Kind
    who: str | Not
    tests: frozenset[Test]
    when: When
    sure: bool
    only: str


def _sentences(holder: Holder, found: list[_Finding], added: bool, own: When) -> Iterator[tuple[str, bool, When, bool]]:
    """Each sentence, whether its kind of grant permits more, and when it holds."""
    groups: dict[_Group, dict[str, set[str]]] = {}
    for finding in found:
        grant, when = finding.grant, finding.when - own
        if grant.kind is Kind.OPAQUE:
            continue
        group = _Group(grant.kind, grant.who, grant.tests, when, finding.sure, finding.only)
        own_policy = holder.role is Role.TRUST or (holder.role is Role.GUARDS and grant.resource == "*")
        resource = "" if own_policy else _resource(grant.resource)
        groups.setdefault(group, {}).setdefault(resource, set()).add(_action(grant.action))
    for group, by_resource in groups.items():
        together: dict[tuple[str, ...], list[str]] = {}
        for resource, actions in by_resource.items():
            together.setdefault(tuple(sorted(actions)), []).append(resource)
        for actions_, resources in together.items():
            says = _sentence(holder, group, actions_, sorted(resources), added)
            yield says, group.kind.more, group.when, group.sure


def _sentence(holder: Holder, group: _Group, actions: tuple[str, ...], resources: list[str], added: bool) -> str:
    kind, what = group.kind, ", ".join(actions)
    under = f", {_conditions(group.when)}" if group.when else ""
    if kind is Kind.BOUNDARY:
        return f"{holder.name} is {'now' if added else 'no longer'} limited by the boundary {what}{under}"
    if kind is Kind.RUNS_AS:
        return f"{holder.name} {'now runs' if added else 'no longer runs'} as {what}, with all that it may{under}"
    if kind is Kind.MEMBER:
        return f"{holder.name} {'may now' if added else 'may no longer'} all that the group {what} may{under}"
    if kind is Kind.MANAGED:
        what = what.replace("arn:${AWS::Partition}:iam::aws:policy/", "the managed policy ")
        return f"{holder.name} {'may now' if added else 'may no longer'} all that {what} permits{under}"
    where = " and ".join(filter(None, resources))
    where = f" on {where}" if where and where != holder.name else _place(holder)
    tests = f", {_tests(group.tests)}" if group.tests else ""
    subject = _subject(holder, group.who)
    plural = subject.startswith(("those ", "all "))
    if holder.role is Role.TRUST:
        what, where = _assume(actions), f" {holder.name}"
    if kind is Kind.DENY:
        verb = f"{'are' if plural else 'is'} {'now' if added else 'no longer'} denied"
        return f"{subject} {verb} {what}{where}{tests}{under}"
    if added:
        before = f" (before only {group.only})" if group.only else ""
        return f"{subject} may now {what}{where}{tests}{under}{before}"
    if not group.only:
        return f"{subject} may no longer {what}{where}{tests}{under}"
    return f"{subject} may no longer {what}{where}{tests}{under}, only {group.only}"


def _say_opaque(holder: Holder) -> str:
    return f"a policy of {holder.name} changed; what that permits can't be told"


def _subject(holder: Holder, who: str | Not) -> str:
    if holder.role is Role.HAS:
        return holder.name
    if holder.role is Role.ATTACHED:
        return f"those who have {holder.name}"
    if holder.role is Role.LIMITS:
        return f"those whom {holder.name} limits"
    people = f"all but {', '.join(sorted(map(shown, who.these)))}" if isinstance(who, Not) else shown(who)
    people = "anybody" if people == "*" else people
    return f"{people}, through {holder.name}," if holder.role is Role.PASSES else people


def _place(holder: Holder) -> str:
    return f" on {holder.name}" if holder.role is Role.GUARDS else ""


def _assume(actions: tuple[str, ...]) -> str:
    return "assume" if actions == ("sts:AssumeRole",) else f"{', '.join(actions)} as"


def _action(action: str | Not) -> str:
    if isinstance(action, Not):
        return f"everything but {', '.join(sorted(map(shown, action.these)))}"
    return "everything" if action == "*" else shown(action)


def _resource(resource: str | Not) -> str:
    if isinstance(resource, Not):
        return f"everything but {', '.join(sorted(map(shown, resource.these)))}"
    return shown(resource)


_WORDS = {
    "arnequals": "is",
    "arnlike": "is like",
    "arnnotequals": "is not",
    "arnnotlike": "is not like",
    "binaryequals": "is",
    "bool": "is",
    "dateequals": "is",
    "dategreaterthan": "is after",
    "dategreaterthanequals": "is not before",
    "datelessthan": "is before",
    "datelessthanequals": "is not after",
    "datenotequals": "is not",
    "ipaddress": "is in",
    "notipaddress": "is not in",
    "numericequals": "is",
    "numericgreaterthan": "is above",
    "numericgreaterthanequals": "is at least",
    "numericlessthan": "is below",
    "numericlessthanequals": "is at most",
    "numericnotequals": "is not",
    "stringequals": "is",
    "stringequalsignorecase": "is",
    "stringlike": "is like",
    "stringnotequals": "is not",
    "stringnotequalsignorecase": "is not",
    "stringnotlike": "is not like",
}


def _tests(tests: Iterable[Test]) -> str:
    """The tests of a statement in words: "only when aws:SecureTransport is true"."""
    return "only when " + " and ".join(sorted(map(_test, tests))) if tests else "without a condition"


def _test(test: Test) -> str:
    qualifier, _, operator = test.operator.rpartition(":")
    optional = operator.lower().endswith("ifexists")
    operator = operator.lower().removesuffix("ifexists")
    values = " or ".join(sorted(map(shown, test.values))) or "nothing"
    key = {"foranyvalue": f"one of {test.key}", "forallvalues": f"each of {test.key}"}.get(qualifier.lower(), test.key)
    if operator == "null":
        return f"{key} is {'absent' if values == 'true' else 'there'}"
    words = f"{key} {_WORDS.get(operator, operator)} {values}"
    return f"{words} (if it is there)" if optional else words


def _conditions(when: When) -> str:
    """Conditions of the stack in words: "under condition HasReadCache"."""
    names = [
        *sorted(name for name, truth in when if truth),
        *sorted(f"not {name}" for name, truth in when if not truth),
    ]
    return f"under condition {' and '.join(names)}" if names else ""
