"""`audit`: what today's rules and the ends of runtimes say of what was released."""

from __future__ import annotations

import json
from datetime import date, timedelta
from typing import Any

from tests.cli.commands import refused
from tests.evidence import shows
from tests.releases.conftest import Repository
from tests.sampling import sampled
from tests.system import needs

pytestmark = sampled(3)

INDEX = "templates/index.json"
LONG_AFTER = "2099-01-01"
RULE = """
from ._rule import HouseRule


class Tomorrow(HouseRule):
    "Tables are named otherwise."

    id = "E9099"
    shortdesc = "Tables are named otherwise"

    def check(self, view):
        for table in view.of_type("AWS::DynamoDB::Table"):
            yield table.path, f"{table.name} is a bad name"
"""


def audited(repository: Repository, *arguments: str) -> tuple[int, dict[str, Any], bool]:
    done = repository("audit", "--json", *arguments)
    assert "Traceback" not in done.err
    value = json.loads(done.out)
    return done.code, {one["release"]: one for one in value["releases"]}, value["written"]


@needs("git")
@shows("REQ-D4", how="real")
def test_a_runtime_that_has_ended_marks_the_release_and_not_its_bytes(released: Repository) -> None:
    before = released.tree()
    assert audited(released, "--date", "2026-11-25")[0] == 0
    code, found, written = audited(released, "--date", LONG_AFTER)
    assert (code, found["todo@1.0.0"]["state"], written) == (1, "newly bad", False)
    assert "ReadTodos" in found["todo@1.0.0"]["reason"]
    assert " ended on 20" in found["todo@1.0.0"]["reason"]
    assert released.tree() == before

    code, found, written = audited(released, "--date", LONG_AFTER, "--write")
    assert (code, written) == (1, True)
    after = released.tree()
    assert {path for path in after if after[path] != before.get(path)} == {INDEX}
    [entry] = [e for e in json.loads(after[INDEX])["templates"] if e["status"] == "released"]
    assert entry["deprecated"] == found["todo@1.0.0"]["reason"]
    assert entry["deprecated"] in released("list").out

    # Nothing else minds the mark, and what is known is not new.
    assert released("build", "--check").code == 0
    assert released("release", "--check", "--against", "HEAD").code == 0
    assert audited(released, "--date", LONG_AFTER)[0] == 0
    assert released("audit", "--date", LONG_AFTER).out.count("bad, marked") == 1

    # It stays until somebody writes again.
    code, found, _ = audited(released, "--date", "2026-11-25")
    assert (code, found["todo@1.0.0"]["state"]) == (0, "good again")
    assert released.tree() == after
    assert audited(released, "--date", "2026-11-25", "--write")[2] is True
    assert released.tree() == before


@needs("git")
@shows("REQ-D4", how="real")
def test_the_end_of_a_runtime_is_told_half_a_year_before(released: Repository) -> None:
    end = audited(released, "--date", LONG_AFTER)[1]["todo@1.0.0"]["reason"].split(" ended on ")[1][:10]
    assert audited(released, "--date", end)[0] == 1
    assert audited(released, "--date", str(date.fromisoformat(end) - timedelta(days=1)))[0] == 0
    soon = audited(released, "--date", str(date.fromisoformat(end) - timedelta(days=170)))[1]["todo@1.0.0"]
    assert soon["reason"] == ""
    assert any(f"ends on {end}" in note for note in soon["notes"])


@needs("git")
@shows("REQ-D4", how="real")
def test_a_rule_of_tomorrow_marks_what_was_released_today(released: Repository) -> None:
    rules = released.root / "troposphere_arch/rules"
    (rules / "tomorrow.py").write_text(RULE)
    code, found, _ = audited(released)
    assert (code, found["todo@1.0.0"]["state"]) == (1, "newly bad")
    assert "E9099 Todos: " in found["todo@1.0.0"]["reason"]


@needs("git")
def test_what_cannot_be_audited(released: Repository) -> None:
    refused(released("audit", "--date", "tomorrow"), "'tomorrow'", "2026-11-25")
    template = released.root / "templates/todo/1.0.0/todo.template.json"
    template.write_bytes(template.read_bytes() + b"\n")
    before = released.tree()
    refused(released("audit", "--write", "--date", LONG_AFTER), "altered", "version control")
    assert released.tree() == before


@needs("git")
def test_nothing_to_audit(drafts: Repository) -> None:
    done = drafts("audit", "--date", LONG_AFTER)
    assert (done.code, done.out) == (0, "there is no release yet\n")
