"""`versions`, as a user types it, and what the versions of a service's stack go through before and after.

The stack is a service with `shift: weight` as it is built, in the emulator; its platform are names in Parameter Store.
"""

from __future__ import annotations

import contextlib
import io
import json
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import pytest
from botocore.exceptions import WaiterError

from tests.cli.commands import Done, refused
from tests.evidence import shows
from tests.microservices.systems import OWNER
from troposphere_arch import render
from troposphere_arch.cli import main
from troposphere_arch.local import Emulator
from troposphere_arch.microservices import service as page
from troposphere_arch.microservices.declaration import Platform, Service, System

pytestmark = pytest.mark.xdist_group("versions")

CODE = '''"""Answers."""
from troposphere_arch.service_kit import http


def answer(request):
    return {{"answer": {0!r}}}


handler = http.handler({{"GET /items/{{id}}": answer}})
'''
EVENT = {"httpMethod": "GET", "resource": "/items/{id}", "pathParameters": {"id": "1"}, "requestContext": {}}


def versions(*arguments: str) -> Done:
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main(["versions", *arguments])  # type: ignore[no-untyped-call]
    return Done(code, out.getvalue(), err.getvalue())


@dataclass
class Weighted:
    """The stack of a service whose alias moves by parameters."""

    emulator: Emulator
    system: System
    name: str = "weighed-items"

    def __post_init__(self) -> None:
        self.stacks = self.emulator.client("cloudformation")
        self.functions = self.emulator.client("lambda")
        self.numbers = count()

    def body(self, answer: str) -> str:
        service = self.system.services["items"]
        (service.folder / "handler.py").write_text(CODE.format(answer))
        return render.render(page.build(self.system, service)).decode()

    def update(self, answer: str, **parameters: str) -> set[str]:
        """Make a change set, and execute it. Gives what is another resource than before; nothing goes, none comes."""
        before = self.resources()
        made = self.stacks.create_change_set(
            StackName=self.name,
            ChangeSetName=f"next-{next(self.numbers)}",
            ChangeSetType="UPDATE" if before else "CREATE",
            TemplateBody=self.body(answer),
            Capabilities=["CAPABILITY_IAM"],
            Parameters=[{"ParameterKey": k, "ParameterValue": v} for k, v in parameters.items()],
        )
        changes = self.stacks.describe_change_set(ChangeSetName=made["Id"])["Changes"]
        told = {one["ResourceChange"]["LogicalResourceId"]: one["ResourceChange"] for one in changes}
        self.stacks.execute_change_set(ChangeSetName=made["Id"])
        waiter = self.stacks.get_waiter("stack_update_complete" if before else "stack_create_complete")
        waiter.wait(StackName=self.name, WaiterConfig={"Delay": 0.05, "MaxAttempts": 600})
        after = self.resources()
        assert not before or before.keys() == after.keys()
        others = {name for name in before if before[name] != after[name]}
        assert others <= {name for name, one in told.items() if one.get("Replacement") != "False"}
        assert {one["Action"] for one in told.values()} == {"Modify" if before else "Add"}
        return others

    def resources(self) -> dict[str, str]:
        """The physical ids of the stack's resources; empty when there is none."""
        if not any(one["StackName"] == self.name for one in self.stacks.describe_stacks()["Stacks"]):
            return {}
        found = self.stacks.describe_stack_resources(StackName=self.name)["StackResources"]
        return {one["LogicalResourceId"]: one["PhysicalResourceId"] for one in found}

    @property
    def function(self) -> str:
        return self.resources()["Function"]

    def outputs(self) -> dict[str, str]:
        [stack] = self.stacks.describe_stacks(StackName=self.name)["Stacks"]
        return {one["OutputKey"]: one["OutputValue"] for one in stack["Outputs"]}

    def alias(self) -> tuple[str, dict[str, float]]:
        found = self.functions.get_alias(FunctionName=self.function, Name="live")
        return found["FunctionVersion"], found.get("RoutingConfig", {}).get("AdditionalVersionWeights", {})

    def answers(self, qualifier: str) -> str:
        said = self.functions.invoke(
            FunctionName=self.function, Qualifier=qualifier, Payload=json.dumps(EVENT).encode()
        )["Payload"].read()
        return str(json.loads(json.loads(said)["body"])["answer"])


@pytest.fixture(scope="module")
def weighted(patched: Emulator, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Weighted]:
    folder = tmp_path_factory.mktemp("weighed") / "items"
    folder.mkdir()
    one = Service("items", "http", OWNER, "Has items.", routes=("GET /items/{id}",), shift="weight", folder=folder)
    made = Weighted(patched, System(Platform("weighed", OWNER), {"items": one}, folder.parent))
    found = json.loads(made.body("one"))["Parameters"].values()
    names = [p["Default"] for p in found if p["Type"].startswith("AWS::SSM")]
    for name in names:
        patched.client("ssm").put_parameter(Name=name, Value="none", Type="String", Overwrite=True)
    yield made
    made.stacks.delete_stack(StackName=made.name)
    made.stacks.get_waiter("stack_delete_complete").wait(
        StackName=made.name, WaiterConfig={"Delay": 0.1, "MaxAttempts": 300}
    )
    for name in names:
        patched.client("ssm").delete_parameter(Name=name)


