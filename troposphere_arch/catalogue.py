"""The catalogue: which files `templates/` holds for each scenario, and its index.

templates/index.json
templates/<scenario>/<version>/<scenario>.template.json
templates/<scenario>/<version>/<scenario>.retained.json     what outlives a stack, to import into a new one
templates/<scenario>/<version>/parameters/<preset>.json
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from . import places, scenarios
from .errors import UserError
from .render import render, retained, text

INDEX = "index.json"


def template_path(scenario: str, version: str) -> str:
    """Where the template of a version stands, below `templates/`."""
    return f"{scenario}/{version}/{scenario}.template.json"


def contents() -> dict[str, bytes]:
    """Every file below `templates/`, made from the sources: relative path -> bytes."""
    made: dict[str, bytes] = {}
    entries: list[dict[str, Any]] = []
    for name in scenarios.NAMES:
        page = scenarios.page(name)
        t = page.build()
        path = template_path(name, page.VERSION)
        made[path] = render(t)
        made[f"{name}/{page.VERSION}/{name}.retained.json"] = retained(t)
        for preset, chosen in sorted(page.PRESETS.items()):
            made[f"{name}/{page.VERSION}/parameters/{preset}.json"] = _preset(t.to_dict()["Parameters"], chosen)
        entries.append(
            {
                "scenario": name,
                "version": page.VERSION,
                "status": "draft",
                "template": path,
                "sha256": hashlib.sha256(made[path]).hexdigest(),
                "bytes": len(made[path]),
                "resources": len(t.resources),
                "description": page.DESCRIPTION,
            }
        )
    made[INDEX] = text({"templates": entries})
    return made


def _preset(parameters: dict[str, Any], chosen: dict[str, str]) -> bytes:
    """A parameter file as `create-stack --parameters` and `create-change-set --parameters` take it."""
    unknown = sorted(chosen.keys() - parameters.keys())
    if unknown:
        raise ValueError(f"the preset chooses {', '.join(unknown)}, which is no parameter of the template")
    values = {name: chosen.get(name, definition["Default"]) for name, definition in sorted(parameters.items())}
    return text([{"ParameterKey": name, "ParameterValue": value} for name, value in values.items()])


def read_index(templates: Path) -> list[dict[str, Any]]:
    """The entries of the index below `templates`; none when there is no index yet."""
    try:
        entries: list[dict[str, Any]] = json.loads((templates / INDEX).read_text())["templates"]
    except FileNotFoundError:
        return []
    except (OSError, ValueError, KeyError, TypeError):
        raise UserError(f"{templates / INDEX} is damaged: make it anew with `{places.command()} build`") from None
    return entries


def is_template(path: str) -> bool:
    """Whether a file of the catalogue is a whole template."""
    return path.endswith(".template.json")


def is_part(path: str) -> bool:
    """Whether a file of the catalogue is the part of a template that outlives its stacks."""
    return path.endswith(".retained.json")
