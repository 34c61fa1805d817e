"""The text of a template as plain values: JSON, or YAML with short intrinsic functions, which become long ones.

    bytes ──text_of──▶ text ──JSON or YAML──▶ plain values, every function in one form

What CloudFormation would take two ways is not guessed: a key that is there twice, a second document, bytes that are no
UTF-8. What YAML would change on the way is left as it is written: dates, `0644`, `22:22` and `5.10` stay text. Nothing
here recurses as deep as the text does, and nothing grows by more than the text is long.
https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/template-formats.html
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from typing import Any, NoReturn

from ..errors import UserError

LIMIT = 1_048_576
"""Bytes of a template, as far as CloudFormation takes them from S3.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html
"""
DEEPEST = 100
"""Values inside each other. The deepest of 849 public templates (tests/diff/survey.md) has 21."""

_LONGEST = 80
_SHORT = re.compile(r"!(?:Fn::)?([A-Z][A-Za-z0-9]*)")
_BARE = ("Ref", "Condition")  # written without `Fn::`
_INTEGER = re.compile(r"-?(?:0|[1-9][0-9]*)")
_FLOAT = re.compile(r"-?[0-9]+\.[0-9]+(?:[eE][-+]?[0-9]+)?|-?[0-9]+[eE][-+]?[0-9]+")
_CONSTANTS = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE", "yes", "Yes", "YES", "on", "On", "ON"), True),
    **dict.fromkeys(("false", "False", "FALSE", "no", "No", "NO", "off", "Off", "OFF"), False),
}
_PIECE = re.compile(r'"(?:[^"\\\n]|\\.)*"|[{}\[\],:]|\n')
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")
_MARKUP = re.compile(r"<[!?A-Za-z]")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


class _Twice(Exception):
    """A key of a JSON object that is there twice; where, is looked for afterwards."""


def shown(value: object, longest: int = _LONGEST) -> str:
    """A piece of somebody's text as it may stand in our own line: no line ends, no control characters, not long."""
    text = json.dumps(str(value), ensure_ascii=False)[1:-1].replace('\\"', '"').replace("\\\\", "\\")
    text = "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in text)
    return text if len(text) <= longest else f"{text[: longest - 3]}..."


def parse(data: bytes, name: str) -> Any:
    """The values in the bytes of a template. `name` says in errors where they are from.

    Raises `UserError` when they are neither JSON nor YAML, or could be read in two ways.
    """
    text = text_of(data, name)
    # As CloudFormation does: what begins with a brace is JSON, and nothing else.
    return _json(text, name) if text.lstrip()[:1] in ("{", "[") else _yaml(text, name)


def text_of(data: bytes, name: str) -> str:
    """The text of a template's bytes. Raises `UserError` for what is no text, is empty, or is a web page."""
    if len(data) > LIMIT:
        raise UserError(
            f"{name} has more than {LIMIT:,} bytes, and CloudFormation takes no longer template: is it the right file?"
        )
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        raise UserError(f"{name} is UTF-16, and CloudFormation reads UTF-8: save it as UTF-8")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UserError(
            f"{name} is no text in UTF-8 (byte 0x{data[error.start]:02x} at {error.start:,}): is it a template at all?"
        ) from None
    if control := _CONTROL.search(text):
        raise UserError(
            f"{name} is no text: it holds the control character U+{ord(control[0]):04X} in line "
            f"{text.count(chr(10), 0, control.start()) + 1}; is it a template at all?"
        )
    if not text.strip():
        raise UserError(f"{name} is empty: a template has at least Resources")
    if _MARKUP.match(text.lstrip()):
        raise UserError(f"{name} is a web page or XML, not a template: give the address of the file itself (`raw`)")
    return text


def _json(text: str, name: str) -> Any:
    try:
        value = json.loads(
            text, object_pairs_hook=_object, parse_int=_number, parse_float=_number, parse_constant=_no_number
        )
    except _Twice as error:
        _twice(name, str(error), next((line for key, line in _keys_twice(text) if key == str(error)), 0))
    except RecursionError:
        _too_deep(name)
    except json.JSONDecodeError as error:
        raise UserError(f"{name} is no JSON: line {error.lineno}, column {error.colno}: {error.msg}") from None
    except ValueError as error:
        raise UserError(f"{name} is no JSON: {shown(error)}") from None
    if _is_deep(value):
        _too_deep(name)
    if _SURROGATE.search(text) and not _is_text(value):
        raise UserError(f"{name} is no text: it holds half a character (\\ud800 to \\udfff) that is no character")
    return value


