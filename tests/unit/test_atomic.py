"""Files that are written as a whole or not at all."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

from troposphere_arch import atomic


def test_the_bytes_are_on_the_disk_before_the_name_is(tmp_path: Path) -> None:
    called: list[Any] = []
    sys.setprofile(lambda frame, event, function: called.append(function) if event == "c_call" else None)
    try:
        atomic.write(tmp_path / "file", b"data")
    finally:
        sys.setprofile(None)
    assert [one for one in called if one in (os.fsync, os.replace)] == [os.fsync, os.replace]
    assert (tmp_path / "file").read_bytes() == b"data"
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
