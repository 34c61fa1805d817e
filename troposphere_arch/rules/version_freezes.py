"""E9009."""

from __future__ import annotations

from collections.abc import Iterator

from ._rule import Found, HouseRule
from ._template import View, references

# Properties of a function that its versions share instead of keeping their own.
# https://docs.aws.amazon.com/lambda/latest/dg/configuration-versions.html
NOT_FROZEN = ("CodeSigningConfigArn", "RecursiveLoop", "ReservedConcurrentExecutions", "Tags")


class VersionFreezes(HouseRule):
    """A version of a function names, in its description, every parameter that it freezes.

    A version is a snapshot that CloudFormation renews only when one of its own properties changes. With the parameter
    in the description it does; without, an alias would keep running the old value after an update.
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
