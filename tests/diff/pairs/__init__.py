"""Pairs of published templates, and what their authors say of the way from one to the other.

    pairs.json ──▶ Pair ──the two files of templates.tar.xz, or "templates" of its own──▶ Diff ──▶ Expectation holds?

The expectations were written down from release notes, migration guides, pull requests and issues before the diff was
asked; `known` beside one is why it does not hold, added afterwards. An expectation is never changed.

    python -m tests.diff.pairs        the figures, and what the diff finds that no note tells
"""

from __future__ import annotations

import io
import json
import lzma
import tarfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

from troposphere_arch.diff import Bump, Change, Diff, Effect, Section, diff
from troposphere_arch.diff.checking import check
from troposphere_arch.diff.parsing import parse

HERE = Path(__file__).parent
WHOLE = "*"
EFFECTS = {str(effect): effect for effect in Effect}
BUMPS = {str(bump): bump for bump in Bump}


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
    def update(self) -> tuple[str, ...]:
        """What is updated to what; pairs with other parameters have the same."""
        return tuple(str(self.written.get(side, self.id)) for side in ("old", "new"))

    @property
    def expectations(self) -> list[Expectation]:
        return [Expectation(one) for one in self.written["expect"]]

    @cached_property
    def diff(self) -> Diff:
        return diff(
            self.template("old"),
            self.template("new"),
            old_parameters=self.written.get("old_parameters"),
            new_parameters=self.written.get("new_parameters"),
        )

    def template(self, side: str) -> dict[str, Any]:
        """The template of one side: `old` or `new`."""
        if "templates" in self.written:
            return check(self.written["templates"][side], f"{self.id} {side}")
        name = self.written[side]["file"]
        read = parse(_archive()[name], name)
        for section, more in self.written.get("filled", {}).items():  # what the project fills in when it is published
            read[section] = {**read.get(section, {}), **more}
        return check(read, name)


@cache
def pairs() -> list[Pair]:
    """Every pair."""
    return [Pair(one) for one in json.loads((HERE / "pairs.json").read_text())]


@cache
def _archive() -> dict[str, bytes]:
    packed = lzma.decompress((HERE / "templates.tar.xz").read_bytes())
    with tarfile.open(fileobj=io.BytesIO(packed)) as tar:
        return {one.name: file.read() for one in tar if (file := tar.extractfile(one)) is not None}


def untold(pair: Pair) -> Iterator[Change]:
    """What the diff finds grave (a replacement or worse, a parameter that goes) and no expectation on it names."""
    told = {(one.section, one.name) for other in pairs() if other.update == pair.update for one in other.expectations}
    for change in pair.diff.changes:
        replaced = change.section == Section.RESOURCES and change.action == "change"
        grave = replaced and change.effect >= Effect.REPLACEMENT
        gone = change.section == Section.PARAMETERS and change.action == "remove"
        if (grave or gone) and (change.section.value, change.name) not in told:
            yield change
