"""What a parameter is: its place in the console, its limits and its words."""

from __future__ import annotations

from dataclasses import dataclass

# What a parameter says when nothing is chosen. Not the empty string: cfn-lint and several AWS properties refuse that.
NONE = "none"


@dataclass(frozen=True)
class Spec:
    """One parameter: its place in the console, its limits, and what a user is told when a value is outside them."""

    name: str
    group: str
    label: str
    description: str
    default: str
    type: str = "String"
    allowed: tuple[str, ...] = ()
    pattern: str = ""
    minimum: int | None = None
    maximum: int | None = None
    constraint: str = ""


def switch(name: str, group: str, label: str, description: str) -> Spec:
    """A parameter that is on or off, and off unless somebody says so."""
    return Spec(name, group, label, description, "off", allowed=("off", "on"), constraint=f"{name} is on or off.")


ARN = r"arn:aws[a-z-]*:{service}:[a-z0-9-]*:[0-9]*:.+"
EMAIL = r"[^@\s]+@[^@\s]+\.[^@\s]+"
