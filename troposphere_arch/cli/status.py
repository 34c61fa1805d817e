"""The stacks that are up, with the template and version of each: in the emulator, or in an AWS account."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from .table import as_json, table
from .where import about, account, account_options, here_of, in_account

if TYPE_CHECKING:
    from ..deploy import StackInfo
    from ..local import Emulator


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--json", action="store_true", help="print the stacks as JSON")
    account_options(parser)


def run(args: argparse.Namespace) -> int:
    """Print the stacks that say which template they were made from."""
    from .. import deploy, local

    title, emulator = "", None
    if in_account(args):
        target = account(args)
        title = f"account {target.account}, region {target.region}"
    else:
        emulator = local.find()
        if emulator is None:
            print(as_json([]) if args.json else "no emulator is running, so nothing is up; start with `up todo`")
            return 0
        local.wait(emulator)
        target = deploy.target_of(emulator.client)
        title = about(emulator)
    found = deploy.stacks(target)
    if args.json:
        print(as_json([{**_plain(s), **_here(s, emulator)} for s in found]))
        return 0
    print(title)
    columns = ["stack", "template", "version", "status", "since"]
    shown = [[s.name, s.template, s.version, s.status, f"{s.updated or s.created:%Y-%m-%d %H:%M}"] for s in found]
    print(table(columns, shown) if shown else "no stack of ours is up")
    return 0


def _plain(stack: StackInfo) -> dict[str, Any]:
    return {
        "name": stack.name,
        "status": stack.status,
        "template": stack.template,
        "version": stack.version,
        "outputs": dict(stack.outputs),
    }


def _here(stack: StackInfo, emulator: Emulator | None) -> dict[str, str]:
    """Where the stack is on this machine: its outputs hold AWS's own addresses, as they must."""
    if emulator is None:
        return {}
    return {"emulator": emulator.url, "here": here_of(stack.outputs.get("ApiUrl", ""), emulator)}
