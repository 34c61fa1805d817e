"""The condition key `cloudwatch:namespace`.

Stock: unknown, so a policy that lets a function write metrics of one namespace only lets it write none.
AWS: the namespace of a PutMetricData, which has no resource that a policy could name.
https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/iam-cw-condition-keys-namespace.html
Patched: just that.
"""

from __future__ import annotations

import importlib
import json
from typing import Any

from troposphere_arch.local.patches.expect import expect_function


def install() -> None:
    """Let IAM see the namespace. The caller looks the function up when it needs it."""
    actions: Any = importlib.import_module("ministack.core.iam_actions")
    context = expect_function(actions, "request_tag_context", "service", "iam_action", "body", "params")

    def patched_context(service: str, iam_action: str, body: bytes, params: dict[str, Any]) -> dict[str, Any]:
        keys: dict[str, Any] = context(service, iam_action, body, params)
        if iam_action == "cloudwatch:PutMetricData" and (namespace := _namespace(body, params)):
            keys = {**keys, "cloudwatch:namespace": namespace}
        return keys

    actions.request_tag_context = patched_context


def _namespace(body: bytes, params: dict[str, Any]) -> str:
    """It comes as a form or as JSON. As CBOR the emulator can't read it itself: what is not known is not allowed."""
    if "Namespace" in params:
        return str(params["Namespace"][0])
    try:
        request = json.loads(body)
    except ValueError:
        return ""
    return str(request.get("Namespace", "")) if isinstance(request, dict) else ""
