"""Grants: who may do what to what, in units that can be compared; and which of them covers which.

    Holder ──has──▶ Grant ──covers──▶ Grant

Coverage is proved or it is not there: `s3:Get*` covers `s3:GetObject`, `Bucket/*` covers `Bucket/a`, no test any test.
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements.html
"""

from __future__ import annotations

import itertools
import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping
from enum import Enum
from functools import lru_cache
from typing import NamedTuple

from .branches import When

_MOST_COMPARED = 300_000  # pairs in one diff; beyond, what is written in another way counts as another
_WILDCARD = re.compile(r"[*?]")


class Role(Enum):
    """What a holder is to its grants."""

    HAS = "has"  # a role, user or group: what it may do
    ATTACHED = "attached"  # a policy of its own: what those may do to whom somebody attaches it
    LIMITS = "limits"  # a permissions boundary: the most that those may do whom it limits
    TRUST = "trust"  # a role: who may assume it
    GUARDS = "guards"  # a bucket, a key, a function: who may use it
    PASSES = "passes"  # an endpoint: what may pass


class Holder(NamedTuple):
    """What grants belong to: a logical id, or in words what is outside of the template."""

    name: str
    role: Role


class Kind(Enum):
    """The kinds of grants. What is `more` widens when it is added; anything else narrows."""

    ALLOW = "allow"
    DENY = "deny"
    MANAGED = "managed"  # all that a managed policy permits, which the template does not tell
    MEMBER = "member"  # all that a group may
    RUNS_AS = "runs as"  # all that a role may
    BOUNDARY = "boundary"
    OPAQUE = "opaque"  # a policy that cannot be read

    @property
    def more(self) -> bool:
        return self in (Kind.ALLOW, Kind.MANAGED, Kind.MEMBER, Kind.RUNS_AS)


class Not(NamedTuple):
    """Everything but these, of `NotAction`, `NotResource` and `NotPrincipal`."""

    these: frozenset[str]


class Test(NamedTuple):
    """One test of a statement's `Condition`."""

    operator: str
    key: str
    values: frozenset[str]


class Grant(NamedTuple):
    """One action, on one resource, for one principal. `who` is empty for the holder itself."""

    kind: Kind
    who: str | Not
    action: str | Not
    resource: str | Not
    tests: frozenset[Test] = frozenset()


Grants = dict[Holder, dict[Grant, list[When]]]


class Known:
    """Grants by what they are about, so that not each must be compared with all others."""

    def __init__(self, grants: Mapping[Grant, list[When]], budget: Budget) -> None:
        self.grants = grants
        self._budget = budget
        self._about: dict[str | Not, dict[str | Not, list[Grant]]] = {}
        for one in grants:
            self._about.setdefault(one.action, {}).setdefault(one.resource, []).append(one)
        self._actions = _Texts(self._about, budget, ignore_case=True)
        self._resources = _Texts({one.resource: None for one in grants}, budget)

    def covering(self, grant: Grant) -> list[Grant]:
        """What is about all that the grant is about."""
        near = self._near(self._actions.above(grant.action), self._resources.above(grant.resource))
        return [one for one in near if _covers_rest(one, grant)]

    def covered(self, grant: Grant) -> list[Grant]:
        """What is about nothing but what the grant is about."""
        near = self._near(self._actions.below(grant.action), self._resources.below(grant.resource))
        return [one for one in near if _covers_rest(grant, one)]

    def _near(self, actions: list[str | Not], resources: list[str | Not]) -> Iterator[Grant]:
        for action in actions:
            there = self._about[action]
            for resource in resources:
                for one in there.get(resource, ()):
                    if self._budget.spent():
                        return
                    yield one


class Budget:
    """How much may still be compared. What is left over then covers nothing."""

    def __init__(self) -> None:
        self._left = _MOST_COMPARED

    def spent(self) -> bool:
        """Count one more; whether that is too many."""
        self._left -= 1
        return self._left < 0


