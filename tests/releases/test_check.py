"""`release --check`: what somebody puts into the catalogue by hand, who knows how to seal an index."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from tests.cli.commands import refused
from tests.evidence import shows
from tests.releases.conftest import Repository
from tests.sampling import sampled
from tests.system import needs
from troposphere_arch.releases import index
from troposphere_arch.releases.index import Entry

pytestmark = sampled(2)

FOLDER = "templates/todo/1.0.0"
REF = "before"


def listed(repository: Repository) -> dict[str, Entry]:
    return {entry.name: entry for entry in index.read(repository.root / "templates").entries}


def seal(repository: Repository, *changed: Entry) -> None:
    """Put entries into the index, in place of those of the same name."""
    entries = {**listed(repository), **{entry.name: entry for entry in changed}}
    (repository.root / "templates/index.json").write_bytes(index.index_of(entries.values()).text())


def put(repository: Repository, path: str, data: bytes) -> str:
    file = repository.root / "templates" / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(data)
    return hashlib.sha256(data).hexdigest()


def with_file(repository: Repository, path: str, data: bytes) -> Entry:
    """The entry of todo 1.0.0 with another file."""
    entry = listed(repository)["todo@1.0.0"]
    return replace(entry, files={**entry.files, path: put(repository, path, data)})


def moved(repository: Repository, scenario: str, version: str) -> None:
    """What is released, with a back door and under another name."""
    old = listed(repository)["todo@1.0.0"]

    def name(path: str) -> str:
        return path.replace("todo/1.0.0/todo.", f"{scenario}/{version}/{scenario}.").replace(
            "todo/1.0.0/", f"{scenario}/{version}/"
        )

    files = {}
    for path in old.files:
        data = (repository.root / "templates" / path).read_bytes()
        files[name(path)] = put(repository, name(path), data.replace(b"def handler", b"import os\\ndef handler"))
    made = replace(
        old,
        scenario=scenario,
        version=version,
        files=files,
        template=name(old.template),
        sha256=files[name(old.template)],
        layers=tuple(replace(layer, pins=name(layer.pins)) for layer in old.layers),
    )
    seal(repository, made)


def no_page(repository: Repository) -> None:
    moved(repository, "evil", "1.0.0")


def older(repository: Repository) -> None:
    moved(repository, "todo", "0.9.0")


def not_the_latest(repository: Repository) -> None:
    """Hidden below a release that is as it must be."""
    moved(repository, "todo", "1.0.1")
    repository.fix()
    repository.edit("troposphere_arch/scenarios/todo.py", 'VERSION = "1.0.0"', 'VERSION = "1.0.2"')
    assert repository("build").code == 0
    repository.commit()
    assert repository("release", "todo").code == 0


def newer(repository: Repository) -> None:
    moved(repository, "todo", "1.0.1")


def description(repository: Repository) -> None:
    """Of a release that is made by us, and altered before anybody saw it."""
    repository.fix()
    assert repository("build", "--bump").code == 0
    repository.release()
    seal(repository, replace(listed(repository)["todo@1.0.1"], description="Take the other one."))


def notes(repository: Repository) -> None:
    repository.fix()
    assert repository("build", "--bump").code == 0
    repository.release()
    entry = listed(repository)["todo@1.0.1"]
    path = "todo/1.0.1/UPGRADE.md"
    seal(repository, replace(entry, files={**entry.files, path: put(repository, path, b"# Nothing to do\n")}))


BY_HAND: dict[Callable[[Repository], None], tuple[str, str]] = {
    no_page: ("evil@1.0.0", "no page makes evil"),
    older: ("todo@0.9.0", "lower than 1.0.0"),
    not_the_latest: ("todo@1.0.1", "not the latest"),
    newer: ("todo@1.0.1", "the sources make 1.0.0"),
    description: ("todo@1.0.1", "its entry in the index is not as the sources make it"),
    notes: ("todo@1.0.1", "UPGRADE.md is not as the sources make it"),
}


@needs("git")
@shows("REQ-D4", how="real")
@pytest.mark.parametrize("make", BY_HAND, ids=lambda make: make.__name__)
def test_a_release_that_nobody_made(released: Repository, make: Callable[[Repository], None]) -> None:
    released.git("branch", REF)
    make(released)
    name, said = BY_HAND[make]
    done = released("release", "--check", "--against", REF, "--json")
    assert done.code == 1, (done.out, done.err)
    assert any(off["what"] == name and said in off["wrong"] for off in json.loads(done.out)), done.out


@needs("git")
@shows("REQ-D4", how="real")
def test_the_first_release_is_held_against_the_sources_too(drafts: Repository) -> None:
    drafts.git("branch", REF)
    drafts.release()
    assert drafts("release", "--check", "--against", REF).code == 0
    entry = listed(drafts)["todo@1.0.0"]
    seal(drafts, replace(entry, layers=()))
    done = drafts("release", "--check", "--against", REF)
    assert (done.code, "todo@1.0.0" in done.out) == (1, True), done.out


def days(day: str) -> Callable[[Repository], None]:
    return lambda repository: seal(repository, replace(listed(repository)["todo@1.0.0"], released=day))


def unlisted(repository: Repository) -> None:
    put(repository, "todo/1.0.0/more.json", b"{}")


def pins(repository: Repository) -> None:
    path = "todo/1.0.0/layers/dax.txt"
    seal(repository, with_file(repository, path, f"evil==1.0 --hash=sha256:{'a' * 64}\n".encode()))


def address(repository: Repository) -> None:
    path = "todo/1.0.0/layers/dax.txt"
    seal(repository, with_file(repository, path, f"evil @ file:///x --hash=sha256:{'a' * 64}\n".encode()))


def bytes_of_a_layer(repository: Repository) -> None:
    entry = listed(repository)["todo@1.0.0"]
    seal(repository, replace(entry, layers=tuple(replace(layer, sha256="b" * 64) for layer in entry.layers)))


def template(data: bytes) -> Callable[[Repository], None]:
    def make(repository: Repository) -> None:
        entry = with_file(repository, "todo/1.0.0/todo.template.json", data)
        seal(repository, replace(entry, sha256=entry.files[entry.template]))

    return make


def upgrade(data: bytes) -> Callable[[Repository], None]:
    return lambda repository: seal(repository, with_file(repository, "todo/1.0.0/upgrade.json", data))


def pipe(repository: Repository) -> None:
    (repository.root / FOLDER / "UPGRADE.md").unlink()
    os.mkfifo(repository.root / FOLDER / "UPGRADE.md")


OFF: dict[str, tuple[Callable[[Repository], None], str]] = {
    "far": (days("9999-12-31"), "9999-12-31"),
    "week": (days("2026-W47-3"), "2026-W47-3"),
    "compact": (days("20261125"), "20261125"),
    "unlisted": (unlisted, "no release has this file"),
    "pins": (pins, "is not named after"),
    "address": (address, "NAME==VERSION"),
    "layer": (bytes_of_a_layer, "is not named after"),
    "no json": (template(b"[[["), "todo.template.json is not what a release"),
    "list": (template(b"[]"), "todo.template.json is not what a release"),
    "no type": (template(b'{"Resources": {"A": {}}}'), "todo.template.json is not what a release"),
    "properties": (template(b'{"Resources": {"A": {"Type": "B", "Properties": []}}}'), "is not what a release"),
    "deep": (template(b"[" * 200_000), "todo.template.json is not what a release"),
    "upgrade": (upgrade(b"[]"), "upgrade.json is not what a release"),
    "upgrades": (upgrade(b'{"from": {"a": 1}}'), "upgrade.json is not what a release"),
    "pipe": (pipe, "unreadable"),
}


@needs("git")
@shows("REQ-D4", how="real")
@pytest.mark.parametrize("case", OFF)
def test_a_catalogue_that_is_off(released: Repository, case: str) -> None:
    """The gate tells it, and no command ends in a traceback or waits for ever."""
    make, said = OFF[case]
    make(released)
    done = released("release", "--check", "--json")
    assert done.code == 1, (done.out, done.err)
    assert any(said in off["wrong"] for off in json.loads(done.out)), done.out
    commands = ("build --check", "build", "audit", "list", "show todo@1.0.0", "publish --bucket some-bucket")
    for arguments in (command.split() for command in commands):
        other = released(*arguments)
        assert "Traceback" not in other.err, other.err
        assert other.code in (0, 1, 2)


@needs("git")
@shows("REQ-D4", how="real")
def test_a_release_that_cannot_be_offered(released: Repository) -> None:
    """The service catalog knows no rights to launch such a resource with."""
    names = "troposphere_arch/scenarios/__init__.py"
    released.edit(names, "FROM_RELEASES: tuple[str, ...] = ()", 'FROM_RELEASES = ("service-catalog",)')
    whole = json.loads((released.root / FOLDER / "todo.template.json").read_text())
    whole["Resources"]["More"] = {"Type": "AWS::Unheard::Of"}
    template(json.dumps(whole).encode())(released)
    done = released("release", "--check")
    assert (done.code, "AWS::Unheard::Of" in done.out) == (1, True), (done.out, done.err)
    refused(released("build"), "service-catalog can't be made from these releases", "AWS::Unheard::Of")


@needs("git")
@shows("REQ-D4", how="real")
def test_a_checkout_that_would_have_other_line_ends(released: Repository, tmp_path: Path) -> None:
    released.git("clone", "--quiet", "--config", "core.autocrlf=true", str(released.root), str(tmp_path / "clone"))
    clone = Repository(replace(released.shell, root=tmp_path / "clone"))
    assert b"\r\n" in (clone.root / "CHANGELOG.md").read_bytes()
    assert clone("release", "--check").code == 0


@needs("git")
@shows("REQ-D4", how="real")
@pytest.mark.parametrize("option", ["--assume-unchanged", "--skip-worktree"])
def test_what_git_was_told_not_to_look_at(drafts: Repository, option: str) -> None:
    reader = "troposphere_arch/handlers/todo/read_todos.py"
    drafts.git("update-index", option, reader)
    drafts.fix()
    assert drafts("build").code == 0
    drafts.commit()
    assert drafts.git("status", "--porcelain") == ""
    before = drafts.tree()
    refused(drafts("release", "todo"), "git was told not to look at", Path(reader).name)
    assert drafts.tree() == before
