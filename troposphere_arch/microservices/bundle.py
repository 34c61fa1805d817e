"""The code of a service as one file, `index.py`: its own modules as they are, and those of the kit that they import.

    handler.py ──imports──▶ pricing.py, troposphere_arch.service_kit.http ──▶ ... ──▶ index.py

A template inlines one file only, and an archive would need a bucket. So `index.py` holds the modules as text, and lets
Python import them from there: names, line numbers and tracebacks are those of the files. Of the kit's modules the
docstrings and comments stay here: they would be a fourth of the file, and most templates fit into a request without.
https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-properties-lambda-function-code.html
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from functools import lru_cache
from importlib.resources import files
from pathlib import Path

from ..errors import UserError

HANDLER = "handler"
PACKAGE = "troposphere_arch"
KIT = f"{PACKAGE}.service_kit"
# What the Python runtime of Lambda brings besides the standard library.
# https://docs.aws.amazon.com/lambda/latest/dg/python-package.html
BROUGHT = ("boto3", "botocore", "dateutil", "jmespath", "s3transfer", "six", "urllib3")
# What is installed on servers besides, where a service has no list of its own.
INSTALLED = ("pg8000",)
REQUIREMENTS = "requirements.txt"
# What Python had up to the version before the runtime's, and which may be the one that builds.
# https://docs.python.org/3/whatsnew/3.12.html#removed https://docs.python.org/3/whatsnew/3.13.html#removed-modules-and-apis
GONE = frozenset(
    {
        *("aifc", "asynchat", "asyncore", "audioop", "cgi", "cgitb", "chunk", "crypt", "distutils", "imghdr", "imp"),
        *("lib2to3", "mailcap", "msilib", "nis", "nntplib", "ossaudiodev", "pipes", "smtpd", "sndhdr", "spwd", "sunau"),
        *("telnetlib", "uu", "xdrlib"),
    }
)
# The name that Lambda knows the bundle by.
INDEX = "index"

_HEAD = '''"""The files of a service, and of the kit (troposphere_arch.service_kit) those that they import."""

import importlib.abc
import importlib.machinery
import sys

'''
_LOADER = '''

class Files(importlib.abc.MetaPathFinder, importlib.abc.InspectLoader):
    """Imports what FILES holds."""

    def find_spec(self, name, path=None, target=None):
        return importlib.machinery.ModuleSpec(name, self, is_package=self.is_package(name)) if name in FILES else None

    def get_source(self, name):
        return FILES[name]

    def get_code(self, name):
        return compile(FILES[name], name + ".py", "exec", dont_inherit=True)

    def is_package(self, name):
        return any(other.startswith(name + ".") for other in FILES)


sys.meta_path.insert(0, Files())
from handler import handler  # noqa: E402, F401
'''
# What stands at the end where a load balancer is in front.
_SERVER = f"""from {KIT} import server  # noqa: E402

application = server.application(handler)
"""
_BALANCED = f"""from {KIT} import balancer  # noqa: E402

handler = balancer.handler(handler)
"""


def bundle(folder: Path, *, server: bool = False, balanced: bool = False) -> str:
    """The text of `index.py` for the service in `folder`; the same files give the same text.

    For a function it has `handler`, which takes events of a load balancer, too, if it is `balanced`; for a `server`
    also `application`, for WSGI. Raises `UserError` when there is no `handler.py`, when a file is no Python, and when
    one imports what is not there.
    """
    found = modules(folder, server=server, balanced=balanced)
    texts = "".join(f"    {name!r}: {_literal(text)},\n" for name, text in found.items())
    return f"{_HEAD}FILES = {{\n{texts}}}\n{_LOADER}{_SERVER if server else _BALANCED if balanced else ''}"


def modules(folder: Path, *, server: bool = False, balanced: bool = False) -> dict[str, str]:
    """The modules of the service, those that its handler imports and that these import in turn: name -> text."""
    if not (folder / f"{HANDLER}.py").is_file():
        raise UserError(f"{folder / HANDLER}.py: there is no such file, and a service needs one")
    found: dict[str, str] = {}
    front = "server" if server else "balancer" if balanced else ""
    todo = [HANDLER, *([PACKAGE, KIT, f"{KIT}.{front}"] if front else [])]
    while todo:
        name = todo.pop()
        if name in found:
            continue
        file = _file(folder, name)
        found[name], imports = _shipped(name, file) if _is_shipped(name) else _module(name, file)
        for imported, line in imports:
            todo += _wanted(folder, imported, f"{file}:{line}", server)
    own = sorted(name for name in found if not name.startswith("troposphere_arch"))
    return {
        name: found[name] for name in [HANDLER, *(n for n in own if n != HANDLER), *sorted(found.keys() - set(own))]
    }


def _wanted(folder: Path, name: str, place: str, server: bool) -> list[str]:
    """What of ours an import of `name` needs; nothing for what is there already. Refuses what is not."""
    top = name.partition(".")[0]
    own = folder / f"{top}.py"
    if own.is_file():
        if top in (INDEX, PACKAGE) or _has(top):
            raise UserError(f"{own}: Lambda has another {top}, which would be imported in its place: rename the file")
        if own.resolve().parent != folder.resolve():
            raise UserError(f"{own}: is a link to {own.resolve()}, which is not a file of the service: copy it")
        return [top]
    if name == PACKAGE:
        return [PACKAGE]
    if name == KIT:
        return [PACKAGE, KIT]
    if name.startswith(f"{KIT}."):
        module = name.split(".")[2]
        if module == "*":
            raise UserError(f"{place}: imports * of the kit: name its modules: {', '.join(sorted(_kit()))}")
        if module not in _kit():
            raise UserError(f"{place}: imports {name}, and the kit has no {module}: it has {', '.join(sorted(_kit()))}")
        return [PACKAGE, KIT, f"{KIT}.{module}"]
    if _has(top):
        return []
    if top == PACKAGE:
        raise UserError(f"{place}: imports {name}, which is not shipped: of this package a service has {KIT} only")
    if (folder / top).is_dir():
        raise UserError(
            f"{place}: imports {name}: of a service only modules beside its handler are shipped, no folders"
        )
    if server:
        if top in INSTALLED or (folder / REQUIREMENTS).is_file():
            return []
        raise UserError(
            f"{place}: imports {name}, which is not installed: without a {REQUIREMENTS} of its own a service on "
            f"servers has the standard library, boto3, urllib3, {', '.join(INSTALLED)}, the kit and its own modules"
        )
    raise UserError(
        f"{place}: imports {name}, which Lambda's Python does not have: a service has the standard library, boto3, "
        "urllib3, the kit and its own modules, and no layers"
    )


def _has(name: str) -> bool:
    """Whether Lambda's Python has a module of this name."""
    return name in BROUGHT or (name in sys.stdlib_module_names and name not in GONE)