class _Texts:
    """Actions or resources, by how they begin: up to its first wildcard, what covers a text begins as the text does."""

    def __init__(self, texts: Iterable[str | Not], budget: Budget, *, ignore_case: bool = False) -> None:
        self._budget, self._ignore_case = budget, ignore_case
        self._exact: dict[str, list[str]] = {}
        self._wild: dict[str, list[str]] = {}
        self._nots = [one for one in texts if isinstance(one, Not)]
        for one in texts:
            if isinstance(one, str):
                key = self._key(one)
                self._exact.setdefault(key, []).append(one)
                if _WILDCARD.search(key):
                    self._wild.setdefault(_WILDCARD.split(key, 1)[0], []).append(one)
        self._sorted = sorted(self._exact)
        self._above: dict[str | Not, list[str | Not]] = {}
        self._below: dict[str | Not, list[str | Not]] = {}

    def above(self, text: str | Not) -> list[str | Not]:
        """Those that cover this one."""
        if text not in self._above:
            self._above[text] = [one for one in self._wider(text) if self._compared(one, text)]
        return self._above[text]

    def below(self, text: str | Not) -> list[str | Not]:
        """Those that this one covers."""
        if text not in self._below:
            self._below[text] = [one for one in self._narrower(text) if self._compared(text, one)]
        return self._below[text]

    def _compared(self, one: str | Not, other: str | Not) -> bool:
        return not self._budget.spent() and _covers(one, other, self._ignore_case)

    def _key(self, text: str) -> str:
        return _marked(text.lower() if self._ignore_case else text)

    def _wider(self, text: str | Not) -> Iterator[str | Not]:
        yield from self._nots
        if isinstance(text, Not):
            yield from self._wild.get("", ())
            return
        key = self._key(text)
        exact = self._exact.get(key, [])
        yield from exact
        for end in range(len(key) + 1):
            yield from (one for one in self._wild.get(key[:end], ()) if one not in exact)

    def _narrower(self, text: str | Not) -> Iterator[str | Not]:
        begins = "" if isinstance(text, Not) else self._key(text)
        wild = isinstance(text, Not) or _WILDCARD.search(begins)
        if not wild:
            yield from self._exact.get(begins, ())
            return
        begins = _WILDCARD.split(begins, 1)[0]
        yield from self._nots
        for key in itertools.islice(self._sorted, bisect_left(self._sorted, begins), None):
            if not key.startswith(begins):
                return
            yield from self._exact[key]


def _covers_rest(one: Grant, other: Grant) -> bool:
    """Whether one grant covers the other, where its action and its resource do."""
    return (
        one.kind is other.kind
        and (one.who == other.who or one.who == "*")
        and all(any(_weaker(test, stronger) for stronger in other.tests) for test in one.tests)
    )


def _covers(one: str | Not, other: str | Not, ignore_case: bool) -> bool:
    """Whether whatever the other action, or resource, is about, this one is about too."""
    if one == other or one == "*":
        return True
    if isinstance(one, Not):
        if isinstance(other, Not):
            return all(any(_matches(more, less, ignore_case) for more in other.these) for less in one.these)
        if "*" in other or "?" in other or "${" in other:
            return False
        return not any(_matches(never, other, ignore_case) or "${" in never for never in one.these)
    return isinstance(other, str) and _matches(one, other, ignore_case)


def _matches(pattern: str, text: str, ignore_case: bool) -> bool:
    if ignore_case:
        pattern, text = pattern.lower(), text.lower()
    if "*" not in pattern and "?" not in pattern:
        return pattern == text
    return _pattern(pattern).fullmatch(_marked(text)) is not None


@lru_cache(32_768)
def _pattern(pattern: str) -> re.Pattern[str]:
    """A pattern as a regular expression that never goes back: what is between two `*` is taken where it is first."""
    first, *others = (
        "".join("[^*\0\1]" if one == "?" else re.escape(one) for one in part) for part in _marked(pattern).split("*")
    )
    between = "".join(f"(?>.*?{part})" for part in others[:-1])
    return re.compile(first + between + (f".*{others[-1]}" if others else ""), re.DOTALL)


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


def differ(one: Grant, other: Grant) -> list[str]:
    """In what the two differ, but for their kind."""
    return [name for name in ("who", "action", "resource", "tests") if getattr(one, name) != getattr(other, name)]
