"""An instance that all tests of nginx ask, and the files that it serves."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fleet.user_data import user_data
from troposphere_arch.local import fleet

ARCHIVE = bytes(range(256)) * 512
"""app.tar.gz of each release."""
MANIFEST = b'{"version":"1.4.0"}\n'
PUBLISHED = 1_700_000_000
"""The time of all files, so that what depends on it can be foretold."""


def lay_out(files: Path) -> None:
    """A file system with two releases, and what must never be served."""
    contents = {
        "latest.json": MANIFEST,
        "releases/1.4.0/app.tar.gz": ARCHIVE,
        "releases/1.4.0/app+extra_1.0.zip": b"extra",
        "releases/1.4.0/release.json": MANIFEST,
        "releases/1.4.0/.hidden": b"SECRET",
        "releases/1.4.0/_private": b"SECRET",
        "releases/1.4.0/below/app.tar.gz": b"SECRET",
        "releases/1.5.0-rc.1/app.tar.gz": ARCHIVE,
        "releases/.1.6.0/app.tar.gz": b"SECRET",
        "releases/nightly/app.tar.gz": b"SECRET",
        "releases/index.html": b"SECRET",
        "index.html": b"SECRET",
        ".publish/1.6.0/app.tar.gz": b"SECRET",
        ".publish/lock": b"SECRET",
        "latest.json.new": b"SECRET",
    }
    for name, body in contents.items():
        (files / name).parent.mkdir(parents=True, exist_ok=True)
        (files / name).write_bytes(body)
        os.utime(files / name, (PUBLISHED, PUBLISHED))
    # What nobody fills, whatever its size: the largest that is promised.
    with (files / "releases/1.4.0/large.bin").open("wb") as large:
        large.truncate(5 * 1024**3)
        large.seek(-4, os.SEEK_END)
        large.write(b"last")


@pytest.fixture(scope="session")
def instance(tmp_path_factory: pytest.TempPathFactory) -> Iterator[fleet.Instance]:
    """An instance over files that no test changes."""
    files = tmp_path_factory.mktemp("files")
    lay_out(files)
    with fleet.booted(user_data(), files) as booted:
        yield booted
