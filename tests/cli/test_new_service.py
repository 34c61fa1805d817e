"""`new-service` and `build --bump`, where something is in the way: what is written, and what is as it was."""

from __future__ import annotations

import json
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.cli.commands import Done, refused
from tests.cli.services import built_shop, change, files_of
from tests.evidence import shows
from troposphere_arch.cli import main
from troposphere_arch.errors import UserError
from troposphere_arch.microservices import factory, scaffolding, testing
from troposphere_arch.microservices.reading import read

OWNED = "--owner", "shop@example.com"


@dataclass(frozen=True)
class Here:
    """`python build.py` in this process, in an empty folder of its own, with the caches of these tests."""

    root: Path
    capsys: pytest.CaptureFixture[str]

    def __call__(self, *arguments: str | Path) -> Done:
        self.capsys.readouterr()
        code = main([str(one) for one in arguments])
        told = self.capsys.readouterr()
        return Done(code, told.out, told.err)


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
def services(here: Here, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The system, built."""
    folder, _ = built_shop(tmp_path_factory.getbasetemp())
    shutil.copytree(folder, here.root / "services")
    return Path("services")


def first(name: str) -> scaffolding.New:
    return scaffolding.plan(name, "http", Path("services"), owner="shop@example.com", system="shop")


# --- what is in the way


@shows("REQ-M9", how="real")
def test_what_another_has_made_meanwhile_stays(here: Here) -> None:
    """Two begin the same service at the same time, or two begin the same system."""
    late, later = first("notes"), first("other")
    assert here("new-service", "notes", "--shape", "http", "--system", "shop", *OWNED).code == 0
    change(Path("services/platform.yaml"), "shop@example.com", "others@example.com")
    before = files_of(here.root)
    for new in (late, later):
        with (
            pytest.raises(UserError, match=r"cannot write services/platform\.yaml: File exists"),
            scaffolding.written(new),
        ):
            pytest.fail("goes on")
        assert files_of(here.root) == before


def test_a_folder_that_comes_meanwhile_stays(here: Here, services: Path) -> None:
    new = scaffolding.plan("later", "http", services)
    (services / "later").mkdir()
    (services / "later/handler.py").write_text("# of somebody else\n")
    before = files_of(here.root)
    with pytest.raises(UserError, match="cannot write services/later: "), scaffolding.written(new):
        pytest.fail("goes on")
    assert files_of(here.root) == before


@shows("REQ-M9", how="real")
def test_what_was_built_goes_with_it(here: Here, services: Path) -> None:
    """As on Ctrl-C, when the build has written templates already."""
    before = files_of(here.root)
    with pytest.raises(KeyboardInterrupt), scaffolding.written(scaffolding.plan("later", "queue", services / "new")):
        factory.build(services, write=True)
        assert (services / "templates/shop-later").is_dir()
        raise KeyboardInterrupt
    assert files_of(here.root) == before
    assert not (services / "new").exists()
    assert here("build", "services", "--check").code == 0


def test_a_system_that_cannot_be_begun_leaves_nothing(here: Here) -> None:
    with pytest.raises(KeyboardInterrupt), scaffolding.written(first("notes")):
        factory.build(Path("services"), write=True)
        raise KeyboardInterrupt
    assert list(here.root.iterdir()) == []


def test_a_system_that_others_have_joined_meanwhile_stays(here: Here) -> None:
    with pytest.raises(KeyboardInterrupt), scaffolding.written(first("notes")):
        assert here("new-service", "other", "--shape", "queue").code == 0
        raise KeyboardInterrupt
    assert {path.name for path in Path("services").iterdir()} == {"platform.yaml", "other", "templates"}
    assert here("build", "services").code == 0


# --- where it is, and what it is called


@shows("REQ-M9", how="real")
@pytest.mark.parametrize("parent", ["templates", "node_modules/a", ".hidden", "tools/venv/lib"])
def test_no_service_is_put_where_none_is_read(here: Here, services: Path, parent: str) -> None:
    (services / "tools/venv").mkdir(parents=True)
    (services / "tools/venv/pyvenv.cfg").touch()
    before = files_of(here.root)
    passed = {"node_modules/a": "node_modules", "tools/venv/lib": "tools/venv"}.get(parent, parent)
    done = here("new-service", "later", "--shape", "http", "--in", services / parent)
    refused(done, f"services/{passed} is passed by when services are read")
    assert files_of(here.root) == before


@pytest.mark.parametrize("name", ["failures", "events", "platform-a"])
def test_a_name_that_templates_need_is_refused_before_anything_is_written(here: Here, name: str) -> None:
    refused(here("new-service", name, "--shape", "http", "--system", "shop", *OWNED), name, "templates call")
    assert list(here.root.iterdir()) == []


@pytest.mark.parametrize(
    ("system", "owner", "words"),
    [
        ("s", "shop@example.com", ("'s'", "no name of a system")),
        ("aws-shop", "shop@example.com", ("aws-shop is no name of a system", "aws or ssm")),
        ("shop", "*a@b.c", ("'*a@b.c'", "is no owner")),
        ("shop", f"a@{'.' * 1_000_000}@", ("is no owner",)),  # which no pattern should look at dot by dot
    ],
    ids=["short", "Parameter Store", "sign", "long"],
)
def test_what_the_declaration_could_not_say_is_refused_before(
    here: Here, system: str, owner: str, words: tuple[str, ...]
) -> None:
    refused(here("new-service", "notes", "--shape", "http", "--system", system, "--owner", owner), *words)
    assert list(here.root.iterdir()) == []


@pytest.mark.parametrize("owner", ["null", "a/b - c", "+a:@b.c", "é@b.c", "12"])
def test_the_owner_is_who_was_named(here: Here, owner: str) -> None:
    new = scaffolding.plan("notes", "http", Path("services"), owner=owner, system="null")
    with scaffolding.written(new):
        found = read(Path("services"))
    assert (found.platform.name, found.platform.owner, found.services["notes"].owner) == ("null", owner, owner)


def test_what_is_to_be_typed_next_is_quoted(here: Here) -> None:
    done = here("new-service", "notes", "--shape", "http", "--in", "my services", "--system", "shop", *OWNED)
    assert done.code == 0, done.err
    assert "python build.py up 'my services/notes'\n" in done.err
    assert "python build.py build 'my services'\n" in done.err
    assert "--in 'my services'\n" in done.err
    refused(here("build", "no services/notes"), "does not exist")
    Path("no services").mkdir()
    refused(here("build", "no services"), "--in 'no services'`")


def test_the_first_code_refuses_what_is_no_key(here: Here) -> None:
    """An id of any length would be an error of the table's, and an alarm: whoever copies it copies this."""
    with scaffolding.written(first("notes")) as paths:
        handler = testing.load(paths[1].parent)  # without a table: it is not asked
    for route in ("PUT /items/{id}", "GET /items/{id}"):
        for id in ("a" * 3000, "a/b", "\x00"):
            event = testing.request(route, id=id, body={"text": "a"})
            assert testing.answer(handler(event, testing.Context())).status == 400


@shows("REQ-M10", how="static")
def test_what_a_service_costs_is_told_and_the_first_one_brings_the_network_that_it_needs(here: Here) -> None:
    done = here("new-service", "stock", "--shape", "container", "--system", "shop", *OWNED)
    assert done.code == 0, done.err
    assert (
        "\nstock costs 23.63 USD a month while nobody asks it anything (us-east-1): load balancer 16.43, 1 task of "
        "0.25 CPU and 0.5 GB 7.21; and network: nat, which it needs, 87.60 for all that is in it\n"
    ) in done.err
    assert "  python build.py image services/stock\n" in done.err
    assert "\nnetwork: nat\n" in Path("services/platform.yaml").read_text()
    front = json.loads(here("new-service", "pages", "--shape", "front", "--json").out)
    assert front["costs"] == {"month": 16.43, "parts": {"load balancer": 16.43}, "network": "nat", "networkMonth": 87.6}
    assert not [line for line in front["next"] if "handler.py" in line]
    assert not Path("services/pages/handler.py").exists()
    done = here("new-service", "orders", "--shape", "http")
    assert "\norders costs nothing while nobody asks it anything\n" in done.err


@pytest.mark.parametrize("shape", ["container", "front", "http-cached", "instances"])
def test_a_shape_that_the_network_is_not_enough_for_is_refused_before(here: Here, services: Path, shape: str) -> None:
    before = files_of(services)
    done = here("new-service", "later", "--shape", shape)
    refused(done, "error: later is a", "the platform has no network; write network:")  # of no file: none was written
    assert files_of(services) == before


# --- versions, however they are written


def git(folder: Path, *arguments: str) -> None:
    identity = ("-c", "user.name=a", "-c", "user.email=a@example.com")
    subprocess.run(["git", *identity, *arguments], cwd=folder, check=True, capture_output=True)


@shows("REQ-M4", how="real")
def test_a_version_is_raised_however_it_is_written(here: Here, services: Path) -> None:
    """In quotes, in a mapping of one line, on the next line, with the ends of lines that another system writes."""
    stock, orders, mail = (services / f"{name}/service.yaml" for name in ("warehouse/stock", "orders", "mail"))
    stock.write_bytes(stock.read_bytes().replace(b"version:", b'"version":').replace(b"\n", b"\r\n"))
    orders.write_text(f"# of orders\n{{{', '.join(orders.read_text().splitlines())}}}\n")
    change(mail, "shape:", 'version:\n  "1.0.0"   # is it\nshape:')
    platform = services / "platform.yaml"
    platform.write_bytes(b"\xef\xbb\xbf---\r\n" + platform.read_bytes().replace(b"\n", b"\r\n") + b"...\r\n")
    git(services, "init", "-q")
    for number, name in enumerate(("stock", "orders", "mail", "platform")):
        git(services, "add", "-A")
        git(services, "commit", "-q", "-m", str(number))
        assert here("release", "services", name).code == 0
    before = {file: file.read_bytes() for file in (stock, orders, mail, platform)}
    for name in ("warehouse/stock", "orders", "mail"):
        handler = services / name / "handler.py"
        handler.write_text(f"{handler.read_text()}\n# another\n")
    platform.write_bytes(before[platform].replace(b"shop@", b"shops@"))
    done = here("build", "services", "--bump")
    assert done.code == 0, done.err
    assert {file: file.read_bytes() for file in before} == {
        stock: before[stock].replace(b"1.0.0", b"1.0.1"),
        orders: before[orders].replace(b"{shape", b"{version: 1.0.1, shape", 1),
        mail: before[mail].replace(b'"1.0.0"', b"1.0.1"),
        platform: before[platform].replace(b"shop@", b"shops@").replace(b"...", b"version: 1.0.1\r\n..."),
    }
    assert here("build", "services", "--check").code == 0


def test_a_version_in_an_unusual_place_is_left_to_its_owner(here: Here, services: Path) -> None:
    declaration = services / "mail/service.yaml"
    declaration.write_text("? shape\n: queue\n? owner\n: shop@example.com\n? description\n: Tells people.\n")
    git(services, "init", "-q")
    git(services, "add", "-A")
    git(services, "commit", "-q", "-m", "all")
    assert here("build", "services").code == 0
    git(services, "add", "-A")
    git(services, "commit", "-q", "--allow-empty", "-m", "built")
    assert here("release", "services", "mail").code == 0
    change(services / "mail/handler.py", "told", "sent")
    change(services / "orders/handler.py", '"mail"', "'mail'")
    before = files_of(services)
    refused(here("build", "services", "--bump"), "mail/service.yaml: write version: ", "into it")
    assert files_of(services) == before


# --- what is looked at


@shows("REQ-M4", how="real")
def test_a_build_looks_only_at_what_is_read(here: Here, services: Path) -> None:
    assert here("build", "services").code == 0
    (services / "venv/lib").mkdir(parents=True)
    (services / "venv/pyvenv.cfg").touch()
    for folder in ("venv/lib", "orders/node_modules/a", "orders/templates", "orders/.cache"):
        (services / folder).mkdir(parents=True, exist_ok=True)
        (services / folder / "module.py").write_text("1 +")
    (services / "orders/round.py").symlink_to("round.py")
    factory.build(services, write=True, progress=lambda step, parts: pytest.fail(f"looks at something: {step}"))
