"""The shop with `stock` of each other shape that answers: those that call it are as they were.

What is a server runs on this machine as its stack says, is behind the emulator's load balancer, and keeps what it keeps
in a real PostgreSQL, or reads it through a real Redis. One shop for all: `stock` goes, and comes back as another shape.
"""

from __future__ import annotations

import json
import threading
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.evidence import shows
from tests.journeys import shapes, test_shop
from tests.journeys.shop import Customer, Shop, Warehouse, customer, warehouse
from tests.system import needs
from troposphere_arch.errors import UserError
from troposphere_arch.journeys.blog import until
from troposphere_arch.local import Emulator
from troposphere_arch.local.databases import Postgres, Redis
from troposphere_arch.microservices import deploying, reading
from troposphere_arch.microservices.templates import draft

pytestmark = [pytest.mark.xdist_group("shapes"), needs("postgres", "redis-server")]

ORDERS, UNITS = 16, 2


@pytest.fixture(scope="module")
def whole(
    patched: Emulator, redis: Redis, postgres: Postgres, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Shop]:
    made = Shop(patched, "shapes", folder=shapes.shop_folder(tmp_path_factory.mktemp("shapes") / "shop"))
    shapes.serve(made, redis, postgres)
    made.up()
    yield made
    made.given = {}
    made.down()


@pytest.fixture(scope="module", params=shapes.SHAPES)
def running(
    whole: Shop,
    redis: Redis,
    postgres: Postgres,
    tmp_path_factory: pytest.TempPathFactory,
    request: pytest.FixtureRequest,
) -> Iterator[tuple[str, Any]]:
    """The shape, and what runs of `stock`."""
    whole.given = {}
    whole.stack("stock").delete()
    shapes.declare(whole.folder, request.param)
    assert whole.up()["stock"] == "created"
    with shapes.running(whole, request.param, tmp_path_factory.mktemp("stock"), redis, postgres) as made:
        yield request.param, made


@pytest.fixture(scope="module")
def shop(whole: Shop, running: tuple[str, Any]) -> Shop:
    return whole


@pytest.fixture(scope="module")
def mina(shop: Shop) -> Customer:
    return customer(shop)


@pytest.fixture(scope="module")
def house(shop: Shop, running: tuple[str, Any]) -> Warehouse:
    return warehouse(shop)


@shows("REQ-M3", how="patched")
def test_another_shape_is_another_stack(whole: Shop) -> None:
    """What a stack keeps is not left behind by an update."""
    shapes.declare(whole.folder, "container")
    outcomes = {one.service: one for one in deploying.up(whole.target, whole.units())}
    shapes.declare(whole.folder, "http")
    assert (outcomes["stock"].what, outcomes["orders"].what) == ("FAILED", "not tried")
    assert outcomes["stock"].why.startswith("shapes-stock is up as http, and stock is declared container: ")


@shows("REQ-M3", how="patched")
@shows("REQ-M3", how="real")
def test_the_journey_of_an_order(shop: Shop, mina: Customer, house: Warehouse) -> None:
    test_shop.test_two_orders_followed_to_their_ends(shop, mina, house)
    # Who may not, may not, whatever answers.
    answer = shop.person("stock GET /stock/{sku}").ask("stock", "PUT /stock/{sku}", {"units": 1, "cents": 1}, sku="tea")
    assert answer.status == 403
    assert mina.order("nobody-has-it").status == 409
    # What a variable of the path may be: the same as with the function.
    for odd in ("a b", "a/b", "%2e%2e", "té", ";", "a?b=c"):
        assert house.ask("stock", "GET /stock/{sku}", sku=odd).status == 400


@shows("REQ-M3", how="static")
def test_who_calls_it_is_the_same(tmp_path: Path) -> None:
    said = set()
    for shape in ("http", *shapes.SHAPES):
        folder = shapes.shop_folder(tmp_path / shape)
        shapes.declare(folder, shape)
        said.add(json.dumps({name: body.hex() for name, body in draft(reading.read(folder), "orders").files.items()}))
    assert len(said) == 1


