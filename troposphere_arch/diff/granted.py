"""Grants: who may do what to what, in units that can be compared; and which of them covers which.

    Holder ──has──▶ Grant ──covers──▶ Grant

Coverage is proved or it is not there: `s3:Get*` covers `s3:GetObject`, `Bucket/*` covers `Bucket/a`, no test any test.
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements.html
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from enum import Enum
from functools import lru_cache
from typing import NamedTuple

from .branches import When

_MOST_COMPARED = 200_000  # pairs of grants of one holder; beyond, what is written in another way counts as another


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


def differ(one: Grant, other: Grant) -> list[str]:
    """In what the two differ, but for their kind."""
    return [name for name in ("who", "action", "resource", "tests") if getattr(one, name) != getattr(other, name)]
