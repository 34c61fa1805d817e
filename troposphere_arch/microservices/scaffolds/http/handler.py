"""Keeps items by their ids, and gives them back."""

from __future__ import annotations

import re
from typing import Any

from troposphere_arch.service_kit import http, table

ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
LONGEST = 1000


def put_item(request: http.Request) -> dict[str, Any]:
    """PUT /items/{id} with `{"text": ...}`: the same again changes nothing."""
    text = request.body.get("text") if isinstance(request.body, dict) else None
    if not isinstance(text, str) or not 0 < len(text) <= LONGEST:
        raise http.BadRequest(f"Send a text of 1 to {LONGEST} characters.")
    item = {"id": id_of(request), "text": text}
    table.items().put_item(Item={**key(item["id"]), **item})
    return item


def get_item(request: http.Request) -> dict[str, Any]:
    """GET /items/{id}."""
    id = id_of(request)
    found = table.items().get_item(Key=key(id)).get("Item")
    if found is None:
        raise http.NotFound("There is no such item.")
    return {"id": found["id"], "text": found["text"]}


def id_of(request: http.Request) -> str:
    """What may be a key: DynamoDB takes none of any length, and a caller would see an error of the service."""
    if not ID.fullmatch(request.path["id"]):
        raise http.BadRequest("An id is 1 to 64 letters, digits and . _ -, a letter or a digit first.")
    return request.path["id"]


def key(id: str) -> dict[str, str]:
    return {"pk": f"item#{id}", "sk": "item"}


handler = http.handler({"PUT /items/{id}": put_item, "GET /items/{id}": get_item})
