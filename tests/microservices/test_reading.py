"""Declarations: a folder of them is a system, or one error that tells all that is wrong with it, by file and line."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.cli.commands import Shell
from tests.evidence import shows
from tests.microservices.conftest import HANDLER, OWNED, PLATFORM, SERVICES, SHAPES, declared, problems, put, system
from troposphere_arch.discovery import title
from troposphere_arch.errors import UserError
from troposphere_arch.microservices import service as page
from troposphere_arch.microservices.declaration import NETWORKS, STATUS, Platform, System
from troposphere_arch.microservices.declaration import SHAPES as ALL_SHAPES
from troposphere_arch.microservices.reading import read

Shop = Callable[..., Path]
PROFILE = settings(derandomize=True, database=None, deadline=None, max_examples=100)
HTTP = f"shape: http\n{OWNED}"
TOLD = ("URL", "QUEUE", "STREAM", "BUCKET", "PREFIX")  # how the variables end that tell of another service


@shows("REQ-M4", "REQ-M9", how="static")
def test_a_folder_of_short_declarations_is_a_system(shop: Shop) -> None:
    """None of them has more than 15 lines."""
    found = system(shop())
    assert found.platform == Platform("shop", "shop@example.com", file=Path("services/platform.yaml"))
    assert found.folder == Path("services")
    assert {name: service.shape for name, service in found.services.items()} == SHAPES
    assert list(found.services) == sorted(SHAPES)
    orders, stock = found.services["orders"], found.services["stock"]
    assert orders.routes == ("POST /orders", "GET /orders/{id}")
    assert orders.calls == {"stock": ("GET /stock/{sku}",), "status": ("GET /requests/{id}",)}
    assert orders.publishes == ("order-placed", "order-paid")
    assert (orders.owner, orders.description) == ("shop@example.com", "Does what it does.")
    assert (orders.version, orders.host, orders.table, orders.inside, orders.private) == (
        "1.0.0",
        "orders",
        False,
        False,
        False,
    )
    assert stock.table
    assert found.services["fulfilment"].subscribes == {"orders": ("order-placed",)}
    assert found.services["fulfilment"].sends == ("payments", "statistics")
    payments = found.services["payments"]
    assert (payments.fifo, payments.concurrency, payments.puts, payments.timeout) == (True, 5, ("invoices",), None)
    assert found.services["statistics"].timeout == 900
    assert found.services["invoices"].prefix == "paid/"
    assert orders.file == Path("services/orders/service.yaml")


def test_what_is_declared_is_found_again_by_its_line(shop: Shop) -> None:
    orders = system(shop()).services["orders"]
    assert str(orders.place("shape")) == "services/orders/service.yaml:1"
    assert str(orders.place("routes")) == "services/orders/service.yaml:4"
    assert str(orders.place("calls")) == "services/orders/service.yaml:5"
    assert str(orders.place("calls.status")) == "services/orders/service.yaml:7"
    assert str(orders.place("timeout")) == "services/orders/service.yaml:1"


def test_all_that_may_be_said_is_kept(shop: Shop) -> None:
    said = (
        "host: shop-orders\nversion: 2.10.0\ntable: yes\ninside: true\nprivate: On\ntimeout: 28\nconcurrency: 1\n"
        "description: |\n  Takes orders,\n  and says what became of them.\nowner: Team Shop\n"
    )
    text = "shape: http\n" + SERVICES["orders"].replace('  status: ["GET /requests/{id}"]\n', "") + said
    found = system(
        shop(
            {
                "platform.yaml": PLATFORM + "network: nat\nversion: 3.0.0\n",
                "orders/service.yaml": text,
            }
        )
    )
    orders = found.services["orders"]
    assert (orders.host, orders.version, orders.table, orders.inside) == ("shop-orders", "2.10.0", True, True)
    assert (orders.private, orders.timeout, orders.concurrency) == (True, 28, 1)
    assert (orders.description, orders.owner) == ("Takes orders, and says what became of them.", "Team Shop")
    assert (found.platform.network, found.platform.version) == ("nat", "3.0.0")


def test_what_yaml_takes_for_something_else_is_the_text_that_is_written(shop: Shop) -> None:
    """`no` and `on` are events, 007 is a team, and a description may be a date."""
    said = "shape: topic\nowner: 007\ndescription: 2024-01-01\nsubscribes: {orders: [no, on]}\n"
    found = system(
        shop(
            {
                "orders/service.yaml": declared("orders").replace("order-paid", "no, on"),
                "fulfilment/service.yaml": said,
            }
        )
    )
    fulfilment = found.services["fulfilment"]
    assert (fulfilment.owner, fulfilment.description) == ("007", "2024-01-01")
    assert fulfilment.subscribes == {"orders": ("no", "on")}


def test_a_platform_may_have_no_service_yet(folder: Path) -> None:
    assert system(put(folder, {"platform.yaml": PLATFORM})).services == {}


def test_services_are_found_at_any_depth_and_what_is_made_is_not_read(shop: Shop) -> None:
    wrong = "shape: nothing\n"
    found = system(
        shop(
            {
                "money/refunds/service.yaml": f"shape: queue\n{OWNED}",
                "money/refunds/inner/deep/service.yaml": f"shape: queue\n{OWNED}",
                "templates/shop-orders/service.yaml": wrong,
                "money/templates/service.yaml": wrong,
                ".git/service.yaml": wrong,
                "node_modules/service.yaml": wrong,
                "venv/pyvenv.cfg": "",
                "venv/lib/service.yaml": wrong,
            }
        )
    )
    assert set(found.services) == {*SHAPES, "refunds", "deep"}
    assert found.services["refunds"].folder == Path("services/money/refunds")


def test_a_byte_order_mark_and_carriage_returns_are_no_matter(shop: Shop) -> None:
    text = "\ufeff" + declared("statistics").replace("\n", "\r\n")
    assert system(shop({"statistics/service.yaml": text})).services["statistics"].timeout == 900


# What is said of a single file: the last argument is what is told of it, with the line before it.
WRONG_SERVICES: dict[str, tuple[str, str, str]] = {
    "no shape": ("prices", OWNED, "1: shape is missing: a service has one; write one of http, http-cached, "),
    "shape unknown": (
        "prices",
        f"shape: htttp\n{OWNED}",
        '1: shape is "htttp" (did you mean http?): it is one of http, http-cached, container, instances, front, queue, '
        "stream, topic, bucket",
    ),
    "shape is a list": ("prices", f"{OWNED}shape: [http]\n", "3: shape is a list, and it wants one of http"),
    "no owner": ("statistics", "shape: stream\ndescription: Counts.\n", "1: owner is missing: a service has one"),
    "no description": ("statistics", "shape: stream\nowner: me\n", "1: description is missing: a service has one"),
    "owner is empty": (
        "statistics",
        "shape: stream\nowner:\ndescription: Counts.\n",
        "2: owner is empty, and it wants an e-mail address or the name of a team",
    ),
    "owner is none": (
        "statistics",
        "shape: stream\ndescription: Counts.\nowner: a@b\n",
        '3: owner is "a@b": it is an e-mail address or the name of a team',
    ),
    "owner is no tag": (
        "statistics",
        "shape: stream\ndescription: Counts.\nowner: a&b@example.com\n",
        '3: owner is "a&b@example.com"',
    ),
    "description is long": (
        "statistics",
        f"shape: stream\nowner: me\ndescription: {'x' * 201}\n",
        "3: description has 201 characters, and at most 200 fit",
    ),
    "routes missing": ("prices", HTTP, "1: routes is missing: an http service has one; write what it answers"),
    "routes empty": ("prices", f"{HTTP}routes: []\n", "4: routes is empty"),
    "routes is a text": (
        "prices",
        f"{HTTP}routes: GET /orders\n",
        '4: routes is the text "GET /orders", and it wants a list of routes, such as routes: ["GET /orders"]',
    ),
    "routes is a mapping": (
        "prices",
        f"{HTTP}routes: {{GET /orders: x}}\n",
        "4: routes is a mapping, and it wants a list",
    ),
    "a route is a list": (
        "prices",
        f"{HTTP}routes: [[GET /a]]\n",
        "4: routes is a list, and it wants a list of routes",
    ),
    "route without verb": ("prices", f"{HTTP}routes:\n  - /orders\n", '5: routes has "/orders": a route is GET, HEAD'),
    "route in small letters": ("prices", f"{HTTP}routes: [get /orders]\n", '4: routes has "get /orders": a route is'),
    "route ends with a slash": ("prices", f"{HTTP}routes: [GET /orders/]\n", '4: routes has "GET /orders/": a route'),
    "route takes all": (
        "prices",
        f'{HTTP}routes: ["GET /{{proxy+}}"]\n',
        '4: routes has "GET /{proxy+}": a route is',
    ),
    "route is long": (
        "prices",
        f"{HTTP}routes: [GET /{'x' * 100}]\n",
        "4: routes has a text of 105 characters, and at most 100 fit",
    ),
    "route twice": (
        "prices",
        f"{HTTP}routes:\n  - GET /orders\n  - POST /orders\n  - GET /orders\n",
        "7: routes has GET /orders a second time, the first is in line 5: remove one",
    ),
    "routes differ in a variable": (
        "prices",
        f'{HTTP}routes: ["GET /orders/{{id}}", "GET /orders/{{number}}"]\n',
        "4: routes has GET /orders/{number} and GET /orders/{id}: only their variables differ in name; remove one",
    ),
    "one place, two variables": (
        "prices",
        f"{HTTP}routes:\n  - GET /orders/{{id}}\n  - PUT /orders/{{number}}/items\n",
        "6: routes has /orders/{number} and /orders/{id}: of a place in a path all variables have one name",
    ),
    "one variable twice": (
        "prices",
        f'{HTTP}routes: ["GET /orders/{{id}}/items/{{id}}"]\n',
        "4: routes has GET /orders/{id}/items/{id}, where two variables have one name: rename one",
    ),
    "routes that have one name": (
        "prices",
        f"{HTTP}routes: [GET /order-lines, GET /order/lines]\n",
        "4: routes has /order/lines and /order-lines, which differ in signs or capitals only",
    ),
    "a route of signs": ("prices", f"{HTTP}routes: [GET /-]\n", "4: routes has /- and /, which differ in signs"),
    "too many routes": (
        "prices",
        f"{HTTP}routes: [{', '.join(f'GET /a{n}' for n in range(101))}]\n",
        "4: routes has 101, and at most 100 fit into a stack: make two services of it",
    ),
    "key of another shape": (
        "statistics",
        declared("statistics", "routes: [GET /x]\n"),
        "5: routes does not belong to a stream service: only http, http-cached, container, instances and front "
        "services have it; take it out",
    ),
    "host of a queue": ("payments", declared("payments", "host: pay\n"), "7: host does not belong to a queue service"),
    "subscribes of a queue": (
        "payments",
        declared("payments", "subscribes: {orders: [order-placed]}\n"),
        "7: subscribes does not belong to a queue service: only topic services have it",
    ),
    "table of a stream": (
        "statistics",
        declared("statistics", "table: true\n"),
        "5: table does not belong to a stream service: only http and container services have it; the others "
        "always have one",
    ),
    "private stream": (
        "statistics",
        declared("statistics", "private: true\n"),
        "5: private does not belong to a stream service: only http, http-cached, container, instances and front "
        "services have it; write inside: true",
    ),
    "fifo stream": ("statistics", declared("statistics", "fifo: true\n"), "5: fifo does not belong to a stream"),
    "prefix of a stream": (
        "statistics",
        declared("statistics", "prefix: a/\n"),
        "5: prefix does not belong to a stream",
    ),
    "unknown key": (
        "statistics",
        declared("statistics", "timout: 3\n"),
        '5: "timout" is no key of a stream service (did you mean timeout?): it has shape, owner, description',
    ),
    "unknown key unlike any": (
        "statistics",
        declared("statistics", "zebra: 3\n"),
        '5: "zebra" is no key of a stream service: it has shape, owner, description',
    ),
    "key twice": (
        "statistics",
        declared("statistics", "timeout: 3\n"),
        '5: "timeout" is here a second time, the first is in line 4: remove one',
    ),
    "key is a list": ("statistics", declared("statistics", "? [a]\n: b\n"), "5: has a list for a key, which is a text"),
    "merge": ("statistics", declared("statistics", "<<: {timeout: 3}\n"), "5: merges (<<) something into a service"),
    "alias": (
        "payments",
        f"shape: queue\n{OWNED}puts: &a [invoices]\nsends: *a\n",
        "4: sends: what is here is used again by an alias (*): write it out where it is used",
    ),
    "tag": ("statistics", declared("statistics", "inside: !yes true\n"), '5: inside has the tag "!yes"'),
    "flag is a text": ("payments", f"shape: queue\n{OWNED}fifo: 'true'\n", '4: fifo is "true": it is true or false'),
    "flag is a number": ("payments", f"shape: queue\n{OWNED}fifo: 1\n", '4: fifo is "1": it is true or false'),
    "timeout of http": (
        "orders",
        declared("orders", "timeout: 29\n"),
        '9: timeout is "29": it is a number of seconds from 1 to 28',
    ),
    "timeout of a queue": (
        "payments",
        declared("payments", "timeout: 901\n"),
        '7: timeout is "901": it is a number of seconds from 1 to 900',
    ),
    "timeout is zero": ("payments", declared("payments", "timeout: 0\n"), '7: timeout is "0": it is a number'),
    "timeout is octal": ("payments", declared("payments", "timeout: 010\n"), '7: timeout is "010": it is a number'),
    "timeout is a time": ("payments", declared("payments", "timeout: 1:30\n"), '7: timeout is "1:30": it is a number'),
    "timeout is a text": ("payments", declared("payments", 'timeout: "9"\n'), '7: timeout is "9": it is a number'),
    "timeout is a fraction": ("payments", declared("payments", "timeout: 1.5\n"), '7: timeout is "1.5": it is a'),
    "concurrency of a queue": (
        "payments",
        f"shape: queue\n{OWNED}concurrency: 1\n",
        '4: concurrency is "1": it is a number from 2 to 1000',
    ),
    "concurrency of a stream": (
        "statistics",
        declared("statistics", "concurrency: 1001\n"),
        '5: concurrency is "1001": it is a number from 1 to 1000',
    ),
    "version": ("statistics", declared("statistics", "version: 1.0\n"), '5: version is "1.0": it is three numbers'),
    "host": ("orders", declared("orders", "host: Orders_1\n"), '9: host is "Orders_1": it is the first part of a name'),
    "host of the status": (
        "orders",
        declared("orders", "host: status\n"),
        "9: host is status: that is where the platform",
    ),
    "prefix": ("invoices", f"shape: bucket\n{OWNED}prefix: /paid*\n", '4: prefix is "/paid*": it is one to five names'),
    "event": (
        "statistics",
        declared("statistics", "publishes: [Counted, ok]\n"),
        '5: publishes has "Counted": an event is 1 to 64 small letters, digits and -',
    ),
    "event twice": (
        "statistics",
        declared("statistics", "publishes: [counted, counted]\n"),
        "5: publishes has counted a second time, the first is in line 5: remove one",
    ),
    "too many events": (
        "statistics",
        declared("statistics", f"publishes: [{', '.join(f'e{n}' for n in range(101))}]\n"),
        "5: publishes has 101 events, and at most 100 can be told apart",
    ),
    "subscribes missing": (
        "fulfilment",
        f"shape: topic\n{OWNED}",
        "1: subscribes is missing: a topic service has one; write what it is told, and by whom",
    ),
    "subscribes empty": ("fulfilment", f"shape: topic\n{OWNED}subscribes: {{}}\n", "4: subscribes is empty"),
    "subscribes is a list": (
        "fulfilment",
        f"shape: topic\n{OWNED}subscribes: [orders]\n",
        "4: subscribes is a list, and it wants names of services, each with a list: subscribes: {orders:",
    ),
    "subscribes to nothing": (
        "fulfilment",
        f"shape: topic\n{OWNED}subscribes: {{orders: []}}\n",
        "4: subscribes.orders is empty: name events of orders, or take it out",
    ),
    "calls is a list": (
        "payments",
        declared("payments", "calls: [stock]\n"),
        "7: calls is a list, and it wants names of services, each with a list: calls: {stock:",
    ),
    "calls without routes": (
        "payments",
        declared("payments", "calls:\n  stock:\n"),
        "8: calls.stock is empty, and it wants a list of routes",
    ),
    "calls no route": (
        "payments",
        declared("payments", "calls:\n  stock: [everything]\n"),
        '8: calls.stock has "everything": a route is GET, HEAD',
    ),
    "calls a route twice": (
        "payments",
        declared("payments", 'calls:\n  stock: ["GET /stock/{sku}", "GET /stock/{id}"]\n'),
        "8: calls.stock has GET /stock/{id} and GET /stock/{sku}: only their variables differ in name; remove one",
    ),
    "sends is a text": (
        "fulfilment",
        declared("fulfilment").replace("[payments, statistics]", "payments"),
        '5: sends is the text "payments", and it wants a list of names of services, such as sends: ["payments"]',
    ),
    "a list": ("statistics", "- shape: stream\n", "1: is a list: a service is declared by lines of a key and a value"),
    "a text": ("statistics", "\n\nstream\n", '3: is the text "stream": a service is declared by lines'),
    "a tagged mapping": ("statistics", "!service\nshape: stream\n", '1: is tagged "!service": a service is declared'),
    "empty": ("statistics", "", "1: is empty: a service says at least such as"),
    "comments only": ("statistics", "# to do\n", "1: is empty: a service says at least"),
    "two documents": (
        "statistics",
        declared("statistics", "---\na: b\n"),
        "5: begins a second document (---): a declaration is one",
    ),
    "tab": (
        "prices",
        f"{HTTP}calls:\n\tstock: [GET /x]\n",
        "5: has a tab where YAML takes spaces only: put spaces in its place",
    ),
    "a bracket too few": ("statistics", declared("statistics", "sends: [payments\n"), "6: is no YAML: while parsing"),
    "a colon too many": ("statistics", "shape: stream: queue\n", "1: is no YAML: mapping values are not allowed"),
    "an alias to nothing": ("statistics", "shape: *that\n", "1: is no YAML: found undefined alias"),
    "deep": ("statistics", f"shape: {'[' * 20_000}\n", "1: is no YAML: "),
    "control character": ("statistics", "shape: stream\nowner: \x1b[31mred\n", "2: holds the character U+001B"),
    "long": ("statistics", "# " + "x" * 70_000, "1: has more than 65,536 bytes"),
}


@shows("REQ-M4", how="static")
@pytest.mark.parametrize("case", WRONG_SERVICES)
def test_what_is_wrong_with_a_declaration_is_told_with_its_line(shop: Shop, case: str) -> None:
    """Only that, though others send to it, or call it."""
    name, text, told = WRONG_SERVICES[case]
    [line] = problems(shop({f"{name}/service.yaml": text}))
    assert line.startswith(f"services/{name}/service.yaml:{told}"), line


BLAMELESS = {
    "stock": ("routes: [get /stock]\n", '4: routes has "get /stock": a route is'),
    "orders": ("routes: [GET /x]\npublishes: [ORDER]\n", '5: publishes has "ORDER": an event is'),
}


@pytest.mark.parametrize("name", BLAMELESS)
def test_nobody_is_blamed_for_what_another_has_wrong(shop: Shop, name: str) -> None:
    """Others call the routes, and subscribe to the events, that would be there if they were right."""
    said, told = BLAMELESS[name]
    [line] = problems(shop({f"{name}/service.yaml": HTTP + said}))
    assert line.startswith(f"services/{name}/service.yaml:{told}"), line


BYTES = {
    "not UTF-8": (b"shape: stream\nowner: \xe9\n", "2: is not UTF-8 (byte 0xe9): save it as UTF-8"),
    "UTF-16": ("shape: stream\n".encode("utf-16"), "1: is UTF-16: save it as UTF-8"),
    "a picture": (b"\x89PNG\r\n", "1: is not UTF-8 (byte 0x89)"),
    "nothing but zeros": (b"\0" * 10, "1: holds the character U+0000"),
}


@pytest.mark.parametrize("case", BYTES)
def test_what_is_no_text_is_told_so(shop: Shop, case: str) -> None:
    data, told = BYTES[case]
    [line] = problems(shop({"statistics/service.yaml": data}))
    assert line.startswith(f"services/statistics/service.yaml:{told}")


WRONG_PLATFORMS = {
    "no name": ("owner: me\n", "1: name is missing: a platform has one; write what all of its stacks begin with"),
    "no owner": ("name: shop\n", "1: owner is missing: a platform has one"),
    "name": ("name: My Shop\nowner: me\n", '1: name is "My Shop": it is 2 to 20 small letters, digits and -'),
    "name is short": ("name: s\nowner: me\n", '1: name is "s": it is 2 to 20'),
    "name of AWS": ("name: awsome\nowner: me\n", "1: name is awsome: nothing in Parameter Store may begin with aws"),
    "network": (
        PLATFORM + "network: endpoint\n",
        '3: network is "endpoint" (did you mean endpoints?): it is one of none, endpoints, nat',
    ),
    "unknown key": (PLATFORM + "nam: x\n", '3: "nam" is no key of a platform (did you mean name?): it has name, owner'),
    "empty": ("", "1: is empty: a platform says at least such as `name: shop`"),
}


@pytest.mark.parametrize("case", WRONG_PLATFORMS)
def test_what_is_wrong_with_a_platform_is_told_with_its_line(shop: Shop, case: str) -> None:
    text, told = WRONG_PLATFORMS[case]
    [line] = problems(shop({"platform.yaml": text}))
    assert line.startswith(f"services/platform.yaml:{told}"), line


# What is wrong among services: the files that differ, and all that is told.
AMONG: dict[str, tuple[dict[str, str | bytes | None], list[str]]] = {
    "a bad name": (
        {"Orders_2/service.yaml": f"shape: queue\n{OWNED}"},
        ['services/Orders_2/service.yaml:1: the service is called "Orders_2", as its folder: a name is 1 to 40'],
    ),
    "a name that is taken": (
        {
            "status/service.yaml": f"shape: queue\n{OWNED}",
            "platform-bus/service.yaml": f"shape: queue\n{OWNED}",
            **{f"{name}/service.yaml": f"shape: queue\n{OWNED}" for name in ("aws-endpoint", "failures", "kms-key")},
        },
        [
            f"services/{name}/service.yaml:1: the service is called {name}, as its folder, which templates call"
            for name in ("aws-endpoint", "failures", "kms-key", "platform-bus", "status")
        ],
    ),
    "a name twice": (
        {"old/orders/service.yaml": declared("orders")},
        ["services/orders/service.yaml:1: orders is declared in services/old/orders/service.yaml too"],
    ),
    "names that differ by a hyphen": (
        {"s-1/service.yaml": f"shape: queue\n{OWNED}", "s1/service.yaml": f"shape: queue\n{OWNED}"},
        ["services/s1/service.yaml:1: s1 and s-1 differ by a - only, and have one name in a template"],
    ),
    "two at one host": (
        {"stock/service.yaml": declared("stock", "host: orders\n")},
        [
            "services/stock/service.yaml:6: stock is at the host orders, and so is orders "
            "(services/orders/service.yaml:1)"
        ],
    ),
    "calls nobody": (
        {"orders/service.yaml": declared("orders").replace("  stock:", "  stok:")},
        [
            'services/orders/service.yaml:6: calls names "stok", and no service is called so (did you mean stock?): '
            "there is fulfilment, invoices, payments, statistics, stock; correct it, or make one"
        ],
    ),
    "calls a queue": (
        {"orders/service.yaml": declared("orders").replace("  stock:", "  payments:")},
        [
            "services/orders/service.yaml:6: orders calls payments, which is a queue service: sends: [payments] sends "
            "to it"
        ],
    ),
    "calls a topic": (
        {"stock/service.yaml": declared("stock", "calls: {fulfilment: [GET /x]}\n")},
        [
            "services/stock/service.yaml:6: stock calls fulfilment, which is a topic service: it is told events: "
            "publish "
            "one, and let fulfilment subscribe to it"
        ],
    ),
    "calls a route that is not served": (
        {"orders/service.yaml": declared("orders").replace("GET /stock/", "GET /stocks/")},
        [
            "services/orders/service.yaml:6: orders calls GET /stocks/{sku} of stock, which serves GET /stock/{sku}, "
            "PUT /stock/{sku} (did you mean GET /stock/{sku}?); correct it, or add it to services/stock/service.yaml"
        ],
    ),
    "asks more of the status than there is": (
        {"orders/service.yaml": declared("orders").replace("GET /requests/", "DELETE /requests/")},
        [
            "services/orders/service.yaml:7: orders calls DELETE /requests/{id} of status, which serves GET "
            "/requests/{id} (did you mean GET /requests/{id}?); correct it, or call another"
        ],
    ),
    "sends to the status": (
        {"fulfilment/service.yaml": declared("fulfilment").replace("payments, ", "status, ")},
        [
            "services/fulfilment/service.yaml:5: fulfilment sends to status, which is the platform's and takes "
            "calls only"
        ],
    ),
    "sends to a bucket and to itself": (
        {"payments/service.yaml": declared("payments", "sends: [invoices, payments]\n")},
        [
            "services/payments/service.yaml:7: payments sends to invoices, which is a bucket service: puts: [invoices] "
            "puts into it",
            "services/payments/service.yaml:7: payments sends to itself: what is its own it does without a call; take",
        ],
    ),
    "puts into a service": (
        {"payments/service.yaml": declared("payments").replace("[invoices]", "[stock]")},
        ["services/payments/service.yaml:6: payments puts into stock, which is an http service: calls: {stock: ["],
    ),
    "subscribes to who publishes nothing": (
        {"fulfilment/service.yaml": declared("fulfilment").replace("{orders:", "{stock:")},
        [
            "services/fulfilment/service.yaml:4: fulfilment subscribes to order-placed of stock, which publishes "
            "nothing; "
            "correct it, or add it to publishes in services/stock/service.yaml"
        ],
    ),
    "subscribes to another event": (
        {"fulfilment/service.yaml": declared("fulfilment").replace("order-placed", "order-place")},
        [
            "services/fulfilment/service.yaml:4: fulfilment subscribes to order-place of orders, which publishes "
            "order-placed, order-paid (did you mean order-placed?); correct it"
        ],
    ),
    "inside of nothing": (
        {
            "stock/service.yaml": declared("stock", "inside: true\nprivate: true\n"),
        },
        [
            f"services/stock/service.yaml:{line}: stock is {key}, and the platform has no network: write network: "
            f"endpoints or network: nat in platform.yaml, or take {key} out"
            for line, key in ((6, "inside"), (7, "private"))
        ],
    ),
    "too much for a role": (
        {
            **{f"queue-{n}/service.yaml": f"shape: queue\n{OWNED}" for n in range(13)},
            "statistics/service.yaml": declared(
                "statistics", f"sends: [{', '.join(f'queue-{n}' for n in range(13))}]\n"
            ),
        },
        ["services/statistics/service.yaml:1: statistics calls 0 routes and gives something to 13 queues, streams and"],
    ),
    "no handler": (
        {"orders/handler.py": None},
        [
            "services/orders/service.yaml:1: orders has no handler.py beside its declaration: write one that has "
            "a handler"
        ],
    ),
    "a handler of another name": (
        {"orders/handler.py": "def handle(event, context):\n    def handler():\n        ...\n\nprint(handler)\n"},
        ["services/orders/handler.py:1: defines no handler at its top level, which is what Lambda calls: write"],
    ),
    "a handler that is no Python": (
        {"orders/handler.py": "import json\n\ndef handler(event, context:\n    pass\n"},
        ["services/orders/handler.py:3: is no Python: '(' was never closed; correct it"],
    ),
    "a handler that is no text": (
        {"orders/handler.py": b"# caf\xe9\n"},
        ["services/orders/handler.py:1: is not UTF-8 (byte 0xe9): save it as UTF-8"],
    ),
    "a handler with a zero": ({"orders/handler.py": b"x = 1\0\n"}, ["services/orders/handler.py:1: is no Python: "]),
    "no platform": (
        {"platform.yaml": None},
        ["services/platform.yaml:1: is missing: it declares what all services share"],
    ),
    "a platform below": (
        {"old/platform.yaml": PLATFORM},
        [
            "services/old/platform.yaml:1: declares a platform below the folder that was named, and "
            "services/platform.yaml"
        ],
    ),
    "a platform only below": (
        {"platform.yaml": None, "all/platform.yaml": PLATFORM},
        [
            "services/all/platform.yaml:1: declares a platform below the folder that was named, and there is "
            "none above: "
            "move it, or name services/all"
        ],
    ),
    "a service beside the platform": (
        {"service.yaml": f"shape: queue\n{OWNED}"},
        ["services/service.yaml:1: is beside platform.yaml, and a service has a folder of its own: move it into one"],
    ),
    "another ending": (
        {"refunds/service.yml": f"shape: queue\n{OWNED}"},
        ["services/refunds/service.yml:1: is called service.yml, which is not read: call it service.yaml"],
    ),
}


@shows("REQ-M4", how="static")
def test_no_name_makes_two_things_of_one_name_in_a_template(shop: Shop) -> None:
    """A template calls what it finds of `kms-key` `KmsKeyArn`: such names are refused, whatever templates have."""
    found = system(shop({"statistics/service.yaml": declared("statistics", "publishes: [counted]\n")}))
    own: set[str] = set()
    for service in found.services.values():
        made = page.build(found, service).to_dict()
        of_others = {title(name) for name in service.uses}
        for name in made["Parameters"].keys() | made["Resources"].keys():
            [stem, *rest] = re.split("(?:Address|Arn|Events)$", name)
            own |= {stem} if rest and stem and stem not in of_others and stem != title(STATUS) else set()
    names = {re.sub("(?<=[a-z])(?=[A-Z])", "-", stem).lower() for stem in own}
    assert {"events", "kms-key", "alarm-topic", "platform-bus"} <= names
    folder = shop({f"{name}/service.yaml": f"shape: queue\n{OWNED}" for name in names})
    assert [line.partition(":")[0] for line in problems(folder)] == [
        f"services/{name}/service.yaml" for name in sorted(names)
    ]


@shows("REQ-M2", "REQ-M4", "REQ-M5", "REQ-M7", how="static")
@pytest.mark.parametrize("case", AMONG)
def test_what_is_wrong_among_services_is_told_at_who_says_it(shop: Shop, case: str) -> None:
    files, told = AMONG[case]
    found = problems(shop(files))
    assert len(found) == len(told), found
    for line, expected in zip(found, told, strict=True):
        assert line.startswith(expected), line


@pytest.mark.parametrize("number", [200, 201])
def test_a_topic_tells_two_hundred(folder: Path, number: int) -> None:
    files: dict[str, str | bytes | None] = {
        f"told-{n}/service.yaml": f"shape: topic\n{OWNED}subscribes: {{news: [told]}}\n" for n in range(number)
    }
    news = f"shape: queue\n{OWNED}publishes: [told]\n"
    found = problems(put(folder, files | {"platform.yaml": PLATFORM, "news/service.yaml": news}))
    told = ["services/news/service.yaml:4: 201 services subscribe to news, and a topic takes 200 that choose events"]
    assert [line.partition(": let")[0] for line in found] == (told if number > 200 else [])


def test_a_handler_may_be_made_in_any_way(shop: Shop) -> None:
    handlers = {
        "orders": "from x import http\nhandler = http.handler({})\n",
        "stock": "from x import y as handler\n",
        "payments": "if 1:\n    def handler(e, c): ...\n",
        "invoices": "from other import  *\n",
        "statistics": "handler: object = None\nprint('\\d')\n",
    }
    assert problems(shop({f"{name}/handler.py": text for name, text in handlers.items()})) == []


def test_to_speak_of_importing_all_is_to_import_nothing(shop: Shop) -> None:
    """Neither in a comment nor in a text."""
    [told] = problems(shop({"stock/handler.py": '"""No import * here."""  # import *\nhandle = "import *"\n'}))
    assert told.startswith("services/stock/handler.py:1: defines no handler at its top level")


@shows("REQ-M4", how="static")
def test_no_variable_of_a_function_is_told_by_a_service_of_that_name(shop: Shop) -> None:
    """FAILURES_QUEUE is a stream's own, and AWS_ENDPOINT_URL is boto3's: such names are refused."""
    found = system(shop())
    own = set()
    for service in found.services.values():
        for resource in page.build(found, service).to_dict()["Resources"].values():
            own |= set(resource.get("Properties", {}).get("Environment", {}).get("Variables", {}))
    of_others = {f"{name.replace('-', '_').upper()}_{what}" for name in found.services for what in TOLD}
    of_others |= {f"{STATUS.upper()}_URL"}
    stems = {re.sub(f"_({'|'.join(TOLD)})$", "", name) for name in own - of_others if name.endswith(TOLD)}
    assert "FAILURES" in stems
    names = {stem.replace("_", "-").lower() for stem in stems}
    folder = shop({f"{name}/service.yaml": f"shape: queue\n{OWNED}" for name in names})
    assert [line.partition(":")[0] for line in problems(folder)] == [
        f"services/{name}/service.yaml" for name in sorted(names)
    ]


def test_a_route_is_called_whatever_its_variables_are_called(shop: Shop) -> None:
    text = declared("orders").replace("/stock/{sku}", "/stock/{id}")
    assert system(shop({"orders/service.yaml": text})).services["orders"].calls["stock"] == ("GET /stock/{id}",)


ROUND = (
    ": that goes round, and {}; let one of them publish an event in place of that, and a topic service that subscribes "
    "to it do the rest"
)
WAITS = ROUND.format("a call would wait for itself")
ADDRESS = ROUND.format("each is told the other's address, so none could be deployed first")


def fruit(folder: Path, **uses: str) -> list[str]:
    """What is wrong with services that say this below line 3: what uses a queue is a queue, what calls is http."""
    files: dict[str, str | bytes | None] = {"platform.yaml": PLATFORM}
    for name, text in uses.items():
        shape = "topic" if "subscribes" in text else "queue" if "sends" in text or not text else "http"
        routes = "routes: [GET /x]\n" if shape == "http" else ""
        files[f"{name}/service.yaml"] = f"shape: {shape}\n{OWNED}{text}\npublishes: [done]\n{routes}"
    return problems(put(folder, files))


@shows("REQ-M6", how="static")
def test_calls_that_go_round_are_named_once_and_whole(folder: Path) -> None:
    found = fruit(
        folder,
        apples="calls: {plums: [GET /x]}",
        nuts="calls: {pears: [GET /x]}",
        pears="calls: {apples: [GET /x]}",
        plums="calls: {pears: [GET /x]}",
    )
    assert found == [
        "services/apples/service.yaml:4: apples calls plums, plums calls pears (services/plums/service.yaml:4), pears "
        "calls apples (services/pears/service.yaml:4)" + WAITS
    ]


def test_each_cycle_is_told_by_the_shortest_way(folder: Path) -> None:
    """Between two and between three, of one whole in which all reach all."""
    found = fruit(
        folder,
        apples="calls: {plums: [GET /x], pears: [GET /x]}",
        pears="calls: {apples: [GET /x]}",
        plums="calls: {pears: [GET /x], apples: [GET /x]}",
    )
    assert found == [
        "services/apples/service.yaml:4: apples calls pears, pears calls apples (services/pears/service.yaml:4)"
        + WAITS,
        "services/apples/service.yaml:4: apples calls plums, plums calls apples (services/plums/service.yaml:4)"
        + WAITS,
    ]


@shows("REQ-M4", how="static")
def test_what_could_not_be_deployed_first_is_told_so(folder: Path) -> None:
    """Nobody waits for an answer, but each is told the other's address."""
    found = fruit(
        folder,
        apples="calls: {nuts: [GET /x]}",
        nuts="calls: {status: ['GET /requests/{id}']}\nputs: [apples]",
        cherries="sends: [plums]\ncalls: {apples: [GET /x]}",
        plums="sends: [cherries]",
        figs="subscribes: {grapes: [done]}",
        grapes="subscribes: {figs: [done]}",
    )
    assert found == [
        "services/cherries/service.yaml:4: cherries sends to plums, plums sends to cherries "
        "(services/plums/service.yaml:4)" + ADDRESS,
        "services/figs/service.yaml:4: figs subscribes to grapes, grapes subscribes to figs "
        "(services/grapes/service.yaml:4)" + ADDRESS,
        "services/nuts/service.yaml:5: nuts puts into apples, which is an http service: calls: {apples: [a route "
        "of it]} "
        "asks it",
    ]


