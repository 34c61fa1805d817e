"""Times whole processes, as a user waits for them: `python -m benchmarks [--runs N] [--json]`.

- pass:  `python -c pass`, what any Python command costs
- cold:  a build with nothing known from before: generate, lint, write
- again: the same build once more, where nothing changed
- up:    from `up todo` typed, no emulator running, to the first 200 answer of the deployed API to a signed-in user

Each measure is the wall clock of a whole run; the table shows minimum, median and maximum.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def timed(command: list[str], env: dict[str, str]) -> float:
    """Seconds that the command took. It must succeed."""
    start = time.perf_counter()
    subprocess.run(command, env=env, check=True, capture_output=True, cwd=ROOT)
    return time.perf_counter() - start


def home(folder: Path) -> dict[str, str]:
    """An environment with caches and state below `folder`."""
    return {**os.environ, "XDG_CACHE_HOME": str(folder / "cache"), "XDG_STATE_HOME": str(folder / "state")}


def nothing() -> float:
    """`python -c pass`."""
    return timed([sys.executable, "-c", "pass"], dict(os.environ))


def cold() -> float:
    """A build with an empty cache, into an empty directory."""
    with tempfile.TemporaryDirectory() as folder:
        out = f"{folder}/out"
        return timed([sys.executable, str(ROOT / "build.py"), "--output", out], home(Path(folder)))


def again() -> float:
    """The second of two builds."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, str(ROOT / "build.py"), "--output", f"{folder}/out"]
        timed(command, home(Path(folder)))
        return timed(command, home(Path(folder)))


def up() -> float:
    """From `up` to the first 200 answer. The build before it is not counted; signing up and in is."""
    with tempfile.TemporaryDirectory() as folder, socket.socket() as free:
        env = home(Path(folder))
        timed([sys.executable, str(ROOT / "build.py")], env)
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
        free.close()
        build = [sys.executable, str(ROOT / "build.py")]
        try:
            start = time.perf_counter()
            done = subprocess.run(
                [*build, "up", "todo", "--port", port, "--json"], env=env, check=True, capture_output=True
            )
            _first_answer(json.loads(done.stdout)["outputs"], Path(folder))
            return time.perf_counter() - start
        finally:
            subprocess.run([*build, "down"], env=env, check=True, capture_output=True)


def _first_answer(outputs: dict[str, str], folder: Path) -> None:
    from troposphere_arch import local
    from troposphere_arch.journeys.todo import Phone

    emulator = local.find(folder / "state" / "troposphere-arch")
    if emulator is None:
        raise SystemExit("up did not leave an emulator running")
    phone = Phone(emulator, outputs)
    phone.sign_up()
    phone.sign_in()
    answer = phone.call("GET", "/todos")
    if answer.status != 200:
        raise SystemExit(f"the first answer was {answer.status} {answer.text()}")


MEASURES: dict[str, Callable[[], float]] = {"pass": nothing, "cold": cold, "again": again, "up": up}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__.split("\n", 1)[0])
    parser.add_argument("--runs", type=int, default=5, help="runs of each measure, after one that is not counted")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    figures: dict[str, list[float]] = {}
    for name, measure in MEASURES.items():
        print(f"{name} ...", file=sys.stderr, flush=True)
        measure()
        figures[name] = [measure() for _ in range(args.runs)]
    if args.json:
        print(json.dumps({"python": platform.python_version(), "cores": os.cpu_count(), "seconds": figures}, indent=2))
        return
    print(f"Python {platform.python_version()}, {os.cpu_count()} cores, {args.runs} runs each, seconds")
    print(f"{'measure':8}{'min':>8}{'median':>8}{'max':>8}")
    for name, runs in figures.items():
        print(f"{name:8}{min(runs):8.3f}{statistics.median(runs):8.3f}{max(runs):8.3f}")
    ratio = statistics.median(figures["again"]) / statistics.median(figures["pass"])
    print(f"a build where nothing changed takes {ratio:.1f} times `python -c pass`")


if __name__ == "__main__":
    main()
