"""Play a user's journey against the stack in the emulator, step by step, with what each step shows."""

from __future__ import annotations

import argparse

from .. import places, scenarios
from ..errors import UserError
from .table import as_json
from .where import running


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("scenario", help=f"one of: {', '.join(scenarios.NAMES)}")
    parser.add_argument("--stack-name", metavar="N", help="instead of the scenario's name")
    parser.add_argument("--json", action="store_true", help="print the steps as JSON")


def run(args: argparse.Namespace) -> int:
    """Play the journey. Stops with one line at the first answer that is not as it must be."""
    from dataclasses import asdict

    scenarios.page(args.scenario)
    name = args.stack_name or args.scenario
    emulator = running()
    from .. import deploy, journeys

    found = [s for s in deploy.stacks(deploy.target_of(emulator.client)) if s.name == name]
    if not found:
        raise UserError(f"stack {name} is not up: deploy it with `{places.command()} up {args.scenario}`")
    if found[0].template != args.scenario:
        raise UserError(f"stack {name} was made from {found[0].template}, not from {args.scenario}")
    steps = []
    with deploy.aws_errors():
        for number, step in enumerate(journeys.play(args.scenario, emulator, found[0].outputs), 1):
            steps.append(asdict(step))
            if not args.json:
                print(f"{number}. {step.does}\n   -> {step.answer}\n   shows: {step.shows}", flush=True)
    print(as_json(steps) if args.json else f"{len(steps)} steps, each answered as it must be")
    return 0
