"""Counts what it is sent by its kind, each message once.

What `work` returns is written together with the mark that the message is done: a message that comes twice counts once.
"""

from __future__ import annotations

from typing import Any

from troposphere_arch.service_kit import messages

LONGEST = 100


def work(message: messages.Message) -> messages.Finished:
    """A message `{"kind": ...}`. What is raised here comes again, and in the end goes to the queue of failures."""
    kind = message.body.get("kind") if isinstance(message.body, dict) else None
    if not isinstance(kind, str) or not 0 < len(kind) <= LONGEST:
        raise ValueError(f"the message does not say its kind in 1 to {LONGEST} characters")
    return messages.Finished({"kind": kind}, [one_more(kind)])


def one_more(kind: str) -> dict[str, Any]:
    return {
        "Update": {
            "Key": {"pk": f"kind#{kind}", "sk": "count"},
            "UpdateExpression": "ADD messages :one",
            "ExpressionAttributeValues": {":one": 1},
        }
    }


handler = messages.handler(work)
