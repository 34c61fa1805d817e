"""Arrows from and to people: who signs in, what they exchange their token for, and what they call."""

from __future__ import annotations

from .. import grants
from ..blocks.apigateway import RestApi
from ..blocks.cognito import AppClient, IdentityPool, issuers
from ..blocks.iam import grant
from ..blocks.s3 import Bucket
from ..conditions import all_of
from ..template import Node
from .ends import expect_end, uses_key


def signs_in(source: Node, app: AppClient) -> None:
    """`source` proves who it is to the user pool, and holds an id token from then on."""
    expect_end(app, AppClient, "signs in")
    source.t.record(source, "signs in", app)


def exchanges_token(app: AppClient, identities: IdentityPool) -> None:
    """The id token buys short-lived AWS credentials from STS."""
    expect_end(app, AppClient, "exchanges token")
    expect_end(identities, IdentityPool, "exchanges token")
    app.t.record(app, "exchanges token", identities, "STS")


def owns_prefix(identities: IdentityPool, bucket: Bucket) -> None:
    """Signed-in users read, write, list and delete under their own prefix of the bucket, and nobody else's."""
    expect_end(identities, IdentityPool, "own prefix")
    expect_end(bucket, Bucket, "own prefix")
    t = identities.t
    for issuer, where in issuers(t):
        statements = grants.own_prefix(bucket.resource, issuer)
        grant(identities.role, f"OwnPrefixIn{bucket.title}", statements, when=all_of(t, bucket.when, where))
    uses_key(t, identities.role, f"UseKeyOf{bucket.title}", "s3", write=True, when=bucket.when)
    grant(identities.role, f"Decrypt{bucket.title}", grants.decrypt_objects(bucket.resource), when=bucket.when)
    t.record(identities, "own prefix", bucket, "get, put, delete, list", bucket.when)


def calls_with_token(source: Node, api: RestApi) -> None:
    """`source` calls the API over HTTPS with its id token."""
    expect_end(api, RestApi, "calls")
    source.t.record(source, "calls", api, "HTTPS")
