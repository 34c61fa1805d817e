"""Counts orders and units, by goods and day.

Adding is not repeatable by itself. The update is returned, not made: it is written in one transaction with the mark
that the message is done, so that an order is counted once however often it comes.
"""

from __future__ import annotations

from datetime import date
from typing import Any

from troposphere_arch.service_kit import messages


def work(message: messages.Message) -> list[dict[str, Any]]:
    order = message.body
    # The day on which it was placed, not on which it is counted: that one would change when it comes again.
    day = date.fromisoformat(order["at"][:10])
    if type(order["units"]) is not int or order["units"] < 1:
        raise ValueError("not a number of units")
    update = {
        "Key": {"pk": f"sku#{order['sku']}", "sk": f"day#{day}"},
        "UpdateExpression": "ADD orders :one, units :units",
        "ExpressionAttributeValues": {":one": 1, ":units": order["units"]},
    }
    return [{"Update": update}]


handler = messages.handler(work)
