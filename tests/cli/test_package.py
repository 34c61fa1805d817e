"""`python build.py package`, with pip and the package index: for Lambda's platform and for this machine's."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

from tests.cli.commands import ROOT, Shell, refused
from tests.evidence import shows
from tests.sampling import sampled
from troposphere_arch import layers

pytestmark = sampled(2, each=True)

# botocore and what it needs, as Lambda's runtime has them; but for six, which the layer must bring.
RUNTIME_HAS = ("botocore", "boto3", "dateutil", "jmespath", "s3transfer", "urllib3")
UNREACHABLE = {
    "PIP_CONFIG_FILE": os.devnull,
    "PIP_EXTRA_INDEX_URL": "",
    "PIP_FIND_LINKS": "",
    "PIP_INDEX_URL": "http://127.0.0.1:9/simple",
    "PIP_RETRIES": "1",
}


def packaged(shell: Shell, *arguments: str | Path, layer: str = "dax", **env: str) -> dict[str, Any]:
    """The row that `package --json` prints of one layer."""
    done = shell("package", layer, "--json", *arguments, **env)
    assert done.code == 0, done.err
    [row] = json.loads(done.out)
    return dict(row)


@shows("REQ-T10", how="real")
@pytest.mark.parametrize("platform", ["lambda", "host"])
def test_the_layer_of_each_platform_brings_the_client(build: Shell, tmp_path: Path, platform: str) -> None:
    """For both platforms, but each imported by this machine's Python: there is no compiled file in either."""
    row = packaged(build, "--platform", platform, "--output", tmp_path)
    file = Path(row["file"])
    assert (row["layer"], row["platform"], row["key"]) == ("dax", platform, layers.key("dax"))
    assert file == tmp_path / (Path(row["key"]).stem + ("-host.zip" if platform == "host" else ".zip"))
    assert row["sha256"] == hashlib.sha256(file.read_bytes()).hexdigest()
    assert (row["sha256"] == layers.expected("dax")) or platform == "host"
    assert row["packages"] == ["amazon-dax-client==2.1.0", "antlr4-python3-runtime==4.13.2", "six==1.17.0"]
    assert row["unpacked"] < row["bytes"] == file.stat().st_size < 2_000_000

    with zipfile.ZipFile(file) as archive:
        assert archive.testzip() is None
        archive.extractall(tmp_path / "opt")
    runtime = tmp_path / "runtime"
    runtime.mkdir()
    for name in RUNTIME_HAS:
        (runtime / name).symlink_to(Path(sysconfig.get_paths()["purelib"]) / name)
    script = "import amazondax, antlr4, six; print(amazondax.__file__, antlr4.__file__, six.__file__)"
    script += "\nfrom importlib.metadata import version; print(version('amazon-dax-client'))"
    path = os.pathsep.join([str(tmp_path / "opt/python"), str(runtime)])
    python = [sys.executable, "-S", "-B", "-c", script]
    done = subprocess.run(python, env={"PYTHONPATH": path}, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    *imported, version = done.stdout.split()
    assert all(Path(where).is_relative_to(tmp_path / "opt/python") for where in imported), imported
    assert version == "2.1.0"


@pytest.fixture
def strict_umask() -> Iterator[None]:
    before = os.umask(0o077)
    yield
    os.umask(before)


@shows("REQ-B6", how="real")
@pytest.mark.parametrize("platform", ["lambda", "host"])
def test_the_layer_of_each_platform_brings_pillow_compiled_for_it(build: Shell, tmp_path: Path, platform: str) -> None:
    row = packaged(build, "--platform", platform, "--output", tmp_path, layer="pillow")
    assert (row["layer"], row["platform"], row["key"]) == ("pillow", platform, layers.key("pillow"))
    assert (row["sha256"] == layers.expected("pillow")) == (platform == "lambda")
    [pillow] = row["packages"]
    # The tests run what the layer brings.
    assert pillow == f"pillow=={version('pillow')}"
    assert row["unpacked"] < 40_000_000, "functions have 250 MB for all of their layers"
    with zipfile.ZipFile(row["file"]) as archive:
        assert archive.testzip() is None
        compiled = [archive.read(name) for name in archive.namelist() if re.search(r"\.so(\.|$)", name)]
        archive.extractall(tmp_path / "opt")
    assert len(compiled) > 10
    machine = {"lambda": "aarch64", "host": os.uname().machine}[platform]
    assert {code[18] for code in compiled} == {{"aarch64": 183, "x86_64": 62}[machine]}
    if platform == "host":
        script = "from PIL import Image, ImageCms, features; print(Image.core.__file__, ImageCms.core.__file__)"
        script += "; print([features.check(name) for name in ('jpg', 'webp', 'zlib', 'littlecms2')])"
        path = {"PYTHONPATH": str(tmp_path / "opt/python")}
        python = [sys.executable, "-S", "-B", "-c", script]
        done = subprocess.run(python, env=path, cwd=tmp_path, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        imported, there = done.stdout.splitlines()
        assert all(Path(file).is_relative_to(tmp_path / "opt/python") for file in imported.split())
        assert there == "[True, True, True, True]"


@shows("REQ-T10", "REQ-B6", how="real")
@pytest.mark.usefixtures("strict_umask")
@pytest.mark.parametrize("layer", layers.NAMES)
@pytest.mark.parametrize("platform", ["lambda", "host"])
def test_each_platform_gets_the_same_bytes_wherever_and_by_whomever_built(
    tmp_path: Path, platform: str, layer: str
) -> None:
    one, other = Shell(tmp_path / "one"), Shell(tmp_path / "another place")
    for shell in (one, other):
        shell.home.mkdir()
    here = packaged(one, "--platform", platform, "--output", "out", layer=layer, TZ="Asia/Kolkata", LC_ALL="C")
    os.umask(0o002)
    elsewhere = {"TZ": "America/Lima", "LC_ALL": "C.UTF-8", "PYTHONHASHSEED": "7", "SOURCE_DATE_EPOCH": "1"}
    there = packaged(other, "--platform", platform, "--output", "out", layer=layer, **elsewhere)
    assert (one.home / here["file"]).read_bytes() == (other.home / there["file"]).read_bytes()


@pytest.mark.parametrize("platform", ["lambda", "host"])
def test_nothing_is_downloaded_twice_for_either_platform(build: Shell, tmp_path: Path, platform: str) -> None:
    options = ("--platform", platform, "--output", tmp_path)
    first = packaged(build, *options)
    assert packaged(build, *options, **UNREACHABLE) == first
    [kept] = (build.home / "cache/troposphere-arch/layers").iterdir()
    kept.write_bytes(kept.read_bytes().replace(b"import", b"imp0rt", 1))
    refused(
        build("package", "dax", *map(str, options), **UNREACHABLE),
        "no package index answers",
        "amazon-dax-client==2.1.0",
    )
    assert packaged(build, *options) == first


def test_a_table_and_what_to_do_next(build: Shell, tmp_path: Path) -> None:
    done = build("package", "--output", tmp_path / "out")
    assert done.code == 0, done.err
    files = {file.name.partition("-")[0]: file for file in (tmp_path / "out").iterdir()}
    assert files.keys() == set(layers.NAMES)
    for at, name in enumerate(layers.NAMES):
        assert f"layer {name} for Lambda (Python 3.13, linux on aarch64)" in done.err
        told = dict(line.split(maxsplit=1) for line in done.out.splitlines()[10 * at + 2 : 10 * at + 10])
        assert [told[what] for what in ("layer", "platform", "file")] == [name, "lambda", str(files[name])]
        assert (told["key"], told["sha256"]) == (layers.key(name), layers.expected(name))
        assert f"  aws s3 cp {files[name]} s3://BUCKET/{layers.key(name)}" in done.out
    assert max(len(line.replace(str(tmp_path), "")) for line in done.out.splitlines()) < 120
    host = build("package", "--output", tmp_path / "out", "--platform", "host")
    assert ("aws s3 cp" in host.out, "`up` puts" in host.out) == (False, True)


@pytest.fixture
def checkout(tmp_path: Path) -> Shell:
    """A checkout of its own, whose pins a test may change."""
    root = tmp_path / "checkout"
    shutil.copytree(ROOT / "troposphere_arch", root / "troposphere_arch", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("build.py", "setup.cfg"):
        shutil.copy(ROOT / name, root)
    return Shell(tmp_path, root=root)


@shows("REQ-T10", how="real")
def test_other_bytes_for_lambda_than_the_recorded_ones(checkout: Shell) -> None:
    recorded = checkout.root / "troposphere_arch/layers/dax.sha256"
    real, wrong = layers.expected("dax"), "0" * 64
    recorded.write_text(f"{wrong}\n")
    refused(checkout("package", "dax"), real, wrong, "package dax --write")
    assert not (checkout.root / "dist").exists()
    refused(checkout("package", "dax", "--write", "--platform", "host"), "--write", "Lambda")
    row = packaged(checkout, "--write")
    assert recorded.read_text() == f"{real}\n"
    assert row["key"] == layers.key("dax")
    assert Path(row["file"]).parent == checkout.root / "dist/layers"


@shows("REQ-T10", how="real")
def test_another_file_on_the_index_than_the_pinned_one(checkout: Shell) -> None:
    pins = checkout.root / "troposphere_arch/layers/dax.txt"
    *_, six = layers.meaning(pins.read_text())
    pinned = six.rpartition(":")[2]
    pins.write_text(pins.read_text().replace(pinned, "f" * 64))
    refused(checkout("package", "dax"), "six==1.17.0", pinned, "f" * 64)


def test_bad_input_to_package(build: Shell, tmp_path: Path) -> None:
    refused(build("package", "numpy"), "numpy", "dax, pillow")
    refused(build("package", "--platform", "mars"), "mars", "lambda", "host")
    (tmp_path / "file").touch()
    refused(build("package", "--output", tmp_path / "file"), "cannot write", "--output")
