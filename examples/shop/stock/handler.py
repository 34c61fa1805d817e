"""How much there is of what, at which price, and what of it is reserved.

What is left is one number, and a reservation takes from it on the condition that there is enough: two who want the
last one can't both get it. The reservation is written in the same transaction, under the key of who asks, so that
asking again takes nothing more. One that was given back stays, marked, so that a late repeat doesn't take again.
"""

from __future__ import annotations

import re
from typing import Any

from troposphere_arch.service_kit import http, table

SKU = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
KEY = re.compile(r"[A-Za-z0-9_-]{8,64}")
MOST_UNITS, MOST_CENTS = 1_000_000, 100_000_000
TRIES = 5  # when somebody else writes the same goods at the same moment
GOODS = "goods"


def read(request: http.Request) -> dict[str, Any]:
    """GET /stock/{sku}"""
    sku = text("sku", request.path, SKU)
    return {"sku": sku, **goods(sku)}


def write(request: http.Request) -> dict[str, Any]:
    """PUT /stock/{sku}: the `units` that may be reserved from now on, and what one costs in `cents`."""
    sku = text("sku", request.path, SKU)
    told = {"units": number(request, "units", 0, MOST_UNITS), "cents": number(request, "cents", 1, MOST_CENTS)}
    table.items().put_item(Item={**key(sku, GOODS), **told})
    return {"sku": sku, **told}


def reserve(request: http.Request) -> http.Reply:
    """POST /stock/{sku}/reservations: takes `units`, once for each Idempotency-Key."""
    sku, units = text("sku", request.path, SKU), number(request, "units", 1, MOST_UNITS)
    id = text("idempotency-key", request.headers, KEY)
    for _ in range(TRIES):
        made = item(sku, f"reservation#{id}")
        if made is None:
            made = {"units": units, "cents": goods(sku)["cents"], "given_back": False}
            put = {"Item": {**key(sku, f"reservation#{id}"), **made}, "ConditionExpression": "attribute_not_exists(pk)"}
            failed = transact({"Put": put}, {"Update": more(sku, -units)})
            if failed == ["None", "ConditionalCheckFailed"]:
                raise http.Conflict(f"There are no {units} of {sku} left.")
            if failed:  # the same key at the same moment, or other keys: look again
                continue
        if made["given_back"] or made["units"] != units:
            raise http.Conflict("This Idempotency-Key was used for another reservation.")
        return http.Reply(201, {"id": id, "sku": sku, "units": units, "cents": made["cents"]})
    raise http.Unavailable("Too many want these goods at once: try again.")


def give_back(request: http.Request) -> None:
    """DELETE /stock/{sku}/reservations/{id}: what is not reserved need not be given back."""
    sku, id = text("sku", request.path, SKU), text("id", request.path, KEY)
    mark = {
        "Key": key(sku, f"reservation#{id}"),
        "UpdateExpression": "SET given_back = :yes",
        "ConditionExpression": "given_back = :no",
        "ExpressionAttributeValues": {":yes": True, ":no": False},
    }
    for _ in range(TRIES):
        made = item(sku, f"reservation#{id}")
        if made is None or made["given_back"]:
            return
        if not transact({"Update": mark}, {"Update": more(sku, made["units"])}):
            return
    raise http.Unavailable("Too many want these goods at once: try again.")


def key(sku: str, what: str) -> dict[str, str]:
    return {"pk": f"sku#{sku}", "sk": what}


def item(sku: str, what: str) -> dict[str, Any] | None:
    return table.items().get_item(Key=key(sku, what), ConsistentRead=True).get("Item")


def goods(sku: str) -> dict[str, Any]:
    """What is left, and what one costs."""
    found = item(sku, GOODS)
    if found is None:
        raise http.NotFound(f"There is no {sku}.")
    return {"units": found["units"], "cents": found["cents"]}


def more(sku: str, units: int) -> dict[str, Any]:
    """The update that adds to what is left, or takes from it if there is enough."""
    return {
        "Key": key(sku, GOODS),
        "UpdateExpression": "SET units = units + :units",
        "ConditionExpression": "units >= :least",
        "ExpressionAttributeValues": {":units": units, ":least": max(0, -units)},
    }


def transact(*writes: dict[str, dict[str, Any]]) -> list[str]:
    """Does all of these or nothing; if nothing, says for each what was in its way."""
    items, client = table.items(), table.items().meta.client
    named = [{verb: {"TableName": items.name, **write}} for each in writes for verb, write in each.items()]
    try:
        client.transact_write_items(TransactItems=named)
    except client.exceptions.TransactionCanceledException as error:
        return [reason["Code"] for reason in error.response["CancellationReasons"]]
    return []


def text(name: str, said: Any, form: re.Pattern[str]) -> str:
    value = said.get(name)
    if not isinstance(value, str) or not form.fullmatch(value):
        raise http.BadRequest(f"{name} is not of the form {form.pattern}.")
    return value


def number(request: http.Request, name: str, least: int, most: int) -> int:
    """A whole number that the request's body says. For Python True is one, too; and 2.0 may be rounded."""
    value = request.body.get(name) if isinstance(request.body, dict) else None
    if type(value) is not int or not least <= value <= most:
        raise http.BadRequest(f"{name} is not a whole number from {least} to {most}.")
    return value


handler = http.handler(
    {
        "GET /stock/{sku}": read,
        "PUT /stock/{sku}": write,
        "POST /stock/{sku}/reservations": reserve,
        "DELETE /stock/{sku}/reservations/{id}": give_back,
    }
)
