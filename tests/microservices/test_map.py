"""`map`: who calls whom over what, for people, for programs, and as a picture."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from tests.cli.commands import Shell, refused
from tests.evidence import shows
from tests.microservices.conftest import OWNED, PLATFORM, SHAPES, declared, put

Shop = Callable[..., Path]
TABLE = """\
from        verb       to          over      what
----------  ---------  ----------  --------  ------------------
fulfilment  sends to   payments    SQS FIFO
fulfilment  sends to   statistics  Kinesis
orders      calls      status      HTTPS     GET /requests/{id}
orders      calls      stock       HTTPS     GET /stock/{sku}
orders      tells      fulfilment  SNS, SQS  order-placed
orders      tells      (nobody)    SNS       order-paid
payments    puts into  invoices    S3        paid/
"""
PICTURE = """\
flowchart LR
    Fulfilment{{"fulfilment"}}
    Invoices[("invoices")]
    Orders["orders"]
    Payments(["payments"])
    Statistics[/"statistics"/]
    Status["status"]
    Stock["stock"]
    Fulfilment -.->|"SQS FIFO"| Payments
    Fulfilment -.->|"Kinesis"| Statistics
    Orders -->|"GET /requests/{id}"| Status
    Orders -->|"GET /stock/{sku}"| Stock
    Orders -.->|"order-placed"| Fulfilment
    Payments -.->|"paid/"| Invoices
"""


@shows("REQ-M2", "REQ-M7", how="static")
def test_the_map_is_a_table_and_a_picture(shop: Shop, build: Shell) -> None:
    shop()
    done = build("map", "services/")
    assert (done.code, done.err) == (0, "")
    assert done.out == f"{TABLE}\n{PICTURE}"


def test_the_picture_alone_is_what_a_program_draws(shop: Shop, build: Shell) -> None:
    shop()
    assert build("map", "--mermaid", "services").out == PICTURE


def test_programs_get_services_and_lines(shop: Shop, build: Shell) -> None:
    shop(
        {"platform.yaml": PLATFORM + "network: nat\n", "payments/service.yaml": declared("payments", "inside: true\n")}
    )
    found = json.loads(build("map", "services", "--json").out)
    assert found["system"] == "shop"
    assert {service["name"]: service["shape"] for service in found["services"]} == SHAPES
    assert [service["name"] for service in found["services"] if service["inside"]] == ["payments"]
    assert {
        "from": "orders",
        "verb": "calls",
        "to": "stock",
        "over": "HTTPS",
        "label": "GET /stock/{sku}",
        "waits": True,
    } in found["lines"]
    assert [line["to"] for line in found["lines"] if line["label"] == "order-paid"] == [None]
    assert [line["over"] for line in found["lines"] if line["from"] == "payments"] == ["S3, gateway endpoint of S3"]


def test_all_that_goes_one_way_is_on_one_line_of_the_picture(folder: Path, build: Shell) -> None:
    """A name that is a word of Mermaid's is none there; what goes over a network of the platform's is told."""
    put(
        folder,
        {
            "platform.yaml": PLATFORM + "network: nat\n",
            "end/service.yaml": f"shape: http\n{OWNED}inside: true\nroutes: [GET /x]\n"
            "calls: {graph: [GET /x, POST /x], other: [GET /y]}\n",
            "graph/service.yaml": f"shape: http\n{OWNED}private: true\nroutes: [GET /x, POST /x]\n",
            "other/service.yaml": f"shape: http\n{OWNED}routes: [GET /y]\n",
        },
    )
    done = build("map", "services")
    assert '    End -->|"GET /x<br/>POST /x"| Graph\n' in done.out
    assert "end   calls  graph  HTTPS, interface endpoint of API Gateway  GET /x\n" in done.out
    assert "end   calls  other  HTTPS, NAT gateway                        GET /y\n" in done.out


@shows("REQ-M2", "REQ-M11", how="static")
def test_versions_are_behind_their_front(folder: Path, build: Shell) -> None:
    """Whoever calls names the front; servers and what is cached are in the network, without a word."""
    routes = "routes: [GET /x]\n"
    listens = "port: 8080\nhealth: /health\nbehind: stock\n"
    put(
        folder,
        {
            "platform.yaml": PLATFORM + "network: nat\n",
            "stock/service.yaml": f"shape: front\n{OWNED}{routes}",
            "stock-v1/service.yaml": f"shape: instances\n{OWNED}{routes}{listens}",
            "stock-v2/service.yaml": f"shape: container\n{OWNED}{routes}{listens}calls: {{prices: [GET /x]}}\n",
            "stock-v2/Dockerfile": "FROM python\nEXPOSE 8080\n",
            "prices/service.yaml": f"shape: http-cached\n{OWNED}{routes}",
            "orders/service.yaml": f"shape: http\n{OWNED}{routes}calls: {{stock: [GET /x]}}\n",
        },
    )
    done = build("map", "services")
    assert (done.code, done.err) == (0, "")
    assert [re.split("  +", line.strip()) for line in done.out.split("\n\n")[0].splitlines()[2:]] == [
        ["orders", "calls", "stock", "HTTPS", "GET /x"],
        ["stock", "leads to", "stock-v1", "load balancer"],
        ["stock", "leads to", "stock-v2", "load balancer"],
        ["stock-v2", "calls", "prices", "HTTPS, NAT gateway", "GET /x"],
    ]
    for line in (
        'Prices[["prices"]]',
        'Stock{"stock"}',
        'StockV1(("stock-v1"))',
        'StockV2("stock-v2")',
        'Stock -->|"load balancer"| StockV1',
        'StockV2 -->|"GET /x"| Prices',
    ):
        assert f"    {line}\n" in done.out


def test_what_is_wrong_is_told_in_place_of_a_map(shop: Shop, build: Shell) -> None:
    shop({"stock/service.yaml": None, "stock/handler.py": None})
    refused(build("map", "services"), "services/orders/service.yaml:6", 'calls names "stock"')
    refused(build("map"), "FOLDER")
    refused(build("map", "services", "--json", "--mermaid"), "not allowed with")


def test_a_map_waits_for_nothing_that_it_does_not_need(shop: Shop, build: Shell) -> None:
    """Neither troposphere nor boto3 nor cfn-lint is imported, each of which takes longer than the map."""
    shop()
    code = "import sys\nfrom troposphere_arch.cli import main\nmain(['map', 'services'])\nprint(*sys.modules)"
    out = subprocess.run(
        [sys.executable, "-c", code], cwd=build.home, env=build.environment(), capture_output=True, text=True
    )
    loaded = out.stdout.splitlines()[-1].split()
    assert "troposphere_arch.microservices.reading" in loaded
    assert not {"troposphere", "boto3", "cfnlint"} & set(loaded)
