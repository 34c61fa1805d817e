"""The text of one declaration as values, and all that is wrong with it, each with its line.

    bytes ──PyYAML──▶ nodes ──keys──▶ values

What is written is what counts: to YAML `no` is false and `1.10` is a number, here they are these texts, unless a key
wants a number, or true or false. Nothing may stand for something else (no `*`, no `<<`), so that no text grows.
"""

from __future__ import annotations

import contextlib
import difflib
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from ..errors import UserError
from .declaration import (
    ANSWERING,
    BUCKET,
    CACHED,
    CONTAINER,
    EVENT,
    FRONT,
    HTTP,
    IN_NETWORK,
    INSTANCES,
    NAME,
    NETWORKS,
    OWNER,
    QUEUE,
    ROUTE,
    SERVERS,
    SHAPES,
    SHIFTS,
    STATUS,
    SYSTEM_NAME,
    TOPIC,
    VERSION,
    an,
)

LARGEST = 65_536
"""Bytes of a declaration; an ordinary one has a few hundred."""
LONGEST = 200
"""Characters of a description, which also describes the stack. It may have 1,024 bytes.
https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/template-description-structure.html"""
MOST_ROUTES = 100
"""Each makes three resources or more, and a stack has at most 500.
https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html"""
LONGEST_IMAGE = 255
LONGEST_ITEM = 100
"""Characters of a route, a name, an event: the rights of a role name them, and have a limit together."""
MOST_EVENTS = 100
"""A filter policy names at most 150. https://docs.aws.amazon.com/sns/latest/dg/subscription-filter-policy-constraints.html
"""
TIMEOUTS = {HTTP: 28, CACHED: 28}
"""In seconds, by the shape; Lambda's own limit for the others. API Gateway waits for 29.
https://docs.aws.amazon.com/apigateway/latest/developerguide/limits.html"""
LONGEST_TIMEOUT = 900
LEAST_CONCURRENCY = {QUEUE: 2, TOPIC: 2}
"""By the shape; 1 for the others. https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-scaling.html"""
MOST_CONCURRENCY = 1000
PORTS = (1024, 65535)
"""What a process that is not root may listen at."""
STAGE = "v1"
"""With what the paths begin that API Gateway asks servers for, as `blocks.service_api` names its stages."""

HOST = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
# A prefix is part of IAM's patterns and of EventBridge's: none of their signs may be in it.
PREFIX = re.compile(r"([A-Za-z0-9._-]{1,100}/){1,5}")
# The values of tags. https://docs.aws.amazon.com/tag-editor/latest/userguide/tagging.html
TAG = re.compile(r"[\w .:/=+@-]{1,256}")
# No name in Parameter Store may begin so.
# https://docs.aws.amazon.com/systems-manager/latest/userguide/sysman-paramstore-su-create.html
NOT_IN_PARAMETER_STORE = ("aws", "ssm")
VARIABLE = re.compile(r"\{[^}]*\}")
HEALTH = re.compile(r"(/[A-Za-z0-9_-][A-Za-z0-9._-]*){1,10}")
# A repository's URI: a registry, which has a dot in its name, and a name, of parts.
# https://github.com/opencontainers/distribution-spec/blob/main/spec.md#pulling-manifests
REGISTRY = re.compile(r"([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(:[0-9]{1,5})?")
REPOSITORY = re.compile(r"[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*(/[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*)*")
TAGGED = re.compile(r":[^/:@]*$")

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_YAML = "tag:yaml.org,2002:"
_SCALARS = frozenset(f"{_YAML}{name}" for name in ("str", "int", "float", "bool", "null", "timestamp", "value"))
_NOT_PRINTABLE = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]")
_NUMBER = re.compile(r"0|-?[1-9][0-9]{0,17}")
_TRUE, _FALSE = ("true", "yes", "on"), ("false", "no", "off")
_NAMED = 8


