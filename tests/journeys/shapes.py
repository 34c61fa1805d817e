"""The shop with `stock` of another shape, and what runs of it on this machine."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from tests.journeys.shop import FOLDER, Shop

STOCK_AS = FOLDER.parent / "stock-as"


def shop_folder(into: Path, shape: str) -> Path:
    """A copy of the shop in which `stock` is of the shape, as `examples/stock-as/README.md` makes it."""
    shutil.copytree(FOLDER, into, ignore=shutil.ignore_patterns("templates", "__pycache__"))
    declaration = into / "platform.yaml"
    declaration.write_text(declaration.read_text().replace("network: none", "network: nat"))
    stock = into / "stock"
    if shape == "http-cached":
        (stock / "store.py").rename(stock / "items.py")
    if shape != "http":
        shutil.copytree(STOCK_AS / shape, stock, dirs_exist_ok=True)
    return into


def let_in(shop: Shop, redis: Any) -> str:
    """Let the user of the stack's cache into the Redis that stands for it, with the rights that the stack gives it."""
    asked = shop.emulator.client("elasticache").describe_users(UserId=shop.stack("stock").physical("CacheUser"))
    [user] = asked["Users"]
    rights = user["AccessString"].split()
    assert rights[0] == "on"
    redis.ask("ACL", "SETUSER", user["UserName"], "reset", "nopass", *rights)
    return str(user["UserName"])
