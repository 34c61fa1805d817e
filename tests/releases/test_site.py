"""A page with a static site: its files are built, listed, frozen, verified and deployed like all of its version."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import socket
from collections.abc import Iterator
from dataclasses import replace

import pytest

from tests.cli.commands import refused
from tests.evidence import shows
from tests.releases.conftest import Repository
from tests.sampling import sampled
from tests.system import needs
from troposphere_arch import deploy, local
from troposphere_arch.errors import UserError
from troposphere_arch.local import Emulator

pytestmark = sampled(3)

NAME = "artifact-bucket"
PAGE = "troposphere_arch/scenarios/artifact_bucket.py"
FOLDER = f"templates/{NAME}/1.0.0"
SITE = f"{FOLDER}/site"
SOURCES = "troposphere_arch/sites/small"
FILES = {
    "index.html": '<link rel="stylesheet" href="/assets/a.css"><script type="module" src="/assets/a.js"></script>',
    "404.html": "<!doctype html><title>Not found</title>",
    "assets/a.css": "p { color: red }\n",
    "assets/a.js": 'import "./b.js";\n',
    "assets/b.js": "export const b = 1;\n",
    "assets/dot.png": bytes(range(256)),
}


@pytest.fixture
def sited(drafts: Repository) -> Repository:
    """A checkout whose artifact bucket is one for a site, and has one."""
    drafts.edit(PAGE, 'VERSION = "1.0.0"', 'VERSION = "1.0.0"\nSITE = "small"')
    drafts.edit(PAGE, 's3.artifact_bucket(t, "Artifacts")', 's3.artifact_bucket(t, "Site")')
    for path, data in FILES.items():
        file = drafts.root / SOURCES / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data if isinstance(data, bytes) else data.encode())
    return drafts


def built(repository: Repository) -> dict[str, str]:
    """Old name -> path below the site, as it is on disk."""
    there = [path for path in repository.tree() if path.startswith(f"{SITE}/")]
    return {re.sub(r"\.[0-9a-f]{12}(?=\.\w+$)", "", path): path for path in (p.removeprefix(f"{SITE}/") for p in there)}


@shows("REQ-D1", "REQ-B7", how="real")
def test_build_writes_the_site_and_lists_it(sited: Repository) -> None:
    assert sited("build", "--check").code == 1
    done = sited("build")
    assert done.code == 0, done.err
    assert built(sited).keys() == FILES.keys()
    listed = json.loads((sited.root / "templates/index.json").read_text())["templates"]
    [entry] = [one for one in listed if one["scenario"] == NAME]
    for path in built(sited).values():
        data = (sited.root / SITE / path).read_bytes()
        assert entry["files"][f"{NAME}/1.0.0/site/{path}"] == hashlib.sha256(data).hexdigest()
    assert (sited.root / SITE / built(sited)["assets/dot.png"]).read_bytes() == FILES["assets/dot.png"]
    assert sited("build", "--check").code == 0
    assert "(nothing changed)" in sited("build").out

    # A change: what has another name now is written, and the old is gone.
    before = built(sited)
    sited.edit(f"{SOURCES}/assets/b.js", "1", "2")
    check = sited("build", "--check")
    assert (check.code, "b = 2" in check.out) == (1, True), check.out
    assert sited("build").code == 0
    after = built(sited)
    assert {path for path in before if before[path] != after.get(path)} == {"assets/a.js", "assets/b.js"}
    assert after["assets/b.js"] != before["assets/b.js"]
    assert sited("build", "--check").code == 0


def test_a_picture_that_differs_is_told_in_a_line(sited: Repository) -> None:
    (sited.root / SOURCES / "logo.png").write_bytes(bytes(range(256)) * 3)
    check = sited("build", "--check")
    assert (check.code, "Traceback" in check.err) == (1, False), check.err
    assert "site/logo.png: 768 bytes of no text" in check.out


@pytest.mark.parametrize(
    ("path", "text", "said"),
    [
        ("assets/b.js", 'import "./nowhere.js";', "site small: assets/b.js names './nowhere.js'"),
        ("404.html", '<script src="https://cdn.example/x.js"></script>', "third party"),
        ("assets/b.js", 'import "./a.js";', "assets/a.js"),
    ],
)
def test_a_reference_that_leads_nowhere_ends_the_build(sited: Repository, path: str, text: str, said: str) -> None:
    before = sited.tree()
    (sited.root / SOURCES / path).write_text(text)
    refused(sited("build"), said)
    assert not [one for one in sited.tree().keys() - before.keys() if one.startswith("templates/")]


@needs("git")
@shows("REQ-D4", how="real")
def test_a_released_site_never_changes(sited: Repository) -> None:
    done = sited.release(NAME)
    assert "1.0.0" in done.out + done.err
    released = built(sited)
    assert sited("release", "--check").code == 0

    page = sited.root / SITE / "index.html"
    whole = page.read_bytes()
    page.write_bytes(whole + b"<!-- mine -->")
    refused(sited("build"), "site/index.html is altered", "a release never changes")
    check = sited("release", "--check")
    assert (check.code, "index.html" in check.out) == (1, True), check.out
    page.write_bytes(whole)
    (sited.root / SITE / "more.html").write_text("more")
    assert sited("release", "--check").code == 1
    (sited.root / SITE / "more.html").unlink()

    sited.edit(f"{SOURCES}/assets/a.css", "red", "blue")
    refused(sited("build"), f"{NAME} 1.0.0 is released, and the sources make something else", "1.0.1 at least")
    bumped = sited("build", "--bump")
    assert bumped.code == 0, bumped.err
    sited.commit()
    assert sited.release(NAME).code == 0
    assert built(sited) == released
    [old], [new] = (
        list((sited.root / f"templates/{NAME}/{version}/site/assets").glob("a.*.css")) for version in ("1.0.0", "1.0.1")
    )
    assert (old.read_text(), new.read_text()) == ("p { color: red }\n", "p { color: blue }\n")


@needs("git")
@shows("REQ-D4", "REQ-B7", how="stock")
def test_a_site_is_published_with_the_types_that_browsers_want(sited: Repository, stock: Emulator) -> None:
    sited.release(NAME)
    s3 = stock.client("s3")
    s3.create_bucket(Bucket="published-with-a-site")
    where = ("publish", "--bucket", "published-with-a-site", "--region", "us-east-1")
    done = sited(*where, **stock.environment())
    assert done.code == 0, done.err
    types = {"html": "text/html", "css": "text/css", "js": "text/javascript", "png": "image/png"}
    for path in built(sited).values():
        key = f"{NAME}/1.0.0/site/{path}"
        head = s3.head_object(Bucket="published-with-a-site", Key=key, ChecksumMode="ENABLED")
        data = (sited.root / SITE / path).read_bytes()
        assert base64.b64decode(head["ChecksumSHA256"]) == hashlib.sha256(data).digest()
        assert head["ContentType"].split(";")[0] == types[path.rpartition(".")[2]]
        assert "immutable" in head["CacheControl"], "a release never changes, so its pages don't there"
    verified = sited(*where, "--verify", **stock.environment())
    assert (verified.code, "all is as the index says" in verified.out) == (0, True), verified.out


# --- up


@pytest.fixture
def up(sited: Repository) -> Iterator[Repository]:
    """The same, built, whose emulator is ended after the test."""
    assert sited("build").code == 0
    yield sited
    sited("down")


def emulator_of(repository: Repository) -> Emulator:
    """The emulator that `up` started."""
    [line] = [one for one in repository("status", "--json").out.splitlines() if '"emulator"' in one]
    port = int(re.findall(r"127\.0\.0\.1:(\d+)", line)[0])
    return local.Emulator(port, 0, patched=True)


def free_port() -> str:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return str(s.getsockname()[1])


@shows("REQ-B3", "REQ-B7", how="patched")
def test_up_puts_the_site_into_the_stacks_bucket(up: Repository) -> None:
    done = up("up", NAME, "--port", free_port(), "--json")
    assert done.code == 0, done.err
    bucket = json.loads(done.out)["outputs"]["SiteBucket"]
    s3 = emulator_of(up).client("s3")
    assert f"{len(FILES)} files put" in done.err
    for old, path in built(up).items():
        there = s3.get_object(Bucket=bucket, Key=path)
        assert there["Body"].read() == (up.root / SITE / path).read_bytes()
        lasts = "public, max-age=31536000, immutable"
        if not old.startswith("assets/"):
            lasts = "public, max-age=0, s-maxage=60, stale-while-revalidate=86400"
        assert there["CacheControl"] == lasts, path
    assert s3.head_object(Bucket=bucket, Key="index.html")["ContentType"] == "text/html; charset=utf-8"

    again = up("up", NAME)
    assert f"site: 0 files put, {len(FILES)} were there" in again.err, again.err

    # Another draft: what differs is put, and nothing is taken away, since a reader may still have the old page.
    s3.put_object(Bucket=bucket, Key="own/picture.png", Body=b"x")
    before = set(built(up).values())
    up.edit(f"{SOURCES}/assets/b.js", "1", "2")
    refused(up("up", NAME), "is not what the sources make")
    assert up("build").code == 0
    changed = up("up", NAME)
    assert "site: 3 files put" in changed.err, changed.err
    keys = {one["Key"] for one in s3.list_objects_v2(Bucket=bucket)["Contents"]}
    assert keys == {*built(up).values(), *before, "own/picture.png"}

    # A page of somebody's own stays, and an own first page keeps everything away.
    s3.put_object(Bucket=bucket, Key="404.html", Body=b"mine")
    (up.root / SOURCES / "404.html").write_text("<!doctype html><title>No</title>")
    assert up("build").code == 0
    kept = up("up", NAME)
    assert "left as they are, since they are none of ours: 404.html" in kept.err, kept.err
    s3.put_object(Bucket=bucket, Key="index.html", Body=b"mine")
    up.edit(f"{SOURCES}/assets/b.js", "2", "3")
    assert up("build").code == 0
    tags = {one["Key"]: one["ETag"] for one in s3.list_objects_v2(Bucket=bucket)["Contents"]}
    left = up("up", NAME)
    assert left.code == 0, left.err
    [line] = [one for one in left.err.splitlines() if "site" in one]
    assert line == f"s3://{bucket} has a site of its own: nothing was put there"
    assert {one["Key"]: one["ETag"] for one in s3.list_objects_v2(Bucket=bucket)["Contents"]} == tags


@needs("git")
@shows("REQ-B7", how="stock")
def test_a_site_that_the_aws_cli_put_is_known_as_ours(sited: Repository, stock: Emulator) -> None:
    sited.release(NAME)
    up = (
        "up",
        NAME,
        "--stack-name",
        "by-hand",
        "--yes",
        "--region",
        "us-east-1",
        "--endpoint-url",
        stock.url,
        "--json",
    )
    keys = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
    first = sited(*up, **keys)
    assert first.code == 0, first.err
    bucket = json.loads(first.out)["outputs"]["SiteBucket"]
    s3 = stock.client("s3")
    for path in built(sited).values():  # as `aws s3 sync` puts them: without our mark, each for a minute
        lasts = "public, max-age=0, s-maxage=60, stale-while-revalidate=86400"
        s3.put_object(Bucket=bucket, Key=path, Body=(sited.root / SITE / path).read_bytes(), CacheControl=lasts)
    (sited.root / SOURCES / "index.html").write_text("<!doctype html><title>Another</title>")
    assert sited("build", "--bump").code == 0
    second = sited(*up, **keys)
    assert second.code == 0, second.err
    assert "a site of its own" not in second.err, second.err
    assert b"Another" in s3.get_object(Bucket=bucket, Key="index.html")["Body"].read()


def test_each_request_says_whose_the_bucket_must_be(stock: Emulator) -> None:
    # The emulator looks at no owner, AWS does: https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucket-owner-condition.html
    s3, owners = stock.client("s3"), []
    s3.create_bucket(Bucket="watched")
    s3.meta.events.register(
        "before-send.s3", lambda request, **_: owners.append(request.headers.get("x-amz-expected-bucket-owner"))
    )
    target = replace(deploy.target_of(stock.client), client=lambda service: s3, account="123456789012")
    assert deploy.put_site(target, "watched", {"index.html": b"x", "assets/a.css": b""}).put
    assert {one.decode() if isinstance(one, bytes) else one for one in owners} == {"123456789012"}


def test_whoever_puts_a_page_at_the_same_moment_is_not_overwritten(stock: Emulator) -> None:
    s3 = stock.client("s3")
    s3.create_bucket(Bucket="at-once")

    def meanwhile(path: str, size: int) -> None:
        s3.put_object(Bucket="at-once", Key="index.html", Body=b"mine")

    target = deploy.target_of(stock.client)
    with pytest.raises(UserError, match=r"s3://at-once/index\.html was changed by somebody else at the same time"):
        deploy.put_site(target, "at-once", {"index.html": b"x", "assets/a.css": b""}, say=meanwhile)
    assert s3.get_object(Bucket="at-once", Key="index.html")["Body"].read() == b"mine"


def test_a_bucket_that_is_not_there_is_one_line(stock: Emulator) -> None:
    with pytest.raises(UserError) as refusal:
        deploy.put_site(deploy.target_of(stock.client), "nowhere-to-be-found", {"index.html": b"x"})
    assert len(str(refusal.value).splitlines()) == 1
