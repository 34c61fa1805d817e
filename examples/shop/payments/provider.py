"""Stands for a provider of payments: a real one is asked over HTTPS here, within the time that is left.

Like a real one it takes a key of ours and charges once for each, however often it is asked, and says the same again.
"""

from __future__ import annotations


def charge(key: str, card: str, cents: int) -> bool:
    """Whether it was paid. A card that begins with `declined` is declined, so that it can be seen what then happens."""
    return not card.startswith("declined")
