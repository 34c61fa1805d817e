"""argparse, but one line for what is wrong."""

from __future__ import annotations

import argparse
from typing import NoReturn

from ..errors import UserError


class Parser(argparse.ArgumentParser):
    """Parses a command's options."""

    def error(self, message: str) -> NoReturn:
        """Raise what `run` prints."""
        raise UserError(f"{message}; see {self.prog} --help")
