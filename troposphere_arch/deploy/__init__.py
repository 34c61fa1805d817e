"""Deployment of a template's bytes, into an AWS account or the embedded emulator alike.

    body ──plan──▶ change set ──execute──▶ stack ──delete──▶ retained resources ──purge──▶ nothing
                       └──discard──▶ nothing

CloudFormation is the engine. This package says what it would do before it does it, follows it while it works, and says
in one line what went wrong. Everything goes through a `Target`, which makes the clients.
"""

from .bucket import LONGEST_BODY, ensure_bucket
from .changes import Change, Plan, discard, execute, plan
from .drift import Detection, Drift, detect, drift
from .events import Event
from .failures import aws_errors
from .needs import Artifact, Needs, missing, needs, put
from .retained import Resource, check_purge, purge, retained
from .site import Put, put_site
from .stacks import StackInfo, delete, describe, stacks, template_of
from .target import Target, connect, target_of

__all__ = [
    "LONGEST_BODY",
    "Artifact",
    "Change",
    "Detection",
    "Drift",
    "Event",
    "Needs",
    "Plan",
    "Put",
    "Resource",
    "StackInfo",
    "Target",
    "aws_errors",
    "check_purge",
    "connect",
    "delete",
    "describe",
    "detect",
    "discard",
    "drift",
    "ensure_bucket",
    "execute",
    "missing",
    "needs",
    "plan",
    "purge",
    "put",
    "put_site",
    "retained",
    "stacks",
    "target_of",
    "template_of",
]
