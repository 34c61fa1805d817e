"""What an update of a service does that has versions, or runs on servers: requests move, tasks roll, data stays.

The templates are those of services as they are built; in most of the updates nothing but parameters changes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from typing import Any

import pytest

from tests.diff.templates import RETAINED, change_of, names, resource, template
from tests.evidence import shows
from tests.microservices.systems import own_folder, service, shop
from troposphere_arch.diff import Bump, Change, Diff, Effect, Section, diff, facts, report
from troposphere_arch.microservices import service as page
from troposphere_arch.microservices.declaration import System
from troposphere_arch.render import render

ROUTES = ("GET /items/{id}",)
SERVER: dict[str, Any] = {"routes": ROUTES, "port": 8080, "health": "/health"}


@lru_cache
def system() -> System:
    folder = own_folder()
    made = shop(
        folder,
        service(folder, "weighted", "http", routes=ROUTES, table=True, shift="weight"),
        service(folder, "canary", "http", routes=ROUTES, shift="canary"),
        service(folder, "front", "front", routes=ROUTES),
        service(folder, "front-v1", "http", routes=ROUTES, behind="front", shift="linear"),
        service(folder, "front-v2", "container", table=True, behind="front", **SERVER),
        service(folder, "tasks", "container", table=True, **SERVER),
        service(folder, "servers", "instances", **SERVER),
        service(folder, "cached", "http-cached", routes=ROUTES, table=True),
    )
    return System(replace(made.platform, network="nat"), made.services, folder)


@lru_cache
def text(name: str) -> bytes:
    return render(page.build(system(), system().services[name]))


def stack(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(text(name))
    return found


def moved(name: str, before: Mapping[str, str], after: Mapping[str, str]) -> Diff:
    """What these parameters do to a stack of the service that has the ones before."""
    one = stack(name)
    usual = {n: str(p["Default"]) for n, p in one["Parameters"].items() if "Default" in p}
    return diff(one, one, old_parameters={**usual, **before}, new_parameters=dict(after))


def words(change: Change) -> str:
    return "; ".join([*(reason.says for reason in change.reasons), change.advice])


STAYS = "the one before stays in the account, out of the stack: the way back is to name it again"
MOVES = "requests move to the other version: at once, or as the update policy says; nothing is made anew"


@shows("REQ-M11", "REQ-D4", how="static")
@pytest.mark.parametrize("name", ["weighted", "canary", "front-v1"])
def test_new_code_is_another_version_and_the_one_before_stays(name: str) -> None:
    old, new = stack(name), stack(name)
    code = new["Resources"]["Function"]["Properties"]["Code"]["ZipFile"] + "\n# another\n"
    new["Resources"]["Function"]["Properties"]["Code"]["ZipFile"] = code
    for one in ("Function", "Version"):
        described = new["Resources"][one]["Properties"]["Description"]["Fn::Sub"]
        described[0] = described[0].replace(" ", " a", 1)
    found = diff(old, new)
    assert found.bump == Bump.PATCH
    version, alias = change_of(found, "Version"), change_of(found, "Live")
    assert (version.effect, version.bump, version.certain) == (Effect.REPLACEMENT, Bump.PATCH, True)
    assert words(version) == f"another version is published; {STAYS}"
    assert alias.effect == Effect.IN_PLACE and alias.reasons[0].through == "Version"
    assert alias.reasons[0].says == f"Version is replaced, so Version.Version is another; {MOVES}"
    assert change_of(found, "Function").effect == Effect.IN_PLACE
    assert names(found) == {"Function", "Live", "Version"}


def test_a_version_that_is_not_retained_is_not_said_to_stay() -> None:
    def one(text: str, attributes: dict[str, Any]) -> dict[str, Any]:
        return template({"Version": resource("AWS::Lambda::Version", attributes, FunctionName="f", Description=text)})

    assert change_of(diff(one("a", RETAINED), one("b", RETAINED)), "Version").advice == STAYS
    assert change_of(diff(one("a", {}), one("b", {})), "Version").advice == ""
    assert change_of(diff(one("a", RETAINED), one("b", {})), "Version").advice == ""


@shows("REQ-M11", "REQ-D4", how="static")
@pytest.mark.parametrize(
    ("before", "after", "properties"),
    [
        ({}, {"StableVersion": "7"}, {"FunctionVersion"}),
        ({}, {"StableVersion": "7", "NewVersionPercent": "10"}, {"FunctionVersion", "RoutingConfig"}),
        ({"StableVersion": "7", "NewVersionPercent": "10"}, {"NewVersionPercent": "100"}, {"RoutingConfig"}),
        ({"StableVersion": "7", "NewVersionPercent": "100"}, {"NewVersionPercent": "0"}, {"RoutingConfig"}),
        ({"StableVersion": "8"}, {"StableVersion": "7"}, {"FunctionVersion"}),
        ({"StableVersion": "7"}, {"StableVersion": "newest"}, {"FunctionVersion"}),
    ],
    ids=["stay", "a tenth", "all", "back", "further back", "on"],
)
def test_parameters_of_a_shift_move_requests_and_replace_nothing(
    before: dict[str, str], after: dict[str, str], properties: set[str]
) -> None:
    found = moved("weighted", before, after)
    assert (names(found), found.effect, found.bump) == ({"Live"}, Effect.IN_PLACE, Bump.PATCH)
    change = change_of(found, "Live")
    assert {reason.path[0] for reason in change.reasons} == properties
    assert all("nothing is made anew" in reason.says for reason in change.reasons)
    assert {"LiveVersion"} >= names(found, Section.OUTPUTS)


def test_what_a_version_freezes_publishes_another() -> None:
    found = moved("weighted", {"FunctionMemory": "256"}, {"FunctionMemory": "1024"})
    assert names(found) == {"Function", "Live", "Version"} and found.bump == Bump.PATCH
    assert moved("weighted", {}, {"ReservedConcurrency": "5"}).changes
    assert names(moved("weighted", {}, {"ReservedConcurrency": "5"})) == {"Function"}


def test_how_code_deploy_shifts_is_for_the_next_time() -> None:
    pace = "CodeDeployDefault.LambdaCanary10Percent30Minutes"
    for after in ({"CanaryPace": pace}, {"ReturnOnAlarm": "off"}):
        found = moved("canary", {}, after)
        assert (names(found), found.effect) == ({"ShiftsGroup"}, Effect.IN_PLACE)
        assert words(change_of(found, "ShiftsGroup")).startswith("the next shift goes by it; one that is under way")


A, B = {"VersionA": "/shop/front-v1/targets"}, {"VersionB": "/shop/front-v2/targets"}
NONE = "/shop/platform/none"


@shows("REQ-M11", "REQ-D4", how="static")
@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({}, A),
        (A, B),
        ({**A, **B}, {"WeightOfB": "10"}),
        ({**A, **B, "WeightOfB": "10"}, {"WeightOfB": "100"}),
        ({**A, **B, "WeightOfB": "100"}, {"WeightOfB": "0"}),
        ({**A, **B, "WeightOfB": "100"}, {"VersionA": NONE}),
    ],
    ids=["the first", "the second", "a tenth", "all", "back", "the loser goes"],
)
def test_parameters_of_a_front_move_requests_and_replace_nothing(before: dict[str, str], after: dict[str, str]) -> None:
    found = moved("front", before, after)
    assert found.effect == Effect.IN_PLACE and found.bump <= Bump.PATCH
    assert not [one for one in found.changes if one.action != "change"]
    assert {one.kind for one in found.changes} == {"AWS::ElasticLoadBalancingV2::Listener"}
    assert all("requests go where the new actions say from then on" in words(one) for one in found.changes)


@shows("REQ-D4", how="static")
def test_another_image_is_a_rolling_deployment() -> None:
    found = moved("tasks", {"ImageTag": "1.0.0"}, {"ImageTag": "1.0.1"})
    assert (names(found), found.bump) == ({"Task", "Tasks"}, Bump.PATCH)
    task, tasks = change_of(found, "Task"), change_of(found, "Tasks")
    assert task.effect == Effect.REPLACEMENT and "another revision of the task definition" in words(task)
    assert (tasks.effect, tasks.certain) == (Effect.IN_PLACE, True)
    assert "a rolling deployment: new tasks are started" in words(tasks) and "no data is touched" in words(tasks)
    first = moved("tasks", {"ImageTag": "none"}, {"ImageTag": "1.0.0"})
    assert {one.action for one in first.changes if one.section == Section.RESOURCES} == {"add"}


@shows("REQ-M11", "REQ-D4", how="static")
@pytest.mark.parametrize(
    ("name", "changed"),
    [
        ("front-v2", {"port": 9090}),
        ("front-v2", {"shape": "http", "port": None, "health": ""}),
        ("tasks", {"port": 9090}),
    ],
    ids=["port", "kind", "alone"],
)
def test_other_targets_answer_nobody_at_first(name: str, changed: dict[str, Any]) -> None:
    """Behind a front the next version is made instead: the front has the old target group until its own update."""
    new = json.loads(render(page.build(system(), replace(system().services[name], **changed))))
    change = change_of(diff(stack(name), new), "Targets")
    assert (change.effect, change.certain) == (Effect.REPLACEMENT, True) and change.bump >= Bump.MINOR
    told = next(reason for reason in change.reasons if reason.path in (("Port",), ("TargetType",)))
    assert told.says.startswith("is replaced: nobody is answered until targets of the new one are healthy")
    assert "for as long as a listener of another stack refers to it" in told.says
    assert told.source.endswith("/target-group-health-checks.html")


@shows("REQ-D4", how="static")
@pytest.mark.parametrize("name", ["front", "tasks"])
def test_a_domain_that_is_given_or_taken_away_interrupts(name: str) -> None:
    old, new = stack(name), stack(name)
    for one, secure in ((old, False), (new, True)):
        properties = one["Resources"]["BalancerListener"]["Properties"]
        for key in ("Port", "Protocol"):
            properties[key] = properties[key]["Fn::If"][1 if secure else 2]
    for found in (diff(old, new), diff(new, old)):
        change = change_of(found, "BalancerListener")
        assert (change.effect, change.certain, change.bump) == (Effect.INTERRUPTION, True, Bump.MINOR)
        assert {reason.path for reason in change.reasons} == {("Port",), ("Protocol",)}
        assert all(reason.source.endswith("/API_ModifyListener.html") for reason in change.reasons)
        assert "is not answered" in words(change)


@shows("REQ-D4", how="static")
def test_another_size_interrupts_a_database_and_rolls_servers() -> None:
    found = moved("servers", {"MultiAz": "off"}, {"MultiAz": "on", "DatabaseClass": "db.t4g.large"})
    change = change_of(found, "Database")
    assert (change.effect, change.data, found.bump) == (Effect.INTERRUPTION, "", Bump.MINOR)
    assert "the database restarts, or fails over to its standby" in words(change)
    found = moved("servers", {}, {"InstanceType": "c7g.large"})
    assert change_of(found, "ServersTemplate").effect == Effect.IN_PLACE
    assert "replaces its instances, batch by batch" in words(change_of(found, "Servers"))
    assert (found.effect, "Database" in names(found)) == (Effect.INTERRUPTION, False)


@pytest.mark.parametrize(
    ("name", "title", "key", "fixed", "data"),
    [
        ("servers", "Database", "DBSubnetGroupName", "DBInstanceIdentifier", "snapshot"),
        ("tasks", "Repository", "EncryptionConfiguration", "", "retained"),
        ("cached", "Cache", "KmsKeyId", "ServerlessCacheName", ""),
    ],
)
def test_what_holds_data_and_what_does_not(name: str, title: str, key: str, fixed: str, data: str) -> None:
    """A snapshot is kept data, but what is made in its place is empty; a cache of which none is taken holds copies."""
    old, new = stack(name), stack(name)
    properties = new["Resources"][title]["Properties"]
    properties[key] = {"EncryptionType": "KMS"} if key == "EncryptionConfiguration" else "another"
    if fixed:  # what has a name of its own is not replaced by mistake
        assert change_of(diff(old, new), title).effect == Effect.FAILURE
        properties[fixed] = "another"
    change = change_of(diff(old, new), title)
    assert (change.effect, change.data, change.bump) == (Effect.REPLACEMENT, data, Bump.MAJOR)
    for attribute in ("DeletionPolicy", "UpdateReplacePolicy"):
        new["Resources"][title][attribute] = "Delete"
    lost = change_of(diff(old, new), title)
    assert lost.effect == (Effect.DATA_LOSS if data else Effect.REPLACEMENT)


def test_a_cache_with_snapshots_holds_data() -> None:
    def cache(**more: Any) -> dict[str, Any]:
        return template({"Cache": resource("AWS::ElastiCache::ServerlessCache", Engine="valkey", **more)})

    kept = {"SnapshotRetentionLimit": 7}
    gone = template({"Other": resource("AWS::SQS::Queue")})
    assert change_of(diff(cache(**kept), gone), "Cache").effect == Effect.DATA_LOSS
    assert change_of(diff(cache(), gone), "Cache").effect == Effect.REMOVAL


@shows("REQ-D4", how="static")
def test_nothing_in_a_template_of_a_service_is_unknown() -> None:
    """Every property of every resource, but those of which only both sides tell together what happens."""
    unknown = set()
    for name in system().services:
        for one in stack(name)["Resources"].values():
            for key in one.get("Properties", {}):
                if facts.fact(one["Type"], (key,)).update is facts.Update.UNKNOWN:
                    unknown |= {(one["Type"], key)} - {("AWS::DynamoDB::Table", "AttributeDefinitions")}
    assert unknown == set()


def test_a_diff_with_weights_is_read_by_people() -> None:
    told = report.table(replace(moved("weighted", {"StableVersion": "6"}, {"StableVersion": "7"}), standing=()))
    assert told.splitlines()[0] == "in place             patch  Live (AWS::Lambda::Alias)"
    assert told.count("requests move to the other version") == 1
