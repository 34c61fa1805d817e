"""The diff against the authors of published templates: what they say that an update does, it says, too.

Each pair in `pairs/pairs.json` is two versions of a template of a public project, with the sentence of its release
notes, migration guide, pull request or issue, and what that sentence says in the words of the diff.
"""

from __future__ import annotations

import pytest

from tests.diff.pairs import Pair, pairs
from tests.evidence import shows


@shows("REQ-D4", how="static")
@pytest.mark.parametrize("pair", pairs(), ids=lambda pair: pair.id)
def test_the_diff_says_what_the_authors_say(pair: Pair) -> None:
    wrong = [str(one) for one in pair.expectations if not one.known and not one.holds(pair.diff)]
    assert not wrong, f"{pair.written['note']['says']!r}: {wrong}"


@pytest.mark.parametrize("pair", [p for p in pairs() if any(e.known for e in p.expectations)], ids=lambda pair: pair.id)
def test_what_is_known_not_to_hold_is_still_so(pair: Pair) -> None:
    settled = [str(one) for one in pair.expectations if one.known and one.holds(pair.diff)]
    assert not settled, f"these hold by now: {settled}"


def test_there_are_enough_pairs_of_enough_projects_and_few_are_explained_away() -> None:
    assert len(pairs()) >= 24
    assert len({pair.project for pair in pairs()}) >= 6
    expected = [one for pair in pairs() for one in pair.expectations]
    assert sum(not one.known for one in expected) >= 0.95 * len(expected)


def test_each_pair_tells_where_its_sentence_is_from() -> None:
    for pair in pairs():
        written = pair.written
        assert written["note"]["says"] and written["note"]["where"], pair.id
        if "templates" not in written:
            assert written["licence"] in ("Apache-2.0", "MIT", "MIT-0"), pair.id
            assert all(len(written[side]["commit"]) == 40 for side in ("old", "new")), pair.id
