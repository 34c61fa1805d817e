"""`build`, `release` and `new-service` of a folder of services, as a user types them."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.cli.commands import Done, refused
from tests.cli.services import built_shop, change, files_of
from tests.evidence import shows
from troposphere_arch.cli import main
from troposphere_arch.microservices import factory

STACKS = ("shop-mail", "shop-orders", "shop-platform", "shop-stock")


@dataclass(frozen=True)
class Here:
    """`python build.py` in this process, in the folder `root`, with caches of the tests' own."""

    root: Path
    capsys: pytest.CaptureFixture[str]

    def __call__(self, *arguments: str | Path) -> Done:
        self.capsys.readouterr()
        code = main([str(one) for one in arguments])
        told = self.capsys.readouterr()
        return Done(code, told.out, told.err)

    @property
    def services(self) -> Path:
        return self.root / "services"


@pytest.fixture
def here(
    tmp_path: Path,
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Here:
    _, cache = built_shop(tmp_path_factory.getbasetemp())
    monkeypatch.setenv("XDG_CACHE_HOME", str(cache))
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    return Here(tmp_path / "work", capsys)


@pytest.fixture
def shop(here: Here, tmp_path_factory: pytest.TempPathFactory) -> Here:
    """The system, built."""
    folder, _ = built_shop(tmp_path_factory.getbasetemp())
    shutil.copytree(folder, here.services)
    done = here("build", "services")
    assert (done.code, done.err) == (0, "")
    return here


@pytest.fixture
def untouched(here: Here, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Iterator[Here]:
    """The system, built once for all tests after which it is as it was."""
    folder, _ = built_shop(tmp_path_factory.getbasetemp())
    monkeypatch.chdir(folder.parent)
    before = files_of(folder.parent)
    yield Here(folder.parent, here.capsys)
    assert files_of(folder.parent) == before


@contextmanager
def variable(name: str, value: str) -> Iterator[None]:
    before = os.environ.get(name)
    os.environ[name] = value
    try:
        yield
    finally:
        if before is None:
            del os.environ[name]
        else:
            os.environ[name] = before


def index(folder: Path) -> dict[str, tuple[str, str]]:
    entries = json.loads((folder / "templates/index.json").read_text())["templates"]
    return {f"{one['scenario']}@{one['version']}": (one["status"], one["template"]) for one in entries}


# --- build


@shows("REQ-M4", "REQ-M9", how="real")
def test_a_template_for_the_platform_and_for_each_service(shop: Here) -> None:
    assert index(shop.services) == {
        f"{stack}@1.0.0": ("draft", f"{stack}/1.0.0/{stack}.template.json") for stack in STACKS
    }
    for stack in STACKS:
        template = json.loads((shop.services / f"templates/{stack}/1.0.0/{stack}.template.json").read_text())
        assert template["Outputs"]["TemplateId"]["Value"] == stack
        assert sorted(one.name for one in (shop.services / f"templates/{stack}/1.0.0/parameters").iterdir()) == [
            "production.json",
            "starter.json",
        ]
    again = shop("build", "services")
    assert again.out == "17 files are as the sources make them, lint is clean (nothing changed)\n"
    assert shop("build", "services/orders").out == again.out  # a service is built beside its neighbours
    assert shop("build", "services", "--check").code == 0


@shows("REQ-M4", how="real")
def test_only_what_changed_is_made_and_linted(shop: Here) -> None:
    made: list[tuple[str, int]] = []

    @contextmanager
    def progress(step: str, parts: int) -> Iterator[object]:
        made.append((step, parts))
        yield lambda: None

    def build() -> tuple[str, ...]:
        made.clear()
        return factory.build(shop.services, write=True, progress=progress).changed

    change(shop.services / "warehouse/stock/handler.py", "5", "6")
    assert build() == ("shop-stock/1.0.0/shop-stock.template.json", "index.json")
    assert made == [("make", 4), ("lint", 2)]
    assert (build(), made) == ((), [])  # nobody even looks at the declarations
    (shop.services / "orders/test_orders.py").write_text("# what is not deployed\n")
    assert (build(), made) == ((), [("make", 4), ("lint", 0)])
    template = shop.services / "templates/shop-mail/1.0.0/shop-mail.template.json"
    whole = template.read_bytes()
    template.write_bytes(whole[:-1])
    assert (build(), template.read_bytes()) == (("shop-mail/1.0.0/shop-mail.template.json",), whole)
    (shop.services / "templates/shop-mail/1.0.0/parameters/starter.json").unlink()
    assert build() == ("shop-mail/1.0.0/parameters/starter.json",)
    # Whoever sends to it is made anew with it.
    change(shop.services / "mail/service.yaml", "shape: queue", "shape: stream")
    assert {path.partition("/")[0] for path in build()} == {"shop-mail", "shop-orders", "index.json"}


# A variable that the function is not given, and may do without.
ONLY_LINT_FINDS_IT = 'import os\n\nMODE = os.environ.get("MODE", "")\n\n\ndef place('


def test_nothing_is_written_when_lint_finds_something(shop: Here) -> None:
    before = files_of(shop.services / "templates")
    change(shop.services / "orders/handler.py", "def place(", ONLY_LINT_FINDS_IT)
    change(shop.services / "mail/handler.py", "told", "sent")
    for done in (shop("build", "services"), shop("build", "services", "--check")):
        assert done.code == 1
        assert "shop-orders/1.0.0/shop-orders.template.json" in done.err
        assert "so nothing was written" in done.err
    assert files_of(shop.services / "templates") == before
    refused(shop("up", "services"), "lint finds", "shop-orders", "build services")


def test_nothing_is_written_when_a_declaration_is_wrong(shop: Here) -> None:
    before = files_of(shop.services / "templates")
    change(shop.services / "orders/service.yaml", "stock:", "stok:")
    done = shop("build", "services")
    assert (done.code, "Traceback" in done.err) == (2, False)
    assert "services/orders/service.yaml:5" in done.err
    change(shop.services / "orders/service.yaml", "stok:", "stock:")
    change(shop.services / "mail/handler.py", "def work", "import requests\n\ndef work")
    refused(shop("build", "services"), "services/mail/handler.py:4", "requests")
    assert files_of(shop.services / "templates") == before


def test_check_tells_what_is_off_and_writes_nothing(shop: Here) -> None:
    change(shop.services / "warehouse/stock/handler.py", "5", "7")
    before = files_of(shop.services)
    done = shop("build", "services", "--check")
    assert done.code == 1
    assert "shop-stock.template.json: not what the sources make; run `python build.py build services`" in done.out
    assert files_of(shop.services) == before
    told = json.loads(shop("build", "services", "--json").out)
    assert told["written"] == ["shop-stock/1.0.0/shop-stock.template.json", "index.json"]


def test_another_place_for_the_templates(shop: Here) -> None:
    assert shop("build", "services", "--output", "elsewhere").code == 0
    assert files_of(shop.root / "elsewhere") == files_of(shop.services / "templates")
    assert "(nothing changed)" in shop("build", "services", "--output", "elsewhere").out


def test_a_service_that_goes_takes_its_draft_with_it(shop: Here) -> None:
    shutil.rmtree(shop.services / "orders")
    done = shop("build", "services")
    assert "removed services/templates/shop-orders/1.0.0/shop-orders.template.json" in done.out
    assert not (shop.services / "templates/shop-orders").exists()
    assert "shop-orders@1.0.0" not in index(shop.services)


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("services/nobody", ("does not exist",)),
        ("services/warehouse", ("no service", "services/warehouse")),
        ("services/platform.yaml", ("is a file",)),
        (".", ("no platform.yaml", "new-service NAME")),
    ],
    ids=["missing", "no service", "a file", "no system"],
)
def test_a_path_that_names_no_services(untouched: Here, path: str, words: tuple[str, ...], tmp_path: Path) -> None:
    for command in ("build", "up", "down", "release"):
        if path == "." and command != "build":
            continue  # a word without a slash is a template or a stack
        if command == "down":
            with variable("XDG_STATE_HOME", str(tmp_path / "state")):
                refused(untouched(command, path), *words)
        else:
            refused(untouched(command, path), *words)


