"""Stands for a provider of payments: a real one is asked over HTTPS here, within the time that is left.

Like a real one it takes a key of ours and charges once for each, however often it is asked, and says the same again.
"""

from __future__ import annotations


def charge(key: str, card: str, cents: int) -> bool:
    """Whether it was paid. A card that begins with `declined` is, so that tests can see it."""
    if type(cents) is not int or cents < 1:
        raise ValueError(f"{key}: not an amount")
    return not card.startswith("declined")
