"""`python build.py image`: what an image is built from, and the lines that build it."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path

import pytest

from tests.cli.commands import Shell, refused
from tests.cli.services import change, files_of
from tests.evidence import shows
from tests.sampling import sampled
from troposphere_arch.cli import main
from troposphere_arch.layers import meaning

SCAFFOLD = Path(str(files("troposphere_arch"))) / "microservices/scaffolds/container/Dockerfile"
DECLARED = """\
shape: container
owner: warehouse@example.com
description: How much there is of what.
port: 8080
health: /health
routes: ["GET /stock/{sku}"]
"""
HANDLER = """\
from pricing import price
from troposphere_arch.service_kit import http

handler = http.handler({"GET /stock/{sku}": lambda request: {"sku": request.path["sku"], "price": price()}})
"""
CONTEXT = {".dockerignore", "Dockerfile", "index.py", "requirements.txt"}
Refusal = Callable[..., str]


@pytest.fixture
def build(tmp_path: Path) -> Shell:
    """`python build.py` in the directory in which `services` is."""
    return Shell(tmp_path)


@pytest.fixture
def stock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A container service, from the current directory."""
    monkeypatch.chdir(tmp_path)
    folder = Path("services/stock")
    folder.mkdir(parents=True)
    Path("services/platform.yaml").write_text("name: shop\nowner: shop@example.com\nnetwork: nat\n")
    (folder / "service.yaml").write_text(DECLARED)
    (folder / "handler.py").write_text(HANDLER)
    (folder / "pricing.py").write_text("def price():\n    return 5\n")
    (folder / "Dockerfile").write_text(SCAFFOLD.read_text())
    return folder


@pytest.fixture
def refusal(capsys: pytest.CaptureFixture[str]) -> Refusal:
    """Types the command, which is refused; gives what it says."""

    def type_(*words: str | Path) -> str:
        capsys.readouterr()
        assert main(["image", *map(str, words)]) == 2
        said = capsys.readouterr()
        assert said.out == ""
        return said.err

    return type_


def made(*words: str | Path) -> None:
    assert main(["image", *map(str, words)]) == 0


@shows("REQ-M3", how="real")
def test_what_is_written_and_what_to_type(build: Shell, stock: Path) -> None:
    done = build("image", stock, "--into", "out")
    assert done.code == 0, done.err
    assert set(files_of(Path("out"))) == CONTEXT
    assert sorted(done.out.splitlines()) == [f"wrote out/{name}" for name in sorted(CONTEXT)]
    assert Path("out/Dockerfile").read_bytes() == (stock / "Dockerfile").read_bytes()
    index = Path("out/index.py").read_text()
    assert "'pricing'" in index
    assert index.rstrip().endswith("application = server.application(handler)")

    again = build("image", stock, "--into", "out", "--json")
    told = json.loads(again.out)
    assert sorted(told["wrote"]) == [f"out/{name}" for name in sorted(CONTEXT)]
    repository, built, login, push, up = told["next"]
    assert "describe-stacks --stack-name shop-stock" in repository
    assert "RepositoryUri" in repository
    image = f"$REPOSITORY:{told['tag']}"
    assert shlex.split(built) == [
        *("docker", "build", "--platform", "linux/arm64", "--provenance=false", "--tag", image, "out")
    ]
    assert "ecr get-login-password" in login
    assert shlex.split(push) == ["docker", "push", image]
    assert shlex.split(up)[2:] == [
        "up",
        "services/stock",
        "--region",
        "REGION",
        "--parameter",
        f"ImageTag={told['tag']}",
    ]
    assert all(" --region REGION" in line for line in (repository, login, up)), "what is to be put there is said alike"
    there = build("image", stock, "--into", "out", "--json", "--region", "eu-west-1", "--profile", "mine")
    repository, _, login, _, up = json.loads(there.out)["next"]
    assert all(" --region eu-west-1 --profile mine" in line for line in (repository, login, up))
    for line in told["next"]:
        assert f"  {line}\n" in done.err, "the same files, the same tag"