def _is_deep(value: Any) -> bool:
    level = [value]
    for _ in range(DEEPEST):
        level = [
            inner
            for one in level
            for inner in (one.values() if isinstance(one, dict) else one if isinstance(one, list) else ())
            if isinstance(inner, dict | list)
        ]
        if not level:
            return False
    return True


def _is_text(value: Any) -> bool:
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return False
    return True


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) < len(pairs):
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                raise _Twice(key)
            seen.add(key)
    return _one_form(value)


def _no_number(text: str) -> NoReturn:
    raise ValueError(f"{text} is no number")


def _keys_twice(text: str) -> Iterator[tuple[str, int]]:
    """The keys of JSON objects that are there twice, each with the line of the second."""
    line = 1
    inside: list[set[str] | None] = []  # the keys of each object around; None for a list
    last = ""
    for piece in _PIECE.findall(text):
        match piece:
            case "\n":
                line += 1
            case "{" | "[":
                inside.append(set() if piece == "{" else None)
            case "}" | "]":
                inside.pop()
            case ":" if inside and (keys := inside[-1]) is not None:
                key = json.loads(last)
                if key in keys:
                    yield key, line
                keys.add(key)
            case _:
                last = piece


def _one_form(value: dict[str, Any]) -> dict[str, Any]:
    """`Fn::GetAtt: A.B` as `[A, B]`; all other functions have one long form only."""
    if len(value) == 1 and isinstance(attribute := value.get("Fn::GetAtt"), str) and "." in attribute:
        return {"Fn::GetAtt": attribute.split(".", 1)}
    return value


def _number(text: str) -> int | float | str:
    """A number that says as much as its text does; else the text: `5.10` is a version and not `5.1`."""
    if len(text) <= 25:
        if _INTEGER.fullmatch(text):
            return int(text)
        if _FLOAT.fullmatch(text):
            number = float(text)
            if math.isfinite(number) and repr(number) == text:
                return number
    return text


def _too_deep(name: str) -> NoReturn:
    raise UserError(f"{name} has brackets or lists more than {DEEPEST} deep inside each other: that is no template")


def _twice(name: str, key: str, line: int) -> NoReturn:
    raise UserError(
        f"{name} has the key {shown(key)!r} twice in the same place, the second time in line {line}: "
        "only one can be meant"
    )


def _yaml(text: str, name: str) -> Any:
    # Imported here: JSON does without it.
    import yaml

    loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        return _Builder(name).build(yaml.parse(text, Loader=loader))
    except yaml.MarkedYAMLError as error:
        if "nesting depth" in str(error.problem):  # the parser's own limit; it looks ahead of what it gives
            _too_deep(name)
        mark = error.problem_mark or error.context_mark
        place = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
        raise UserError(
            f"{name} is no YAML: {place}{shown(error.problem or error.context or 'it breaks off')}"
        ) from None
    except yaml.YAMLError as error:
        raise UserError(f"{name} is no YAML: {shown(str(error).splitlines()[0])}") from None


class _Open:
    """A list or a mapping that is being read."""

    def __init__(self, value: Any, tag: str | None, anchor: str | None, line: int) -> None:
        self.value = value
        self.tag, self.anchor, self.line = tag, anchor, line
        self.key: str | None = None
        self.merged: list[Any] = []
        self.size = 2


