"""Files of functions: AWS::Lambda::Function FileSystemConfigs.

Stock: CloudFormation drops them, and nothing is ever mounted, so a function finds no such directory.
AWS: the function finds the root directory of the access point at LocalMountPath, which is created at the first mount
when the access point says how.
https://docs.aws.amazon.com/lambda/latest/dg/configuration-filesystem.html
https://docs.aws.amazon.com/efs/latest/ug/efs-access-points.html
Patched: set on the function, where GetFunctionConfiguration shows them, and taken away when an update has none. Each
environment variable that is a LocalMountPath, or a path below it, reads in the function as the directory that stands
for the access point's root (`troposphere_arch.local.files`): a path that is written down in the code finds nothing. Two
access points with the same root directory see the same files. There is no owner, no quota, no IAM and no network
between a function and its files; the directory goes with the file system.
"""

from __future__ import annotations

import importlib
import os
import shutil
from pathlib import Path
from typing import Any

from troposphere_arch.local import files
from troposphere_arch.local.patches.expect import expect_function
from troposphere_arch.local.patches.provisioner import Properties, afterwards, client


def install() -> None:
    """Keep FileSystemConfigs, give each function its directories, remove those of a file system that is deleted."""
    _keep_settings()
    _mount()
    _remove_with_file_system()


def _keep_settings() -> None:
    def apply(physical_id: str, old: Properties, new: Properties) -> None:
        before, after = old.get("FileSystemConfigs") or [], new.get("FileSystemConfigs") or []
        if before != after:
            client("lambda").update_function_configuration(FunctionName=physical_id, FileSystemConfigs=after)

    afterwards("AWS::Lambda::Function", apply)


def _mount() -> None:
    runtime: Any = importlib.import_module("ministack.core.lambda_runtime")
    start = expect_function(runtime.Worker, "__init__", "self", "func_name", "config", "code_zip")

    def patched_start(self: Any, func_name: str, config: dict[str, Any], code_zip: bytes) -> None:
        start(self, func_name, _with_directories(config), code_zip)

    runtime.Worker.__init__ = patched_start


def _remove_with_file_system() -> None:
    efs: Any = importlib.import_module("ministack.services.efs")
    delete = expect_function(efs, "_delete_file_system", "fs_id")

    def patched_delete(fs_id: str) -> Any:
        answer = delete(fs_id)
        if answer[0] < 300:
            shutil.rmtree(files.directory(_tmp(), fs_id), ignore_errors=True)
        return answer

    efs._delete_file_system = patched_delete


def _with_directories(config: dict[str, Any]) -> dict[str, Any]:
    """The function's configuration as its process gets it; what the API shows stays as it is."""
    mounts = {
        mount["LocalMountPath"]: root
        for mount in config.get("FileSystemConfigs") or []
        if (root := _root_of(mount["Arn"])) is not None
    }
    environment = config.get("Environment") or {}
    if not mounts:
        return config
    variables = {name: _local(value, mounts) for name, value in environment.get("Variables", {}).items()}
    return {**config, "Environment": {**environment, "Variables": variables}}


def _local(value: str, mounts: dict[str, Path]) -> str:
    for path, root in mounts.items():
        if value == path or value.startswith(f"{path}/"):
            return f"{root}{value.removeprefix(path)}"
    return value


def _root_of(access_point: str) -> Path | None:
    """The directory of the access point's root; None when there is no such access point, or no such directory."""
    efs: Any = importlib.import_module("ministack.services.efs")
    region, account, resource = access_point.split(":")[3:6]
    point = efs._access_points.get_scoped(account, region, resource.partition("/")[2])
    if point is None:
        return None
    root = point.get("RootDirectory") or {}
    found = files.directory(_tmp(), point["FileSystemId"], root.get("Path") or "/")
    if root.get("CreationInfo") or (root.get("Path") or "/") == "/":
        found.mkdir(parents=True, exist_ok=True)
    return found if found.is_dir() else None


def _tmp() -> Path:
    return Path(os.environ["TMPDIR"])
