"""Answers `build` at once when nothing has changed since the last clean build.

That is most of all builds, and answered before anything is imported that takes time: argparse, say, and pathlib.
"""

from __future__ import annotations

from .. import memory, places


def told() -> bool:
    """Say that everything is as the sources make it, if that can be known without making it."""
    templates = places.templates_folder()
    made = memory.recall(memory.sources(), templates)
    if made is None or memory.strangers(templates, made):
        return False
    print(line(len(made), cached=True))
    return True


def line(files: int, *, cached: bool) -> str:
    """What a build without findings ends with."""
    return f"{files} files are as the sources make them, lint is clean" + (" (nothing changed)" if cached else "")
