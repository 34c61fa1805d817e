"""Takes orders, and says what became of them.

An order's id is made from who sends it and the Idempotency-Key: whoever got no answer sends the same again, and it is
one order. Nothing is kept of an order whose goods are not reserved. One that is kept may not have been published, when
this function ended in between; so it is published each time that it is sent, with the same id, as a part of the
request that kept it.
"""

from __future__ import annotations

import re
import uuid
from dataclasses import replace
from typing import Any

from troposphere_arch.service_kit import client, context, http, publishing, table

SKU = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
CARD = re.compile(r"[A-Za-z0-9_-]{4,64}")  # what the provider of payments knows a card by, never its number
KEY = re.compile(r"[A-Za-z0-9_-]{8,64}")
ID = re.compile(r"[0-9a-f-]{36}")
MOST_UNITS = 1000
ORDERS = uuid.UUID("b7b8b5a5-3f0c-4d9e-9a53-6c7a1d1f0e57")


def place(request: http.Request) -> http.Reply:
    """POST /orders: `sku`, `units` and `card`, with an Idempotency-Key."""
    said = request.body if isinstance(request.body, dict) else {}
    sku, units, card = text("sku", said, SKU), number("units", said, 1, MOST_UNITS), text("card", said, CARD)
    key = text("idempotency-key", request.headers, KEY)
    id = str(uuid.uuid5(ORDERS, f"{request.caller} {key}"))
    order = kept(id)
    if order is None:
        cents = units * reserve(id, sku, units)
        order = keep({"id": id, "sku": sku, "units": units, "card": card, "cents": cents, "request": request.id})
    if (order["sku"], order["units"], order["card"]) != (sku, units, card):
        raise http.Conflict("This Idempotency-Key was used for another order.")
    with context.begin(replace(context.current(), request=order["request"])):
        publishing.publish("order-placed", order)
    return http.Reply(202, {"order": shown(order), "request": order["request"], "status": f"/orders/{id}/status"})


def read(request: http.Request) -> dict[str, Any]:
    """GET /orders/{id}"""
    return shown(found(request))


def status(request: http.Request) -> dict[str, Any]:
    """GET /orders/{id}/status"""
    asked = found(request)["request"]
    try:
        answer: dict[str, Any] = client.call("status", "GET /requests/{id}", id=asked).body
    except client.Rejected as error:
        if error.status != 404:
            raise
        return {"request": asked, "state": "accepted", "overdue": False, "steps": []}  # nobody has told of it yet
    return answer


def reserve(id: str, sku: str, units: int) -> int:
    """Reserves the goods, once for each order; gives the price of one. When `stock` is down, the answer is 503."""
    try:
        route = "POST /stock/{sku}/reservations"
        return int(client.call("stock", route, sku=sku, body={"units": units}, key=id).body["cents"])
    except client.Rejected as error:
        if error.status not in (404, 409):
            raise
        raise http.Conflict(f"There are no {units} of {sku} left.") from error


def keep(order: dict[str, Any]) -> dict[str, Any]:
    """Keeps the order; gives the one that was kept at the same moment, if there is one."""
    order, items = {**order, "at": context.now()}, table.items()
    try:
        items.put_item(Item={**place_of(order["id"]), **order}, ConditionExpression="attribute_not_exists(pk)")
    except items.meta.client.exceptions.ConditionalCheckFailedException:
        return kept(order["id"]) or order
    return order


def kept(id: str) -> dict[str, Any] | None:
    item = table.items().get_item(Key=place_of(id), ConsistentRead=True).get("Item")
    return {name: value for name, value in item.items() if name not in ("pk", "sk")} if item else None


def found(request: http.Request) -> dict[str, Any]:
    order = kept(request.path["id"]) if ID.fullmatch(request.path["id"]) else None
    if order is None:
        raise http.NotFound("There is no order with this id.")
    return order


def shown(order: dict[str, Any]) -> dict[str, Any]:
    """What may be told of an order: all but the card."""
    return {name: value for name, value in order.items() if name != "card"}


def place_of(id: str) -> dict[str, str]:
    return {"pk": f"order#{id}", "sk": "order"}


def text(name: str, said: Any, form: re.Pattern[str]) -> str:
    value = said.get(name)
    if not isinstance(value, str) or not form.fullmatch(value):
        raise http.BadRequest(f"{name} is not of the form {form.pattern}.")
    return value


def number(name: str, said: Any, least: int, most: int) -> int:
    """A whole number. For Python True is one, too; and 2.0 is not what anybody orders."""
    value = said.get(name)
    if type(value) is not int or not least <= value <= most:
        raise http.BadRequest(f"{name} is not a whole number from {least} to {most}.")
    return value


handler = http.handler({"POST /orders": place, "GET /orders/{id}": read, "GET /orders/{id}/status": status})
