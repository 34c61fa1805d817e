"""DynamoDB's expressions from the form in which DAX's clients send them, and back into text.

A client parses each expression itself and sends the tree, as lists that begin with a number for what they are:
`[0, [18, "done"], [17, 0]]` says that attribute `done` equals the first of the values which come with the tree.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from troposphere_arch.local.dax import cbor

_COMPARISONS = ("=", "<>", "<", ">=", ">", "<=")
_AND, _OR, _NOT, _BETWEEN, _IN = 6, 7, 8, 9, 10
_VALUE, _PATH = 17, 18
_ACTIONS = {19: "SET", 20: "ADD", 21: "DELETE", 22: "REMOVE"}
_ARITHMETIC = {25: "+", 26: "-"}
_FUNCTIONS = {
    11: "attribute_exists",
    12: "attribute_not_exists",
    13: "attribute_type",
    14: "begins_with",
    15: "contains",
    16: "size",
    23: "if_not_exists",
    24: "list_append",
}


class Expressions:
    """The expressions of one request: their texts, and the names and values that stand in these for others.

    A text uses the placeholders of the request, whose `names` and `values` are given. The attributes `names` and
    `values` are those that were used: DynamoDB refuses a request with others.
    """

    def __init__(self, names: Mapping[str, str], values: Mapping[str, dict[str, Any]]) -> None:
        self._placeholder = {name: placeholder for placeholder, name in names.items()}
        self._given = values
        self._own: list[dict[str, Any]] = []
        self.names: dict[str, str] = {}
        self.values: dict[str, dict[str, Any]] = {}

    def condition(self, encoded: bytes) -> str:
        """The text of a key condition, a filter or a condition."""
        return self._text(self._tree(encoded))

    def update(self, encoded: bytes) -> str:
        """The text of an update."""
        clauses: dict[str, list[str]] = {}
        for code, path, *operand in self._tree(encoded):
            parts = [self._text(path), *map(self._text, operand)]
            clauses.setdefault(_ACTIONS[code], []).append((" = " if code == 19 else " ").join(parts))
        return " ".join(f"{action} {', '.join(changes)}" for action, changes in clauses.items())

    def projection(self, encoded: bytes) -> tuple[str, list[str]]:
        """The text of a projection, and the attributes it names. Raises ValueError for a part of an attribute."""
        _, paths = cbor.decode(encoded)
        if any(len(path) != 2 for path in paths):
            raise ValueError("this stand-in projects whole attributes only")
        return ", ".join(map(self._text, paths)), [name for _, name in paths]

    def _tree(self, encoded: bytes) -> Any:
        _, tree, values = cbor.decode(encoded)
        self._own = [cbor.attribute_value(value) for value in values]
        return tree

    def _text(self, tree: list[Any]) -> str:
        code, *parts = tree
        if code < len(_COMPARISONS):
            return f" {_COMPARISONS[code]} ".join(map(self._text, parts))
        if code in (_AND, _OR):
            return (" AND " if code == _AND else " OR ").join(self._grouped(code, part) for part in parts)
        if code == _NOT:
            return f"NOT ({self._text(*parts)})"
        if code == _BETWEEN:
            value, least, most = map(self._text, parts)
            return f"{value} BETWEEN {least} AND {most}"
        if code == _IN:
            value, choices = parts
            return f"{self._text(value)} IN ({', '.join(map(self._text, choices))})"
        if code == _VALUE:
            return self._value(self._own[parts[0]])
        if code == _PATH:
            return self._path(parts)
        if code in _ARITHMETIC:
            return f" {_ARITHMETIC[code]} ".join(map(self._text, parts))
        return f"{_FUNCTIONS[code]}({', '.join(map(self._text, parts))})"

    def _grouped(self, parent: int, tree: list[Any]) -> str:
        text = self._text(tree)
        return f"({text})" if tree[0] in (_AND, _OR) and tree[0] != parent else text

    def _path(self, parts: list[Any]) -> str:
        text = ""
        for part in parts:
            if isinstance(part, cbor.Tagged):
                text += f"[{part.value}]"
                continue
            placeholder = self._placeholder.get(part)
            if placeholder:
                self.names[placeholder] = part
            text += ("." if text else "") + (placeholder or part)
        return text

    def _value(self, value: dict[str, Any]) -> str:
        # The tree no longer says how the request called a value; of two names for equal ones, either will do.
        placeholder = next(name for name, given in self._given.items() if given == value)
        self.values[placeholder] = value
        return placeholder
