"""Builds a layer.

    pins ──pip──▶ wheels, sdists ──unpack──▶ files ──canonical zip──▶ bytes, the same on every machine

pip finds, downloads and verifies, by the user's own configuration, and is told of names, versions and hashes only. Of
wheels nothing is run; sdists may come of `layers.SDISTS` only, and none of their setup.py or of a build tool that they
ask for is run. Nothing that pip, a build tool or a compression library would make goes into the layer.
https://docs.aws.amazon.com/lambda/latest/dg/packaging-layers.html
"""

from __future__ import annotations

import contextlib
import io
import os
import re
import stat
import subprocess
import sys
import sysconfig
import tarfile
import tempfile
import zipfile
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from hashlib import sha256
from pathlib import Path, PurePosixPath

from .. import atomic, layers, places
from ..errors import UserError
from ..layers import Pinned
from ..runtime import ARCHITECTURE, PYTHON_RUNTIME

LIMIT = 262_144_000
"""Bytes, unpacked, of a function and all its layers (250 MB).
https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html"""

# What says how and by what a package was built or installed, not what it is.
_TRACES = {"INSTALLER", "RECORD", "RECORD.jws", "RECORD.p7s", "REQUESTED", "WHEEL", "direct_url.json"}
_LICENCES = ("AUTHORS", "COPYING", "LICENCE", "LICENSE", "NOTICE")
_TO_COMPILE = (".c", ".cc", ".cpp", ".cxx", ".f", ".f90", ".go", ".pyx", ".rs")
_ELF_MACHINES = {3: "i686", 40: "armv7l", 62: "x86_64", 183: "aarch64"}

_Read = Callable[[], bytes]

# pip asks a package's build tool for its metadata even to download it. This stands in for setuptools: it gives what
# the sdist says of itself, so neither setup.py nor a setuptools of whatever version is downloaded and run.
_STAND_IN = """\
import pathlib, re, sys

__legacy__ = sys.modules[__name__]

def prepare_metadata_for_build_wheel(metadata_directory, config_settings=None):
    text = pathlib.Path("PKG-INFO").read_bytes()
    name, version = (re.search(rb"(?m)^%s: *(\\S+)" % key, text)[1].decode() for key in (b"Name", b"Version"))
    folder = pathlib.Path(metadata_directory, re.sub(r"[-_.]+", "_", name) + "-" + version + ".dist-info")
    folder.mkdir()
    folder.joinpath("METADATA").write_bytes(text)
    return folder.name
"""


@dataclass(frozen=True)
class Platform:
    """What a layer is built for: `name` is `lambda` or `host`, the rest is as pip and ELF files call it."""

    name: str
    python: str
    machine: str
    system: str = "linux"

    def __str__(self) -> str:
        where = "Lambda" if self.name == "lambda" else "this machine"
        return f"{where} (Python {self.python}, {self.system} on {self.machine})"


LAMBDA = Platform("lambda", PYTHON_RUNTIME.removeprefix("python"), {"arm64": "aarch64"}.get(ARCHITECTURE, ARCHITECTURE))


def host() -> Platform:
    """The Python that runs this, on this machine: what the emulator runs functions with."""
    return Platform("host", sysconfig.get_python_version(), os.uname().machine, sys.platform)


def platform(name: str) -> Platform:
    """The platform of that name: `lambda` or `host`."""
    return host() if name == "host" else LAMBDA


@dataclass(frozen=True)
class Layer:
    """A finished layer: the bytes of its zip file, and the key at which a stack looks for them."""

    name: str
    platform: str
    key: str
    packages: tuple[str, ...]
    unpacked: int
    data: bytes = field(repr=False)

    @property
    def sha256(self) -> str:
        """Of the zip file, in hexadecimal digits."""
        return sha256(self.data).hexdigest()


def build(name: str, platform: Platform = LAMBDA) -> Layer:
    """The layer `name`, out of the user's cache directory when it was built before.

    Raises UserError when pip cannot get what is pinned, when it does not fit Lambda or the platform, and when what was
    built for Lambda is not what the repository says that it is.
    """
    data = _built(name, layers.pins(name), platform)
    found = sha256(data).hexdigest()
    if platform == LAMBDA and found != layers.expected(name):
        raise UserError(
            f"layer {name} has SHA-256 {found}, and {layers.expected(name)} is recorded; "
            f"if its pins were changed, record the new one: `{places.command()} package {name} --write`"
        )
    return _layer(layers.today(name), platform, data)


