from __future__ import annotations

from typing import Any

import pytest

from troposphere_arch.blocks.awslambda import PYTHON_RUNTIME

from . import changed, found, good, only

RULE = "E9012"
FUNCTION = "Resources/Read/Properties"


def test_a_traced_and_logged_function_passes() -> None:
    assert found(RULE, good()) == []


def test_the_good_template_runs_on_our_runtime() -> None:
    assert good()["Resources"]["Read"]["Properties"]["Runtime"] == PYTHON_RUNTIME


@pytest.mark.parametrize(
    ("path", "value", "says"),
    [
        ("TracingConfig", None, "Read has tracing None"),
        ("TracingConfig/Mode", "PassThrough", "Read has tracing PassThrough"),
        ("TracingConfig/Mode", {"Fn::If": ["StorageOn", "Active", "Off"]}, "Read has tracing Off"),
        ("LoggingConfig/LogFormat", "Text", "Read has LogFormat Text"),
        ("LoggingConfig/LogFormat", None, "Read has LogFormat None"),
        ("LoggingConfig/LogGroup", None, "Read logs to None"),
        ("LoggingConfig/LogGroup", "/aws/lambda/read", "Read logs to /aws/lambda/read"),
        ("LoggingConfig/LogGroup", {"Ref": "Todos"}, "Read logs to {'Ref': 'Todos'}"),
        ("Runtime", "python3.9", f"Read runs on python3.9; use {PYTHON_RUNTIME}"),
        ("Architectures", None, "Read has Architectures None"),
        ("Architectures", ["x86_64"], "Read has Architectures ['x86_64']"),
    ],
)
def test_a_function_that_is_otherwise(path: str, value: Any, says: str) -> None:
    assert says in only(RULE, changed(f"{FUNCTION}/{path}", value))


@pytest.mark.parametrize("value", [None, {"Ref": "AWS::NoValue"}])
def test_a_log_group_that_never_forgets(value: Any) -> None:
    message = only(RULE, changed("Resources/ReadLogs/Properties/RetentionInDays", value))
    assert message.startswith("Resources/ReadLogs/Properties")
    assert "ReadLogs, where Read logs, never forgets" in message


def test_no_logging_at_all() -> None:
    assert len(found(RULE, changed(f"{FUNCTION}/LoggingConfig"))) == 2


@pytest.mark.parametrize("otherwise", ["PassThrough", {"Ref": "AWS::NoValue"}])
def test_tracing_may_be_switched_off(otherwise: Any) -> None:
    mode = {"Fn::If": ["StorageOn", "Active", otherwise]}
    assert found(RULE, changed(f"{FUNCTION}/TracingConfig/Mode", mode)) == []


@pytest.mark.parametrize("runtime", [None, "nodejs22.x", "provided.al2023"])
def test_other_runtimes_are_none_of_our_business(runtime: str | None) -> None:
    assert found(RULE, changed(f"{FUNCTION}/Runtime", runtime)) == []
