"""A small release day before a real cache and our own servers' nginx: what is counted is what the origin saw."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.edge.updates import origin
from benchmarks.edge.updates.measuring import OFF, ONE, SHIELDED, TEN, Figures, Measured, Variant, edge_before, said
from benchmarks.edge.updates.replay import END, FILES, KINDS, NOT_THERE, Replay, Result, kind
from benchmarks.edge.updates.trace import CHECK, DOWN, FILE, MANIFEST, MISSING, PART, PUBLISH, UP, Habits, Step, trace
from tests.evidence import shows
from tests.sampling import sampled
from tests.system import needs

pytestmark = sampled(3)

ROOT = Path(__file__).resolve().parents[2]
KIB = 1024
FEW = Habits(
    devices=100,
    seconds=2 * 3_600,
    every=600,
    rollout=900,
    check=1.0,
    old=2.0,
    missing=6.0,
    versions=5,
    size=9 * KIB,
    part=2 * KIB,
)
DIES = replace(FEW, down_at=0.6, down_seconds=900)
THREE = Variant("three locations", locations=3)
BEHIND_A_SHIELD = Variant("three locations and the shield", locations=3, shield=True)


def replayed(variant: Variant, habits: Habits, folder: Path) -> tuple[Result, Counter[tuple[str, int]]]:
    """What came of the day, and what the origin's own log has, which it writes when it ends."""
    with origin.running(folder / "origin", habits.size) as served:
        if variant.locations:
            cache = said(shield=variant.shield)
            with edge_before(served, cache, folder / "edge", locations=variant.locations, slices=habits.part) as edge:
                result = Replay(habits, served, edge).run(trace(habits))
        else:
            result = Replay(habits, served, None).run(trace(habits))
        served.stop()
        lines = [(str(line["uri"]), int(line["bytes"])) for line in served.log() if line["uri"] != END]
        return result, Counter(lines)


def parts_of(steps: list[Step]) -> list[tuple[Step, set[tuple[int, int]]]]:
    """Each request for a file, and which parts of which version it takes to answer it.

    Whether a file is still the same, the first part tells; a device asks that of what has been fetched before.
    """
    found, known = [], set()
    for step in (step for step in steps if step.what in (FILE, PART, CHECK)):
        first = step.what == CHECK and step.version in known
        parts = {step.part} if step.what == PART else {0} if first else set(range(FEW.parts))
        known.add(step.version)
        found.append((step, {(step.version, part) for part in parts}))
    return found


def test_the_same_seed_is_the_same_day() -> None:
    assert trace(FEW, 7) == trace(FEW, 7)
    assert trace(FEW, 7) != trace(FEW, 8)


def test_devices_are_as_they_are_said_to_be() -> None:
    habits = Habits(devices=2_000)
    steps = trace(habits)
    assert [step.at for step in steps] == sorted(step.at for step in steps)
    did = Counter(step.what for step in steps)
    assert did.keys() == {MANIFEST, FILE, PART, CHECK, MISSING, PUBLISH}
    assert did[MANIFEST] == pytest.approx(24 * habits.devices, rel=0.02)
    new = [step for step in steps if step.version == habits.versions and step.what in (FILE, PART)]
    assert len({step.device for step in new}) == habits.devices, "each fetches the release"
    released = habits.released * habits.seconds
    begun = [step.at - released for step in new if step.what == FILE or step.part == 0]
    assert min(begun) > 0 and max(begun) < habits.rollout + 1.2 * habits.every
    assert sum(step.what == FILE for step in new) == pytest.approx(0.7 * habits.devices, rel=0.05)
    old = Counter(step.version for step in steps if step.version < habits.versions and step.what in (FILE, PART))
    assert old[habits.versions - 1] > old[habits.versions - 4] > old[0] > 0
    assert did[MISSING] == pytest.approx(habits.missing * habits.devices, rel=0.3)


def test_a_day_on_which_the_origin_dies_is_the_same_but_for_that() -> None:
    assert [step for step in trace(DIES) if step.what not in (DOWN, UP)] == trace(FEW)
    assert [step.at for step in trace(DIES) if step.what in (DOWN, UP)] == [0.6 * 7_200, 0.6 * 7_200 + 900]


def test_another_configuration_than_ours_is_refused() -> None:
    with pytest.raises(ValueError, match="/srv/updates"):
        origin.configuration(
            origin.CONFIGURATION.read_text().replace("/srv/updates", "/srv/files"), Path("a"), Path("b"), 1
        )


@shows("REQ-U4", "REQ-U10", how="simulated")
@needs("nginx")
def test_with_the_edge_off_all_of_it_reaches_the_origin(tmp_path: Path) -> None:
    result, log = replayed(OFF, FEW, tmp_path)
    assert log.total() == result.devices.requests.total() == len(trace(FEW)) - 1, "all but the release itself"
    assert sum(size * times for (_, size), times in log.items()) > result.devices.sent[FILES]


