"""`python -m benchmarks.edge`: a whole hour of readers, in as many ways as asked."""

from __future__ import annotations

import argparse
import json

from benchmarks.edge.blog.measuring import ONE, WHOLE, WITHOUT, Measured
from benchmarks.edge.blog.trace import Habits


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.edge",
        description="What reaches the origin, of what readers ask of an edge with the blog's cache policies.",
    )
    parser.add_argument("--minutes", type=int, default=60, metavar="N", help="of readers' time (default: 60)")
    parser.add_argument("--readers", type=int, default=1_000, metavar="N", help="(default: 1000)")
    parser.add_argument("--exponent", type=float, default=1.0, metavar="S", help="of Zipf's law (default: 1)")
    parser.add_argument("--seed", type=int, default=1, metavar="N", help="of the trace (default: 1)")
    parser.add_argument("--whole", action="store_true", help="with and without browsers' caches, 1 and 10 locations")
    parser.add_argument("--json", action="store_true", help="print JSON")
    args = parser.parse_args()
    if min(args.minutes, args.readers) < 1 or args.exponent < 0:
        parser.error("--minutes and --readers are at least 1, --exponent at least 0")
    habits = Habits(args.readers, args.minutes * 60, exponent=args.exponent)
    measured = Measured.of(habits, [WITHOUT, *(WHOLE if args.whole else (ONE,))], args.seed)
    print(json.dumps(measured.plain(), indent=2) if args.json else "\n".join(measured.lines()))


if __name__ == "__main__":
    main()
