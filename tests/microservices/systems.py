"""Small systems for the tests: declarations with code that does little, in a folder of their own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from troposphere_arch.microservices.declaration import Platform, Service, System

OWNER = "shop@example.com"
HTTP_CODE = '''"""Answers."""
from troposphere_arch.service_kit import http, table


def answer(request):
    return table.items().get_item(Key={"pk": request.path["id"], "sk": "item"}).get("Item")


handler = http.handler({"GET /items/{id}": answer})
'''
CALLING_CODE = '''"""Answers, with the help of others."""
from troposphere_arch.service_kit import client, http, publishing, table


def answer(request):
    found = client.call("stock", "GET /stock/{sku}", sku=request.path["id"]).body
    table.items().put_item(Item={"pk": request.id, "sk": "item"})
    return {"found": found, "request": publishing.publish("order-placed", found)}


handler = http.handler({"GET /orders/{id}": answer})
'''
WORK_CODE = '''"""Works."""
from troposphere_arch.service_kit import messages, publishing


def work(message):
    return None


handler = messages.handler(work)
'''


def service(folder: Path, name: str, shape: str, **declared: Any) -> Service:
    """A declared service with its code."""
    place = folder / name
    place.mkdir(parents=True)
    code = CALLING_CODE if declared.get("calls") else HTTP_CODE if shape == "http" else WORK_CODE
    (place / "handler.py").write_text(code)
    return Service(name, shape, OWNER, f"Does what {name} does.", folder=place, **declared)


def shop(folder: Path, *more: Service) -> System:
    """One service of each shape, each way from one to another, and one that lives in the platform's network."""
    made = (
        service(folder, "stock", "http", routes=("GET /stock/{sku}", "POST /stock/{sku}/reservations"), table=True),
        service(
            folder,
            "orders",
            "http",
            routes=("POST /orders", "GET /orders/{id}"),
            table=True,
            calls={"stock": ("GET /stock/{sku}",), "status": ("GET /requests/{id}",)},
            publishes=("order-placed", "order-gone"),
        ),
        service(
            folder, "fulfilment", "topic", subscribes={"orders": ("order-placed",)}, sends=("payments", "statistics")
        ),
        service(folder, "payments", "queue", puts=("invoices",), fifo=True),
        service(folder, "statistics", "stream"),
        service(folder, "invoices", "bucket", prefix="paid/"),
        service(folder, "ledger", "http", routes=("GET /ledger",), inside=True, private=True, table=True),
        *more,
    )
    return System(Platform("shop", OWNER, network="endpoints"), {one.name: one for one in made}, folder)