def _is_shipped(name: str) -> bool:
    """Whether a module is of this package, and not of the service."""
    return name == PACKAGE or name.startswith(f"{PACKAGE}.")


def _module(name: str, file: Path) -> tuple[str, tuple[tuple[str, int], ...]]:
    """The text of a module, and what it imports in which line."""
    text = _text(file)
    return text, tuple(_imports(name, text, file, _is_package(name)))


@lru_cache  # the kit's are the same for all services of a system
def _shipped(name: str, file: Path) -> tuple[str, tuple[tuple[str, int], ...]]:
    """The same of a module of the kit, without what is for people who read the package."""
    text, imports = _module(name, file)
    return _bare(text), imports


def _bare(text: str) -> str:
    """A module without docstrings, without lines that are a comment or blank, and with one space of each four."""
    tree = ast.parse(text)
    gone: dict[int, str] = {}
    strings: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(node, clean=False):
            said = node.body[0]
            gone |= dict.fromkeys(range(said.lineno, (said.end_lineno or 0) + 1), "")
            if len(node.body) == 1:
                gone[said.lineno] = f"{' ' * said.col_offset}pass"
        elif isinstance(node, ast.Constant | ast.JoinedStr) and isinstance(getattr(node, "value", ""), str):
            strings |= set(range(node.lineno + 1, (node.end_lineno or 0) + 1))
    lines = []
    for number, line in enumerate(text.splitlines(), 1):
        kept = gone.get(number, line)
        code = kept.lstrip(" ")
        if number in strings - gone.keys():
            lines.append(kept)
        elif code and not code.startswith("#"):
            lines.append(" " * ((len(kept) - len(code)) // 4) + code)
    return "".join(f"{line}\n" for line in lines)


def _imports(name: str, text: str, file: Path, is_package: bool) -> Iterator[tuple[str, int]]:
    """The names that a module imports, with the line, wherever in it; `from a import b` may mean a module `a.b`."""
    try:
        tree = ast.parse(text, str(file))
    except (SyntaxError, ValueError) as error:
        raise UserError(
            f"{file}:{getattr(error, 'lineno', 1) or 1}: no Python: {getattr(error, 'msg', error)}"
        ) from None
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            if node.level and not _is_shipped(name):
                what = f"import {node.module}" if node.module else "import MODULE"
                raise UserError(f"{file}:{node.lineno}: a relative import, in a service that is no package: {what}")
            parts = name.split(".")
            above = parts[: len(parts) - node.level + is_package] if node.level else []
            base = ".".join([*above, *([node.module] if node.module else [])])
            if base != "__future__":
                yield base, node.lineno
                yield from ((f"{base}.{alias.name}", node.lineno) for alias in node.names)


def _is_package(name: str) -> bool:
    return name in (PACKAGE, KIT)


def _file(folder: Path, name: str) -> Path:
    if not _is_shipped(name):
        return folder / f"{name}.py"
    package = Path(str(files(PACKAGE)))
    inside = package.joinpath(*name.split(".")[1:])
    return inside / "__init__.py" if _is_package(name) else inside.with_suffix(".py")


def _text(file: Path) -> str:
    """The text of a file; of the package itself none is needed."""
    if file == Path(str(files(PACKAGE))) / "__init__.py":
        return ""
    try:
        return file.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise UserError(f"{file}: is not UTF-8") from None
    except OSError as error:
        raise UserError(f"{file}: cannot be read: {error.strerror}") from None


@lru_cache
def _kit() -> frozenset[str]:
    """The names of the kit's modules."""
    return frozenset(path.stem for path in Path(str(files(KIT))).glob("*.py") if path.stem != "__init__")


def _literal(text: str) -> str:
    """The text as a literal of Python, as it is where that is possible."""
    plain = "'''" not in text and not text.endswith(("'", "\\")) and "\r" not in text and "\0" not in text
    return f"r'''{text}'''" if plain else repr(text)
