"""The platform deployed: from the bus to the answer, who is let in, and each network from each other."""

from __future__ import annotations

import itertools
import json
import time
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from tests.evidence import shows
from tests.handlers.microservices.conftest import ago, told
from tests.journeys.stack import Stack, every, everything_named, template_url
from troposphere_arch.local import DEFAULT_REGION, Emulator, Response
from troposphere_arch.local.addresses import local_address
from troposphere_arch.microservices import platform
from troposphere_arch.microservices.declaration import NETWORKS, Platform
from troposphere_arch.render import render

SYSTEM, STACK = "deployed", "deployed-platform"
PRECIOUS = ("AlarmTopic", "Bus", "Progress", "ProgressFailures", "Requests", "Status")
OF_NETWORK = ("api-endpoint", "nat", "security-group", "subnets")


@pytest.fixture(scope="module")
def stack(patched: Emulator) -> Iterator[Stack]:
    url = template_url(patched, STACK, render(platform.build(Platform(SYSTEM, "shop@example.com"))))
    made = Stack(patched, STACK).create(url)
    yield made
    table = made.physical("Requests")
    made.delete()
    # What requests came to stays; nothing else does.
    assert everything_named(patched, STACK) == [table]
    assert found(made) == {}
    patched.client("dynamodb").delete_table(TableName=table)
    left = [
        *every(patched.client("events"), "list_event_buses", "EventBuses"),
        *every(patched.client("sns"), "list_topics", "Topics"),
        *every(patched.client("sqs"), "list_queues", "QueueUrls"),
    ]
    assert STACK not in json.dumps(left, default=str)


def found(stack: Stack) -> dict[str, str]:
    """What others find of the platform."""
    parameters = every(
        stack.emulator.client("ssm"), "get_parameters_by_path", "Parameters", Path=f"/{SYSTEM}", Recursive=True
    )
    return {one["Name"].removeprefix(f"/{SYSTEM}/"): one["Value"] for one in parameters}


def caller(stack: Stack, *statements: dict[str, Any]) -> Credentials:
    """Somebody with a role that holds these rights."""
    iam, name = stack.emulator.client("iam"), f"caller-{uuid.uuid4().hex[:8]}"
    trust = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": "*"}}
    role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=_document(trust))["Role"]["Arn"]
    iam.put_role_policy(RoleName=name, PolicyName="rights", PolicyDocument=_document(*statements))
    given = stack.emulator.client("sts").assume_role(RoleArn=role, RoleSessionName="caller")["Credentials"]
    return Credentials(given["AccessKeyId"], given["SecretAccessKey"], given["SessionToken"])


