"""What the code of a service says in so many words, held against its declaration.

    handler.py, pricing.py ──scopes──▶ routes answered, calls, messages, events, variables ──▶ problems ◀── service.yaml

Only what stands in the text is told: a name that may be something else, an argument that is not written out, a module
that is handed on may be right. What of a kind is declared and not used is told when every use of that kind is known.
"""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from .. import discovery
from . import scopes
from .checking import Known
from .declaration import ANSWERING, BUCKET, CACHED, FRONT, INSTANCES, QUEUE, SERVERS, STREAM, Service, an
from .parsing import Problems, path_shown, route_key, shown, some
from .scopes import CALLED, CHANGED, HANDLER, Code, Mention, Module, Name

KIT: Name = ("troposphere_arch", "service_kit")
# What of the kit uses what is declared: the key of the declaration, or what a shape brings.
CACHE, DATABASE = "cache", "database"
KEYS = {
    ("cache", "forget"): CACHE,
    ("cache", "read"): CACHE,
    ("database", "ready"): DATABASE,
    ("database", "transaction"): DATABASE,
    ("client", "call"): "calls",
    ("publishing", "publish"): "publishes",
    ("publishing", "send"): "sends",
    ("publishing", "put"): "puts",
    ("table", "items"): "table",
}
# And what may use it in other ways.
OTHERS = {("client", "Client"): ("calls",), ("messages", "handler"): ("table",)}
# What of these modules uses nothing that is declared.
IDLE = {
    "cache": (),
    "client": ("Answer", "CallError", "Rejected", "Unavailable"),
    "database": (),
    "publishing": (),
    "table": (),
}
OF_MODULE = {
    "cache": (CACHE,),
    "client": ("calls",),
    "database": (DATABASE,),
    "publishing": ("publishes", "sends", "puts"),
    "table": ("table",),
}
OPTIONS = ("body", "query", "timeout", "key")
"""The words of `client.call` that are no part of a path."""

# How the declaration says who is used, and what the variables are called that tell the code where that is.
ENDINGS = {"calls": ("URL",), "sends": ("QUEUE", "STREAM"), "puts": ("BUCKET", "PREFIX")}
TOPIC, TABLE = "EVENTS_TOPIC", "ITEMS_TABLE"
PLACES = (*(one for endings in ENDINGS.values() for one in endings), "TOPIC", "TABLE")
_BY_SHAPE = {
    "URL": (ANSWERING, 'calls: {{{}: ["GET /..."]}}'),
    "QUEUE": ((QUEUE,), "sends: [{}]"),
    "STREAM": ((STREAM,), "sends: [{}]"),
    "BUCKET": ((BUCKET,), "puts: [{}]"),
    "PREFIX": ((BUCKET,), "puts: [{}]"),
}
# What only services of one shape have: the part of the kit for it, and the variables that it reads.
BROUGHT = {CACHE: CACHED, DATABASE: INSTANCES}
CALLS = {CACHE: "cache.read()", DATABASE: "database.transaction()"}
VARIABLES = {
    CACHED: ("CACHE_CA", "CACHE_HOST", "CACHE_NAME", "CACHE_PORT", "CACHE_USER"),
    INSTANCES: ("DATABASE_CA", "DATABASE_HOST", "DATABASE_NAME", "DATABASE_PORT", "DATABASE_SECRET"),
}
OF_SERVERS = ("HEALTH", "PORT")
# Given by Lambda, or read by it, Python and the SDK, as E9019 has it.
# https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html#configuration-envvars-runtime
OF_LAMBDA = re.compile(r"AWS_.*|_.*|LAMBDA_.*|LANG|LD_LIBRARY_PATH|OTEL_.*|PATH|PYTHON.*|TZ")

# With these, code may do what its text does not say.
_FREE = ("exec", "eval", "globals", "locals", "vars", "__import__")
_FREELY = ("builtins", "ctypes", "gc", "importlib", "inspect", "pickle", "pkgutil", "runpy", "unittest")
_VARIABLE = re.compile(r"\{(\w+)\}")


