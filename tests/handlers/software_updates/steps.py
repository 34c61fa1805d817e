"""Trials of PublishRelease that is interrupted at one of its steps: what devices see then, and what comes after."""

from __future__ import annotations

import errno
import json
import shutil
from dataclasses import dataclass
from pathlib import Path

from tests.handlers.software_updates.conftest import Put, World, clear, noise

FILES = {"app.tar.gz": noise(30_000), "b": b"b", "c": noise(9_000)}


@dataclass
class Trial:
    """1.0.0 is published; the trials publish 1.1.0, or withdraw it."""

    world: World
    before: Path
    after: Path
    put: Put
    withdrawal: Put
    operations: list[str]
    operations_withdrawing: list[str]

    def killed(self, at: int) -> str:
        """Killed at a step of publishing; how far it was."""
        world = self.world
        set_to(world.files, self.before)
        assert world.runs({"event": self.put.event, "at": at}) == [{"killed": True}]
        stage = self._stage()
        self._goes_on()
        return stage

    def _stage(self) -> str:
        """What devices see: the old release, whole, or the new one, whole."""
        latest, there = self.world.latest(), (self.world.files / "releases/1.1.0").exists()
        assert latest in ("1.0.0", "1.1.0")
        assert there or latest == "1.0.0"
        return "manifest" if latest == "1.1.0" else "release" if there else "nothing"

    def _goes_on(self) -> None:
        """The next attempt publishes it, leaves nothing behind, and copies no file that was verified."""
        world = self.world
        hidden = world.files / ".publish/staging"
        verified = {one.name for one in hidden.glob("*/*")}
        if (world.files / "releases/1.1.0").exists():
            verified = set(FILES)
        world.asked("")
        [run] = world.runs({"event": self.put.event})
        assert run["answer"] == {"outcome": "published", "version": "1.1.0", "latest": "1.1.0", "reason": ""}
        assert {key.removeprefix("files/1.1.0/") for key in world.asked("files/")} == set(FILES) - verified
        assert world.latest() == "1.1.0"
        assert world.left() == []
        assert sorted(one.name for one in (world.files / "releases").iterdir()) == ["1.0.0", "1.1.0"]

    def failing(self, at: int, code: str) -> None:
        """A step fails with an error of the kernel."""
        world = self.world
        set_to(world.files, self.before)
        [run] = world.runs({"event": self.put.event, "at": at, "errno": getattr(errno, code)})
        if "answer" in run:
            # Of what is no part of the work: the removal of something that is left then.
            assert run["answer"]["outcome"] == "published", run
        else:
            assert f"({code})" in run["log"][0]["reason"], (at, run)
        self._stage()
        self._goes_on()

    def killed_withdrawing(self, at: int) -> str:
        """Killed at a step of withdrawing; which release the manifest named then."""
        world = self.world
        set_to(world.files, self.after)
        assert world.runs({"event": self.withdrawal.event, "at": at}) == [{"killed": True}]
        stage = world.latest()
        [run] = world.runs({"event": self.withdrawal.event})
        assert run["answer"] == {"outcome": "withdrawn", "version": "1.1.0", "latest": "1.0.0", "reason": ""}
        assert world.latest() == "1.0.0"
        assert world.left() == []
        return {"1.1.0": "old", "1.0.0": "new"}[stage]


def prepare(world: World) -> Trial:
    world.publish("1.0.0")
    before, after = (world.files.with_name(name) for name in ("before", "after"))
    for one in (before, after):
        shutil.rmtree(one, ignore_errors=True)
    shutil.copytree(world.files, before)
    put = world.put("1.1.0", FILES)
    [published] = world.runs({"event": put.event})
    shutil.copytree(world.files, after)
    withdrawal = world.describe("1.1.0", {"version": "1.1.0", "withdrawn": True})
    [withdrawn] = world.runs({"event": withdrawal.event})
    assert json.loads(world.object(withdrawal.status))["state"] == "withdrawn"
    return Trial(world, before, after, put, withdrawal, published["operations"], withdrawn["operations"])


def set_to(files: Path, saved: Path) -> None:
    clear(files)
    shutil.copytree(saved, files, dirs_exist_ok=True)
