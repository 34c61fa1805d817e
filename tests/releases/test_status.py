"""`up NAME@VERSION` and `status`: a release of long ago deployed, and what the update to the latest would do to it."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.stub import Stubber

from tests.cli.commands import Done, refused
from tests.evidence import shows
from tests.journeys.stack import Stack
from tests.releases.conftest import PAGE, Repository
from tests.sampling import sampled
from tests.system import needs
from troposphere_arch.deploy import Target, detect, drift, target_of
from troposphere_arch.errors import UserError
from troposphere_arch.local import Emulator

pytestmark = sampled(2)

KEYS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}


def account(emulator: Emulator, repository: Repository, *arguments: str | Path, region: str = "us-east-1") -> Done:
    """A command against an account that happens to be an emulator, through its endpoint."""
    return repository(*arguments, "--region", region, "--endpoint-url", emulator.url, **KEYS)


def statuses(emulator: Emulator, repository: Repository, *arguments: str) -> dict[str, dict[str, Any]]:
    done = account(emulator, repository, "status", "--json", *arguments)
    assert done.code == 0, done.err
    return {row["name"]: row for row in json.loads(done.out)}


@pytest.fixture
def name(stock: Emulator) -> Iterator[str]:
    """The name of a stack that nobody else has; it is deleted after the test."""
    made = f"s-{uuid.uuid4().hex[:12]}"
    yield made
    stock.client("cloudformation").delete_stack(StackName=made)


def up(emulator: Emulator, repository: Repository, what: str, name: str, *arguments: str | Path) -> Done:
    done = account(emulator, repository, "up", what, "--stack-name", name, "--yes", *arguments)
    assert done.code == 0, done.err
    return done


@needs("git")
@shows("REQ-D4", how="stock")
def test_from_release_to_release(released: Repository, stock: Emulator, name: str) -> None:
    up(stock, released, "todo@1.0.0", name)
    row = statuses(stock, released)[name]
    assert (row["version"], row["latest"], row["latest_status"], row["update"]["does"]) == (
        "1.0.0",
        "1.0.0",
        "released",
        "up to date",
    )
    released.edit(PAGE, 'partition="owner", sort="id"', 'partition="owner", sort="number"')
    assert released("build", "--bump").code == 0
    # A draft is no release: nobody is told to update to it.
    assert statuses(stock, released)[name]["update"]["does"] == "up to date"
    released.release()
    row = statuses(stock, released)[name]
    assert (row["version"], row["latest"], row["update"]["version"]) == ("1.0.0", "2.0.0", "major")
    overview = account(stock, released, "status").out
    [line] = [line for line in overview.splitlines() if line.startswith(name)]
    assert re.search(r"us-east-1 +todo +1\.0\.0 .* 2\.0\.0 +\S.*\(major\)", line), line

    whole = account(stock, released, "status", name)
    assert whole.code == 0, whole.err
    assert f"stack {name} in us-east-1: todo 1.0.0" in whole.out
    assert "an update to 2.0.0" in whole.out
    assert "Todos (AWS::DynamoDB::Table)" in whole.out
    changes = statuses(stock, released, name)[name]["update"]["changes"]
    assert "Todos" in {change["name"] for change in changes}
    refused(account(stock, released, "status", "nobody"), "no stack nobody of ours")

    # What deploys is the release's own bytes, whatever the sources make today.
    body = stock.client("cloudformation").get_template(StackName=name)["TemplateBody"]
    template = json.loads(body) if isinstance(body, str) else json.loads(json.dumps(body))
    frozen = json.loads((released.root / "templates/todo/1.0.0/todo.template.json").read_text())
    assert template == frozen
    refused(account(stock, released, "up", "todo@1.5.0", "--yes"), "no todo 1.5.0", "1.0.0, 2.0.0")
    refused(account(stock, released, "up", "todo@latest", "--yes"), "'latest'", "MAJOR.MINOR.PATCH")


@needs("git")
@shows("REQ-D4", how="stock")
def test_parameters_that_the_stack_has_decide_what_the_update_does(
    released: Repository, stock: Emulator, name: str
) -> None:
    """Without file storage its bucket is not there, so nothing happens to it."""
    up(stock, released, "todo@1.0.0", name)
    released.edit(PAGE, 's3.private_bucket(t, "Files",', 's3.private_bucket(t, "Papers",')
    assert released("build", "--bump").code == 0
    released.release()
    without = statuses(stock, released, name)[name]["update"]
    felt = {one["name"] for one in without["changes"] if one["section"] == "Resources" and one["effect"] != "none"}
    assert "Files" not in felt
    up(stock, released, "todo@1.0.0", name, "--parameter", "FileStorage=on")
    with_files = statuses(stock, released, name)[name]["update"]
    [gone] = [c for c in with_files["changes"] if c["name"] == "Files" and c["section"] == "Resources"]
    assert gone["action"] in ("remove", "rename")
    assert with_files["version"] == "major"


@needs("git")
@shows("REQ-D4", how="stock")
def test_drafts_and_versions_that_nobody_knows(drafts: Repository, stock: Emulator, name: str) -> None:
    up(stock, drafts, "todo", name)
    row = statuses(stock, drafts)[name]
    assert (row["version"], row["latest"], row["latest_status"], row["update"]["does"]) == (
        "1.0.0",
        "1.0.0",
        "draft",
        "up to date",
    )
    drafts.fix()  # another draft under the same number
    assert drafts("build").code == 0
    assert statuses(stock, drafts)[name]["update"]["does"] == "in place (patch)"
    assert "1.0.0 (draft)" in account(stock, drafts, "status").out

    cloudformation = stock.client("cloudformation")
    for version, template, does in (
        ("9.0.0", "todo", "newer than 1.0.0"),
        ("1.0.0", "wiki", "no such template in this catalogue"),
        ("first", "todo", "REMOVED (minor)"),
    ):
        other = f"o-{uuid.uuid4().hex[:12]}"
        outputs = {"TemplateId": {"Value": template}, "TemplateVersion": {"Value": version}}
        body = {"Resources": {"Topic": {"Type": "AWS::SNS::Topic"}}, "Outputs": outputs}
        cloudformation.create_stack(StackName=other, TemplateBody=json.dumps(body))
        Stack(stock, other).wait("CREATE_COMPLETE")
        update = statuses(stock, drafts)[other]["update"]
        assert update["does"] == does
        assert account(stock, drafts, "status", other).code == 0
        cloudformation.delete_stack(StackName=other)


@needs("git")
@shows("REQ-D4", how="stock")
def test_drift(released: Repository, stock: Emulator, name: str) -> None:
    up(stock, released, "todo@1.0.0", name)
    assert statuses(stock, released, "--drift")[name]["drift"] == []
    function = Stack(stock, name).physical("ReadTodos")
    stock.client("lambda").update_function_configuration(FunctionName=function, Timeout=3)
    [changed] = statuses(stock, released, "--drift")[name]["drift"]
    assert (changed["logical_id"], changed["type"], changed["status"]) == (
        "ReadTodos",
        "AWS::Lambda::Function",
        "modified",
    )
    assert changed["properties"] == ["/Timeout"]
    told = account(stock, released, "status", name, "--drift").out
    assert re.search(r"ReadTodos +AWS::Lambda::Function +modified +/Timeout", told), told
    assert statuses(stock, released)[name]["drift"] is None  # nobody asked


@needs("git")
@shows("REQ-D4", how="stock")
def test_several_regions(released: Repository, stock: Emulator, name: str) -> None:
    up(stock, released, "todo@1.0.0", name)
    elsewhere = account(stock, released, "up", "todo@1.0.0", "--stack-name", name, "--yes", region="eu-west-1")
    assert elsewhere.code == 0, elsewhere.err
    both = ["--region", "eu-west-1", "--region", "us-east-1", "--region", "eu-west-1"]
    done = released("status", *both, "--json", "--endpoint-url", stock.url, **KEYS)
    assert done.code == 0, done.err
    found = [row["region"] for row in json.loads(done.out) if row["name"] == name]
    assert found == ["eu-west-1", "us-east-1"]
    told = released("status", name, *both, "--endpoint-url", stock.url, **KEYS).out
    assert [region for region in found if f"stack {name} in {region}" in told] == found
    stock.client("cloudformation", region="eu-west-1").delete_stack(StackName=name)


@needs("git")
@shows("REQ-D4", how="patched")
def test_a_release_of_long_ago_brings_its_own_layer(released: Repository, patched: Emulator) -> None:
    """Its pins are frozen with it, and built when today's layer is another."""
    frozen = json.loads((released.root / "templates/todo/1.0.0/todo.template.json").read_text())
    key = frozen["Resources"]["TodosCacheClient"]["Properties"]["Content"]["S3Key"]
    # As after a change of pins: today's key is another. (What is recorded counts, too, and is quicker to change.)
    (released.root / "troposphere_arch/layers/dax.sha256").write_text("0" * 64 + "\n")
    assert released("build", "--bump").code == 0
    released.release()
    made = f"l-{uuid.uuid4().hex[:12]}"
    production = released.root / "templates/todo/1.0.0/parameters/production.json"
    done = account(patched, released, "up", "todo@1.0.0", "--stack-name", made, "--yes", "--parameters", production)
    assert done.code == 0, done.err
    assert key in done.err
    layer = patched.client("lambda").get_layer_version_by_arn(Arn=Stack(patched, made).physical("TodosCacheClient"))
    assert layer["Content"]["CodeSha256"]
    # And it is not what the sources would make today.
    later = account(patched, released, "up", "todo", "--stack-name", made, "--yes", "--parameters", production)
    refused(later, "0" * 64)
    patched.client("cloudformation").delete_stack(StackName=made)


