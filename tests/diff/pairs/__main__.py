"""Prints the figures of the pairs, project by project, and what the diff finds that no note tells."""

from __future__ import annotations

from troposphere_arch.diff import Section

from . import pairs, untold


def main() -> None:
    print("| project | licence | pairs | expectations | hold | explained |")
    print("|---|---|---|---|---|---|")
    projects = dict.fromkeys(pair.project for pair in pairs())
    totals = [0, 0, 0, 0]
    for project in projects:
        ours = [pair for pair in pairs() if pair.project == project]
        expected = [(one, pair) for pair in ours for one in pair.expectations]
        hold = sum(one.holds(pair.diff) for one, pair in expected)
        known = sum(bool(one.known) for one, _ in expected)
        licence = ", ".join(
            dict.fromkeys(pair.written.get("licence", "") for pair in ours if "licence" in pair.written)
        )
        row = [len(ours), len(expected), hold, known]
        totals = [total + one for total, one in zip(totals, row, strict=True)]
        print(f"| {project} | {licence} | {' | '.join(map(str, row))} |")
    print(f"| {len(projects)} projects | | {' | '.join(map(str, totals))} |")
    found = [(pair, change) for pair in pairs() for change in untold(pair)]
    gone = sum(change.section == Section.PARAMETERS for _, change in found)
    print(f"\nTold by no note: {len(found) - gone} resources replaced, {gone} parameters gone.\n")
    for pair, change in found:
        why = "; ".join(f"{'.'.join(map(str, r.path))} {r.says}".strip() for r in change.reasons[:2])
        sure = "" if change.certain else " (not certain)"
        print(f"{pair.id}: {change.section.value} {change.name} {change.kind} {change.effect}{sure}: {why}"[:300])


if __name__ == "__main__":
    main()
