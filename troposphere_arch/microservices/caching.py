"""The cache in front of a service's table."""

from __future__ import annotations

from ..blocks import ssm
from ..blocks.awslambda import Function
from ..template import Node, ScenarioTemplate
from .declaration import Service


def cache(t: ScenarioTemplate, service: Service, platform: ssm.Neighbour, function: Function) -> Node:
    """A cache that only this function reaches; the function is put into the platform's network."""
    raise NotImplementedError
