"""MyBlog.com.

Reader ──HTTPS──▶ Edge ──/──────────▶ Site    (pages; through Edge only)
                   ├──/media/*──────▶ Media   (thumbnails; through Edge only)
                   └──/api/*, with OriginKey──▶ Api
"""

from __future__ import annotations

from .. import arrows, parameters
from ..blocks import awslambda, cloudfront, cognito, s3
from ..template import ScenarioTemplate, actor, scenario_template

VERSION = "1.0.0"
DESCRIPTION = (
    "Global blog: a static site and a REST API behind one CloudFront distribution, posts and comments in a DynamoDB "
    "global table, a welcome mail for subscribers, and thumbnails of the authors' pictures."
)

# What each preset chooses otherwise than the template's defaults do.
PRESETS: dict[str, dict[str, str]] = {
    "starter": {},
    "production": {
        "DeletionProtection": "on",
        "EdgeMetrics": "on",
        "FunctionMemory": "512",
        "LogRetentionDays": "90",
        "OldFileVersionDays": "90",
        "ThrottleBurst": "500",
        "ThrottleRate": "250",
    },
}


def build() -> ScenarioTemplate:
    """The template of the blog."""
    t = scenario_template("blog", VERSION, DESCRIPTION, words=parameters.blog.WORDS)

    reader = actor(t, "Reader")
    author = actor(t, "Author")
    edge = cloudfront.distribution(t, "Edge")
    site = s3.site_bucket(t, "Site", holds="The pages are here, and what they need.")
    media = s3.site_bucket(t, "Media", holds="Thumbnails are here.")
    uploads = s3.upload_bucket(t, "Uploads", holds="Pictures come in here.", rejected="rejected/")
    users = cognito.invited_users(t, "Users")
    app = cognito.app_client(t, "App", users)
    watch_edge = awslambda.function(
        t,
        "WatchEdge",
        code="blog/watch_edge.py",
        Description="Brings CloudFront's metrics to the stack's region.",
        Timeout=30,
    )

    arrows.visits(reader, edge)
    arrows.serves(edge, site)
    arrows.serves(edge, site, "/assets/*")
    arrows.serves(edge, media, "/media/*")
    arrows.signs_in(author, app)
    arrows.may_call(edge, users)
    arrows.may_call(edge, uploads)
    arrows.watches(watch_edge, edge)
    arrows.puts_metrics(watch_edge)
    arrows.runs_every(watch_edge, minutes=5)
    return t
