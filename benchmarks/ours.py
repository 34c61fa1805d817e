"""What is measured of ours. Each in a home of its own; nothing in the checkout is changed."""

from __future__ import annotations

import itertools
import json
import os
import socket
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmarks.measure import Contender, NotMeasured, Run, Sample, run

ROOT = Path(__file__).resolve().parents[1]
TEMPLATES = ROOT / "templates"
BUILD: list[str | Path] = [sys.executable, ROOT / "build.py"]


def environment(home: Path | None = None) -> dict[str, str]:
    """The user's environment, with caches and state below `home`. Python keeps compiled modules, as it usually does."""
    homes = {f"XDG_{kind}_HOME": str(home / kind.lower()) for kind in ("CACHE", "STATE")} if home else {}
    return {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"} | homes


def python(_: Path) -> Run:
    """`python -c pass`, what any Python command costs."""
    return lambda: run([sys.executable, "-c", "pass"], environment(), ROOT)


def cold(folder: Path) -> Run:
    """Generate, lint, write: with nothing known from before, into an empty directory."""
    homes = (folder / str(n) for n in itertools.count())

    def once() -> Sample:
        home = next(homes)
        sample = run([*BUILD, "--output", home / "out"], environment(home), ROOT)
        return replace(sample, made=size(*(home / "out").rglob("*.template.json")))

    return once


def again(folder: Path) -> Run:
    """`build` when nothing has changed since the last one."""
    _as_made(folder)
    return lambda: run(BUILD, environment(folder), ROOT)


def up(folder: Path) -> Run:
    """From `up todo` typed, no emulator running, to the first 200 answer to a user who signed up and in meanwhile.

    The build before it is not counted.
    """
    _as_made(folder)

    def once() -> Sample:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = str(free.getsockname()[1])
        try:
            start = time.perf_counter()
            done = run([*BUILD, "up", "todo", "--port", port, "--json"], environment(folder), ROOT)
            pid = _first_answer(json.loads(done.out)["outputs"], folder)
            return Sample(time.perf_counter() - start, max(done.peak_bytes, _peak_of(pid)))
        finally:
            run([*BUILD, "down"], environment(folder), ROOT)

    return once


def differ(folder: Path) -> Run:
    """`diff` of two templates of 500 resources: the slowest of all shapes, start-up included."""
    from benchmarks.large import pairs

    files = []
    for name, pair in pairs().items():
        files.append((name, folder / f"{name} old.json", folder / f"{name} new.json"))
        for template, file in zip(pair, files[-1][1:], strict=True):
            file.write_text(json.dumps(template))

    def once() -> Sample:
        samples = {
            name: run([*BUILD, "diff", old, new, "--json"], environment(folder), ROOT) for name, old, new in files
        }
        name, slowest = max(samples.items(), key=lambda sample: sample[1].seconds)
        return replace(slowest, made=f"of {len(files)} shapes the slowest: {name}")

    return once


def size(*templates: Path) -> str:
    """What templates amount to, so that one sees whether like is compared with like."""
    texts = [template.read_text() for template in templates]
    return (
        f"{sum(len(json.loads(text)['Resources']) for text in texts)} resources, {sum(map(len, texts)) / 1000:.0f} kB"
    )


def _as_made(home: Path) -> None:
    """A build that writes nothing, so that the next one finds nothing to do."""
    try:
        run([*BUILD, "--check"], environment(home), ROOT)
    except NotMeasured as reason:
        raise NotMeasured(f"templates/ is not as the sources make it; run `python build.py` first ({reason})") from None


def _first_answer(outputs: dict[str, str], folder: Path) -> int:
    """Ask until the API answers; gives the emulator's process."""
    from troposphere_arch import local
    from troposphere_arch.journeys.todo import Phone

    emulator = local.find(folder / "state" / "troposphere-arch")
    if emulator is None:
        raise NotMeasured("`up` did not leave an emulator running")
    phone: Any = Phone(emulator, outputs)
    phone.sign_up()
    phone.sign_in()
    answer = phone.call("GET", "/todos")
    if answer.status != 200:
        raise NotMeasured(f"the first answer was {answer.status} {answer.text()}")
    return emulator.pid


def _peak_of(pid: int) -> int:
    """The largest resident set of a process that still runs, where the system tells it (Linux); else 0."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0
    return next(int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmHWM:"))


PYTHON = Contender("python -c pass", python)
COLD = Contender("cold build", cold)
AGAIN = Contender("no-change build", again)
UP = Contender("up to first answer", up)
DIFF = Contender("diff", differ)
