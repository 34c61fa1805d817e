"""What the names in a service's code stand for, as far as its text says that: nothing is run, and nothing is guessed.

    handler.py, pricing.py ──ast──▶ scopes, mentions of names ──▶ "this is publishing.send of the kit", or "who knows"

A name that is bound once, or always to the same, stands for that; any other for nothing that is relied on.
https://docs.python.org/3/reference/executionmodel.html#naming-and-binding
"""

from __future__ import annotations

import ast
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

# A dotted name, in parts: ("os", "environ").
Name = tuple[str, ...]
# What is imported by it, or an expression that is assigned to it; None for all else.
Bound = Name | ast.expr | None
# How a name is used: called, with an index, on the right of `in`, set or removed, or in any other way.
CALLED, INDEXED, SEARCHED, CHANGED, TAKEN = "called", "indexed", "searched", "changed", "taken"

HANDLER = "handler"
LARGEST = 4_194_304
# An import of one of an import: who has more of them than that is not followed.
HOPS = 8
_Function = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
_Comprehension = ast.ListComp | ast.SetComp | ast.GeneratorExp | ast.DictComp
_MISSING = ("KeyError", "LookupError", "Exception", "BaseException")


class Scope:
    """A module, class, function or comprehension, and what each name of its own is bound to."""

    __slots__ = ("elsewhere", "is_class", "is_comprehension", "module", "names", "parent")

    def __init__(self, parent: Scope | None, *, is_class: bool = False, is_comprehension: bool = False) -> None:
        self.parent = parent
        self.module: Scope = parent.module if parent else self
        self.is_class, self.is_comprehension = is_class, is_comprehension
        self.names: dict[str, list[Bound]] = {}
        self.elsewhere: set[str] = set()  # what it declares global

    def bind(self, name: str, to: Bound) -> None:
        if name in self.elsewhere:  # what is assigned to it is made of the names here, which are others there
            self.module.names.setdefault(name, []).append(to if isinstance(to, tuple) else None)
        else:
            self.names.setdefault(name, []).append(to)

    def bound(self, name: str) -> list[Bound]:
        """All that the name may be bound to where it is used in this scope; nothing when it is bound nowhere."""
        found: list[Bound] = []
        scope: Scope | None = self
        while scope is not None:
            if name in scope.elsewhere:
                return found + self.module.names.get(name, [])
            # A function in a class does not see its names; in the class itself, one may be that of outside as well.
            if name in scope.names and (scope is self or not scope.is_class):
                found = found + scope.names[name]
                if not scope.is_class:
                    return found
            scope = scope.parent
        return found


@dataclass(frozen=True, slots=True)
class Mention:
    """A dotted name that begins with a variable, where it is used: by `node`."""

    scope: Scope
    name: Name
    how: str
    node: ast.expr


@dataclass(eq=False)
class Module:
    """A module of the service."""

    name: str
    file: Path
    tree: ast.Module
    scope: Scope = field(default_factory=lambda: Scope(None))
    mentions: list[Mention] = field(default_factory=list)
    imported: set[str] = field(default_factory=set)  # what is bound to something imported, somewhere in it
    wanted: set[str] = field(default_factory=set)  # the first parts of the names of what it imports
    texts: list[str] = field(default_factory=list)
    handled: set[int] = field(default_factory=set)  # expressions that may lack a key, or be None
    takes_all: bool = False  # of some other module, by *


