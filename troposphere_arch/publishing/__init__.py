"""Publishing: releases to S3, where nothing is ever half there, and nothing that is there ever changes.

    templates/ ──read──▶ Releases ──look──▶ Plan ──put──▶ layers ─▶ claims ─▶ files ─▶ index.json ─▶ launch.md, latest
                                                                                         └──verify──▶ what is off

A reader starts from `index.json` or a `latest.json`, and both name only what is there already. What is put once is put
on condition that nothing is there; what must change (index, `latest.json`, `launch.md`) by compare-and-swap. So it does
not matter where a publisher is killed, how many publish at once, or which answers are lost: one runs it again.
"""

from .catalogue import Release, releases
from .links import template_url
from .place import Place, connect, places_of
from .plan import Item, Plan, look, look_everywhere
from .policy import policy
from .verify import Finding, Report, verify
from .work import Published, Step, publish

__all__ = [
    "Finding",
    "Item",
    "Place",
    "Plan",
    "Published",
    "Release",
    "Report",
    "Step",
    "connect",
    "look",
    "look_everywhere",
    "places_of",
    "policy",
    "publish",
    "releases",
    "template_url",
    "verify",
]
