"""What the handler keeps, in the service's PostgreSQL database.

Whoever changes what is left of something holds its row until the end of the transaction: two who want the last one
can't both get it, and the same reservation at the same moment is made once.
"""

from __future__ import annotations

from typing import Any

from troposphere_arch.service_kit import database

SCHEMA = """
CREATE TABLE IF NOT EXISTS goods (
    sku text PRIMARY KEY,
    units bigint NOT NULL CHECK (units >= 0),
    cents bigint NOT NULL
);
CREATE TABLE IF NOT EXISTS reservations (
    sku text NOT NULL REFERENCES goods,
    id text NOT NULL,
    units bigint NOT NULL,
    cents bigint NOT NULL,
    given_back boolean NOT NULL DEFAULT false,
    PRIMARY KEY (sku, id)
);
"""


class Busy(Exception):
    """Too many write the same goods at the same moment; here they wait for each other, and none is sent away."""


def goods(sku: str) -> dict[str, Any] | None:
    """The `units` that are left, and what one costs in `cents`; None if there is nothing of this name."""
    database.ready(SCHEMA)
    with database.transaction() as run:
        found = run("SELECT units, cents FROM goods WHERE sku = :sku", sku=sku)
    return found[0] if found else None


def write(sku: str, units: int, cents: int) -> None:
    database.ready(SCHEMA)
    with database.transaction() as run:
        run(
            "INSERT INTO goods (sku, units, cents) VALUES (:sku, :units, :cents) "
            "ON CONFLICT (sku) DO UPDATE SET units = :units, cents = :cents",
            sku=sku,
            units=units,
            cents=cents,
        )


def reserve(sku: str, id: str, units: int) -> dict[str, Any] | None:
    """The reservation of this id, made now or before: `units`, `cents`, `given_back`. None if there is not enough.

    Raises `LookupError` when there is nothing of this name.
    """
    database.ready(SCHEMA)
    with database.transaction() as run:
        found = run("SELECT units, cents FROM goods WHERE sku = :sku FOR UPDATE", sku=sku)
        if not found:
            raise LookupError(sku)
        made = run("SELECT units, cents, given_back FROM reservations WHERE sku = :sku AND id = :id", sku=sku, id=id)
        if made:
            return made[0]
        if found[0]["units"] < units:
            return None
        cents = found[0]["cents"]
        run("UPDATE goods SET units = units - :units WHERE sku = :sku", sku=sku, units=units)
        run(
            "INSERT INTO reservations (sku, id, units, cents) VALUES (:sku, :id, :units, :cents)",
            sku=sku,
            id=id,
            units=units,
            cents=cents,
        )
    return {"units": units, "cents": cents, "given_back": False}


def give_back(sku: str, id: str) -> None:
    """Once; what is not reserved is left alone."""
    database.ready(SCHEMA)
    with database.transaction() as run:
        run("SELECT 1 FROM goods WHERE sku = :sku FOR UPDATE", sku=sku)
        made = run(
            "UPDATE reservations SET given_back = true "
            "WHERE sku = :sku AND id = :id AND NOT given_back RETURNING units",
            sku=sku,
            id=id,
        )
        if made:
            run("UPDATE goods SET units = units + :units WHERE sku = :sku", sku=sku, units=made[0]["units"])
