"""What a release tells of itself: UPGRADE.md for people, upgrade.json for programs, an entry of the changelog.

    diffs from each earlier release ──▶ UPGRADE.md, upgrade.json ──▶ a paragraph in CHANGELOG.md

None of them holds a day but the changelog, so that a release made twice makes the same files.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from .. import places
from ..catalogue import Draft
from ..diff.model import Change, Diff, Effect, Section
from ..diff.report import effect_of, markdown, plain, shown
from ..errors import UserError
from ..render import text

HEADING = "## Templates"
"""Below it the changelog has an entry for each release, the newest first."""


@dataclass(frozen=True)
class Update:
    """An update from an earlier release: what it does, and with each preset (where both releases have it)."""

    version: str
    diff: Diff
    presets: Mapping[str, Diff]


def upgrade_json(draft: Draft, updates: Iterable[Update]) -> bytes:
    """The updates from each earlier release, oldest first."""
    return text(
        {
            "scenario": draft.scenario,
            "version": draft.version,
            "from": [
                {
                    "release": update.version,
                    **plain(update.diff),
                    "presets": {name: str(found.effect) for name, found in update.presets.items()},
                }
                for update in updates
            ],
        }
    )


def upgrade_md(draft: Draft, updates: Sequence[Update]) -> bytes:
    """The same for people: the update from the newest release comes first."""
    lines = [f"# Upgrading to {draft.scenario} {draft.version}", "", draft.description, ""]
    if not updates:
        lines += [
            "This is the first release: there is nothing to upgrade from. A stack that was made from a draft of this "
            f"version may differ from it; `{places.command()} status STACK` tells how.",
            "",
        ]
        return "\n".join(lines).encode()
    lines += [
        "What an update does to a running stack, by machine: from AWS's resource schemas and pages, and from the "
        "permissions of both templates. Where a parameter decides, both cases are here; "
        f"`{places.command()} status STACK` tells what it does to one stack of yours.",
        "",
        "| from | worst | resources replaced or removed | data |",
        "|---|---|---|---|",
    ]
    lines += [_row(update) for update in reversed(updates)]
    for update in reversed(updates):
        lines += ["", *_section(draft, update)]
    return ("\n".join(lines).rstrip() + "\n").encode()


def _row(update: Update) -> str:
    gone = [c.name for c in update.diff.changes if _is_gone(c)]
    data = sorted({f"{c.name} {c.data}" for c in update.diff.changes if c.data})
    return f"| {update.version} | {worst(update.diff)} | {_list(gone)} | {_list(data)} |"


def _section(draft: Draft, update: Update) -> list[str]:
    """What is to be known of the update from one release."""
    changes = update.diff.changes
    advice = [f"{change.name}: {change.advice}" for change in changes if change.advice]
    gone = [f"{c.name} ({c.kind}): {shown(c)}" + (f", data {c.data}" if c.data else "") for c in changes if _is_gone(c)]
    rights = [
        f"{change.action}: {says}"
        for change in changes
        if change.section == Section.PERMISSIONS
        for says in [reason.says for reason in change.reasons] or [change.name]
    ]
    parameters = [f"{c.name}: {_says(c)}" for c in changes if c.section == Section.PARAMETERS]
    presets = [f"{name}: {worst(found)}" for name, found in update.presets.items()]
    lines = [f"## From {update.version}", ""]
    for title, items, nothing in (
        ("To do by hand", advice, "Nothing."),
        ("Replaced or removed", gone, "No resource."),
        ("Permissions", rights, "As they were."),
        ("Parameters", parameters, "As they were."),
        ("With each preset, on both sides", presets, "No preset is in both releases."),
    ):
        lines += [f"**{title}.** {nothing}" if not items else f"**{title}.**", ""]
        lines += [f"- {' '.join(item.split())}" for item in items] + ([""] if items else [])
    return lines + markdown(update.diff, f"All changes from {update.version} to {draft.version}").splitlines()


def worst(diff: Diff) -> str:
    """The worst effect of all changes, as a reader meets it."""
    sure = any(change.certain for change in diff.changes if change.effect == diff.effect)
    return effect_of(diff.effect, sure or not diff.changes)


def _is_gone(change: Change) -> bool:
    return change.section == Section.RESOURCES and change.effect >= Effect.REPLACEMENT


def _says(change: Change) -> str:
    """What there is to say of a change; at least that it came, went or changed."""
    says = [reason.says for reason in change.reasons if reason.says]
    return "; ".join(says) or {"add": "new", "remove": "gone", "change": "changed"}.get(change.action, change.action)


def _list(items: Sequence[str]) -> str:
    return ", ".join(items) or "none"


def with_entry(changelog: bytes, draft: Draft, day: str, updates: Sequence[Update]) -> bytes:
    """The changelog with the entry of a release. Raises `UserError` when it is no text."""
    try:
        lines = changelog.decode().splitlines()
    except UnicodeDecodeError:
        raise UserError("CHANGELOG.md is no UTF-8 text: mend it first") from None
    if HEADING not in lines:
        at = next((i for i, line in enumerate(lines) if line.startswith("## ")), len(lines))
        lines[at:at] = [HEADING, ""]
    at = lines.index(HEADING) + 1
    lines[at:at] = ["", f"### {draft.scenario} {draft.version} ({day})", *_entry(draft, updates)]
    return ("\n".join(lines).rstrip() + "\n").encode()


def _entry(draft: Draft, updates: Sequence[Update]) -> list[str]:
    page = f"templates/{draft.scenario}/{draft.version}/UPGRADE.md"
    if not updates:
        return ["- The first release."]
    last = updates[-1]
    lines = [f"- An update from {last.version}: {worst(last.diff)} at worst ([UPGRADE.md]({page}))."]
    gone = [change.name for change in last.diff.changes if _is_gone(change)]
    widened = [c.name for c in last.diff.changes if c.section == Section.PERMISSIONS and c.action == "widened"]
    if gone:
        lines.append(f"- Replaced or removed: {', '.join(gone)}.")
    if widened:
        lines.append(f"- Permissions widened: {', '.join(widened)}.")
    return lines
