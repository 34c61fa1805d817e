"""The stacks that are up, with the template and version of each: in the emulator, or in an AWS account."""

from __future__ import annotations

import argparse

from .table import as_json, table
from .where import account, account_options, in_account


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--json", action="store_true", help="print the stacks as JSON")
    account_options(parser)


def run(args: argparse.Namespace) -> int:
    """Print the stacks that say which template they were made from."""
    from .. import deploy, local

    about = ""
    if in_account(args):
        target = account(args)
        about = f"account {target.account}, region {target.region}"
    else:
        emulator = local.find()
        if emulator is None:
            print(as_json([]) if args.json else "no emulator is running, so nothing is up; start with `up todo`")
            return 0
        target = deploy.target_of(emulator.client)
        patches = ", ".join(p.name for p in emulator.patches) or "no patches"
        kind = "patched" if emulator.patched else "unmodified"
        about = f"emulator ministack {local.EMULATOR_VERSION} on {emulator.url}, {kind}: {patches}"
    found = deploy.stacks(target)
    if args.json:
        rows = [{"name": s.name, "status": s.status, "template": s.template, "version": s.version} for s in found]
        print(as_json([{**row, "outputs": dict(s.outputs)} for row, s in zip(rows, found, strict=True)]))
        return 0
    print(about)
    columns = ["stack", "template", "version", "status", "since"]
    shown = [[s.name, s.template, s.version, s.status, f"{s.updated or s.created:%Y-%m-%d %H:%M}"] for s in found]
    print(table(columns, shown) if shown else "no stack of ours is up")
    return 0
