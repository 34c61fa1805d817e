"""Roles that services assume for what they run: tasks of ECS, instances of EC2.

    ecs-tasks.amazonaws.com ──AssumeRole──▶ role ──trust policy──▶ credentials of a task

Stock: root can assume a role that trusts any service, whatever service that is, unless the trust has a condition.
AWS: the service assumes it, when the role's trust policy lets it, with the conditions that it has.
https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-iam-roles.html
Patched: root does so for a service with the header `X-For-Service: <service> <ARN of what it is for>`; the trust policy
is evaluated with the service as principal, and with aws:SourceAccount and aws:SourceArn. What is signed with these
credentials counts as sent over TLS, as with those of functions.
"""

from __future__ import annotations

import contextvars
import dataclasses
import importlib
import json
from typing import Any

from troposphere_arch.local.patches import function_tls
from troposphere_arch.local.patches.expect import expect_function

HEADER = "X-For-Service"
_for: contextvars.ContextVar[tuple[str, str] | None] = contextvars.ContextVar("for_service", default=None)


def install() -> None:
    """Let root assume roles in the name of services."""
    sts: Any = importlib.import_module("ministack.services.sts")
    evaluator: Any = importlib.import_module("ministack.core.iam_evaluator")
    answer = expect_function(sts, "handle_request", "method", "path", "headers", "body", "query_params")
    note = expect_function(sts, "register_session", "access_key", "session")
    trust = expect_function(evaluator, "evaluate_trust_policy", "trust_doc", "caller_arn", "ctx")

    async def patched_answer(method: str, path: str, headers: dict[str, str], body: Any, query: Any) -> Any:
        service, _, source = headers.get(HEADER.lower(), "").partition(" ")
        token = _for.set((service, source) if service else None)
        try:
            return await answer(method, path, headers, body, query)
        finally:
            _for.reset(token)

    def patched_trust(document: Any, caller: str, context: Any = None) -> bool:
        asked = _for.get()
        if asked is None or context is None or context.principal_type != "Root":
            return bool(trust(document, caller, context))
        service, source = asked
        known = {**context.service_context, "aws:sourcearn": source, "aws:sourceaccount": source.split(":")[4]}
        context = dataclasses.replace(context, service_context=known)
        return bool(trust(_of_service(document, service), caller, context))

    def patched_note(access_key: str, session: dict[str, Any]) -> None:
        if _for.get() is not None:
            function_tls.keys.add(access_key.encode())
        note(access_key, session)

    sts.handle_request = patched_answer
    sts.register_session = patched_note
    evaluator.evaluate_trust_policy = patched_trust


def _of_service(document: Any, service: str) -> dict[str, Any]:
    """What of a trust policy is about the service."""
    read = json.loads(document) if isinstance(document, str) else document
    found = []
    for statement in read["Statement"]:
        principal = statement.get("Principal", {})
        named = principal.get("Service", []) if isinstance(principal, dict) else []
        if service in ([named] if isinstance(named, str) else named):
            found.append({**statement, "Principal": "*"})
    return {"Version": "2012-10-17", "Statement": found}
