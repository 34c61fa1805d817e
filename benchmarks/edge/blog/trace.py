"""What a thousand readers do in an hour, by a seed: the same each time, and no more even than readers are.

    a reader comes ──▶ the front page, or a post that somebody has linked to
                        └──▶ (older posts) ──▶ posts, one after the other ──▶ (a comment) ──▶ goes; some come again

Which post is chosen by Zipf's law: the n-th in popularity as often as 1/n. How old a post is and how popular have
nothing to do with each other, but for those that are published meanwhile: each is the most popular from then on.
The lower the exponent, the less a cache helps.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from random import Random

FRONT, OLDER, POST, COMMENT, PUBLISH = "front", "older", "post", "comment", "publish"


@dataclass(frozen=True)
class Habits:
    """Who reads, and how. Times are in seconds, shares from 0 to 1."""

    readers: int = 1_000
    seconds: int = 3_600
    posts: int = 200
    published: int = 5
    exponent: float = 1.0
    come_again: float = 0.35
    begin_at_the_front: float = 0.6
    look_for_older: float = 0.15
    read_on: float = 0.5
    comment: float = 0.02
    between_pages: float = 45.0


@dataclass(frozen=True, order=True)
class Step:
    """Something that a reader does, or the author (reader -1). `post` counts from 0, those published meanwhile last."""

    at: float
    reader: int
    what: str
    post: int = -1


def trace(habits: Habits, seed: int = 1) -> list[Step]:
    """What happens, in the order in which it does."""
    random = Random(seed)  # noqa: S311  # readers, not secrets
    popular = list(range(habits.posts))
    random.shuffle(popular)
    news = sorted(random.uniform(0, habits.seconds) for _ in range(habits.published))
    orders = [list(popular)]
    for number in range(habits.published):
        orders.append([habits.posts + number, *orders[-1]])
    most = habits.posts + habits.published
    weights = list(itertools.accumulate((rank + 1) ** -habits.exponent for rank in range(most)))

    def choose(at: float) -> int:
        order = orders[sum(when <= at for when in news)]
        [found] = random.choices(order, cum_weights=weights[: len(order)])
        return found

    steps = [Step(at, -1, PUBLISH, habits.posts + number) for number, at in enumerate(news)]
    for reader in range(habits.readers):
        for _ in range(1 + (random.random() < habits.come_again)):
            steps += _visit(habits, random, reader, choose)
    return sorted(step for step in steps if step.at < habits.seconds)


def _visit(habits: Habits, random: Random, reader: int, choose: Callable[[float], int]) -> list[Step]:
    at = random.uniform(0, habits.seconds)
    steps = []
    if random.random() < habits.begin_at_the_front:
        steps.append(Step(at, reader, FRONT))
        if random.random() < habits.look_for_older:
            at += random.expovariate(1 / habits.between_pages)
            steps.append(Step(at, reader, OLDER))
        at += random.expovariate(1 / habits.between_pages)
    while True:
        steps.append(Step(at, reader, POST, choose(at)))
        if random.random() < habits.comment:
            at += random.expovariate(1 / habits.between_pages)
            steps.append(Step(at, reader, COMMENT, steps[-1].post))
        if random.random() >= habits.read_on:
            return steps
        at += random.expovariate(1 / habits.between_pages)
