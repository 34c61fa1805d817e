"""Resources: what an update does to each of them, by itself, in every world; consequences come in `spreading`.

old body, new body ──parts, in each world──▶ there or not, differences ──facts──▶ Finding
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from ..stores import is_only_a_key
from . import facts, keeping
from .facts import Update
from .model import NEW, Bump, Effect, Path, Reason
from .normal import lost
from .parts import Part, Parts, differing, most_worlds, worked_out
from .values import same
from .worlds import Side, World

Body = Mapping[str, Any]

# What each kind of update is felt as, and whether that is sure.
FELT = {
    Update.NO_INTERRUPTION: (Effect.IN_PLACE, True),
    Update.SOME_INTERRUPTION: (Effect.INTERRUPTION, True),
    Update.MAY_REPLACE: (Effect.REPLACEMENT, False),
    Update.REPLACEMENT: (Effect.REPLACEMENT, True),
    Update.NOT_ALLOWED: (Effect.FAILURE, True),
    Update.UNKNOWN: (Effect.UNKNOWN, True),
}
_UPDATE_POLICY_PAGE = "https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-attribute-updatepolicy.html"
_MAPPINGS_PAGE = (
    "https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/intrinsic-function-reference-findinmap.html"
)
# Policies, conditions and properties are judged by what they do; a change of these does nothing by itself.
_QUIET = ("DependsOn", "CreationPolicy", "UpdatePolicy")
_GROUP = "AWS::AutoScaling::AutoScalingGroup"
# A rolling update begins when one of these changes.
_ROLLING = {"LaunchConfigurationName", "LaunchTemplate", "MixedInstancesPolicy", "VPCZoneIdentifier"}


@dataclass(frozen=True)
class Cause:
    """One reason for which a resource changes, what is felt of it, and whether it is sure to come about."""

    reason: Reason
    effect: Effect
    certain: bool
    when: str = ""
    worlds: tuple[World, ...] = ()  # those in which it comes about, where that is known
    while_kept: bool = False  # it does not come about when the resource is replaced


@dataclass(frozen=True)
class Blocked:
    """Why a resource can't be made: what only one can have is taken, by another one or by itself as it was.

    `always` says that it is so whenever it would be made; `when` tells in words when it is so, and `unless` when not.
    """

    reason: Reason
    always: bool
    when: str = ""
    unless: str = ""
    is_name: bool = True
    by: str = ""


@dataclass
class Finding:
    """What happens to one resource; causes are added until all consequences are known."""

    name: str
    kind: str
    action: str  # add, remove, change
    old: Mapping[str, Any]
    new: Mapping[str, Any]
    causes: list[Cause] = field(default_factory=list)
    when: str = ""  # when the action as a whole takes place only sometimes
    bump: Bump = Bump.NONE  # what is demanded whatever is felt
    blocked: list[Blocked] = field(default_factory=list)
    is_spare: bool = False  # another one is as good as it was, though its type may hold data

    @property
    def effect(self) -> Effect:
        """The worst of its causes."""
        return max((cause.effect for cause in self.causes), default=Effect.NONE)

    @property
    def certain(self) -> bool:
        """Whether the worst is sure to come about."""
        worst = self.effect
        return not self.when and any(cause.certain and cause.effect == worst for cause in self.causes)

    def paths(self) -> set[Path]:
        """The properties that change."""
        return {cause.reason.path for cause in self.causes if cause.reason.path}


def resources_of(side: Side) -> Mapping[str, Mapping[str, Any]]:
    """The resources of a template by their logical ids."""
    found = side.template.get("Resources")
    return {k: v for k, v in found.items() if isinstance(v, Mapping)} if isinstance(found, Mapping) else {}


def findings(old: Side, new: Side) -> dict[str, list[Finding]]:
    """What happens to each resource by itself; resources of which nothing is to be said are left out."""
    before, after = resources_of(old), resources_of(new)
    looking = _Looking(Parts(old, new), frozenset(before) | frozenset(after))
    pairs = {name: (before.get(name), after.get(name)) for name in [*before, *after]}
    touched = {name: pair for name, pair in pairs.items() if not looking.is_untouched(*pair)}
    parts = {name: looking.parts_of(*pair) for name, pair in touched.items()}
    looking.most = most_worlds([part for several in parts.values() for part in several])
    looking.coming = {_type(one) for name, one in after.items() if name not in before}
    found = {name: list(looking.at(name, *pair, parts[name])) for name, pair in touched.items()}
    for finding in (one for several in found.values() for one in several):
        finding.is_spare = is_only_a_key(old.template, finding.name)
    return {name: several for name, several in found.items() if several}


@dataclass
class _Looking:
    """Looks at one resource after the other. `resources` are all logical ids, `coming` the types of new ones."""

    parts: Parts
    resources: frozenset[str]
    most: int = 1
    coming: Collection[str] = ()
    staying: dict[Any, tuple[list[World], bool]] = field(default_factory=dict)

    def is_untouched(self, one: Body | None, other: Body | None) -> bool:
        """Whether a resource of these bodies is the same before and after, as far as it is up to itself."""
        if one is None or other is None or one.keys() != other.keys():
            return False
        # What stands beside the properties hangs on no parameter.
        return all(self.parts.is_same(one[key], other[key]) for key in one) and all(
            map(self.parts.is_same_condition, own_condition(one))
        )

    def parts_of(self, one: Body | None, other: Body | None) -> list[Part]:
        """Of a resource that is there before and after, the parts of its properties that may differ."""
        if one is None or other is None or _type(one) != _type(other):
            return []
        return self.parts.of(one.get("Properties") or {}, other.get("Properties") or {}, facts.together(_type(one)))

    def at(self, name: str, one: Body | None, other: Body | None, parts: list[Part]) -> Iterator[Finding]:
        """What happens to a resource, in all worlds: it comes, goes, or is changed."""
        before, after = _type(one), _type(other)
        kind, old, new = before or after, one or {}, other or {}
        if one is not None and other is not None and before != after:
            says = f"its type is {after} and was {before}: CloudFormation refuses that; give the new one another id"
            yield Finding(name, after, "change", old, new, [Cause(Reason(says), Effect.FAILURE, True)])
            return
        every, _ = self.parts.worlds((own_condition(one), own_condition(other)))
        comes, goes, stays = ([world for world in every if is_there(one, other, world) == there] for there in _THERE)
        if goes:
            causes = [self._gone(kind, whole=other is None)]
            yield Finding(name, kind, "remove", old, new, causes, in_words(goes, every))
        if comes:
            causes = [Cause(Reason(NEW if one is None else "its condition holds now"), Effect.IN_PLACE, True)]
            yield Finding(name, kind, "add", old, new, causes, in_words(comes, every))
        if stays and one is not None and other is not None:
            finding = Finding(name, kind, "change", old, new)
            for part in parts:
                finding.causes += self._causes(kind, one, other, part)
            _beside(finding)
            if finding.causes or finding.bump:
                finding.when = "" if not finding.causes else in_words(stays, [*stays, *goes])
                yield finding

    def _gone(self, kind: str, *, whole: bool) -> Cause:
        says = "it is in the new template no more" if whole else "its condition holds no more"
        if not facts.renewed_by_design(kind):
            return Cause(Reason(says), Effect.REMOVAL, True)
        another = "another one takes the place of such a resource, by design"
        says += f"; {another}" if kind in self.coming else "; none of its type comes in its place"
        return Cause(Reason(says), Effect.IN_PLACE, True)

    def _causes(self, kind: str, one: Body, other: Body, part: Part) -> Iterator[Cause]:
        """What a part of a resource that is there before and after brings about."""
        every, complete = self._staying(own_condition(one), own_condition(other), part.names)
        before = [worked_out(part.old, self.parts.old, world.old) for world in every]
        after = [worked_out(part.new, self.parts.new, world.new) for world in every]
        known: dict[Path, facts.Fact] = {}
        for was, will in zip(before, after, strict=True) if not part.path else ():
            for path, fact in facts.between(kind, was, will).items():
                known[path] = max(fact, known.get(path, fact), key=lambda said: said.update.gravity)
        for differs in differing(part, before, after, every, complete=complete, resources=self.resources):
            path, when = differs.path, in_words(differs.worlds, every)
            together = known.get(path[:1])
            fact = together or facts.fact(kind, path)
            made = _cause(fact, path, certain=differs.certain, when=when)
            yield replace(made, worlds=tuple(differs.worlds), while_kept=True)
        refused = [(world, says) for world, will in zip(every, after, strict=True) if (says := lost(will))]
        if refused:
            when = in_words([world for world, _ in refused], every)
            says = f"{refused[0][1]}, so the template is refused"
            yield Cause(Reason(says, part.path, _MAPPINGS_PAGE), Effect.FAILURE, not when, when)

    def _staying(
        self, one: frozenset[str], other: frozenset[str], names: tuple[frozenset[str], frozenset[str]]
    ) -> tuple[list[World], bool]:
        """The worlds of some conditions in which a resource under these of its own is there before and after."""
        key = (one, other, names)
        if key not in self.staying:
            found, complete = self.parts.worlds((names[0] | one, names[1] | other), self.most)
            every = [w for w in found if all(w.old[name] for name in one) and all(w.new[name] for name in other)]
            self.staying[key] = (every, complete)
        return self.staying[key]


# Of a resource that comes, goes, and stays: whether it is there before, and after.
_THERE = ((False, True), (True, False), (True, True))


def is_there(one: Body | None, other: Body | None, world: World) -> tuple[bool, bool]:
    """Whether a resource of these bodies is there in this world, before and after."""
    both = ((one, world.old), (other, world.new))
    before, after = (body is not None and truths.get(str(body.get("Condition", "")), True) for body, truths in both)
    return before, after


def own_condition(body: Body | None) -> frozenset[str]:
    """The condition under which a resource is there at all, if there is one."""
    own = body.get("Condition") if body is not None else None
    return frozenset({own} if isinstance(own, str) else ())


def _type(body: Body | None) -> str:
    return str(body.get("Type", "")) if body else ""


def _beside(finding: Finding) -> None:
    """What changes beside the properties."""
    for attribute in _QUIET:
        if not same(finding.old.get(attribute), finding.new.get(attribute)):
            finding.causes.append(
                Cause(Reason(f"{attribute} changes, which touches nothing that runs"), Effect.NONE, True)
            )
    _policies(finding)


def cause(kind: str, path: Path, *, certain: bool = True, when: str = "", through: str = "") -> Cause:
    """What AWS says of a change of this property, as a cause."""
    return _cause(facts.fact(kind, path), path, certain=certain, when=when, through=through)


def _cause(fact: facts.Fact, path: Path, *, certain: bool, when: str = "", through: str = "") -> Cause:
    effect, sure = FELT[fact.update]
    return Cause(Reason(fact.says, path, fact.source, through), effect, certain and sure and not when, when)


def roll(finding: Finding) -> None:
    """A group whose update policy replaces instances does so when what they are made from changes."""
    if finding.kind != _GROUP or finding.action != "change":
        return
    policy = finding.new.get("UpdatePolicy")
    policy = policy if isinstance(policy, Mapping) else {}
    touched = [
        c for c in finding.causes if c.reason.path and c.reason.path[0] in _ROLLING and c.effect < Effect.REPLACEMENT
    ]
    replacing = policy.get("AutoScalingReplacingUpdate")
    will_replace = isinstance(replacing, Mapping) and str(replacing.get("WillReplace", "")).lower() == "true"
    if not touched or not (will_replace or "AutoScalingRollingUpdate" in policy):
        return
    effect = Effect.REPLACEMENT if will_replace else Effect.INTERRUPTION
    says = "its update policy " + ("makes a new group" if will_replace else "replaces its instances, batch by batch")
    sure = any(c.certain for c in touched)
    finding.causes.append(Cause(Reason(says, touched[0].reason.path, _UPDATE_POLICY_PAGE), effect, sure))


def _policies(finding: Finding) -> None:
    """A resource with data that loses its retention; any other change of the two policies touches nothing that runs."""
    for attribute, page in keeping.PAGES.items():
        was, will = (keeping.policy(body, attribute, finding.kind) for body in (finding.old, finding.new))
        if was == will:
            continue
        before, after = (keeping.kept(body, attribute, finding.kind) for body in (finding.old, finding.new))
        says = f"{attribute} is {will} and was {was}"
        if keeping.holds_data(finding.kind, finding.old) and before and after not in (before, "retained"):
            says += ": what it holds is not kept any more as it was"
            finding.bump = Bump.MAJOR
        finding.causes.append(Cause(Reason(says, source=page), Effect.NONE, True))
        if will == "Snapshot" and not facts.can_snapshot(finding.kind) and finding.kind.startswith("AWS::"):
            says = f"{attribute} is {will}, and CloudFormation refuses that: it takes no snapshot of such a resource"
            finding.causes.append(Cause(Reason(says, source=page), Effect.FAILURE, True))


def in_words(some: list[World], every: list[World]) -> str:
    """In words, when it is one of `some` out of `every`; empty when it always is."""
    if len(some) == len(every):
        return ""
    chosen = {id(world) for world in some}
    truths = [id(world) in chosen for world in every]
    for side in ("new", "old"):
        for name in sorted({name for world in every for name in getattr(world, side)}):
            column = [getattr(world, side).get(name, False) for world in every]
            suffix = " (as it was)" if side == "old" and any(name in world.new for world in every) else ""
            if column == truths:
                return f"when {name}{suffix}"
            if [not one for one in column] == truths:
                return f"unless {name}{suffix}"
    return "for some values of the parameters"
