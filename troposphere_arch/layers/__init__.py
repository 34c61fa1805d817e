"""Lambda layers: what handlers need of third-party libraries and the runtime lacks, pinned with hashes.

For each layer there are two files beside this one: `<name>.txt` has the pins, as pip reads requirements, and
`<name>.sha256` the SHA-256 of the finished layer for Lambda. This module only knows names and keys, and imports next
to nothing; `builder` builds. https://docs.aws.amazon.com/lambda/latest/dg/chapter-layers.html
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

from ..errors import UserError
from ..runtime import ARCHITECTURE, PYTHON_RUNTIME

NAMES = ("dax", "pillow")
SDISTS = ("amazon-dax-client", "antlr4-python3-runtime")
"""What may come as an sdist: pip asks its build tool for metadata, and an sdist may bring one of its own. Of all else
only wheels, of which nothing is run."""
DIGITS = 16
"""Of a hash, in the name of a file: enough that no two of ours are the same."""


_PIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*==[A-Za-z0-9.+!]+( --hash=sha256:[0-9a-f]{64})+")


@dataclass(frozen=True)
class Pinned:
    """A layer and all that it is made from: what a release froze of it, or what stands here today.

    `sha256` is of the finished layer when it is built for Lambda, `runtime` and `architecture` are Lambda's words.
    """

    name: str
    key: str
    sha256: str
    pins: str = field(repr=False)
    runtime: str = PYTHON_RUNTIME
    architecture: str = ARCHITECTURE


def today(name: str) -> Pinned:
    """The layer `name` as its pins here say."""
    return Pinned(name, key(name), expected(name), pins(name))


def pins(name: str) -> str:
    """The text of a layer's pins."""
    return _text(f"{name}.txt")


def expected(name: str) -> str:
    """The SHA-256 of the finished layer when it is built for Lambda."""
    return _text(f"{name}.sha256").strip()


def key(name: str) -> str:
    """Where a template finds the layer in the artifact bucket: `layers/<name>-<16 hex digits>.zip`."""
    return key_of(name, pins(name), expected(name), f"{PYTHON_RUNTIME} {ARCHITECTURE}")


def name_of(key_: str) -> str | None:
    """The layer that is found at this key; None when it is none of ours."""
    return next((name for name in NAMES if key(name) == key_), None)


def key_of(name: str, pins: str, expected: str, platform: str) -> str:
    """The key for these pins and this platform; comments and line breaks in the pins do not count.

    The expected hash counts too: with the same pins put together in another way, a stack must see another layer.
    """
    made_from = "\n".join([*meaning(pins), expected, platform])
    return f"layers/{name}-{sha256(made_from.encode()).hexdigest()[:DIGITS]}.zip"


def meaning(pins: str) -> list[str]:
    """The pins without comments, each on a line of its own, sorted."""
    lines = re.sub(r"(?m)(^|\s)#.*$", "", pins.replace("\\\n", " ")).splitlines()
    return sorted(" ".join(line.split()) for line in lines if line.strip())


def requirements(name: str, pins: str) -> list[str]:
    """What pip is told of a layer's pins: names, versions and hashes, and nothing else that it would follow.

    Raises `UserError` for any other line: an address, a path, an option.
    """
    lines = meaning(pins)
    for line in lines:
        if not _PIN.fullmatch(line):
            raise UserError(
                f"the pins of layer {name} have a line {line!r:.100}: each must be NAME==VERSION --hash=sha256:DIGITS"
            )
    return lines


def _text(file: str) -> str:
    return Path(__file__).with_name(file).read_text(encoding="utf-8")
