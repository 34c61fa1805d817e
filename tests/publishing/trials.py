"""Two trials of publishing, each from a seed: a publisher that is killed, and eight that publish at once.

The publishers are real commands, `python build.py publish`, in processes of their own. After a kill a reader looks, at
once and when nothing is under way any more; then the command is given again, and must finish.
"""

from __future__ import annotations

import random
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.cli.commands import ROOT, Shell
from tests.publishing import reader
from tests.publishing.catalogues import Made, layer, release, write
from tests.publishing.faults import AFTER, BEFORE, FAULTS, INSIDE, Kill, Proxy, proxy
from troposphere_arch import publishing
from troposphere_arch.local import Emulator

BUCKET = "trials"
REGION = "us-east-1"
KEYS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_REGION": REGION}
# What a publisher sends when nobody disturbs it, by how many releases there were and how many are new.
REQUESTS = {(0, 1): 26, (0, 2): 38, (1, 1): 33, (1, 2): 45}


@dataclass
class Outcome:
    """What came of a trial."""

    seed: int
    killed: str = ""
    stage: str = ""
    """How far the killed publisher had come, as a reader sees it."""

    faults: dict[str, int] = field(default_factory=dict)
    requests: int = 0


def prepare(emulator: Emulator) -> Any:
    """The client of a reader, and the bucket."""
    s3 = emulator.client("s3")
    s3.create_bucket(Bucket=BUCKET)
    return s3


