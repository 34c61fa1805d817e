"""Where items are: in the service's PostgreSQL database."""

from __future__ import annotations

from typing import Any

from troposphere_arch.service_kit import database

SCHEMA = "CREATE TABLE IF NOT EXISTS items (id text PRIMARY KEY, text text NOT NULL)"


def put(id: str, text: str) -> None:
    database.ready(SCHEMA)
    with database.transaction() as run:
        run(
            "INSERT INTO items (id, text) VALUES (:id, :text) ON CONFLICT (id) DO UPDATE SET text = :text",
            id=id,
            text=text,
        )


def get(id: str) -> dict[str, Any] | None:
    database.ready(SCHEMA)
    with database.transaction() as run:
        found = run("SELECT id, text FROM items WHERE id = :id", id=id)
    return found[0] if found else None
