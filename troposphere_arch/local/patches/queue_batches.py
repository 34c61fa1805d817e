"""The permissions of batches of SQS.

Stock: DeleteMessageBatch asks for `sqs:DeleteMessageBatch`, and the two other batches likewise.
AWS: there are no such actions; a batch needs the permission of the single call.
https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-api-permissions-reference.html
Patched: just that.
"""

from __future__ import annotations

import importlib
from typing import Any

from troposphere_arch.local.patches.expect import expect_function

_ACTIONS = {f"sqs:{name}Batch": f"sqs:{name}" for name in ("ChangeMessageVisibility", "DeleteMessage", "SendMessage")}


def install() -> None:
    """Name the action of a batch as AWS does. The callers look the function up when they need it."""
    actions: Any = importlib.import_module("ministack.core.iam_actions")
    name_of = expect_function(
        actions, "extract_iam_action", "service", "method", "path", "headers", "body", "query_params"
    )

    def patched_name_of(*request: Any) -> Any:
        action = name_of(*request)
        return _ACTIONS.get(action, action)

    actions.extract_iam_action = patched_name_of
