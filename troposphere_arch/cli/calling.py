"""Finds the command, imports its file, and turns what goes wrong into one line and an exit code.

What only some calls need is imported where they need it, for the sake of the build that changes nothing.
"""

from __future__ import annotations

import os
import sys

from .. import __version__
from ..errors import Stopped, UserError
from . import COMMANDS


def run(argv: list[str]) -> int:
    """Run the command of `argv`; `build` when it names none."""
    if argv[:1] in (["-h"], ["--help"]):
        print(_help())
        return 0
    if argv[:1] == ["--version"]:
        print(__version__)
        return 0
    name, rest = (argv[0], argv[1:]) if argv and not argv[0].startswith("-") else ("build", argv)
    try:
        code = 0 if name == "build" and not rest and _nothing_changed() else _call(name, rest)
        sys.stdout.flush()
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 130 if isinstance(error, Stopped) else 2
    except BrokenPipeError:
        # Whoever read our output went away; what is left in the buffer has nowhere to go.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    return code


def _nothing_changed() -> bool:
    from .unchanged import told

    return told()


def _call(name: str, rest: list[str]) -> int:
    if name not in COMMANDS:
        raise UserError(f"unknown command {name!r}: there is {', '.join(COMMANDS)}")
    from importlib import import_module

    from .parser import Parser

    command = import_module(f"{__package__}.{name.replace('-', '_')}")
    parser = Parser(prog=f"{_program()} {name}", description=command.__doc__)
    command.arguments(parser)
    parse = parser.parse_intermixed_args if getattr(command, "INTERMIXED", False) else parser.parse_args
    code: int = command.run(parse(rest))
    return code


def _program() -> str:
    name = os.path.basename(sys.argv[0])  # noqa: PTH119  # not a file of ours, only its name
    return "python build.py" if name in ("build.py", "__main__.py", "-c") else name


def _help() -> str:
    lines = [
        f"usage: {_program()} [command] [options]",
        "",
        "AWS architectures as versioned templates.",
        "",
        "commands:",
    ]
    lines += [f"  {name:13}{text}" for name, text in COMMANDS.items()]
    return "\n".join([*lines, "", f"Options of a command: {_program()} COMMAND --help. Version: --version."])