def check(services: Mapping[str, Known], problems: Problems) -> None:
    """Tell where the code of a service says something else than its declaration; nothing of what cannot be read."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what Python warns of is for who runs the code
        for known in services.values():
            if known.service.shape == FRONT:
                continue  # it has no code
            # A key that is unknown may be any; without its shape, a service has no keys.
            if known.broken.isdisjoint(("shape", "")) and (code := scopes.code(known.service.folder)) is not None:
                _Comparison(code, known, services, problems).compare()


@dataclass(frozen=True)
class _Use:
    """A call of the kit, in a module of the service."""

    module: Module
    mention: Mention
    call: ast.Call

    def argument(self, number: int, word: str = "") -> ast.expr | None:
        """The argument at this position, or of this name; None when that cannot be told."""
        if any(isinstance(one, ast.Starred) for one in self.call.args[: number + 1]):
            return None
        if number < len(self.call.args):
            return self.call.args[number]
        return next((one.value for one in self.call.keywords if word and one.arg == word), None)


@dataclass
class _Comparison:
    """The code of one service, and its declaration."""

    code: Code
    known: Known
    services: Mapping[str, Known]
    problems: Problems
    uses: dict[str, list[_Use]] = field(default_factory=lambda: {key: [] for key in KEYS.values()})
    reads: list[tuple[str, Module, ast.expr]] = field(default_factory=list)
    given: set[str] = field(default_factory=set)  # variables that the code sets, or asks for before it reads them
    loose: set[str] = field(default_factory=set)  # keys of which not every use is known
    handed_on: set[str] = field(default_factory=set)  # modules of the kit, and os, that may be changed
    wrong: set[str] = field(default_factory=set)  # keys, and services that are called, of which something was told
    with_kit: bool = False
    free: bool = False  # it may do anything

    def compare(self) -> None:
        for module in self.code.modules.values():
            self.free = self.free or module.takes_all or not module.wanted.isdisjoint(_FREELY)
            for mention in module.mentions:
                self.see(module, mention)
        if self.free:
            return
        self.compare_handler()
        for key in ("calls", "sends", "puts", "publishes"):
            self.compare_uses(key)
        self.compare_table()
        for key in BROUGHT:
            self.compare_brought(key)
        self.compare_variables()
        if self.with_kit and "os" not in self.handed_on:
            self.compare_declared()

    @property
    def service(self) -> Service:
        return self.known.service

    def tell(self, module: Module, node: ast.expr, text: str) -> None:
        self.problems.tell(module.file, node.lineno, text)

    def tell_declared(self, key: str, text: str) -> None:
        place = self.service.place(key)
        self.problems.tell(place.file, place.line, text)

    # What the names in it are.

    def see(self, module: Module, mention: Mention) -> None:
        first = mention.name[0]
        if first not in module.imported:
            if first in _FREE and not mention.scope.bound(first):
                self.free = True
            return
        if mention.how == CHANGED and any(isinstance(one, tuple) for one in mention.scope.bound(first)):
            self.free = True
            return
        name, perhaps = self.code.meaning(mention)
        self.with_kit = self.with_kit or any(one[:2] == KIT for one in [name or (), *perhaps])
        for one in perhaps:
            self.hand_on(one)
        if name is None:
            return
        if name[0] == "os":
            self.see_os(module, mention, name[1:])
        elif name[:2] == KIT and len(name) > 2:
            self.see_kit(module, mention, name[2], name[3:])
        else:
            self.hand_on(name)

    def hand_on(self, name: Name) -> None:
        """It may be changed, or used, by whoever gets it."""
        if name[0] == "os":
            self.handed_on.add("os")
        elif name[:2] == KIT and len(name) > 2:
            self.handed_on.add(name[2])
            self.loose |= set(OF_MODULE.get(name[2], OTHERS.get((name[2], "handler"), ())))
        else:
            self.free = True

    def see_kit(self, module: Module, mention: Mention, part: str, rest: Name) -> None:
        if not rest:
            self.hand_on((*KIT, part))
        elif key := KEYS.get((part, rest[0])):
            if mention.how == CALLED and len(rest) == 1 and isinstance(mention.node, ast.Call):
                self.uses[key].append(_Use(module, mention, mention.node))
            else:
                self.loose.add(key)
        elif (part, rest[0]) in OTHERS:
            self.loose |= set(OTHERS[part, rest[0]])
        elif part in IDLE and rest[0] not in IDLE[part]:
            self.loose |= set(OF_MODULE[part])
        if rest and rest[0].startswith("_"):
            self.hand_on((*KIT, part))

    def see_os(self, module: Module, mention: Mention, rest: Name) -> None:
        node = mention.node

        def read(key: ast.expr | None, where: ast.expr | None) -> None:
            """The variable is read, or it is no matter where it is not there."""
            name = self.code.text(module, mention.scope, key)
            if name is None:
                self.loose |= set(KEYS.values())
            elif where is None:
                self.given.add(name)
            elif id(where) not in module.handled:
                self.reads.append((name, module, where))

        match rest, mention.how, node:
            case ("environ",), scopes.INDEXED, ast.Subscript(slice=key, ctx=ctx):
                if isinstance(ctx, ast.Load):
                    read(key, node)
                elif self.code.text(module, mention.scope, key) is None:
                    self.handed_on.add("os")
                else:
                    read(key, None)
            case ("environ",), scopes.SEARCHED, ast.Compare(left=key):
                read(key, None)
            case ("environ", "get") | ("getenv",), scopes.CALLED, ast.Call(args=[key], keywords=[]):
                read(key, node)
            case ("environ", "get") | ("getenv",), scopes.CALLED, ast.Call(args=[ast.expr() as key, *_]):
                # With a default it is no matter.
                if self.code.text(module, mention.scope, key) is None:
                    self.loose |= set(KEYS.values())
            case ("environ", "setdefault" | "pop"), scopes.CALLED, ast.Call(args=[key, *_]) if (
                self.code.text(module, mention.scope, key) is not None
            ):
                read(key, None)
            case ((("environ", *_) | ("getenv" | "putenv" | "environb" | "unsetenv" | "getenvb", *_) | ()), _, _):
                self.handed_on.add("os")

    # What it answers.

    def compare_handler(self) -> None:
        found = self.handler()
        if found is None:
            return
        module, use, part = found
        shape = self.service.shape
        answers = shape in ANSWERING
        if answers != (part == "http"):
            does = "answers requests" if part == "http" else "works on messages"
            right = "http.handler({...})" if answers else "messages.handler(work)"
            self.tell(
                module,
                use.call,
                f"the handler {does}, and {self.service.name} is {an(shape)} service: handler = {right}, or another "
                f"shape in {path_shown(self.service.file)}",
            )
            self.wrong.add("table")
        elif answers and "routes" not in self.known.broken and (answered := self.answered(module, use)) is not None:
            self.compare_routes(module, use, answered)

    def handler(self) -> tuple[Module, _Use, str] | None:
        """What the handler is made by, when it is made by the kit: the module, the call, and the part of the kit."""
        start = self.code.modules[HANDLER]
        module, node = self.code.value(start, start.scope, ast.Name(HANDLER, ast.Load()))
        if not isinstance(node, ast.Call):
            return None
        mention = Mention(module.scope, scopes.dotted(node.func), CALLED, node)
        name = self.code.meaning(mention)[0] if mention.name else None
        if name not in ((*KIT, "http", "handler"), (*KIT, "messages", "handler")) or name[2] in self.handed_on:
            return None
        return module, _Use(module, mention, node), name[2]

    def answered(self, module: Module, use: _Use) -> dict[str, ast.expr] | None:
        """The routes that are answered, and where; None when that cannot be told."""
        given = use.argument(0, "routes")
        if isinstance(given, ast.Name) and self.is_only_here(given.id):
            given = self.code.value(module, module.scope, given)[1]
        if not isinstance(given, ast.Dict):
            return None
        routes: dict[str, ast.expr] = {}
        for key in given.keys:
            if key is None or (route := self.code.text(module, module.scope, key)) is None:
                return None
            routes[route] = key
        return routes

    def is_only_here(self, name: str) -> bool:
        """Whether nothing else is done with what has this name, in any module, so that it is as it was written."""
        loads = 0
        for module in self.code.modules.values():
            for node in ast.walk(module.tree):
                match node:
                    case ast.Name(id=one, ctx=ast.Load()) if one == name:
                        loads += 1
                    case ast.Attribute(attr=one) | ast.alias(name=one) if one == name:
                        return False
        return loads == 1

    def compare_routes(self, module: Module, use: _Use, answered: Mapping[str, ast.expr]) -> None:
        declared = self.service.routes
        alike = {route_key(route): route for route in declared if route not in answered}
        for route, node in answered.items():
            if route in declared:
                continue
            if other := alike.pop(route_key(route), None):
                place = self.service.place(f"routes.{other}")
                self.tell(
                    module,
                    node,
                    f"answers {shown(route)}, which is {other} in {path_shown(place.file)}:{place.line}, where what is "
                    "in a path has its names from: call them the same",
                )
                continue
            near = self.problems.guess(route, declared)
            self.tell(
                module,
                node,
                f"answers {shown(route)}, which is none of the routes of {self.service.name}{near}: add it to routes "
                f"in {path_shown(self.service.file)}, or take it out",
            )
        for route in alike.values():
            self.tell_declared(
                f"routes.{route}",
                f"routes has {route}, which the handler ({path_shown(module.file)}:{use.call.lineno}) does not answer: "
                "add it there, or take it out",
            )

    # What it uses.

    def compare_uses(self, key: str) -> None:
        module = "client" if key == "calls" else "publishing"
        if module in self.handed_on or key in self.known.broken:
            return
        declared = {_place(key, name): name for name in getattr(self.service, key)}
        told: set[object] = set()
        for use in self.uses[key]:
            word = {"calls": "", "publishes": "event"}.get(key, "service")
            what = self.code.text(use.module, use.mention.scope, use.argument(0, word))
            if what is None:
                self.loose.add(key)
                continue
            name = declared.get(_place(key, what))
            if key == "calls":
                route = self.code.text(use.module, use.mention.scope, use.argument(1))
                if route is None:
                    self.loose.add(f"calls.{name}")
                else:
                    self.compare_values(use, what, route)
                if name is not None and route is not None:
                    self.compare_route(use, name, route, told)
            if name is None and what not in told and not self.is_set(key, what):
                told.add(what)
                self.wrong.add(key)
                self.tell(use.module, use.call, self.undeclared(key, what, use))

    def is_set(self, key: str, what: str) -> bool:
        """Whether the code sets, or may set, the variable that says where this is."""
        if key == "publishes":
            return False
        return "os" in self.handed_on or any(discovery.variable(what, one) in self.given for one in ENDINGS[key])

    def undeclared(self, key: str, what: str, use: _Use) -> str:
        said = getattr(self.service, key)
        near = self.problems.guess(what, said)
        file = path_shown(self.service.file)
        if key == "publishes":
            has = f"publishes {some(said)}" if said else "publishes nothing"
            return f"publishes {shown(what)}, and {file} {has}{near}: write publishes: [{what}] there, or correct it"
        route = self.code.text(use.module, use.mention.scope, use.argument(1)) if key == "calls" else None
        does, write = {
            "calls": ("calls", f"calls: {{{what}: [{shown(route or 'GET /...')}]}}"),
            "sends": ("sends to", f"sends: [{what}]"),
            "puts": ("puts into", f"puts: [{what}]"),
        }[key]
        has = f"{key} {'has' if said else 'is'} {some(said) or 'not there'}"
        return f"{does} {shown(what)}, and in {file} {has}{near}: write {write} there, or correct it"

    def compare_route(self, use: _Use, name: str, route: str, told: set[object]) -> None:
        declared = self.service.calls[name]
        if any(_may_be(route, one) for one in declared) or (name, route) in told:
            return
        told.add((name, route))
        self.wrong.add(f"calls.{name}")
        near = self.problems.guess(route, declared)
        self.tell(
            use.module,
            use.call,
            f"calls {shown(route)} of {name}, of which {path_shown(self.service.file)} has {some(declared)}{near}: add "
            "it there, or correct it",
        )

    def compare_values(self, use: _Use, name: str, route: str) -> None:
        """Whether what is in the path is given, as the kit wants it."""
        words = [one.arg for one in use.call.keywords]
        values = {word.removesuffix("_") for word in words if word is not None and word not in OPTIONS}
        wanted = list(dict.fromkeys(_VARIABLE.findall(route.partition(" ")[2])))
        for one in wanted:
            if one not in values and None not in words:
                give = f"{one}_" if one in OPTIONS else one
                self.tell(
                    use.module, use.call, f"calls {shown(route)} of {name} without its {one}: give it, {give}=..."
                )
        for one in sorted(values - set(wanted)):
            self.tell(
                use.module,
                use.call,
                f"calls {shown(route)} of {name} with {one}, which is not in its path: give it in query= or body=, or "
                "take it out",
            )

    def compare_table(self) -> None:
        if self.service.has_table or "table" in self.known.broken | self.wrong:
            return
        if not {"table", "os"}.isdisjoint(self.handed_on) or TABLE in self.given:
            return
        for use in self.uses["table"][:1]:
            file = path_shown(self.service.file)
            has = f"{file} has no table: write table: true there"
            if self.service.shape == INSTANCES:
                has = f"{self.service.name} is an instances service, which has a database in its place: use "
                has += f"database.transaction(), or another shape in {file}"
            self.tell(use.module, use.call, f"uses table.items(), and {has}")

    def compare_brought(self, key: str) -> None:
        """What only one shape has is used by services of that shape."""
        shape = BROUGHT[key]
        if self.service.shape == shape or not {key, "os"}.isdisjoint(self.handed_on):
            return
        if not self.given.isdisjoint(VARIABLES[shape]):
            return
        for use in self.uses[key][:1]:
            self.wrong.add(key)
            called = f"{key}.{use.mention.name[-1]}()"
            self.tell(
                use.module,
                use.call,
                f"uses {called}, and {self.service.name} is {an(self.service.shape)} service, which has no {key}: take "
                f"it out, or write shape: {shape} in {path_shown(self.service.file)}",
            )

    # Its variables.

    def compare_variables(self) -> None:
        if "os" in self.handed_on:
            return
        told = set(self.variables()) | self.given
        for name, module, node in self.reads:
            if name in told or OF_LAMBDA.fullmatch(name) or (self.known.broken and name.endswith(PLACES)):
                continue
            told.add(name)
            self.tell(module, node, f"reads the variable {shown(name)}, {self.instead(name)}")

    def variables(self) -> Iterator[str]:
        """What the template gives the function, or may give it."""
        service = self.service
        works = service.shape not in ANSWERING
        yield "SERVICE"
        if works:
            yield "ATTEMPTS"
        if service.shape == STREAM:
            yield "FAILURES_QUEUE"
        if works or service.sends or service.puts or service.publishes:
            yield "BUS"
        if service.has_table:
            yield TABLE
        yield from VARIABLES.get(service.shape, ())
        if service.shape in SERVERS:
            yield from OF_SERVERS
        if service.publishes:
            yield TOPIC
        for key, endings in ENDINGS.items():
            yield from (discovery.variable(name, one) for name in getattr(service, key) for one in endings)

    def instead(self, name: str) -> str:
        file = path_shown(self.service.file)
        if name == TABLE:
            return f"and {file} has no table: write table: true there"
        if name == TOPIC:
            return f"and {file} publishes nothing: write publishes: [an event] there"
        for shape, names in VARIABLES.items():
            if name in names:
                return f"which only services of the shape {shape} are given: write that in {file}, or leave it out"
        ending = name.rpartition("_")[2]
        shapes, write = _BY_SHAPE.get(ending, ((), ""))
        for known in self.services.values():
            if known.service.behind and ending == "URL":
                continue
            if known.service.shape in shapes and discovery.variable(known.service.name, ending) == name:
                return f"and {file} does not say that it uses {known.service.name}: write " + write.format(
                    known.service.name
                )
        return (
            "which it is not given: a service has no variables of its own, only what its declaration brings, such as "
            "STOCK_URL for calls: {stock: [...]}; write the value into the code"
        )

    # What is declared, and not used.

    def compare_declared(self) -> None:
        for key in ("calls", "sends", "puts", "publishes"):
            if key not in self.loose | self.wrong | self.known.broken:
                self.compare_named(key)
        unsure = self.loose | self.wrong | self.known.broken
        if "table" not in unsure and self.service.shape in ANSWERING and not self.uses["table"]:
            if self.service.table and not self.is_mentioned([TABLE]):
                self.tell_declared("table", "table is true, and the code has no table.items(): use it, or take it out")
            elif self.service.shape == CACHED and not self.is_mentioned([TABLE]):
                self.tell_declared(
                    "shape",
                    f"shape is {CACHED}, with a table, and the code has no table.items(): use it, or write "
                    "another shape",
                )
        for key, shape in BROUGHT.items():
            if self.service.shape != shape or key in unsure or self.uses[key] or self.mentions(VARIABLES[shape]):
                continue
            self.tell_declared(
                "shape", f"shape is {shape}, and the code has no {CALLS[key]}: use it, or write another shape"
            )

    def compare_named(self, key: str) -> None:
        used: dict[str, list[str]] = {}
        for use in self.uses[key]:
            word = {"publishes": "event"}.get(key, "service")
            what = self.code.text(use.module, use.mention.scope, use.argument(0, word))
            route = self.code.text(use.module, use.mention.scope, use.argument(1)) if key == "calls" else None
            used.setdefault(_place(key, what or ""), []).append(route or "")
        for name in getattr(self.service, key):
            variables = [TOPIC] if key == "publishes" else [discovery.variable(name, one) for one in ENDINGS[key]]
            if self.is_mentioned(variables):
                continue
            if _place(key, name) not in used:
                verb = {"calls": "calls", "sends": "sends to", "puts": "puts into", "publishes": "publishes"}[key]
                self.tell_declared(
                    f"{key}.{name}", f"{key} has {name}, and the code {verb} it nowhere: do so, or take it out"
                )
            elif key == "calls" and not {f"calls.{name}"} & (self.loose | self.wrong):
                for route in self.service.calls[name]:
                    if not any(_may_be(one, route) for one in used[_place(key, name)]):
                        self.tell_declared(
                            f"calls.{name}.{route}",
                            f"calls.{name} has {route}, and the code calls it nowhere: do so, or take it out",
                        )

    def mentions(self, variables: Iterable[str]) -> bool:
        """Whether a text in the code is one of these variables."""
        texts = {text for module in self.code.modules.values() for text in module.texts}
        return not texts.isdisjoint(variables)

    def is_mentioned(self, variables: Iterable[str]) -> bool:
        """Whether a text in the code is one of these variables, or the end of one."""
        texts = [text.upper() for module in self.code.modules.values() for text in module.texts]
        ends = [text for text in texts if text.endswith(PLACES)]
        return any(variable.endswith(text) for variable in variables for text in ends)


def _place(key: str, name: str) -> str:
    """What makes a name the same as another: `stock` and `STOCK` are told by one variable."""
    return name if key == "publishes" else discovery.variable(name, "")


def _may_be(route: str, declared: str) -> bool:
    """Whether a call of this route, with some values, is one of that."""
    verb, _, path = route.partition(" ")
    its_verb, _, its_path = declared.partition(" ")
    parts = [part for part in path.partition("?")[0].split("/") if part]
    its_parts = its_path.split("/")[1:]
    return verb == its_verb and len(parts) == len(its_parts) and all(map(_may_be_part, parts, its_parts))


def _may_be_part(part: str, declared: str) -> bool:
    if declared.startswith("{") or "%" in part:
        return True
    pattern = "".join(".+" if n % 2 else re.escape(piece) for n, piece in enumerate(_VARIABLE.split(part)))
    return re.fullmatch(pattern, declared) is not None