def test_a_call_may_be_a_part_of_what_could_not_be_deployed_first(folder: Path) -> None:
    files: dict[str, str | bytes | None] = {
        "platform.yaml": PLATFORM,
        "apples/service.yaml": f"{HTTP}routes: [GET /x]\ncalls: {{nuts: [GET /x]}}\n",
        "nuts/service.yaml": f"{HTTP}routes: [GET /x]\nsends: [plums]\n",
        "plums/service.yaml": f"shape: queue\n{OWNED}calls: {{apples: [GET /x]}}\n",
    }
    assert problems(put(folder, files)) == [
        "services/apples/service.yaml:5: apples calls nuts, nuts sends to plums (services/nuts/service.yaml:5), plums "
        "calls apples (services/plums/service.yaml:4)" + ADDRESS
    ]


def test_a_thousand_services_in_a_row_are_a_system(folder: Path) -> None:
    """Each sends to the next: no depth is too much."""
    files: dict[str, str | bytes | None] = {
        f"queue-{n}/service.yaml": f"shape: queue\n{OWNED}" + (f"sends: [queue-{n + 1}]\n" if n < 1100 else "")
        for n in range(1101)
    }
    assert len(system(put(folder, files | {"platform.yaml": PLATFORM})).services) == 1101


def test_a_thousand_services_in_a_ring_are_one_problem(folder: Path) -> None:
    files: dict[str, str | bytes | None] = {
        f"queue-{n}/service.yaml": f"shape: queue\n{OWNED}sends: [queue-{(n + 1) % 1000}]\n" for n in range(1000)
    }
    [line] = problems(put(folder, files | {"platform.yaml": PLATFORM}))
    assert line.count(" sends to ") == 1000


