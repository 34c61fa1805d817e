"""`python build.py`: makes, checks, repeats nothing, and never writes half a file."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.commands import ROOT, Shell, refused
from tests.evidence import shows
from tests.system import needs

TEMPLATE = "todo/1.0.0/todo.template.json"


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
    (out / "todo/1.0.0/stray.json").write_text("{}")
    done = build("--check", "--output", out)
    assert done.code == 1
    assert '-      "MinimumLength": 6,' in done.out
    assert '+      "MinimumLength": 12,' in done.out
    assert "stray.json: no source makes this file" in done.out
    assert (out / TEMPLATE).read_text() == changed


def test_a_second_build_imports_nothing_heavy(build: Shell, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert build("--output", out).code == 0
    code = (
        "import sys; from troposphere_arch.cli.run import run; run(sys.argv[1:]); "
        "print([m for m in ('troposphere', 'awacs', 'cfnlint', 'boto3', 'botocore') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, "build", "--output", out],
        env={**build.environment(), "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert "nothing changed" in done.stdout
    assert done.stdout.endswith("[]\n")


def test_a_damaged_file_is_noticed_and_mended_after_a_cached_build(build: Shell, tmp_path: Path) -> None:
    out = tmp_path / "out"
    build("--output", out)
    (out / TEMPLATE).write_text("{}")
    assert build("--check", "--output", out).code == 1
    assert build("--output", out).code == 0
    assert (out / TEMPLATE).read_bytes() == (ROOT / "templates" / TEMPLATE).read_bytes()


@pytest.mark.parametrize("cache", ["not a file", "{}", "[1]"])
def test_a_broken_cache_is_no_cache(build: Shell, tmp_path: Path, cache: str) -> None:
    memory = tmp_path / "cache/troposphere-arch/build.json"
    memory.parent.mkdir(parents=True)
    memory.write_text(cache)
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
    (out / "todo/1.0.0/parameters/production.json").mkdir(parents=True)
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
    checkout = tmp_path / "checkout"
    shutil.copytree(ROOT / "troposphere_arch", checkout / "troposphere_arch")
    shutil.copytree(ROOT / "templates", checkout / "templates")
    for name in ("build.py", "setup.cfg"):
        shutil.copy(ROOT / name, checkout)
    (checkout / "templates/index.json").write_text("[")
    refused(Shell(tmp_path, root=checkout)("list"), "index.json is damaged")


def test_list_and_show(build: Shell) -> None:
    assert "draft" in build("list").out
    [entry] = json.loads(build("list", "--json").out)
    assert entry["status"] == "draft"
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
    for command in ("build", "list", "show", "lint", "up", "demo", "status", "down"):
        assert command in overview
        done = build(command, "--help")
        assert (done.code, done.err) == (0, "")
        assert "usage: python build.py " + command in done.out


def test_bad_calls(build: Shell) -> None:
    refused(build("fly"), "'fly'", "build, list")
    refused(build("show", "blogg"), "'blogg'", "todo")
    refused(build("up", "blogg"), "'blogg'", "todo")
    assert build("list", "--nonsense").code == 2
