"""Where items are: in the table, and for a while in a cache in front of it."""

from __future__ import annotations

from typing import Any

from troposphere_arch.service_kit import cache, table

SECONDS = 60


def put(id: str, text: str) -> None:
    try:
        table.items().put_item(Item={**key(id), "id": id, "text": text})
    finally:  # after it is written, or somebody could put the old one back; a write that failed may have arrived
        cache.forget(f"item/{id}")


def get(id: str) -> dict[str, Any] | None:
    """The item, as it was at most so many seconds ago where somebody else has written it meanwhile."""

    def read() -> dict[str, Any] | None:
        found = table.items().get_item(Key=key(id), ConsistentRead=True).get("Item")
        return {"id": found["id"], "text": found["text"]} if found else None

    item: dict[str, Any] | None = cache.read(f"item/{id}", read, seconds=SECONDS)
    return item


def key(id: str) -> dict[str, str]:
    return {"pk": f"item#{id}", "sk": "item"}
