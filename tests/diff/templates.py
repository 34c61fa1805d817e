"""Small templates for the tests of the diff."""

from __future__ import annotations

from typing import Any

from troposphere_arch.diff import Change, Diff, Section

Template = dict[str, Any]


def resource(kind: str, attributes: Template | None = None, **properties: Any) -> Template:
    """A resource with these properties; `attributes` are what stands beside them."""
    return {"Type": kind, **(attributes or {}), "Properties": properties}


def template(resources: Template, **sections: Any) -> Template:
    """A template of these resources and other sections."""
    return {"AWSTemplateFormatVersion": "2010-09-09", **sections, "Resources": resources}


def change_of(found: Diff, name: str, section: Section = Section.RESOURCES) -> Change:
    """The one change of that name in that section."""
    (change,) = (c for c in found.changes if c.name == name and c.section == section)
    return change


def names(found: Diff, section: Section = Section.RESOURCES) -> set[str]:
    """What changes in that section."""
    return {change.name for change in found.changes if change.section == section}


RETAINED = {"DeletionPolicy": "Retain", "UpdateReplacePolicy": "Retain"}


def table(key: str = "id", attributes: Template | None = None, **properties: Any) -> Template:
    """A table with data in it."""
    return resource(
        "AWS::DynamoDB::Table",
        attributes,
        **{
            "AttributeDefinitions": [{"AttributeName": key, "AttributeType": "S"}],
            "BillingMode": "PAY_PER_REQUEST",
            "KeySchema": [{"AttributeName": key, "KeyType": "HASH"}],
            **properties,
        },
    )


def function(**properties: Any) -> Template:
    """A function with its code in it."""
    return resource(
        "AWS::Lambda::Function",
        **{
            "Code": {"ZipFile": "def handler(event, context): return 1"},
            "Handler": "index.handler",
            "Role": "arn:aws:iam::111111111111:role/function",
            "Runtime": "python3.13",
            **properties,
        },
    )


def queue(attributes: Template | None = None, **properties: Any) -> Template:
    """A queue."""
    return resource("AWS::SQS::Queue", attributes, **properties)
