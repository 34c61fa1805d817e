from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Any

import pytest

import troposphere_arch
from troposphere_arch.rules import _bundles
from troposphere_arch.rules.handler_variables import OF_LAMBDA, _of_tree

from . import changed, found, good, only

RULE = "E9019"
CODE = "Resources/Read/Properties/Code/ZipFile"
GIVEN = "Resources/Read/Properties/Environment"


def test_what_is_given_is_read() -> None:
    assert found(RULE, good()) == []


@pytest.mark.parametrize(
    "code",
    [
        'import os\nx = os.environ["TODOS_TABLE"]',
        'import os\nx = os.environ.get("TODOS_TABLE")',
        'import os\nx = os.environ.get("TODOS_TABLE", "none")',
        'import os\nx = os.getenv("TODOS_TABLE")',
        'import os\nif "TODOS_TABLE" in os.environ: pass',
        'from os import environ\nx = environ["TODOS_TABLE"]',
        'from os import environ as e\nx = e.get("TODOS_TABLE")',
        'from os import getenv\nx = getenv("TODOS_TABLE")',
        'import os\nx = os.environ["TODOS_TABLE"], os.environ["AWS_REGION"], os.environ["_X_AMZN_TRACE_ID"]',
    ],
)
def test_ways_to_read(code: str) -> None:
    assert found(RULE, changed(CODE, code)) == []


@pytest.mark.parametrize("code", ['import os\nx = os.environ["OTHER"]', 'import os\nx = os.environ.get("OTHER")'])
def test_a_variable_that_is_not_given(code: str) -> None:
    missing, idle = sorted(found(RULE, changed(CODE, code)), key=lambda m: "is given" in m)
    assert "Resources/Read/Properties/Code/ZipFile: Read reads the variable OTHER, which it is not given" in missing
    assert "Variables/TODOS_TABLE: Read is given TODOS_TABLE, which its code does not read" in idle
    assert "reads the variable TODOS_TABLE" in only(RULE, changed(GIVEN))


@pytest.mark.parametrize(
    "code",
    [
        "x = 'os.environ[\"TODOS_TABLE\"]'",
        '# os.environ["TODOS_TABLE"]',
        'environ = {}\nx = environ["TODOS_TABLE"]',
        'import os\nx = os.other["TODOS_TABLE"]',
    ],
)
def test_what_only_looks_like_reading(code: str) -> None:
    assert "Read is given TODOS_TABLE, which its code does not read" in only(RULE, changed(CODE, code))


@pytest.mark.parametrize(
    "code",
    [
        "import os\nx = dict(os.environ)",
        "import os\ndef f(name):\n    return os.environ[name]",
        "from os import getenv\nimport os\nx = [os.getenv(n) for n in 'ab']",
    ],
)
def test_code_that_may_read_anything_is_believed(code: str) -> None:
    assert found(RULE, changed(CODE, code)) == []
    assert "reads the variable OTHER" in only(RULE, changed(CODE, f"{code}\ny = os.environ['OTHER']"))


@pytest.mark.parametrize("name", ["AWS_LAMBDA_EXEC_WRAPPER", "PYTHONPATH", "TZ", "LD_LIBRARY_PATH"])
def test_what_lambda_and_python_read(name: str) -> None:
    assert found(RULE, changed(f"{GIVEN}/Variables/{name}", "x")) == []


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (CODE, "def handler(: no Python"),
        (CODE, None),
        (CODE, {"Ref": "Code"}),
        ("Resources/Read/Properties/Runtime", "nodejs22.x"),
    ],
)
def test_what_cannot_be_read_is_passed_over(path: str, value: Any) -> None:
    template = changed(f"{GIVEN}/Variables/UNREAD", "x")
    assert found(RULE, changed(path, value, template=template)) == []


def test_variables_of_a_condition_count() -> None:
    maybe = {"Fn::If": ["StorageOn", {"Ref": "Todos"}, {"Ref": "AWS::NoValue"}]}
    assert found(RULE, changed(f"{GIVEN}/Variables/TODOS_TABLE", maybe)) == []
    sides = {"Fn::If": ["StorageOn", {"TODOS_TABLE": "x"}, {"TODOS_TABLE": "y", "MORE": "z"}]}
    assert "Read is given MORE" in only(RULE, changed(f"{GIVEN}/Variables", sides))


@pytest.mark.parametrize("code", ['import os\ndef f(n):\n    return os.environ[f"{n}_TABLE"]', "x = 1"])
def test_an_end_of_a_name(code: str) -> None:
    template = changed(CODE, code)
    template = changed(f"{GIVEN}/Variables/OTHER_TABLE", "x", template=template)
    template = changed(f"{GIVEN}/Variables/OTHER", "x", template=template)
    unread = [m.partition(" is given ")[2].partition(",")[0] for m in found(RULE, template)]
    assert unread == (["OTHER"] if "TABLE" in code else ["OTHER", "OTHER_TABLE", "TODOS_TABLE"])


