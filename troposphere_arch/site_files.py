"""Static sites: from their sources to files that a browser may keep.

    sites/<name>/assets/app.css ──its bytes──▶ assets/app.<hash>.css
                 assets/a.js ──after what it imports──▶ assets/a.<hash>.js
                 index.html ──its references renamed──▶ index.html

A file below `assets/` is named after what is in it, so that it may be kept for ever; a page keeps its name. There is no
other build step: pages and modules are what a browser takes. A reference from one file to another is a whole string
in quotes that begins with `/`, in HTML that of an attribute; in a script, one that begins with `./` or `/assets/`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from graphlib import CycleError, TopologicalSorter
from hashlib import sha256
from html.parser import HTMLParser
from pathlib import Path, PurePosixPath
from posixpath import normpath

from .errors import UserError
from .media_types import MEDIA_TYPES

ASSETS = "assets/"
SOURCES = Path(__file__).parent / "sites"
HASH_DIGITS = 12
"""Of SHA-256, in hexadecimal digits: enough that two contents of one name never meet."""

_WITH_REFERENCES = (".html", ".js", ".css")
# Where a browser loads something by itself, or goes to when it is sent.
_ATTRIBUTES = ("href", "src", "action", "poster")
_IN_HTML = re.compile(rf'(\s(?:{"|".join(_ATTRIBUTES)})=)"([^"]*)"')
_IN_SCRIPT = re.compile(r"""(["'`])((?:\.{1,2}/|/assets/)[^"'`]*)\1""")
_IMPORT = re.compile(
    r"""(?m)(?:^\s*import\s+(?:[^;"'`]*?\bfrom\s*)?|^\s*export\b[^;"'`]*?\bfrom\s*|\bimport\(\s*)["']([^"'\n]+)["']"""
)
_IN_SHEET = re.compile(r"""(url\(\s*|@import\s+)(["']?)([^"')\s]+)\2""")


def built(name: str, sources: Path = SOURCES) -> dict[str, bytes]:
    """The files of the site `name`, assets renamed: path below the site -> bytes. The same sources, the same bytes.

    Raises `UserError` when a file names another that is not there, or something of a third party; when assets name each
    other in a circle; and when it is not known what a file is.
    """
    files = _read(sources / name)
    assets = [path for path in files if path.startswith(ASSETS)]
    named = {path: _references(name, path, files) & set(assets) for path in files}
    try:
        order = list(TopologicalSorter({path: named[path] for path in assets}).static_order())
    except CycleError as error:
        circle = " -> ".join(error.args[1])
        raise UserError(
            f"site {name}: assets that name each other can't be named after their bytes: {circle}"
        ) from None
    renamed: dict[str, str] = {}
    made: dict[str, bytes] = {}
    for path in order:
        data = _with_new_names(path, files[path], renamed)
        renamed[path] = _hashed(path, data)
        made[renamed[path]] = data
    for path in files.keys() - renamed.keys():
        made[path] = _with_new_names(path, files[path], renamed)
    _check(name, made)
    return dict(sorted(made.items()))


def _read(folder: Path) -> dict[str, bytes]:
    """The files of a folder, without what is hidden."""
    files = {}
    for file in sorted(folder.rglob("*")):
        path = file.relative_to(folder).as_posix()
        if file.is_dir() or any(part.startswith(".") for part in PurePosixPath(path).parts):
            continue
        if path.rpartition(".")[2] not in MEDIA_TYPES or not re.fullmatch(r"[A-Za-z0-9._/-]+", path):
            known = ", ".join(sorted(MEDIA_TYPES))
            raise UserError(
                f"site {folder.name}: {path}: a file's name is of ASCII letters, and ends in one of: {known}"
            )
        files[path] = file.read_bytes()
        try:
            if path.endswith(_WITH_REFERENCES):
                files[path].decode()
        except UnicodeDecodeError:
            raise UserError(f"site {folder.name}: {path} is not written in UTF-8") from None
    if "index.html" not in files:
        raise UserError(f"site {folder.name}: there is no {folder / 'index.html'}")
    return files


def _check(site: str, made: Mapping[str, bytes]) -> None:
    """Raises `UserError` when an old name is still there: written otherwise than it is looked for."""
    for path, data in made.items():
        for reference, _ in _named_in(path, data):
            if _target(path, reference, made) is None:
                raise UserError(f"site {site}: {path} names {reference!r}: write it in double quotes")


def _references(site: str, path: str, files: Mapping[str, bytes]) -> set[str]:
    """The files that this one names."""
    found = set()
    for reference, what in _named_in(path, files[path]):
        target = _target(path, reference, files)
        if target is None:
            raise UserError(f"site {site}: {path} names {reference!r}, {what}")
        found.add(target)
    return found


MISSING = "and there is no such file"
FOREIGN = "which is not of this site: nothing is loaded from a third party"


def _named_in(path: str, data: bytes) -> list[tuple[str, str]]:
    """Each reference of a file, and what is wrong when it leads nowhere."""
    match path.rpartition(".")[2]:
        case "html":
            parser = _Page()
            parser.feed(data.decode())
            return parser.found
        case "js":
            text = data.decode()
            imports = [one for one in _IMPORT.findall(text) if not one.startswith(("./", "../", "/"))]
            return [(one, FOREIGN) for one in imports] + [(one, MISSING) for _, one in _IN_SCRIPT.findall(text)]
        case "css":
            return [(one, FOREIGN if ":" in one else MISSING) for _, _, one in _IN_SHEET.findall(data.decode())]
    return []


class _Page(HTMLParser):
    """Collects what a page names: all that it loads, and the pages that its links lead to."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, str]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name not in _ATTRIBUTES or not value or value.startswith("#"):
                continue
            is_link = tag in ("a", "area")
            if is_link and value.startswith(("https://", "mailto:")):
                continue
            foreign = "//" in value or ":" in value.partition("/")[0]
            self.found.append((value, FOREIGN if foreign else MISSING))


def _target(path: str, reference: str, files: Mapping[str, bytes]) -> str | None:
    """The file that a reference leads to, by the site's clean addresses, too; None when there is none."""
    wanted = reference.partition("#")[0].partition("?")[0]
    if "//" in wanted or ":" in wanted:
        return None
    if not wanted.startswith("/"):
        wanted = normpath(f"/{PurePosixPath(path).parent}/{wanted}")
    wanted = wanted.removeprefix("/")
    if wanted.startswith(ASSETS):
        return wanted if wanted in files else None
    tried = (wanted, f"{wanted}.html", f"{wanted}index.html") if wanted else ("index.html",)
    return next((one for one in tried if one in files), None)


def _with_new_names(path: str, data: bytes, renamed: Mapping[str, str]) -> bytes:
    """The bytes with the new names of the assets in place of the old."""

    def new(reference: str) -> str:
        target = _target(path, reference, dict.fromkeys(renamed, b""))
        if target is None:
            return reference
        return reference.replace(PurePosixPath(target).name, PurePosixPath(renamed[target]).name)

    rewrite: dict[str, Callable[[str], str]] = {
        "html": lambda text: _IN_HTML.sub(lambda m: f'{m[1]}"{new(m[2])}"', text),
        "js": lambda text: _IN_SCRIPT.sub(lambda m: f"{m[1]}{new(m[2])}{m[1]}", text),
        "css": lambda text: _IN_SHEET.sub(lambda m: f"{m[1]}{m[2]}{new(m[3])}{m[2]}", text),
    }
    how = rewrite.get(path.rpartition(".")[2])
    return how(data.decode()).encode() if how else data


def _hashed(path: str, data: bytes) -> str:
    stem, _, kind = path.rpartition(".")
    return f"{stem}.{sha256(data).hexdigest()[:HASH_DIGITS]}.{kind}"
