"""The edge before the fleet: switched on over a running stack, enforced, rotated, and off again, while devices ask."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.evidence import shows
from tests.journeys import updates
from tests.journeys.stack import Stack
from tests.journeys.updates import HOST, ORIGIN, ask, polling, publish, servers
from tests.system import needs
from troposphere_arch.local import Emulator

pytestmark = [pytest.mark.xdist_group("updates-edge"), needs("nginx")]
# Each step by its parameters; which names answer throughout; which are refused once it is done.
STEPS: tuple[tuple[dict[str, str], tuple[str, ...], tuple[str, ...]], ...] = (
    ({"EdgeCache": "on"}, (HOST, ORIGIN), ()),
    ({"DomainTarget": "edge"}, (HOST, ORIGIN), ()),
    ({"EdgeCache": "enforced"}, (HOST,), (ORIGIN,)),
    ({"OriginKeyRotation": "2"}, (HOST,), (ORIGIN,)),
    ({"OriginKeyRotation": "3"}, (HOST,), (ORIGIN,)),
    ({"OriginShield": "us-east-1"}, (HOST,), (ORIGIN,)),
    ({"EdgeCache": "on"}, (HOST,), ()),
    ({"DomainTarget": "balancer"}, (HOST, ORIGIN), ()),
    ({"EdgeCache": "off"}, (HOST, ORIGIN), ()),
)
BIG = bytes(range(256)) * 4096  # a megabyte


@pytest.fixture(scope="module")
def stack(patched: Emulator) -> Iterator[Stack]:
    """The baseline, with names, a server and a release."""
    made = updates.make(patched, "updates-edge", **updates.names(patched))
    with servers(made):
        assert publish(made, "1.4.0", app_bin=BIG)["state"] == "published"
        yield made
    made.delete()


@pytest.fixture(autouse=True)
def edge_off(request: pytest.FixtureRequest) -> Iterator[None]:
    """Puts the edge of the baseline back by single steps, whatever became of the test."""
    yield
    if "stack" not in request.fixturenames:
        return
    stack: Stack = request.getfixturevalue("stack")
    for step in ({"EdgeCache": "on"}, {"DomainTarget": "balancer"}, {"EdgeCache": "off"}):
        now = {p["ParameterKey"]: p["ParameterValue"] for p in stack.describe()["Parameters"]}
        if now["EdgeCache"] != "off" and not step.items() <= now.items():
            stack.update(**step)


def lasting(stack: Stack) -> dict[str, str]:
    """All that is behind the edge, by its physical id."""
    own = ("Balancer", "Files", "Fleet", "Network", "PublishRelease", "Releases")
    rules = ("BalancerHttpName", "BalancerKeys", "BalancerRefusal")
    return {
        one["LogicalResourceId"]: one["PhysicalResourceId"]
        for one in stack.resources()
        if one["LogicalResourceId"].startswith(own) and one["LogicalResourceId"] not in rules
    }


def changes(stack: Stack, **parameters: str) -> list[dict[str, Any]]:
    """What a change set says that an update would do; it is not executed."""
    names = {p["ParameterKey"] for p in stack.describe()["Parameters"]}
    stack.cloudformation.create_change_set(
        StackName=stack.name,
        ChangeSetName="look",
        UsePreviousTemplate=True,
        Capabilities=["CAPABILITY_IAM"],
        Parameters=[
            *({"ParameterKey": k, "ParameterValue": v} for k, v in parameters.items()),
            *({"ParameterKey": k, "UsePreviousValue": True} for k in sorted(names - parameters.keys())),
        ],
    )
    found = stack.cloudformation.describe_change_set(StackName=stack.name, ChangeSetName="look")["Changes"]
    stack.cloudformation.delete_change_set(StackName=stack.name, ChangeSetName="look")
    return [one["ResourceChange"] for one in found]


@shows("REQ-U5", "REQ-U6", "REQ-U13", how="patched")
def test_every_step_and_back_while_devices_ask(stack: Stack) -> None:
    """No step replaces or restarts anything behind the edge, and no device that asks where it should gets an error."""
    before = lasting(stack)
    assert ask(stack, "/latest.json", HOST).json()["version"] == "1.4.0"
    for parameters, answering, refused in STEPS:
        of_fleet = changes(stack, **parameters)
        touched = [c for c in of_fleet if c["LogicalResourceId"].startswith(("Fleet", "Files", "Network", "Releases"))]
        assert touched == [], parameters
        replaced = [c for c in of_fleet if c["Action"] == "Modify" and c["Replacement"] != "False"]
        assert replaced == [], parameters
        with polling(stack, *answering) as polls:
            stack.update(**parameters)
        for host in answering:
            assert polls.all_good(host), (parameters, polls.answers)
        assert lasting(stack) == before, parameters
        for host in refused:
            answer = ask(stack, "/latest.json", host)
            assert (answer.status, answer.text()) == (403, "Ask the edge."), parameters
    assert not [r for r in stack.resources() if r["LogicalResourceId"].startswith(("Edge", "OriginKey", "WatchEdge"))]


@shows("REQ-U5", "REQ-U7", "REQ-U8", how="patched")
def test_what_a_device_gets_through_the_edge_is_what_the_servers_have(stack: Stack) -> None:
    stack.update(EdgeCache="on", DomainTarget="edge")
    stack.update(EdgeCache="enforced")
    manifest = ask(stack, "/latest.json", HOST)
    assert manifest.headers["Cache-Control"].startswith("public, max-age=5,")
    [file] = manifest.json()["files"]
    whole = ask(stack, file["url"], HOST)
    assert (whole.status, whole.body) == (200, BIG)
    assert whole.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert whole.headers["Accept-Ranges"] == "bytes"
    assert whole.headers["X-Content-Type-Options"] == "nosniff"
    assert "max-age=31536000" in whole.headers["Strict-Transport-Security"]
    part = ask(stack, file["url"], HOST, Range="bytes=1000-1999")
    assert (part.status, part.body) == (206, BIG[1000:2000])
    assert part.headers["Content-Range"] == f"bytes 1000-1999/{len(BIG)}"
    again = {"If-None-Match": whole.headers["ETag"]}
    assert ask(stack, file["url"], HOST, **again).status == 304
    assert ask(stack, "/releases/1.4.0/none.bin", HOST).status == 404
    assert ask(stack, "/releases/", HOST).status == 404
    assert ask(stack, "/.publish/lock", HOST).status == 404
    assert ask(stack, file["url"], HOST, method="HEAD").status == 200
    for method in ("POST", "PUT", "DELETE"):
        assert ask(stack, file["url"], HOST, method=method).status in (403, 405), method
    redirect = ask(stack, "/latest.json", HOST, https=False)
    assert (redirect.status, redirect.headers["Location"]) == (301, f"https://{HOST}/latest.json")


@shows("REQ-U13", how="patched")
def test_the_load_balancer_takes_both_keys_and_no_other(stack: Stack) -> None:
    """What CloudFront sends is read as an operator could; a device that has no key has no way."""
    stack.update(EdgeCache="on", DomainTarget="edge")
    stack.update(EdgeCache="enforced")

    def keys() -> dict[str, str]:
        manager = stack.emulator.client("secretsmanager")
        there = [r["LogicalResourceId"] for r in stack.resources() if r["LogicalResourceId"].startswith("OriginKey")]
        return {name: manager.get_secret_value(SecretId=stack.physical(name))["SecretString"] for name in there}

    def by(key: str) -> int:
        return ask(stack, "/latest.json", ORIGIN, **{"X-Origin-Key": key}).status

    first = keys()
    assert len(set(first.values())) == len(first) == 2
    assert [by(key) for key in first.values()] == [200, 200]
    for wrong in ("", "*", "?" * 64, next(iter(first.values()))[:-1], next(iter(first.values())) + "x"):
        assert by(wrong) == 403, wrong
    current = {p["ParameterKey"]: p["ParameterValue"] for p in stack.describe()["Parameters"]}["OriginKeyRotation"]
    stack.update(OriginKeyRotation=str(int(current) % 4 + 1))
    second = keys()
    kept = first.keys() & second.keys()
    assert {name: first[name] for name in kept} == {name: second[name] for name in kept}
    assert len(kept) == 1, "one goes, one stays, one is new"
    [gone] = first.keys() - kept
    assert by(first[gone]) == 403
    assert [by(key) for key in second.values()] == [200, 200]
    assert first[gone] not in json.dumps(stack.cloudformation.get_template(StackName=stack.name)["TemplateBody"])
    assert not any(key in json.dumps(stack.describe()["Outputs"]) for key in second.values())


@shows("REQ-U5", "REQ-U13", how="patched")
def test_without_a_public_address_only_the_edge_reaches_it(patched: Emulator) -> None:
    """The load balancer is internal from the beginning: CloudFront has a way into the VPC, and nobody else."""
    made = updates.make(patched, "updates-inside", BalancerScheme="internal", EdgeCache="enforced", DomainTarget="edge")
    with servers(made):
        assert publish(made, "1.0.0", app_bin=b"x")["state"] == "published"
        edge = updates.host_of(made.outputs["UpdatesUrl"])
        assert ask(made, "/latest.json", edge).json()["version"] == "1.0.0"
        # No connection on AWS; the emulator has no networks, and says 504.
        assert ask(made, "/latest.json", made.outputs["BalancerName"], https=False).status == 504
        assert not [r for r in made.resources() if r["LogicalResourceId"].startswith(("OriginKey", "BalancerKeys"))]
    made.delete()


@shows("REQ-U6", how="patched")
def test_a_certificate_comes_to_a_running_edge_and_goes(patched: Emulator) -> None:
    """CloudFront asks over HTTP by the load balancer's own name, which all others are redirected from meanwhile."""
    certificate = updates.names(patched, "late")
    secure = {name: certificate[name] for name in ("HostedZoneId", "OriginCertificateArn", "OriginDomainName")}
    made = updates.make(patched, "updates-late", EdgeCache="on")
    with servers(made):
        assert publish(made, "1.0.0", app_bin=b"x")["state"] == "published"
        edge, balancer = made.outputs["EdgeDomain"], made.outputs["BalancerName"]
        for parameters in (secure, {"EdgeCache": "enforced"}, {"EdgeCache": "on"}, dict.fromkeys(secure, "none")):
            with polling(made, edge) as polls:
                made.update(**parameters)
            assert polls.all_good(edge), (parameters, polls.answers)
            if parameters is secure:
                assert ask(made, "/latest.json", balancer, https=False).status == 200
                redirected = ask(made, "/latest.json", secure["OriginDomainName"], https=False)
                assert redirected.status == 301
            elif parameters == {"EdgeCache": "enforced"}:
                assert ask(made, "/latest.json", balancer, https=False).status == 301
                assert ask(made, "/latest.json", secure["OriginDomainName"]).status == 403
    made.delete()
