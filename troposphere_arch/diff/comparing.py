"""A stack before and after an update, with the stacks that are nested in it.

    Side, Side ──findings──▶ spread ◀──parameters, outputs──▶ nested: the same again ──▶ Compared

What a parent passes on to a nested stack may be another value after the update, and so may what it takes from there:
a nested stack is compared when all is known of what it gets, and before what uses its outputs.
https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-nested-stacks.html
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from . import known as parameters
from . import nested as below
from . import outputs, permissions, renames, sections, standing
from .known import Known
from .model import Bump, Change, Effect, Nested, Section, Template
from .resources import Finding, findings
from .settling import settled
from .spreading import Moved, change_of, spread
from .taken import taken
from .worlds import Side

_NOTHING: Template = {"Resources": {}}


@dataclass(frozen=True)
class Compared:
    """What an update does to one stack. `moving` are its outputs with another value; notes are by the nested stack."""

    changes: tuple[Change, ...]
    standing: tuple[str, ...]
    notes: tuple[tuple[str, str], ...]
    moving: Mapping[str, Moved]


def compare(old: Template, new: Template, known: Known, nested: Mapping[str, Nested]) -> Compared:
    """Compare two templates of one stack, of which that much is known."""
    old_side = Side(old, known.before)
    new_side = parameters.side(new, known.after, known.before, known.moved)
    found = findings(old_side, new_side)
    stacks = _Stacks(old_side, new_side, known, nested, found)
    stacks.not_looked_at()
    stacks.refused()
    moves = spread(found, old_side, new_side, known.moved, stacks)
    stacks.unknown_inside()
    taken(found, old_side, new_side, moves)
    changes = list(_resources([finding for several in found.values() for finding in several]))
    changes += permissions.permissions(old, new, *known.told)
    changes += sections.sections(old, new, *known.told, moves=moves)
    dangers = list(standing.standing(Side(new, known.after)))
    notes: list[tuple[str, str]] = []
    for name, inside in stacks.inside():
        changes += [replace(change, name=f"{name}/{change.name}") for change in inside.changes]
        dangers += [f"{name}/{danger}" for danger in inside.standing]
        notes += [(f"{name}/{stack}" if stack else name, why) for stack, why in inside.notes]
    return Compared(tuple(changes), tuple(dangers), tuple(notes), outputs.moving(old_side, new_side, moves))


def _resources(everything: list[Finding]) -> Iterator[Change]:
    renamed = renames.renames(everything)
    for finding in everything:
        change = settled(finding)
        if finding.action == "remove" and finding.name in renamed:
            change = replace(change, advice=renames.advice(finding.name, renamed[finding.name]))
        yield change


@dataclass
class _Stacks:
    """The stacks that are nested in one stack; `found` is what happens to its resources."""

    old: Side
    new: Side
    known: Known
    nested: Mapping[str, Nested]
    found: dict[str, list[Finding]]
    compared: dict[str, Compared] = field(default_factory=dict)
    passed: dict[str, below.Passed] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.before, self.after = below.stacks(self.old.template), below.stacks(self.new.template)

    def __contains__(self, name: str) -> bool:
        """Whether it is in both templates, and both of its own are there."""
        one = self.nested.get(name)
        return name in self.before and name in self.after and one is not None and None not in (one.old, one.new)

    def moving(self, name: str, finding: Finding | None) -> Mapping[str, Moved]:
        """The outputs of a nested stack that move. Compares it, with what is known of its parameters by now."""
        one = self.nested[name]
        if one.old is None or one.new is None:
            return {}
        written = [below.written(body) for body in (self.before[name], self.after[name])]
        moves = below.moves(finding, one.new)
        known = parameters.of_nested(one.old, one.new, self._passed(name), moves, self.known, written)
        self.compared[name] = compare(one.old, one.new, known, one.nested)
        return {
            output: Moved(
                moved.certain,
                f"{name}.Outputs.{output} {'is' if moved.certain else 'may be'} another ({moved.why})",
                moved.elsewhere,
            )
            for output, moved in self.compared[name].moving.items()
        }

    def not_looked_at(self) -> None:
        """Note as a change that a nested stack may have another template, of which nothing is known."""
        for name in self.before.keys() & self.after.keys():
            one = self.nested.get(name)
            if one is not None and name not in self and not one.alike and change_of(self.found, name) is None:
                self._finding(name).causes.append(below.other_template())

    def refused(self) -> None:
        """Tell of parameters that a nested stack does not take, and of those that it needs and does not get."""
        for name in filter(self.__contains__, self.before):
            one, passed = self.nested[name], self._passed(name)
            told = [
                below.refusals({key: [both[i] for both in its] for key, its in passed.items()}, template or _NOTHING)
                for i, template in enumerate((one.old, one.new))
            ]
            for says in sorted(told[1].keys() - told[0].keys()):
                self._finding(name).causes.append(below.refusal(says, certain=told[1][says]))

    def _finding(self, name: str) -> Finding:
        """What happens to the resource of a nested stack that stays."""
        finding = change_of(self.found, name)
        if finding is None:
            finding = Finding(name, below.KIND, "change", self.before[name], self.after[name])
            self.found.setdefault(name, []).append(finding)
        return finding

    def _passed(self, name: str) -> below.Passed:
        if name not in self.passed:
            declared = below.declared(self.nested[name])
            self.passed[name] = below.passed(self.before[name], self.after[name], self.old, self.new, declared)
        return self.passed[name]

    def unknown_inside(self) -> None:
        """Tell that nobody knows what is in what changes, comes or goes with a template that was not looked at."""
        for name, several in self.found.items():
            one = self.nested.get(name, Nested())
            for finding in several:
                looked_at = {"add": one.new is not None, "remove": one.old is not None}.get(
                    finding.action, name in self
                )
                if finding.kind in below.OTHER_TEMPLATES and not (looked_at and finding.kind == below.KIND):
                    below.unknown_inside(finding)

    def inside(self) -> Iterator[tuple[str, Compared]]:
        """What happens in each nested stack: where it stays, where it goes, and where it comes."""
        for name in dict.fromkeys([*self.before, *self.after]):
            one = self.nested.get(name, Nested())
            actions = {finding.action: finding for finding in self.found.get(name, ())}
            goes, comes = actions.get("remove"), actions.get("add")
            always = any(finding is not None and not finding.when for finding in (goes, comes))
            if name in self.before and name in self.after and not always:
                if name in self.compared:
                    yield name, self._stays(self.compared[name], goes)
                else:
                    yield name, _not_read(one)
            if goes and not below.is_kept(self.before[name]):
                yield name, self._goes(one, goes) if one.old is not None else _not_read(one)
            if comes:
                yield name, self._comes(one, comes) if one.new is not None else _not_read(one)

    def _stays(self, compared: Compared, goes: Finding | None) -> Compared:
        """What is told of it, without what is between it and its parent only: which parameters it has."""
        changes = [
            replace(change, bump=Bump.PATCH) if change.section == Section.PARAMETERS and not change.effect else change
            for change in compared.changes
            if change.section != Section.PARAMETERS or change.action == "change"
        ]
        return _perhaps(replace(compared, changes=tuple(changes)), f"if {goes.name} stays" if goes else "")

    def _goes(self, one: Nested, finding: Finding) -> Compared:
        """All that is in it goes with it."""
        gone = self._alone(finding.name, one, there_before=True)
        changes = [
            change
            for change in gone.changes
            if change.section in (Section.RESOURCES, Section.PERMISSIONS)
            or (change.section == Section.OUTPUTS and change.effect == Effect.FAILURE)
        ]
        return _perhaps(replace(gone, changes=tuple(changes)), finding.when)

    def _comes(self, one: Nested, finding: Finding) -> Compared:
        """All that is in it comes with it."""
        come = self._alone(finding.name, one, there_before=False)
        changes = [one for one in come.changes if one.section in (Section.RESOURCES, Section.PERMISSIONS)]
        return _perhaps(replace(come, changes=tuple(changes)), finding.when)

    def _alone(self, name: str, one: Nested, *, there_before: bool) -> Compared:
        """The nested stack, compared with nothing: as it was, or as it will be."""
        body = (self.before if there_before else self.after)[name]
        template = (one.old if there_before else one.new) or _NOTHING
        side = self.old if there_before else self.new
        both = below.passed(body, body, side, side, below.declared(one))
        written = below.written(body)
        pair = (template, _NOTHING) if there_before else (_NOTHING, template)
        known = parameters.of_nested(*pair, both, {}, self.known, (written, written))
        return compare(*pair, known, one.nested)


def _perhaps(compared: Compared, when: str) -> Compared:
    """The same when it is not sure to come about: where the stack itself stays, goes or comes only sometimes."""
    if not when:
        return compared
    changes = [replace(one, certain=False, when=one.when or when) for one in compared.changes]
    return replace(compared, changes=tuple(changes))


def _not_read(one: Nested) -> Compared:
    return Compared((), (), (("", one.note or "its templates were not given"),), {})
