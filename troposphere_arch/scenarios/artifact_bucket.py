"""Artifact bucket: the place to publish to.

Workflow ──assumes (OIDC)──▶ Publisher ──publishes──▶ Artifacts ◀──fetches── Readers
"""

from __future__ import annotations

from .. import arrows
from ..blocks import iam, s3
from ..template import ScenarioTemplate, actor, scenario_template

VERSION = "1.0.0"
DESCRIPTION = (
    "Place to publish to: a versioned bucket, TLS only, for the account, an organization or the public, and a role for "
    "GitHub Actions without any key."
)

# What each preset chooses otherwise than the template's defaults do.
PRESETS: dict[str, dict[str, str]] = {"starter": {}, "public": {"Readers": "public"}}


def build() -> ScenarioTemplate:
    """The template of the artifact bucket."""
    t = scenario_template("artifact-bucket", VERSION, DESCRIPTION)

    workflow = actor(t, "Workflow")
    readers = actor(t, "Readers")
    publisher = iam.github_role(t, "Publisher")
    artifacts = s3.artifact_bucket(t, "Artifacts")

    arrows.assumes(workflow, publisher)
    arrows.publishes(publisher, artifacts)
    arrows.fetches(readers, artifacts)
    return t
