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
from typing import Any

from troposphere import GetAtt, Ref, Tags

from .. import arrows, discovery, outputs, parameters
from ..arrows.events import BATCH, RETRIES
from ..blocks import awslambda, cloudwatch, dynamodb, kinesis, s3, service_api, sns, sqs, ssm
from ..blocks.awslambda import Function
from ..parameters import Spec
from ..parameters.services import found, words
from ..template import Node, ScenarioTemplate, actor, scenario_template
from . import bundle
from .declaration import BUCKET, HTTP, PLATFORM, QUEUE, STATUS_ROUTES, STREAM, TOPIC, Service, System

# In seconds: API Gateway waits for 29, and a batch of ten may take its time.
TIMEOUTS = {HTTP: 15, QUEUE: 60, STREAM: 60, TOPIC: 60, BUCKET: 60}
# How often the code itself tries a message. Of a stream it gives up before Lambda does, which would give up all of the
# batch that is left; see `arrows.consumes`.
ATTEMPTS = {QUEUE: sqs.ATTEMPTS, TOPIC: sqs.ATTEMPTS, STREAM: 3, BUCKET: RETRIES + 1}
SECONDS_EACH = 6
PRESETS: dict[str, dict[str, str]] = {
    "starter": {},
    "production": {
        "DeletionProtection": "on",
        "FunctionMemory": "512",
        "LogRetentionDays": "90",
        "OldFileVersionDays": "90",
        "ThrottleBurst": "500",
        "ThrottleRate": "250",
    },
}
_PLATFORM = {
    discovery.API_ENDPOINT: "VPC endpoint of API Gateway",
    discovery.BUS: "Name of the event bus",
    discovery.BUS_ARN: "ARN of the event bus",
    discovery.CERTIFICATE: "Certificate of the services' names",
    discovery.DOMAIN: "Domain of the services' names",
    discovery.GROUP: "Security group of functions",
    discovery.PRIVATE_CERTIFICATE: "Certificate of private names",
    discovery.PRIVATE_DOMAIN: "Domain of private names",
    discovery.SUBNETS: "Private subnets",
    discovery.ZONE: "Hosted zone of the domain",
}
_NEIGHBOUR = {
    discovery.ADDRESS: "Where {} is",
    discovery.ARN: "ARN of {}",
    discovery.EVENTS: "Topic of {}",
}


def build(system: System, service: Service) -> ScenarioTemplate:
    """The template of a service, which needs the platform and the services that it uses to be there before it."""
    t = scenario_template(
        system.stack(service.name), service.version, service.description, words=_words(system, service)
    )
    t.set_metadata({"Service": {"Name": service.name, "Owner": service.owner, "Shape": service.shape}})

    platform = _platform(t, system)
    function = _function(t, service)
    nodes = SHAPES[service.shape](t, system, service, platform, function)
    if service.table or service.shape != HTTP:
        items = dynamodb.table(t, "Items", partition="pk", sort="sk", expires="expires")
        arrows.owns(function, items)
        nodes.append(items)

    for name, routes in service.calls.items():
        for route in routes:
            arrows.calls(function, route, _neighbour(t, system, name))
        if not_meant := _not_meant(system, name, routes):
            arrows.may_not_call(function, not_meant, _neighbour(t, system, name))
    for name in service.sends:
        kind = "QUEUE" if system.services[name].shape == QUEUE else "STREAM"
        arrows.sends_to(function, _neighbour(t, system, name), kind)
    for name in service.puts:
        arrows.puts_into(function, _neighbour(t, system, name), system.services[name].prefix)
    if service.publishes:
        events = sns.topic(t, "Events")
        arrows.announces(function, events, service.publishes)
        ssm.tells(t, "EventsArn", service.name, discovery.EVENTS, Ref(events.resource), "The topic of its events.")
        outputs.output(t, "EventsTopicArn", Ref(events.resource), "Subscribe to this topic for the service's events.")
        nodes.append(events)
    if service.shape != HTTP or service.sends or service.puts or service.publishes:
        arrows.tells(function, platform, service.name)
    if service.inside:
        arrows.lives_in(function, platform)
    cloudwatch.watch(t, function, *nodes)
    return t


def _words(system: System, service: Service) -> Mapping[str, Spec]:
    """The words of a service for the shared parameters; what it declares is their default."""
    limit = (
        parameters.services.MAXIMUM_CONCURRENCY if service.shape in (QUEUE, TOPIC) else parameters.RESERVED_CONCURRENCY
    )
    own = {limit.name: replace(limit, default=str(service.concurrency))} if service.concurrency else {}
    return words(system.platform.name, **own)


