"""The shop with `stock` of another shape, and what of it runs on this machine, as its stack says.

http-cached    function ──TLS──▶ a real Redis, with the user and the rights that the stack has
container      ECS's task definition ──▶ gunicorn, behind the emulator's load balancer
instances      the launch template's user data ──▶ gunicorn ──TLS──▶ a real PostgreSQL
"""

from __future__ import annotations

import contextlib
import json
import re
import secrets
import shutil
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.journeys.shop import FOLDER, Shop
from troposphere_arch.errors import UserError
from troposphere_arch.local import backends, images, roles, servers, tasks
from troposphere_arch.local.databases import Postgres, Redis

BUILD = FOLDER.parents[1] / "build.py"
STOCK_AS = FOLDER.parent / "stock-as"
SHAPES = ("http-cached", "container", "instances")


def declare(shop: Path, shape: str) -> None:
    """Make `stock` of the shape, as `examples/stock-as/README.md` does."""
    stock = shop / "stock"
    shutil.rmtree(stock, ignore_errors=True)
    shutil.copytree(FOLDER / "stock", stock, ignore=shutil.ignore_patterns("__pycache__"))
    if shape == "http-cached":
        (stock / "store.py").rename(stock / "items.py")
    if shape != "http":
        shutil.copytree(STOCK_AS / shape, stock, dirs_exist_ok=True)


def shop_folder(into: Path) -> Path:
    """A copy of the shop, with a network."""
    shutil.copytree(FOLDER, into, ignore=shutil.ignore_patterns("templates", "__pycache__"))
    declaration = into / "platform.yaml"
    declaration.write_text(declaration.read_text().replace("network: none", "network: nat"))
    return into


def serve(shop: Shop, redis: Redis, postgres: Postgres) -> None:
    """Let what stands for managed ones be there for the stacks that come."""
    backends.serve(shop.emulator, "cache", redis.host, redis.port, ca=redis.ca)
    if not postgres.run("SELECT 1 FROM pg_database WHERE datname = 'service'"):
        postgres.run("CREATE DATABASE service")
    backends.serve(
        shop.emulator,
        "database",
        postgres.host,
        postgres.port,
        user=postgres.user,
        password=postgres.password,
        ca=postgres.ca,
    )


def let_in(shop: Shop, redis: Redis) -> str:
    """Let the user of the stack's cache into the Redis that stands for it, with the rights that the stack gives it."""
    asked = shop.emulator.client("elasticache").describe_users(UserId=shop.stack("stock").physical("CacheUser"))
    [user] = asked["Users"]
    rights = user["AccessString"].split()
    assert rights[0] == "on"
    redis.ask("ACL", "SETUSER", user["UserName"], "reset", "nopass", *rights)
    return str(user["UserName"])


@contextlib.contextmanager
def running(shop: Shop, shape: str, home: Path, redis: Redis, postgres: Postgres) -> Iterator[Any]:
    """What runs of the deployed `stock`; nothing where Lambda does it all."""
    if shape == "container":
        with tasks_of(shop, home) as made:
            yield made
    elif shape == "instances":
        with server_of(shop, postgres) as made:
            yield made
    else:
        if shape == "http-cached":
            let_in(shop, redis)
        yield None


@contextlib.contextmanager
def tasks_of(shop: Shop, home: Path, count: int = 2, service: str = "stock") -> Iterator[tasks.Running]:
    """Its image is built and pushed, and named to its stack; its tasks run."""
    context, root = home / f"context-{uuid.uuid4().hex}", home / f"root-{uuid.uuid4().hex}"
    subprocess.run(
        [sys.executable, BUILD, "image", shop.folder / service, "--into", context], check=True, stdout=sys.stderr
    )
    root.mkdir()
    built = images.built(context, root)
    shop.given = {**shop.given, f"{service}.ImageTag": "1.0.0"}
    shop.up()
    outputs = shop.stack(service).outputs
    with tasks.running(shop.emulator, outputs["ClusterName"], outputs["ServiceName"], built, count=count) as made:
        yield made


