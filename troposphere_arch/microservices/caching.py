"""The cache in front of a service's table.

Function ──keeps copies in──▶ Cache
   └──by a line of its log, when it cannot──▶ CacheUnused
"""

from __future__ import annotations

from .. import arrows, discovery
from ..blocks import elasticache, logs, ssm
from ..blocks.awslambda import Function
from ..template import Node, ScenarioTemplate
from .declaration import Service


def cache(t: ScenarioTemplate, service: Service, platform: ssm.Neighbour, function: Function) -> list[Node]:
    """A cache that only this function reaches; the function is put into the platform's network."""
    made = elasticache.service_cache(
        t, "Cache", vpc=platform.told(discovery.VPC), subnets=platform.told(discovery.SUBNETS)
    )
    arrows.keeps_copies(function, made, platform)
    unused = logs.counted(
        t,
        "CacheUnused",
        function.logs,
        # As `service_kit.cache` says it.
        '{ $.message = "cache not used" }',
        means="For a quarter of an hour the cache was down, slow or refused the function, which read the table in its "
        "place; its log says more.",
        periods=3,  # a function that has just started may be too slow for it
    )
    return [made, unused]
