"""Versions of a function within a stack, and how the alias that requests come to moves from one to the next."""

from __future__ import annotations

from ..blocks.awslambda import Function
from ..template import ScenarioTemplate
from .declaration import Service


def shift(t: ScenarioTemplate, service: Service, function: Function) -> None:
    """Where the declaration says how, requests come to an alias of the function, which moves like that."""
    if service.shift:
        raise NotImplementedError
