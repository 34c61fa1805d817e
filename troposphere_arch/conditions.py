"""Conditions: what a user's parameters switch on, known when a stack is created or updated and not before."""

from __future__ import annotations

import json
from typing import Any

from troposphere import And, Condition, Equals, If, Not, NoValue, Or, Ref, Template, encode_to_dict

from .parameters import NONE, Spec, parameter

__all__ = [
    "all_of",
    "any_of",
    "choose",
    "condition",
    "equals",
    "given",
    "in_region",
    "negated",
    "optional",
    "switched_on",
]


def condition(t: Template, name: str, value: Any) -> str:
    """Add the condition `name`; the same one again is fine, another under the same name is an error.

    troposphere's own `add_condition` overwrites silently.
    """
    old = t.conditions.get(name)
    if old is not None and _text(old) != _text(value):
        raise ValueError(f"condition {name} is defined twice: {_text(old)} and {_text(value)}")
    t.add_condition(name, value)
    return name


def _text(value: Any) -> str:
    return json.dumps(encode_to_dict(value), sort_keys=True)


def given(t: Template, spec: Spec) -> str:
    """`Has<Parameter>`: the user gave a value in place of `none` or `off`, or of 0 for a number."""
    nothing = "0" if spec.type == "Number" else "off" if "off" in spec.allowed else NONE
    return condition(t, f"Has{spec.name}", Not(Equals(Ref(parameter(t, spec)), nothing)))


def switched_on(t: Template, spec: Spec) -> str:
    """`<Parameter>On`: the parameter says `on`."""
    return equals(t, f"{spec.name}On", spec, "on")


def equals(t: Template, name: str, spec: Spec, value: str) -> str:
    """`name`: the parameter has this value."""
    return condition(t, name, Equals(Ref(parameter(t, spec)), value))


def in_region(t: Template, name: str, regions: tuple[str, ...]) -> str:
    """`name`: the stack is in one of these regions, written out so that cfn-lint can follow it (`Fn::Or` takes ten)."""
    tests = [Equals(Ref("AWS::Region"), region) for region in regions]
    groups = [Or(*tests[i : i + 10]) if len(tests[i : i + 10]) > 1 else tests[i] for i in range(0, len(tests), 10)]
    return condition(t, name, Or(*groups) if len(groups) > 1 else groups[0])


def negated(t: Template, name: str) -> str:
    """`Not<Name>`: the condition `name` does not hold."""
    return condition(t, f"Not{name}", Not(Condition(name)))


def all_of(t: Template, *names: str | None) -> str | None:
    """The condition that all of `names` hold; those that are None always do. None when nothing is left."""
    left = sorted({n for n in names if n})
    if len(left) < 2:
        return left[0] if left else None
    return condition(t, "And".join(left), And(*(Condition(n) for n in left)))


def any_of(t: Template, *names: str) -> str:
    """The condition that at least one of `names` holds."""
    left = sorted(set(names))
    return left[0] if len(left) == 1 else condition(t, "Or".join(left), Or(*(Condition(n) for n in left)))


def choose(when: str | None, value: Any, otherwise: Any) -> Any:
    """`value` under the condition, else `otherwise`; simply `value` where there is no condition."""
    return If(when, value, otherwise) if when else value


def optional(when: str | None, value: Any) -> Any:
    """`value` under the condition, else as if the property were not written."""
    return choose(when, value, NoValue)
