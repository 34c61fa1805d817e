"""`python -m benchmarks.edge [blog | updates]`: a whole hour of readers, or a whole day of devices."""

from __future__ import annotations

import argparse
import json

from benchmarks.edge.blog import measuring as blog
from benchmarks.edge.blog.trace import Habits as Readers
from benchmarks.edge.updates import measuring as updates
from benchmarks.edge.updates.trace import Habits as Devices

BLOG, UPDATES = "blog", "updates"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.edge",
        description="What reaches the origin, of what readers of the blog, or devices on the day of a release, ask of "
        "an edge with the template's cache policies.",
    )
    parser.add_argument("which", nargs="?", choices=(BLOG, UPDATES), default=BLOG, help="(default: blog)")
    parser.add_argument("--minutes", type=int, metavar="N", help="of readers' time (default: 60)")
    parser.add_argument("--readers", type=int, metavar="N", help="(default: 1000)")
    parser.add_argument("--hours", type=int, metavar="N", help="of devices' time (default: 24)")
    parser.add_argument("--devices", type=int, metavar="N", help="(default: 10000)")
    parser.add_argument("--exponent", type=float, default=1.0, metavar="S", help="of Zipf's law (default: 1)")
    parser.add_argument("--seed", type=int, default=1, metavar="N", help="of the trace (default: 1)")
    parser.add_argument(
        "--whole",
        action="store_true",
        help="blog: with and without browsers' caches, 1 and 10 locations; updates: 1 and 10 locations, with and "
        "without the origin shield, and with an origin that dies",
    )
    parser.add_argument("--json", action="store_true", help="print JSON")
    args = parser.parse_args()
    others = {BLOG: ("hours", "devices"), UPDATES: ("minutes", "readers")}[args.which]
    if any(getattr(args, name) is not None for name in others):
        parser.error(f"{args.which} has no {' and no '.join(f'--{name}' for name in others)}")
    given = [args.minutes, args.readers, args.hours, args.devices]
    if min(number for number in (*given, 1) if number is not None) < 1 or args.exponent < 0:
        parser.error("all numbers are at least 1, --exponent at least 0")
    measured = _blog(args) if args.which == BLOG else _updates(args)
    print(json.dumps(measured.plain(), indent=2) if args.json else "\n".join(measured.lines()))


def _blog(args: argparse.Namespace) -> blog.Measured:
    habits = Readers(args.readers or 1_000, (args.minutes or 60) * 60, exponent=args.exponent)
    return blog.Measured.of(habits, [blog.WITHOUT, *(blog.WHOLE if args.whole else (blog.ONE,))], args.seed)


def _updates(args: argparse.Namespace) -> updates.Measured:
    habits = Devices(args.devices or 10_000, (args.hours or 24) * 3_600, exponent=args.exponent)
    return updates.Measured.of(habits, updates.WHOLE if args.whole else updates.SHORT, args.seed)


if __name__ == "__main__":
    main()
