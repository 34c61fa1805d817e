"""What the handler keeps, in the service's table.

What is left is one number, and a reservation takes from it on the condition that there is enough: two who want the
last one can't both get it. The reservation is written in the same transaction.
"""

from __future__ import annotations

from typing import Any

from troposphere_arch.service_kit import table

TRIES = 5  # when somebody else writes the same goods at the same moment
GOODS = "goods"


class Busy(Exception):
    """Too many write the same goods at the same moment."""


def goods(sku: str) -> dict[str, Any] | None:
    """The `units` that are left, and what one costs in `cents`; None if there is nothing of this name."""
    found = item(sku, GOODS)
    return {"units": found["units"], "cents": found["cents"]} if found else None


def write(sku: str, units: int, cents: int) -> None:
    table.items().put_item(Item={**key(sku, GOODS), "units": units, "cents": cents})


def reserve(sku: str, id: str, units: int) -> dict[str, Any] | None:
    """The reservation of this id, made now or before: `units`, `cents`, `given_back`. None if there is not enough.

    Raises `LookupError` when there is nothing of this name, and `Busy`.
    """
    for _ in range(TRIES):
        made = item(sku, f"reservation#{id}")
        if made is not None:
            return made
        if (found := goods(sku)) is None:
            raise LookupError(sku)
        made = {"units": units, "cents": found["cents"], "given_back": False}
        put = {"Item": {**key(sku, f"reservation#{id}"), **made}, "ConditionExpression": "attribute_not_exists(pk)"}
        failed = transact({"Put": put}, {"Update": more(sku, -units)})
        if not failed:
            return made
        if failed == ["None", "ConditionalCheckFailed"]:
            return None
        # The same key at the same moment, or other keys: look again.
    raise Busy


def give_back(sku: str, id: str) -> None:
    """Once; what is not reserved is left alone. Raises `Busy`."""
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
    raise Busy


def key(sku: str, what: str) -> dict[str, str]:
    return {"pk": f"sku#{sku}", "sk": what}


def item(sku: str, what: str) -> dict[str, Any] | None:
    return table.items().get_item(Key=key(sku, what), ConsistentRead=True).get("Item")


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
