"""Who reaches whom: which cells of the table are empty, what is told of them, and what a network costs."""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import product
from pathlib import Path

import pytest

from tests.evidence import shows
from tests.microservices.conftest import OWNED, PLATFORM, problems, put
from tests.microservices.systems import OWNER, service
from troposphere_arch import parameters
from troposphere_arch.blocks import service_network
from troposphere_arch.microservices import costs, reach
from troposphere_arch.microservices import service as page
from troposphere_arch.microservices.declaration import (
    ANSWERING,
    FRONT,
    IN_NETWORK,
    NETWORKS,
    SERVERS,
    SHAPES,
    Platform,
    Service,
    System,
)

DOCS = Path(__file__).parents[2] / "docs" / "microservices.md"
OUTSIDE, INSIDE = "outside", "inside"

# network, where the caller is, whether the callee is private -> whether the one can call the other.
CALLS = {
    ("none", OUTSIDE, False): True,
    ("endpoints", OUTSIDE, False): True,
    ("endpoints", OUTSIDE, True): False,
    ("endpoints", INSIDE, False): False,
    ("endpoints", INSIDE, True): True,
    ("nat", OUTSIDE, False): True,
    ("nat", OUTSIDE, True): False,
    ("nat", INSIDE, False): True,
    ("nat", INSIDE, True): True,
}
TOLD = {
    OUTSIDE: "services/orders/service.yaml:{}: orders is outside of the network, and nothing leads from there to "
    "stock, which is private: write inside: true in the declaration of orders, or take private out of that of stock",
    INSIDE: "services/orders/service.yaml:{}: orders is inside of a network without a way to the internet, and nothing "
    "leads from there to stock, which is not private: write private: true in the declaration of stock, or network: nat "
    "in platform.yaml, or take inside out of the declaration of orders",
}


LISTENING = "port: 8080\nhealth: /health\n"
DOCKERFILE = "FROM python\nEXPOSE 8080\n"


def caller(shape: str, where: str) -> str:
    own = "subscribes: {news: [told]}\n" if shape == "topic" else "routes: [GET /x]\n" if shape in ANSWERING else ""
    own += LISTENING if shape in SERVERS else ""
    return f"shape: {shape}\n{OWNED}{own}" + ("inside: true\n" if where == INSIDE and shape not in IN_NETWORK else "")


@shows("REQ-M2", "REQ-M5", how="static")
@pytest.mark.parametrize(("network", "where", "private"), CALLS)
@pytest.mark.parametrize("shape", [shape for shape in SHAPES if shape not in IN_NETWORK])
def test_a_call_that_cannot_get_there_is_refused_naming_both(
    folder: Path, shape: str, network: str, where: str, private: bool
) -> None:
    """Whatever the shape of the caller."""
    text = caller(shape, where)
    found = problems(
        put(
            folder,
            {
                "platform.yaml": f"{PLATFORM}network: {network}\n",
                "news/service.yaml": f"shape: queue\n{OWNED}publishes: [told]\n",
                "orders/service.yaml": text + 'calls:\n  stock: ["GET /stock/{sku}"]\n',
                "stock/service.yaml": f'shape: http\n{OWNED}routes: ["GET /stock/{{sku}}"]\n'
                + ("private: true\n" if private else ""),
            },
        )
    )
    line = text.count("\n") + 2
    assert found == ([] if CALLS[network, where, private] else [TOLD[where].format(line)])


IN_IT = {("http-cached", "endpoints"): False, ("http-cached", "nat"): True}
IN_IT |= {("container", "nat"): True, ("instances", "nat"): True}


@shows("REQ-M2", "REQ-M5", "REQ-M10", how="static")
@pytest.mark.parametrize("private", [False, True], ids=["public", "private"])
@pytest.mark.parametrize(("shape", "network"), IN_IT)
@pytest.mark.parametrize("callee", ["http-cached", "container", "front"])
def test_what_is_in_the_network_by_its_shape_calls_from_there(
    folder: Path, shape: str, network: str, callee: str, private: bool
) -> None:
    """And what it calls is reached as an http service is, whatever its own shape; that needs a network itself."""
    text = caller(shape, INSIDE)
    shape_of_callee = callee if network == "nat" or callee != "container" else "http"
    stock = f'shape: {shape_of_callee}\n{OWNED}routes: ["GET /stock/{{sku}}"]\n'
    stock += (LISTENING if shape_of_callee in SERVERS else "") + ("private: true\n" if private else "")
    found = problems(
        put(
            folder,
            {
                "platform.yaml": f"{PLATFORM}network: {network}\n",
                "orders/service.yaml": text + 'calls:\n  stock: ["GET /stock/{sku}"]\n',
                "orders/Dockerfile": DOCKERFILE,
                "stock/service.yaml": stock,
                "stock/Dockerfile": DOCKERFILE,
            },
        )
    )
    told = TOLD[INSIDE].format(text.count("\n") + 2).replace(", or take inside out of the declaration of orders", "")
    assert found == ([] if private or IN_IT[shape, network] else [told])


