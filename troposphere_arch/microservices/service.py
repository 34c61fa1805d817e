"""The page of a service: from its declaration to its template, one function for each shape.

http     caller ──signed──▶ Api ──▶ Function ──▶ (Items)
queue    sender ──▶ Queue ──batches──▶ Function ──▶ Items           Queue ──fails──▶ Failures
stream   sender ──▶ Stream ──batches──▶ Function ──▶ Items          Function ──fails──▶ Failures
topic    publisher's topic ──filtered──▶ Queue ──batches──▶ Function ──▶ Items
bucket   sender ──▶ Bucket ──EventBridge──▶ Function ──▶ Items      Function ──fails──▶ Failures

and of each   Function ──calls, sends, puts──▶ other services, ──publishes──▶ Events, ──tells──▶ the platform's bus
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from troposphere import GetAtt, Ref, Tags

from .. import arrows, discovery, outputs, parameters
from ..arrows.ends import Program
from ..arrows.events import BATCH, RETRIES
from ..blocks import awslambda, cloudwatch, dynamodb, kinesis, s3, sns, sqs, ssm
from ..blocks.awslambda import Function
from ..parameters import Spec
from ..parameters.services import words
from ..template import Node, ScenarioTemplate, scenario_template
from . import bundle, caching, containers, fronts, instances, shifting
from .declaration import (
    ANSWERING,
    BUCKET,
    CACHED,
    CONTAINER,
    FRONT,
    HTTP,
    INSTANCES,
    QUEUE,
    STATUS_ROUTES,
    STREAM,
    TOPIC,
    Service,
    System,
)
from .finding import neighbour, platform_of, tells

# In seconds: API Gateway waits for 29, and a batch of ten may take its time.
TIMEOUTS = {HTTP: 15, CACHED: 15, QUEUE: 60, STREAM: 60, TOPIC: 60, BUCKET: 60}
# How often the code itself tries a message. Of a stream it gives up before Lambda does, which would give up all of the
# batch that is left; see `arrows.consumes`.
ATTEMPTS = {QUEUE: sqs.ATTEMPTS, TOPIC: sqs.ATTEMPTS, STREAM: 3, BUCKET: RETRIES + 1}
SECONDS_EACH = 6
PRESETS: dict[str, dict[str, str]] = {
    "starter": {},
    "production": {
        "BackupDays": "30",
        "CacheMaxGB": "5",
        "CacheMaxUnits": "5000",
        "DatabaseClass": "db.t4g.medium",
        "DeletionProtection": "on",
        "FleetMinSize": "2",
        "FunctionMemory": "512",
        "LogRetentionDays": "90",
        "MaxTasks": "10",
        "MinTasks": "2",
        "MultiAz": "on",
        "OldFileVersionDays": "90",
        "TaskSize": "medium",
        "ThrottleBurst": "500",
        "ThrottleRate": "250",
    },
}


def build(system: System, service: Service) -> ScenarioTemplate:
    """The template of a service, which needs the platform and the services that it uses to be there before it."""
    t = scenario_template(
        system.stack(service.name), service.version, service.description, words=_words(system, service)
    )
    t.set_metadata({"Service": {"Name": service.name, "Owner": service.owner, "Shape": service.shape}})

    platform = platform_of(t, system)
    if service.shape == FRONT:
        cloudwatch.watch(t, *fronts.front(t, system, service, platform))
        return t
    program, nodes = SHAPES[service.shape](t, system, service, platform)
    arrows.knows_itself(program, SERVICE=service.name)
    if service.has_table:
        items = dynamodb.table(t, "Items", partition="pk", sort="sk", expires="expires")
        arrows.owns(program, items)
        nodes.append(items)

    for name, routes in service.calls.items():
        for route in routes:
            arrows.calls(program, route, neighbour(t, system, name))
        if not_meant := _not_meant(system, name, routes):
            arrows.may_not_call(program, not_meant, neighbour(t, system, name))
    for name in service.sends:
        kind = "QUEUE" if system.services[name].shape == QUEUE else "STREAM"
        arrows.sends_to(program, neighbour(t, system, name), kind)
    for name in service.puts:
        arrows.puts_into(program, neighbour(t, system, name), system.services[name].prefix)
    if service.publishes:
        events = sns.topic(t, "Events")
        arrows.announces(program, events, service.publishes)
        ssm.tells(t, "EventsArn", service.name, discovery.EVENTS, Ref(events.resource), "The topic of its events.")
        outputs.output(t, "EventsTopicArn", Ref(events.resource), "Subscribe to this topic for the service's events.")
        nodes.append(events)
    if service.shape not in ANSWERING or service.sends or service.puts or service.publishes:
        arrows.tells(program, platform, service.name)
    if service.inside and isinstance(program, Function) and not program.places:
        arrows.lives_in(program, platform)
    cloudwatch.watch(t, program, *nodes)
    shifting.finish(t, service, program, platform)
    return t


def _words(system: System, service: Service) -> Mapping[str, Spec]:
    """The words of a service for the shared parameters; what it declares is their default."""
    limit = (
        parameters.services.MAXIMUM_CONCURRENCY if service.shape in (QUEUE, TOPIC) else parameters.RESERVED_CONCURRENCY
    )
    own = {limit.name: replace(limit, default=str(service.concurrency))} if service.concurrency else {}
    of_all = parameters.instances.words if service.shape == INSTANCES else words
    return fronts.words(service, {**of_all(system.platform.name), **own})


def function_of(t: ScenarioTemplate, service: Service) -> Function:
    """The service's function: its code, its name, and whose it is."""
    function = awslambda.function(
        t,
        "Function",
        code=awslambda.Text(bundle.bundle(service.folder, balanced=bool(service.behind))),
        Description=service.description,
        # How many messages of a queue are worked on at once is limited where they are taken, and in one place only.
        reserved=None if service.shape in (QUEUE, TOPIC) else parameters.RESERVED_CONCURRENCY,
        Timeout=_timeout(service),
        Tags=Tags(owner=service.owner, service=service.name),
    )
    if service.shape in ATTEMPTS:
        arrows.knows_itself(function, ATTEMPTS=str(ATTEMPTS[service.shape]))
    return function


