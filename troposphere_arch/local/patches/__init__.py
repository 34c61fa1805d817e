"""What the stock emulator lacks, and what we add to it: small, pinned to one version, each with its AWS page.

A patch is a function without arguments that first checks each private name it needs, then puts its own in place.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Patch:
    """One change to the emulator: its name, one line on what it does, and the function that makes it."""

    name: str
    description: str
    install: Callable[[], None]


PATCHES: tuple[Patch, ...] = ()


def install() -> None:
    """Install every patch. Raises UserError when the emulator is not as the patches expect it."""
    for patch in PATCHES:
        patch.install()
