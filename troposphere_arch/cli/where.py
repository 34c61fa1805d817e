"""Where a command works: the embedded emulator, or, when one of these options is given, an AWS account."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from .. import places
from ..errors import UserError
from .parser import endpoint

if TYPE_CHECKING:
    from ..deploy import Event, Target
    from ..local import Emulator


def account_options(parser: argparse.ArgumentParser, *, regions: bool = False) -> None:
    """The options that choose an account instead of the emulator; with `regions` it may be several at once."""
    parser.add_argument("--profile", metavar="P", help="an AWS account: this profile of your AWS configuration")
    if regions:
        parser.add_argument("--region", metavar="R", action="append", help="an AWS account: this region (repeatable)")
    else:
        parser.add_argument("--region", metavar="R", help="an AWS account: this region")
    parser.add_argument(
        "--endpoint-url", metavar="U", type=endpoint, help="an AWS account: at this endpoint in place of AWS's own"
    )


def in_account(args: argparse.Namespace) -> bool:
    """Whether the options choose an account."""
    return bool(args.profile or args.region or args.endpoint_url)


def account(args: argparse.Namespace, bucket: str | None = None) -> Target:
    """The account that the options choose. Raises `UserError` without credentials, region or answer."""
    from .. import deploy

    return deploy.connect(profile=args.profile, region=args.region, endpoint_url=args.endpoint_url, bucket=bucket)


def accounts(args: argparse.Namespace) -> list[Target]:
    """The account that the options choose, in each of the regions. Raises `UserError` as `account` does."""
    from .. import deploy

    return [
        deploy.connect(profile=args.profile, region=region, endpoint_url=args.endpoint_url)
        for region in dict.fromkeys(args.region or [None])
    ]


def running() -> Emulator:
    """The emulator that `up` started. Raises `UserError` when there is none."""
    from .. import local

    emulator = local.find()
    if emulator is None:
        raise UserError(f"no emulator is running: start one with `{places.command()} up todo` or another")
    local.wait(emulator)
    return emulator


def say(event: Event) -> None:
    """One line of progress when a resource is done or has failed; on standard error, so that --json stays clean."""
    if event.status.endswith("_IN_PROGRESS"):
        return
    reason = f"  {event.reason}" if event.failed else ""
    print(f"  {event.status:30} {event.logical_id}{reason}", file=sys.stderr)


def agreed(question: str, *, otherwise: str, wanted: str = "y") -> bool:
    """Ask the person at the terminal. Without one nobody can answer: then `UserError` with what to add `otherwise`."""
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise UserError(f"nothing was changed: there is no terminal to ask at; add {otherwise}")
    print(question, end=" ", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip() == wanted


def others_here(target: Target) -> bool:
    """Whether any stack is in the emulator, ours or not, done or under way."""
    pages = target.client("cloudformation").get_paginator("describe_stacks").paginate()
    return any(stack["StackStatus"] != "DELETE_COMPLETE" for page in pages for stack in page["Stacks"])


def here_of(url: str, emulator: Emulator) -> str:
    """Where the API of `url` is on this machine; empty when it has a domain name of its own, which is not here."""
    from ..local.addresses import plain_address

    try:
        return plain_address(url, emulator.port)
    except UserError:
        return ""


def about(emulator: Emulator, *, brief: bool = False) -> str:
    """One line on the emulator: version, address, and whether it is patched; `brief` without what the patches are."""
    from ..local import EMULATOR_VERSION

    kind = "patched: " + ", ".join(p.name for p in emulator.patches) if emulator.patched else "unmodified: no patches"
    if brief and emulator.patched:
        kind = f"with {len(emulator.patches)} patches (`{places.command()} status` names them)"
    return f"emulator ministack {EMULATOR_VERSION} on {emulator.url}, {kind}"


def scenario_of(target: Target, stack: str) -> str | None:
    """The scenario that a stack was made from, by its own template: empty for none of ours, None for no stack."""
    import json

    from .. import scenarios
    from ..deploy import aws_errors, describe

    with aws_errors():
        found = describe(target, stack)
        # A stack under review is only a change set that nobody has executed.
        if found is None or found["StackStatus"] == "REVIEW_IN_PROGRESS":
            return None
        body = target.client("cloudformation").get_template(StackName=stack, TemplateStage="Original")["TemplateBody"]
    try:
        template = json.loads(body) if isinstance(body, str) else body
    except ValueError:
        return ""
    outputs = template.get("Outputs", {})
    # A stack that took over what another retained is known by the metadata of that template.
    named = outputs.get("TemplateId", {}).get("Value") or template.get("Metadata", {}).get("Template", {}).get("Id")
    return named if named in scenarios.NAMES else ""
