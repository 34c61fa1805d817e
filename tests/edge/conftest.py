"""The blog's own distribution before an origin that does as it is told."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.edge import nginx
from benchmarks.edge.distribution import Distribution, distribution
from tests.edge.origin import HOST, Origin, Viewer, listening
from tests.journeys.stack import template_bytes
from troposphere_arch import evaluate


@pytest.fixture(scope="session")
def blog() -> Distribution:
    """The distribution of the blog's template, as its own defaults make it."""
    template = json.loads(template_bytes("blog"))
    return distribution(evaluate.resolved(template, evaluate.parameters_of(template, {})))


@pytest.fixture
def origin() -> Iterator[Origin]:
    with listening() as origin:
        yield origin


@pytest.fixture
def viewer(blog: Distribution, origin: Origin, tmp_path: Path) -> Iterator[Viewer]:
    """Somebody before an edge of the blog's, which has nothing in its cache yet."""
    origins = {one.origin: nginx.Origin(origin.port, f"{one.origin.lower()}.test") for one in blog.behaviours}
    with nginx.running(blog, origins, tmp_path, host=HOST) as edge:
        yield Viewer(edge)
