"""Software updates.

Device ──▶ Balancer ──▶ Fleet ──reads──▶ Files ◀──writes── PublishRelease ◀──event── Releases ◀──puts── Publisher
PublishRelease: what failed ──▶ ReleaseFailures
"""

from __future__ import annotations

from .. import arrows, parameters
from ..blocks import (
    autoscaling,
    awslambda,
    budgets,
    cloudwatch,
    efs,
    elasticloadbalancingv2,
    logs,
    network,
    s3,
    sqs,
)
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

    device, publisher = actor(t, "Device"), actor(t, "Publisher")
    servers = network.server_network(t, "Network")
    balancer = elasticloadbalancingv2.balancer(t, "Balancer", servers)
    fleet = autoscaling.fleet(t, "Fleet", servers, boot="software_updates/boot.sh", conf="software_updates/nginx.conf")
    files = efs.file_system(t, "Files", servers)
    releases = s3.release_bucket(t, "Releases")
    failures = sqs.dead_letters(t, "ReleaseFailures")
    publish_release = awslambda.function(
        t,
        "PublishRelease",
        code="software_updates/publish_release.py",
        memory=parameters.updates.PUBLISH_MEMORY,
        Description="Puts a release where the servers hand it out, or says why not.",
        Timeout=900,
    )
    refused = logs.counted(
        t,
        "PublishReleaseRefused",
        publish_release.logs,
        '{ $.outcome = "refused" }',
        means="A release was refused: its status in the bucket, and the function's log, say why.",
    )

    arrows.asks(device, balancer)
    arrows.forwards(balancer, fleet)
    arrows.mounts(fleet, files)
    arrows.puts(publisher, releases)
    arrows.publishes_to(publish_release, releases, files)
    arrows.triggers(releases, publish_release, prefix="releases/", failures=failures)

    cloudwatch.watch(t, balancer, fleet, files, publish_release, refused, failures)
    cloudwatch.board(
        t,
        "Dashboard",
        *cloudwatch.graphs_of_balancer(balancer),
        *cloudwatch.graphs_of_fleet(fleet),
        *cloudwatch.graphs_of_files(files),
        *cloudwatch.graphs_of_functions(publish_release),
    )
    budgets.monthly_budget(t, "Budget")
    return t
