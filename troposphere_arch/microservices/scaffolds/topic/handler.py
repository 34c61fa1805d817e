"""Writes down what another service tells, each event once.

What `work` returns is written together with the mark that the event is done: an event that comes twice is there once.
"""

from __future__ import annotations

import json
from typing import Any

from troposphere_arch.service_kit import messages


def work(message: messages.Message) -> messages.Finished:
    """An event. What is raised here comes again, and in the end goes to the queue of failures."""
    return messages.Finished({"event": message.event}, [kept(message)])


def kept(message: messages.Message) -> dict[str, Any]:
    told = {"event": message.event, "request": message.request, "body": json.dumps(message.body)}
    return {"Put": {"Item": {"pk": f"request#{message.request}", "sk": f"event#{message.id}", **told}}}


handler = messages.handler(work)
