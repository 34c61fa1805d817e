"""What `up` and `down` take care of: whose a stack is, what has been declared anew, circles, what nothing declares.

The stacks are as small as can be; the account is an emulator.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from tests.cli.commands import ROOT, Done, Shell, refused
from tests.cli.services import built_shop, change, files_of, write_shop
from tests.evidence import shows
from troposphere_arch.cli import main
from troposphere_arch.deploy import Target, target_of
from troposphere_arch.errors import UserError
from troposphere_arch.local import Emulator
from troposphere_arch.microservices import deploying
from troposphere_arch.microservices.declaration import Platform, System
from troposphere_arch.microservices.deploying import CREATED, DELETED, FAILED, UNCHANGED, UPDATED, Outcome, Unit
from troposphere_arch.releases import index

IN_STORE = "AWS::SSM::Parameter::Value<String>"
ID = {"Value": "1.0.0"}
TABLE = {
    "Type": "AWS::DynamoDB::Table",
    "DeletionPolicy": "Retain",
    "Properties": {
        "AttributeDefinitions": [{"AttributeName": "pk", "AttributeType": "S"}],
        "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}],
        "BillingMode": "PAY_PER_REQUEST",
    },
}


def unit(
    system: str,
    service: str,
    *,
    resources: dict[str, Any] | None = None,
    parameters: dict[str, dict[str, Any]] | None = None,
    metadata: dict[str, Any] | None = None,
    given: dict[str, str] | None = None,
) -> Unit:
    """A stack as small as can be. Without `metadata` it says whose it is, as templates of ours do."""
    whose = {"Platform": {"Name": system}} if service == "platform" else {"Service": {"Name": service}}
    template = {
        "Metadata": whose if metadata is None else metadata,
        "Parameters": parameters or {},
        "Resources": resources or {"Queue": {"Type": "AWS::SQS::Queue"}},
        "Outputs": {"TemplateId": {"Value": f"{system}-{service}"}, "TemplateVersion": {"Value": "1.0.0"}},
    }
    if not template["Parameters"]:
        del template["Parameters"]
    return Unit(service, f"{system}-{service}", "1.0.0", json.dumps(template).encode(), parameters=given or {})


def named(system: str) -> dict[str, dict[str, Any]]:
    return {"SystemName": {"Type": "String", "Default": system}}


@dataclass
class Cloud:
    """The account."""

    target: Target

    def up(self, *units: Unit) -> dict[str, Outcome]:
        return {one.service: one for one in deploying.up(self.target, units)}

    def down(self, system: str) -> dict[str, str]:
        there = deploying.standing(self.target, system)
        return {one.stack: one.what for one in deploying.down(self.target, there, purge=True)}

    def has(self, stack: str) -> dict[str, str]:
        found = deploying.described(self.target)[stack]
        return {one["ParameterKey"]: one["ParameterValue"] for one in found.get("Parameters", [])}


@pytest.fixture
def cloud(patched: Emulator) -> Iterator[Cloud]:
    found = Cloud(target_of(patched.client))
    before = set(deploying.described(found.target))
    yield found
    for system in ("tea-a", "tea"):
        found.down(system)
    assert set(deploying.described(found.target)) == before


@shows("REQ-M5", how="patched")
@pytest.mark.parametrize("parameters", [{}, named("tea-a")], ids=["a topic's", "of a name"])
def test_a_system_whose_name_begins_as_another_keeps_its_stacks(
    cloud: Cloud, parameters: dict[str, dict[str, Any]]
) -> None:
    theirs = [
        unit("tea-a", "platform", parameters=parameters),
        unit("tea-a", "orders", parameters=parameters, resources={"Items": TABLE}),
    ]
    ours = [unit("tea", "platform"), unit("tea", "orders")]
    assert {one.what for one in cloud.up(*theirs).values()} == {CREATED}
    assert {one.what for one in cloud.up(*ours).values()} == {CREATED}
    assert [one.stack for one in deploying.standing(cloud.target, "tea")] == ["tea-orders", "tea-platform"]
    system = System(Platform("tea", "me@example.com"), {}, Path())
    assert deploying.left_over(cloud.target, system) == ["tea-orders"]
    # As service "a-orders" of tea it has the same stack, and its template the same name.
    same = replace(unit("tea", "a-orders", parameters=parameters and named("tea")), stack="tea-a-orders")
    refusal = "stack tea-a-orders is not a-orders of tea: choose another --name for the system"
    with pytest.raises(UserError, match=refusal):
        cloud.up(same)
    with pytest.raises(UserError, match=refusal):
        deploying.preview(cloud.target, [same])
    assert deploying.whose(cloud.target, "tea-a-orders") == ("tea-a", "tea-a", "orders")
    assert deploying.whose(cloud.target, "tea-a-platform") == ("tea-a", "tea-a", "platform")
    assert cloud.down("tea") == {"tea-orders": DELETED, "tea-platform": DELETED}
    assert {one.what for one in cloud.up(*theirs).values()} == {UNCHANGED}
    assert cloud.down("tea-a") == {"tea-a-orders": DELETED, "tea-a-platform": DELETED}


@pytest.mark.parametrize(
    ("template", "whose"),
    [
        ({"Metadata": {"Service": {"Name": "a-orders"}}}, ("tea", "a-orders")),
        ({"Metadata": {"Service": {"Name": "orders"}}}, ("tea-a", "orders")),
        ({"Metadata": {"Service": {"Name": "rders"}}}, None),
        ({"Metadata": {"Service": "orders"}}, None),
        ({"Metadata": {"Service": {}}}, None),
        ({"Metadata": {"Platform": {"Name": "tea-a"}}}, None),
        ({}, None),
    ],
    ids=["of tea", "of tea-a", "half a name", "text", "nothing", "a platform", "no metadata"],
)
def test_whose_a_template_says_that_it_is(template: dict[str, Any], whose: tuple[str, str] | None) -> None:
    assert deploying.source({**template, "Outputs": {"TemplateId": {"Value": "tea-a-orders"}}}) == whose


@pytest.mark.parametrize(
    ("name", "parameters", "whose"),
    [
        ("tea-a-orders", {"KmsKeyArn": {"Type": IN_STORE, "Default": "/tea/platform/key"}}, ("tea", "a-orders")),
        ("tea-a-orders", {"KmsKeyArn": {"Type": IN_STORE, "Default": "/tea-a/platform/key"}}, ("tea-a", "orders")),
        ("tea-a-platform", {"KmsKeyArn": {"Type": "String", "Default": "none"}}, ("tea-a", "platform")),
        ("todo", {}, None),
    ],
    ids=["of tea", "of tea-a", "a platform", "no service"],
)
def test_whose_what_was_retained_is(name: str, parameters: dict[str, Any], whose: tuple[str, str] | None) -> None:
    template = {"Metadata": {"Template": {"Id": name, "Version": "1.0.0"}}, "Parameters": parameters}
    assert deploying.source(template) == whose


# --- what a declaration says as the default of a parameter


def of_limits(default: str, **given: str) -> Unit:
    """A queue that shows the limit that its stack has."""
    parameters = {"MaximumConcurrency": {"Type": "Number", "Default": default}}
    queue = {"Type": "AWS::SQS::Queue", "Properties": {"DelaySeconds": {"Ref": "MaximumConcurrency"}}}
    return unit("tea", "mail", parameters=parameters, resources={"Queue": queue}, given=given)


@shows("REQ-M5", how="patched")
def test_what_is_declared_anew_reaches_a_stack_that_is_up(cloud: Cloud) -> None:
    cloud.up(of_limits("5"))
    [preview] = deploying.preview(cloud.target, [of_limits("7")])
    assert preview.what == "update"
    assert preview.diff is not None
    assert [one.name for one in preview.diff.changes if one.name.startswith("Queue")]
    assert cloud.up(of_limits("7"))["mail"].what == UPDATED
    assert cloud.has("tea-mail") == {"MaximumConcurrency": "7"}
    assert cloud.up(of_limits("7"))["mail"].what == UNCHANGED
    # A value that somebody has chosen stays, whatever is declared.
    assert cloud.up(of_limits("7", MaximumConcurrency="20"))["mail"].what == UPDATED
    cloud.up(of_limits("9"))
    assert cloud.has("tea-mail") == {"MaximumConcurrency": "20"}
    cloud.up(of_limits("9", MaximumConcurrency="3"))
    assert cloud.has("tea-mail") == {"MaximumConcurrency": "3"}


@shows("REQ-M5", how="patched")
@pytest.mark.parametrize("parameter", ["Network", "ReservedConcurrency"])
def test_a_network_and_what_is_reserved_likewise_and_nothing_else(cloud: Cloud, parameter: str) -> None:
    def wanted(value: str) -> Unit:
        parameters = {one: {"Type": "String", "Default": value} for one in (parameter, "Other")}
        queue = {"Type": "AWS::SQS::Queue", "Properties": {"DelaySeconds": {"Ref": parameter}}}
        return unit("tea", "mail", parameters=parameters, resources={"Queue": queue})

    cloud.up(wanted("1"))
    cloud.up(wanted("2"))
    assert cloud.has("tea-mail") == {parameter: "2", "Other": "1"}


@shows("REQ-M5", how="patched")
@pytest.mark.parametrize("what", ["api-endpoint", "security-group", "subnets"])
def test_a_service_inside_waits_for_the_network(cloud: Cloud, what: str) -> None:
    store, path = cloud.target.client("ssm"), f"/tea/platform/{what}"
    key = "Platform" + "".join(word.capitalize() for word in what.split("-"))
    inside = unit("tea", "mail", parameters={key: {"Type": IN_STORE, "Default": path}})
    store.put_parameter(Name=path, Value="none", Type="String")
    try:
        refused = cloud.up(inside)["mail"]
        assert (refused.what, f"{path} is none: bring the platform up" in refused.why) == (FAILED, True)
        assert "tea-mail" not in deploying.described(cloud.target)
        store.put_parameter(Name=path, Value="one,two", Type="String", Overwrite=True)
        assert cloud.up(inside)["mail"].what == CREATED
    finally:
        store.delete_parameter(Name=path)


# --- circles


def test_those_that_wait_for_each_other_come_to_an_end() -> None:
    """What is up may use each other, although what is declared may not."""
    after = {"last": ("orders", "stock"), "orders": ("stock",), "stock": ("orders",), "z": ("last",)}
    done, ended = list[str](), threading.Event()

    def work(name: str) -> str:
        done.append(name)
        return name

    def run() -> None:
        deploying.in_order(after, work, lambda result: False, lambda name, other: "")
        ended.set()

    threading.Thread(target=run, daemon=True).start()
    assert ended.wait(20)
    assert ({*done[:2]}, done[2:]) == ({"orders", "stock"}, ["last", "z"])


def test_what_fails_in_a_circle_stops_the_rest_of_it() -> None:
    after = {"a": ("b",), "b": ("a",), "c": ("b",), "d": ()}
    found = deploying.in_order(after, lambda name: name == "d", lambda ok: not ok, lambda name, other: False)
    assert found == {"a": False, "b": False, "c": False, "d": True}


@shows("REQ-M5", how="patched")
def test_stacks_that_use_each_other_go_down(cloud: Cloud) -> None:
    store = cloud.target.client("ssm")
    there = {"orders": "stock", "stock": "orders"}
    for other in there.values():
        store.put_parameter(Name=f"/tea/{other}/arn", Value="x", Type="String")
    try:
        cloud.up(
            *(
                unit("tea", one, parameters={"OtherArn": {"Type": IN_STORE, "Default": f"/tea/{other}/arn"}})
                for one, other in there.items()
            )
        )
        assert cloud.down("tea") == {"tea-orders": DELETED, "tea-stock": DELETED}
    finally:
        for other in there.values():
            store.delete_parameter(Name=f"/tea/{other}/arn")


# --- what a word means, without an emulator


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., Done]:
    """The commands, in the folder above the `services` of a system, where no emulator is running."""
    write_shop(tmp_path / "services")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str) -> Done:
        capsys.readouterr()
        code = main([*arguments])
        told = capsys.readouterr()
        return Done(code, told.out, told.err)

    return run


@pytest.mark.parametrize("words", ["nosuch", "services", "services/mail", "services gone", "todo"])
def test_down_of_what_is_not_up_without_an_emulator(command: Callable[..., Done], words: str) -> None:
    refused(command("down", *words.split()), f"no emulator is running, so nothing of {words.split()[0]} is up")
    assert (command("down").code, command("down").out) == (0, "no emulator is running, so nothing is up\n")


@pytest.mark.parametrize("words", ["up servces", "release servces orders", "up servces@1.0.0"])
def test_a_misspelt_folder(command: Callable[..., Done], words: str) -> None:
    done = command(*words.split())
    refused(done, f"unknown scenario '{words.split()[1]}': there is todo", "nor is there a folder of that name here")


def test_a_folder_of_no_services(command: Callable[..., Done]) -> None:
    Path("empty").mkdir()
    for word in ("up", "release", "down"):
        refused(command(word, "empty"), "empty" if word == "down" else "there is no platform.yaml in it")
    refused(command("up", "services/warehouse"), "has no service.yaml, so it is no service of services")


def test_a_map_of_the_folder_of_one_service_is_that_of_all(command: Callable[..., Done]) -> None:
    whole, one = command("map", "services"), command("map", "services/warehouse/stock")
    assert (one.code, one.out) == (0, whole.out), one.err


def of_others(folder: Path) -> dict[str, bytes]:
    """Templates of somebody's services below a folder, as they are."""
    data = b"{}"
    path = "shop-mail/1.0.0/shop-mail.template.json"
    sha = hashlib.sha256(data).hexdigest()
    made = index.Entry("shop-mail", "1.0.0", index.DRAFT, path, sha, 2, 1, "Mail", {path: sha})
    (folder / path).parent.mkdir(parents=True)
    (folder / path).write_bytes(data)
    (folder / index.FILE).write_bytes(index.index_of([made]).text())
    return files_of(folder)


