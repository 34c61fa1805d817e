"""Arrows to a cache.

function ──keeps copies in──▶ cache
"""

from __future__ import annotations

from troposphere import GetAtt, Ref

from .. import discovery, grants
from ..blocks.awslambda import Function, put_beside
from ..blocks.elasticache import ServiceCache
from ..blocks.iam import grant
from ..blocks.ssm import Neighbour
from .ends import expect_end, tell


def keeps_copies(function: Function, cache: ServiceCache, network: Neighbour) -> None:
    """The function keeps copies in the cache, from inside the platform's network: it signs in as the cache's one user.

    It is told `CACHE_HOST`, `CACHE_PORT`, `CACHE_NAME` and `CACHE_USER`, and no secret.
    https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/auth-iam.html
    """
    expect_end(function, Function, "keeps copies")
    expect_end(cache, ServiceCache, "keeps copies")
    expect_end(network, Neighbour, "keeps copies")
    callers = GetAtt(cache.callers, "GroupId")
    put_beside(function, network.told(discovery.GROUP), network.told(discovery.SUBNETS), callers)
    grant(function.role, f"Use{cache.title}", grants.use_cache(cache.resource, cache.user))
    tell(function, "CACHE_HOST", GetAtt(cache.resource, "Endpoint.Address"), None)
    tell(function, "CACHE_PORT", GetAtt(cache.resource, "Endpoint.Port"), None)
    tell(function, "CACHE_NAME", Ref(cache.resource), None)
    tell(function, "CACHE_USER", Ref(cache.user), None)
    function.t.record(function, "is in", network)
    function.t.record(function, "keeps copies in", cache)
