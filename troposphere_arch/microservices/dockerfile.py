"""What a Dockerfile says of ports and processors, as far as it is held against a declaration.

    text ──instructions──▶ those of the last stage ──▶ ports it exposes, platform it is for

https://docs.docker.com/reference/dockerfile/
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

LARGEST = 65_536
"""Bytes; an ordinary one has a few hundred."""
ARCHITECTURE = "linux/arm64"
"""What tasks run on."""

# At the start of a word: `<<<` gives a text to a command, and `1<<2` is arithmetic.
_HERE = re.compile(r"(?<!\S)<<-?([\"']?)([A-Za-z_][A-Za-z0-9_]*)\1")
_PORT = re.compile(r"([0-9]{1,5})(/(tcp|udp))?", re.IGNORECASE)
_PLATFORM = re.compile(r"--platform=(\S+)", re.IGNORECASE)


@dataclass(frozen=True)
class Instruction:
    """One instruction and the line it begins in: `EXPOSE`, `8080`."""

    line: int
    name: str
    text: str


def instructions(text: str) -> Iterator[Instruction]:
    """The instructions: comments are none, lines that end with a backslash go on, what follows `<<EOF` is no more."""
    lines = enumerate(text.splitlines(), 1)
    for number, line in lines:
        said = line.strip()
        if not said or said.startswith("#"):
            continue
        while said.endswith("\\"):
            _, more = next(lines, (0, ""))
            said = said[:-1] + ("\\" if more.lstrip().startswith("#") else more.strip())
        name, *others = said.split(None, 1)
        rest = "".join(others)
        yield Instruction(number, name.upper(), rest)
        if name.upper() in ("RUN", "COPY", "ADD"):
            for _, word in _HERE.findall(rest):
                next((one for _, one in lines if one.strip() == word), None)


def last_stage(text: str) -> list[Instruction]:
    """Those from the last FROM on: what becomes the image."""
    found: list[Instruction] = []
    for one in instructions(text):
        if one.name == "FROM":
            found = []
        found.append(one)
    return found


def exposed(instruction: Instruction) -> set[int] | None:
    """The ports that an EXPOSE is for; None when it has another one than a number, such as $PORT."""
    found = set()
    for word in instruction.text.split():
        port = _PORT.fullmatch(word)
        if port is None:
            return None
        if (port[3] or "tcp").lower() == "tcp":
            found.add(int(port[1]))
    return found


def platform(instruction: Instruction) -> str:
    """What a FROM is for, if it says so: `linux/amd64`."""
    said = _PLATFORM.match(instruction.text)
    return said[1] if said and "$" not in said[1] else ""
