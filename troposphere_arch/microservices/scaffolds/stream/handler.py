"""Adds up the amounts in its stream by what they are of, each record once.

What `work` returns is written together with the mark that the record is done: a record that comes twice counts once.
"""

from __future__ import annotations

from typing import Any

from troposphere_arch.service_kit import messages

LONGEST = 100


def work(message: messages.Message) -> messages.Finished:
    """A record `{"of": ..., "amount": 1}`. What is raised here comes again, and in the end goes to the failures."""
    body = message.body if isinstance(message.body, dict) else {}
    of, amount = body.get("of"), body.get("amount")
    if not isinstance(of, str) or not 0 < len(of) <= LONGEST or type(amount) is not int:
        raise ValueError(f"the record does not say of what it is, in 1 to {LONGEST} characters, or how much")
    return messages.Finished({"of": of}, [add(of, amount)])


def add(of: str, amount: int) -> dict[str, Any]:
    return {
        "Update": {
            "Key": {"pk": f"of#{of}", "sk": "sum"},
            "UpdateExpression": "ADD amount :amount, records :one",
            "ExpressionAttributeValues": {":amount": amount, ":one": 1},
        }
    }


handler = messages.handler(work)
