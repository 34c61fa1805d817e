"""`put-release`: as a user types it, against a deployed stack of software-updates and a bucket where nobody answers."""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from tests.cli.commands import ROOT, Done, Shell, refused
from tests.evidence import shows
from tests.handlers.software_updates.conftest import load
from tests.journeys import updates
from tests.journeys.stack import Stack
from tests.publishing.faults import Request, proxy
from troposphere_arch.cli import main
from troposphere_arch.deploy import put_release, target_of
from troposphere_arch.deploy.put_release import PART, Place
from troposphere_arch.errors import UserError
from troposphere_arch.local import Emulator
from troposphere_arch.local.files import files_of

pytestmark = pytest.mark.xdist_group("put-release")


def put(*arguments: str | Path) -> Done:
    """`put-release`, in this process."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main(["put-release", *map(str, arguments)])  # type: ignore[no-untyped-call]
    return Done(code, out.getvalue(), err.getvalue())


def versions(place: Place, prefix: str = "") -> list[str]:
    """The keys below a prefix, one for each version of an object."""
    found = place.s3.list_object_versions(Bucket=place.bucket, Prefix=prefix).get("Versions", [])
    return sorted(one["Key"] for one in found)


def noise(size: int, seed: str) -> bytes:
    return (sha256(seed.encode()).digest() * (size // 32 + 1))[:size]


def started(emulator: Emulator, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let an emulator of the tests be the one that `up` started."""
    (home / "state").mkdir()
    (home / "state/troposphere-arch").symlink_to(emulator.home)
    monkeypatch.setenv("XDG_STATE_HOME", str(home / "state"))


# --- a stack that answers


@pytest.fixture(scope="module")
def stack(patched: Emulator) -> Iterator[Stack]:
    made = updates.make(patched, "by-command")
    yield made
    made.delete()


