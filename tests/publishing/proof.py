"""The long proof: `make proof`. 220 publishers killed with -9, eight publishers at once 20 times; exits 1 on a failure.

On the unmodified emulator. `make test` runs a sample of the same trials, with other seeds.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from tests.publishing import trials
from troposphere_arch import local


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=220, help="a few are done before they are killed")
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1000, help="of the first run; the others follow")
    parser.add_argument("--threads", type=int, default=2, help="runs at the same time")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        emulator = local.start(port=0, patched=False, home=folder / "emulator")
        try:
            s3 = trials.prepare(emulator)
            seeds = range(args.seed, args.seed + args.runs)
            bad = _all("killed", trials.killed, emulator, s3, folder, seeds, args.threads)
            rounds = range(args.seed, args.seed + args.rounds)
            bad += _all("at once", trials.at_once, emulator, s3, folder, rounds, 1)
        finally:
            emulator.stop()
    return int(bad > 0)


def _all(
    what: str,
    trial: Callable[..., trials.Outcome],
    emulator: local.Emulator,
    s3: Any,
    folder: Path,
    seeds: Iterable[int],
    threads: int,
) -> int:
    """Run a trial for each seed, and say what came of it. Gives the number of failures."""

    def one(seed: int) -> trials.Outcome | str:
        try:
            return trial(emulator, s3, folder / what.replace(" ", "-") / str(seed), seed)
        except Exception as error:
            return f"seed {seed}: {error!r}"

    began = time.monotonic()
    with ThreadPoolExecutor(threads) as pool:
        results = list(pool.map(one, seeds))
    failures = [result for result in results if isinstance(result, str)]
    good = [result for result in results if not isinstance(result, str)]
    faults = sum((Counter(outcome.faults) for outcome in good), Counter[str]())
    print(f"{what}: {len(results)} trials in {time.monotonic() - began:.0f} s, {len(failures)} failed")
    print(f"  requests through the proxy: {sum(outcome.requests for outcome in good)}")
    print(f"  faults: {', '.join(f'{name} {count}' for name, count in sorted(faults.items())) or 'none'}")
    if what == "killed":
        print(f"  killed while at work: {sum(bool(outcome.killed) for outcome in good)}")
        kinds = Counter(_kind(outcome.killed) for outcome in good if outcome.killed)
        print(f"  killed: {', '.join(f'{name} {count}' for name, count in sorted(kinds.items()))}")
        stages = Counter(outcome.stage for outcome in good)
        print(f"  what a reader found then: {', '.join(f'{name} {count}' for name, count in sorted(stages.items()))}")
    else:
        print(f"  {sum(int(outcome.stage.split()[0]) for outcome in good)} reads meanwhile, each of them true")
    for failure in failures:
        print(f"  FAILED {failure}")
    sys.stdout.flush()
    return len(failures)


def _kind(said: str) -> str:
    words = said.split()
    return "by the clock" if said == "by the clock" else f"{words[0]} a {words[3]}"


if __name__ == "__main__":
    raise SystemExit(main())
