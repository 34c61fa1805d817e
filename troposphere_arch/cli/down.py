"""Delete a stack. In the emulator what it retained goes too, and with no stack left the emulator ends.

In an AWS account the data stays (table, users, files), unless you say --purge and type the stack's name.

Of a folder of services, all stacks of its system go, those that others use last; of a service of it, by name, folder or
stack, that one, unless others use it. Neither its folder nor its declaration need be there any more.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import UserError
from .table import table
from .where import account, account_options, agreed, in_account, others_here, say, scenario_of

if TYPE_CHECKING:
    from ..deploy import Target
    from ..local import Emulator
    from ..microservices.factory import Place


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "stack", nargs="?", help="a stack, or a folder of services, or of one; without it everything in the emulator"
    )
    parser.add_argument(
        "service", nargs="?", help="of a folder of services: this one only, also when its folder is gone"
    )
    parser.add_argument("--name", metavar="N", help="of services: the system's name, of another environment of it")
    parser.add_argument("--stack-name", metavar="N", dest="named", help="the same as STACK")
    parser.add_argument("--purge", action="store_true", help="in an account: remove the retained data as well")
    parser.add_argument("--confirm", metavar="STACK", help="in an account: the name that you are asked for")
    account_options(parser)


def run(args: argparse.Namespace) -> int:
    """Delete."""
    if args.named and args.stack not in (None, args.named):
        raise UserError(f"two stacks are named, {args.stack} and {args.named}: name one")
    place = _place(args)
    args.stack = args.stack or args.named
    if in_account(args):
        from .services import down_in_account, named

        return down_in_account(args, account(args), named(place, args.name or "")) if place else _in_account(args)
    if args.purge or args.confirm:
        raise UserError("--purge and --confirm are for an account: in the emulator everything goes anyway")
    from .. import local
    from ..microservices import factory

    emulator = local.find()
    if emulator is None:
        local.tidy()
        if place and not args.service:
            factory.place(Path(args.stack))  # says what is wrong with a path
        if args.stack:
            raise UserError(f"no emulator is running, so nothing of {args.stack} is up")
        print("no emulator is running, so nothing is up")
        return 0
    with local.turn():  # an `up` that is under way comes to its end first
        if place:
            from .. import deploy
            from .services import down_here, named

            local.wait(emulator)
            return down_here(emulator, deploy.target_of(emulator.client), named(place, args.name or ""))
        return _down_here(emulator, args.stack)


def _place(args: argparse.Namespace) -> Place | None:
    """The folder of services that is named; None when it is a stack."""
    from ..microservices import factory

    if args.stack and factory.is_place(args.stack):
        found = _folder(Path(args.stack))
        if args.service and found.service not in ("", args.service):
            raise UserError(f"two services are named, {found.service} and {args.service}: name one")
        return replace(found, service=args.service or found.service)
    if args.name:
        raise UserError("--name is for a folder of services only: a stack's is --stack-name")
    if args.service:
        raise UserError(f"{args.service} is too much: a second name is for a folder of services only")
    return None


def _folder(path: Path) -> Place:
    """The folder of services, or the service, that a path means; that of a service may be gone, or empty."""
    from ..microservices import factory
    from ..microservices.factory import Place
    from ..microservices.files import PLATFORM_FILE, SERVICE_FILE

    if not path.is_file() and not any((path / name).is_file() for name in (PLATFORM_FILE, SERVICE_FILE)):
        above = next((one for one in path.resolve().parents if (one / PLATFORM_FILE).is_file()), None)
        if above is not None:
            return Place(above, path.name)
    return factory.place(path)


def _down_here(emulator: Emulator, stack: str | None) -> int:
    from .. import deploy, local
    from .services import down_here, of_a_system

    if stack:
        local.wait(emulator)
        target = deploy.target_of(emulator.client)
        if named := of_a_system(target, stack):
            return down_here(emulator, target, named)
        kept = _retained(target, stack)
        deploy.delete(target, stack, say)
        deploy.purge(target, kept)
        print(f"stack {stack} and the {len(kept)} resources that it retained are gone")
        if others_here(target):
            return 0
    emulator.stop()
    print("the emulator has ended; nothing is left of it")
    return 0


def _in_account(args: argparse.Namespace) -> int:
    from .. import deploy
    from .services import down_in_account, of_a_system

    if not args.stack:
        raise UserError("name the stack to delete in the account: `down STACK --region R`")
    target = account(args)
    if named := of_a_system(target, args.stack):
        return down_in_account(args, target, named)
    kept = _retained(target, args.stack)
    rows = [[r.logical_id, r.type, r.physical_id] for r in kept]
    fate = "will be REMOVED WITH ALL DATA" if args.purge else "will stay in the account"
    print(
        f"Deletes stack {args.stack} in account {target.account}, region {target.region}; this {fate}:", file=sys.stderr
    )
    print(table(["resource", "type", "name"], rows), file=sys.stderr)
    if _in_a_network(target, args.stack):
        print(
            "ReadCache is on: Lambda keeps network interfaces for up to twenty minutes, and the stack may end in "
            "DELETE_FAILED. Better switch ReadCache to none, wait half an hour, then delete.",
            file=sys.stderr,
        )
    if args.purge:
        deploy.check_purge(kept)
    if args.confirm is None:
        sure = agreed("Type the stack's name to go on:", wanted=args.stack, otherwise=f"--confirm {args.stack}")
    else:
        sure = args.confirm == args.stack
    if not sure:
        raise UserError("nothing was deleted: that is not the stack's name")
    deploy.delete(target, args.stack, say)
    if args.purge:
        deploy.purge(target, kept)
    print(f"stack {args.stack} is gone; {len(kept)} resources were {'removed' if args.purge else 'kept'}")
    return 0


def _in_a_network(target: Target, stack: str) -> bool:
    """Whether functions of the stack are in a network, which cannot go before Lambda has left it."""
    from .. import deploy

    with deploy.aws_errors():
        found = deploy.describe(target, stack) or {}
    chosen = {p["ParameterKey"]: p["ParameterValue"] for p in found.get("Parameters", [])}
    return bool(chosen.get("ReadCache", "none") != "none")


def _retained(target: Target, stack: str) -> list[Any]:
    """What the stack's own template, as it was deployed, retains. Refuses stacks that are none of ours."""
    import json

    from .. import deploy

    scenario = scenario_of(target, stack)
    if scenario is None:
        raise UserError(f"there is no stack {stack} in {target.region}")
    if not scenario:
        raise UserError(
            f"stack {stack} is none of ours, and what it would take with it is unknown: nothing was deleted"
        )
    with deploy.aws_errors():
        body = target.client("cloudformation").get_template(StackName=stack, TemplateStage="Original")["TemplateBody"]
    return deploy.retained(target, stack, json.loads(body) if isinstance(body, str) else body)