@dataclass(frozen=True, order=True)
class Problem:
    """Something that is wrong at a place: `services/orders/service.yaml:3: ...`."""

    file: str
    line: int
    text: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.text}"


@dataclass
class Problems:
    """All that is wrong, as it is found; `guesses` counts what was meant perhaps, since looking for that takes time."""

    found: list[Problem] = field(default_factory=list)
    guesses: int = 0

    def tell(self, file: Path, line: int, text: str) -> None:
        self.found.append(Problem(path_shown(file), line, _obeyed_by_none(text)))

    def guess(self, value: str, known: Iterable[str]) -> str:
        """` (did you mean stock?)`, when there is something like it. Of very many, only the first are looked for."""
        self.guesses += 1
        near = difflib.get_close_matches(value, known, 1) if self.guesses <= 50 else []
        return f" (did you mean {near[0]}?)" if near else ""

    def stop(self, folder: Path) -> None:
        """Raise all of them as one `UserError`, by file and line; nothing when there are none."""
        lines = [str(problem) for problem in sorted(set(self.found))]
        if len(lines) == 1:
            raise UserError(lines[0])
        if lines:
            raise UserError("\n".join([f"{path_shown(folder)} has {len(lines)} problems", *lines]))


@dataclass
class Declaration:
    """What a file says: `values` by its keys, with what is usable only, `lines` as `Service.lines`.

    `broken` are the keys whose values are not all there; `whole` is False when the file could not be read at all.
    """

    values: dict[str, Any] = field(default_factory=dict)
    lines: dict[str, int] = field(default_factory=dict)
    broken: set[str] = field(default_factory=set)
    whole: bool = True


def shown(value: str, longest: int = 80) -> str:
    """A piece of somebody's text in quotes: one line, not long."""
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= longest else f'{text[: longest - 4]}..."'


def path_shown(path: Path) -> str:
    """A path as it may stand in a line: from the current directory, when it is below that."""
    with contextlib.suppress(ValueError, OSError):  # it is elsewhere, or relative already
        path = path.relative_to(Path.cwd())
    return _obeyed_by_none(str(path))


def _obeyed_by_none(text: str) -> str:
    """The text in one line, without anything that a terminal would obey."""
    return "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in text)


def some(names: Iterable[str]) -> str:
    """The names in a line; of very many the first."""
    known = list(names)
    more = f" and {len(known) - _NAMED} more" if len(known) > _NAMED else ""
    return ", ".join(known[:_NAMED]) + more


def route_key(route: str) -> str:
    """The route whatever its variables are called: `GET /stock/{}`."""
    return VARIABLE.sub("{}", route)


def is_system_name(text: str) -> bool:
    """Whether a system may be called so, but for what Parameter Store does not take."""
    return len(text) >= 2 and SYSTEM_NAME.fullmatch(text) is not None


def is_owner(text: str) -> bool:
    """Whether this is an e-mail address or a team. The length first: OWNER looks for dots again and again."""
    return TAG.fullmatch(text) is not None and OWNER.fullmatch(text) is not None