NEEDED = {
    ("http-cached", "none"): "an http-cached service: its cache is in the network, and the platform has no network; "
    "write network: endpoints or network: nat",
    ("container", "none"): "a container service: its tasks are in the network, and fetch their image and write their "
    "log by NAT, and the platform has no network; write network: nat",
    ("container", "endpoints"): "a container service: its tasks are in the network, and fetch their image and write "
    "their log by NAT, and the platform has network: endpoints; write network: nat",
    ("instances", "none"): "an instances service: its servers and its database are in the network, and fetch packages "
    "by NAT, and the platform has no network; write network: nat",
    ("instances", "endpoints"): "an instances service: its servers and its database are in the network, and fetch "
    "packages by NAT, and the platform has network: endpoints; write network: nat",
    ("front", "none"): "a front service: its load balancer is in the network, and the platform has no network; write "
    "network: endpoints or network: nat",
}


@shows("REQ-M2", "REQ-M10", how="static")
@pytest.mark.parametrize(("shape", "network"), list(product(IN_NETWORK, NETWORKS)))
def test_a_shape_that_the_network_is_not_enough_for_is_refused(folder: Path, shape: str, network: str) -> None:
    """Once, though it is private and calls another."""
    calls = "" if shape == FRONT else 'calls: {status: ["GET /requests/{id}"]}\n'
    found = problems(
        put(
            folder,
            {
                "platform.yaml": f"{PLATFORM}network: {network}\n",
                "stock/service.yaml": f"{caller(shape, INSIDE)}private: true\n"
                + (calls if network != "endpoints" else ""),
                "stock/Dockerfile": DOCKERFILE,
            },
        )
    )
    told = NEEDED.get((shape, network))
    line = "services/stock/service.yaml:1: stock is {} in platform.yaml, or give stock another shape"
    assert found == ([line.format(told)] if told else [])


@shows("REQ-M7", how="static")
@pytest.mark.parametrize(("network", "where"), list(dict.fromkeys((network, where) for network, where, _ in CALLS)))
def test_queues_streams_topics_and_buckets_are_reached_from_everywhere(folder: Path, network: str, where: str) -> None:
    inside = "inside: true\n" if where == INSIDE else ""
    files: dict[str, str | bytes | None] = {
        "platform.yaml": f"{PLATFORM}network: {network}\n",
        "orders/service.yaml": f"shape: http\n{OWNED}{inside}routes: [GET /x]\nsends: [payments, counts]\n"
        "puts: [files]\npublishes: [placed]\n",
        "told/service.yaml": f"shape: topic\n{OWNED}{inside}subscribes: {{orders: [placed]}}\n",
    }
    files |= {
        f"{name}/service.yaml": f"shape: {shape}\n{OWNED}"
        for name, shape in (("payments", "queue"), ("counts", "stream"), ("files", "bucket"))
    }
    assert problems(put(folder, files)) == []


def test_the_status_is_called_from_outside_and_by_nat(folder: Path) -> None:
    """It is the platform's and not private: the way out that is left is told."""
    files: dict[str, str | bytes | None] = {
        f"{where}/service.yaml": caller("queue", where) + 'calls: {status: ["GET /requests/{id}"]}\n'
        for where in (OUTSIDE, INSIDE)
    }
    assert problems(put(folder, files | {"platform.yaml": f"{PLATFORM}network: nat\n"})) == []
    assert problems(put(folder, files | {"platform.yaml": f"{PLATFORM}network: endpoints\n"})) == [
        "services/inside/service.yaml:5: inside is inside of a network without a way to the internet, and nothing "
        "leads from there to status, which is not private: write network: nat in platform.yaml, or take inside out of "
        "the declaration of inside"
    ]


def test_no_network_is_not_told_again_for_each_call(shop: Callable[..., Path]) -> None:
    found = problems(
        shop({"stock/service.yaml": f'shape: http\n{OWNED}routes: ["GET /stock/{{sku}}"]\nprivate: true\n'})
    )
    assert [line.partition(": ")[0] for line in found] == ["services/stock/service.yaml:5"]


