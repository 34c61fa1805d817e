"""The code of a service in one file: what is in it, that it runs as the files do, and what cannot be put into it."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.evidence import shows
from troposphere_arch import service_kit
from troposphere_arch.errors import UserError
from troposphere_arch.microservices.bundle import bundle, modules

HANDLER = '''"""A handler."""
from __future__ import annotations

import json

import prices


def handler(event, context):
    return json.dumps({"price": prices.price(event)})
'''
PRICES = r'''"""Prices, with 'quotes', "quotes" and a \backslash."""
TAX = 20


def price(event):
    return event["net"] * (100 + TAX) // 100
'''


def write(folder: Path, **files: str) -> Path:
    for name, text in files.items():
        (folder / f"{name}.py").write_text(text, encoding="utf-8")
    return folder


def run(text: str, folder: Path, call: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """What `call` prints where `index` is the bundle, alone in a folder, in a Python without our package."""
    (folder / "index.py").write_text(text, encoding="utf-8")
    command = [sys.executable, "-S", "-c", f"import index\nprint({call})"]
    return subprocess.run(command, cwd=folder, env=variables, capture_output=True, text=True, check=False)


@shows("REQ-M4", how="real")
def test_it_runs_as_the_files_do(tmp_path: Path) -> None:
    folder = tmp_path / "service"
    folder.mkdir()
    text = bundle(write(folder, handler=HANDLER, prices=PRICES, unused="raise SystemExit", test_prices="import pytest"))
    alone = tmp_path / "alone"
    alone.mkdir()
    assert run(text, alone, "index.handler({'net': 100}, None)").stdout == '{"price": 120}\n'


def test_it_has_what_is_imported_and_nothing_else(tmp_path: Path) -> None:
    found = modules(write(tmp_path, handler=HANDLER, prices=PRICES, unused="x = 1"))
    assert list(found) == ["handler", "prices"]
    assert found["prices"] == PRICES


def test_of_the_kit_it_has_what_is_imported_and_what_that_imports(tmp_path: Path) -> None:
    code = "from troposphere_arch.service_kit import progress\nhandler = progress"
    found = modules(write(tmp_path, handler=code))
    assert {"handler", "troposphere_arch", "troposphere_arch.service_kit.progress"} <= found.keys()
    assert "troposphere_arch.service_kit.http" not in found
    assert "troposphere_arch.service_kit.client" not in found


def test_names_of_the_kit_that_are_no_modules(tmp_path: Path) -> None:
    write(tmp_path, handler="from troposphere_arch.service_kit.http import Reply\nhandler = Reply")
    assert "troposphere_arch.service_kit.http" in modules(tmp_path)


def test_what_is_shipped_of_the_kit_is_its_code(tmp_path: Path) -> None:
    names = [path.stem for path in Path(service_kit.__path__[0]).glob("*.py") if path.stem != "__init__"]
    imported = "".join(f"from troposphere_arch.service_kit import {name}\n" for name in names)
    found = modules(write(tmp_path, handler=f"{imported}handler = None\n"), server=True)
    for name in names:
        ours = Path(service_kit.__path__[0], f"{name}.py").read_text()
        shipped = found[f"troposphere_arch.service_kit.{name}"]
        assert ast.dump(without_docstrings(ours)) == ast.dump(without_docstrings(shipped)), name
        assert len(shipped) < len(ours) and "https://docs.aws" not in shipped


def without_docstrings(text: str) -> ast.Module:
    tree = ast.parse(text)
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(node, clean=False):
            node.body = node.body[1:] or [ast.Pass()]
    return tree


KIT_HANDLER = """from troposphere_arch.service_kit import http

