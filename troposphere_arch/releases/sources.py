"""What releases are made from: the pages of a checkout, or a folder of services."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from .. import building, catalogue, places, scenarios
from ..building import Result
from ..catalogue import Draft
from . import frozen
from .contract import Declared
from .index import Index


@dataclass(frozen=True)
class Sources:
    """What releases are made from.

    `root` is the folder that version control must know, None when there is none; `templates` is the catalogue in it.
    `names` are the scenarios that can be made, `draft` makes one and `drafts` all of them, from the releases that there
    are; `build` tells what is not as the sources make it, and writes nothing. `command` is what a user types to build,
    and `tells` to see what lint says. `declared` says of what no page makes where its version is written.
    """

    root: Path | None
    templates: Path
    names: tuple[str, ...]
    draft: Callable[[str, Index], Draft]
    drafts: Callable[[Index], Sequence[Draft]]
    build: Callable[[], Result]
    command: str
    tells: str
    declared: Mapping[str, Declared] = field(default_factory=dict)


def pages() -> Sources:
    """The pages of the scenarios."""
    templates = places.templates()
    return Sources(
        root=places.checkout(),
        templates=templates,
        names=(*scenarios.NAMES, *scenarios.FROM_RELEASES),
        draft=lambda name, released: catalogue.draft(name, frozen.offered(templates, released)),
        drafts=lambda released: catalogue.drafts(frozen.offered(templates, released)),
        build=lambda: building.build(templates, write=False),
        command=places.command(),
        tells=f"{places.command()} build",
    )
