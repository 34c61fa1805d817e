"""The version of the object in what S3 tells EventBridge.

Stock: an event of a bucket with versions has no `version-id`, so who handles it can only read the newest version.
AWS: `detail.object` has the `version-id` of the object, when the bucket has versions.
https://docs.aws.amazon.com/AmazonS3/latest/userguide/ev-events.html
Patched: just that.
"""

from __future__ import annotations

import importlib
import inspect
import json
from contextvars import ContextVar
from typing import Any

from troposphere_arch.local.patches.expect import expect_function

_version: ContextVar[str] = ContextVar("version", default="")


def install() -> None:
    """Add to an event which version S3 fires it for."""
    s3: Any = importlib.import_module("ministack.services.s3")
    events: Any = importlib.import_module("ministack.services.eventbridge")
    fire = expect_function(
        s3,
        "_fire_s3_event",
        *("bucket_name", "key", "event_name", "size", "etag", "deletion_type", "restore_event_data", "version_id"),
        *("sequencer", "object_extra", "record_extra"),
    )
    dispatch = expect_function(events, "_dispatch_event", "event", "view")
    parameters = inspect.signature(fire)

    def patched_fire(*arguments: Any, **named: Any) -> None:
        token = _version.set(parameters.bind(*arguments, **named).arguments.get("version_id") or "")
        try:
            fire(*arguments, **named)
        finally:
            _version.reset(token)

    def patched_dispatch(event: Any, view: Any = None) -> Any:
        if _version.get() and event.get("Source") == "aws.s3":
            detail = json.loads(event["Detail"])
            detail["object"]["version-id"] = _version.get()
            event = {**event, "Detail": json.dumps(detail)}
        return dispatch(event, view)

    s3._fire_s3_event = patched_fire
    events._dispatch_event = patched_dispatch
