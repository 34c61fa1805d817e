"""Which emulator this package runs, and the check that it is the one installed."""

from __future__ import annotations

import importlib.metadata

from troposphere_arch.errors import UserError

EMULATOR_VERSION = "1.5.33"
"""Pinned exactly: the patches name its insides."""

_INSTALL = f"type `make` in the checkout, or pip install ministack=={EMULATOR_VERSION} pycognito"


def check_version() -> None:
    """Raises UserError when the emulator is missing or of another version."""
    try:
        found = importlib.metadata.version("ministack")
    except importlib.metadata.PackageNotFoundError:
        raise UserError(f"the emulator (ministack {EMULATOR_VERSION}) is not installed: {_INSTALL}") from None
    if found != EMULATOR_VERSION:
        raise UserError(f"ministack {found} is installed, but the emulator must be {EMULATOR_VERSION}: {_INSTALL}")
