from __future__ import annotations

from typing import Any

import pytest

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
