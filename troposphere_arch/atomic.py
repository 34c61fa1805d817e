"""Files that are written as a whole or not at all."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from .errors import UserError


def write(path: Path, data: bytes) -> None:
    """Write to a temporary file beside `path`, then rename it. Raises `UserError` when the place is not writable.

    The bytes are on the disk before the name is: after a power cut the file is the old one or the new one.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as f:
            temporary = Path(f.name)
            try:
                f.write(data)
                f.flush()
                os.fsync(f.fileno())
                temporary.chmod(0o644)
                temporary.replace(path)
            except BaseException:
                temporary.unlink(missing_ok=True)
                raise
    except OSError as error:
        raise UserError(
            f"cannot write {path}: {error.strerror}; make it writable, or choose another place (--output DIR)"
        ) from None
