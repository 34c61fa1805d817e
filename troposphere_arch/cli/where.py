"""Where a command works: the embedded emulator, or, when one of these options is given, an AWS account."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from .. import places
from ..errors import UserError

if TYPE_CHECKING:
    from ..deploy import Event, Target
    from ..local import Emulator


def account_options(parser: argparse.ArgumentParser) -> None:
    """The options that choose an account instead of the emulator."""
    parser.add_argument("--profile", metavar="P", help="an AWS account: this profile of your AWS configuration")
    parser.add_argument("--region", metavar="R", help="an AWS account: this region")
    parser.add_argument("--endpoint-url", metavar="U", help="an AWS account: at this endpoint in place of AWS's own")


def in_account(args: argparse.Namespace) -> bool:
    """Whether the options choose an account."""
    return bool(args.profile or args.region or args.endpoint_url)


def account(args: argparse.Namespace, bucket: str | None = None) -> Target:
    """The account that the options choose. Raises `UserError` without credentials, region or answer."""
    import functools

    from .. import deploy

    with deploy.aws_errors():
        if not args.endpoint_url:
            return deploy.connect(profile=args.profile, region=args.region, bucket=bucket)
        import boto3

        session = boto3.Session(profile_name=args.profile, region_name=args.region)
        if not session.region_name:
            raise UserError("no AWS region: set AWS_REGION, or name one with --region")
        return deploy.target_of(functools.partial(session.client, endpoint_url=args.endpoint_url), bucket=bucket)


def running() -> Emulator:
    """The emulator that `up` started. Raises `UserError` when there is none."""
    from .. import local

    emulator = local.find()
    if emulator is None:
        raise UserError(f"no emulator is running: start one with `{places.command()} up todo`")
    local.wait(emulator)
    return emulator


def say(event: Event) -> None:
    """One line of progress when a resource is done or has failed; on standard error, so that --json stays clean."""
    if event.status.endswith("_IN_PROGRESS"):
        return
    reason = f"  {event.reason}" if event.failed else ""
    print(f"  {event.status:30} {event.logical_id}{reason}", file=sys.stderr)


def agreed(question: str, *, wanted: str = "y") -> bool:
    """Ask the person at the terminal. Without a terminal nobody can answer, and nobody is asked: False."""
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        return False
    print(question, end=" ", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip() == wanted


def about(emulator: Emulator) -> str:
    """One line on the emulator: version, address, and whether it is patched."""
    from ..local import EMULATOR_VERSION

    kind = "patched: " + ", ".join(p.name for p in emulator.patches) if emulator.patched else "unmodified: no patches"
    return f"emulator ministack {EMULATOR_VERSION} on {emulator.url}, {kind}"


def scenario_of(target: Target, stack: str) -> str | None:
    """The scenario that a stack was made from, by its own template: empty for none of ours, None for no stack."""
    import json

    from ..deploy import aws_errors, describe

    with aws_errors():
        if describe(target, stack) is None:
            return None
        body = target.client("cloudformation").get_template(StackName=stack, TemplateStage="Original")["TemplateBody"]
    try:
        template = json.loads(body) if isinstance(body, str) else body
    except ValueError:
        return ""
    output = template.get("Outputs", {}).get("TemplateId", {}).get("Value", "")
    # A stack that took over what another retained is known by the metadata of that template.
    return str(output or template.get("Metadata", {}).get("Template", {}).get("Id", ""))
