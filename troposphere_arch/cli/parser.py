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


def endpoint(text: str) -> str:
    """The address of a server, without a user: addresses are printed and published. What is refused is not repeated."""
    if "@" in text:
        raise argparse.ArgumentTypeError("has a user or an @ in the address, which would be printed: leave it out")
    return text


def directory(text: str) -> Path:
    """A directory as typed; nothing typed is none."""
    if not text.strip():
        raise argparse.ArgumentTypeError("names no directory")
    return Path(text)
