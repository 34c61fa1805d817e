"""Retries and dead letters of functions that EventBridge invokes.

Stock: the function is run once; when it fails, nothing else happens, whatever its AWS::Lambda::EventInvokeConfig says.
(S3 notifications and `aws lambda invoke --invocation-type Event` know it.)
AWS: EventBridge invokes a function asynchronously, so a failure is tried again MaximumRetryAttempts times within
MaximumEventAgeInSeconds, and then OnFailure, or else the function's dead-letter queue, gets the event.
https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html
All attempts of one event have one request id, by which a function can tell them from another event.
Patched: just that, with the emulator's own short waits between the attempts. The RetryPolicy and DeadLetterConfig of a
rule's target are about events that could not be handed to Lambda, and stay without effect.
"""

from __future__ import annotations

import importlib
import json
import uuid
from typing import Any

from troposphere_arch.local.patches.expect import expect_function

_REQUEST = "_request_of_event"


def install() -> None:
    """Hand what EventBridge has for a function to the emulator's asynchronous invocation."""
    events: Any = importlib.import_module("ministack.services.eventbridge")
    functions: Any = importlib.import_module("ministack.services.lambda_svc")
    dispatch = expect_function(events, "_dispatch_to_lambda", "arn", "payload")
    invoke = expect_function(functions, "invoke_async_with_retry", "func", "event")
    find = expect_function(functions, "_get_func_record_for_ref", "function_ref")
    version = expect_function(functions, "_execution_record_for_config", "func", "config")
    execute = expect_function(
        functions, "_execute_function_dispatch", "func", "config", "event", "request_id", "started"
    )
    settings = expect_function(functions, "_event_invoke_config", "func", "qualifier")

    def patched_dispatch(arn: str, payload: str) -> None:
        func, config, name = find(arn)
        if func is None:
            dispatch(arn, payload)  # it says so in its log
            return
        # The settings belong to the alias or version that is invoked, and are kept with the function.
        qualifier = arn.split(":")[7] if arn.count(":") > 6 else "$LATEST"
        invoke(
            version(func, config)
            | {"event_invoke_config": settings(functions._functions[name], qualifier), _REQUEST: str(uuid.uuid4())},
            json.loads(payload),
        )

    def patched_execute(func: Any, config: Any, event: Any, request_id: str, started: float) -> Any:
        return execute(func, config, event, func.get(_REQUEST, request_id), started)

    events._dispatch_to_lambda = patched_dispatch
    functions._execute_function_dispatch = patched_execute
