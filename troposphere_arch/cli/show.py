"""One template: its parameters, outputs, resources by kind, the arrows of its diagram, and its size."""

from __future__ import annotations

import argparse
import textwrap
from collections import Counter
from typing import Any

from .. import parameters, scenarios
from ..render import plain, render
from .table import as_json, table


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("scenario", help=f"one of: {', '.join(scenarios.NAMES)}")
    parser.add_argument("--json", action="store_true", help="print all of it as JSON")


def run(args: argparse.Namespace) -> int:
    """Print what the template holds."""
    from dataclasses import asdict

    page = scenarios.page(args.scenario)
    t = page.build()
    value: dict[str, Any] = plain(t)
    kinds = Counter(r["Type"] for r in value["Resources"].values())
    size = len(render(t))
    if args.json:
        shown = {
            "scenario": args.scenario,
            "version": page.VERSION,
            "description": value["Description"],
            "bytes": size,
            "parameters": value["Parameters"],
            "outputs": value["Outputs"],
            "resources": dict(sorted(kinds.items())),
            "presets": page.PRESETS,
            "arrows": [asdict(arrow) for arrow in t.arrows],
        }
        print(as_json(shown))
        return 0
    print(f"{value['Description']}\n{size} bytes, {len(value['Resources'])} resources\n")
    declared = [(spec.name, value["Parameters"].get(spec.name)) for spec in parameters.ALL]
    for name, p in declared:
        if p:
            print(f"{name} = {p['Default']}   {_limits(p)}")
            print(textwrap.indent(textwrap.fill(p["Description"], 100), "    "))
    print()
    outputs = [[n, o.get("Condition", ""), o["Description"]] for n, o in value["Outputs"].items()]
    print(table(["output", "when", "description"], outputs) + "\n")
    print(table(["resource", "number"], sorted(kinds.items())) + "\n")
    arrows = [[a.source, a.verb, a.destination, a.label, a.when or ""] for a in t.arrows]
    print(table(["from", "verb", "to", "what", "when"], arrows))
    return 0


def _limits(parameter: dict[str, Any]) -> str:
    if "AllowedValues" in parameter:
        return f"({', '.join(parameter['AllowedValues'])})"
    if "MinValue" in parameter:
        return f"({parameter['MinValue']} to {parameter['MaxValue']})"
    return ""
