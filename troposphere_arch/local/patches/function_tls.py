"""What functions ask of other services counts as sent over TLS.

Stock: functions are told the emulator's address, which is plain HTTP, so a bucket or a queue whose policy denies what
does not come over TLS refuses every function.
AWS: the SDKs use TLS.
https://docs.aws.amazon.com/lambda/latest/dg/security-dataprotection.html
Patched: a request that is signed with the credentials of a function counts as sent over TLS.
"""

from __future__ import annotations

import importlib
import re
from typing import Any

from troposphere_arch.local.patches.expect import expect_function

_SIGNED = re.compile(rb"AWS4-HMAC-SHA256 Credential=(?P<key>[A-Z0-9]+)/")

keys: set[bytes] = set()
"""The access keys that functions, and what services run, were given."""


def install() -> None:
    """Remember the credentials that functions get, and know them again."""
    emulator: Any = importlib.import_module("ministack.app")
    app = expect_function(emulator, "app", "scope", "receive", "send")
    runtime: Any = importlib.import_module("ministack.core.lambda_runtime")
    functions: Any = importlib.import_module("ministack.services.lambda_svc")
    give = expect_function(runtime, "execution_credentials", "config")
    expect_function(functions, "execution_credentials", "config")

    def patched_give(config: dict[str, Any]) -> dict[str, str]:
        credentials: dict[str, str] = give(config)
        keys.add(credentials["AWS_ACCESS_KEY_ID"].encode())
        return credentials

    async def patched_app(scope: dict[str, Any], receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            signed = next((value for name, value in scope["headers"] if name.lower() == b"authorization"), b"")
            if (found := _SIGNED.match(signed)) and found["key"] in keys:
                scope = {**scope, "headers": [*scope["headers"], (b"x-forwarded-proto", b"https")]}
        await app(scope, receive, send)

    runtime.execution_credentials = functions.execution_credentials = patched_give
    emulator.app = patched_app
