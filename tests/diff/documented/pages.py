"""Reads "Update requires" of every property from AWS's CloudFormation documentation.

    a clone of awsdocs/aws-cloudformation-user-guide ──git archive──▶ pages ──▶ Documented

The public repository was emptied after the commit below; the pages are in its history. A property of a property type is
found by the links from the page of the resource, so that each has its path.
"""

from __future__ import annotations

import io
import re
import subprocess
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = "https://github.com/awsdocs/aws-cloudformation-user-guide"
COMMIT = "6c68a17aef7f0ccd1f6786f19da341d8c92737e7"  # 19 September 2023, the last with pages
SITE = "https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide"
WORDS = {
    "No interruption": "no interruption",
    "Some interruptions": "some interruption",
    "Replacement": "replacement",
    "Updates are not supported": "not allowed",
}
GRAVITY = list(WORDS.values())
_TITLE = re.compile(r"# ((?:AWS|Alexa)::\S+?)(?: (\S+))?<a name")
_PROPERTY = re.compile(r"^`(\w+)`  <a name=.*?\n(.*?)(?=^`\w+`  <a name=|^## |\Z)", re.MULTILINE | re.DOTALL)
_UPDATE = re.compile(r"^\*Update requires\*: \[?([A-Z][a-z ]+)", re.MULTILINE)
_LINK = re.compile(r"^\*Type\*: (Map of )?.*?\[\w+\]\(([\w-]+)\.md\)", re.MULTILINE)
_DEEPEST = 8


@dataclass(frozen=True)
class Property:
    """A property on a page: what an update of it requires, and the page of its type."""

    name: str
    update: str | None
    link: str | None
    is_map: bool = False


@dataclass(frozen=True)
class Documented:
    """A property: `own` is what its page says of it, `whole` the gravest of that and of the containers it is in."""

    kind: str
    path: str  # A/B: B in A, or in each item of A; A/*/B: B in each value of the map A
    own: str
    whole: str
    url: str


def documented(clone: Path) -> Iterator[Documented]:
    """Every property of every resource of which the documentation says what an update requires."""
    resources, pages = _pages(clone)
    for kind, page in sorted(resources.items()):
        yield from _below(kind, pages, page, (), None, frozenset())


def _below(
    kind: str,
    pages: dict[str, list[Property]],
    page: str,
    path: tuple[str, ...],
    so_far: str | None,
    seen: frozenset[str],
) -> Iterator[Documented]:
    if page in seen or len(path) >= _DEEPEST:
        return
    for one in pages.get(page, ()):
        whole = max((said for said in (so_far, one.update) if said), key=GRAVITY.index, default=None)
        names = (*path, one.name)
        if one.update is not None and whole is not None:
            yield Documented(kind, "/".join(names), one.update, whole, f"{SITE}/{page}.html")
        if one.link is not None:
            inside = (*names, "*") if one.is_map else names
            yield from _below(kind, pages, one.link, inside, whole, seen | {page})


def _pages(clone: Path) -> tuple[dict[str, str], dict[str, list[Property]]]:
    """Of each type its page, and of each page its properties."""
    packed = subprocess.run(
        ["git", "-C", str(clone), "archive", "--format=tar", COMMIT, "doc_source"], check=True, capture_output=True
    ).stdout
    resources: dict[str, str] = {}
    pages: dict[str, list[Property]] = {}
    with tarfile.open(fileobj=io.BytesIO(packed)) as tar:
        for member in tar:
            file = tar.extractfile(member) if member.name.endswith(".md") else None
            if file is None:
                continue
            page = read(file.read().decode())
            if page is not None:
                kind, property_type, properties = page
                pages[Path(member.name).stem] = properties
                if property_type is None:
                    resources.setdefault(kind, Path(member.name).stem)
    return resources, pages


def read(text: str) -> tuple[str, str | None, list[Property]] | None:
    """A page: the type, the property type if it is of one, and its properties; None for a page of something else."""
    title = _TITLE.match(text)
    if title is None:
        return None
    properties = text.partition("\n## Properties<a name")[2].partition("\n## ")[0]
    return title.group(1), title.group(2), [_property(name, body) for name, body in _PROPERTY.findall(properties)]


def _property(name: str, text: str) -> Property:
    update, link = _UPDATE.search(text), _LINK.search(text)
    said = WORDS[update.group(1).strip()] if update else None
    return Property(name, said, link.group(2), link.group(1) is not None) if link else Property(name, said, None)