@dataclass(frozen=True)
class Code:
    """The modules of a service by their names, the handler first."""

    modules: dict[str, Module]

    def meaning(self, mention: Mention) -> tuple[Name | None, list[Name]]:
        """The name from a module on that this stands for, or else all of them that it may stand for, and more."""
        bound, rest = mention.scope.bound(mention.name[0]), mention.name[1:]
        for _ in range(HOPS):
            found = {one + rest for one in bound if isinstance(one, tuple)}
            if len(found) != 1 or not all(isinstance(one, tuple) for one in bound):
                return None, sorted(found)
            [name] = found
            if name[0] not in self.modules or len(name) == 1:
                return name, []
            bound, rest = self.modules[name[0]].scope.names.get(name[1], []), name[2:]
        return None, []

    def value(self, module: Module, scope: Scope, node: ast.expr) -> tuple[Module, ast.expr]:
        """An expression and its module; of a name that is bound once, to an expression, that one."""
        here, name = module, dotted(node)
        for _ in range(HOPS):
            bound = scope.bound(name[0]) if name else []
            if len(bound) != 1:
                break
            [one] = bound
            if isinstance(one, ast.expr) and len(name) == 1:
                return here, one
            if not isinstance(one, tuple) or len(one + name[1:]) != 2 or one[0] not in self.modules:
                break
            here, name = self.modules[one[0]], (one + name[1:])[1:]
            scope = here.scope
        return module, node

    def text(self, module: Module, scope: Scope, node: ast.expr | None) -> str | None:
        """The text that an expression is; None when that cannot be told."""
        value = None if node is None else self.value(module, scope, node)[1]
        return value.value if isinstance(value, ast.Constant) and isinstance(value.value, str) else None


def code(folder: Path) -> Code | None:
    """The modules of the service in `folder`, those that its handler imports; None when one of them is no Python."""
    own = {path.stem for path in folder.glob("*.py")}
    modules: dict[str, Module] = {}
    todo = [HANDLER]
    while todo:
        name = todo.pop()
        if name in modules:
            continue
        if (module := _module(name, folder / f"{name}.py", own)) is None:
            return None
        modules[name] = module
        todo += sorted(module.wanted & own)
    return Code(modules)