def test_a_begin_of_a_name_may_be_anything() -> None:
    assert found(RULE, changed(CODE, 'import os\ndef f(n):\n    return os.environ[f"TODOS_{n}"]')) == []


# --- bundles

KIT = "troposphere_arch.service_kit"
ALL_OF_KIT = """
import os
def call(service): return os.environ[f"{service}_URL"], os.environ["SERVICE"], os.environ["UNUSED"]
"""


def bundled(handler: str, *given: str, **modules: str) -> Any:
    """The function of a service that is given these variables: its handler, more modules, and one of the kit."""
    files = {"handler": handler, **modules, "troposphere_arch": "", KIT: "", f"{KIT}.client": ALL_OF_KIT}
    template = changed(CODE, f"import sys\n\nFILES = {files!r}\n\nfrom handler import handler\n")
    return changed(f"{GIVEN}/Variables", dict.fromkeys(["SERVICE", *given], "x"), template=template)


def idle(name: str) -> str:
    return f"{GIVEN}/Variables/{name}: Read is given {name}, which its code does not read; leave it out"


def missing(name: str) -> str:
    return f"{CODE}: Read reads the variable {name}, which it is not given; add it to Environment"


def test_the_modules_of_a_bundle_are_read() -> None:
    handler = 'import os, pricing\nTABLE = os.environ["TABLE"]'
    pricing = 'import os\nTAX = os.environ["TAX"]'
    assert found(RULE, bundled(handler, "TABLE", "TAX", pricing=pricing)) == []
    assert found(RULE, bundled(handler, "TABLE", pricing=pricing)) == [missing("TAX")]
    assert found(RULE, bundled(handler, "TABLE", "TAX")) == [idle("TAX")]


@pytest.mark.parametrize(
    "handler",
    [
        f'from {KIT} import client\nclient.call("stock", "GET /stock/{{sku}}", sku=1)',
        f'from {KIT} import client as c\nc.call("stock", "GET /stock")',
        f'from {KIT} import client\nclient.call(service="stock", route="GET /stock")',
        f'from {KIT}.client import call\ncall("stock", "GET /stock")',
        f'from {KIT}.client import call as ask\ndef f(): return [ask("stock", r) for r in ROUTES]',
        f'import {KIT}.client\n{KIT}.client.call("stock", "GET /stock")',
        f'import {KIT}.client as c\nc.call("stock", "GET /stock")',
        f'import {KIT} as kit\nkit.client.call("stock", "GET /stock")',
        'from troposphere_arch import service_kit\nservice_kit.client.call("stock", "GET /stock")',
    ],
)
def test_ways_to_call_a_service(handler: str) -> None:
    assert found(RULE, bundled(handler, "STOCK_URL")) == []
    assert found(RULE, bundled(handler)) == [missing("STOCK_URL")]
    assert found(RULE, bundled(handler, "STOCK_URL", "PAYMENTS_URL")) == [idle("PAYMENTS_URL")]


@pytest.mark.parametrize(
    "handler",
    [
        f"from {KIT} import client\ndef ask(name): return client.call(name, 'GET /x')",
        f"from {KIT} import client\nfrom functools import partial\nask = partial(client.call, 'stock')",
        f"from {KIT}.client import call\nASK = {{'x': call}}",
        f"from {KIT} import client\nclient.call(*ALL)",
    ],
)
def test_a_service_that_only_the_run_tells(handler: str) -> None:
    assert found(RULE, bundled(handler, "STOCK_URL", "ORDER_LINES_URL")) == []
    assert found(RULE, bundled(handler, "PAYMENTS_QUEUE")) == [idle("PAYMENTS_QUEUE")]


@pytest.mark.parametrize(
    "handler",
    [
        f"from {KIT} import client",
        "client.call('stock', 'GET /x')",
        f"from {KIT} import http\nhttp.call('stock', 'GET /x')",
        f"from {KIT} import client\nclient.other('stock')",
        "# client.call('stock', 'GET /x')",
    ],
)
def test_what_only_looks_like_a_call(handler: str) -> None:
    assert found(RULE, bundled(handler, "STOCK_URL")) == [idle("STOCK_URL")]


def test_a_service_with_two_words() -> None:
    handler = f'from {KIT} import client\nclient.call("order-lines", "GET /x")'
    assert found(RULE, bundled(handler, "ORDER_LINES_URL")) == []


@pytest.mark.parametrize("given", ["PAYMENTS_QUEUE", "PAYMENTS_STREAM"])
def test_what_is_sent_goes_into_a_queue_or_a_stream(given: str) -> None:
    handler = f'from {KIT} import publishing\npublishing.send("payments", {{}})'
    assert found(RULE, bundled(handler, given, "BUS")) == []
    assert found(RULE, bundled(handler, given)) == [missing("BUS")]
    assert found(RULE, bundled(handler, "BUS")) == [missing("PAYMENTS_QUEUE or PAYMENTS_STREAM")]


