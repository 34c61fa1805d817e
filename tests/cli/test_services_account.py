"""What `up` and `down` of services do because of what is different in an account: quotas, failures, tags, what moves.

The stacks are as small as can be; the account is an emulator, or an answer of CloudFormation's.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from tests.evidence import shows
from troposphere_arch.deploy import Target, target_of
from troposphere_arch.errors import UserError
from troposphere_arch.local import Emulator
from troposphere_arch.microservices import deploying
from troposphere_arch.microservices.deploying import CREATED, FAILED, UNCHANGED, UPDATED, Pace, Unit

QUEUE = {"Type": "AWS::SQS::Queue"}
API = {"Type": "AWS::ApiGateway::RestApi", "Properties": {"Name": "tiny"}}


def unit(service: str, *, after: tuple[str, ...] = (), **resources: Any) -> Unit:
    stack = f"tiny-{service}"
    outputs = {"TemplateId": {"Value": stack}, "TemplateVersion": {"Value": "1.0.0"}}
    template = {"Metadata": {"Service": {"Name": service}}, "Resources": resources, "Outputs": outputs}
    return Unit(service, stack, "1.0.0", json.dumps(template).encode(), after=after)


@dataclass
class Tiny:
    """A system in an account: what is said of its stacks is in `told`."""

    target: Target
    told: list[tuple[str, str]] = field(default_factory=list)

    def say(self, stack: str, what: str) -> None:
        self.told.append((stack.removeprefix("tiny-"), what))

    def up(self, *units: Unit, pace: Pace | None = None) -> dict[str, deploying.Outcome]:
        done = deploying.up(self.target, units, self.say, pace=pace or Pace(pause=lambda: pytest.fail("waits")))
        return {one.service: one for one in done}

    def down(self, pace: Pace | None = None) -> None:
        there = deploying.standing(self.target, "tiny")
        done = deploying.down(self.target, there, purge=True, pace=pace or Pace())
        assert not [one for one in done if one.is_bad], done

    def stack(self, service: str) -> dict[str, Any]:
        found: dict[str, Any] = deploying.described(self.target)[f"tiny-{service}"]
        return found


@pytest.fixture
def tiny(patched: Emulator) -> Iterator[Tiny]:
    found = Tiny(target_of(patched.client))
    yield found
    found.down()


class Watched:
    """CloudFormation, which notes how many APIs are worked on at once; queues go on two by two only."""

    def __init__(self, real: Any) -> None:
        self.real, self.lock, self.pairs = real, threading.Lock(), threading.Barrier(2)
        self.now, self.begun, self.most = 0, 0, 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self.real, name)

    def execute_change_set(self, **arguments: Any) -> Any:
        self._begin(arguments["StackName"])
        return self.real.execute_change_set(**arguments)

    def delete_stack(self, **arguments: Any) -> Any:
        self._begin(arguments["StackName"])
        return self.real.delete_stack(**arguments)

    def _begin(self, stack: str) -> None:
        if "/tiny-queue" in stack:
            self.pairs.wait(20)
            return
        states = {one["StackId"]: one["StackStatus"] for one in self.real.describe_stacks()["Stacks"]}
        busy = [one for one, state in states.items() if "/tiny-api" in one and state.endswith("_IN_PROGRESS")]
        with self.lock:
            self.now, self.begun = self.now + 1, self.begun + 1
            self.most = max(self.most, self.now, len({*busy, stack}))
        threading.Event().wait(0.05)  # others would begin now, if they need not wait
        with self.lock:
            self.now -= 1


@shows("REQ-M5", how="patched")
def test_apis_are_made_and_deleted_one_at_a_time_and_the_rest_side_by_side(tiny: Tiny) -> None:
    watched = Watched(tiny.target.client("cloudformation"))
    real, pace = tiny.target.client, Pace(threading.Lock())
    tiny.target = replace(tiny.target, client=lambda name: watched if name == "cloudformation" else real(name))
    apis = [unit(f"api-{name}", Api=API) for name in "abc"]
    queues = [unit(f"queue-{name}", Queue=QUEUE) for name in "ab"]
    assert {one.what for one in tiny.up(*apis, *queues, pace=pace).values()} == {CREATED}
    assert (watched.begun, watched.most) == (3, 1)
    others = [unit(one.service, Api={**API, "Properties": {"Name": "other"}}) for one in apis]
    assert {one.what for one in tiny.up(*others, pace=pace).values()} == {UPDATED}
    assert (watched.begun, watched.most) == (6, 1)
    tiny.down(pace)
    assert (watched.begun, watched.most) == (9, 1)


@shows("REQ-M5", how="patched")
def test_what_touches_no_api_need_not_wait_for_one(tiny: Tiny) -> None:
    """A change of code alone, in all services of a system, goes side by side."""

    @contextmanager
    def turn() -> Iterator[None]:
        yield pytest.fail("waits for its turn")

    assert tiny.up(unit("api", Api=API, Queue=QUEUE))["api"].what == CREATED
    longer = {**QUEUE, "Properties": {"DelaySeconds": 5}}
    assert tiny.up(unit("api", Api=API, Queue=longer), pace=Pace(turn()))["api"].what == UPDATED


@shows("REQ-M4", how="patched")
def test_an_update_that_came_too_often_is_tried_once_more(tiny: Tiny) -> None:
    events, waited = tiny.target.client("events"), list[str]()
    events.create_event_bus(Name="TooManyRequests")  # an answer that speaks of it, as long as the name is taken
    bus = {"Type": "AWS::Events::EventBus", "Properties": {"Name": "TooManyRequests"}}

    def pause() -> None:
        waited.append(tiny.stack("api")["StackStatus"])
        if len(waited) == 2:
            events.delete_event_bus(Name="TooManyRequests")

    tiny.up(unit("api", Api=API))
    failed = tiny.up(unit("api", Api=API, Bus=bus), pace=Pace(pause=pause))["api"]
    assert (failed.what, "UPDATE_ROLLBACK_COMPLETE" in failed.why, len(waited)) == (FAILED, True, 1)
    done = tiny.up(unit("api", Api=API, Bus=bus), pace=Pace(pause=pause))["api"]
    assert (done.what, waited) == (UPDATED, ["UPDATE_ROLLBACK_COMPLETE"] * 2)
    assert ("api", "AWS was asked too often: waits, then tries once more") in tiny.told
    other = tiny.up(unit("api", Api={**API, "Properties": {}}, Queue={"Type": "AWS::SQS::Quue"}))["api"]
    assert other.what == FAILED  # what fails for another reason is not tried again


@shows("REQ-M4", how="patched")
def test_a_creation_that_failed_is_deleted_and_begun_again(tiny: Tiny) -> None:
    events = tiny.target.client("events")
    events.create_event_bus(Name="TooManyRequests")
    bus = {"Type": "AWS::Events::EventBus", "Properties": {"Name": "TooManyRequests"}}
    wanted = unit("queue", Queue=QUEUE, Bus=bus)
    try:
        failed = tiny.up(wanted)["queue"]
        assert (failed.what, tiny.stack("queue")["StackStatus"]) == (FAILED, "ROLLBACK_COMPLETE")
        assert failed.why.endswith("then create it again: `up` does both, in some minutes: AWS was asked too often")
        [preview] = deploying.preview(tiny.target, [wanted])
        assert (preview.what, preview.why) == ("create", "its creation failed: what is left is deleted first")
        with pytest.raises(UserError, match="tiny-queue was made from tiny-queue, not from tiny-other"):
            tiny.up(replace(wanted, template=wanted.template.replace(b"tiny-queue", b"tiny-other")))
        tiny.down()  # this is another way
        assert deploying.standing(tiny.target, "tiny") == []
        assert tiny.up(wanted)["queue"].what == FAILED
    finally:
        events.delete_event_bus(Name="TooManyRequests")
    assert tiny.up(wanted)["queue"].what == CREATED
    assert ("queue", "is deleted, since its creation failed, and created again") in tiny.told


@shows("REQ-M5", how="patched")
def test_tags_by_which_costs_are_told_apart_and_those_that_others_gave(tiny: Tiny) -> None:
    plain = unit("queue", Queue=QUEUE)
    tiny.target.client("cloudformation").create_stack(
        StackName=plain.stack, TemplateBody=plain.template.decode(), Tags=[{"Key": "team", "Value": "blue"}]
    )
    tiny.target.client("cloudformation").get_waiter("stack_create_complete").wait(
        StackName=plain.stack, WaiterConfig={"Delay": 0.05}
    )
    owned = replace(plain, tags={"owner": "me@example.com", "service": "queue", "system": "tiny"})
    [preview] = deploying.preview(tiny.target, [owned])
    assert (preview.what, preview.why) == ("update", "tags, which its resources get as well")
    assert [tiny.up(owned)["queue"].what for _ in range(2)] == [UPDATED, UNCHANGED]
    all_tags = {**owned.tags, "team": "blue"}
    stack = tiny.stack("queue")
    assert {one["Key"]: one["Value"] for one in stack["Tags"]} == all_tags
    [queue] = tiny.target.client("sqs").list_queues(QueueNamePrefix="tiny-queue")["QueueUrls"]
    found = tiny.target.client("sqs").list_queue_tags(QueueUrl=queue)["Tags"]
    assert {key: value for key, value in found.items() if not key.startswith("aws:")} == all_tags
    assert tiny.up(replace(owned, tags={**owned.tags, "owner": "you@example.com"}))["queue"].what == UPDATED


# --- as CloudFormation answers in an account: with the name that is looked up, and what was found


class Answering:
    """CloudFormation and Parameter Store of an account in which these stacks and values are."""

    def __init__(self, stacks: list[dict[str, Any]], values: dict[str, str]) -> None:
        self.stacks, self.values = stacks, values

    def get_paginator(self, operation: str) -> Answering:
        assert operation == "describe_stacks"
        return self

    def paginate(self) -> list[dict[str, Any]]:
        return [{"Stacks": self.stacks}]

    def get_parameters(self, Names: list[str]) -> dict[str, Any]:
        return {"Parameters": [{"Name": n, "Value": self.values[n]} for n in Names if n in self.values]}


def described(service: str, state: str = "UPDATE_COMPLETE", **finds: tuple[str, str]) -> dict[str, Any]:
    return {
        "StackName": f"dev-{service}",
        "StackStatus": state,
        "Outputs": [{"OutputKey": "TemplateId", "OutputValue": f"shop-{service}"}],
        "Parameters": [
            {"ParameterKey": "FunctionMemory", "ParameterValue": "256"},
            {"ParameterKey": "SystemName", "ParameterValue": "dev"},
            *(
                {"ParameterKey": key, "ParameterValue": name, "ResolvedValue": value}
                for key, (name, value) in finds.items()
            ),
        ],
    }


@shows("REQ-M5", how="simulated")
def test_who_is_behind() -> None:
    address, arn, key = "/dev/stock/address", "/dev/stock/arn", "/dev/platform/key"
    stacks = [
        described("orders", StockAddress=(address, "old"), StockArn=(arn, "old"), KmsKeyArn=(key, "old")),
        described("mail", StockAddress=(address, "new"), Gone=("/dev/gone/address", "x")),
        described("billing", AlarmTopicArn=("/own/topic", "old")),
        described("known", StockArn=(arn, "old")),
        described("busy", "UPDATE_IN_PROGRESS", StockArn=(arn, "old")),
        {**described("other", StockArn=(arn, "old")), "Outputs": []},
        {**described("strange", StockArn=(arn, "old")), "StackName": "shop-strange"},
    ]
    account = Answering(stacks, {address: "new", arn: "new", key: "new", "/own/topic": "new"})
    target = Target(lambda service: account, "000000000000", "aws", "us-east-1", "bucket")
    found = deploying.behind(target, "shop", "dev", but=["known"])
    assert [str(one) for one in found] == [
        "dev-billing still has the old /own/topic",
        "dev-orders still has the old key of platform, address and arn of stock",
    ]
    assert (found[1].service, found[1].finds) == ("orders", (key, address, arn))