def _document(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def ask(stack: Stack, request: str, who: Credentials | None) -> Response:
    """GET /requests/{id}, signed by somebody or by nobody; the Host that is signed is the emulator's own."""
    url = f"{stack.outputs['ApiUrl']}/requests/{request}"
    there = local_address(url, stack.emulator.port)
    asked = AWSRequest(method="GET", url=f"http://{there.headers['Host']}{there.target}")
    if who:
        SigV4Auth(who, "execute-api", DEFAULT_REGION).add_auth(asked)
    return stack.emulator.request("GET", url, headers=dict(asked.headers.items()))


def tell(stack: Stack, who: Credentials, *words: dict[str, Any]) -> int:
    """Put events on the bus as a service does; gives how many were refused."""
    entries = [
        {
            "EventBusName": found(stack)["platform/bus"],
            "Source": word["source"],
            "DetailType": word["detail-type"],
            "Detail": json.dumps(word["detail"]),
        }
        for word in words
    ]
    events = stack.emulator.client("events", credentials=who)
    refused: int = events.put_events(Entries=entries)["FailedEntryCount"]
    return refused


@shows("REQ-M2", "REQ-M8", how="patched")
def test_what_services_tell_is_answered_to_who_may_ask(stack: Stack) -> None:
    parameters, request = found(stack), str(uuid.uuid4())
    bus = {"Effect": "Allow", "Action": "events:PutEvents", "Resource": parameters["platform/bus-arn"]}
    route = f"{parameters['status/arn']}/GET/requests/*"
    reader = caller(stack, {"Effect": "Allow", "Action": "execute-api:Invoke", "Resource": route})
    stranger = caller(stack, {**bus, "Resource": "*"})
    assert ask(stack, request, reader).status == 404
    assert tell(stack, caller(stack, bus), told(request, "payments", "done", detail={"paid": 1})) == 0
    assert tell(stack, caller(stack, bus), told(request, "orders", "accepted", ago(seconds=9))) == 0
    until = time.monotonic() + 30
    while (answer := ask(stack, request, reader)).status == 404 or len(answer.json()["steps"]) < 2:
        assert time.monotonic() < until, "nothing was written down"
        time.sleep(0.1)
    status = answer.json()
    assert (status["state"], status["result"]) == ("done", {"paid": 1})
    assert [step["service"] for step in status["steps"]] == ["orders", "payments"]
    assert ask(stack, request, None).status == 403
    assert ask(stack, request, stranger).status == 403
    assert parameters["status/address"] == stack.outputs["ApiUrl"]


@shows("REQ-M5", "REQ-M1", how="patched")
def test_each_network_follows_each_other_and_nothing_is_lost(stack: Stack) -> None:
    ids = {name: stack.physical(name) for name in PRECIOUS}
    ways = list(itertools.permutations(NETWORKS, 2))
    # Each way once, and back to none: a round over all of them.
    for network in ("endpoints", "nat", "endpoints", "none", "nat", "none"):
        before = _network(stack)
        stack.update(Network=network)
        ways.remove((before, network))
        values = {name: found(stack)[f"platform/{name}"] for name in OF_NETWORK}
        assert {name for name, value in values.items() if value == "none"} == {
            "none": set(OF_NETWORK),
            "endpoints": {"nat"},
            "nat": set(),
        }[network]
        assert all(found(stack).values())
        assert {name: stack.physical(name) for name in PRECIOUS} == ids
        if network != "none":
            assert values["subnets"].split(",") == [stack.physical(f"VpcPrivate{letter}") for letter in "AB"]
            assert values["security-group"].startswith("sg-")
            assert values["api-endpoint"] == stack.physical("VpcToPrivateApis")
    assert ways == []
    assert not [one for one in stack.resources() if one["ResourceType"].startswith("AWS::EC2::")]


def _network(stack: Stack) -> str:
    return next(p["ParameterValue"] for p in stack.describe()["Parameters"] if p["ParameterKey"] == "Network")


@shows("REQ-M5", "REQ-M9", how="patched")
def test_names_mail_and_everything_else_that_can_be_switched_on(stack: Stack) -> None:
    """And off again."""
    certificate = f"arn:aws:acm:{DEFAULT_REGION}:000000000000:certificate/1"
    zone = stack.emulator.client("route53").create_hosted_zone(Name="example.com", CallerReference=STACK)
    before = {p["ParameterKey"]: p["ParameterValue"] for p in stack.describe()["Parameters"]}
    chosen = {
        "AlarmEmail": "owner@example.com",
        "DeletionProtection": "on",
        "DomainCertificateArn": certificate,
        "DomainName": "deployed.example.com",
        "HostedZoneId": zone["HostedZone"]["Id"].rpartition("/")[2],
        "KmsKeyArn": stack.emulator.client("kms").create_key()["KeyMetadata"]["Arn"],
        "Network": "endpoints",
        "PrivateCertificateArn": certificate,
        "PrivateDomainName": "inside.example.com",
    }
    stack.update(**chosen)
    values = found(stack)
    assert "none" not in {value for name, value in values.items() if name not in ("platform/nat", "platform/none")}
    assert values["status/address"] == "https://status.deployed.example.com"
    assert values["platform/private-domain"] == "inside.example.com"
    topic = stack.emulator.client("sns").list_subscriptions_by_topic(TopicArn=values["platform/alarm-topic"])
    assert [(one["Protocol"], one["Endpoint"]) for one in topic["Subscriptions"]] == [("email", "owner@example.com")]
    stack.update(**{name: before[name] for name in chosen})
    assert found(stack)["status/address"] == stack.outputs["ApiUrl"] != values["status/address"]