def killed(emulator: Emulator, s3: Any, folder: Path, seed: int) -> Outcome:
    """Publish into a catalogue that may have releases already, be killed, look, publish again, look."""
    rng = random.Random(seed)  # noqa: S311 - the same at each run, which is the point
    prefix = f"killed/{seed}"
    first = [release(version="1.0.0", says=f"seed {seed}")] if rng.random() < 0.7 else []
    ours = layer(f"layer{seed}", rng.choice([0, 5_000, 300_000]))
    more = [release(version="1.1.0", layers=[ours]), release("other", filler=rng.choice([0, 90_000]))][
        : rng.choice([1, 2, 2])
    ]
    before = write(folder / "before", first)
    templates = write(folder / "after", [*first, *more])
    outcome = Outcome(seed)
    with proxy(emulator.port, seed=seed, rate=rng.choice([0, 0, 0.05, 0.15])) as between:
        rate, between.rate = between.rate, 0.0
        if first:
            _publish_here(emulator, between, before, prefix)
        between.rate, between.seen = rate, []
        last = REQUESTS[len(first), len(more)]
        # Most of them while it writes: it looks first, at about a third of all requests.
        kill = Kill(
            rng.randint(3 if rng.random() < 0.2 else last // 3, last), rng.choice([BEFORE, INSIDE, AFTER, AFTER])
        )
        if rng.random() < 0.2:
            kill.seconds = rng.uniform(0, 0.2)
        publisher = _start(folder, templates, between.url, prefix)
        kill.pid = publisher.pid
        between.kill = kill
        out, err = publisher.communicate(timeout=120)
        between.kill = None
        outcome.killed, outcome.requests = kill.done, len(between.seen)
        assert publisher.returncode in ((-9,) if kill.done else (0,)) or (kill.done and publisher.returncode == 0), err
        assert b"Traceback" not in err, err
        seen = reader.read(s3, BUCKET, prefix)
        assert not seen.wrong, (seed, kill.done, seen.wrong)
        between.idle()
        seen = reader.read(s3, BUCKET, prefix)
        assert not seen.wrong, (seed, kill.done, seen.wrong)
        assert seen.releases >= {one.entry.name for one in first}, (seed, "lost", seen)
        outcome.stage = _stage(s3, prefix, seen, first, [*first, *more])
        outcome.faults = dict(between.met)
        between.rate = 0.0
        again = _start(folder, templates, between.url, prefix)
        out, err = again.communicate(timeout=120)
        assert again.returncode == 0, (seed, out, err)
        _whole(emulator, s3, between, templates, prefix, [*first, *more], seed)
    return outcome


def at_once(emulator: Emulator, s3: Any, folder: Path, seed: int, publishers: int = 8) -> Outcome:
    """Publish different releases at once, while a reader never stops looking."""
    rng = random.Random(seed)  # noqa: S311 - the same at each run, which is the point
    prefix = f"at-once/{seed}"
    versions = [f"1.{minor}.0" for minor in range(publishers)]
    rng.shuffle(versions)
    made: list[list[Made]] = []
    for number, version in enumerate(versions):
        mine = [release(version=version, layers=[layer(f"once{seed}x{number}", 2_000)])]
        if number % 2:
            mine.append(release("other", f"{number}.0.0"))
        made.append(mine)
    # All have one release in common, too.
    common = release("common", says=f"seed {seed}")
    catalogues = [write(folder / str(number), [*mine, common]) for number, mine in enumerate(made)]
    outcome = Outcome(seed)
    with proxy(emulator.port, seed=seed, rate=rng.choice([0, 0.1])) as between:
        with _watched(s3, prefix) as watch:
            running = [
                _start(folder / str(number), templates, between.url, prefix)
                for number, templates in enumerate(catalogues)
            ]
            for one in running:
                out, err = one.communicate(timeout=240)
                assert one.returncode == 0, (seed, out, err)
                assert b"Traceback" not in err, err
        assert not watch.wrong, (seed, watch.wrong)
        outcome.stage = f"{watch.reads} reads meanwhile"
        outcome.faults, outcome.requests = dict(between.met), len(between.seen)
        between.rate = 0.0
        all_ = [one for mine in made for one in mine] + [common]
        everything = write(folder / "all", all_)
        _whole(emulator, s3, between, everything, prefix, all_, seed)
    return outcome


@dataclass
class Watch:
    """What a reader saw that never stopped looking."""

    wrong: list[str] = field(default_factory=list)
    reads: int = 0


@contextmanager
def _watched(s3: Any, prefix: str) -> Iterator[Watch]:
    """Read again and again: nothing is untrue, the index loses nothing, no pointer goes backwards."""
    watch, ended = Watch(), threading.Event()

    def look() -> None:
        last = reader.Seen()
        while not ended.is_set():
            now = reader.read(s3, BUCKET, prefix)
            watch.reads += 1
            watch.wrong += now.wrong
            watch.wrong += [f"lost {name}" for name in last.releases - now.releases]
            for scenario, version in last.latest.items():
                if _number(now.latest.get(scenario, "0.0.0")) < _number(version):
                    watch.wrong.append(f"{scenario} went back from {version} to {now.latest.get(scenario)}")
            last = now
            ended.wait(0.05)

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield watch
    finally:
        ended.set()
        thread.join()


def _whole(
    emulator: Emulator, s3: Any, between: Proxy, templates: Path, prefix: str, made: list[Made], seed: int
) -> None:
    """All is there, by a reader and by `verify`, and each pointer is at the newest."""
    seen = reader.read(s3, BUCKET, prefix)
    assert not seen.wrong, (seed, seen.wrong)
    assert seen.releases == {one.entry.name for one in made}, (seed, seen)
    newest: dict[str, str] = {}
    for one in sorted(made, key=lambda one: one.entry.number):
        newest[one.entry.scenario] = one.entry.version
    assert seen.latest == newest, (seed, seen)
    [place] = _places(emulator, between, prefix)
    report = publishing.verify(place, publishing.releases(templates))
    assert not report.findings, (seed, report.findings)
    assert not [note for note in report.notes if "not a layer" in note or "is released here" in note], report.notes


def _stage(s3: Any, prefix: str, seen: reader.Seen, first: list[Made], all_: list[Made]) -> str:
    """How far a publisher came before it was killed."""
    if seen.releases == {one.entry.name for one in all_}:
        newest = {one.entry.scenario: one.entry.version for one in sorted(all_, key=lambda one: one.entry.number)}
        there = "launch.md" in str(s3.list_objects_v2(Bucket=BUCKET, Prefix=f"{prefix}/launch.md").get("Contents", ""))
        return "all done" if seen.latest == newest and there else "index, not all pointers"
    keys = [item["Key"] for item in s3.list_objects_v2(Bucket=BUCKET, Prefix=f"{prefix}/").get("Contents", ())]
    old = {f"{prefix}/{path}" for one in first for path in one.files}
    new = [key for key in keys if key not in old and key.count("/") > 3]
    claims = [key for key in new if key.endswith("/release.json")]
    if len(new) > len(claims):
        return "some files, no index"
    return "claims only" if len(claims) > len(first) else "layers at most"


def _start(folder: Path, templates: Path, url: str, prefix: str) -> subprocess.Popen[bytes]:
    shell = Shell(folder)
    return subprocess.Popen(
        [
            *(sys.executable, ROOT / "build.py", "publish", "--bucket", BUCKET, "--prefix", prefix),
            *("--templates", templates, "--layers", templates.parent / "finished"),
        ],
        env=shell.environment({**KEYS, "AWS_ENDPOINT_URL": url}),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def _places(emulator: Emulator, between: Proxy, prefix: str) -> list[publishing.Place]:
    clients = {REGION: emulator.client("s3")}
    return publishing.places_of(clients, BUCKET, owner="000000000000", prefix=prefix, url=between.url)


def _publish_here(emulator: Emulator, between: Proxy, templates: Path, prefix: str) -> None:
    """Publish from this process, without a fault."""
    releases = publishing.releases(templates)
    plans = [publishing.look(place, releases) for place in _places(emulator, between, prefix)]
    finished = templates.parent / "finished"
    publishing.publish(plans, lambda layer: (finished / layer.key.rpartition("/")[2]).read_bytes())


def _number(version: str) -> tuple[int, ...]:
    return tuple(map(int, version.split(".")))


__all__ = ["FAULTS", "Outcome", "at_once", "killed", "prepare"]