@pytest.fixture
def patched_one(patched: Emulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    started(patched, tmp_path, monkeypatch)


@shows("REQ-U1", "REQ-U8", how="patched")
@pytest.mark.usefixtures("patched_one")
def test_published_repeated_withdrawn_and_taken_back(stack: Stack, tmp_path: Path) -> None:
    """A file in one piece and one in parts; what is asked for again is not done again."""
    place = put_release.find(target_of(stack.emulator.client), stack.name)
    app, image = tmp_path / "app.bin", tmp_path / "image+1.0_x.img"
    app.write_bytes(noise(1000, "app"))
    image.write_bytes(noise(PART + 1, "image"))
    command = (stack.name, "1.0.0", app, image, "--notes", "First.")

    done = put(*command)
    assert done.code == 0, done.err
    assert re.search(r"^1\.0\.0 +published +1\.0\.0$", done.out, re.MULTILINE), done.out
    for file in (app, image):
        address = f"{stack.outputs['UpdatesUrl']}/releases/1.0.0/{file.name}"
        line = [file.name, str(file.stat().st_size), sha256(file.read_bytes()).hexdigest(), address]
        assert line in [one.split() for one in done.out.splitlines()], done.out
    root = files_of(stack.emulator, stack.physical("FilesReader"))
    for file in (app, image):
        assert (root / "releases/1.0.0" / file.name).read_bytes() == file.read_bytes()
    assert json.loads((root / "latest.json").read_bytes())["notes"] == "First."
    description = put_release.look(place, "1.0.0")
    assert description
    for one in description.said["files"]:
        key = f"files/1.0.0/{one['name']}"
        assert place.s3.head_object(Bucket=place.bucket, Key=key)["VersionId"] == one["versionId"]

    before = versions(place)
    again = put(*command[:-1], "Other notes.")
    assert (again.code, again.out) == (0, done.out)
    assert "1.0.0 is published already: nothing was put" in again.err
    assert "its notes stay" in again.err
    app.write_bytes(noise(1000, "another"))
    other = put(*command)
    assert other.code == 1
    assert re.search(r"^1\.0\.0 +refused +1\.0\.0 +1\.0\.0 is published with other files \(app\.bin\)", other.out, re.M)
    assert versions(place) == before

    assert put(stack.name, "0.9.0", image).code == 0
    gone = put(stack.name, "1.0.0", "--withdraw", "--json")
    assert (gone.code, json.loads(gone.out)["state"], json.loads(gone.out)["latest"]) == (0, "withdrawn", "0.9.0")
    assert "nothing was put" in put(stack.name, "1.0.0", "--withdraw").err
    app.write_bytes(noise(1000, "app"))
    back = put(*command)
    assert (back.code, "2 were there" in back.err) == (0, True), back.err
    assert json.loads((root / "latest.json").read_bytes())["version"] == "1.0.0"
    assert versions(place, "files/1.0.0/") == [f"files/1.0.0/{app.name}", f"files/1.0.0/{image.name}"]
    assert len(versions(place, "releases/1.0.0.json")) == 3


@shows("REQ-U8", how="patched")
@pytest.mark.usefixtures("patched_one")
def test_what_the_stack_refuses_ends_with_its_reason(stack: Stack, tmp_path: Path) -> None:
    """That the version is published cannot be seen in the bucket any more, but the stack knows it."""
    place = put_release.find(target_of(stack.emulator.client), stack.name)
    (tmp_path / "app.bin").write_bytes(b"one")
    assert put(stack.name, "0.1.0", tmp_path / "app.bin").code == 0
    place.s3.delete_object(Bucket=place.bucket, Key="releases/0.1.0.json")
    (tmp_path / "app.bin").write_bytes(b"two")
    done = put(stack.name, "0.1.0", tmp_path / "app.bin", "--json")
    said = json.loads(done.out)
    assert (done.code, said["state"]) == (1, "refused"), done.err
    assert said["reason"] == "0.1.0 is published with other files, and a release never changes: take a new version."
    done = put(stack.name, "0.0.9", "--withdraw")
    assert (done.code, "0.0.9 is not published, so there is nothing to withdraw." in done.out) == (1, True), done.err


# --- a bucket where nobody answers


def small_stack(name: str, **outputs: str) -> dict[str, Any]:
    bucket = {"Type": "AWS::S3::Bucket", "Properties": {"VersioningConfiguration": {"Status": "Enabled"}}}
    told: dict[str, Any] = {key: {"Value": value} for key, value in outputs.items()}
    return {"Resources": {"Releases": bucket}, "Outputs": {**told, "ReleasesBucket": {"Value": {"Ref": "Releases"}}}}


def deployed(emulator: Emulator, name: str, template: dict[str, Any]) -> Stack:
    emulator.client("cloudformation").create_stack(StackName=name, TemplateBody=json.dumps(template))
    return Stack(emulator, name).wait("CREATE_COMPLETE")


@pytest.fixture(scope="module")
def silent(stock: Emulator) -> Iterator[Place]:
    """The place of a stack `silent` that has no function."""
    template = small_stack("silent", TemplateId="software-updates", UpdatesUrl="https://updates.example.com")
    made = deployed(stock, "silent", template)
    yield put_release.find(target_of(stock.client), made.name)


@pytest.fixture
def stock_one(stock: Emulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    started(stock, tmp_path, monkeypatch)


@pytest.fixture
def account(stock: Emulator, monkeypatch: pytest.MonkeyPatch) -> tuple[str, ...]:
    """The options that make the unmodified emulator an account of the user's."""
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, os.devnull)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    return ("--region", "us-east-1", "--endpoint-url", stock.url)


@pytest.fixture
def app(tmp_path: Path) -> Path:
    file = tmp_path / "app.bin"
    file.write_bytes(b"the bytes of a program")
    return file


def says(place: Place, version: str, status: dict[str, str]) -> None:
    """Play the function: say what became of the description that is there."""
    version_id = place.s3.head_object(Bucket=place.bucket, Key=f"releases/{version}.json")["VersionId"]
    key = f"status/{version}/{version_id}.json"
    body = json.dumps({"version": version, "reason": "", "latest": ""} | status).encode()
    place.s3.put_object(Bucket=place.bucket, Key=key, Body=body)


def test_nobody_answers(silent: Place, account: tuple[str, ...], app: Path) -> None:
    """It says what it waits for, ends in time, and goes on waiting when it is asked again."""
    done = put("silent", "1.0.0", "--no-wait", *account, app, "--json")
    said = json.loads(done.out)
    assert (done.code, said["state"], said["files"][0]["name"]) == (0, "put", "app.bin"), done.err
    assert said["files"][0]["url"] == "https://updates.example.com/releases/1.0.0/app.bin"
    before = versions(silent)
    waited = put("silent", "1.0.0", app, *account, "--wait", "0.005")
    refused(waited, "after 0.005 minutes", said["status"], "ReleaseFailures")
    assert f"waiting up to 0.005 minutes for {said['status']}" in waited.err
    app.write_bytes(b"others")
    refused(put("silent", "1.0.0", app, *account), "1.0.0 is being published with other files (app.bin)", "wait")
    assert versions(silent) == before
    says(silent, "1.0.0", {"state": "refused", "reason": "because"})
    # What was refused published nothing, so that other files may be tried.
    assert put("silent", "1.0.0", app, *account, "--no-wait").code == 0
    assert len(versions(silent, "releases/1.0.0.json")) == 2


@pytest.mark.usefixtures("stock_one")
def test_a_status_of_somebody_cannot_move_the_terminal(silent: Place) -> None:
    assert put("silent", "1.0.1", "--withdraw", "--no-wait").code == 0
    hostile = {"state": "withdrawn", "reason": "\x1b[2Jgone\r\x00\u202e\nfor good", "latest": "\x1b]0;x\x07"}
    says(silent, "1.0.1", hostile)
    done = put("silent", "1.0.1", "--withdraw")
    assert done.code == 0, done.err
    assert "[2Jgone for good" in done.out
    assert all(character.isprintable() or character == "\n" for character in done.out), repr(done.out)
    for status in ({"state": "fine"}, {"state": "published", "version": "1.0.2"}):
        says(silent, "1.0.1", status)
        refused(put("silent", "1.0.1", "--withdraw", "--wait", "0"), "is no status of 1.0.1")


HOSTILE = {
    "no JSON": "{",
    "no object": "[]",
    "no text": "\xff",
    "no files": "{}",
    "files are null": '{"files": null}',
    "files are a number": '{"files": 1}',
    "files are a text": '{"files": "app.bin"}',
    "files are an object": '{"files": {"name": "app.bin"}}',
    "a file is a number": '{"files": [1]}',
    "a file is a list": '{"files": [[]]}',
    "no size": '{"files": [{"name": "app.bin", "sha256": "0"}]}',
    "infinite": '{"files": [{"name": "app.bin", "sha256": "0", "size": 1e999}]}',
    "Infinity": '{"files": [{"name": "app.bin", "sha256": "0", "size": Infinity}]}',
    "NaN": '{"files": [{"name": "app.bin", "sha256": "0", "size": NaN}]}',
    "size is true": '{"files": [{"name": "app.bin", "sha256": "0", "size": true}]}',
    "size is a list": '{"files": [{"name": "app.bin", "sha256": "0", "size": []}]}',
    "too many digits": '{"files": [{"name": "app.bin", "sha256": "0", "size": %s}]}' % ("9" * 5000),
    "name is null": '{"files": [{"name": null, "sha256": "0", "size": 1}, {"name": "a", "sha256": "0", "size": 1}]}',
    "nested": '{"files": %s}' % ("[" * 100_000),
    "notes are a list": '{"files": [], "notes": [[]]}',
}


@pytest.mark.usefixtures("stock_one")
@pytest.mark.parametrize("what", HOSTILE)
def test_a_description_of_somebody_ends_nothing(silent: Place, app: Path, what: str) -> None:
    """What is no description has none of the files: they are put, and described anew."""
    version = f"1.1.{list(HOSTILE).index(what)}"
    key = f"releases/{version}.json"
    silent.s3.put_object(Bucket=silent.bucket, Key=key, Body=HOSTILE[what].encode("latin-1"))
    says(silent, version, {"state": "refused"})
    done = put("silent", version, app, "--notes", "Ours.", "--no-wait")
    assert done.code == 0, done.err
    described = json.loads(silent.s3.get_object(Bucket=silent.bucket, Key=key)["Body"].read())
    [file] = described["files"]
    assert (file["name"], file["sha256"]) == ("app.bin", sha256(app.read_bytes()).hexdigest())


def test_a_size_is_whole(silent: Place, app: Path) -> None:
    """What looks like the same release, but for the size's kind, is not the same."""
    [file] = files = put_release.hashed(put_release.check("1.2.0", [str(app)]))
    said = {"name": "app.bin", "sha256": file.sha256}
    for size, same in ((file.file.size, True), (float(file.file.size), False), (str(file.file.size), False)):
        body = json.dumps({"version": "1.2.0", "files": [{**said, "size": size}]}).encode()
        silent.s3.put_object(Bucket=silent.bucket, Key="releases/1.2.0.json", Body=body)
        described = put_release.look(silent, "1.2.0")
        assert described
        assert put_release.has_files(described, files) is same


@pytest.mark.usefixtures("stock_one")
def test_stacks_that_take_no_releases(stock: Emulator, app: Path) -> None:
    deployed(stock, "a-todo", small_stack("a-todo", TemplateId="todo"))
    deployed(stock, "anybodys", small_stack("anybodys"))
    refused(put("a-todo", "1.0.0", app), "a-todo was made from todo, not from software-updates")
    refused(put("anybodys", "1.0.0", app), "no output ReleasesBucket")
    refused(put("nobodys", "1.0.0", app), "there is no stack nobodys in us-east-1")


# --- what is checked before anything is put


@pytest.mark.usefixtures("stock_one")
def test_everything_that_is_wrong_is_told_at_once(app: Path) -> None:
    folder = app.parent
    (folder / "sub").mkdir()
    (folder / "sub/app.bin").write_bytes(b"x")
    for name in ("a b", ".hidden", "release.json", "\x1b[2J", "a" * 129):
        (folder / name).write_bytes(b"x")
    (folder / "empty").touch()
    with (folder / "large").open("wb") as large:
        large.truncate(5 * 1024**3 + 1)
    os.mkfifo(folder / "pipe")
    (folder / "loop").symlink_to("loop")
    wrong = {
        "sub": "is a directory",
        "sub/app.bin": "has the same name as",
        "missing": "cannot be read: No such file",
        "loop": "cannot be read: Too many levels",
        "pipe": "is no regular file",
        "empty": "is empty",
        "large": "5,368,709,121 bytes: at most 5,368,709,120 (5 GB)",
        "a b": "has a name that can't be",
        ".hidden": "has a name that can't be",
        "release.json": "has a name that can't be",
        "a" * 129: "has a name that can't be",
    }
    done = put("silent", "1.0.0+5", app, *(folder / name for name in wrong), folder / "\x1b[2J")
    assert done.code == 2
    first, *lines = done.err.splitlines()
    assert first == f"error: nothing was put, {len(wrong) + 2} things are wrong:"
    assert len(lines) == len(wrong) + 2, done.err
    assert "  version 1.0.0+5 has build metadata, which has no rank: leave it out, 1.0.0" in lines
    assert r"\x1b[2J' has a name that can't be" in done.err
    for name, what in wrong.items():
        assert [line for line in lines if f"{folder / name} " in line and what in line], (name, done.err)

    refused(put("silent", "1.0.0"), "no file is named", "--withdraw")
    refused(put("silent", "1.0.0", app, "--withdraw"), "--withdraw takes no files")
    refused(put("silent", "1.0.0", app, "--notes", "x" * 2001), "--notes has 2,001 characters")
    refused(put("silent", "1.0.0", app, "--wait", "soon"), "'soon' is no number of minutes")
    many = [folder / f"file-{number}" for number in range(201)]
    for file in many:
        file.write_bytes(b"x")
    refused(put("silent", "1.0.0", *many), "201 files are named: a release has at most 200")


VERSIONS = ["1.0", "1.0.0.0", "01.0.0", "1.0.0-", "1.0.0-01", "1.0.0-a..b", "v1.0.0", "1.0.0\n", "١.0.0"]


@pytest.mark.parametrize("version", [*VERSIONS, "", f"1.0.0-{'a' * 59}"], ids=ascii)
def test_no_version(version: str, app: Path) -> None:
    with pytest.raises(UserError, match=r"it is MAJOR\.MINOR\.PATCH"):
        put_release.check(version, [str(app)])
    for good in ("0.0.0", "1.10.0", "1.0.0-rc.1", "1.0.0--", f"1.0.0-{'a' * 58}"):
        assert put_release.check(good, [str(app)])


def test_the_rules_are_those_of_the_function(stock: Emulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {**stock.environment(), "RELEASES_BUCKET": "b", "FILES": str(tmp_path)}.items():
        monkeypatch.setenv(name, value)
    function = load()
    for rule in ("VERSION", "NAME", "MAX_FILES", "MAX_SIZE", "MAX_NOTES"):
        assert getattr(function, rule) == getattr(put_release, rule), rule


# --- what changes meanwhile, and Ctrl-C


def changed(place: Place, file: Path, *, at: str) -> None:
    """Publish a file that somebody writes to `at` a moment."""

    def comes(moment: str) -> Callable[[int], None]:
        def change(bytes_: int) -> None:
            if at.endswith(moment) and bytes_ and other:
                file.write_bytes(other.pop())

        return change

    other = [b"" if at.startswith("emptied") else noise(file.stat().st_size, "changed")]
    files = put_release.hashed(put_release.check("2.0.0", [str(file)]), comes("while it is hashed"))
    comes("before it is sent")(1)
    put_release.upload(place, "2.0.0", files, comes("while it is sent"))


@pytest.mark.parametrize(
    ("at", "so"),
    [
        ("while it is hashed", "nothing was put;"),
        ("before it is sent", "nothing was published;"),
        ("while it is sent", "nothing was published;"),
        ("emptied while it is sent", "nothing was published;"),
    ],
    ids=["hashed", "not yet sent", "sent", "emptied"],
)
def test_a_file_that_changes_is_noticed(silent: Place, tmp_path: Path, at: str, so: str) -> None:
    file = tmp_path / "app.bin"
    file.write_bytes(noise(2 * PART, "before"))
    before = versions(silent, "files/2.0.0/")
    with pytest.raises(UserError, match=rf"app\.bin changed while it was read: {so}"):
        changed(silent, file, at=at)
    if at == "before it is sent":
        assert versions(silent, "files/2.0.0/") == before


def test_another_publisher_at_the_same_key_is_noticed(silent: Place, app: Path) -> None:
    files = put_release.hashed(put_release.check("2.0.1", [str(app)]))

    def overtake(key: str, size: int) -> None:
        silent.s3.put_object(Bucket=silent.bucket, Key=key, Body=b"theirs")

    with pytest.raises(UserError, match=r"files/2\.0\.1/app\.bin does not hold what was put there .* somebody else"):
        put_release.upload(silent, "2.0.1", files, say=overtake)
    assert put_release.upload(silent, "2.0.1", files).keys() == {"app.bin"}


@pytest.mark.usefixtures("silent")
def test_every_request_names_the_account_that_the_bucket_must_be_of(stock: Emulator, tmp_path: Path) -> None:
    """Else a bucket of this name that is somebody else's by now would get the files."""
    asked: dict[str, set[str | None]] = {}

    def note(request: Any, event_name: str, **_: Any) -> None:
        owner = request.headers.get("x-amz-expected-bucket-owner")
        asked.setdefault(event_name.rpartition(".")[2], set()).add(owner.decode() if owner else None)

    place = put_release.find(target_of(stock.client), "silent")
    place.s3.meta.events.register("before-send.s3", note)
    for name, size in (("app.bin", 1000), ("image.bin", PART + 1)):
        (tmp_path / name).write_bytes(noise(size, "owner"))
    files = put_release.hashed(put_release.check("2.1.0", [str(tmp_path / "app.bin"), str(tmp_path / "image.bin")]))
    versions = put_release.upload(place, "2.1.0", files)
    put_release.put_description(place, put_release.described("2.1.0", files, versions))
    assert put_release.look(place, "2.1.0")
    wanted = "CompleteMultipartUpload", "CreateMultipartUpload", "GetObject", "HeadObject", "PutObject", "UploadPart"
    assert asked == {name: {place.owner} for name in wanted}


def interrupted(shell: Shell, stock: Emulator, when: str, *arguments: str | Path) -> Done:
    """The command in a process of its own, that gets Ctrl-C at its first request whose path holds `when`."""
    with proxy(stock.port) as between:
        env = shell.environment({"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"})
        command = [sys.executable, ROOT / "build.py", "put-release", *arguments]
        process = subprocess.Popen(
            [*command, "--region", "us-east-1", "--endpoint-url", between.url],
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        sent: list[str] = []

        def look(request: Request) -> None:
            if when in request.path and not sent:
                sent.append(request.path)
                process.send_signal(signal.SIGINT)

        between.answer = look
        out, err = process.communicate(timeout=60)
        assert sent, err
        return Done(process.returncode, out, err)


@pytest.mark.parametrize(
    ("when", "state"),
    [
        ("partNumber=", "nothing is published; what is in s3://"),
        ("/status/", "and the stack goes on without us"),
    ],
    ids=["while files go up", "while it waits"],
)
def test_ctrl_c(tmp_path: Path, stock: Emulator, silent: Place, when: str, state: str) -> None:
    version = "3.0.0" if when == "/status/" else "3.0.1"
    (tmp_path / "app.bin").write_bytes(noise(2 * PART, "slow"))
    done = interrupted(Shell(tmp_path), stock, when, "silent", version, tmp_path / "app.bin")
    assert (done.code, done.out, "Traceback" in done.err) == (130, "", False), done.err
    last = done.err.splitlines()[-1]
    assert last.startswith("error: stopped: "), done.err
    assert state in last
    assert "the same command again" in last
    assert not silent.s3.list_multipart_uploads(Bucket=silent.bucket).get("Uploads")
    assert len(versions(silent, f"releases/{version}.json")) == (when == "/status/")


# --- the same by the AWS CLI

BY_CLI = r"""
RELEASES=$(aws cloudformation describe-stacks --stack-name updates --output text \
    --query "Stacks[0].Outputs[?OutputKey=='ReleasesBucket'].OutputValue")
VERSION=1.4.0
aws s3 cp dist "s3://$RELEASES/files/$VERSION/" --recursive
(cd dist && for FILE in *; do
    SHA256=$(sha256sum < "$FILE" | cut -c 1-64)
    printf '{"name": "%s", "sha256": "%s", "size": %d}\n' "$FILE" "$SHA256" "$(wc -c < "$FILE")"
done) | paste -s -d , - | sed "s/.*/{\"version\": \"$VERSION\", \"files\": [&]}/" > "$VERSION.json"
ID=$(aws s3api put-object --bucket "$RELEASES" --key "releases/$VERSION.json" --body "$VERSION.json" \
    --query VersionId --output text)
until aws s3 cp "s3://$RELEASES/status/$VERSION/$ID.json" -; do sleep 5; done
"""


@shows("REQ-U1", how="patched")
def test_the_same_by_the_aws_cli(stack: Stack, tmp_path: Path) -> None:
    (tmp_path / "dist").mkdir()
    for name in ("app.bin", "app_2.bin"):
        (tmp_path / "dist" / name).write_bytes(noise(5000, name))
    lines = BY_CLI.replace("--stack-name updates", f"--stack-name {stack.name}").replace("sleep 5", "sleep 0.1")
    environment = stack.emulator.environment(os.environ)
    environment["PATH"] = f"{Path(sys.executable).parent}:{environment['PATH']}"
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", lines], cwd=tmp_path, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout[done.stdout.index("{") :])
    assert (said["state"], said["version"], said["latest"]) == ("published", "1.4.0", "1.4.0")
    root = files_of(stack.emulator, stack.physical("FilesReader")) / "releases/1.4.0"
    for file in (tmp_path / "dist").iterdir():
        assert (root / file.name).read_bytes() == file.read_bytes()
