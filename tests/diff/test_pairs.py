"""The diff against the authors of published templates: what they say that an update does, it says, too.

Each pair in `pairs/pairs.json` is two versions of a template of a public project, with the sentence of its release
notes, migration guide, pull request or issue, and what that sentence says in the words of the diff. The published files
are not part of this project. So what runs here are the same updates RETOLD by us in a few lines each
(`pairs/retold.py`): evidence that the diff says what the authors say of such a change, and not that it finds it among
all others in a template of thousand lines. That is measured on the real files, by hand: `pairs/measured.md`.
"""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from tests.diff.pairs import SIDES, WHOLE, Pair, Template, pairs
from tests.diff.pairs.__main__ import main
from tests.diff.pairs.retold import RETOLD
from tests.diff.pairs.sources import blob
from tests.diff.templates import resource, template
from tests.evidence import shows
from troposphere_arch.diff import Diff

STILL = template({"Same": resource("AWS::SNS::Topic")})
PROJECT, PATH = "someone/templates", "a/stack.json"


def found(pair: Pair) -> Diff:
    return pair.compare(*RETOLD[pair.id])


# --- the pairs, retold


@shows("REQ-D4", how="static")
@pytest.mark.parametrize("pair", pairs(), ids=lambda pair: pair.id)
def test_the_diff_says_what_the_authors_say(pair: Pair) -> None:
    wrong = [str(one) for one in pair.expectations if not one.known and not one.holds(found(pair))]
    assert not wrong, f"{pair.written['note']['says']!r}: {wrong}"


@pytest.mark.parametrize("pair", [p for p in pairs() if any(e.known for e in p.expectations)], ids=lambda pair: pair.id)
def test_what_is_known_not_to_hold_is_still_so(pair: Pair) -> None:
    settled = [str(one) for one in pair.expectations if one.known and one.holds(found(pair))]
    assert not settled, f"these hold by now: {settled}"


@pytest.mark.parametrize("pair", pairs(), ids=lambda pair: pair.id)
def test_what_is_retold_has_all_that_the_note_is_about(pair: Pair) -> None:
    """Or `at most in place` would hold of what is not there."""
    for one in pair.expectations:
        section = "Resources" if one.section == "Permissions" else one.section
        assert one.section == WHOLE or any(one.name in side.get(section, {}) for side in RETOLD[pair.id]), str(one)


def test_what_must_change_is_not_met_by_a_diff_that_finds_nothing() -> None:
    nothing = Pair({"id": "nothing"}).compare(STILL, STILL)
    for pair in pairs():
        for one in pair.expectations:
            promised = {"at_most", "never", "bump_at_most", "effect_at_most"} & one.written.keys()
            assert promised or not one.holds(nothing), (pair.id, str(one))
    assert sum(not all(one.holds(nothing) for one in pair.expectations) for pair in pairs()) >= 60


# --- what is written of them


def test_there_are_enough_pairs_of_enough_projects_and_few_are_explained_away() -> None:
    assert RETOLD.keys() == {pair.id for pair in pairs()}
    assert len(pairs()) >= 24
    assert len({pair.project for pair in pairs()}) >= 6
    expected = [one for pair in pairs() for one in pair.expectations]
    assert sum(not one.known for one in expected) >= 0.95 * len(expected)


def test_each_pair_tells_where_its_sentence_and_its_files_are_from() -> None:
    assert sum(pair.published for pair in pairs()) >= 60
    for pair in pairs():
        written = pair.written
        assert written["note"]["says"] and written["note"]["where"], pair.id
        if pair.published:
            assert written["licence"] in ("Apache-2.0", "MIT", "MIT-0") and written["path"], pair.id
            assert all(len(written[side][name]) == 40 for side in SIDES for name in ("commit", "blob")), pair.id


# --- measuring the published ones, shown on a project of our own


def topic(**properties: str) -> Template:
    return template({"Topic": resource("AWS::SNS::Topic", **properties)})


OLD, NEW = topic(TopicName="a"), topic(TopicName="b")


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    """A clone with two commits, and their names."""
    place = tmp_path_factory.mktemp("clone")
    commits = []
    git(place, "init", "-q")
    for side in (OLD, NEW):
        (place / PATH).parent.mkdir(exist_ok=True)
        (place / PATH).write_text(json.dumps(side))
        git(place, "add", PATH)
        git(place, "-c", "user.name=a", "-c", "user.email=a@example.com", "commit", "-qm", "a", "--no-gpg-sign")
        commits.append(git(place, "rev-parse", "HEAD"))
    return place, commits


def git(place: Path, *arguments: str) -> str:
    return subprocess.run(
        ["git", "-C", str(place), *arguments], check=True, capture_output=True, text=True
    ).stdout.strip()


def pair_of(commits: list[str], **expected: str) -> Pair:
    sides = {
        side: {"commit": commit, "blob": blob(json.dumps(body).encode())}
        for side, commit, body in zip(SIDES, commits, (OLD, NEW), strict=True)
    }
    expect = [{"section": "Resources", "name": "Topic", "action": "change", **expected}]
    return Pair({"id": "a", "project": PROJECT, "licence": "MIT", "path": PATH, **sides, "expect": expect})


def test_published_files_are_read_out_of_a_clone(
    clone: tuple[Path, list[str]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place, commits = clone
    pair = pair_of(commits, effect="replacement")
    git(tmp_path, "clone", "-q", "--bare", str(place), "bare")
    for which in (place, tmp_path / "bare"):
        assert main([str(which)], [pair]) == 0
        said = capsys.readouterr().out
        assert f"| {PROJECT} | MIT | 1 | 1 | 1 | 0 |" in said
        assert "Not there: 0 of 1 pairs." in said


def test_published_files_are_read_out_of_a_folder_if_they_are_the_same(
    clone: tuple[Path, list[str]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pair = pair_of(clone[1], effect="replacement")
    for commit, body in zip(clone[1], (OLD, NEW), strict=True):
        file = tmp_path / "someone+templates" / commit[:12] / PATH
        file.parent.mkdir(parents=True)
        file.write_text(json.dumps(body))
    assert main([str(tmp_path)], [pair]) == 0
    file.write_text(json.dumps(OLD))
    capsys.readouterr()
    assert main([str(tmp_path)], [pair]) == 2
    assert f"- a: {PROJECT} {clone[1][1][:12]} {PATH} (other bytes are)" in capsys.readouterr().out


def test_what_is_not_there_is_told_and_counted(
    clone: tuple[Path, list[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    place, commits = clone
    there, lost = pair_of(commits, effect="replacement"), pair_of([commits[0], "0" * 40])
    assert main([str(place)], [there, lost]) == 0
    said = capsys.readouterr().out
    assert "Not there: 1 of 2 pairs." in said
    assert f"- a: {PROJECT} {'0' * 12} {PATH}" in said
    assert main([str(place)], [lost]) == 2, "nothing was measured"


def test_what_does_not_hold_fails_unless_it_is_known(
    clone: tuple[Path, list[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    place, commits = clone
    assert main([str(place)], [pair_of(commits, effect="in place")]) == 1
    assert "Does not hold: 1." in capsys.readouterr().out
    assert main([str(place)], [pair_of(commits, effect="in place", known="because")]) == 0
    assert "Explained: 1." in capsys.readouterr().out
    assert main([str(place)], [pair_of(commits, effect="replacement", known="because")]) == 0
    assert "Holds by now: 1." in capsys.readouterr().out


def test_without_a_clone_it_says_what_one_is(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([], pairs()) == 2
    assert main([str(tmp_path / "none")], pairs()) == 2
    assert "owner+name" in capsys.readouterr().err
