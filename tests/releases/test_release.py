"""`release`: what is frozen, which version a change may carry, and what is refused."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.commands import ROOT, refused
from tests.evidence import shows
from tests.releases.conftest import PAGE, Repository
from tests.sampling import sampled
from tests.system import needs

pytestmark = sampled(3, each=True)

FOLDER = "templates/todo/1.0.0"
TEMPLATE = f"{FOLDER}/todo.template.json"
INDEX = "templates/index.json"


def entries(repository: Repository) -> dict[str, dict[str, object]]:
    listed = json.loads((repository.root / INDEX).read_text())["templates"]
    return {f"{one['scenario']}@{one['version']}": one for one in listed}


@needs("git")
@shows("REQ-D4", how="real")
def test_the_first_release(drafts: Repository) -> None:
    before = drafts.tree()
    done = drafts("release", "todo")
    assert done.code == 0, done.err
    assert "git tag -a todo-1.0.0" in done.err
    after = drafts.tree()
    new = {f"{FOLDER}/UPGRADE.md", f"{FOLDER}/upgrade.json", f"{FOLDER}/layers/dax.txt"}
    assert after.keys() - before.keys() == new
    assert {path for path in before if before[path] != after[path]} == {INDEX, "CHANGELOG.md"}
    entry = entries(drafts)["todo@1.0.0"]
    assert entry["status"] == "released"
    files = entry["files"]
    assert isinstance(files, dict)
    assert {f"templates/{path}": sha for path, sha in files.items()} == {
        path: hashlib.sha256(data).hexdigest() for path, data in after.items() if path.startswith(f"{FOLDER}/")
    }
    assert entry["layers"] == [
        {
            "name": "dax",
            "key": json.loads(after[TEMPLATE])["Resources"]["TodosCacheClient"]["Properties"]["Content"]["S3Key"],
            "sha256": (drafts.root / "troposphere_arch/layers/dax.sha256").read_text().strip(),
            "pins": "todo/1.0.0/layers/dax.txt",
        }
    ]
    changelog = after["CHANGELOG.md"].decode()
    assert f"### todo 1.0.0 ({entry['released']})\n- The first release." in changelog
    assert "the first release" in after[f"{FOLDER}/UPGRADE.md"].decode()
    assert json.loads(after[f"{FOLDER}/upgrade.json"]) == {"scenario": "todo", "version": "1.0.0", "from": []}

    # From now on it is not made anew, and nothing needs to be.
    for arguments in (["build"], ["build", "--check"], ["release", "--check"]):
        assert drafts(*arguments).code == 0, arguments
    assert drafts.tree() == after
    assert "(nothing changed)" in drafts().out
    [row] = [line for line in drafts("list").out.splitlines() if line.startswith("todo")]
    assert row.split()[:4] == ["todo", "1.0.0", "released", entry["released"]]
    refused(drafts("release", "todo"), "nothing to release", "todo 1.0.0 is released")


def fix(repository: Repository) -> None:
    repository.fix()


def new_route(repository: Repository) -> None:
    """With it the deployment of the API gets another name, which is hashed from what it deploys."""
    repository.edit(PAGE, 'query=("done", "limit", "next")', 'query=("done", "limit", "next", "since")')


def preset(repository: Repository) -> None:
    repository.edit(PAGE, '"FunctionMemory": "512",', '"FunctionMemory": "1024",')


def default(repository: Repository) -> None:
    path = "troposphere_arch/parameters/shared.py"
    repository.edit(
        path,
        '"Days to keep logs",\n    "After so many days log lines are deleted.",\n    "30",',
        '"Days to keep logs",\n    "After so many days log lines are deleted.",\n    "60",',
    )


def new_key(repository: Repository) -> None:
    """A table with another key is another table."""
    repository.edit(PAGE, 'partition="owner", sort="id"', 'partition="owner", sort="number"')


RIGHT_TO_DELETE = (
    '    grant(function.role, f"Delete{users.title}", grants.delete_users(users.resource), when=users.when)\n'
)


def less(repository: Repository) -> None:
    """A budget and its parameters go, and a function may do less."""
    repository.edit(PAGE, '    budgets.monthly_budget(t, "Budget")\n', "")
    # (Not the whole arrow: it takes a variable along that the function reads.)
    repository.edit("troposphere_arch/arrows/functions.py", RIGHT_TO_DELETE, "")
    repository.edit(PAGE, "import apigateway, awslambda, budgets, ", "import apigateway, awslambda, ")


def words(repository: Repository) -> None:
    repository.edit(PAGE, 'Description="Creates, changes and deletes to-dos."', 'Description="Writes to-dos."')


CHANGES: dict[Callable[[Repository], None], tuple[str, str]] = {
    fix: ("1.0.1", "ReadTodos"),
    words: ("1.0.1", "WriteTodos"),
    new_route: ("1.0.1", "Api"),
    preset: ("1.1.0", "preset production"),
    default: ("1.1.0", "LogRetentionDays"),
    new_key: ("2.0.0", "Todos"),
}


@needs("git")
@shows("REQ-D4", how="real")
@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
def test_a_change_of_what_is_released(released: Repository, change: Callable[[Repository], None]) -> None:
    """It is refused under the old version, told which version it may carry, and released under that."""
    version, named = CHANGES[change]
    change(released)
    before = released.tree()
    refused(released("build"), "todo 1.0.0 is released", named, f"{version} at least", "build --bump")
    check = released("build", "--check")
    assert (check.code, f"{version} at least" in check.out) == (1, True), check.out
    assert json.loads(released("build", "--check", "--json").out)["refused"]
    gate = released("release", "--check")
    assert (gate.code, f"{version} at least" in gate.out) == (1, True), gate.out
    refused(released("release", "todo"), f"{version} at least")
    refused(released("up", "todo"), f"{version} at least")
    assert released.tree() == before

    bumped = released("build", "--bump")
    assert bumped.code == 0, bumped.err
    assert f"todo: VERSION is {version} now" in bumped.out
    assert f'\nVERSION = "{version}"\n' in (released.root / PAGE).read_text()
    assert released("release", "--check").code == 0
    old = {path: data for path, data in before.items() if path.startswith(f"{FOLDER}/")}
    assert {path: data for path, data in released.tree().items() if path.startswith(f"{FOLDER}/")} == old
    assert [one["status"] for name, one in entries(released).items() if name.startswith("todo@")] == [
        "released",
        "draft",
    ]
    released.commit()
    done = json.loads(released("release", "todo", "--json").out)
    step = {"1.0.1": "patch", "1.1.0": "minor", "2.0.0": "major"}[version]
    [update] = done["updates"]
    # A preset is no part of a template, so its change is none of the diff's.
    assert (update["from"], update["version"] == step or change is preset) == ("1.0.0", True)
    upgrade = json.loads((released.root / f"templates/todo/{version}/upgrade.json").read_text())
    assert [one["release"] for one in upgrade["from"]] == ["1.0.0"]
    assert upgrade["from"][0]["version"] == update["version"]
    assert upgrade["from"][0]["presets"].keys() == {"production", "starter"}
    page = (released.root / f"templates/todo/{version}/UPGRADE.md").read_text()
    assert "## From 1.0.0" in page
    assert change in (preset,) or named in page
    assert released("release", "--check", "--against", "HEAD").code == 0


@needs("git")
@shows("REQ-D4", how="real")
def test_a_fix_after_a_fix_tells_of_each_earlier_release(released: Repository) -> None:
    for _ in range(2):
        released.fix()
        assert released("build", "--bump").code == 0
        released.release()
    upgrade = json.loads((released.root / "templates/todo/1.0.2/upgrade.json").read_text())
    assert [one["release"] for one in upgrade["from"]] == ["1.0.0", "1.0.1"]
    changelog = (released.root / "CHANGELOG.md").read_text()
    headings = [line.split()[2] for line in changelog.splitlines() if line.startswith("### todo")]
    assert headings == ["1.0.2", "1.0.1", "1.0.0"]
    assert "[UPGRADE.md](templates/todo/1.0.2/UPGRADE.md)" in changelog


@needs("git")
@shows("REQ-D4", how="real")
def test_what_is_gone_and_what_it_takes_with_it_stands_in_upgrade_md(released: Repository) -> None:
    less(released)
    done = released("build", "--bump")
    assert (done.code, "VERSION is 2.0.0 now" in done.out) == (0, True), done.out + done.err
    released.release()
    page = (released.root / "templates/todo/2.0.0/UPGRADE.md").read_text()
    assert "- BudgetEmail: it is gone" in page
    assert "Budget" in page.partition("**Replaced or removed.**")[2].partition("**Permissions.**")[0]
    assert (
        "- narrowed: DeleteAccountsRole may no longer cognito-idp:AdminDeleteUser on Users"
        in page.partition("**Permissions.**")[2].partition("**Parameters.**")[0]
    )


def version(repository: Repository, text: str) -> None:
    repository.edit(PAGE, 'VERSION = "1.0.0"', f'VERSION = "{text}"')


@needs("git")
@shows("REQ-D4", how="real")
def test_versions_that_are_too_low(released: Repository) -> None:
    new_key(released)
    for text in ("0.9.0", "1.0.0", "1.0.1", "1.9.9"):
        (released.root / PAGE).write_text(
            "\n".join(
                f'VERSION = "{text}"' if line.startswith("VERSION = ") else line
                for line in (released.root / PAGE).read_text().splitlines()
            )
            + "\n"
        )
        before = released.tree()
        refused(released("build"), text, "2.0.0 at least")
        refused(released("release", "todo"), text, "2.0.0 at least")
        assert released.tree() == before
    released.edit(PAGE, 'VERSION = "1.9.9"', 'VERSION = "3.0.0"')  # higher than needed is nobody's harm
    assert released("build").code == 0


@needs("git")
def test_a_version_that_nothing_needs(released: Repository) -> None:
    version(released, "1.1.0")
    assert released("build").code == 0
    released.commit()
    refused(released("release", "todo"), "nothing to release", "the same but for the number 1.1.0")
    for text in ("1.1", "v2", "1.0.0-rc1", "01.0.0", "1.0.0.0"):
        (released.root / PAGE).write_text(
            (released.root / PAGE).read_text().replace('VERSION = "1.1.0"', f'VERSION = "{text}"')
        )
        refused(released("build"), repr(text), "MAJOR.MINOR.PATCH")
        released.git("checkout", "--quiet", "--", PAGE)


def modified(repository: Repository) -> None:
    (repository.root / "setup.cfg").write_text((repository.root / "setup.cfg").read_text() + "\n")


def untracked(repository: Repository) -> None:
    (repository.root / "a note").write_text("")


def staged(repository: Repository) -> None:
    modified(repository)
    repository.git("add", "setup.cfg")


def changelog(repository: Repository) -> None:
    path = repository.root / "CHANGELOG.md"
    path.write_text(path.read_text() + "\n- More.\n")


def half_of_another(repository: Repository) -> None:
    (repository.root / FOLDER / "UPGRADE.md").write_text("Somebody's own.")


def uncommitted_source(repository: Repository) -> None:
    repository.fix()
    assert repository("build").code == 0


def gone(repository: Repository) -> None:
    (repository.root / ".gitignore").unlink()


DIRTY = (modified, untracked, staged, changelog, half_of_another, uncommitted_source, gone)


@needs("git")
@shows("REQ-D4", how="real")
@pytest.mark.parametrize("make_dirty", DIRTY, ids=lambda change: change.__name__)
def test_a_dirty_tree(drafts: Repository, make_dirty: Callable[[Repository], None]) -> None:
    make_dirty(drafts)
    before = drafts.tree()
    refused(drafts("release", "todo"), "not as committed")
    assert drafts.tree() == before


@needs("git")
@shows("REQ-D4", how="real")
def test_what_cannot_be_released(drafts: Repository) -> None:
    before = drafts.tree()
    refused(drafts("release"), "name what to release")
    refused(drafts("release", "blogg"), "'blogg'")
    refused(drafts("release", "todo", "--against", "HEAD"), "--check only")
    refused(drafts("release", "todo", "--check"), "leave todo out")
    refused(drafts("build", "--bump", "--check"), "--check writes nothing")
    assert drafts.tree() == before
    drafts.fix()  # the sources make something else than what is committed
    drafts.commit()
    refused(drafts("release", "todo"), "not what the sources make")
    assert drafts("build").code == 0
    shutil.rmtree(drafts.root / ".git")
    refused(drafts("release", "todo"), "git", "not a git repository")
    refused(drafts("release", "todo", PATH=""), "install git")


@needs("git")
def test_lint_comes_before_a_release_and_before_a_higher_version(released: Repository) -> None:
    """Longer than Lambda lets a function run: lint does not let it pass, and the page keeps its version."""
    released.edit(PAGE, "        Timeout=28,", "        Timeout=901,")
    released.commit()
    before = released.tree()
    assert released("release", "todo").code == 2
    done = released("build", "--bump")
    assert (done.code, "Timeout" in done.err) == (1, True), done.err
    assert released.tree() == before


def altered(repository: Repository) -> None:
    path = repository.root / TEMPLATE
    path.write_bytes(path.read_bytes().replace(b'"MinimumLength": 12', b'"MinimumLength": 6 '))


def missing(repository: Repository) -> None:
    (repository.root / FOLDER / "UPGRADE.md").unlink()


def edited_index(repository: Repository) -> None:
    repository.edit(INDEX, '"status": "released"', '"status": "draft"')


def no_index(repository: Repository) -> None:
    (repository.root / INDEX).unlink()


def no_seal(repository: Repository) -> None:
    value = json.loads((repository.root / INDEX).read_text())
    del value["seal"]
    (repository.root / INDEX).write_text(json.dumps(value))


def path_out_of_the_catalogue(repository: Repository) -> None:
    """With a right seal even: what an index lists is read and removed by its path."""
    value = json.loads((repository.root / INDEX).read_text())
    for entry in value["templates"]:
        entry["files"] = {"todo/1.0.0/../../../setup.cfg": "0" * 64}
    listing = json.dumps(value["templates"], sort_keys=True, separators=(",", ":"))
    value["seal"] = hashlib.sha256(listing.encode()).hexdigest()
    (repository.root / INDEX).write_text(json.dumps(value))


BROKEN: dict[Callable[[Repository], None], str] = {
    altered: "todo.template.json is altered",
    missing: "UPGRADE.md is missing",
    edited_index: "edited by hand",
    no_index: "todo/1.0.0 was released",
    no_seal: "damaged",
    path_out_of_the_catalogue: "damaged",
}


@needs("git")
@shows("REQ-D4", how="real")
@pytest.mark.parametrize("damage", BROKEN, ids=lambda change: change.__name__)
@pytest.mark.parametrize("remembered", [False, True])
def test_what_was_released_and_is_not_as_released(
    released: Repository, damage: Callable[[Repository], None], remembered: bool
) -> None:
    """Noticed by the build that remembers as by the one that does not, and nothing is written."""
    if remembered:
        assert "(nothing changed)" in (released(), released())[1].out
    path = released.root / TEMPLATE
    times = path.stat()
    damage(released)
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    before = released.tree()
    refused(released("build"), BROKEN[damage], "version control")
    refused(released("build", "--bump"), BROKEN[damage])
    refused(released("release", "todo"), "templates")
    refused(released("up", "todo@1.0.0"), "templates")
    assert released("build", "--check").code in (1, 2)
    gate = released("release", "--check")
    assert gate.code == 1, gate.err
    assert json.loads(released("release", "--check", "--json").out)
    assert "Traceback" not in gate.err
    assert released.tree() == before
    released.git("checkout", "--quiet", "--", "templates")
    assert released("release", "--check").code == 0


# Ends the process as `kill -9` does, before the nth time that a file is put in its place.
KILLER = """
import os, signal, sys
left = int(os.environ["KILL_BEFORE"])
def hook(event, args):
    global left
    if event == "os.rename":
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
sys.addaudithook(hook)
"""


@needs("git")
@shows("REQ-D4", how="real")
def test_killed_at_every_point_a_second_run_finishes(drafts: Repository, tmp_path: Path) -> None:
    drafts("build", "--check")
    whole = drafts.copy(tmp_path / "whole")
    assert whole("release", "todo").code == 0
    (tmp_path / "killer").mkdir()
    (tmp_path / "killer/sitecustomize.py").write_text(KILLER)
    killed = 0
    for number in range(1, 20):
        again = drafts.copy(tmp_path / str(number))
        again("build", "--check")
        command = [again.shell.python, again.root / "build.py", "release", "todo"]
        own = {"PYTHONPATH": str(tmp_path / "killer"), "KILL_BEFORE": str(number)}
        done = subprocess.run(command, env=again.shell.environment(own), capture_output=True, text=True)
        if done.returncode == 0:
            break
        assert done.returncode == -signal.SIGKILL, done.stderr
        killed += 1
        assert entries(again)["todo@1.0.0"]["status"] == "draft"  # nothing is released by half
        assert again("release", "--check").code == 0
        second = again("release", "todo")
        assert second.code == 0, (number, second.err)
        assert again.tree() == whole.tree()
        assert again("build", "--check").code == 0
    assert killed == 5  # pins, upgrade.json, UPGRADE.md, changelog, index


@needs("git")
@shows("REQ-D4", how="real")
def test_a_release_that_went_since(released: Repository) -> None:
    """`--check --against` holds what is there against what another commit has released."""
    released.git("branch", "main-then")
    released.fix()
    assert released("build", "--bump").code == 0
    released.release()
    assert released("release", "--check", "--against", "main-then").code == 0
    refused(released("release", "--check", "--against", "no-such-branch"), "no-such-branch", "git")
    refused(released("release", "--check", "--against=--output=x"), "no git ref")

    from troposphere_arch.releases import index

    templates = released.root / "templates"
    now = index.read(templates)
    without = index.index_of(one for one in now.entries if one.version != "1.0.0" or one.scenario != "todo")
    (templates / "index.json").write_bytes(without.text())  # as somebody would who knows how to seal
    gone = released("release", "--check", "--against", "main-then")
    assert (gone.code, "todo@1.0.0" in gone.out, "gone" in gone.out) == (1, True, True), gone.out
    assert released("release", "--check").code == 0

    from dataclasses import replace

    other = index.index_of(replace(one, description="Another.") for one in now.entries)
    (templates / "index.json").write_bytes(other.text())
    off = released("release", "--check", "--against", "main-then")
    assert (off.code, "never changes" in off.out) == (1, True), off.out
    (templates / "index.json").write_bytes(
        index.index_of(replace(one, deprecated="It is old.") for one in now.entries).text()
    )
    assert released("release", "--check", "--against", "main-then").code == 0  # a mark may come and go
    later = index.index_of(
        replace(one, released="2999-01-01") if one.version == "1.0.0" and one.released else one for one in now.entries
    )
    (templates / "index.json").write_bytes(later.text())
    order = released("release", "--check")
    assert (order.code, "2999-01-01" in order.out) == (1, True), order.out


@needs("git")
def test_a_commit_from_before_there_were_releases(drafts: Repository) -> None:
    path = drafts.root / INDEX
    now = path.read_bytes()
    path.write_text('{"templates": [{"scenario": "todo", "version": "1.0.0", "status": "draft"}]}')
    drafts.commit()
    path.write_bytes(now)
    assert drafts("release", "--check", "--against", "HEAD").code == 0
    path.write_text('{"templates": [{"scenario": "todo", "version": "1.0.0", "status": "released"}]}')
    drafts.commit()
    path.write_bytes(now)
    refused(drafts("release", "--check", "--against", "HEAD"), "HEAD:templates/index.json is damaged")
    drafts.git("rm", "--quiet", "--cached", INDEX)
    drafts.git("commit", "--quiet", "--message", "None")
    assert drafts("release", "--check", "--against", "HEAD").code == 0


@needs("git")
def test_a_draft_that_no_source_makes_any_more(drafts: Repository) -> None:
    version(drafts, "2.0.0")
    changed = drafts.root / FOLDER / "parameters/starter.json"
    changed.write_text("[]")
    check = drafts("build", "--check")
    assert (check.code, "a draft that no source makes any more" in check.out) == (1, True)
    done = drafts("build")
    assert f"removed checkout/{TEMPLATE}: a draft" in done.out
    assert not (drafts.root / TEMPLATE).exists()
    assert changed.read_text() == "[]"  # somebody changed it, so it is not ours to remove
    assert "parameters/starter.json: no source makes this file" in done.out
    changed.unlink()
    assert drafts("build", "--check").code == 0


@needs("git")
@shows("REQ-D1", "REQ-D4", how="real")
def test_a_catalogue_elsewhere_has_the_releases_too(released: Repository, tmp_path: Path) -> None:
    released.fix()
    assert released("build", "--bump").code == 0
    out = tmp_path / "out"
    assert released("build", "--output", out).code == 0
    made = {path.relative_to(out).as_posix(): path.read_bytes() for path in out.rglob("*") if path.is_file()}
    there = {path.partition("/")[2]: data for path, data in released.tree().items() if path.startswith("templates/")}
    assert made == there
    assert released("build", "--check", "--output", out).code == 0
    altered(released)
    refused(released("build", "--output", out), "is altered")
    assert released("build", "--check", "--output", out).code == 1


@needs("git")
@shows("REQ-D4", how="real")
def test_what_is_made_from_releases_follows_them(released: Repository) -> None:
    """The service catalog has a version for each release, so that with each release it is another."""
    names = "troposphere_arch/scenarios/__init__.py"
    [line] = [one for one in (ROOT / names).read_text().splitlines() if one.startswith("FROM_RELEASES")]
    released.edit(names, "FROM_RELEASES: tuple[str, ...] = ()", line)
    released.commit()
    released.release("service-catalog")
    released.fix()
    assert released("build", "--bump").code == 0
    released.commit()
    done = released("release", "todo")
    assert "build --bump" in done.err.partition("to do next:")[2]
    refused(released("build"), "service-catalog 1.0.0 is released", "1.0.1 at least")
    followed = released("build", "--bump")
    assert (followed.code, "service-catalog: VERSION is 1.0.1 now" in followed.out) == (0, True), followed.err
    assert released("build", "--check").code == released("release", "--check").code == 0
    offered = (released.root / "templates/service-catalog/1.0.1/service-catalog.template.json").read_text()
    assert "todo/1.0.0/todo.template.json" in offered
    assert "todo/1.0.1/todo.template.json" in offered
    assert "nothing changed" in released().out