@shows("REQ-M4", how="static")
def test_all_problems_are_told_at_once_and_nothing_is_written(shop: Shop, build: Shell) -> None:
    """By whichever command reads declarations; by file, and by line within one."""
    shop(
        {
            "orders/service.yaml": declared("orders", "host: stock\ntimeout: 40\ntabel: true\n"),
            "fulfilment/service.yaml": declared("fulfilment").replace("payments, ", "paymnts, invoices, "),
            "payments/service.yaml": "shape: queue\nowner: me\ndescription: >\n  Pays.\nfifo: maybe\nfifo: true\n",
            "stock/handler.py": "handler =\n",
            "Bad Name/service.yaml": "shape: none\n",
            "platform.yaml": "name: shop\nnetwork: some\n",
        }
    )
    before = {path: path.read_bytes() for path in sorted(build.home.rglob("*")) if path.is_file()}
    done = build("map", "services")
    assert done.code == 2
    assert done.out == ""
    assert "Traceback" not in done.err
    first, *lines = done.err.splitlines()
    assert first == "error: services has 14 problems"
    assert [line.partition(": ")[0].removeprefix("services/") for line in lines] == [
        "Bad Name/service.yaml:1",
        "Bad Name/service.yaml:1",
        "Bad Name/service.yaml:1",
        "Bad Name/service.yaml:1",
        "fulfilment/service.yaml:5",
        "fulfilment/service.yaml:5",
        "orders/service.yaml:10",
        "orders/service.yaml:11",
        "payments/service.yaml:5",
        "payments/service.yaml:6",
        "platform.yaml:1",
        "platform.yaml:2",
        "stock/handler.py:1",
        "stock/service.yaml:1",
    ]
    assert {path: path.read_bytes() for path in sorted(build.home.rglob("*")) if path.is_file()} == before


