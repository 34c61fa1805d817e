"""How much there is of what, at which price, and what of it is reserved; `store` keeps it.

A reservation is written under the key of who asks, so that asking again takes nothing more. One that was given back
stays, marked, so that a late repeat doesn't take again.
"""

from __future__ import annotations

import re
from typing import Any

import store

from troposphere_arch.service_kit import http

SKU = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
KEY = re.compile(r"[A-Za-z0-9_-]{8,64}")
MOST_UNITS, MOST_CENTS = 1_000_000, 100_000_000


def read(request: http.Request) -> dict[str, Any]:
    """GET /stock/{sku}"""
    sku = text("sku", request.path, SKU)
    return {"sku": sku, **goods(sku)}


def write(request: http.Request) -> dict[str, Any]:
    """PUT /stock/{sku}: the `units` that may be reserved from now on, and what one costs in `cents`."""
    sku = text("sku", request.path, SKU)
    told = {"units": number(request, "units", 0, MOST_UNITS), "cents": number(request, "cents", 1, MOST_CENTS)}
    store.write(sku, **told)
    return {"sku": sku, **told}


def reserve(request: http.Request) -> http.Reply:
    """POST /stock/{sku}/reservations: takes `units`, once for each Idempotency-Key."""
    sku, units = text("sku", request.path, SKU), number(request, "units", 1, MOST_UNITS)
    id = text("idempotency-key", request.headers, KEY)
    try:
        made = store.reserve(sku, id, units)
    except LookupError:
        raise http.NotFound(f"There is no {sku}.") from None
    except store.Busy:
        raise http.Unavailable("Too many want these goods at once: try again.") from None
    if made is None:
        raise http.Conflict(f"There are no {units} of {sku} left.")
    if made["given_back"] or made["units"] != units:
        raise http.Conflict("This Idempotency-Key was used for another reservation.")
    return http.Reply(201, {"id": id, "sku": sku, "units": units, "cents": made["cents"]})


def give_back(request: http.Request) -> None:
    """DELETE /stock/{sku}/reservations/{id}: what is not reserved need not be given back."""
    sku, id = text("sku", request.path, SKU), text("id", request.path, KEY)
    try:
        store.give_back(sku, id)
    except store.Busy:
        raise http.Unavailable("Too many want these goods at once: try again.") from None


def goods(sku: str) -> dict[str, Any]:
    """What is left, and what one costs."""
    found = store.goods(sku)
    if found is None:
        raise http.NotFound(f"There is no {sku}.")
    return found


def text(name: str, said: Any, form: re.Pattern[str]) -> str:
    value = said.get(name)
    if not isinstance(value, str) or not form.fullmatch(value):
        raise http.BadRequest(f"{name} is not of the form {form.pattern}.")
    return value


def number(request: http.Request, name: str, least: int, most: int) -> int:
    """A whole number that the request's body says. For Python True is one, too; and 2.0 may be rounded."""
    value = request.body.get(name) if isinstance(request.body, dict) else None
    if type(value) is not int or not least <= value <= most:
        raise http.BadRequest(f"{name} is not a whole number from {least} to {most}.")
    return value


handler = http.handler(
    {
        "GET /stock/{sku}": read,
        "PUT /stock/{sku}": write,
        "POST /stock/{sku}/reservations": reserve,
        "DELETE /stock/{sku}/reservations/{id}": give_back,
    }
)
