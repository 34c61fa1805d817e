"""House rules: what our templates promise, proved on their text as cfn-lint rules. One rule, one file, one test.

They work on any CloudFormation template, and are silent about what it does not contain.
"""

from __future__ import annotations

import pkgutil
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ._rule import HouseRule


def house_rules() -> list[HouseRule]:
    """A new object of every house rule, in the order of their ids. Imports cfn-lint, which takes a second."""
    from ._rule import HouseRule

    names = [module.name for module in pkgutil.iter_modules(__path__) if not module.name.startswith("_")]
    members = [member for name in names for member in vars(import_module(f"{__name__}.{name}")).values()]
    rules = [m() for m in members if isinstance(m, type) and issubclass(m, HouseRule) and m is not HouseRule]
    return sorted(rules, key=lambda rule: rule.id)
