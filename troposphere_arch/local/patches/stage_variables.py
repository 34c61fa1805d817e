"""Stage variables in the headers of MOCK integrations, which answer CORS preflights.

Stock: the header holds the text `stageVariables.origin`.
AWS: it holds the variable's value; without a value there is no header.
https://docs.aws.amazon.com/apigateway/latest/developerguide/request-response-data-mappings.html
Patched: just that.
"""

from __future__ import annotations

import contextvars
import importlib
from typing import Any

from troposphere_arch.local.patches.expect import expect_function

_PREFIX = "stageVariables."

_request: contextvars.ContextVar[dict[str, Any] | None] = contextvars.ContextVar("api_request", default=None)


def install() -> None:
    """Remember the request while the emulator answers it, and fill the variables of its stage in."""
    gateway: Any = importlib.import_module("ministack.services.apigateway_v1")
    execute = expect_function(
        gateway,
        "_execute_in_scope",
        *("request", "api_id", "stage_name", "method", "path", "headers", "body", "query_params"),
        *("owner_account_id", "owner_region"),
    )
    answer = expect_function(gateway, "_invoke_mock_v1", "integration")

    async def patched_execute(request: dict[str, Any], *args: Any) -> Any:
        token = _request.set(request)
        try:
            return await execute(request, *args)
        finally:
            _request.reset(token)

    def patched_answer(integration: dict[str, Any]) -> Any:
        stage = (_request.get() or {}).get("stage") or {}
        variables: dict[str, str] = stage.get("variables") or {}
        responses = {
            status: {**response, "responseParameters": _fill(response.get("responseParameters") or {}, variables)}
            for status, response in (integration.get("integrationResponses") or {}).items()
        }
        return answer({**integration, "integrationResponses": responses})

    gateway._execute_in_scope = patched_execute
    gateway._invoke_mock_v1 = patched_answer


def current() -> dict[str, Any] | None:
    """The request that a REST API is answering here and now: its API, stage, headers, path parameters and id."""
    return _request.get()


def _fill(mappings: dict[str, str], variables: dict[str, str]) -> dict[str, str]:
    filled = {}
    for header, source in mappings.items():
        if not source.startswith(_PREFIX):
            filled[header] = source
        elif value := variables.get(source.removeprefix(_PREFIX)):
            filled[header] = f"'{value}'"
    return filled
