"""Software updates, offloaded to the edge.

Device ──HTTPS──▶ Domain ──▶ Edge ──with OriginKey──▶ Balancer    (EdgeCache on, enforced)
                    └────────────────────────────────▶ Balancer    (EdgeCache off, on)
Balancer ──▶ Fleet ──reads──▶ Files ◀──writes── PublishRelease ◀──event── Releases ◀──puts── Publisher
PublishRelease: what failed ──▶ ReleaseFailures
WatchEdge ──reads, every 5 minutes──▶ CloudFront's metrics of Edge
"""

from __future__ import annotations

from .. import arrows, parameters
from ..blocks import (
    autoscaling,
    awslambda,
    budgets,
    cloudfront,
    cloudwatch,
    efs,
    elasticloadbalancingv2,
    logs,
    network,
    s3,
    secretsmanager,
    sqs,
)
from ..conditions import all_of, given
from ..template import ScenarioTemplate, actor, scenario_template

VERSION = "1.0.0"
DESCRIPTION = (
    "Software updates: servers behind a load balancer that hand out releases from a shared file system, a bucket to "
    "publish a release by, and an edge that answers for them."
)

# What each preset chooses otherwise than the template's defaults do.
PRESETS: dict[str, dict[str, str]] = {
    "starter": {},
    "production": {
        "DeletionProtection": "on",
        "FleetMaxSize": "12",
        "FleetMinSize": "3",
        "InstanceType": "m7g.medium",
        "LogRetentionDays": "90",
        "OldFileVersionDays": "90",
        "ZoneCount": "3",
    },
}


def build() -> ScenarioTemplate:
    """The template of software updates."""
    t = scenario_template("software-updates", VERSION, DESCRIPTION, words=parameters.updates.WORDS)

    words = parameters.updates

    device, publisher, domain = (actor(t, title) for title in ("Device", "Publisher", "Domain"))
    edge = cloudfront.download_distribution(t, "Edge", when=given(t, words.EDGE_CACHE))
    servers = network.server_network(t, "Network")
    balancer = elasticloadbalancingv2.balancer(t, "Balancer", servers)
    keyed = all_of(t, edge.when, balancer.keyed)
    key = secretsmanager.origin_key(t, "OriginKey", of="load balancer", when=keyed)
    fleet = autoscaling.fleet(t, "Fleet", servers, boot="software_updates/boot.sh", conf="software_updates/nginx.conf")
    files = efs.file_system(t, "Files", servers)
    releases = s3.release_bucket(t, "Releases")
    failures = sqs.dead_letters(t, "ReleaseFailures")
    publish_release = awslambda.function(
        t,
        "PublishRelease",
        code="software_updates/publish_release.py",
        memory=words.PUBLISH_MEMORY,
        Description="Puts a release where the servers hand it out, or says why not.",
        Timeout=900,
    )
    watch_edge = awslambda.function(
        t,
        "WatchEdge",
        code="edge/watch_edge.py",
        when=edge.when,
        Description="Brings CloudFront's metrics to the stack's region.",
        Timeout=60,
    )
    refused = logs.counted(
        t,
        "PublishReleaseRefused",
        publish_release.logs,
        '{ $.outcome = "refused" }',
        means="A release was refused: its status in the bucket, and the function's log, say why.",
    )

    arrows.visits(device, edge)
    arrows.asks(device, balancer)
    arrows.points_to(domain, edge, balancer)
    arrows.offloads(edge, balancer, key, never_change=("/releases/*",), manifest="/latest.json")
    arrows.forwards(balancer, fleet)
    arrows.mounts(fleet, files)
    arrows.puts(publisher, releases)
    arrows.publishes_to(publish_release, releases, files)
    arrows.triggers(releases, publish_release, prefix="releases/", failures=failures)

    arrows.watches(watch_edge, edge)
    arrows.puts_metrics(watch_edge)
    arrows.runs_every(watch_edge, minutes=5)

    cloudwatch.watch(t, edge, watch_edge, balancer, fleet, files, publish_release, refused, failures)
    cloudwatch.board(
        t,
        "Dashboard",
        *cloudwatch.graphs_of_edge(edge),
        *cloudwatch.graphs_of_balancer(balancer),
        *cloudwatch.graphs_of_fleet(fleet),
        *cloudwatch.graphs_of_files(files),
        *cloudwatch.graphs_of_functions(publish_release),
    )
    budgets.monthly_budget(t, "Budget")
    return t
