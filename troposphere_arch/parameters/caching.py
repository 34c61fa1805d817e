"""The parameters of a service with a cache: what it may hold and do at most, and so what it may cost.

Prices are those of us-east-1 of ElastiCache Serverless with Valkey, for 730 hours: a GB 0.084 USD an hour, of which 0.1
GB are billed at least, and a million processing units (ECPU) 0.0023.
https://aws.amazon.com/elasticache/pricing/
"""

from __future__ import annotations

from .spec import Spec

# Steps, since the alarms on what is nearly used up have to be worked out for each.
SIZES = (1, 2, 5, 10, 20, 50)
SPEEDS = (1000, 2000, 5000, 10_000, 20_000, 50_000)

CACHE_SIZE = Spec(
    "CacheMaxGB",
    "Caches",
    "Size of the cache at most (GB)",
    "The cache is billed for what it holds: about 6 USD a month while that is 0.1 GB or less, and 61 for each GB "
    "(us-east-1). When it is full, what was not used for long goes.",
    "1",
    "Number",
    allowed=tuple(map(str, SIZES)),
    constraint=f"CacheMaxGB is one of {', '.join(map(str, SIZES))}.",
)
CACHE_SPEED = Spec(
    "CacheMaxUnits",
    "Caches",
    "Work of the cache at most (ECPU a second)",
    "To read or write 1 KB is one unit. Each 1,000 a second, all of the time, are 6 USD a month (us-east-1); less is "
    "less. What comes above that is refused, and answered from the table.",
    "1000",
    "Number",
    allowed=tuple(map(str, SPEEDS)),
    constraint=f"CacheMaxUnits is one of {', '.join(map(str, SPEEDS))}.",
)
