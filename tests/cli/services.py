"""A small system of services to try commands on: stock, orders that call it, and mail that orders send to."""

from __future__ import annotations

import functools
import os
from collections.abc import Mapping
from pathlib import Path

import pytest

from troposphere_arch.microservices import factory

PLATFORM = "name: shop\nowner: shop@example.com\n"
STOCK = {
    "service.yaml": """\
shape: http
owner: warehouse@example.com   # who is called at night
description: How much there is of what.
version: 1.0.0   # raised by --bump
routes: ["GET /stock/{sku}"]
""",
    "handler.py": """\
from troposphere_arch.service_kit import http


def left(request: http.Request) -> dict[str, object]:
    return {"sku": request.path["sku"], "left": 5}


handler = http.handler({"GET /stock/{sku}": left})
""",
}
ORDERS = {
    "service.yaml": """\
shape: http
owner: shop@example.com
description: Takes orders.
routes: ["POST /orders/{sku}"]
calls: {stock: ["GET /stock/{sku}"]}
sends: [mail]
""",
    "handler.py": """\
from troposphere_arch.service_kit import client, http, publishing


def place(request: http.Request) -> http.Reply:
    left = client.call("stock", "GET /stock/{sku}", sku=request.path["sku"]).body["left"]
    return http.Reply(202, {"left": left, "request": publishing.send("mail", {"sku": request.path["sku"]})})


handler = http.handler({"POST /orders/{sku}": place})
""",
}
MAIL = {
    "service.yaml": "shape: queue\nowner: shop@example.com\ndescription: Tells people.\n",
    "handler.py": """\
from troposphere_arch.service_kit import messages


def work(message: messages.Message) -> messages.Finished:
    return messages.Finished({"told": message.body["sku"]})


handler = messages.handler(work)
""",
}
SHOP: Mapping[str, Mapping[str, str]] = {"stock": STOCK, "orders": ORDERS, "mail": MAIL}


def write_shop(folder: Path) -> Path:
    """The system, in this folder; `stock` is in a folder below it, as services may be."""
    folder.mkdir(parents=True)
    (folder / "platform.yaml").write_text(PLATFORM)
    for name, files in SHOP.items():
        home = folder / "warehouse" / name if name == "stock" else folder / name
        home.mkdir(parents=True)
        for file, text in files.items():
            (home / file).write_text(text)
    return folder


@functools.cache
def built_shop(base: Path) -> tuple[Path, Path]:
    """The system below `base`, built once for this process, and the caches in which its lint is known to be clean.

    These are shared by the processes of a run: a mark of lint is named by all that it depends on.
    """
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    folder, cache = write_shop(base / "shop" / "services"), shared / "cache-of-services"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(cache))
        factory.build(folder, write=True)
    return folder, cache


def change(file: Path, old: str, new: str) -> None:
    """Change a file; what is to be changed must be there."""
    text = file.read_text()
    assert old in text, (file, old)
    file.write_text(text.replace(old, new))


def files_of(folder: Path) -> dict[str, bytes]:
    """All files below a folder, hidden ones too, but for what Python keeps."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts and ".git" not in path.parts
    }
