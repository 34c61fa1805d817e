"""Which requirement each test shows, and how.

A test registers what it shows with `@shows("REQ-T5", how="stock")`. `docs/requirements.md` is generated from these
marks by `python -m tests.evidence`, and a test compares the two, so that the page cannot claim what no test shows.
"""

from __future__ import annotations

import pytest

HOW = {
    "stock": "deployed on the unmodified emulator, IAM enforced",
    "patched": "deployed on the emulator with our patches, IAM enforced",
    "static": "proved on the template's bytes",
    "real": "run with the real part",
    "simulated": "run on a model of the part",
}


def shows(*requirements: str, how: str) -> pytest.MarkDecorator:
    """Mark a test as evidence for `requirements` (ids like "REQ-T5"); `how` is a key of `HOW`."""
    if how not in HOW:
        raise ValueError(f"how={how!r}: one of {', '.join(HOW)}")
    return pytest.mark.shows(*requirements, how=how)