handler = http.handler({"GET /orders/{id}": lambda request: dict(request.path)})
"""
SENT_ON = {
    "requestContext": {"elb": {}},
    "httpMethod": "GET",
    "path": "/v1/orders/o-1",
    "headers": {"x-gateway-route": "/orders/{id}", "x-gateway-stage": "v1"},
}
DIRECT = {"httpMethod": "GET", "resource": "/orders/{id}", "pathParameters": {"id": "o-2"}}


@shows("REQ-M11", how="real")
def test_behind_a_load_balancer_it_has_what_that_takes(tmp_path: Path) -> None:
    folder = tmp_path / "service"
    folder.mkdir()
    plain, balanced = bundle(write(folder, handler=KIT_HANDLER)), bundle(folder, balanced=True)
    call = f"[index.handler(event, None)['body'] for event in ({SENT_ON}, {DIRECT})][-2:]"
    found = run(balanced, tmp_path, call)
    assert found.stdout.splitlines()[-1] == """['{"id":"o-1"}', '{"id":"o-2"}']""", found.stderr
    assert json.loads(run(plain, tmp_path, call).stdout.splitlines()[0])["status"] == 404
    assert "balancer" not in plain and len(balanced) - len(plain) < 5_500, "what it takes of a template"


@shows("REQ-M3", how="real")
def test_on_a_server_it_has_an_application_and_the_handler(tmp_path: Path) -> None:
    folder = tmp_path / "service"
    folder.mkdir()
    text = bundle(write(folder, handler=KIT_HANDLER), server=True)
    call = "callable(index.application), index.handler({}, None)['statusCode']"
    found = run(text, tmp_path, f"({call})", HEALTH="/health")
    assert found.stdout.splitlines()[-1] == "(True, 404)", found.stderr
    assert "KeyError: 'HEALTH'" in run(text, tmp_path, call).stderr


def test_servers_may_have_more(tmp_path: Path) -> None:
    write(tmp_path, handler="import pg8000\nhandler = pg8000")
    assert "import pg8000" in bundle(tmp_path, server=True)
    with pytest.raises(UserError, match=r"handler\.py:1: imports pg8000, which Lambda's Python does not have"):
        bundle(tmp_path, balanced=True)
    write(tmp_path, handler="import requests\nhandler = requests")
    told = r"handler\.py:1: imports requests, which is not installed: without a requirements\.txt of its own "
    with pytest.raises(UserError, match=told):
        bundle(tmp_path, server=True)
    (tmp_path / "requirements.txt").write_text("requests==2.32.5\n")
    assert "import requests" in bundle(tmp_path, server=True)


def test_the_modules_stand_in_it_as_they_are(tmp_path: Path) -> None:
    text = bundle(write(tmp_path, handler=HANDLER, prices=PRICES))
    assert HANDLER in text and PRICES in text
    ast.parse(text)


def test_odd_texts(tmp_path: Path) -> None:
    odd = ["x = '''three'''\n", "x = 'ends'", "x = 1  # \\", "x = 'a'\r\ny = 2\r\n", "x = 'ü'\n", ""]
    folder = tmp_path / "service"
    folder.mkdir()
    for number, text in enumerate(odd):
        (folder / f"odd{number}.py").write_bytes(text.encode())
    names = ", ".join(f"odd{number}" for number in range(len(odd)))
    write(
        folder,
        handler=f"import {names}\n\n\ndef handler(event, context):\n    return [vars(m).get('x') for m in ({names})]\n",
    )
    text = bundle(folder)
    alone = tmp_path / "alone"
    alone.mkdir()
    found = run(text, alone, "index.handler({}, None)")
    assert found.stdout == "['three', 'ends', 1, 'a', 'ü', None]\n", found.stderr


def test_a_traceback_names_file_and_line_and_shows_it(tmp_path: Path) -> None:
    folder = tmp_path / "service"
    folder.mkdir()
    text = bundle(write(folder, handler=HANDLER, prices=PRICES))
    alone = tmp_path / "alone"
    alone.mkdir()
    (alone / "caught.py").write_text(
        "import traceback, index\n\n\ndef call():\n    try:\n        index.handler({}, None)\n"
        "    except KeyError:\n        return traceback.format_exc()\n"
    )
    found = run(text, alone, "__import__('caught').call()")
    assert 'File "prices.py", line 6, in price' in found.stdout
    assert 'return event["net"]' in found.stdout


def test_it_is_the_same_each_time(tmp_path: Path) -> None:
    write(tmp_path, handler=HANDLER, prices=PRICES)
    assert bundle(tmp_path) == bundle(tmp_path)


@pytest.mark.parametrize(
    ("code", "told"),
    [
        ("import requests", r"handler\.py:1: imports requests, which Lambda's Python does not have"),
        ("x = 1\nfrom numpy import array", r"handler\.py:2: imports numpy, "),
        (
            "from troposphere_arch.service_kit import mesages",
            r"handler\.py:1: .*the kit has no mesages: it has .*client, ",
        ),
        ("import troposphere_arch.service_kit.htp", r"handler\.py:1: .*the kit has no htp"),
        (
            "from troposphere_arch.service_kit import *",
            r"handler\.py:1: imports \* of the kit: name its modules: .*client, ",
        ),
        ("x = 1\nfrom . import prices", r"handler\.py:2: a relative import, in a service that is no package"),
        ("from .prices import price", r"handler\.py:1: a relative import, .*: import prices"),
        ("import cgi", r"handler\.py:1: imports cgi, which Lambda's Python does not have"),
        ("import distutils.util", r"handler\.py:1: imports distutils\.util, "),
        ("from troposphere_arch import lint", r"handler\.py:1: imports troposphere_arch.*not shipped"),
        ("def handler(:", r"handler\.py:1: no Python: "),
        ("x = 1\n\0", r"handler\.py:\d+: no Python: "),
    ],
)
def test_what_cannot_be_shipped(tmp_path: Path, code: str, told: str) -> None:
    with pytest.raises(UserError, match=told):
        bundle(write(tmp_path, handler=code))


@pytest.mark.parametrize("name", ["index", "json", "os", "urllib3", "troposphere_arch"])
def test_a_module_that_would_not_be_found(tmp_path: Path, name: str) -> None:
    write(tmp_path, handler=f"import {name}\nhandler = {name}", **{name: "x = 1"})
    with pytest.raises(UserError, match=rf"{name}\.py: Lambda has another {name}, "):
        bundle(tmp_path)


def test_a_package_of_ones_own(tmp_path: Path) -> None:
    (tmp_path / "helper").mkdir()
    with pytest.raises(UserError, match=r"imports helper\.a: of a service only modules beside its handler are shipped"):
        bundle(write(tmp_path, handler="import helper.a\nhandler = helper"))


def test_names_that_only_begin_like_the_package_s(tmp_path: Path) -> None:
    write(tmp_path, handler="import troposphere_arch_prices\nhandler = 1", troposphere_arch_prices="x = 1")
    assert list(modules(tmp_path)) == ["handler", "troposphere_arch_prices"]


def test_the_kit_by_its_package(tmp_path: Path) -> None:
    write(tmp_path, handler="from troposphere_arch import service_kit\nhandler = service_kit")
    assert list(modules(tmp_path)) == ["handler", "troposphere_arch", "troposphere_arch.service_kit"]


def test_a_link_to_a_file_from_elsewhere(tmp_path: Path) -> None:
    folder = tmp_path / "service"
    folder.mkdir()
    (tmp_path / "secret.py").write_text("SECRET = 1")
    write(folder, handler="import secret\nhandler = secret").joinpath("secret.py").symlink_to(tmp_path / "secret.py")
    with pytest.raises(UserError, match=r"secret\.py: is a link to .*, which is not a file of the service"):
        bundle(folder)


def test_no_handler(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"handler\.py: there is no such file"):
        bundle(tmp_path)


def test_no_text(tmp_path: Path) -> None:
    (tmp_path / "handler.py").write_bytes(b"x = '\xff'")
    with pytest.raises(UserError, match=r"handler\.py: is not UTF-8"):
        bundle(tmp_path)
