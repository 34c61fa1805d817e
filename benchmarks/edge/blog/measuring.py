"""What reaches the origin of what readers ask, with and without a cache at the edge.

readers with browsers ──▶ nginx with the template's cache policies ──▶ the blog's stack on the emulator
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path

from benchmarks.edge import nginx
from benchmarks.edge.blog import stack
from benchmarks.edge.blog.replay import KINDS, Replay, Result
from benchmarks.edge.blog.trace import Habits, Step, trace
from benchmarks.measure import NotMeasured

# Without a cache each request is one to the origin; a sample shows it, since the emulator is no fast origin.
SAMPLE = 40


@dataclass(frozen=True)
class Variant:
    """One way to replay the trace: whether browsers have caches, and over how many edge locations readers spread."""

    name: str
    browsers_keep: bool = True
    locations: int = 1
    caching: bool = True


WITHOUT = Variant("no cache at the edge (a sample)", caching=False)
ONE = Variant("browsers with caches, one edge location")
WHOLE = (
    ONE,
    Variant("browsers with caches, 10 edge locations", locations=10),
    Variant("browsers without caches, one edge location", browsers_keep=False),
    Variant("browsers without caches, 10 edge locations", browsers_keep=False, locations=10),
)


@dataclass(frozen=True)
class Figures:
    """What came out of a variant."""

    variant: Variant
    result: Result
    seconds: float

    @property
    def of_readers(self) -> int:
        """Requests of readers that got to the edge."""
        return self.result.readers.requests.total()

    @property
    def to_origin(self) -> int:
        """Requests that got to the origin."""
        return self.result.origin.requests.total()


def measure(habits: Habits, variants: Iterable[Variant], seed: int = 1) -> list[Figures]:
    """Replay the trace in each way, before one origin. Raises `NotMeasured` where that cannot be."""
    if lacking := nginx.missing():
        raise NotMeasured(f"no {' and no '.join(lacking)} here: apt-get install {nginx.PACKAGES}")
    steps, found = trace(habits, seed), []
    with ExitStack() as ends:
        _say(f"edge: a blog with {habits.posts} posts on the emulator")
        origin = ends.enter_context(stack.running(_folder(ends), habits.posts))
        for number, variant in enumerate(variants):
            _say(f"edge: {variant.name}")
            found.append(_replay(origin, steps if variant.caching else _sample(steps, habits), variant, number, habits))
    return found


def _replay(origin: stack.Blog, steps: Iterable[Step], variant: Variant, number: int, habits: Habits) -> Figures:
    places = {one.origin: nginx.Origin(origin.emulator.port, origin.host) for one in origin.distribution().behaviours}
    with ExitStack() as ends:
        try:
            edge = ends.enter_context(
                nginx.running(
                    origin.distribution(),
                    places,
                    _folder(ends),
                    host=origin.host,
                    locations=variant.locations,
                    caching=variant.caching,
                )
            )
        except nginx.NoCache as reason:
            raise NotMeasured(str(reason)) from None
        replay = Replay(
            edge,
            origin.files,
            origin.slugs[: habits.posts],
            lambda post: origin.post(post, f"News {number}"),
            variant.browsers_keep,
        )
        begin = time.monotonic()
        result = replay.run(steps)
        seconds = time.monotonic() - begin
        origin.forget(replay.slugs[habits.posts :])
        return Figures(variant, result, seconds)


def _sample(steps: list[Step], habits: Habits) -> list[Step]:
    return list(islice((step for step in steps if step.reader >= 0 and step.post < habits.posts), SAMPLE))


def _folder(ends: ExitStack) -> Path:
    return Path(ends.enter_context(tempfile.TemporaryDirectory(prefix="edge-", ignore_cleanup_errors=True)))


@dataclass(frozen=True)
class Measured:
    """What came out, or why nothing did."""

    habits: Habits
    figures: tuple[Figures, ...] = ()
    not_measured: str = ""

    @classmethod
    def of(cls, habits: Habits, variants: Iterable[Variant], seed: int = 1) -> Measured:
        """Replay the trace in each way."""
        try:
            return cls(habits, tuple(measure(habits, variants, seed)))
        except NotMeasured as reason:
            return cls(habits, not_measured=str(reason))

    def lines(self) -> list[str]:
        """For people."""
        habits = self.habits
        said = [
            f"edge: {habits.readers:,} readers in {habits.seconds // 60} minutes, {habits.posts} posts and "
            f"{habits.published} published meanwhile, Zipf exponent {habits.exponent:g}"
        ]
        if self.not_measured:
            return [*said, f"  not measured: {self.not_measured}"]
        said.append(f"  {'':44}{'of readers':>12}{'to the origin':>15}{'per 1,000':>11}{'MB':>9}{'MB from origin':>16}")
        for one in self.figures:
            said.append(_row(one.variant.name, one.of_readers, one.to_origin, _mb(one.result)))
        for one in (one for one in self.figures if one.variant == ONE):
            said.append(f"  {ONE.name}, by kind:")
            for kind in (kind for kind in KINDS if one.result.readers.requests[kind]):
                asked, reached = one.result.readers.requests[kind], one.result.origin.requests[kind]
                said.append(_row(f"  {kind}", asked, reached, _mb(one.result, kind)))
            kept = one.result.by_browser.total()
            said.append(f"  besides, browsers had {kept:,} answers themselves, and asked nobody")
        return said

    def plain(self) -> dict[str, object]:
        """For machines."""
        return {
            "habits": asdict(self.habits),
            "not_measured": self.not_measured or None,
            "measured": [
                {
                    "name": one.variant.name,
                    "of_readers": one.result.readers.requests,
                    "to_origin": one.result.origin.requests,
                    "bytes_to_readers": one.result.readers.sent,
                    "bytes_from_origin": one.result.origin.sent,
                    "kept_by_browsers": one.result.by_browser,
                    "per_1000": 1000 * one.to_origin / one.of_readers,
                    "seconds": one.seconds,
                }
                for one in self.figures
            ],
        }


def _mb(result: Result, kind: str = "") -> tuple[float, float]:
    one, other = result.readers.sent, result.origin.sent
    return (one[kind] / 1e6, other[kind] / 1e6) if kind else (one.total() / 1e6, other.total() / 1e6)


def _row(name: str, asked: int, reached: int, mb: tuple[float, float]) -> str:
    return f"  {name:44}{asked:>12,}{reached:>15,}{1000 * reached / asked:>11.1f}{mb[0]:>9.1f}{mb[1]:>16.1f}"


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