@pytest.fixture(autouse=True)
def here(weighted: Weighted, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The emulator of the tests is the one that `up` started."""
    (tmp_path / "state").mkdir()
    (tmp_path / "state/troposphere-arch").symlink_to(weighted.emulator.home)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


@shows("REQ-M11", how="patched")
def test_a_stack_goes_through_its_versions_and_old_ones_are_removed(weighted: Weighted) -> None:
    weighted.update("one")
    assert (weighted.alias(), weighted.answers("live")) == (("1", {}), "one")

    # New code, at a tenth of the requests, in one update: what is published stays beside what there was.
    assert weighted.update("two", StableVersion="1", NewVersionPercent="10") == {"Version"}
    assert weighted.alias() == ("1", {"2": 0.1})
    assert [weighted.answers(number) for number in ("1", "2")] == ["one", "two"]
    assert weighted.outputs()["LiveVersion"] == "1" and weighted.outputs()["NewestVersion"] == "2"

    for percent, weights in (("100", {"2": 1.0}), ("7", {"2": 0.07}), ("0", {})):
        assert weighted.update("two", StableVersion="1", NewVersionPercent=percent) == set()
        assert weighted.alias() == ("1", weights)
    assert weighted.update("two") == set()
    assert (weighted.alias(), weighted.answers("1")) == (("2", {}), "one")

    # A parameter that a version freezes publishes another; one that it shares does not.
    assert weighted.update("two", FunctionMemory="512") == {"Version"}
    assert (
        weighted.alias() == ("3", {})
        and weighted.functions.get_function_configuration(FunctionName=weighted.function, Qualifier="2")["MemorySize"]
        != 512
    )
    assert weighted.update("two", FunctionMemory="512", ReservedConcurrency="5") == set()
    assert weighted.alias() == ("3", {})

    # Back, and forth again: what was published once is published anew.
    weighted.update("one", FunctionMemory="512")
    weighted.update("three", StableVersion="3", NewVersionPercent="25", FunctionMemory="512")
    listed = versions(weighted.name, "--keep", "1")
    rows = [line.split() for line in listed.out.splitlines()[2:]]
    assert [(row[1], row[3]) for row in rows] == [("5", "live"), ("4", "-"), ("3", "live"), ("2", "-"), ("1", "-")]
    assert listed.code == 0 and "3 would be removed with --remove" in listed.err
    assert "live 25%" in listed.out and "live 75%" in listed.out
    done = versions(weighted.name, "--keep", "1", "--remove", "--json")
    told = {one["version"]: (one["removed"], one["aliases"]) for one in json.loads(done.out)}
    assert told == {
        5: (False, {"live": 25}), 4: (True, {}), 3: (False, {"live": 75}), 2: (True, {}), 1: (True, {})
    }  # fmt: skip
    left = [one["version"] for one in json.loads(versions(weighted.name, "--json").out)]
    assert left == [5, 3] and weighted.alias() == ("3", {"5": 0.25})
    assert (weighted.answers("3"), weighted.answers("5")) == ("two", "three")

    # What is gone is no way back: the stack says why, and stays as it was.
    with pytest.raises(WaiterError):
        weighted.update("three", StableVersion="1", FunctionMemory="512")
    events = weighted.stacks.describe_stack_events(StackName=weighted.name)["StackEvents"]
    [reason] = [
        one["ResourceStatusReason"]
        for one in events
        if one["LogicalResourceId"] == "Live" and one["ResourceStatus"] == "UPDATE_FAILED"
    ]
    arn = weighted.functions.get_function_configuration(FunctionName=weighted.function)["FunctionArn"]
    assert reason.startswith(f"Function not found: {arn}:1")
    assert weighted.alias() == ("3", {"5": 0.25}) and weighted.answers("3") == "two"
    # What such an update had published goes with it, so that the same update can be made again.
    with pytest.raises(WaiterError):
        weighted.update("four", StableVersion="1", FunctionMemory="512")
    assert weighted.update("four", StableVersion="3", FunctionMemory="512") == {"Version"}
    assert weighted.answers(weighted.outputs()["NewestVersion"]) == "four" and weighted.alias() == ("3", {})


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("nowhere",), ("there is no stack nowhere in us-east-1",)),
        (("weighed-none",), ("no function of the stack weighed-none has versions",)),
        (("weighed-items", "--keep", "0"), ("'0' is no whole number from 1 on",)),
        (("weighed-items", "--keep", "1.5"), ("'1.5' is no whole number from 1 on",)),
        ((), ("the following arguments are required: STACK",)),
    ],
    ids=["no stack", "no versions", "none kept", "no number", "no name"],
)
def test_what_cannot_be_done_is_one_line(
    weighted: Weighted, arguments: tuple[str, ...], words: tuple[str, ...]
) -> None:
    if "weighed-none" in arguments:
        template = json.dumps({"Resources": {"Queue": {"Type": "AWS::SQS::Queue"}}})
        weighted.stacks.create_stack(StackName="weighed-none", TemplateBody=template)
    try:
        refused(versions(*arguments), *words)
    finally:
        weighted.stacks.delete_stack(StackName="weighed-none")