class Detecting:
    """CloudFormation's answers to a drift detection, one after the other."""

    def __init__(self, emulator: Emulator) -> None:
        self.client = emulator.client("cloudformation")
        self.stubber = Stubber(self.client)
        self.stubber.add_response("detect_stack_drift", {"StackDriftDetectionId": "d"}, {"StackName": "s"})
        self.stubber.activate()

    def says(self, status: str, reason: str = "") -> None:
        answer = {"StackId": "s", "StackDriftDetectionId": "d", "DetectionStatus": status, "Timestamp": 0}
        more = {"DetectionStatusReason": reason} if reason else {}
        self.stubber.add_response("describe_stack_drift_detection_status", {**answer, **more})

    def target(self, emulator: Emulator) -> Target:
        found = target_of(emulator.client)
        return Target(lambda _: self.client, found.account, found.partition, found.region, found.bucket)


@shows("REQ-D4", how="simulated")
def test_a_detection_that_takes_its_time_fails_or_does_not_end(stock: Emulator) -> None:
    slow = Detecting(stock)
    slow.says("DETECTION_IN_PROGRESS")
    slow.says("DETECTION_COMPLETE")
    for token in ("more", None):
        one = {
            "StackId": "s",
            "LogicalResourceId": f"Before{token}",
            "ResourceType": "AWS::SQS::Queue",
            "StackResourceDriftStatus": "DELETED",
            "Timestamp": 0,
        }
        slow.stubber.add_response(
            "describe_stack_resource_drifts",
            {"StackResourceDrifts": [one], **({"NextToken": token} if token else {})},
        )
    found = drift(detect(slow.target(stock), "s"))
    assert [(one.logical_id, one.status) for one in found] == [("BeforeNone", "deleted"), ("Beforemore", "deleted")]

    failing = Detecting(stock)
    failing.says("DETECTION_FAILED", "Too many\nrequests")
    with pytest.raises(UserError, match="stack s failed: Too many requests"):
        drift(detect(failing.target(stock), "s"))

    endless = Detecting(stock)
    endless.says("DETECTION_IN_PROGRESS")
    with pytest.raises(UserError, match="not ended in 0 seconds"):
        drift(detect(endless.target(stock), "s"), longest=0)

    busy = Detecting(stock)
    busy.stubber.deactivate()
    busy.stubber = Stubber(busy.client)
    busy.stubber.add_client_error("detect_stack_drift", "ValidationError", "Stack s is in\nUPDATE_IN_PROGRESS")
    busy.stubber.activate()
    with pytest.raises(UserError, match="looked for in stack s: Stack s is in UPDATE_IN_PROGRESS"):
        detect(busy.target(stock), "s")