def listed(names: Sequence[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    return " and ".join([*([", ".join(names[:-1])] if len(names) > 1 else []), names[-1]])


def platform(data: bytes, file: Path, problems: Problems) -> Declaration:
    """What a `platform.yaml` says."""
    reading = _Reading(file, problems)
    return reading.read(data, _PLATFORM_KEYS, "a platform")


def service(data: bytes, file: Path, problems: Problems) -> Declaration:
    """What a `service.yaml` says."""
    reading = _Reading(file, problems)
    return reading.read(data, _SERVICE_KEYS, "a service")


@dataclass(frozen=True)
class _Key:
    """A key of a declaration: how its value is read, which shapes have it, and which of them must.

    `hint` is told where it does not belong, `hints` in its place to some shapes.
    """

    read: Callable[[_Reading, Any], Any]
    shapes: tuple[str, ...] = SHAPES
    required: tuple[str, ...] = ()
    hint: str = "take it out"
    hints: Mapping[str, str] = field(default_factory=dict)


class _Wrong(Exception):
    """A value of no use at all; a line says why."""

    def __init__(self, node: Any, text: str) -> None:
        super().__init__(text)
        self.node = node


class _Reading:
    """Reads one file. What is wrong goes to `problems`, and reading goes on."""

    def __init__(self, file: Path, problems: Problems) -> None:
        self.file = file
        self.problems = problems
        self.made = Declaration()
        self.key = ""
        self.shape = ""
        self.seen: set[int] = set()

    def tell(self, line: int, text: str) -> None:
        self.problems.tell(self.file, line, text)
        self.made.broken.add(self.key)

    def read(self, data: bytes, keys: Mapping[str, _Key], what: str) -> Declaration:
        root = self.root(data, what)
        self.made.whole = root is not None
        if root is None:
            return self.made
        nodes = dict(self.pairs(root, what))
        # The shape first: it says what the other keys may be.
        for key in ("shape", *(key for key in nodes if key != "shape")):
            if key not in nodes:
                continue
            if key in keys:
                self.value(key, keys[key], nodes[key])
            else:
                self.unknown(key, keys, what)
        for key, known in keys.items():
            if key not in nodes and (known.required == SHAPES or self.shape in known.required):
                self.key = key
                of = what if known.required == SHAPES else f"{an(self.shape)} service"
                self.tell(1, f"{key} is missing: {of} has one; {_EXAMPLES[key]}")
        return self.made

    def value(self, key: str, known: _Key, node: Any) -> None:
        self.key = key
        if self.shape and self.shape not in known.shapes:
            only = f"only {listed(known.shapes)} services have it"
            hint = known.hints.get(self.shape, known.hint)
            self.tell(self.made.lines[key], f"{key} does not belong to {an(self.shape)} service: {only}; {hint}")
            return
        try:
            self.made.values[key] = known.read(self, node)
        except _Wrong as error:
            self.tell(_line(error.node), str(error))

    def unknown(self, key: str, keys: Mapping[str, _Key], what: str) -> None:
        allowed = [name for name, one in keys.items() if not self.shape or self.shape in one.shapes]
        near = self.problems.guess(key, allowed)
        of = f"{an(self.shape)} service" if self.shape else what
        self.key = ""
        self.tell(
            self.made.lines[key],
            f"{shown(key)} is no key of {of}{near}: it has {', '.join(allowed)}; correct it, or take it out",
        )

    # From bytes to nodes.

    def root(self, data: bytes, what: str) -> Any:
        """The mapping that the file is; None when it is none."""
        text = self.text_of(data, what)
        if text is None:
            return None
        example = "such as `name: shop`" if what == "a platform" else "such as `shape: http`"
        try:
            loader = _LOADER(text)
            try:
                node = loader.get_single_node()
            finally:
                loader.dispose()
        except yaml.MarkedYAMLError as error:
            self.no_yaml(error, text)
            return None
        except (yaml.YAMLError, ValueError, RecursionError, MemoryError) as error:
            self.tell(1, f"is no YAML: {shown(str(error).partition(chr(10))[0])}")
            return None
        if node is None:
            self.tell(1, f"is empty: {what} says at least {example}")
            return None
        if not isinstance(node, yaml.MappingNode) or node.tag != f"{_YAML}map":
            self.tell(_line(node), f"is {_kind(node)}: {what} is declared by lines of a key and a value, {example}")
            return None
        return self.new(node)

    def text_of(self, data: bytes, what: str) -> str | None:
        if len(data) > LARGEST:
            self.tell(1, f"has more than {LARGEST:,} bytes: {what} is declared in a few lines; is it the right file?")
            return None
        if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
            self.tell(1, "is UTF-16: save it as UTF-8")
            return None
        try:
            text = data.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            line = data.count(b"\n", 0, error.start) + 1
            self.tell(line, f"is not UTF-8 (byte 0x{data[error.start]:02x}): save it as UTF-8")
            return None
        if strange := _NOT_PRINTABLE.search(text):
            line = text.count("\n", 0, strange.start()) + 1
            self.tell(line, f"holds the character U+{ord(strange[0]):04X}, which YAML does not take: remove it")
            return None
        return text

    def no_yaml(self, error: Any, text: str) -> None:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 1
        if "expected a single document" in str(error.context):
            self.tell(line, "begins a second document (---): a declaration is one; remove it, or make a file of it")
            return
        lines = re.split("\r\n|[\n\r\x85\u2028\u2029]", text)
        if line <= len(lines) and "\t" in lines[line - 1][: mark.column + 1 if mark else 0]:
            self.tell(line, "has a tab where YAML takes spaces only: put spaces in its place")
            return
        why = " ".join(str(part) for part in (error.context, error.problem) if part)
        self.tell(line, f"is no YAML: {why or 'it breaks off'}; look for a bracket, a quote or a space before this")

    # Nodes.

    def new(self, node: Any) -> Any:
        """The node, which was not used before: whatever stands for something else is refused."""
        if id(node) in self.seen:
            raise _Wrong(node, f"{self.key}: what is here is used again by an alias (*): write it out where it is used")
        self.seen.add(id(node))
        return node

    def pairs(self, node: Any, what: str, under: str = "") -> Iterator[tuple[str, Any]]:
        """The keys of a mapping, which are texts and differ, with their values. Notes their lines."""
        known: dict[str, int] = {}
        for key_node, value in node.value:
            line = _line(key_node)
            if not isinstance(key_node, yaml.ScalarNode) or not isinstance(key_node.value, str):
                self.tell(line, f"has {_kind(key_node)} for a key, which is a text")
                continue
            key = key_node.value
            if key_node.tag == f"{_YAML}merge":
                self.tell(line, f"merges (<<) something into {what}: write it out")
                continue
            if key in known:
                self.made.broken.add(key)
                self.tell(line, f"{shown(key)} is here a second time, the first is in line {known[key]}: remove one")
                continue
            known[key] = line
            self.made.lines[f"{under}{key}"] = line
            yield key, value

    def scalar(self, node: Any, wanted: str) -> str:
        """The text of a value as it is written."""
        self.new(node)
        if not isinstance(node, yaml.ScalarNode):
            raise _Wrong(node, f"{self.key} is {_kind(node)}, and it wants {wanted}")
        if node.tag not in _SCALARS:
            raise _Wrong(node, f"{self.key} has the tag {shown(node.tag)}: leave tags out, and write {wanted}")
        if node.tag == f"{_YAML}null" or not node.value.strip():
            raise _Wrong(node, f"{self.key} is empty, and it wants {wanted}")
        text: str = node.value
        return text

    def items(self, node: Any, wanted: str, pattern: re.Pattern[str], why: str, under: str = "") -> tuple[str, ...]:
        """A list of different texts; what is no such text is told of, one by one."""
        self.new(node)
        under = under or self.key
        if not isinstance(node, yaml.SequenceNode):
            example = f"{self.key}: [{shown(node.value)}]" if isinstance(node, yaml.ScalarNode) and node.value else ""
            raise _Wrong(node, f"{under} is {_kind(node)}, and it wants a list of {wanted}" + _such_as(example))
        found: dict[str, int] = {}
        for one in node.value:
            try:
                text = self.scalar(one, f"a list of {wanted}")
            except _Wrong as error:
                self.tell(_line(error.node), str(error))
                continue
            if len(text) > LONGEST_ITEM:
                fit = f"and at most {LONGEST_ITEM} fit: {shown(text)}"
                self.tell(_line(one), f"{under} has a text of {len(text)} characters, {fit}")
            elif not pattern.fullmatch(text):
                self.tell(_line(one), f"{under} has {shown(text)}: {why}")
            elif text in found:
                self.tell(
                    _line(one), f"{under} has {text} a second time, the first is in line {found[text]}: remove one"
                )
            else:
                found[text] = self.made.lines[f"{under}.{text}"] = _line(one)
        return tuple(found)

    # What the keys hold.

    def shape_of(self, node: Any) -> str:
        allowed = f"one of {', '.join(SHAPES)}"
        text = self.scalar(node, allowed)
        if text not in SHAPES:
            raise _Wrong(node, f"shape is {shown(text)}{self.problems.guess(text, SHAPES)}: it is {allowed}")
        self.shape = text
        return text

    def network(self, node: Any) -> str:
        allowed = f"one of {', '.join(NETWORKS)}"
        text = self.scalar(node, allowed)
        if text not in NETWORKS:
            raise _Wrong(node, f"network is {shown(text)}{self.problems.guess(text, NETWORKS)}: it is {allowed}")
        return text

    def name(self, node: Any) -> str:
        wanted = "2 to 20 small letters, digits and -, a letter first, no - at the end"
        text = self.scalar(node, wanted)
        if not is_system_name(text):
            raise _Wrong(node, f"name is {shown(text)}: it is {wanted}, such as shop")
        if text.startswith(NOT_IN_PARAMETER_STORE):
            raise _Wrong(node, f"name is {text}: nothing in Parameter Store may begin with aws or ssm; take another")
        return text

    def owner(self, node: Any) -> str:
        text = self.scalar(node, "an e-mail address or the name of a team").strip()
        if not is_owner(text):
            raise _Wrong(
                node,
                f"owner is {shown(text)}: it is an e-mail address or the name of a team, of letters, digits, spaces "
                "and . _ / - at most 64 long",
            )
        return text

    def description(self, node: Any) -> str:
        text = " ".join(self.scalar(node, "a sentence").split())
        if len(text) > LONGEST:
            raise _Wrong(
                node,
                f"description has {len(text)} characters, and at most {LONGEST} fit: say in a sentence what the "
                "service does, and the rest in its README",
            )
        return text

    def version(self, node: Any) -> str:
        text = self.scalar(node, "a version such as 1.0.0")
        if not VERSION.fullmatch(text) or len(text) > 32:
            raise _Wrong(node, f"version is {shown(text)}: it is three numbers, such as 1.0.0")
        return text

    def flag(self, node: Any) -> bool:
        text = self.scalar(node, "true or false")
        if node.style or text.lower() not in (*_TRUE, *_FALSE):
            raise _Wrong(node, f"{self.key} is {shown(text)}: it is true or false, without quotes")
        return text.lower() in _TRUE

    def number(self, node: Any, least: int, most: int, what: str) -> int:
        text = self.scalar(node, f"a number from {least} to {most}")
        if node.style or not _NUMBER.fullmatch(text) or not least <= int(text) <= most:
            quotes = ", without quotes" if node.style else ""
            raise _Wrong(node, f"{self.key} is {shown(text)}: it is {what} from {least} to {most}{quotes}")
        return int(text)

    def timeout(self, node: Any) -> int:
        return self.number(node, 1, TIMEOUTS.get(self.shape, LONGEST_TIMEOUT), "a number of seconds")

    def concurrency(self, node: Any) -> int:
        return self.number(node, LEAST_CONCURRENCY.get(self.shape, 1), MOST_CONCURRENCY, "a number")

    def host(self, node: Any) -> str:
        wanted = "the first part of a name in DNS: small letters, digits and - inside, at most 63"
        text = self.scalar(node, wanted)
        if not HOST.fullmatch(text):
            raise _Wrong(node, f"host is {shown(text)}: it is {wanted}, such as orders")
        if text == STATUS:
            raise _Wrong(node, f"host is {STATUS}: that is where the platform says how requests go on; take another")
        return text

    def behind(self, node: Any) -> str:
        return self.scalar(node, "the name of a front")

    def shift(self, node: Any) -> str:
        allowed = f"one of {', '.join(SHIFTS)}"
        text = self.scalar(node, allowed)
        if text not in SHIFTS:
            raise _Wrong(node, f"shift is {shown(text)}{self.problems.guess(text, SHIFTS)}: it is {allowed}")
        return text

    def port(self, node: Any) -> int:
        return self.number(node, *PORTS, "a port")

    def health(self, node: Any) -> str:
        wanted = "a path without / at its end, of letters, digits and . _ -"
        text = self.scalar(node, wanted)
        if not HEALTH.fullmatch(text) or len(text) > LONGEST_ITEM:
            raise _Wrong(node, f"health is {shown(text)}: it is {wanted}, such as /health")
        if text.split("/")[1] == STAGE:
            raise _Wrong(
                node, f"health is {text}: paths that begin with /{STAGE} are those of routes; take another, /health"
            )
        return text

    def image(self, node: Any) -> str:
        wanted = "the URI of a repository, a registry and a name, such as public.ecr.aws/acme/stock"
        text = self.scalar(node, wanted)
        bare, at, _ = text.partition("@")
        for what, sign, name in (("digest", at, bare), ("tag", TAGGED.search(text), TAGGED.sub("", text))):
            if sign:
                raise _Wrong(
                    node,
                    f"image is {shown(text)}, with a {what}: which image runs is said by the parameter ImageTag of the "
                    f"stack; write {shown(name)}",
                )
        registry, slash, name = text.partition("/")
        if not slash or not REGISTRY.fullmatch(registry):
            raise _Wrong(node, f"image is {shown(text)}, which names no registry: it is {wanted}")
        if not REPOSITORY.fullmatch(name) or len(text) > LONGEST_IMAGE:
            raise _Wrong(node, f"image is {shown(text)}: it is {wanted}, in small letters")
        return text

    def prefix(self, node: Any) -> str:
        wanted = "names that end with /, of letters, digits and . _ -"
        text = self.scalar(node, wanted)
        if not PREFIX.fullmatch(text):
            raise _Wrong(node, f"prefix is {shown(text)}: it is one to five {wanted}, such as paid/")
        return text

    def names(self, node: Any) -> tuple[str, ...]:
        return self.items(node, "names of services", _ANY, "")

    def events(self, node: Any) -> tuple[str, ...]:
        found = self.items(node, "events", EVENT, _NO_EVENT)
        if len(found) > MOST_EVENTS:
            raise _Wrong(node, f"{self.key} has {len(found)} events, and at most {MOST_EVENTS} can be told apart")
        return found

    def mapping(self, node: Any, example: str) -> Iterator[tuple[str, Any]]:
        self.new(node)
        if not isinstance(node, yaml.MappingNode) or node.tag != f"{_YAML}map":
            raise _Wrong(
                node, f"{self.key} is {_kind(node)}, and it wants names of services, each with a list: {example}"
            )
        return self.pairs(node, self.key, f"{self.key}.")

    def lists(
        self, node: Any, example: str, wanted: str, pattern: re.Pattern[str], why: str
    ) -> dict[str, tuple[str, ...]]:
        """Names of services, each with a list that is not empty."""
        found: dict[str, tuple[str, ...]] = {}
        for name, inner in self.mapping(node, example):
            found[name] = ()
            if not NAME.fullmatch(name):
                continue  # there is no such service, which is told when all are known
            try:
                found[name] = self.items(inner, wanted, pattern, why, f"{self.key}.{name}")
            except _Wrong as error:
                self.tell(_line(error.node), str(error))
                continue
            if not inner.value:
                self.tell(_line(inner), f"{self.key}.{name} is empty: name {wanted} of {name}, or take it out")
        return found

    def subscribes(self, node: Any) -> dict[str, tuple[str, ...]]:
        found = self.lists(node, "subscribes: {orders: [order-placed]}", "events", EVENT, _NO_EVENT)
        if not found and self.key not in self.made.broken:
            raise _Wrong(
                node, "subscribes is empty: a topic service is told events; subscribes: {orders: [order-placed]}"
            )
        return found

    def calls(self, node: Any) -> dict[str, tuple[str, ...]]:
        found = self.lists(node, 'calls: {stock: ["GET /stock/{sku}"]}', "routes", ROUTE, _NO_ROUTE)
        for name, routes in found.items():
            self.apart(f"calls.{name}", routes)
        return found

    def routes(self, node: Any) -> tuple[str, ...]:
        found = self.items(node, "routes", ROUTE, _NO_ROUTE)
        if not node.value:
            raise _Wrong(node, f"routes is empty: {_EXAMPLES['routes']}")
        if len(found) > MOST_ROUTES:
            raise _Wrong(
                node,
                f"routes has {len(found)}, and at most {MOST_ROUTES} fit into a stack: make two services of it",
            )
        self.apart("routes", found)
        self.one_variable(found)
        return found

    def apart(self, key: str, routes: Sequence[str]) -> None:
        """The routes differ in more than the names of variables, and so do the names that a template gives them."""
        known: dict[str, str] = {}
        paths = {"": "/"}
        for route in routes:
            line = self.made.lines[f"{key}.{route}"]
            other = known.setdefault(route_key(route), route)
            variables = VARIABLE.findall(route)
            if other != route:
                self.tell(line, f"{key} has {route} and {other}: only their variables differ in name; remove one")
            elif len(set(variables)) < len(variables):
                self.tell(line, f"{key} has {route}, where two variables have one name: rename one")
            else:
                for path in _paths(route):
                    if (first := paths.setdefault(_title(path), path)) != path:
                        self.tell(
                            line,
                            f"{key} has {path} and {first}, which differ in signs or capitals only, and have one "
                            "name in a template: rename one",
                        )
                        break

    def one_variable(self, routes: Sequence[str]) -> None:
        """API Gateway takes one variable at a place of a path, whatever follows.

        https://github.com/amazon-archives/aws-apigateway-importer/issues/202
        """
        known: dict[str, str] = {}
        told = set()  # what differs in the names of variables only
        for route in routes:
            if (key := route_key(route)) in told:
                continue
            told.add(key)
            for path in _paths(route):
                if path.endswith("}") and (first := known.setdefault(route_key(path), path)) != path:
                    line = self.made.lines[f"routes.{route}"]
                    self.tell(line, f"routes has {path} and {first}: of a place in a path all variables have one name")
                    break


def _paths(route: str) -> Iterator[str]:
    """The path and those above it: `/stock`, `/stock/{sku}`."""
    parts = route.partition(" ")[2].split("/")
    return ("/".join(parts[:end]) for end in range(2, len(parts) + 1))


def _title(path: str) -> str:
    """What names of a template have of a path: `/order-lines` -> `OrderLines`."""
    return "".join(word.capitalize() for word in re.split(r"[^A-Za-z0-9]+", path) if word)


def _line(node: Any) -> int:
    line: int = node.start_mark.line + 1
    return line


def _kind(node: Any) -> str:
    if isinstance(node, yaml.MappingNode):
        return "a mapping" if node.tag == f"{_YAML}map" else f"tagged {shown(node.tag)}"
    if isinstance(node, yaml.SequenceNode):
        return "a list"
    return f"the text {shown(node.value)}" if node.value else "empty"


def _such_as(example: str) -> str:
    return f", such as {example}" if example else ""


_ANY = re.compile(".*", re.DOTALL)  # whether there is such a service is seen when all are known
_NO_EVENT = "an event is 1 to 64 small letters, digits and -, a letter first, such as order-placed"
_NO_ROUTE = (
    "a route is GET, HEAD, POST, PUT, PATCH or DELETE, a space, and a path without / at its end, such as "
    "GET /orders/{id}"
)
_EXAMPLES = {
    "shape": f"write one of {', '.join(SHAPES)}",
    "owner": "write who answers for it, an e-mail address or a team",
    "description": "write in a sentence what it does",
    "routes": 'write what it answers, such as routes: ["GET /orders/{id}"]',
    "subscribes": "write what it is told, and by whom, such as subscribes: {orders: [order-placed]}",
    "port": "write the port that its process listens at, such as port: 8080",
    "health": "write the path that it answers with 200 while it serves, such as health: /health",
    "name": "write what all of its stacks begin with, such as name: shop",
}
_WITH_CODE = tuple(shape for shape in SHAPES if shape != FRONT)
_FUNCTIONS = tuple(shape for shape in _WITH_CODE if shape not in SERVERS)
_NO_CODE = {FRONT: "the code, and what belongs to it, is that of the services behind it; take it out"}
_SERVICE_KEYS = {
    "shape": _Key(_Reading.shape_of, required=SHAPES),
    "owner": _Key(_Reading.owner, required=SHAPES),
    "description": _Key(_Reading.description, required=SHAPES),
    "version": _Key(_Reading.version),
    "host": _Key(_Reading.host, ANSWERING, hint="nobody calls it by a name; take it out"),
    "routes": _Key(_Reading.routes, ANSWERING, ANSWERING),
    "table": _Key(
        _Reading.flag,
        (HTTP, CONTAINER),
        hint="the others always have one; take it out",
        hints=_NO_CODE | {INSTANCES: "it has a database; take it out", CACHED: "it always has one; take it out"},
    ),
    "calls": _Key(_Reading.calls, _WITH_CODE, hints=_NO_CODE),
    "sends": _Key(_Reading.names, _WITH_CODE, hints=_NO_CODE),
    "puts": _Key(_Reading.names, _WITH_CODE, hints=_NO_CODE),
    "publishes": _Key(_Reading.events, _WITH_CODE, hints=_NO_CODE),
    "subscribes": _Key(_Reading.subscribes, (TOPIC,), (TOPIC,)),
    "fifo": _Key(_Reading.flag, (QUEUE,)),
    "prefix": _Key(_Reading.prefix, (BUCKET,)),
    "inside": _Key(
        _Reading.flag,
        tuple(shape for shape in SHAPES if shape not in IN_NETWORK),
        hint="it is inside of the network whatever it says; take it out",
    ),
    "private": _Key(_Reading.flag, ANSWERING, hint="write inside: true to put its function into the network"),
    "timeout": _Key(
        _Reading.timeout,
        _FUNCTIONS,
        hint="a request has the 29 seconds of API Gateway; take it out",
        hints=_NO_CODE,
    ),
    "concurrency": _Key(
        _Reading.concurrency,
        _FUNCTIONS,
        hint="how many servers there are is said by parameters of the stack; take it out",
        hints=_NO_CODE,
    ),
    "behind": _Key(_Reading.behind, tuple(shape for shape in ANSWERING if shape != FRONT)),
    "shift": _Key(_Reading.shift, (HTTP, CACHED), hint="its code is no function that is called; take it out"),
    "port": _Key(_Reading.port, SERVERS, SERVERS, hint="it has no process that listens; take it out"),
    "health": _Key(_Reading.health, SERVERS, SERVERS, hint="it has no process that listens; take it out"),
    "image": _Key(_Reading.image, (CONTAINER,)),
}
_PLATFORM_KEYS = {
    "name": _Key(_Reading.name, required=SHAPES),
    "owner": _Key(_Reading.owner, required=SHAPES),
    "network": _Key(_Reading.network),
    "version": _Key(_Reading.version),
}
