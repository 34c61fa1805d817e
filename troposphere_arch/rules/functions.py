"""E9012."""

from __future__ import annotations

from collections.abc import Iterator

from ..runtime import PYTHON_RUNTIME
from ._rule import Found, HouseRule
from ._template import Resource, View, values

LOG_GROUP = "AWS::Logs::LogGroup"


class Functions(HouseRule):
    """Every function is traced and logs JSON into a log group of the template that forgets; Python has one runtime.

    A log group that Lambda makes itself never expires and is not in the stack; two runtimes are two sets of tests.
    """

    id = "E9012"
    shortdesc = "Functions are traced, logged and of one kind"
    source_url = "https://docs.aws.amazon.com/lambda/latest/dg/best-practices.html"

    def check(self, view: View) -> Iterator[Found]:
        for function in view.of_type("AWS::Lambda::Function"):
            yield from _tracing(function)
            yield from _logging(view, function)
            yield from _platform(function)


def _tracing(function: Resource) -> Iterator[Found]:
    modes = list(values(function.properties, "TracingConfig", "Mode", path=function.properties_path))
    for where, mode in modes:
        if mode != "Active" and (mode not in (None, "PassThrough") or all(m != "Active" for _, m in modes)):
            yield where, f"{function.name} has tracing {mode}; set TracingConfig to Active"


def _logging(view: View, function: Resource) -> Iterator[Found]:
    for where, log_format in values(function.properties, "LoggingConfig", "LogFormat", path=function.properties_path):
        if log_format != "JSON":
            yield where, f"{function.name} has LogFormat {log_format}; set JSON in LoggingConfig"
    for where, group in values(function.properties, "LoggingConfig", "LogGroup", path=function.properties_path):
        groups = view.named(group, LOG_GROUP)
        if not groups:
            yield where, f"{function.name} logs to {group}; declare a log group and refer to it in LoggingConfig"
        for declared in groups:
            for place, days in values(declared.properties, "RetentionInDays", path=declared.properties_path):
                if days is None:
                    yield place, f"{declared.name}, where {function.name} logs, never forgets; set RetentionInDays"


def _platform(function: Resource) -> Iterator[Found]:
    for where, runtime in values(function.properties, "Runtime", path=function.properties_path):
        if isinstance(runtime, str) and runtime.startswith("python") and runtime != PYTHON_RUNTIME:
            yield where, f"{function.name} runs on {runtime}; use {PYTHON_RUNTIME}, on which the handlers are tested"
    for where, architectures in values(function.properties, "Architectures", path=function.properties_path):
        if architectures != ["arm64"]:
            yield where, f"{function.name} has Architectures {architectures}; write [arm64], which costs less"
