"""A shop on an emulator: its stacks, its people with just the rights that they need, and what an operator looks at."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from tests.journeys.stack import Stack
from troposphere_arch import deploy
from troposphere_arch.journeys.blog import until
from troposphere_arch.local import DEFAULT_REGION, Emulator, Response
from troposphere_arch.microservices import deploying, reading
from troposphere_arch.microservices.declaration import System
from troposphere_arch.microservices.templates import draft

FOLDER = Path(__file__).parents[2] / "examples" / "shop"


@dataclass
class Shop:
    """The stacks of the system that is declared in `folder`, as the environment `name`."""

    emulator: Emulator
    name: str
    folder: Path = FOLDER
    only: str = ""
    given: dict[str, str] = field(default_factory=dict)

    def system(self) -> System:
        return reading.read(self.folder)

    def units(self) -> list[deploying.Unit]:
        """The templates as the sources make them now, with their parameters."""
        system = self.system()
        drafts = {one: draft(system, one) for one in deploying.needed(system, self.only)}
        templates = {one: made.files[made.template] for one, made in drafts.items()}
        versions = {one: made.version for one, made in drafts.items()}
        return deploying.units(system, templates, versions, self.given, name=self.name, only=self.only)

    def up(self) -> dict[str, str]:
        """Bring up what is not as it should be; what became of each."""
        outcomes = deploying.up(self.target, self.units())
        assert not [one for one in outcomes if one.is_bad], outcomes
        return {one.service: one.what for one in outcomes}

    def down(self) -> None:
        outcomes = deploying.down(self.target, deploying.standing(self.target, "shop", self.name), purge=True)
        assert not [one for one in outcomes if one.is_bad], outcomes

    @property
    def target(self) -> deploy.Target:
        return deploy.target_of(self.emulator.client)

    def stack(self, service: str) -> Stack:
        return Stack(self.emulator, f"{self.name}-{service}")

    def told(self, service: str, what: str) -> str:
        """What a stack tells others in Parameter Store."""
        found = self.emulator.client("ssm").get_parameter(Name=f"/{self.name}/{service}/{what}")
        return str(found["Parameter"]["Value"])

    # --- people

    def person(self, *routes: str) -> Person:
        """Somebody who may ask these, as `orders GET /orders/{id}`, and nothing else."""
        iam, name = self.emulator.client("iam"), f"{self.name}-{uuid.uuid4().hex[:8]}"
        iam.create_user(UserName=name)
        resources = []
        for route in routes:
            service, verb, path = route.split(" ")
            resources.append(f"{self.told(service, 'arn')}/{verb}{re.sub('{[^}]+}', '*', path)}")
        statement = {"Effect": "Allow", "Action": "execute-api:Invoke", "Resource": resources}
        if routes:
            document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
            iam.put_user_policy(UserName=name, PolicyName="asks", PolicyDocument=document)
        key = iam.create_access_key(UserName=name)["AccessKey"]
        return Person(self, Credentials(key["AccessKeyId"], key["SecretAccessKey"]))

    # --- what an operator looks at

    def item(self, service: str, pk: str, sk: str) -> dict[str, Any]:
        """An item of a service's table; empty when there is none."""
        table = self.emulator.client("dynamodb")
        key = {"pk": {"S": pk}, "sk": {"S": sk}}
        found = table.get_item(TableName=self.stack(service).physical("Items"), Key=key, ConsistentRead=True)
        return {name: next(iter(value.values())) for name, value in found.get("Item", {}).items()}

    def lines(self, service: str, pattern: str = "") -> list[dict[str, Any]]:
        """The lines that its function has logged, of those in which the pattern is."""
        group = self.stack(service).physical("FunctionLogs")
        pages = self.emulator.client("logs").get_paginator("filter_log_events").paginate(logGroupName=group)
        texts = [event["message"].strip() for page in pages for event in page["events"]]
        return [json.loads(text) for text in texts if text.startswith("{") and pattern in text]

    def failures(self, service: str) -> list[str]:
        """What is in its dead-letter queue, which keeps it."""
        url = self.stack(service).outputs["FailuresQueue"]
        found = self.emulator.client("sqs").receive_message(
            QueueUrl=url, MaxNumberOfMessages=10, VisibilityTimeout=0, WaitTimeSeconds=0
        )
        return [message["Body"] for message in found.get("Messages", [])]


