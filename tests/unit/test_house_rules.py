"""What all house rules have in common; each has a test of its own in `rules/`."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.rules import found, good, service
from troposphere_arch import rules
from troposphere_arch.rules._template import walk

IDS = [rule.id for rule in rules.house_rules()]

# What stands in templates where something else should: any of it anywhere must not stop a rule.
_NAMES = ("Fn::If", "Fn::Sub", "Fn::GetAtt", "Fn::Join", "Ref", "Condition", "Statement", "Type", "Properties")
_TEXTS = ("", "x", "*", "${", "${a", "${!a:b}", "AWS::NoValue", "StorageOn", "Read", "Api")
_TYPES = ("AWS::Lambda::Function", "AWS::S3::Bucket", "AWS::IAM::Role")
_LEAVES = st.sampled_from([None, True, 0, 1.5, datetime.date(2012, 10, 17), *_TEXTS, *_TYPES])
_JUNK = st.recursive(
    _LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([*_NAMES, 1]), inner, max_size=2),
    max_leaves=5,
)
_PATHS = [path for path, _ in walk(good()) if path]
_PATHS_OF_SERVICE = [path for path, _ in walk(service()) if path]


def test_ids_are_in_order_and_explained() -> None:
    assert [f"E90{n:02}" for n in range(1, len(IDS) + 1)] == IDS
    for rule in rules.house_rules():
        assert rule.shortdesc
        assert rule.description == " ".join((type(rule).__doc__ or "").split())
        assert rule.source_url.startswith("https://docs.aws.amazon.com/")


def test_each_rule_is_a_file_and_has_a_test_of_the_same_name() -> None:
    files = sorted(p.stem for p in Path(rules.__path__[0]).glob("[a-z]*.py"))
    tests = sorted(p.stem.removeprefix("test_") for p in (Path(__file__).parent / "rules").glob("test_*.py"))
    assert files == tests
    assert sorted(type(rule).__module__.rpartition(".")[2] for rule in rules.house_rules()) == files


def test_the_good_service_is_clean() -> None:
    assert [message for rule in IDS for message in found(rule, service())] == []


def test_a_template_without_anything_is_told_only_to_say_what_it_is() -> None:
    assert [message for rule in IDS for message in found(rule, {"Resources": {}})] == [
        ": output TemplateId is missing; every stack tells what it is",
        ": output TemplateVersion is missing; every stack tells what it is",
    ]


def _replace(template: Any, path: tuple[Any, ...], junk: Any, optional: bool) -> None:
    place = template
    for key in path[:-1]:
        # An earlier replacement may have taken this place away.
        if not isinstance(place, dict | list) or (isinstance(place, dict) and key not in place):
            return
        if isinstance(place, list) and not (isinstance(key, int) and key < len(place)):
            return
        place = place[key]
    if isinstance(place, dict):
        place[path[-1]] = {"Fn::If": ["StorageOn", place.get(path[-1]), junk]} if optional else junk


@given(st.lists(st.tuples(st.sampled_from(_PATHS), _JUNK, st.booleans()), min_size=1, max_size=4))
@settings(max_examples=400, derandomize=True, deadline=None, database=None)
def test_no_rule_stumbles_over_a_malformed_template(changes: list[tuple[tuple[Any, ...], Any, bool]]) -> None:
    template = good()
    for path, junk, optional in changes:
        _replace(template, path, junk, optional)
    for rule in IDS:
        found(rule, template)


@given(st.lists(st.tuples(st.sampled_from(_PATHS_OF_SERVICE), _JUNK, st.booleans()), min_size=1, max_size=4))
@settings(max_examples=200, derandomize=True, deadline=None, database=None)
def test_no_rule_stumbles_over_a_malformed_service(changes: list[tuple[tuple[Any, ...], Any, bool]]) -> None:
    template = service()
    for path, junk, optional in changes:
        _replace(template, path, junk, optional)
    for rule in IDS:
        found(rule, template)


@given(
    st.dictionaries(st.sampled_from(["Resources", "Outputs", "Conditions", "Parameters", "Metadata"]), _JUNK) | _JUNK
)
@settings(max_examples=200, derandomize=True, deadline=None, database=None)
def test_no_rule_stumbles_over_what_is_no_template(template: Any) -> None:
    for rule in IDS:
        found(rule, template)
