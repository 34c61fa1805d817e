"""Arrows: the verbs between nodes.

An arrow does the wiring, the permission and the environment variable together, so that none can be forgotten, and
leaves a record from which pictures and proofs are made. All nodes come before the first arrow on a page, so that an
arrow sees everything.
"""

from .caching import keeps_copies
from .databases import keeps_in
from .downloads import offloads, points_to
from .edge import links_to, may_call, passes_on, serves, visits, watches
from .events import gathers, runs_every, streams, triggers
from .fleet import asks, forwards, mounts, publishes_to, puts
from .functions import ANYBODY, SERVICES, USERS, accepts, deletes_users, route
from .mail import redrives, sends
from .people import exchanges_token, owns_prefix, signs_in
from .pictures import makes_thumbnails, signs_uploads, uploads_to
from .publishing import assumes, fetches, launches, offers, publishes
from .services import (
    announces,
    calls,
    consumes,
    covers,
    knows_itself,
    lives_in,
    may_not_call,
    owns,
    puts_into,
    sends_to,
    subscribes,
    takes,
    tells,
)
from .settings import invites, knows, names_pool, puts_metrics
from .tables import adds, clears, counts, edits, keeps, lists, reads, requeues, updates, writes

__all__ = [
    "ANYBODY",
    "SERVICES",
    "USERS",
    "accepts",
    "adds",
    "announces",
    "asks",
    "assumes",
    "calls",
    "clears",
    "consumes",
    "counts",
    "covers",
    "deletes_users",
    "edits",
    "exchanges_token",
    "fetches",
    "forwards",
    "gathers",
    "invites",
    "keeps",
    "keeps_copies",
    "keeps_in",
    "knows",
    "knows_itself",
    "launches",
    "links_to",
    "lists",
    "lives_in",
    "makes_thumbnails",
    "may_call",
    "may_not_call",
    "mounts",
    "names_pool",
    "offers",
    "offloads",
    "owns",
    "owns_prefix",
    "passes_on",
    "points_to",
    "publishes",
    "publishes_to",
    "puts",
    "puts_into",
    "puts_metrics",
    "reads",
    "redrives",
    "requeues",
    "route",
    "runs_every",
    "sends",
    "sends_to",
    "serves",
    "signs_in",
    "signs_uploads",
    "streams",
    "subscribes",
    "takes",
    "tells",
    "triggers",
    "updates",
    "uploads_to",
    "visits",
    "watches",
    "writes",
]