def test_what_is_put_goes_below_a_prefix() -> None:
    handler = f'from {KIT} import publishing\npublishing.put("invoices", "a", b"")'
    assert found(RULE, bundled(handler, "INVOICES_BUCKET", "INVOICES_PREFIX", "BUS")) == []
    assert found(RULE, bundled(handler, "INVOICES_BUCKET", "BUS")) == [missing("INVOICES_PREFIX")]


@pytest.mark.parametrize(
    ("handler", "reads"),
    [
        (f"from {KIT} import messages\nhandler = messages.handler(work)", ["ATTEMPTS", "BUS", "ITEMS_TABLE"]),
        (f"from {KIT} import publishing\npublishing.publish('placed', {{}})", ["BUS", "EVENTS_TOPIC"]),
        (f"from {KIT} import table\nITEMS = table.items()", ["ITEMS_TABLE"]),
        (f"from {KIT} import http\nhandler = http.handler({{}})", []),
    ],
)
def test_what_the_kit_reads_for_a_service(handler: str, reads: list[str]) -> None:
    assert found(RULE, bundled(handler, *reads)) == []
    assert found(RULE, bundled(handler)) == [missing(name) for name in reads]
    assert found(RULE, bundled(handler, *reads, "STOCK_URL")) == [idle("STOCK_URL")]


def test_what_only_some_are_given() -> None:
    handler = f"from {KIT} import messages\nhandler = messages.handler(work)"
    assert found(RULE, bundled(handler, "ATTEMPTS", "BUS", "FAILURES_QUEUE", "ITEMS_TABLE")) == []
    assert found(RULE, bundled("handler = 1", "FAILURES_QUEUE")) == [idle("FAILURES_QUEUE")]


def test_a_module_that_takes_all_names_may_read_anything() -> None:
    assert found(RULE, bundled(f"from {KIT}.client import *", "STOCK_URL", "ANY")) == []


@pytest.mark.parametrize(
    "files", ["{'handler': 'def handler(: no Python'}", "{'handler': TEXT}", "{**MORE}", "{KEY: 'x = 1'}", "{}"]
)
def test_a_bundle_that_cannot_be_read_may_read_anything(files: str) -> None:
    template = changed(CODE, f"FILES = {files}")
    assert found(RULE, template) == ([] if files != "{}" else [idle("TODOS_TABLE")])
    template = changed(CODE, f"import os\nFILES = {files}\nX = os.environ['TODOS_TABLE'], os.environ['X']")
    assert found(RULE, template) == [missing("X")]


# --- what the rule knows of the kit, held to the kit's own text

KIT_FILES = sorted((Path(troposphere_arch.__file__).parent / "service_kit").glob("*.py"))
# Read by name, or named to a function of the module that reads: a word with _ in it; and the ends of such words.
VARIABLE = re.compile(r"[A-Z]+(_[A-Z]+)+")
ENDING = re.compile(r"_[A-Z]+")


def test_the_kit_reads_what_the_rule_says() -> None:
    names: set[str] = set()
    endings: set[str] = set()
    for file in KIT_FILES:
        tree = ast.parse(file.read_text(encoding="utf-8"))
        read = _of_tree(tree)
        texts = [n.value for n in ast.walk(tree) if isinstance(n, ast.Constant) and isinstance(n.value, str)]
        calls = [n for n in ast.walk(tree) if isinstance(n, ast.Call) and isinstance(n.func, ast.Name)]
        told = [arg.value for call in calls for arg in call.args if isinstance(arg, ast.Constant)]
        names |= read.names | {text for text in told if VARIABLE.fullmatch(str(text))}
        endings |= read.endings | {text for text in texts if ENDING.fullmatch(text)}
    uses = _bundles.READS.values()
    must = {_bundles.NAME, *(name for use in uses for name in use.variables)}
    may = {name for use in uses for name in use.others}
    assert must <= names
    assert {name for name in names if not OF_LAMBDA.fullmatch(name)} <= must | may
    assert endings == {one for use in _bundles.READS.values() for some in use.endings for one in some}


def test_the_kit_has_what_the_rule_says() -> None:
    trees = {file.stem: ast.parse(file.read_text(encoding="utf-8")) for file in KIT_FILES}
    defined = {
        (module, name)
        for module, tree in trees.items()
        for node in tree.body
        for name in [
            getattr(node, "name", ""),
            *(
                one.id
                for target in getattr(node, "targets", [])
                for one in ast.walk(target)
                if isinstance(one, ast.Name)
            ),
        ]
    }
    assert _bundles.READS.keys() <= defined
    # What is read when a module is imported, every service must be given.
    for tree in trees.values():
        tree.body = [node for node in tree.body if not isinstance(node, ast.FunctionDef | ast.ClassDef)]
        assert _of_tree(tree).names == set()
