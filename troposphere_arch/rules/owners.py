"""E9024."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from ._rule import Found, HouseRule
from ._template import Path, Resource, View, items, text, values

TAG = "owner"
# An e-mail address, or a team: the same as in a service's declaration.
# A tag has no longer value.
LONGEST = 256
OWNER = re.compile(r"[^\s@]+@[^\s@]+\.[^\s@]+|[A-Za-z0-9][A-Za-z0-9 ._/-]{1,63}")
WHERE: Path = ("Metadata", "Service")


class Owners(HouseRule):
    """Each service has an owner, and each of its functions says who that is.

    A template that is one service says so in its Metadata: `Service: {Name: orders, Owner: shop@example.com}`. An owner
    is an e-mail address or a team. Whoever is woken by an alarm of a function finds the owner in the function's tag
    `owner`, and a bill can be told apart by it.
    """

    id = "E9024"
    shortdesc = "Services have an owner"
    source_url = "https://docs.aws.amazon.com/whitepapers/latest/tagging-best-practices/tagging-best-practices.html"

    def check(self, view: View) -> Iterator[Found]:
        metadata = view.template.get("Metadata")
        if not isinstance(metadata, dict) or "Service" not in metadata:
            return
        service: Any = metadata["Service"] if isinstance(metadata["Service"], dict) else {}
        name, owner = (service.get(key) for key in ("Name", "Owner"))
        if not isinstance(name, str) or not name.strip():
            yield WHERE, f"the service has the name {name!r}; write its Name in Metadata.Service"
        if not isinstance(owner, str) or len(owner) > LONGEST or not OWNER.fullmatch(owner):
            yield WHERE, f"the service {name} has the owner {owner!r}; write an e-mail address or a team as its Owner"
            return
        for function in view.of_type("AWS::Lambda::Function"):
            yield from _tagged(function, owner)


def _tagged(function: Resource, owner: str) -> Iterator[Found]:
    tags = [
        found
        for where, tag in items(function.properties, "Tags", path=function.properties_path)
        if isinstance(tag, dict) and tag.get("Key") == TAG
        for found in values(tag, "Value", path=where)
    ]
    if not tags:
        yield function.properties_path, f"{function.name} does not say whose it is; give it the tag {TAG}, {owner}"
    for where, value in tags:
        if text(value) != owner:
            yield where, f"{function.name} has the tag {TAG} {text(value)}, and the service is {owner}'s; write that"
