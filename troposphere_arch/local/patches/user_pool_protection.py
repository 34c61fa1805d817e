"""Deletion protection of Cognito user pools.

Stock: DeletionProtection is kept, and DeleteUserPool deletes a protected pool all the same.
AWS: DeleteUserPool answers InvalidParameterException until the protection is taken off.
https://docs.aws.amazon.com/cognito/latest/developerguide/user-pool-settings-deletion-protection.html
Patched: just that. A stack's deletion, which does not go through this API in the emulator, still deletes it.
"""

from __future__ import annotations

import importlib
from typing import Any

from troposphere_arch.local.patches.expect import expect_function

_REFUSED = (
    "The user pool cannot be deleted because deletion protection is activated. "
    "Deletion protection must be inactivated first."
)


def install() -> None:
    """Refuse the deletion of a protected pool."""
    cognito: Any = importlib.import_module("ministack.services.cognito")
    delete = expect_function(cognito, "_delete_user_pool", "data")
    resolve = expect_function(cognito, "_resolve_pool", "pool_id")
    responses: Any = importlib.import_module("ministack.core.responses")

    def patched_delete(data: dict[str, Any]) -> Any:
        pool, _ = resolve(data.get("UserPoolId"))
        if pool and pool.get("DeletionProtection") == "ACTIVE":
            return responses.error_response_json("InvalidParameterException", _REFUSED, 400)
        return delete(data)

    cognito._delete_user_pool = patched_delete
