"""Writes down of each file in its bucket how long it is, and its SHA-256.

What `work` returns is written together with the mark that the file is done: one that is told twice is written once.
"""

from __future__ import annotations

import hashlib
from typing import Any

from troposphere_arch.service_kit import messages


def work(message: messages.Message) -> messages.Finished:
    """A file. What is raised here comes again, and in the end goes to the queue of failures."""
    found = {"bytes": len(message.body), "sha256": hashlib.sha256(message.body).hexdigest()}
    return messages.Finished(found, [kept(str(message.key), found)])


def kept(key: str, found: dict[str, Any]) -> dict[str, Any]:
    return {"Put": {"Item": {"pk": f"file#{key}", "sk": "file", **found}}}


handler = messages.handler(work)
