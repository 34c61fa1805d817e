"""Tells the platform's bus how a request goes on; its status service is asked by the id of the request."""

from __future__ import annotations

import os
from typing import Any

from . import context

ACCEPTED, WORKING, DONE, FAILED = "accepted", "working", "done", "failed"


def tell(state: str, detail: Any = None) -> None:
    """Tell that the request under way is `accepted`, `working`, `done` or `failed`; without a bus, nothing.

    Raises botocore's errors, and `RuntimeError` when the bus does not take it.
    https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEvents.html
    """
    bus, service = os.environ.get("BUS"), os.environ.get("SERVICE", "")
    if not bus:
        return
    told = {"request": context.current().request, "service": service, "state": state, "at": context.now()}
    if detail is not None:
        told["detail"] = detail
    entry = {"EventBusName": bus, "Source": service, "DetailType": "Request progress", "Detail": context.to_json(told)}
    answer = context.aws("events").put_events(Entries=[entry])
    if answer["FailedEntryCount"]:
        raise RuntimeError("the bus does not take it")


def mention(state: str, detail: Any = None) -> None:
    """As `tell`, but the work goes on when it cannot be told."""
    try:
        tell(state, detail)
    except Exception as error:
        context.log("WARNING", "progress not told", error, state=state)
