"""IAM's decision for one request, on statements as templates hold them: an explicit Deny, else an Allow, else no.

    statements = worked_out(document, {"AWS::Region": "eu-west-1", "Todos.Arn": "arn:aws:dynamodb:..."})
    allowed(statements, "dynamodb:GetItem", "arn:aws:dynamodb:...", {"kms:ViaService": "..."})

Conditions of the operators that our templates use; what is not known here is an error, never a yes.
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

_VARIABLE = re.compile(r"\$\{([^!{}][^{}]*)\}")


def worked_out(value: Any, known: Mapping[str, str]) -> Any:
    """The value with `Ref`, `Fn::GetAtt` and `Fn::Sub` worked out. Raises KeyError for a name that is not known."""
    match value:
        case {"Ref": str(name)}:
            return known[name]
        case {"Fn::GetAtt": [name, attribute]}:
            return known[f"{name}.{attribute}"]
        case {"Fn::Sub": str(text)}:
            return _VARIABLE.sub(lambda m: known[m[1]], text).replace("${!", "${")
        case dict():
            return {key: worked_out(one, known) for key, one in value.items()}
        case list():
            return [worked_out(one, known) for one in value]
    return value


def allowed(
    statements: Iterable[Mapping[str, Any]], action: str, resource: str, context: Mapping[str, str] | None = None
) -> bool:
    """Whether a policy of these statements allows the request."""
    matching = [s for s in statements if _matches(s, action, resource, context or {})]
    return bool(matching) and all(s["Effect"] == "Allow" for s in matching)


def _matches(statement: Mapping[str, Any], action: str, resource: str, context: Mapping[str, str]) -> bool:
    return (
        any(_like(action.lower(), pattern.lower()) for pattern in _list(statement["Action"]))
        and _on(statement, resource)
        and all(
            _holds(operator, _list(wanted), context.get(key))
            for operator, block in statement.get("Condition", {}).items()
            for key, wanted in block.items()
        )
    )


def _on(statement: Mapping[str, Any], resource: str) -> bool:
    if "NotResource" in statement:
        return not any(_like(resource, pattern) for pattern in _list(statement["NotResource"]))
    return any(_like(resource, pattern) for pattern in _list(statement["Resource"]))


def _holds(operator: str, wanted: list[str], value: str | None) -> bool:
    if operator == "Null":
        return (value is None) == (wanted == ["true"])
    if operator not in ("Bool", "StringEquals", "StringLike", "ArnLike"):
        raise ValueError(f"the operator {operator} is not known here")
    if value is None:
        return False
    return value in wanted if operator in ("Bool", "StringEquals") else any(_like(value, pattern) for pattern in wanted)


def _like(value: str, pattern: str) -> bool:
    regex = "".join({"*": ".*", "?": "."}.get(c) or re.escape(c) for c in pattern)
    return re.fullmatch(regex, value, re.DOTALL) is not None


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
