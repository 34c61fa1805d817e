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
    if charge(order["id"], order["card"], order["cents"]):
        publishing.put(
            "invoices", f"{order['id']}.json", {name: order[name] for name in ("id", "sku", "units", "cents")}
        )
        return [kept(order, "paid")]
    client.call("stock", "DELETE /stock/{sku}/reservations/{id}", sku=order["sku"], id=order["id"])
    return messages.Finished({"order": order["id"], "state": "declined"}, [kept(order, "declined")])


def kept(order: dict[str, Any], state: str) -> dict[str, Any]:
    return {"Put": {"Item": {"pk": f"order#{order['id']}", "sk": "payment", "cents": order["cents"], "state": state}}}


handler = messages.handler(work)
