"""Where items are: in the service's table."""

from __future__ import annotations

from typing import Any

from troposphere_arch.service_kit import table


def put(id: str, text: str) -> None:
    table.items().put_item(Item={**key(id), "id": id, "text": text})


def get(id: str) -> dict[str, Any] | None:
    found = table.items().get_item(Key=key(id), ConsistentRead=True).get("Item")
    return {"id": found["id"], "text": found["text"]} if found else None


def key(id: str) -> dict[str, str]:
    return {"pk": f"item#{id}", "sk": "item"}
