"""What all house rules have in common."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Any

from cfnlint.rules import CloudFormationLintRule, RuleMatch  # type: ignore[import-untyped]  # it ships no types

from ._template import Path, View

Found = tuple[Path, str]


class HouseRule(CloudFormationLintRule):  # type: ignore[misc]  # untyped base class
    """A rule of this package: its docstring says what it proves and why, `check` yields where and what is wrong."""

    tags = ("house",)

    def __init_subclass__(cls) -> None:
        cls.description = " ".join((inspect.getdoc(cls) or "").split())

    def match(self, cfn: Any) -> list[RuleMatch]:
        """What cfn-lint calls: `cfn` is its template, transformed already."""
        view = View(cfn.template, transforms=cfn.transform_pre["Transform"])
        return [RuleMatch(list(path), message) for path, message in self.check(view)]

    def check(self, view: View) -> Iterator[Found]:
        """Where the template breaks this rule, and a message: what is wrong, the value, what to do."""
        raise NotImplementedError
