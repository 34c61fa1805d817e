"""Measuring: whole processes, as a user waits for them, and two of them in turn.

Seconds are the wall clock from start to exit. Peak memory is the largest resident set of any one process among the
command and those of its children that it waited for; not their sum, which no kernel counts.
"""

from __future__ import annotations

import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TypeVar

STOPWATCH = Path(__file__).with_name("stopwatch.py")
# The kernel's unit of a resident set.
RSS_BYTES = 1 if sys.platform == "darwin" else 1024


class NotMeasured(Exception):
    """Why something cannot be measured here."""


@dataclass(frozen=True)
class Sample:
    """One run: how long, how much memory, what it printed, what it made."""

    seconds: float
    peak_bytes: int
    out: str = field(default="", repr=False)
    made: str = ""


Run = Callable[[], Sample]
T = TypeVar("T")


@dataclass(frozen=True)
class Contender:
    """What is measured: `prepare` does in an empty directory what is not counted, and gives what is."""

    name: str
    prepare: Callable[[Path], Run]


@dataclass(frozen=True)
class Pair:
    """Two to be compared; or one alone. `at_most` is the goal: a ratio of the two, or the seconds of the one."""

    name: str
    about: str
    ours: Contender
    peer: Contender | None = None
    at_most: float | None = None


@dataclass
class Outcome:
    """The runs of one contender, or why there are none."""

    name: str
    samples: list[Sample] = field(default_factory=list)
    not_measured: str = ""

    @property
    def seconds(self) -> list[float]:
        return [sample.seconds for sample in self.samples]

    @property
    def peak_bytes(self) -> list[int]:
        return [sample.peak_bytes for sample in self.samples]

    @property
    def made(self) -> str:
        return self.samples[-1].made if self.samples else ""


@dataclass(frozen=True)
class Ratio:
    """How many times as long one takes as the other: of the medians, and the extremes among runs side by side."""

    of_medians: float
    least: float
    most: float


def run(command: Sequence[str | Path], env: Mapping[str, str], cwd: Path) -> Sample:
    """Run a command from start to exit. Raises `NotMeasured` when there is no such program, or it does not succeed."""
    program = shutil.which(command[0], path=env.get("PATH"))
    if program is None:
        raise NotMeasured(f"no {Path(command[0]).name} here")
    with tempfile.TemporaryDirectory() as folder, ExitStack() as files:
        # To files, not pipes: a server that the command leaves behind keeps a pipe open.
        out, err, result = Path(folder, "out"), Path(folder, "err"), Path(folder, "result")
        subprocess.run(
            [sys.executable, "-I", "-S", STOPWATCH, result, program, *command[1:]],
            env=env,
            cwd=cwd,
            check=True,
            stdin=subprocess.DEVNULL,
            stdout=files.enter_context(out.open("wb")),
            stderr=files.enter_context(err.open("wb")),
        )
        seconds, rss, code = result.read_text().split()
        text = out.read_text(errors="replace")
        if code != "0":
            last = [line for line in (text + err.read_text(errors="replace")).splitlines() if line.strip()][-1:]
            raise NotMeasured(f"{Path(command[0]).name} ended with exit code {code}: {''.join(last)}")
    return Sample(float(seconds), int(rss) * RSS_BYTES, text)


def in_turn(
    contenders: Sequence[Contender], runs: int, tell: Callable[[str], None] = lambda line: None
) -> list[Outcome]:
    """So many runs of each, one after the other and then again, after one of each that is not counted.

    So what slows the machine for a while slows all. What cannot be measured is left out, and its outcome says why.
    """
    outcomes = [Outcome(contender.name) for contender in contenders]
    with ExitStack() as folders:
        ready: list[Run | None] = []
        for contender, outcome in zip(contenders, outcomes, strict=True):
            tell(f"{contender.name}: preparing")
            folder = Path(folders.enter_context(tempfile.TemporaryDirectory(ignore_cleanup_errors=True)))
            ready.append(_tried(outcome, partial(contender.prepare, folder)))
        for turn in range(runs + 1):
            for outcome, measure in zip(outcomes, ready, strict=True):
                if measure is None or outcome.not_measured:
                    continue
                tell(f"{outcome.name}: {f'run {turn} of {runs}' if turn else 'a first run, not counted'}")
                sample = _tried(outcome, measure)
                if sample is not None and turn:
                    outcome.samples.append(sample)
    return outcomes


def _tried(outcome: Outcome, step: Callable[[], T]) -> T | None:
    try:
        return step()
    except NotMeasured as reason:
        outcome.not_measured = str(reason)
        outcome.samples.clear()
        return None


def ratio(one: Outcome, other: Outcome) -> Ratio | None:
    """How many times as long `one` takes as `other`; None when there is nothing to compare."""
    if not (one.samples and other.samples):
        return None
    sides = [a / b for a, b in zip(one.seconds, other.seconds, strict=True)]
    return Ratio(statistics.median(one.seconds) / statistics.median(other.seconds), min(sides), max(sides))