def test_the_tag_is_of_the_version_and_of_what_is_in_it(stock: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def tag(*words: str) -> str:
        capsys.readouterr()
        made(stock, "--into", "out", "--json", *words)
        found: str = json.loads(capsys.readouterr().out)["tag"]
        return found

    first = tag()
    change(stock / "pricing.py", "5", "6")
    second = tag()
    change(stock / "Dockerfile", "python:3.13-slim", "python:3.13")
    third = tag()
    assert len({first, second, third}) == 3
    assert {one.partition("-")[0] for one in (first, second, third)} == {"1.0.0"}
    assert tag("--tag", "mine") == "mine"


def test_packages_are_pinned_by_hashes_and_are_those_that_the_process_needs(stock: Path) -> None:
    made(stock, "--into", "out")
    lines = meaning(Path("out/requirements.txt").read_text())
    assert all("==" in line and " --hash=sha256:" in line for line in lines)
    assert {"boto3", "botocore", "gunicorn", "urllib3"} <= {line.partition("==")[0] for line in lines}


@sampled(4, each=True)
@shows("REQ-M3", how="real")
def test_the_package_index_has_these_files_and_nothing_else_is_needed(stock: Path) -> None:
    """pip takes them for the image's Python, each by its hash, and finds that what they need is pinned as well."""
    made(stock, "--into", "out")
    for_image = ["--only-binary", ":all:", "--python-version", "3.13", "--implementation", "py", "--abi", "none"]
    for_image += ["--platform", "any", "--require-hashes", "--requirement", "out/requirements.txt"]
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--dest", "wheels"]
    done = subprocess.run([*pip, *for_image], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert len(list(Path("wheels").iterdir())) == len(meaning(Path("out/requirements.txt").read_text()))


def test_a_service_may_have_its_own_packages(stock: Path, refusal: Refusal) -> None:
    own = stock / "requirements.txt"
    own.write_text(
        "# mine\n" + "".join(f"{one} \\\n    --hash=sha256:{'a' * 64}\n" for one in ("gunicorn==27.0.1", "Boto3==1.43"))
    )
    made(stock, "--into", "out")
    assert Path("out/requirements.txt").read_bytes() == own.read_bytes()
    for line in ("boto3", "boto3==1.43.127", "-r other.txt", "--index-url https://example.com/", "./boto3.whl"):
        own.write_text(f"gunicorn==27.0.1 --hash=sha256:{'a' * 64}\n{line}\n")
        said = refusal(stock, "--into", "out")
        assert repr(line) in said
        assert "--hash=sha256" in said
    # The process would start without some of these, be healthy, and fail at each request.
    for there, lacking in (("boto3", "gunicorn"), ("gunicorn", "boto3")):
        own.write_text(f"{there}==1.43.127 --hash=sha256:{'a' * 64}\n")
        assert f"has no {lacking}, which the process" in refusal(stock, "--into", "out")


@pytest.mark.parametrize(
    ("image", "logs_in"),
    [("123456789012.dkr.ecr.eu-west-1.amazonaws.com/team/stock", True), ("ghcr.io/team/stock", False)],
    ids=["ecr", "elsewhere"],
)
def test_an_image_that_goes_elsewhere(
    stock: Path, capsys: pytest.CaptureFixture[str], image: str, logs_in: bool
) -> None:
    (stock / "service.yaml").write_text(f"{DECLARED}image: {image}\n")
    made(stock, "--into", "out", "--json")
    repository, _, *others = json.loads(capsys.readouterr().out)["next"]
    assert repository == f"REPOSITORY={image}"
    assert any("get-login-password --region eu-west-1" in line for line in others) == logs_in


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("USER 10001:10001\n", "", "says no user, which is root"),
        ("USER 10001:10001\n", "USER root\n", "runs as root"),
        ("USER 10001:10001\n", "USER 10001\nUSER 0:0\n", "runs as root"),
        ("COPY index.py ./", "COPY main.py ./", "copies main.py, which is not there"),
        ("COPY requirements.txt ./", 'COPY ["packages.txt", "./"]', "copies packages.txt, which is not there"),
        ("EXPOSE 8080", "EXPOSE 9090", "9090"),
        ("FROM public", "FROM --platform=linux/amd64 public", "linux/arm64"),
    ],
    ids=["no-user", "root", "root-later", "renamed", "renamed-in-a-list", "port", "amd64"],
)
def test_a_dockerfile_that_would_not_do(stock: Path, refusal: Refusal, old: str, new: str, said: str) -> None:
    change(stock / "Dockerfile", old, new)
    text = refusal(stock, "--into", "out")
    assert "services/stock/Dockerfile" in text
    assert said in text
    assert not Path("out").exists()


