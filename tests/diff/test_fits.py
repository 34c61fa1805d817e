"""Whether a value fits a pattern: always told in a bounded number of steps, and as Python's own matcher tells it."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.diff.templates import change_of, queue, template
from tests.evidence import shows
from troposphere_arch.diff import Section, diff
from troposphere_arch.diff.fits import fits
from troposphere_arch.diff.model import Bump, Effect


@pytest.mark.parametrize(
    ("pattern", "text", "told"),
    [
        ("a|b{2,3}c?", "bbb", True),
        (r"^(none|arn:aws[a-z-]*:sns:[a-z0-9-]*:\d{12}:.+)$", "arn:aws:sns:eu-west-1:123456789012:news", True),
        (r"^(none|arn:aws[a-z-]*:sns:[a-z0-9-]*:\d{12}:.+)$", "arn:aws:sns:eu-west-1:12345678901:news", False),
        (r"(([0-9]|[1-9][0-9]|1[0-9]{2}|2[0-4][0-9]|25[0-5])\.){3}\d{1,3}/(\d|[12]\d|3[0-2])", "10.0.0.0/16", True),
        (r"(?=.*[a-z])(?=.*\d)(?!.*\s)[\x20-\x7e]{8,}", "correct7horse", True),
        (r"(?=.*[a-z])(?=.*\d)(?!.*\s)[\x20-\x7e]{8,}", "correct horse 7", False),
        # Ways that Python's own matcher would still be trying.
        ("(a+)+$", "a" * 40 + "b", False),
        ("(a+)+b", "a" * 40 + "b", True),
        ("(a|a?)+", "a" * 40 + "b", False),
        ("(.*)*x", "a" * 4000, False),
        (r"^([a-zA-Z0-9]+(-|_)?)*@x$", "a" * 60, False),
        # What is not known here is not guessed.
        (r"(a)\1", "aa", None),
        ("(?i)A", "a", None),
        ("(?<=a)b", "b", None),
        ("(", "a", None),
        ("a{3,1}", "aaa", None),
        ("a**", "aa", None),
        ("[[a]b]", "a", None),
        ("[a-z&&b]", "a", None),
        (r"\p{Alpha}", "a", None),
        ("(" * 60 + "a" + ")" * 60, "a", None),
        # Too many steps, too long.
        ("((a?){999}){999}b", "a" * 999, None),
        ("a*", "a" * 4097, None),
        ("a" * 4097, "a", None),
    ],
)
def test_a_text_fits_or_not_or_nobody_can_tell(pattern: str, text: str, told: bool | None) -> None:
    assert fits(pattern, text) is told


_ATOMS = ["a", "b", ".", "[ab]", "[^a]", r"\d", "1", "-", r"\.", "^", "$", r"\b", r"\w", "[a-]", "[]a]", r"\x61"]
_TIMES = ["*", "+", "?", "{2}", "{1,3}", "{0,}", "+?", "*?"]
_PATTERNS = st.recursive(
    st.sampled_from(_ATOMS),
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=4).map("".join),
        st.lists(inner, min_size=1, max_size=3).map(lambda some: f"({'|'.join(some)})"),
        st.tuples(inner, st.sampled_from(_TIMES)).map(lambda one: f"(?:{one[0]}){one[1]}"),
        st.tuples(st.sampled_from(["(?=", "(?!"]), inner).map(lambda one: f"{one[0]}{one[1]})"),
    ),
    max_leaves=8,
)


@settings(derandomize=True, deadline=None, database=None)
@given(_PATTERNS, st.text("ab1-.\n]", max_size=5))
def test_it_is_told_as_python_tells_it(pattern: str, text: str) -> None:
    assert fits(pattern, text) is (re.fullmatch(pattern, text) is not None)


@shows("REQ-D4", how="static")
@pytest.mark.parametrize(
    ("before", "after", "effect", "says"),
    [
        ("(a+)+b", "(a+)+$", Effect.FAILURE, f"its default '{'a' * 40}b' is not allowed: it must be given"),
        ("(a+)+b", "(a|a)+b", Effect.UNKNOWN, "whether (a|a)+b allows all that (a+)+b did can't be told"),
    ],
)
def test_a_pattern_with_endless_ways_is_no_hang(before: str, after: str, effect: Effect, says: str) -> None:
    old, new = (
        template(
            {"Q": queue()},
            Parameters={"P": {"Type": "String", "Default": "a" * 40 + "b", "AllowedPattern": pattern}},
        )
        for pattern in (before, after)
    )
    change = change_of(diff(old, new), "P", Section.PARAMETERS)
    assert (change.effect, change.bump) == (effect, Bump.MAJOR)
    assert says in [reason.says for reason in change.reasons]
