"""How a change of a section is found out and told: reason by reason, the gravest first.

    section of old, section of new ──pairs──▶ old one, new one ──Told──▶ Change

Nothing here trusts a shape: what is no mapping has nothing in it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from ..evaluate import ABSENT
from .model import Bump, Change, Effect, Path, Reason, Section, Template
from .spelled import canonical
from .worlds import Side

USER_GUIDE = "https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide"

# What is known of the parameters of a stack, before and after.
Values = tuple[Mapping[str, Any], Mapping[str, Any]]


@dataclass
class Told:
    """What is told of one change, as it is found out: each reason with what it does and what it demands."""

    reasons: list[Reason] = field(default_factory=list)
    effect: Effect = Effect.NONE
    certain: bool = True
    bumps: list[Bump] = field(default_factory=list)

    def tell(
        self,
        says: str,
        bump: Bump,
        effect: Effect = Effect.NONE,
        *,
        certain: bool = True,
        path: Path = (),
        source: str = "",
    ) -> None:
        """Add a reason, behind those that demand as much of the version."""
        after = sum(1 for earlier in self.bumps if earlier >= bump)
        self.reasons.insert(after, Reason(says, path, source))
        self.bumps.insert(after, bump)
        if (effect, certain) > (self.effect, self.certain) or len(self.reasons) == 1:
            self.effect, self.certain = effect, certain

    def change(self, section: Section, name: str, action: str = "change", kind: str = "") -> Iterator[Change]:
        """The change, if there is a reason for one."""
        if self.reasons:
            yield Change(section, name, action, self.effect, self.bumps[0], kind, self.certain, tuple(self.reasons))


def pairs(old: Template, new: Template, title: str) -> Iterator[tuple[str, Any, Any]]:
    """What either side has in a section, by name; `ABSENT` for what it has not."""
    before, after = section(old, title), section(new, title)
    for name in dict.fromkeys([*before, *after]):
        yield str(name), before.get(name, ABSENT), after.get(name, ABSENT)


def section(template: Template, name: str) -> Mapping[Any, Any]:
    """A section of a template; an empty one where it has none."""
    return mapping(template.get(name))


def mapping(value: Any) -> Mapping[Any, Any]:
    """The value, if it is a mapping, else an empty one."""
    return value if isinstance(value, Mapping) else {}


def action_of(before: Any, after: Any) -> str:
    """What became of one: the action of its change."""
    return "add" if before is ABSENT else "remove" if after is ABSENT else "change"


def is_plain(value: Any) -> bool:
    """Whether the value is a text or a number, and no function."""
    return isinstance(value, str | int | float | bool)


def text(value: Any) -> str:
    """A value as CloudFormation takes it for a parameter."""
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if is_plain(value) else canonical(value)


def side(template: Template, other: Template, known: Mapping[str, Any], conditions: Any = None) -> Side:
    """A template with what is known of its parameters; those that the other one has not are at their defaults."""
    there = section(other, "Parameters")
    defaults = {
        name: text(parameter["Default"])
        for name, parameter in section(template, "Parameters").items()
        if name not in there and isinstance(parameter, Mapping) and is_plain(parameter.get("Default", ABSENT))
    }
    return Side({**template, "Conditions": conditions} if conditions else template, {**defaults, **known})
