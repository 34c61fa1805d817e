"""Pseudo parameters in conditions of templates.

Stock: `{"Ref": "AWS::Region"}` in a condition is the text `AWS::Region`, so what is there in some regions only is never
there. (In resources and rules it is the region.)
AWS: the region, as everywhere.
https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/pseudo-parameter-reference.html
Patched: AWS::AccountId, AWS::Partition, AWS::Region and AWS::URLSuffix, as the emulator has them elsewhere.
"""

from __future__ import annotations

import importlib
from typing import Any

from troposphere_arch.local.patches.expect import expect_function

_PACKAGE = "ministack.services.cloudformation"
_USERS = ("engine", "changesets", "handlers", "stacks")


def install() -> None:
    """Evaluate conditions with four more parameters, wherever the emulator does."""
    responses: Any = importlib.import_module("ministack.core.responses")
    users: list[Any] = [importlib.import_module(f"{_PACKAGE}.{name}") for name in _USERS]
    (evaluate, *_) = [expect_function(user, "_evaluate_conditions", "template", "params") for user in users]

    def patched_evaluate(template: dict[str, Any], params: dict[str, Any]) -> Any:
        pseudo = {
            "AWS::AccountId": responses.get_account_id(),
            "AWS::Partition": "aws",
            "AWS::Region": responses.get_region(),
            "AWS::URLSuffix": "amazonaws.com",
        }
        return evaluate(template, {**{name: {"Value": value} for name, value in pseudo.items()}, **params})

    for user in users:
        user._evaluate_conditions = patched_evaluate
