"""E9004."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from ._rule import Found, HouseRule
from ._template import Path, View, intrinsic, principals, text, values, walk

ARN_OF_PARTITION = re.compile(r"\barn:aws[a-z-]*(?=:)")
ACCOUNT = re.compile(r"\barn:[^:\s]*:[^:\s]*:[^:\s]*:(\d{12})(?!\d)|^(\d{12})$")
REGION = re.compile(
    r"(?<![A-Za-z0-9])"
    r"(?:af|ap|ca|cn|eu|il|me|mx|sa|us)-(?:gov-|iso[a-z]?-)?"
    r"(?:central|north|south|east|west|northeast|northwest|southeast|southwest)-\d[a-z]?"
    r"(?![A-Za-z0-9])"
)
QUOTED_REGION = re.compile(rf"""(?<=["']){REGION.pattern}(?=["'])""")
# https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html#principal-services
OTHER_SUFFIX = re.compile(r"\$\{AWS::URLSuffix\}|\.amazonaws\.com\.[a-z]+$")
# AWS itself puts this region into the name of identity pools there, as a principal and in policy variables.
# https://docs.aws.amazon.com/govcloud-us/latest/UserGuide/govcloud-cog.html
REGIONAL_NAMES = ("cognito-identity.us-gov-east-1.amazonaws.com",)
_COMPARED = ({"Ref": "AWS::Region"}, {"Ref": "AWS::Partition"})


class NoLiterals(HouseRule):
    """No account id, no region, no partition is written down, so that one template serves every account and region.

    A condition may compare AWS::Region or AWS::Partition with a name: that is how it says where something does not
    exist. In the code of a function only ARNs of a partition and quoted names of regions are looked for.
    """

    id = "E9004"
    shortdesc = "No account id, region or partition literal"
    source_url = "https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/pseudo-parameter-reference.html"

    def check(self, view: View) -> Iterator[Found]:
        compared = _compared(view.conditions)
        parts: list[tuple[Path, Any]] = [(("Conditions",), view.conditions)]
        parts += [(r.path, r.body) for r in view.resources.values()]
        for name, output in view.outputs.items():
            # A description is prose, which may well speak of a region.
            parts += [(("Outputs", name, "Value"), output["Value"])] if "Value" in (_dict(output)) else []
        for path, part in parts:
            for where, node in walk(part, path):
                if isinstance(node, str) and where not in compared:
                    yield from ((where, f"{where[1]} {problem}") for problem in _literals(node, where[-1]))
        yield from _service_principals(view)


def _literals(value: str, key: str | int) -> Iterator[str]:
    # Variables hold colons of their own.
    plain = re.sub(r"\$\{[^}]*\}", "@", value)
    for partition in sorted(set(ARN_OF_PARTITION.findall(plain))):
        yield f"has the partition literal {partition}; write arn:${{AWS::Partition}} in an Fn::Sub"
    if key == "ZipFile":
        for region in sorted(set(QUOTED_REGION.findall(plain))):
            yield f"has the region {region} in its code; the runtime gives AWS_REGION"
        return
    for accounts in sorted(set(ACCOUNT.findall(plain))):
        yield f"has the account id {''.join(accounts)}; use AWS::AccountId or a parameter"
    for name in REGIONAL_NAMES:
        plain = plain.replace(name, "@")
    for region in sorted(set(REGION.findall(plain))):
        yield f"has the region {region}; use AWS::Region or a parameter"


def _compared(conditions: dict[Any, Any]) -> set[Path]:
    """Where the conditions compare the region or the partition with a name."""
    found: set[Path] = set()
    for where, node in walk(conditions, ("Conditions",)):
        name, argument = intrinsic(node)
        if name == "Fn::Equals" and isinstance(argument, list) and any(a in _COMPARED for a in argument):
            found |= {(*where, name, i) for i in range(len(argument))}
    return found


def _service_principals(view: View) -> Iterator[Found]:
    named: list[tuple[Path, str, Any]] = []
    for policy in view.policies:
        for where, statement in policy.statements():
            for place, kind, who in principals(statement):
                if kind == "Service":
                    named.append((policy.at((*where, *place)), policy.resource.name, who))
    for r in view.of_type("AWS::Lambda::Permission"):
        named += [(where, r.name, who) for where, who in values(r.properties, "Principal", path=r.properties_path)]
    for where, name, who in named:
        if OTHER_SUFFIX.search(text(who) or ""):
            yield where, f"{name} names the service {text(who)}; end it in .amazonaws.com, in every partition"


def _dict(value: Any) -> dict[Any, Any]:
    return value if isinstance(value, dict) else {}
