"""A package that can't be had, or is not the one that was pinned, is told in one line, and nothing of it is kept."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.diff.packages import NotFetched, Package, fetch, package
from tests.system import needs

pytestmark = [pytest.mark.xdist_group("packages"), needs("npm")]

FROM_NPM = package("@cfn-modules/ecs-cluster", "1.0.0")
FROM_PYPI = package("aws-codeseeder", "0.7.0")


@pytest.mark.parametrize("one", [FROM_NPM, FROM_PYPI], ids=str)
@pytest.mark.parametrize("other", [{"sha256": "0" * 64}, {"version": "0.0.0.dev0", "sha256": "1" * 64}], ids=str)
def test_a_package_that_is_not_the_pinned_one(one: Package, other: dict[str, str]) -> None:
    wanted = replace(one, **other)
    with pytest.raises(NotFetched) as refused:
        fetch([wanted])
    said = str(refused.value)
    assert said.isprintable() and wanted.name in said and wanted.version in said
    assert not wanted.kept.exists()
