"""What is taken: names, addresses, ports that only one resource can have, and that another one still has.

    Finding of what comes, is replaced ──keys──▶ who has it in the old stack? ──in which worlds──▶ Blocked

CloudFormation makes what is new, and what replaces, before it deletes anything. So nothing can take over what another
resource gives up with the same update, and what is replaced cannot keep what only one can have.
https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-updating-stacks-update-behaviors.html
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

from ..evaluate import ABSENT, simplified
from . import facts, supplement
from .facts import Unique
from .model import Effect, Reason
from .normal import normal
from .parts import Names, Parts, has_mapping, size
from .resources import Blocked, Body, Cause, Finding, in_words, is_there, own_condition, resources_of
from .spreading import Moves, change_of
from .values import references
from .worlds import Side, World, affordable, conditions_in

_MOST_HOLDERS = 8  # of one name in the old stack: in one world there is one, and more where their names are not known
# Name of a resource, and what it is unique by.
_Holder = tuple[str, Unique]


def taken(found: Mapping[str, list[Finding]], old: Side, new: Side, moves: Moves) -> None:
    """Tell the findings what stands in their way, if anything does."""
    looking = _Taken(old, new, moves)
    for several in found.values():
        for finding in several:
            if finding.action != "remove":
                finding.blocked = list(looking.blocked(finding))
            finding.causes += list(_other_network(finding, found))


def _other_network(finding: Finding, found: Mapping[str, list[Finding]]) -> Iterator[Cause]:
    """What stays in its network can't follow its subnets into another one."""
    page = supplement.IN_ONE_NETWORK.get(finding.kind)
    for cause in finding.causes if page else ():
        subnet = change_of(found, cause.reason.through)
        for moved in subnet.causes if subnet is not None else ():
            if moved.effect == Effect.REPLACEMENT and moved.reason.path[:1] == ("VpcId",):
                says = f"{cause.reason.through} is then in another network, and such a group can't leave its own"
                reason = Reason(says, cause.reason.path, page or "", cause.reason.through)
                yield Cause(reason, Effect.FAILURE, cause.certain and moved.certain, while_kept=True)


class _Taken:
    def __init__(self, old: Side, new: Side, moves: Moves) -> None:
        self.old, self.new, self.moves = old, new, moves
        self.parts = Parts(old, new)
        self.before, self.after = resources_of(old), resources_of(new)
        self._holders: dict[str, Mapping[str, list[_Holder]]] = {}
        kinds = {one.kind for several in moves.found.values() for one in several if one.action != "remove"}
        bodies = [*self.before.values(), *self.after.values()]
        # Each is worked out by itself, and again beside another one.
        self._most = affordable(2 * sum(_work(body) for body in bodies if body.get("Type") in kinds))

    def blocked(self, finding: Finding) -> Iterator[Blocked]:
        """What is taken of all that this one must have for itself, by itself as it is, or by others."""
        replaced = [cause for cause in finding.causes if cause.effect == Effect.REPLACEMENT]
        for unique in facts.uniques(finding.kind):
            if finding.action == "change" and not replaced and not self._changes(finding, unique):
                continue
            if replaced and not facts.deletes_first(finding.kind):
                yield from self._by_itself(finding, unique)
            yield from self._by_others(finding, unique, replaced=bool(replaced))

    def _changes(self, finding: Finding, unique: Unique) -> bool:
        """Whether what is unique may be another one."""
        return any(path[0] in _tops(unique) for path in finding.paths())

    def _by_itself(self, finding: Finding, unique: Unique) -> Iterator[Blocked]:
        """What is replaced has it, and is to have it; in those worlds in which something else replaces it."""
        tops = _tops(unique)
        causes = [c for c in finding.causes if c.effect == Effect.REPLACEMENT and not tops & {*c.reason.path[:1]}]
        names = _names(finding.old, finding.new, unique)
        for cause in causes:
            names = _joined(names, _names_of(cause.worlds))
        worlds, complete = self.parts.worlds(names, self._most)
        every = [
            world
            for world in worlds
            if is_there(finding.old, finding.new, world) == (True, True)
            and any(not cause.worlds or any(_agree(world, one) for one in cause.worlds) for cause in causes)
        ]
        before = [self._keys(finding.old, unique, self.old, world.old) for world in every]
        after = [self._keys(finding.new, unique, self.new, world.new) for world in every]
        some = [world for world, was, will in zip(every, before, after, strict=True) if was & will]
        if some:
            says = (
                "fixes its name: CloudFormation can't make the new one while the old one has that name"
                if unique.is_name
                else "stays as it is, and only one can have that at a time: CloudFormation makes the new one first"
            )
            yield _blocked(unique, says, some, every, sure=complete)

    def _by_others(self, finding: Finding, unique: Unique, *, replaced: bool) -> Iterator[Blocked]:
        """Another resource has what this one is to have, and has it until the end of the update."""
        mine = _names({}, finding.new, unique)
        wanted = {key for world in self._worlds(mine) for key in self._keys(finding.new, unique, self.new, world.new)}
        holders = self._holding(finding.kind)
        near = {name for key in wanted for name, one in holders.get(key, ()) if one == unique}
        for name in sorted(near - {finding.name})[:_MOST_HOLDERS]:
            body, later = self.before[name], self.after.get(name)
            names = _joined(_names(body, finding.new, unique), _names(finding.old or {}, later or {}, unique))
            worlds, sure = self.parts.worlds(names, self._most)
            every = [
                world
                for world in worlds
                if is_there(finding.old or None, finding.new, world) == (finding.action == "change", True)
            ]
            some = []
            for world in every:
                will = self._keys(finding.new, unique, self.new, world.new)
                if finding.old and finding.action == "change":
                    will -= self._keys(finding.old, unique, self.old, world.old)
                if is_there(body, later, world)[0] and will & self._keys(body, unique, self.old, world.old):
                    some.append(world)
                    sure = sure and self._holds_on(name, body, later, unique, world)
            if some:
                sure = sure and (replaced or finding.action == "add") and not facts.deletes_first(finding.kind)
                says = f"{name} has the same, and {'' if sure else 'perhaps '}keeps it until this one is there"
                yield _blocked(unique, says, some, every, sure=sure, by=name)

    def _holds_on(self, name: str, body: Body, later: Body | None, unique: Unique, world: World) -> bool:
        """Whether a resource is sure to have it as long as anything is made: it is not changed in place before."""
        if later is None or not is_there(body, later, world)[1]:
            return True
        keys = self._keys(body, unique, self.old, world.old)
        if keys <= self._keys(later, unique, self.new, world.new):
            return True
        finding = change_of(self.moves.found, name)
        return finding is not None and any(c.certain and c.effect == Effect.REPLACEMENT for c in finding.causes)

    def _holding(self, kind: str) -> Mapping[str, list[_Holder]]:
        """Who has what, of all old resources of a type, in any world."""
        if kind not in self._holders:
            found: dict[str, list[_Holder]] = defaultdict(list)
            for name, body in self.before.items():
                for unique in facts.uniques(kind) if body.get("Type") == kind else ():
                    worlds = self._worlds(_names(body, {}, unique))
                    keys = {key for world in worlds for key in self._keys(body, unique, self.old, world.old)}
                    for key in keys:
                        found[key].append((name, unique))
            self._holders[kind] = found
        return self._holders[kind]

    def _worlds(self, names: Names) -> list[World]:
        return self.parts.worlds(names, self._most)[0]

    def _keys(self, body: Body, unique: Unique, side: Side, truths: Mapping[str, bool]) -> set[str]:
        """What a resource is unique by, as text; nothing where that is not there, or moves with what it names."""
        values = [_at(body, pointer, side, truths) for pointer in unique.properties]
        around = [_at(body, pointer, side, truths) for pointer in unique.within]
        if any(value in (ABSENT, None) for value in values):
            return set()
        if not self.parts.same_mappings and has_mapping([*values, *around]):
            return set()
        if any(self.moves(reference) is not None for reference in references([*values, *around])):
            return set()
        lists = [value for value in values if isinstance(value, list)]
        if not lists:
            return {_text([values, around])}
        items = [_item(one, unique.item) for one in lists[0]]
        return {_text([[item if value is lists[0] else value for value in values], around]) for item in items}


