"""`python build.py`: makes, checks, repeats nothing, and never writes half a file."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.cli.commands import ROOT, Shell, keep_architectures, refused, share_marks
from tests.evidence import shows
from tests.system import needs
from troposphere_arch import catalogue, scenarios

VERSION = scenarios.page("todo").VERSION
TEMPLATE = catalogue.template_path("todo", VERSION)


@shows("REQ-D1", "REQ-D3", how="real")
def test_build_writes_what_is_committed(build: Shell, tmp_path: Path) -> None:
    done = build("--output", tmp_path / "out")
    assert done.code == 0, done.err
    assert "lint is clean" in done.out
    made = {p.relative_to(tmp_path / "out"): p.read_bytes() for p in (tmp_path / "out").rglob("*") if p.is_file()}
    committed = {
        p.relative_to(ROOT / "templates"): p.read_bytes() for p in (ROOT / "templates").rglob("*") if p.is_file()
    }
    assert made == committed


@shows("REQ-D1", "REQ-D3", how="real")
def test_check_passes_on_the_committed_templates(build: Shell) -> None:
    done = build("--check")
    assert done.code == 0, done.out + done.err


@shows("REQ-D1", how="real")
def test_check_fails_with_a_diff_and_writes_nothing(build: Shell, tmp_path: Path) -> None:
    out = tmp_path / "out"
    shutil.copytree(ROOT / "templates", out)
    changed = (out / TEMPLATE).read_text().replace('"MinimumLength": 12', '"MinimumLength": 6')
    (out / TEMPLATE).write_text(changed)
    (out / f"todo/{VERSION}/stray.json").write_text("{}")
    done = build("--check", "--output", out)
    assert done.code == 1
    assert '-      "MinimumLength": 6,' in done.out
    assert '+      "MinimumLength": 12,' in done.out
    assert "stray.json: no source makes this file" in done.out
    assert (out / TEMPLATE).read_text() == changed


@pytest.fixture(scope="session")
def _drafts(tmp_path_factory: pytest.TempPathFactory, lint_marks: Path) -> Path:
    """A small checkout in which nothing is released; what releases are kept from is shown in tests/releases."""
    home = tmp_path_factory.mktemp("drafts")
    for name in ("build.py", "setup.cfg"):
        shutil.copy(ROOT / name, home)
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "troposphere_arch", home / "troposphere_arch", ignore=ignored)
    keep_architectures(home, "todo")
    share_marks(home / "home", lint_marks)
    assert Shell(home / "home", root=home)(cwd=home).code == 0
    return home


@pytest.fixture
def checkout(_drafts: Path, tmp_path: Path, lint_marks: Path) -> Shell:
    """`python build.py` of a checkout of its own, whose sources a test may change."""
    root = tmp_path / "checkout"
    shutil.copytree(_drafts, root, ignore=shutil.ignore_patterns("home"))
    share_marks(tmp_path, lint_marks)
    return Shell(tmp_path, root=root)


def imported(shell: Shell, *arguments: str) -> set[str]:
    """The top-level modules that `build.py` imports, as Python itself lists them."""
    done = subprocess.run(
        [shell.python, "-X", "importtime", shell.root / "build.py", *arguments],
        env=shell.environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    lines = [line for line in done.stderr.splitlines() if line.startswith("import time:")]
    return {line.rpartition("|")[2].strip().partition(".")[0] for line in lines}


def test_a_build_where_nothing_changed_imports_nothing_that_takes_time(checkout: Shell) -> None:
    keep_architectures(checkout.root)
    checkout = Shell(checkout.home / "where nothing was linted", root=checkout.root)
    checkout.home.mkdir()
    slow = {"troposphere", "awacs", "cfnlint", "boto3", "botocore", "argparse", "json"}
    assert slow & imported(checkout, "build") >= {"troposphere", "awacs", "cfnlint", "argparse"}
    assert "nothing changed" in checkout().out
    assert slow & imported(checkout) == set()
    assert slow & imported(checkout, "build") == set()


def test_every_change_is_noticed(checkout: Shell) -> None:
    """Not by the times of files, which a checkout or an editor may restore."""
    source = checkout.root / "troposphere_arch/exemptions.py"
    output = checkout.root / f"templates/todo/{VERSION}/parameters/starter.json"
    made = {path: path.read_bytes() for path in (source, output)}

    def unchanged() -> bool:
        done = checkout()
        assert done.code == 0, done.err
        return "(nothing changed)" in done.out

    def change(path: Path, data: bytes) -> None:
        times = path.stat()
        path.write_bytes(data)
        os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))

    assert [unchanged(), unchanged()] == [False, True]
    for path, data in made.items():
        change(path, data.replace(b"a", b"A", 1) if path is source else data[:-1])
        assert [unchanged(), unchanged()] == [False, True], path
        change(path, data)
        assert unchanged() is (path is output)  # the build has put it right
    assert [unchanged(), unchanged()] == [True, True]
    added = checkout.root / "troposphere_arch/handlers/todo/added.any"
    added.touch()
    assert [unchanged(), unchanged()] == [False, True]
    added.rename(added.with_suffix(".other"))
    assert [unchanged(), unchanged()] == [False, True]
    output.unlink()
    assert [unchanged(), output.read_bytes() == made[output], unchanged()] == [False, True, True]


def test_another_version_of_a_tool_is_noticed(checkout: Shell, tmp_path: Path) -> None:
    import troposphere

    site = tmp_path / "site"
    site.mkdir()
    (site / "troposphere").symlink_to(Path(troposphere.__file__).parent)

    def unchanged() -> bool:
        done = checkout(PYTHONPATH=str(site))
        assert done.code == 0, done.err
        return "(nothing changed)" in done.out

    assert [unchanged(), unchanged()] == [False, False]  # it tells no version, so it may be any
    metadata = site / "troposphere-4.11.1.dist-info"
    metadata.mkdir()
    assert [unchanged(), unchanged()] == [False, True]
    metadata.rename(site / "troposphere-4.11.2.dist-info")
    assert [unchanged(), unchanged()] == [False, True]


def test_what_no_source_makes_is_told_each_time(checkout: Shell) -> None:
    checkout()
    stray = checkout.root / f"templates/todo/{VERSION}/stray.json"
    stray.write_text("{}")
    (stray.parent / ".hidden").write_text("")
    (checkout.root / "templates/beside").write_text("")
    for _ in range(2):
        done = checkout(cwd=checkout.root)
        assert done.out.splitlines()[0] == f"templates/todo/{VERSION}/stray.json: no source makes this file"
        assert done.out.splitlines()[1].endswith("(nothing changed)")
    assert checkout("--check").code == 1


def test_a_file_that_cannot_be_read(checkout: Shell) -> None:
    checkout()
    for name in ("templates/index.json", "troposphere_arch/errors.json"):
        loop = checkout.root / name
        loop.unlink(missing_ok=True)
        loop.symlink_to(loop)
        refused(checkout(), "cannot read", name)
        loop.unlink()


def test_a_damaged_file_is_noticed_and_mended_after_a_cached_build(build: Shell, tmp_path: Path) -> None:
    out = tmp_path / "out"
    build("--output", out)
    (out / TEMPLATE).write_text("{}")
    assert build("--check", "--output", out).code == 1
    assert build("--output", out).code == 0
    assert (out / TEMPLATE).read_bytes() == (ROOT / "templates" / TEMPLATE).read_bytes()


def test_a_broken_cache_is_no_cache(build: Shell, tmp_path: Path) -> None:
    memory = tmp_path / "cache/troposphere-arch/last-clean-build"
    assert build("--check").code == 0
    good = memory.read_bytes()
    lines = good.splitlines(keepends=True)
    for damaged in (b"", b"not a memory", b"\xff" + good, good[:-1], b"".join(lines[:-1]), good + lines[-1]):
        memory.write_bytes(damaged)
        done = build("--check")
        assert (done.code, "nothing changed" in done.out) == (0, False)
        assert memory.read_bytes() == good
    memory.unlink()
    memory.mkdir()
    assert build("--check").code == 0


@needs("git")
@shows("REQ-D1", "REQ-D6", how="real")
def test_a_clean_clone_stays_clean(build: Shell, tmp_path: Path) -> None:
    clone = tmp_path / "clone"
    subprocess.run(["git", "clone", "--quiet", ROOT, clone], check=True)
    # What is not committed yet is part of what this test judges.
    for name in ("setup.cfg", "build.py", "troposphere_arch", "templates"):
        source, target = ROOT / name, clone / name
        if source.is_dir():
            shutil.rmtree(target)
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, target)

    def status() -> str:
        git = ["git", "-C", str(clone), "status", "--porcelain"]
        return subprocess.run(git, check=True, capture_output=True, text=True).stdout

    before = status()
    done = Shell(tmp_path, root=clone)()
    assert done.code == 0, done.err
    assert status() == before
    tracked = subprocess.run(["git", "-C", str(clone), "ls-files"], check=True, capture_output=True, text=True).stdout
    top = {line.partition("/")[0] for line in tracked.splitlines()}
    assert {"setup.cfg", "troposphere_arch", "templates", "build.py", "tests"} <= top


def test_it_works_from_any_directory(build: Shell, tmp_path: Path) -> None:
    elsewhere = tmp_path / "else where"
    elsewhere.mkdir()
    assert build("list", cwd=elsewhere).code == 0
    assert list(elsewhere.iterdir()) == []


def test_unwritable_output(build: Shell, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    refused(build("--output", tmp_path / "file"), str(tmp_path / "file"), "--output DIR")
    refused(build("--output", "/proc/nothing"), "/proc/nothing", "cannot write")


def test_nothing_is_half_written(build: Shell, tmp_path: Path) -> None:
    out = tmp_path / "out"
    # The preset's place is taken by a directory, so its write must fail; whatever else is there must be whole.
    (out / f"todo/{VERSION}/parameters/production.json").mkdir(parents=True)
    refused(build("--output", out), "production.json")
    whole = ROOT / "templates"
    for path in out.rglob("*"):
        if path.is_file():
            assert path.read_bytes() == (whole / path.relative_to(out)).read_bytes()


def test_files_that_are_no_text(build: Shell, tmp_path: Path) -> None:
    out = tmp_path / "out"
    shutil.copytree(ROOT / "templates", out)
    (out / TEMPLATE).write_bytes(b"\xff\xfe{")
    (out / "notes.txt").write_text("beside the templates, and nobody's business")
    done = build("--check", "--output", out)
    assert (done.code, "Traceback" in done.err, "notes.txt" in done.out) == (1, False, False)


def test_a_damaged_index(checkout: Shell) -> None:
    (checkout.root / "templates/index.json").write_text("[")
    refused(checkout("list"), "index.json is damaged")


def test_list_and_show(build: Shell) -> None:
    told = build("list").out
    entries = {(one["scenario"], one["version"]): one for one in json.loads(build("list", "--json").out)}
    for one in entries.values():
        assert one["status"] in ("draft", "released")
        assert re.search(rf"(?m)^{one['scenario']} +{re.escape(one['version'])} +{one['status']} ", told)
    entry = entries["todo", VERSION]
    shown = json.loads(build("show", "todo", "--json").out)
    assert shown["parameters"]["FileStorage"]["Default"] == "off"
    assert shown["bytes"] == entry["bytes"]
    assert {"source": "ReadTodos", "verb": "reads", "destination": "Todos", "label": "", "when": None} in shown[
        "arrows"
    ]
    assert "FileStorage" in build("show", "todo").out


def test_lint_any_template(build: Shell, tmp_path: Path) -> None:
    good = build("lint", ROOT / "templates" / TEMPLATE)
    assert good.code == 0, good.out
    bad = tmp_path / "bad.yaml"
    bad.write_text("Resources:\n  B:\n    Type: AWS::S3::Bucket\n    Properties:\n      Name: !Sub x\n")
    done = build("lint", bad)
    assert done.code == 1
    assert "E3002" in done.out
    assert "E9011" in done.out
    assert json.loads(build("lint", bad, "--json").out)
    assert "E9011" not in build("lint", bad, "--no-house-rules").out
    broken = tmp_path / "broken.json"
    broken.write_text("{")
    assert build("lint", broken).code == 1
    refused(build("lint", tmp_path / "missing.json"), "missing.json")


def test_help_everywhere(build: Shell) -> None:
    overview = build("--help").out
    for command in ("build", "list", "show", "lint", "release", "audit", "up", "demo", "status", "down"):
        assert command in overview
        done = build(command, "--help")
        assert (done.code, done.err) == (0, "")
        assert "usage: python build.py " + command in done.out


def test_bad_calls(build: Shell) -> None:
    refused(build("fly"), "'fly'", "build, new-service, image, ")
    refused(build("show", "blogg"), "'blogg'", "todo")
    refused(build("up", "blogg"), "'blogg'", "todo")
    assert build("list", "--nonsense").code == 2
