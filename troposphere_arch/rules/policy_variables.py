"""E9003."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ._rule import Found, HouseRule
from ._template import View, intrinsic, walk

# `aws:username`, `cognito-identity.amazonaws.com:sub`, but not `AWS::Region`.
VARIABLE = re.compile(r"\$\{(!?)\s*([a-z][a-z0-9.-]*:[A-Za-z][^{}:]*)\}")


class PolicyVariables(HouseRule):
    """IAM's own variables are written `${!name}` inside Fn::Sub and `${name}` outside.

    Otherwise CloudFormation looks for a resource of that name, or IAM gets the exclamation mark and matches nothing.
    """

    id = "E9003"
    shortdesc = "Policy variables survive Fn::Sub"
    source_url = "https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html"

    def check(self, view: View) -> Iterator[Found]:
        inside: set[tuple[str | int, ...]] = set()
        for where, node in walk(view.template):
            name, argument = intrinsic(node)
            if name == "Fn::Sub":
                inside.add((*where, name, 0) if isinstance(argument, list) else (*where, name))
            for escaped, variable in VARIABLE.findall(node) if isinstance(node, str) else ():
                owner = where[1] if len(where) > 1 else "the template"
                if where in inside and not escaped:
                    yield where, f"{owner} has ${{{variable}}} in an Fn::Sub; write ${{!{variable}}} there"
                elif where not in inside and escaped:
                    yield where, f"{owner} has ${{!{variable}}} outside of Fn::Sub; write ${{{variable}}} there"
