"""IAM policy variables such as `${cognito-identity.amazonaws.com:sub}`.

Stock: the evaluator knows no variable. `${...}` is compared letter by letter, so a policy that gives each user a prefix
of their own gives nobody anything, and a Deny with a variable denies nobody.
AWS: variables are filled in from the request, in `Resource` and in the string and ARN conditions of policies of version
2012-10-17. A variable without a value equals nothing. What is filled in is plain text: a `*` in it is an asterisk.
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_iam-condition-keys.html#condition-keys-wif
Patched: just that, and the keys `sub`, `aud` and `amr` of credentials that come from an identity pool.
"""

from __future__ import annotations

import contextvars
import dataclasses
import importlib
import re
from collections.abc import Iterable
from typing import Any

from troposphere_arch.local.patches.expect import expect_function

_VARIABLE = re.compile(r"\$\{([^}]*)\}")
_WITH_VARIABLES = "2012-10-17"

# Stand-ins for characters that came out of a variable and must not act as wildcards. No ARN holds private-use ones.
_AS_TEXT = {"*": "\ue000", "?": "\ue001"}
_TO_TEXT = str.maketrans(_AS_TEXT)
_FROM_TEXT = str.maketrans({stand_in: character for character, stand_in in _AS_TEXT.items()})

_version: contextvars.ContextVar[str | None] = contextvars.ContextVar("policy_version", default=None)


def install() -> None:
    """Replace the emulator's statement matcher by one that fills variables in. Before any service is imported."""
    evaluator: Any = importlib.import_module("ministack.core.iam_evaluator")
    first_match = expect_function(evaluator, "_first_match", "ctx", "stmts", "effect")
    parse = expect_function(evaluator, "parse_policy_document", "doc")
    principal_keys = expect_function(evaluator, "_principal_keys", "credential")
    match_wildcards = expect_function(evaluator, "fnmatch_iam_cs", "value", "pattern")
    resource_policy = expect_function(
        evaluator, "evaluate_resource_policy", "doc", "ctx", "service", "named_only", "direct_only"
    )
    resolve = expect_function(evaluator, "_resolve_condition_key", "key", "ctx")
    sessions: Any = importlib.import_module("ministack.services.sts")
    expect_function(sessions, "register_session", "access_key", "session")

    def patched_parse(doc: Any) -> list[Any]:
        statements: list[Any] = parse(doc)
        version = _version.get() or _version_of(doc, evaluator)
        for statement in statements:
            statement.has_variables = version == _WITH_VARIABLES
        return statements

    def patched_resource_policy(doc: Any, *args: Any, **options: Any) -> Any:
        # It hands on the statements that concern the caller, without the version that stood above them.
        token = _version.set(_version_of(doc, evaluator))
        try:
            return resource_policy(doc, *args, **options)
        finally:
            _version.reset(token)

    def patched_first_match(ctx: Any, stmts: Iterable[Any], effect: str) -> Any:
        for statement in stmts:
            filled = _fill(statement, lambda key: resolve(key, ctx)) if statement.effect == effect else None
            if filled is not None and first_match(ctx, [filled], effect):
                return statement
        return None

    def patched_match_wildcards(value: str, pattern: str) -> bool:
        if not any(stand_in in pattern for stand_in in _AS_TEXT.values()):
            return bool(match_wildcards(value, pattern))
        regex = "".join({"*": ".*", "?": "."}.get(c) or re.escape(c.translate(_FROM_TEXT)) for c in pattern)
        return re.fullmatch(regex, value) is not None

    def patched_principal_keys(credential: Any) -> dict[str, Any]:
        keys: dict[str, Any] = principal_keys(credential)
        return keys | _identity_pool_keys(sessions._sessions.get(credential.access_key_id) or {})

    evaluator.parse_policy_document = patched_parse
    evaluator.evaluate_resource_policy = patched_resource_policy
    evaluator._first_match = patched_first_match
    evaluator.fnmatch_iam_cs = patched_match_wildcards
    evaluator._principal_keys = patched_principal_keys
    sessions._principal_keys = patched_principal_keys


def _version_of(doc: Any, evaluator: Any) -> str:
    if isinstance(doc, str):
        try:
            doc = evaluator.json.loads(doc)
        except ValueError:
            return ""
    # AWS takes a policy without a version for one of 2008, which knows no variables.
    return str(doc.get("Version", "")) if isinstance(doc, dict) else ""


def _identity_pool_keys(session: dict[str, Any]) -> dict[str, Any]:
    if not session.get("_identity_id"):
        return {}
    return {
        "cognito-identity.amazonaws.com:sub": session["_identity_id"],
        "cognito-identity.amazonaws.com:aud": session.get("_identity_pool_id", ""),
        "cognito-identity.amazonaws.com:amr": session.get("_cognito_amr", []),
    }


def _fill(statement: Any, resolve: Any) -> Any:
    """The statement with its variables filled in, or None when that leaves no resource that could match."""
    if not getattr(statement, "has_variables", False):
        return statement
    resources = _fill_all(statement.resources, resolve, wildcards=True)
    if statement.resources and not resources:
        return None
    return dataclasses.replace(
        statement,
        resources=resources,
        not_resources=_fill_all(statement.not_resources, resolve, wildcards=True),
        conditions={
            operator: {key: _fill_condition(operator, value, resolve) for key, value in block.items()}
            for operator, block in (statement.conditions or {}).items()
            if isinstance(block, dict)
        },
    )


def _fill_condition(operator: str, value: Any, resolve: Any) -> Any:
    operator = operator.lower()
    if "string" not in operator and "arn" not in operator:
        return value
    values = value if isinstance(value, list) else [value]
    return _fill_all([str(v) for v in values], resolve, wildcards="like" in operator or "arn" in operator)


def _fill_all(texts: list[str], resolve: Any, *, wildcards: bool) -> list[str]:
    """Each text with its variables filled in, without those that hold a variable that has no value."""
    filled = (_fill_text(text, resolve, wildcards) for text in texts)
    return [text for text in filled if text is not None]


def _fill_text(text: str, resolve: Any, wildcards: bool) -> str | None:
    without_value = False

    def value_of(variable: re.Match[str]) -> str:
        nonlocal without_value
        name, comma, default = variable[1].partition(",")
        if name in ("*", "?", "$"):  # how a policy writes these characters themselves
            value: Any = name
        else:
            value = resolve(name.strip())
            if value is None and comma:
                value = default.strip().strip("'")
        if value is None or isinstance(value, list):  # a key of many values can't stand in one text
            without_value = True
            return ""
        return str(value).translate(_TO_TEXT) if wildcards else str(value)

    filled = _VARIABLE.sub(value_of, text)
    return None if without_value else filled
