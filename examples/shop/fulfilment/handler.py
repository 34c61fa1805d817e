"""An order was placed: it is to be paid, and counted.

Both messages have the same ids whenever this order comes again, so whoever gets them twice knows. Statistics are not
told the card; whoever subscribes to the orders' events is, which is a name that the provider of payments gave it.
"""

from __future__ import annotations

from troposphere_arch.service_kit import messages, publishing


def work(message: messages.Message) -> None:
    order = message.body
    # Both before either is sent: what is no whole order goes nowhere.
    payment = {name: order[name] for name in ("id", "sku", "units", "cents", "card")}
    count = {name: order[name] for name in ("id", "sku", "units", "at")}
    publishing.send("payments", payment)
    publishing.send("statistics", count, group=order["sku"])


handler = messages.handler(work)
