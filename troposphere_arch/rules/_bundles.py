"""Code that is many modules in one text, and what of its variables the kit of services reads for it.

A bundle has its modules as texts in a dictionary `FILES`, by their names. The modules of `troposphere_arch.service_kit`
among them are not read themselves: most of what they hold is for other shapes of service. What counts is what the
others use of them, and `READS` says which variables that is; a test holds it to the kit's own text.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass, field

KIT = "troposphere_arch.service_kit"
FILES = "FILES"

# Every function of a service is told its name.
NAME = "SERVICE"
# What is handed over or worked on is told to the platform's bus.
BUS = "BUS"


@dataclass(frozen=True)
class Use:
    """What a function of the kit reads.

    These variables, and for each of `endings` one that is the name of a service and one of these: `stock`, `_URL`; and
    where they are given, `others`.
    """

    variables: tuple[str, ...] = ()
    endings: tuple[tuple[str, ...], ...] = ()
    others: tuple[str, ...] = ()


_CACHE = Use(("CACHE_HOST", "CACHE_NAME", "CACHE_PORT", "CACHE_USER"), others=("CACHE_CA",))
_DATABASE = Use(
    ("DATABASE_CA", "DATABASE_HOST", "DATABASE_NAME", "DATABASE_PORT", "DATABASE_SECRET"),
    others=("DATABASE_CONNECTIONS",),
)
READS: dict[tuple[str, str], Use] = {
    ("cache", "forget"): _CACHE,
    ("cache", "read"): _CACHE,
    ("client", "Client"): Use(endings=(("_URL",),)),
    ("client", "call"): Use(endings=(("_URL",),)),
    ("database", "ready"): _DATABASE,
    ("database", "transaction"): _DATABASE,
    # Of a stream, what fails is handed over to where failures go.
    ("messages", "handler"): Use((BUS, "ATTEMPTS", "ITEMS_TABLE"), others=("FAILURES_QUEUE",)),
    ("publishing", "publish"): Use((BUS, "EVENTS_TOPIC")),
    ("publishing", "send"): Use((BUS,), (("_QUEUE", "_STREAM"),)),
    ("publishing", "put"): Use((BUS,), (("_BUCKET",), ("_PREFIX",))),
    ("progress", "mention"): Use((BUS,)),
    ("progress", "tell"): Use((BUS,)),
    # Not of a function: the door of what runs on servers.
    ("server", "application"): Use(("HEALTH",)),
    ("table", "items"): Use(("ITEMS_TABLE",)),
}
# The argument that names a service, where it is not the first one.
SERVICE_ARGUMENT = "service"


@dataclass
class Read:
    """The variables that code reads: by name, at least one of several, any with such an ending, or who knows which."""

    names: set[str] = field(default_factory=set)
    one_of: set[tuple[str, ...]] = field(default_factory=set)
    endings: set[str] = field(default_factory=set)
    anything: bool = False
    # What it may be given all the same, or not.
    idle: set[str] = field(default_factory=set)

    def __or__(self, other: Read) -> Read:
        return Read(
            self.names | other.names,
            self.one_of | other.one_of,
            self.endings | other.endings,
            self.anything or other.anything,
            self.idle | other.idle,
        )

    def may_read(self, name: str) -> bool:
        """Whether the code may read this variable."""
        return (
            self.anything
            or name in self.names | self.idle
            or any(name in names for names in self.one_of)
            or any(name.endswith(ending) for ending in self.endings)
        )


def modules(tree: ast.Module) -> dict[str, str | None] | None:
    """The modules of a bundle by their names, None for one that is no literal text; None when the code is no bundle."""
    for node in tree.body:
        match node:
            case ast.Assign(targets=[ast.Name(id=name)], value=ast.Dict() as held) if name == FILES:
                return {
                    _text(key) or "": None if _text(key) is None else _text(value)
                    for key, value in zip(held.keys, held.values, strict=True)
                }
    return None


def _text(node: ast.expr | None) -> str | None:
    """The text that a literal is."""
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None


def of_kit(name: str) -> bool:
    """Whether the module belongs to the kit."""
    return name in (KIT, KIT.partition(".")[0]) or name.startswith(f"{KIT}.")


def used(tree: ast.Module) -> Read:
    """What the kit reads for this module of a service."""
    found = Read()
    nodes = list(ast.walk(tree))
    names = _names(nodes)
    if "*" in names:
        found.anything = True
    called: set[int] = set()
    for call in (node for node in nodes if isinstance(node, ast.Call)):
        which = names.get(_dotted(call.func))
        if which:
            called.add(id(call.func))
            found |= _of_call(READS[which], call)
    for node in nodes:  # what is handed on is called with who knows what
        which = names.get(_dotted(node))
        if which and id(node) not in called and isinstance(getattr(node, "ctx", None), ast.Load):
            use = READS[which]
            endings = {one for some in use.endings for one in some}
            found |= Read(names=set(use.variables), endings=endings, idle=set(use.others))
    return found


def _names(nodes: list[ast.AST]) -> dict[str, tuple[str, str]]:
    """What the functions of `READS` are called in this module; `*` for a module that takes all the names of another."""
    found: dict[str, tuple[str, str]] = {}

    def note(local: str, full: str) -> None:
        """The module or the function of this whole name is called `local`."""
        for module, function in READS:
            whole = f"{KIT}.{module}.{function}"
            if whole == full or whole.startswith(f"{full}."):
                found[local + whole.removeprefix(full)] = module, function

    for node in nodes:
        if isinstance(node, ast.Import):
            for alias in node.names:
                note(alias.asname or alias.name, alias.name)
        elif isinstance(node, ast.ImportFrom) and of_kit(node.module or ""):
            for alias in node.names:
                if alias.name == "*":
                    found["*"] = "", ""
                note(alias.asname or alias.name, f"{node.module}.{alias.name}")
    return found


def _dotted(node: ast.AST) -> str:
    """`a.b.c` as it is written; nothing for what is no such name."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    return ".".join([node.id, *reversed(parts)]) if isinstance(node, ast.Name) else ""


def _of_call(use: Use, call: ast.Call) -> Read:
    found = Read(names=set(use.variables), idle=set(use.others))
    named = [*call.args[:1], *(k.value for k in call.keywords if k.arg == SERVICE_ARGUMENT)]
    service = _text(named[0]) if named else None
    for endings in use.endings:
        if service is None:
            found.endings |= set(endings)
        else:
            found.one_of.add(tuple(service.replace("-", "_").upper() + ending for ending in endings))
    return found