@shows("REQ-M3", "REQ-M6", how="patched")
@shows("REQ-M3", how="real")
def test_killed_in_the_middle(
    shop: Shop, mina: Customer, house: Warehouse, running: tuple[str, Any], redis: Redis, postgres: Postgres
) -> None:
    """Whoever asks is answered: done, or not available and to be tried again; and nothing is done twice."""
    sku, keys = house.fill(ORDERS * UNITS, 100), [str(uuid.uuid4()) for _ in range(ORDERS)]
    shape, made = running
    begun = threading.Semaphore(0)

    def order(key: str) -> int:
        begun.release()
        return mina.order(sku, UNITS, key=key).status

    with ThreadPoolExecutor(6) as pool:
        asked = [pool.submit(order, key) for key in keys]
        for _ in range(ORDERS // 2):
            begun.acquire()
        if shape == "http-cached":
            redis.kill()
        elif shape == "container":
            made.tasks[0].kill()
        else:
            made.kill_worker()
        first = [one.result() for one in asked]
    assert set(first) <= {202, 503}
    if shape == "http-cached":
        assert house.left(sku) <= ORDERS * UNITS  # from the table
        redis.start()
        shapes.let_in(shop, redis)
    elif shape == "container":
        made.end(made.tasks[0])  # as ECS does, and another one comes
        made.start()
    else:
        made.wait()
    # Whoever got no order sends the same again, as often as it takes; whoever got one, gets the same.
    for key in keys:
        until(f"the order {key}", lambda key=key: mina.order(sku, UNITS, key=key).status == 202)
    assert house.left(sku) == 0


@shows("REQ-M3", how="real")
@pytest.mark.parametrize("running", ["instances"], indirect=True)
def test_a_database_that_is_down_and_one_whose_password_changes(
    shop: Shop, mina: Customer, house: Warehouse, running: tuple[str, Any], postgres: Postgres
) -> None:
    sku = house.fill(9, 100)
    postgres.kill()
    refused = house.ask("stock", "GET /stock/{sku}", sku=sku)
    assert (refused.status, refused.json()["error"]) == (503, "Unavailable")
    assert mina.order(sku).status == 503
    postgres.start()
    assert house.left(sku) == 9
    # As Secrets Manager does every week.
    postgres.change_password("another-" + uuid.uuid4().hex)
    secrets = shop.emulator.client("secretsmanager")
    [database] = shop.emulator.client("rds").describe_db_instances(
        DBInstanceIdentifier=shop.stack("stock").physical("Database")
    )["DBInstances"]
    secrets.put_secret_value(SecretId=database["MasterUserSecret"]["SecretArn"], SecretString=postgres.secret())
    postgres.run(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'service' AND pid <> pg_backend_pid()"
    )
    assert house.left(sku) == 9
    assert mina.placed(sku)


# --- what the template says is what runs


WRONG = {
    "variable": (r"\b(ITEMS_TABLE|DATABASE_SECRET)\b", r"\1S"),
    "port": (r"--bind=0\.0\.0\.0:8080", "--bind=0.0.0.0:8081"),
    "health": (r"\bHEALTH\b", "HEALTHY"),
    "path": ("/health", "/healthy"),
    "command": ("index:application", "index:app"),
}


def served(house: Warehouse) -> None:
    """Raises `UserError` when it is not."""
    answer = house.ask("stock", "PUT /stock/{sku}", {"units": 1, "cents": 1}, sku="tea")
    if answer.status != 200:
        raise UserError(f"{answer.status}: {answer.body!r}")


@shows("REQ-M3", how="real")
@pytest.mark.parametrize("wrong", WRONG)
@pytest.mark.parametrize("running", ["container", "instances"], indirect=True)
def test_what_a_template_says_wrong_is_noticed(
    shop: Shop, house: Warehouse, running: tuple[str, Any], postgres: Postgres, wrong: str
) -> None:
    """Each of these is put into what is deployed: either it does not come up, or it does not answer."""
    shape, made = running
    if shape == "container":
        with shapes.task_definition(shop, WRONG[wrong]), pytest.raises(UserError):
            task = made.start()
            try:
                with shapes.alone(shop, task.address, task.definition.port):
                    served(house)
            finally:
                made.end(task)
    else:
        with (
            pytest.raises(UserError),
            shapes.server_of(shop, postgres, WRONG[wrong]) as server,
            shapes.alone(shop, server.address, server.port),
        ):
            served(house)
    served(house)  # by those that were not altered
