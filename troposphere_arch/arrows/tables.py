"""Arrows from functions to tables, with or without a read cache between."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from troposphere import GetAtt

from .. import grants
from ..blocks.awslambda import Function, put_into, uses
from ..blocks.dax import ReadCache
from ..blocks.dynamodb import Table
from ..blocks.iam import grant, grant_apart
from ..conditions import all_of
from .ends import expect_end, tell, uses_key, variable


def reads(function: Function, table: Table, *, through: ReadCache | None = None) -> None:
    """The function gets items and queries partitions of the table. It cannot write.

    `through` a read cache it does both by way of that when it is on; it keeps the right to read the table itself, so
    that switching the cache on or off leaves no moment without a way to the data.
    """
    _uses_table(function, table, through, "reads", grants.read_items, grants.read_through)


def lists(function: Function, table: Table) -> None:
    """The function queries partitions of the table, and nothing else of it."""
    _uses_table(function, table, None, "lists", grants.query_items)


def writes(function: Function, table: Table, *, through: ReadCache | None = None) -> None:
    """The function creates, changes and deletes items of the table, and looks before it does.

    `through` a read cache it changes and deletes by way of that when it is on, so that the cache has items as they are.
    """
    _uses_table(function, table, through, "writes", grants.write_items, grants.write_through)


def clears(function: Function, table: Table) -> None:
    """The function empties whole partitions of the table, and marks them as closed."""
    _uses_table(function, table, None, "clears", grants.clear_partitions)


def edits(function: Function, table: Table) -> None:
    """The function creates, changes and deletes items, and lists partitions to delete them; past any cache."""
    _uses_table(function, table, None, "edits", grants.edit_items)


def adds(function: Function, table: Table) -> None:
    """The function puts new items beside one that is there; it reads, changes and deletes none."""
    _uses_table(function, table, None, "adds to", grants.add_items)


def updates(function: Function, table: Table) -> None:
    """The function writes single items, each on condition of what it was."""
    _uses_table(function, table, None, "updates", grants.update_items)


def keeps(function: Function, table: Table) -> None:
    """The function gets single items and writes them, each on condition of what it was; no list, no deletion."""
    _uses_table(function, table, None, "keeps", grants.keep_items)


def counts(function: Function, table: Table) -> None:
    """The function queries the table's index, and nothing else of it."""
    _uses_table(function, table, None, "counts", lambda _: _of_index(table))


def requeues(function: Function, table: Table) -> None:
    """The function queries the table's index, and writes what it finds there."""
    _uses_table(function, table, None, "requeues", lambda arn: [*_of_index(table), *grants.update_items(arn)])


def _of_index(table: Table) -> list[Any]:
    if table.index is None:
        raise ValueError(f"{table.title} has no index that could be queried")
    return grants.query_index(table.resource, table.index.name)


_Allows = Callable[[Any], list[Any]]


def _uses_table(
    function: Function,
    table: Table,
    through: ReadCache | None,
    verb: str,
    allows: _Allows,
    allows_through: _Allows | None = None,
) -> None:
    expect_end(function, Function, verb)
    expect_end(table, Table, verb)
    if through is not None and allows_through:
        expect_end(through, ReadCache, f"{verb} through")
        _goes_through(function, table, through, verb, allows_through)
    name = f"{verb.split()[0].removesuffix('s').title()}{table.title}"
    grant(function.role, name, allows(table.arn), when=table.when)
    if table not in function.tables:
        uses_key(function.t, function.role, f"UseKeyOf{table.title}", "dynamodb", write=False, when=table.when)
    uses(function, table)
    tell(function, variable(table, "TABLE"), table.name, table.when)
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
    tell(function, variable(table, "CACHE"), GetAtt(cache.resource, "ClusterDiscoveryEndpointURL"), cache.when)
    t.record(function, f"{verb} through", cache)
    if table not in cache.tables:
        cache.tables.append(table)
        grant(cache.role, f"Serve{table.title}", grants.serve_items(table.arn), when=table.when)
        uses_key(t, cache.role, f"UseKeyOf{table.title}", "dynamodb", write=False, when=table.when)
        t.record(cache, "caches", table)
