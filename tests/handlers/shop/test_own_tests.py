"""The tests that stand beside the services, as their owners run them."""

from __future__ import annotations

import subprocess
import sys

from tests.evidence import shows
from tests.handlers.shop.conftest import SERVICES, SHOP


@shows("REQ-M4", "REQ-M9", how="patched")
def test_each_service_has_a_test_that_passes() -> None:
    assert sorted(path.parent.name for path in SHOP.glob("*/test_*.py")) == sorted(SERVICES)
    run = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(SHOP)]
    done = subprocess.run(run, cwd=SHOP.parents[1], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
