"""The templates that packages of public registries ship, each package pinned by version and SHA-256.

    packages.json ──pip download, npm pack──▶ archives ──SHA-256 as recorded──▶ the cache ──▶ Template, Template, ...

Nothing of these packages is in this project: they are asked for when a test runs, and what they hold of templates is
kept in the user's cache directory, one file per package. Nothing is unpacked to disk, and no script of a package is run
but what pip needs to know of a source archive. Where `published` is given, only files that match it are templates that
somebody publishes; the others are made up by a tool's authors for its tests.

    python -m tests.diff.packages        what becomes of the templates of each package, and the lines that refuse some
"""

from __future__ import annotations

import fnmatch
import hashlib
import io
import json
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections import Counter
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from tests.diff.survey import KINDS, looks_like_a_template, outcome
from troposphere_arch import places

PINS = Path(__file__).with_name("packages.json")
NPM, PYPI = "npm", "PyPI"
PATIENCE = 300
"""Seconds that one run of a package client may take."""
_LARGEST = 1 << 20  # bytes of a file that is kept; CloudFormation takes no longer template
_KEPT = "templates-1"  # another name when something else is kept of a package


class NotFetched(Exception):
    """A package that could not be had, or is not the one that was pinned: one line."""


@dataclass(frozen=True)
class Package:
    """One version of a package."""

    registry: str
    name: str
    version: str
    sha256: str
    licence: str
    source: str
    published: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.name} {self.version} ({self.registry})"

    @property
    def kept(self) -> Path:
        """Where its templates are kept."""
        name = f"{self.name.removeprefix('@').replace('/', '-')}-{self.version}-{self.sha256[:16]}.zip"
        return places.cache() / "packages" / _KEPT / name

    def publishes(self, path: str) -> bool:
        """Whether this file is a template that somebody publishes."""
        return any(fnmatch.fnmatchcase(path, pattern) for pattern in self.published)


@cache
def packages() -> tuple[Package, ...]:
    """Every package that is pinned."""
    pins = json.loads(PINS.read_text())
    return tuple(
        Package(registry, name, version, sha256, pin["licence"], pin["source"], tuple(pin.get("published", ("*",))))
        for registry, named in pins.items()
        for name, pin in named.items()
        for version, sha256 in pin["versions"].items()
    )


def package(name: str, version: str) -> Package:
    """The one package of that name and version that is pinned. The names in both registries are not asked for so."""
    (found,) = (one for one in packages() if (one.name, one.version) == (name, version))
    return found


@cache
def templates(wanted: Package) -> Mapping[str, bytes]:
    """What a package holds of files that look like templates, by path. Raises `NotFetched`."""
    if not wanted.kept.is_file():
        fetch([wanted])
    with zipfile.ZipFile(wanted.kept) as kept:
        return {name: kept.read(name) for name in kept.namelist()}


def fetch(wanted: list[Package]) -> None:
    """Get packages that are not kept yet, with two clients at a time. Raises `NotFetched`."""
    missing = [one for one in wanted if not one.kept.is_file()]
    if not missing:
        return
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(2) as workers:
        runs = [
            workers.submit(_fetch, batch, Path(folder) / str(number)) for number, batch in enumerate(_batches(missing))
        ]
        for run in runs:
            run.result()


def _batches(missing: list[Package]) -> Iterator[list[Package]]:
    """What one run of a client gets: npm takes several versions of a package at once, pip one of each."""
    from_npm = [one for one in missing if one.registry == NPM]
    for start in range(0, len(from_npm), 12):
        yield from_npm[start : start + 12]
    rounds: list[list[Package]] = []
    for one in (one for one in missing if one.registry == PYPI):
        free = next((some for some in rounds if one.name not in {other.name for other in some}), None)
        if free is None:
            rounds.append([one])
        else:
            free.append(one)
    yield from rounds


