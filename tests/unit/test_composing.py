"""Blocks and arrows in the hands of a composer: what they make, and what they say when they are held wrong."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from troposphere_arch import arrows, conditions, parameters
from troposphere_arch.blocks import apigateway, awslambda, cloudwatch, cognito, dax, dynamodb, ec2, s3
from troposphere_arch.template import ScenarioTemplate, actor, scenario_template

CODE = "todo/read_todos.py"


class Kit:
    """One node of each kind on a template of its own."""

    def __init__(self, when: str | None = None) -> None:
        self.t: ScenarioTemplate = scenario_template("kit", "1.0.0", "Kit.")
        self.when = conditions.switched_on(self.t, parameters.FILE_STORAGE) if when else None
        self.phone = actor(self.t, "Phone")
        self.users = cognito.user_pool(self.t, "Users")
        self.app = cognito.app_client(self.t, "App", self.users)
        self.identities = cognito.identity_pool(self.t, "Identities", self.app)
        self.api = apigateway.rest_api(self.t, "Api", users=self.users, stage="v1")
        self.read = awslambda.function(self.t, "Read", code=CODE)
        self.table = dynamodb.table(self.t, "Items", partition="owner", sort="id", when=self.when)
        self.files = s3.private_bucket(self.t, "Files", when=self.when)
        self.network = ec2.private_network(self.t, "Network")
        self.cache = dax.read_cache(self.t, "Cache", self.network)

    def resources(self) -> dict[str, Any]:
        made: dict[str, Any] = self.t.to_dict()["Resources"]
        return made


@pytest.mark.parametrize(
    "route", ["GTE /a", "GET a", "get /a", "GET", "/a", "GET /a/", "GET /a b", "GET /{a", "GET /a?b=c"]
)
def test_what_is_no_route(route: str) -> None:
    kit = Kit()
    with pytest.raises(ValueError, match="is no route: write a verb and a path"):
        arrows.route(kit.api, route, kit.read)


def test_paths_with_dashes_and_underscores() -> None:
    kit = Kit()
    arrows.route(kit.api, "GET /to-do_lists/{list_id}", kit.read)
    made = kit.resources()
    assert {"ApiToDoLists", "ApiToDoListsListId", "ApiGetToDoListsListId"} <= made.keys()
    takes = made["ApiGetToDoListsListId"]["Properties"]["RequestParameters"]
    header = "method.request.header."
    assert takes == {
        f"{header}Authorization": False,
        f"{header}authorization": False,
        "method.request.path.list_id": True,
    }


@pytest.mark.parametrize(
    "routes", [("GET /todos/{id}", "PUT /todos/id"), ("GET /todos", "POST /get/todos"), ("GET /a", "GET /a")]
)
def test_two_paths_that_would_be_one(routes: tuple[str, str]) -> None:
    kit = Kit()
    arrows.route(kit.api, routes[0], kit.read)
    with pytest.raises(ValueError, match="two different things with the logical id"):
        arrows.route(kit.api, routes[1], kit.read)


WRONG: dict[str, Callable[[Kit], None]] = {
    "signs in": lambda k: arrows.signs_in(k.phone, k.api),
    "exchanges token": lambda k: arrows.exchanges_token(k.users, k.identities),
    "own prefix": lambda k: arrows.owns_prefix(k.identities, k.table),
    "calls": lambda k: arrows.calls(k.phone, k.read),
    "GET /a": lambda k: arrows.route(k.api, "GET /a", k.table),
    "accepts tokens of": lambda k: arrows.accepts(k.read, k.users),
    "reads": lambda k: arrows.reads(k.table, k.read),
    "writes": lambda k: arrows.writes(k.read, k.files),
    "clears": lambda k: arrows.clears(k.read, k.users),
    "reads through": lambda k: arrows.reads(k.read, k.table, through=k.table),  # type: ignore[arg-type]
    "writes through": lambda k: arrows.writes(k.read, k.table, through=k.network),  # type: ignore[arg-type]
    "deletes user": lambda k: arrows.deletes_users(k.read, k.api),
}


@pytest.mark.parametrize("verb", WRONG)
def test_an_arrow_to_the_wrong_node(verb: str) -> None:
    kit = Kit()
    before = json.dumps(kit.resources(), sort_keys=True)
    with pytest.raises(TypeError, match=f"^{verb}: .*, where a .* belongs$"):
        WRONG[verb](kit)
    assert json.dumps(kit.resources(), sort_keys=True) == before
    assert kit.t.arrows == []


def test_a_condition_holds_for_all_that_an_arrow_makes() -> None:
    kit = Kit(when="FileStorageOn")
    arrows.reads(kit.read, kit.table)
    arrows.owns_prefix(kit.identities, kit.files)
    cloudwatch.watch(kit.t, kit.table)
    made = kit.resources()
    assert made["Items"]["Condition"] == made["Files"]["Condition"] == made["FilesPolicy"]["Condition"] == kit.when
    assert made["ItemsReadThrottlesAlarm"]["Condition"] == kit.when
    assert made["Read"]["Properties"]["Environment"]["Variables"]["ITEMS_TABLE"]["Fn::If"][0] == kit.when
    [grant] = [p for p in made["ReadRole"]["Properties"]["Policies"] if "ReadItems" in json.dumps(p)]
    assert grant["Fn::If"][0] == kit.when
    policies = made["IdentitiesRole"]["Properties"]["Policies"]
    assert all(str(kit.when) in p["Fn::If"][0] for p in policies)
    assert {a.when for a in kit.t.arrows} == {kit.when}


def test_a_route_cannot_hang_on_a_parameter() -> None:
    kit = Kit(when="FileStorageOn")
    sometimes = awslambda.function(kit.t, "Sometimes", code=CODE, when=kit.when)
    with pytest.raises(ValueError, match="freezes its routes, whatever a parameter says"):
        arrows.route(kit.api, "GET /a", sometimes)


def test_the_caller_wins_over_defaults_and_the_architecture_over_the_caller() -> None:
    t = Kit().t
    function = awslambda.function(t, "Slow", code=CODE, Timeout=60, Runtime="python2.7", Handler="other.main")
    made = function.resource.to_dict()["Properties"]
    assert (made["Timeout"], made["Runtime"], made["Handler"]) == (60, awslambda.PYTHON_RUNTIME, "index.handler")
    with pytest.raises(ValueError, match="draw an arrow"):
        awslambda.function(t, "Told", code=CODE, Environment={"Variables": {"A": "b"}})


def test_a_handler_of_ones_own(tmp_path: Path) -> None:
    handler = tmp_path / "h.py"
    handler.write_text("def handler(event, context):\n    return 1\n")
    function = awslambda.function(Kit().t, "Own", code=handler)
    assert function.resource.to_dict()["Properties"]["Code"] == {"ZipFile": handler.read_text()}


def test_two_of_a_kind() -> None:
    t = Kit().t
    dynamodb.table(t, "Others", partition="a", sort="b")
    s3.private_bucket(t, "Pictures")
    made = t.to_dict()
    assert {"Others", "Pictures", "PicturesPolicy"} <= made["Resources"].keys()
    assert "PicturesBucket" in made["Outputs"]
    assert "TimeToLiveSpecification" not in made["Resources"]["Others"]["Properties"]


def test_a_condition_is_defined_once() -> None:
    t = Kit().t
    assert conditions.given(t, parameters.KMS_KEY) == conditions.given(t, parameters.KMS_KEY)
    with pytest.raises(ValueError, match="HasKmsKeyArn is defined twice"):
        conditions.equals(t, "HasKmsKeyArn", parameters.KMS_KEY, "something else")


def test_what_cannot_be_reached_from_a_network_is_said_when_the_arrow_is_drawn() -> None:
    inside = Kit()
    arrows.reads(inside.read, inside.table, through=inside.cache)
    with pytest.raises(ValueError, match="Read cannot reach Users from inside a network"):
        arrows.deletes_users(inside.read, inside.users)
    outside = Kit()
    arrows.deletes_users(outside.read, outside.users)
    with pytest.raises(ValueError, match="Read is to be in Network, where it could not reach Users"):
        arrows.reads(outside.read, outside.table, through=outside.cache)


def test_a_function_is_in_one_network() -> None:
    kit = Kit()
    other = dax.read_cache(kit.t, "Far", ec2.private_network(kit.t, "Elsewhere"))
    arrows.reads(kit.read, kit.table, through=kit.cache)
    with pytest.raises(ValueError, match="Read has a network or layers already, other than those of Elsewhere"):
        arrows.writes(kit.read, kit.table, through=other)


def test_one_function_may_read_and_write_through_a_cache() -> None:
    kit = Kit()
    arrows.reads(kit.read, kit.table, through=kit.cache)
    arrows.writes(kit.read, kit.table, through=kit.cache)
    made = kit.resources()
    allowed = [
        made[name]["Properties"]["PolicyDocument"]["Statement"][0]["Action"]
        for name in ("CacheReadsByRead", "CacheWritesByRead")
    ]
    assert allowed == [["dax:GetItem", "dax:Query"], ["dax:DeleteItem", "dax:UpdateItem"]]
    assert made["CacheClient"]["DependsOn"] == ["CacheReadsByRead", "CacheWritesByRead"]
    names = [p.get("PolicyName") for p in made["ReadRole"]["Properties"]["Policies"]]
    assert names.count("HaveInterfacesInNetwork") == 1


def test_a_function_that_is_not_always_there_takes_its_rights_along() -> None:
    kit = Kit(when="FileStorageOn")
    sometimes = awslambda.function(kit.t, "Sometimes", code=CODE, when=kit.when)
    arrows.reads(sometimes, kit.table, through=kit.cache)
    assert str(kit.when) in kit.resources()["CacheReadsBySometimes"]["Condition"]


def test_a_network_has_one_endpoint_for_all_tables_that_are_used_in_it() -> None:
    kit = Kit()
    others = [dynamodb.table(kit.t, title, partition="a", sort="b") for title in ("Before", "Through", "After")]
    arrows.reads(kit.read, others[0])
    arrows.reads(kit.read, kit.table, through=kit.cache)
    arrows.reads(awslambda.function(kit.t, "Second", code=CODE), others[1], through=kit.cache)
    arrows.reads(kit.read, others[2])
    made = kit.resources()
    [endpoint] = [r["Properties"] for r in made.values() if r["Type"] == "AWS::EC2::VPCEndpoint"]
    [allowed] = endpoint["PolicyDocument"]["Statement"]
    assert {arn["Fn::GetAtt"][0] for arn in allowed["Resource"]} == {"Items", "Before", "Through", "After"}


def test_a_cache_serves_each_table_that_is_used_through_it_and_no_other() -> None:
    kit = Kit()
    other = dynamodb.table(kit.t, "Others", partition="a", sort="b")
    arrows.reads(kit.read, kit.table, through=kit.cache)
    arrows.writes(kit.read, kit.table, through=kit.cache)
    arrows.reads(kit.read, other, through=kit.cache)
    made = kit.resources()
    names = [p["PolicyName"] for p in made["CacheRole"]["Properties"]["Policies"] if "PolicyName" in p]
    assert names == ["ServeItems", "ServeOthers"]
    variables = made["Read"]["Properties"]["Environment"]["Variables"]
    assert {"ITEMS_CACHE", "OTHERS_CACHE", "ITEMS_TABLE", "OTHERS_TABLE"} <= variables.keys()
    keys = [p for p in made["ReadRole"]["Properties"]["Policies"] if "UseKeyOfItems" in json.dumps(p)]
    assert len(keys) == 1


def test_layers_of_ones_own_are_not_overwritten() -> None:
    kit = Kit()
    layered = awslambda.function(
        kit.t, "Layered", code=CODE, Layers=["arn:aws:lambda:us-east-1:123456789012:layer:a:1"]
    )
    before = json.dumps(kit.resources(), sort_keys=True)
    with pytest.raises(ValueError, match="Layered has a network or layers already"):
        arrows.reads(layered, kit.table, through=kit.cache)
    assert json.dumps(kit.resources(), sort_keys=True) == before
