"""What a role may hold: the rights that a declaration asks for fit, and what does not fit is told before."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.evidence import shows
from tests.microservices.conftest import OWNED, problems, put, system
from troposphere_arch.microservices import service as page

MOST_CHARACTERS = 10_240  # https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
STAGE = "arn:aws-us-gov:execute-api:ap-southeast-2:123456789012:abcdefghij/prod"
ANY_OTHER = "arn:aws:elasticloadbalancing:ap-southeast-2:123456789012:" + "x" * 60
HTTP = f"shape: http\n{OWNED}"
NARROW = [f"GET /others/{number:03}/{'x' * 76}" for number in range(25)]


def routes(*names: str) -> str:
    return f"[{', '.join(json.dumps(name) for name in names)}]"


def caller(folder: Path, denied: int, others: int, wide: str = "GET /stock/{sku}") -> Path:
    """`orders` calls a route of stock that `denied` more begin with, and some more routes of another service."""
    below = [f"GET /stock/{{sku}}/{number:03}-{'x' * 20}" for number in range(denied)]
    calls = f"calls: {{stock: {routes(wide)}" + (f", others: {routes(*NARROW[:others])}}}" if others else "}")
    files = {
        "platform.yaml": "name: shop\nowner: shop@example.com\n",
        "stock/service.yaml": f"{HTTP}routes: {routes('GET /stock/{sku}', 'PUT /stock/{sku}', *below)}\n",
        "others/service.yaml": f"{HTTP}routes: {routes(*NARROW)}\n",
        "orders/service.yaml": f"{HTTP}routes: [POST /orders]\ntable: true\npublishes: [placed]\n{calls}\n",
    }
    return put(folder, files)


def documents(folder: Path) -> Mapping[str, Any]:
    """The policies of the caller's role as IAM gets them at the most, by their names."""
    found = system(folder)
    made = page.build(found, found.services["orders"]).to_dict()["Resources"]

    def resolved(value: Any) -> Any:
        if isinstance(value, list):
            return [resolved(one) for one in value]
        if not isinstance(value, dict):
            return value
        if "Fn::Sub" in value:
            text = value["Fn::Sub"] if isinstance(value["Fn::Sub"], str) else value["Fn::Sub"][0]
            begin, _, end = text.partition("}")
            return STAGE + end if begin.endswith("Arn") and "/" in end else ANY_OTHER
        if len(value) == 1 and next(iter(value)) in ("Ref", "Fn::GetAtt", "Fn::If", "Fn::Join"):
            return ANY_OTHER
        return {key: resolved(one) for key, one in value.items()}

    assert {one["Type"] for one in made.values()} & {"AWS::IAM::RolePolicy", "AWS::IAM::Policy"} == set()
    inline = [one.get("Fn::If", ["", one])[1] for one in made["FunctionRole"]["Properties"]["Policies"]]
    return {json.dumps(one["PolicyName"]): resolved(one["PolicyDocument"]) for one in inline}


@shows("REQ-M4", "REQ-M6", how="static")
@pytest.mark.parametrize(
    ("denied", "others", "fits"),
    [(0, 24, True), (0, 25, False), (18, 16, True), (18, 17, False), (45, 5, True), (45, 6, False), (55, 0, True)],
    ids=lambda value: str(value),
)
def test_the_rights_of_a_caller_fit_into_its_role(folder: Path, denied: int, others: int, fits: bool) -> None:
    caller(folder, denied, others)
    if not fits:
        [told] = problems(folder)
        assert told.startswith(f"services/orders/service.yaml:1: orders calls {others + 1} routes")
        assert f"is denied {denied} more" in told or not denied
        return
    found = documents(folder)
    assert sum(len(json.dumps(one, separators=(",", ":"))) for one in found.values()) < MOST_CHARACTERS
    listed = [one["Statement"][0]["Resource"] for name, one in found.items() if "NotCall" in name]
    assert [len(one) for one in listed] == ([denied] if denied else [])


def test_only_what_a_variable_would_stand_for_too_is_denied(folder: Path) -> None:
    """Of another verb nothing is, nor what is called as well."""
    assert problems(caller(folder, 60, 24, wide="PUT /stock/{sku}")) == []
    assert len(problems(caller(folder, 60, 24))) == 1
    called = json.dumps([f"GET /stock/{{sku}}/{number:03}-{'x' * 20}" for number in range(20)])
    put(folder, {"orders/service.yaml": f"{HTTP}routes: [POST /orders]\ncalls: {{stock: {called}}}\n"})
    assert problems(folder) == []