@dataclass
class Person:
    """Who signs what they ask."""

    shop: Shop
    credentials: Credentials

    def ask(
        self,
        service: str,
        route: str,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
        **values: str,
    ) -> Response:
        verb, _, path = route.partition(" ")
        path = re.sub(r"\{(\w+)\}", lambda found: quote(values[found[1]], safe=""), path)
        url = self.shop.told(service, "address") + path
        data = b"" if body is None else json.dumps(body).encode()
        request = AWSRequest(verb, url, data=data, headers=dict(headers or {}))
        SigV4Auth(self.credentials, "execute-api", DEFAULT_REGION).add_auth(request)
        # The host is a part of what is signed, so it must come there as it is.
        names = (str(urlsplit(url).hostname),)
        return self.shop.emulator.request(verb, url, headers=dict(request.headers.items()), body=data, names=names)


CUSTOMER = ("orders POST /orders", "orders GET /orders/{id}", "orders GET /orders/{id}/status")
WAREHOUSE = ("stock GET /stock/{sku}", "stock PUT /stock/{sku}")


@dataclass
class Customer(Person):
    """Somebody who orders, and follows what becomes of it."""

    def order(self, sku: str, units: int = 2, card: str = "visa-4242", key: str = "", **headers: str) -> Response:
        sent = {"Idempotency-Key": key or str(uuid.uuid4()), **headers}
        return self.ask("orders", "POST /orders", {"sku": sku, "units": units, "card": card}, sent)

    def placed(self, sku: str, units: int = 2, card: str = "visa-4242", **headers: str) -> dict[str, Any]:
        """What is answered to an order that is taken."""
        answer = self.order(sku, units, card, **headers)
        assert answer.status == 202, answer.body
        told: dict[str, Any] = answer.json()
        return told

    def status(self, order: str) -> dict[str, Any]:
        answer = self.ask("orders", "GET /orders/{id}/status", id=order)
        assert answer.status == 200, answer.body
        told: dict[str, Any] = answer.json()
        return told

    def followed(self, placed: Mapping[str, Any]) -> dict[str, Any]:
        """Where the order is in the end, and each state on the way is one that may come next."""
        order, states = placed["order"]["id"], ["accepted", "working", "done"]
        seen: list[str] = []

        def ended() -> dict[str, Any] | None:
            told = self.status(order)
            seen.append(told["state"])
            return told if told["state"] == "done" else None

        last = until(f"the end of order {order}", ended)
        assert seen == sorted(seen, key=states.index)
        return last


@dataclass
class Warehouse(Person):
    """Somebody who knows what is there."""

    def fill(self, units: int = 10, cents: int = 1250) -> str:
        sku = f"tea-{uuid.uuid4().hex[:8]}"
        assert self.ask("stock", "PUT /stock/{sku}", {"units": units, "cents": cents}, sku=sku).status == 200
        return sku

    def left(self, sku: str) -> int:
        return int(self.ask("stock", "GET /stock/{sku}", sku=sku).json()["units"])


def customer(shop: Shop) -> Customer:
    return Customer(shop, shop.person(*CUSTOMER).credentials)


def warehouse(shop: Shop) -> Warehouse:
    return Warehouse(shop, shop.person(*WAREHOUSE).credentials)


def states(told: Mapping[str, Any]) -> dict[str, set[str]]:
    """The states of each service, of all steps of a request."""
    found: dict[str, set[str]] = {}
    for step in told["steps"]:
        found.setdefault(step["service"], set()).add(step["state"])
    return found


__all__: Sequence[str] = ("Customer", "Person", "Shop", "Warehouse", "customer", "states", "warehouse")
