"""What new-service writes for servers, against the database or the table that its own tests replace."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import Any

import pytest

from tests.evidence import shows
from troposphere_arch import local
from troposphere_arch.errors import UserError
from troposphere_arch.local import databases
from troposphere_arch.microservices import scaffolding, testing


def written(folder: Path, shape: str) -> Path:
    new = scaffolding.New("notes", shape, "shop@example.com", folder, folder, "shop")
    new.folder.mkdir()
    for name, data in scaffolding.contents(new).items():
        (new.folder / name).write_bytes(data)
    return new.folder


def keeps_items(handler: testing.Handler) -> None:
    """What is put is given back, written over, and no other."""

    def call(route: str, id: str, body: Any = None) -> tuple[int, Any]:
        said = testing.answer(handler(testing.request(route, id=id, body=body), testing.Context()))
        return said.status, said.body

    assert call("GET /items/{id}", "a")[0] == 404
    for text in ("Good morning.", "'; DROP TABLE items; --"):
        assert call("PUT /items/{id}", "a", {"text": text})[0] == 200
        assert call("GET /items/{id}", "a") == (200, {"id": "a", "text": text})
    assert call("GET /items/{id}", "b")[0] == 404


@shows("REQ-M3", "REQ-M10", how="real")
def test_the_first_code_of_instances_keeps_items_in_postgresql(
    tmp_path: Path, postgres: databases.Postgres, patched: local.Emulator
) -> None:
    postgres.fresh()
    secrets = patched.client("secretsmanager")
    secret = secrets.create_secret(Name=f"notes-{uuid.uuid4().hex[:8]}", SecretString=postgres.secret())["ARN"]
    keeps_items(testing.load(written(tmp_path, "instances"), patched.environment() | postgres.variables(secret)))


@shows("REQ-M3", "REQ-M10", how="patched")
@pytest.mark.parametrize("shape", ["container", "http-cached"])
def test_the_first_code_that_has_a_table_keeps_items_there(tmp_path: Path, patched: local.Emulator, shape: str) -> None:
    """Also where it has no cache, as here."""
    name = f"notes-{uuid.uuid4().hex[:8]}"
    patched.client("dynamodb").create_table(
        TableName=name,
        AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"} for key in ("pk", "sk")],
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
        BillingMode="PAY_PER_REQUEST",
    )
    keeps_items(testing.load(written(tmp_path, shape), {**patched.environment(), "ITEMS_TABLE": name}))


def test_what_stands_in_for_nothing_is_told(tmp_path: Path) -> None:
    folder = written(tmp_path, "container")
    with pytest.raises(UserError, match="notes imports no module stores, which another is to stand in for"):
        testing.load(folder, modules={"stores": object()})


def test_what_stands_in_is_there_for_this_handler_only(tmp_path: Path) -> None:
    class Nothing:
        def get(self, id: str) -> None:
            return None

    folder = written(tmp_path, "container")
    event = testing.request("GET /items/{id}", id="a")
    replaced = testing.load(folder, modules={"store": Nothing()})
    own = testing.load(folder, {"ITEMS_TABLE": "nowhere", "AWS_ENDPOINT_URL": "http://127.0.0.1:9"})
    assert testing.answer(replaced(event, testing.Context())).status == 404
    assert testing.answer(own(event, testing.Context(1_000))).status == 503
    assert testing.answer(replaced(event, testing.Context())).status == 404
