"""Where things are: the checkout this package runs from, if it does, and the user's cache directory.

The build that changes nothing asks here too. Where Python has not imported pathlib by itself (setuptools makes it do so
for an editable install), that would take half of such a build's time: so it is imported where a `Path` is asked for.
"""
# ruff: noqa: PTH109, PTH111, PTH113, PTH118, PTH120

from __future__ import annotations

import os

TYPE_CHECKING = False  # type checkers know the name; importing it from typing takes nearly as long as pathlib
if TYPE_CHECKING:
    from pathlib import Path

PACKAGE = os.path.dirname(os.path.realpath(__file__))


def checkout() -> Path | None:
    """The source checkout that this package is part of; None when it was installed."""
    from pathlib import Path

    root = _checkout()
    return None if root is None else Path(root)


def command() -> str:
    """What a user types to run us."""
    return "troposphere-arch" if _checkout() is None else "python build.py"


def templates() -> Path:
    """Where `templates/` is: in the checkout, from whatever directory one calls; else in the current directory."""
    from pathlib import Path

    return Path(templates_folder())


def templates_folder() -> str:
    """`templates()` as text."""
    return os.path.join(_checkout() or os.getcwd(), "templates")


def cache() -> Path:
    """Where results that can be made again are kept. https://specifications.freedesktop.org/basedir-spec/latest/"""
    from pathlib import Path

    return Path(cache_folder())


def cache_folder() -> str:
    """`cache()` as text."""
    caches = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    return os.path.join(caches, "troposphere-arch")


def _checkout() -> str | None:
    root = os.path.dirname(PACKAGE)
    ours = os.path.isfile(os.path.join(root, "build.py")) and os.path.isfile(os.path.join(root, "setup.cfg"))
    return root if ours else None
