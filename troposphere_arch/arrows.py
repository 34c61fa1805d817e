"""Arrows: the verbs between nodes.

An arrow does the wiring, the permission and the environment variable together, so that none can be forgotten, and
leaves a record from which pictures and proofs are made. All nodes come before the first arrow on a page, so that an
arrow sees everything.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from troposphere import GetAtt, Ref, Sub, awslambda

from . import grants, parameters
from .blocks import apigateway
from .blocks.apigateway import RestApi
from .blocks.awslambda import Function, put_into, uses
from .blocks.cognito import AppClient, IdentityPool, UserPool, issuers
from .blocks.dax import ReadCache
from .blocks.dynamodb import Table
from .blocks.iam import GitHubRole, grant, grant_apart
from .blocks.s3 import ArtifactBucket, Bucket, add_statements, let_readers_in
from .blocks.servicecatalog import Portfolio, Product, let_launch, offer
from .conditions import all_of, given, optional
from .parameters import parameter
from .template import Node, ScenarioTemplate


def _is(node: Node, kind: type[Node], arrow: str) -> None:
    """Say which end of an arrow is wrong, before it fails somewhere inside."""
    if not isinstance(node, kind):
        raise TypeError(f"{arrow}: {node.title} is a {type(node).__name__}, where a {kind.__name__} belongs")


def _tell(function: Function, variable: str, value: Any, when: str | None) -> None:
    """Give a function the address of what it may use."""
    function.resource.Environment.Variables[variable] = optional(when, value)


def _variable(node: Node, what: str) -> str:
    """`Todos`, `TABLE` -> `TODOS_TABLE`; `ReadTodos` -> `READ_TODOS_...`."""
    words = "".join(f"_{c}" if c.isupper() else c.upper() for c in node.title).strip("_")
    return f"{words}_{what}"


def signs_in(source: Node, app: AppClient) -> None:
    """`source` proves who it is to the user pool, and holds an id token from then on."""
    _is(app, AppClient, "signs in")
    source.t.record(source, "signs in", app)


def exchanges_token(app: AppClient, identities: IdentityPool) -> None:
    """The id token buys short-lived AWS credentials from STS."""
    _is(app, AppClient, "exchanges token")
    _is(identities, IdentityPool, "exchanges token")
    app.t.record(app, "exchanges token", identities, "STS")


def owns_prefix(identities: IdentityPool, bucket: Bucket) -> None:
    """Signed-in users read, write, list and delete under their own prefix of the bucket, and nobody else's."""
    _is(identities, IdentityPool, "own prefix")
    _is(bucket, Bucket, "own prefix")
    t = identities.t
    for issuer, where in issuers(t):
        statements = grants.own_prefix(bucket.resource, issuer)
        grant(identities.role, f"OwnPrefixIn{bucket.title}", statements, when=all_of(t, bucket.when, where))
    _uses_key(t, identities.role, f"UseKeyOf{bucket.title}", "s3", write=True, when=bucket.when)
    grant(identities.role, f"Decrypt{bucket.title}", grants.decrypt_objects(bucket.resource), when=bucket.when)
    t.record(identities, "own prefix", bucket, "get, put, delete, list", bucket.when)


def calls(source: Node, api: RestApi) -> None:
    """`source` calls the API over HTTPS with its id token."""
    _is(api, RestApi, "calls")
    source.t.record(source, "calls", api, "HTTPS")


def route(
    api: RestApi, route: str, function: Function, *, query: tuple[str, ...] = (), body: str | None = None
) -> None:
    """`GET /todos`: this method of this path invokes the function, for signed-in users only.

    `query` are the query parameters that the method takes, `body` the JSON Schema under `handlers/` of its body.
    The permission names this API, stage, method and path.
    https://docs.aws.amazon.com/apigateway/latest/developerguide/arn-format-reference.html
    """
    verb, _, path = route.partition(" ")
    if not re.fullmatch(r"(GET|HEAD|POST|PUT|PATCH|DELETE) (/([A-Za-z0-9._-]+|\{[A-Za-z0-9_]+\}))+", route):
        raise ValueError(f"{route!r} is no route: write a verb and a path, such as GET /todos/{{id}}")
    _is(api, RestApi, route)
    _is(function, Function, route)
    if function.when:
        raise ValueError(
            f"{route} -> {function.title}: the function is there only when {function.when}, but a deployment of "
            f"{api.title} freezes its routes, whatever a parameter says; give the function no condition"
        )
    method = apigateway.route(api, verb, path, function, query=query, body=body)
    pattern = "/".join("*" if part.startswith("{") else part for part in path.split("/"))
    source = "arn:${AWS::Partition}:execute-api:${AWS::Region}:${AWS::AccountId}:${%s}/${%s}/%s%s"
    api.t.put(
        awslambda.Permission(
            f"{method.title}Permission",
            Action="lambda:InvokeFunction",
            FunctionName=Ref(function.resource),
            Principal="apigateway.amazonaws.com",
            SourceArn=Sub(source % (api.title, api.stage.title, verb, pattern)),
        )
    )
    api.t.record(api, "invokes", function, route)


def accepts(function: Function, app: AppClient) -> None:
    """The function accepts id tokens of this app only: it compares their audience with the app's id."""
    _is(function, Function, "accepts tokens of")
    _is(app, AppClient, "accepts tokens of")
    _tell(function, _variable(app, "CLIENT_ID"), Ref(app.resource), app.when)
    function.t.record(function, "accepts tokens of", app)


def reads(function: Function, table: Table, *, through: ReadCache | None = None) -> None:
    """The function gets items and queries partitions of the table. It cannot write.

    `through` a read cache it does both by way of that when it is on; it keeps the right to read the table itself, so
    that switching the cache on or off leaves no moment without a way to the data.
    """
    _uses_table(function, table, through, "reads", grants.read_items, grants.read_through)