@contextlib.contextmanager
def server_of(shop: Shop, postgres: Postgres, wrong: tuple[str, str] = ("", "")) -> Iterator[servers.Server]:
    """An instance that has booted, and is behind the load balancer. With `wrong` its user data say another thing."""
    stack, emulator = shop.stack("stock"), shop.emulator
    data = servers.user_data(emulator.client("ec2"), stack.physical("ServersTemplate"))
    told = servers.metadata(emulator.client("cloudformation"), stack.name, "ServersTemplate")
    role = emulator.client("iam").get_role(RoleName=stack.physical("ServersRole"))["Role"]["Arn"]
    instance = "arn:aws:ec2:us-east-1:000000000000:instance/i-0123456789abcdef0"
    credentials = roles.variables(emulator, role, "ec2.amazonaws.com", instance, "i-0123456789abcdef0")
    address = f"127.{64 + secrets.randbelow(60)}.{secrets.randbelow(256)}.{1 + secrets.randbelow(250)}"
    with servers.booted(
        changed(data, *wrong), told, database_ca=postgres.ca, address=address, environment=credentials
    ) as made:
        if [signal.success for signal in made.signals] != [True]:
            raise UserError(f"it signalled {made.signals}")
        with registered(shop, address, made.port):
            yield made


@contextlib.contextmanager
def task_definition(shop: Shop, wrong: tuple[str, str]) -> Iterator[None]:
    """Meanwhile ECS has another definition of the task for the service."""
    stack, ecs = shop.stack("stock"), shop.emulator.client("ecs")
    cluster, service = stack.outputs["ClusterName"], stack.outputs["ServiceName"]
    [before] = ecs.describe_services(cluster=cluster, services=[service])["services"]
    said = ecs.describe_task_definition(taskDefinition=before["taskDefinition"])["taskDefinition"]
    kept = ("family", "taskRoleArn", "executionRoleArn", "networkMode", "containerDefinitions", "cpu", "memory")
    text = changed(json.dumps({key: said[key] for key in kept}), *wrong)
    made = ecs.register_task_definition(requiresCompatibilities=["FARGATE"], **json.loads(text))["taskDefinition"]
    ecs.update_service(cluster=cluster, service=service, taskDefinition=made["taskDefinitionArn"])
    try:
        yield
    finally:
        ecs.update_service(cluster=cluster, service=service, taskDefinition=before["taskDefinition"])


def changed(text: str, right: str, wrong: str) -> str:
    """The text with the first of what fits `right` in another way. Raises `LookupError` when it is not there."""
    made, times = re.subn(right, wrong, text, count=1)
    if not times or (right and made == text):
        raise LookupError(right)
    return made


@contextlib.contextmanager
def registered(shop: Shop, address: str, port: int) -> Iterator[None]:
    """Meanwhile the load balancer knows this one, too."""
    elbv2 = shop.emulator.client("elbv2")
    target = {
        "TargetGroupArn": shop.stack("stock").physical("Targets"),
        "Targets": [{"Id": address, "Port": port}],
    }
    elbv2.register_targets(**target)
    try:
        [known] = elbv2.describe_target_health(**target)["TargetHealthDescriptions"]
        if known["TargetHealth"]["State"] != "healthy":
            raise UserError(f"it is not healthy: {known}")
        yield
    finally:
        elbv2.deregister_targets(**target)


@contextlib.contextmanager
def alone(shop: Shop, address: str, port: int) -> Iterator[None]:
    """Meanwhile the load balancer knows none but this one."""
    elbv2, group = shop.emulator.client("elbv2"), shop.stack("stock").physical("Targets")
    there = elbv2.describe_target_health(TargetGroupArn=group)["TargetHealthDescriptions"]
    others = [one["Target"] for one in there if one["Target"]["Id"] != address]
    elbv2.deregister_targets(TargetGroupArn=group, Targets=others)
    try:
        yield
    finally:
        elbv2.register_targets(TargetGroupArn=group, Targets=[{k: one[k] for k in ("Id", "Port")} for one in others])
