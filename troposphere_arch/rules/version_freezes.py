"""E9009."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

from cfnlint.schema.manager import PROVIDER_SCHEMA_MANAGER  # type: ignore[import-untyped]  # it ships no types

from ._rule import Found, HouseRule
from ._template import Resource, View, references

# Properties of a function that its versions share instead of keeping their own.
# https://docs.aws.amazon.com/lambda/latest/dg/configuration-versions.html
NOT_FROZEN = ("CodeSigningConfigArn", "RecursiveLoop", "ReservedConcurrentExecutions", "Tags")
REGION = "us-east-1"  # where the schemas of all types are


class VersionFreezes(HouseRule):
    """A version of a function names, in its description, every parameter that it freezes.

    A version is a snapshot that CloudFormation renews only when one of its own properties changes. With the parameter
    in the description it does; without, an alias would keep running the old value after an update. The same is so for
    what a parameter replaces: a role of another path is another role, and the old one goes.
    """

    id = "E9009"
    shortdesc = "Versions name the parameters they freeze"
    source_url = "https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-resource-lambda-version.html"

    def check(self, view: View) -> Iterator[Found]:
        for version in view.of_type("AWS::Lambda::Version"):
            named = references(version.properties.get("Description"))
            for function in view.named(version.properties.get("FunctionName"), "AWS::Lambda::Function"):
                frozen = {k: v for k, v in function.properties.items() if k not in NOT_FROZEN}
                for parameter in sorted(view.parameters_behind(frozen) - named):
                    yield (
                        version.path,
                        f"{version.name} freezes the parameter {parameter} of {function.name} without naming it; add "
                        f"${{{parameter}}} to its Description by Fn::Sub, so that a new value makes a new version",
                    )
                for held in view.named(frozen):
                    if held.name not in named and (by := _replaced_by(view, held, ()) - named):
                        yield (
                            version.path,
                            f"{version.name} freezes which {held.name} there is, and {', '.join(sorted(by))} may "
                            f"replace it; name {held.name}, or an id that Fn::GetAtt has of it, in its Description",
                        )


def _replaced_by(view: View, resource: Resource, seen: tuple[str, ...]) -> set[str]:
    """The parameters that a resource cannot keep: those of what is fixed when it is made, through others too."""
    fixed = {k: v for k, v in resource.properties.items() if k in _fixed(resource.type)}
    others = [other for other in view.named(fixed) if other.name not in (*seen, resource.name)]
    return view.parameters_behind(fixed).union(*(_replaced_by(view, o, (*seen, resource.name)) for o in others))


@cache
def _fixed(kind: str) -> frozenset[str]:
    """The properties of a type that cannot be changed in place, as a whole or in part."""
    if kind not in PROVIDER_SCHEMA_MANAGER.get_resource_types(REGION):
        return frozenset()
    schema = PROVIDER_SCHEMA_MANAGER.get_resource_schema(REGION, kind).schema
    return frozenset(pointer.split("/")[2] for pointer in schema.get("createOnlyProperties", ()))
