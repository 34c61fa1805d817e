"""What an update does to a running stack: the difference of any two CloudFormation templates.

    Template, Template ──worlds, facts──▶ resources ──spreading──▶ consequences ─┬─▶ Diff ──report──▶ table, Markdown
                       ├──▶ permissions, sections ───────────────────────────────┤
                       └──comparing──▶ nested stacks, each the same again ───────┘

`reading` gets templates from wherever they are. Nothing else here asks anybody anything: facts come from the resource
schemas that cfn-lint ships, and from `supplement`, each row with its page. What is in neither is unknown, never safe.
"""

from __future__ import annotations

from collections.abc import Mapping

from .model import Bump, Change, Diff, Effect, Nested, Reason, Section, Template

__all__ = ["Bump", "Change", "Diff", "Effect", "Nested", "Reason", "Section", "diff"]


def diff(
    old: Template,
    new: Template,
    *,
    old_parameters: Mapping[str, str] | None = None,
    new_parameters: Mapping[str, str] | None = None,
    region: str | None = None,
    nested: Mapping[str, Nested] | None = None,
) -> Diff:
    """What an update from `old` to `new` does to a running stack.

    Templates are plain values with functions in their long form. `old_parameters` are those that the stack runs with:
    what they leave out is at the old template's default. Without them nothing is known of the stack's parameters, and
    both sides of each condition are considered. `new_parameters` are those given with the update: what they leave out
    keeps its value, and a parameter that the old template lacks is at its default. `region` is where the stack is.
    `nested` holds, by the logical id of the nested stack, what there is to compare.
    """
    from . import known
    from .comparing import compare

    given = known.of_stack(old, new, old_parameters, new_parameters, region)
    found = compare(old, new, given, nested or {})
    notes = [f"nested stack {name}: {why}" for name, why in found.notes]
    return Diff(tuple(sorted(found.changes, key=_gravest_first)), found.standing, tuple(notes))


_SECTIONS = {section: i for i, section in enumerate(Section)}


def _gravest_first(change: Change) -> tuple[object, ...]:
    resources_first = 0 if change.section == Section.RESOURCES else 1
    return (-change.effect, -change.bump, resources_first, _SECTIONS[change.section], change.name, change.action)
