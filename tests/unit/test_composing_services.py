"""Services in the hands of a composer: a page of their own in Python, and what arrows say when held wrong."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.evidence import shows
from troposphere_arch import arrows, lint
from troposphere_arch.blocks import (
    awslambda,
    cloudwatch,
    dynamodb,
    kinesis,
    s3,
    service_api,
    sns,
    sqs,
    ssm,
)
from troposphere_arch.parameters.services import found
from troposphere_arch.render import render
from troposphere_arch.template import ScenarioTemplate, actor, scenario_template

CODE = "todo/delete_accounts.py"


class Kit:
    """One node of each kind on a template of its own."""

    def __init__(self) -> None:
        self.t: ScenarioTemplate = scenario_template("kit", "1.0.0", "Kit.")
        self.function = awslambda.function(self.t, "Orders", code=CODE)
        self.failures = sqs.dead_letters(self.t, "Failures")
        self.queue = sqs.work_queue(self.t, "Work", self.failures, timeout=10)
        self.stream = kinesis.stream(self.t, "Stream")
        self.topic = sns.topic(self.t, "Events")
        self.bucket = s3.inbox(self.t, "Inbox")
        self.items = dynamodb.table(self.t, "Items", partition="pk", sort="sk")
        self.api = service_api.service_api(self.t, "Api")
        told = ("address", "arn", "events", "bus", "bus-arn", "subnets", "security-group")
        finds = {what: found(f"Stock{what.title().replace('-', '')}", f"/x/stock/{what}", what, what) for what in told}
        self.stock = ssm.Neighbour(self.t, "Stock", name="stock", finds=finds)

    def resources(self) -> dict[str, Any]:
        made: dict[str, Any] = json.loads(render(self.t))["Resources"]
        return made

    def policies(self, role: str = "OrdersRole") -> dict[str, Any]:
        listed = self.resources()[role]["Properties"]["Policies"]
        return {p["PolicyName"]: p["PolicyDocument"]["Statement"] for p in listed if "PolicyName" in p}


@shows("REQ-M2", how="static")
def test_a_call_grants_just_that_route_and_tells_the_address() -> None:
    k = Kit()
    arrows.calls(k.function, "GET /stock/{sku}", k.stock)
    (statement,) = k.policies()["CallStockGetStockSku"]
    assert statement["Action"] == ["execute-api:Invoke"]
    assert statement["Resource"] == [{"Fn::Sub": "${StockArn}/GET/stock/*"}]
    variables = k.resources()["Orders"]["Properties"]["Environment"]["Variables"]
    assert variables == {"STOCK_URL": {"Ref": "StockAddress"}}
    parameter = json.loads(render(k.t))["Parameters"]["StockAddress"]
    assert (parameter["Type"], parameter["Default"]) == ("AWS::SSM::Parameter::Value<String>", "/x/stock/address")
    assert [(a.source, a.verb, a.destination, a.label) for a in k.t.arrows] == [
        ("Orders", "calls", "Stock", "GET /stock/{sku}")
    ]


@shows("REQ-M2", how="static")
@pytest.mark.parametrize(
    ("route", "other", "covered"),
    [
        ("GET /stock/{sku}", "GET /stock/{sku}/history", True),
        ("GET /stock/{sku}", "GET /stock/special", True),
        ("GET /stock/{sku}", "GET /stock/{id}", True),
        ("GET /stock/{sku}", "PUT /stock/{sku}", False),
        ("GET /stock/{sku}", "GET /stock", False),
        ("GET /stock/{sku}/history", "GET /stock/{sku}", False),
        ("GET /stock/{sku}/history", "GET /stock/{sku}/more/history", True),
    ],
)
def test_what_a_right_to_call_is_for_besides(route: str, other: str, covered: bool) -> None:
    assert arrows.covers(route, other) is covered


def test_what_is_not_meant_is_denied() -> None:
    k = Kit()
    arrows.calls(k.function, "GET /stock/{sku}", k.stock)
    arrows.may_not_call(k.function, ["GET /stock/{sku}/history", "GET /stock/last"], k.stock)
    (statement,) = k.policies()["NotCallStock"]
    denied = [{"Fn::Sub": f"${{StockArn}}/GET/stock/{rest}"} for rest in ("*/history", "last")]
    assert (statement["Effect"], statement["Resource"]) == ("Deny", denied)


def test_two_calls_of_one_service_are_two_rights_and_one_address() -> None:
    k = Kit()
    arrows.calls(k.function, "GET /stock/{sku}", k.stock)
    arrows.calls(k.function, "POST /stock/{sku}/reservations", k.stock)
    assert {"CallStockGetStockSku", "CallStockPostStockSkuReservations"} <= k.policies().keys()


def test_what_is_not_used_of_a_neighbour_is_no_parameter() -> None:
    k = Kit()
    arrows.puts_into(k.function, k.stock, "in/")
    assert {p for p in json.loads(render(k.t))["Parameters"] if p.startswith("Stock")} == {"StockAddress", "StockArn"}


def test_a_page_of_ones_own_is_clean(tmp_path: Path) -> None:
    code = tmp_path / "work.py"
    code.write_text("def handler(event, context):\n    return {'batchItemFailures': []}\n")
    t = scenario_template("own", "1.0.0", "A page of somebody's own.")
    failures = sqs.dead_letters(t, "Failures")
    work = sqs.work_queue(t, "Work", failures, timeout=10)
    function = awslambda.function(t, "Worker", code=code)
    arrows.consumes(function, work)
    cloudwatch.watch(t, function, work, failures)
    assert lint.lint({"own.template.json": render(t)}, regions=("us-east-1",)) == []


WRONG: dict[str, Callable[[Kit], None]] = {
    "GET /x": lambda k: arrows.calls(k.queue, "GET /x", k.stock),
    "GET /y": lambda k: arrows.calls(k.function, "GET /y", k.queue),  # type: ignore[arg-type]
    "sends": lambda k: arrows.sends_to(k.function, k.queue, "QUEUE"),  # type: ignore[arg-type]
    "puts into": lambda k: arrows.puts_into(k.function, k.bucket, "in/"),  # type: ignore[arg-type]
    "announces": lambda k: arrows.announces(k.function, k.stock, ("a",)),  # type: ignore[arg-type]
    "subscribes": lambda k: arrows.subscribes(k.failures, k.stock, ("a",)),  # type: ignore[arg-type]
    "consumes": lambda k: arrows.consumes(k.function, k.bucket, failures=k.failures),  # type: ignore[arg-type]
    "takes": lambda k: arrows.takes(k.function, k.items, "in/"),  # type: ignore[arg-type]
    "owns": lambda k: arrows.owns(k.function, k.bucket),  # type: ignore[arg-type]
    "tells": lambda k: arrows.tells(k.function, k.topic, "orders"),  # type: ignore[arg-type]
    "lives in": lambda k: arrows.lives_in(k.function, k.topic),  # type: ignore[arg-type]
}


@pytest.mark.parametrize("verb", WRONG)
def test_an_arrow_to_the_wrong_node(verb: str) -> None:
    with pytest.raises(TypeError, match=f"{verb}: .* where a .* belongs"):
        WRONG[verb](Kit())


REFUSED: dict[str, Callable[[Kit], Any]] = {
    "'GET stock' is no route": lambda k: arrows.calls(k.function, "GET stock", k.stock),
    "sends to stock as 'TOPIC': write QUEUE or STREAM": lambda k: arrows.sends_to(k.function, k.stock, "TOPIC"),
    "what fails in a stream needs a queue": lambda k: arrows.consumes(k.function, k.stream),
    "GET /x is by users, and Api asks for a signature": lambda k: arrows.route(k.api, "GET /x", k.function),
    "GET /x is by anybody": lambda k: arrows.route(k.api, "GET /x", k.function, by="anybody"),
    "is by 'all': write users, anybody or services": lambda k: arrows.route(k.api, "GET /x", k.function, by="all"),
}


@pytest.mark.parametrize("message", REFUSED)
def test_what_an_arrow_refuses(message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        REFUSED[message](Kit())


def test_a_function_is_in_one_network() -> None:
    k = Kit()
    arrows.lives_in(k.function, k.stock)
    with pytest.raises(ValueError, match="is in a network already"):
        arrows.lives_in(k.function, k.stock)


def test_somebody_else_still_calls_with_a_token() -> None:
    k = Kit()
    phone = actor(k.t, "Phone")
    arrows.calls(phone, k.api)
    assert k.t.arrows[-1].label == "HTTPS"
    with pytest.raises(TypeError, match="a RestApi belongs"):
        arrows.calls(phone, k.queue)  # type: ignore[arg-type]
