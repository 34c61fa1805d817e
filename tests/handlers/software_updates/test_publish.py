"""PublishRelease: releases that are published, repeated, late, withdrawn and taken back."""

from __future__ import annotations

import json
import os
import re
import threading
import time
from typing import Any

import pytest

from tests.evidence import shows
from tests.handlers.blog_async.gate import Passage, answers, cut_before, first, let_through, lose_answer
from tests.handlers.software_updates.conftest import Context, Put, World, event_of, noise, sound

AGAIN = "The work failed; the log line before this one says where."


def failed(world: World, put: Put, capsys: pytest.CaptureFixture[str], context: Context | None = None) -> str:
    """The reason that the log gives for an attempt that raises."""
    capsys.readouterr()
    with pytest.raises(RuntimeError, match=AGAIN):
        world.module.handler(put.event, context or Context())
    told, line = map(json.loads, capsys.readouterr().out.splitlines())
    assert (told["level"], told["outcome"], line["level"]) == ("WARNING", "failed", "ERROR")
    assert line["at"].startswith("publish_release.py:")
    sound(world.files)
    return str(told["reason"])


# --- published


@shows("REQ-U1", "REQ-U8", how="real")
def test_a_release_is_served_from_a_path_of_its_own_and_the_manifest_names_it(world: World) -> None:
    files = {"app.tar.gz": noise(100_000), "app.deb": b"d", "README-1.4_0+x.txt": b"read"}
    put = world.put("1.4.0", files, notes="Fünf <neue> Dinge")
    status = world.invoke(put)
    assert (status["state"], status["reason"], status["latest"]) == ("published", "", "1.4.0")
    for name, data in files.items():
        assert (world.files / "releases/1.4.0" / name).read_bytes() == data
    manifest = json.loads((world.files / "latest.json").read_bytes())
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", manifest.pop("published"))
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", status["at"])
    told = json.loads(world.object("releases/1.4.0.json"))["files"]
    assert manifest == {
        "version": "1.4.0",
        "files": [{"url": f"/releases/1.4.0/{file['name']}"} | file for file in told],
        "notes": "Fünf <neue> Dinge",
    }
    assert world.left() == []
    assert sorted(one.name for one in (world.files / ".publish").iterdir()) == ["lock", "parts", "staging", "withdrawn"]


@shows("REQ-U8", how="real")
def test_the_same_release_once_more_is_published_and_nothing_is_done(world: World) -> None:
    put = world.publish("1.4.0", {"a": b"a", "b": b"b"})
    before = tree(world)
    world.asked("")
    assert world.state(put) == ("published", "")
    assert world.asked("files/") == []
    # Told in another order, with other notes, and when the files are not in the bucket any more.
    again = json.loads(world.object("releases/1.4.0.json"))
    again = {"notes": "other ones", "files": again["files"][::-1], "version": "1.4.0"}
    for name in "ab":
        world.s3.delete_object(Bucket=world.bucket, Key=f"files/1.4.0/{name}")
    assert world.state(world.describe("1.4.0", again)) == ("published", "")
    assert tree(world) == before


@shows("REQ-U8", how="real")
def test_each_manifest_has_a_second_of_its_own(world: World) -> None:
    """nginx tells files of one length from another by the second: with the same one devices would keep the old one."""
    times = []
    for version in ("1.0.0", "1.0.1", "1.0.2"):
        world.publish(version, {"a": version.encode()})
        times.append(int((world.files / "latest.json").stat().st_mtime))
    assert times == sorted(set(times))


def tree(world: World) -> dict[str, tuple[int, int]]:
    """What devices see, with inode and time: nothing was replaced by the same."""
    seen = [world.files / "latest.json", *(world.files / "releases").rglob("*")]
    return {str(one): (one.stat().st_ino, one.stat().st_mtime_ns) for one in seen}


@shows("REQ-U8", how="real")
@pytest.mark.parametrize(
    "files",
    [{"a": b"A", "b": b"b"}, {"a": b"a"}, {"a": b"a", "b": b"b", "c": b"c"}, {"a": b"a", "B": b"b"}],
    ids=["other bytes", "one less", "one more", "other name"],
)
def test_a_release_never_changes(world: World, files: dict[str, bytes]) -> None:
    world.publish("1.4.0", {"a": b"a", "b": b"b"})
    before = tree(world)
    reason = world.refused(world.put("1.4.0", files))
    assert reason == "1.4.0 is published with other files, and a release never changes: take a new version."
    assert tree(world) == before


