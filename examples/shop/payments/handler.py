"""Charges the card of an order, once.

Anything may fail between two lines, and the message then comes again from the beginning. So each line may be run
twice: the provider charges once for an order's id, giving back is done once, an invoice has the order's name. What is
returned is written together with the mark that the message is done.
"""

from __future__ import annotations

from typing import Any

from provider import charge

from troposphere_arch.service_kit import client, messages, publishing


def work(message: messages.Message) -> list[dict[str, Any]] | messages.Finished:
    order = message.body
    bill = {"id": order["id"], "sku": order["sku"], "units": whole(order["units"]), "cents": whole(order["cents"])}
    if charge(bill["id"], order["card"], bill["cents"]):
        publishing.put("invoices", f"{bill['id']}.json", bill)
        return [kept(bill, "paid")]
    client.call("stock", "DELETE /stock/{sku}/reservations/{id}", sku=bill["sku"], id=bill["id"])
    return messages.Finished({"order": bill["id"], "state": "declined"}, [kept(bill, "declined")])


def kept(bill: dict[str, Any], state: str) -> dict[str, Any]:
    return {"Put": {"Item": {"pk": f"order#{bill['id']}", "sk": "payment", "cents": bill["cents"], "state": state}}}


def whole(value: object) -> int:
    """What is no number is found before anybody is charged; the message then ends in the dead-letter queue."""
    if type(value) is not int or value < 1:
        raise ValueError("not a whole number")
    return value


handler = messages.handler(work)
