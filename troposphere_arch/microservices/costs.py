"""What each shape of service costs: a month in which nobody asks it anything, and a million times that somebody does.

Prices in USD, us-east-1, from AWS's price list, each with the month it is of; a month has 730 hours. Fixed is what the
parameters' defaults make. Not in it, since each service has it or nobody can tell: alarms, logs, what is stored, what
goes to the internet, and the network, which all services of a platform share.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from .declaration import (
    BUCKET,
    CACHED,
    CONTAINER,
    ENDPOINTS,
    FRONT,
    HTTP,
    INSTANCES,
    NAT,
    QUEUE,
    SHAPES,
    STREAM,
    TOPIC,
    Service,
)
from .declaration import SERVERS as SERVER_SHAPES

HOURS = 730
SHARD_HOUR = 0.015  # November 2025; https://aws.amazon.com/kinesis/data-streams/pricing/

# Of load balancers, by the hour; a unit (LCU) is a GB, among other measures.
# September 2026; https://aws.amazon.com/elasticloadbalancing/pricing/
BALANCER_HOUR, BALANCER_UNIT = 0.0225, 0.008
# Of tasks on arm64: a CPU, a GB of memory. October 2025; https://aws.amazon.com/fargate/pricing/
CPU_HOUR, MEMORY_HOUR = 0.03238, 0.00356
# Of an instance t4g.small, and a GB of its disk a month. July and September 2026;
# https://aws.amazon.com/ec2/pricing/on-demand/ https://aws.amazon.com/ebs/pricing/
SERVER_HOUR, DISK_MONTH = 0.0168, 0.08
# Of a database db.t4g.micro in one zone, and a GB of its disk a month. September 2026;
# https://aws.amazon.com/rds/postgresql/pricing/
DATABASE_HOUR, STORAGE_MONTH = 0.016, 0.115
SECRET_MONTH = 0.40  # September 2026; https://aws.amazon.com/secrets-manager/pricing/
# Of a GB in a serverless cache, which bills a tenth of one at least, and of a KB read or written. 2026;
# https://aws.amazon.com/elasticache/pricing/
CACHE_HOUR, CACHE_LEAST, CACHE_KB = 0.084, 0.1, 2.3e-9
# October 2025; https://aws.amazon.com/api-gateway/pricing/ https://aws.amazon.com/lambda/pricing/
API_CALL, FUNCTION_CALL, FUNCTION_SECOND = 3.5e-6, 2e-7, 1.33334e-5
# October 2026, August and October 2025; https://aws.amazon.com/sqs/pricing/ https://aws.amazon.com/sns/pricing/
# https://aws.amazon.com/kinesis/data-streams/pricing/ https://aws.amazon.com/s3/pricing/
# https://aws.amazon.com/eventbridge/pricing/
QUEUE_CALL, TOPIC_CALL, STREAM_CALL, OBJECT, EVENT = 4e-7, 5e-7, 1.4e-8, 5e-6, 1e-6

# What the parameters of a service's stack say by default.
TASKS, TASK_CPUS, TASK_GB = 1, 0.25, 0.5
SERVERS, SERVER_TYPE, DISK_GB = 1, "t4g.small", 8
DATABASE_TYPE, STORAGE_GB = "db.t4g.micro", 20
FUNCTION_GB = 0.25

# What a request is taken for, where it costs more the larger it is.
SECONDS = 0.05
KB = 5
MILLION = 1_000_000

NEEDS: Mapping[str, tuple[str, ...]] = {
    CACHED: (ENDPOINTS, NAT),
    CONTAINER: (NAT,),
    INSTANCES: (NAT,),
    FRONT: (ENDPOINTS, NAT),
}
"""The platform's networks that a shape can be in, for those that are in one whatever they declare."""
REASONS: Mapping[str, str] = {
    CACHED: "its cache is in the network",
    CONTAINER: "its tasks are in the network, and fetch their image and write their log by NAT",
    INSTANCES: "its servers and its database are in the network, and fetch packages by NAT",
    FRONT: "its load balancer is in the network",
}


@dataclass(frozen=True)
class Part:
    """Something that costs the same whatever is asked: USD a month."""

    what: str
    month: float


