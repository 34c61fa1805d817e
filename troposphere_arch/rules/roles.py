"""E9013."""

from __future__ import annotations

from collections.abc import Iterator

from ._rule import Found, HouseRule
from ._template import View, references


class Roles(HouseRule):
    """Every role takes its path and its permissions boundary from parameters, and leaves its name to CloudFormation.

    Companies allow roles to be made only under a path and within a boundary; a fixed name needs one more capability and
    lets a stack exist once in an account.
    """

    id = "E9013"
    shortdesc = "Roles fit into a company's account"
    source_url = "https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_boundaries.html"

    def check(self, view: View) -> Iterator[Found]:
        for role in view.of_type("AWS::IAM::Role"):
            for key in ("Path", "PermissionsBoundary"):
                if not references(role.properties.get(key)) & view.parameters.keys():
                    where = (*role.properties_path, key) if key in role.properties else role.path
                    yield where, f"{role.name} has {key} {role.properties.get(key)}; take it from a parameter"
            if "RoleName" in role.properties:
                name = role.properties["RoleName"]
                yield (*role.properties_path, "RoleName"), f"{role.name} has the RoleName {name}; leave it out"
