"""PublishRelease in a process of its own: killed with -9, out of room, or refused by the file system at each step.

The steps are all operations on files that the handler, or what it calls of the standard library, asks the kernel for.
Here a seeded sample of them; `python -m tests.handlers.software_updates.large` goes through all.
"""

from __future__ import annotations

import errno
import json
import random
from typing import Any

import pytest

from tests.evidence import shows
from tests.handlers.software_updates import steps
from tests.handlers.software_updates.conftest import World, clear, noise

FULL = ("ENOSPC", "EDQUOT")


@pytest.fixture
def trial(world: World) -> steps.Trial:
    return steps.prepare(world)


@shows("REQ-U1", "REQ-U8", how="real")
def test_killed_at_any_step(trial: steps.Trial) -> None:
    stages = {trial.killed(at) for at in sample(trial.operations, 8, seed=1)}
    # The sample has all: before the release was there, when it was and the manifest was the old one, and after that.
    assert stages == {"nothing", "release", "manifest"}


@shows("REQ-U8", how="real")
def test_withdrawing_killed_at_any_step(trial: steps.Trial) -> None:
    assert {trial.killed_withdrawing(at) for at in sample(trial.operations_withdrawing, 4, seed=2)} == {"old", "new"}


@shows("REQ-U1", "REQ-U8", how="real")
def test_any_step_fails_with_an_error_of_the_file_system(trial: steps.Trial) -> None:
    """The error is raised in the place of the operation, as the kernel would answer it."""
    chooser = random.Random(3)  # noqa: S311 - the same at each run
    for at in sample(trial.operations, 7, seed=4, renames=False):
        trial.failing(at, chooser.choice((*FULL, "EIO", "ESTALE", "EROFS")))


def sample(operations: list[str], number: int, seed: int, *, renames: bool = True) -> list[int]:
    """Steps, from 1, spread over all; with `renames` also what comes before and after each change that can be seen."""
    chooser = random.Random(seed)  # noqa: S311 - the same at each run
    width = len(operations) / number
    spread = {int(at * width + chooser.random() * width) + 1 for at in range(number)}
    if renames:
        seen = [at for at, name in enumerate(operations, 1) if name == "rename"]
        seen.append(max(at for at, name in enumerate(operations, 1) if name == "replace"))
        spread |= {at + more for at in seen for more in (0, 1)}
    return sorted(spread | {len(operations)})


@shows("REQ-U1", how="real")
def test_a_disk_that_is_really_full(world: World) -> None:
    """The kernel refuses the write: the limit is on the size of a file of the process (RLIMIT_FSIZE), so EFBIG.

    A small file system would need root; ENOSPC and EDQUOT are raised in the test above.
    """
    world.publish("1.0.0")
    put = world.put("1.1.0", {"small": b"s", "large": noise(3_000_000)})
    [run] = world.runs({"event": put.event, "most": 1_000_000})
    assert run["error"]
    assert run["log"][0]["reason"] == "File too large (EFBIG)."
    assert world.latest() == "1.0.0"
    assert world.left() == [], "room counts more than what is copied"
    assert world.state(put) == ("published", "")


@pytest.mark.parametrize("code", FULL)
def test_a_full_disk_is_emptied_of_all_that_was_begun(world: World, code: str) -> None:
    world.publish("1.0.0")
    begun = world.files / ".publish/staging/2.0.0-0000"
    begun.mkdir()
    (begun / "a").write_bytes(b"a")
    put = world.put("1.1.0", {"a": b"a", "b": b"b"})
    operations = world.runs({"event": put.event})[0]["operations"]
    writes = [at for at, name in enumerate(operations, 1) if name == "write"]
    clear(world.files)
    world.publish("1.0.0")
    begun.mkdir()
    (begun / "a").write_bytes(b"a")
    [run] = world.runs({"event": put.event, "at": writes[1], "errno": getattr(errno, code)})
    assert f"({code})" in run["log"][0]["reason"]
    assert world.left() == []
    assert world.latest() == "1.0.0"


def test_nothing_is_given_its_name_before_it_is_on_the_disk(trial: steps.Trial) -> None:
    """A power failure cannot be made here, so this looks at the order of the operations.

    A file: open, mode, content, fsync, then its name. The release: fsync of its directory, then its name. Then fsync of
    releases/, before the manifest; fsync of its directory at the end.
    """
    file = ["fchmod", "flush", "fsync", "replace"]
    assert ordered(trial.operations) == [*file * 4, "fsync", "rename", "fsync", *file, "fsync"]
    # The mark, its directory, and the same from there on.
    assert ordered(trial.operations_withdrawing) == [*file, "fsync", "fsync", *file, "fsync"]


def ordered(operations: list[str]) -> list[str]:
    return [name for name in operations if name in ("fchmod", "flush", "fsync", "rename", "replace")]


def test_what_other_clients_of_nfs_did_is_looked_at_anew(trial: steps.Trial) -> None:
    """There is no NFS here, so this looks at the order as well: a change of one's own before the names are listed.

    Of releases/ and of withdrawn/, once to see what is there, and once more for the manifest.
    """
    assert " ".join(trial.operations).count("utime open unlink listdir") == 4


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077, 0o777])
def test_everybody_may_read_it_whatever_the_umask_is(world: World, umask: int) -> None:
    put = world.put("1.0.0", {"a": b"a"})
    [run] = world.runs({"event": put.event, "umask": umask})
    assert run["answer"]["outcome"] == "published"
    assert world.latest() == "1.0.0"  # looks at the modes of what is in there
    assert (world.files / "releases").stat().st_mode & 0o7777 == 0o755


def test_no_file_system(world: World) -> None:
    """Not mounted: the directory is not there, and is not made."""
    put = world.put("1.0.0", {"a": b"a"})
    away = world.files.with_name("away")
    world.files.rename(away)
    try:
        [run] = world.runs({"event": put.event})
        assert run["log"][0]["reason"] == "No such file or directory (ENOENT)."
        assert not world.files.exists()
    finally:
        away.rename(world.files)


def test_the_worker_kills_and_fails_where_it_is_told(world: World) -> None:
    """What the tests above rest on."""
    put = world.put("1.0.0", {"a": b"a"})
    whole: dict[str, Any] = world.runs({"event": put.event})[0]
    assert not whole["killed"]
    assert {"write", "flush", "fsync", "rename", "replace", "open", "mkdir", "lockf"} <= set(whole["operations"])
    clear(world.files)
    assert world.runs({"event": put.event, "at": 1}) == [{"killed": True}]
    assert list(world.files.iterdir()) == []
    [run] = world.runs({"event": put.event, "at": len(whole["operations"]), "errno": errno.EIO})
    assert run["operations"] == whole["operations"]
    assert json.dumps(run["log"]).count("Input/output error (EIO).") == 1
