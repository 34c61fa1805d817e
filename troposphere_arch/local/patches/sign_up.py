"""User pools in which only an administrator creates users.

Stock: AdminCreateUserConfig.AllowAdminCreateUserOnly is kept, and SignUp creates a user all the same.
AWS: SignUp answers NotAuthorizedException.
https://docs.aws.amazon.com/cognito/latest/developerguide/user-pool-settings-admin-create-user-policy.html
Patched: just that.
"""

from __future__ import annotations

import importlib
from typing import Any

from troposphere_arch.local.patches.expect import expect_function
from troposphere_arch.local.patches.provisioner import truth


def install() -> None:
    """Refuse to sign up where only an administrator may create users."""
    cognito: Any = importlib.import_module("ministack.services.cognito")
    sign_up = expect_function(cognito, "_sign_up", "data")
    responses: Any = importlib.import_module("ministack.core.responses")

    def patched_sign_up(data: dict[str, Any]) -> Any:
        pools = (pool for pool in cognito._user_pools.values() if data.get("ClientId") in pool["_clients"])
        if any(truth((pool.get("AdminCreateUserConfig") or {}).get("AllowAdminCreateUserOnly")) for pool in pools):
            return responses.error_response_json(
                "NotAuthorizedException", "SignUp is not permitted for this user pool", 400
            )
        return sign_up(data)

    cognito._sign_up = patched_sign_up
