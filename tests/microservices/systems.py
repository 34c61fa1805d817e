"""Small systems for the tests: declarations with code that does little, in a folder of their own."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from troposphere_arch.microservices.declaration import (
    ANSWERING,
    CACHED,
    CONTAINER,
    FRONT,
    HTTP,
    INSTANCES,
    SERVERS,
    Platform,
    Service,
    System,
)

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

PLAIN_CODE = '''"""Answers, and keeps nothing."""
from troposphere_arch.service_kit import http


def answer(request):
    return {"id": request.path["id"]}


handler = http.handler({"GET /items/{id}": answer})
'''
CACHED_CODE = '''"""Answers what is in the cache, or in the table."""
from troposphere_arch.service_kit import cache, http, table


def answer(request):
    key = {"pk": request.path["id"], "sk": "item"}
    return cache.read("items:" + request.path["id"], lambda: table.items().get_item(Key=key).get("Item"))


handler = http.handler({"GET /items/{id}": answer})
'''
DATABASE_CODE = '''"""Answers what is in the database."""
from troposphere_arch.service_kit import database, http


def answer(request):
    database.ready("CREATE TABLE IF NOT EXISTS items (id text PRIMARY KEY, said text NOT NULL)")
    with database.transaction() as run:
        found = run("SELECT id, said FROM items WHERE id = :id", id=request.path["id"])
    if not found:
        raise http.NotFound("There is no such item.")
    return found[0]


handler = http.handler({"GET /items/{id}": answer})
'''
DOCKERFILE = """\
FROM public.ecr.aws/docker/library/python:3.13-slim
WORKDIR /app
COPY requirements.txt ./
RUN pip install --no-cache-dir --require-hashes -r requirements.txt
COPY index.py ./
USER 1000
EXPOSE {port}
CMD ["gunicorn", "--bind", "0.0.0.0:{port}", "index:application"]
"""
ROUTE = "GET /items/{id}"
PORT, HEALTH = 8080, "/health"


_KEPT: list[TemporaryDirectory[str]] = []


def own_folder() -> Path:
    """An empty folder for as long as the process runs, whatever is remembered of it."""
    _KEPT.append(TemporaryDirectory(prefix="systems-"))
    return Path(_KEPT[-1].name)


def service(folder: Path, name: str, shape: str, **declared: Any) -> Service:
    """A declared service with its code: a server has a port and a health path, what answers a route."""
    place = folder / name
    place.mkdir(parents=True)
    if shape in ANSWERING:
        declared = {"routes": (ROUTE,), "host": "" if declared.get("behind") else name} | declared
    if shape in SERVERS:
        declared = {"port": PORT, "health": HEALTH} | declared
    made = Service(name, shape, OWNER, f"Does what {name} does.", folder=place, **declared)
    if shape != FRONT:
        (place / "handler.py").write_text(_code(made))
    if shape == CONTAINER:
        (place / "Dockerfile").write_text(DOCKERFILE.format(port=made.port))
    return made


def _code(service: Service) -> str:
    if service.calls:
        return CALLING_CODE
    if service.shape in (HTTP, CONTAINER):
        return HTTP_CODE if service.table or service.shape == HTTP else PLAIN_CODE
    return {CACHED: CACHED_CODE, INSTANCES: DATABASE_CODE}.get(service.shape, WORK_CODE)


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
