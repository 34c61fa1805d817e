"""Layers: their keys, how packages become canonical bytes, and what is refused. Packages are made here, pip is real."""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
import sys
import tarfile
import venv
import zipfile
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path

import pytest

from tests.evidence import shows
from troposphere_arch import layers
from troposphere_arch.errors import UserError
from troposphere_arch.layers import builder
from troposphere_arch.layers.builder import LAMBDA, Platform, canonical_zip, contents, make
from troposphere_arch.runtime import ARCHITECTURE, PYTHON_RUNTIME

ROOT = Path(__file__).parents[2]
LAPTOP = Platform("host", "3.11", "x86_64")


# --- keys


@shows("REQ-T10", how="static")
def test_the_template_looks_where_the_layer_is_put() -> None:
    template = json.loads((ROOT / "templates/todo/1.0.0/todo.template.json").read_text())
    [layer] = [r["Properties"] for r in template["Resources"].values() if r["Type"] == "AWS::Lambda::LayerVersion"]
    assert layer["Content"] == {"S3Bucket": {"Ref": "ArtifactBucket"}, "S3Key": layers.key("dax")}
    assert (layer["CompatibleRuntimes"], layer["CompatibleArchitectures"]) == ([PYTHON_RUNTIME], [ARCHITECTURE])


@pytest.mark.parametrize("name", layers.NAMES)
def test_every_layer_is_pinned_by_hash(name: str) -> None:
    assert re.fullmatch(rf"layers/{name}-[0-9a-f]{{16}}\.zip", layers.key(name))
    assert re.fullmatch(r"[0-9a-f]{64}", layers.expected(name))
    assert layers.name_of(layers.key(name)) == name
    for pin in layers.meaning(layers.pins(name)):
        assert re.fullmatch(r"[\w-]+==[\w.]+( --hash=sha256:[0-9a-f]{64})+", pin)


def test_a_key_is_of_pins_and_platform() -> None:
    pins = "b==2 \\\n    --hash=sha256:00\n# why\na==1 --hash=sha256:11  # why\n"
    key = layers.key_of("x", pins, "e", "python3.13 arm64")
    assert layers.key_of("x", "a==1   --hash=sha256:11\nb==2 --hash=sha256:00", "e", "python3.13 arm64") == key
    others = {
        layers.key_of("x", pins.replace("00", "01"), "e", "python3.13 arm64"),
        layers.key_of("x", pins, "f", "python3.13 arm64"),
        layers.key_of("x", pins, "e", "python3.14 arm64"),
        layers.key_of("x", pins, "e", "python3.13 x86_64"),
    }
    assert len(others | {key}) == 5
    assert layers.name_of(key) is None


def test_whoever_only_asks_for_keys_waits_for_no_builder() -> None:
    script = "import sys; from troposphere_arch import deploy, layers; layers.key('dax'); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    assert {"troposphere_arch.layers.builder", "troposphere", "boto3"}.isdisjoint(done.stdout.split())


# --- canonical bytes


def test_the_same_files_are_the_same_bytes_in_whatever_order() -> None:
    files = {f"a{i % 3}/b{i}.py": b"x" * i for i in range(50)} | {"ä.py": b"", "a0.py": b"\0"}
    data = canonical_zip(files)
    shuffled = sorted(files.items(), key=lambda item: sha256(item[0].encode()).digest())
    assert canonical_zip(dict(shuffled)) == data
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        entries = archive.infolist()
        assert {e.filename: archive.read(e) for e in entries} == {f"python/{name}": c for name, c in files.items()}
    assert [e.filename for e in entries] == sorted(e.filename for e in entries)
    assert {(e.date_time, e.external_attr >> 16, e.compress_type, e.create_system) for e in entries} == {
        ((1980, 1, 1, 0, 0, 0), 0o100644, zipfile.ZIP_STORED, 3)
    }
    # Not only in this process: these bytes are a promise to those who have built the layer before.
    assert sha256(data).hexdigest()[:12] == "f95ba7a6c9e8"