# --- release


def git(shop: Here, *arguments: str) -> None:
    identity = ("-c", "user.name=a", "-c", "user.email=a@example.com")
    subprocess.run(["git", *identity, *arguments], cwd=shop.services, check=True, capture_output=True)


def commit(shop: Here) -> None:
    git(shop, "add", "-A")
    git(shop, "commit", "-q", "-m", "all")


@shows("REQ-M4", how="real")
def test_a_release_of_a_service_and_its_next_version(shop: Here) -> None:
    git(shop, "init", "-q")
    refused(shop("release", "services/warehouse/stock"), "not as committed")
    commit(shop)
    refused(shop("release", "services"), "name what to release", "platform")
    refused(shop("release", "services", "nobody"), "no service nobody")
    refused(shop("release", "services/orders", "mail"), "one release at a time")
    done = shop("release", "services/warehouse/stock")
    assert (done.code, "shop-stock 1.0.0 is released" in done.out) == (0, True), done.err
    assert "git -C services add templates CHANGELOG.md" in done.err
    commit(shop)
    assert index(shop.services)["shop-stock@1.0.0"][0] == "released"
    assert "### shop-stock 1.0.0" in (shop.services / "CHANGELOG.md").read_text()
    assert shop("build", "services").code == 0
    assert "1 releases are as they were released" in shop("release", "services", "--check").out
    refused(shop("release", "services", "stock"), "nothing to release")

    declaration, frozen = shop.services / "warehouse/stock/service.yaml", files_of(shop.services / "templates")
    change(shop.services / "warehouse/stock/handler.py", "5", "8")
    refused(shop("build", "services"), "shop-stock 1.0.0 is released", "1.0.1", "--bump", "stock/service.yaml")
    off = shop("release", "services", "--check")
    assert (off.code, "shop-stock@1.0.0" in off.out) == (1, True)
    assert files_of(shop.services / "templates") == frozen
    bumped = shop("build", "services", "--bump")
    assert (bumped.code, "shop-stock: version is 1.0.1 now" in bumped.out) == (0, True), bumped.err
    assert "version: 1.0.1   # raised by --bump" in declaration.read_text()
    after = files_of(shop.services / "templates")
    assert {path: after[path] for path in frozen if path != "index.json"} == {
        path: data for path, data in frozen.items() if path != "index.json"
    }
    assert index(shop.services)["shop-stock@1.0.1"][0] == "draft"