def _queue(
    t: ScenarioTemplate, system: System, service: Service, platform: ssm.Neighbour
) -> tuple[Program, list[Node]]:
    function = function_of(t, service)
    failures = sqs.dead_letters(t, "Failures", fifo=service.fifo, replaced="Retain")
    queue = _work(t, service, failures)
    arrows.consumes(function, queue, batch=_batch(service))
    tells(t, service, Ref(queue.resource), queue.arn)
    return function, [queue, failures]


def _topic(
    t: ScenarioTemplate, system: System, service: Service, platform: ssm.Neighbour
) -> tuple[Program, list[Node]]:
    function = function_of(t, service)
    failures = sqs.dead_letters(t, "Failures")
    queue = _work(t, service, failures)
    for name, events in service.subscribes.items():
        arrows.subscribes(queue, neighbour(t, system, name), events)
    arrows.consumes(function, queue, batch=_batch(service))
    return function, [queue, failures]


def _stream(
    t: ScenarioTemplate, system: System, service: Service, platform: ssm.Neighbour
) -> tuple[Program, list[Node]]:
    function = function_of(t, service)
    failures = sqs.dead_letters(t, "Failures")
    stream = kinesis.stream(t, "Stream")
    arrows.consumes(function, stream, failures=failures, batch=_batch(service))
    tells(t, service, Ref(stream.resource), GetAtt(stream.resource, "Arn"))
    return function, [stream, failures]


def _bucket(
    t: ScenarioTemplate, system: System, service: Service, platform: ssm.Neighbour
) -> tuple[Program, list[Node]]:
    function = function_of(t, service)
    failures = sqs.dead_letters(t, "Failures")
    bucket = s3.inbox(t, "Bucket")
    arrows.triggers(bucket, function, prefix=service.prefix, failures=failures)
    arrows.takes(function, bucket, service.prefix)
    tells(t, service, Ref(bucket.resource), GetAtt(bucket.resource, "Arn"))
    return function, [failures]


def _http(t: ScenarioTemplate, system: System, service: Service, platform: ssm.Neighbour) -> tuple[Program, list[Node]]:
    function = function_of(t, service)
    shifting.shift(t, service, function)
    return function, fronts.answer(t, system, service, platform, function)


def _cached(
    t: ScenarioTemplate, system: System, service: Service, platform: ssm.Neighbour
) -> tuple[Program, list[Node]]:
    function = function_of(t, service)
    nodes = caching.cache(t, service, platform, function)
    shifting.shift(t, service, function)
    return function, [*nodes, *fronts.answer(t, system, service, platform, function)]


SHAPES: dict[str, Callable[[ScenarioTemplate, System, Service, ssm.Neighbour], tuple[Program, list[Node]]]] = {
    HTTP: _http,
    CACHED: _cached,
    CONTAINER: containers.container,
    INSTANCES: instances.instances,
    QUEUE: _queue,
    STREAM: _stream,
    TOPIC: _topic,
    BUCKET: _bucket,
}


def _not_meant(system: System, name: str, routes: Sequence[str]) -> list[str]:
    """Routes of the service that the rights to call `routes` would be for as well, and are not meant."""
    served = system.services[name].routes if name in system.services else STATUS_ROUTES
    return [
        other
        for other in served
        if any(arrows.covers(route, other) for route in routes)
        and not any(arrows.covers(other, route) for route in routes)
    ]


def _work(t: ScenarioTemplate, service: Service, failures: sqs.Queue) -> sqs.WorkQueue:
    return sqs.work_queue(t, "Queue", failures, timeout=_timeout(service), fifo=service.fifo)


def _timeout(service: Service) -> int:
    return service.timeout or TIMEOUTS[service.shape]


def _batch(service: Service) -> int:
    """How many messages a function gets at once: each has some seconds, and none is sent back because time ran out."""
    return max(1, min(BATCH, _timeout(service) // SECONDS_EACH))
