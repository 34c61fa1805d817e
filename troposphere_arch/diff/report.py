"""A diff in words: a table for a terminal, Markdown for a page, plain values for programs."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from typing import Any

from .model import NEW, Bump, Change, Diff, Effect, Path, Section

_EFFECTS = {
    Effect.NONE: "nothing",
    Effect.IN_PLACE: "in place",
    Effect.INTERRUPTION: "interruption",
    Effect.UNKNOWN: "unknown",
    Effect.REPLACEMENT: "REPLACED",
    Effect.REMOVAL: "REMOVED",
    Effect.FAILURE: "UPDATE FAILS",
    Effect.DATA_LOSS: "DATA LOST",
}
_MOST_REASONS = 4
_WIDTH = 118


def summary(diff: Diff) -> str:
    """One line: the worst effect and the smallest step of the version."""
    if not diff.changes:
        return "no change: the two templates make the same stack"
    sure = any(change.certain for change in diff.changes if change.effect == diff.effect)
    worst = effect_of(diff.effect, sure)
    number = f"{len(diff.changes)} change{'s' if len(diff.changes) > 1 else ''}"
    return f"{number}; the worst for a running stack: {worst}; the smallest version that may carry them: {diff.bump}"


def effect_of(effect: Effect, certain: bool) -> str:
    """An effect as a reader meets it."""
    return _EFFECTS[effect] if certain else f"perhaps {_EFFECTS[effect]}"


def shown(change: Change) -> str:
    """What happens to the one that changes, in a word or two."""
    if change.section == Section.PERMISSIONS:
        return change.action
    if change.action == "add" and change.effect <= Effect.IN_PLACE:
        return "added" if change.certain else "perhaps added"
    if change.section != Section.RESOURCES and change.effect <= Effect.IN_PLACE:
        return {"remove": "removed", "change": "changed"}.get(change.action, change.action)
    return effect_of(change.effect, change.certain)


def table(diff: Diff) -> str:
    """All of it for a terminal: a line for each change, the gravest first, and why below it."""
    lines = []
    for change in diff.changes:
        head = f"{shown(change):20} {change.bump!s:5}  {_what(change)}"
        lines.append(head.rstrip())
        lines += [
            textwrap.fill(text, _WIDTH, initial_indent=" " * 28, subsequent_indent=" " * 30) for text in _why(change)
        ]
    if diff.standing:
        lines += ["", "With any update, whatever changes:"]
        lines += [textwrap.fill(one, _WIDTH, initial_indent="  ", subsequent_indent="    ") for one in diff.standing]
    if diff.notes:
        lines += ["", "Not looked at:", *(f"  {note}" for note in diff.notes)]
    return "\n".join([*lines, *([""] if lines else []), summary(diff)])


def markdown(diff: Diff, title: str) -> str:
    """All of it as a section of a Markdown page, below the heading `title`."""
    lines = [f"## {title}", "", summary(diff).capitalize() + ".", ""]
    if diff.changes:
        lines += ["| what happens | version | what | why |", "|---|---|---|---|"]
    for change in diff.changes:
        why = "<br>".join(_cell(text) for text in _why(change))
        lines.append(f"| {_cell(shown(change))} | {change.bump} | {_cell(_what(change))} | {why} |")
    if diff.standing:
        lines += ["", "With any update, whatever changes:", "", *(f"- {one}" for one in diff.standing)]
    if diff.notes:
        lines += ["", "Not looked at:", "", *(f"- {note}" for note in diff.notes)]
    return "\n".join(lines).rstrip() + "\n"


def plain(diff: Diff) -> dict[str, Any]:
    """The same for programs."""
    return {
        "effect": str(diff.effect),
        "version": str(diff.bump),
        "changes": [_plain(change) for change in diff.changes],
        "standing": list(diff.standing),
        "notes": list(diff.notes),
    }


def level(text: str) -> Bump | Effect:
    """What `--fail-on` names: a step of the version (`minor`), or an effect (`replacement`). Raises ValueError."""
    every: tuple[Bump | Effect, ...] = (*Bump, *Effect)
    for one in every:
        if one and text == str(one).replace(" ", "-"):
            return one
    raise ValueError(text)


LEVELS = tuple(str(one).replace(" ", "-") for one in (*Bump, *Effect) if one)


def reaches(diff: Diff, limit: Bump | Effect) -> bool:
    """Whether a diff is as grave as that, or graver."""
    return diff.bump >= limit if isinstance(limit, Bump) else diff.effect >= limit


def dotted(path: Path) -> str:
    """`Environment.Variables.TABLE`."""
    return ".".join(map(str, path))


def _what(change: Change) -> str:
    where = "" if change.section in (Section.RESOURCES, Section.PERMISSIONS) else f"{change.section.value} "
    kind = f" ({change.kind})" if change.kind else ""
    when = f", {change.when}" if change.when else ""
    return f"{where}{change.name}{kind}{when}".strip()


def _why(change: Change) -> Iterator[str]:
    together: dict[str, list[str]] = {}
    for reason in change.reasons:
        if reason.says != NEW:
            together.setdefault(reason.says, []).append(dotted(reason.path))
    for says, paths in list(together.items())[:_MOST_REASONS]:
        named = [path for path in dict.fromkeys(paths) if path]
        more = f" and {len(named) - _MOST_REASONS} more" if len(named) > _MOST_REASONS else ""
        yield f"{', '.join(named[:_MOST_REASONS])}{more}: {says}" if named else says
    if len(together) > _MOST_REASONS:
        yield f"and {len(together) - _MOST_REASONS} more reasons"
    if change.data:
        yield f"data {change.data}"
    if change.advice:
        yield f"→ {change.advice}"


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def _plain(change: Change) -> dict[str, Any]:
    whole = {
        "section": change.section.value,
        "name": change.name,
        "type": change.kind,
        "action": change.action,
        "effect": str(change.effect),
        "certain": change.certain,
        "version": str(change.bump),
        "when": change.when,
        "data": change.data,
        "advice": change.advice,
        "reasons": [
            {
                key: value
                for key, value in {
                    "property": dotted(reason.path),
                    "says": reason.says,
                    "through": reason.through,
                    "source": reason.source,
                }.items()
                if value
            }
            for reason in change.reasons
        ],
    }
    return {key: value for key, value in whole.items() if value != ""}