def writes(function: Function, table: Table, *, through: ReadCache | None = None) -> None:
    """The function creates, changes and deletes items of the table, and looks before it does.

    `through` a read cache it changes and deletes by way of that when it is on, so that the cache has items as they are.
    """
    _uses_table(function, table, through, "writes", grants.write_items, grants.write_through)


def clears(function: Function, table: Table) -> None:
    """The function empties whole partitions of the table, and marks them as closed."""
    _uses_table(function, table, None, "clears", grants.clear_partitions)


_Allows = Callable[[Any], list[Any]]


def _uses_table(
    function: Function,
    table: Table,
    through: ReadCache | None,
    verb: str,
    allows: _Allows,
    allows_through: _Allows | None = None,
) -> None:
    _is(function, Function, verb)
    _is(table, Table, verb)
    if through is not None and allows_through:
        _is(through, ReadCache, f"{verb} through")
        _goes_through(function, table, through, verb, allows_through)
    name = f"{verb.removesuffix('s').title()}{table.title}"
    grant(function.role, name, allows(table.resource), when=table.when)
    if table not in function.tables:
        _uses_key(function.t, function.role, f"UseKeyOf{table.title}", "dynamodb", write=False, when=table.when)
    uses(function, table)
    _tell(function, _variable(table, "TABLE"), Ref(table.resource), table.when)
    function.t.record(function, verb, table)


def _goes_through(function: Function, table: Table, cache: ReadCache, verb: str, allows: _Allows) -> None:
    """Put the function into the cache's network, with its client, its address and the right to use it.

    And let the cache serve the table, with its own role, which it does once for all its users.
    """
    t, when = function.t, all_of(function.t, function.when, cache.when)
    put_into(function, cache.network, [cache.client], when=cache.when)
    right = f"{cache.title}{verb.title()}By{function.title}"
    if right not in t.resources:
        grant_apart(t, function.role, right, allows(cache.resource), when=when)
        # The function waits for the layer, and so for its right: else it would be sent there before it may go. (It
        # cannot wait for the right itself, which is not always there.)
        cache.client.resource.setdefault("DependsOn", []).append(right)
    _tell(function, _variable(table, "CACHE"), GetAtt(cache.resource, "ClusterDiscoveryEndpointURL"), cache.when)
    t.record(function, f"{verb} through", cache)
    if table not in cache.tables:
        cache.tables.append(table)
        grant(cache.role, f"Serve{table.title}", grants.serve_items(table.resource), when=table.when)
        _uses_key(t, cache.role, f"UseKeyOf{table.title}", "dynamodb", write=False, when=table.when)
        t.record(cache, "caches", table)


def deletes_users(function: Function, users: UserPool) -> None:
    """The function deletes users of the pool, at their own request. It must be outside of any network of ours."""
    _is(function, Function, "deletes user")
    _is(users, UserPool, "deletes user")
    if function.places:
        raise ValueError(
            f"{function.title} cannot reach {users.title} from inside a network: no arrow makes an endpoint for "
            "Cognito; give the work to a function outside"
        )
    function.outside.append(users.title)
    grant(function.role, f"Delete{users.title}", grants.delete_users(users.resource), when=users.when)
    _tell(function, _variable(users, "POOL_ID"), Ref(users.resource), users.when)
    function.t.record(function, "deletes user", users)


def assumes(source: Node, role: GitHubRole) -> None:
    """`source` proves by a short-lived token which run it is, and gets credentials of the role for an hour."""
    _is(role, GitHubRole, "assumes")
    source.t.record(source, "assumes", role, "OIDC", role.when)


def publishes(role: GitHubRole, bucket: ArtifactBucket) -> None:
    """The role puts, reads and lists objects of the bucket; so does the role of another region's stack that is named.

    Neither may delete anything, or change how the bucket is set up.
    """
    _is(role, GitHubRole, "publishes")
    _is(bucket, ArtifactBucket, "publishes")
    t = role.t
    grant(role.resource, f"PublishTo{bucket.title}", grants.publish(bucket.resource))
    other = grants.publish_as(Ref(parameter(t, parameters.OTHER_PUBLISHER)), bucket.resource)
    add_statements(bucket, *other, when=given(t, parameters.OTHER_PUBLISHER))
    t.record(role, "publishes", bucket, "put, get, list", role.when)


def fetches(source: Node, bucket: ArtifactBucket) -> None:
    """`source` gets objects of the bucket by their names: the account, the organization or the world, by parameter."""
    _is(bucket, ArtifactBucket, "fetches")
    let_readers_in(bucket)
    source.t.record(source, "fetches", bucket, "get")


def launches(source: Node, portfolio: Portfolio) -> None:
    """`source` sees the portfolio and launches what is in it, with no other right in the account."""
    _is(portfolio, Portfolio, "launches")
    source.t.record(source, "launches", portfolio, when=let_launch(portfolio))


def offers(portfolio: Portfolio, product: Product) -> None:
    """The portfolio has the product, which its own role launches, within its boundary."""
    _is(portfolio, Portfolio, "offers")
    _is(product, Product, "offers")
    offer(portfolio, product)
    portfolio.t.record(portfolio, "offers", product)


def _uses_key(t: ScenarioTemplate, role: Any, name: str, service: str, *, write: bool, when: str | None) -> None:
    """When data is under the user's own key, whoever uses the data uses the key too, through that service only."""
    key = Ref(parameter(t, parameters.KMS_KEY))
    own_key = all_of(t, when, given(t, parameters.KMS_KEY))
    grant(role, name, grants.use_key(key, service, write=write), when=own_key)
