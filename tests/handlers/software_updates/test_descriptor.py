"""PublishRelease: descriptors that are no honest ones. None of them raises, and none is written down anywhere else."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.evidence import shows
from tests.handlers.software_updates.conftest import Context, Put, World, clear, event_of, sound

GOOD = {"name": "never.put", "sha256": "0" * 64, "size": 1}
VERSIONS = r"(0|[1-9]\d*)(\.(0|[1-9]\d*)){2}(-[0-9A-Za-z.-]+)?"


def descriptor(**changes: Any) -> dict[str, Any]:
    whole = {"version": "1.4.0", "files": [GOOD]} | changes
    return {key: value for key, value in whole.items() if value is not ...}


def file(**changes: Any) -> dict[str, Any]:
    return descriptor(files=[{key: value for key, value in (GOOD | changes).items() if value is not ...}])


NAMES = [
    *("", ".", "..", "../evil", "a/b", "/etc/passwd", "a\\b", ".hidden", "-rf", "_a", "+a", "a b", "a\n", "a\0b", "é"),
    *("release.json", "a" * 129, "a:b", "%2e%2e", "~a"),
]
BAD_VERSIONS = [
    *("", "1", "1.4", "1.4.0.0", "01.4.0", "1.4.0-", "1.4.0-01", "1.4.0-a..b", "1.4.0+build", "v1.4.0", "1.4.0 "),
    *("1.4.0\n", "1.-4.0", "..", "../1.4.0", "1.4.0/..", "\u0661.4.0", "1.4.0-" + "a" * 59, "latest", ".publish"),
]
BAD: dict[str, tuple[Any, str]] = {
    "empty": (b"", "no JSON"),
    "cut off": (b'{"version": "1.4.0"', "no JSON"),
    "not UTF-8": (json.dumps(descriptor()).encode("utf-16"), "no JSON"),
    "deep": (b"[" * 100_000, "no JSON"),
    "a long number": (b"9" * 5000, "no JSON"),
    "a list": ([descriptor()], "a list"),
    "a text": ("1.4.0", "'1.4.0'"),
    "null": (None, "null"),
    "a key twice": (b'{"version": "1.4.0", "version": "1.4.0"}', "'version' twice"),
    "an unknown key": (descriptor(note="x"), "unknown key 'note'"),
    "no version": (descriptor(version=...), "version is null"),
    "a number as version": (descriptor(version=1.4), "version is a number"),
    "another version than its key": (descriptor(version="1.4.1"), "'1.4.1' in the descriptor, and '1.4.0' in its key"),
    "no files": (descriptor(files=...), "files is null"),
    "files is an object": (descriptor(files={"a": GOOD}), "files is an object"),
    "an empty list of files": (descriptor(files=[]), "files has 0 entries"),
    "too many files": (descriptor(files=[GOOD | {"name": f"a{n}"} for n in range(201)]), "files has 201 entries"),
    "a file is a text": (descriptor(files=["a"]), "A file is 'a'"),
    "a name twice": (descriptor(files=[GOOD, GOOD | {"size": 2}]), "'never.put' is there twice"),
    "an unknown key of a file": (file(url="x"), "unknown key 'url'"),
    "no name": (file(name=...), "is null"),
    "no sha256": (file(sha256=...), "sha256 of 'never.put' is null"),
    "a short sha256": (file(sha256="0" * 63), "64 digits"),
    "a long sha256": (file(sha256="0" * 65), "64 digits"),
    "capital letters in sha256": (file(sha256="A" * 64), "small letters"),
    "a line break behind sha256": (file(sha256="0" * 64 + "\n"), "64 digits"),
    "no size": (file(size=...), "size of 'never.put'"),
    "size is a text": (file(size="1"), "size of"),
    "size is true": (file(size=True), "size of"),
    "size is 1.0": (file(size=1.0), "size of"),
    "size is no number": (json.dumps(file(size=1)).replace('"size": 1', '"size": NaN').encode(), "size of"),
    "zero bytes": (file(size=0), "size of"),
    "less than nothing": (file(size=-1), "size of"),
    "more than 5 GB": (file(size=5 * 1024**3 + 1), "size of"),
    "versionId is null": (file(versionId=None), "versionId of"),
    "versionId is empty": (file(versionId=""), "versionId of"),
    "versionId with a sign": (file(versionId="a&b"), "versionId of"),
    "notes is null": (descriptor(notes=None), "notes is null"),
    "notes is long": (descriptor(notes="x" * 2001), "notes is 'xxx"),
    "half a character": (descriptor(notes="\ud800"), "half a character"),
    "withdrawn and files": (descriptor(withdrawn=True), "unknown key 'files'"),
    "withdrawn is false": ({"version": "1.4.0", "withdrawn": False}, "withdrawn is not true"),
    "withdrawn is 1": ({"version": "1.4.0", "withdrawn": 1}, "withdrawn is not true"),
}


@pytest.fixture
def published(world: World) -> World:
    world.publish("1.3.0")
    return world


@shows("REQ-U1", how="real")
@pytest.mark.parametrize("name", BAD)
def test_a_descriptor_that_is_wrong(world: World, name: str) -> None:
    content, said = BAD[name]
    assert said in world.refused(world.describe("1.4.0", content))
    assert sorted(one.name for one in world.files.iterdir()) == []


@pytest.mark.parametrize("number", range(len(NAMES)))
def test_a_name_that_is_none(world: World, number: int) -> None:
    reason = world.refused(world.describe("1.4.0", file(name=NAMES[number])))
    assert reason.startswith("The name of a file is '")


@pytest.mark.parametrize("number", range(len(BAD_VERSIONS)))
def test_a_version_that_is_none(world: World, number: int) -> None:
    version = BAD_VERSIONS[number]
    put = world.describe("1.4.0", descriptor(version=version))
    assert world.refused(put).startswith("version is '")
    put = world.describe("1.4.0", {"version": version, "withdrawn": True})
    assert world.refused(put).startswith("version is '")


@shows("REQ-U1", how="real")
@pytest.mark.parametrize("name", ["v1.4.0", "1.4.0.json", "../1.4.0", "a/1.4.0", "x" * 900, "é", "1.4.0/..", " "])
def test_a_key_that_is_none(published: World, name: str) -> None:
    """Its status is where anybody can find it, and nowhere else."""
    put = published.describe(name, descriptor())
    version_id = put.event["detail"]["object"]["version-id"]
    assert published.refused(Put(put.event, f"status/invalid/{version_id}.json"))
    assert published.latest() == "1.3.0"


def test_a_key_without_its_ending(published: World) -> None:
    body = json.dumps(descriptor()).encode()
    version_id = published.s3.put_object(Bucket=published.bucket, Key="releases/1.4.0", Body=body)["VersionId"]
    put = Put(event_of(published.bucket, "releases/1.4.0", version_id), f"status/invalid/{version_id}.json")
    assert published.refused(put) == "The key 'releases/1.4.0' is not releases/<version>.json."


@pytest.mark.parametrize("version", ["0.0.0", "1.4.0", "10.20.30", "1.4.0-rc.1", "1.4.0-0", "1.4.0--", "1.4.0-0a.x-y"])
def test_a_version_that_is_one(world: World, version: str) -> None:
    assert world.publish(version)


def test_what_is_just_allowed(world: World) -> None:
    files = {f"{n:03}" + "a" * 125: b"%d" % n for n in range(200)}
    assert world.publish("1.4.0-" + "a" * 58, files, notes="é" * 2000)
    large = descriptor(version="1.5.0", files=[GOOD | {"size": 5 * 1024**3}])
    assert "is not in the bucket" in world.refused(world.describe("1.5.0", large))
    long = "1.4.0-" + "a" * 59
    put = world.describe(long, descriptor(version=long))
    put = Put(put.event, put.status.replace(long, "invalid"))
    assert world.refused(put).startswith("version is '1.4.0-aaa")
    big = json.dumps(descriptor()).encode()
    assert "not in the bucket" in world.refused(world.describe("1.4.0", big.ljust(256 * 1024)))
    assert world.refused(world.describe("1.4.0", big.ljust(256 * 1024 + 1))) == "The descriptor has more than 256 KB."


@pytest.mark.parametrize("name", ["é\n" * 40, "\u202e" * 61, "\x7f\x00", "\"'{}", "\ud800"], ids=range(5))
def test_a_reason_quotes_what_somebody_wrote_safely(world: World, name: str) -> None:
    """ASCII, on one line, cut: `refused` looks at that."""
    world.refused(world.describe("1.4.0", json.dumps(file(name=name)).encode()))
    world.refused(world.describe("1.4.0", json.dumps(descriptor(**{name: 1})).encode()))


SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8), st.sampled_from([*NAMES, *BAD_VERSIONS])
)
ANY = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.sampled_from(["version", "files", "name", "sha256", "size", "notes"]), inner, max_size=4),
    ),
    max_leaves=6,
)


def nearly(whole: dict[str, Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Something with one or two values of it other ones, or with keys that it has not."""
    keys = st.one_of(st.sampled_from([*whole, "versionId", "withdrawn", "notes"]), st.text(max_size=4))
    return st.dictionaries(keys, ANY, min_size=1, max_size=2).map(lambda changes: whole | changes)


FILE = nearly(GOOD)
DESCRIPTORS = st.one_of(
    ANY,
    nearly(descriptor()),
    st.lists(FILE, min_size=1, max_size=3).map(lambda files: descriptor(files=files)),
    st.binary(max_size=40),
)


@shows("REQ-U1", how="real")
@settings(
    derandomize=True,
    database=None,
    deadline=None,
    max_examples=60,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(content=DESCRIPTORS)
def test_whatever_somebody_puts_is_refused_and_changes_nothing(world: World, content: Any) -> None:
    """No file that they could name is in the bucket, so none of them is published."""
    clear(world.files)
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    put = world.describe("1.4.0", body)
    answer = world.module.handler(put.event, Context())
    assert answer["outcome"] == "refused", content
    assert re.fullmatch(r"[ -~]{20,400}\.", answer["reason"])
    assert sound(world.files) == ""
    assert world.left() == []
    releases = world.files / "releases"
    assert not releases.exists() or list(releases.iterdir()) == []
    assert {one.name for one in (world.files / ".publish").glob("*")} <= {"lock", "parts", "staging", "withdrawn"}
