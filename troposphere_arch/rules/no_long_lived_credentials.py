"""E9001."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ._rule import Found, HouseRule
from ._template import View, items, walk

FORBIDDEN = ("AWS::IAM::AccessKey", "AWS::IAM::User", "AWS::IAM::UserPolicy", "AWS::IAM::UserToGroupAddition")
# https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html#identifiers-unique-ids
ACCESS_KEY_ID = re.compile(r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b")


class NoLongLivedCredentials(HouseRule):
    """No IAM user, no access key, no policy for a user: whoever calls AWS does so with credentials that expire.

    A key that a phone keeps is a key that everybody has; roles and identity pools give short-lived ones through STS.
    """

    id = "E9001"
    shortdesc = "No long-lived credentials"
    source_url = "https://docs.aws.amazon.com/IAM/latest/UserGuide/best-practices.html"

    def check(self, view: View) -> Iterator[Found]:
        for r in view.resources.values():
            if r.type in FORBIDDEN:
                yield r.path, f"{r.name} is an {r.type}: its credentials do not expire; use a role or an identity pool"
            elif r.type.startswith("AWS::IAM::"):
                for where, user in items(r.properties, "Users", path=r.properties_path):
                    yield where, f"{r.name} is attached to the user {user!r}; attach policies to roles only"
        for where, node in walk(view.template):
            if isinstance(node, str) and ACCESS_KEY_ID.search(node):
                name = where[1] if len(where) > 1 else "the template"
                yield where, f"{name} holds what looks like an access key id; remove it and revoke the key"
