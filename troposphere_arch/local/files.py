"""The directories that stand for EFS file systems: `<home of the emulator>/tmp/efs/<file system>/<root directory>`.

    function ──LocalMountPath──▶ directory ◀──files_of── tests, `demo`, a web server of this machine

They go when the file system is deleted, and when the emulator ends.
"""

from __future__ import annotations

import os
from pathlib import Path

from troposphere_arch.errors import UserError
from troposphere_arch.local.emulator import DEFAULT_REGION, Emulator

TMP = "tmp"
"""The emulator's TMPDIR below its home; what is in there goes with it."""
_EFS = "efs"


def files_of(emulator: Emulator, identifier: str, *, region: str = DEFAULT_REGION) -> Path:
    """The directory of a file system (`fs-…`), or of the root directory of an access point (`fsap-…`).

    It is made when it is not there yet, as EFS makes the root directory of an access point when a client first mounts
    it. Raises UserError when the emulator knows no such access point. Only the patched emulator's
    functions work in it: https://docs.aws.amazon.com/efs/latest/ug/efs-access-points.html
    """
    root = "/"
    if identifier.startswith("fsap-"):
        efs = emulator.client("efs", region=region)
        points = efs.describe_access_points(AccessPointId=identifier)["AccessPoints"]
        if not points:
            raise UserError(f"{identifier}: the emulator knows no such access point in {region}")
        point = points[0]
        identifier, root = point["FileSystemId"], point.get("RootDirectory", {}).get("Path", "/")
    found = directory(emulator.home / TMP, identifier, root)
    found.mkdir(parents=True, exist_ok=True)
    return found


def directory(tmp: Path, file_system: str, root: str = "/") -> Path:
    """Where `root` of a file system is below the emulator's TMPDIR. Raises ValueError when it would be elsewhere."""
    top = tmp / _EFS / file_system
    found = Path(os.path.normpath(top / root.lstrip("/")))
    if not file_system.startswith("fs-") or top.parent != tmp / _EFS or not found.is_relative_to(top):
        raise ValueError(f"{file_system}{root}: not a directory of a file system")
    return found