class _Builder:
    """Makes values of the events of a YAML parser. It keeps a stack of its own: no text is too deep for it."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.stack: list[_Open] = []
        self.anchors: dict[str, tuple[Any, int]] = {}
        self.result: Any = None
        self.documents = 0

    def build(self, events: Iterator[Any]) -> Any:
        """The value of the one document. Raises `UserError` for what no template may have."""
        for event in events:
            match type(event).__name__:
                case "ScalarEvent":
                    self._scalar(event)
                case "MappingStartEvent":
                    self._open({}, event)
                case "SequenceStartEvent":
                    self._open([], event)
                case "MappingEndEvent" | "SequenceEndEvent":
                    self._close()
                case "AliasEvent":
                    self._alias(event)
                case "DocumentStartEvent":
                    self.documents += 1
                    if self.documents > 1:
                        raise UserError(
                            f"{self.name} holds several documents (a second begins in line "
                            f"{event.start_mark.line + 1}): a template is one"
                        )
        return self.result

    def _open(self, value: Any, event: Any) -> None:
        if len(self.stack) > DEEPEST:
            _too_deep(self.name)
        if self.stack and isinstance(self.stack[-1].value, dict) and self.stack[-1].key is None:
            raise UserError(f"{self.name} has a key that is no text in line {event.start_mark.line + 1}")
        line = event.start_mark.line + 1
        if event.anchor:
            self.anchors.pop(event.anchor, None)  # not known inside itself
        self.stack.append(_Open(value, event.tag, event.anchor, line))

    def _close(self) -> None:
        done = self.stack.pop()
        value = done.value
        if isinstance(value, dict):
            for other in done.merged:
                value.update({key: one for key, one in other.items() if key not in value})
            value = _one_form(value)
        self._put(self._tagged(done.tag, value, done.line), done.anchor, done.size, done.line)

    def _scalar(self, event: Any) -> None:
        line, text = event.start_mark.line + 1, event.value
        top = self.stack[-1] if self.stack else None
        if top is not None and isinstance(top.value, dict) and top.key is None:
            if text in top.value and text != "<<":
                _twice(self.name, text, line)
            top.key = text
            if event.anchor:
                self.anchors[event.anchor] = (text, len(text) + 1)
            return
        value = _plain(text) if event.implicit[0] and not event.tag else self._tagged(event.tag, text, line)
        self._put(value, event.anchor, len(text) + 1, line)

    def _alias(self, event: Any) -> None:
        line = event.start_mark.line + 1
        if event.anchor not in self.anchors:
            raise UserError(
                f"{self.name} has an alias *{shown(event.anchor)} in line {line} that stands for nothing yet"
            )
        value, size = self.anchors[event.anchor]
        top = self.stack[-1] if self.stack else None
        if top is not None and isinstance(top.value, dict) and top.key is None:
            if not isinstance(value, str):
                raise UserError(f"{self.name} has a key that is no text in line {line}")
            if value in top.value:
                _twice(self.name, value, line)
            top.key = value
            return
        self._put(value, None, size, line)

    def _put(self, value: Any, anchor: str | None, size: int, line: int) -> None:
        if anchor:
            self.anchors[anchor] = (value, size)
        if not self.stack:
            self.result = value
            return
        top = self.stack[-1]
        top.size += size
        if top.size > 4 * LIMIT:
            raise UserError(f"{self.name} is longer than {4 * LIMIT:,} bytes once its aliases (*) are written out")
        if isinstance(top.value, list):
            top.value.append(value)
        elif top.key == "<<":
            others = value if isinstance(value, list) else [value]
            if not all(isinstance(other, dict) for other in others):
                raise UserError(f"{self.name} merges (<<) what is no mapping in line {line}")
            top.merged += others
            top.key = None
        else:
            top.size += len(top.key or "") + 1
            top.value[top.key] = value
            top.key = None

    def _tagged(self, tag: str | None, value: Any, line: int) -> Any:
        """A value with its tag: `!Sub` becomes a function, `!!str` a type."""
        if tag is None or tag == "!":
            return value
        if short := _SHORT.fullmatch(tag):
            function = short[1] if short[1] in _BARE else f"Fn::{short[1]}"
            return _one_form({function: value})
        match tag.removeprefix("tag:yaml.org,2002:"):
            case "str" if isinstance(value, str):
                return value
            case "int" | "float" | "bool" | "null" if isinstance(value, str):
                return _plain(value)
            case "map" if isinstance(value, dict):
                return value
            case "seq" if isinstance(value, list):
                return value
        raise UserError(
            f"{self.name} has the tag {shown(tag)!r} in line {line}, and CloudFormation knows none of that name"
        )


def _plain(text: str) -> Any:
    """A value that is written without quotes."""
    if text in _CONSTANTS:
        return _CONSTANTS[text]
    first = text[0]
    return _number(text) if first.isdigit() or first == "-" else text
