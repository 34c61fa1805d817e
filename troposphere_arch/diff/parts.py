"""Where two values under conditions differ, part by part: each only in the worlds of the conditions that are in it.

    old value, new value ──Parts──▶ Part, Part, ... ──worlds of its own conditions──▶ differences, each with its worlds

Two bodies with sixty conditions have more worlds than there is time for; but a property hangs on those few that are in
it, and one that is the same in any world on none.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from ..evaluate import ABSENT, simplified
from .model import Path
from .normal import normal
from .values import differences, is_function, is_tags, references, same
from .worlds import MOST, Side, World, affordable, conditions_in, formula, some_worlds

Names = tuple[frozenset[str], frozenset[str]]
"""Conditions of the old template, and of the new one."""


@dataclass(frozen=True)
class Part:
    """Two values that are worked out together; either may be `ABSENT`. `size` is what each world more takes."""

    path: Path
    old: Any
    new: Any
    names: Names
    size: int


@dataclass(frozen=True)
class Differs:
    """A leaf that differs, and in which worlds; in which is not known where there are none."""

    path: Path
    worlds: list[World]
    certain: bool


@dataclass
class Parts:
    """The parts in which two templates differ, and their worlds."""

    old: Side
    new: Side
    _formulas: dict[str, bool] = field(default_factory=dict)
    _worlds: dict[tuple[Names, int], tuple[list[World], bool]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.same_mappings = same(self.old.mappings(), self.new.mappings())
        before, after = self.old.values, self.new.values
        self._moved = {key for key in before.keys() | after.keys() if before.get(key) != after.get(key)}

    def is_same(self, one: Any, other: Any) -> bool:
        """Whether two values are the same in any world, because they are written alike and hang on the same."""
        if one is ABSENT or other is ABSENT or one != other:
            return one is other
        if not isinstance(one, Mapping | list):
            return True
        if not all(map(self.is_same_condition, conditions_in(one))):
            return False
        if self._moved and any(reference.target in self._moved for reference in references(one)):
            return False
        return self.same_mappings or not has_mapping(one)

    def is_same_condition(self, name: str) -> bool:
        """Whether a condition is the same before and after, in any world."""
        if name not in self._formulas:
            self._formulas[name] = formula(self.old, name) == formula(self.new, name)
        return self._formulas[name]

    def of(self, old: Any, new: Any, together: Collection[str] = ()) -> list[Part]:
        """The parts of two mappings; those keys that are told `together` are one of them."""
        one, other = ({key: value for key, value in side.items() if key in together} for side in (old, new))
        whole = [] if self.is_same(one, other) else [_part((), one, other)]
        apart = dict.fromkeys(key for key in [*old, *new] if key not in together)
        return whole + [
            part for key in apart for part in self._apart(old.get(key, ABSENT), new.get(key, ABSENT), (key,))
        ]

    def _apart(self, old: Any, new: Any, path: Path) -> Iterator[Part]:
        if self.is_same(old, new):
            return
        keys: Collection[Any] = ()
        if _are_mappings(old, new):
            old, new = ({} if one is ABSENT else one for one in (old, new))
            keys = dict.fromkeys([*old, *new])
        elif isinstance(old, list) and isinstance(new, list) and not is_tags(path) and self._in_step(old, new):
            old, new = dict(enumerate(old)), dict(enumerate(new))
            keys = old if len(old) > len(new) else new
        if not keys:
            yield _part(path, old, new)
        for key in keys:
            yield from self._apart(old.get(key, ABSENT), new.get(key, ABSENT), (*path, key))

    def _in_step(self, old: list[Any], new: list[Any]) -> bool:
        """Whether items of one number are at one place in any world, because all before them vanish together."""
        both = [(_presence(one), _presence(other)) for one, other in zip(old, new, strict=False)]
        return all(one == other and all(map(self.is_same_condition, _asked(one))) for one, other in both)

    def worlds(self, names: Names, most: int = MOST) -> tuple[list[World], bool]:
        """The worlds of some conditions, and whether these are all."""
        if (names, most) not in self._worlds:
            self._worlds[(names, most)] = some_worlds(self.old, self.new, *names, most)
        return self._worlds[(names, most)]


def most_worlds(parts: Iterable[Part]) -> int:
    """How many worlds of each there is time for, if all of these are to be worked out."""
    return affordable(sum(part.size for part in parts))


def worked_out(value: Any, side: Side, truths: Mapping[str, bool]) -> Any:
    """A value in one world, in its normal form."""
    mappings = side.mappings()
    return normal(simplified(value, side.values, truths, mappings), mappings)


def differing(
    part: Part, before: list[Any], after: list[Any], every: list[World], *, complete: bool, resources: Collection[str]
) -> Iterator[Differs]:
    """The leaves in which a part differs, of what it is before and after in each of its worlds.

    What was not looked at in all worlds, and is the same in those that were, may differ. `resources` is as in
    `differences`.
    """
    where: dict[Path, list[World]] = {}
    sure: dict[Path, bool] = {}
    for world, one, other in zip(every, before, after, strict=True):
        for difference in differences(one, other, resources, part.path):
            where.setdefault(difference.path, []).append(world)
            sure[difference.path] = sure.get(difference.path, True) and difference.certain
    if not where and not complete:
        yield Differs(part.path, [], certain=False)
    for path, worlds in where.items():
        yield Differs(path, worlds, sure[path])


def _part(path: Path, old: Any, new: Any) -> Part:
    names = (frozenset(conditions_in(old)), frozenset(conditions_in(new)))
    return Part(path, old, new, names, size(old) + size(new) if any(names) else 0)


def _are_mappings(old: Any, new: Any) -> bool:
    """Whether each key can be looked at by itself: mappings, of which one may be missing if the other is surely there.

    What holds nothing but what may vanish is there by itself, empty.
    """
    there = [one for one in (old, new) if one is not ABSENT]
    if not all(isinstance(one, Mapping) and not is_function(one) for one in there):
        return False
    return len(there) == 2 or any(not _may_vanish(one) for one in there[0].values())


def _presence(value: Any) -> Any:
    """Whether an item is there; or the condition on which that hangs, with what it is if that holds and if not."""
    match value:
        case {"Ref": "AWS::NoValue"}:
            return False
        case {"Fn::If": [str() as condition, so, otherwise]}:
            there = (_presence(so), _presence(otherwise))
            return there[0] if there[0] == there[1] else (condition, *there)
    return True


def _asked(presence: Any) -> set[str]:
    """The conditions on which a presence hangs."""
    return {presence[0], *_asked(presence[1]), *_asked(presence[2])} if isinstance(presence, tuple) else set()


def _may_vanish(value: Any) -> bool:
    return is_function(value) and ("Fn::If" in value or value == {"Ref": "AWS::NoValue"})


def has_mapping(value: Any) -> bool:
    """Whether anything in a value is looked for in a mapping."""
    if isinstance(value, Mapping):
        return "Fn::FindInMap" in value or any(map(has_mapping, value.values()))
    return isinstance(value, list) and any(map(has_mapping, value))


def size(value: Any) -> int:
    """How much there is in a value: itself, and all that is in it."""
    if isinstance(value, Mapping):
        return 1 + sum(map(size, value.values()))
    return 1 + sum(map(size, value)) if isinstance(value, list) else 1
