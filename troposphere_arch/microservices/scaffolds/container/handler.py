"""Keeps items by their ids, and gives them back; `store` keeps them."""

from __future__ import annotations

import re
from typing import Any

import store

from troposphere_arch.service_kit import http

ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
LONGEST = 1000


def put_item(request: http.Request) -> dict[str, Any]:
    """PUT /items/{id} with `{"text": ...}`: the same again changes nothing."""
    text = request.body.get("text") if isinstance(request.body, dict) else None
    if not isinstance(text, str) or not 0 < len(text) <= LONGEST:
        raise http.BadRequest(f"Send a text of 1 to {LONGEST} characters.")
    id = id_of(request)
    store.put(id, text)
    return {"id": id, "text": text}


def get_item(request: http.Request) -> dict[str, Any]:
    """GET /items/{id}."""
    found = store.get(id_of(request))
    if found is None:
        raise http.NotFound("There is no such item.")
    return found


def id_of(request: http.Request) -> str:
    """What may be a key, by which an item is found."""
    if not ID.fullmatch(request.path["id"]):
        raise http.BadRequest("An id is 1 to 64 letters, digits and . _ -, a letter or a digit first.")
    return request.path["id"]


handler = http.handler({"PUT /items/{id}": put_item, "GET /items/{id}": get_item})
