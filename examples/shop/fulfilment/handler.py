"""An order was placed: it is to be paid, and counted.

Both messages have the same ids whenever this order comes again, so whoever gets them twice knows. What the card is
goes to payments only.
"""

from __future__ import annotations

from troposphere_arch.service_kit import messages, publishing


def work(message: messages.Message) -> None:
    order = message.body
    publishing.send("payments", {name: order[name] for name in ("id", "sku", "units", "cents", "card")})
    publishing.send("statistics", {name: order[name] for name in ("id", "sku", "units", "at")}, group=order["sku"])


handler = messages.handler(work)
