"""Parameters of fronts and of what is behind them: which versions there are, and how much each is asked.

Of a load balancer an hour costs 0.0225 USD (us-east-1), which is 16.43 USD in 730 hours.
"""

from __future__ import annotations

from dataclasses import replace

from . import services, shared
from .spec import Spec

GROUP = "Versions"

WEIGHT_OF_B = Spec(
    "WeightOfB",
    GROUP,
    "Share of version B",
    "Of a hundred requests so many go to version B, the others to A: 0, then 10, then 100, and back at any time. While "
    "there is one version only, it gets all.",
    "0",
    pattern="0|[1-9][0-9]?|100",
    constraint="WeightOfB is a whole number from 0 to 100.",
)


def version(letter: str, nothing: str) -> Spec:
    """The parameter VersionA or VersionB, which is what `nothing` names unless somebody says otherwise."""
    return services.found(
        f"Version{letter}",
        nothing,
        f"Version {letter}",
        f"Where Parameter Store has the target group of version {letter}, as its stack says in its output Version, or "
        f"{nothing} for none. Before you delete the stack of a version, put this to none. A version costs what its "
        "own stack does.",
        group=GROUP,
    )


def protected(other: Spec | None) -> Spec:
    """`DeletionProtection` where there is a load balancer, besides what `other` says that it keeps from deletion."""
    spec = other or shared.DELETION_PROTECTION
    whole = (
        f"{spec.description} The same is for the load balancer"
        if other
        else "on makes AWS refuse to delete the load balancer"
    )
    return replace(
        spec,
        description=f"{whole}, by hand or with the stack: put this to off before you delete that. A load balancer "
        "costs about 16 USD a month (us-east-1), and by use.",
    )
