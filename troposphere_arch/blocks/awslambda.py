"""Functions."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from troposphere import AWSHelperFn, GetAtt, Ref, awslambda, iam, logs

from .. import grants, parameters
from ..conditions import given, optional
from ..parameters import parameter
from ..template import Node, ScenarioTemplate
from .iam import grant, role
from .logs import log_group

# The newest runtime that the handlers have been run on.
PYTHON_RUNTIME = "python3.13"
ARCHITECTURE = "arm64"
DEFAULTS = {"Timeout": 10}


@dataclass(frozen=True)
class Function(Node):
    """A function with its own role and its own log group."""

    resource: awslambda.Function
    role: iam.Role
    logs: logs.LogGroup


class _JsonLogs(AWSHelperFn):  # type: ignore[misc]  # troposphere is untyped
    """`LoggingConfig` of a function. troposphere's class of that name was overwritten by another: no LogFormat."""

    def __init__(self, log_group: Any) -> None:
        self.data = {
            "LogFormat": "JSON",
            "LogGroup": Ref(log_group),
            "ApplicationLogLevel": "INFO",
            "SystemLogLevel": "WARN",
        }


def source(path: str | Path) -> str:
    """The text of a handler: one of ours by its name under `handlers/`, such as `todo/read_todos.py`, or any `Path`."""
    if isinstance(path, Path):
        return path.read_text(encoding="utf-8")
    return files("troposphere_arch").joinpath("handlers", *path.split("/")).read_text(encoding="utf-8")


def function(
    t: ScenarioTemplate, title: str, *, code: str | Path, when: str | None = None, **properties: Any
) -> Function:
    """A Python function on arm64 that runs the handler file `code`, inlined as it is.

    Makes `<title>`, `<title>Role` and `<title>Logs`. It is traced, logs JSON, and may do nothing else until an arrow
    grants it. https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-resource-lambda-function.html
    """
    if "Environment" in properties:
        raise ValueError(f"{title}: variables come from arrows, which also grant what they point at; draw an arrow")
    own_logs = log_group(t, f"{title}Logs", when=when)
    own_role = role(t, f"{title}Role", grants.trust_lambda(), when=when)
    grant(own_role, "WriteLog", grants.write_log(own_logs))
    grant(own_role, "Trace", grants.trace())
    reserved = parameter(t, parameters.RESERVED_CONCURRENCY)
    resource = awslambda.Function(
        title,
        **{
            **DEFAULTS,
            "MemorySize": Ref(parameter(t, parameters.FUNCTION_MEMORY)),
            "ReservedConcurrentExecutions": optional(given(t, parameters.RESERVED_CONCURRENCY), Ref(reserved)),
            **properties,
            "Architectures": [ARCHITECTURE],
            "Code": awslambda.Code(ZipFile=source(code)),
            "Environment": awslambda.Environment(Variables={}),
            "Handler": "index.handler",
            "Role": GetAtt(own_role, "Arn"),
            "Runtime": PYTHON_RUNTIME,
            "TracingConfig": awslambda.TracingConfig(Mode="Active"),
        },
    )
    # Past troposphere's type check, which knows the overwritten class only.
    resource.properties["LoggingConfig"] = _JsonLogs(own_logs)
    return Function(t, title, t.put(resource, when=when), own_role, own_logs, when=when)
