"""Whether a text fits a regular expression, in a number of steps that is bounded: where that is over, nobody can tell.

    pattern ──parsed──▶ Node, positions ──Node──▶ positions, from 0 to the end of the text?

Python's own matcher tries one way after the other, and for `(a+)+$` there are more ways than there is time for. Here
all are gone at once: a node takes the set of positions at which it may begin to those at which it may end.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache

_MOST_STEPS = 100_000  # positions that are looked at for one text; those that people write take some hundreds
_DEEPEST = 50  # groups within groups
_MOST_LENGTH = 4_096  # of a pattern, and of a text; so much is in a parameter at most

_TOKEN = re.compile(
    r"""(?P<one>\\x[0-9a-fA-F]{2}|\\u[0-9a-fA-F]{4}|\\[dDwWsSnrtf]|\\[^\w]      # one character, any of some, or any
            |\[\^?\]?(?:\\.|(?!&&|--|~~|\|\|)[^\]\\\[])*\]|[^\\\[\](){}|*+?^$])
    |(?P<open>\((?:\?[:=!])?)|(?P<close>\))|(?P<bar>\|)
    |(?P<times>(?:[*+?]|\{\d{1,4}(?:,\d{0,4})?\})\??(?![*+?]))
    |(?P<edge>[\^$]|\\[bBA])""",
    re.VERBOSE | re.DOTALL,
)

_Positions = frozenset[int]


class _Unknown(Exception):
    """It is no pattern that we can tell of, or it takes too many steps."""


class _Text:
    """A text, and how many steps may still be taken on it."""

    def __init__(self, text: str) -> None:
        self.text, self.left = text, _MOST_STEPS

    def step(self, positions: _Positions) -> None:
        self.left -= len(positions) + 1
        if self.left < 0:
            raise _Unknown


# Where it may end, of where it may begin.
_Node = Callable[[_Text, _Positions], _Positions]


def fits(pattern: str, text: str) -> bool | None:
    """Whether all of the text fits the pattern; None where the pattern has what is not known here, or too many ways."""
    if len(text) > _MOST_LENGTH:
        return None
    try:
        node = _parsed(pattern)
        return len(text) in node(_Text(text), frozenset({0}))
    except (_Unknown, RecursionError):
        return None


@lru_cache(1_024)
def _parsed(pattern: str) -> _Node:
    if len(pattern) > _MOST_LENGTH:
        raise _Unknown
    tokens, at = [], 0
    while at < len(pattern):
        match = _TOKEN.match(pattern, at)
        if match is None:
            raise _Unknown
        tokens.append((match.lastgroup or "", match[0]))
        at = match.end()
    try:
        re.compile(pattern)
    except (re.error, RecursionError, OverflowError) as error:
        raise _Unknown from error
    return _Parser(tokens).parse()


class _Parser:
    def __init__(self, tokens: list[tuple[str, str]]) -> None:
        self.tokens = tokens[::-1]

    def parse(self) -> _Node:
        node = self._branches(0)
        if self.tokens:
            raise _Unknown
        return node

    def _branches(self, depth: int) -> _Node:
        if depth > _DEEPEST:
            raise _Unknown
        branches = [self._sequence(depth)]
        while self.tokens and self.tokens[-1][0] == "bar":
            self.tokens.pop()
            branches.append(self._sequence(depth))
        return branches[0] if len(branches) == 1 else _any_of(branches)

    def _sequence(self, depth: int) -> _Node:
        parts: list[_Node] = []
        while self.tokens and self.tokens[-1][0] not in ("bar", "close"):
            kind, written = self.tokens.pop()
            if kind == "times":
                if not parts:
                    raise _Unknown
                parts.append(_repeated(parts.pop(), *_times(written)))
            elif kind == "open":
                inner = self._branches(depth + 1)
                if not self.tokens or self.tokens.pop()[0] != "close":
                    raise _Unknown
                parts.append(_ahead(inner, written == "(?=") if written in ("(?=", "(?!") else inner)
            else:
                parts.append(_one(written) if kind == "one" else _edge(written))
        return _each_of(parts)


def _times(written: str) -> tuple[int, int | None]:
    """How often at least, and at most."""
    simple: dict[str, tuple[int, int | None]] = {"*": (0, None), "+": (1, None), "?": (0, 1)}
    if written[0] in simple:
        return simple[written[0]]
    least, comma, most = written.rstrip("?").strip("{}").partition(",")
    return int(least), int(most) if most else None if comma else int(least)


def _one(written: str) -> _Node:
    known = re.compile(written)

    def node(of: _Text, starts: _Positions) -> _Positions:
        of.step(starts)
        return frozenset(at + 1 for at in starts if at < len(of.text) and known.match(of.text, at))

    return node


def _edge(written: str) -> _Node:
    known = re.compile(written)

    def node(of: _Text, starts: _Positions) -> _Positions:
        of.step(starts)
        return frozenset(at for at in starts if known.match(of.text, at))

    return node


def _ahead(inner: _Node, wanted: bool) -> _Node:
    def node(of: _Text, starts: _Positions) -> _Positions:
        of.step(starts)
        return frozenset(at for at in starts if bool(inner(of, frozenset({at}))) is wanted)

    return node


def _each_of(parts: list[_Node]) -> _Node:
    def node(of: _Text, starts: _Positions) -> _Positions:
        for part in parts:
            if not starts:
                break
            starts = part(of, starts)
        return starts

    return node


def _any_of(branches: list[_Node]) -> _Node:
    def node(of: _Text, starts: _Positions) -> _Positions:
        of.step(starts)
        return frozenset().union(*(branch(of, starts) for branch in branches))

    return node


def _repeated(inner: _Node, least: int, most: int | None) -> _Node:
    def node(of: _Text, starts: _Positions) -> _Positions:
        for _ in range(least):
            if not starts:
                return starts
            of.step(starts)
            starts = inner(of, starts)
        found, begun = starts, least
        while starts and (most is None or begun < most):
            of.step(starts)
            starts = inner(of, starts) - found
            found |= starts
            begun += 1
        return found

    return node