def _function(t: ScenarioTemplate, service: Service) -> Function:
    """The service's function: its code, its name, and whose it is."""
    function = awslambda.function(
        t,
        "Function",
        code=awslambda.Text(bundle.bundle(service.folder)),
        Description=service.description,
        # How many messages of a queue are worked on at once is limited where they are taken, and in one place only.
        reserved=None if service.shape in (QUEUE, TOPIC) else parameters.RESERVED_CONCURRENCY,
        Timeout=_timeout(service),
        Tags=Tags(owner=service.owner, service=service.name),
    )
    arrows.knows_itself(function, SERVICE=service.name)
    if service.shape in ATTEMPTS:
        arrows.knows_itself(function, ATTEMPTS=str(ATTEMPTS[service.shape]))
    return function


def _http(
    t: ScenarioTemplate, system: System, service: Service, platform: ssm.Neighbour, function: Function
) -> list[Node]:
    callers = actor(t, "Callers")
    if service.private:
        api = service_api.private_service_api(t, "PrivateApi", platform.told(discovery.API_ENDPOINT))
        address = service_api.private_name(
            api,
            service.host or service.name,
            domain=platform.finds[discovery.PRIVATE_DOMAIN],
            certificate=platform.finds[discovery.PRIVATE_CERTIFICATE],
            endpoint=platform.finds[discovery.API_ENDPOINT],
        )
    else:
        api = service_api.service_api(t, "Api")
        address = service_api.own_name(
            api,
            service.host or service.name,
            domain=platform.finds[discovery.DOMAIN],
            certificate=platform.finds[discovery.CERTIFICATE],
            zone=platform.finds[discovery.ZONE],
        )
    for route in service.routes:
        arrows.route(api, route, function, by=arrows.SERVICES)
        t.record(callers, "calls", api, route)
    outputs.output(t, "ApiUrl", address, "The address of the service; HTTPS only, and requests are signed.")
    _tells(t, service, address, service_api.stage_arn(api))
    return [api]


def _queue(
    t: ScenarioTemplate, system: System, service: Service, platform: ssm.Neighbour, function: Function
) -> list[Node]:
    failures = sqs.dead_letters(t, "Failures", fifo=service.fifo, replaced="Retain")
    queue = _work(t, service, failures)
    arrows.consumes(function, queue, batch=_batch(service))
    _tells(t, service, Ref(queue.resource), queue.arn)
    return [queue, failures]


def _topic(
    t: ScenarioTemplate, system: System, service: Service, platform: ssm.Neighbour, function: Function
) -> list[Node]:
    failures = sqs.dead_letters(t, "Failures")
    queue = _work(t, service, failures)
    for name, events in service.subscribes.items():
        arrows.subscribes(queue, _neighbour(t, system, name), events)
    arrows.consumes(function, queue, batch=_batch(service))
    return [queue, failures]


def _stream(
    t: ScenarioTemplate, system: System, service: Service, platform: ssm.Neighbour, function: Function
) -> list[Node]:
    failures = sqs.dead_letters(t, "Failures")
    stream = kinesis.stream(t, "Stream")
    arrows.consumes(function, stream, failures=failures, batch=_batch(service))
    _tells(t, service, Ref(stream.resource), GetAtt(stream.resource, "Arn"))
    return [stream, failures]


def _bucket(
    t: ScenarioTemplate, system: System, service: Service, platform: ssm.Neighbour, function: Function
) -> list[Node]:
    failures = sqs.dead_letters(t, "Failures")
    bucket = s3.inbox(t, "Bucket")
    arrows.triggers(bucket, function, prefix=service.prefix, failures=failures)
    arrows.takes(function, bucket, service.prefix)
    _tells(t, service, Ref(bucket.resource), GetAtt(bucket.resource, "Arn"))
    return [failures]


SHAPES: dict[str, Callable[[ScenarioTemplate, System, Service, ssm.Neighbour, Function], list[Node]]] = {
    HTTP: _http,
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


def _tells(t: ScenarioTemplate, service: Service, address: Any, arn: Any) -> None:
    ssm.tells(t, "Address", service.name, discovery.ADDRESS, address, "Where the service is.")
    ssm.tells(t, "Arn", service.name, discovery.ARN, arn, "What the rights to use the service are about.")


def _platform(t: ScenarioTemplate, system: System) -> ssm.Neighbour:
    """The platform, and what a service may find of it."""
    finds = {
        what: found(
            f"Platform{discovery.title(what)}",
            discovery.parameter_name(system.platform.name, PLATFORM, what),
            label,
            f"{label}: where Parameter Store has it, by the platform.",
            group="System",
        )
        for what, label in _PLATFORM.items()
    }
    return ssm.Neighbour(t, "Platform", name=PLATFORM, finds=finds)


def _neighbour(t: ScenarioTemplate, system: System, name: str) -> ssm.Neighbour:
    """Another service, and what it tells."""
    finds = {
        what: found(
            discovery.title(name) + discovery.title(what),
            discovery.parameter_name(system.platform.name, name, what),
            label.format(name),
            f"{label.format(name)}: where Parameter Store has it, by the service itself.",
        )
        for what, label in _NEIGHBOUR.items()
    }
    return ssm.Neighbour(t, discovery.title(name), name=name, finds=finds)