def dotted(node: ast.AST) -> Name:
    """`a.b.c` in its parts; nothing for what is no such name."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    return (node.id, *reversed(parts)) if isinstance(node, ast.Name) else ()


def _module(name: str, file: Path, own: set[str]) -> Module | None:
    try:
        about = file.stat()
        if not stat.S_ISREG(about.st_mode) or about.st_size > LARGEST:
            return None
        module = Module(name, file, ast.parse(file.read_bytes().decode("utf-8"), str(file)))
    except (OSError, SyntaxError, ValueError, RecursionError, MemoryError, OverflowError):
        return None  # whoever bundles it says so
    _Walk(module, own).walk()
    return module


class _Walk:
    """Goes through a module once, in the order of its text."""

    def __init__(self, module: Module, own: set[str]) -> None:
        self.module = module
        self.known = own | {"os", "troposphere_arch"}
        self.todo: list[tuple[ast.AST, Scope]] = []
        self.nonlocals: list[tuple[Scope, str]] = []

    def walk(self) -> None:
        self.push(self.module.tree.body, self.module.scope)
        while self.todo:
            node, scope = self.todo.pop()
            _NODES.get(type(node), _Walk.any)(self, node, scope)
        for scope, name in self.nonlocals:
            above = scope.parent
            while above is not None:
                if name in above.names and not above.is_class:
                    above.names[name].append(None)
                    break
                above = above.parent

    def push(self, nodes: Iterable[ast.AST | None], scope: Scope) -> None:
        self.todo += [(node, scope) for node in reversed(list(nodes)) if node is not None]

    def any(self, node: ast.AST, scope: Scope) -> None:
        self.push(_children(node), scope)

    def mention(self, name: Name, how: str, node: ast.expr, scope: Scope) -> None:
        self.module.mentions.append(Mention(scope, name, how, node))

    # Names.

    def name(self, node: ast.Name, scope: Scope) -> None:
        if isinstance(node.ctx, ast.Load):
            self.mention((node.id,), TAKEN, node, scope)
        else:
            scope.bind(node.id, None)

    def attribute(self, node: ast.Attribute, scope: Scope) -> None:
        if name := dotted(node):
            self.mention(name, TAKEN if isinstance(node.ctx, ast.Load) else CHANGED, node, scope)
            return
        inner: ast.expr = node
        while isinstance(inner, ast.Attribute):
            inner = inner.value
        self.todo.append((inner, scope))

    def call(self, node: ast.Call, scope: Scope) -> None:
        name = dotted(node.func)
        if name:
            self.mention(name, CALLED, node, scope)
        self.push([*([] if name else [node.func]), *node.args, *(word.value for word in node.keywords)], scope)

    def subscript(self, node: ast.Subscript, scope: Scope) -> None:
        name = dotted(node.value)
        if name:
            self.mention(name, INDEXED, node, scope)
        self.push([*([] if name else [node.value]), node.slice], scope)

    def compare(self, node: ast.Compare, scope: Scope) -> None:
        name = dotted(node.comparators[0]) if len(node.ops) == 1 and isinstance(node.ops[0], ast.In | ast.NotIn) else ()
        if name:
            self.mention(name, SEARCHED, node, scope)
        self.push([node.left, *([] if name else node.comparators)], scope)

    def bool_op(self, node: ast.BoolOp, scope: Scope) -> None:
        if isinstance(node.op, ast.Or):
            self.module.handled |= {id(value) for value in node.values[:-1]}
        self.push(node.values, scope)

    def constant(self, node: ast.Constant, scope: Scope) -> None:
        if isinstance(node.value, str):
            self.module.texts.append(node.value)

    # What binds names.

    def function(self, node: _Function, scope: Scope) -> None:
        given, inner = node.args, Scope(scope)
        every = [*given.posonlyargs, *given.args, *given.kwonlyargs]
        every += [one for one in (given.vararg, given.kwarg) if one is not None]
        outside: list[ast.AST | None] = [*given.defaults, *given.kw_defaults, *(one.annotation for one in every)]
        for one in every:
            inner.bind(one.arg, None)
        if isinstance(node, ast.Lambda):
            self.push([node.body], inner)
        else:
            scope.bind(node.name, None)
            self.parameters(node, inner)
            outside += [*node.decorator_list, node.returns]
            self.push(node.body, inner)
        self.push(outside, scope)

    def class_(self, node: ast.ClassDef, scope: Scope) -> None:
        scope.bind(node.name, None)
        inner = Scope(scope, is_class=True)
        self.parameters(node, inner)
        self.push(node.body, inner)
        self.push([*node.decorator_list, *node.bases, *(word.value for word in node.keywords)], scope)

    def parameters(self, node: ast.AST, inner: Scope) -> None:
        """Of types, which Python has from 3.12 on."""
        for one in getattr(node, "type_params", ()):
            inner.bind(one.name, None)

    def comprehension(self, node: _Comprehension, scope: Scope) -> None:
        first, *others = node.generators
        inner = Scope(scope, is_comprehension=True)
        result = [node.key, node.value] if isinstance(node, ast.DictComp) else [node.elt]
        self.push([first.target, *first.ifs, *others, *result], inner)
        # What is gone through first is no part of it.
        self.todo.append((first.iter, scope))

    def walrus(self, node: ast.NamedExpr, scope: Scope) -> None:
        outer = scope
        while outer.is_comprehension and outer.parent is not None:
            outer = outer.parent
        outer.bind(node.target.id, None)
        self.todo.append((node.value, scope))

    def assign(self, node: ast.Assign, scope: Scope) -> None:
        for target in node.targets:
            if isinstance(target, ast.Name):
                scope.bind(target.id, node.value)
        self.push([*(one for one in node.targets if not isinstance(one, ast.Name)), node.value], scope)

    def annotated(self, node: ast.AnnAssign, scope: Scope) -> None:
        if not isinstance(node.target, ast.Name):
            self.todo.append((node.target, scope))
        elif node.value is not None:
            scope.bind(node.target.id, node.value)
        elif scope.parent is not None:
            scope.bind(node.target.id, None)  # it is a variable of this function from here on
        self.push([node.annotation, node.value], scope)

    def exception(self, node: ast.ExceptHandler, scope: Scope) -> None:
        if node.name:
            scope.bind(node.name, None)
        self.any(node, scope)

    def pattern(self, node: ast.AST, scope: Scope) -> None:
        if name := getattr(node, "rest", None) if isinstance(node, ast.MatchMapping) else getattr(node, "name", None):
            scope.bind(name, None)
        self.any(node, scope)

    def global_(self, node: ast.Global, scope: Scope) -> None:
        scope.elsewhere |= set(node.names)

    def nonlocal_(self, node: ast.Nonlocal, scope: Scope) -> None:
        self.nonlocals += [(scope, name) for name in node.names]

    def import_(self, node: ast.Import, scope: Scope) -> None:
        for alias in node.names:
            full = tuple(alias.name.split("."))
            self.imports(alias.asname or full[0], full if alias.asname else full[:1], scope)

    def import_from(self, node: ast.ImportFrom, scope: Scope) -> None:
        for alias in node.names:
            full = (*(node.module or "").split("."), alias.name)
            if alias.name == "*":
                self.module.takes_all = True
            elif node.level:
                scope.bind(alias.asname or alias.name, None)
            else:
                self.imports(alias.asname or alias.name, full, scope)

    def imports(self, name: str, full: Name, scope: Scope) -> None:
        self.module.wanted.add(full[0])
        if full[0] in self.known:
            self.module.imported.add(name)
            scope.bind(name, full)
        else:
            scope.bind(name, None)

    # Where a key may be missing.

    def try_(self, node: ast.Try, scope: Scope) -> None:
        if any(one.type is None or _names(one.type, _MISSING) for one in node.handlers):
            self.handle(node.body)
        self.any(node, scope)

    def with_(self, node: ast.With, scope: Scope) -> None:
        if any(_names(item.context_expr, _MISSING) for item in node.items):
            self.handle(node.body)
        self.any(node, scope)

    def handle(self, body: list[ast.stmt]) -> None:
        self.module.handled |= {id(node) for one in body for node in ast.walk(one) if isinstance(node, ast.Subscript)}


def _children(node: ast.AST) -> Iterator[ast.AST]:
    for name in node._fields:
        value = getattr(node, name, None)
        if isinstance(value, list):
            for one in value:
                if isinstance(one, ast.AST):
                    yield one
        elif isinstance(value, ast.AST) and not isinstance(value, ast.expr_context | ast.operator):
            yield value


def _names(node: ast.AST, names: tuple[str, ...]) -> bool:
    """Whether one of the names is in it."""
    return any(isinstance(one, ast.Name) and one.id in names for one in ast.walk(node))


# Each by the type of its node, which is the one that its function takes.
_NODES: dict[type[ast.AST], Any] = {
    ast.Name: _Walk.name,
    ast.Attribute: _Walk.attribute,
    ast.Call: _Walk.call,
    ast.Subscript: _Walk.subscript,
    ast.Compare: _Walk.compare,
    ast.BoolOp: _Walk.bool_op,
    ast.Constant: _Walk.constant,
    ast.FunctionDef: _Walk.function,
    ast.AsyncFunctionDef: _Walk.function,
    ast.Lambda: _Walk.function,
    ast.ClassDef: _Walk.class_,
    ast.ListComp: _Walk.comprehension,
    ast.SetComp: _Walk.comprehension,
    ast.GeneratorExp: _Walk.comprehension,
    ast.DictComp: _Walk.comprehension,
    ast.NamedExpr: _Walk.walrus,
    ast.Assign: _Walk.assign,
    ast.AnnAssign: _Walk.annotated,
    ast.ExceptHandler: _Walk.exception,
    ast.MatchAs: _Walk.pattern,
    ast.MatchStar: _Walk.pattern,
    ast.MatchMapping: _Walk.pattern,
    ast.Global: _Walk.global_,
    ast.Nonlocal: _Walk.nonlocal_,
    ast.Import: _Walk.import_,
    ast.ImportFrom: _Walk.import_from,
    ast.Try: _Walk.try_,
    ast.With: _Walk.with_,
}
