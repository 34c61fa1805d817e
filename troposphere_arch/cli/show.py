"""One template: its parameters, outputs, resources by kind, the arrows of its diagram, and its size.

As the sources make it; of a version, such as todo@1.0.0, as it was released, which tells no arrows.
"""

from __future__ import annotations

import argparse
import textwrap
from collections import Counter
from dataclasses import asdict
from typing import Any

from .. import scenarios
from .table import as_json, table


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("scenario", help=f"one of: {', '.join(scenarios.NAMES)}; or a version, such as todo@1.0.0")
    parser.add_argument("--json", action="store_true", help="print all of it as JSON")


def run(args: argparse.Namespace) -> int:
    """Print what the template holds."""
    shown = _released(args.scenario) if "@" in args.scenario else _of_sources(args.scenario)
    if args.json:
        print(as_json(shown))
        return 0
    print(f"{shown['description']}\n{shown['bytes']} bytes, {sum(shown['resources'].values())} resources\n")
    for name, p in shown["parameters"].items():
        print(f"{name} = {p.get('Default', '(to be given)')}   {_limits(p)}")
        print(textwrap.indent(textwrap.fill(p.get("Description", ""), 100), "    "))
    print()
    outputs = [[n, o.get("Condition", ""), o["Description"]] for n, o in shown["outputs"].items()]
    print(table(["output", "when", "description"], outputs) + "\n")
    print(table(["resource", "number"], list(shown["resources"].items())))
    if shown["arrows"]:
        arrows = [[a["source"], a["verb"], a["destination"], a["label"], a["when"] or ""] for a in shown["arrows"]]
        print("\n" + table(["from", "verb", "to", "what", "when"], arrows))
    return 0


def _of_sources(name: str) -> dict[str, Any]:
    from ..render import plain, render

    page = scenarios.page(name)
    if name in scenarios.FROM_RELEASES:
        return _released(f"{name}@{page.VERSION}")
    t = page.build()
    value = plain(t)
    arrows = [asdict(arrow) for arrow in t.arrows]
    return _shown(name, page.VERSION, value, len(render(t)), page.PRESETS, arrows)


def _released(name: str) -> dict[str, Any]:
    import json

    from .. import catalogue
    from ..choosing import choose
    from ..releases.frozen import chosen

    found = choose(name)
    folder, value = f"{found.scenario}/{found.version}/", json.loads(found.template)
    defaults = {name: p.get("Default") for name, p in value.get("Parameters", {}).items()}
    presets = {
        preset: {k: v for k, v in chosen(found.files[folder + path]).items() if v != defaults.get(k)}
        for path, preset in catalogue.presets_of(folder, found.files).items()
    }
    return _shown(found.scenario, found.version, value, len(found.template), presets, [])


def _shown(
    name: str, version: str, value: dict[str, Any], size: int, presets: Any, arrows: list[Any]
) -> dict[str, Any]:
    from .. import parameters

    declared = value.get("Parameters", {})
    # In the order of the console's groups; what a release had and today's sources lack comes last.
    order = [*(spec.name for spec in parameters.ALL if spec.name in declared), *sorted(declared)]
    return {
        "scenario": name,
        "version": version,
        "description": value["Description"],
        "bytes": size,
        "parameters": {one: declared[one] for one in dict.fromkeys(order)},
        "outputs": value.get("Outputs", {}),
        "resources": dict(sorted(Counter(r["Type"] for r in value["Resources"].values()).items())),
        "presets": presets,
        "arrows": arrows,
    }


def _limits(parameter: dict[str, Any]) -> str:
    if "AllowedValues" in parameter:
        return f"({', '.join(parameter['AllowedValues'])})"
    if "MinValue" in parameter:
        return f"({parameter['MinValue']} to {parameter['MaxValue']})"
    return ""