def test_stages_and_wildcards_are_dockers_affair(stock: Path) -> None:
    change(
        stock / "Dockerfile", "FROM public", "FROM public.ecr.aws/x/y AS made\nUSER root\nCOPY what ever\nFROM public"
    )
    change(
        stock / "Dockerfile",
        "COPY index.py ./",
        'COPY --from=made /x /y\nCOPY --chown=1:1 ind*.py ./\nCOPY . ./\nCOPY --chown=1:1 ["index.py", "./"]',
    )
    made(stock, "--into", "out")


def test_nothing_is_written_over_what_is_something_else(stock: Path, refusal: Refusal, tmp_path: Path) -> None:
    other = Path("other")
    other.mkdir()
    (other / "index.py").write_text("mine")
    assert "index.py" in refusal(stock, "--into", other)
    assert files_of(other) == {"index.py": b"mine"}
    Path("file").touch()
    assert "no folder" in refusal(stock, "--into", "file")
    assert "where you are" in refusal(stock, "--into", ".")
    made(stock, "--into", "out")
    before = files_of(Path("out"))
    (Path("out") / "notes.txt").touch()
    assert "notes.txt" in refusal(stock, "--into", "out")
    (Path("out") / "notes.txt").unlink()
    change(stock / "handler.py", "from pricing", "from prices")
    assert "prices" in refusal(stock, "--into", "out")
    assert files_of(Path("out")) == before
    assert "cannot write" in refusal_of_a_place(stock, refusal)
    assert {path.name for path in tmp_path.iterdir()} == {"services", "other", "file", "out"}, "nothing is left behind"


def test_what_was_changed_by_hand_is_not_lost(stock: Path, refusal: Refusal) -> None:
    made(stock, "--into", "out")
    change(stock / "pricing.py", "5", "6")
    change(stock / "Dockerfile", "python:3.13-slim", "python:3.13")
    made(stock, "--into", "out")  # what it wrote itself goes
    for name in ("Dockerfile", "index.py", "requirements.txt"):
        file = Path("out", name)
        before = file.read_bytes()
        file.write_bytes(before + b"\n# mine\n")
        assert f"out/{name} was changed since it was written" in refusal(stock, "--into", "out")
        assert file.read_bytes() == before + b"\n# mine\n"
        file.write_bytes(before)
    file.unlink()
    made(stock, "--into", "out")
    assert file.exists()


def refusal_of_a_place(stock: Path, refusal: Refusal) -> str:
    """Below a file nothing can be written, by root either."""
    change(stock / "handler.py", "from prices", "from pricing")
    return refusal(stock, "--into", "file/below")


def test_what_is_no_container(build: Shell, stock: Path, refusal: Refusal) -> None:
    assert "name the folder of one" in refusal("services")
    assert "does not exist" in refusal("services/nobody")
    for tag in ("a b", "none", "-a"):
        assert "no tag" in refusal(stock, "--into", "out", f"--tag={tag}")
    (stock / "service.yaml").write_text(
        DECLARED.replace("container", "http").replace("port: 8080\nhealth: /health\n", "")
    )
    refused(build("image", stock), "shape http", "container")
    (stock / "service.yaml").write_text(f"{DECLARED}image: ghcr.io/team/stock\n")
    (stock / "Dockerfile").unlink()
    assert "comes from elsewhere" in refusal(stock)
