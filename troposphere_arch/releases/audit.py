"""The rot guard: what today's rules and the ends of Lambda's runtimes say of what was released long ago.

    releases ──cfn-lint and house rules of today, runtimes' ends──▶ Audited ──write──▶ deprecated: reason, in the index

The bytes of a release are never touched. Its mark stays until somebody writes again, with better or other findings.
"""

from __future__ import annotations

import datetime
import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from .. import atomic, catalogue, places
from ..exemptions import EXEMPTIONS
from ..lint import Finding, lint
from . import frozen, index
from .index import Entry, index_of

SOON = datetime.timedelta(days=180)
"""A runtime that ends within that time is told, and marks nothing."""
NAMED = 3
"""How many findings a reason names."""

# Of a runtime's end cfn-lint knows only whether it is past today. We are asked about any day, and ask its data.
_BY_THE_DAY = {"E2531", "E2533", "W2531"}


@dataclass(frozen=True)
class Audited:
    """A release, why nobody should take it any more (empty: it is good), and what else is to be known."""

    entry: Entry
    reason: str
    notes: tuple[str, ...] = ()

    @property
    def state(self) -> str:
        """Good or bad, and whether the index says so."""
        if self.reason:
            return "bad, marked" if self.entry.deprecated else "newly bad"
        return "good again" if self.entry.deprecated else "good"

    @property
    def is_new(self) -> bool:
        """Whether it is bad, and the index does not say so yet."""
        return bool(self.reason) and not self.entry.deprecated


def audit(day: datetime.date) -> list[Audited]:
    """Every release held against today's rules, and against the runtimes that have ended on `day`.

    Raises `UserError` when a release is not as released.
    """
    templates = places.templates()
    releases = index.read(templates).releases()
    frozen.verify(templates, releases)
    findings = _findings(templates, releases)
    return [_audited(entry, findings[entry.name], frozen.template(templates, entry), day) for entry in releases]


def write(audited: Sequence[Audited]) -> bool:
    """Put the marks into the index, and take away those that hold no more. Gives whether anything changed."""
    templates = places.templates()
    reasons = {one.entry.name: one.reason for one in audited}
    before = index.read(templates)
    after = index_of(replace(entry, deprecated=reasons.get(entry.name, entry.deprecated)) for entry in before.entries)
    if after == before:
        return False
    atomic.write(templates / index.FILE, after.text())
    return True


def _findings(templates: Path, releases: Iterable[Entry]) -> Mapping[str, list[Finding]]:
    owner = {path: entry.name for entry in releases for path in entry.files}
    content = {
        path: (templates / path).read_bytes()
        for path in owner
        if catalogue.is_template(path) or catalogue.is_part(path)
    }
    parts = [path for path in content if catalogue.is_part(path)]
    found: dict[str, list[Finding]] = defaultdict(list)
    if content:
        for finding in lint(content, parts=parts, exemptions=EXEMPTIONS, cache=places.cache() / "lint"):
            if finding.rule not in _BY_THE_DAY and finding.template in owner:
                found[owner[finding.template]].append(finding)
    return found


def _audited(entry: Entry, findings: Sequence[Finding], template: Mapping[str, Any], day: datetime.date) -> Audited:
    # What only informs makes no release bad: the rules grow faster than what they say matters.
    bad = [finding for finding in findings if finding.level != "informational"]
    reasons = [*_ended(template, day), *_words(bad)]
    told = [*_ending(template, day), *_words([finding for finding in findings if finding not in bad])]
    return Audited(entry, "; ".join(reasons), tuple(told))


def _words(findings: Sequence[Finding]) -> Iterator[str]:
    """The findings by their rules: `E9011 Table, Bucket: what the first says`."""
    by_rule: dict[str, list[Finding]] = defaultdict(list)
    for finding in findings:
        by_rule[finding.rule].append(finding)
    for number, (rule, several) in enumerate(sorted(by_rule.items())):
        if number == NAMED:
            yield f"and {len(by_rule) - NAMED} more rules"
            return
        names = ", ".join(dict.fromkeys(finding.resource or "template" for finding in several))
        yield f"{rule} {names}: {' '.join(several[0].message.split())}"


def _ended(template: Mapping[str, Any], day: datetime.date) -> Iterator[str]:
    for runtime, (names, end) in _runtimes(template).items():
        if end <= day:
            yield f"runtime {runtime} of {', '.join(names)} ended on {end}"


def _ending(template: Mapping[str, Any], day: datetime.date) -> Iterator[str]:
    for runtime, (names, end) in _runtimes(template).items():
        if day < end <= day + SOON:
            yield f"runtime {runtime} of {', '.join(names)} ends on {end}"


def _runtimes(template: Mapping[str, Any]) -> dict[str, tuple[list[str], datetime.date]]:
    """The runtimes of a template, the functions and layers that have each, and the day on which AWS ends it.

    https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtimes.html#runtimes-deprecated
    """
    ends = _ends()
    found: dict[str, tuple[list[str], datetime.date]] = {}
    for name, resource in sorted(template["Resources"].items()):
        runtime = resource.get("Properties", {}).get("Runtime")
        if resource["Type"] == "AWS::Lambda::Function" and isinstance(runtime, str) and runtime in ends:
            found.setdefault(runtime, ([], ends[runtime]))[0].append(name)
    return found


def _ends() -> dict[str, datetime.date]:
    """When each runtime ends, as cfn-lint has it of AWS's page."""
    from importlib import resources

    data = resources.files("cfnlint") / "data" / "AdditionalSpecs" / "LmbdRuntimeLifecycle.json"
    return {
        runtime: datetime.date.fromisoformat(dates["deprecated"])
        for runtime, dates in json.loads(data.read_text()).items()
        if dates.get("deprecated")
    }
