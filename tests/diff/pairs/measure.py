"""What the diff says of the published pairs, beside what their authors say.

pairs ──sources──▶ Measured ──▶ a table in Markdown, what is not there, what does not hold, what no note tells
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib.metadata import version

from troposphere_arch.diff import Change, Diff, Effect, Section

from . import HERE, SIDES, Expectation, Pair
from .sources import NotThere, Sources


@dataclass(frozen=True)
class Measured:
    """A pair, and what the diff says of it; or why that can't be said."""

    pair: Pair
    found: Diff | None = None
    missing: str = ""

    def count(self, *, known: bool = False) -> int:
        """How many expectations hold; or, how many are known not to."""
        return sum(bool(one.known) if known else self.holds(one) for one in self.pair.expectations)

    def holds(self, one: Expectation) -> bool:
        return self.found is not None and one.holds(self.found)

    def failed(self) -> list[Expectation]:
        """What does not hold, and nobody has said why."""
        return [one for one in self.pair.expectations if self.found and not one.known and not self.holds(one)]

    def settled(self) -> list[Expectation]:
        """What holds by now, and is written down as not holding."""
        return [one for one in self.pair.expectations if one.known and self.holds(one)]


def measure(pairs: Iterable[Pair], sources: Sources) -> Iterator[Measured]:
    """Every pair that has files, in turn."""
    for pair in pairs:
        if not pair.published:
            continue
        try:
            old, new = (pair.read(sources.read(pair, side)) for side in SIDES)
        except NotThere as error:
            yield Measured(pair, missing=str(error))
        else:
            yield Measured(pair, pair.compare(old, new))


def report(every: list[Measured]) -> str:
    """All of it, in Markdown."""
    there, lost = [one for one in every if one.found], [one for one in every if one.missing]
    lines = [*_table(there), "", f"Not there: {len(lost)} of {len(every)} pairs."]
    lines += [f"- {one.pair.id}: {one.missing}" for one in lost]
    for title, which in (("Does not hold", Measured.failed), ("Holds by now", Measured.settled)):
        wrong = [f"- {one.pair.id}: {said}" for one in there for said in which(one)]
        lines += ["", f"{title}: {len(wrong)}.", *wrong]
    known = [(one.pair.id, said) for one in there for said in one.pair.expectations if said.known]
    lines += ["", f"Explained: {len(known)}.", *(f"- {name}: {said} {said.known}" for name, said in known)]
    return "\n".join([*lines, "", *_untold(there), "", engine()])


def engine() -> str:
    """Which state of this project measured it: the name that git gives its files, whatever commit they are in."""

    def git(*arguments: str) -> str:
        done = subprocess.run(["git", *arguments], cwd=HERE.parents[2], capture_output=True, text=True, check=False)
        return done.stdout.strip()

    tree = git("rev-parse", "--short=12", "HEAD:troposphere_arch") or "unknown"
    dirty = " with changes" if git("status", "--porcelain", "--", "troposphere_arch") else ""
    return f"Measured with troposphere_arch, tree {tree}{dirty}, and the schemas of cfn-lint {version('cfn-lint')}."


def _table(there: list[Measured]) -> Iterator[str]:
    yield "| project | licence | pairs | expectations | hold | explained |"
    yield "|---|---|---|---|---|---|"
    for project in dict.fromkeys(one.pair.project for one in there):
        ours = [one for one in there if one.pair.project == project]
        licences = ", ".join(sorted({str(one.pair.written["licence"]) for one in ours}))
        yield f"| {project} | {licences} | {_cells(ours)} |"
    yield f"| all | | {_cells(there)} |"


def _cells(these: list[Measured]) -> str:
    said = sum(len(one.pair.expectations) for one in these)
    hold, known = (sum(one.count(known=known) for one in these) for known in (False, True))
    return " | ".join(map(str, (len(these), said, hold, known)))


def _untold(there: list[Measured]) -> Iterator[str]:
    found = [(one.pair, change) for one in there for change in untold(one, there)]
    gone = sum(change.section == Section.PARAMETERS for _, change in found)
    yield f"Told by no note: {len(found) - gone} resources replaced, {gone} parameters gone."
    for pair, change in found:
        why = "; ".join(f"{'.'.join(map(str, reason.path))} {reason.says}".strip() for reason in change.reasons[:2])
        sure = "" if change.certain else " (not certain)"
        yield f"- {pair.id}: {change.section.value} {change.name} {change.kind} {change.effect}{sure}: {why}"[:300]


def untold(one: Measured, every: Iterable[Measured]) -> Iterator[Change]:
    """What the diff finds grave (a replacement or worse, a parameter that goes) and no expectation on it names."""
    same = [other.pair for other in every if other.pair.update == one.pair.update]
    told = {(said.section, said.name) for pair in same for said in pair.expectations}
    for change in one.found.changes if one.found else ():
        replaced = change.section == Section.RESOURCES and change.action == "change"
        grave = replaced and change.effect >= Effect.REPLACEMENT
        gone = change.section == Section.PARAMETERS and change.action == "remove"
        if (grave or gone) and (change.section.value, change.name) not in told:
            yield change
