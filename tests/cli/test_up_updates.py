"""`up` with `--parameter`, step by step, as the pages of the edge say: what was asked for is what the stack has."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.cli.commands import Done, Shell, refused
from tests.evidence import shows
from tests.journeys import updates
from tests.journeys.stack import Stack
from tests.sampling import sampled
from troposphere_arch.local import Emulator

pytestmark = sampled(3)


@pytest.fixture
def up(build: Shell, patched: Emulator) -> Shell:
    """A shell that finds the emulator of the tests, as if `up` had started it there."""
    (build.home / "state").mkdir()
    (build.home / "state/troposphere-arch").symlink_to(patched.home)
    return build


def parameters(**values: str) -> list[str]:
    return [word for name, value in values.items() for word in ("--parameter", f"{name}={value}")]


def done(up: Done) -> None:
    """Assert that it changed something."""
    assert up.code == 0, up.err
    assert re.search(r"^stack \S+: [1-9]\d* changes$", up.out, re.MULTILINE), up.out


def values_of(stack: Stack) -> dict[str, str]:
    return {one["ParameterKey"]: one["ParameterValue"] for one in stack.describe()["Parameters"]}


@shows("REQ-U5", "REQ-U6", "REQ-D5", how="patched")
def test_the_edge_of_software_updates_comes_is_enforced_and_goes(up: Shell, patched: Emulator) -> None:
    name = "up-updates"

    done(up("up", "software-updates", "--stack-name", name, *parameters(**updates.names(patched, "up"))))
    stack = Stack(patched, name)
    try:
        for step, came, went in (
            ({"EdgeCache": "on"}, "Edge", "BalancerRefusal"),
            ({"DomainTarget": "edge"}, "Edge", "BalancerRefusal"),
            ({"EdgeCache": "enforced"}, "BalancerRefusal", "BalancerHttpName"),
            ({"EdgeCache": "on"}, "BalancerHttpName", "BalancerRefusal"),
            ({"DomainTarget": "balancer"}, "BalancerHttpName", "BalancerRefusal"),
            ({"EdgeCache": "off"}, "Balancer", "Edge"),
        ):
            done(up("up", "software-updates", "--stack-name", name, *parameters(**step)))
            assert values_of(stack).items() >= step.items()
            there = {one["LogicalResourceId"] for one in stack.resources()}
            assert (came in there, went in there) == (True, False), step
    finally:
        stack.delete()


@contextmanager
def listener(emulator: Emulator) -> Iterator[dict[str, str]]:
    """Somebody's load balancer, as the parameters of edge-cache name it."""
    elbv2 = emulator.client("elbv2")
    balancer = elbv2.create_load_balancer(Name="up-edge", Subnets=[])["LoadBalancers"][0]
    group = elbv2.create_target_group(Name="up-edge", Protocol="HTTP", Port=80, VpcId="vpc-1")["TargetGroups"][0]
    certificate = emulator.client("acm").request_certificate(DomainName="origin.up.example.com")["CertificateArn"]
    made = elbv2.create_listener(
        LoadBalancerArn=balancer["LoadBalancerArn"],
        Protocol="HTTPS",
        Port=443,
        Certificates=[{"CertificateArn": certificate}],
        DefaultActions=[{"Type": "forward", "TargetGroupArn": group["TargetGroupArn"]}],
    )["Listeners"][0]
    yield {
        "OriginDomainName": "origin.up.example.com",
        "ListenerArn": made["ListenerArn"],
        "TargetGroupArn": group["TargetGroupArn"],
        "KeyRulePriority": "10",
        "RefusalRulePriority": "20",
    }
    elbv2.delete_load_balancer(LoadBalancerArn=balancer["LoadBalancerArn"])
    elbv2.delete_target_group(TargetGroupArn=group["TargetGroupArn"])


@shows("REQ-U6", "REQ-D5", how="patched")
def test_the_edge_alone_is_enforced_and_goes_back(up: Shell, patched: Emulator) -> None:
    name = "up-edge"
    with listener(patched) as theirs:
        done(up("up", "edge-cache", "--stack-name", name, *parameters(**theirs)))
        stack = Stack(patched, name)
        for mode, there in (("enforced", True), ("on", False)):
            done(up("up", "edge-cache", "--stack-name", name, *parameters(EdgeCache=mode)))
            assert values_of(stack)["EdgeCache"] == mode
            assert ("BalancerRefusal" in [one["LogicalResourceId"] for one in stack.resources()]) is there
        stack.delete()


@shows("REQ-D5", how="stock")
def test_what_was_asked_for_and_not_done_is_no_success(build: Shell, stock: Emulator) -> None:
    """The unmodified emulator's change sets do not see what comes by a condition alone."""
    name = "up-edge-stock"
    keys = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
    account = ("--region", "us-east-1", "--endpoint-url", stock.url, "--yes")

    def up(**values: str) -> Done:
        return build("up", "edge-cache", "--stack-name", name, *parameters(**values), *account, **keys)

    with listener(stock) as theirs:
        done(up(**theirs))
        stack = Stack(stock, name)
        refused(
            up(EdgeCache="enforced"),
            f"stack {name} keeps EdgeCache=on: ",
            "EdgeCache=enforced would change it (BalancerRefusal, to begin with)",
            "The submitted information didn't contain changes.",
            "aws cloudformation update-stack",
        )
        assert values_of(stack)["EdgeCache"] == "on"
        again = up(EdgeCache="on")
        assert (again.code, again.out.startswith("nothing changed\n")) == (0, True), again.err
        stack.delete()
