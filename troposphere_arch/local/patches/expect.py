"""Checks that the emulator's insides are what a patch was written for, before the patch touches them."""

from __future__ import annotations

import inspect
from typing import Any

from troposphere_arch.errors import UserError
from troposphere_arch.local.version import EMULATOR_VERSION


def expect_function(module: Any, name: str, *parameters: str) -> Any:
    """The function `name` of `module`. Raises UserError when it is missing or takes other parameters."""
    function = getattr(module, name, None)
    if not inspect.isfunction(function) or tuple(inspect.signature(function).parameters) != parameters:
        raise _unexpected(module, name)
    return function


def expect_keys(module: Any, name: str, *keys: str) -> Any:
    """The dictionary `name` of `module`. Raises UserError when it is missing or lacks one of `keys`."""
    dictionary = getattr(module, name, None)
    if not isinstance(dictionary, dict) or not dictionary.keys() >= set(keys):
        raise _unexpected(module, name)
    return dictionary


def _unexpected(module: Any, name: str) -> UserError:
    return UserError(
        f"{module.__name__}.{name} is not what our patches were written for: reinstall the emulator unchanged "
        f"(pip install --force-reinstall ministack=={EMULATOR_VERSION}), or start it without the patches (`up --stock`)"
    )
