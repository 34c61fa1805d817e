"""argparse, but one line for what is wrong; and what several commands take."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import NoReturn

from ..errors import UserError


class Parser(argparse.ArgumentParser):
    """Parses a command's options."""

    def error(self, message: str) -> NoReturn:
        """Raise what `run` prints."""
        raise UserError(f"{message}; see {self.prog} --help")


def directory(text: str) -> Path:
    """A directory as typed; nothing typed is none."""
    if not text.strip():
        raise argparse.ArgumentTypeError("names no directory")
    return Path(text)