def test_the_table_has_a_cell_for_each_caller_and_callee() -> None:
    rows = reach.table()
    cells = {(shape, row.place, row.kind) for row in rows for shape in row.callers}
    places = {
        "outside": set(SHAPES) - set(IN_NETWORK),
        "inside, endpoints": set(SHAPES) - {"container", "instances", "front"},
        "inside, nat": set(SHAPES) - {"front"},
    }
    assert cells == {(shape, *one) for one in product(places, reach.KINDS) for shape in places[one[0]]}
    empty = {(row.place, row.kind) for row in rows if not row.path}
    assert empty == {("outside", "http, private"), ("inside, endpoints", "http")}
    for row in rows:
        assert all((row.callee.address, row.callee.zone, row.callee.certificate, row.callee.permission))


def test_what_a_network_costs_is_what_it_is_made_of() -> None:
    """The platform's page makes these endpoints and gateways, in so many zones."""
    assert len(service_network.ZONES) == reach.ZONES
    private, always = service_network.PRIVATE_APIS[1], {service for _, service, _ in service_network.SERVICES}
    assert set(reach.NETWORK_ENDPOINTS["endpoints"]) == {private, *always}
    assert set(reach.NETWORK_ENDPOINTS["nat"]) == {private}
    assert {network: reach.monthly(network) for network in NETWORKS} == {
        "none": 0.0,
        "endpoints": 5 * 2 * 730 * 0.01,
        "nat": 87.6,  # 2 x 730 x (0.045 + 0.005 + 0.01)
    }


@shows("REQ-M10", how="static")
def test_what_a_shape_costs_is_what_its_stack_makes_by_default(tmp_path: Path) -> None:
    made = {shape: service(tmp_path, shape, shape) for shape in ("http-cached", "container", "instances", "front")}
    shop = System(Platform("shop", OWNER, network="nat"), made, tmp_path)
    templates = {shape: page.build(shop, one).to_dict() for shape, one in made.items()}

    def default(shape: str, name: str) -> str:
        return str(templates[shape]["Parameters"][name]["Default"])

    cpus, memory = parameters.containers.SIZES[default("container", "TaskSize")]
    assert (int(cpus) / 1024, int(memory) / 1024) == (costs.TASK_CPUS, costs.TASK_GB)
    assert default("container", "MinTasks") == str(costs.TASKS)
    names = ("FleetMinSize", "InstanceType", "DatabaseClass", "DatabaseStorage")
    assert tuple(default("instances", name) for name in names) == (
        str(costs.SERVERS),
        costs.SERVER_TYPE,
        costs.DATABASE_TYPE,
        str(costs.STORAGE_GB),
    )
    assert default("http-cached", "FunctionMemory") == str(int(costs.FUNCTION_GB * 1024))
    disks = json.dumps(templates["instances"])
    assert f'"VolumeSize": {costs.DISK_GB}, "VolumeType": "gp3"' in disks
    types = {shape: [one["Type"] for one in made["Resources"].values()] for shape, made in templates.items()}
    balancer = "AWS::ElasticLoadBalancingV2::LoadBalancer"
    balanced = {shape for shape in costs.NEEDS if any(part.what == "load balancer" for part in parts(shape))}
    assert {shape for shape, there in types.items() if balancer in there} == balanced


def parts(shape: str) -> tuple[costs.Part, ...]:
    return costs.parts(Service(shape, shape, OWNER, ""))


@shows("REQ-M10", how="static")
def test_what_each_shape_costs_a_month() -> None:
    """With 730 hours; a version has its front's load balancer, and so costs less by that."""
    fixed = {shape: costs.fixed(Service("a", shape, OWNER, "")) for shape in SHAPES}
    assert fixed == {
        "http": 0.0,
        "http-cached": 6.13,  # 730 x 0.1 x 0.084
        "container": 23.63,  # 730 x (0.0225 + 0.25 x 0.03238 + 0.5 x 0.00356)
        "instances": 43.71,  # 730 x (0.0225 + 0.0168 + 0.016) + 8 x 0.08 + 20 x 0.115 + 0.40
        "front": 16.43,  # 730 x 0.0225
        "queue": 0.0,
        "stream": 10.95,
        "topic": 0.0,
        "bucket": 0.0,
    }
    assert costs.fixed(Service("a", "container", OWNER, "", behind="b")) == 7.21


@shows("REQ-M2", "REQ-M5", how="static")
def test_the_page_has_the_table_of_the_code() -> None:
    page = DOCS.read_text()
    assert f"\n{reach.markdown()}\n" in page, "make it with: python -m troposphere_arch.microservices.reach"
    assert page.index("\n## Who reaches whom\n") < page.index(reach.markdown())