@shows("REQ-U2", "REQ-U7", "REQ-U10", how="simulated")
@needs("nginx")
@pytest.mark.parametrize("variant", [THREE, BEHIND_A_SHIELD], ids=["three locations", "and the shield"])
def test_what_is_counted_is_what_the_origin_saw(tmp_path: Path, variant: Variant) -> None:
    result, log = replayed(variant, FEW, tmp_path)
    by_kind: Counter[str] = Counter()
    for (path, _), times in log.items():
        by_kind[kind(path)] += times
    assert result.origin.requests == by_kind
    caches = 1 if variant.shield else variant.locations
    asked = {(step.device % caches, *part) for step, parts in parts_of(trace(FEW)) for part in parts}
    assert by_kind[FILES] == len(asked), "each part of each file once: for each location, or with the shield for all"
    rest = FEW.size - (FEW.parts - 1) * FEW.part
    sizes = [rest if part == FEW.parts - 1 else FEW.part for _, _, part in asked]
    assert result.origin.sent[FILES] == sum(sizes)
    assert result.devices.sent[FILES] > 5 * result.origin.sent[FILES]
    # A location or the shield asks for the manifest once in four seconds at most, as nginx counts.
    assert 0 < by_kind[MANIFEST] <= min(caches * FEW.seconds / 4, result.devices.requests[MANIFEST])
    layers = 2 if variant.shield else 1
    assert 0 <= max(result.old_for) <= 6 * layers, "the release shows everywhere within seconds"


@shows("REQ-U11", how="simulated")
@needs("nginx")
def test_devices_go_on_while_the_origin_is_dead(tmp_path: Path) -> None:
    result, _ = replayed(BEHIND_A_SHIELD, DIES, tmp_path)
    steps = trace(DIES)
    down, up = (step.at for step in steps if step.what in (DOWN, UP))
    meanwhile = [step for step in steps if down < step.at < up]
    before = {part for step, parts in parts_of(steps) if step.at < down for part in parts}
    cached = [step for step, parts in parts_of(steps) if down < step.at < up and parts <= before]
    polls = [step for step in meanwhile if step.what == MANIFEST]
    assert result.answered_while_down[MANIFEST] == len(polls) > 100
    assert result.failed_while_down[MANIFEST] == 0
    assert result.answered_while_down[FILES] == len(cached) > 10
    assert result.failed_while_down[NOT_THERE] + result.answered_while_down[NOT_THERE] > 0
    assert result.answered_while_down[NOT_THERE] == 0, "what nobody has cannot be answered"
    assert result.failed_for <= 6
    assert result.old_for[-1] <= 12, "what was published meanwhile shows within seconds of the return"


@shows("REQ-U11", how="simulated")
@needs("nginx")
def test_without_the_edge_nobody_gets_anything_from_a_dead_origin(tmp_path: Path) -> None:
    result, _ = replayed(OFF, DIES, tmp_path)
    assert result.answered_while_down.total() == 0
    assert result.failed_while_down[MANIFEST] > 100


def test_what_was_measured_is_printed() -> None:
    result = Result()
    for path in ("/latest.json", origin.address(1), origin.address(1), "/releases/9.1.0/app.tar.gz"):
        result.devices.add(path, 500_000_000)
    result.origin.add(origin.address(1), 500_000_000)
    result.statuses[200] += 3
    result.old_for.append(4.25)
    measured = Measured(FEW, (Figures(ONE, result, 1.5, 2.0), Figures(SHIELDED, result, 1.25, 2.0)))
    lines = measured.lines()
    assert any(line.split()[-6:] == ["4", "1", "250.0", "2.000", "0.500", "1.50"] for line in lines)
    assert sum(kind in line for kind in KINDS for line in lines) >= 6
    assert any("4.2 s after the release" in line for line in lines)
    plain = json.loads(json.dumps(measured.plain()))
    assert [one["per_1000"] for one in plain["measured"]] == [250.0, 250.0]
    assert (TEN.shield, SHIELDED.shield) == (False, True)


def test_why_nothing_was_measured_is_printed() -> None:
    measured = Measured(FEW, not_measured="no nginx here")
    assert measured.lines()[-1] == "  not measured: no nginx here"
    assert measured.plain()["not_measured"] == "no nginx here"


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["updates", "--readers", "3"], "updates has no --minutes and no --readers"),
        (["--devices", "3"], "blog has no --hours and no --devices"),
        (["updates", "--devices", "0"], "all numbers are at least 1"),
        (["other"], "invalid choice: 'other'"),
    ],
    ids=lambda one: one if isinstance(one, str) else " ".join(one),
)
def test_what_cannot_be_measured_is_said(arguments: list[str], told: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.edge", *arguments], cwd=ROOT, capture_output=True, text=True
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert told in done.stderr
