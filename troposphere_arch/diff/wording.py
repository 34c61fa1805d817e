"""Grants in words, as many as say the same in one sentence.

    Finding, Finding, ... ──sentences──▶ "ReadTodosRole may now dynamodb:Query, dynamodb:Scan on Todos"

Who, what, on what, when by IAM's own conditions, when by the stack's, and what there was before or is left.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from .branches import When
from .granted import Grant, Holder, Kind, Not, Role, Test
from .spelled import shown


class Finding(NamedTuple):
    """A grant that one side has and the other has not, at least not always. `only` is what is left of it there."""

    grant: Grant
    when: When
    sure: bool
    only: str = ""


class _Group(NamedTuple):
    """What is said in one sentence: the grants that differ in their action and their resource only."""

    kind: Kind
    who: str | Not
    tests: frozenset[Test]
    when: When
    sure: bool
    only: str


def sentences(holder: Holder, found: list[Finding], added: bool, own: When) -> Iterator[tuple[str, bool, When, bool]]:
    """Each sentence, whether its kind of grant permits more, when it holds, and whether it is sure to.

    `added` are grants that come, others go; `own` is the condition of the holder itself, which goes without saying.
    """
    groups: dict[_Group, dict[str, set[str]]] = {}
    for finding in found:
        grant, when = finding.grant, finding.when - own
        if grant.kind is Kind.OPAQUE:
            continue
        group = _Group(grant.kind, grant.who, grant.tests, when, finding.sure, finding.only)
        own_policy = holder.role is Role.TRUST or (holder.role is Role.GUARDS and grant.resource == "*")
        resource = "" if own_policy else resource_in_words(grant.resource)
        groups.setdefault(group, {}).setdefault(resource, set()).add(action_in_words(grant.action))
    for group, by_resource in groups.items():
        together: dict[tuple[str, ...], list[str]] = {}
        for resource, actions in by_resource.items():
            together.setdefault(tuple(sorted(actions)), []).append(resource)
        for actions_, resources in together.items():
            says = _sentence(holder, group, actions_, sorted(resources), added)
            yield says, group.kind.more, group.when, group.sure


def _sentence(holder: Holder, group: _Group, actions: tuple[str, ...], resources: list[str], added: bool) -> str:
    kind, what = group.kind, ", ".join(actions)
    subject = _subject(holder, group.who)
    plural = subject.startswith(("those ", "all "))
    under = f", {conditions_in_words(group.when)}" if group.when else ""
    if kind is Kind.BOUNDARY:
        verb = f"{'are' if plural else 'is'} {'now' if added else 'no longer'}"
        return f"{subject} {verb} limited by the boundary {what}{under}"
    if kind is Kind.RUNS_AS:
        return f"{holder.name} {'now runs' if added else 'no longer runs'} as {what}, with all that it may{under}"
    if kind is Kind.MEMBER:
        return f"{holder.name} {'may now' if added else 'may no longer'} all that the group {what} may{under}"
    if kind is Kind.MANAGED:
        what = what.replace("arn:${AWS::Partition}:iam::aws:policy/", "the managed policy ")
        return f"{subject} {'may now' if added else 'may no longer'} all that {what} permits{under}"
    where = " and ".join(filter(None, resources))
    where = f" on {where}" if where and where != holder.name else _place(holder)
    tests = f", {tests_in_words(group.tests)}" if group.tests else ""
    if holder.role is Role.TRUST:
        what, where = _assume(actions), f" {holder.name}"
    if kind is Kind.DENY:
        verb = f"{'are' if plural else 'is'} {'now' if added else 'no longer'} denied"
        return f"{subject} {verb} {what}{where}{tests}{under}"
    if added:
        told = group.only and group.only != conditions_in_words(group.when)  # the condition held not, and holds now
        before = f" (before only {group.only})" if told else ""
        return f"{subject} may now {what}{where}{tests}{under}{before}"
    if not group.only:
        return f"{subject} may no longer {what}{where}{tests}{under}"
    return f"{subject} may no longer {what}{where}{tests}{under}, only {group.only}"


def opaque(holder: Holder) -> str:
    """What is said of a policy that cannot be read."""
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


def action_in_words(action: str | Not) -> str:
    """An action, or everything but some."""
    if isinstance(action, Not):
        return f"everything but {', '.join(sorted(map(shown, action.these)))}"
    return "everything" if action == "*" else shown(action)


def resource_in_words(resource: str | Not) -> str:
    """A resource by its logical id where it has one, or everything but some."""
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


def tests_in_words(tests: Iterable[Test]) -> str:
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


def conditions_in_words(when: When) -> str:
    """Conditions of the stack in words: "under condition HasReadCache"."""
    names = [
        *sorted(name for name, truth in when if truth),
        *sorted(f"not {name}" for name, truth in when if not truth),
    ]
    return f"under condition {' and '.join(names)}" if names else ""
