"""Measures whole processes, as a user waits for them: `python -m benchmarks [--only NAME...] [--runs N] [--json]`.

Two that are compared run in turn, so that what slows the machine for a while slows both; their ratio is that of the
medians. Nothing here fails because of a figure: a goal is told as held or missed.
Besides, what of requests reaches the origin: of a blog's readers (`edge`), and of devices on the day of a release
(`updates`). That is counted, not timed, so once. And how building and deploying of microservices grows with their
number (`services`), once for each number; and what each shape of a service costs, and adds to a request (`fronts`).
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import sys
from dataclasses import asdict

from benchmarks import ours, peers
from benchmarks.edge.blog import measuring as blog
from benchmarks.edge.blog.trace import Habits
from benchmarks.edge.updates import measuring as updates
from benchmarks.measure import Outcome, Pair, Ratio, in_turn, ratio
from benchmarks.services import fronts, scale

PAIRS = (
    Pair("again", "a build where nothing changed, against what any Python command costs", ours.AGAIN, ours.PYTHON, 2.5),
    Pair("lint", "generate and lint, against only linting the same files", ours.COLD, peers.CFN_LINT),
    Pair("cdk", "generate and lint, against the same architecture in the AWS CDK", ours.COLD, peers.CDK_SYNTH),
    Pair("diff", "any two templates of 500 resources each, start-up included", ours.DIFF, at_most=1.0),
    Pair("up", "from nothing to an API on this machine that answers", ours.UP, at_most=5.0),
)
EDGE, UPDATES, SERVICES, FRONTS = "edge", "updates", "services", "fronts"
# A third of an hour, so that it takes less than a minute, as the hour of devices does; `python -m benchmarks.edge` has
# the whole.
READERS = Habits(seconds=1_200)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__.split("\n", 1)[0])
    names = [*(pair.name for pair in PAIRS), EDGE, UPDATES, SERVICES, FRONTS]
    parser.add_argument("--only", nargs="+", choices=names, metavar="NAME", help=f"only these of: {', '.join(names)}")
    parser.add_argument("--runs", type=_count, default=5, metavar="N", help="runs that count of each (default: 5)")
    parser.add_argument("--json", action="store_true", help="print every run as JSON")
    args = parser.parse_args()
    machine = f"Python {platform.python_version()}, {os.cpu_count()} cores, {platform.system()} {platform.machine()}"
    results = []
    for pair in (p for p in PAIRS if not args.only or p.name in args.only):
        contenders = [pair.ours, *([pair.peer] if pair.peer else [])]
        outcomes = in_turn(contenders, args.runs, lambda line: print(line, file=sys.stderr, flush=True))
        results.append((pair, outcomes))
    counted: dict[str, blog.Measured | updates.Measured | scale.Measured | fronts.Measured] = {}
    if not args.only or EDGE in args.only:
        counted[EDGE] = blog.Measured.of(READERS, [blog.WITHOUT, blog.ONE])
    if not args.only or UPDATES in args.only:
        counted[UPDATES] = updates.Measured.of(updates.HOUR, updates.SHORT)
    if not args.only or SERVICES in args.only:
        counted[SERVICES] = scale.Measured.of(scale.SIZES, scale.STACKS)
    if not args.only or FRONTS in args.only:
        counted[FRONTS] = fronts.Measured.of(fronts.REQUESTS)
    if args.json:
        pairs = [_plain(*result) for result in results]
        plain = {"machine": machine, "pairs": pairs, **{name: one.plain() for name, one in counted.items()}}
        print(json.dumps(plain, indent=2))
        return
    print(f"{machine}; {args.runs} runs of each, in turn")
    for pair, outcomes in results:
        print("\n".join(["", *_lines(pair, outcomes)]))
    for one in counted.values():
        print("\n".join(["", *one.lines()]))


def _count(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text) > 0):
        raise argparse.ArgumentTypeError(f"{text!r} is no number of runs: at least 1")
    return int(text)


def _lines(pair: Pair, outcomes: list[Outcome]) -> list[str]:
    lines = [
        f"{pair.name}: {pair.about}",
        f"  {'':20}{'median':>9}{'min':>9}{'max':>9}   peak memory",
    ]
    for outcome in outcomes:
        if outcome.not_measured:
            lines.append(f"  {outcome.name:20}not measured: {outcome.not_measured}")
            continue
        times = (statistics.median(outcome.seconds), min(outcome.seconds), max(outcome.seconds))
        figures = "".join(f"{seconds:7.3f} s" for seconds in times)
        peak = f"{max(outcome.peak_bytes) / 1e6:.0f} MB"
        lines.append(f"  {outcome.name:20}{figures}   {peak:13}{outcome.made}".rstrip())
    compared = _compared(outcomes)
    if compared:
        lines.append(
            f"  {compared.of_medians:.2f} times as long (side by side {compared.least:.2f} to {compared.most:.2f})"
        )
    goal = _goal(pair, outcomes)
    return lines + ([goal] if goal else [])


def _compared(outcomes: list[Outcome]) -> Ratio | None:
    return ratio(*outcomes) if len(outcomes) == 2 else None


def _goal(pair: Pair, outcomes: list[Outcome]) -> str:
    if pair.at_most is None or any(outcome.not_measured for outcome in outcomes):
        return ""
    compared = _compared(outcomes)
    figure = compared.of_medians if compared else statistics.median(outcomes[0].seconds)
    unit = "times" if compared else "s"
    return f"  goal, at most {pair.at_most:g} {unit}: {'held' if figure <= pair.at_most else 'missed'}"


def _plain(pair: Pair, outcomes: list[Outcome]) -> dict[str, object]:
    compared = _compared(outcomes)
    return {
        "name": pair.name,
        "about": pair.about,
        "at_most": pair.at_most,
        "ratio": asdict(compared) if compared else None,
        "measured": [
            {
                "name": outcome.name,
                "not_measured": outcome.not_measured or None,
                "seconds": outcome.seconds,
                "peak_bytes": outcome.peak_bytes,
                "made": outcome.made or None,
            }
            for outcome in outcomes
        ],
    }


if __name__ == "__main__":
    main()
