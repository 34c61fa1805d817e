"""The scenarios: one page each, that reads like the diagram of its architecture.

A page has `VERSION`, `DESCRIPTION`, `PRESETS` (what each preset chooses otherwise than the defaults) and `build()`;
the pages of `FROM_RELEASES` have `build(releases)`, since they are made from what is released.
"""

from __future__ import annotations

from importlib import import_module
from types import ModuleType

from ..errors import UserError

# What somebody wants to run; each is a product of the service catalog once it is released.
ARCHITECTURES = ("todo", "blog", "edge-cache", "software-updates")
NAMES = (*ARCHITECTURES, "artifact-bucket")
FROM_RELEASES = ("service-catalog",)


def page(name: str) -> ModuleType:
    """The page of the scenario `name`. Raises `UserError` for a name that is none."""
    known = (*NAMES, *FROM_RELEASES)
    if name not in known:
        raise UserError(f"unknown scenario {name!r}: there is {', '.join(known)}")
    return import_module(f"{__name__}.{name.replace('-', '_')}")
