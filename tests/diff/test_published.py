"""The diff against the authors of templates that packages ship: what they say that an update does, it says, too.

    published.json ──two versions of a package──▶ the same template twice ──▶ Diff ──▶ Expectation holds?

The templates come from the registries, pinned by version and SHA-256 (`packages`). The expectations were written down
from changelogs, pull requests, commits and AWS's guide before the diff was asked; `known` beside one is why it does not
hold, added afterwards. An expectation is never changed.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from tests.diff.packages import NotFetched, Package, fetch, package, packages, templates
from tests.diff.pairs import SIDES, Pair
from tests.evidence import shows
from tests.system import needs
from troposphere_arch.diff import Diff
from troposphere_arch.errors import UserError

PAIRS = [Pair(one) for one in json.loads(Path(__file__).with_name("published.json").read_text())]
READ = [pair for pair in PAIRS if "refused" not in pair.written]

pytestmark = [pytest.mark.xdist_group("packages"), needs("npm")]


def versions(pair: Pair) -> dict[str, Package]:
    """The two versions of a pair's package."""
    return {side: package(pair.written["package"], pair.written[side]) for side in SIDES}


@pytest.fixture(scope="module", autouse=True)
def fetched() -> None:
    """Every package that a pair needs; what can't be had fails the tests, with one line."""
    try:
        fetch(sorted({one for pair in PAIRS for one in versions(pair).values()}, key=str))
    except NotFetched as error:
        pytest.fail(str(error), pytrace=False)


@cache
def _found(number: int) -> Diff:
    pair = READ[number]
    old, new = (pair.read(templates(one)[pair.written["path"]]) for one in versions(pair).values())
    return pair.compare(old, new)


def found(pair: Pair) -> Diff:
    """What the diff says of a pair."""
    return _found(READ.index(pair))


@shows("REQ-D4", how="real")
@pytest.mark.parametrize("pair", READ, ids=lambda pair: pair.id)
def test_the_diff_says_what_the_authors_say(pair: Pair) -> None:
    wrong = [str(one) for one in pair.expectations if not one.known and not one.holds(found(pair))]
    assert not wrong, f"{pair.written['note']['says']!r}: {wrong}"


def test_what_is_known_not_to_hold_is_still_so() -> None:
    settled = [f"{pair.id} {one}" for pair in READ for one in pair.expectations if one.known and one.holds(found(pair))]
    assert not settled


@pytest.mark.parametrize("pair", [pair for pair in PAIRS if pair not in READ], ids=lambda pair: pair.id)
def test_what_is_published_and_is_no_template_is_refused(pair: Pair) -> None:
    for side, words in pair.written["refused"].items():
        with pytest.raises(UserError, match=words):
            pair.read(templates(versions(pair)[side])[pair.written["path"]])


def authors(pairs: list[Pair]) -> Iterator[str]:
    """Who publishes them: the owners of the packages' repositories."""
    for pair in pairs:
        yield from (one.source.split("/")[3] for one in versions(pair).values())


def test_there_are_enough_pairs_of_enough_projects_and_few_are_explained_away() -> None:
    expected = [one for pair in READ for one in pair.expectations]
    assert len(READ) >= 60
    assert len({pair.written["package"] for pair in READ}) >= 15
    assert len(set(authors(READ))) >= 7
    assert sum(not one.known for one in expected) >= 0.95 * len(expected)


def test_each_pair_tells_where_its_sentence_is_from_and_each_package_may_be_read() -> None:
    assert all(pair.written["note"]["says"] and pair.written["note"]["where"] for pair in PAIRS)
    assert {one.licence for one in packages()} <= {"Apache-2.0", "MIT", "MIT-0"}
    assert all(one.source.startswith("https://github.com/") and len(one.sha256) == 64 for one in packages())