def test_a_bump_that_does_not_pass_changes_no_declaration(shop: Here) -> None:
    git(shop, "init", "-q")
    commit(shop)
    shop("release", "services", "mail")
    change(shop.services / "mail/handler.py", "told", "sent")
    before = files_of(shop.services)
    in_the_way = shop.services / "templates/shop-mail/1.0.1"
    in_the_way.touch()
    refused(shop("build", "services", "--bump"), "cannot write", "shop-mail/1.0.1")
    in_the_way.unlink()
    assert files_of(shop.services) == before
    assert shop("build", "services", "--bump").code == 0  # its declaration says no version yet
    assert (shop.services / "mail/service.yaml").read_text().endswith("\nversion: 1.0.1\n")


# --- new-service


@shows("REQ-M1", "REQ-M9", how="real")
def test_the_first_service_begins_a_system(here: Here) -> None:
    """One of each shape is made, tested and deployed in test_services_door.py."""
    first = here("new-service", "notes", "--shape", "http", "--system", "shop", "--owner", "shop@example.com")
    assert first.code == 0, first.err
    assert "python build.py up services/notes" in first.err
    assert "name: shop\nowner: shop@example.com\n" in (here.services / "platform.yaml").read_text()
    assert set(index(here.services)) == {"shop-notes@1.0.0", "shop-platform@1.0.0"}
    assert "(nothing changed)" in here("build", "services").out
    refused(here("new-service", "told", "--shape", "topic"), "no service of shop publishes anything yet")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["Orders", "--shape", "http"], ("'Orders'", "small letters")),
        (["../orders", "--shape", "http"], ("no name of a service",)),
        (["status", "--shape", "http"], ("status", "the system's own")),
        (["later", "--shape", "cron"], ("'cron'", "http, http-cached, container, instances, front, queue")),
        (["orders", "--shape", "http"], ("is there already",)),
        (["stock", "--shape", "http"], ("has a service stock already", "warehouse/stock")),
        (["later", "--shape", "http", "--owner", "@"], ("'@'", "no owner")),
        (["later", "--shape", "http", "--system", "other"], ("shop, not other",)),
        (["later", "--shape", "queue", "--subscribes", "a:b"], ("for the shape topic only",)),
        (["later", "--shape", "http", "--in", "elsewhere"], ("needs an owner",)),
        (["later", "--shape", "http", "--in", "services/platform.yaml"], ("is no folder",)),
        (["later"], ("--shape",)),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_new_service_refuses(untouched: Here, arguments: list[str], words: tuple[str, ...]) -> None:
    refused(untouched("new-service", *arguments), *words)


def test_a_service_that_cannot_be_built_leaves_nothing(shop: Here) -> None:
    change(shop.services / "orders/handler.py", "def place(", ONLY_LINT_FINDS_IT)
    before = files_of(shop.root)
    refused(shop("new-service", "later", "--shape", "queue"), "nothing was written", "shop-orders")
    assert files_of(shop.root) == before
    assert not (shop.services / "later").exists()


@shows("REQ-M3", how="real")
def test_a_dockerfile_that_changes_is_read_again(here: Here) -> None:
    here(
        "new-service", "box", "--shape", "container", "--in", "services", "--system", "one", "--owner", "o@example.com"
    )
    assert here("build", "services").code == 0 and "(nothing changed)" in here("build", "services").out
    change(here.services / "box/Dockerfile", "EXPOSE 8080", "EXPOSE 9000")
    for more in ([], ["--check"]):
        refused = here("build", "services", *more)
        assert refused.code == 2 and "Dockerfile" in refused.err and "exposes 9000, and port is 8080" in refused.err
    (here.services / "box/Dockerfile").unlink()
    assert here("build", "services", "--check").code == 2
