"""The scenarios: one page each, that reads like the diagram of its architecture.

A page has `VERSION`, `DESCRIPTION`, `PRESETS` (what each preset chooses otherwise than the defaults) and `build()`.
"""

from __future__ import annotations

from importlib import import_module
from types import ModuleType

from ..errors import UserError

NAMES = ("todo",)


def page(name: str) -> ModuleType:
    """The page of the scenario `name`. Raises `UserError` for a name that is none."""
    if name not in NAMES:
        raise UserError(f"unknown scenario {name!r}: there is {', '.join(NAMES)}")
    return import_module(f"{__name__}.{name}")
