from __future__ import annotations

from typing import Any

import pytest

from tests.evidence import shows
from troposphere_arch.microservices import declaration
from troposphere_arch.rules import owners

from . import changed, found, good, only, service

RULE = "E9024"
SAYS = "Metadata/Service"
TAGS = "Resources/Work/Properties/Tags"


@shows("REQ-M9", how="static")
def test_a_service_with_an_owner_passes() -> None:
    assert found(RULE, service()) == []


def test_what_is_no_service_needs_no_owner() -> None:
    assert found(RULE, good()) == []
    template = changed(SAYS, template=service())
    assert found(RULE, changed(TAGS, template=template)) == []


@shows("REQ-M9", how="static")
@pytest.mark.parametrize("owner", [None, "", " ", "a", "@shop", {"Ref": "Owner"}, 7])
def test_a_service_of_nobody(owner: Any) -> None:
    message = only(RULE, changed(f"{SAYS}/Owner", owner, template=service()))
    assert "the service payments has the owner" in message
    assert "write an e-mail address or a team as its Owner" in message


@pytest.mark.parametrize("says", [None, "payments", [], {}])
def test_a_service_that_says_nothing(says: Any) -> None:
    template = service()
    template["Metadata"]["Service"] = says
    assert len(found(RULE, template)) == 2


@pytest.mark.parametrize("name", [None, " ", 1])
def test_a_service_without_a_name(name: Any) -> None:
    assert "write its Name in Metadata.Service" in only(RULE, changed(f"{SAYS}/Name", name, template=service()))


@pytest.mark.parametrize("owner", ["team-a", "The shop", "a.b@example.com"])
def test_the_functions_belong_to_the_owner(owner: str) -> None:
    template = changed(f"{SAYS}/Owner", owner, template=service())
    message = only(RULE, template)
    assert f"Tags/0/Value: Work has the tag owner shop@example.com, and the service is {owner}'s" in message
    assert found(RULE, changed(f"{TAGS}/0/Value", owner, template=template)) == []


@shows("REQ-M9", how="static")
@pytest.mark.parametrize(
    ("path", "value"), [("", None), ("", []), ("/0/Key", "Owner"), ("/0", {"Ref": "AWS::NoValue"})]
)
def test_a_function_that_does_not_say_whose_it_is(path: str, value: Any) -> None:
    message = only(RULE, changed(TAGS + path, value, template=service()))
    assert "Work does not say whose it is; give it the tag owner, shop@example.com" in message


def test_every_function_counts() -> None:
    more = service()["Resources"]["Work"]
    del more["Properties"]["Tags"]
    assert "More does not say whose it is" in only(RULE, changed("Resources/More", more, template=service()))


def test_an_owner_is_here_what_it_is_in_a_declaration() -> None:
    assert owners.OWNER.pattern == declaration.OWNER.pattern