def test_what_is_no_file_is_told_and_not_waited_for(shop: Shop) -> None:
    """A folder, a pipe that nobody writes to, a link to itself, a link to nothing, a link to a folder."""
    folder = shop()
    for name in ("directory", "pipe", "loop", "nothing"):
        put(folder, {f"{name}/service.yaml": f"shape: queue\n{OWNED}"})
        (folder / name / "service.yaml").unlink()
    (folder / "directory/service.yaml").mkdir()
    os.mkfifo(folder / "pipe/service.yaml")
    (folder / "loop/service.yaml").symlink_to("service.yaml")
    (folder / "nothing/service.yaml").symlink_to("not-there")
    (folder / "stock/handler.py").unlink()
    (folder / "stock/handler.py").mkdir()
    (folder / "around").symlink_to(".")
    (folder / "again").symlink_to("orders")
    assert problems(folder) == [
        "services/again:1: is a link to a folder with a service, and such links are not followed: put the folder "
        "itself "
        "here",
        "services/directory/service.yaml:1: is a folder, and should be a file: rename it, or write the file in "
        "its place",
        "services/loop/service.yaml:1: cannot be read: Too many levels of symbolic links; let yourself read it, "
        "or write "
        "another",
        "services/nothing/service.yaml:1: cannot be read: No such file or directory; let yourself read it, or write "
        "another",
        "services/pipe/service.yaml:1: is no ordinary file: write one in its place",
        "services/stock/handler.py:1: is a folder, and should be a file: rename it, or write the file in its place",
    ]


