"""Makes the invoice of an order that is paid, and so ends the request.

What is in the order was typed by somebody: it is escaped before it is HTML.
"""

from __future__ import annotations

import json
from html import escape

from troposphere_arch.service_kit import messages

PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><title>Invoice {id}</title>
<h1>Invoice {id}</h1>
<p>{units} × {sku}: {total}</p>
</html>
"""


def work(message: messages.Message) -> messages.Finished:
    order = json.loads(message.body)
    units, cents = (whole(order[name]) for name in ("units", "cents"))
    total = f"{cents // 100}.{cents % 100:02}"  # cents are whole numbers: no floats for money
    page = PAGE.format(id=escape(order["id"]), sku=escape(order["sku"]), units=units, total=total)
    put = {"Item": {"pk": f"order#{order['id']}", "sk": "invoice", "page": page}}
    return messages.Finished({"order": order["id"], "state": "paid", "total": total}, [{"Put": put}])


def whole(value: object) -> int:
    if type(value) is not int or value < 1:
        raise ValueError("not a whole number")
    return value


handler = messages.handler(work)
