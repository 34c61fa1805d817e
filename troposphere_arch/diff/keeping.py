"""What becomes of what a resource holds when it goes: it is retained, or a snapshot is taken, or it is lost.

body, type ──DeletionPolicy, UpdateReplacePolicy, or their defaults──▶ retained, snapshot, or nothing
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from . import facts
from .supplement import HOLDS_DATA_WITH

PAGES = {
    "DeletionPolicy": (
        "https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-attribute-deletionpolicy.html"
    ),
    "UpdateReplacePolicy": (
        "https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-attribute-updatereplacepolicy.html"
    ),
}
# CloudFormation takes a snapshot of these unless it is told otherwise.
_SNAPSHOT_BY_DEFAULT = {"AWS::RDS::DBCluster", "AWS::RDS::DBInstance"}


def policy(body: Mapping[str, Any], attribute: str, kind: str) -> str:
    """One of the two policies of a resource, as it is written or by default."""
    default = "Snapshot" if attribute == "DeletionPolicy" and kind in _SNAPSHOT_BY_DEFAULT else "Delete"
    if kind == "AWS::RDS::DBInstance" and "DBClusterIdentifier" in (body.get("Properties") or {}):
        default = "Delete"
    return str(body.get(attribute, default))


def kept(body: Mapping[str, Any], attribute: str, kind: str) -> str:
    """What one of the two policies makes of what a resource holds: `retained`, `snapshot`, or empty when it is lost."""
    match policy(body, attribute, kind):
        case "Retain" | "RetainExceptOnCreate":
            return "retained"
        case "Snapshot" if facts.can_snapshot(kind):
            return "snapshot"
    return ""


def holds_data(kind: str, body: Mapping[str, Any]) -> bool:
    """Whether it is what holds the data; of an instance that is surely in a cluster, that is the cluster.

    A cache of which no snapshots are taken holds none: whoever made it counts on its loss.
    https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/Aurora.Overview.StorageReliability.html
    """
    properties = body.get("Properties") or {}
    if kind in HOLDS_DATA_WITH and not properties.keys() & set(HOLDS_DATA_WITH[kind]):
        return False
    cluster = properties.get("DBClusterIdentifier")
    alone = cluster is None or "AWS::NoValue" in json.dumps(cluster, default=str)
    return facts.holds_data(kind) and (alone or kind != "AWS::RDS::DBInstance")
