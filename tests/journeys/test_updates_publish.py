"""Publishing on a deployed stack: what is refused, what comes late or twice, what fails for good; and what devices see.

A device polls the manifest through the load balancer and a server all the while: it never gets anything else than the
last good release, or no answer than 200.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.evidence import shows
from tests.journeys import updates
from tests.journeys.blog import alarmed_by, invoke, logged, messages
from tests.journeys.stack import Stack
from tests.journeys.updates import ask, publish, put, release, servers, status
from tests.system import needs
from troposphere_arch.cli import main
from troposphere_arch.errors import UserError
from troposphere_arch.journeys import play
from troposphere_arch.journeys.blog import until
from troposphere_arch.local import Emulator
from troposphere_arch.local.files import files_of

pytestmark = [pytest.mark.xdist_group("updates-publish"), needs("nginx")]
DATA = b"the bytes of a program"


@pytest.fixture(scope="module")
def stack(patched: Emulator) -> Iterator[Stack]:
    made = updates.make(patched, "updates-publish")
    with servers(made):
        assert publish(made, "1.0.0", app_bin=DATA)["state"] == "published"
        yield made
    made.delete()


def manifest(stack: Stack) -> dict[str, Any]:
    """What a device gets."""
    answer = ask(stack, "/latest.json", stack.outputs["BalancerName"], https=False)
    assert answer.status == 200
    found: dict[str, Any] = answer.json()
    return found


def served(stack: Stack, path: str) -> tuple[int, bytes]:
    answer = ask(stack, path, stack.outputs["BalancerName"], https=False)
    return answer.status, answer.body


@pytest.fixture
def steady(stack: Stack) -> Iterator[None]:
    """Every device that asks, at any time, gets the manifest as it was before, and so does one afterwards."""
    before, host = manifest(stack), stack.outputs["BalancerName"]
    path = files_of(stack.emulator, stack.physical("FilesReader")) / "latest.json"
    was = path.stat()
    with updates.polling(stack, host, https=False) as polls:
        yield
    assert polls.all_good(host), polls.answers
    assert manifest(stack) == before
    # The same file, not one like it: nobody has moved it and moved it back.
    assert (path.stat().st_ino, path.stat().st_mtime_ns) == (was.st_ino, was.st_mtime_ns)


def told(stack: Stack, reason: str) -> list[dict[str, Any]]:
    """The lines of the log that say this reason."""
    lines = [json.loads(line) for line in logged(stack, "PublishRelease") if line.startswith("{")]
    return [line for line in lines if line.get("reason") == reason]


def logged_for(stack: Stack, reason: str) -> list[dict[str, Any]]:
    """The last of those, once there is one."""
    return until("a line in the log", lambda: told(stack, reason)[-1:])


def described(version: str, **changed: Any) -> dict[str, Any]:
    """What describes a release of one file; `changed` is said of the file otherwise than it is."""
    description = release(version, app_bin=DATA)[2]
    return {**description, "files": [{**description["files"][0], **changed}]}


NAME = "is 1 to 128 letters, digits and . _ + -, no sign first, and not release.json."
# What a publisher puts: the key's version, the files, the description, and what it is told.
REFUSED: dict[str, tuple[str, dict[str, bytes], Any, str]] = {
    "checksum": (
        "9.0.0",
        {"app.bin": DATA[::-1]},
        described("9.0.0"),
        "files/9.0.0/app.bin has the SHA-256 ",
    ),
    "size": (
        "9.0.0",
        {"app.bin": DATA + b"!"},
        described("9.0.0"),
        f"files/9.0.0/app.bin has {len(DATA) + 1} bytes, and the descriptor says {len(DATA)}.",
    ),
    "no version": ("latest", {}, described("latest"), "version is 'latest': it is MAJOR.MINOR.PATCH or "),
    "leading zero": ("9.01.0", {}, described("9.01.0"), "version is '9.01.0': it is MAJOR.MINOR.PATCH or "),
    "another version": (
        "9.0.0",
        {},
        described("9.0.1"),
        "version is '9.0.1' in the descriptor, and '9.0.0' ",
    ),
    "climbing file": ("9.0.0", {}, described("9.0.0", name="../../latest.json"), f"'../../latest.json': it {NAME}"),
    "climbing version": ("../9.0.0", {}, described("../9.0.0"), "version is '../9.0.0': it is MAJOR.MINOR.PATCH or "),
    "zero bytes": ("9.0.0", {"app.bin": b""}, described("9.0.0", size=0), "size of 'app.bin' is not a number of bytes"),
    "empty file": (
        "9.0.0",
        {"app.bin": b""},
        described("9.0.0"),
        "files/9.0.0/app.bin has 0 bytes, and ",
    ),
    "a file missing": (
        "9.9.9",
        {},
        described("9.9.9"),
        "files/9.9.9/app.bin is not in the bucket: put ",
    ),
    "no JSON": ("9.0.0", {}, b"app.bin", "The descriptor is no JSON in UTF-8."),
    "nothing": ("9.0.0", {}, b"", "The descriptor is no JSON in UTF-8."),
}


@shows("REQ-U1", "REQ-U8", how="patched")
@pytest.mark.usefixtures("steady")
def test_what_is_refused_says_why_and_no_device_sees_a_thing_of_it(stack: Stack) -> None:
    """Put one after the other; each is told in its status, and in one line of the log that the alarm counts."""
    s3, bucket = stack.emulator.client("s3"), stack.outputs["ReleasesBucket"]
    for what, (version, files, description, reason) in REFUSED.items():
        for name, data in files.items():
            s3.put_object(Bucket=bucket, Key=f"files/{version}/{name}", Body=data)
        body = description if isinstance(description, bytes) else json.dumps(description).encode()
        made = s3.put_object(Bucket=bucket, Key=f"releases/{version}.json", Body=body)["VersionId"]
        known = "invalid" if version in ("latest", "9.01.0", "../9.0.0") else version
        said = status(stack, known, made)
        assert (said["version"], said["state"], said["latest"]) == (known, "refused", "1.0.0"), what
        assert reason in said["reason"], (what, said)
        [line] = logged_for(stack, said["reason"])
        assert (line["level"], line["outcome"], line["version"]) == ("INFO", "refused", known), what
    root = files_of(stack.emulator, stack.physical("FilesReader"))
    assert {one.name for one in (root / "releases").iterdir()} == {"1.0.0"}
    assert messages(stack, "ReleaseFailuresQueue") == 0


@shows("REQ-U8", how="patched")
@pytest.mark.usefixtures("steady")
def test_of_two_publishers_of_one_version_one_is_first_and_the_other_is_told(stack: Stack) -> None:
    """At once, with other bytes; each says which version of its file it means. (A pre-release, so nothing moves.)"""
    s3, bucket, version = stack.emulator.client("s3"), stack.outputs["ReleasesBucket"], "2.0.0-rc.1"
    programs = [bytes([number]) * 1_000_000 for number in range(4)]

    def publish_one(data: bytes) -> tuple[bytes, dict[str, Any]]:
        meant = s3.put_object(Bucket=bucket, Key=f"files/{version}/app.bin", Body=data)["VersionId"]
        description = release(version, app_bin=data)[2]
        description["files"][0]["versionId"] = meant
        return data, status(stack, version, put(stack, version, {}, description))

    with ThreadPoolExecutor(len(programs)) as publishers:
        outcomes = list(publishers.map(publish_one, programs))
    [first] = [data for data, said in outcomes if said["state"] == "published"]
    refused = [said["reason"] for _, said in outcomes if said["state"] == "refused"]
    said = f"{version} is published with other files, and a release never changes: take a new version."
    assert refused == [said] * (len(programs) - 1)
    assert served(stack, f"/releases/{version}/app.bin") == (200, first)
    # The first one once more is no other release.
    assert publish_one(first)[1]["state"] == "published"


@shows("REQ-U8", how="patched")
def test_a_late_or_repeated_event_never_moves_the_manifest_back(stack: Stack) -> None:
    s3, bucket = stack.emulator.client("s3"), stack.outputs["ReleasesBucket"]
    older = put(stack, *release("1.0.1", app_bin=b"older"))
    assert status(stack, "1.0.1", older)["state"] == "published"
    assert publish(stack, "1.10.0", app_bin=b"newer")["latest"] == "1.10.0"
    assert publish(stack, "1.9.0", app_bin=b"late")["latest"] == "1.10.0"
    key = f"status/1.0.1/{older}.json"
    s3.delete_object(Bucket=bucket, Key=key)
    about = {"key": "releases/1.0.1.json", "version-id": older}
    invoke(stack, "PublishRelease", {"detail": {"bucket": {"name": bucket}, "object": about}})
    assert status(stack, "1.0.1", older)["latest"] == "1.10.0"
    assert manifest(stack)["version"] == "1.10.0"
    for version, data in (("1.0.1", b"older"), ("1.9.0", b"late"), ("1.10.0", b"newer")):
        assert served(stack, f"/releases/{version}/app.bin") == (200, data)


@shows("REQ-U8", how="patched")
def test_withdrawn_and_taken_back(stack: Stack) -> None:
    """What was withdrawn is still served to who knows its path: a device may be in the middle of it."""
    before = manifest(stack)["version"]
    made = release("3.0.0", app_bin=b"bad")
    assert publish(stack, "3.0.0", app_bin=b"bad")["latest"] == "3.0.0" == manifest(stack)["version"]
    said = status(stack, "3.0.0", put(stack, "3.0.0", {}, {"version": "3.0.0", "withdrawn": True}))
    assert (said["state"], said["latest"]) == ("withdrawn", before)
    assert manifest(stack)["version"] == before
    assert served(stack, "/releases/3.0.0/app.bin") == (200, b"bad")
    back = status(stack, "3.0.0", put(stack, *made))
    assert (back["state"], back["latest"], manifest(stack)["version"]) == ("published", "3.0.0", "3.0.0")
    said = status(stack, "7.0.0", put(stack, "7.0.0", {}, {"version": "7.0.0", "withdrawn": True}))
    reason = "7.0.0 is not published, so there is nothing to withdraw."
    assert (said["state"], said["reason"]) == ("refused", reason)


# --- what fails for good


@contextmanager
def no_file_system(stack: Stack) -> Iterator[None]:
    """As if nobody reached the file system: the directory that stands for it is elsewhere."""
    path = files_of(stack.emulator, stack.physical("FilesWriter"))
    away = path.rename(path.with_name("away"))
    try:
        yield
    finally:
        away.rename(path)


@shows("REQ-U1", "REQ-U8", how="patched")
def test_what_fails_for_good_waits_in_the_queue_and_is_published_from_there(stack: Stack) -> None:
    """Three attempts, and then a message; by hand, with what it holds, once the cause is gone."""
    version, reason = "4.0.0", "No such file or directory (ENOENT)."
    with no_file_system(stack):
        made = put(stack, *release(version, app_bin=DATA))
        until("a message in the queue", lambda: messages(stack, "ReleaseFailuresQueue") == 1)
    lines = until("three lines", lambda: found if len(found := told(stack, reason)) == 3 else None)
    assert {(line["level"], line["outcome"]) for line in lines} == {("WARNING", "failed")}
    assert alarmed_by(stack, "ReleaseFailuresWaitingAlarm", "ReleaseFailuresQueue")
    queue, sqs = stack.outputs["ReleaseFailuresQueue"], stack.emulator.client("sqs")
    [message] = sqs.receive_message(QueueUrl=queue)["Messages"]
    body = json.loads(message["Body"])
    assert body["requestContext"]["condition"] == "RetriesExhausted"
    assert body["requestPayload"]["detail"]["object"] == body["requestPayload"]["detail"]["object"] | {
        "key": f"releases/{version}.json",
        "version-id": made,
    }
    invoke(stack, "PublishRelease", body["requestPayload"])
    sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
    said = status(stack, version, made, seconds=0.5)
    assert (said["state"], said["latest"]) == ("published", version)
    assert manifest(stack)["version"] == version
    assert messages(stack, "ReleaseFailuresQueue") == 0


# --- as a person sees it on their machine


@shows("REQ-U1", "REQ-U7", "REQ-U8", how="patched")
def test_up_says_what_to_try_and_demo_plays_it(
    stack: Stack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """On the emulator of the tests, as if `up` had started it."""
    (tmp_path / "troposphere-arch").symlink_to(stack.emulator.home)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    before = manifest(stack)
    assert main(["up", "software-updates", "--stack-name", stack.name]) == 0  # type: ignore[no-untyped-call]
    host, tries = stack.outputs["BalancerName"], capsys.readouterr().out.partition("to try:")[2]
    assert f"demo software-updates --stack-name {stack.name} " in tries
    assert f"put-release {stack.name} 1.0.0 FILE" in tries
    assert f"curl -i -H 'Host: {host}' {stack.emulator.url}/latest.json " in tries
    assert "todos" not in tries
    assert main(["demo", "software-updates", "--stack-name", stack.name]) == 0  # type: ignore[no-untyped-call]
    assert capsys.readouterr().out.endswith("\n10 steps, each answered as it must be\n")
    with servers(stack):  # the emulator deregisters by the id alone, so the one of the tests went along
        assert manifest(stack) == before


def test_demo_is_for_an_emulator_whose_functions_have_files(stack: Stack) -> None:
    unmodified = replace(stack.emulator, patched=False)
    with pytest.raises(UserError, match="deploy it without --stock"):
        next(play("software-updates", unmodified, stack.outputs))