def build_pinned(pinned: Pinned, platform_name: str) -> Layer:
    """A layer as a release froze it: for Lambda as it was then, or for this `host`.

    Raises UserError as `build` does, also when what was built for Lambda is not what was released.
    """
    machine = {"arm64": "aarch64"}.get(pinned.architecture, pinned.architecture)
    then = Platform("lambda", pinned.runtime.removeprefix("python"), machine)
    platform = host() if platform_name == "host" else then
    data = _built(pinned.name, pinned.pins, platform)
    found = sha256(data).hexdigest()
    if platform == then and found != pinned.sha256:
        raise UserError(
            f"layer {pinned.name} has SHA-256 {found} when it is built today, and {pinned.sha256} was released: take "
            f"{pinned.key} from where it was published, and put it into your bucket at that key"
        )
    return _layer(pinned, platform, data)


def record(name: str) -> Layer:
    """Build the layer for Lambda, and write its SHA-256 beside the pins: the way to renew it after a change of pins."""
    if places.checkout() is None:
        raise UserError("--write is for a checkout: an installed package's pins are as they were released")
    data = _built(name, layers.pins(name), LAMBDA)
    atomic.write(Path(__file__).parent / f"{name}.sha256", f"{sha256(data).hexdigest()}\n".encode())
    return _layer(layers.today(name), LAMBDA, data)


def make(name: str, pins: str, platform: Platform, sdists: Collection[str] = layers.SDISTS) -> bytes:
    """The zip file of a layer of these pins, downloaded and put together anew."""
    with tempfile.TemporaryDirectory() as folder:
        return canonical_zip(contents(name, download(name, pins, platform, Path(folder), sdists), platform))


def download(
    name: str, pins: str, platform: Platform, folder: Path, sdists: Collection[str] = layers.SDISTS
) -> list[Path]:
    """The wheels that are pinned, and of `sdists` sdists, fetched by pip into `folder`, each verified by its hash.

    Raises UserError for a pin that is more than name, version and hashes.
    https://pip.pypa.io/en/stable/cli/pip_download/
    """
    # As we read them, not as they are written: pip may see something else in a comment or a broken line.
    pinned = layers.requirements(name, pins)
    wheels = [pin.partition("==")[0] for pin in pinned]
    wheels = [one for one in wheels if re.sub(r"[-_.]+", "-", one).lower() not in sdists]
    requirements, stand_in, files = folder / f"{name}.txt", folder / "stand-in", folder / "files"
    (stand_in / "setuptools").mkdir(parents=True)
    (stand_in / "setuptools" / "__init__.py").touch()
    (stand_in / "setuptools" / "build_meta.py").write_text(_STAND_IN, encoding="utf-8")
    files.mkdir()
    requirements.write_text("".join(f"{pin}\n" for pin in pinned), encoding="utf-8")
    command = [
        *(sys.executable, "-P", "-m", "pip", "download", "--no-input", "--disable-pip-version-check"),
        *("--progress-bar=off", "--require-hashes", "--no-deps", "--no-build-isolation"),
        # Whatever the user's configuration prefers, the hash says which of a package's files it is.
        *("--no-binary=:none:", "--only-binary=:none:"),
        *([f"--only-binary={','.join(wheels)}"] if wheels else []),
        *_tags(platform),
        *("--dest", str(files), "--requirement", str(requirements)),
    ]
    path = os.pathsep.join(filter(None, [str(stand_in), os.environ.get("PYTHONPATH")]))
    # A variable, not an option: a pip that knows no other way any more has no such option.
    environment = {key: value for key, value in os.environ.items() if not key.startswith("AWS_")}  # none of pip's
    environment |= {"PYTHONPATH": path, "PIP_USE_PEP517": "1"}
    done = subprocess.run(command, capture_output=True, text=True, errors="replace", env=environment)  # noqa: S603
    if done.returncode:
        raise UserError(f"layer {name} can't be built: {_why(done.stdout + done.stderr, platform)}")
    return sorted(files.iterdir())