@shows("REQ-U8", how="real")
def test_what_another_publisher_began_is_not_taken_for_ones_own(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    """Both have a file of the same name and size; the first one was interrupted when it had copied that."""
    begun = world.put("1.4.0", {"a": b"first", "b": b"b"})
    world.gate.plan[:] = [let_through, let_through, says(400, "ExpiredToken")]
    failed(world, begun, capsys)
    assert [name for name in world.left() if name.endswith("/a")]
    world.publish("1.4.0", {"a": b"other", "b": b"b"})
    assert (world.files / "releases/1.4.0/a").read_bytes() == b"other"
    assert world.left() == []
    assert world.refused(begun).startswith("1.4.0 is published with other files")
    assert world.refused(begun).startswith("1.4.0 is published with other files"), "again"


@shows("REQ-U8", how="real")
def test_the_manifest_names_the_highest_version_whatever_comes_late(world: World) -> None:
    order = ["1.9.0", "1.10.0-rc.1", "1.10.0", "1.9.1", "2.0.0-alpha", "1.9.0", "0.0.1"]
    latest = []
    puts = {}
    for version in order:
        puts[version] = world.publish(version)
        latest.append(world.latest())
    assert latest == ["1.9.0", "1.9.0", "1.10.0", "1.10.0", "1.10.0", "1.10.0", "1.10.0"]
    for put in puts.values():
        assert world.state(put) == ("published", "")
    assert world.latest() == "1.10.0"


def test_only_a_pre_release_is_no_latest(world: World) -> None:
    world.publish("1.0.0-rc.1")
    assert world.latest() == ""


@shows("REQ-U8", how="real")
def test_withdrawn_and_taken_back(world: World) -> None:
    world.publish("1.3.0")
    first_put = world.publish("1.4.0")
    withdrawn = world.describe("1.4.0", {"version": "1.4.0", "withdrawn": True})
    for _ in range(2):
        assert world.state(withdrawn) == ("withdrawn", "")
        assert world.latest() == "1.3.0"
    assert (world.files / "releases/1.4.0/app.tar.gz").exists()
    # A late or repeated event of the first descriptor takes nothing back.
    superseded = "Another releases/1.4.0.json took the place of this one."
    assert world.state(first_put) == ("withdrawn", superseded)
    assert world.latest() == "1.3.0"
    back = world.publish("1.4.0")
    assert world.latest() == "1.4.0"
    # Nor does one of the second withdraw once more.
    assert world.state(withdrawn) == ("published", superseded)
    assert world.state(back) == ("published", "")
    assert world.latest() == "1.4.0"


def test_the_only_release_withdrawn(world: World) -> None:
    """There is nothing that the manifest could name."""
    world.publish("1.4.0")
    assert world.state(world.describe("1.4.0", {"version": "1.4.0", "withdrawn": True})) == ("withdrawn", "")
    assert not (world.files / "latest.json").exists()
    world.publish("1.4.0")
    assert world.latest() == "1.4.0"


def test_withdrawn_before_the_event_that_publishes_it_has_come(world: World) -> None:
    world.publish("1.3.0")
    put = world.put("1.4.0", {"a": b"a"})
    reason = world.refused(world.describe("1.4.0", {"version": "1.4.0", "withdrawn": True}))
    assert reason == "1.4.0 is not published, so there is nothing to withdraw."
    assert world.state(put)[0] == "withdrawn"
    assert world.latest() == "1.3.0"
    world.publish("1.4.0", {"a": b"a"})
    assert world.latest() == "1.4.0"


def test_withdrawn_late_and_not_there(world: World) -> None:
    withdrawn = world.describe("1.4.0", {"version": "1.4.0", "withdrawn": True})
    put = world.put("1.4.0", {"a": b"a"})
    assert world.refused(withdrawn) == "Another releases/1.4.0.json took the place of this one."
    assert world.state(put) == ("published", "")


def test_a_descriptor_that_was_deleted_takes_nothing_back(world: World) -> None:
    put = world.publish("1.4.0")
    world.state(world.describe("1.4.0", {"version": "1.4.0", "withdrawn": True}))
    world.s3.delete_object(Bucket=world.bucket, Key="releases/1.4.0.json")
    assert world.state(put)[0] == "withdrawn"


def test_exactly_the_version_of_the_event_is_read(world: World) -> None:
    put = world.put("1.4.0", {"a": b"a"})
    world.describe("1.4.0", b"garbage")
    assert world.state(put) == ("published", "")


def test_exactly_the_version_of_a_file_that_is_told(world: World) -> None:
    files = world.upload("1.4.0", {"a": b"first"})
    listed = world.s3.list_object_versions(Bucket=world.bucket, Prefix="files/1.4.0/a")["Versions"]
    files[0]["versionId"] = next(one["VersionId"] for one in listed if one["IsLatest"])
    world.upload("1.4.0", {"a": b"second, and longer"})
    assert world.state(world.describe("1.4.0", {"version": "1.4.0", "files": files})) == ("published", "")
    assert (world.files / "releases/1.4.0/a").read_bytes() == b"first"


def test_an_event_without_a_version_is_of_the_newest(world: World) -> None:
    """The emulator sends such, and S3 does for a bucket without versions."""
    put = world.put("1.4.0", {"a": b"a"})
    event = event_of(world.bucket, "releases/1.4.0.json", None)
    assert world.state(Put(event, put.status)) == ("published", "")


@pytest.mark.parametrize(
    "event",
    [
        {},
        event_of("another-bucket", "releases/1.4.0.json", "v"),
        event_of("", "releases/1.4.0.json", "v"),
        {"detail": {"bucket": {"name": "B"}, "object": {"key": "files/1.4.0/a"}}},
        {"detail": {"bucket": {"name": "B"}, "object": {"key": "releases/"}}},
        {"detail": {"bucket": {"name": "B"}}},
        {"detail": None},
    ],
    ids=range(7),
)
def test_other_events_are_none_of_its_business(world: World, event: dict[str, Any]) -> None:
    event = json.loads(json.dumps(event).replace('"B"', f'"{world.bucket}"'))
    assert world.module.handler(event, Context()) == {"outcome": "ignored"}
    assert world.gate.seen == []
    assert list(world.files.iterdir()) == []


# --- refused, of what is in the bucket


@shows("REQ-U1", how="real")
def test_what_was_not_put_or_is_not_what_was_announced(world: World) -> None:
    world.publish("1.3.0")
    good, other = world.upload("1.4.0", {"good": b"good", "other": b"other"})

    def reason(**changes: Any) -> str:
        return world.refused(world.describe("1.4.0", {"version": "1.4.0", "files": [good, other | changes]}))

    missing = "files/1.4.0/gone.tar.gz is not in the bucket: put the files before releases/1.4.0.json."
    assert reason(name="gone.tar.gz") == missing
    assert reason(size=6) == "files/1.4.0/other has 5 bytes, and the descriptor says 6."
    assert reason(size=4) == "files/1.4.0/other has 5 bytes, and the descriptor says 4."
    assert reason(sha256="0" * 64) == (
        f"files/1.4.0/other has the SHA-256 {other['sha256']}, and the descriptor says {'0' * 64}."
    )
    assert reason(versionId="nope") == "'files/1.4.0/other' has no version 'nope' in the bucket."
    assert world.latest() == "1.3.0"
    assert not (world.files / "releases/1.4.0").exists()


@pytest.mark.parametrize("code", ["AccessDenied", "NoSuchKey"])
def test_without_the_right_to_list_s3_says_403_of_what_is_not_there(world: World, code: str) -> None:
    put = world.put("1.4.0", {"a": b"a"})
    no = says(403 if code == "AccessDenied" else 404, code)
    world.gate.plan[:] = [let_through, no]
    assert world.state(put)[1] == "files/1.4.0/a is not in the bucket: put the files before releases/1.4.0.json."
    world.gate.plan[:] = [no]
    assert world.state(put) == ("refused", world.status(put)["reason"])
    assert world.status(put)["reason"].startswith("'releases/1.4.0.json' has no version '")


def says(status: int, code: str) -> Any:
    body = f"<Error><Code>{code}</Code><Message>of anna@example.com</Message></Error>".encode()
    return lambda passage: passage.say(status, [("Content-Type", "application/xml")], body)


def test_a_directory_that_somebody_made_is_not_taken_over(world: World) -> None:
    world.publish("1.3.0")
    (world.files / "releases/1.4.0").mkdir(mode=0o755)
    put = world.put("1.4.0", {"a": b"a"})
    answer = world.module.handler(put.event, Context())
    assert answer["reason"] == "releases/1.4.0 is on the file system, but was not published: remove it."
    assert answer["latest"] == "1.3.0"
    (world.files / "releases/1.4.0").rmdir()
    assert world.state(put) == ("published", "")


def test_a_refusal_is_one_line_of_the_log_by_which_the_alarm_finds_it(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    put = world.describe("1.4.0", b"")
    capsys.readouterr()
    answer = world.module.handler(put.event, Context())
    [line] = map(json.loads, capsys.readouterr().out.splitlines())
    assert (line["outcome"], line["reason"]) == ("refused", "The descriptor is no JSON in UTF-8.")
    assert line["reason"] == answer["reason"]


# --- what another attempt mends


@shows("REQ-U1", how="real")
def test_what_s3_does_wrong_is_tried_again(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    put = world.put("1.4.0", {"a": b"a", "b": b"b"})
    steps = {"descriptor": 0, "first file": 1, "second file": 2}
    for number in steps.values():
        world.gate.plan[:] = [let_through] * number + [says(400, "ExpiredToken")]
        assert failed(world, put, capsys) == "S3 answered ExpiredToken."
        assert world.latest() == ""
    world.asked("")
    # The file that was verified is not copied again; errors of a moment are mended at once.
    world.gate.plan[:] = [cut_before, let_through, answers(503, "SlowDown")]
    assert world.state(put) == ("published", "")
    assert world.asked("files/") == ["files/1.4.0/b", "files/1.4.0/b"]
    assert world.left() == []


def test_a_status_that_cannot_be_written_is_written_later(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    put = world.put("1.4.0", {"a": b"a"})
    world.gate.plan[:] = [let_through, let_through, says(403, "AccessDenied")]
    assert failed(world, put, capsys) == "S3 answered AccessDenied."
    assert world.latest() == "1.4.0"
    before = tree(world)
    world.gate.plan[:] = [let_through, lose_answer]
    assert world.state(put) == ("published", "")
    assert tree(world) == before
    # Of a refusal as well.
    put = world.describe("1.5.0", b"[]")
    world.gate.plan[:] = [let_through, says(403, "AccessDenied")]
    failed(world, put, capsys)
    assert world.refused(put)


@pytest.mark.parametrize("number", [0, 1])
def test_whether_a_descriptor_is_the_newest_is_not_guessed(
    world: World, capsys: pytest.CaptureFixture[str], number: int
) -> None:
    world.publish("1.4.0")
    withdrawn = world.describe("1.4.0", {"version": "1.4.0", "withdrawn": True})
    put = withdrawn
    if number:
        world.state(withdrawn)
        put = world.put("1.4.0", {"app.tar.gz": b"1.4.0"})
    before = world.latest()
    world.gate.plan[:] = [let_through, says(405, "MethodNotAllowed")]
    assert failed(world, put, capsys) == "S3 answered 405."
    assert world.latest() == before
    assert world.state(put) == (("published", "withdrawn")[not number], "")


CUT_AT = 8 * 1024**2 + 300_000


def cut_at(bytes_sent: int) -> Any:
    """Promise the whole object, and break off in the middle of it."""

    def fault(passage: Passage) -> None:
        status, headers, body = passage.forward()
        passage.request.send_response(status)
        for name, value in headers:
            passage.request.send_header(name, value)
        passage.request.end_headers()
        passage.request.wfile.write(body[:bytes_sent])
        passage.request.close_connection = True  # in good order: a reset would take along what is on its way

    return fault


BIG = noise(9 * 1024**2)


@shows("REQ-U1", how="real")
def test_a_copy_that_breaks_off_goes_on_where_it_was(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    put = world.put("1.4.0", {"big": BIG})
    world.gate.plan[:] = [let_through, cut_at(CUT_AT)]
    ranges = []

    def note(passage: Passage) -> None:
        ranges.append((passage.request.headers["Range"], passage.request.headers["If-Match"]))
        passage.say(*passage.forward())

    world.gate.plan.append(note)
    assert world.state(put) == ("published", "")
    etag = world.s3.head_object(Bucket=world.bucket, Key="files/1.4.0/big")["ETag"]
    assert ranges == [(f"bytes={CUT_AT}-", etag)]
    # Not for ever.
    put = world.put("1.5.0", {"a": b"abc"})
    world.gate.plan[:] = [let_through] + [cut_at(0)] * 4
    assert failed(world, put, capsys) in ("ResponseStreamingError.", "IncompleteReadError.")
    assert world.gate.plan == []
    assert world.left() == ["staging/" + one.name for one in (world.files / ".publish/staging").iterdir()]


def test_a_file_that_is_overwritten_in_the_middle_is_noticed(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    put = world.put("1.4.0", {"big": BIG})
    other = first(lambda: world.upload("1.4.0", {"big": noise(len(BIG), 1)}))
    world.gate.plan[:] = [let_through, cut_at(CUT_AT), other]
    assert failed(world, put, capsys) == "files/1.4.0/big was overwritten while it was copied."
    assert world.refused(put).startswith("files/1.4.0/big has the SHA-256 ")


# --- time, and others


@shows("REQ-U1", how="real")
def test_when_the_time_is_nearly_over_it_stops_and_goes_on_in_the_next_attempt(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    put = world.put("1.4.0", {"a": b"a", "b": b"b", "c": b"c"})
    reason = failed(world, put, capsys, Context([60_000, 60_000, 29_000]))
    assert reason.startswith("The time is nearly over.")
    [staging] = (world.files / ".publish/staging").iterdir()
    assert sorted(one.name for one in staging.iterdir()) == ["a", "b"]
    assert list((world.files / ".publish/parts").iterdir()) == []
    world.asked("")
    assert world.state(put) == ("published", "")
    assert world.asked("files/") == ["files/1.4.0/c"]


@shows("REQ-U1", how="real")
def test_two_attempts_at_once(world: World) -> None:
    """Two publishers put the same version with other bytes: one wins, and the other hears why."""
    for number in range(2):
        version = f"1.{number}.0"
        one = world.put(version, {"a": b"a" * 100_000, "b": b"b"})
        other_files = world.upload(version, {"a2": b"A" * 100_000, "b": b"b"})
        other = world.describe(version, {"version": version, "files": other_files})
        told = world.runs({"event": one.event}, {"event": other.event})
        outcomes = sorted(run["answer"]["outcome"] for run in told)
        assert outcomes == ["published", "refused"], told
        [reason] = [run["answer"]["reason"] for run in told if run["answer"]["outcome"] == "refused"]
        assert reason == f"{version} is published with other files, and a release never changes: take a new version."
        assert world.latest() == version
        assert world.left() == []
        # The same event twice at once.
        told = world.runs({"event": one.event}, {"event": one.event})
        assert len({run["answer"]["outcome"] for run in told}) == 1


@shows("REQ-U1", how="real")
def test_who_waits_for_another_one_waits_until_the_time_is_nearly_over(world: World) -> None:
    one, other = world.put("1.4.0", {"a": b"a"}), world.put("1.5.0", {"a": b"a"})
    told: list[dict[str, Any]] = []
    waiting, go = threading.Event(), threading.Event()

    def hold(passage: Passage) -> None:
        waiting.set()
        assert go.wait(20)
        passage.say(*passage.forward())

    world.gate.plan[:] = [let_through, hold]  # the second request is for the file: it has the lock
    thread = threading.Thread(target=lambda: told.append(world.invoke(one)))
    thread.start()
    try:
        assert waiting.wait(20)
        [late] = world.runs({"event": other.event, "remaining": 29_000})
        assert late["error"] == AGAIN
        assert late["log"][0]["reason"] == "Another release was being published all the time."
        # With more time it waits until the lock is free.
        threading.Timer(0.5, go.set).start()
        [patient] = world.runs({"event": other.event})
        assert patient["answer"]["outcome"] == "published"
    finally:
        go.set()
        thread.join()
    assert [status["state"] for status in told] == ["published"]
    assert world.latest() == "1.5.0"


def test_leftovers_of_a_release_that_was_given_up_are_removed(world: World) -> None:
    world.publish("1.3.0")
    hidden = world.files / ".publish"
    for name, age in (("1.4.0-rc.1-0000", 7), ("1.4.0-1111", 1), ("1.4.0-rc.2-2222", 1)):
        (hidden / "staging" / name).mkdir()
        (hidden / "staging" / name / "a").write_bytes(b"a")
        os.utime(hidden / "staging" / name, times=(time.time() - age * 3600,) * 2)
    (hidden / "parts" / "old").write_bytes(b"half")
    world.publish("1.4.0")
    assert world.left() == ["staging/1.4.0-rc.2-2222", "staging/1.4.0-rc.2-2222/a"]


@shows("REQ-U8", how="real")
def test_who_looks_meanwhile_never_sees_half_a_release(world: World) -> None:
    """`sound` reads all that devices can see, all the time."""
    world.publish("1.0.0")
    seen: list[str] = []
    wrong: list[BaseException] = []
    done = threading.Event()

    def look() -> None:
        try:
            while not done.is_set():
                seen.append(sound(world.files))
        except BaseException as error:
            wrong.append(error)

    thread = threading.Thread(target=look)
    thread.start()
    try:
        for number in range(1, 5):
            world.publish(f"1.{number}.0", {str(n): noise(50_000, n) for n in range(4)})
    finally:
        done.set()
        thread.join()
    assert wrong == []
    assert seen == sorted(seen)
    assert len(set(seen)) > 2
