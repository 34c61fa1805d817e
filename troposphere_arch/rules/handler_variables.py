"""E9019."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import Any

from ._bundles import NAME, Read, modules, of_kit, used
from ._rule import Found, HouseRule
from ._template import Resource, View, text, values

# Read by Lambda, Python and the SDK themselves, or given by Lambda.
# https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html#configuration-envvars-runtime
OF_LAMBDA = re.compile(r"AWS_.*|_.*|LAMBDA_.*|LANG|LD_LIBRARY_PATH|OTEL_.*|PATH|PYTHON.*|TZ")


class HandlerVariables(HouseRule):
    """A function that is written in the template is given the variables that its code reads, and no others.

    One that is missing is a crash at the first call, or a feature that is off without a word; one that nobody reads is
    the address of what the function need not know. Only Python is read, and only names, or ends of names, that stand in
    the code. Where that is a bundle of modules, all of them count but those of the kit of services: of that counts what
    the others use, so that a service which is told of another one does call it, and calls none that it is not told of.
    """

    id = "E9019"
    shortdesc = "Functions get the variables that they read"
    source_url = "https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html"

    def check(self, view: View) -> Iterator[Found]:
        for function in view.of_type("AWS::Lambda::Function"):
            if not str(text(function.properties.get("Runtime"))).startswith("python"):
                continue
            for where, code in values(function.properties, "Code", "ZipFile", path=function.properties_path):
                read = _read(text(code))
                if read is not None:
                    yield from ((where if path is None else path, m) for path, m in _compared(function, read))


def _compared(function: Resource, read: Read) -> Iterator[tuple[Any, str]]:
    given: set[str] = set()
    for where, variables in values(function.properties, "Environment", "Variables", path=function.properties_path):
        if variables is None:
            continue
        if not isinstance(variables, dict) or any(key.startswith("Fn::") for key in variables if isinstance(key, str)):
            return  # another function of CloudFormation's says which
        given |= {key for key in variables if isinstance(key, str)}
        for name in sorted(given):
            if not read.may_read(name) and not OF_LAMBDA.fullmatch(name):
                yield (*where, name), f"{function.name} is given {name}, which its code does not read; leave it out"
    for names in sorted({(name,) for name in read.names} | read.one_of):
        if given.isdisjoint(names) and not any(OF_LAMBDA.fullmatch(name) for name in names):
            wanted = " or ".join(names)
            yield None, f"{function.name} reads the variable {wanted}, which it is not given; add it to Environment"


def _read(code: str | None) -> Read | None:
    """The variables that the code reads; None if it cannot be read."""
    tree = _parsed(code)
    if tree is None:
        return None
    read, files = _of_tree(tree), modules(tree)
    if files is None:
        return read
    read.idle.add(NAME)
    for name, module in files.items():
        if not of_kit(name):
            part = _parsed(module)
            read |= Read(anything=True) if part is None else _of_tree(part) | used(part)
    return read


def _parsed(code: str | None) -> ast.Module | None:
    try:
        return None if code is None else ast.parse(code)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def _of_tree(tree: ast.Module) -> Read:
    """What stands in the code itself."""
    nodes = list(ast.walk(tree))
    names = _names_of_environ(nodes)
    read = Read()
    known: set[int] = set()
    for node in nodes:
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
        match key:
            case ast.Constant(value=str(name)):
                read.names.add(name)
                known.add(id(where))
            case ast.JoinedStr(values=[*_, ast.Constant(value=str(ending))]):
                read.endings.add(ending)
                known.add(id(where))
    others = [node for node in nodes if _is_environ(node, names) and id(node) not in known]
    getenv = [n for n in nodes if isinstance(n, ast.Attribute) and n.attr == "getenv" and id(n) not in known]
    read.anything = bool(others or getenv)
    return read


def _names_of_environ(nodes: list[ast.AST]) -> set[str]:
    """What `os.environ` is called here besides."""
    imports = [node for node in nodes if isinstance(node, ast.ImportFrom) and node.module == "os"]
    return {alias.asname or alias.name for node in imports for alias in node.names if alias.name == "environ"}


def _is_environ(node: ast.AST, names: set[str]) -> bool:
    match node:
        case ast.Attribute(value=ast.Name(id="os"), attr="environ"):
            return True
        case ast.Name(id=name, ctx=ast.Load()):
            return name in names
    return False