def _blocked(unique: Unique, says: str, some: list[World], every: list[World], *, sure: bool, by: str = "") -> Blocked:
    """That it is so in some of all the worlds in which it would be made."""
    taken = {id(world) for world in some}
    others = [world for world in every if id(world) not in taken]
    unless = in_words(others, every) if others else ""
    reason = Reason(says, (_shown(unique),), unique.page)
    return Blocked(reason, sure and not others, in_words(some, every), unless, unique.is_name, by)


def _work(body: Body) -> int:
    """How much there is to be worked out in each world, for what a resource is unique by."""
    properties = body.get("Properties") or {}
    tops = {top for unique in facts.uniques(str(body.get("Type", ""))) for top in _tops(unique)}
    values = [properties[top] for top in tops if top in properties]
    return size(values) if conditions_in(values) else 0


def _tops(unique: Unique) -> set[str]:
    return {pointer.partition("/")[0] for pointer in (*unique.properties, *unique.within)}


def _names(old: Body, new: Body, unique: Unique) -> Names:
    """The conditions on which it hangs what these bodies are unique by, and whether they are there."""
    found = []
    for body in (old, new):
        properties = body.get("Properties") or {}
        found.append(own_condition(body) | conditions_in([properties.get(top) for top in _tops(unique)]))
    return frozenset(found[0]), frozenset(found[1])


def _joined(one: Names, other: Names) -> Names:
    return one[0] | other[0], one[1] | other[1]


def _names_of(worlds: tuple[World, ...]) -> Names:
    return (frozenset(worlds[0].old), frozenset(worlds[0].new)) if worlds else (frozenset(), frozenset())


def _agree(world: World, part: World) -> bool:
    """Whether one world is another one, of which less is told."""
    return part.old.items() <= world.old.items() and part.new.items() <= world.new.items()


def _at(body: Body, pointer: str, side: Side, truths: Mapping[str, bool]) -> Any:
    top, *steps = pointer.split("/")
    value = normal(
        simplified((body.get("Properties") or {}).get(top, ABSENT), side.values, truths, side.mappings()), {}
    )
    for step in steps:
        value = value.get(step, ABSENT) if isinstance(value, Mapping) else ABSENT
    return value


def _item(value: Any, names: tuple[str, ...]) -> Any:
    given = [value[name] for name in names if isinstance(value, Mapping) and name in value]
    return given[0] if given else value


def _text(value: Any) -> str:
    """The same text for the same value, and for `80` and `"80"`."""
    return json.dumps(_plain(value), sort_keys=True, default=lambda _: "")


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_plain(one) for one in value]
    return value if value is ABSENT else str(value)


def _shown(unique: Unique) -> str:
    """The property that tells most of it: the last one, such as the port of a listener; the first part of a name."""
    return (unique.properties[0] if unique.is_name else unique.properties[-1]).replace("/", ".")
