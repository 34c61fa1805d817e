"""The emulator's process entry: `python -m troposphere_arch.local.launcher patched|stock LOCK_DESCRIPTOR`.

Not for people: `troposphere_arch.local.start` calls it, with an environment of its own.
"""

from __future__ import annotations

import importlib
import os
import sys
from pathlib import Path
from typing import Any

from troposphere_arch.errors import UserError
from troposphere_arch.local.patches import install
from troposphere_arch.local.version import check_version


def main(mode: str, lock: int) -> None:
    """Keep the inherited lock for the life of this process, install the patches if asked, run the emulator.

    Exits with one line when the emulator is not what the patches were written for.
    """
    os.set_inheritable(lock, False)  # a Lambda worker that outlived us would hold it
    _hide_this_package()
    try:
        check_version()
        if mode == "patched":
            install()
    except UserError as error:
        raise SystemExit(str(error)) from None
    app: Any = importlib.import_module("ministack.app")
    sys.argv[1:] = []  # the emulator looks there for options of its own
    try:
        app.main()
    finally:
        _collect_workers()


def _hide_this_package() -> None:
    """Lambda code inherits PYTHONPATH, and must not find in a clone what it would not find on AWS."""
    root = Path(__file__).resolve().parents[2]
    paths = os.environ.pop("PYTHONPATH", "").split(os.pathsep)
    if kept := [path for path in paths if path and Path(path).resolve() != root]:
        os.environ["PYTHONPATH"] = os.pathsep.join(kept)


def _collect_workers() -> None:
    """Wait for the Lambda workers, which had the same signal: orphans stay as zombies where process 1 is no init."""
    while True:
        try:
            os.wait()
        except ChildProcessError:
            return


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