def test_our_own_templates_are_not_put_among_those_of_others(command: Callable[..., Done], tmp_path: Path) -> None:
    before = of_others(tmp_path / "services/templates")
    for more in ([], ["--check"]):
        done = command("build", "--output", "services/templates", *more)
        refused(done, "services/templates has templates of others, such as shop-mail", "build services`")
    assert files_of(tmp_path / "services/templates") == before


@shows("REQ-M3", how="real")
def test_an_installed_command_builds_the_services_of_where_it_is(tmp_path: Path, tmp_path_factory: Any) -> None:
    """In a checkout of ours `build` alone is for our own templates, wherever it is called."""
    folder, cache = built_shop(tmp_path_factory.getbasetemp())
    services = tmp_path / "services"
    shutil.copytree(folder, services)
    shutil.copytree(ROOT / "troposphere_arch", tmp_path / "site/troposphere_arch")
    environment = {**Shell(tmp_path).environment(), "PYTHONPATH": str(tmp_path / "site"), "XDG_CACHE_HOME": str(cache)}

    def build(*arguments: str) -> Done:
        done = subprocess.run(
            [sys.executable, "-m", "troposphere_arch", "build", *arguments],
            cwd=services,
            env=environment,
            capture_output=True,
            text=True,
        )
        return Done(done.returncode, done.stdout, done.stderr)

    before = files_of(services)
    change(services / "mail/handler.py", '"told"', '"hears"')
    done = build()
    assert (done.code, "wrote templates/shop-mail/1.0.0/shop-mail.template.json" in done.out) == (0, True), done.err
    assert "removed" not in done.out
    change(services / "mail/handler.py", '"hears"', '"told"')
    assert build().code == 0
    assert files_of(services) == before
    (services / "platform.yaml").unlink()
    refused(build(), "templates has templates of others, such as shop-mail")
    assert {**files_of(services), "platform.yaml": before["platform.yaml"]} == before
