"""Any template, as plain values: from a name of the catalogue, a file, S3, the web or standard input.

todo@1.0.0 ─┐
a/file.yaml ├─fetching──▶ bytes ──parsing──▶ values ──checking──▶ Source ──children──▶ Source ...
s3://, https:// ┘                                       └── one line that says why not

old = read("todo@1.0.0", resolve=catalogue_file)
new = read("https://example.com/network.yaml")
"""

from __future__ import annotations

import sys
import urllib.parse
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from ..errors import UserError
from . import fetching
from .checking import check
from .fetching import Access
from .parsing import parse, shown

STANDARD_INPUT = "-"
NESTED = "AWS::CloudFormation::Stack"
_DEEPEST = 10  # stacks inside each other

Resolve = Callable[[str], Path | None]


@dataclass(frozen=True)
class Source:
    """A template that was read, in long-form functions. `name` is for people; `location` is the file or address.

    `around` are the locations of the templates that it is nested in, the outermost first.
    """

    name: str
    template: dict[str, Any] = field(repr=False)
    location: str = field(default="", repr=False)  # may hold a signature
    access: Access = field(default_factory=Access)
    around: tuple[str, ...] = ()


@dataclass(frozen=True)
class Child:
    """A nested stack: its template, or, in one clause, why it can't be looked at.

    `location` is where its template is, or would be; empty where that is known only when the stack is deployed.
    """

    logical_id: str
    source: Source | None = None
    note: str = ""
    location: str = field(default="", repr=False, compare=False)


def read(
    source: str,
    *,
    resolve: Resolve | None = None,
    profile: str | None = None,
    region: str | None = None,
    endpoint_url: str | None = None,
    stdin: BinaryIO | None = None,
) -> Source:
    """The template that `source` names: a file, `-` for standard input, `s3://bucket/key`, `https://...`, or a name.

    `resolve` gives the file of a name such as `todo@1.0.0`, or None; it is asked where there is no file of that name.
    `profile`, `region` and `endpoint_url` say how S3 is reached, and nothing else.
    Raises `UserError`, in one line, when there is no such template, when it can't be read, and when it is none: see
    `parsing.parse` and `checking.check`. Files are looked at no further than a template may be long.
    """
    access = Access(profile, region, endpoint_url)
    if source == STANDARD_INPUT:
        data = fetching.from_stream(stdin or sys.stdin.buffer)
        return _made("standard input", data, str(Path.cwd() / STANDARD_INPUT), access)
    if fetching.is_address(source):
        return _at_address(source, access, ())
    path = _file(source)
    if path is None and resolve is not None and "\0" not in source:
        path = resolve(source)
    if path is None:
        names = "" if resolve is None else ", and no template of that name in the catalogue"
        raise UserError(f"there is no file {shown(source)!r}{names}")
    return _in_file(path, shown(source, 200), access, ())


def children(source: Source) -> tuple[Child, ...]:
    """The nested stacks of a template, each with its own template where that can be had, else with the reason.

    A `TemplateURL` that is relative is looked for beside the template that names it. A template from S3 or the web
    gets at nothing on this machine, and no template sends the user's AWS credentials to an address of its choice.
    """
    found = []
    for logical_id, resource in source.template["Resources"].items():
        if resource["Type"] != NESTED:
            continue
        url = resource.get("Properties", {}).get("TemplateURL")
        location = ""
        try:
            location = _location(source, shown(logical_id), url)
            child = Child(logical_id, _child(source, shown(logical_id), url, location), "", location)
        except UserError as error:
            child = Child(logical_id, None, str(error), location)
        found.append(child)
    return tuple(found)


def _location(parent: Source, name: str, url: Any) -> str:
    """Where the template of a nested stack is."""
    if not isinstance(url, str) or not url.strip():
        raise UserError(f"the TemplateURL of {name} is known only when the stack is deployed")
    if url.startswith("s3://"):
        raise UserError(f"the TemplateURL of {name} is {fetching.public(url)}, and CloudFormation takes https:// only")
    if fetching.is_address(url):
        return url
    if fetching.is_address(parent.location):
        if url.startswith(("/", "\\", "~")):
            raise UserError(f"the TemplateURL of {name} is a file of another machine: {shown(url)!r}")
        return _beside(parent.location, url)
    return str((Path(parent.location).parent / url).resolve()) if "\0" not in url else ""


def _child(parent: Source, name: str, url: str, location: str) -> Source:
    remote = fetching.is_address(parent.location)
    around = (*parent.around, parent.location)
    if len(around) > _DEEPEST:
        raise UserError(f"{name} is nested more than {_DEEPEST} deep")
    if location in around:
        raise UserError(f"{name} is nested in itself")
    if not fetching.is_address(location):
        return _in_file(Path(location), shown(url, 200), parent.access, around)
    if remote and _is_here(location) and not _is_here(parent.location):
        raise UserError(f"the TemplateURL of {name} is an address of this machine, named by a template from elsewhere")
    return _at_address(location, parent.access, around)


def _beside(address: str, relative: str) -> str:
    parts = urllib.parse.urlsplit(address)
    joined = urllib.parse.urljoin(f"https://host{parts.path}", relative)
    return urllib.parse.urlunsplit((parts.scheme, parts.netloc, urllib.parse.urlsplit(joined).path, "", ""))


def _is_here(address: str) -> bool:
    return fetching.is_loopback(urllib.parse.urlsplit(address).hostname or "")


def _file(source: str) -> Path | None:
    """The file of that name, or the folder, which then is told to be one; a pipe too."""
    try:
        path = Path(source)
        return path if source and path.exists() and not (path.is_dir() and "/" not in source) else None
    except (OSError, ValueError):
        return None


def _in_file(path: Path, name: str, access: Access, around: tuple[str, ...]) -> Source:
    return _made(name, fetching.from_file(path, name), str(path.resolve()), access, around)


def _at_address(address: str, access: Access, around: tuple[str, ...]) -> Source:
    return _made(fetching.public(address), fetching.from_address(address, access), address, access, around)


def _made(name: str, data: bytes, location: str, access: Access, around: tuple[str, ...] = ()) -> Source:
    return Source(name, check(parse(data, name), name), location, access, around)
