"""From a system to the files of its catalogue: the platform's, and those of each service.

Each is made by itself: from its declaration, its code, and of the services that it uses what it needs to know.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from .. import memory
from ..errors import UserError
from . import bundle, image
from .declaration import FRONT, INSTANCES, PLATFORM, SERVERS, Service, System

if TYPE_CHECKING:
    from ..catalogue import Draft
    from ..template import ScenarioTemplate

# Of a declaration, what says where it stands and not what it says.
_PLACE = ("folder", "lines", "file")


def draft(system: System, name: str) -> Draft:
    """The files of the platform, or of the service `name`, as its declaration and its code make them.

    Raises `UserError` when its code cannot be bundled.
    """
    from .. import catalogue
    from ..render import plain, render, retained

    t, presets, version, description = _page(system, name)
    stack = system.stack(name)
    folder = f"{stack}/{version}"
    whole = plain(t)
    parameters = whole.get("Parameters", {})
    files = {
        catalogue.template_path(stack, version): render(t, whole),
        f"{folder}/{stack}.retained.json": retained(t, whole),
    }
    for preset, chosen in sorted(presets.items()):
        known = {key: value for key, value in chosen.items() if key in parameters}
        files[f"{folder}/parameters/{preset}.json"] = catalogue.preset_file(parameters, known)
    return catalogue.Draft(stack, version, description, len(t.resources), (), files)


def inputs(system: System, name: str) -> str | None:
    """The SHA-256 of all that the files of `name` depend on; None when a tool of ours tells no version.

    Raises `UserError` when its code cannot be bundled.
    """
    sources = memory.sources()
    if sources is None:
        return None
    what: list[Any] = [sources, name, system.platform.name]
    if name == PLATFORM:
        what.append(_said(system.platform))
    else:
        service = system.services[name]
        used = [system.services[other] for other in service.uses]
        known = [[other.name, other.shape, other.prefix, other.routes] for other in used]
        code = {} if service.shape == FRONT else bundle.modules(service.folder, server=service.shape in SERVERS)
        what += [_said(service), code, known]
        if service.shape == INSTANCES:  # those of a container are in its image
            what.append(image.requirements(service).decode())
    return hashlib.sha256(json.dumps(what, sort_keys=True).encode()).hexdigest()


def _page(system: System, name: str) -> tuple[ScenarioTemplate, Mapping[str, Mapping[str, str]], str, str]:
    if name == PLATFORM:
        from . import platform

        made = platform.build(system.platform)
        return made, platform.PRESETS, system.platform.version, platform.DESCRIPTION
    if name not in system.services:
        raise UserError(f"there is no service {name} in {system.folder}: there is {', '.join(sorted(system.services))}")
    from . import service

    one: Service = system.services[name]
    return service.build(system, one), service.PRESETS, one.version, one.description


def _said(declaration: Any) -> dict[str, Any]:
    """What a declaration says, as plain values."""
    fields = (one.name for one in dataclasses.fields(declaration) if one.name not in _PLACE)
    return {name: getattr(declaration, name) for name in fields}
