"""Outputs of a stack: what its user needs next, and what stack it is. Never exports (they lock updates)."""

from __future__ import annotations

from typing import Any

from troposphere import Output, Template


def output(t: Template, title: str, value: Any, description: str, *, when: str | None = None) -> None:
    """Add the output `title`. With `when` it is there only under that condition.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/outputs-section-structure.html
    """
    o = Output(title, Value=value, Description=description)
    if when:
        o.resource["Condition"] = when
    t.add_output(o)
