"""What the tests of publishing share: a bucket of their own in the unmodified emulator, and the command."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.cli.commands import Done, Shell
from tests.publishing.catalogues import Made, write
from troposphere_arch.local import Emulator


@dataclass(frozen=True)
class Publisher:
    """Somebody who types `python build.py publish`."""

    shell: Shell
    s3: Any
    bucket: str
    environment: dict[str, str]
    folder: Path

    def catalogue(self, made: Iterable[Made], name: str = "c") -> Path:
        """A catalogue of these releases in a folder of that name."""
        return write(self.folder / name, made)

    def __call__(self, templates: Path, *arguments: str, **env: str) -> Done:
        finished = ("--layers", str(templates.parent / "finished"))
        where = () if "--bucket" in arguments or "--local" in arguments else ("--bucket", self.bucket)
        given = ("publish", "--templates", str(templates), *finished, *where, *arguments)
        return self.shell(*given, **{**self.environment, **env})

    def json(self, templates: Path, *arguments: str) -> Any:
        """The result as JSON, of a command that succeeded."""
        done = self(templates, *arguments, "--json")
        assert done.code == 0, done.err
        return json.loads(done.out)

    def state(self) -> dict[str, str]:
        """Key -> tag of all that is in the bucket: what must not change when publishing is refused."""
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=self.bucket)
        return {
            item["Key"]: f"{item['ETag']} {item['LastModified']}" for page in pages for item in page.get("Contents", ())
        }

    def get(self, key: str) -> bytes:
        return bytes(self.s3.get_object(Bucket=self.bucket, Key=key)["Body"].read())


@pytest.fixture
def publisher(stock: Emulator, tmp_path: Path) -> Publisher:
    """A publisher with a new bucket in the unmodified emulator."""
    bucket = f"p-{uuid.uuid4().hex[:16]}"
    s3 = stock.client("s3")
    s3.create_bucket(Bucket=bucket)
    return Publisher(Shell(tmp_path), s3, bucket, stock.environment(), tmp_path)
