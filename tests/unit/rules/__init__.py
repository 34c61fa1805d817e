"""Tests of the house rules: one file for each rule, all starting from one good template, or from a good service."""

from __future__ import annotations

import copy
import json
from functools import cache
from pathlib import Path
from typing import Any

from troposphere_arch.rules import house_rules
from troposphere_arch.rules._rule import HouseRule
from troposphere_arch.rules._template import View

GOOD = Path(__file__).parent / "good.json"
SERVICE = Path(__file__).parent / "service.json"


@cache
def _rules() -> dict[str, HouseRule]:
    return {rule.id: rule for rule in house_rules()}


@cache
def _read(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def good() -> Any:
    """A template of its own that no rule has anything against: an API, a function, users, a table and a bucket."""
    return copy.deepcopy(_read(GOOD))


def service() -> Any:
    """The same for a service: a function that a queue, a stream and a topic invoke, and a topic for alarms."""
    return copy.deepcopy(_read(SERVICE))


def changed(path: str, value: Any = None, *, template: Any = None) -> Any:
    """The good template with another value at `path`, such as `Resources/Todos/Type`; without that key for None."""
    template = template or good()
    *above, last = [int(key) if key.isdigit() else key for key in path.split("/")]
    place = template
    for key in above:
        place = place[key]
    if value is None:
        del place[last]
    elif isinstance(place, list) and last == len(place):
        place.append(value)
    else:
        place[last] = value
    return template


def found(rule: str, template: Any) -> list[str]:
    """What the house rule with this id finds in the template: `path: message`."""
    return [f"{'/'.join(map(str, path))}: {message}" for path, message in _rules()[rule].check(View(template))]


def only(rule: str, template: Any) -> str:
    """The one thing that the rule finds."""
    messages = found(rule, template)
    assert len(messages) == 1, messages
    return messages[0]
