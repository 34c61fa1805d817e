"""The condition keys of conditional writes: `s3:if-match` and `s3:if-none-match`.

Stock: S3 honours both headers, but IAM does not know them, so that a policy which denies writes without one denies all.
AWS: each header of a request is the condition key of its name.
https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes-enforce.html
Patched: just that, for s3:PutObject. `s3:ObjectCreationOperation` is not known.
"""

from __future__ import annotations

import importlib
from typing import Any

from troposphere_arch.local.patches.expect import expect_function

_HEADERS = ("if-match", "if-none-match")


def install() -> None:
    """Let IAM see both headers. The callers look the function up when they need it."""
    actions: Any = importlib.import_module("ministack.core.iam_actions")
    context = expect_function(actions, "s3_service_context", "iam_action", "query_params", "path", "headers")

    def patched_context(
        iam_action: str, query_params: Any, path: str = "", headers: dict[str, str] | None = None
    ) -> dict[str, Any]:
        keys: dict[str, Any] = context(iam_action, query_params, path, headers)
        if iam_action != "s3:PutObject":
            return keys
        return keys | {f"s3:{name}": headers[name] for name in _HEADERS if headers and headers.get(name)}

    actions.s3_service_context = patched_context
