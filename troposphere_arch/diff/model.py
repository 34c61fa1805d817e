"""What a diff says: changes, each with what it does to a running stack and which version it demands."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum, IntEnum
from typing import Any

Template = Mapping[str, Any]
NEW = "it is new"
Path = tuple[str | int, ...]


class Effect(IntEnum):
    """What a running stack feels of a change, from nothing to the worst.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-updating-stacks-update-behaviors.html
    """

    NONE = 0
    IN_PLACE = 1  # also: something is added
    INTERRUPTION = 2
    UNKNOWN = 3  # in no schema and in no page that we cite
    REPLACEMENT = 4
    REMOVAL = 5
    FAILURE = 6  # CloudFormation, or the service, refuses the update
    DATA_LOSS = 7

    def __str__(self) -> str:
        return self.name.lower().replace("_", " ")


class Bump(IntEnum):
    """Which part of a version a change demands to be raised."""

    NONE = 0
    PATCH = 1
    MINOR = 2
    MAJOR = 3

    def __str__(self) -> str:
        return self.name.lower()


class Section(Enum):
    """Where in a template, or of what, a change is."""

    TEMPLATE = "Template"
    PARAMETERS = "Parameters"
    RULES = "Rules"
    MAPPINGS = "Mappings"
    CONDITIONS = "Conditions"
    RESOURCES = "Resources"
    PERMISSIONS = "Permissions"
    OUTPUTS = "Outputs"
    METADATA = "Metadata"


@dataclass(frozen=True)
class Reason:
    """Why a change has its effect: a property, what AWS says of changing it, and what brought the change about.

    `path` is the property (empty: the resource as a whole), `says` one clause, `source` the page or the schema that
    it is from, `through` the logical id of the resource upstream whose own change brings this one about.
    """

    says: str
    path: Path = ()
    source: str = ""
    through: str = ""


@dataclass(frozen=True)
class Change:
    """One change of a template, and what it does to a stack that is updated.

    `certain` is False when the effect depends on what is not known before: a parameter's value, say. `data` is `lost`,
    `retained` or `snapshot` where the resource holds data that the change takes away from the stack, else empty.
    """

    section: Section
    name: str  # a logical id; of a nested stack `Child/LogicalId`
    action: str  # add, remove, change, rename
    effect: Effect
    bump: Bump
    kind: str = ""  # the resource's type
    certain: bool = True
    reasons: tuple[Reason, ...] = ()
    when: str = ""  # in words: under which conditions this happens, if not always
    data: str = ""
    advice: str = ""


@dataclass(frozen=True)
class Nested:
    """The templates of a nested stack before and after, and those nested in it; None where there is none to look at.

    `note` says why one could not be read. `alike` is False where it is known that the two are of different places, so
    that what was not read may have changed, although the parent's text has not.
    """

    old: Template | None = None
    new: Template | None = None
    nested: Mapping[str, Nested] = field(default_factory=dict)
    note: str = ""
    alike: bool = True


@dataclass(frozen=True)
class Diff:
    """All changes from one template to another, the gravest first.

    `standing` are dangers that are there whatever changes: SSM parameters that may bring another AMI with any update.
    """

    changes: tuple[Change, ...] = ()
    standing: tuple[str, ...] = ()
    notes: tuple[str, ...] = field(default=())  # what could not be looked at, such as a nested template

    @property
    def effect(self) -> Effect:
        """The worst that a running stack may feel."""
        return max((change.effect for change in self.changes), default=Effect.NONE)

    @property
    def bump(self) -> Bump:
        """The smallest step of the version that these changes may carry."""
        return max((change.bump for change in self.changes), default=Bump.NONE)
