"""Arrows of the catalogue itself: who publishes, who fetches, who launches."""

from __future__ import annotations

from troposphere import Ref

from .. import grants, parameters
from ..blocks.iam import GitHubRole, grant
from ..blocks.s3 import ArtifactBucket, add_statements, let_readers_in
from ..blocks.servicecatalog import Portfolio, Product, let_launch, offer
from ..conditions import given
from ..parameters import parameter
from ..template import Node
from .ends import expect_end


def assumes(source: Node, role: GitHubRole) -> None:
    """`source` proves by a short-lived token which run it is, and gets credentials of the role for an hour."""
    expect_end(role, GitHubRole, "assumes")
    source.t.record(source, "assumes", role, "OIDC", role.when)


def publishes(role: GitHubRole, bucket: ArtifactBucket) -> None:
    """The role puts, reads and lists objects of the bucket; so does the role of another region's stack that is named.

    Neither may delete anything, or change how the bucket is set up.
    """
    expect_end(role, GitHubRole, "publishes")
    expect_end(bucket, ArtifactBucket, "publishes")
    t = role.t
    grant(role.resource, f"PublishTo{bucket.title}", grants.publish(bucket.resource))
    other = grants.publish_as(Ref(parameter(t, parameters.OTHER_PUBLISHER)), bucket.resource)
    add_statements(bucket, *other, when=given(t, parameters.OTHER_PUBLISHER))
    t.record(role, "publishes", bucket, "put, get, list", role.when)


def fetches(source: Node, bucket: ArtifactBucket) -> None:
    """`source` gets objects of the bucket by their names: the account, the organization or the world, by parameter."""
    expect_end(bucket, ArtifactBucket, "fetches")
    let_readers_in(bucket)
    source.t.record(source, "fetches", bucket, "get")


def launches(source: Node, portfolio: Portfolio) -> None:
    """`source` sees the portfolio and launches what is in it, with no other right in the account."""
    expect_end(portfolio, Portfolio, "launches")
    source.t.record(source, "launches", portfolio, when=let_launch(portfolio))


def offers(portfolio: Portfolio, product: Product) -> None:
    """The portfolio has the product, which its own role launches, within its boundary."""
    expect_end(portfolio, Portfolio, "offers")
    expect_end(product, Product, "offers")
    offer(portfolio, product)
    portfolio.t.record(portfolio, "offers", product)
