"""The emulator's process entry: `python -m troposphere_arch.local.launcher patched|stock LOCK_DESCRIPTOR`.

Not for people: `troposphere_arch.local.start` calls it, with an environment of its own.
"""

from __future__ import annotations

import os
import sys

from troposphere_arch.errors import UserError


def main(mode: str, lock: int) -> None:
    """Keep the inherited lock for the life of this process, install the patches if asked, run the emulator.

    Exits with one line when the emulator is not what the patches were written for.
    """
    os.set_inheritable(lock, False)
    if mode == "patched":
        from troposphere_arch.local.patches import install

        try:
            install()
        except UserError as error:
            raise SystemExit(str(error)) from None
    from ministack.app import main as run

    sys.argv[1:] = []  # the emulator reads its own options from there
    try:
        run()
    finally:
        _collect_workers()


def _collect_workers() -> None:
    """Wait for the Lambda workers, which had the same signal: orphans stay as zombies where process 1 is no init."""
    while True:
        try:
            os.wait()
        except ChildProcessError:
            return


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
