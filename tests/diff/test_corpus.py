"""Templates that packages ship: each is read, or refused for what is true, and no spelling of them matters.

    packages ──templates, pinned by SHA-256──▶ read, or one line ──▶ the same again as JSON, as YAML, in another order

Many are published for people to deploy: the CDK's own integration stacks, the modules of cfn-modules and the stacks
that test them, quick starts of AWS, what tools deploy for themselves. The others are made up by the authors of linters,
to be good or bad; most of what is refused is theirs.
"""

from __future__ import annotations

import json
import random
from collections import Counter
from functools import cache
from typing import Any

import cfn_flip
import pytest
import yaml

from tests.diff.packages import NotFetched, fetch, packages, templates
from tests.diff.survey import KINDS, outcome
from tests.evidence import shows
from tests.sampling import sampled
from tests.system import needs
from troposphere_arch.diff import diff
from troposphere_arch.diff.checking import check
from troposphere_arch.diff.parsing import parse

pytestmark = [pytest.mark.xdist_group("packages"), needs("npm"), sampled(2)]

# What was measured. Each refusal was looked up in its file, and is true of it.
EVERY = {"read": 812, "macro": 81, "names nothing": 38, "other": 83}
PUBLISHED = {"read": 417, "macro": 2, "names nothing": 3, "other": 16}
# Of those that are published: what the line says, and whose it is.
REFUSED = {
    "the macro AWS::Serverless-2016-10-31": {"newrelic-lambda-cli": 2},
    # Filled in by Python or by Jinja before CloudFormation sees it.
    "names 'seedkit_name', and the template has no": {"aws-codeseeder": 2},
    "a key that is no text": {"cloudformation-cli": 4},
    "no JSON: line 1, column 2:": {"cloudformation-cli": 2},
    "names 'RegionMapping', and the template has no mapping": {"amplify-category-analytics": 1},
    # A comma before a brace; one that is missing.
    "no JSON: line 227, column 21:": {"cloudknot": 1},
    "no JSON: line 41, column 3:": {"rdk": 2},
    "no JSON: line 82, column 17: Expecting ',' delimiter": {"cloudknot": 1},
    # JSON schemas; and a list of several templates, each behind the other.
    "it has '$id' at the top": {"cloudformation-cli": 2},
    "it is a list, and not sections": {
        "@aws-cdk/aws-apigateway": 1,
        "@aws-cdk/aws-ec2": 1,
        "@aws-cdk/aws-kms": 1,
        "@aws-cdk/aws-s3": 1,
    },
}


@pytest.fixture(scope="session", autouse=True)
def fetched() -> None:
    """Every package; what can't be had fails the tests, with one line."""
    try:
        fetch(list(packages()))
    except NotFetched as error:
        pytest.fail(str(error), pytrace=False)


@cache
def corpus() -> dict[bytes, tuple[str, bool]]:
    """Every file once: its bytes, with what it is called, and whether it is published as a template."""
    found: dict[bytes, tuple[str, bool]] = {}
    for one in packages():
        for path, data in templates(one).items():
            published = one.publishes(path) or (data in found and found[data][1])
            found[data] = (found[data][0] if data in found else f"{one} {path}", published)
    return found


@cache
def outcomes() -> dict[bytes, tuple[str, str]]:
    """What becomes of each: a kind, and the line that refuses it. `outcome` itself takes care that it is one line."""
    return {data: outcome(data) for data in corpus()}


@cache
def read() -> dict[str, dict[str, Any]]:
    """What is read, by name."""
    return {
        corpus()[data][0]: check(parse(data, "it"), "it") for data, (kind, _) in outcomes().items() if kind == "read"
    }


@shows("REQ-D4", how="real")
def test_each_is_read_or_refused_with_one_line() -> None:
    every = Counter(kind for kind, _ in outcomes().values())
    published = Counter(outcomes()[data][0] for data, (_, published) in corpus().items() if published)
    assert {kind: every[kind] for kind in KINDS} == EVERY
    assert {kind: published[kind] for kind in KINDS} == PUBLISHED
    assert PUBLISHED["read"] >= 300


@shows("REQ-D4", how="real")
def test_what_is_published_and_refused_is_refused_for_what_is_true() -> None:
    said: dict[str, Counter[str]] = {words: Counter() for words in REFUSED}
    for data, (name, published) in corpus().items():
        kind, line = outcomes()[data]
        if published and kind != "read":
            (words,) = (words for words in REFUSED if words in line)
            said[words][name.split()[0]] += 1
    assert said == REFUSED


@shows("REQ-D4", how="real")
def test_a_template_does_not_differ_from_itself() -> None:
    changed = {name: diff(one, one).changes for name, one in read().items() if diff(one, one).changes}
    assert changed == {}


@shows("REQ-D4", how="real")
def test_neither_json_nor_yaml_nor_the_order_of_keys_matters() -> None:
    order = random.Random(4)  # noqa: S311 - the same at each run
    for name, one in read().items():
        other = shuffled(one, order)
        written = json.dumps(other, indent=order.choice([None, 2]), ensure_ascii=order.random() < 0.5)
        flow = order.choice([True, False])
        in_yaml = yaml.dump(other, Dumper=Dumper, sort_keys=False, default_flow_style=flow, allow_unicode=True)
        for text in (written, f"---\n{in_yaml}"):
            again = check(parse(text.encode(), "it"), "it")
            assert exact(again) == exact(one), name
            assert diff(one, again).changes == (), name


@shows("REQ-D4", how="real")
def test_short_functions_of_another_tool_are_the_long_ones() -> None:
    """cfn_flip writes them wherever it can; what it makes of a function in a `DefinitionString` is another text."""
    same = 0
    for name, one in read().items():
        written = json.dumps(one)
        if '"DefinitionString": {' not in written:
            short = cfn_flip.to_yaml(written, clean_up=False)
            assert exact(check(parse(short.encode(), "it"), "it")) == exact(one), name
            same += 1
    assert same >= 0.97 * len(read())


def test_they_are_of_many_authors() -> None:
    authors = {one.source.split("/")[3] for one in packages() for path in templates(one) if one.publishes(path)}
    assert len(authors) >= 10


Dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)


def shuffled(one: Any, order: random.Random) -> Any:
    """The same with the keys of every mapping in another order."""
    if isinstance(one, dict):
        keys = list(one)
        order.shuffle(keys)
        return {key: shuffled(one[key], order) for key in keys}
    return [shuffled(inner, order) for inner in one] if isinstance(one, list) else one


def exact(template: Any) -> str:
    """To compare by: to Python, `True` and `1` are the same."""
    return json.dumps(template, sort_keys=True)
