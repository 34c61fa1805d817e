"""What the last clean build was made from, and what it made: one small file in the user's cache directory.

From it `build` tells that nothing changed, in little more time than Python takes to start. So this module imports
nothing that takes long (no pathlib, no json), and yet it compares contents: a checkout restores the times of files.

The file lists what was made, a hash and a path on each line. Above them stands a seal: a hash of that list and of all
that it was made from. When anything of either has changed, there is no memory.
"""
# ruff: noqa: PTH113, PTH116, PTH118, PTH123, PTH208

from __future__ import annotations

import os
import sys
from errno import ENOENT
from hashlib import sha256
from stat import S_ISREG

from . import places
from .errors import UserError

TYPE_CHECKING = False  # see places.py
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

# The packages that the files are made with, and how the name of the metadata directory of each begins.
TOOLS = {"troposphere": "troposphere-", "awacs": "awacs-", "cfnlint": "cfn_lint-"}


def file() -> str:
    """Where the memory is kept."""
    return os.path.join(places.cache_folder(), "last-clean-build")


def sources() -> str | None:
    """A hash of all that the files are made from: our own files, Python, the versions of the tools.

    None when a tool does not tell its version (it may be a checkout that someone works on): there is no memory then.
    """
    digest = sha256(sys.version.encode())
    for package, metadata in TOOLS.items():
        version = _version(package, metadata)
        if version is None:
            return None
        digest.update(b"\0" + version.encode())
    for path in sorted(_files(places.PACKAGE, but="__pycache__")):
        try:
            data = _read(path)
        except OSError as error:
            raise _unreadable(path, error) from None
        digest.update(b"\0%s\0%d\0" % (os.fsencode(path), len(data)))
        digest.update(data)
    return digest.hexdigest()


def recall(key: str | None, *folders: str, at: str = "") -> dict[str, str] | None:
    """The files of the last clean build and their hashes, if it was made from `key` and they are still as made.

    They must be so in each of the folders: where one builds, and where the releases are. `at` is another memory than
    that of our own templates.
    """
    try:
        seal, _, listing = _read(at or file()).decode().partition("\n")
    except (OSError, UnicodeDecodeError):
        return None  # a memory that cannot be read is none
    if key is None or seal != _seal(key, listing):
        return None
    made = {path: sha for sha, _, path in (line.partition(" ") for line in listing.splitlines())}
    as_made = all(sha_of(os.path.join(folder, path)) == sha for folder in set(folders) for path, sha in made.items())
    return made if as_made else None


def text(key: str, made: Mapping[str, str]) -> str:
    """What the file holds after a clean build."""
    listing = "".join(f"{sha} {path}\n" for path, sha in made.items())
    return f"{_seal(key, listing)}\n{listing}"


def strangers(templates: str, made: Iterable[str]) -> tuple[str, ...]:
    """The files below `templates` that no source makes."""
    # Only below the scenarios' own folders: what else stands beside them is not ours to judge.
    folders = {path.partition("/")[0] for path in made if "/" in path}
    files = (p for folder in folders for p in _files(os.path.join(templates, folder)) if os.path.isfile(p))
    return tuple(sorted({os.path.relpath(p, templates) for p in files} - set(made)))


def sha_of(path: str) -> str | None:
    """The hash of a file; None when there is no such file. Raises `UserError` when it cannot be read."""
    try:
        return sha256(_read(path)).hexdigest()
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        return None  # if it cannot be made, writing it will say so
    except OSError as error:
        raise _unreadable(path, error) from None


def _seal(key: str, listing: str) -> str:
    return sha256(f"{key}\n{listing}".encode()).hexdigest()


def _version(package: str, metadata: str) -> str | None:
    """The name of the metadata directory beside the package: quicker than importing what reads it."""
    for folder in sys.path:
        if os.path.isfile(os.path.join(folder, package, "__init__.py")):
            return " ".join(sorted(name for name in os.listdir(folder or ".") if name.startswith(metadata))) or None
    return None


def _files(folder: str, but: str = "") -> Iterator[str]:
    """Every file below `folder` that is not hidden, nor below a folder of the name `but`."""
    for root, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if name != but]
        yield from (os.path.join(root, name) for name in names if not name.startswith("."))


def _read(path: str) -> bytes:
    if not S_ISREG(os.stat(path).st_mode):  # whoever opens a pipe waits for somebody at its other end
        raise FileNotFoundError(ENOENT, "it is no file")
    with open(path, "rb") as f:
        return f.read()


def _unreadable(path: str, error: OSError) -> UserError:
    return UserError(f"cannot read {path}: {error.strerror}")
