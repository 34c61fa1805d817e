"""E9010."""

from __future__ import annotations

from collections.abc import Iterator

from ..stores import HOLDS_DATA, is_only_a_key
from ._rule import Found, HouseRule
from ._template import Resource, View, is_true, items, values


class DataIsRetained(HouseRule):
    """What holds data outlives its stack and its replacement, and a table can be restored to any second.

    CloudFormation deletes by default: a stack removed, or a property changed that cannot be changed in place, would
    take the data along. A secret is no data where it is generated and nothing but API keys and distributions reads it:
    it is made anew with them, and kept it would only be one more secret that still opens something.
    """

    id = "E9010"
    shortdesc = "Data is retained"
    source_url = "https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-attribute-updatereplacepolicy.html"

    def check(self, view: View) -> Iterator[Found]:
        for r in view.of_type(*HOLDS_DATA):
            if is_only_a_key(view.template, r.name):
                continue
            snapshot = ["Snapshot"] if HOLDS_DATA[r.type] else []
            for attribute, allowed in (
                ("DeletionPolicy", ["Retain", "RetainExceptOnCreate", *snapshot]),
                ("UpdateReplacePolicy", ["Retain", *snapshot]),
            ):
                policy = r.body.get(attribute)
                if policy not in allowed:
                    where = (*r.path, attribute) if attribute in r.body else r.path
                    yield where, f"{r.name} holds data and has {attribute} {policy}; write {' or '.join(allowed)}"
        for table in view.of_type("AWS::DynamoDB::Table"):
            yield from _restorable(table, table.properties, table.properties_path)
        for table in view.of_type("AWS::DynamoDB::GlobalTable"):
            for where, replica in items(table.properties, "Replicas", path=table.properties_path):
                yield from _restorable(table, replica, where)


def _restorable(table: Resource, settings: object, at: tuple[str | int, ...]) -> Iterator[Found]:
    for where, on in values(settings, "PointInTimeRecoverySpecification", "PointInTimeRecoveryEnabled", path=at):
        if not is_true(on):
            yield where, f"{table.name} has PointInTimeRecoveryEnabled {on}; set it to true"
