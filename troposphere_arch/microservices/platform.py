"""The platform of a system: what all its services share, whichever there are.

services ──tell, as themselves──▶ Bus ──rule──▶ Progress ──batches──▶ RecordProgress ──updates──▶ Requests
services ──signed──▶ Status ──GET /requests/{id}──▶ ReadStatus ──lists──▶ Requests
alarms of all stacks ──▶ AlarmTopic ──▶ (mail);   Progress: what failed ──▶ ProgressFailures
Network, if there is one:   functions inside ──▶ S3, DynamoDB, private APIs ──▶ and endpoints, or NAT gateways
services ◀──at each create and update── Parameter Store ◀──tells where all of it is── this stack
"""

from __future__ import annotations

from troposphere import GetAtt, Ref

from .. import arrows, discovery, outputs, parameters
from ..blocks import awslambda, cloudwatch, dynamodb, events, service_api, sns, sqs, ssm
from ..blocks.service_network import service_network
from ..parameters import NONE, both_or_neither, differ, needs, parameter
from ..template import ScenarioTemplate, actor, scenario_template
from .declaration import PLATFORM, STATUS, STATUS_ROUTES, Platform

DESCRIPTION = (
    "What the services of a system share: the bus on which they tell how requests go on, the service that says where a "
    "request is, the topic of all alarms, one dashboard, names, and a network for those that are inside."
)

# What each preset chooses otherwise than the template's defaults do.
PRESETS: dict[str, dict[str, str]] = {
    "starter": {},
    "production": {
        "DeletionProtection": "on",
        "FunctionMemory": "512",
        "LogRetentionDays": "90",
        "ThrottleBurst": "500",
        "ThrottleRate": "250",
    },
}
# `detail-type` of the events by which services tell how a request goes on.
PROGRESS = "Request progress"


def build(platform: Platform) -> ScenarioTemplate:
    """The template of the platform: the same for a system of one service and of a hundred."""
    words = parameters.platform.words(platform.name, platform.network)
    t = scenario_template(f"{platform.name}-{PLATFORM}", platform.version, DESCRIPTION, words=words)
    t.set_metadata({"Platform": {"Name": platform.name, "Owner": platform.owner}})

    services, alarms = actor(t, "Services"), actor(t, "Alarms")
    alarm_topic = sns.alarm_topic(t, "AlarmTopic")
    bus = events.bus(t, "Bus")
    progress_failures = sqs.dead_letters(t, "ProgressFailures")
    progress = sqs.work_queue(t, "Progress", progress_failures, timeout=60)
    requests = dynamodb.table(t, "Requests", partition="request", sort="step", expires="expires")
    record_progress = awslambda.function(
        t,
        "RecordProgress",
        code="microservices/record_progress.py",
        Description="Writes down how requests go on.",
        Timeout=60,
    )
    status = service_api.service_api(t, "Status")
    read_status = awslambda.function(
        t, "ReadStatus", code="microservices/read_status.py", Description="Says where a request is.", Timeout=15
    )
    network = service_network(t, "Vpc")

    arrows.gathers(progress, bus, PROGRESS)
    t.record(services, "tell", bus, PROGRESS)
    arrows.consumes(record_progress, progress)
    arrows.updates(record_progress, requests)
    for route in STATUS_ROUTES:
        arrows.route(status, route, read_status, by=arrows.SERVICES)
        t.record(services, "call", status, route)
    arrows.lists(read_status, requests)
    t.record(alarms, "tell", alarm_topic)
    t.record(services, "may be in", network)

    names = {
        discovery.DOMAIN: parameters.DOMAIN_NAME,
        discovery.CERTIFICATE: parameters.DOMAIN_CERTIFICATE,
        discovery.ZONE: parameters.HOSTED_ZONE,
        discovery.KEY: parameters.KMS_KEY,
        discovery.PRIVATE_DOMAIN: parameters.platform.PRIVATE_DOMAIN,
        discovery.PRIVATE_CERTIFICATE: parameters.platform.PRIVATE_CERTIFICATE,
    }
    both_or_neither(t, parameters.DOMAIN_NAME, parameters.DOMAIN_CERTIFICATE)
    needs(t, parameters.HOSTED_ZONE, parameters.DOMAIN_NAME)
    told = "PrivateDomainName is DomainName: inside of the network all its names would lead to private APIs."
    differ(t, "DomainsDiffer", (parameters.platform.PRIVATE_DOMAIN, parameters.DOMAIN_NAME, told))
    address = service_api.own_name(
        status,
        STATUS,
        domain=parameters.DOMAIN_NAME,
        certificate=parameters.DOMAIN_CERTIFICATE,
        zone=parameters.HOSTED_ZONE,
    )
    outputs.output(t, "ApiUrl", address, "Where a request is: GET /requests/{id}; HTTPS only, and requests are signed.")

    values = {
        discovery.ALARM_TOPIC: (Ref(alarm_topic.resource), "The topic of all alarms."),
        discovery.API_ENDPOINT: (network.api_endpoint, "The way to private APIs, or none."),
        discovery.BUS: (Ref(bus.resource), "The bus, by its name."),
        discovery.BUS_ARN: (GetAtt(bus.resource, "Arn"), "The bus, by its ARN."),
        discovery.GROUP: (network.functions, "The security group of functions inside, or none."),
        discovery.NAT: (network.nat, "The NAT gateways, or none."),
        discovery.NOTHING: (NONE, "Always none: what finds nothing any more is given this name."),
        discovery.SUBNETS: (network.subnets, "The subnets of functions inside, or none."),
        discovery.VPC: (network.vpc, "The VPC of these subnets, or none."),
        **{what: (Ref(parameter(t, spec)), f"{spec.label}, or none.") for what, spec in names.items()},
    }
    for what, (value, description) in sorted(values.items()):
        ssm.tells(t, f"Tells{discovery.title(what)}", PLATFORM, what, value, description)
    ssm.tells(t, "StatusAddress", STATUS, discovery.ADDRESS, address, "Where the service is that knows of requests.")
    ssm.tells(t, "StatusArn", STATUS, discovery.ARN, service_api.stage_arn(status), "What the rights to ask it name.")

    watched = (status, record_progress, read_status, progress, progress_failures, requests)
    cloudwatch.watch(t, *watched, to=alarm_topic)
    cloudwatch.system_board(t, "Dashboard")
    return t
