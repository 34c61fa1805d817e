"""What the handler keeps: in the table, as `items` does it, with a cache in front of what is read most.

A reservation is made by what the table says, never by what the cache says: nobody gets what is not there.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import items
from items import Busy as Busy

from troposphere_arch.service_kit import cache

SECONDS = 30


def goods(sku: str) -> dict[str, Any] | None:
    """As `items.goods`; a write that another process makes may be seen a moment later."""
    found: dict[str, Any] | None = cache.read(key(sku), lambda: items.goods(sku), seconds=SECONDS)
    return found


def write(sku: str, units: int, cents: int) -> None:
    with forgotten(sku):
        items.write(sku, units, cents)


def reserve(sku: str, id: str, units: int) -> dict[str, Any] | None:
    """As `items.reserve`."""
    with forgotten(sku):
        return items.reserve(sku, id, units)


def give_back(sku: str, id: str) -> None:
    """As `items.give_back`."""
    with forgotten(sku):
        items.give_back(sku, id)


@contextmanager
def forgotten(sku: str) -> Iterator[None]:
    """Also a write that failed may have arrived."""
    try:
        yield
    finally:
        cache.forget(key(sku))


def key(sku: str) -> str:
    return f"goods/{sku}"
