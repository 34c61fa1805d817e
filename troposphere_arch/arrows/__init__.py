"""Arrows: the verbs between nodes.

An arrow does the wiring, the permission and the environment variable together, so that none can be forgotten, and
leaves a record from which pictures and proofs are made. All nodes come before the first arrow on a page, so that an
arrow sees everything.
"""

from .functions import accepts, deletes_users, route
from .people import calls, exchanges_token, owns_prefix, signs_in
from .publishing import assumes, fetches, launches, offers, publishes
from .tables import clears, reads, writes

__all__ = [
    "accepts",
    "assumes",
    "calls",
    "clears",
    "deletes_users",
    "exchanges_token",
    "fetches",
    "launches",
    "offers",
    "owns_prefix",
    "publishes",
    "reads",
    "route",
    "signs_in",
    "writes",
]
