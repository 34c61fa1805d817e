"""The generated pages say what the tests register and what the rules are, no more and no less."""

from __future__ import annotations

import re
from pathlib import Path

from tests import house_rules
from tests.evidence import PAGE, page, registered
from tests.requirements import REQUIREMENTS

ROOT = Path(__file__).parents[2]


def test_the_page_is_up_to_date() -> None:
    assert PAGE.read_text() == page(), "run `make requirements` and commit the result"
    assert house_rules.PAGE.read_text() == house_rules.page(), "run `make requirements` and commit the result"


def test_every_id_is_known_and_what_the_todo_list_promises_is_shown() -> None:
    found = registered()
    assert set(found) <= set(REQUIREMENTS)
    shown = {f"REQ-T{n}" for n in (1, 2, 3, 4, 5, 7, 8, 9)} | {f"REQ-D{n}" for n in (1, 2, 3, 5, 6)}
    assert shown <= set(found)


def test_a_requirement_without_evidence_says_so() -> None:
    found, text = registered(), page()
    for requirement in REQUIREMENTS:
        line = re.search(rf"^\| {requirement[4:]} \|.*$", text, re.MULTILINE)
        assert line is not None
        assert line[0].endswith("| not shown |") == (requirement not in found)
