"""What happens to a stack while CloudFormation works on it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ..errors import Stopped
from .failures import one_line

SHORTEST_WAIT, LONGEST_WAIT = 0.05, 3.0
"""Seconds between two looks. The emulator is done at once; AWS takes minutes and limits how often it is asked."""

_CANCELLED = "cancelled"


@dataclass(frozen=True)
class Event:
    """One line of a stack's history."""

    time: datetime
    logical_id: str
    type: str
    status: str
    reason: str = ""

    @property
    def failed(self) -> bool:
        """Whether something failed here of itself, and not because something else did."""
        return self.status.endswith("_FAILED") and _CANCELLED not in self.reason.lower()


Progress = Callable[[Event], None]


def waits() -> Iterator[None]:
    """Sleep a little longer each time round."""
    seconds = SHORTEST_WAIT
    while True:
        yield
        time.sleep(seconds)
        seconds = min(seconds * 1.5, LONGEST_WAIT)


def last_event(cloudformation: Any, stack_id: str) -> str:
    """The id of the stack's newest event, after which `follow` begins."""
    events = cloudformation.describe_stack_events(StackName=stack_id)["StackEvents"]
    return str(events[0]["EventId"]) if events else ""


def follow(cloudformation: Any, stack_id: str, after: str, progress: Progress, doing: str) -> tuple[str, Event | None]:
    """Call `progress` for each event until the stack comes to rest; its last status, and the first failure if any.

    Raises Stopped on Ctrl-C: `doing` says what goes on without us.
    """
    first_failure: Event | None = None
    try:
        for _ in waits():
            for raw in _newer(cloudformation, stack_id, after):
                after = raw["EventId"]
                event = Event(
                    time=raw["Timestamp"],
                    logical_id=raw["LogicalResourceId"],
                    type=raw["ResourceType"],
                    status=raw["ResourceStatus"],
                    reason=one_line(raw.get("ResourceStatusReason") or ""),
                )
                progress(event)
                if event.failed and first_failure is None:
                    first_failure = event
                # The event of the stack itself, not of a resource or a nested stack in it.
                if raw.get("PhysicalResourceId") == stack_id and not event.status.endswith("_IN_PROGRESS"):
                    return event.status, first_failure
    except KeyboardInterrupt:
        raise Stopped(f"stopped watching: {doing} goes on without us") from None
    raise AssertionError("unreachable: waits() never ends")


def _newer(cloudformation: Any, stack_id: str, after: str) -> list[dict[str, Any]]:
    """The events since `after`, oldest first."""
    found: list[dict[str, Any]] = []
    for page in cloudformation.get_paginator("describe_stack_events").paginate(StackName=stack_id):
        for event in page["StackEvents"]:
            if event["EventId"] == after:
                return found[::-1]
            found.append(event)
    return found[::-1]
