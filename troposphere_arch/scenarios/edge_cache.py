"""Edge cache, for a load balancer that somebody already has.

Device ──HTTPS──▶ Domain ──▶ Edge ──with OriginKey──▶ Balancer    (theirs: nothing of it changes)
WatchEdge ──reads, every 5 minutes──▶ CloudFront's metrics of Edge
"""

from __future__ import annotations

from .. import arrows, parameters
from ..blocks import awslambda, cloudfront, cloudwatch, listener_rules, secretsmanager
from ..template import ScenarioTemplate, actor, scenario_template

VERSION = "1.0.0"
DESCRIPTION = (
    "Edge cache: a CloudFront distribution before an application load balancer that is there already, for files that "
    "never change and the manifest that names the newest."
)

# None: the domain name of the load balancer is a parameter without a default.
PRESETS: dict[str, dict[str, str]] = {}


def build() -> ScenarioTemplate:
    """The template of the edge alone."""
    t = scenario_template("edge-cache", VERSION, DESCRIPTION, words=parameters.updates.EDGE_WORDS)
    words = parameters.updates

    device, domain = actor(t, "Device"), actor(t, "Domain")
    edge = cloudfront.download_distribution(t, "Edge")
    balancer = listener_rules.foreign_balancer(t, "Balancer")
    key = secretsmanager.origin_key(t, "OriginKey", of="load balancer", when=balancer.ruled)
    watch_edge = awslambda.function(
        t,
        "WatchEdge",
        code="edge/watch_edge.py",
        memory=128,
        reserved=None,
        Description="Brings CloudFront's metrics to the stack's region.",
        Timeout=60,
    )

    arrows.visits(device, edge)
    arrows.points_to(domain, edge)
    arrows.offloads(
        edge,
        balancer,
        key,
        never_change=(words.IMMUTABLE_PATH, words.IMMUTABLE_PATH_2),
        manifest=words.MANIFEST_PATH,
    )
    arrows.watches(watch_edge, edge)
    arrows.puts_metrics(watch_edge)
    arrows.runs_every(watch_edge, minutes=5)

    cloudwatch.watch(t, edge, watch_edge)
    return t