def _fetch(batch: list[Package], folder: Path) -> None:
    folder.mkdir(parents=True)
    client, command = ("npm", _npm(batch, folder)) if batch[0].registry == NPM else ("pip", _pip(batch, folder))
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=PATIENCE)
    except subprocess.TimeoutExpired:
        raise NotFetched(f"{client} does not get {_names(batch)} within {PATIENCE} seconds") from None
    except OSError as error:
        raise NotFetched(f"{client} cannot be run, which gets {_names(batch)}: {error.strerror}") from None
    if done.returncode:
        said = [line.strip() for line in done.stderr.splitlines() if "error" in line.lower()]
        why = " ".join(line for line in said if "complete log" not in line) or "it does not say why"
        raise NotFetched(f"{client} does not get {_names(batch)}: {why[:500]}")
    found = {
        hashlib.sha256(data).hexdigest(): (file, data)
        for file in folder.iterdir()
        if file.is_file() and file.suffix in (".tgz", ".gz", ".whl")
        for data in [file.read_bytes()]
    }
    for one in batch:
        if one.sha256 not in found:
            raise NotFetched(f"{one} is not what it was: no archive has the SHA-256 {one.sha256}")
        file, data = found[one.sha256]
        _keep(one, _files(file.name, data))
    for file, _ in found.values():
        file.unlink()


def _npm(batch: list[Package], folder: Path) -> list[str]:
    options = ["--ignore-scripts", "--no-update-notifier", "--loglevel=error", f"--cache={folder / 'cache'}"]
    return ["npm", "pack", *options, *(f"{one.name}@{one.version}" for one in batch)]


def _pip(batch: list[Package], folder: Path) -> list[str]:
    pins = folder / "pins.txt"
    pins.write_text("".join(f"{one.name}=={one.version} --hash=sha256:{one.sha256}\n" for one in batch))
    quiet = ["--quiet", "--disable-pip-version-check", "--no-cache-dir"]
    alone = ["--no-deps", "--ignore-requires-python", "--require-hashes"]  # nothing of them is run or imported here
    return [sys.executable, "-m", "pip", "download", *quiet, *alone, "--requirement", str(pins)]


def _names(batch: list[Package]) -> str:
    return ", ".join(f"{one.name} {one.version}" for one in batch)


def _files(archive: str, data: bytes) -> Iterator[tuple[str, bytes]]:
    if archive.endswith(".whl"):
        with zipfile.ZipFile(io.BytesIO(data)) as wheel:
            for entry in wheel.infolist():
                if not entry.is_dir() and entry.file_size <= _LARGEST:
                    yield entry.filename, wheel.read(entry)
        return
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        for member in tar:
            file = tar.extractfile(member) if member.isreg() and member.size <= _LARGEST else None
            if file is not None:
                yield member.name, file.read()


def _keep(one: Package, files: Iterator[tuple[str, bytes]]) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as kept:
        for path, data in files:
            if looks_like_a_template(path, data):
                kept.writestr(path, data)
    one.kept.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=one.kept.parent, delete=False) as file:
        file.write(packed.getvalue())
    Path(file.name).replace(one.kept)


def main() -> None:
    fetch(list(packages()))
    seen: set[bytes] = set()
    total = Counter[str]()
    print(f"| package | {' | '.join(KINDS)} |\n|---|{'---|' * len(KINDS)}")
    refusals = []
    for one in packages():
        counted = Counter[str]()
        for path, data in templates(one).items():
            if data not in seen:
                seen.add(data)
                kind, said = outcome(data)
                counted[kind] += 1
                refusals += [f"- {one} `{path}`: {said}"] if kind != "read" else []
        total += counted
        if counted:
            print(f"| {one} | {' | '.join(str(counted[kind]) for kind in KINDS)} |")
    print(f"| all | {' | '.join(str(total[kind]) for kind in KINDS)} |", "", *refusals, sep="\n")


if __name__ == "__main__":
    main()