def contents(name: str, paths: Iterable[Path], platform: Platform) -> dict[str, bytes]:
    """What a layer holds, from wheels and sdists: path below `python/` -> bytes.

    Raises UserError when it would not fit into Lambda, or holds a file that was compiled for another platform.
    """
    found: dict[str, bytes] = {}
    total = 0
    for path in paths:
        try:
            for file, size, data in _wheel(path) if path.suffix == ".whl" else _sdist(path):
                total += size
                if total > LIMIT:
                    raise UserError(
                        f"layer {name} does not fit: unpacked it has more than {LIMIT:,} bytes, "
                        f"and Lambda takes no more for a function and all its layers; pin fewer or smaller packages"
                    )
                content = data()
                if other := _made_for(file, content, platform):
                    raise UserError(
                        f"layer {name}: {file} in {path.name} is made for {other}, not for {platform}; "
                        f"pin the hash of the wheel that is"
                    )
                if found.setdefault(file, content) != content:
                    raise UserError(f"layer {name}: {file} is in two of its packages, and not the same in both")
        except (zipfile.BadZipFile, tarfile.TarError, KeyError, EOFError) as error:
            raise UserError(f"layer {name}: {path.name} is damaged, or no wheel or sdist: {error}") from None
    return found


def canonical_zip(files: Mapping[str, bytes]) -> bytes:
    """A zip file with these files below `python/`, from which Lambda's runtime imports: always the same bytes.

    Not compressed, because compression libraries differ in the bytes that they make: what Lambda limits is the size
    without compression.
    """
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_STORED) as archive:
        for name in sorted(files):
            info = zipfile.ZipInfo(f"python/{name}", (1980, 1, 1, 0, 0, 0))
            info.create_system = 3  # Unix, wherever this runs
            info.external_attr = (stat.S_IFREG | 0o644) << 16
            archive.writestr(info, files[name])
    return made.getvalue()


def _layer(pinned: Pinned, platform: Platform, data: bytes) -> Layer:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        unpacked = sum(info.file_size for info in archive.infolist())
    packages = tuple(pin.partition(" ")[0] for pin in layers.meaning(pinned.pins))
    return Layer(pinned.name, platform.name, pinned.key, packages, unpacked, data)


def _built(name: str, pins: str, platform: Platform) -> bytes:
    """The bytes from the cache, if they are as they were put there, else new ones.

    The name of the file there holds all that the layer is made from, and the hash of the bytes themselves.
    """
    made_from = "\n".join([*layers.meaning(pins), repr(platform), Path(__file__).read_text(encoding="utf-8")])
    stem = f"{name}-{platform.name}-{sha256(made_from.encode()).hexdigest()[: layers.DIGITS]}"
    folder = places.cache() / "layers"
    for path in folder.glob(f"{stem}-*.zip"):
        with contextlib.suppress(OSError):
            data = path.read_bytes()
            if path.name == f"{stem}-{sha256(data).hexdigest()}.zip":
                return data
    data = make(name, pins, platform)
    with contextlib.suppress(UserError):  # a cache that cannot be written costs time at the next call, nothing else
        atomic.write(folder / f"{stem}-{sha256(data).hexdigest()}.zip", data)
    return data


def _tags(platform: Platform) -> Iterator[str]:
    """The options of pip that name the platform; none for this machine."""
    if platform.name == "host":
        return
    yield from ("--implementation", "cp", "--python-version", platform.python)
    yield from ("--abi", f"cp{platform.python.replace('.', '')}")
    # The runtime stands on Amazon Linux 2023, which has glibc 2.34; pip takes each tag literally.
    # https://docs.aws.amazon.com/linux/al2023/ug/compare-with-al2.html
    for tag in (*(f"manylinux_2_{minor}" for minor in range(34, 16, -1)), "manylinux2014"):
        yield from ("--platform", f"{tag}_{platform.machine}")