# --- packages


def wheel(folder: Path, files: Mapping[str, bytes], name: str = "pkg-1.0-py3-none-any.whl") -> Path:
    """A wheel with these files, whole enough for pip."""
    stem = "-".join(name.split("-")[:2])
    about = {
        f"{stem}.dist-info/METADATA": f"Metadata-Version: 2.1\nName: {stem[:-4]}\nVersion: 1.0\n".encode(),
        f"{stem}.dist-info/WHEEL": b"Wheel-Version: 1.0\nGenerator: chance (7)\nRoot-Is-Purelib: true\n",
        f"{stem}.dist-info/RECORD": b"",
    }
    with zipfile.ZipFile(folder / name, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, content in {**files, **about}.items():
            archive.writestr(path, content)
    return folder / name


def sdist(folder: Path, files: Mapping[str, bytes], stem: str = "pkg-1.0") -> Path:
    """An sdist with these files, and a setup.py that would leave a trace if anybody ran it."""
    trace = f"open({str(folder / 'was-run')!r}, 'w'); raise SystemExit('setup.py was run')".encode()
    about = f"Metadata-Version: 2.1\nName: {stem[:-4]}\nVersion: 1.0\n".encode()
    with tarfile.open(folder / f"{stem}.tar.gz", "w:gz") as archive:
        for path, content in {"setup.py": trace, "PKG-INFO": about, **files}.items():
            member = tarfile.TarInfo(f"{stem}/{path}")
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return folder / f"{stem}.tar.gz"


def test_of_a_wheel_what_it_is_and_not_how_it_was_made(tmp_path: Path) -> None:
    files = {
        "pkg/__init__.py": b"1",
        "pkg/WHEEL": b"a file of its own",
        "pkg/__pycache__/__init__.cpython-313.pyc": b"2",
        "pkg/old.pyc": b"3",
        "pkg-1.0.data/purelib/more.py": b"4",
        "pkg-1.0.data/scripts/run": b"5",
        "pkg-1.0.dist-info/INSTALLER": b"pip",
        "pkg-1.0.dist-info/direct_url.json": b"{}",
        "pkg-1.0.dist-info/licenses/LICENSE": b"free",
    }
    about = {"pkg-1.0.dist-info/METADATA", "pkg-1.0.dist-info/licenses/LICENSE"}
    assert contents("x", [wheel(tmp_path, files)], LAMBDA).keys() == {"pkg/__init__.py", "pkg/WHEEL", "more.py"} | about


@pytest.mark.parametrize("base", ["", "src/"])
def test_of_an_sdist_its_packages_and_licences(tmp_path: Path, base: str) -> None:
    files = {
        f"{base}pkg.egg-info/top_level.txt": b"pkg\nalone\n",
        f"{base}pkg/__init__.py": b"1",
        f"{base}pkg/deep/data.json": b"{}",
        f"{base}alone.py": b"2",
        "tests/test_pkg.py": b"3",
        "pkgs/other.py": b"4",
        "NOTICE.txt": b"mine",
    }
    found = contents("x", [sdist(tmp_path, files)], LAMBDA)
    about = {"pkg-1.0.dist-info/METADATA", "pkg-1.0.dist-info/licenses/NOTICE.txt"}
    assert found.keys() == {"pkg/__init__.py", "pkg/deep/data.json", "alone.py"} | about


# --- what is refused


def elf(machine: int, order: bytes = b"\1") -> bytes:
    """The head of a compiled file for Linux."""
    return b"\x7fELF\2" + order + b"\1" + bytes(11) + machine.to_bytes(2, "big" if order == b"\2" else "little")


X86, ARM = elf(62), elf(183)

FOREIGN = [
    (
        "a.cpython-313-x86_64-linux-gnu.so",
        X86,
        LAMBDA,
        "linux on x86_64, not for Lambda .Python 3.13, linux on aarch64",
    ),
    ("a.cpython-313-aarch64-linux-gnu.so", X86, LAMBDA, "linux on x86_64"),
    ("a.libs/libz-1.so.1.2", X86, LAMBDA, "linux on x86_64"),
    ("tool", X86, LAMBDA, "linux on x86_64"),
    ("a.so", elf(183, b"\2")[:18] + b"\x00\x16", LAMBDA, "linux on machine 22 of ELF"),
    ("a.cpython-312-aarch64-linux-gnu.so", ARM, LAMBDA, "Python 3.12"),
    ("a.pyd", b"MZ", LAMBDA, "Windows"),
    ("a.so", b"\xcf\xfa\xed\xfe", LAMBDA, "macOS"),
    ("a.so", b"GROUP ( libc.so )", LAMBDA, "no platform that is known"),
    ("a.cpython-311-x86_64-linux-gnu.so", ARM, LAPTOP, "linux on aarch64, not for this machine .Python 3.11"),
    ("a.cpython-313-x86_64-linux-gnu.so", X86, LAPTOP, "Python 3.13, not for this machine"),
    ("a.so", X86, Platform("host", "3.13", "arm64", "darwin"), "linux on x86_64"),
]


@pytest.mark.parametrize(("file", "content", "platform", "said"), FOREIGN)
def test_compiled_for_another_platform(
    tmp_path: Path, file: str, content: bytes, platform: Platform, said: str
) -> None:
    with pytest.raises(UserError, match=rf"^layer x: {re.escape(file)} in pkg-1.0-\S+ is made for {said}.*; pin "):
        contents("x", [wheel(tmp_path, {file: content})], platform)


OURS = [
    ("a.cpython-313-aarch64-linux-gnu.so", ARM, LAMBDA),
    ("a.abi3.so", ARM, LAMBDA),
    ("a.cpython-311-x86_64-linux-gnu.so", X86, LAPTOP),
    ("a.cpython-313-darwin.so", b"\xcf\xfa\xed\xfe", Platform("host", "3.13", "arm64", "darwin")),
    ("also.py", b"MZ", LAMBDA),
]


@pytest.mark.parametrize(("file", "content", "platform"), OURS)
def test_compiled_for_this_platform(tmp_path: Path, file: str, content: bytes, platform: Platform) -> None:
    assert contents("x", [wheel(tmp_path, {file: content})], platform)[file] == content


def test_more_than_lambda_takes(tmp_path: Path) -> None:
    """The sizes are those that the packages declare: nobody reads 250 MB to see that it is too much."""
    with zipfile.ZipFile(tmp_path / "big-1.0-py3-none-any.whl", "w") as archive:
        archive.writestr("big.bin", b"")
        archive.writestr("more.bin", b"")
        archive.infolist()[0].file_size = 200_000_000
        archive.infolist()[1].file_size = builder.LIMIT - 200_000_000 + 1
    with pytest.raises(UserError, match=r"^layer x does not fit: unpacked it has more than 262,144,000 bytes"):
        contents("x", [tmp_path / "big-1.0-py3-none-any.whl"], LAMBDA)


def test_packages_that_cannot_be_a_layer(tmp_path: Path) -> None:
    top = {"pkg.egg-info/top_level.txt": b"pkg", "pkg/__init__.py": b""}
    with pytest.raises(UserError, match=r"pkg-1.0.tar.gz has src/fast.pyx, which must be compiled; .*pin wheels"):
        contents("x", [sdist(tmp_path, {**top, "src/fast.pyx": b""})], LAMBDA)
    with pytest.raises(UserError, match=r"pkg-1.0.tar.gz does not say which packages it holds; "):
        contents("x", [sdist(tmp_path, {})], LAMBDA)
    both = [wheel(tmp_path, {"a.py": b"1"}), wheel(tmp_path, {"a.py": b"2"}, "other-1.0-py3-none-any.whl")]
    with pytest.raises(UserError, match=r"layer x: a.py is in two of its packages"):
        contents("x", both, LAMBDA)
    for path in ("../a.py", "/etc/a.py"):
        with pytest.raises(UserError, match=rf"of the path {path}, which leads out of it"):
            contents("x", [wheel(tmp_path, {path: b""})], LAMBDA)
    for name in ("broken-1.0-py3-none-any.whl", "broken-1.0.tar.gz", "broken-1.0.zip"):
        (tmp_path / name).write_bytes(b"no archive")
        with pytest.raises(UserError, match=rf"layer x: {name} is damaged"):
            contents("x", [tmp_path / name], LAMBDA)


# --- pip


@pytest.fixture
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that is the only place where pip finds packages."""
    for variable in [v for v in os.environ if v.startswith("PIP_")]:
        monkeypatch.delenv(variable)
    folder = tmp_path / "shelf"
    folder.mkdir()
    for variable, value in {"CONFIG_FILE": os.devnull, "FIND_LINKS": str(folder), "NO_INDEX": "1"}.items():
        monkeypatch.setenv(f"PIP_{variable}", value)
    return folder


def pin(*paths: Path) -> str:
    """The pin of one package's files."""
    name = paths[0].name.split("-")[0]
    return f"{name}==1.0 " + " ".join(f"--hash=sha256:{sha256(p.read_bytes()).hexdigest()}" for p in paths) + "\n"


def names(data: bytes) -> list[str]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return [name for name in archive.namelist() if ".dist-info/" not in name]


@pytest.mark.parametrize("platform", [LAMBDA, builder.host()], ids=["lambda", "host"])
def test_nothing_that_is_downloaded_is_run(shelf: Path, platform: Platform) -> None:
    """No setup.py, and no build tool that pip would download for it: there is none on the shelf."""
    legacy = sdist(shelf, {"old.egg-info/top_level.txt": b"old", "old/__init__.py": b""}, "old-1.0")
    project = b'[build-system]\nrequires = ["setuptools>=99"]\nbuild-backend = "setuptools.build_meta"\n'
    files = {"new.egg-info/top_level.txt": b"new", "new/__init__.py": b"", "pyproject.toml": project}
    modern = sdist(shelf, files, "new-1.0")
    data = make("x", pin(legacy) + pin(modern), platform, sdists=("old", "new"))
    assert names(data) == ["python/new/__init__.py", "python/old/__init__.py"]
    assert not (shelf / "was-run").exists()


@pytest.mark.parametrize("platform", [LAMBDA, builder.host()], ids=["lambda", "host"])
def test_an_sdist_that_brings_a_build_tool_of_its_own(
    shelf: Path, tmp_path: Path, platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may come of those only that the code names; and even they meet no credentials."""
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    tool = f"import os, pathlib\npathlib.Path({str(tmp_path / 'seen')!r}).write_text(repr(dict(os.environ)))\n"
    project = b'[build-system]\nrequires = []\nbuild-backend = "tool"\nbackend-path = ["."]\n'
    path = sdist(shelf, {"pyproject.toml": project, "tool.py": tool.encode()}, "own-1.0")
    with pytest.raises(UserError, match=r"no package index that pip reaches has own==1.0"):
        make("x", pin(path), platform)
    assert not (tmp_path / "seen").exists()
    with pytest.raises(UserError, match="can't be built"):
        make("x", pin(path), platform, sdists=("own",))
    assert "secret" not in (tmp_path / "seen").read_text()


@pytest.mark.parametrize(
    "line",
    [
        "pkg @ file://{path} --hash=sha256:{hash}",
        "{path}",
        "file://{path}",
        "-e {path}",
        "-r {path}",
        "--index-url http://127.0.0.1:9/",
        "pkg",
        "pkg==1.0",
        "pkg==1.* --hash=sha256:{hash}",
        "pkg>=1.0 --hash=sha256:{hash}",
        "pkg[more]==1.0 --hash=sha256:{hash}",
        "pkg==1.0 ; python_version > '3' --hash=sha256:{hash}",
        "pkg==1.0 --hash=sha256:{hash} --config-settings=a=b",
        "${{HOME}}==1.0 --hash=sha256:{hash}",
    ],
)
def test_pins_are_names_versions_and_hashes(shelf: Path, line: str) -> None:
    path = sdist(shelf, {}, "pkg-1.0")
    with pytest.raises(UserError, match=r"^the pins of layer x have a line [^\n]*: each must be NAME==VERSION"):
        make("x", line.format(path=path, hash=sha256(path.read_bytes()).hexdigest()) + "\n", LAMBDA)
    assert not (shelf / "was-run").exists()


def test_pip_reads_no_more_than_we_do(shelf: Path) -> None:
    """What we take for a comment that goes on, pip takes for a comment and a line."""
    path, evil = wheel(shelf, {"a.py": b""}), sdist(shelf, {}, "evil-1.0")
    hidden = f"# more \\\nevil @ file://{evil} --hash=sha256:{sha256(evil.read_bytes()).hexdigest()}\n"
    assert names(make("x", hidden + pin(path), LAMBDA)) == ["python/a.py"]
    assert not (shelf / "was-run").exists()


def test_of_wheels_for_several_platforms_the_one_for_lambda(shelf: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tags = {
        "cp313-cp313-manylinux_2_28_aarch64": ARM,
        "cp313-cp313-manylinux_2_28_x86_64": X86,
        "cp312-cp312-manylinux_2_28_aarch64": ARM,
    }
    wheels = [wheel(shelf, {f"{tag}.so": head}, f"pkg-1.0-{tag}.whl") for tag, head in tags.items()]
    monkeypatch.setenv("PIP_NO_BINARY", ":all:")  # a preference of the user's, for other work
    assert names(make("x", pin(*wheels), LAMBDA)) == ["python/cp313-cp313-manylinux_2_28_aarch64.so"]
    wheels[0].unlink()
    with pytest.raises(UserError, match=r"no package index that pip reaches has pkg==1.0 for Lambda \(Python 3.13"):
        make("x", pin(*wheels[1:]), LAMBDA)


def test_another_file_than_the_one_that_is_pinned(shelf: Path) -> None:
    path = wheel(shelf, {"a.py": b"1"})
    pins, pinned = pin(path), sha256(path.read_bytes()).hexdigest()
    found = sha256(wheel(shelf, {"a.py": b"2"}).read_bytes()).hexdigest()
    with pytest.raises(UserError, match=rf"^layer x can't be built: pkg==1.0 has SHA-256 {found}, and {pinned} is pin"):
        make("x", pins, LAMBDA)


def test_what_pip_cannot_do_is_said_in_one_line(shelf: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    absent = f"absent==1.0 --hash=sha256:{'0' * 64}\n"
    with pytest.raises(UserError, match=r"^[^\n]*no package index that pip reaches has absent==1.0 for Lambda[^\n]*$"):
        make("x", absent, LAMBDA)
    broken = shelf / "broken-1.0-py3-none-any.whl"
    broken.write_bytes(b"no archive")
    with pytest.raises(UserError, match=r"^layer x can't be built: pip says: Wheel 'broken' [^\n]* is invalid[^\n]*$"):
        make("x", pin(broken), LAMBDA)
    monkeypatch.delenv("PIP_NO_INDEX")
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    monkeypatch.setenv("PIP_RETRIES", "1")
    with pytest.raises(UserError, match=r"^[^\n]*no package index answers to pip, asked for absent==1.0: [^\n]*$"):
        make("x", absent, LAMBDA)
    monkeypatch.delenv("PYTHONPATH", raising=False)
    venv.create(tmp_path / "bare", with_pip=False, symlinks=True)
    monkeypatch.setattr(sys, "executable", str(tmp_path / "bare/bin/python"))
    with pytest.raises(UserError, match=r"^[^\n]*/bare/bin/python has no pip, [^\n]* -m ensurepip$"):
        make("x", absent, LAMBDA)