def test_a_folder_that_is_none_is_told_so(shop: Shop) -> None:
    folder = shop()
    assert problems(folder / "platform.yaml") == [
        "services/platform.yaml is no folder: name the one with platform.yaml in it"
    ]
    assert problems(Path("elsewhere")) == [
        "elsewhere is no folder that can be read (No such file or directory): name the one with platform.yaml in it"
    ]


def test_names_of_files_do_not_reach_the_terminal_as_they_are(folder: Path) -> None:
    put(folder, {"platform.yaml": PLATFORM, "a\n\x1b[31mb/service.yaml": f"shape: queue\n{OWNED}"})
    [line] = problems(folder)
    assert line.startswith(
        'services/a\\u000a\\u001b[31mb/service.yaml:1: the service is called "a\\n\\u001b[31mb", as its folder'
    )


def test_paths_are_told_from_the_current_directory(shop: Shop) -> None:
    folder = shop({"orders/handler.py": None}).absolute()
    assert problems(folder)[0].startswith("services/orders/service.yaml:1: orders has no handler.py")
    os.chdir(folder / "stock")
    assert problems(folder)[0].startswith(f"{folder}/orders/service.yaml:1: orders has no handler.py")


def test_a_name_that_is_not_text_anywhere_is_told(folder: Path) -> None:
    put(folder, {"platform.yaml": PLATFORM})
    strange = folder / os.fsdecode(b"\xff")
    strange.mkdir()
    (strange / "service.yaml").write_text(f"shape: queue\n{OWNED}")
    [line] = problems(folder)
    assert line.startswith('services/\\udcff/service.yaml:1: the service is called "\\udcff"')


