"""E9019."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import Any

from ._rule import Found, HouseRule
from ._template import Resource, View, text, values

# Read by Lambda, Python and the SDK themselves, or given by Lambda.
# https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html#configuration-envvars-runtime
OF_LAMBDA = re.compile(r"AWS_.*|_.*|LAMBDA_.*|LANG|LD_LIBRARY_PATH|OTEL_.*|PATH|PYTHON.*|TZ")


class HandlerVariables(HouseRule):
    """A function that is written in the template is given the variables that its code reads, and no others.

    One that is missing is a crash at the first call, or a feature that is off without a word; one that nobody reads is
    the address of what the function need not know. Only Python is read, and only names that stand in the code.
    """

    id = "E9019"
    shortdesc = "Functions get the variables that they read"
    source_url = "https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html"

    def check(self, view: View) -> Iterator[Found]:
        for function in view.of_type("AWS::Lambda::Function"):
            if not str(text(function.properties.get("Runtime"))).startswith("python"):
                continue
            for where, code in values(function.properties, "Code", "ZipFile", path=function.properties_path):
                found = _read(text(code))
                if found is not None:
                    yield from ((where if path is None else path, m) for path, m in _compared(function, *found))


def _compared(function: Resource, read: set[str], open_ended: bool) -> Iterator[tuple[Any, str]]:
    given: set[str] = set()
    for where, variables in values(function.properties, "Environment", "Variables", path=function.properties_path):
        if variables is None:
            continue
        if not isinstance(variables, dict) or any(key.startswith("Fn::") for key in variables if isinstance(key, str)):
            return  # another function of CloudFormation's says which
        given |= {key for key in variables if isinstance(key, str)}
        for name in sorted(given - read):
            if not open_ended and not OF_LAMBDA.fullmatch(name):
                yield (*where, name), f"{function.name} is given {name}, which its code does not read; leave it out"
    for name in sorted(read - given):
        if not OF_LAMBDA.fullmatch(name):
            yield None, f"{function.name} reads the variable {name}, which it is not given; add it to Environment"


def _read(code: str | None) -> tuple[set[str], bool] | None:
    """The variables that the code reads by name, and whether it may read others too; None if it cannot be read."""
    if code is None:
        return None
    try:
        tree = ast.parse(code)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    names = _names_of_environ(tree)
    read: set[str] = set()
    known: set[int] = set()
    for node in ast.walk(tree):
        key: ast.expr | None = None
        match node:
            case ast.Subscript(value=where, slice=index) if _is_environ(where, names):
                key = index
            case ast.Compare(left=left, ops=[ast.In() | ast.NotIn()], comparators=[where]) if _is_environ(where, names):
                key = left
            case ast.Call(func=ast.Attribute(value=where, attr="get" | "pop" | "setdefault"), args=[first, *_]) if (
                _is_environ(where, names)
            ):
                key = first
            case ast.Call(func=(ast.Attribute(attr="getenv") | ast.Name(id="getenv")) as where, args=[first, *_]):
                key = first
            case _:
                continue
        if isinstance(key, ast.Constant) and isinstance(key.value, str):
            read.add(key.value)
            known.add(id(where))
    others = [node for node in ast.walk(tree) if _is_environ(node, names) and id(node) not in known]
    getenv = [n for n in ast.walk(tree) if isinstance(n, ast.Attribute) and n.attr == "getenv" and id(n) not in known]
    return read, bool(others or getenv)


def _names_of_environ(tree: ast.AST) -> set[str]:
    """What `os.environ` is called here besides."""
    imports = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.module == "os"]
    return {alias.asname or alias.name for node in imports for alias in node.names if alias.name == "environ"}


def _is_environ(node: ast.AST, names: set[str]) -> bool:
    match node:
        case ast.Attribute(value=ast.Name(id="os"), attr="environ"):
            return True
        case ast.Name(id=name, ctx=ast.Load()):
            return name in names
    return False
