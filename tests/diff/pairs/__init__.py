"""Pairs of published templates, and what their authors say of the way from one to the other.

    pairs.json ──▶ Pair ──two templates──▶ Diff ──▶ Expectation holds?
                             ▲
       the published files, out of clones (sources.py, measure.py): measured by hand, in measured.md
       retold by us in a few lines (retold.py): tested at every run

The expectations were written down from release notes, migration guides, pull requests and issues before the diff was
asked; `known` beside one is why it does not hold, added afterwards. An expectation is never changed. The published
files are not part of this project: pairs.json names their commits and the hashes of their bytes.

    python -m tests.diff.pairs CLONE...     the figures of the published ones, and what no note tells
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from troposphere_arch.diff import Bump, Change, Diff, Effect, diff
from troposphere_arch.diff.checking import check
from troposphere_arch.diff.parsing import parse

HERE = Path(__file__).parent
SIDES = ("old", "new")
WHOLE = "*"
EFFECTS = {str(effect): effect for effect in Effect}
BUMPS = {str(bump): bump for bump in Bump}

Template = dict[str, Any]


@dataclass(frozen=True)
class Expectation:
    """One thing that a note says of an update, in the words of the diff.

    Of a change `name` in `section`: that there is one with this `action`, and with this `effect` (or `at_least` that),
    `bump`, `data`, `certain`, and with all that it `mentions`; or that there is none graver than `at_most`, or none
    with the action `never`. With the name `*`, of the whole.
    """

    written: Mapping[str, Any]

    @property
    def name(self) -> str:
        return str(self.written.get("name", WHOLE))

    @property
    def section(self) -> str:
        return str(self.written["section"])

    @property
    def known(self) -> str:
        """Why it does not hold; empty when it does."""
        return str(self.written.get("known", ""))

    def __str__(self) -> str:
        return json.dumps({key: value for key, value in self.written.items() if key not in ("known", "because")})

    def holds(self, found: Diff) -> bool:
        """Whether the diff says so, too."""
        if self.section == WHOLE:
            return self._whole(found)
        changes = [c for c in found.changes if c.section.value == self.section and c.name == self.name]
        said = self.written
        if "at_most" in said:
            graver = [change for change in changes if change.effect > EFFECTS[said["at_most"]]]
            return not graver and ("action" not in said or any(c.action == said["action"] for c in changes))
        if "never" in said:
            certainly = said.get("certainly", False)
            return not any(c.action == said["never"] and (c.certain or not certainly) for c in changes)
        return any(self._is(change) for change in changes)

    def _is(self, change: Change) -> bool:
        said = self.written
        words = " ".join(reason.says for reason in change.reasons)
        return (
            change.action == said.get("action", change.action)
            and str(change.effect) == said.get("effect", str(change.effect))
            and change.effect >= EFFECTS[said.get("at_least", "none")]
            and str(change.bump) == said.get("bump", str(change.bump))
            and change.data == said.get("data", change.data)
            and change.certain == said.get("certain", change.certain)
            and all(word in words for word in said.get("mentions", ()))
        )

    def _whole(self, found: Diff) -> bool:
        said = self.written
        return (
            str(found.bump) == said.get("bump", str(found.bump))
            and found.bump <= BUMPS[said.get("bump_at_most", "major")]
            and found.effect >= EFFECTS[said.get("at_least", "none")]
            and found.effect <= EFFECTS[said.get("effect_at_most", str(max(Effect)))]
            and ("standing" not in said or any(said["standing"] in one for one in found.standing))
        )


@dataclass(frozen=True)
class Pair:
    """Two versions of a template, and what was said of the update from one to the other."""

    written: Mapping[str, Any]

    @property
    def id(self) -> str:
        return str(self.written["id"])

    @property
    def project(self) -> str:
        return str(self.written["project"])

    @property
    def published(self) -> bool:
        """Whether there are two files; two pairs are told of in an issue, and only retold."""
        return "old" in self.written

    @property
    def update(self) -> tuple[str, ...]:
        """What is updated to what; pairs with other parameters have the same."""
        if not self.published:
            return (self.id,)
        return (self.project, str(self.written["path"]), *(str(self.written[side]["commit"]) for side in SIDES))

    @property
    def expectations(self) -> list[Expectation]:
        return [Expectation(one) for one in self.written["expect"]]

    def read(self, data: bytes) -> Template:
        """The template of a published file, with what its project fills in when it publishes one."""
        template = parse(data, str(self.written["path"]))
        for section, more in self.written.get("filled", {}).items():
            template[section] = {**template.get(section, {}), **more}
        return check(template, self.id)

    def parameters(self, side: str, template: Template) -> dict[str, str] | None:
        """What the note says to give, of what this template has; nothing if the note says nothing."""
        given = self.written.get(f"{side}_parameters")
        return given and {name: value for name, value in given.items() if name in (template.get("Parameters") or {})}

    def compare(self, old: Template, new: Template) -> Diff:
        """What the update from one of these templates to the other does."""
        before, after = (self.parameters(side, one) for side, one in zip(SIDES, (old, new), strict=True))
        return diff(old, new, old_parameters=before, new_parameters=after)


@cache
def pairs() -> list[Pair]:
    """Every pair."""
    return [Pair(one) for one in json.loads((HERE / "pairs.json").read_text())]
