"""What a service's code says in so many words is held against its declaration; what may be right is never told."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from tests.evidence import shows
from tests.microservices.conftest import OWNED, PLATFORM, problems, put
from troposphere_arch.microservices import declaration, scaffolding
from troposphere_arch.microservices.reading import read

ROOT = Path(__file__).parents[2]
KIT = "from troposphere_arch.service_kit import client, http, messages, publishing, table\n"
NEIGHBOURS = {
    "platform.yaml": PLATFORM,
    "stock/service.yaml": f'shape: http\n{OWNED}routes: ["GET /stock/{{sku}}", "PUT /stock/{{sku}}", GET /stock]\n',
    "payments/service.yaml": f"shape: queue\n{OWNED}",
    "big-data/service.yaml": f"shape: stream\n{OWNED}",
    "invoices/service.yaml": f"shape: bucket\n{OWNED}",
}
# Lines 4 to 10 of a declaration that uses everything.
ROUTES = 'routes: [POST /orders, "GET /orders/{id}"]\n'
ALL = (
    'table: true\ncalls: {stock: ["GET /stock/{sku}"]}\nsends: [payments, big-data]\nputs: [invoices]\n'
    "publishes: [order-placed]\n"
)
# Code that uses all of it, in lines that begin with the third.
HANDLES = 'handler = http.handler({"POST /orders": print, "GET /orders/{id}": print})\n'
USES = {
    "table": "table.items()\n",
    "stock": 'client.call("stock", "GET /stock/{sku}", sku="tea")\n',
    "payments": 'publishing.send("payments", {})\n',
    "big-data": 'publishing.send("big-data", {})\n',
    "invoices": 'publishing.put("invoices", "a", "b")\n',
    "order-placed": 'publishing.publish("order-placed", {})\n',
}
Told = Callable[..., list[str]]


@pytest.fixture
def told(folder: Path) -> Told:
    """What is told of the service `orders` with this declaration and code, from where it is told on."""

    def tell(said: str, code: str, modules: Mapping[str, str] | None = None, shape: str = "http") -> list[str]:
        files = {f"orders/{name}.py": text for name, text in (modules or {}).items()}
        own = {"orders/service.yaml": f"shape: {shape}\n{OWNED}{said}", "orders/handler.py": code}
        lines = problems(put(folder, {**NEIGHBOURS, **own, **files}))
        return [line.removeprefix("services/orders/") for line in lines]

    return tell


def without(*names: str) -> str:
    """Code that uses all but these."""
    return KIT + HANDLES + "".join(text for name, text in USES.items() if name not in names)


@shows("REQ-M4", how="static")
def test_code_that_does_what_is_declared_is_right(told: Told) -> None:
    assert told(ROUTES + ALL, without()) == []


def test_the_shop_and_what_new_service_writes_are_right(folder: Path) -> None:
    assert read(ROOT / "examples/shop").services
    publisher = f"{KIT}publishing.publish('told', 1)\nhandler = messages.handler(print)\n"
    files: dict[str, str | bytes | None] = {
        "platform.yaml": f"{PLATFORM}network: nat\n",
        "pub/service.yaml": f"shape: queue\n{OWNED}publishes: [told]\n",
        "pub/handler.py": publisher,
    }
    for shape in declaration.SHAPES:
        tells = ("pub", "told") if shape == declaration.TOPIC else ("", "")
        new = scaffolding.New(f"my-{shape}", shape, "shop@example.com", folder, folder, system="", told=tells)
        files |= {f"my-{shape}/{name}": data for name, data in scaffolding.contents(new).items()}
    assert set(read(put(folder, files)).services) == {"pub", *(f"my-{shape}" for shape in declaration.SHAPES)}


# The declaration, the code below the line that imports the kit, and what is told.
WRONG: dict[str, tuple[str, str, list[str]]] = {
    "a route that is not answered": (
        ROUTES,
        'handler = http.handler({"POST /orders": print})\n',
        [
            "service.yaml:4: routes has GET /orders/{id}, which the handler (services/orders/handler.py:2) does not "
            "answer: add it there, or take it out"
        ],
    ),
    "no route is answered": (
        "routes:\n- POST /orders\n- GET /orders\n",
        "handler = http.handler({})\n",
        [
            f"service.yaml:{line}: routes has {verb} /orders, which the handler (services/orders/handler.py:2) does "
            "not answer: add it there, or take it out"
            for line, verb in [(5, "POST"), (6, "GET")]
        ],
    ),
    "a route that is not declared": (
        "routes: [POST /orders]\n",
        'ROUTES = {\n  "POST /orders": print,\n  "POST /order": print,\n}\nhandler = http.handler(ROUTES, limit=9)\n',
        [
            'handler.py:4: answers "POST /order", which is none of the routes of orders (did you mean POST /orders?): '
            "add it to routes in services/orders/service.yaml, or take it out"
        ],
    ),
    "another name of what is in a path": (
        ROUTES,
        'handler = http.handler(routes={"POST /orders": print,\n "GET /orders/{order}": print})\n',
        [
            'handler.py:3: answers "GET /orders/{order}", which is GET /orders/{id} in services/orders/service.yaml:4, '
            "where what is in a path has its names from: call them the same"
        ],
    ),
    "work on messages, in an http service": (
        ROUTES + "table: true\n",
        "handler = messages.handler(print)\n",
        [
            "handler.py:2: the handler works on messages, and orders is an http service: handler = "
            "http.handler({...}), or another shape in services/orders/service.yaml"
        ],
    ),
    "a service that is not declared": (
        ROUTES,
        HANDLES + 'client.call("stock", "GET /stock/{sku}", sku="tea")\nclient.call("stock", "GET /stock")\n',
        [
            'handler.py:3: calls "stock", and in services/orders/service.yaml calls is not there: write calls: '
            '{stock: ["GET /stock/{sku}"]} there, or correct it'
        ],
    ),
    "a service that is misspelt": (
        ROUTES + 'calls: {stock: ["GET /stock/{sku}"]}\n',
        HANDLES + 'client.call("stocks", "GET /stock/{sku}", sku="tea")\n',
        [
            'handler.py:3: calls "stocks", and in services/orders/service.yaml calls has stock (did you mean stock?): '
            'write calls: {stocks: ["GET /stock/{sku}"]} there, or correct it'
        ],
    ),
    "a route of another that is not declared": (
        ROUTES + 'calls: {stock: ["GET /stock/{sku}"]}\n',
        HANDLES + 'client.call("stock", "PUT /stock/{sku}", sku="tea", body={})\n',
        [
            'handler.py:3: calls "PUT /stock/{sku}" of stock, of which services/orders/service.yaml has GET '
            "/stock/{sku} (did you mean GET /stock/{sku}?): add it there, or correct it"
        ],
    ),
    "a path without its values": (
        ROUTES + 'calls: {stock: ["GET /stock/{sku}"]}\n',
        HANDLES + 'client.call("stock", "GET /stock/{sku}", query={"sku": 1})\n'
        'client.call("stock", "GET /stock/{key}", key="no value")\n'
        'client.call("stock", "GET /stock/{sku}", sku=1, units=2, **{})\n',
        [
            'handler.py:3: calls "GET /stock/{sku}" of stock without its sku: give it, sku=...',
            'handler.py:4: calls "GET /stock/{key}" of stock without its key: give it, key_=...',
            'handler.py:5: calls "GET /stock/{sku}" of stock with units, which is not in its path: give it in query= '
            "or body=, or take it out",
        ],
    ),
    "an event that is not declared": (
        ROUTES + "publishes: [order-placed]\n",
        HANDLES + 'publishing.publish("order-paid", {})\n',
        [
            'handler.py:3: publishes "order-paid", and services/orders/service.yaml publishes order-placed (did you '
            "mean order-placed?): write publishes: [order-paid] there, or correct it"
        ],
    ),
    "an event of a service that publishes nothing": (
        ROUTES,
        HANDLES + 'publishing.publish(event="order-paid", body={})\n',
        [
            'handler.py:3: publishes "order-paid", and services/orders/service.yaml publishes nothing: write '
            "publishes: [order-paid] there, or correct it"
        ],
    ),
    "a queue and a bucket that are not declared": (
        ROUTES + "sends: [big-data]\n",
        HANDLES + USES["payments"] + USES["invoices"] + USES["big-data"],
        [
            'handler.py:3: sends to "payments", and in services/orders/service.yaml sends has big-data: write sends: '
            "[payments] there, or correct it",
            'handler.py:4: puts into "invoices", and in services/orders/service.yaml puts is not there: write puts: '
            "[invoices] there, or correct it",
        ],
    ),
    "no table": (
        ROUTES,
        HANDLES + "def f():\n  table.items()\ntable.items()\n",
        ["handler.py:4: uses table.items(), and services/orders/service.yaml has no table: write table: true there"],
    ),
    "nothing of all is used": (
        ROUTES + ALL,
        HANDLES,
        [
            "service.yaml:5: table is true, and the code has no table.items(): use it, or take it out",
            "service.yaml:6: calls has stock, and the code calls it nowhere: do so, or take it out",
            "service.yaml:7: sends has big-data, and the code sends to it nowhere: do so, or take it out",
            "service.yaml:7: sends has payments, and the code sends to it nowhere: do so, or take it out",
            "service.yaml:8: puts has invoices, and the code puts into it nowhere: do so, or take it out",
            "service.yaml:9: publishes has order-placed, and the code publishes it nowhere: do so, or take it out",
        ],
    ),
    "a route of another that is not used": (
        ROUTES + 'calls:\n  stock:\n  - "GET /stock/{sku}"\n  - GET /stock\n',
        HANDLES + USES["stock"],
        ["service.yaml:8: calls.stock has GET /stock, and the code calls it nowhere: do so, or take it out"],
    ),
    "variables of its own": (
        ROUTES,
        HANDLES + "import os\nos.environ['KEY']\nos.environ.get('OTHER')\nos.getenv('THIRD')\nos.environ['KEY']\n",
        [
            f'handler.py:{line}: reads the variable "{name}", which it is not given: a service has no variables of its '
            "own, only what its declaration brings, such as STOCK_URL for calls: {stock: [...]}; write the value into "
            "the code"
            for line, name in [(4, "KEY"), (5, "OTHER"), (6, "THIRD")]
        ],
    ),
    "variables that a declaration would bring": (
        ROUTES,
        HANDLES + "from os import environ as e, getenv\ne['ITEMS_TABLE'], getenv('EVENTS_TOPIC')\ne['STOCK_URL']\n"
        "e['BIG_DATA_STREAM']\n",
        [
            'handler.py:4: reads the variable "EVENTS_TOPIC", and services/orders/service.yaml publishes nothing: '
            "write publishes: [an event] there",
            'handler.py:4: reads the variable "ITEMS_TABLE", and services/orders/service.yaml has no table: write '
            "table: true there",
            'handler.py:5: reads the variable "STOCK_URL", and services/orders/service.yaml does not say that it uses '
            'stock: write calls: {stock: ["GET /..."]}',
            'handler.py:6: reads the variable "BIG_DATA_STREAM", and services/orders/service.yaml does not say that it '
            "uses big-data: write sends: [big-data]",
        ],
    ),
}


@shows("REQ-M4", "REQ-M9", how="static")
@pytest.mark.parametrize("case", WRONG)
def test_what_code_says_otherwise_is_told_at_its_line(told: Told, case: str) -> None:
    said, code, expected = WRONG[case]
    assert told(said, KIT + code) == expected


def test_a_service_of_messages_answers_no_requests(told: Told) -> None:
    assert told("", KIT + "handler = http.handler({})\n", shape="queue") == [
        "handler.py:2: the handler answers requests, and orders is a queue service: handler = messages.handler(work), "
        "or another shape in services/orders/service.yaml"
    ]


# Ways to import the kit and to call a service that is not declared, and where that is told.
CALL = "call('gone', 'GET /x')\n"
IMPORTS: dict[str, tuple[str, str]] = {
    "a module": ("handler.py:2", f"from troposphere_arch.service_kit import client\nclient.{CALL}"),
    "a module by another name": ("handler.py:2", f"import troposphere_arch.service_kit.client as c\nc.{CALL}"),
    "a module by its whole name": (
        "handler.py:2",
        f"import troposphere_arch.service_kit.client\ntroposphere_arch.service_kit.client.{CALL}",
    ),
    "the kit": ("handler.py:2", f"from troposphere_arch import service_kit as kit\nkit.client.{CALL}"),
    "a function": ("handler.py:2", f"from troposphere_arch.service_kit.client import call\n{CALL}"),
    "in a function": ("handler.py:3", f"def f():\n    import troposphere_arch.service_kit.client as c\n    c.{CALL}"),
    "from a module of its own": ("handler.py:2", f"from mine import client as c\nc.{CALL}"),
    "through a module of its own": ("handler.py:2", f"import mine\nmine.client.{CALL}"),
    "names of texts": (
        "handler.py:6",
        "from mine import client, WHO as who\n\n\ndef f(all):\n    route = 'GET /x'\n    client.call(who, route)\n"
        "    return [client.call(who, route) for who in all]\n",
    ),
    "in a method of a class that has the name too": (
        "handler.py:5",
        f"from mine import client\nclass A:\n    client = 1\n    def f(self):\n        client.{CALL}",
    ),
    "in a module of its own": ("other.py:2", "import other\n"),
}
MINE = {
    "mine": "from troposphere_arch.service_kit import client\nWHO = 'gone'\n",
    "other": f"from troposphere_arch.service_kit import client\nclient.{CALL}",
}


@pytest.mark.parametrize("case", IMPORTS)
def test_the_kit_is_followed_as_it_is_imported(told: Told, case: str) -> None:
    place, code = IMPORTS[case]
    [line] = told("routes: [POST /orders]\n", f"{code}def handler(event, context): ...\n", MINE)
    assert line.startswith(f'{place}: calls "gone", and in services/orders/service.yaml calls is not there'), line


# Code, without the line that imports the kit, that is right or that nobody can tell of, with ROUTES and ALL declared.
RIGHT: dict[str, str] = {
    "no kit": "def handler(event, context): ...\n",
    "a handler of one's own, which has another": without().replace("handler =", "answer =")
    + "def handler(event, context):\n    return answer(event, context)\n",
    "a handler that is wrapped": without()
    .replace("http.handler({", "wrapped(http.handler({")
    .replace("})\n", "}))\n", 1),
    "a handler that is decorated": without() + "handler = print(handler)\n",
    "routes that are added": without().replace(
        HANDLES, "R = {}\ndef on(r):\n    def d(f):\n        R[r] = f\n    return d\nhandler = http.handler(R)\n"
    ),
    "routes that are computed": without().replace(HANDLES, "handler = http.handler({r: print for r in 'ab'})\n"),
    "routes with others": without().replace(HANDLES, "handler = http.handler({'GET /x': print, **vars})\n"),
    "routes by names": without().replace(
        HANDLES, "P = 'POST /orders'\nG = 'GET /orders/{id}'\nhandler: object = http.handler({P: 1, G: 2})\n"
    ),
    "routes by names that change": without().replace(
        HANDLES, "P = 'POST /'\nP += 'orders'\nhandler = http.handler({P: 1})\n"
    ),
    "routes in one of two ways": without().replace(
        HANDLES, "if KIT:\n    handler = http.handler({})\nelse:\n" + f"    {HANDLES}"
    ),
    "routes of whoever makes it": "from makes import handler\n" + without().replace(HANDLES, ""),
    "a call that is computed": without("stock") + "def f(who, route): client.call(who, route)\n",
    "a route that is computed": without("stock") + "def f(r): client.call('stock', f'GET /{r}', **r)\n",
    "a route with a value in it": without("stock") + "client.call('stock', 'GET /stock/tea?full=1')\n",
    "a route with more values": without("stock") + "client.call('stock', 'GET /{what}/{sku}/', what=1, sku_=2)\n",
    "a route with other names": without("stock") + "client.call('stock', 'GET /stock/{key}', key='x', key_=1)\n",
    "values that are handed on": without("stock") + "def f(**k): client.call('stock', 'GET /stock/{sku}', **k)\n",
    "arguments that are handed on": without("stock", "payments") + "def f(*a): client.call(*a); publishing.send(*a)\n",
    "names as their variables have them": without("stock", "big-data")
    + "client.call('STOCK', 'GET /stock/{sku}', sku=1)\npublishing.send('BIG_DATA', 1)\n",
    "a function that is handed on": without("stock", "payments", "order-placed")
    + "f = print(client.call)\ng = [publishing.send]\nh = publishing.publish\n",
    "a client of one's own": without("stock") + "c = client.Client()\nc.call('stock', 'GET /stock/{sku}', sku=1)\n",
    "a module that is handed on": without("stock", "payments", "big-data", "invoices", "order-placed", "table")
    + "print(client, publishing, table)\nclient.call('gone', 'GET /x')\npublishing.publish('gone', 1)\n",
    "a module that is looked into": without("stock") + "getattr(client, 'call')('stock')\n",
    "parts of a module that are hidden": without("payments")
    + "publishing._place('x')\npublishing.publish('gone', 1)\n",
    "another thing of that name": without()
    + "def f(client, publishing): client.call('gone'), publishing.send('gone')\n",
    "another thing of that name, for a while": without() + "[client.call('gone', 'x') for client in 'ab']\n",
    "another thing of that name, at times": without("stock")
    + "try:\n    import x\nexcept ImportError:\n    client = None\nclient.call('gone', 'GET /x')\n",
    "what is in a comprehension stays there": without("stock")
    + "def f(all): return [client for client in all], client.call('stock', 'GET /stock/{sku}', sku=1)\n",
    "a name of a class": without("stock")
    + "class A:\n    client = 1\n    def f(self): client.call('stock', 'GET /stock/{sku}', sku=1)\n",
    "a name in a class": without("stock") + "class A:\n    client = client.call('stock', 'GET /stock/{sku}', sku=1)\n",
    "a name of outside": without("stock")
    + "def f(client):\n    def g():\n        global client\n        client.call('stock', 'GET /stock/{sku}', sku=1)\n",
    "what a comprehension goes through": without("stock")
    + "def f(): return [client for client in client.call('stock', 'GET /stock/{sku}', sku=1).body]\n",
    "a handler of a module that is handed on": without().replace(HANDLES, "print(http)\nhandler = http.handler({})\n"),
    "a module of the kit through another": without("payments") + "publishing.context.aws('sqs')\n",
    "an address of one's own": without()
    + "import os\nos.environ['GONE_URL'] = 'http://127.0.0.1'\nclient.call('gone', 'GET /x')\n",
    "a module that is changed": without() + "client.call = print\nclient.call('gone', 'GET /x')\n",
    "a function that is changed by another": without() + "import mine\nmine.client.call = print\nclient.call('gone')\n",
    "a global that is set elsewhere": without("stock")
    + "def f():\n    global client\n    client = 1\nclient.call('gone', 'GET /x')\n",
    "anything": without("stock", "payments") + "exec('client.call(...)')\npublishing.publish('gone', 1)\n",
    "everything of another": without("stock") + "from mine import *\nclient.call('gone', 'GET /x')\n",
    "imports by name": without("stock") + "import importlib\nimportlib.import_module('x').call('stock')\n",
    "an event or another": without("order-placed") + "publishing.publish('order-placed' if KIT else 'x', {})\n",
    "variables that are read": without("stock", "payments", "table", "invoices", "order-placed")
    + "import os\nos.environ['STOCK_URL'], os.environ['PAYMENTS_QUEUE'], os.environ['ITEMS_TABLE']\n"
    "os.environ['INVOICES_BUCKET'], os.environ['EVENTS_TOPIC'], os.environ['BUS'], os.environ['SERVICE']\n",
    "variables by their ends": without("stock", "big-data")
    + "import os\ndef f(n): return os.environ[n + '_URL'], os.environ[f'{n}_stream'.upper()]\n",
    "variables by names": without("stock", "payments") + "import os\ndef f(n): return os.environ[n]\n",
    "variables by names, with a default": without("stock") + "import os\ndef f(n): return os.getenv(n, 1)\n",
    "all variables": without("stock", "table") + "import os\nsettings = dict(os.environ)\nos.environ['X']\n",
    "variables with a default": without()
    + "import os\nos.environ.get('X', 'y'), os.getenv('X', default=1), os.environ.get('X') or 'y'\n",
    "variables that may be missing": without()
    + "import os, contextlib\ntry:\n    os.environ['X']\nexcept KeyError:\n    ...\n"
    "if 'Y' in os.environ: os.environ['Y']\nwith contextlib.suppress(KeyError): os.environ['Z']\n",
    "variables that are set": without()
    + "import os\nos.environ['X'] = 'y'\nos.environ.setdefault('Z', 'z')\nos.environ['X'] + os.environ['Z']\n",
    "variables of Lambda": without()
    + "import os\nos.environ['AWS_REGION'], os.environ['_HANDLER'], os.environ['TZ']\n",
    "another environ": without() + "environ = {}\nclass os: environ = {}\nenviron['X'], os.environ['X']\n",
    "an environ that is handed over": without() + "import os\ndef f(os): os.environ['X']\n",
    "a module that is no Python": without("stock") + "import broken\n",
    "types and text": without()
    + "def f(a: http.Request) -> client.Answer: ...\n"
    + "def g(m: messages.Message) -> 'publishing.gone': 'publishing.send(1)'\n",
    "odd syntax": without()
    + "match KIT:\n    case {'a': [1, *rest], **more} if (x := 1): ...\n    case str() as one: ...\n"
    "async def f():\n    async with KIT as k: ...\n    async for a in k: yield (lambda *b, c=a, **d: c)\n"
    "def g():\n    n = 0\n    def h():\n        nonlocal n\n        n += 1\n    del n\n    x: int\n",
}


MAKES = (
    f"{KIT}R = {{}}\ndef make(R):\n    global handler\n    handler = http.handler(R)\nmake({{'POST /orders': print}})\n"
)


@shows("REQ-M4", how="static")
@pytest.mark.parametrize("case", RIGHT)
def test_what_may_be_right_is_not_told(told: Told, case: str) -> None:
    modules = {"mine": "from troposphere_arch.service_kit import client\n", "broken": "def (\n", "makes": MAKES}
    code = RIGHT[case]
    assert told(ROUTES + ALL, code if code.startswith(KIT) or case == "no kit" else KIT + code, modules) == []


@pytest.mark.parametrize("name", USES)
def test_each_use_counts(told: Told, name: str) -> None:
    [line] = told(ROUTES + ALL, without(name))
    assert line.startswith("service.yaml:") and name in line


def test_a_call_may_have_a_query_in_its_route(told: Told) -> None:
    said = f"{ROUTES}calls: {{stock: [GET /stock]}}\n"
    assert told(said, f"{KIT}{HANDLES}client.call('stock', 'GET /stock?full=1')\n") == []


def test_what_is_used_in_other_modules_counts(told: Told) -> None:
    uses = "def all_of_it():\n" + "".join(f"    {line}\n" for line in "".join(USES.values()).splitlines())
    assert told(ROUTES + ALL, KIT + HANDLES + "import mine\n", {"mine": KIT + uses}) == []


def test_the_handler_may_be_imported(told: Told) -> None:
    assert (
        told(ROUTES, "from api import answer as handler\n", {"api": KIT + HANDLES.replace("handler", "answer", 1)})
        == []
    )
    [line] = told(ROUTES, "from api import handler\n", {"api": KIT + HANDLES.replace("POST", "PUT")})[:1]
    assert line.startswith('api.py:2: answers "PUT /orders", which is none of the routes of orders')


READS = "import os\nos.environ['EVENTS_TOPIC']\n"


def test_of_a_declaration_that_is_wrong_only_what_is_right_in_it_counts(told: Told) -> None:
    [line] = told(f"{ROUTES}publishs: [order-placed]\n", KIT + HANDLES + USES["order-placed"])
    assert line.startswith('service.yaml:5: "publishs" is no key')
    first, second = told(
        f"{ROUTES}publishes: order-placed\n", KIT + HANDLES + USES["order-placed"] + USES["table"] + READS
    )
    assert first.startswith("handler.py:4: uses table.items(), and services/orders/service.yaml has no table")
    assert second.startswith("service.yaml:5: publishes is ")


# Lines 4 to 7 of the declarations of other shapes that answer.
LISTENS = "port: 8080\nhealth: /health\n"
PLACED = {
    "http": "",
    "http-cached": "",
    "container": LISTENS,
    "instances": LISTENS,
}
KIT_OF_ALL = "from troposphere_arch.service_kit import cache, client, database, http, messages, table\nimport os\n"
CACHE, DATABASE = "cache.read('a', print)\n", "with database.transaction() as run:\n    pass\n"
TABLE = "table.items()\n"
SERVES: dict[str, tuple[str, str, str, list[str]]] = {
    "cached": ("http-cached", "", HANDLES + CACHE + TABLE, []),
    "a container without a table": ("container", "", HANDLES, []),
    "a container with a table": ("container", "table: true\n", HANDLES + TABLE, []),
    "instances": ("instances", "", HANDLES + DATABASE, []),
    "what each is told": ("http-cached", "", HANDLES + CACHE + TABLE + 'os.environ["CACHE_HOST"]\n', []),
    "what servers are told": ("instances", "", HANDLES + 'os.environ["DATABASE_SECRET"], os.environ["PORT"]\n', []),
    "a cache that may be had": (
        "http",
        "",
        HANDLES + "if os.environ.get('CACHE_HOST', ''):\n    x = cache\n" + CACHE,
        [],
    ),
    "a cache of http": (
        "http",
        "",
        HANDLES + "cache.forget('a')\n" + CACHE,
        [
            "handler.py:4: uses cache.forget(), and orders is an http service, which has no cache: take it out, or "
            "write shape: http-cached in services/orders/service.yaml"
        ],
    ),
    "a cache of instances": (
        "instances",
        "",
        HANDLES + DATABASE + CACHE,
        ["handler.py:6: uses cache.read(), and orders is an instances service, which has no cache"],
    ),
    "a database of a container": (
        "container",
        "",
        HANDLES + "database.ready('')\n",
        [
            "handler.py:4: uses database.ready(), and orders is a container service, which has no database: take it "
            "out, or write shape: instances in"
        ],
    ),
    "a table of instances": (
        "instances",
        "",
        HANDLES + DATABASE + TABLE,
        [
            "handler.py:6: uses table.items(), and orders is an instances service, which has a database in its place: "
            "use database.transaction(), or another shape in services/orders/service.yaml"
        ],
    ),
    "a table of a container that has none": (
        "container",
        "",
        HANDLES + TABLE,
        ["handler.py:4: uses table.items(), and services/orders/service.yaml has no table: write table: true there"],
    ),
    "a cache that is not used": (
        "http-cached",
        "",
        HANDLES + TABLE,
        [
            "service.yaml:1: shape is http-cached, and the code has no cache.read(): use it, or write another shape",
        ],
    ),
    "a table behind a cache that is not used": (
        "http-cached",
        "",
        HANDLES + CACHE,
        ["service.yaml:1: shape is http-cached, with a table, and the code has no table.items(): use it, or write"],
    ),
    "a database that is not used": (
        "instances",
        "",
        HANDLES,
        ["service.yaml:1: shape is instances, and the code has no database.transaction(): use it, or write another"],
    ),
    "a table of a container that is not used": (
        "container",
        "table: true\n",
        HANDLES,
        ["service.yaml:7: table is true, and the code has no table.items(): use it, or take it out"],
    ),
    "work on messages": (
        "container",
        "",
        "handler = messages.handler(print)\n",
        [
            "handler.py:3: the handler works on messages, and orders is a container service: handler = "
            "http.handler({...}), or another shape in services/orders/service.yaml"
        ],
    ),
    "a variable of another shape": (
        "container",
        "",
        HANDLES + 'os.environ["DATABASE_HOST"], os.environ["HEALTH"]\n',
        [
            'handler.py:4: reads the variable "DATABASE_HOST", which only services of the shape instances are given: '
            "write that in services/orders/service.yaml, or leave it out"
        ],
    ),
}


@shows("REQ-M4", "REQ-M10", how="static")
@pytest.mark.parametrize("case", SERVES)
def test_a_cache_and_a_database_are_used_by_who_has_one(folder: Path, case: str) -> None:
    shape, said, code, expected = SERVES[case]
    files: dict[str, str | bytes | None] = {
        "platform.yaml": f"{PLATFORM}network: nat\n",
        "orders/service.yaml": f"shape: {shape}\n{OWNED}{ROUTES}{PLACED[shape]}{said}",
        "orders/handler.py": KIT_OF_ALL + code,
        "orders/Dockerfile": "FROM python\nEXPOSE 8080\n",
    }
    found = problems(put(folder, files))
    assert len(found) == len(expected), found
    for line, told in zip(found, expected, strict=True):
        assert line.startswith(f"services/orders/{told}"), line


def test_a_service_behind_a_front_is_called_by_that(folder: Path) -> None:
    """So nobody is told to call it."""
    files: dict[str, str | bytes | None] = {
        "platform.yaml": f"{PLATFORM}network: nat\n",
        "front/service.yaml": f"shape: front\n{OWNED}{ROUTES}",
        "stock/service.yaml": f"shape: http\n{OWNED}{ROUTES}behind: front\n",
        "orders/service.yaml": f"shape: http\n{OWNED}{ROUTES}",
        "orders/handler.py": KIT_OF_ALL + HANDLES + 'os.environ["STOCK_URL"], os.environ["FRONT_URL"]\n',
    }
    not_given, of_front = problems(put(folder, files))
    assert (
        'reads the variable "FRONT_URL", and services/orders/service.yaml does not say that it uses front' in not_given
    )
    assert 'reads the variable "STOCK_URL", which it is not given: a service has no variables of its own' in of_front


def test_all_is_told_at_once(told: Told) -> None:
    found = told(f"timeout: 99\n{ROUTES}", KIT + "handler = http.handler({})\n" + USES["table"])
    assert [line.partition(": ")[0] for line in found] == [
        "handler.py:3",
        "service.yaml:4",
        "service.yaml:5",
        "service.yaml:5",
    ]
