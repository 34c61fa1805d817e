"""Journeys: what a user of an architecture does, played against a stack through nothing but its outputs.

`demo` plays them for people to read; the tests play them, and many more, to prove the template.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec

from ..errors import UserError
from ..local import Emulator
from ..scenarios import ARCHITECTURES


@dataclass(frozen=True)
class Step:
    """One step of a journey: what is done, what came back, and what that shows."""

    does: str
    answer: str
    shows: str


def play(scenario: str, emulator: Emulator, outputs: Mapping[str, str]) -> Iterator[Step]:
    """The steps of a scenario's journey, each played when it is asked for.

    Raises `UserError` at a wrong answer, and for a scenario whose users play no journey.
    """
    if find_spec(f"{__name__}.{scenario.replace('-', '_')}") is None:
        played = [name for name in ARCHITECTURES if find_spec(f"{__name__}.{name.replace('-', '_')}")]
        raise UserError(f"{scenario} has no journey to play: there is one for {', '.join(played)}")
    steps: Iterator[Step] = import_module(f"{__name__}.{scenario.replace('-', '_')}").play(emulator, outputs)
    return steps


def expect(what: str, good: bool, got: object) -> None:
    """Stop the journey with one line when a step did not go as it must."""
    if not good:
        raise UserError(f"the journey stopped: {what} was expected, the answer was {got}")
