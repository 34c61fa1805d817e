"""What ten thousand devices do on the day of a release, by a seed: the same each time.

    a device asks for the manifest, once an hour ──▶ it names a newer version ──▶ some hours later: its file,
                                                     whole, or in parts, some of which come after a while
    besides: older versions (of devices that were off, are set up anew or go back), whether a file is still the same,
    what is not there

Every device has a time of its own in the hour, and none is punctual. Older versions go by Zipf's law: the n-th newest
is fetched as often as 1/n. The lower the exponent and the more edge locations, the less a cache helps.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from operator import attrgetter
from random import Random

MANIFEST, FILE, PART, CHECK, MISSING = "manifest", "file", "part", "check", "missing"
PUBLISH, DOWN, UP = "publish", "down", "up"
# Somebody who asks a second after the release may still be told of the one before, and then hears an hour later. The
# trace does not wait for what the edge says, so it takes these seconds for granted, and the replay measures them.
HEARD_AFTER = 30
MIB = 1024 * 1024


@dataclass(frozen=True)
class Habits:
    """The devices, and what they do. Times are in seconds, shares from 0 to 1, sizes in bytes."""

    devices: int = 10_000
    seconds: int = 24 * 3_600
    every: int = 3_600
    """How often a device asks for the manifest, give or take a tenth."""
    released: float = 0.25
    """The share of the day after which the release is published."""
    rollout: int = 4 * 3_600
    """So long a device waits at most, once it has heard of a release."""
    conditional: float = 0.8
    """The share of devices that ask whether the manifest has changed."""
    in_parts: float = 0.3
    """The share of downloads that come in parts."""
    interrupted: float = 0.05
    """The share of parts after which the rest comes within the next two hours only."""
    check: float = 0.1
    """So many times a device asks whether a file is still the same, in the day."""
    old: float = 0.2
    """So many times a device fetches an older version, in the day."""
    missing: float = 0.05
    """So many times a device asks for what is not there, in the day."""
    versions: int = 20
    """What is published before the day begins."""
    exponent: float = 1.0
    size: int = 2 * MIB
    part: int = MIB // 4
    down_at: float = 0.0
    """The share of the day after which the origin dies; 0 for never."""
    down_seconds: int = 3_600

    @property
    def parts(self) -> int:
        """How many parts a file has."""
        return -(-self.size // self.part)


@dataclass(frozen=True, slots=True)
class Step:
    """Something that a device does, or happens to the origin (device -1).

    `version` counts from 0, the oldest; `part` is one of a file's, and of `missing` the number of the address.
    """

    at: float
    device: int
    what: str
    version: int = -1
    part: int = -1


def trace(habits: Habits, seed: int = 1) -> list[Step]:
    """What happens, in the order in which it does."""
    random = Random(seed)  # noqa: S311  # devices, not secrets
    released = habits.released * habits.seconds
    steps = [Step(released, -1, PUBLISH, habits.versions)]
    if habits.down_at:
        down = habits.down_at * habits.seconds
        steps += [Step(down, -1, DOWN), Step(down + habits.down_seconds, -1, UP, habits.versions + 1)]
    for device in range(habits.devices):
        polls = list(_polls(habits, random))
        steps += [Step(at, device, MANIFEST) for at in polls]
        heard = next((at for at in polls if at > released + HEARD_AFTER), None)
        if heard is not None:
            steps += _download(habits, random, device, heard + random.uniform(0, habits.rollout), habits.versions)
        for at in _times(habits, random, habits.old):
            steps += _download(habits, random, device, at, _older(habits, random))
        steps += [Step(at, device, CHECK, _older(habits, random)) for at in _times(habits, random, habits.check)]
        steps += [Step(at, device, MISSING, part=random.randrange(20)) for at in _times(habits, random, habits.missing)]
    return sorted((step for step in steps if step.at < habits.seconds), key=attrgetter("at"))


def _polls(habits: Habits, random: Random) -> Iterator[float]:
    at = random.uniform(0, habits.every)
    while at < habits.seconds:
        yield at
        at += habits.every * random.uniform(0.9, 1.1)


def _times(habits: Habits, random: Random, often: float) -> list[float]:
    """When a device does what it does so often in a day of 24 hours: each hour is as likely as any other."""
    share = often * habits.seconds / (24 * 3_600)
    return [random.uniform(0, habits.seconds) for _ in range(int(share) + (random.random() < share % 1))]


def _older(habits: Habits, random: Random) -> int:
    weights = [(rank + 1) ** -habits.exponent for rank in range(habits.versions)]
    [rank] = random.choices(range(habits.versions), weights)
    return habits.versions - 1 - rank


def _download(habits: Habits, random: Random, device: int, at: float, version: int) -> list[Step]:
    if random.random() >= habits.in_parts:
        return [Step(at, device, FILE, version)]
    steps = []
    for part in range(habits.parts):
        steps.append(Step(at, device, PART, version, part))
        at += random.uniform(0, 7_200) if random.random() < habits.interrupted else random.uniform(1, 10)
    return steps
