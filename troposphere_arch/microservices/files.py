"""The files of a folder of services: what they are called, and which folders are passed by.

What is made is not read: `templates` is passed by, as are hidden folders, virtual environments and what other tools
put there.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

PLATFORM_FILE, SERVICE_FILE, HANDLER_FILE, DOCKERFILE = "platform.yaml", "service.yaml", "handler.py", "Dockerfile"
TEMPLATES = "templates"
"""Where the templates are, below the folder of the services."""

_PASSED_BY = (TEMPLATES, "node_modules", "__pycache__")
_OF_AN_ENVIRONMENT = "pyvenv.cfg"


def walk(
    top: Path, unread: Callable[[Path, OSError], None] = lambda folder, error: None
) -> Iterator[tuple[Path, Sequence[os.DirEntry[str]]]]:
    """A folder and those below it, as paths from `top`, each with its entries, all by name.

    Links to folders are not followed. `unread` is told of what cannot be looked into.
    """
    todo = [Path()]
    while todo:
        here = todo.pop()
        try:
            entries = sorted(os.scandir(top / here), key=lambda entry: entry.name)
        except OSError as error:
            unread(here, error)
            continue
        if any(entry.name == _OF_AN_ENVIRONMENT for entry in entries):
            continue
        yield here, entries
        inner = [one for one in entries if not is_passed_by(one.name) and one.is_dir(follow_symlinks=False)]
        todo += [here / entry.name for entry in reversed(inner)]


def is_passed_by(name: str) -> bool:
    """Whether a folder of this name is, wherever it is."""
    return name.startswith(".") or name in _PASSED_BY


def passed_by(top: Path, folder: Path) -> Path | None:
    """The folder for whose sake nothing in `folder` is read: itself, or one on the way to it from `top`."""
    steps = folder.resolve().relative_to(top.resolve()).parts
    ways = [top.resolve().joinpath(*steps[: number + 1]) for number in range(len(steps))]
    return next((way for way in ways if is_passed_by(way.name) or (way / _OF_AN_ENVIRONMENT).exists()), None)