BALANCER = Part("load balancer", BALANCER_HOUR * HOURS)
_FIXED: Mapping[str, tuple[Part, ...]] = {
    CACHED: (Part(f"cache of {CACHE_LEAST:g} GB", CACHE_HOUR * CACHE_LEAST * HOURS),),
    CONTAINER: (
        BALANCER,
        Part(
            f"{TASKS} task of {TASK_CPUS:g} CPU and {TASK_GB:g} GB",
            TASKS * (TASK_CPUS * CPU_HOUR + TASK_GB * MEMORY_HOUR) * HOURS,
        ),
    ),
    INSTANCES: (
        BALANCER,
        Part(
            f"{SERVERS} {SERVER_TYPE} with {DISK_GB} GB",
            SERVERS * (SERVER_HOUR * HOURS + DISK_GB * DISK_MONTH),
        ),
        Part(f"{DATABASE_TYPE} in one zone with {STORAGE_GB} GB", DATABASE_HOUR * HOURS + STORAGE_GB * STORAGE_MONTH),
        Part("secret", SECRET_MONTH),
    ),
    FRONT: (BALANCER,),
    STREAM: (Part("shard", SHARD_HOUR * HOURS),),
}
_FUNCTION = FUNCTION_CALL + SECONDS * FUNCTION_GB * FUNCTION_SECOND
_BALANCED = KB / MILLION * BALANCER_UNIT
_MILLION: Mapping[str, tuple[str, float]] = {
    HTTP: ("API Gateway, Lambda", API_CALL + _FUNCTION),
    CACHED: ("API Gateway, Lambda, cache", API_CALL + _FUNCTION + KB * CACHE_KB),
    CONTAINER: ("API Gateway, load balancer", API_CALL + _BALANCED),
    INSTANCES: ("API Gateway, load balancer", API_CALL + _BALANCED),
    FRONT: ("API Gateway, load balancer; and what is behind it", API_CALL + _BALANCED),
    QUEUE: ("SQS (send, receive, delete), Lambda", 3 * QUEUE_CALL + _FUNCTION),
    STREAM: ("Kinesis, Lambda", STREAM_CALL + _FUNCTION),
    TOPIC: ("SNS, SQS (receive, delete), Lambda", TOPIC_CALL + 2 * QUEUE_CALL + _FUNCTION),
    BUCKET: ("S3, EventBridge, Lambda", OBJECT + EVENT + _FUNCTION),
}
ASSUMED = (
    f"Of a million: a function has {FUNCTION_GB * 1024:.0f} MB and takes {SECONDS * 1000:.0f} ms, a message comes by "
    f"itself, {KB} KB go through a load balancer or come out of a cache. What the code asks for itself, of a table "
    "or of others, is not in it."
)


def parts(service: Service) -> tuple[Part, ...]:
    """What of a service costs the same whatever is asked of it; the load balancer of a version is its front's."""
    return tuple(part for part in _FIXED.get(service.shape, ()) if not (service.behind and part is BALANCER))


def fixed(service: Service) -> float:
    """What it costs a month when nobody asks it anything, in USD in us-east-1, without the network."""
    return round(sum(part.month for part in parts(service)), 2)


def million(service: Service) -> float:
    """What a million requests cost, in USD in us-east-1; of a version behind a front, what it adds to that."""
    of_front = (API_CALL + (_BALANCED if service.shape in SERVER_SHAPES else 0)) if service.behind else 0
    return round((_MILLION[service.shape][1] - of_front) * MILLION, 2)


def networks(shape: str) -> str:
    """Which networks of the platform it can be in: `endpoints or nat`."""
    return " or ".join(f"`{one}`" for one in NEEDS.get(shape, ())) or "any, and none"


def rows() -> list[list[str]]:
    """The table of `docs/microservices.md`: shape by shape what it needs, and what it costs."""
    found = []
    for shape in SHAPES:
        service = Service(shape, shape, "", "")
        of = ", ".join(f"{part.what} {part.month:.2f}" for part in parts(service)) or "nothing"
        used, _ = _MILLION[shape]
        cells = [networks(shape), f"{fixed(service):.2f} USD", of, f"{million(service):.2f} USD", used]
        found.append([f"`{shape}`", *cells])
    return found


HEADS = ["shape", "network", "fixed a month", "for", "a million", "for"]