def _why(said: str, platform: Platform) -> str:
    """Why pip did not do it, in one clause."""
    if "No module named pip" in said:
        return f"{sys.executable} has no pip, which downloads what is pinned; type: {sys.executable} -m ensurepip"
    got = re.search(r"(\S+) from [^\n]*\n(\s+Expected [^\n]*\n)+\s+Got\s+(\w+)", said)
    if got:
        pinned = " or ".join(re.findall(r"Expected\s+\w+\s+(\w+)", got[0]))
        return f"{got[1]} has SHA-256 {got[3]}, and {pinned} is pinned: its file was changed, or the pin is wrong"
    missing = re.search(r"No matching distribution found for (\S+)", said)
    if missing and re.search(r"Retrying|[Cc]onnection", said):
        return f"no package index answers to pip, asked for {missing[1]}: see `{sys.executable} -m pip config list`"
    if missing:
        return f"no package index that pip reaches has {missing[1]} for {platform}"
    errors = re.findall(r"(?mi)^error: *(.+)$", said)
    return f"pip says: {errors[-1] if errors else 'nothing'}"


def _wheel(path: Path) -> Iterator[tuple[str, int, _Read]]:
    """The files of a wheel that a layer holds: path, size, and a function that reads it.

    https://packaging.python.org/en/latest/specifications/binary-distribution-format/
    """
    with zipfile.ZipFile(path) as archive:
        for info in archive.infolist():
            file = re.sub(r"^[^/]+\.data/(purelib|platlib)/", "", info.filename)
            if not info.is_dir() and ".data/" not in file and _belongs(file):
                yield file, info.file_size, partial(archive.read, info)


def _sdist(path: Path) -> Iterator[tuple[str, int, _Read]]:
    """The same of an sdist of pure Python, whose packages are those that it names itself.

    https://packaging.python.org/en/latest/specifications/source-distribution-format/
    """
    with tarfile.open(path) as archive:
        members = {member.name.partition("/")[2]: member for member in archive if member.isfile()}

        def read(member: tarfile.TarInfo) -> bytes:
            opened = archive.extractfile(member)
            assert opened is not None  # noqa: S101 - it is a file
            return opened.read()

        compiled = next((file for file in members if file.endswith(_TO_COMPILE)), None)
        listing = next((file for file in members if file.endswith(".egg-info/top_level.txt")), None)
        if compiled or listing is None:
            reason = f"has {compiled}, which must be compiled" if compiled else "does not say which packages it holds"
            raise UserError(f"{path.name} {reason}; only sdists of pure Python will do: pin wheels instead")
        base = listing.rpartition("/")[0].rpartition("/")[0]  # nothing, or src
        about = f"{path.name.removesuffix('.tar.gz')}.dist-info"
        for top in read(members[listing]).decode().split():
            start = f"{base}/{top}".lstrip("/")
            for file, member in members.items():
                if (file == f"{start}.py" or file.startswith(f"{start}/")) and _belongs(file):
                    yield file.removeprefix(f"{base}/"), member.size, partial(read, member)
        for file, member in members.items():
            if file == "PKG-INFO":
                yield f"{about}/METADATA", member.size, partial(read, member)
            elif "/" not in file and file.upper().startswith(_LICENCES):
                yield f"{about}/licenses/{file}", member.size, partial(read, member)


def _belongs(file: str) -> bool:
    path = PurePosixPath(file)
    if path.is_absolute() or ".." in path.parts:
        raise UserError(f"a package has a file of the path {file}, which leads out of it: do not use that package")
    traces = len(path.parts) == 2 and path.parts[0].endswith(".dist-info") and path.name in _TRACES
    return not traces and path.suffix != ".pyc" and "__pycache__" not in path.parts


def _made_for(file: str, content: bytes, platform: Platform) -> str | None:
    """What a compiled file was made for, when that is not the platform; None for all other files."""
    name = PurePosixPath(file).name
    made_for = None
    if content.startswith(b"\x7fELF"):
        code = int.from_bytes(content[18:20], "big" if content[5:6] == b"\2" else "little")
        made_for = f"linux on {_ELF_MACHINES.get(code, f'machine {code} of ELF')}"
    elif content[:4] in (b"\xcf\xfa\xed\xfe", b"\xca\xfe\xba\xbe") and platform.system != "darwin":
        made_for = "macOS"
    elif re.search(r"\.(so(\.[\d.]+)?|dylib|pyd|dll)$", name) and platform.system != "darwin":
        made_for = "Windows" if content.startswith(b"MZ") else "no platform that is known"
    if made_for and made_for != f"{platform.system} on {platform.machine}":
        return made_for
    python = re.search(r"\.cpython-(\d)(\d+)", name)
    if python and f"{python[1]}.{python[2]}" != platform.python:
        return f"Python {python[1]}.{python[2]}"
    return None