# Whatever is written: a system, or what is wrong with it.


def outcome(files: dict[str, bytes]) -> None:
    """Raises nothing but what is meant."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for file, data in files.items():
            (folder / file).parent.mkdir(exist_ok=True)
            (folder / file).write_bytes(data)
        try:
            assert isinstance(read(folder), System)
        except UserError as error:
            for line in str(error).split("\n"):
                assert all(c.isprintable() for c in line), line
                assert len(line) < 2_000


KEYS = st.sampled_from(
    [
        *("shape", "owner", "description", "version", "host", "routes", "table", "calls", "sends", "puts", "publishes"),
        *("subscribes", "fifo", "prefix", "inside", "private", "timeout", "concurrency", "name", "network", "<<", "a"),
        *("behind", "shift", "port", "health", "image"),
    ]
)
WORDS = st.sampled_from(
    [*ALL_SHAPES, *NETWORKS, "x", "y", "status", "GET /x", "GET /{a}/x", "POST /x/{b}", "done", "a/", "9", "true"]
) | st.text(max_size=8)
VALUES = st.recursive(
    WORDS | st.integers() | st.booleans() | st.none() | st.floats() | st.dates(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(WORDS | KEYS, inner, max_size=4),
    max_leaves=8,
)
DECLARATIONS = st.dictionaries(KEYS, VALUES, max_size=10).map(lambda value: yaml.safe_dump(value).encode())
TEXTS = (
    st.binary(max_size=80)
    | st.text(max_size=80).map(lambda text: text.encode("utf-8", "surrogatepass"))
    | st.text(alphabet="shape: {}[],-&*!|>'\"%@`#?\n\t<x", max_size=40).map(str.encode)
    | DECLARATIONS
)


@PROFILE
@given(
    service=TEXTS, other=TEXTS, platform=st.just(PLATFORM.encode()) | TEXTS, handler=st.just(HANDLER.encode()) | TEXTS
)
def test_no_text_does_anything_but_be_read_or_refused(
    service: bytes, other: bytes, platform: bytes, handler: bytes
) -> None:
    outcome(
        {"platform.yaml": platform, "x/service.yaml": service, "y/service.yaml": other}
        | {"x/handler.py": handler, "y/handler.py": handler}
    )


@PROFILE
@given(
    name=st.sampled_from(sorted(SERVICES)),
    cut=st.integers(0, 300),
    length=st.integers(0, 40),
    put_in=TEXTS | st.sampled_from([b"*a", b"&a ", b"<<: ", b"[", b"}", b"\t", b"---\n", b"!!x "]),
)
def test_no_damage_to_a_declaration_does_anything_but_be_read_or_refused(
    name: str, cut: int, length: int, put_in: bytes
) -> None:
    files = {f"{one}/service.yaml": declared(one).encode() for one in SERVICES}
    files |= {f"{one}/handler.py": HANDLER.encode() for one in SERVICES}
    text = files[f"{name}/service.yaml"]
    outcome(
        files | {"platform.yaml": PLATFORM.encode(), f"{name}/service.yaml": text[:cut] + put_in + text[cut + length :]}
    )
