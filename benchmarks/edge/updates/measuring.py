"""What reaches the origin of what devices ask on the day of a release, with and without the edge.

devices ──▶ nginx with the template's cache policies ──▶ nginx with the instances' own configuration

Edge off, the devices ask the origin itself. The load balancer is left out: it keeps nothing.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from benchmarks.edge import nginx
from benchmarks.edge.distribution import Distribution, distribution
from benchmarks.edge.updates import origin
from benchmarks.edge.updates.origin import Origin
from benchmarks.edge.updates.replay import KINDS, Replay, Result
from benchmarks.edge.updates.trace import MIB, Habits, trace
from benchmarks.measure import NotMeasured
from troposphere_arch import evaluate, scenarios

SCENARIO = "software-updates"
VIEWERS_HOST = "d111111abcdef8.cloudfront.net"
SHIELD_REGION = "eu-west-1"
# An hour, and small files, so that it takes less than a minute.
HOUR = Habits(seconds=3_600, rollout=900, size=MIB // 2, part=MIB // 16)


@dataclass(frozen=True)
class Variant:
    """One way to replay the day: without an edge (no locations), or over so many locations; does the origin die."""

    name: str
    locations: int = 1
    shield: bool = False
    dies: bool = False

    def lived(self, habits: Habits) -> Habits:
        """The day as it is in this variant."""
        return replace(habits, down_at=0.6, down_seconds=habits.seconds // 8) if self.dies else habits


OFF = Variant("EdgeCache off", locations=0)
ONE = Variant("on, one edge location")
TEN = Variant("on, 10 edge locations", locations=10)
SHIELDED = Variant("on, 10 edge locations, OriginShield", locations=10, shield=True)
OFF_DIES = Variant("EdgeCache off, the origin dies", locations=0, dies=True)
SHIELDED_DIES = Variant("on, 10, OriginShield, the origin dies", locations=10, shield=True, dies=True)
SHORT = (OFF, ONE, SHIELDED_DIES)
WHOLE = (OFF, ONE, TEN, SHIELDED, OFF_DIES, SHIELDED_DIES)


@dataclass(frozen=True)
class Figures:
    """What came out of a variant."""

    variant: Variant
    result: Result
    cpu_seconds: float
    """Of the origin, from its start to its end; 0 when it has been killed in between."""
    seconds: float

    @property
    def of_devices(self) -> int:
        """Requests of devices."""
        return self.result.devices.requests.total()

    @property
    def to_origin(self) -> int:
        """Requests that the origin got."""
        return self.result.origin.requests.total()


def said(*, shield: bool = False, scenario: str = SCENARIO, **parameters: str) -> Distribution:
    """What the template says of the edge, as these parameters make it."""
    template = json.loads(scenarios.page(scenario).build().to_json())
    given = {
        "OriginDomainName": "origin.example.com",
        "EdgeCache": "on",
        "OriginShield": SHIELD_REGION if shield else "none",
        **parameters,
    }
    return distribution(evaluate.resolved(template, evaluate.parameters_of(template, given)))


@contextmanager
def edge_before(one: Origin, edge: Distribution, folder: Path, *, locations: int, slices: int) -> Iterator[nginx.Edge]:
    """A cache before an origin. Raises NoCache when it cannot be."""
    folder.mkdir()
    places = {behaviour.origin: nginx.Origin(one.port, origin.HOST) for behaviour in edge.behaviours}
    with nginx.running(edge, places, folder, host=VIEWERS_HOST, locations=locations, slices=slices) as made:
        yield made


def measure(habits: Habits, variants: Iterable[Variant], seed: int = 1) -> list[Figures]:
    """Replay the day in each way, each before an origin of its own. Raises `NotMeasured` where that cannot be."""
    if lacking := nginx.missing():
        raise NotMeasured(f"no {' and no '.join(lacking)} here: apt-get install {nginx.PACKAGES}")
    found = []
    for variant in variants:
        _say(f"edge: {variant.name}")
        try:
            found.append(_replay(variant, variant.lived(habits), seed))
        except nginx.NoCache as reason:
            raise NotMeasured(str(reason)) from None
    return found


def _replay(variant: Variant, habits: Habits, seed: int) -> Figures:
    with ExitStack() as ends:
        folder = Path(ends.enter_context(tempfile.TemporaryDirectory(prefix="edge-", ignore_cleanup_errors=True)))
        served = ends.enter_context(origin.running(folder / "origin", habits.size))
        edge = None
        if variant.locations:
            edge = ends.enter_context(
                edge_before(
                    served,
                    said(shield=variant.shield),
                    folder / "edge",
                    locations=variant.locations,
                    # A part that a device asks for is what CloudFront would ask the origin for.
                    slices=habits.part,
                )
            )
        begin = time.monotonic()
        result = Replay(habits, served, edge).run(trace(habits, seed))
        seconds = time.monotonic() - begin
        cpu_seconds = served.stop()
        if edge is None:
            for line in served.log():
                result.origin.add(str(line["uri"]), int(line["bytes"]))
        return Figures(variant, result, 0.0 if variant.dies else cpu_seconds, seconds)


@dataclass(frozen=True)
class Measured:
    """What came out, or why nothing did."""

    habits: Habits
    figures: tuple[Figures, ...] = ()
    not_measured: str = ""

    @classmethod
    def of(cls, habits: Habits, variants: Iterable[Variant], seed: int = 1) -> Measured:
        """Replay the day in each way."""
        try:
            return cls(habits, tuple(measure(habits, variants, seed)))
        except NotMeasured as reason:
            return cls(habits, not_measured=str(reason))

    def lines(self) -> list[str]:
        """For people."""
        habits = self.habits
        lines = [
            f"updates: {habits.devices:,} devices in {habits.seconds / 3600:g} h, each asks for the manifest every "
            f"{habits.every // 60} minutes; a release after {habits.released * habits.seconds / 3600:g} h, rolled out "
            f"over {habits.rollout / 3600:g} h; files of {habits.size / MIB:g} MiB, parts of {habits.part / MIB:g} MiB"
        ]
        if self.not_measured:
            return [*lines, f"  not measured: {self.not_measured}"]
        heads = f"{'of devices':>12}{'to the origin':>15}{'per 1,000':>11}{'GB':>9}{'GB from origin':>16}{'CPU s':>8}"
        lines.append(f"  {'':38}{heads}")
        # What a killed origin has seen it cannot tell; that day is about what devices get.
        for one in (one for one in self.figures if not one.variant.dies):
            lines.append(_row(one))
            if one.variant.locations:
                lines += [_row(one, kind) for kind in KINDS if one.result.devices.requests[kind]]
        for one in self.figures:
            lines += _of_the_release(one)
        return lines

    def plain(self) -> dict[str, object]:
        """For machines."""
        return {
            "habits": asdict(self.habits),
            "not_measured": self.not_measured or None,
            "measured": [
                {
                    "name": one.variant.name,
                    "of_devices": one.result.devices.requests,
                    "to_origin": one.result.origin.requests,
                    "bytes_to_devices": one.result.devices.sent,
                    "bytes_from_origin": one.result.origin.sent,
                    "per_1000": 1000 * one.to_origin / one.of_devices,
                    "statuses": one.result.statuses,
                    "old_manifest_seconds": one.result.old_for,
                    "answered_while_down": one.result.answered_while_down,
                    "failed_while_down": one.result.failed_while_down,
                    "failed_seconds_after": one.result.failed_for,
                    "origin_cpu_seconds": None if one.variant.dies else one.cpu_seconds,
                    "seconds": one.seconds,
                }
                for one in self.figures
            ],
        }


def _row(one: Figures, kind: str = "") -> str:
    devices, reached = one.result.devices, one.result.origin
    if kind:
        name, asked, got = f"  {kind}", devices.requests[kind], reached.requests[kind]
        gb = devices.sent[kind] / 1e9, reached.sent[kind] / 1e9
    else:
        name, asked, got = one.variant.name, one.of_devices, one.to_origin
        gb = devices.sent.total() / 1e9, reached.sent.total() / 1e9
    cpu = "" if kind else f"{one.cpu_seconds:8.2f}"
    return f"  {name:38}{asked:>12,}{got:>15,}{1000 * got / asked:>11.1f}{gb[0]:>9.3f}{gb[1]:>16.3f}{cpu}"


def _of_the_release(one: Figures) -> list[str]:
    result, lines = one.result, []
    if one.variant.locations and not one.variant.dies:
        lines.append(f"  {one.variant.name}: the last old manifest {max(result.old_for):.1f} s after the release")
    if one.variant.dies:
        told = ", ".join(
            f"{result.answered_while_down[kind]:,} of "
            f"{result.answered_while_down[kind] + result.failed_while_down[kind]:,} for {kind}"
            for kind in KINDS
        )
        lines.append(f"  {one.variant.name}: answered while it was dead: {told}")
        if one.variant.locations:
            lines.append(
                f"  {one.variant.name}: after its return the last error {result.failed_for:.1f} s, "
                f"the last old manifest {result.old_for[-1]:.1f} s"
            )
    return lines


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
