"""Where things are: the checkout this package runs from, if it does, and the user's cache directory."""

from __future__ import annotations

import os
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent


def checkout() -> Path | None:
    """The source checkout that this package is part of; None when it was installed."""
    root = PACKAGE.parent
    return root if (root / "build.py").is_file() and (root / "setup.cfg").is_file() else None


def command() -> str:
    """What a user types to run us."""
    return "troposphere-arch" if checkout() is None else "python build.py"


def templates() -> Path:
    """Where `templates/` is: in the checkout, from whatever directory one calls; else in the current directory."""
    return (checkout() or Path.cwd()) / "templates"


def cache() -> Path:
    """Where results that can be made again are kept. https://specifications.freedesktop.org/basedir-spec/latest/"""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "troposphere-arch"
